/** Owns what a disk is in EVS's answers (API reference 9.5), its types, and how calls come to it. Orders and changes are in `evs-orders.ts`. */
import { projectOf, stableHex, stableUuid, zonesOf } from './compute-common.ts';
import { hostOf } from './hosts.ts';
import { imageOf, volumeTypes } from './server-catalog.ts';
import { type Call, Refusal } from './service.ts';
import type { VolumeRow } from './tables/compute.ts';

export const volumesIn = (call: Call) => call.world.store.table<VolumeRow>('evs.volumes');
export const ownVolumes = (call: Call): VolumeRow[] => volumesIn(call).where((row) => row.project_id === projectOf(call));

/** The disk of the path. @throws Refusal */
export function volumeOf(call: Call): VolumeRow {
  const id = call.params['volume_id'] ?? '';
  const row = ownVolumes(call).find((one) => one.id === id);
  if (row === undefined) throw new Refusal(404, 'EVS.5404', `Volume ${id} could not be found.`);
  return row;
}

/** A disk as Cinder's calls and the cloud's own show it. */
export function volumeView(call: Call, row: VolumeRow): Record<string, unknown> {
  const image = row.image_id === undefined ? undefined : imageOf(row.image_id);
  const self = `https://${hostOf('evs', call.region)}/v2/${row.project_id}/volumes/${row.id}`;
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    status: row.status,
    size: row.size,
    volume_type: row.volume_type,
    bootable: String(row.bootable),
    encrypted: row.encrypted,
    metadata: row.metadata,
    attachments: row.attachments.map((one) => ({
      server_id: one.server_id,
      volume_id: row.id,
      device: one.device,
      attachment_id: one.attachment_id,
      attached_at: row.created_at,
      id: row.id,
      host_name: null,
    })),
    availability_zone: row.availability_zone,
    created_at: row.created_at,
    updated_at: row.created_at,
    snapshot_id: null,
    source_volid: null,
    consistencygroup_id: null,
    multiattach: row.multiattach ?? false,
    shareable: String(row.multiattach ?? false),
    user_id: row.user_id,
    replication_status: 'disabled',
    links: [{ rel: 'self', href: self }],
    'os-vol-tenant-attr:tenant_id': row.project_id,
    ...(row.image_id === undefined ? {} : { volume_image_metadata: { image_id: row.image_id, image_name: image?.name ?? '' } }),
  };
}

/** The cloud's own calls tell more: tags as a map, the world wide name. */
export const vendorView = (call: Call, row: VolumeRow): Record<string, unknown> => ({
  ...volumeView(call, row),
  tags: Object.fromEntries(row.tags.map(({ key, value }) => [key, value])),
  wwn: `688860300000d136${stableHex(row.id).slice(0, 16)}`,
  service_type: 'EVS',
  enterprise_project_id: '0',
});

/** A disk type; clients read from `RESKEY:availability_zones` where it can be had. */
export const typeView = (call: Call, name: (typeof volumeTypes)[number]): Record<string, unknown> => ({
  id: stableUuid(`volume type ${name}`),
  name,
  description: null,
  qos_specs_id: null,
  is_public: true,
  extra_specs: {
    volume_backend_name: name,
    'availability-zone': zonesOf(call.region)[0] ?? '',
    'RESKEY:availability_zones': zonesOf(call.region).join(','),
  },
});

export const typeOf = (id: string): (typeof volumeTypes)[number] | undefined =>
  volumeTypes.find((name) => name === id || stableUuid(`volume type ${name}`) === id);
