import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../../../src/engine/fault.ts';
import type { Journal, Outcome } from '../../../src/engine/outcome.ts';
import { type AnyResource, maybe, type Needs, type Resource, resource } from '../../../src/engine/resource.ts';
import { unwalk } from '../../../src/engine/unwalk.ts';
import { inOrder, walk } from '../../../src/engine/walk.ts';

/** A world of plain strings: what exists, by id, and what was done to it, in order. */
class Fake {
  readonly exists = new Map<string, string>();
  readonly events: string[] = [];
  readonly broken = new Set<string>();
  pauseMs = 0;

  make<N extends Needs>(id: string, needs: N, options: Partial<Resource<N, string, string>> & { value?: string } = {}): Resource<N, string, string> {
    return resource<N, string, string>({
      id,
      title: id,
      needs,
      wanted: true,
      want: () => options.value ?? 'v',
      observe: async () => this.exists.get(id),
      diff: (spec, seen) => (spec === seen ? [] : [{ field: 'value', before: seen, after: spec }]),
      apply: async (spec) => {
        if (this.broken.has(id)) throw new Fault(`${id} is broken`);
        this.events.push(`+${id}`);
        await new Promise((done) => setTimeout(done, this.pauseMs));
        this.exists.set(id, spec);
        return spec;
      },
      destroy: async () => {
        this.events.push(`-${id}`);
        this.exists.delete(id);
      },
      ...options,
    });
  }
}

const silent: Journal = { begin: () => undefined, say: () => undefined, end: () => undefined };
const options = (write: boolean, more: object = {}) => ({
  write,
  signal: new AbortController().signal,
  journal: silent,
  mayDelete: () => false,
  ...more,
});
const verdicts = (outcomes: readonly Outcome[]) => Object.fromEntries(outcomes.map(({ id, verdict }) => [id, verdict]));

function small(fake: Fake): { vpc: AnyResource; subnet: AnyResource; database: AnyResource; cluster: AnyResource } {
  const vpc = fake.make('vpc', {});
  const subnet = fake.make('subnet', { vpc });
  const database = fake.make('database', { subnet }, { protect: 'data' });
  const cluster = fake.make('cluster', { subnet }, { protect: 'cluster' });
  return { vpc, subnet, database, cluster };
}

test('a plan of nothing writes nothing and says what waits for what', async () => {
  const fake = new Fake();
  const { database, cluster } = small(fake);
  const { outcomes } = await walk([database, cluster], options(false));
  assert.deepEqual(verdicts(outcomes), { vpc: 'create', subnet: 'create', database: 'create', cluster: 'create' });
  assert.equal(outcomes.find(({ id }) => id === 'subnet')?.note, 'known after vpc');
  assert.deepEqual(fake.events, []);
});

test('a deploy applies in the order of the arrows, and a second one does nothing', async () => {
  const fake = new Fake();
  const { database, cluster } = small(fake);
  const first = await walk([database, cluster], options(true));
  assert.ok(first.outcomes.every(({ verdict, done }) => verdict === 'create' && done));
  assert.deepEqual(fake.events.slice(0, 2), ['+vpc', '+subnet']);
  const second = await walk([database, cluster], options(true));
  assert.ok(second.outcomes.every(({ verdict }) => verdict === 'unchanged'));
  assert.equal(fake.events.length, 4);
});

test('independent branches run side by side', async () => {
  const fake = new Fake();
  fake.pauseMs = 60;
  const { database, cluster } = small(fake);
  const started = Date.now();
  await walk([database, cluster], options(true));
  assert.ok(Date.now() - started < 4 * 60, 'four steps one after the other would take 240 ms');
});

test('a fault blocks its dependents and nothing else; the next run continues', async () => {
  const fake = new Fake();
  const { database, cluster } = small(fake);
  const release = fake.make('release', { cluster });
  fake.broken.add('cluster');
  const { outcomes } = await walk([database, release], options(true));
  assert.deepEqual(verdicts(outcomes), { vpc: 'create', subnet: 'create', database: 'create', cluster: 'failed', release: 'blocked' });
  fake.broken.clear();
  const again = await walk([database, release], options(true));
  assert.deepEqual(verdicts(again.outcomes), { vpc: 'unchanged', subnet: 'unchanged', database: 'unchanged', cluster: 'create', release: 'create' });
});

test('replacing what holds data is refused before anything is written', async () => {
  const fake = new Fake();
  fake.exists.set('db', 'old');
  const db = fake.make('db', {}, { protect: 'data', diff: () => [{ field: 'zone', before: 'a', after: 'b', replace: true }] });
  const { outcomes } = await walk([db], options(true));
  assert.equal(outcomes[0]?.verdict, 'failed');
  assert.match(outcomes[0]?.fault?.message ?? '', /replaced to change zone \(a → b\).*refused/);
  assert.deepEqual(fake.events, []);
});

test('what is replaced without data is destroyed, then made', async () => {
  const fake = new Fake();
  fake.exists.set('rule', 'old');
  const rule = fake.make('rule', {}, { diff: () => [{ field: 'port', before: 1, after: 2, replace: true }] });
  await walk([rule], options(true));
  assert.deepEqual(fake.events, ['-rule', '+rule']);
});

test('an option not chosen: what a former choice made is taken away, dependents first, and only when all went well', async () => {
  const fake = new Fake();
  fake.exists.set('eip', 'v').set('bastion', 'v');
  const eip = fake.make('eip', {}, { wanted: false });
  const bastion = fake.make('bastion', { eip: maybe(eip) }, { wanted: false });
  const other = fake.make('other', {});
  fake.broken.add('other');
  assert.deepEqual(verdicts((await walk([bastion, other], options(true))).outcomes), { eip: 'blocked', bastion: 'blocked', other: 'failed' });
  fake.broken.clear();
  await walk([bastion, other], options(true));
  assert.deepEqual(fake.events, ['+other', '-bastion', '-eip']);
});

test('what could not be taken away keeps what it stands on, and the rest still goes', async () => {
  const fake = new Fake();
  for (const id of ['eip', 'server', 'group', 'data']) fake.exists.set(id, 'v');
  const gone = { wanted: false } as const;
  const eip = fake.make('eip', {}, gone);
  const stuck = async (): Promise<void> => {
    throw new Fault('still in use');
  };
  const server = fake.make('server', { eip }, { ...gone, destroy: stuck });
  const group = fake.make('group', {}, gone);
  const data = fake.make('data', { group }, { ...gone, protect: 'data' });
  const other = fake.make('other', {}, gone);
  fake.exists.set('other', 'v');
  const { outcomes } = await walk([server, data, other], options(true));
  assert.deepEqual(verdicts(outcomes), { eip: 'blocked', server: 'failed', group: 'kept', data: 'kept', other: 'delete' });
  assert.deepEqual(fake.events, ['-other']);
  assert.equal(outcomes.find(({ id }) => id === 'eip')?.note, 'waits for server');
});

test('a deploy that could not make something does not pass for one that did', async () => {
  const fake = new Fake();
  const looked = fake.make('looked', {}, { readsOnly: true });
  const made = fake.make('made', { looked });
  const { outcomes } = await walk([made], options(true));
  assert.deepEqual(verdicts(outcomes), { looked: 'unknown', made: 'blocked' });
  assert.deepEqual(verdicts((await walk([made], options(false))).outcomes), { looked: 'unknown', made: 'create' });
});

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

test('after cancellation no new write starts', async () => {
  const fake = new Fake();
  const stop = new AbortController();
  const first = fake.make(
    'first',
    {},
    {
      apply: async () => {
        stop.abort();
        fake.exists.set('first', 'v');
        return 'v';
      },
    },
  );
  const second = fake.make('second', { first });
  const { outcomes } = await walk([second], options(true, { signal: stop.signal }));
  assert.deepEqual(verdicts(outcomes), { first: 'create', second: 'blocked' });
  assert.equal(outcomes[1]?.note, 'the run was cancelled');
});

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

test('two resources of one id are a defect', () => {
  const fake = new Fake();
  assert.throws(() => inOrder([fake.make('a', {}), fake.make('a', {})]), /two resources are called a/);
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
  for (const id of ['net', 'cluster', 'bastion', 'login', 'balancer', 'ingress', 'stubborn']) fake.exists.set(id, 'v');
  const outcomes = await unwalk([app, stubborn], options(true));
  assert.deepEqual(
    outcomes.map(({ id, verdict, done, note }) => [id, verdict, done, note ?? '']),
    [
      ['net', 'delete', true, ''],
      ['cluster', 'delete', true, ''],
      ['bastion', 'delete', true, ''],
      ['login', 'absent', false, ''],
      ['space', 'delete', true, 'goes with cluster; it could not be looked at (no answer)'],
      ['app', 'delete', true, 'goes with cluster; it could not be looked at (no answer)'],
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

test('a run that only looks sees what stands behind something broken; drift tells what deploy cannot heal', async () => {
  const fake = new Fake();
  const net = fake.make(
    'net',
    {},
    {
      diff: () => {
        throw new Fault('net is frozen', { finding: 'status', hint: 'Ask support.' });
      },
    },
  );
  const db = fake.make('db', { net }, { protect: 'data', diff: () => [{ field: 'zone', before: 'a', after: 'b', replace: true }] });
  const app = fake.make('app', { db });
  for (const id of ['net', 'db', 'app']) fake.exists.set(id, id === 'app' ? 'by hand' : 'v');
  const plan = await walk([app], options(false));
  assert.deepEqual(verdicts(plan.outcomes), { net: 'failed', db: 'replace', app: 'update' });
  assert.match(plan.outcomes[1]?.note ?? '', /holds data: refused/);
  const drift = await walk([app], options(false, { findings: true }));
  assert.deepEqual(drift.outcomes[0]?.changes, [{ field: 'status', before: 'net is frozen', after: 'as the stack file says', why: 'Ask support.' }]);
  assert.deepEqual(verdicts(drift.outcomes), { net: 'update', db: 'replace', app: 'update' });
  const deploy = await walk([app], options(true));
  assert.deepEqual(verdicts(deploy.outcomes), { net: 'failed', db: 'blocked', app: 'blocked' });
});
