/** Owns the calls to dedicated load balancers, ELB v3 (Elastic Load Balance API reference). */
import type { Otc } from './client.ts';
import { byPageInfo } from './paging.ts';

export interface LoadBalancer {
  readonly id: string;
  readonly name: string;
  readonly description?: string | null;
  readonly vpc_id: string;
  readonly vip_address: string;
  readonly vip_port_id: string;
  readonly ipv6_vip_address?: string | null;
  readonly vip_subnet_cidr_id?: string | null;
  readonly elb_virsubnet_ids: readonly string[];
  readonly provisioning_status: string;
  readonly operating_status: string;
  /** True for dedicated ones, CCE's class `performance`; false for shared ones, class `union`. */
  readonly guaranteed: boolean;
  readonly availability_zone_list: readonly string[];
  readonly l4_flavor_id?: string | null;
  readonly l7_flavor_id?: string | null;
  readonly publicips: readonly { readonly publicip_id: string; readonly publicip_address: string }[];
  readonly listeners?: readonly { readonly id: string }[];
  readonly admin_state_up?: boolean;
  /** Left out where the site does not offer it. */
  readonly deletion_protection_enable?: boolean;
}

const known = { id: 'text', name: 'text', vpc_id: 'text', provisioning_status: 'text' } as const;
const base = (otc: Otc): string => `/v3/${otc.projectId}/elb`;

/** By exact name or id; names are not unique. */
export async function listLoadBalancers(otc: Otc, filter: { name?: string; id?: string }, fresh?: boolean): Promise<LoadBalancer[]> {
  const list = { service: 'elb', path: `${base(otc)}/loadbalancers`, key: 'loadbalancers', each: known, query: filter, limit: 2000, fresh } as const;
  const all = await byPageInfo<LoadBalancer>(otc, list);
  return all.filter(({ id, name }) => (filter.id ?? id) === id && (filter.name ?? name) === name).map(complete);
}

export async function getLoadBalancer(otc: Otc, id: string): Promise<LoadBalancer> {
  const more = { must: { loadbalancer: known }, fresh: true };
  return complete((await otc.get<{ loadbalancer: LoadBalancer }>('elb', `${base(otc)}/loadbalancers/${id}`, more)).loadbalancer);
}

/** Lists that are empty may come as null. */
function complete(found: LoadBalancer): LoadBalancer {
  const { publicips, availability_zone_list: zones } = found as { readonly [K in keyof LoadBalancer]?: LoadBalancer[K] | null };
  return { ...found, publicips: publicips ?? [], availability_zone_list: zones ?? [] };
}

export interface NewLoadBalancer {
  readonly name: string;
  readonly description: string;
  readonly vpc_id: string;
  /** The subnet's `neutron_subnet_id`. */
  readonly vip_subnet_cidr_id: string;
  /** The subnet's `id`. */
  readonly elb_virsubnet_ids: readonly string[];
  readonly availability_zone_list: readonly string[];
  readonly l4_flavor_id: string;
  readonly l7_flavor_id: string;
  readonly guaranteed: true;
  readonly provider: 'vlb';
  readonly admin_state_up: true;
  readonly publicip_ids: readonly string[];
}

export async function createLoadBalancer(otc: Otc, loadbalancer: NewLoadBalancer): Promise<LoadBalancer> {
  const must = { loadbalancer: known };
  return (await otc.post<{ loadbalancer: LoadBalancer }>('elb', `${base(otc)}/loadbalancers`, { loadbalancer }, must)).loadbalancer;
}

export async function updateLoadBalancer(
  otc: Otc,
  id: string,
  loadbalancer: { l4_flavor_id?: string; l7_flavor_id?: string; description?: string },
): Promise<void> {
  await otc.put<void>('elb', `${base(otc)}/loadbalancers/${id}`, { loadbalancer });
}

/** 409 ELB.8907 while listeners or pools exist; `patience` in seconds. */
export async function deleteLoadBalancer(otc: Otc, id: string, patience?: number): Promise<void> {
  await otc.send({ service: 'elb', method: 'DELETE', path: `${base(otc)}/loadbalancers/${id}`, patience });
}

/** Takes listeners, pools and members along; its EIP is unbound, not released. */
export async function deleteLoadBalancerWithAll(otc: Otc, id: string): Promise<void> {
  await otc.delete('elb', `${base(otc)}/loadbalancers/${id}/force-elb`);
}

export interface Listener {
  readonly id: string;
  readonly name: string;
  /** JSON with `cluster_id` where CCE made it for a Service. */
  readonly description?: string;
  readonly protocol: string;
  readonly protocol_port: number;
  readonly loadbalancers: readonly { readonly id: string }[];
}

/** Listeners of one load balancer, or of all. */
export async function listListeners(otc: Otc, loadBalancerId?: string): Promise<Listener[]> {
  const query = { loadbalancer_id: loadBalancerId };
  const each = { id: 'text', name: 'text', loadbalancers: [{ id: 'text' }] } as const;
  return byPageInfo<Listener>(otc, { service: 'elb', path: `${base(otc)}/listeners`, key: 'listeners', each, query, limit: 2000, fresh: true });
}

/** With its pools, members and health checks. */
export async function deleteListenerWithAll(otc: Otc, id: string): Promise<void> {
  await otc.delete('elb', `${base(otc)}/listeners/${id}/force`);
}

export interface Flavor {
  readonly id: string;
  readonly name: string;
  /** `L4` or `L7` */
  readonly type: string;
  readonly flavor_sold_out: boolean;
}

/** All flavors on offer. */
export async function listFlavors(otc: Otc): Promise<Flavor[]> {
  const each = { id: 'text', name: 'text', type: 'text' } as const;
  return byPageInfo<Flavor>(otc, { service: 'elb', path: `${base(otc)}/flavors`, key: 'flavors', each, limit: 2000 });
}

export interface AvailabilityZone {
  readonly code: string;
  readonly state: string;
}

/** Sets of zones; all zones of a load balancer must be of one set. */
export async function listZoneSets(otc: Otc): Promise<AvailabilityZone[][]> {
  const must = { availability_zones: [[{ code: 'text', state: 'text' }]] } as const;
  return (await otc.get<{ availability_zones: AvailabilityZone[][] }>('elb', `${base(otc)}/availability-zones`, { must })).availability_zones;
}

export interface Quota {
  readonly quota_key: string;
  readonly quota_limit: number;
  readonly used: number;
}

export async function listQuotas(otc: Otc): Promise<Quota[]> {
  const must = { quotas: [{ quota_key: 'text', quota_limit: 'number', used: 'number' }] } as const;
  return (await otc.get<{ quotas: Quota[] }>('elb', `${base(otc)}/quotas/details`, { must })).quotas;
}
