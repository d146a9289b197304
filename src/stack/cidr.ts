/** Owns IPv4 networks in CIDR notation: parsing, containment, overlap, cutting. Which ranges OTC allows is `rules.ts`'s business. */

export interface Cidr {
  /** First address as an unsigned number. */
  readonly start: number;
  readonly prefix: number;
}

/** Parses `10.20.0.0/16`; a string says what is wrong with it. */
export function parseCidr(text: string): Cidr | string {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  if (match === null) return 'is not a network; write it like 10.20.0.0/16';
  const [a, b, c, d, prefix] = match.slice(1).map(Number) as [number, number, number, number, number];
  if ([a, b, c, d].some((octet) => octet > 255) || prefix > 32) return 'is not a network: an address part is above 255 or the prefix above 32';
  const start = ((a * 256 + b) * 256 + c) * 256 + d;
  const network = { start: start - (start % sizeOf({ start, prefix })), prefix };
  return network.start === start ? network : `${BITS_SET}; the network is ${formatCidr(network)}`;
}

const BITS_SET = 'has bits set behind its prefix';

/** The network that a text means, also where it names an address in it: `10.20.0.1/16` is 10.20.0.0/16. */
export function networkMeant(text: string): Cidr | undefined {
  const parsed = parseCidr(text);
  if (typeof parsed !== 'string') return parsed;
  return parsed.startsWith(BITS_SET) ? cidr(parsed.slice(parsed.lastIndexOf(' ') + 1)) : undefined;
}

/** Parses a CIDR that is known to be right. */
export function cidr(text: string): Cidr {
  const parsed = parseCidr(text);
  if (typeof parsed === 'string') throw new Error(`${text} ${parsed}`);
  return parsed;
}

/** Number of addresses. */
export function sizeOf({ prefix }: Cidr): number {
  return 2 ** (32 - prefix);
}

export function contains(outer: Cidr, inner: Cidr): boolean {
  return inner.start >= outer.start && inner.start + sizeOf(inner) <= outer.start + sizeOf(outer);
}

export function overlap(one: Cidr, other: Cidr): boolean {
  return one.start < other.start + sizeOf(other) && other.start < one.start + sizeOf(one);
}

export function formatCidr({ start, prefix }: Cidr): string {
  return `${[24, 16, 8, 0].map((shift) => Math.floor(start / 2 ** shift) % 256).join('.')}/${prefix}`;
}

/** The two subnets cut from a VPC's range where the stack names none: a /20 for the cluster, then a /24 for the database, less in a small VPC. */
export function cutSubnets(vpc: Cidr): { cluster: Cidr; database: Cidr } {
  const cluster = { start: vpc.start, prefix: Math.max(20, vpc.prefix + 1) };
  return { cluster, database: { start: vpc.start + sizeOf(cluster), prefix: Math.max(24, vpc.prefix + 2) } };
}
