/**
 * Owns private addresses: ports in subnets and which address is free. Shared by all services that put something into a
 * subnet; each renders an {@link AllocationFailure} as its own error. Public addresses are in `public-ip.ts`.
 */
import { randomBytes } from 'node:crypto';
import { addressNumber, addressText, holds, range } from './cidr.ts';
import { plainTime, uuid } from './ids.ts';
import type { Store } from './store.ts';
import { networkTables, type PortRow, type SubnetRow } from './tables/network.ts';

export class AllocationFailure extends Error {
  readonly reason: 'no-subnet' | 'full' | 'taken' | 'outside';

  constructor(reason: 'no-subnet' | 'full' | 'taken' | 'outside', message: string) {
    super(message);
    this.reason = reason;
  }
}

/** A subnet by network id or by neutron subnet id; callers check which of the two a field wants. */
export function subnetOf(store: Store, id: string, by: 'network' | 'neutron' = 'network'): SubnetRow | undefined {
  const { subnets } = networkTables(store);
  return by === 'network' ? subnets.get(id) : subnets.find((subnet) => subnet.neutron_subnet_id === id);
}

/** Addresses of a subnet that are given out: ports, the gateway, and those the cloud keeps (first; last three). */
export function takenAddresses(store: Store, subnet: SubnetRow): Set<string> {
  const span = range(subnet.cidr);
  if (span === undefined) return new Set();
  const reserved = [span.first, span.last, span.last - 1, span.last - 2].map(addressText);
  const given = networkTables(store)
    .ports.where((port) => port.network_id === subnet.id)
    .flatMap((port) => port.fixed_ips.map((fixed) => fixed.ip_address));
  return new Set([...reserved, subnet.gateway_ip, ...given]);
}

/** How many addresses of a subnet are free. */
export function freeAddresses(store: Store, subnet: SubnetRow): number {
  const span = range(subnet.cidr);
  return span === undefined ? 0 : span.last - span.first + 1 - takenAddresses(store, subnet).size;
}

/**
 * The wanted address where it is free, else the lowest free one.
 * @throws AllocationFailure
 */
export function freeAddress(store: Store, subnet: SubnetRow, wanted?: string): string {
  const span = range(subnet.cidr);
  if (span === undefined) throw new AllocationFailure('outside', `Subnet ${subnet.id} has no IPv4 range.`);
  const taken = takenAddresses(store, subnet);
  if (wanted !== undefined && wanted !== '') {
    const number = addressNumber(wanted);
    if (number === undefined || !holds(span, number))
      throw new AllocationFailure('outside', `IP address ${wanted} is not a valid IP for the specified subnet.`);
    if (taken.has(wanted)) throw new AllocationFailure('taken', `The IP address ${wanted} is in use.`);
    return wanted;
  }
  for (let number = span.first + 1; number < span.last - 2; number++) {
    const address = addressText(number);
    if (!taken.has(address)) return address;
  }
  throw new AllocationFailure('full', `No more IP addresses available on network ${subnet.id}.`);
}

export interface PortRequest {
  /** Network id of the subnet. */
  readonly networkId: string;
  readonly deviceOwner: string;
  readonly deviceId: string;
  readonly name?: string;
  readonly address?: string | undefined;
  /** Without groups the project's group `default`. An empty list stays empty. */
  readonly securityGroups?: readonly string[] | undefined;
  readonly status?: PortRow['status'];
}

/**
 * A port with an address of the subnet.
 * @throws AllocationFailure
 */
export function createPort(store: Store, request: PortRequest): PortRow {
  const { ports, groups } = networkTables(store);
  const subnet = subnetOf(store, request.networkId);
  if (subnet === undefined) throw new AllocationFailure('no-subnet', `Network ${request.networkId} could not be found.`);
  const address = freeAddress(store, subnet, request.address);
  const fallback = groups.find((group) => group.tenant_id === subnet.tenant_id && group.name === 'default');
  const now = plainTime();
  return ports.insert({
    id: uuid(),
    name: request.name ?? '',
    network_id: subnet.id,
    vpc_id: subnet.vpc_id,
    device_id: request.deviceId,
    device_owner: request.deviceOwner,
    fixed_ips: [{ subnet_id: subnet.neutron_subnet_id, ip_address: address }],
    mac_address: `fa:16:3e:${[...randomBytes(3)].map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`,
    security_groups: request.securityGroups ?? (fallback === undefined ? [] : [fallback.id]),
    allowed_address_pairs: [],
    admin_state_up: true,
    port_security_enabled: true,
    status: request.status ?? (request.deviceId === '' ? 'DOWN' : 'ACTIVE'),
    tenant_id: subnet.tenant_id,
    created_at: now,
    updated_at: now,
  });
}

/** First address of a port. */
export const addressOf = (port: PortRow): string => port.fixed_ips[0]?.ip_address ?? '';

/** Ports of a device: a server, a load balancer, a database. */
export const portsOf = (store: Store, deviceId: string): PortRow[] => networkTables(store).ports.where((port) => port.device_id === deviceId);

/** Gives the ports of a device back. */
export function removePortsOf(store: Store, deviceId: string): void {
  for (const port of portsOf(store, deviceId)) networkTables(store).ports.remove(port.id);
}
