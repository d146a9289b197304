/** Owns TMS, the tag query across services (API reference 10.5): what it knows are VPCs, EIPs and servers. */
import { boolean, integer, list, object, read, required, string } from './fields.ts';
import { type Call, Refusal, type Reply, type Service } from './service.ts';
import type { Store } from './store.ts';
import { iamTables } from './tables/iam.ts';
import { networkTables, type Tag } from './tables/network.ts';

interface Found {
  readonly id: string;
  readonly name: string;
  readonly project: string;
  readonly tags: readonly Tag[];
}

/** Rows of a type, and how their tags are set. */
interface Kind {
  rows(store: Store): readonly Found[];
  save(store: Store, id: string, tags: readonly Tag[]): void;
}

type ServerRow = { readonly id: string; readonly name: string; readonly tenant_id: string; readonly tags: readonly Tag[] };

const kinds: Readonly<Record<string, Kind>> = {
  vpcs: {
    rows: (store) =>
      networkTables(store)
        .vpcs.all()
        .map((row) => ({ id: row.id, name: row.name, project: row.tenant_id, tags: row.tags })),
    save: (store, id, tags) => void networkTables(store).vpcs.update(id, { tags }),
  },
  eip: {
    rows: (store) =>
      networkTables(store)
        .publicIps.all()
        .map((row) => ({ id: row.id, name: row.alias, project: row.tenant_id, tags: row.tags })),
    save: (store, id, tags) => void networkTables(store).publicIps.update(id, { tags }),
  },
  ecs: {
    rows: (store) =>
      store
        .table<ServerRow>('ecs.servers')
        .all()
        .map((row) => ({ id: row.id, name: row.name, project: row.tenant_id, tags: row.tags })),
    save: (store, id, tags) => void store.table<ServerRow>('ecs.servers').update(id, { tags }),
  },
};

const filterShape = object({
  project_id: string,
  resource_types: required(list(string)),
  tags: list(object({ key: required(string), values: list(string) })),
  without_any_tag: boolean,
  offset: integer,
  limit: integer,
});
const batchShape = object({
  project_id: string,
  resources: required(list(object({ resource_id: required(string), resource_type: required(string) }))),
  tags: required(list(object({ key: required(string), value: string }))),
});

/** The project asked about must be one of the caller's domain. */
function projectOf(call: Call, id: string | undefined): string {
  if (call.caller?.via === 'token' && call.caller.projectId !== undefined)
    throw new Refusal(403, 'TMS.0004', 'The token must be scoped to the domain.');
  const row = iamTables(call.world.store).projects.get(id ?? '');
  if (row === undefined || row.domain_id !== call.caller?.domainId)
    throw new Refusal(403, 'TMS.0004', 'The project does not belong to the domain of the token.');
  return row.id;
}

function filter(call: Call): Reply {
  const wanted = read(filterShape, call.body);
  const project = projectOf(call, wanted.project_id);
  const errors = wanted.resource_types
    .filter((type) => kinds[type] === undefined)
    .map((type) => ({ error_code: 'TMS.0012', error_msg: `The resource type ${type} is not supported.`, project_id: project, resource_type: type }));
  const found = wanted.resource_types.flatMap((type) =>
    (kinds[type]?.rows(call.world.store) ?? [])
      .filter((row) => row.project === project)
      .filter((row) => (wanted.without_any_tag === true ? row.tags.length === 0 : true))
      .filter((row) =>
        (wanted.tags ?? []).every(({ key, values = [] }) =>
          row.tags.some((tag) => tag.key === key && (values.length === 0 || values.includes(tag.value))),
        ),
      )
      .map((row) => ({
        project_id: project,
        project_name: iamTables(call.world.store).projects.get(project)?.name ?? '',
        resource_id: row.id,
        resource_name: row.name,
        resource_type: type,
        tags: row.tags,
      })),
  );
  const offset = wanted.offset ?? 0;
  return { status: 200, body: { resources: found.slice(offset, offset + (wanted.limit ?? 200)), errors, total_count: found.length } };
}

function batch(call: Call, change: (before: readonly Tag[], tags: readonly Tag[]) => readonly Tag[]): Reply {
  const wanted = read(batchShape, call.body);
  const project = projectOf(call, wanted.project_id);
  if (wanted.resources.length > 50 || wanted.tags.length > 10) throw new Refusal(400, 'TMS.0009', 'At most 50 resources and 10 tags.');
  const tags = wanted.tags.map(({ key, value = '' }) => ({ key, value }));
  const failed = wanted.resources.flatMap(({ resource_id, resource_type }) => {
    const kind = kinds[resource_type];
    const row = kind?.rows(call.world.store).find(({ id, project: here }) => id === resource_id && here === project);
    if (kind === undefined || row === undefined)
      return [{ resource_id, resource_type, error_code: 'TMS.0013', error_msg: 'The resource does not exist.' }];
    kind.save(call.world.store, row.id, change(row.tags, tags));
    return [];
  });
  return { status: 200, body: { failed_resources: failed } };
}

const without = (before: readonly Tag[], tags: readonly Tag[]): Tag[] => before.filter(({ key }) => !tags.some((tag) => tag.key === key));

export const tms: Service = {
  name: 'tms',
  prefixes: ['tms'],
  projectScoped: false,
  codes: () => ({ invalid: 'TMS.0009', forbidden: 'TMS.0004' }),
  error: (_path, { code, message }) => ({ error_code: code, error_msg: message }),
  routes: [
    { method: 'POST', path: '/v1.0/resource-instances/filter', reads: true, body: required(filterShape), handle: filter },
    {
      method: 'POST',
      path: '/v1.0/resource-tags/batch-create',
      body: required(batchShape),
      handle: (call) => batch(call, (before, tags) => [...without(before, tags), ...tags]),
    },
    { method: 'POST', path: '/v1.0/resource-tags/batch-delete', body: required(batchShape), handle: (call) => batch(call, without) },
    {
      method: 'GET',
      path: '/v1.0/tms/providers',
      query: ['locale', 'limit', 'offset', 'provider'],
      handle: () => {
        const types = Object.keys(kinds).map((name) => ({
          resource_type: name,
          resource_type_i18n_display_name: name,
          regions: ['eu-de', 'eu-nl'],
          global: false,
        }));
        return { status: 200, body: { providers: [{ provider: 'tms', provider_i18n_display_name: 'TMS', resource_types: types }], total_count: 1 } };
      },
    },
  ],
};
