/** Owns the proof of the stack's lock on its VPC: who has it, who waits, who takes it over, and how it is lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CloudContext, cloudResources, takeLock } from '../../../src/cloud/index.ts';
import { lockIn } from '../../../src/cloud/lock.ts';
import { Fault } from '../../../src/engine/fault.ts';
import { pauseFor } from '../../../src/engine/until.ts';
import { walk } from '../../../src/engine/walk.ts';
import { cloudWorld, inSync, OTC_SERVERS, served, settled } from './cloud-world.ts';
import { contextFor, journal, run } from './stack.ts';

const { emulator, go, named, rows } = cloudWorld();

interface VpcRow {
  readonly id: string;
  readonly name: string;
  readonly description: string;
}

const holder = (name: string): Parameters<typeof takeLock>[1] => ({
  holder: name,
  now: Date.now,
  pause: async (seconds, signal) => waitFor(seconds, signal),
});

/** Short pauses pass at once; the long ones between renewals last until the lock is given back. */
async function waitFor(seconds: number, signal: AbortSignal): Promise<void> {
  if (seconds < 10) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

const lockOf = (): ReturnType<typeof lockIn> => lockIn(rows<VpcRow>('vpc.vpcs').find(({ name }) => name.startsWith('shop-'))?.description);
const context = async (): Promise<CloudContext> => contextFor(await emulator().connect());

test('the lock makes the VPC where there is none, keeps others out, and is given back', async () => {
  const first = await takeLock(await context(), holder('octo/shop run 1'), run);
  assert.equal(lockOf()?.holder, 'octo/shop run 1');
  await assert.rejects(
    takeLock(await context(), holder('octo/shop run 2'), run),
    (error) => error instanceof Fault && /octo\/shop run 1/.test(error.message),
  );
  await first?.release();
  assert.equal(lockOf(), undefined);
  const second = await takeLock(await context(), holder('octo/shop run 2'), run);
  assert.equal(lockOf()?.holder, 'octo/shop run 2');
  await second?.release();
  assert.equal(named('vpc.vpcs').length, 1);
  inSync((await go({ write: false })).outcomes.filter(({ id }) => id === 'network/vpc'));
});

test('a deploy under the lock takes the VPC that the lock made', async () => {
  const surroundings = await context();
  let lock: Awaited<ReturnType<typeof takeLock>>;
  const options = { write: true, signal: run.signal, journal: journal() };
  const locked = async (): Promise<void> => {
    lock = await takeLock(surroundings, holder('run 7'), run);
  };
  const { all } = cloudResources(surroundings, { delegation: served(OTC_SERVERS) });
  settled((await walk(all, { ...options, beforeFirstWrite: locked })).outcomes);
  assert.equal(lockOf()?.holder, 'run 7');
  await lock?.release();
  assert.deepEqual([lockOf(), named('vpc.vpcs').length], [undefined, 1]);
  inSync((await go({ write: false })).outcomes);
});

test('a lock that nobody renewed is taken over', async () => {
  const dead = (seconds: number): Promise<void> => (seconds < 10 ? Promise.resolve() : new Promise(() => undefined));
  await takeLock(await context(), { ...holder('dead run'), now: () => Date.now() - 3_600_000, pause: dead }, run);
  const next = await takeLock(await context(), holder('next run'), run);
  assert.equal(lockOf()?.holder, 'next run');
  await next?.release();
});

test('a run that was silent for too long does not take its lock back', async () => {
  const faults: Fault[] = [];
  let wake = (): void => undefined;
  const sleepy = (seconds: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      if (seconds < 10) return resolve();
      wake = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  const first = await takeLock(await context(), { ...holder('run 1'), pause: sleepy, lost: (fault) => void faults.push(fault) }, run);
  const heir = await takeLock(await context(), { ...holder('run 2'), now: () => Date.now() + 3_600_000 }, run);
  wake();
  for (let turn = 0; turn < 200 && faults.length === 0; turn += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.match(faults[0]?.message ?? '', /taken over by run 2/);
  await first?.release();
  assert.equal(lockOf()?.holder, 'run 2');
  await heir?.release();
});

test('a lock that cannot be renewed is tried again while there is time, then lost, with the reason', async () => {
  const faults: Fault[] = [];
  const said: string[] = [];
  let ahead = 0;
  const often = (seconds: number, signal: AbortSignal): Promise<void> => (seconds < 10 ? Promise.resolve() : pauseFor(0.02, signal));
  const given = { ...holder('run 1'), now: () => Date.now() + ahead, pause: often, lost: (fault: Fault) => void faults.push(fault) };
  const lock = await takeLock(await context(), given, { ...run, say: (line) => said.push(line) });
  const wait = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 400));
  emulator().broken.push({ fits: /PUT .*\/vpcs\//, status: 403 });
  await wait();
  ahead = 100_000;
  await wait();
  assert.equal(faults.length, 0, 'there is time left');
  assert.match(said[0] ?? '', /could not be renewed and will be tried again: .*not today/);
  emulator().broken.length = 0;
  await wait();
  ahead = 200_000;
  await wait();
  assert.equal(faults.length, 0, 'renewed in time');
  emulator().broken.push({ fits: /GET .*\/vpcs\//, status: 403 });
  ahead = 315_000;
  for (let turn = 0; turn < 200 && faults.length === 0; turn += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  const count = said.length;
  await wait();
  assert.deepEqual([faults.length, said.length], [1, count], 'told once, and not renewed any more');
  assert.match(faults[0]?.message ?? '', /lock could not be renewed in time: .*not today/);
  emulator().broken.length = 0;
  await lock?.release();
  assert.equal(lockOf(), undefined);
});

test('of two that start at once, one writes', async () => {
  const both = await Promise.allSettled([takeLock(await context(), holder('a'), run), takeLock(await context(), holder('b'), run)]);
  assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  for (const one of both) if (one.status === 'fulfilled') await one.value?.release();
  assert.equal(named('vpc.vpcs').length, 1);
});
