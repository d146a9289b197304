/**
 * Owns the single checks of the preflight: each asks one thing of one service and says in whole sentences what would go wrong. One
 * that is not answered says nothing about the others; what then becomes of it is `preflight.ts`'s.
 */
import * as cce from '../otc/cce.ts';
import * as ecs from '../otc/ecs.ts';
import * as elb from '../otc/elb.ts';
import { readQuotas } from '../otc/evs.ts';
import { listPublicImages } from '../otc/ims.ts';
import * as rds from '../otc/rds.ts';
import { listVpcQuotas } from '../otc/vpc.ts';
import { bastionDisk } from './bastion.ts';
import type { CloudContext } from './context.ts';
import { ifAnswered, TOLD_BY_ITS_CHECK } from './preflight-answers.ts';
import type { Missing } from './preflight-missing.ts';

export interface Check {
  /** What is looked into, for people. */
  readonly name: string;
  /** What would go wrong; empty where nothing would. */
  readonly problems: () => Promise<readonly string[]>;
}

/** The checks for what is still to be made; none where nothing is. */
export function checksFor(context: CloudContext, missing: Missing): Check[] {
  const network = missing.vpcs + missing.subnets + missing.groups + missing.rules + missing.eips + missing.natGateways > 0;
  const servers = [...missing.nodes.values()].reduce((sum, nodes) => sum + nodes, 0) + missing.bastions;
  return [
    ...(network ? [{ name: 'network quotas', problems: () => networkQuotas(context, missing) }] : []),
    ...(missing.database === undefined ? [] : databaseChecks(context, missing)),
    ...(missing.clusters === 0
      ? []
      : [
          { name: 'CCE quota', problems: () => clusterQuota(context) },
          { name: 'cluster version', problems: () => clusterVersion(context) },
        ]),
    ...(servers === 0
      ? []
      : [
          { name: 'server flavors', problems: () => serverFlavors(context, missing) },
          { name: 'server quotas', problems: () => serverQuotas(context, missing) },
          { name: 'disk quotas', problems: () => diskQuotas(context, missing) },
        ]),
    ...(missing.bastions === 0 ? [] : [{ name: 'bastion image', problems: () => bastionImage(context) }]),
    ...(missing.loadBalancers === 0
      ? []
      : [
          { name: 'load balancer flavors', problems: () => balancerFlavors(context) },
          { name: 'load balancer zones', problems: () => balancerZones(context) },
          { name: 'load balancer quotas', problems: () => balancerQuotas(context) },
        ]),
  ];
}

/** A negative limit means none, and one that the service does not tell refuses nothing. */
function overQuota(what: string, used: number, limit: number, more: number): string[] {
  if (more === 0 || limit < 0 || !(Number(used) + more > Number(limit))) return [];
  return [`The quota for ${what} is used up: ${used} of ${limit}, and ${more} more ${more === 1 ? 'is' : 'are'} needed.`];
}

async function networkQuotas({ otc }: CloudContext, missing: Missing): Promise<string[]> {
  const quotas = await listVpcQuotas(otc);
  const check = (type: string, what: string, more: number): string[] => {
    const quota = quotas.find((one) => one.type === type);
    return quota === undefined ? [] : overQuota(what, quota.used, quota.quota, more);
  };
  return [
    ...check('vpc', 'VPCs', missing.vpcs),
    ...check('subnet', 'subnets', missing.subnets),
    ...check('securityGroup', 'security groups', missing.groups),
    ...check('securityGroupRule', 'security group rules', missing.rules),
    ...check('publicIp', 'elastic IPs', missing.eips),
    ...check('natGateway', 'NAT gateways', missing.natGateways),
  ];
}

/** RDS: version, flavor and storage type in its zones, and instances that are left. */
function databaseChecks({ otc, stack }: CloudContext, { database: lacking, databaseZones: zones }: Missing): Check[] {
  const { version, flavor, storage, ha } = stack.database;
  const mode = ha ? 'ha' : 'single';
  const inAll = (status: Readonly<Record<string, string>>): boolean => zones.every((zone) => status[zone] === 'normal');
  const flavors = async (): Promise<string[]> => {
    const all = await rds.listFlavors(otc, version);
    const found = all.find(({ spec_code }) => spec_code === flavor);
    if (found !== undefined && inAll(found.az_status)) return [];
    const others = all.filter((one) => one.instance_mode === mode && inAll(one.az_status)).map(({ spec_code }) => spec_code);
    const what =
      found === undefined
        ? `RDS does not know the flavor ${flavor} for PostgreSQL ${version}`
        : unavailable(`RDS flavor ${flavor}`, found.az_status, zones);
    return [`${what}; on offer in ${zones.join(' and ')}: ${few(others)}.`];
  };
  const storageTypes = async (): Promise<string[]> => {
    const types = await rds.listStorageTypes(otc, version, mode);
    const type = types.find(({ name }) => name === storage.type);
    if (type !== undefined && inAll(type.az_status)) return [];
    const others = types.filter((one) => inAll(one.az_status)).map(({ name }) => name);
    return [`RDS storage type ${storage.type} is not on offer in ${zones.join(' and ')}; there is ${few(others)}.`];
  };
  // What is offered for a version that is not offered would be a second way to say the same.
  const offered = async (problems: () => Promise<string[]>): Promise<string[]> => {
    const versions = await ifAnswered(rds.listVersions(otc));
    return versions === TOLD_BY_ITS_CHECK || versions.includes(version) ? problems() : [];
  };
  if (lacking === 'flavor') return [{ name: 'RDS flavors', problems: flavors }];
  return [
    {
      name: 'RDS versions',
      problems: async () => {
        const versions = await rds.listVersions(otc);
        return versions.includes(version) ? [] : [`RDS does not offer PostgreSQL ${version} here; it offers ${versions.join(', ')}.`];
      },
    },
    { name: 'RDS flavors', problems: () => offered(flavors) },
    { name: 'RDS storage types', problems: () => offered(storageTypes) },
    {
      name: 'RDS quota',
      problems: async () => {
        const quota = await rds.readQuota(otc);
        return quota === undefined ? [] : overQuota('RDS instances', quota.used, quota.quota, 1);
      },
    },
  ];
}

async function clusterQuota({ otc }: CloudContext): Promise<string[]> {
  const quota = await cce.readQuota(otc);
  return quota === undefined ? [] : overQuota('CCE clusters', quota.used, quota.quotaLimit, 1);
}

/** CCE has no list of its versions, but every cluster gets the add-on `coredns`, whose templates say which clusters they run on. */
async function clusterVersion({ otc, stack }: CloudContext): Promise<string[]> {
  const { version } = stack.cluster;
  const templates = await cce.listAddonTemplates(otc, 'coredns');
  const patterns = templates.flatMap(({ spec }) => spec.versions ?? []).flatMap(({ supportVersions }) => supportVersions ?? []);
  const known = [...new Set(patterns.flatMap(({ clusterVersion: versions }) => versions ?? []))];
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

/** Flavors of nodes and bastion, each in the zones where it is still needed. */
async function serverFlavors({ otc, stack }: CloudContext, missing: Missing): Promise<string[]> {
  const { nodes, bastion } = stack.cluster;
  const flavors = await ecs.listFlavors(otc);
  const check = (what: string, flavor: string, zones: readonly string[]): string[] => {
    if (zones.length === 0) return [];
    const found = flavors.find(({ id }) => id === flavor);
    if (found === undefined) {
      const others = flavors.filter((one) => zones.every((zone) => offered(one, zone))).map(({ id }) => id);
      return [`ECS does not know the flavor ${flavor}; on offer in ${zones.join(', ')}: ${few(others)}.`];
    }
    return zones
      .filter((zone) => !offered(found, zone))
      .map((zone) => {
        const others = flavors.filter((one) => one.vcpus === found.vcpus && one.ram === found.ram && offered(one, zone)).map(({ id }) => id);
        return `${what} flavor ${flavor} is sold out or not offered in ${zone}; of the same size there: ${few(others)}.`;
      });
  };
  const zones = [...missing.nodes].filter(([, count]) => count > 0).map(([zone]) => zone);
  return [...check('Node', nodes.flavor, zones), ...check('Bastion', bastion.flavor, missing.bastions > 0 ? [bastion.zone] : [])];
}

/** `cond:operation:az` lists states by zone; a zone that is not in it follows `cond:operation:status`. */
export function offered({ os_extra_specs: specs = {} }: ecs.Flavor, zone: string): boolean {
  const byZone = new Map([...(specs['cond:operation:az'] ?? '').matchAll(/([\w-]+)\((\w+)\)/g)].map(([, name, state]) => [name, state]));
  const state = byZone.get(zone) ?? specs['cond:operation:status'] ?? 'normal';
  return state === 'normal' || state === 'promotion' || state === 'obt' || state === 'obt_promotion';
}

/** Servers, cores and memory that are left; of a flavor that is not known, its number alone counts. */
async function serverQuotas({ otc, stack }: CloudContext, { nodes, bastions }: Missing): Promise<string[]> {
  const [limits, told] = await Promise.all([ecs.readLimits(otc), ifAnswered(ecs.listFlavors(otc))]);
  const flavors = told === TOLD_BY_ITS_CHECK ? [] : told;
  const needed: [string, number][] = [
    [stack.cluster.nodes.flavor, [...nodes.values()].reduce((sum, count) => sum + count, 0)],
    [stack.cluster.bastion.flavor, bastions],
  ];
  const sum = (of: (flavor: ecs.Flavor) => number): number =>
    needed.reduce((total, [id, count]) => {
      const flavor = flavors.find((one) => one.id === id);
      const each = flavor === undefined ? 0 : of(flavor);
      return total + (Number.isFinite(each) ? each * count : 0);
    }, 0);
  const servers = needed.reduce((total, [, count]) => total + count, 0);
  return [
    ...overQuota('servers (ECS)', limits.totalInstancesUsed, limits.maxTotalInstances, servers),
    ...overQuota(
      'vCPUs (ECS)',
      limits.totalCoresUsed,
      limits.maxTotalCores,
      sum(({ vcpus }) => Number(vcpus)),
    ),
    ...overQuota(
      'MB of memory (ECS)',
      limits.totalRAMUsed ?? 0,
      limits.maxTotalRAMSize ?? -1,
      sum(({ ram }) => ram),
    ),
  ];
}

/** Disks of nodes and bastion; those of RDS are not the project's own. */
async function diskQuotas({ otc, stack }: CloudContext, { nodes, bastions }: Missing): Promise<string[]> {
  const { rootVolume, dataVolume } = stack.cluster.nodes;
  const told = bastions === 0 ? [] : await ifAnswered(listPublicImages(otc, stack.cluster.bastion.image));
  // Also that there is none is told by its check.
  const image = told === TOLD_BY_ITS_CHECK ? undefined : told[0];
  const quotas = await readQuotas(otc);
  const servers = [...nodes.values()].reduce((sum, count) => sum + count, 0);
  const disks = [
    ...Array.from({ length: servers }, () => [rootVolume, dataVolume]).flat(),
    ...Array.from({ length: bastions }, () => bastionDisk(image)),
  ];
  const check = (kind: string, what: string, of: readonly { readonly size: number }[]): string[] => {
    const sum = of.reduce((total, { size }) => total + size, 0);
    return [['volumes', 'disks', of.length] as const, ['gigabytes', 'GB of disks', sum] as const].flatMap(([name, unit, more]) => {
      const quota = quotas[`${name}${kind}`];
      return quota === undefined ? [] : overQuota(`${unit} (EVS${what})`, quota.in_use + (quota.reserved ?? 0), quota.limit, more);
    });
  };
  const types = [...new Set(disks.map(({ type }) => type))];
  return [
    ...check('', '', disks),
    ...types.flatMap((type) =>
      check(
        `_${type}`,
        `, ${type}`,
        disks.filter((disk) => disk.type === type),
      ),
    ),
  ];
}

async function bastionImage({ otc, stack }: CloudContext): Promise<string[]> {
  const { image } = stack.cluster.bastion;
  return (await listPublicImages(otc, image)).length > 0 ? [] : [`There is no public image ${image} for the bastion here.`];
}

async function balancerFlavors({ otc, stack }: CloudContext): Promise<string[]> {
  const flavors = await elb.listFlavors(otc);
  const { l4Flavor, l7Flavor } = stack.loadBalancer;
  const wanted = [
    ['L4', l4Flavor],
    ['L7', l7Flavor],
  ] as const;
  return wanted.flatMap(([type, name]) => {
    const found = flavors.find((one) => one.name === name || one.id === name);
    if (found !== undefined && !found.flavor_sold_out) return [];
    const others = flavors.filter((one) => one.type === type && !one.flavor_sold_out).map((one) => one.name);
    return [`Load balancer flavor ${name} is ${found === undefined ? 'unknown' : 'sold out'}; on offer: ${few(others)}.`];
  });
}

async function balancerZones({ otc, stack }: CloudContext): Promise<string[]> {
  const { zones } = stack.loadBalancer;
  const active = (await elb.listZoneSets(otc)).map((set) => set.filter(({ state }) => state === 'ACTIVE').map(({ code }) => code));
  if (active.some((codes) => zones.every((zone) => codes.includes(zone)))) return [];
  return [`Load balancers cannot span ${zones.join(' and ')}; together there are ${active.map((codes) => codes.join(', ')).join(' or ')}.`];
}

/** CCE makes a listener and a pool for each of the two ports. */
async function balancerQuotas({ otc }: CloudContext): Promise<string[]> {
  const quotas = await elb.listQuotas(otc);
  const check = (key: string, what: string, more: number): string[] => {
    const quota = quotas.find(({ quota_key }) => quota_key === key);
    return quota === undefined ? [] : overQuota(what, quota.used, quota.quota_limit, more);
  };
  return [
    ...check('loadbalancer', 'load balancers', 1),
    ...check('listener', 'listeners (ELB)', 2),
    ...check('pool', 'backend server groups (ELB)', 2),
  ];
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
