/**
 * What a deployment must have made in the cloud, asserted on the services' own records. The stack is the sandbox's, with
 * defaults everywhere; what differs from it a scenario asserts itself. What is in the cluster is `cluster.ts`'s.
 */
import assert from 'node:assert/strict';
import type { Row } from '../../../sandbox/otc/store.ts';
import type { TestWorld } from '../../harness/world.ts';

// biome-ignore lint/suspicious/noExplicitAny: rows of every table; what is read is asserted.
type Found = Row & { readonly [field: string]: any };

export interface CloudFacts {
  readonly vpc: Found;
  readonly nodesSubnet: Found;
  readonly databaseSubnet: Found;
  readonly client: Found;
  readonly guarded: Found;
  readonly database: Found;
  readonly cluster: Found;
  readonly bastion: Found;
  readonly balancer: Found;
  readonly balancerEip: Found;
  readonly zone: Found;
  tables: Readonly<Record<string, readonly Found[]>>;
}

const CLUSTER_NET = '10.20.0.0/20';
const DATABASE_NET = '10.20.16.0/24';
const PODS = '172.20.0.0/16';

/** Finds the deployment's parts by what they are; each must be there exactly once. */
export async function cloudFacts(world: TestWorld): Promise<CloudFacts> {
  const tables = (await world.control.resources()) as Record<string, readonly Found[]>;
  const rows = (table: string): readonly Found[] => tables[table] ?? [];
  const only = (table: string, test: (row: Found) => boolean = () => true): Found => {
    const found = rows(table).filter(test);
    assert.equal(found.length, 1, `exactly one of ${table}: ${found.map(({ id }) => id).join(', ')}`);
    return found[0] as Found;
  };
  const balancer = only('elb.loadbalancers');
  return {
    tables,
    vpc: only('vpc.vpcs'),
    nodesSubnet: only('vpc.subnets', ({ cidr }) => cidr === CLUSTER_NET),
    databaseSubnet: only('vpc.subnets', ({ cidr }) => cidr === DATABASE_NET),
    client: only('vpc.security-groups', ({ name }) => /-rds-client-/.test(name)),
    guarded: only('vpc.security-groups', ({ name }) => /-rds-instance-/.test(name)),
    database: only('rds.instances'),
    cluster: only('cce.clusters'),
    bastion: only('ecs.servers', ({ cluster_id: cluster }) => cluster === undefined),
    balancer,
    balancerEip: only('vpc.publicips', ({ bound_to: bound }) => bound?.id === balancer.id),
    zone: only('dns.zones'),
  };
}

/** `ingress tcp 5432-5432 from 172.20.0.0/16`, sorted. */
function rulesOf({ tables }: CloudFacts, group: Found): string[] {
  const names = new Map((tables['vpc.security-groups'] ?? []).map(({ id, name }) => [id, name]));
  return (tables['vpc.security-group-rules'] ?? [])
    .filter((rule) => rule['security_group_id'] === group.id)
    .map(({ direction, protocol, port_range_min: min, port_range_max: max, remote_ip_prefix: prefix, remote_group_id: other }) =>
      [direction, protocol ?? 'any', `${min ?? ''}-${max ?? ''}`, prefix ?? names.get(other ?? '') ?? 'anywhere'].join(' '),
    )
    .sort();
}

export function expectNetwork(facts: CloudFacts): void {
  const { vpc, nodesSubnet, databaseSubnet, tables } = facts;
  assert.equal(vpc['cidr'], '10.20.0.0/16');
  assert.match(vpc['name'], /^zitadel-sandbox-vpc-[0-9a-f]{6}$/);
  assert.doesNotMatch(vpc['description'], /locked by/, 'the lock was given back');
  for (const subnet of [nodesSubnet, databaseSubnet]) {
    assert.equal(subnet['vpc_id'], vpc.id);
    assert.equal(subnet['status'], 'ACTIVE');
  }
  const [gateway] = tables['nat.gateways'] ?? [];
  assert.equal(tables['nat.gateways']?.length, 1);
  assert.equal(gateway?.['router_id'], vpc.id);
  assert.equal(gateway?.['internal_network_id'], nodesSubnet.id);
  const [snat] = tables['nat.snat-rules'] ?? [];
  assert.equal(tables['nat.snat-rules']?.length, 1);
  assert.equal(snat?.['nat_gateway_id'], gateway?.id);
  assert.equal(snat?.['network_id'], nodesSubnet.id, 'the nodes leave through it; the database does not');
  const eip = tables['vpc.publicips']?.find(({ id }) => id === snat?.['floating_ip_id']);
  assert.deepEqual(eip?.['bound_to'], { kind: 'NATGW', id: gateway?.id });
  assert.equal(vpc['enable_shared_snat'], false);
}

export function expectSecurityGroups(facts: CloudFacts): void {
  const { client, guarded } = facts;
  assert.deepEqual(
    rulesOf(facts, guarded),
    [`ingress tcp 5432-5432 ${PODS}`, `ingress tcp 5432-5432 ${client['name']}`].sort(),
    'the database takes 5432 from rds-client and the containers, and nothing else',
  );
  assert.deepEqual(rulesOf(facts, client), [`egress tcp 5432-5432 ${guarded['name']}`]);
}

export function expectDatabase(facts: CloudFacts): void {
  const { database, databaseSubnet, guarded, vpc, tables } = facts;
  assert.equal(database['status'], 'ACTIVE');
  assert.deepEqual(database['datastore'].type, 'PostgreSQL');
  assert.equal(database['datastore'].version, '16');
  assert.equal(database['flavor_ref'], 'rds.pg.n1.large.4.ha');
  assert.deepEqual(database['ha'], { mode: 'Ha', replication_mode: 'async' });
  assert.deepEqual(database['volume'], { type: 'CLOUDSSD', size: 100 });
  assert.deepEqual(database['backup_strategy'], { start_time: '02:00-03:00', keep_days: 7 });
  assert.equal(database['disk_auto_expansion'].switch_option, true);
  assert.deepEqual([database['vpc_id'], database['subnet_id'], database['security_group_id']], [vpc.id, databaseSubnet.id, guarded.id]);
  const zones = (database['nodes'] as Found[]).map((node) => node['availability_zone']);
  assert.equal(new Set(zones).size, 2, 'primary and standby in two zones');
  const ports = (tables['vpc.ports'] ?? []).filter((port) => port['network_id'] === databaseSubnet.id);
  const addressed = (tables['vpc.publicips'] ?? []).filter(({ port_id: port, bound_to: bound }) =>
    ports.some(({ id }) => id === port || id === bound?.id),
  );
  assert.deepEqual(addressed, [], 'the database has a private address only');
  const tags = Object.fromEntries((database['tags'] as { key: string; value: string }[]).map(({ key, value }) => [key, value]));
  assert.match(tags['zitadel-masterkey-check'] ?? '', /^[0-9a-f]{24}$/);
}

export function expectCluster(facts: CloudFacts): void {
  const { cluster, client, nodesSubnet, vpc, tables } = facts;
  const { spec } = cluster;
  assert.equal(cluster['phase'], 'Available');
  assert.equal(spec.flavor, 'cce.s2.small');
  assert.equal(spec.version, 'v1.33');
  assert.deepEqual([spec.hostNetwork.vpc, spec.hostNetwork.subnet], [vpc.id, nodesSubnet.id]);
  assert.deepEqual([spec.containerNetwork.mode, spec.containerNetwork.cidr], ['vpc-router', PODS]);
  assert.deepEqual([cluster['publicip_id'], cluster['external_address']], [undefined, undefined], 'its API server has no public address');
  const pools = tables['cce.nodepools'] ?? [];
  assert.deepEqual(pools.map((pool) => pool['spec'].nodeTemplate.az).sort(), ['eu-de-01', 'eu-de-02', 'eu-de-03']);
  const nodes = (tables['ecs.servers'] ?? []).filter(({ cluster_id: id }) => id === cluster.id);
  assert.deepEqual(nodes.map((node) => node['availability_zone']).sort(), ['eu-de-01', 'eu-de-02', 'eu-de-03']);
  for (const node of nodes) {
    const ports = (tables['vpc.ports'] ?? []).filter(({ id }) => (node['port_ids'] as string[]).includes(id));
    const groups = ports.flatMap((port) => port['security_groups'] as string[]);
    assert.deepEqual(groups.toSorted(), [client.id, spec.hostNetwork.SecurityGroup].toSorted(), 'rds-client besides the group of the nodes');
    assert.ok(
      !(tables['vpc.publicips'] ?? []).some(({ bound_to: bound }) => ports.some(({ id }) => id === bound?.id)),
      'nodes have no public address',
    );
  }
  assert.deepEqual(tables['nova.keypairs'], [], 'the key pair is there only while nodes are made');
}

/** The API server from inside alone, and the one way inside: SSH to the bastion from what the stack file allows. */
export function expectApiAccess(facts: CloudFacts): void {
  const { bastion, cluster, tables } = facts;
  const port = tables['vpc.ports']?.find(({ id }) => (bastion['port_ids'] as string[]).includes(id));
  assert.ok(port);
  const eip = tables['vpc.publicips']?.find(({ bound_to: bound }) => bound?.id === port.id);
  assert.ok(eip);
  assert.match(eip['alias'], /^zitadel-sandbox-bastion-[0-9a-f]{6}$/);
  const guards = (tables['vpc.security-groups'] ?? []).filter(({ id }) => (port['security_groups'] as string[]).includes(id));
  assert.deepEqual(
    guards.flatMap((group) => rulesOf(facts, group)),
    [`egress tcp 5443-5443 ${cluster['internal_address']}/32`, 'egress tcp 80-80 169.254.169.254/32', 'ingress tcp 22-22 192.0.2.0/24'],
  );
  const groups = (facts.tables['vpc.security-groups'] ?? []).filter(({ name }) => /-cce-(control|node)-/.test(name));
  const rules = groups.flatMap((group) => rulesOf(facts, group));
  const opened = rules.filter((rule) => /^ingress tcp 5443-5443 /.test(rule)).map((rule) => rule.split(' ').at(-1));
  assert.deepEqual(opened.toSorted(), ['10.20.0.0/16', PODS].toSorted());
  assert.deepEqual(
    rules.filter((rule) => /^ingress tcp 22-22 /.test(rule)),
    [],
    'SSH to nodes is closed',
  );
}

export function expectLoadBalancer({ balancer, balancerEip, nodesSubnet, vpc, tables }: CloudFacts): void {
  assert.equal(balancer['vpc_id'], vpc.id);
  assert.deepEqual(balancer['elb_virsubnet_ids'], [nodesSubnet.id]);
  assert.equal(balancer['vip_subnet_cidr_id'], nodesSubnet['neutron_subnet_id']);
  assert.equal(balancer['kind'], 'dedicated');
  assert.ok(balancer['l4_flavor_id'] && balancer['l7_flavor_id'], 'L4 and L7');
  assert.equal(balancer['availability_zone_list'].length, 3);
  assert.equal(balancerEip['status'], 'ELB');
  const listeners = (tables['elb.listeners'] ?? []).map((listener) => listener['protocol_port']).sort();
  assert.deepEqual(listeners, [443, 80], 'made by the cluster for the ingress controller’s Service');
  for (const member of tables['elb.members'] ?? []) assert.equal(member['operating_status'], 'ONLINE');
}

export function expectDns({ zone, balancerEip, tables }: CloudFacts): void {
  assert.equal(zone['name'], 'example.com.');
  assert.equal(zone['zone_type'], 'public');
  assert.equal(zone['status'], 'ACTIVE');
  const records = (tables['dns.recordsets'] ?? []).filter((record) => record['default'] === false);
  assert.deepEqual(
    records.map(({ name, type, records: values, status }) => [name, type, values, status]),
    [['login.example.com.', 'A', [balancerEip['public_ip_address']], 'ACTIVE']],
    'the A record, and no challenge left behind',
  );
}

export function expectAgency({ tables }: CloudFacts): void {
  const [agency] = tables['iam.agencies'] ?? [];
  assert.equal(tables['iam.agencies']?.length, 1);
  assert.equal(agency?.['name'], 'cce_admin_trust');
  assert.equal(agency?.['trust_domain_name'], 'op_svc_cce');
  const role = (tables['iam.roles'] ?? []).find(({ name }) => name === 'te_admin');
  const given = (tables['iam.assignments'] ?? []).filter(({ to, role_id: id }) => to === agency?.id && id === role?.id);
  assert.ok(given.length >= 1, 'Tenant Administrator on the project');
}

/** All of it. */
export function expectCloud(facts: CloudFacts): void {
  expectNetwork(facts);
  expectSecurityGroups(facts);
  expectDatabase(facts);
  expectCluster(facts);
  expectApiAccess(facts);
  expectLoadBalancer(facts);
  expectDns(facts);
}
