/** Owns the proof of where the domain's record and zone are: who writes the record may change, and the zone is where the DNS01 solver sees it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zoneChanges } from '../../../src/cloud/dns-zone.ts';
import { cloudResources, externalDnsNeeds } from '../../../src/cloud/index.ts';
import type { LoadBalancerSeen } from '../../../src/cloud/load-balancer.ts';
import type { Outcome } from '../../../src/engine/outcome.ts';
import { walk } from '../../../src/engine/walk.ts';
import type { Graph } from '../../../src/graph.ts';
import type { Otc } from '../../../src/otc/client.ts';
import { lookAtGuarded, refusedIn } from '../../../src/run/plan.ts';
import type { Stack } from '../../../src/stack/stack.ts';
import { cloudWorld, inSync, settled, verdict } from './cloud-world.ts';
import { contextFor, journal, pause, stack } from './stack.ts';

const { deploy, emulator, go, rows } = cloudWorld();

interface RecordRow {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly records: readonly string[];
  readonly description: string;
}

test('the domain’s record changes hands in place, and goes at destroy whoever keeps it', async () => {
  await deploy();
  const now = await go({ write: false });
  const { owner } = externalDnsNeeds(now.context, now.cloud);
  const dns: Partial<Stack> = { dns: { ...stack.dns, records: 'external-dns' } };
  const [before] = rows<RecordRow>('dns.recordsets').filter(({ type, name }) => type === 'A' && name === 'login.example.com.');
  const { context, cloud, outcomes } = await go({ stack: dns });
  assert.equal(verdict(outcomes, 'dns/record'), 'dns/record | absent', 'left in place');
  const ownership = externalDnsNeeds(context, cloud).handOver({ resource: 'ingress/zitadel/zitadel', logs: 'kubectl logs', after: {} });
  const walked = await walk([...cloud.all, ownership], { write: true, signal: new AbortController().signal, journal: journal(), pause });
  assert.match(verdict(walked.outcomes, 'dns/ownership'), /update/);
  const mark = rows<RecordRow>('dns.recordsets').find(({ name }) => name === 'extdns-a.login.example.com.');
  assert.deepEqual(mark?.records, [`"heritage=external-dns,external-dns/owner=${owner},external-dns/resource=ingress/zitadel/zitadel"`]);
  // external-dns writes no description.
  const [row] = rows<RecordRow>('dns.recordsets').filter(({ id }) => id === before?.id);
  emulator()
    .store.table<RecordRow>('dns.recordsets')
    .update(row?.id ?? '', { description: '' });
  const byUser: Partial<Stack> = { dns: { ...stack.dns, records: 'existing' } };
  const handedOver = emulator().store.save();
  const planned = (await go({ write: false, stack: byUser })).outcomes;
  assert.equal(verdict(planned, 'dns/former-record'), 'dns/former-record | delete');
  assert.match(planned.find(({ id }) => id === 'dns/former-record')?.facts['record'] ?? '', /^TXT record extdns-a\.login\.example\.com\. \(/);
  assert.equal(verdict((await go({ stack: byUser })).outcomes, 'dns/record'), 'dns/record | absent');
  const left = rows<RecordRow>('dns.recordsets').filter(({ name }) => name.endsWith('login.example.com.'));
  assert.deepEqual(
    left.map(({ id, type }) => [id, type]),
    [[before?.id, 'A']],
    'the A record is the user’s, the controller’s mark is gone',
  );
  emulator().store.load(handedOver);
  const back = await go();
  assert.match(verdict(back.outcomes, 'dns/record'), /update/);
  const after = rows<RecordRow>('dns.recordsets').filter(({ name }) => name.endsWith('login.example.com.'));
  assert.deepEqual(
    after.map(({ id, type, description }) => [id, type, description]),
    [[before?.id, 'A', `Managed by zitadel-on-otc, stack shop in eu-de, project ${now.otc.projectId}`]],
    'the same record set, taken back',
  );
  inSync((await go({ write: false })).outcomes);
});

test('a record that another stack made for the domain is not led elsewhere: not even that of this name in another project', async () => {
  await deploy();
  const records = emulator().store.table<RecordRow>('dns.recordsets');
  const [record] = rows<RecordRow>('dns.recordsets').filter(({ type, name }) => type === 'A' && name === 'login.example.com.');
  assert.ok(record);
  for (const whose of ['twin in eu-de, project p', 'shop in eu-de, project p']) {
    const theirs = { description: `Managed by zitadel-on-otc, stack ${whose}`, records: ['192.0.2.1'] };
    records.update(record.id, theirs);
    const { outcomes } = await go();
    const said = outcomes.find(({ id }) => id === 'dns/record')?.fault?.message ?? '';
    for (const word of ['192.0.2.1', record.id, whose]) assert.ok(said.includes(word), said);
    assert.deepEqual(records.get(record.id)?.records, ['192.0.2.1']);
  }
});

test('on a living stack another’s record for the domain, A or AAAA, forbids the first write', async () => {
  await deploy();
  const records = emulator().store.table<RecordRow>('dns.recordsets');
  const [record] = rows<RecordRow>('dns.recordsets').filter(({ type, name }) => type === 'A' && name === 'login.example.com.');
  assert.ok(record);
  const options = { write: false, signal: new AbortController().signal, journal: journal(), pause };
  const refusal = async (): Promise<string | undefined> =>
    refusedIn(await lookAtGuarded({ roots: (await go({ write: false })).cloud.all } as unknown as Graph, options))?.message;
  assert.equal(await refusal(), undefined);
  records.insert({ ...record, id: 'stray', type: 'AAAA', records: ['2001:db8::1'], description: '' });
  assert.match((await refusal()) ?? '', /also has an AAAA record/);
  records.remove('stray');
  records.update(record.id, { description: 'moved by hand', records: ['192.0.2.1'] });
  assert.match((await refusal()) ?? '', /already leads to 192\.0\.2\.1/);
});

test('under another domain the former record goes after the new one stands, by the same calls; what is not proven ours stays and is named', async () => {
  await deploy();
  const now = await go({ write: false });
  const { owner } = externalDnsNeeds(now.context, now.cloud);
  const calls = now.otc.calls;
  const records = emulator().store.table<RecordRow>('dns.recordsets');
  const [former] = rows<RecordRow>('dns.recordsets').filter(({ type, name }) => type === 'A' && name === 'login.example.com.');
  assert.ok(former);
  const idOf = (name: string): string => Buffer.from(name).toString('hex').padEnd(32, '0');
  const add = (id: string, name: string, change: Partial<RecordRow>): unknown =>
    records.insert({ ...former, id: idOf(id), name: `${name}.example.com.`, ...change });
  const kept = (id: string, name: string, route: string): void => {
    add(id, name, { description: '' });
    const text = `"heritage=external-dns,external-dns/owner=${owner},external-dns/resource=${route}"`;
    add(`${id}-txt`, `extdns-a.${name}`, { type: 'TXT', records: [text], description: '' });
  };
  kept('sso', 'sso', 'ingress/zitadel/zitadel-login');
  kept('user', 'shop', 'ingress/zitadel/shop');
  add('old', 'old', { records: ['192.0.2.1'] });
  add('other', 'other', { description: 'Managed by zitadel-on-otc, stack other' });
  const moved: Partial<Stack> = { domain: 'id.example.com' };
  const planned = (await go({ write: false, stack: moved })).outcomes;
  assert.equal(verdict(planned, 'dns/former-record'), 'dns/former-record | delete');
  assert.equal(
    planned.find(({ id }) => id === 'dns/former-record')?.facts['record'],
    `login.example.com. (${former.id}), sso.example.com. (${idOf('sso')})`,
  );
  settled((await go({ stack: moved })).outcomes);
  const ids = rows<RecordRow>('dns.recordsets').map(({ id }) => id);
  for (const gone of [former.id, idOf('sso'), idOf('sso-txt')]) assert.ok(!ids.includes(gone), gone);
  for (const stays of ['user', 'user-txt', 'old', 'other']) assert.ok(ids.includes(idOf(stays)), stays);
  const after = await go({ write: false, stack: moved });
  inSync(after.outcomes);
  assert.equal(after.otc.calls, calls);
  const told = after.outcomes.flatMap(({ id, warnings = [] }) => warnings.map(({ message, resource }) => [id, resource, message]));
  assert.deepEqual(
    told.map(([id, resource]) => [id, resource]),
    [['dns/record', idOf('old')]],
  );
  assert.match(told[0]?.[2] ?? '', /old\.example\.com\. \(\w+\) .* leads to 192\.0\.2\.1 instead of/);
});

test('an AAAA record of somebody else beside ours is named: it leads clients with IPv6 astray', async () => {
  await deploy();
  const records = emulator().store.table<RecordRow>('dns.recordsets');
  const [a] = rows<RecordRow>('dns.recordsets').filter(({ type, name }) => type === 'A' && name === 'login.example.com.');
  assert.ok(a);
  records.insert({ ...a, id: 'stray', type: 'AAAA', records: ['2001:db8::1'], description: '' });
  const { outcomes } = await go({ write: false });
  const { fault } = outcomes.find(({ id }) => id === 'dns/record') ?? {};
  assert.equal(fault?.finding, 'AAAA');
  assert.match(fault?.message ?? '', /clients with IPv6 go to 2001:db8::1/);
  records.remove('stray');
  inSync((await go({ write: false })).outcomes);
});

test('an AAAA record hides no change of our own record: both are told, and a deploy puts its own right before it names the other', async () => {
  await deploy();
  const records = emulator().store.table<RecordRow>('dns.recordsets');
  const [a] = rows<RecordRow>('dns.recordsets').filter(({ type, name }) => type === 'A' && name === 'login.example.com.');
  assert.ok(a);
  records.insert({ ...a, id: 'stray', type: 'AAAA', records: ['2001:db8::1'], description: '' });
  records.update(a.id, { records: ['198.51.100.9'] });
  const ofRecord = (outcomes: readonly Outcome[]): Outcome | undefined => outcomes.find(({ id }) => id === 'dns/record');
  const fieldsOf = (outcome: Outcome | undefined): string[] => outcome?.changes.map(({ field }) => field) ?? [];
  const { cloud, outcomes } = await go({ write: false });
  assert.deepEqual([ofRecord(outcomes)?.verdict, ofRecord(outcomes)?.fault?.finding, fieldsOf(ofRecord(outcomes))], ['failed', 'AAAA', ['records']]);
  const look = { write: false, signal: new AbortController().signal, journal: journal(), pause };
  const drifted = ofRecord((await walk(cloud.all, { ...look, findings: true })).outcomes);
  assert.deepEqual([drifted?.verdict, fieldsOf(drifted)], ['update', ['records', 'AAAA']]);
  assert.equal(refusedIn(await lookAtGuarded({ roots: cloud.all } as unknown as Graph, look)), undefined, 'its own may be put right');
  const deployed = ofRecord((await go()).outcomes);
  assert.deepEqual([deployed?.verdict, deployed?.fault?.finding], ['failed', 'AAAA']);
  assert.deepEqual(records.get(a.id)?.records, a.records);
});

test('an IPv6 address that an existing load balancer has is named, and gets no AAAA record, since nothing behind it would answer', () => {
  const existing = { id: 'theirs' };
  const { loadBalancer } = cloudResources(contextFor({ projectId: 'p' } as Otc, { loadBalancer: { ...stack.loadBalancer, existing } }));
  const seen = { ipv6_vip_address: '2001:db8::5' } as LoadBalancerSeen;
  assert.match(loadBalancer.notice?.(seen) ?? '', /2001:db8::5 gets no AAAA record/);
  assert.equal(loadBalancer.notice?.({ ...seen, ipv6_vip_address: null }), undefined);
});

test('e-mail and TTL of a zone that the stack made are seen and set again; those of another one are its owner’s', async () => {
  await deploy();
  const zones = emulator().store.table<{ id: string; email: string; ttl: number; description: string }>('dns.zones');
  const [zone] = zones.where(() => true);
  assert.ok(zone);
  zones.update(zone.id, { email: 'somebody@example.org', ttl: 60 });
  const dns = { ...stack.dns, existing: { name: 'example.com' } };
  inSync((await go({ write: false, stack: { dns } })).outcomes);
  const found = (await go({ write: false })).outcomes.find(({ id }) => id === 'dns/zone');
  assert.deepEqual(found?.changes, [
    { field: 'email', before: 'somebody@example.org', after: stack.contact },
    { field: 'ttl', before: 60, after: 300 },
  ]);
  settled((await go()).outcomes);
  assert.deepEqual([zones.get(zone.id)?.email, zones.get(zone.id)?.ttl], [stack.contact, 300]);
  inSync((await go({ write: false })).outcomes);
  zones.update(zone.id, { email: 'somebody@example.org', ttl: 60, description: 'made in the console' });
  inSync((await go({ write: false })).outcomes);
  const spec = { name: 'example.com.', settings: { email: stack.contact, ttl: 300, description: 'd' } };
  assert.deepEqual(zoneChanges(spec, { id: 'z', name: 'example.com.', description: 'd', status: 'ACTIVE' }), [], 'what an answer leaves out');
});

test('the public zone must be where the DNS01 solver sees it', async () => {
  const inOwnProject = { ...stack.dns, project: 'eu-de' };
  const { outcomes } = await go({ stack: { dns: inOwnProject }, connect: { dnsProject: 'eu-de' } });
  settled(outcomes);
  const zones = rows<{ name: string; project_id: string }>('dns.zones');
  const projects = rows<{ id: string; name: string }>('iam.projects');
  assert.deepEqual(
    zones.map(({ project_id }) => projects.find(({ id }) => id === project_id)?.name),
    ['eu-de'],
  );
  inSync((await go({ write: false, stack: { dns: inOwnProject }, connect: { dnsProject: 'eu-de' } })).outcomes);
});

test('a zone that the DNS01 solver does not see is refused before anything is made, with the way out', async () => {
  await deploy();
  const { outcomes } = await go({ connect: { dnsProject: 'eu-de' } });
  const { fault } = outcomes.find(({ id }) => id === 'project/preflight') ?? {};
  assert.match(fault?.message ?? '', /zone example\.com is in project eu-de_zitadel .* must be in eu-de: the DNS01 solver/);
  assert.match(fault?.message ?? '', /certificates\.issuer: existing.*dns\.project: eu-de_zitadel/);
});
