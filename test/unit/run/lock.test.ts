/** What becomes of a run that loses the stack's lock: its work stops before the next write, and the reason is kept for the report. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Cancelled, Fault } from '../../../src/engine/fault.ts';
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
