/**
 * Owns public addresses (EIP): giving them out, binding them, giving them back. Shared by EIP itself and by the services
 * that make or bind one inline (load balancer, cluster, server, NAT gateway, database).
 */
import type { World } from '../contract.ts';
import { addressOf } from './allocate.ts';
import { blankTime, plainTime, uuid } from './ids.ts';
import { paces, type Row, type Store } from './store.ts';
import { type BandwidthRow, type Binding, networkTables, type PublicIpRow } from './tables/network.ts';

/** Documentation ranges (RFC 5737) that the sandbox gives out. */
const pools = [
  { prefix: '203.0.113.', from: 10, to: 250 },
  { prefix: '198.51.100.', from: 130, to: 250 },
] as const;

export class PoolExhausted extends Error {}

export interface PublicIpRequest {
  readonly projectId: string;
  readonly alias?: string | undefined;
  readonly type?: string | undefined;
  /** Bandwidth in Mbit/s. */
  readonly bandwidth:
    | { readonly name?: string | undefined; readonly size?: number | undefined; readonly chargeMode?: string | undefined }
    | { readonly id: string };
  /** Seconds until the address leaves PENDING_CREATE; 0 for those made inline by other services. */
  readonly pending?: number;
}

/**
 * An address of the pool with its bandwidth; it listens from now on.
 * @throws PoolExhausted
 */
export async function createPublicIp(world: World, request: PublicIpRequest): Promise<PublicIpRow> {
  const { publicIps, bandwidths } = networkTables(world.store);
  const taken = new Set(publicIps.all().map((row) => row.public_ip_address));
  const address = pools
    .flatMap(({ prefix, from, to }) => Array.from({ length: to - from + 1 }, (_, index) => `${prefix}${from + index}`))
    .find((one) => !taken.has(one));
  if (address === undefined) throw new PoolExhausted('No more IP addresses available on the external network.');
  const now = new Date();
  const bandwidth =
    'id' in request.bandwidth
      ? request.bandwidth.id
      : bandwidths.insert({
          id: uuid(),
          name: request.bandwidth.name ?? `bandwidth-${uuid().slice(0, 4)}`,
          size: request.bandwidth.size ?? 5,
          share_type: 'PER',
          charge_mode: request.bandwidth.chargeMode ?? 'traffic',
          bandwidth_type: 'bgp',
          tenant_id: request.projectId,
          enterprise_project_id: '0',
          created_at: plainTime(now),
          updated_at: plainTime(now),
        }).id;
  const row = publicIps.insert({
    id: uuid(),
    alias: request.alias ?? '',
    type: request.type ?? '5_bgp',
    public_ip_address: address,
    ip_version: 4,
    status: request.pending === undefined || request.pending === 0 ? 'DOWN' : 'PENDING_CREATE',
    port_id: null,
    private_ip_address: null,
    bound_to: null,
    bandwidth_id: bandwidth,
    enterprise_project_id: '0',
    tenant_id: request.projectId,
    create_time: blankTime(now),
    tags: [],
  });
  if (row.status === 'PENDING_CREATE') world.store.after(request.pending ?? 0, 'eip.created', { id: row.id });
  await world.addresses.add(address);
  return row;
}

/** Finds an address by its text, as CCE orders it. */
export const publicIpByAddress = (store: Store, address: string): PublicIpRow | undefined =>
  networkTables(store).publicIps.find((row) => row.public_ip_address === address);

/** The address bound to something, if any. */
export const publicIpBoundTo = (store: Store, kind: Binding['kind'], id: string): PublicIpRow | undefined =>
  networkTables(store).publicIps.find((row) => row.bound_to?.kind === kind && row.bound_to.id === id);

/** The port that an address bound so shows: none for a dedicated load balancer (4.1). */
function portOf(store: Store, { kind, id }: Binding): string {
  if (kind !== 'ELB') return kind === 'PORT' ? id : '';
  const balancer = store.table<Row & { readonly kind?: string; readonly vip_port_id?: string | null }>('elb.loadbalancers').get(id);
  return balancer?.kind === 'shared' ? (balancer.vip_port_id ?? '') : '';
}

const boundAs = ({ kind }: Binding): PublicIpRow['status'] => (kind === 'ELB' ? 'ELB' : 'ACTIVE');

/**
 * Binds a free address.
 * @param seconds how long it shows `BINDING`, where time passes at all; it carries packets from the start
 */
export function bindPublicIp(store: Store, id: string, to: Binding, seconds = 0): PublicIpRow | undefined {
  const { publicIps, ports } = networkTables(store);
  const port = ports.get(portOf(store, to));
  const shown = seconds > 0 && paces[store.pace] > 0;
  if (shown) store.after(seconds, 'eip.bound', { id });
  return publicIps.update(id, {
    bound_to: to,
    status: shown ? 'BINDING' : boundAs(to),
    port_id: port?.id ?? null,
    private_ip_address: port === undefined ? null : addressOf(port),
  });
}

/** What the states that pass by themselves become. */
export function startPublicIps(store: Store): void {
  const { publicIps } = networkTables(store);
  store.handle<{ id: string }>('eip.created', ({ id }) => {
    if (publicIps.get(id)?.status === 'PENDING_CREATE') publicIps.update(id, { status: 'DOWN' });
  });
  store.handle<{ id: string }>('eip.bound', ({ id }) => {
    const row = publicIps.get(id);
    if (row?.status === 'BINDING' && row.bound_to !== null) publicIps.update(id, { status: boundAs(row.bound_to) });
  });
}

export const unbindPublicIp = (store: Store, id: string): PublicIpRow | undefined =>
  networkTables(store).publicIps.update(id, { bound_to: null, status: 'DOWN', port_id: null, private_ip_address: null });

/** Gives an unbound address back, with its bandwidth unless that is shared. */
export async function releasePublicIp(world: World, id: string): Promise<void> {
  const { publicIps, bandwidths } = networkTables(world.store);
  const row = publicIps.remove(id);
  if (row === undefined) return;
  if (bandwidths.get(row.bandwidth_id)?.share_type === 'PER') bandwidths.remove(row.bandwidth_id);
  await world.addresses.remove(row.public_ip_address);
}

export const bandwidthOf = (store: Store, row: PublicIpRow): BandwidthRow | undefined => networkTables(store).bandwidths.get(row.bandwidth_id);
