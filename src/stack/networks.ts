/**
 * Owns the rules between networks: OTC's ranges, subnets inside the VPC, nothing that overlaps. The arithmetic is
 * `cidr.ts`'s, all other rules are `rules.ts`'s.
 */
import { type Cidr, cidr, contains, formatCidr, overlap, parseCidr } from './cidr.ts';
import type { Path, Problem } from './document.ts';
import type { StackFile } from './schema.ts';
import type { Stack } from './stack.ts';

const PRIVATE: readonly Cidr[] = [cidr('10.0.0.0/8'), cidr('172.16.0.0/12'), cidr('192.168.0.0/16')];

/** All problems of the stack's networks. */
export function networkProblems(file: StackFile, stack: Stack): Problem[] {
  const problems: Problem[] = [];
  const { network, cluster } = stack;
  const read = (path: Path, text: string, reads: readonly string[] = []): Cidr | undefined => {
    const parsed = parseCidr(text);
    if (typeof parsed !== 'string') return parsed;
    problems.push({ path, reads, message: `"${text}" ${parsed}` });
    return undefined;
  };
  const within = (path: Path, of: Cidr, prefixes: readonly [number, number], ranges: readonly Cidr[], what: string): void => {
    const reads = [`${path[0]}.existing`];
    if (ranges.some((outer) => contains(outer, of)) && of.prefix >= prefixes[0] && of.prefix <= prefixes[1]) return;
    problems.push({
      path,
      reads,
      message: `${formatCidr(of)} is not possible for ${what}`,
      hint: `It lies in ${ranges.map(formatCidr).join(', ')} and has a prefix from /${prefixes[0]} to /${prefixes[1]}.`,
    });
  };
  const vpc = read(['network', 'cidr'], network.cidr);
  if (network.existing !== undefined && file.network.cidr === undefined) {
    problems.push({
      path: ['network', 'cidr'],
      reads: ['network.existing'],
      message: 'missing; with an existing VPC, say which range it has',
      hint: 'Copy the CIDR of the VPC.',
    });
  }
  // VPC ranges and prefixes: VPC API v1, create. Minimum of a subnet: /28.
  if (vpc !== undefined) {
    if (network.existing === undefined) within(['network', 'cidr'], vpc, [8, 24], PRIVATE, 'a VPC');
    const subnetPath = (name: string): Path => [
      'network',
      'subnets',
      name,
      ...(typeof file.network.subnets[name as 'cluster' | 'database'] === 'object' ? ['cidr'] : []),
    ];
    const inside = (name: 'cluster' | 'database'): Cidr | undefined => {
      const path = subnetPath(name);
      // With one subnet for both, the database's is not looked at.
      const reads = name === 'database' ? ['network.subnets.single'] : [];
      const subnet = read(path, network.subnets[name].cidr, reads);
      if (subnet === undefined) return undefined;
      if (!contains(vpc, subnet))
        problems.push({
          path,
          reads: ['network.cidr', ...reads],
          message: `${formatCidr(subnet)} is not inside the VPC ${formatCidr(vpc)}`,
          hint: 'Choose a part of the VPC’s range.',
        });
      if (subnet.prefix > 28)
        problems.push({ path, reads, message: `${formatCidr(subnet)} is too small`, hint: 'A subnet has a /28 or a larger range.' });
      return subnet;
    };
    const clusterSubnet = inside('cluster');
    if (!network.subnets.single) {
      const databaseSubnet = inside('database');
      if (clusterSubnet !== undefined && databaseSubnet !== undefined && overlap(clusterSubnet, databaseSubnet)) {
        problems.push({
          path: subnetPath('database'),
          reads: ['network.subnets.cluster', 'network.subnets.single'],
          message: `${formatCidr(databaseSubnet)} overlaps the cluster's subnet ${formatCidr(clusterSubnet)}`,
          hint: 'Choose separate ranges, or "single: true" for one subnet.',
        });
      }
    } else if (file.network.subnets.database !== undefined && network.subnets.database.cidr !== cidrOf(file.network.subnets.database)) {
      problems.push({
        path: ['network', 'subnets', 'database'],
        reads: ['network.subnets.single', 'network.subnets.cluster'],
        message: 'a database subnet contradicts "single: true"',
        hint: 'Remove one of the two.',
      });
    }
  }
  const pods = read(['cluster', 'containerNetwork', 'cidr'], cluster.containerNetwork.cidr);
  const services = read(['cluster', 'serviceCidr'], cluster.serviceCidr);
  if (cluster.existing === undefined && pods !== undefined) {
    const least = contains(cidr('10.0.0.0/8'), pods) ? 12 : 16;
    within(['cluster', 'containerNetwork', 'cidr'], pods, [least, 19], PRIVATE, 'pods');
  }
  if (cluster.existing === undefined && services !== undefined) within(['cluster', 'serviceCidr'], services, [12, 24], PRIVATE, 'Services');
  for (const [path, one, other, name, setting] of [
    [['cluster', 'containerNetwork', 'cidr'], pods, vpc, 'VPC', 'network.cidr'],
    [['cluster', 'serviceCidr'], services, vpc, 'VPC', 'network.cidr'],
    [['cluster', 'serviceCidr'], services, pods, 'pods’ range', 'cluster.containerNetwork.cidr'],
  ] as const) {
    if (one !== undefined && other !== undefined && overlap(one, other)) {
      problems.push({
        path,
        reads: [setting],
        message: `${formatCidr(one)} overlaps the ${name} ${formatCidr(other)}`,
        hint: 'VPC, pods and Services need ranges of their own.',
      });
    }
  }
  network.dns.forEach((address, index) => {
    if (typeof parseCidr(`${address}/32`) === 'string')
      problems.push({ path: ['network', 'dns', index], message: `"${address}" is not an IPv4 address` });
  });
  cluster.allow.forEach((entry, index) => {
    if (entry !== 'runner') read(['cluster', 'allow', index], entry);
  });
  return problems;
}

function cidrOf(subnet: string | { cidr: string }): string {
  return typeof subnet === 'string' ? subnet : subnet.cidr;
}
