import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cancelled, Fault } from '../../../src/engine/fault.ts';
import { pauseFor, until } from '../../../src/engine/until.ts';

const quick = { firstSeconds: 0.001, mostSeconds: 0.002, deadlineSeconds: 30 };

function listener(): { lines: string[]; run: { signal: AbortSignal; say: (line: string) => void }; stop: AbortController } {
  const lines: string[] = [];
  const stop = new AbortController();
  return { lines, stop, run: { signal: stop.signal, say: (line) => lines.push(line) } };
}

test('looks until done, with one line for each state', async () => {
  const states = ['BUILD', 'BUILD', 'BACKING UP', 'BUILD'];
  const { lines, run } = listener();
  const value = await until('the instance to become ACTIVE', quick, run, async () => {
    const state = states.shift();
    return state === undefined ? { done: true, value: 42 } : { done: false, state };
  });
  assert.equal(value, 42);
  assert.deepEqual(
    lines.map((line) => line.replace(/ \(.*/, '')),
    ['BUILD', 'BACKING UP', 'BUILD'].map((state) => `waiting for the instance to become ACTIVE: ${state}`),
  );
});

test('one line a minute while nothing changes, with elapsed and usual time', async (context) => {
  context.mock.timers.enable({ apis: ['Date'] });
  const { lines, run } = listener();
  const pause = async (seconds: number): Promise<void> => context.mock.timers.tick(seconds * 1000);
  let looks = 0;
  await until(
    'the cluster to become Available',
    { firstSeconds: 10, mostSeconds: 10, deadlineSeconds: 2700, usualSeconds: 600 },
    { ...run, pause },
    async () => {
      looks += 1;
      return looks > 19 ? { done: true, value: 1 } : { done: false, state: 'Creating' };
    },
  );
  assert.deepEqual(
    lines,
    ['0 s', '60 s', '2 min', '3 min'].map((time) => `waiting for the cluster to become Available: Creating (after ${time}, usually 10 min)`),
  );
});

test('gives up at the deadline, naming the last state and the reason of the service', async () => {
  const { run } = listener();
  const waiting = until('the pool to become ready', { ...quick, deadlineSeconds: 0 }, run, async () => ({
    done: false,
    state: 'SoldOut',
    reason: 'no s3.large.4 in eu-de-01',
  }));
  await assert.rejects(
    waiting,
    (error: unknown) => error instanceof Fault && /the pool to become ready.*SoldOut: no s3\.large\.4 in eu-de-01/.test(error.message),
  );
});

test('a fault of the look ends the wait at once', async () => {
  const { run } = listener();
  await assert.rejects(
    until('x', quick, run, async () => {
      throw new Fault('the service says no');
    }),
    /the service says no/,
  );
});

test('cancelling ends a long pause at once', async () => {
  const { run, stop } = listener();
  const started = Date.now();
  setTimeout(() => stop.abort(), 20);
  await assert.rejects(
    until('x', { ...quick, firstSeconds: 60 }, run, async () => ({ done: false, state: 'waiting' })),
    (error: unknown) => error instanceof Cancelled,
  );
  assert.ok(Date.now() - started < 2000);
  await assert.rejects(pauseFor(1, stop.signal), Cancelled);
});
