/**
 * Owns the proof of what `destroy` does to the cloud beyond deleting: what CCE left behind goes, what is somebody else's is
 * named. Records and zone are `destroy-records.test.ts`'s, the database `destroy-database.test.ts`'s.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TableName } from '../../../sandbox/otc/tables/names.ts';
import { clusterOf } from '../../../src/cloud/cluster-leftovers.ts';
import type { Fault } from '../../../src/engine/fault.ts';
import { unwalk } from '../../../src/engine/unwalk.ts';
import { byHand, destroying, type Row } from './by-hand.ts';
import { cloudWorld, verdict } from './cloud-world.ts';
import { journal, pause, run, verdicts } from './stack.ts';

const { deploy, emulator, go, rows, writes } = cloudWorld();
const { table, insert } = byHand(emulator);
const named = <T extends Row>(of: TableName, start: string, fits: (row: T) => boolean = () => true): T => {
  const [found] = table<T>(of).where((row) => String(row['name'] ?? '').startsWith(start) && fits(row));
  assert.ok(found, `${start} in ${of}`);
  return found;
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

test('what somebody protected from being deleted: a plan names it with the way to switch it off, destroy begins nothing', async () => {
  await deploy();
  const balancer = named<Row>('elb.loadbalancers', 'shop-elb');
  const cluster = named<Row>('cce.clusters', 'shop-cce');
  const protections = [
    {
      id: 'load-balancer/load-balancer',
      on: () => table('elb.loadbalancers').update(balancer.id, { deletion_protection_enable: true }),
      off: () => table('elb.loadbalancers').update(balancer.id, { deletion_protection_enable: false }),
      where: /switched it on in the ELB console/,
    },
    {
      id: 'cluster/cluster',
      on: () => table('cce.clusters').update(cluster.id, { spec: { ...(cluster['spec'] as object), deletionProtection: true } }),
      off: () => table('cce.clusters').update(cluster.id, { spec: cluster['spec'] }),
      where: /in the CCE console/,
    },
  ];
  for (const { id, on, off, where } of protections) {
    on();
    const { cloud, outcomes } = await go({ write: false });
    assert.match(verdict(outcomes, id), /unchanged/, 'a protection is no drift');
    const planned = await unwalk(cloud.all, { ...destroying, write: false, journal: journal() });
    assert.match(verdict(planned, id), /failed \| \w+ (balancer|cluster) \S+ cannot be deleted, because its deletion protection is on/);
    assert.match(planned.find((one) => one.id === id)?.fault?.hint ?? '', where);
    const before = emulator().store.save();
    const refused = await unwalk(cloud.all, { ...destroying, journal: journal() });
    assert.ok(refused.every((one) => one.verdict !== 'delete'));
    assert.equal(emulator().store.save(), before, 'nothing was begun');
    off();
  }
});

test('a protection that was switched on while a destroy is at work ends it at once', async () => {
  await deploy();
  const { cloud } = await go({ write: false });
  const seen = await cloud.loadBalancer.observe({}, run);
  assert.ok(seen);
  table('elb.loadbalancers').update(seen.id, { deletion_protection_enable: true });
  emulator().requests.length = 0;
  await assert.rejects(cloud.loadBalancer.destroy(seen, run), ({ hint }: Fault) =>
    /Switch the deletion protection .* off in the ELB console/.test(hint ?? ''),
  );
  assert.equal(writes().length, 1, writes().join());
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
