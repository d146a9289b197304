/**
 * Owns the defaults that follow from other settings: zones from the region, subnets from the VPC's range, the zone from
 * the domain. Makes the complete `Stack` of a validated file; whether it holds together is `rules.ts`'s business.
 */
import { cidr, cutSubnets, formatCidr, networkMeant, overlap } from './cidr.ts';
import type { StackFile } from './schema.ts';
import type { ChartPin, Existing, Region, Stack, SubnetSettings } from './stack.ts';

/** Availability zones; eu-nl-03 and those of eu-ch2 come from the console, the API documents do not list them. */
export const zonesOf: Readonly<Record<Region, readonly string[]>> = {
  'eu-de': ['eu-de-01', 'eu-de-02', 'eu-de-03'],
  'eu-nl': ['eu-nl-01', 'eu-nl-02', 'eu-nl-03'],
  'eu-ch2': ['eu-ch2a', 'eu-ch2b'],
};

const classNames = { contour: 'contour', nginx: 'nginx', haproxy: 'haproxy', 'envoy-gateway': 'envoy-gateway', existing: '' } as const;

/** The complete stack; `values` are those of the user's file, secrets already lifted out. */
export function completeStack(file: StackFile, values: Readonly<Record<string, unknown>>): Stack {
  const domain = hostName(file.domain);
  const nodeZones = file.cluster.nodes.zones ?? zonesOf[file.region];
  const network = completeNetwork(file);
  const { certManager, solver, secret, ...certificates } = file.certificates;
  const givenPods = file.cluster.containerNetwork.cidr ?? [];
  const serviceCidr = file.cluster.serviceCidr ?? firstFree(['10.247.0.0/16', '172.31.0.0/16', '192.168.240.0/20'], [network.cidr].concat(givenPods));
  const podCidr = file.cluster.containerNetwork.cidr ?? firstFree(['172.20.0.0/16', '10.96.0.0/16', '192.168.0.0/17'], [network.cidr, serviceCidr]);
  return {
    format: file.format,
    name: file.name,
    region: file.region,
    domain,
    contact: file.contact,
    consent: file.consent,
    adopt: file.adopt,
    network,
    database: completeDatabase(file, nodeZones),
    cluster: {
      ...without(file.cluster, 'existing'),
      ...existing(file.cluster.existing),
      containerNetwork: { mode: file.cluster.containerNetwork.mode, cidr: podCidr },
      serviceCidr,
      bastion: {
        ...file.cluster.bastion,
        zone: file.cluster.bastion.zone ?? nodeZones[0] ?? '',
        zoneFollows: file.cluster.bastion.zone === undefined,
      },
      nodes: { ...file.cluster.nodes, zones: nodeZones },
    },
    loadBalancer: {
      ...without(file.loadBalancer, 'existing'),
      ...existing(file.loadBalancer.existing),
      zones: file.loadBalancer.zones ?? nodeZones,
      zonesFollow: file.loadBalancer.zones === undefined,
    },
    ingress: {
      controller: file.ingress.controller,
      className: file.ingress.className ?? classNames[file.ingress.controller],
      replicas: file.ingress.replicas,
      ...(file.ingress.chart === undefined ? {} : { chart: pin(file.ingress.chart) }),
    },
    certificates: { ...certificates, ...(secret === undefined ? {} : { secret }), certManager: pin(certManager), solver: pin(solver) },
    dns: {
      ...without(file.dns, 'existing'),
      ...existing(file.dns.existing),
      project: file.dns.project ?? dnsProjectOf(file.region),
      externalDns: pin(file.dns.externalDns),
      zone: file.dns.zone === undefined ? parentOf(domain) : hostName(file.dns.zone),
    },
    zitadel: {
      ...file.zitadel,
      chart: pin(file.zitadel.chart),
      admin: { ...file.zitadel.admin, email: file.zitadel.admin.email ?? file.contact },
      values,
    },
    destroy: file.destroy,
  };
}

function completeNetwork(file: StackFile): Stack['network'] {
  const { network } = file;
  const range = network.cidr ?? '10.20.0.0/16';
  const meant = networkMeant(range);
  const cut = meant === undefined ? undefined : cutSubnets(meant);
  const complete = (subnet: string | { cidr: string; existing?: Parameters<typeof existing>[0] } | undefined, fallback: string): SubnetSettings =>
    typeof subnet === 'object' ? { cidr: subnet.cidr, ...existing(subnet.existing) } : { cidr: subnet ?? fallback };
  const cluster = complete(network.subnets.cluster, cut === undefined ? range : formatCidr(cut.cluster));
  const separate = complete(network.subnets.database, cut === undefined ? range : formatCidr(cut.database));
  const single = network.subnets.single ?? (network.subnets.database !== undefined && separate.cidr === cluster.cidr);
  return {
    ...existing(network.existing),
    cidr: range,
    subnets: { cluster, database: single ? cluster : separate, single },
    egress: network.egress,
    natGateway: network.natGateway,
    dns: network.dns,
  };
}

function completeDatabase(file: StackFile, nodeZones: readonly string[]): Stack['database'] {
  const { database } = file;
  const ha = database.ha ?? database.flavor.endsWith('.ha');
  const first = nodeZones[0] ?? '';
  return {
    ...without(database, 'existing'),
    ...existing(database.existing),
    version: String(database.version),
    ha: ha === false ? false : ha === true ? { replication: 'async' } : ha,
    zones: database.zones ?? (ha === false ? [first] : [first, nodeZones[1] ?? first]),
    zonesFollow: database.zones === undefined,
    storage: { ...database.storage, autoExpandTo: database.storage.autoExpandTo ?? Math.min(4000, database.storage.size * 5) },
  };
}

/** The region's own project; public zones of `eu-nl` are managed in `eu-de` (DNS API reference, endpoints). */
export function dnsProjectOf(region: Region): string {
  return region === 'eu-nl' ? 'eu-de' : region;
}

/** Lower case, without the dot at the end. */
function hostName(text: string): string {
  return text.toLowerCase().replace(/\.$/, '');
}

/** The domain without its first label, or the domain itself where only a top-level domain would be left. */
export function parentOf(domain: string): string {
  const rest = domain.split('.').slice(1);
  return rest.length < 2 ? domain : rest.join('.');
}

function pin(chart: string | { version: string; digest?: string | undefined; repository?: string | undefined }): ChartPin {
  if (typeof chart === 'string') return { version: chart };
  const { version, digest, repository } = chart;
  return {
    version,
    ...(digest === undefined ? {} : { digest: digest.replace(/^sha256:/, '') }),
    ...(repository === undefined ? {} : { repository }),
  };
}

function existing(given: { id?: string | undefined; name?: string | undefined } | undefined): { existing?: Existing } {
  if (given === undefined) return {};
  return { existing: { ...(given.id === undefined ? {} : { id: given.id }), ...(given.name === undefined ? {} : { name: given.name }) } };
}

function without<T extends object, K extends keyof T>(from: T, left: K): Omit<T, K> {
  const { [left]: _, ...rest } = from;
  return rest;
}

/** The first range that overlaps none of those in use. */
function firstFree(candidates: readonly string[], used: readonly string[]): string {
  const taken = used.map(networkMeant).filter((network) => network !== undefined);
  return candidates.find((candidate) => taken.every((network) => !overlap(cidr(candidate), network))) ?? candidates[0] ?? '';
}
