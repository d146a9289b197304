/** Owns IMS, the list of public images (API reference 9.4): filters by query, newest first where asked, no next link. */
import { versionRoutes } from './compute-versions.ts';
import { zuluTime } from './ids.ts';
import { type Image, images } from './server-catalog.ts';
import { type Call, Refusal, type Service } from './service.ts';

const made = new Date('2026-01-01T10:00:00Z');

const view = (image: Image): Record<string, unknown> => ({
  id: image.id,
  name: image.name,
  status: 'active',
  min_disk: image.min_disk,
  min_ram: 0,
  __os_type: 'Linux',
  __platform: image.platform,
  __os_version: image.version,
  __os_bit: '64',
  __imagetype: 'gold',
  __isregistered: 'true',
  __image_source_type: 'uds',
  visibility: 'public',
  protected: true,
  virtual_env_type: 'FusionCompute',
  disk_format: 'zvhd2',
  container_format: 'bare',
  size: 0,
  created_at: zuluTime(made),
  updated_at: zuluTime(made),
  owner: 'b35452ad30cf4f8bb9a59a5f3bd1a6a0',
  self: `/v2/images/${image.id}`,
  file: `/v2/images/${image.id}/file`,
  schema: '/v2/schemas/image',
  tags: [],
});

const filters = [
  '__imagetype',
  'visibility',
  'protected',
  '__platform',
  '__os_type',
  '__os_bit',
  '__os_version',
  'name',
  'status',
  'virtual_env_type',
  'id',
  'owner',
  'disk_format',
];
const others = [
  'sort_key',
  'sort_dir',
  'limit',
  'marker',
  'enterprise_project_id',
  '__isregistered',
  'member_status',
  'min_disk',
  'min_ram',
  'flavor_id',
  'tag',
];

function listed(call: Call): Record<string, unknown>[] {
  const found = images
    .map((image) => view(image))
    .filter((seen) => filters.every((name) => !call.query.has(name) || String(seen[name]) === call.query.get(name)));
  const key = call.query.get('sort_key');
  if (key !== null) found.sort((a, b) => String(a[key]).localeCompare(String(b[key])) * (call.query.get('sort_dir') === 'desc' ? -1 : 1));
  const marker = call.query.get('marker');
  const start = marker === null ? 0 : found.findIndex((seen) => seen['id'] === marker) + 1;
  const limit = Number(call.query.get('limit') ?? 500);
  if (!Number.isInteger(limit) || limit < 0) throw new Refusal(400, 'IMG.0144', 'limit is invalid.');
  return found.slice(start, start + limit);
}

export const ims: Service = {
  name: 'ims',
  prefixes: ['ims'],
  routes: [
    ...versionRoutes([{ id: 'v2.7' }]),
    { method: 'GET', path: '/v2/cloudimages', query: [...filters, ...others], handle: (call) => ({ status: 200, body: { images: listed(call) } }) },
    {
      method: 'GET',
      path: '/v2/images',
      query: [...filters, ...others],
      handle: (call) => ({ status: 200, body: { images: listed(call), schema: '/v2/schemas/images', first: '/v2/images' } }),
    },
    {
      method: 'GET',
      path: '/v2/images/{image_id}',
      handle(call) {
        const image = images.find((one) => one.id === call.params['image_id']);
        if (image === undefined) throw new Refusal(404, 'IMG.0027', `No image found with ID ${call.params['image_id']}`);
        return { status: 200, body: view(image) };
      },
    },
  ],
  requestIdHeader: 'X-Openstack-Request-Id',
  error: (_path, { code, message }) => ({ error: { message, code } }),
  codes: () => ({ invalid: 'IMG.0144', forbidden: 'IMG.0062' }),
};
