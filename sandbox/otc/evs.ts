/** Owns EVS, the disks of servers and of persistent volumes (API reference 9.5), in its v2 and v3 forms: lists, types, tags. */
import { projectOf, zonesOf } from './compute-common.ts';
import { versionRoutes } from './compute-versions.ts';
import { quotaRoute } from './disk-quotas.ts';
import { cinderOrders, jobRoute, startOrders, vendorOrders } from './evs-orders.ts';
import { ownVolumes, typeOf, typeView, vendorView, volumeOf, volumesIn, volumeView } from './evs-volumes.ts';
import { map, object, read, required, string } from './fields.ts';
import { volumeTypes } from './server-catalog.ts';
import { type Call, Refusal, type Reply, type Route, type Service } from './service.ts';
import type { VolumeRow } from './tables/compute.ts';
import { tagRoutes } from './tagging.ts';

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
  'volume_type_id',
  'multiattach',
  'enterprise_project_id',
];

function found(call: Call): VolumeRow[] {
  const asked = (name: 'name' | 'status' | 'availability_zone' | 'id', row: VolumeRow): boolean =>
    !call.query.has(name) || call.query.get(name) === row[name];
  return ownVolumes(call).filter(
    (row) =>
      (['name', 'status', 'availability_zone', 'id'] as const).every((name) => asked(name, row)) &&
      (!call.query.has('server_id') || row.attachments.some((one) => one.server_id === call.query.get('server_id'))),
  );
}

/** The page that the query asks for. */
function listed(call: Call): VolumeRow[] {
  const all = found(call);
  const after = call.query.has('marker') ? all.findIndex((row) => row.id === call.query.get('marker')) + 1 : Number(call.query.get('offset') ?? 0);
  return all.slice(after, after + Number(call.query.get('limit') ?? 1000));
}

/** Cinder's list has no count: its own client takes one for the answer to `with_count` (EVS API reference, "OpenStack Cinder APIs"). */
const detail = (call: Call): Reply => ({ status: 200, body: { volumes: listed(call).map((row) => volumeView(call, row)) } });
/** EVS's own counts all disks, whatever the page. */
const vendorDetail = (call: Call): Reply => ({
  status: 200,
  body: { count: found(call).length, volumes: listed(call).map((row) => vendorView(call, row)) },
});
const single =
  (view: typeof volumeView) =>
  (call: Call): Reply => ({ status: 200, body: { volume: view(call, volumeOf(call)) } });

/** Tags of a disk in the form of EVS v2's older call: one object in, the whole object out. */
const tagsShape = object({ tags: required(map(string)) });
const asMap = (row: VolumeRow): Record<string, string> => Object.fromEntries(row.tags.map(({ key, value }) => [key, value]));

const olderTags: readonly Route[] = [
  {
    method: 'GET',
    path: '/v2/{project_id}/os-vendor-tags/volumes/{volume_id}',
    handle: (call) => ({ status: 200, body: { tags: asMap(volumeOf(call)) } }),
  },
  ...(['POST', 'PUT'] as const).map(
    (method): Route => ({
      method,
      path: '/v2/{project_id}/os-vendor-tags/volumes/{volume_id}',
      body: required(tagsShape),
      handle(call) {
        const { tags } = read(tagsShape, call.body);
        const row = volumeOf(call);
        const all = method === 'PUT' ? tags : { ...asMap(row), ...tags };
        volumesIn(call).update(row.id, { tags: Object.entries(all).map(([key, value]) => ({ key, value })) });
        return { status: 200, body: { tags: all } };
      },
    }),
  ),
];

const routesOf = (version: 'v2' | 'v3'): Route[] => [
  {
    method: 'GET',
    path: `/${version}/{project_id}/os-availability-zone`,
    handle: (call) => ({
      status: 200,
      body: { availabilityZoneInfo: zonesOf(call.region).map((zoneName) => ({ zoneName, zoneState: { available: true } })) },
    }),
  },
  {
    method: 'GET',
    path: `/${version}/{project_id}/types`,
    handle: (call) => ({ status: 200, body: { volume_types: volumeTypes.map((name) => typeView(call, name)) } }),
  },
  {
    method: 'GET',
    path: `/${version}/{project_id}/types/{type_id}`,
    handle(call) {
      const name = typeOf(call.params['type_id'] ?? '');
      if (name === undefined) throw new Refusal(404, 'EVS.5404', `Volume type ${call.params['type_id']} could not be found.`);
      return { status: 200, body: { volume_type: typeView(call, name) } };
    },
  },
  { method: 'GET', path: `/${version}/{project_id}/volumes/detail`, query: filters, handle: detail },
  {
    method: 'GET',
    path: `/${version}/{project_id}/volumes`,
    query: filters,
    handle: (call) => ({ status: 200, body: { volumes: listed(call).map(({ id, name }) => ({ id, name, links: [] })) } }),
  },
  { method: 'GET', path: `/${version}/{project_id}/volumes/{volume_id}`, handle: single(volumeView) },
  ...['cloudvolumes', 'os-vendor-volumes'].flatMap((name): Route[] => [
    { method: 'GET', path: `/${version}/{project_id}/${name}/detail`, query: filters, handle: vendorDetail },
    { method: 'GET', path: `/${version}/{project_id}/${name}/{volume_id}`, handle: single(vendorView) },
    ...tagRoutes<VolumeRow>({
      base: `/${version}/{project_id}/${name}`,
      rows: (call) => volumesIn(call).where((row) => row.project_id === projectOf(call)),
      name: (row) => row.name,
      save: (call, row, tags) => void volumesIn(call).update(row.id, { tags }),
      codes: { invalid: 'EVS.0001', missing: 'EVS.5404' },
      longest: { key: 36, value: 43 },
    }),
  ]),
  ...cinderOrders(version),
  ...vendorOrders(version),
];

export const evs: Service = {
  name: 'evs',
  prefixes: ['evs'],
  routes: [
    ...versionRoutes([{ id: 'v2' }, { id: 'v3', version: '3.50', min_version: '3.0' }]),
    ...routesOf('v2'),
    ...routesOf('v3'),
    quotaRoute,
    ...olderTags,
    jobRoute,
  ],
  requestIdHeader: 'X-Openstack-Request-Id',
  error: (_path, { code, message }) => ({ error: { code, message } }),
  codes: () => ({ invalid: 'EVS.0001', forbidden: 'EVS.5400' }),
  start: ({ store }) => startOrders(store),
};
