/** Owns counting what a tenant has: which resources were made, changed in number or left alone between two moments. */
import type { Entry } from '../../sandbox/control/state.ts';
import type { Row } from '../../sandbox/otc/store.ts';
import type { TestWorld } from './world.ts';

/** Tables of resources that a deployment can make. Tokens, jobs and the world's own notes are none. */
const counted = [
  ...['vpc.vpcs', 'vpc.subnets', 'vpc.security-groups', 'vpc.security-group-rules', 'vpc.publicips', 'vpc.ports', 'nat.gateways', 'nat.snat-rules'],
  ...['dns.zones', 'dns.recordsets', 'rds.instances', 'cce.clusters', 'cce.nodepools', 'cce.nodes', 'ecs.servers', 'nova.keypairs', 'evs.volumes'],
  ...['elb.loadbalancers', 'elb.listeners', 'elb.pools', 'iam.agencies'],
] as const;

export type Census = Readonly<Record<string, readonly string[]>>;

/** Ids by table. */
export async function census(world: TestWorld): Promise<Census> {
  const tables = await world.control.resources();
  return Object.fromEntries(counted.map((table) => [table, (tables[table] ?? []).map(({ id }) => id).sort()]));
}

/** How many of each table are there; tables without any are left out. */
export function counts(found: Census): Record<string, number> {
  return Object.fromEntries(
    Object.entries(found)
      .map(([table, ids]) => [table, ids.length] as const)
      .filter(([, count]) => count > 0),
  );
}

/** How many of each table came since; tables that kept their number are left out. */
export function grown(before: Census, after: Census): Record<string, number> {
  const changes = Object.keys(after).map((table) => [table, (after[table]?.length ?? 0) - (before[table]?.length ?? 0)] as const);
  return Object.fromEntries(changes.filter(([, more]) => more !== 0));
}

/** Tables in which everything of a stack carries its name, or stands under something that does. */
const carrying = [
  ...['vpc.vpcs', 'vpc.subnets', 'vpc.security-groups', 'vpc.publicips', 'nat.gateways', 'nat.snat-rules', 'dns.zones', 'rds.instances'],
  ...['cce.clusters', 'cce.nodepools', 'cce.nodes', 'ecs.servers', 'elb.loadbalancers', 'elb.listeners', 'elb.pools', 'nova.keypairs'],
] as const;

interface Carrying extends Row {
  readonly name?: string;
  readonly alias?: string;
}

/** Names by table of what stands in a tenant, without the security groups that each project has from the start; empty tables are left out. */
export async function standing(world: TestWorld): Promise<Record<string, string[]>> {
  const tables = await world.control.resources();
  const found = carrying.map((table): [string, string[]] => [
    table,
    ((tables[table] ?? []) as Carrying[]).map(({ name, alias, id }) => name ?? alias ?? id).filter((one) => one !== 'default'),
  ]);
  return Object.fromEntries(found.filter(([, names]) => names.length > 0));
}

/** Of what still stands after a destroy, what its summary does not list as kept. */
export function unlisted(names: Readonly<Record<string, readonly string[]>>, summary: string): string[] {
  const listed = summary.split('\n').filter((line) => /\bkept\b/.test(line));
  return Object.values(names)
    .flat()
    .filter((one) => !listed.some((line) => line.includes(one.replace(/\.$/, ''))));
}

/** `table: name`, of whatever is there twice. */
export function twice(names: Readonly<Record<string, readonly string[]>>): string[] {
  return Object.entries(names).flatMap(([table, all]) =>
    [...new Set(all.filter((name, index) => all.indexOf(name) !== index))].map((name) => `${table}: ${name}`),
  );
}

/** Calls that are not GET and change nothing: signing in, and the certificate by which the cluster is reached. */
const harmless: readonly RegExp[] = [/^POST \/v3\/auth\/tokens$/, /^POST \/api\/v3\/projects\/[^/]+\/clusters\/[^/]+\/clustercert$/];

/** The writes among the calls: every call that is neither a reading one nor on the list above. */
export function writes(requests: readonly Entry[]): string[] {
  return requests
    .filter(({ method }) => method !== 'GET' && method !== 'HEAD')
    .map(({ method, path }) => `${method} ${path}`)
    .filter((call) => !harmless.some((one) => one.test(call)));
}

/** Calls that went to the cloud's APIs, as against download sites and chart repositories. */
export function cloudCalls(requests: readonly Entry[]): Entry[] {
  return requests.filter(({ host }) => /\.otc\.t-systems\.com$|\.sc\.otc\./.test(host));
}
