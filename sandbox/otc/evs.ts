/** Owns EVS, the disks of servers and of persistent volumes (API reference 9.5), in its v2 and v3 forms. */
import { microPlainTime, projectOf, quotaOf, zonesOf } from './compute-common.ts';
import { versionRoutes } from './compute-versions.ts';
import { boolean, integer, map, object, read, required, string } from './fields.ts';
import { uuid } from './ids.ts';
import { imageOf, volumeTypes } from './server-catalog.ts';
import { type Call, Refusal, type Reply, type Route, type Service } from './service.ts';
import type { VolumeRow } from './tables/compute.ts';

const createShape = object({
  volume: required(
    object({
      name: string,
      description: string,
      size: required(integer),
      volume_type: required(string),
      availability_zone: required(string),
      metadata: map(string),
      multiattach: boolean,
      count: integer,
    }),
  ),
});

const table = (call: Call) => call.world.store.table<VolumeRow>('evs.volumes');
const own = (call: Call): VolumeRow[] => table(call).where((row) => row.project_id === projectOf(call));

function volumeOf(call: Call): VolumeRow {
  const id = call.params['volume_id'] ?? '';
  const row = own(call).find((one) => one.id === id);
  if (row === undefined) throw new Refusal(404, 'EVS.5404', `Volume ${id} could not be found.`);
  return row;
}

const view = (row: VolumeRow): Record<string, unknown> => {
  const image = row.image_id === undefined ? undefined : imageOf(row.image_id);
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
    multiattach: false,
    shareable: 'false',
    user_id: row.user_id,
    replication_status: 'disabled',
    links: [],
    'os-vol-tenant-attr:tenant_id': row.project_id,
    ...(row.image_id === undefined ? {} : { volume_image_metadata: { image_id: row.image_id, image_name: image?.name ?? '' } }),
  };
};

const filters = [
  'name',
  'status',
  'limit',
  'offset',
  'marker',
  'availability_zone',
  'sort_key',
  'sort_dir',
  'id',
  'server_id',
  'metadata',
  'all_tenants',
];

function listed(call: Call): VolumeRow[] {
  const asked = (name: 'name' | 'status' | 'availability_zone' | 'id', row: VolumeRow): boolean =>
    !call.query.has(name) || call.query.get(name) === row[name];
  const found = own(call).filter(
    (row) =>
      (['name', 'status', 'availability_zone', 'id'] as const).every((name) => asked(name, row)) &&
      (!call.query.has('server_id') || row.attachments.some((one) => one.server_id === call.query.get('server_id'))),
  );
  const offset = Number(call.query.get('offset') ?? 0);
  return found.slice(offset, offset + Number(call.query.get('limit') ?? 1000));
}

function create(call: Call): Reply {
  const wanted = read(createShape, call.body).volume;
  if (!volumeTypes.some((type) => type === wanted.volume_type))
    throw new Refusal(400, 'EVS.2251', `Volume type ${wanted.volume_type} is not available.`);
  if (!zonesOf(call.region).includes(wanted.availability_zone))
    throw new Refusal(400, 'EVS.2021', `Availability zone ${wanted.availability_zone} is invalid.`);
  if (wanted.size < 10 || wanted.size > 32768) throw new Refusal(400, 'EVS.2010', 'The size must be between 10 and 32768 GB.');
  if (own(call).length >= quotaOf(call.world.store, 'evs.volumes', 400)) throw new Refusal(403, 'EVS.2007', 'Quota exceeded for volumes.');
  const row = table(call).insert({
    id: uuid(),
    name: wanted.name ?? '',
    description: wanted.description ?? '',
    project_id: projectOf(call),
    user_id: call.caller?.userId ?? '',
    status: 'creating',
    size: wanted.size,
    volume_type: wanted.volume_type,
    bootable: false,
    encrypted: wanted.metadata?.['__system__encrypted'] === '1',
    availability_zone: wanted.availability_zone,
    created_at: microPlainTime(),
    metadata: wanted.metadata ?? {},
    image_id: undefined,
    attachments: [],
    delete_on_termination: false,
  });
  call.world.store.after(10, 'evs.created', { id: row.id });
  return { status: 202, body: { volume: view(row) } };
}

function remove(call: Call): void {
  const row = volumeOf(call);
  if (row.attachments.length > 0) throw new Refusal(400, 'EVS.2045', `Volume ${row.id} is attached.`);
  table(call).update(row.id, { status: 'deleting' });
  call.world.store.after(5, 'evs.deleted', { id: row.id });
}

const detail = (call: Call): Reply => ({ status: 200, body: { volumes: listed(call).map(view) } });
const single = (call: Call): Reply => ({ status: 200, body: { volume: view(volumeOf(call)) } });

const routesOf = (version: 'v2' | 'v3'): Route[] => [
  {
    method: 'GET',
    path: `/${version}/{project_id}/os-availability-zone`,
    handle: (call) => ({
      status: 200,
      body: { availabilityZoneInfo: zonesOf(call.region).map((zoneName) => ({ zoneName, zoneState: { available: true } })) },
    }),
  },
  { method: 'GET', path: `/${version}/{project_id}/volumes/detail`, query: filters, handle: detail },
  {
    method: 'GET',
    path: `/${version}/{project_id}/volumes`,
    query: filters,
    handle: (call) => ({ status: 200, body: { volumes: listed(call).map(({ id, name }) => ({ id, name, links: [] })) } }),
  },
  { method: 'POST', path: `/${version}/{project_id}/volumes`, body: required(createShape), handle: create },
  { method: 'GET', path: `/${version}/{project_id}/volumes/{volume_id}`, handle: single },
  {
    method: 'DELETE',
    path: `/${version}/{project_id}/volumes/{volume_id}`,
    query: ['cascade'],
    handle(call) {
      remove(call);
      return { status: 202 };
    },
  },
];

export const evs: Service = {
  name: 'evs',
  prefixes: ['evs'],
  routes: [
    ...versionRoutes([{ id: 'v2' }, { id: 'v3', version: '3.50', min_version: '3.0' }]),
    ...routesOf('v2'),
    ...routesOf('v3'),
    { method: 'GET', path: '/v2/{project_id}/cloudvolumes/detail', query: filters, handle: detail },
    { method: 'GET', path: '/v2/{project_id}/cloudvolumes/{volume_id}', handle: single },
    {
      method: 'DELETE',
      path: '/v2/{project_id}/cloudvolumes/{volume_id}',
      handle(call) {
        remove(call);
        return { status: 200, body: { job_id: uuid() } };
      },
    },
  ],
  requestIdHeader: 'X-Openstack-Request-Id',
  error: (_path, { code, message }) => ({ error: { code, message } }),
  codes: () => ({ invalid: 'EVS.0001', forbidden: 'EVS.5400' }),
  start({ store }) {
    const volumes = store.table<VolumeRow>('evs.volumes');
    store.handle('evs.created', ({ id }: { id: string }) => void volumes.update(id, { status: 'available' }));
    store.handle('evs.deleted', ({ id }: { id: string }) => void volumes.remove(id));
  },
};
