/** What becomes of a run that loses the stack's lock: its work stops before the next write, and the reason is kept for the report. */
import assert from 'node:assert/strict';
import { it, mock } from 'node:test';
import { Cancelled, Fault } from '../../../src/engine/fault.ts';
import { LOCKED } from '../../../src/engine/proof.ts';
import { walk } from '../../../src/engine/walk.ts';
import { Runner } from '../../../src/github/runner.ts';
import type { Graph } from '../../../src/graph.ts';
import type { RunContext } from '../../../src/run/context.ts';
import { lockFor } from '../../../src/run/lock.ts';
import { Fake, options, verdicts } from '../engine/fake.ts';

it('a lost lock stops the work before its next write', async () => {
  const log: string[] = [];
  const runner = new Runner({ command: () => undefined, line: (text) => log.push(text), file: () => undefined }, {});
  const stack = { name: 'shop', network: { existing: { id: 'v' } } };
  let lose: (fault: Fault) => void = () => assert.fail('not taken');
  const graph = {
    cloudContext: { stack },
    takeLease: async ({ lost }: { readonly lost: (fault: Fault) => void }) => {
      lose = lost;
      return { release: async () => undefined };
    },
  } as unknown as Graph;
  const stop = new AbortController();
  const context = { runner, env: {}, inputs: { command: 'deploy' }, signal: stop.signal, stack } as unknown as RunContext;
  const lock = lockFor(context, graph, stop);
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

it('a wait for the lock is told on each change of holder and once a minute, not at each look', async () => {
  const log: string[] = [];
  const runner = new Runner({ command: () => undefined, line: (text) => log.push(text), file: () => undefined }, {});
  const stack = { name: 'shop', network: { existing: { id: 'v' } } };
  const stop = new AbortController();
  const began = Date.now();
  let looks = 0;
  let ahead = 0;
  const graph = {
    cloudContext: { stack },
    takeLease: async () => {
      looks += 1;
      ahead += 5000;
      if (looks < 25) throw new Fault(`held by run ${looks < 5 ? 1 : 2}`, { code: LOCKED });
      return { release: async () => undefined };
    },
  } as unknown as Graph;
  mock.method(Date, 'now', () => began + ahead);
  const pause = async (): Promise<void> => undefined;
  try {
    await lockFor({ runner, env: {}, inputs: { command: 'deploy' }, signal: stop.signal, stack } as unknown as RunContext, graph, stop, pause).take();
  } finally {
    mock.restoreAll();
  }
  const line = (id: number): string => `held by run ${id}; waiting for it to end`;
  assert.deepEqual([looks, log], [25, [line(1), line(2), line(2)]]);
});
