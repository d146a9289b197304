/**
 * Owns the rules of an order for a dedicated load balancer (API reference 7.1, chapter 11): which id each field wants, what
 * is refused with which code. What is then made, and all other calls, are in `elb-loadbalancers.ts`.
 */
import { AllocationFailure, createPort, freeAddresses, removePortsOf, subnetOf } from './allocate.ts';
import { networkOf, projectOf, soldOut } from './compute-common.ts';
import { elbFlavorOf, smallest } from './elb-catalog.ts';
import { invalid, missing } from './elb-tables.ts';
import { any, boolean, integer, list, object, required, string, type TypeOf } from './fields.ts';
import { createPublicIp, PoolExhausted } from './public-ip.ts';
import { type Call, Refusal } from './service.ts';
import type { Tag } from './tables/compute.ts';
import { networkTables, type PortRow, type SubnetRow } from './tables/network.ts';

/** What can be ordered and changed later. */
export const changeable = {
  name: string,
  description: string,
  vip_address: string,
  vip_subnet_cidr_id: string,
  elb_virsubnet_ids: list(string),
  l4_flavor_id: string,
  l7_flavor_id: string,
  ip_target_enable: boolean,
  deletion_protection_enable: boolean,
  protection_status: string,
  protection_reason: string,
  waf_failure_action: string,
  admin_state_up: boolean,
  ipv6_vip_virsubnet_id: string,
} as const;
const bandwidth = object({ name: string, size: integer, charge_mode: string, share_type: string, id: string });
export const createShape = object({
  loadbalancer: required(
    object({
      ...changeable,
      vpc_id: string,
      availability_zone_list: required(list(string)),
      publicip_ids: list(string),
      publicip: object({ ip_version: integer, network_type: string, billing_info: string, description: string, bandwidth: required(bandwidth) }),
      tags: list(object({ key: required(string), value: string })),
      guaranteed: boolean,
      provider: string,
      enterprise_project_id: string,
      project_id: string,
      ipv6_bandwidth: any,
      autoscaling: any,
    }),
  ),
});

export type Wanted = TypeOf<typeof createShape>['loadbalancer'];

export function checkTexts(wanted: { readonly name?: string | undefined; readonly description?: string | undefined }): void {
  if ((wanted.name ?? '').length > 255 || (wanted.description ?? '').length > 255)
    throw invalid('name and description can have at most 255 characters.');
  if (/[<>]/.test(wanted.description ?? '')) throw invalid('description must not contain angle brackets.');
}

/** The subnet of the virtual address (a neutron subnet id) and the VPC, which must agree. */
export function place(call: Call, wanted: Wanted): { readonly vip: SubnetRow | undefined; readonly vpcId: string } {
  const { store } = call.world;
  const cidrId = wanted.vip_subnet_cidr_id;
  const vip = cidrId === undefined ? undefined : subnetOf(store, cidrId, 'neutron');
  if (cidrId !== undefined && (vip === undefined || vip.tenant_id !== projectOf(call))) throw missing('vip_subnet_cidr', cidrId);
  const vpcId = wanted.vpc_id ?? vip?.vpc_id;
  if (vpcId === undefined) throw invalid('One of vpc_id, vip_subnet_cidr_id and ipv6_vip_virsubnet_id is required.');
  if (networkTables(store).vpcs.get(vpcId)?.tenant_id !== projectOf(call)) throw missing('vpc', vpcId);
  if (vip !== undefined && vip.vpc_id !== vpcId) throw invalid(`Subnet ${cidrId} is not in VPC ${vpcId}.`);
  return { vip, vpcId };
}

export function backendsOf(call: Call, vpcId: string, ids: readonly string[]): SubnetRow[] {
  return ids.map((id) => {
    const subnet = networkOf(call.world.store, projectOf(call), id, vpcId);
    if (subnet === undefined) throw missing('elb_virsubnet', id);
    if (freeAddresses(call.world.store, subnet) < 2) throw new Refusal(409, 'ELB.8905', `Subnet ${id} has not enough free IP addresses.`);
    return subnet;
  });
}

/** Without any flavor the smallest of both layers; with one, the other layer stays off. */
export function flavorsOf(call: Call, wanted: { readonly l4_flavor_id?: string | undefined; readonly l7_flavor_id?: string | undefined }) {
  const { l4_flavor_id: l4, l7_flavor_id: l7 } = wanted;
  for (const [id, layer] of [
    [l4, 'L4'],
    [l7, 'L7'],
  ] as const) {
    if (id === undefined) continue;
    const known = elbFlavorOf(id);
    if (known === undefined || !known.type.startsWith(layer)) throw missing('flavor', id);
    if (soldOut(call.world.store, known.name, '')) throw new Refusal(409, 'ELB.8907', `flavor ${known.name} is sold out.`);
  }
  if (l4 === undefined && l7 === undefined) return { l4_flavor_id: smallest('L4'), l7_flavor_id: smallest('L7') };
  return { l4_flavor_id: l4 ?? null, l7_flavor_id: l7 ?? null };
}

export async function publicIpFor(call: Call, wanted: Wanted): Promise<string | undefined> {
  const [id] = wanted.publicip_ids ?? [];
  if (id !== undefined && wanted.publicip !== undefined) throw invalid('publicip_ids and publicip exclude each other.');
  if (id !== undefined) {
    const row = networkTables(call.world.store).publicIps.get(id);
    if (row === undefined || row.tenant_id !== projectOf(call)) throw missing('publicip', id);
    if (row.bound_to !== null) throw new Refusal(409, 'ELB.8907', `publicip ${id} is in use.`);
    return id;
  }
  if (wanted.publicip === undefined) return undefined;
  const { bandwidth: width, network_type: type, description } = wanted.publicip;
  if ((width.share_type ?? 'PER') === 'PER' && ((width.size ?? 0) < 1 || (width.size ?? 0) > 1000))
    throw invalid('bandwidth size must be between 1 and 1000.');
  try {
    const order = { name: width.name, size: width.size, chargeMode: width.charge_mode };
    const made = await createPublicIp(call.world, {
      projectId: projectOf(call),
      type,
      alias: description,
      bandwidth: width.id === undefined ? order : { id: width.id },
    });
    return made.id;
  } catch (error) {
    if (error instanceof PoolExhausted) throw new Refusal(409, 'ELB.8905', 'Quota exceeded for resources: publicip');
    throw error;
  }
}

/** A port of a balancer: no group guards it, neither in nor out. @throws Refusal */
export function balancerPort(
  call: Call,
  id: string,
  subnet: SubnetRow,
  role: { readonly name: 'elb-vip' | 'elb-backend'; readonly address?: string | undefined; readonly owner?: string },
): PortRow {
  const { store } = call.world;
  const { name, address, owner: deviceOwner = 'neutron:LOADBALANCERV3' } = role;
  try {
    const port = createPort(store, { networkId: subnet.id, deviceOwner, deviceId: id, name, address, securityGroups: [] });
    return networkTables(store).ports.update(port.id, { port_security_enabled: false }) ?? port;
  } catch (error) {
    if (!(error instanceof AllocationFailure)) throw error;
    removePortsOf(store, id);
    throw error.reason === 'outside' ? invalid(error.message) : new Refusal(409, 'ELB.8907', error.message);
  }
}

/** Tags of an order: keys up to 36, values up to 43 characters, at most 20. @throws Refusal */
export function tagsOf(wanted: Wanted): readonly Tag[] {
  const tags = (wanted.tags ?? []).map(({ key, value }) => ({ key, value: value ?? '' }));
  if (tags.length > 20 || new Set(tags.map((tag) => tag.key)).size !== tags.length)
    throw invalid('At most 20 tags with different keys can be given.');
  for (const { key, value } of tags) if (key === '' || key.length > 36 || value.length > 43) throw invalid(`Invalid tag ${key}.`);
  return tags;
}
