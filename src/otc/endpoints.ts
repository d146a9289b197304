/**
 * Owns where services live: host names by region and the reading of the service catalog. The catalog is always right;
 * host patterns only serve what it does not list, and IAM, which must be known before there is a catalog.
 */
export type Service = 'iam' | 'vpc' | 'nat' | 'rds' | 'cce' | 'elb' | 'dns' | 'ecs' | 'evs' | 'ims';

/** Names of the services as people and OTC's console say them. */
export const serviceNames: Readonly<Record<Service, string>> = {
  iam: 'IAM',
  vpc: 'VPC',
  nat: 'NAT Gateway',
  rds: 'RDS',
  cce: 'CCE',
  elb: 'ELB',
  dns: 'DNS',
  ecs: 'ECS',
  evs: 'EVS',
  ims: 'IMS',
};

/** Types under which the catalog lists a service, best first. */
const CATALOG_TYPES: Readonly<Record<Service, readonly string[]>> = {
  iam: ['identity'],
  vpc: ['network', 'vpc'],
  nat: ['nat'],
  rds: ['rdsv3', 'rds'],
  cce: ['ccev2.0', 'cce'],
  elb: ['elbv3', 'elb'],
  dns: ['dns'],
  ecs: ['ecs', 'compute'],
  evs: ['volumev2', 'volumev3', 'evs'],
  ims: ['imagev2', 'ims', 'image'],
};

export interface CatalogEntry {
  readonly type: string;
  readonly endpoints: readonly { readonly interface: string; readonly region?: string; readonly url: string }[];
}

/** `https://host` of a service by the region's host pattern (OTC, "Regions and endpoints"). */
export function patternOrigin(service: Service, region: string): string {
  const domain = region === 'eu-ch2' ? 'sc.otc.t-systems.com' : 'otc.t-systems.com';
  const host = service === 'iam' && region === 'eu-ch2' ? 'iam-pub' : service;
  return `https://${host}.${region}.${domain}`;
}

/**
 * `https://host` of a service in a region by the catalog, else by the region's pattern. Only the host is taken: the
 * paths are fixed by each service's API reference, and catalogs list different versions of them.
 */
export function originOf(service: Service, region: string, catalog: readonly CatalogEntry[]): string {
  for (const type of CATALOG_TYPES[service]) {
    const candidates = catalog.filter((entry) => entry.type === type).flatMap(({ endpoints }) => endpoints);
    const inRegion = candidates.filter((endpoint) => endpoint.interface === 'public' && endpoint.region === region);
    const [found] = inRegion.length > 0 ? inRegion : candidates.filter((endpoint) => endpoint.interface === 'public' && endpoint.region === '*');
    if (found !== undefined) return new URL(found.url).origin;
  }
  return patternOrigin(service, region);
}

/** Public zones of `eu-nl` are managed through `eu-de` (DNS API reference, endpoints). */
export function dnsRegion(region: string): string {
  return region === 'eu-nl' ? 'eu-de' : region;
}
