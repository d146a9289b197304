/**
 * Owns the rules between networks: OTC's ranges, subnets inside the VPC, nothing that overlaps. The arithmetic is
 * `cidr.ts`'s, all other rules are `rules.ts`'s.
 */
import { type Cidr, cidr, contains, formatCidr, networkMeant, overlap, parseCidr } from './cidr.ts';
import type { Path, Problem } from './document.ts';
import type { StackFile } from './schema.ts';
import type { Stack } from './stack.ts';

const PRIVATE: readonly Cidr[] = [cidr('10.0.0.0/8'), cidr('172.16.0.0/12'), cidr('192.168.0.0/16')];

/** A range as far as it can be read, and what is wrong with it. */
interface Read {
  readonly range: Cidr | undefined;
  readonly problems: readonly Problem[];
}

/** All problems of the stack's networks. */
export function networkProblems(file: StackFile, stack: Stack): Problem[] {
  const { network, cluster } = stack;
  const vpc = read(['network', 'cidr'], network.cidr);
  const pods = read(['cluster', 'containerNetwork', 'cidr'], cluster.containerNetwork.cidr);
  const services = read(['cluster', 'serviceCidr'], cluster.serviceCidr);
  return [
    ...vpc.problems,
    ...vpcProblems(file, stack, vpc.range),
    ...(vpc.range === undefined ? [] : subnetProblems(file, stack, vpc.range)),
    ...pods.problems,
    ...services.problems,
    ...(cluster.existing === undefined ? clusterProblems(pods.range, services.range) : []),
    ...overlaps(vpc.range, pods.range, services.range),
    ...addressProblems(stack),
  ];
}

function read(path: Path, text: string, reads: readonly string[] = []): Read {
  const parsed = parseCidr(text);
  if (typeof parsed !== 'string') return { range: parsed, problems: [] };
  return { range: networkMeant(text), problems: [{ path, reads, message: `"${text}" ${parsed}` }] };
}

/** One of OTC's ranges, with a prefix that the service takes. */
function within(path: Path, of: Cidr, [widest, narrowest]: readonly [number, number], what: string): Problem[] {
  if (PRIVATE.some((outer) => contains(outer, of)) && of.prefix >= widest && of.prefix <= narrowest) return [];
  return [
    {
      path,
      reads: [`${path[0]}.existing`],
      message: `${formatCidr(of)} is not possible for ${what}`,
      hint: `It lies in ${PRIVATE.map(formatCidr).join(', ')} and has a prefix from /${widest} to /${narrowest}.`,
    },
  ];
}

/** VPC ranges and prefixes: VPC API v1, create. */
function vpcProblems(file: StackFile, { network }: Stack, vpc: Cidr | undefined): Problem[] {
  if (network.existing === undefined) return vpc === undefined ? [] : within(['network', 'cidr'], vpc, [8, 24], 'a VPC');
  if (file.network.cidr !== undefined) return [];
  return [
    {
      path: ['network', 'cidr'],
      reads: ['network.existing'],
      message: 'missing; with an existing VPC, say which range it has',
      hint: 'Copy the CIDR of the VPC.',
    },
  ];
}

/** Both inside the VPC and apart, or one for both. */
function subnetProblems(file: StackFile, { network }: Stack, vpc: Cidr): Problem[] {
  const { subnets } = network;
  const cluster = insideVpc(file, network, vpc, 'cluster');
  if (subnets.single) {
    const given = file.network.subnets.database;
    if (given === undefined || subnets.database.cidr === cidrOf(given)) return [...cluster.problems];
    const contradiction = {
      path: ['network', 'subnets', 'database'],
      reads: ['network.subnets.single', 'network.subnets.cluster'],
      message: 'a database subnet contradicts "single: true"',
      hint: 'Remove one of the two.',
    };
    return [...cluster.problems, contradiction];
  }
  const database = insideVpc(file, network, vpc, 'database');
  const found = [...cluster.problems, ...database.problems];
  if (cluster.range === undefined || database.range === undefined || !overlap(cluster.range, database.range)) return found;
  const overlapping = {
    path: subnetPath(file, 'database'),
    reads: ['network.subnets.cluster', 'network.subnets.single'],
    message: `${formatCidr(database.range)} overlaps the cluster's subnet ${formatCidr(cluster.range)}`,
    hint: 'Choose separate ranges, or "single: true" for one subnet.',
  };
  return [...found, overlapping];
}

/** One subnet. Minimum: /28 (VPC API v1, create). */
function insideVpc(file: StackFile, network: Stack['network'], vpc: Cidr, name: 'cluster' | 'database'): Read {
  const path = subnetPath(file, name);
  // With one subnet for both, the database's is not looked at.
  const reads = name === 'database' ? ['network.subnets.single'] : [];
  const { range, problems } = read(path, network.subnets[name].cidr, reads);
  if (range === undefined) return { range, problems };
  const found: Problem[] = [...problems];
  if (!contains(vpc, range))
    found.push({
      path,
      reads: ['network.cidr', ...reads],
      message: `${formatCidr(range)} is not inside the VPC ${formatCidr(vpc)}`,
      hint: 'Choose a part of the VPC’s range.',
    });
  if (range.prefix > 28) found.push({ path, reads, message: `${formatCidr(range)} is too small`, hint: 'A subnet has a /28 or a larger range.' });
  return { range, problems: found };
}

/** Where a subnet's range stands: its short form is the range itself. */
function subnetPath(file: StackFile, name: 'cluster' | 'database'): Path {
  return ['network', 'subnets', name, ...(typeof file.network.subnets[name] === 'object' ? ['cidr'] : [])];
}

function clusterProblems(pods: Cidr | undefined, services: Cidr | undefined): Problem[] {
  const widest = pods !== undefined && contains(cidr('10.0.0.0/8'), pods) ? 12 : 16;
  return [
    ...(pods === undefined ? [] : within(['cluster', 'containerNetwork', 'cidr'], pods, [widest, 19], 'pods')),
    ...(services === undefined ? [] : within(['cluster', 'serviceCidr'], services, [12, 24], 'Services')),
  ];
}

function overlaps(vpc: Cidr | undefined, pods: Cidr | undefined, services: Cidr | undefined): Problem[] {
  const pairs = [
    [['cluster', 'containerNetwork', 'cidr'], pods, vpc, 'VPC', 'network.cidr'],
    [['cluster', 'serviceCidr'], services, vpc, 'VPC', 'network.cidr'],
    [['cluster', 'serviceCidr'], services, pods, 'pods’ range', 'cluster.containerNetwork.cidr'],
  ] as const;
  return pairs.flatMap(([path, one, other, name, setting]) => {
    if (one === undefined || other === undefined || !overlap(one, other)) return [];
    const message = `${formatCidr(one)} overlaps the ${name} ${formatCidr(other)}`;
    return [{ path, reads: [setting], message, hint: 'VPC, pods and Services need ranges of their own.' }];
  });
}

/** Resolvers, and who may reach the API server. */
function addressProblems({ network, cluster }: Stack): Problem[] {
  const resolvers = network.dns.flatMap((address, index) =>
    typeof parseCidr(`${address}/32`) === 'string' ? [{ path: ['network', 'dns', index], message: `"${address}" is not an IPv4 address` }] : [],
  );
  const allowed = cluster.allow.flatMap((entry, index) => (entry === 'runner' ? [] : read(['cluster', 'allow', index], entry).problems));
  return [...resolvers, ...allowed];
}

function cidrOf(subnet: string | { cidr: string }): string {
  return typeof subnet === 'string' ? subnet : subnet.cidr;
}
