/**
 * Owns the service catalog of a project, as tokens and `/v3/auth/catalog` carry it (API reference 0.2), and what it is made of
 * as lists: services, endpoints, regions (IAM API reference, "Services and Endpoints", "Region Management"). Part of IAM.
 */
import { createHash } from 'node:crypto';
import { hostOf, regions } from './hosts.ts';
import { links, missing } from './iam-common.ts';
import type { Call, Route } from './service.ts';
import { iamTables } from './tables/iam.ts';

/** Type, host label, path; `{pid}` is the project id. */
const entries: readonly (readonly [type: string, prefix: string, path: string])[] = [
  ['network', 'vpc', ''],
  ['vpc', 'vpc', '/v1/{pid}'],
  ['vpcv2.0', 'vpc', '/v2.0/{pid}'],
  ['ecs', 'ecs', '/v1/{pid}'],
  ['compute', 'ecs', '/v2.1/{pid}'],
  ['evs', 'evs', '/v2/{pid}'],
  ['volumev2', 'evs', '/v2/{pid}'],
  ['volumev3', 'evs', '/v3/{pid}'],
  ['image', 'ims', ''],
  ['elb', 'elb', ''],
  ['elbv3', 'elb', '/v3/{pid}'],
  ['rdsv3', 'rds', '/v3/{pid}'],
  ['ccev2.0', 'cce', ''],
  ['dns', 'dns', ''],
  ['nat', 'nat', '/v2.0'],
  ['tms', 'tms', '/v1.0'],
];

const idOf = (text: string): string => createHash('md5').update(text).digest('hex');

function entry(type: string, endpoints: readonly { readonly region: string; readonly url: string }[]) {
  return {
    id: idOf(type),
    type,
    name: type,
    endpoints: endpoints.map(({ region, url }) => ({ id: idOf(`${type} ${region}`), interface: 'public', region, region_id: region, url })),
  };
}

export function catalog(region: string, projectId: string | undefined) {
  const identity = `https://${hostOf('iam', region)}/v3`;
  const regional = projectId === undefined ? [] : entries;
  return [
    entry('identity', [
      { region: '*', url: identity },
      { region, url: identity },
    ]),
    ...regional.map(([type, prefix, path]) =>
      entry(type, [{ region, url: `https://${hostOf(prefix, region)}${path.replace('{pid}', projectId ?? '')}` }]),
    ),
  ];
}

interface Item extends Readonly<Record<string, unknown>> {
  readonly id: string;
}

/** Regions of one installation know each other; the Swiss one is alone. */
const regionsOf = (call: Call) => regions.filter(({ id }) => (id === 'eu-ch2') === (call.region === 'eu-ch2'));
const everything = (call: Call) => regionsOf(call).flatMap(({ id }) => catalog(id, '$(tenant_id)s'));
const once = (items: readonly Item[]): Item[] => [...new Map(items.map((item) => [item.id, item])).values()];

/** Items by kind; their fields are their filters. */
const lists: Readonly<Record<string, (call: Call) => readonly Item[]>> = {
  services: (call) => once(everything(call).map(({ id, name, type }) => ({ id, name, type, enabled: true, description: '' }))),
  endpoints: (call) => once(everything(call).flatMap(({ id, endpoints }) => endpoints.map((one) => ({ ...one, service_id: id, enabled: true })))),
  regions: (call) => regionsOf(call).map(({ id }) => ({ id, type: 'public', description: '', parent_region_id: null, locales: { 'en-us': id } })),
};
const filters: Readonly<Record<string, readonly string[]>> = { services: ['type', 'name'], endpoints: ['interface', 'service_id', 'region_id'] };

export const catalogRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v3/auth/catalog',
    handle: (call) => {
      const project = iamTables(call.world.store).projects.get(call.caller?.projectId ?? '');
      return {
        status: 200,
        body: { catalog: catalog(project?.region ?? call.region, project?.id), links: { self: `https://${call.host}/v3/auth/catalog` } },
      };
    },
  },
  ...Object.entries(lists).flatMap(([name, items]): Route[] => {
    const query = filters[name] ?? [];
    const view = (call: Call, item: Item) => ({ ...item, links: { self: `https://${call.host}/v3/${name}/${item.id}` } });
    return [
      {
        method: 'GET',
        path: `/v3/${name}`,
        query,
        handle: (call) => {
          const shown = items(call).filter((item) => query.every((field) => [null, item[field]].includes(call.query.get(field))));
          return { status: 200, body: { [name]: shown.map((item) => view(call, item)), links: links(call) } };
        },
      },
      {
        method: 'GET',
        path: `/v3/${name}/{id}`,
        handle: (call) => {
          const kind = name.slice(0, -1);
          const item = items(call).find(({ id }) => id === call.params['id']);
          if (item === undefined) throw missing(kind, call.params['id']);
          return { status: 200, body: { [kind]: view(call, item) } };
        },
      },
    ];
  }),
];
