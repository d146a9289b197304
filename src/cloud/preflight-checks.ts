/** Owns the single checks of the preflight: each asks one service and says in whole sentences what would go wrong. */
import * as cce from '../otc/cce.ts';
import * as ecs from '../otc/ecs.ts';
import * as elb from '../otc/elb.ts';
import * as rds from '../otc/rds.ts';
import { listVpcQuotas } from '../otc/vpc.ts';
import type { CloudContext } from './context.ts';
import { countsByZone } from './node-pool-spec.ts';

/** How many of each are still to be made. */
export interface Missing {
  readonly vpcs: number;
  readonly subnets: number;
  readonly groups: number;
  readonly eips: number;
  readonly databases: number;
  readonly clusters: number;
  readonly loadBalancers: number;
}

type Checked = Promise<string[]>;

/** A negative limit means none, and one that the service does not tell refuses nothing. */
function overQuota(what: string, used: number, limit: number, more: number): string[] {
  if (limit < 0 || !(Number(used) + more > Number(limit))) return [];
  return [`The quota for ${what} is used up: ${used} of ${limit}, and ${more} more ${more === 1 ? 'is' : 'are'} needed.`];
}

export async function checkNetwork({ otc }: CloudContext, missing: Missing): Checked {
  const quotas = await listVpcQuotas(otc);
  const check = (type: string, what: string, more: number): string[] => {
    const quota = quotas.find((one) => one.type === type);
    return quota === undefined || more === 0 ? [] : overQuota(what, quota.used, quota.quota, more);
  };
  return [
    ...check('vpc', 'VPCs', missing.vpcs),
    ...check('subnet', 'subnets', missing.subnets),
    ...check('securityGroup', 'security groups', missing.groups),
    ...check('publicIp', 'elastic IPs', missing.eips),
  ];
}

/** RDS: instances, version, flavor and storage type in the chosen zones. */
export async function checkDatabase({ otc, stack }: CloudContext): Checked {
  const { version, flavor, zones, storage, ha } = stack.database;
  const versions = await rds.listVersions(otc);
  if (!versions.includes(version)) return [`RDS does not offer PostgreSQL ${version} here; it offers ${versions.join(', ')}.`];
  const [quota, flavors, types] = await Promise.all([
    rds.readQuota(otc),
    rds.listFlavors(otc, version),
    rds.listStorageTypes(otc, version, ha ? 'ha' : 'single'),
  ]);
  const problems = quota === undefined ? [] : overQuota('RDS instances', quota.used, quota.quota, 1);
  const found = flavors.find(({ spec_code }) => spec_code === flavor);
  const inAll = (status: Readonly<Record<string, string>>): boolean => zones.every((zone) => status[zone] === 'normal');
  if (found === undefined || !inAll(found.az_status)) {
    const mode = ha ? 'ha' : 'single';
    const others = flavors.filter((one) => one.instance_mode === mode && inAll(one.az_status)).map(({ spec_code }) => spec_code);
    problems.push(
      `${found === undefined ? `RDS does not know the flavor ${flavor} for PostgreSQL ${version}` : unavailable(`RDS flavor ${flavor}`, found.az_status, zones)}; on offer in ${zones.join(' and ')}: ${few(others)}.`,
    );
  }
  const type = types.find(({ name }) => name === storage.type);
  if (type === undefined || !inAll(type.az_status)) {
    const others = types.filter((one) => inAll(one.az_status)).map(({ name }) => name);
    problems.push(`RDS storage type ${storage.type} is not on offer in ${zones.join(' and ')}; there is ${few(others)}.`);
  }
  return problems;
}

export async function checkCluster({ otc }: CloudContext): Checked {
  const quota = await cce.readQuota(otc);
  return quota === undefined ? [] : overQuota('CCE clusters', quota.used, quota.quotaLimit, 1);
}

/** CCE has no list of its versions, but every cluster gets the add-on `coredns`, whose templates say which clusters they run on. */
export async function checkClusterVersion({ otc, stack }: CloudContext): Checked {
  const { version } = stack.cluster;
  const templates = await cce.listAddonTemplates(otc, 'coredns');
  const patterns = templates.flatMap(({ spec }) => spec.versions ?? []).flatMap(({ supportVersions }) => supportVersions ?? []);
  const known = [...new Set(patterns.flatMap(({ clusterVersion }) => clusterVersion ?? []))];
  if (known.length === 0 || known.some((pattern) => covers(pattern, version))) return [];
  return [`CCE does not offer Kubernetes ${version} here; its add-ons run on ${few(known)}.`];
}

/** Whether a pattern fits any release of a version `vX.Y`. One that this language cannot read counts as fitting: CCE itself will say. */
export function covers(pattern: string, version: string): boolean {
  try {
    const whole = new RegExp(`^(?:${pattern})$`);
    return ['', '.0', '.1', '.0-r0', '.1-r0', '.3-r0', '.5-r0'].some((release) => whole.test(`${version}${release}`));
  } catch (error) {
    if (error instanceof SyntaxError) return true;
    throw error;
  }
}

/** ECS: the nodes' flavor in each zone, and servers and cores that are left. */
export async function checkNodes({ otc, stack }: CloudContext): Checked {
  const { flavor, count, zones } = stack.cluster.nodes;
  const [flavors, limits] = await Promise.all([ecs.listFlavors(otc), ecs.readLimits(otc)]);
  const problems = overQuota('servers (ECS)', limits.totalInstancesUsed, limits.maxTotalInstances, count);
  const found = flavors.find(({ id }) => id === flavor);
  if (found === undefined)
    return [
      ...problems,
      `ECS does not know the flavor ${flavor}; on offer in ${zones.join(', ')}: ${few(flavors.filter((one) => zones.every((zone) => offered(one, zone))).map(({ id }) => id))}.`,
    ];
  const cores = Number(found.vcpus) * count;
  if (Number.isFinite(cores)) problems.push(...overQuota('vCPUs (ECS)', limits.totalCoresUsed, limits.maxTotalCores, cores));
  for (const [zone, nodes] of countsByZone(count, zones)) {
    if (nodes === 0 || offered(found, zone)) continue;
    const others = flavors.filter((one) => one.vcpus === found.vcpus && one.ram === found.ram && offered(one, zone)).map(({ id }) => id);
    problems.push(`Node flavor ${flavor} is sold out or not offered in ${zone}; of the same size there: ${few(others)}.`);
  }
  return problems;
}

/** `cond:operation:az` lists states by zone; a zone that is not in it follows `cond:operation:status`. */
export function offered({ os_extra_specs: specs = {} }: ecs.Flavor, zone: string): boolean {
  const byZone = new Map([...(specs['cond:operation:az'] ?? '').matchAll(/([\w-]+)\((\w+)\)/g)].map(([, name, state]) => [name, state]));
  const state = byZone.get(zone) ?? specs['cond:operation:status'] ?? 'normal';
  return state === 'normal' || state === 'promotion' || state === 'obt' || state === 'obt_promotion';
}

export async function checkLoadBalancer({ otc, stack }: CloudContext): Checked {
  const { l4Flavor, l7Flavor, zones } = stack.loadBalancer;
  const [flavors, sets, quotas] = await Promise.all([elb.listFlavors(otc), elb.listZoneSets(otc), elb.listQuotas(otc)]);
  const quota = quotas.find(({ quota_key }) => quota_key === 'loadbalancer');
  const problems = quota === undefined ? [] : overQuota('load balancers', quota.used, quota.quota_limit, 1);
  for (const [type, name] of [
    ['L4', l4Flavor],
    ['L7', l7Flavor],
  ] as const) {
    const found = flavors.find((one) => one.name === name || one.id === name);
    if (found !== undefined && !found.flavor_sold_out) continue;
    const others = flavors.filter((one) => one.type === type && !one.flavor_sold_out).map((one) => one.name);
    problems.push(`Load balancer flavor ${name} is ${found === undefined ? 'unknown' : 'sold out'}; on offer: ${few(others)}.`);
  }
  const active = sets.map((set) => set.filter(({ state }) => state === 'ACTIVE').map(({ code }) => code));
  if (!active.some((codes) => zones.every((zone) => codes.includes(zone)))) {
    problems.push(`Load balancers cannot span ${zones.join(' and ')}; together there are ${active.map((codes) => codes.join(', ')).join(' or ')}.`);
  }
  return problems;
}

function unavailable(what: string, status: Readonly<Record<string, string>>, zones: readonly string[]): string {
  const bad = zones
    .filter((zone) => status[zone] !== 'normal')
    .map((zone) => `${status[zone] === 'sellout' ? 'sold out' : 'not offered'} in ${zone}`);
  return `${what} is ${bad.join(' and ')}`;
}

function few(names: readonly string[]): string {
  if (names.length === 0) return 'nothing';
  return names.length > 12 ? `${names.slice(0, 12).join(', ')} and ${names.length - 12} more` : names.join(', ');
}
