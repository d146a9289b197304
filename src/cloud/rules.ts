/** Owns comparing and changing the rules of a security group, as a set. Which rules a group must have is said where the group is. */
import type { Change } from '../engine/resource.ts';
import { type Otc, unlessGone } from '../otc/client.ts';
import { ServiceFault } from '../otc/errors.ts';
import { createSecurityGroupRule, deleteSecurityGroupRule, type SecurityGroupRule } from '../otc/security-group.ts';

/** One rule that a group must have: TCP over IPv4. */
export interface Rule {
  readonly direction: 'ingress' | 'egress';
  readonly port: number;
  /** A security group's id, or a CIDR. */
  readonly remote: { readonly group: string } | { readonly cidr: string };
}

/** `ingress tcp 5432 from group 1234`; two rules that mean the same have the same text. */
export function ruleText(rule: Rule): string {
  const word = rule.direction === 'ingress' ? 'from' : 'to';
  return `${rule.direction} tcp ${rule.port} ${word} ${'group' in rule.remote ? `group ${rule.remote.group}` : rule.remote.cidr}`;
}

/** The same text for a rule as the service has it. No port and no protocol mean any, no remote means everywhere. */
export function seenRuleText(rule: SecurityGroupRule): string {
  const word = rule.direction === 'ingress' ? 'from' : 'to';
  const everywhere = rule.ethertype === 'IPv6' ? '::/0' : '0.0.0.0/0';
  const remote = rule.remote_group_id ? `group ${rule.remote_group_id}` : rule.remote_ip_prefix || everywhere;
  const [low, high] = [rule.port_range_min || undefined, rule.port_range_max || undefined];
  const ports = low === undefined && high === undefined ? 'any port' : low === high ? `${low}` : `${low}-${high}`;
  const family = rule.ethertype === 'IPv6' && rule.remote_group_id ? ' (IPv6)' : '';
  const refuses = rule.action === 'deny' ? ', deny' : '';
  return `${rule.direction} ${rule.protocol || 'any'} ${ports} ${word} ${remote}${family}${refuses}`;
}

/** What must be added (nothing before) and taken away (nothing after). */
export function ruleChanges(wanted: readonly Rule[], seen: readonly SecurityGroupRule[]): Change[] {
  const want = new Set(wanted.map(ruleText));
  const have = new Set(seen.map(seenRuleText));
  return [
    ...[...want].filter((text) => !have.has(text)).map((text) => ({ field: `rule ${text}`, after: text })),
    ...[...have].filter((text) => !want.has(text)).map((text) => ({ field: `rule ${text}`, before: text })),
  ];
}

/** What a group would be made with. */
export function ruleFields(rules: readonly Rule[]): Record<string, unknown> {
  return Object.fromEntries(ruleChanges(rules, []).map(({ field, after }) => [field, after]));
}

/** The rules that there are for another port, and else as wanted. */
export function rulesAtPort(port: number, wanted: readonly Rule[], seen: readonly SecurityGroupRule[]): SecurityGroupRule[] {
  const texts = new Set(wanted.map((rule) => ruleText({ ...rule, port })));
  return seen.filter((rule) => texts.has(seenRuleText(rule)));
}

/** Adds what is missing before it removes what is too much, so that no moment is without the wanted access. */
export async function setRules(otc: Otc, groupId: string, wanted: readonly Rule[], seen: readonly SecurityGroupRule[]): Promise<void> {
  const have = new Set(seen.map(seenRuleText));
  const missing = wanted.filter((rule) => !have.has(ruleText(rule)));
  await Promise.all(missing.map((rule) => addRule(otc, groupId, rule)));
  const want = new Set(wanted.map(ruleText));
  await Promise.all(seen.filter((rule) => !want.has(seenRuleText(rule))).map(({ id }) => unlessGone(deleteSecurityGroupRule(otc, id))));
}

async function addRule(otc: Otc, groupId: string, rule: Rule): Promise<void> {
  const remote = 'group' in rule.remote ? { remote_group_id: rule.remote.group } : { remote_ip_prefix: rule.remote.cidr };
  const body = {
    security_group_id: groupId,
    direction: rule.direction,
    ethertype: 'IPv4',
    protocol: 'tcp',
    port_range_min: rule.port,
    port_range_max: rule.port,
    ...remote,
  } as const;
  try {
    await createSecurityGroupRule(otc, body);
  } catch (error) {
    // The service refuses a second rule that means the same: then it is there.
    if (error instanceof ServiceFault && error.status === 409 && /exists/i.test(`${error.code} ${error.message}`)) return;
    throw error;
  }
}
