/** Owns the proof of what the walk forwards does about the stack's lock: when it is taken, and that all is looked at again under it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../../src/engine/fault.ts';
import type { Outcome } from '../../../src/engine/outcome.ts';
import type { Run } from '../../../src/engine/resource.ts';
import { pauseFor } from '../../../src/engine/until.ts';
import { walk } from '../../../src/engine/walk.ts';
import { Fake, options, silent, small, verdicts } from './fake.ts';

test('the lock is taken once, before the first write, and not at all where nothing is written', async () => {
  const fake = new Fake();
  const { database, cluster } = small(fake);
  let taken = 0;
  const beforeFirstWrite = async () => {
    taken += 1;
    assert.deepEqual(fake.events, []);
  };
  await walk([database, cluster], options(true, { beforeFirstWrite }));
  assert.equal(taken, 1);
  await walk([database, cluster], options(true, { beforeFirstWrite }));
  assert.equal(taken, 1);
});

test('what was seen before the lock is looked at again under it: another run may have made it since', async () => {
  const fake = new Fake();
  const { database, cluster } = small(fake);
  let forgotten = false;
  const beforeFirstWrite = async () => {
    // The lock was another run's until now, which made two of them and changed none.
    for (const id of ['vpc', 'subnet', 'extra']) fake.exists.set(id, 'v');
    fake.exists.set('other', 'theirs');
    forgotten = true;
  };
  const extra = fake.make('extra', {});
  const other = fake.make('other', {});
  const observe = async (): Promise<undefined> => assert.ok(forgotten) as undefined;
  const after = fake.make('after', { cluster }, { observe });
  const { outcomes } = await walk([database, cluster, extra, other, after], options(true, { beforeFirstWrite }));
  assert.deepEqual(verdicts(outcomes), {
    ...{ vpc: 'unchanged', subnet: 'unchanged', database: 'create', cluster: 'create' },
    ...{ extra: 'unchanged', other: 'update', after: 'create' },
  });
  assert.deepEqual(fake.events.sort(), ['+after', '+cluster', '+database', '+other']);
});

test('what seemed unchanged before the lock is looked at again under it, with what stands on it; nothing waits for the first look', async () => {
  const fake = new Fake();
  for (const id of ['zone', 'record', 'same']) fake.exists.set(id, 'v');
  const zone = fake.make('zone', {});
  const record = fake.make('record', { zone }, { diff: () => (fake.exists.get('zone') === 'v' ? [] : [{ field: 'zone', before: 'theirs' }]) });
  const observe = async (_needs: object, { signal }: Run): Promise<string> => {
    if (fake.exists.get('zone') === 'v') await pauseFor(60, signal);
    return 'v';
  };
  const patient = fake.make('patient', {}, { observe, readsOnly: true });
  const beforeFirstWrite = async (): Promise<void> => void fake.exists.set('zone', 'theirs');
  const told: string[] = [];
  const journal = { ...silent, end: ({ id, verdict }: Outcome) => void told.push(`${id} ${verdict}`) };
  const roots = [zone, record, fake.make('same', {}), patient, fake.make('release', {})];
  const { outcomes } = await walk(roots, options(true, { beforeFirstWrite, journal }));
  assert.deepEqual(verdicts(outcomes), { zone: 'update', record: 'unchanged', same: 'unchanged', patient: 'unchanged', release: 'create' });
  assert.deepEqual(fake.events.sort(), ['+release', '+zone']);
  assert.deepEqual(
    told.filter((line) => /^(same|zone) /.test(line)).sort(),
    ['same unchanged', 'zone unchanged', 'zone update'],
    'told once where it is the same',
  );
});

test('where the lock was taken for another reason than a write, everything is looked at again, and once', async () => {
  const fake = new Fake();
  fake.exists.set('zone', 'v');
  let looks = 0;
  const observe = async (): Promise<string> => (looks++ === 0 ? 'v' : 'theirs');
  const zone = fake.make('zone', {}, { observe, readsOnly: true });
  const beforeFirstWrite = () => assert.fail('nothing is written');
  const { outcomes } = await walk([zone], options(true, { beforeFirstWrite, lockedMeanwhile: () => true }));
  assert.deepEqual([looks, outcomes[0]?.verdict], [2, 'update']);
  const held = new Fault('held by another run');
  const refused = options(true, { beforeFirstWrite: () => Promise.reject(held), lockedMeanwhile: () => true });
  assert.deepEqual([(await walk([zone, fake.make('made', {})], refused)).outcomes[1]?.fault, looks], [held, 3]);
});
