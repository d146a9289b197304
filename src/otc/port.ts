/** Owns the calls to Neutron ports (VPC API reference, native OpenStack Neutron APIs v2.0, "Port"). */
import type { Otc } from './client.ts';
import { byMarker } from './paging.ts';

export interface Port {
  readonly id: string;
  readonly name: string;
  readonly network_id: string;
  readonly device_id: string;
  /** `compute:<zone>` of a server, `network:…` and `neutron:…` of services. */
  readonly device_owner: string;
  readonly fixed_ips: readonly { readonly ip_address: string }[];
  readonly security_groups: readonly string[];
}

const known = { id: 'text', fixed_ips: [{}], security_groups: ['text'] } as const;

/** Ports of a network, or those that carry a group. */
export async function listPorts(otc: Otc, query: { network_id?: string; security_groups?: string }, fresh?: boolean): Promise<Port[]> {
  return byMarker<Port>(otc, { service: 'vpc', path: '/v2.0/ports', key: 'ports', each: known, query, limit: 2000, fresh });
}

/** Sets the groups of a port; the list replaces the former one. */
export async function setPortGroups(otc: Otc, id: string, securityGroups: readonly string[]): Promise<void> {
  await otc.put<void>('vpc', `/v2.0/ports/${id}`, { port: { security_groups: securityGroups } });
}
