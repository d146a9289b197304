/** Owns the proof of the walk forwards: order, parallelism, what blocks what, refusals, cancel, what is only looked at. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../../src/engine/fault.ts';
import { inOrder } from '../../../src/engine/order.ts';
import { maybe } from '../../../src/engine/resource.ts';
import { walk } from '../../../src/engine/walk.ts';
import { planDigest } from '../../../src/report/plan-digest.ts';
import { Fake, options, small, verdicts } from './fake.ts';

test('a plan of nothing writes nothing and says what waits for what', async () => {
  const fake = new Fake();
  const { database, cluster } = small(fake);
  const { outcomes } = await walk([database, cluster], options(false));
  assert.deepEqual(verdicts(outcomes), { vpc: 'create', subnet: 'create', database: 'create', cluster: 'create' });
  assert.equal(outcomes.find(({ id }) => id === 'subnet')?.note, 'known after vpc');
  assert.deepEqual(fake.events, []);
});

test('a plan says what something would be made with, as far as that is known; what writes or looks for drift does not', async () => {
  const fake = new Fake();
  const zone = fake.make('zone', {}, { price: '1 EUR', madeWith: () => ({ ttl: 300, text: undefined }) });
  const record = fake.make('record', { zone }, { madeWith: (needs) => ({ ttl: 60, zone: needs.zone ?? 'known after zone' }) });
  const changes = async (more: object, write = false) => (await walk([record], options(write, more))).outcomes.map((row) => row.changes);
  const ofRecord = (seen: string) => [
    { field: 'ttl', after: 60 },
    { field: 'zone', after: seen },
  ];
  assert.deepEqual(await changes({}), [[{ field: 'ttl', after: 300 }], ofRecord('known after zone')]);
  assert.deepEqual(await changes({ findings: true }), [[], []]);
  const notes = async (more: object) => (await walk([record], options(false, more))).outcomes.map(({ note }) => note);
  assert.deepEqual(await notes({}), ['1 EUR', 'known after zone']);
  assert.deepEqual(await notes({ findings: true }), [undefined, 'known after zone'], 'drift is no place for prices');
  fake.exists.set('zone', 'v');
  assert.deepEqual(await changes({}), [[], ofRecord('v')]);
  assert.deepEqual(await changes({}, true), [[], []]);
});

test('a run that only looks tells what differs in itself, also where something it needs is missing', async () => {
  const fake = new Fake();
  const needed = fake.make('secret', {});
  const release = fake.make('release', { needed }, { diffAlone: (seen) => (seen === 'v' ? [] : [{ field: 'replicas', before: seen, after: 'v' }]) });
  fake.exists.set('release', 'scaled by hand');
  const { outcomes: drifted } = await walk([needed, release], options(false));
  assert.deepEqual(verdicts(drifted), { secret: 'create', release: 'update' });
  assert.match(drifted[1]?.note ?? '', /the rest is known after secret/);
  fake.exists.set('release', 'v');
  assert.deepEqual(verdicts((await walk([needed, release], options(false))).outcomes), { secret: 'create', release: 'unknown' });
});

test('a check that found out what it looks for says so, also where something it needs is missing or broken', async () => {
  const fake = new Fake();
  const zone = fake.make('zone', {});
  const check = fake.make('delegation', { zone }, { readsOnly: true, diffAlone: () => [] });
  assert.deepEqual(verdicts((await walk([zone, check], options(false))).outcomes), { zone: 'create', delegation: 'unknown' });
  fake.exists.set('delegation', 'v');
  assert.deepEqual(verdicts((await walk([zone, check], options(false))).outcomes), { zone: 'create', delegation: 'unchanged' });
  const failing = fake.make('zone', {}, { observe: () => Promise.reject(new Fault('zone is broken')) });
  const behind = fake.make('delegation', { zone: failing }, { readsOnly: true, diffAlone: () => [] });
  assert.deepEqual(verdicts((await walk([failing, behind], options(false))).outcomes), { zone: 'failed', delegation: 'unchanged' });
});

test('what no deploy may heal hides no change, and is told after the changes are carried out', async () => {
  const fake = new Fake();
  const stray = new Fault('somebody put another beside it', { finding: 'beside' });
  const record = fake.make('record', {}, { unhealed: () => stray });
  const walked = async (write: boolean, more = {}) => (await walk([record], options(write, more))).outcomes[0];
  fake.exists.set('record', 'edited');
  const fields = (outcome: Awaited<ReturnType<typeof walked>>) => outcome?.changes.map(({ field }) => field);
  const planned = await walked(false);
  assert.deepEqual([planned?.verdict, planned?.fault, fields(planned)], ['failed', stray, ['value']]);
  const drifted = await walked(false, { findings: true });
  assert.deepEqual([drifted?.verdict, drifted?.fault, fields(drifted)], ['update', undefined, ['value', 'beside']]);
  const deployed = await walked(true);
  assert.deepEqual([deployed?.verdict, deployed?.fault, fake.events], ['failed', stray, ['+record']]);
  assert.equal((await walked(true))?.fault, stray);
  assert.deepEqual(fields(await walked(false, { findings: true })), ['beside']);
});

test('what is there is changed only when what must be well before that is well; a creation and a plan do not wait', async () => {
  const fake = new Fake();
  const certificate = fake.make('certificate', {});
  const release = fake.make('release', {}, { changedAfter: () => [certificate] });
  fake.broken.add('certificate');
  const walked = async (write: boolean): Promise<Record<string, string>> => verdicts((await walk([release, certificate], options(write))).outcomes);
  assert.deepEqual(await walked(true), { certificate: 'failed', release: 'create' });
  fake.exists.set('release', 'old');
  assert.deepEqual(await walked(false), { certificate: 'create', release: 'update' });
  fake.events.length = 0;
  const { outcomes } = await walk([release, certificate], options(true));
  assert.deepEqual(verdicts(outcomes), { certificate: 'failed', release: 'blocked' });
  assert.equal(outcomes.find(({ id }) => id === 'release')?.note, 'waits for certificate');
  assert.deepEqual(fake.events, []);
  fake.broken.clear();
  await walked(true);
  assert.deepEqual(fake.events, ['+certificate', '+release']);
});

test('a plan lists with a change what will follow from it; a drift run, in which it has not drifted, does not', async () => {
  const fake = new Fake();
  const config = fake.make('config', {});
  const other = fake.make('other', {});
  const release = fake.make('release', { config, other }, { follows: { restart: ['config'] } });
  for (const id of ['config', 'other', 'release']) fake.exists.set(id, 'v');
  const quiet = { config: 'unchanged', other: 'unchanged', release: 'unchanged' };
  assert.deepEqual(verdicts((await walk([release], options(false))).outcomes), quiet);
  fake.exists.set('other', 'edited');
  assert.deepEqual(verdicts((await walk([release], options(false))).outcomes), { ...quiet, other: 'update' });
  fake.exists.set('config', 'edited');
  const { outcomes } = await walk([release], options(false));
  assert.deepEqual(outcomes.at(-1)?.changes, [{ field: 'restart', after: 'known after config', following: true }]);
  assert.equal(outcomes.at(-1)?.verdict, 'update');
  assert.equal((await walk([release], options(false, { findings: true }))).outcomes.at(-1)?.verdict, 'unchanged');
  const digests = [outcomes, outcomes.map((row) => (row.id === 'release' ? { ...row, verdict: 'unchanged' as const, changes: [] } : row))];
  assert.equal(new Set(digests.map((rows) => planDigest({ version: '1', stack: {}, charts: {}, outcomes: rows }))).size, 1);
  await walk([release], options(true));
  assert.deepEqual(fake.events.sort(), ['+config', '+other'], 'a deploy finds by itself what follows');
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

test('a deploy that could not make something does not pass for one that did', async () => {
  const fake = new Fake();
  const looked = fake.make('looked', {}, { readsOnly: true });
  const made = fake.make('made', { looked });
  const { outcomes } = await walk([made], options(true));
  assert.deepEqual(verdicts(outcomes), { looked: 'unknown', made: 'blocked' });
  assert.deepEqual(verdicts((await walk([made], options(false))).outcomes), { looked: 'unknown', made: 'create' });
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

test('a cancelled run does not call blocked what the stack does not use', async () => {
  const fake = new Fake();
  const stop = new AbortController();
  stop.abort();
  const unused = fake.make('unused', {}, { wanted: false });
  const wanted = fake.make('wanted', { unused: maybe(unused) });
  for (const id of ['unused', 'wanted']) fake.exists.set(id, 'old');
  const { outcomes } = await walk([wanted], options(true, { signal: stop.signal }));
  assert.deepEqual([verdicts(outcomes), fake.events], [{ unused: 'absent', wanted: 'blocked' }, []]);
});

test('two resources of one id are a defect', () => {
  const fake = new Fake();
  assert.throws(() => inOrder([fake.make('a', {}), fake.make('a', {})]), /two resources are called a/);
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

test('what several things of one name hide is not told as missing: one finding, the rest unknown, and no check of it', async () => {
  const fake = new Fake();
  const twice = (): Promise<never> => Promise.reject(new Fault('there are 2 of net', { finding: 'name', obscures: true }));
  const net = fake.make('net', {}, { observe: twice });
  const other = fake.make('other', {});
  const db = fake.make('db', { net }, { observe: async ({ net }) => net && 'v' });
  const token = fake.make('token', { db }, { observe: async ({ db }) => db && 'v' });
  const found = fake.make('found', { net, other });
  const beside = fake.make(
    'beside',
    { net: { maybe: net } },
    { observe: async () => 'v', diff: () => [{ field: 'net', before: 'v', after: undefined }] },
  );
  const check = fake.make('check', { net: { maybe: net }, other }, { readsOnly: true, observe: () => Promise.reject(new Error('Invalid URL')) });
  for (const id of ['other', 'found']) fake.exists.set(id, 'v');
  const { outcomes } = await walk([token, found, beside, check], options(false, { findings: true }));
  assert.deepEqual(verdicts(outcomes), {
    ...{ net: 'update', db: 'unknown', token: 'unknown', other: 'unchanged' },
    ...{ found: 'unknown', beside: 'unknown', check: 'unknown' },
  });
  assert.equal(outcomes.find(({ id }) => id === 'token')?.note, 'waits for db');
  assert.equal(outcomes.find(({ id }) => id === 'net')?.refused, true);
});

test('what people should know is said although nothing differs, and a refusal can name its own way out', async () => {
  const fake = new Fake();
  for (const id of ['seen', 'pool']) fake.exists.set(id, 'v');
  const seen = fake.make('seen', {}, { notice: () => 'waits for a restart' });
  const pool = fake.make(
    'pool',
    {},
    { protect: 'cluster', wayOut: 'Delete the pool.', diff: () => [{ field: 'zone', before: 'a', after: 'b', replace: true }] },
  );
  const { outcomes } = await walk([seen, pool], options(true));
  assert.deepEqual([outcomes[0]?.verdict, outcomes[0]?.note], ['unchanged', 'waits for a restart']);
  assert.deepEqual([outcomes[1]?.verdict, outcomes[1]?.fault?.hint], ['failed', 'Delete the pool.']);
});

test('what holds otherwise than the file says is a warning of what is there, also where a deploy changes the rest', async () => {
  const fake = new Fake();
  const warnings = (spec: string, seen: string): Fault[] => [new Fault(`${spec} is asked for, ${seen} stays`)];
  const all = ['same', 'other', 'made'].map((id) => fake.make(id, {}, { warnings }));
  fake.exists.set('same', 'v').set('other', 'w');
  const { outcomes } = await walk(all, options(true));
  assert.deepEqual(
    outcomes.map(({ verdict, warnings: told }) => [verdict, told?.map(({ message }) => message)]),
    [
      ['unchanged', ['v is asked for, v stays']],
      ['update', ['v is asked for, w stays']],
      ['create', undefined],
    ],
  );
});
