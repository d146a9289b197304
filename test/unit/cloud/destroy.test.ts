/**
 * Owns the proof of what `destroy` does to the cloud beyond deleting: what CCE left behind goes, what is somebody else's is
 * named, a database leaves a backup.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TableName } from '../../../sandbox/otc/tables/names.ts';
import { upgradeBackupName } from '../../../src/cloud/backup.ts';
import { clusterOf } from '../../../src/cloud/cluster-leftovers.ts';
import { secretAtDestroy } from '../../../src/cloud/database-farewell.ts';
import { ownerId, ownerRecordName, ownerText } from '../../../src/cloud/record-owner.ts';
import { Fault } from '../../../src/engine/fault.ts';
import { unwalk } from '../../../src/engine/unwalk.ts';
import { Secret } from '../../../src/secret.ts';
import { cloudWorld, verdict } from './cloud-world.ts';
import { journal, stack as ofStack, pause, run, verdicts } from './stack.ts';

const { deploy, emulator, go, rows, writes } = cloudWorld();
type Row = { readonly id: string; readonly [field: string]: unknown };
const table = <T extends Row = Row>(name: TableName) => emulator().store.table<T>(name);
const named = <T extends Row>(of: TableName, start: string, fits: (row: T) => boolean = () => true): T => {
  const [found] = table<T>(of).where((row) => String(row['name'] ?? '').startsWith(start) && fits(row));
  assert.ok(found, `${start} in ${of}`);
  return found;
};
/** Puts a row in; what it returns takes it away. */
const insert = (into: TableName, row: Row): (() => void) => {
  table(into).insert(row);
  return () => void table(into).remove(row.id);
};
const both = (one: () => void, other: () => void) => (): void => {
  one();
  other();
};
const listener = (id: string, description: string): (() => void) => {
  const { id: loadbalancer_id, project_id } = named<Row>('elb.loadbalancers', 'shop-elb');
  const of = { loadbalancer_id, project_id, protocol: 'TCP', protocol_port: 443, default_pool_id: null };
  return insert('elb.listeners', { id, name: id, description, ...of, tags: [], created_at: '', updated_at: '' });
};
/** A port in the cluster's subnet, if nothing else is said. */
const port = (id: string, of: Readonly<Record<string, unknown>>): (() => void) => {
  const { id: network_id } = named<Row>('vpc.subnets', 'shop-nodes');
  const like = named<Row>('vpc.ports', '', (row) => row['network_id'] === network_id);
  const fixed_ips = [{ subnet_id: '', ip_address: '10.20.0.99' }];
  return insert('vpc.ports', { ...like, id, name: 'theirs', fixed_ips, security_groups: [], ...of });
};
const server = (): (() => void) =>
  insert('ecs.servers', { ...named<Row>('ecs.servers', 'shop-np-'), id: 'server-by-hand', name: 'theirs', port_ids: [] });
const destroying = { write: true, signal: new AbortController().signal, pause, mayDelete: () => true };

test('listeners that a dead cluster left on the load balancer go with it', async () => {
  await deploy();
  listener('left-behind', JSON.stringify({ cluster_id: 'a-dead-cluster' }));
  const outcomes = await unwalk((await go({ write: false })).cloud.all, { ...destroying, journal: journal() });
  assert.deepEqual(verdicts(outcomes.filter((one) => ['failed', 'blocked'].includes(one.verdict))), []);
  assert.deepEqual([rows('elb.loadbalancers'), rows('elb.listeners')], [[], []]);
});

/** Things of others, each where it keeps one of ours from going; `title` of ours, `what` of theirs. */
const inTheWay: readonly { readonly what: RegExp; readonly title: string; readonly id: string; put(): () => void }[] = [
  {
    ...{ id: 'load-balancer/load-balancer', title: 'Load balancer', what: /listener by-hand \(by-hand, TCP 443\)/ },
    put: () => listener('by-hand', 'mine'),
  },
  {
    ...{ id: 'network/subnet-cluster', title: 'Subnet', what: /port theirs port-by-hand \(10\.20\.0\.99\)/ },
    put: () => port('port-by-hand', { device_owner: '', device_id: '' }),
  },
  {
    ...{ id: 'network/subnet-cluster', title: 'Subnet', what: /port theirs of-server \(10\.20\.0\.99\) of compute:eu-de-01 server-by-hand/ },
    put: () => both(port('of-server', { device_owner: 'compute:eu-de-01', device_id: 'server-by-hand' }), server()),
  },
  {
    ...{ id: 'network/security-group-client', title: 'Security group', what: /port theirs carrying .* server-by-hand/ },
    put: () => {
      const carried = { network_id: 'elsewhere', device_owner: 'compute:eu-de-01', device_id: 'server-by-hand' };
      return both(port('carrying', { ...carried, security_groups: [named<Row>('vpc.security-groups', 'shop-rds-client').id] }), server());
    },
  },
  {
    ...{ id: 'network/security-group-client', title: 'Security group', what: /a rule of security group theirs \(group-by-hand\)/ },
    put: () => {
      const group = named<Row>('vpc.security-groups', 'shop-rds-client');
      const like = named<Row>('vpc.security-group-rules', '', ({ security_group_id: of }) => of === group.id);
      const rule = { ...like, id: 'rule-by-hand', security_group_id: 'group-by-hand', remote_group_id: group.id, remote_ip_prefix: null };
      return both(insert('vpc.security-groups', { ...group, id: 'group-by-hand', name: 'theirs' }), insert('vpc.security-group-rules', rule));
    },
  },
  {
    ...{ id: 'network/vpc', title: 'VPC', what: /subnet theirs \(subnet-by-hand, 10\.20\.99\.0\/24\)/ },
    put: () => insert('vpc.subnets', { ...named<Row>('vpc.subnets', 'shop-nodes'), id: 'subnet-by-hand', name: 'theirs', cidr: '10.20.99.0/24' }),
  },
  {
    ...{ id: 'network/nat-gateway', title: 'NAT gateway', what: /SNAT rule snat-by-hand of theirs/ },
    put: () => insert('nat.snat-rules', { ...named<Row>('nat.snat-rules', ''), id: 'snat-by-hand', network_id: 'theirs', cidr: '' }),
  },
  {
    ...{ id: 'network/nat-gateway', title: 'NAT gateway', what: /DNAT rule dnat-by-hand of 203\.0\.113\.5:22/ },
    put: () => {
      const { id, tenant_id } = named<Row>('nat.gateways', 'shop-nat');
      const rule = { id: 'dnat-by-hand', nat_gateway_id: id, tenant_id, floating_ip_address: '203.0.113.5', external_service_port: 22 };
      return insert('nat.dnat-rules', rule);
    },
  },
];

test('a listener that comes while a destroy is at work is named', async () => {
  await deploy();
  const { cloud, outcomes } = await go({ write: false });
  listener('late', 'mine');
  assert.match(verdict(outcomes, cloud.loadBalancer.id), /unchanged/);
  const seen = await cloud.loadBalancer.observe({}, run);
  assert.ok(seen);
  await assert.rejects(cloud.loadBalancer.destroy(seen, run), /load balancer shop-elb-\w+ cannot be deleted, because it is in use by listener late/);
});

test('what is not ours and stands in the way: a plan names it beside what would go, destroy names it and begins nothing', async () => {
  await deploy();
  for (const { id, title, what, put } of inTheWay) {
    const away = put();
    const { cloud } = await go({ write: false });
    const planned = await unwalk(cloud.all, { ...destroying, write: false, journal: journal() });
    assert.match(verdict(planned, id), new RegExp(`failed \\| ${title} \\S+ cannot be deleted, because it is in use by ${what.source}`));
    assert.match(planned.find((one) => one.id === id)?.fault?.hint ?? '', /not the stack's: delete it if nothing needs it/);
    assert.ok(planned.filter((one) => one.verdict === 'delete').length > 5, 'and what would go');
    const before = emulator().store.save();
    emulator().requests.length = 0;
    const refused = await unwalk(cloud.all, { ...destroying, journal: journal() });
    assert.match(verdict(refused, id), /failed/);
    assert.ok(refused.every((one) => one.verdict !== 'delete'));
    assert.match(verdict(refused, 'cluster/cluster'), new RegExp(`blocked \\| waits for ${id}`));
    assert.deepEqual(writes(), [], `${what}`);
    assert.equal(emulator().store.save(), before);
    away();
  }
  const outcomes = await unwalk((await go({ write: false })).cloud.all, { ...destroying, journal: journal() });
  assert.deepEqual(verdicts(outcomes.filter((one) => ['failed', 'blocked'].includes(one.verdict))), []);
});

test('what stays with kept data keeps nothing from going; nor do nodes without their groups, or ports whose server nobody knows', async () => {
  await deploy();
  const group = named<Row>('vpc.security-groups', 'shop-rds-client');
  port('carrying', { network_id: 'elsewhere', device_owner: '', device_id: '', security_groups: [group.id] });
  port('unknown', { device_owner: 'compute:eu-de-01', device_id: 'gone' });
  const node = table<Row>('vpc.ports').find(({ security_groups: groups }) => (groups as string[]).length > 1);
  assert.ok(node);
  table('vpc.ports').update(node.id, { security_groups: [] });
  const options = { ...destroying, write: false, mayDelete: () => false, journal: journal() };
  const planned = await unwalk((await go({ write: false })).cloud.all, options);
  assert.deepEqual(verdicts(planned.filter((one) => ['failed', 'blocked'].includes(one.verdict))), []);
  assert.match(verdict(planned, 'network/security-group-client'), /kept/);
});

test('where it cannot be told what stands in the way, that is said, and the deletion tells', async () => {
  await deploy();
  emulator().broken.push({ fits: /GET .*\/dnat_rules/, status: 403 });
  const heard = journal();
  const outcomes = await unwalk((await go({ write: false })).cloud.all, { ...destroying, journal: heard });
  assert.deepEqual(verdicts(outcomes.filter((one) => ['failed', 'blocked'].includes(one.verdict))), []);
  assert.match(heard.lines.join('\n'), /network\/nat-gateway: whether something stands in its way could not be told: .*not today/);
});

test('a database that goes leaves a complete backup, named in what is said of it', async () => {
  await deploy();
  const outcomes = await unwalk((await go({ write: false })).cloud.all, { ...destroying, journal: journal() });
  const [backup] = rows<{ id: string; name: string; status: string; type: string }>('rds.backups').filter(
    ({ type, name }) => type === 'manual' && name.includes('-last-'),
  );
  assert.equal(backup?.status, 'COMPLETED');
  const note = outcomes.find(({ id }) => id === 'database/instance')?.note ?? '';
  for (const word of [backup?.id ?? '-', backup?.name ?? '-', 'PostgreSQL 16', 'database.existing', 'stack-secret'])
    assert.ok(note.includes(word), note);
});

for (const [whose, text, note] of [
  ['somebody else’s', 'mine', /not made by this action/],
  ['another stack’s', 'Managed by zitadel-on-otc, stack other in eu-de, project PROJECT', /another stack \("Managed by .*, stack other in/],
  ['those of another project’s stack of this name', 'Managed by zitadel-on-otc, stack shop in eu-de, project other', /another stack/],
] as const)
  test(`a record of the domain and a zone stay that are ${whose}`, async () => {
    await deploy();
    const [records, zones] = [table('dns.recordsets'), table('dns.zones')];
    const [record] = records.where(({ type, name }) => type === 'A' && name === 'login.example.com.');
    const [zone] = zones.where(() => true);
    assert.ok(record && zone);
    const description = text.replace('PROJECT', String(zone['project_id']));
    for (const [of, { id }] of [[records, record] as const, [zones, zone] as const]) of.update(id, { description });
    const outcomes = await unwalk((await go({ write: false })).cloud.all, { ...destroying, journal: journal() });
    for (const id of ['dns/record', 'dns/zone']) {
      assert.match(verdict(outcomes, id), /\| kept/);
      assert.match(outcomes.find((one) => one.id === id)?.note ?? '', note);
    }
    assert.ok(records.get(record.id) && zones.get(zone.id));
  });

test('a zone goes with what the stack wrote into it, and with nothing of others: that is named before anything is deleted', async () => {
  await deploy();
  const records = table('dns.recordsets');
  const [record] = records.where(({ type, name }) => type === 'A' && name === 'login.example.com.');
  assert.ok(record);
  const put = (id: string, name: string, of: Readonly<Record<string, unknown>>): (() => void) =>
    insert('dns.recordsets', { ...record, description: '', id, name: `${name}example.com.`, ...of });
  const own = [put('challenge', '_acme-challenge.login.', { type: 'TXT', records: ['"x"'] })];
  const theirs = [
    put('legacy', 'legacy.', { description: 'old IdP, do not touch' }),
    put('twin', 'twin.', { description: 'Managed by zitadel-on-otc, stack twin in eu-de, project p' }),
    put('mail', '', { type: 'MX', records: ['10 mail.example.com.'] }),
    put('delegated', 'sub.', { type: 'NS', records: ['ns.example.net.'] }),
  ];
  for (const write of [false, true]) {
    const outcomes = await unwalk((await go({ write: false })).cloud.all, { ...destroying, write, journal: journal() });
    const message = outcomes.find(({ id }) => id === 'dns/zone')?.fault?.message ?? '';
    const named = [...message.matchAll(/record set (\S+) (\w+) \((\w+)\)/g)].map(([, name, type, id]) => `${name} ${type} ${id}`);
    const wanted = ['legacy.example.com. A legacy', 'twin.example.com. A twin', 'example.com. MX mail', 'sub.example.com. NS delegated'];
    assert.deepEqual(named.sort(), wanted.sort());
    assert.deepEqual(
      writes().filter((one) => one.startsWith('DELETE')),
      [],
    );
  }
  for (const take of theirs) take();
  const gone = await unwalk((await go({ write: false })).cloud.all, { ...destroying, journal: journal() });
  assert.deepEqual(verdicts(gone.filter((one) => ['failed', 'blocked'].includes(one.verdict))), []);
  assert.deepEqual(rows('dns.zones'), []);
  for (const take of own) take();
});

test('a record that was led elsewhere, or that the user keeps, stays and is named with where it leads', async () => {
  for (const [records, stack, said] of [
    [['198.51.100.9'], {}, /leads to 198\.51\.100\.9, not to this stack's load balancer/],
    [
      undefined,
      { dns: { ...ofStack.dns, records: 'existing' } },
      /dns\.records is existing, so it is yours.*TXT record extdns-a\.login\.example\.com\. \(txt\)/,
    ],
  ] as const) {
    await deploy();
    const table = emulator().store.table<Row>('dns.recordsets');
    const [record] = table.where(({ type, name }) => type === 'A' && name === 'login.example.com.');
    assert.ok(record);
    if (records !== undefined) table.update(record.id, { records });
    else {
      const { cloud, context } = await go({ write: false });
      assert.match(verdict(await unwalk(cloud.all, { ...destroying, write: false, journal: journal() }), 'dns/record'), /\| delete/);
      const text = ownerText(ownerId(context), 'ingress/zitadel/zitadel');
      table.insert({ ...record, id: 'txt', type: 'TXT', name: ownerRecordName(String(record['name'])), records: [text] });
    }
    const { cloud } = await go({ write: false, stack });
    const outcomes = await unwalk(cloud.all, { ...destroying, mayDelete: ({ id }) => id !== 'dns/zone', journal: journal() });
    assert.match(verdict(outcomes, 'dns/record'), /\| kept/);
    assert.match(outcomes.find(({ id }) => id === 'dns/record')?.note ?? '', said);
    assert.ok(table.get(record.id));
    if (records !== undefined) continue;
    const whole = await unwalk(cloud.all, { ...destroying, write: false, journal: journal() });
    assert.match(verdict(whole, 'dns/zone'), /failed \| .*record set login\.example\.com\. A/, 'nor does it go with its zone');
  }
});

test('an old backup is no last one: a database of which none can be made now is not deleted', async () => {
  await deploy();
  const instances = emulator().store.table<{ id: string; status: string; project_id: string; name: string }>('rds.instances');
  const [instance] = instances.where(() => true);
  assert.ok(instance);
  const name = `${instance.name.replace('-db-', '-last-')}-20250101-000000`;
  const old = {
    id: 'old-backup',
    name,
    description: '',
    instance_id: instance.id,
    project_id: instance.project_id,
    type: 'manual',
    size: 1,
    status: 'COMPLETED',
  };
  emulator()
    .store.table<{ id: string }>('rds.backups')
    .insert({
      ...old,
      begin_time: '2025-01-01T00:00:00+0000',
      end_time: '2025-01-01T00:10:00+0000',
      datastore: { type: 'PostgreSQL', version: '16' },
    } as never);
  instances.update(instance.id, { status: 'STORAGE FULL' });
  const outcomes = await unwalk((await go({ write: false })).cloud.all, { ...destroying, journal: journal() });
  assert.match(verdict(outcomes, 'database/instance'), /failed .*without a last backup it is not deleted/);
  assert.ok(instances.get(instance.id));
});

test('a cluster that a dead run left in the making is waited for before it is deleted', async () => {
  await deploy();
  const clusters = emulator().store.table<{ id: string; phase: string }>('cce.clusters');
  const [cluster] = clusters.where(() => true);
  assert.ok(cluster);
  clusters.update(cluster.id, { phase: 'Creating' });
  const { cloud } = await go({ write: false });
  const made = async (...given: Parameters<typeof pause>): Promise<void> => {
    if (clusters.get(cluster.id)?.phase === 'Creating') clusters.update(cluster.id, { phase: 'Available' });
    await pause(...given);
  };
  const outcomes = await unwalk(cloud.all, { ...destroying, pause: made, journal: journal() });
  assert.deepEqual(verdicts(outcomes.filter((one) => ['failed', 'blocked'].includes(one.verdict))), []);
  assert.deepEqual(rows('cce.clusters'), []);
});

test('whose listener it is, by its description', () => {
  assert.equal(clusterOf({ description: '{"cluster_id":"c1","service":"x"}' }), 'c1');
  for (const description of ['', 'made by hand', '{"cluster_id":7}', '{broken', '{}'])
    assert.equal(clusterOf({ description }), undefined, description);
});

test('names of backups are what RDS takes', () => {
  const name = upgradeBackupName(`${'x'.repeat(60)}`, { to: '10.0.0-rc.1', revision: 12 });
  assert.match(name, /^[A-Za-z][A-Za-z0-9_-]{3,63}$/);
  assert.ok(name.endsWith('-r12-10-0-0-rc-1'));
});

test('a plan of destroy tells of the last backup that is made and kept', async () => {
  await deploy();
  const outcomes = await unwalk((await go({ write: false })).cloud.all, { ...destroying, write: false, journal: journal() });
  const one = outcomes.find(({ id }) => id === 'database/instance');
  assert.equal(one?.verdict, 'delete');
  assert.match(one?.note ?? '', /a last manual backup \(shop-last-\w+-…\) is made first and kept; .*needs the same stack-secret/);
});

for (const [what, given, deletes, says, refuses] of [
  ['the right one', {}, true, undefined, false],
  [
    'another, the database goes',
    { masterkey: new Secret('x'.repeat(32)) },
    true,
    /not the one .*made with.*\n.*refuses this before anything is deleted/,
    true,
  ],
  ['another, the database stays', { masterkey: new Secret('x'.repeat(32)) }, false, /not the one .*made with.*\n.*goes on/, false],
  ['none, the database goes', { masterkey: undefined }, true, /no stack-secret was given/, false],
  ['none, the database stays', { masterkey: undefined }, false, undefined, false],
] as const) {
  test(`the secret at a destroy: ${what}`, async () => {
    await deploy();
    const { cloud, context } = await go({ write: false });
    const stack = { ...context.stack, destroy: { ...context.stack.destroy, database: deletes } };
    const found = await secretAtDestroy({ stack, secrets: { ...context.secrets, ...given } }, [cloud.database, cloud.formerDatabase], run);
    assert.equal(found?.refuses ?? false, refuses);
    const text = found === undefined ? undefined : `${found.notice.message}\n${found.notice.hint}`;
    if (says === undefined) assert.equal(text, undefined);
    else assert.match(text ?? '', says);
  });
}

test('an instance that cannot be looked at keeps destroy from beginning only where it would be deleted', async () => {
  await deploy();
  const { cloud, context } = await go({ write: false });
  const former = { ...cloud.formerDatabase };
  const database = { ...cloud.database, observe: () => Promise.reject(new Fault('the list of instances is forbidden')) };
  const asked = (deletes: boolean) =>
    secretAtDestroy({ ...context, stack: { ...context.stack, destroy: { ...context.stack.destroy, database: deletes } } }, [database, former], run);
  assert.equal(await asked(false), undefined);
  await assert.rejects(asked(true), /forbidden/);
});
