/** Owns the calls to elastic IPs v1 and their bandwidths, and binding by v3 (Elastic IP API reference). */
import type { Otc } from './client.ts';
import { byMarker } from './paging.ts';

export interface Eip {
  readonly id: string;
  /** The name; the only one an EIP of v1 has. */
  readonly alias?: string;
  /** `PENDING_CREATE`, `DOWN` (free), `BINDING`, `ACTIVE` (on a port), `ELB` (on a load balancer) … */
  readonly status: string;
  readonly public_ip_address: string;
  readonly bandwidth_id?: string;
  /** Mbit/s; 0 right after creation. */
  readonly bandwidth_size: number;
  /** `PER` for a bandwidth of its own, `WHOLE` for one that it shares with others. */
  readonly bandwidth_share_type?: string;
  readonly port_id?: string | null;
}

const known = { id: 'text', status: 'text' } as const;
const publicips = (otc: Otc): string => `/v1/${otc.projectId}/publicips`;

/** All EIPs of the project; v1 filters by nothing. */
export async function listEips(otc: Otc, fresh?: boolean): Promise<Eip[]> {
  return byMarker<Eip>(otc, { service: 'vpc', path: publicips(otc), key: 'publicips', each: known, limit: 2000, fresh });
}

export async function getEip(otc: Otc, id: string): Promise<Eip> {
  return (await otc.get<{ publicip: Eip }>('vpc', `${publicips(otc)}/${id}`, { must: { publicip: known }, fresh: true })).publicip;
}

/** A BGP address with a bandwidth of its own, paid by traffic. `size` in Mbit/s. */
export async function createEip(otc: Otc, { alias, size }: { alias: string; size: number }): Promise<Eip> {
  const body = {
    publicip: { type: '5_bgp', ip_version: 4, alias },
    bandwidth: { name: alias, size, share_type: 'PER', charge_mode: 'traffic' },
  };
  return (await otc.post<{ publicip: Eip }>('vpc', publicips(otc), body, { publicip: known })).publicip;
}

export async function updateBandwidth(otc: Otc, id: string, size: number): Promise<void> {
  await otc.put<void>('vpc', `/v1/${otc.projectId}/bandwidths/${id}`, { bandwidth: { size } });
}

/** Binds to a port, by v1. */
export async function bindEip(otc: Otc, id: string, portId: string): Promise<void> {
  await otc.put<void>('vpc', `${publicips(otc)}/${id}`, { publicip: { port_id: portId } });
}

/** Unbinds from a port, by v1. */
export async function unbindEip(otc: Otc, id: string): Promise<void> {
  await otc.put<void>('vpc', `${publicips(otc)}/${id}`, { publicip: {} });
}

/** Binds to a load balancer by v3, which `eu-nl` does not offer. */
export async function associateWithLoadBalancer(otc: Otc, id: string, loadBalancerId: string): Promise<void> {
  const publicip = { associate_instance_type: 'ELB', associate_instance_id: loadBalancerId };
  await otc.post<void>('vpc', `/v3/${otc.projectId}/eip/publicips/${id}/associate-instance`, { publicip });
}

/** Unbinds from whatever it is bound to, by v3, which `eu-nl` does not offer. */
export async function disassociate(otc: Otc, id: string): Promise<void> {
  await otc.send<void>({ service: 'vpc', method: 'POST', path: `/v3/${otc.projectId}/eip/publicips/${id}/disassociate-instance`, repeatable: true });
}

/** True where binding and unbinding go by v3, the documented way for dedicated load balancers; `eu-nl` has v1 alone, by ports. */
export function bindsByV3(otc: Otc): boolean {
  return otc.region !== 'eu-nl';
}

/** 409 VPC.0517 or 500 VPC.0516 while bound; also deletes its bandwidth. `patience` in seconds. */
export async function deleteEip(otc: Otc, id: string, patience?: number): Promise<void> {
  await otc.send({ service: 'vpc', method: 'DELETE', path: `${publicips(otc)}/${id}`, patience });
}
