/**
 * Owns the rules of a cluster order (API reference 6.1, 6.6): what `POST /clusters` refuses, with which code, and which
 * defaults it fills in. It reads tables and changes nothing; `cce-life.ts` makes what it has let through.
 */

import { subnetOf } from './allocate.ts';
import { clusterFlavors, clusterVersion } from './cce-catalog.ts';
import { cceTables } from './cce-tables.ts';
import { overlap, type Range, range, within } from './cidr.ts';
import { groupOf, networkOf, quotaOf, zonesOf } from './compute-common.ts';
import { any, boolean, integer, list, map, object, read, required, string, type TypeOf } from './fields.ts';
import { publicIpByAddress } from './public-ip.ts';
import { type Call, Refusal } from './service.ts';
import type { CceClusterSpec } from './tables/compute.ts';
import { iamTables } from './tables/iam.ts';
import { networkTables } from './tables/network.ts';

export const clusterShape = object({
  kind: required(string),
  apiVersion: required(string),
  metadata: required(object({ name: required(string), labels: map(string), annotations: map(string), timezone: string })),
  spec: required(
    object({
      category: string,
      type: string,
      flavor: required(string),
      version: string,
      description: string,
      hostNetwork: required(object({ vpc: required(string), subnet: required(string), SecurityGroup: string })),
      containerNetwork: required(object({ mode: required(string), cidr: string, cidrs: list(object({ cidr: required(string) })) })),
      eniNetwork: object({ eniSubnetId: string, eniSubnetCIDR: string }),
      serviceNetwork: object({ IPv4CIDR: string }),
      kubernetesSvcIpRange: string,
      kubeProxyMode: string,
      authentication: object({ mode: string, authenticatingProxy: map(any) }),
      billingMode: integer,
      masters: list(object({ availabilityZone: required(string) })),
      publicAccess: object({ cidrs: list(string) }),
      customSan: list(string),
      ipv6enable: boolean,
      enableMasterVolumeEncryption: boolean,
      deletionProtection: boolean,
      extendParam: map(string),
    }),
  ),
});

export interface ClusterOrder {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Add-ons wished besides the default ones. */
  readonly addons: readonly string[];
  readonly spec: CceClusterSpec;
  readonly vpcCidr: string;
  readonly externalIpId: string | undefined;
}

export const invalid = (message: string): Refusal => new Refusal(400, 'CCE.01400001', message);

/** @throws Refusal with the service's code */
export function checkCluster(call: Call, projectId: string): ClusterOrder {
  const { kind, apiVersion, metadata, spec } = read(clusterShape, call.body);
  const { store } = call.world;
  checkAgency(call, projectId);
  if (kind.toLowerCase() !== 'cluster' || apiVersion.toLowerCase() !== 'v3') throw invalid('kind must be Cluster and apiVersion v3.');
  if (!/^[a-z][a-z0-9-]{2,126}[a-z0-9]$/.test(metadata.name)) throw invalid(`Cluster name [${metadata.name}] is invalid.`);
  const own = cceTables(store).clusters.where((row) => row.project_id === projectId);
  if (own.some((row) => row.name === metadata.name)) throw new Refusal(409, 'CCE.01409001', `The cluster [${metadata.name}] already exists.`);
  if (own.length >= quotaOf(store, 'cce.cluster', 5)) throw new Refusal(400, 'CCE.01400007', 'Insufficient cluster quota.');
  const flavor = clusterFlavors[spec.flavor];
  if (flavor === undefined) throw invalid(`Cluster flavor [${spec.flavor}] is not supported.`);
  const version = clusterVersion(spec.version);
  if (version === undefined) throw new Refusal(400, 'CCE.01400015', `Cluster version [${spec.version}] is not supported.`);
  const category = spec.containerNetwork.mode === 'eni' ? 'Turbo' : 'CCE';
  if ((spec.category ?? category) !== category)
    throw invalid(`A cluster of category ${spec.category ?? ''} cannot have the container network mode [${spec.containerNetwork.mode}].`);
  if ((spec.type ?? 'VirtualMachine') !== 'VirtualMachine') throw invalid(`Clusters of type ${spec.type ?? ''} are not offered here.`);
  if ((spec.billingMode ?? 0) !== 0) throw invalid('Only billingMode 0 is supported.');
  if (spec.ipv6enable === true) throw invalid('IPv6 clusters are not offered here.');
  const vpc = checkHostNetwork(call, projectId, spec.hostNetwork);
  const networks = checkNetworks(call, vpc, spec);
  const proxyMode = spec.kubeProxyMode ?? 'iptables';
  if (!['iptables', 'ipvs'].includes(proxyMode)) throw invalid(`kubeProxyMode [${proxyMode}] is invalid.`);
  const authentication = spec.authentication?.mode ?? 'rbac';
  if (!['rbac', 'authenticating_proxy'].includes(authentication)) throw invalid(`Authentication mode [${authentication}] is invalid.`);
  checkMasters(call, spec.masters, flavor.masters);
  for (const cidr of spec.publicAccess?.cidrs ?? []) if (range(cidr) === undefined) throw invalid(`publicAccess cidr [${cidr}] is invalid.`);
  const mask = spec.extendParam?.['alpha.cce/fixPoolMask'];
  if (mask !== undefined && !/^2[4-8]$/.test(mask)) throw invalid(`The pool mask [${mask}] of a node is invalid: 24 to 28.`);
  const address = spec.extendParam?.['clusterExternalIP'];
  const zone = spec.extendParam?.['clusterAZ'];
  if (zone !== undefined && zone !== 'multi_az' && !zonesOf(call.region).includes(zone)) throw invalid(`Availability zone [${zone}] is invalid.`);
  return {
    name: metadata.name,
    labels: metadata.labels ?? {},
    addons: addonsIn(metadata.annotations ?? {}),
    vpcCidr: vpc.cidr,
    externalIpId: address === undefined || address === '' ? undefined : freeAddress(call, projectId, address),
    spec: {
      category,
      type: 'VirtualMachine',
      flavor: spec.flavor,
      version,
      platformVersion: 'cce.4.0',
      description: spec.description ?? '',
      hostNetwork: { vpc: spec.hostNetwork.vpc, subnet: spec.hostNetwork.subnet, SecurityGroup: spec.hostNetwork.SecurityGroup ?? '' },
      ...networks,
      publicAccess: spec.publicAccess?.cidrs === undefined ? {} : { cidrs: spec.publicAccess.cidrs },
      authentication: { mode: authentication, authenticatingProxy: {} },
      billingMode: 0,
      kubeProxyMode: proxyMode,
      enableMasterVolumeEncryption: spec.enableMasterVolumeEncryption ?? false,
      deletionProtection: spec.deletionProtection ?? false,
      ...(spec.customSan === undefined ? {} : { customSan: spec.customSan }),
      ...(spec.masters === undefined ? {} : { masters: spec.masters }),
      extendParam: { enterpriseProjectId: '0', ...spec.extendParam },
    },
  };
}

/** CCE acts for the tenant through an agency (1.6): without it, or without its role on the project, nothing is made. */
function checkAgency(call: Call, projectId: string): void {
  const { agencies, assignments, roles } = iamTables(call.world.store);
  const domain = call.caller?.domainId;
  const agency = agencies.find((row) => row.name === 'cce_admin_trust' && row.domain_id === domain && row.trust_domain_name === 'op_svc_cce');
  const granted =
    agency?.given === 'taken over' ||
    assignments.find(
      (row) =>
        row.to === agency?.id &&
        roles.get(row.role_id)?.name === 'te_admin' &&
        ('project' in row.on ? row.on.project === projectId : 'domain' in row.on || row.on.inherited === domain),
    ) !== undefined;
  if (!granted) throw invalid('Your account has not been delegated, please authorize CCE to access other cloud services first.');
}

function checkHostNetwork(call: Call, projectId: string, host: TypeOf<typeof clusterShape>['spec']['hostNetwork']) {
  const { store } = call.world;
  const vpc = networkTables(store).vpcs.get(host.vpc);
  if (vpc === undefined || vpc.tenant_id !== projectId) throw invalid(`VPC [${host.vpc}] is not found.`);
  const subnet = networkOf(store, projectId, host.subnet, vpc.id);
  if (subnet === undefined) throw new Refusal(400, 'CCE.01400002', `Subnet [${host.subnet}] is not found in VPC [${vpc.id}].`);
  const group = host.SecurityGroup ?? '';
  if (group !== '' && groupOf(store, projectId, group) === undefined) throw invalid(`Security group [${group}] is not found.`);
  return vpc;
}

/** Private ranges that containers may use, with the shortest and longest mask. */
const containerRanges = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'].flatMap((text) => range(text) ?? []);
const conflict = (message: string): Refusal => new Refusal(400, 'CCE.01400005', message);

function checkNetworks(call: Call, vpc: { readonly id: string; readonly cidr: string }, spec: TypeOf<typeof clusterShape>['spec']) {
  const mode = spec.containerNetwork.mode;
  if (mode !== 'vpc-router' && mode !== 'overlay_l2' && mode !== 'eni') throw invalid(`Container network mode [${mode}] is not supported.`);
  const host = range(vpc.cidr);
  if (host === undefined) throw invalid(`VPC [${vpc.id}] has no IPv4 range.`);
  const serviceText = spec.serviceNetwork?.IPv4CIDR ?? spec.kubernetesSvcIpRange ?? '10.247.0.0/16';
  const service = range(serviceText);
  if (service === undefined || service.prefix < 12 || service.prefix > 28) throw conflict(`Service network [${serviceText}] is invalid.`);
  if (overlap(service, host)) throw conflict(`Service network [${serviceText}] conflicts with the VPC's [${vpc.cidr}].`);
  const services = { serviceNetwork: { IPv4CIDR: serviceText }, kubernetesSvcIpRange: serviceText } as const;
  // Container ranges are not valid in CCE Turbo: whatever is ordered goes unheard.
  if (mode === 'eni')
    return { containerNetwork: { mode, cidr: '', cidrs: [] }, eniNetwork: eniNetworkOf(call, vpc.id, spec.eniNetwork), ...services } as const;
  const ordered = [
    ...(spec.containerNetwork.cidrs?.map((one) => one.cidr) ?? []),
    ...(spec.containerNetwork.cidr === undefined ? [] : [spec.containerNetwork.cidr]),
  ];
  const wanted = [...new Set(ordered)].map((text) => ({ text, span: containerRange(text) }));
  for (const { text, span } of wanted) {
    if (overlap(span, host)) throw conflict(`Container network [${text}] conflicts with the VPC's [${vpc.cidr}].`);
    if (overlap(span, service)) throw conflict(`Container network [${text}] conflicts with the service network [${serviceText}].`);
  }
  const taken = mode === 'overlay_l2' ? [] : containerRangesIn(call, vpc.id);
  const clear = wanted.every(({ span }) => !taken.some((other) => overlap(span, other)));
  // A range that another cluster of the VPC uses is replaced without a word (6.1).
  const cidrs = wanted.length > 0 && clear ? wanted.map(({ text }) => text) : [anotherRange([host, service, ...taken])];
  return {
    containerNetwork: { mode, cidr: cidrs[0] ?? '', cidrs: cidrs.map((cidr) => ({ cidr })) },
    eniNetwork: {},
    ...services,
  } as const;
}

/** The subnet of the pods of CCE Turbo: named by its neutron id, with its range. */
function eniNetworkOf(call: Call, vpcId: string, wanted: TypeOf<typeof clusterShape>['spec']['eniNetwork']) {
  const { eniSubnetId = '', eniSubnetCIDR = '' } = wanted ?? {};
  const subnet = subnetOf(call.world.store, eniSubnetId, 'neutron');
  if (subnet === undefined || subnet.vpc_id !== vpcId)
    throw new Refusal(400, 'CCE.01400002', `Container subnet [${eniSubnetId}] is not found in VPC [${vpcId}].`);
  if (eniSubnetCIDR !== subnet.cidr) throw invalid(`Container subnet [${eniSubnetId}] has the range ${subnet.cidr}, not ${eniSubnetCIDR}.`);
  return { eniSubnetId, eniSubnetCIDR: subnet.cidr };
}

function containerRange(text: string): Range {
  const span = range(text);
  const outer = containerRanges.find((one) => span !== undefined && within(span, one));
  const shortest = outer?.prefix === 8 ? 12 : 16;
  if (span === undefined || outer === undefined || span.prefix < shortest || span.prefix > 19)
    throw conflict(`Container network [${text}] is invalid.`);
  return span;
}

const containerRangesIn = (call: Call, vpcId: string): Range[] =>
  cceTables(call.world.store)
    .clusters.where((row) => row.spec.hostNetwork.vpc === vpcId)
    .flatMap((row) => row.spec.containerNetwork.cidrs.flatMap(({ cidr }) => range(cidr) ?? []));

function anotherRange(taken: readonly Range[]): string {
  const candidates = Array.from({ length: 16 }, (_, index) => `172.${16 + index}.0.0/16`);
  const free = candidates.find((text) => {
    const span = range(text);
    return span !== undefined && !taken.some((other) => overlap(span, other));
  });
  if (free === undefined) throw new Refusal(400, 'CCE.01400017', 'No available container CIDR block.');
  return free;
}

function checkMasters(call: Call, masters: readonly { readonly availabilityZone: string }[] | undefined, count: number): void {
  if (masters === undefined || masters.length === 0) return;
  if (masters.length !== count) throw invalid(`The flavor has ${count} masters, but ${masters.length} availability zones are given.`);
  for (const { availabilityZone: zone } of masters)
    if (!zonesOf(call.region).includes(zone)) throw invalid(`Availability zone [${zone}] is invalid.`);
}

function freeAddress(call: Call, projectId: string, address: string): string {
  const row = publicIpByAddress(call.world.store, address);
  if (row === undefined || row.tenant_id !== projectId) throw invalid(`EIP [${address}] is not found.`);
  if (row.bound_to !== null) throw invalid(`EIP [${address}] is in use.`);
  return row.id;
}

/** `cluster.install.addons.external/install`: a JSON list of templates. */
function addonsIn(annotations: Readonly<Record<string, string>>): string[] {
  return ['cluster.install.addons.external/install', 'cluster.install.addons/install'].flatMap((key) => {
    const text = annotations[key];
    if (text === undefined || text === '') return [];
    try {
      return (JSON.parse(text) as { addonTemplateName: string }[]).map((one) => one.addonTemplateName);
    } catch (error) {
      throw invalid(`Annotation ${key} is no JSON: ${error instanceof Error ? error.message : String(error)}`);
    }
  });
}
