/**
 * Owns the evaluation of security groups: pure functions from rows of the store to "may this connection be made?". As in
 * the cloud: what no rule allows is refused; of two rules that match, the lower priority number decides, and at the same
 * number a refusal (API reference, section 3). Sockets are `gate.ts`'s.
 */
import ipaddr from 'ipaddr.js';
import type { PortRow, SecurityGroupRuleRow, SubnetRow, VpcRow } from '../otc/tables/network.ts';

export interface Landscape {
  readonly ports: readonly PortRow[];
  readonly rules: readonly SecurityGroupRuleRow[];
  readonly vpcs: readonly VpcRow[];
  readonly subnets: readonly SubnetRow[];
  /** Address ranges of pods that live in a VPC with addresses of their own (`vpc-router` clusters). */
  readonly containerRanges: readonly { readonly vpcId: string; readonly cidr: string }[];
}

export function inRange(address: string, cidr: string): boolean {
  const [parsed, range] = [ipaddr.process(address), ipaddr.parseCIDR(cidr)];
  return parsed.kind() === range[0].kind() && parsed.match(range);
}

/** 10/8, 172.16/12, 192.168/16 and carrier-grade NAT: nothing on the internet answers there. */
export const privateRanges = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'] as const;
export const isPrivate = (address: string): boolean => privateRanges.some((range) => inRange(address, range));

/** The port that has this private address, in the given VPC where one is named. */
export function portOf(address: string, landscape: Landscape, vpcId?: string): PortRow | undefined {
  return landscape.ports.find(
    (port) => (vpcId === undefined || port.vpc_id === vpcId) && port.fixed_ips.some((fixed) => fixed.ip_address === address),
  );
}

/** Is there a way from this source address to a private address of the VPC at all? */
export function isInside(source: string, vpcId: string, landscape: Landscape): boolean {
  const vpc = landscape.vpcs.find((row) => row.id === vpcId);
  const ranges = [
    ...(vpc === undefined ? [] : [vpc.cidr, ...vpc.extend_cidrs]),
    ...landscape.containerRanges.filter((range) => range.vpcId === vpcId).map((range) => range.cidr),
  ];
  return ranges.some((range) => range !== '' && inRange(source, range));
}

interface Flow {
  readonly direction: 'ingress' | 'egress';
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  /** The address at the other end, and the groups it is a member of. */
  readonly remote: string;
  readonly remoteGroups: readonly string[];
}

function covers(rule: SecurityGroupRuleRow, flow: Flow): boolean {
  if (rule.direction !== flow.direction) return false;
  if (rule.ethertype !== (ipaddr.process(flow.remote).kind() === 'ipv6' ? 'IPv6' : 'IPv4')) return false;
  const number = { tcp: '6', udp: '17' }[flow.protocol];
  // A row that was put in by hand may lack any field.
  if (rule.protocol && rule.protocol.toLowerCase() !== flow.protocol && rule.protocol !== number) return false;
  if (!coversPort(rule, flow.port)) return false;
  if (rule.remote_group_id) return flow.remoteGroups.includes(rule.remote_group_id);
  if (rule.remote_ip_prefix) return inRange(flow.remote, withLength(rule.remote_ip_prefix));
  // An address group has no members here; no remote at all means everybody.
  return !rule.remote_address_group_id;
}

const withLength = (prefix: string): string => (prefix.includes('/') ? prefix : `${prefix}/${prefix.includes(':') ? 128 : 32}`);

function coversPort(rule: SecurityGroupRuleRow, port: number): boolean {
  if (rule.multiport !== undefined && rule.multiport !== '') {
    return rule.multiport.split(',').some((part) => {
      const [low, high] = part.split('-').map(Number);
      return low !== undefined && port >= low && port <= (high ?? low);
    });
  }
  // 0 means "no port" to clients that always send the fields.
  const low = rule.port_range_min || 1;
  const high = rule.port_range_max || (rule.port_range_min ? rule.port_range_min : 65_535);
  return port >= low && port <= high;
}

function allowed(groups: readonly string[], flow: Flow, landscape: Landscape): boolean {
  const matching = landscape.rules
    .filter((rule) => groups.includes(rule.security_group_id) && covers(rule, flow))
    .sort((a, b) => a.priority - b.priority || Number(a.action === 'allow') - Number(b.action === 'allow'));
  return matching[0]?.action === 'allow';
}

/**
 * May `source` connect to a member of `groups`? Asks the target's ingress rules and, where the source is a port of the
 * cloud, the egress rules of its groups (with the target's address and groups as the other end).
 */
export function permitted(
  question: {
    readonly source: string;
    readonly groups: readonly string[];
    readonly port: number;
    readonly protocol: 'tcp' | 'udp';
    readonly target?: string | undefined;
  },
  landscape: Landscape,
): boolean {
  const sourcePort = portOf(question.source, landscape);
  const sourceGroups = sourcePort?.security_groups ?? [];
  const { port, protocol, groups } = question;
  const comesIn = allowed(groups, { direction: 'ingress', protocol, port, remote: question.source, remoteGroups: sourceGroups }, landscape);
  if (!comesIn) return false;
  if (sourcePort === undefined || !sourcePort.port_security_enabled) return true;
  const remote = question.target ?? anyAddressOf(groups, landscape);
  return remote === undefined || allowed(sourceGroups, { direction: 'egress', protocol, port, remote, remoteGroups: groups }, landscape);
}

/** Without a target address the first member of its groups stands for it. */
function anyAddressOf(groups: readonly string[], landscape: Landscape): string | undefined {
  return landscape.ports.find((port) => port.security_groups.some((group) => groups.includes(group)))?.fixed_ips[0]?.ip_address;
}
