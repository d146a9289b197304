/**
 * Owns Nova v2.1 (API reference 9.2) on the host of ECS: flavors, zones, images, its error shape; servers are in
 * `nova-servers.ts`, `nova-actions.ts` and `nova-parts.ts`, key pairs in `keypair.ts`. ECS's v1 dialect is in `ecs.ts`; both work on the same servers.
 */
import { projectOf, zonesOf } from './compute-common.ts';
import { versionRoutes } from './compute-versions.ts';
import { keyPairRoutes } from './keypair.ts';
import { novaActionRoutes } from './nova-actions.ts';
import { linksOf, microversioned, minorOf, newest, novaPage } from './nova-common.ts';
import { novaPartRoutes } from './nova-parts.ts';
import { novaServerRoutes } from './nova-servers.ts';
import { ecsFlavorOf, ecsFlavors, extraSpecs, images } from './server-catalog.ts';
import { serverLimits } from './server-limits.ts';
import { type Call, Refusal, type Reply, type Route, type Service } from './service.ts';

const base = '/v2.1/{project_id}';

const flavorView = (call: Call, id: string): Record<string, unknown> => {
  const flavor = ecsFlavorOf(id);
  return {
    id,
    name: id,
    ram: flavor?.ram ?? 0,
    vcpus: flavor?.vcpus ?? 0,
    disk: 0,
    swap: '',
    rxtx_factor: 1,
    'OS-FLV-EXT-DATA:ephemeral': 0,
    'OS-FLV-DISABLED:disabled': false,
    'os-flavor-access:is_public': true,
    links: linksOf(call, 'flavors', id),
  };
};

const flavorList =
  (view: (call: Call, id: string) => Record<string, unknown>) =>
  (call: Call): Reply => {
    const least = (name: string): number => Number(call.query.get(name) ?? 0);
    // Flavors have no disk of their own.
    const fit = ecsFlavors.filter(({ ram }) => ram >= least('minRam') && least('minDisk') <= 0);
    return novaPage(
      call,
      'flavors',
      fit,
      ({ id }) => id,
      ({ id }) => view(call, id),
    );
  };

const routes: readonly Route[] = [
  ...novaServerRoutes,
  ...novaActionRoutes,
  ...novaPartRoutes,
  {
    method: 'GET',
    path: `${base}/flavors`,
    query: ['limit', 'marker', 'minDisk', 'minRam', 'is_public', 'sort_key', 'sort_dir'],
    handle: flavorList((call, id) => ({ id, name: id, links: linksOf(call, 'flavors', id) })),
  },
  {
    method: 'GET',
    path: `${base}/flavors/detail`,
    query: ['limit', 'marker', 'minDisk', 'minRam', 'is_public', 'sort_key', 'sort_dir'],
    handle: flavorList(flavorView),
  },
  {
    method: 'GET',
    path: `${base}/flavors/{flavor_id}`,
    handle(call) {
      const id = call.params['flavor_id'] ?? '';
      if (ecsFlavorOf(id) === undefined) throw new Refusal(404, 'itemNotFound', `Flavor ${id} could not be found.`);
      return { status: 200, body: { flavor: flavorView(call, id) } };
    },
  },
  {
    method: 'GET',
    path: `${base}/flavors/{flavor_id}/os-extra_specs`,
    handle(call) {
      const id = call.params['flavor_id'] ?? '';
      if (ecsFlavorOf(id) === undefined) throw new Refusal(404, 'itemNotFound', `Flavor ${id} could not be found.`);
      return { status: 200, body: { extra_specs: extraSpecs(id) } };
    },
  },
  ...['', '/detail'].map(
    (suffix): Route => ({
      method: 'GET',
      path: `${base}/os-availability-zone${suffix}`,
      handle: (call) => ({
        status: 200,
        body: { availabilityZoneInfo: zonesOf(call.region).map((zoneName) => ({ zoneName, zoneState: { available: true }, hosts: null })) },
      }),
    }),
  ),
  {
    method: 'GET',
    path: `${base}/images/{image_id}`,
    handle(call) {
      const image = images.find((one) => one.id === call.params['image_id']);
      if (image === undefined) throw new Refusal(404, 'itemNotFound', 'Image not found.');
      return {
        status: 200,
        body: {
          image: {
            id: image.id,
            name: image.name,
            status: 'ACTIVE',
            minDisk: image.min_disk,
            minRam: 0,
            progress: 100,
            metadata: {},
            links: linksOf(call, 'images', image.id),
          },
        },
      };
    },
  },
  {
    method: 'GET',
    path: `${base}/limits`,
    query: ['reserved', 'tenant_id'],
    handle: (call) => ({ status: 200, body: { limits: { rate: [], absolute: serverLimits(call) } } }),
  },
  { method: 'GET', path: `${base}/os-quota-sets/{target_project_id}`, query: ['user_id'], handle: quotas },
  ...keyPairRoutes,
];

/** With fewer fields in later microversions (ECS reference, Querying Tenant Quotas). */
function quotas(call: Call): Reply {
  const id = call.params['target_project_id'] ?? '';
  if (id !== projectOf(call)) throw new Refusal(403, 'forbidden', "Policy doesn't allow os_compute_api:os-quota-sets:show to be performed.");
  const limits = serverLimits(call);
  const networks = { fixed_ips: -1, floating_ips: -1, security_groups: limits.maxSecurityGroups, security_group_rules: limits.maxSecurityGroupRules };
  const files = { injected_files: limits.maxPersonality, injected_file_content_bytes: limits.maxPersonalitySize, injected_file_path_bytes: 255 };
  return {
    status: 200,
    body: {
      quota_set: {
        id,
        cores: limits.maxTotalCores,
        instances: limits.maxTotalInstances,
        ram: limits.maxTotalRAMSize,
        key_pairs: limits.maxTotalKeypairs,
        metadata_items: limits.maxServerMeta,
        server_groups: limits.maxServerGroups,
        server_group_members: limits.maxServerGroupMembers,
        ...(minorOf(call) < 36 ? networks : {}),
        ...(minorOf(call) < 56 ? files : {}),
      },
    },
  };
}

export const nova: Service = {
  name: 'nova',
  prefixes: ['ecs'],
  routes: [...versionRoutes([{ id: 'v2.1', version: `2.${newest}`, min_version: '2.1' }]), ...routes.map(microversioned)],
  requestIdHeader: 'X-Compute-Request-Id',
  error: (_path, { status, code, message }) => ({ [code]: { code: status, message } }),
  codes: () => ({ invalid: 'badRequest', forbidden: 'forbidden' }),
};
