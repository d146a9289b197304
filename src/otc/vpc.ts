/** Owns the calls to VPC v1 (Virtual Private Cloud API reference): VPCs, subnets and quotas. Security groups and EIPs have files of their own. */
import type { Otc } from './client.ts';
import { byMarker } from './paging.ts';

export interface Vpc {
  readonly id: string;
  readonly name: string;
  readonly description?: string;
  readonly cidr: string;
  /** `CREATING`, then `OK`; `DOWN` and `ERROR` are failures. */
  readonly status: string;
  readonly enable_shared_snat?: boolean;
}

const known = { id: 'text', name: 'text', status: 'text' } as const;
const vpcs = (otc: Otc): string => `/v1/${otc.projectId}/vpcs`;

/** All VPCs of the project; v1 has no filter by name. */
export async function listVpcs(otc: Otc, fresh?: boolean): Promise<Vpc[]> {
  return byMarker<Vpc>(otc, { service: 'vpc', path: vpcs(otc), key: 'vpcs', each: known, limit: 2000, fresh });
}

/** @param patience seconds for which the client repeats it, where the caller knows better */
export async function getVpc(otc: Otc, id: string, patience?: number): Promise<Vpc> {
  const call = { service: 'vpc', method: 'GET', path: `${vpcs(otc)}/${id}`, must: { vpc: known }, fresh: true, patience } as const;
  return (await otc.send<{ vpc: Vpc }>(call)).vpc;
}

/** Names are unique: 400 VPC.0115 for one that exists. */
export async function createVpc(otc: Otc, vpc: { name: string; cidr: string; description: string }): Promise<Vpc> {
  return (await otc.post<{ vpc: Vpc }>('vpc', vpcs(otc), { vpc }, { vpc: known })).vpc;
}

export async function updateVpc(
  otc: Otc,
  id: string,
  vpc: { cidr?: string; description?: string; enable_shared_snat?: boolean },
  patience?: number,
): Promise<void> {
  await otc.send<void>({ service: 'vpc', method: 'PUT', path: `${vpcs(otc)}/${id}`, body: { vpc }, patience });
}

/** 409 while something is in it; `patience` in seconds. */
export async function deleteVpc(otc: Otc, id: string, patience?: number): Promise<void> {
  await otc.send({ service: 'vpc', method: 'DELETE', path: `${vpcs(otc)}/${id}`, patience });
}

export interface Subnet {
  /** Also the Neutron network id: what RDS, CCE, NAT and the backend side of ELB want. */
  readonly id: string;
  readonly name: string;
  readonly cidr: string;
  readonly gateway_ip: string;
  readonly vpc_id: string;
  /** `UNKNOWN` while it is being tied to the VPC, then `ACTIVE`. */
  readonly status: string;
  readonly primary_dns?: string;
  readonly secondary_dns?: string;
  readonly dnsList?: readonly string[];
  /** What the front side of ELB wants. */
  readonly neutron_subnet_id: string;
}

/** All subnets of the project; the only filter of v1 is the VPC. */
export async function listSubnets(otc: Otc, fresh?: boolean): Promise<Subnet[]> {
  return byMarker<Subnet>(otc, { service: 'vpc', path: `/v1/${otc.projectId}/subnets`, key: 'subnets', each: known, limit: 2000, fresh });
}

export async function getSubnet(otc: Otc, id: string): Promise<Subnet> {
  return (await otc.get<{ subnet: Subnet }>('vpc', `/v1/${otc.projectId}/subnets/${id}`, { must: { subnet: known }, fresh: true })).subnet;
}

export interface NewSubnet {
  readonly name: string;
  readonly description: string;
  readonly cidr: string;
  readonly gateway_ip: string;
  readonly vpc_id: string;
  readonly dhcp_enable: true;
  readonly primary_dns: string;
  readonly secondary_dns?: string;
  readonly dnsList: readonly string[];
}

export async function createSubnet(otc: Otc, subnet: NewSubnet): Promise<Subnet> {
  return (await otc.post<{ subnet: Subnet }>('vpc', `/v1/${otc.projectId}/subnets`, { subnet }, { subnet: known })).subnet;
}

/** The name is mandatory in the body although it does not change. */
export async function updateSubnet(
  otc: Otc,
  { vpc_id, id }: Pick<Subnet, 'vpc_id' | 'id'>,
  subnet: { name: string; primary_dns: string; secondary_dns?: string; dnsList: readonly string[] },
): Promise<void> {
  await otc.put<void>('vpc', `${vpcs(otc)}/${vpc_id}/subnets/${id}`, { subnet });
}

/** Says 500 VPC.0208 to VPC.0211 while something is in it; the retry table waits for that, at most `patience` seconds. */
export async function deleteSubnet(otc: Otc, { vpc_id, id }: Pick<Subnet, 'vpc_id' | 'id'>, patience?: number): Promise<void> {
  await otc.send({ service: 'vpc', method: 'DELETE', path: `${vpcs(otc)}/${vpc_id}/subnets/${id}`, patience });
}

export interface Quota {
  readonly type: string;
  readonly used: number;
  readonly quota: number;
}

/** All quotas of the network services, by type: `vpc`, `subnet`, `securityGroup`, `securityGroupRule`, `publicIp` … */
export async function listVpcQuotas(otc: Otc): Promise<Quota[]> {
  const must = { quotas: { resources: [{ type: 'text', used: 'number', quota: 'number' }] } } as const;
  return (await otc.get<{ quotas: { resources: Quota[] } }>('vpc', `/v1/${otc.projectId}/quotas`, { must })).quotas.resources;
}
