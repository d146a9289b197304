/**
 * Owns the security groups that CCE makes for a cluster, with the rules it gives them (CCE user manual, default rules of
 * a cluster's groups): `{name}-cce-node-{random}`, `{name}-cce-control-{random}` and, for the pods of CCE Turbo,
 * `{name}-cce-eni-{random}`. Clients find them by the cluster's uid in the description. From then on they are ordinary groups, changed by the network API.
 */
import { randomBytes } from 'node:crypto';
import { plainTime, uuid } from './ids.ts';
import type { Store } from './store.ts';
import type { ContainerMode } from './tables/compute-cce.ts';
import { networkTables, type SecurityGroupRow } from './tables/network.ts';

interface Opening {
  readonly protocol: 'tcp' | 'udp' | 'icmp' | null;
  readonly ports?: readonly [number, number];
  readonly from: { readonly cidr: string } | 'self';
  readonly why: string;
}

export interface GroupsOrder {
  readonly clusterId: string;
  readonly clusterName: string;
  readonly projectId: string;
  readonly vpcCidr: string;
  /** Empty where pods have addresses of the VPC. */
  readonly containerCidr: string;
  readonly mode: ContainerMode;
  /** Who may reach port 5443; 0.0.0.0/0 where the order named nobody. */
  readonly publicAccess: readonly string[];
}

export function makeControlGroup(store: Store, order: GroupsOrder): SecurityGroupRow {
  const { vpcCidr, containerCidr } = order;
  const inner = [vpcCidr, containerCidr].filter((cidr) => cidr !== '');
  const access = [...new Set([...order.publicAccess, ...(order.publicAccess.includes('0.0.0.0/0') ? [] : inner)])];
  return makeGroup(store, order, 'control', 'master port', [
    ...access.map((cidr): Opening => ({ protocol: 'tcp', ports: [5443, 5443], from: { cidr }, why: 'kube-apiserver' })),
    ...inner.map((cidr): Opening => ({ protocol: 'tcp', ports: [5444, 5444], from: { cidr }, why: 'kube-apiserver for nodes' })),
    { protocol: 'tcp', ports: [9443, 9443], from: { cidr: vpcCidr }, why: 'network add-on of nodes' },
    { protocol: 'tcp', ports: [8445, 8445], from: { cidr: vpcCidr }, why: 'storage add-on of nodes' },
    ...(order.mode === 'overlay_l2' ? [{ protocol: 'udp', ports: [4789, 4789], from: { cidr: '0.0.0.0/0' }, why: 'VXLAN' } as const] : []),
    { protocol: null, from: 'self', why: 'between masters' },
  ]);
}

export function makeNodeGroup(store: Store, order: GroupsOrder): SecurityGroupRow {
  const { vpcCidr, containerCidr } = order;
  return makeGroup(store, order, 'node', 'node', [
    { protocol: 'tcp', from: { cidr: vpcCidr }, why: 'from the VPC' },
    { protocol: 'udp', from: { cidr: vpcCidr }, why: 'from the VPC' },
    { protocol: 'icmp', from: { cidr: vpcCidr }, why: 'from the VPC' },
    { protocol: 'tcp', ports: [30000, 32767], from: { cidr: '0.0.0.0/0' }, why: 'NodePort services' },
    { protocol: 'udp', ports: [30000, 32767], from: { cidr: '0.0.0.0/0' }, why: 'NodePort services' },
    ...(order.mode === 'vpc-router' ? [{ protocol: null, from: { cidr: containerCidr }, why: 'from containers' } as const] : []),
    ...(order.mode === 'overlay_l2' ? [{ protocol: 'udp', ports: [4789, 4789], from: { cidr: '0.0.0.0/0' }, why: 'VXLAN' } as const] : []),
    { protocol: 'tcp', ports: [22, 22], from: { cidr: '0.0.0.0/0' }, why: 'SSH' },
    { protocol: null, from: 'self', why: 'between nodes' },
  ]);
}

export function makeEniGroup(store: Store, order: GroupsOrder): SecurityGroupRow {
  return makeGroup(store, order, 'eni', 'eni', [
    { protocol: null, from: 'self', why: 'between containers' },
    { protocol: null, from: { cidr: order.vpcCidr }, why: 'from the VPC' },
  ]);
}

function makeGroup(
  store: Store,
  order: GroupsOrder,
  role: 'control' | 'node' | 'eni',
  words: string,
  openings: readonly Opening[],
): SecurityGroupRow {
  const { groups, rules } = networkTables(store);
  const now = plainTime();
  const group = groups.insert({
    id: uuid(),
    name: `${order.clusterName}-cce-${role}-${randomBytes(3).toString('hex').slice(0, 5)}`,
    description: `The security group is created by CCE cluster ${order.clusterId} for the ${words}`,
    tenant_id: order.projectId,
    enterprise_project_id: '0',
    created_at: now,
    updated_at: now,
  });
  const base = {
    security_group_id: group.id,
    remote_address_group_id: null,
    action: 'allow',
    priority: 1,
    tenant_id: order.projectId,
    created_at: now,
    updated_at: now,
  } as const;
  const open = { protocol: null, port_range_min: null, port_range_max: null, remote_ip_prefix: null, remote_group_id: null, description: null };
  for (const ethertype of ['IPv4', 'IPv6'] as const) rules.insert({ ...base, ...open, id: uuid(), direction: 'egress', ethertype });
  for (const { protocol, ports, from, why } of openings)
    rules.insert({
      ...base,
      id: uuid(),
      direction: 'ingress',
      ethertype: 'IPv4',
      protocol,
      port_range_min: ports?.[0] ?? null,
      port_range_max: ports?.[1] ?? null,
      remote_ip_prefix: from === 'self' ? null : from.cidr,
      remote_group_id: from === 'self' ? group.id : null,
      description: why,
    });
  return group;
}

/** Takes a group away unless somebody else still uses it: a port, or another group's rule. */
export function dropGroup(store: Store, id: string): void {
  const { groups, rules, ports } = networkTables(store);
  const used =
    ports.find((port) => port.security_groups.includes(id)) !== undefined ||
    rules.find((rule) => rule.remote_group_id === id && rule.security_group_id !== id) !== undefined;
  if (used) return;
  for (const rule of rules.where((one) => one.security_group_id === id)) rules.remove(rule.id);
  groups.remove(id);
}
