/**
 * Owns what people change by hand in a deployed world, one kind after the other: how it is done, how it is undone, and under
 * which resource and field a drift run must name it. Who asks for a drift run, and when, are the scenarios.
 */
import assert from 'node:assert/strict';
import type { TestWorld } from './world.ts';

export type Row = { readonly id: string; readonly [field: string]: unknown };

export interface HandChange {
  readonly what: string;
  /** Does it; what it returns undoes it. */
  readonly make: (world: TestWorld) => Promise<() => Promise<void>>;
  /** The resource that a drift run names, and the field of it. */
  readonly id: string;
  readonly field: RegExp;
  /** Seen from outside as well: the verification may name it, too. */
  readonly outside?: true;
  /** Another resource in which it shows as well. */
  readonly also?: string;
  /** No deploy heals it: it says the way out, matching this. */
  readonly refused?: RegExp;
}

export const named =
  (part: string) =>
  (row: Row): boolean =>
    String(row['name'] ?? row['alias']).includes(part);

/** The first row of a table that fits. */
export async function rowOf(world: TestWorld, table: string, fits: (row: Row) => boolean = () => true): Promise<Row> {
  const row = (await world.control.table<Row>(table)).find(fits);
  assert.ok(row, `nothing in ${table}`);
  return row;
}

export const update = (world: TestWorld, table: string, id: string, fields: object): Promise<void> =>
  world.control.edit({ tables: { [table]: { update: { [id]: fields } } } });

/** Runs kubectl where the runner is. @returns what it printed */
export async function kubectl(world: TestWorld, args: readonly string[], input?: string): Promise<string> {
  const { exitCode, stdout, stderr } = await world.enter(['kubectl', ...args], input === undefined ? {} : { input });
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

/** Changes fields of a row, and back. */
export const edited =
  (table: string, fits: (row: Row) => boolean, change: (row: Row) => Readonly<Record<string, unknown>>): HandChange['make'] =>
  async (world) => {
    const row = await rowOf(world, table, fits);
    const fields = change(row);
    await update(world, table, row.id, fields);
    return () => update(world, table, row.id, Object.fromEntries(Object.keys(fields).map((key) => [key, row[key]])));
  };

/** Takes a row away, and puts it back. */
const removed =
  (table: string, fits: (row: Row) => boolean): HandChange['make'] =>
  async (world) => {
    const row = await rowOf(world, table, fits);
    await world.control.edit({ tables: { [table]: { remove: [row.id] } } });
    return () => world.control.edit({ tables: { [table]: { insert: [row] } } });
  };

/** Adds a rule that lets the world in, and takes it away. */
const opened =
  (group: string, ports: readonly [number, number], id: string): HandChange['make'] =>
  async (world) => {
    const { id: groupId } = await rowOf(world, 'vpc.security-groups', named(group));
    const like = await rowOf(world, 'vpc.security-group-rules', (rule) => rule['security_group_id'] === groupId && rule['direction'] === 'ingress');
    const ends = { port_range_min: ports[0], port_range_max: ports[1], remote_ip_prefix: '0.0.0.0/0', remote_group_id: null };
    await world.control.edit({ tables: { 'vpc.security-group-rules': { insert: [{ ...like, id, protocol: 'tcp', ...ends }] } } });
    return async () => {
      const left = (await world.control.table<Row>('vpc.security-group-rules')).some((rule) => rule.id === id);
      if (left) await world.control.edit({ tables: { 'vpc.security-group-rules': { remove: [id] } } });
    };
  };

/** Changes a Kubernetes object by a merge patch, and back by another. */
export const patched =
  (object: string, namespace: string, patch: object, back: object): HandChange['make'] =>
  async (world) => {
    const change = (to: object): Promise<string> =>
      kubectl(world, ['patch', object, '-n', namespace, '--type=merge', '-p', JSON.stringify(to), '-o', 'name']);
    await change(patch);
    return async () => void (await change(back));
  };

/** Deletes a Kubernetes object, and applies it again. */
export const deleted =
  (object: string, ...namespace: readonly string[]): HandChange['make'] =>
  async (world) => {
    const live = JSON.parse(await kubectl(world, ['get', object, ...namespace, '-o', 'json'])) as {
      metadata: Record<string, unknown>;
      status?: unknown;
    };
    await kubectl(world, ['delete', object, ...namespace]);
    const { uid: _, resourceVersion: __, creationTimestamp: ___, generation: ____, ...metadata } = live.metadata;
    return async () => void (await kubectl(world, ['create', '-f', '-', '-o', 'name'], JSON.stringify({ ...live, metadata })));
  };

/** What a data field of a Secret held, changed and put back. */
const overwritten =
  (secret: string, key: string, text: string): HandChange['make'] =>
  async (world) => {
    const get = ['get', 'secret', secret, '-n', 'zitadel', '-o', 'json'];
    const { data } = JSON.parse(await kubectl(world, get)) as { readonly data: Readonly<Record<string, string>> };
    const set = (value: string | undefined): Promise<string> =>
      kubectl(world, ['patch', 'secret', secret, '-n', 'zitadel', '-o', 'name', '-p', JSON.stringify({ data: { [key]: value } })]);
    await set(Buffer.from(text).toString('base64'));
    return async () => void (await set(data[key]));
  };

export const isRecord = (row: Row): boolean => row['name'] === 'login.example.com.' && row['type'] === 'A';

/** Kinds that no run of a controller undoes, and that leave ZITADEL answering: any number of them stand side by side. */
export const quietChanges: readonly HandChange[] = [
  {
    what: 'the database opened to the world',
    make: opened('rds-instance', [5432, 5432], 'wide-database'),
    id: 'network/security-group-database',
    field: /^rule ingress tcp 5432 from 0\.0\.0\.0\/0$/,
  },
  {
    what: 'a wide rule that covers the API port',
    make: opened('-cce-control-', [1, 65_535], 'wide-api'),
    id: 'cluster/api-access',
    field: /^rule ingress tcp 1-65535 from 0\.0\.0\.0\/0/,
  },
  {
    what: 'a node without the group that may reach the database',
    async make(world) {
      const { id: group } = await rowOf(world, 'vpc.security-groups', named('rds-client'));
      const guarded = (row: Row): boolean => (row['security_groups'] as string[]).includes(group);
      return await edited('vpc.ports', guarded, (port) => ({
        security_groups: (port['security_groups'] as string[]).filter((other) => other !== group),
      }))(world);
    },
    id: 'cluster/node-groups',
    field: /^security group .*rds-client.* of node /,
  },
  {
    what: 'a node with one group more',
    async make(world) {
      const { id: group } = await rowOf(world, 'vpc.security-groups', named('rds-instance'));
      const ports = await world.control.table<Row & { readonly security_groups: readonly string[] }>('vpc.ports');
      const node = ports.findLast((port) => String(port['device_owner']).startsWith('compute:') && port.security_groups.length > 1);
      assert.ok(node, 'a port of a node');
      const set = (security_groups: readonly string[]): Promise<void> => update(world, 'vpc.ports', node.id, { security_groups });
      await set([...node.security_groups, group]);
      return () => set(node.security_groups);
    },
    id: 'cluster/node-groups',
    field: /^security group .*rds-instance.* of node /,
  },
  {
    what: "a way out for the database's subnet",
    async make(world) {
      const { id: network_id } = await rowOf(world, 'vpc.subnets', named('-database-'));
      const [gateway, eip] = [await rowOf(world, 'nat.gateways'), await rowOf(world, 'vpc.publicips', named('-nat-'))];
      const of = { nat_gateway_id: gateway.id, tenant_id: gateway['tenant_id'], network_id, cidr: '', source_type: 0 };
      const to = { floating_ip_id: eip.id, floating_ip_address: eip['public_ip_address'] };
      const rule = { id: 'rule-by-hand', ...of, ...to, description: '', status: 'ACTIVE', admin_state_up: true, created_at: '' };
      await world.control.edit({ tables: { 'nat.snat-rules': { insert: [rule] } } });
      return () => world.control.edit({ tables: { 'nat.snat-rules': { remove: [rule.id] } } });
    },
    id: 'network/snat-rule',
    field: /^SNAT rule rule-by-hand of the database's subnet$/,
  },
  {
    what: 'a node pool whose new nodes would not get it',
    make: edited('cce.nodepools', named('-eu-de-02-'), ({ spec }) => ({
      spec: { ...(spec as object), customSecurityGroups: (spec as { customSecurityGroups: string[] }).customSecurityGroups.slice(0, 1) },
    })),
    id: 'cluster/node-pool-eu-de-02',
    field: /^customSecurityGroups$/,
    refused: /would have to be replaced to change customSecurityGroups .*carries the running system: refused/,
  },
  {
    what: 'a node pool that grows by itself',
    make: edited('cce.nodepools', named('-eu-de-01-'), ({ spec }) => ({
      spec: { ...(spec as object), autoscaling: { enable: true, minNodeCount: 1, maxNodeCount: 9, scaleDownCooldownTime: 0, priority: 0 } },
    })),
    id: 'cluster/node-pool-eu-de-01',
    field: /^autoscaling\.enable$/,
  },
  {
    what: 'backups kept for a shorter time',
    make: edited('rds.instances', named('-db-'), ({ backup_strategy: strategy }) => ({ backup_strategy: { ...(strategy as object), keep_days: 1 } })),
    id: 'database/instance',
    field: /^backup_strategy\.keep_days$/,
  },
  {
    what: 'a parameter loosened that keeps passwords safe',
    make: edited('rds.instances', named('-db-'), ({ parameters }) => ({ parameters: { ...(parameters as object), password_encryption: 'md5' } })),
    id: 'database/instance',
    field: /^parameter password_encryption$/,
  },
  {
    what: "less bandwidth for the load balancer's address",
    make: edited('vpc.bandwidths', named('-elb-'), () => ({ size: 5 })),
    id: 'load-balancer/eip',
    field: /^bandwidth\.size$/,
  },
  {
    what: 'another class of load balancer',
    make: edited('elb.loadbalancers', named('-elb-'), () => ({ l7_flavor_id: null })),
    id: 'load-balancer/load-balancer',
    field: /^l7_flavor_id$/,
    refused: /would have to be replaced to change l7_flavor_id .*carries the running system: refused/,
  },
  {
    what: 'a larger NAT gateway',
    make: edited('nat.gateways', named('-nat-'), () => ({ spec: '4' })),
    id: 'network/nat-gateway',
    field: /^spec$/,
  },
  {
    what: 'the way out taken away',
    make: removed('nat.snat-rules', ({ id }) => id !== 'rule-by-hand'),
    id: 'network/snat-rule',
    field: /^(is not there|SNAT rule)$/,
  },
  {
    what: 'a VPC with shared SNAT',
    make: edited('vpc.vpcs', named('-vpc-'), () => ({ enable_shared_snat: true })),
    id: 'network/vpc',
    field: /^enable_shared_snat$/,
  },
  {
    what: "other name servers in the nodes' subnet",
    make: edited('vpc.subnets', named('-nodes-'), () => ({ primary_dns: '8.8.8.8', secondary_dns: '1.1.1.1', dnsList: ['8.8.8.8', '1.1.1.1'] })),
    id: 'network/subnet-cluster',
    field: /^dnsList$/,
  },
  {
    what: 'another e-mail of the zone',
    make: edited('dns.zones', named('example.com.'), () => ({ email: 'somebody@example.org' })),
    id: 'dns/zone',
    field: /^email$/,
  },
  { what: 'another TTL of the zone', make: edited('dns.zones', named('example.com.'), () => ({ ttl: 60 })), id: 'dns/zone', field: /^ttl$/ },
  {
    what: 'the agency deleted by which CCE acts in the tenant',
    make: removed('iam.agencies', named('cce_admin_trust')),
    id: 'project/agency',
    field: /^is not there$/,
  },
  { what: 'another TTL of the A record', make: edited('dns.recordsets', isRecord, () => ({ ttl: 60 })), id: 'dns/record', field: /^ttl$/ },
  {
    what: 'a disruption budget deleted',
    make: deleted('pdb/zitadel', '-n', 'zitadel'),
    id: 'zitadel/release',
    field: /^PodDisruptionBudget zitadel$/,
  },
  {
    what: 'the Secret with the database authority edited',
    make: overwritten('zitadel-rds-ssl-cert', 'ca.crt', 'nothing'),
    id: 'zitadel/database-ca',
    field: /^data\.ca\.crt$/,
  },
  {
    what: 'the login app scaled by hand',
    make: patched('deployment/zitadel-login', 'zitadel', { spec: { replicas: 1 } }, { spec: { replicas: 2 } }),
    id: 'zitadel/release',
    field: /^Deployment zitadel-login spec\.replicas$/,
  },
  {
    what: "the ingress controller's Service edited",
    make: patched('service/contour-envoy', 'contour', { spec: { externalTrafficPolicy: 'Local' } }, { spec: { externalTrafficPolicy: 'Cluster' } }),
    id: 'ingress/contour',
    field: /^Service contour-envoy spec\.externalTrafficPolicy$/,
  },
  {
    what: 'a field that the manifest leaves open',
    make: patched('deployment/zitadel-login', 'zitadel', { spec: { paused: true } }, { spec: { paused: null } }),
    id: 'zitadel/release',
    field: /^Deployment zitadel-login spec\.paused$/,
  },
  {
    what: 'a port more at the public address',
    async make(world) {
      const service = ['service/contour-envoy', '-n', 'contour', '-o'];
      const { spec } = JSON.parse(await kubectl(world, ['get', ...service, 'json'])) as { readonly spec: { readonly ports: readonly object[] } };
      const set = (ports: readonly object[]): Promise<string> =>
        kubectl(world, ['patch', ...service, 'name', '--type=merge', '-p', JSON.stringify({ spec: { ports } })]);
      await set([...spec.ports, { name: 'more', port: 9999, targetPort: 8080 }]);
      return async () => void (await set(spec.ports));
    },
    id: 'ingress/contour',
    field: /^Service contour-envoy spec\.ports\[more\]$/,
  },
  {
    what: 'the delegation withdrawn',
    async make(world) {
      await world.control.edit({ switches: { 'delegation:example.com': false } });
      return () => world.control.edit({ switches: { 'delegation:example.com': null } });
    },
    id: 'dns/delegation',
    field: /./,
    outside: true,
    refused: /NS.*ns1\.open-telekom-cloud\.com/s,
  },
];
