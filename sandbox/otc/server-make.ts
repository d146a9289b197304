/**
 * Owns how a server comes and goes: its row, ports and disks together. Shared by ECS v1, Nova and CCE; what an order may
 * say is each service's own matter, and so are the transitions of its states.
 */
import type { World } from '../contract.ts';
import { createPort, portsOf } from './allocate.ts';
import { microPlainTime } from './compute-common.ts';
import { uuid, zuluTime } from './ids.ts';
import { publicIpBoundTo, releasePublicIp, unbindPublicIp } from './public-ip.ts';
import type { Store } from './store.ts';
import type { EcsJobRow, ServerRow, Tag, VolumeRow } from './tables/compute.ts';
import { networkTables, type PortRow } from './tables/network.ts';

export const ecsTables = (store: Store) => ({
  servers: store.table<ServerRow>('ecs.servers'),
  jobs: store.table<EcsJobRow>('ecs.jobs'),
  volumes: store.table<VolumeRow>('evs.volumes'),
});

interface NewVolume {
  readonly type: string;
  readonly size: number;
  readonly deleteOnTermination: boolean;
  readonly encrypted?: boolean;
}

export interface ServerOrder {
  readonly name: string;
  readonly description?: string | undefined;
  readonly projectId: string;
  readonly userId: string;
  readonly flavor: string;
  readonly imageId: string;
  readonly keyName?: string | undefined;
  readonly vpcId: string;
  readonly zone: string;
  /** New ports in networks, or ports that exist. */
  readonly nics: readonly ({ readonly networkId: string; readonly address?: string | undefined } | { readonly portId: string })[];
  /** Groups of the new ports; none means the project's `default`. */
  readonly groups?: readonly string[] | undefined;
  /** New disks, or disks that exist; the first is the system disk. */
  readonly volumes: readonly (NewVolume | { readonly volumeId: string; readonly deleteOnTermination: boolean })[];
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly tags?: readonly Tag[] | undefined;
  readonly userData?: string | undefined;
  readonly hints?: Readonly<Record<string, unknown>> | undefined;
  readonly clusterId?: string | undefined;
}

/**
 * A server in state BUILD. When a port cannot be had, nothing is left behind.
 * @throws AllocationFailure
 */
export function makeServer(world: World, order: ServerOrder): ServerRow {
  const { store } = world;
  const { servers } = ecsTables(store);
  const id = uuid();
  const now = zuluTime();
  const ports = takePorts(store, id, order);
  const volumes = order.volumes.map((volume, index) => makeVolume(store, id, order, volume, index));
  return servers.insert({
    id,
    name: order.name,
    description: order.description ?? '',
    project_id: order.projectId,
    user_id: order.userId,
    status: 'BUILD',
    flavor_id: order.flavor,
    image_id: order.imageId,
    key_name: order.keyName ?? null,
    vpc_id: order.vpcId,
    availability_zone: order.zone,
    port_ids: ports.map((port) => port.id),
    volume_ids: volumes.map((volume) => volume.id),
    created: now,
    updated: now,
    launched_at: null,
    metadata: { ...order.metadata, vpc_id: order.vpcId, image_name: '', os_type: 'Linux' },
    tags: order.tags ?? [],
    auto_recovery: true,
    user_data: order.userData ?? '',
    scheduler_hints: order.hints ?? {},
    ...(order.clusterId === undefined ? {} : { cluster_id: order.clusterId }),
  });
}

function takePorts(store: Store, id: string, order: ServerOrder): PortRow[] {
  const { ports } = networkTables(store);
  const made: PortRow[] = [];
  try {
    return order.nics.map((nic) => {
      if ('portId' in nic) return ports.update(nic.portId, { device_id: id, device_owner: `compute:${order.zone}`, status: 'ACTIVE' }) as PortRow;
      const port = createPort(store, {
        networkId: nic.networkId,
        deviceOwner: `compute:${order.zone}`,
        deviceId: id,
        address: nic.address,
        securityGroups: order.groups,
      });
      made.push(port);
      return port;
    });
  } catch (error) {
    for (const port of made) ports.remove(port.id);
    throw error;
  }
}

function makeVolume(store: Store, serverId: string, order: ServerOrder, volume: ServerOrder['volumes'][number], index: number): VolumeRow {
  const { volumes } = ecsTables(store);
  const attachment = { server_id: serverId, device: `/dev/vd${String.fromCharCode(97 + index)}`, attachment_id: uuid() };
  if ('volumeId' in volume) {
    const patch = { status: 'in-use', attachments: [attachment], delete_on_termination: volume.deleteOnTermination };
    return volumes.update(volume.volumeId, patch) as VolumeRow;
  }
  return volumes.insert({
    id: uuid(),
    name: `${order.name}-volume-${String(index).padStart(4, '0')}`,
    description: '',
    project_id: order.projectId,
    user_id: order.userId,
    status: 'in-use',
    size: volume.size,
    volume_type: volume.type,
    bootable: index === 0,
    encrypted: volume.encrypted ?? false,
    availability_zone: order.zone,
    created_at: microPlainTime(),
    metadata: { attached_mode: 'rw', readonly: 'False' },
    image_id: index === 0 ? order.imageId : undefined,
    attachments: [attachment],
    delete_on_termination: volume.deleteOnTermination,
    tags: [],
  });
}

/** The server runs from now on. */
export function serverIsUp(store: Store, id: string): void {
  const now = zuluTime();
  ecsTables(store).servers.update(id, { status: 'ACTIVE', updated: now, launched_at: now.replace('Z', '.000000') });
}

/** Takes a server away: the system disk always goes, others and the EIP where asked; the EIP is unbound in any case. */
export async function removeServer(world: World, id: string, also: { readonly publicIp: boolean; readonly volumes: boolean }): Promise<void> {
  const { store } = world;
  const { servers, volumes } = ecsTables(store);
  const server = servers.remove(id);
  if (server === undefined) return;
  for (const port of portsOf(store, id)) {
    const publicIp = publicIpBoundTo(store, 'PORT', port.id);
    if (publicIp !== undefined) {
      unbindPublicIp(store, publicIp.id);
      if (also.publicIp) await releasePublicIp(world, publicIp.id);
    }
    networkTables(store).ports.remove(port.id);
  }
  for (const volume of volumes.where((one) => one.attachments.some((attachment) => attachment.server_id === id))) {
    if (volume.bootable || volume.delete_on_termination || also.volumes) volumes.remove(volume.id);
    else volumes.update(volume.id, { attachments: [], status: 'available' });
  }
}
