/** Owns what a CCE cluster should be and how a living one differs. Pure; `cluster.ts` carries the changes out. */
import { Fault } from '../engine/fault.ts';
import type { Change } from '../engine/resource.ts';
import type { Cluster } from '../otc/cce.ts';

export interface ClusterSpec {
  readonly name: string;
  readonly flavor: string;
  /** `vX.Y` */
  readonly version: string;
  readonly vpcId: string;
  readonly subnetId: string;
  readonly containerNetwork: { readonly mode: string; readonly cidr: string };
  readonly serviceCidr: string;
  /** The API server's public address, `a new EIP` where it is still to be made; undefined where it shall have none. */
  readonly address: string | undefined;
}

export interface ClusterSeen extends Cluster {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  /** The group of the nodes. */
  readonly nodeGroupId: string | undefined;
  readonly endpoints: Endpoints;
  /** True where the EIP itself says that nothing is bound to it, whatever the cluster says of its endpoints. */
  readonly unbound?: boolean;
  /** True where its public address is the stack's and not wanted any more: it leaves last of all, when the new way in has proved itself. */
  readonly leaving?: boolean;
}

export interface Endpoints {
  /** `https://address:5443` */
  readonly internal: string | undefined;
  readonly external: string | undefined;
}

/** CCE gives its endpoints as an object, or as an array of objects with one key each, in either case of letters. */
export function endpointsOf(value: unknown): Endpoints {
  const parts = (Array.isArray(value) ? value : [value]).filter((part): part is Record<string, unknown> => typeof part === 'object' && part !== null);
  const read = (wanted: string): string | undefined => {
    for (const part of parts) {
      const named = typeof part['type'] === 'string' && part['type'].toLowerCase() === wanted ? part['url'] : undefined;
      const found = named ?? Object.entries(part).find(([name]) => name.toLowerCase() === wanted)?.[1];
      if (typeof found === 'string' && found !== '') return found;
    }
    return undefined;
  };
  return { internal: read('internal'), external: read('external') };
}

/** The body of the creation. A control plane of three masters (`cce.s2`) is spread over the zones. */
export function newCluster(spec: ClusterSpec, description: string): Record<string, unknown> {
  const extendParam = {
    ...(/^cce\.s2\./.test(spec.flavor) ? { clusterAZ: 'multi_az' } : {}),
    ...(spec.address === undefined ? {} : { clusterExternalIP: spec.address }),
  };
  return {
    category: 'CCE',
    type: 'VirtualMachine',
    flavor: spec.flavor,
    version: spec.version,
    description,
    hostNetwork: { vpc: spec.vpcId, subnet: spec.subnetId },
    containerNetwork: { mode: spec.containerNetwork.mode, cidrs: [{ cidr: spec.containerNetwork.cidr }] },
    kubernetesSvcIpRange: spec.serviceCidr,
    kubeProxyMode: 'iptables',
    authentication: { mode: 'rbac' },
    extendParam,
  };
}

/** States that end by themselves. */
export const PASSING = new Set(['Creating', 'ScalingUp', 'ScalingDown', 'Upgrading', 'Resizing', 'Awaking']);

/** @throws Fault where the cluster is in a state that only a person can end */
export function refuseFailed(seen: Cluster, reason?: string): void {
  const { phase } = seen.status;
  if (phase === 'Available' || PASSING.has(phase)) return;
  const why = reason ?? seen.status.reason;
  throw new Fault(`CCE cluster ${seen.metadata.name} is ${phase}${why ? `: ${why}` : ''}`, {
    resource: seen.metadata.uid,
    finding: 'status.phase',
    hint:
      phase === 'Hibernation' || phase === 'Hibernating'
        ? 'Wake it in the console and run again.'
        : phase === 'Deleting'
          ? 'Wait until it is gone and run again.'
          : 'Look at it in the console. If it never worked, delete it there and run again.',
  });
}

/** What differs. Only flavor (upwards) and public address change in place; versions are upgraded in the console, as OTC has no API for it. */
export function clusterChanges(spec: ClusterSpec, seen: ClusterSeen): Change[] {
  refuseFailed(seen);
  const changes: Change[] = [];
  if (seen.status.phase !== 'Available') changes.push({ field: 'status.phase', before: seen.status.phase, after: 'Available' });
  const add = (field: string, before: unknown, after: unknown, more: Partial<Change> = { replace: true }): void => {
    if (before !== after) changes.push({ field, before, after, ...more });
  };
  add('spec.version', minor(seen.spec.version), minor(spec.version), {
    replace: true,
    why: 'clusters are upgraded in the CCE console; there is no API for it',
  });
  add(
    'spec.flavor',
    seen.spec.flavor,
    spec.flavor,
    canResize(seen.spec.flavor, spec.flavor) ? {} : { replace: true, why: 'only sizes upwards, with the same number of masters' },
  );
  add('spec.hostNetwork.vpc', seen.spec.hostNetwork.vpc, spec.vpcId, { replace: true, why: 'network.existing decides it' });
  add('spec.hostNetwork.subnet', seen.spec.hostNetwork.subnet, spec.subnetId, { replace: true, why: 'network.subnets.cluster decides it' });
  const { mode, cidr, cidrs } = seen.spec.containerNetwork;
  add('spec.containerNetwork.mode', mode, spec.containerNetwork.mode);
  add('spec.containerNetwork.cidrs', cidrs?.[0]?.cidr ?? cidr, spec.containerNetwork.cidr);
  const services = seen.spec.kubernetesSvcIpRange || seen.spec.serviceNetwork?.IPv4CIDR;
  if (services) add('spec.kubernetesSvcIpRange', services, spec.serviceCidr);
  const address = addressOf(seen.endpoints.external);
  if (seen.status.phase !== 'Available' || seen.leaving === true) return changes;
  if (seen.unbound === true && address !== undefined && address === spec.address)
    add('status.endpoints.external', `${address}, not bound`, address, {});
  else add('status.endpoints.external', address, spec.address, {});
  return changes;
}

/** `v1.33` of `v1.33.2-r0`. */
export function minor(version: string): string {
  return /^v\d+\.\d+/.exec(version)?.[0] ?? version;
}

/** The host part of `https://80.158.1.3:5443`, with or without the scheme. */
export function addressOf(endpoint: string | undefined): string | undefined {
  return endpoint === undefined ? undefined : new URL(endpoint.includes('://') ? endpoint : `https://${endpoint}`).hostname;
}

const SIZES = ['small', 'medium', 'large', 'xlarge'];

function canResize(from: string, to: string): boolean {
  const [, fromKind, fromSize = ''] = /^(cce\.\w+)\.(\w+)$/.exec(from) ?? [];
  const [, toKind, toSize = ''] = /^(cce\.\w+)\.(\w+)$/.exec(to) ?? [];
  return fromKind !== undefined && fromKind === toKind && SIZES.indexOf(toSize) > SIZES.indexOf(fromSize) && SIZES.includes(fromSize);
}
