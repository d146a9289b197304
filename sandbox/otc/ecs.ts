/**
 * Owns ECS v1 (API reference 9.1): the list of its calls, flavors, limits, tags, error shape. Nova's dialect answers on the
 * same host: `nova.ts`.
 */
import { projectOf } from './compute-common.ts';
import { serverRoutes, startServers } from './ecs-servers.ts';
import { ecsFlavors, extraSpecs, zoneText } from './server-catalog.ts';
import { serverLimits } from './server-limits.ts';
import { ecsTables } from './server-make.ts';
import type { Call, Service } from './service.ts';
import { tagRoutes } from './tagging.ts';

const own = (call: Call) => ecsTables(call.world.store).servers.where((row) => row.project_id === projectOf(call));

const tags = (base: string) =>
  tagRoutes({
    base,
    rows: own,
    name: (row) => row.name,
    save: (call, row, now) => void ecsTables(call.world.store).servers.update(row.id, { tags: now }),
    codes: { invalid: 'Ecs.0005', missing: 'Ecs.0114' },
    longest: { key: 36, value: 43 },
  });

export const ecs: Service = {
  name: 'ecs',
  prefixes: ['ecs'],
  routes: [
    ...serverRoutes,
    {
      method: 'GET',
      path: '/v1/{project_id}/cloudservers/flavors',
      query: ['availability_zone', 'flavor_id'],
      handle(call) {
        const { store } = call.world;
        const zone = call.query.get('availability_zone');
        const flavors = ecsFlavors.map((flavor) => {
          const zones = zoneText(store, call.region, flavor.id);
          const status = zone === null ? 'normal' : (new RegExp(`${zone}\\((\\w+)\\)`).exec(zones)?.[1] ?? 'abandon');
          return {
            id: flavor.id,
            name: flavor.id,
            vcpus: String(flavor.vcpus),
            ram: flavor.ram,
            disk: '0',
            swap: '',
            links: [],
            'OS-FLV-EXT-DATA:ephemeral': 0,
            rxtx_factor: 1,
            'OS-FLV-DISABLED:disabled': false,
            'os-flavor-access:is_public': true,
            os_extra_specs: {
              ...extraSpecs(flavor.id),
              'ecs:generation': flavor.id.split('.')[0],
              'cond:operation:status': status,
              'cond:operation:az': zones,
            },
          };
        });
        return { status: 200, body: { flavors } };
      },
    },
    {
      method: 'GET',
      path: '/v1/{project_id}/cloudservers/limits',
      handle: (call) => ({ status: 200, body: { absolute: serverLimits(call) } }),
    },
    ...tags('/v1/{project_id}/cloudservers'),
    ...tags('/v1/{project_id}/servers').filter((route) => route.path.endsWith('/resource_instances/action')),
  ],
  error: (_path, { code, message }) => ({ error: { message, code } }),
  codes: () => ({ invalid: 'Ecs.0005', forbidden: 'Ecs.0003' }),
  start: startServers,
};
