/** Owns the calls to security groups in the Neutron v2.0 form (VPC API reference), the one whose lists carry the rules. */
import type { Otc } from './client.ts';
import { byMarker } from './paging.ts';

export interface SecurityGroupRule {
  readonly id: string;
  readonly security_group_id: string;
  readonly direction: 'ingress' | 'egress';
  readonly ethertype: string;
  readonly protocol?: string | null;
  readonly port_range_min?: number | null;
  readonly port_range_max?: number | null;
  readonly remote_group_id?: string | null;
  readonly remote_ip_prefix?: string | null;
  readonly remote_address_group_id?: string | null;
  readonly description?: string | null;
  /** `deny` where it refuses. The v2.0 form of the API reference does not name it; where it is told, it counts. */
  readonly action?: string | null;
}

export interface SecurityGroup {
  readonly id: string;
  readonly name: string;
  readonly description?: string | null;
  readonly security_group_rules: readonly SecurityGroupRule[];
}

const known = { id: 'text', name: 'text', security_group_rules: [{ id: 'text', direction: 'text' }] } as const;

/** All groups of the project with their rules; CCE's own are only found by looking at all. */
export async function listSecurityGroups(otc: Otc, fresh?: boolean): Promise<SecurityGroup[]> {
  return byMarker<SecurityGroup>(otc, { service: 'vpc', path: '/v2.0/security-groups', key: 'security_groups', each: known, limit: 2000, fresh });
}

/** @param patience seconds for which the client repeats it, where the caller knows better */
export async function getSecurityGroup(otc: Otc, id: string, patience?: number): Promise<SecurityGroup> {
  const path = `/v2.0/security-groups/${id}`;
  const call = { service: 'vpc', method: 'GET', path, must: { security_group: known }, fresh: true, patience } as const;
  return (await otc.send<{ security_group: SecurityGroup }>(call)).security_group;
}

/** Comes with two rules that let everything out. */
export async function createSecurityGroup(otc: Otc, group: { name: string; description: string }): Promise<SecurityGroup> {
  const must = { security_group: known };
  return (await otc.post<{ security_group: SecurityGroup }>('vpc', '/v2.0/security-groups', { security_group: group }, must)).security_group;
}

/** A description of at most 255 characters. */
export async function updateSecurityGroup(otc: Otc, id: string, group: { description: string }, patience?: number): Promise<void> {
  await otc.send<void>({ service: 'vpc', method: 'PUT', path: `/v2.0/security-groups/${id}`, body: { security_group: group }, patience });
}

/** 409 while a port carries it or another group's rule names it; `patience` in seconds. */
export async function deleteSecurityGroup(otc: Otc, id: string, patience?: number): Promise<void> {
  await otc.send({ service: 'vpc', method: 'DELETE', path: `/v2.0/security-groups/${id}`, patience });
}

export interface NewRule {
  readonly security_group_id: string;
  readonly direction: 'ingress' | 'egress';
  readonly ethertype: 'IPv4';
  readonly protocol: 'tcp';
  readonly port_range_min: number;
  readonly port_range_max: number;
  readonly remote_group_id?: string;
  readonly remote_ip_prefix?: string;
  /** At most 255 characters; it cannot be changed. */
  readonly description?: string;
}

/** 409 where the group has this rule already, also where its first answer was lost. */
export async function createSecurityGroupRule(otc: Otc, rule: NewRule): Promise<void> {
  const call = { service: 'vpc', method: 'POST', path: '/v2.0/security-group-rules', body: { security_group_rule: rule }, repeatable: true } as const;
  await otc.send<void>(call);
}

export async function deleteSecurityGroupRule(otc: Otc, id: string): Promise<void> {
  await otc.delete('vpc', `/v2.0/security-group-rules/${id}`);
}
