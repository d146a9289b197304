/**
 * Owns what security groups and their rules are, whichever API speaks: default rules, normalisation, duplicates, who uses a
 * group. The three APIs' routes are in `security-group*.ts`; what the rules let through is asked by the world's gate.
 */
import { range } from './cidr.ts';
import { plainTime, uuid } from './ids.ts';
import type { Call } from './service.ts';
import type { Store } from './store.ts';
import { networkTables, type SecurityGroupRow, type SecurityGroupRuleRow } from './tables/network.ts';
import { projectOfCall } from './vpc-common.ts';

export interface GroupWanted {
  readonly projectId: string;
  readonly name: string;
  readonly description: string;
  readonly vpcId?: string | undefined;
  readonly enterpriseProjectId?: string | undefined;
  /** v1 and v3 also let members talk to each other. */
  readonly members: boolean;
}

/** A group with the default rules of the API it is made by. Also for groups that CCE makes. */
export function createGroup(store: Store, wanted: GroupWanted): SecurityGroupRow {
  const now = plainTime();
  const row = networkTables(store).groups.insert({
    id: uuid(),
    name: wanted.name,
    description: wanted.description,
    tenant_id: wanted.projectId,
    vpc_id: wanted.vpcId,
    enterprise_project_id: wanted.enterpriseProjectId ?? '0',
    created_at: now,
    updated_at: now,
  });
  for (const ethertype of ['IPv4', 'IPv6'] as const) createRule(store, row, { direction: 'egress', ethertype });
  if (wanted.members)
    for (const ethertype of ['IPv4', 'IPv6'] as const) createRule(store, row, { direction: 'ingress', ethertype, remote_group_id: row.id });
  return row;
}

export type RuleWanted = Pick<SecurityGroupRuleRow, 'direction'> &
  Partial<
    Pick<
      SecurityGroupRuleRow,
      | 'ethertype'
      | 'protocol'
      | 'port_range_min'
      | 'port_range_max'
      | 'multiport'
      | 'remote_ip_prefix'
      | 'remote_group_id'
      | 'remote_address_group_id'
      | 'description'
      | 'action'
      | 'priority'
    >
  >;

/** Adds a rule without asking for duplicates; see {@link duplicateOf}. */
export function createRule(store: Store, group: SecurityGroupRow, wanted: RuleWanted): SecurityGroupRuleRow {
  const now = plainTime();
  return networkTables(store).rules.insert({ ...complete(group, wanted), id: uuid(), tenant_id: group.tenant_id, created_at: now, updated_at: now });
}

function complete(group: SecurityGroupRow, wanted: RuleWanted): Omit<SecurityGroupRuleRow, 'id' | 'tenant_id' | 'created_at' | 'updated_at'> {
  return {
    security_group_id: group.id,
    direction: wanted.direction,
    ethertype: wanted.ethertype ?? 'IPv4',
    protocol: wanted.protocol ?? null,
    port_range_min: wanted.port_range_min ?? null,
    port_range_max: wanted.port_range_max ?? null,
    ...(wanted.multiport === undefined ? {} : { multiport: wanted.multiport }),
    remote_ip_prefix: wanted.remote_ip_prefix ?? null,
    remote_group_id: wanted.remote_group_id ?? null,
    remote_address_group_id: wanted.remote_address_group_id ?? null,
    description: wanted.description ?? null,
    action: wanted.action ?? 'allow',
    priority: wanted.priority ?? 1,
  };
}

/** Everything but the description; no remote at all and the whole internet are the same. */
function fingerprint(rule: ReturnType<typeof complete>): string {
  const anywhere = rule.remote_ip_prefix === '0.0.0.0/0' || rule.remote_ip_prefix === '::/0';
  return JSON.stringify([
    rule.security_group_id,
    rule.direction,
    rule.ethertype,
    rule.protocol,
    rule.port_range_min,
    rule.port_range_max,
    rule.multiport ?? null,
    anywhere ? null : rule.remote_ip_prefix,
    rule.remote_group_id,
    rule.remote_address_group_id,
    rule.action,
  ]);
}

export function duplicateOf(store: Store, group: SecurityGroupRow, wanted: RuleWanted): SecurityGroupRuleRow | undefined {
  const mine = fingerprint(complete(group, wanted));
  return networkTables(store).rules.find((rule) => rule.security_group_id === group.id && fingerprint(rule) === mine);
}

/** What is wrong with a rule, in words; undefined where nothing is. */
export function faultOf(store: Store, group: SecurityGroupRow, wanted: RuleWanted): string | undefined {
  const { protocol = null, port_range_min: min = null, port_range_max: max = null } = wanted;
  const remotes = [wanted.remote_ip_prefix, wanted.remote_group_id, wanted.remote_address_group_id].filter(
    (remote) => remote !== undefined && remote !== null,
  );
  if (!['ingress', 'egress'].includes(wanted.direction)) return `Invalid input for direction: ${wanted.direction}.`;
  if (!['IPv4', 'IPv6', undefined].includes(wanted.ethertype)) return `Security group rule ethertype '${String(wanted.ethertype)}' is not supported.`;
  if (protocol !== null && !['tcp', 'udp', 'icmp', 'icmpv6'].includes(protocol) && !(/^\d{1,3}$/.test(protocol) && Number(protocol) <= 255))
    return `Security group rule protocol ${protocol} not supported.`;
  if (remotes.length > 1) return 'Only one of remote_ip_prefix, remote_group_id and remote_address_group_id may be provided.';
  if (protocol === null && (min !== null || max !== null)) return 'Must also specify protocol if port range is given.';
  if ((protocol === 'tcp' || protocol === 'udp') && (min === null) !== (max === null))
    return 'For TCP/UDP protocols, port_range_min must be <= port_range_max, and both must be given.';
  if ((protocol === 'tcp' || protocol === 'udp') && min !== null && max !== null && !(min >= 1 && max <= 65535 && min <= max))
    return `Invalid port range ${min}:${max}.`;
  if (protocol === 'icmp' && [min, max].some((value) => value !== null && (value < 0 || value > 255)))
    return `Invalid ICMP type or code ${min}:${max}.`;
  const prefix = wanted.remote_ip_prefix;
  if (
    prefix !== undefined &&
    prefix !== null &&
    prefix !== '' &&
    (wanted.ethertype ?? 'IPv4') === 'IPv4' &&
    range(prefix.includes('/') ? prefix : `${prefix}/32`) === undefined
  )
    return `Invalid input for remote_ip_prefix: ${prefix}.`;
  if ((wanted.description ?? '').length > 255) return 'Invalid input for description: at most 255 characters.';
  const remote = wanted.remote_group_id;
  if (remote !== undefined && remote !== null && networkTables(store).groups.get(remote)?.tenant_id !== group.tenant_id)
    return `Security group ${remote} does not exist.`;
  return undefined;
}

/** Groups of the caller's project. */
export const ownGroups = (call: Call): SecurityGroupRow[] =>
  networkTables(call.world.store).groups.where((row) => row.tenant_id === projectOfCall(call));
export const rulesOf = (store: Store, groupId: string): SecurityGroupRuleRow[] =>
  networkTables(store).rules.where((rule) => rule.security_group_id === groupId);

/** A port, a database, a cluster or another group's rule that uses the group. */
export function userOf(store: Store, groupId: string): string | undefined {
  const { ports, rules } = networkTables(store);
  const port = ports.find((row) => row.security_groups.includes(groupId));
  if (port !== undefined) return `port ${port.id}`;
  const rule = rules.find((row) => row.remote_group_id === groupId && row.security_group_id !== groupId);
  if (rule !== undefined) return `security group rule ${rule.id}`;
  const database = store.table<{ id: string; security_group_id?: string }>('rds.instances').find((row) => row.security_group_id === groupId);
  return database === undefined ? undefined : `instance ${database.id}`;
}

/** Removes a group with its rules. */
export function removeGroup(store: Store, groupId: string): void {
  const { groups, rules } = networkTables(store);
  for (const rule of rulesOf(store, groupId)) rules.remove(rule.id);
  groups.remove(groupId);
}
