/** Owns the proof of the walk backwards: data and what it stands on stay, what is in something goes along, order against the arrows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Cancelled, Fault } from '../../../src/engine/fault.ts';
import type { Outcome } from '../../../src/engine/outcome.ts';
import { type AnyResource, maybe } from '../../../src/engine/resource.ts';
import { unwalk } from '../../../src/engine/unwalk.ts';
import { walk } from '../../../src/engine/walk.ts';
import { tallyOf } from '../../../src/report/report.ts';
import { Fake, options, small, verdicts } from './fake.ts';

test('destroy keeps data and what it stands on, unless consented', async () => {
  const fake = new Fake();
  const { vpc, subnet, database, cluster } = small(fake);
  await walk([database, cluster], options(true));
  fake.events.length = 0;
  assert.deepEqual(verdicts(await unwalk([database, cluster], options(true))), { vpc: 'kept', subnet: 'kept', database: 'kept', cluster: 'delete' });
  assert.deepEqual(fake.events, ['-cluster']);
  await unwalk([database, cluster], options(true, { mayDelete: () => true }));
  assert.deepEqual(fake.events, ['-cluster', '-database', '-subnet', '-vpc']);
  assert.ok([vpc, subnet].every(({ id }) => !fake.exists.has(id)));
});

test('what of others is in the way is asked of what would go alone; a plan goes on beside it, destroy begins nothing', async () => {
  const fake = new Fake();
  const asked: string[] = [];
  const barred = (others: readonly string[]) => ({
    blockedBy: async (seen: string) => {
      asked.push(seen);
      return others;
    },
  });
  const vpc = fake.make('vpc', {}, { value: 'vpc', ...barred(['subnet 1']) });
  const kept = fake.make('kept', {}, { value: 'kept', protect: 'data', ...barred(['never']) });
  const inner = fake.make('inner', { vpc }, { value: 'inner', ...barred([]) });
  const beside = fake.make('beside', {}, { value: 'beside' });
  const gone = fake.make('gone', {}, barred(['never']));
  await walk([kept, inner, beside], options(true));
  fake.events.length = 0;
  const planned = await unwalk([kept, inner, beside, gone], options(false));
  assert.deepEqual(verdicts(planned), { kept: 'kept', vpc: 'failed', inner: 'delete', beside: 'delete', gone: 'absent' });
  assert.match(planned.find(({ id }) => id === 'vpc')?.fault?.message ?? '', /^vpc cannot be deleted, because it is in use by subnet 1$/);
  assert.deepEqual(asked.sort(), ['inner', 'vpc']);
  const locked: string[] = [];
  const outcomes = await unwalk([kept, inner, beside, gone], options(true, { beforeFirstWrite: async () => locked.push('lock') }));
  assert.deepEqual(verdicts(outcomes), { kept: 'kept', vpc: 'failed', inner: 'blocked', beside: 'blocked', gone: 'absent' });
  assert.equal(outcomes.find(({ id }) => id === 'beside')?.note, 'waits for vpc');
  assert.deepEqual([fake.events, locked], [[], []]);
});

test('what another run made until the lock was ours is taken away too; a lock that cannot be had is told by each', async () => {
  const fake = new Fake();
  const { database, cluster } = small(fake);
  fake.exists.set('vpc', 'v');
  const beforeFirstWrite = async () => {
    for (const id of ['subnet', 'cluster']) fake.exists.set(id, 'v');
  };
  const outcomes = await unwalk([database, cluster], options(true, { beforeFirstWrite }));
  assert.deepEqual(verdicts(outcomes), { vpc: 'delete', subnet: 'delete', database: 'absent', cluster: 'delete' });
  assert.deepEqual(fake.events, ['-cluster', '-subnet', '-vpc']);
  for (const id of ['vpc', 'subnet']) fake.exists.set(id, 'v');
  const held = await unwalk([database, cluster], options(true, { beforeFirstWrite: () => Promise.reject(new Fault('held by another run')) }));
  assert.deepEqual(verdicts(held), { vpc: 'blocked', subnet: 'failed', database: 'absent', cluster: 'absent' });
  assert.equal(held.find(({ id }) => id === 'subnet')?.fault?.message, 'held by another run');
});

test('property: whatever the graph, each resource is applied once and after its needs, and destroyed before them', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(fc.nat(30), { maxLength: 4 }), { minLength: 1, maxLength: 14 }), async (arrows) => {
      const fake = new Fake();
      const made: AnyResource[] = [];
      arrows.forEach((targets, index) => {
        const needs =
          index === 0
            ? {}
            : Object.fromEntries([...new Set(targets.map((target) => target % index))].map((target) => [`n${target}`, made[target] as AnyResource]));
        made.push(fake.make(`r${index}`, needs));
      });
      await walk(made, options(true));
      const at = (event: string) => fake.events.indexOf(event);
      assert.equal(new Set(fake.events).size, made.length);
      for (const { id, needs } of made)
        for (const need of Object.values(needs as Record<string, AnyResource>)) assert.ok(at(`+${need.id}`) < at(`+${id}`));
      await unwalk(made, options(true));
      for (const { id, needs } of made)
        for (const need of Object.values(needs as Record<string, AnyResource>)) assert.ok(at(`-${id}`) < at(`-${need.id}`));
      assert.equal(fake.exists.size, 0);
    }),
    { numRuns: 60 },
  );
});

test('what is in something that goes, goes along, even where it cannot be looked at or taken away by itself', async () => {
  const fake = new Fake();
  const net = fake.make('net', {});
  const cluster = fake.make('cluster', { net });
  const unreachable = async (): Promise<string> => {
    throw new Fault('no answer');
  };
  const bastion = fake.make('bastion', { cluster });
  const login = fake.make('login', { cluster, bastion: maybe(bastion) }, { within: cluster, readsOnly: true });
  const space = fake.make('space', { login }, { within: cluster, observe: unreachable });
  const looked: string[] = [];
  const app = fake.make('app', { space }, { within: cluster, observe: async () => void looked.push('app') as never });
  const balancer = fake.make('balancer', { net });
  const ingress = fake.make('ingress', { login, balancer }, { within: cluster, leavesBehind: async () => true });
  const stubborn = fake.make('stubborn', { ingress }, { within: cluster, leavesBehind: async () => true, destroy: unreachable as never });
  const former = fake.make('former', { login }, { within: cluster, wanted: false, observe: unreachable });
  for (const id of ['net', 'cluster', 'bastion', 'login', 'balancer', 'ingress', 'stubborn']) fake.exists.set(id, 'v');
  const planned = await unwalk([app, former, stubborn], options(false));
  assert.equal(tallyOf(planned), '6 to delete, 2 unknown', 'what nobody saw is not counted as there');
  assert.deepEqual(
    planned.flatMap(({ id, verdict, note }) => (verdict === 'unknown' ? [[id, note]] : [])),
    ['space', 'app'].map((id) => [id, 'goes with cluster; it could not be looked at (no answer)']),
  );
  const outcomes = await unwalk([app, former, stubborn], options(true));
  assert.deepEqual(
    outcomes.map(({ id, verdict, done, note }) => [id, verdict, done, note ?? '']),
    [
      ['net', 'delete', true, ''],
      ['cluster', 'delete', true, 'space went with it and could not be looked at (no answer)'],
      ['bastion', 'delete', true, ''],
      ['login', 'absent', false, ''],
      ['space', 'absent', false, ''],
      ['app', 'absent', false, ''],
      ['former', 'absent', false, ''],
      ['balancer', 'delete', true, ''],
      ['ingress', 'delete', true, ''],
      ['stubborn', 'delete', true, 'goes with cluster; by itself it could not be taken away: no answer'],
    ],
  );
  assert.deepEqual(looked, []);
  assert.equal(fake.events.indexOf('-ingress') < fake.events.indexOf('-cluster'), true);
  assert.equal(fake.events.indexOf('-ingress') < fake.events.indexOf('-balancer'), true);
  assert.equal(fake.events.indexOf('-ingress') < fake.events.indexOf('-bastion'), true);
  assert.equal(fake.events.at(-1), '-net');
});

test('destroy leaves what is not its own, does not look at checks, and keeps what is in what stays', async () => {
  const fake = new Fake();
  const gate = fake.make('gate', {}, { gate: true, readsOnly: true, observe: async () => assert.fail('looked at') });
  const group = fake.make('group', { gate });
  const rule = fake.make('rule', { group }, { within: group, leavesBehind: async () => true });
  const data = fake.make('data', { group }, { protect: 'data' });
  const zone = fake.make('zone', { gate }, { protect: 'data', keep: () => 'made by somebody else' });
  for (const id of ['group', 'rule', 'data', 'zone']) fake.exists.set(id, 'v');
  const kept = await unwalk([rule, data, zone], options(true));
  assert.deepEqual(verdicts(kept), { gate: 'absent', group: 'kept', rule: 'kept', data: 'kept', zone: 'kept' });
  assert.deepEqual(fake.events, []);
  const gone = await unwalk([rule, data, zone], options(true, { mayDelete: () => true }));
  assert.deepEqual(verdicts(gone), { gate: 'absent', group: 'delete', rule: 'delete', data: 'delete', zone: 'kept' });
  assert.equal(gone.find(({ id }) => id === 'zone')?.note, 'made by somebody else');
  assert.deepEqual(fake.events.slice(-1), ['-group']);
});

test('data that cannot be looked at keeps what it stands on', async () => {
  const fake = new Fake();
  const net = fake.make('net', {});
  const data = fake.make(
    'data',
    { net },
    {
      protect: 'data',
      observe: async () => {
        throw new Fault('no answer');
      },
    },
  );
  fake.exists.set('net', 'v');
  assert.deepEqual(verdicts(await unwalk([data], options(true))), { net: 'kept', data: 'failed' });
});

test('what could not be taken away by itself is told only when what it is in is gone, and as failed where that stays', async () => {
  const unable = async (): Promise<never> => {
    throw new Fault('no answer');
  };
  for (const stays of [false, true]) {
    const fake = new Fake();
    const told: string[] = [];
    let clusterGone = false;
    const cluster = fake.make(
      'cluster',
      {},
      {
        destroy: async () => {
          await new Promise((done) => setTimeout(done, 20));
          assert.deepEqual(told, []);
          if (stays) throw new Fault('in use');
          clusterGone = true;
        },
      },
    );
    const stubborn = fake.make('stubborn', { cluster }, { within: cluster, leavesBehind: async () => true, destroy: unable });
    const rider = fake.make('rider', { cluster }, { within: cluster });
    for (const id of ['cluster', 'stubborn', 'rider']) fake.exists.set(id, 'v');
    const journal = {
      begin: () => undefined,
      say: () => undefined,
      end: ({ id, verdict, done }: Outcome) => told.push(`${id} ${verdict} ${done} ${clusterGone}`),
    };
    const outcomes = await unwalk([stubborn, rider], options(true, { journal }));
    assert.deepEqual(
      verdicts(outcomes),
      stays ? { cluster: 'failed', stubborn: 'failed', rider: 'blocked' } : { cluster: 'delete', stubborn: 'delete', rider: 'delete' },
    );
    assert.equal(outcomes.find(({ id }) => id === 'stubborn')?.fault?.message, stays ? 'no answer' : undefined);
    assert.deepEqual(
      told.sort(),
      stays
        ? ['cluster failed false false', 'rider blocked false false', 'stubborn failed false false']
        : ['cluster delete true true', 'rider delete true true', 'stubborn delete true true'],
    );
  }
});

test('a cancelled destroy tells what is being taken away from what it did not come to', async () => {
  const fake = new Fake();
  const stop = new AbortController();
  const net = fake.make('net', {});
  const away = async (): Promise<never> => {
    stop.abort();
    throw new Cancelled('the run was cancelled');
  };
  const server = fake.make('server', { net }, { destroy: away });
  const address = fake.make('address', { net });
  for (const id of ['net', 'server', 'address']) fake.exists.set(id, 'v');
  const outcomes = await unwalk([server, address], options(true, { signal: stop.signal }));
  assert.deepEqual(
    outcomes.map(({ id, verdict, note }) => [id, verdict, note]),
    [
      ['net', 'blocked', 'waits for server, address'],
      ['server', 'blocked', 'the run was cancelled while this was being taken away'],
      ['address', 'blocked', 'the run was cancelled'],
    ],
  );
});
