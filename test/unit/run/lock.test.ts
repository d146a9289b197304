/** What becomes of a run that loses the stack's lock: its work stops before the next write, and the reason is kept for the report. */
import assert from 'node:assert/strict';
import { it, mock } from 'node:test';
import type { takeLock } from '../../../src/cloud/index.ts';
import { Cancelled, Fault } from '../../../src/engine/fault.ts';
import { LOCKED } from '../../../src/engine/proof.ts';
import { walk } from '../../../src/engine/walk.ts';
import { Runner } from '../../../src/github/runner.ts';
import type { Graph } from '../../../src/graph.ts';
import type { RunContext } from '../../../src/run/context.ts';
import { lockFor } from '../../../src/run/lock.ts';
import { Fake, options, verdicts } from '../engine/fake.ts';

type Take = typeof takeLock;
const graph = { cloudContext: {} } as unknown as Graph;

it('a lost lock stops the work before its next write', async () => {
  const log: string[] = [];
  const runner = new Runner({ command: () => undefined, line: (text) => log.push(text), file: () => undefined }, {});
  let lose: (fault: Fault) => void = () => assert.fail('not taken');
  const take: Take = async (_context, { lost }) => {
    lose = lost ?? lose;
    return { release: async () => undefined };
  };
  const stop = new AbortController();
  const lock = lockFor({ runner, env: {}, inputs: { command: 'deploy' }, signal: stop.signal } as unknown as RunContext, graph, stop, { take });
  const fake = new Fake();
  const first = fake.make(
    'first',
    {},
    {
      apply: async () => {
        fake.events.push('+first');
        lose(new Fault('taken by run 2'));
        return 'v';
      },
    },
  );
  const second = fake.make('second', { first });
  const { outcomes } = await walk([second], options(true, { signal: stop.signal, beforeFirstWrite: () => lock.take() }));
  assert.deepEqual([fake.events, verdicts(outcomes)], [['+first'], { first: 'create', second: 'blocked' }]);
  assert.equal(outcomes[1]?.note, "the stack's lock was lost");
  assert.equal(lock.lost?.message, 'taken by run 2');
  assert.ok(stop.signal.reason instanceof Cancelled);
  assert.deepEqual(log, ['taken by run 2: no new write starts.']);
});

/** Waits for a lock that is free at the look of that number. @returns the looks it took and what was said of them */
async function waiting(free: number): Promise<{ readonly looks: number; readonly log: readonly string[]; readonly error: unknown }> {
  const log: string[] = [];
  const runner = new Runner({ command: () => undefined, line: (text) => log.push(text), file: () => undefined }, {});
  const stop = new AbortController();
  const began = Date.parse('2026-01-01T10:00:00Z');
  let looks = 0;
  let ahead = 0;
  const take: Take = async () => {
    looks += 1;
    ahead += 5000;
    if (looks < free) throw new Fault(`held by run ${looks < 5 ? 1 : 2}`, { code: LOCKED });
    return { release: async () => undefined };
  };
  mock.method(Date, 'now', () => began + ahead);
  const pause = async (): Promise<void> => undefined;
  let error: unknown;
  try {
    const context = { runner, env: {}, inputs: { command: 'deploy' }, signal: stop.signal } as unknown as RunContext;
    await lockFor(context, graph, stop, { pause, take }).take();
  } catch (thrown) {
    error = thrown;
  } finally {
    mock.restoreAll();
  }
  return { looks, log, error };
}

const line = (id: number): string =>
  `held by run ${id}; waiting until 10:02:30 UTC at the latest (150 s in all), then this run fails, having changed nothing`;

it('a wait for the lock says how long it may last, on each change of holder and once a minute, not at each look', async () => {
  assert.deepEqual(await waiting(25), { looks: 25, log: [line(1), line(2), line(2)], error: undefined });
});

it('ends when it said that it would', async () => {
  const { looks, error } = await waiting(Number.POSITIVE_INFINITY);
  // Each look takes five seconds here.
  assert.equal(looks, 30);
  assert.ok(error instanceof Fault && error.code === LOCKED, String(error));
});
