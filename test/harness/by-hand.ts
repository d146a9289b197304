/**
 * Owns what people change by hand in a deployed world, one kind after the other, and under which resource and field a drift run must
 * name it. How it is done and undone is `hands.ts`'s; who asks for a drift run, and when, are the scenarios.
 */
import assert from 'node:assert/strict';
import {
  deleted,
  edited,
  type HandChange,
  isRecord,
  kubectl,
  named,
  opened,
  overwritten,
  patched,
  type Row,
  removed,
  rowOf,
  update,
} from './hands.ts';

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
