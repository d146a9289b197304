/**
 * Owns projects, domains, groups and quotas (API reference 1.5, 1.6, 10.6). Part of IAM; users are in `iam-users.ts`, roles and agencies in
 * `iam-grants.ts`, tokens and federation have files of their own.
 */
import { projectsOf } from './auth.ts';
import { object, read, required, string } from './fields.ts';
import { links, missing, mustAdminister } from './iam-common.ts';
import { hex32 } from './ids.ts';
import { defaultGroup } from './seed.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import { type GroupRow, iamTables, type ProjectRow } from './tables/iam.ts';

export const projectView = (call: Call, row: ProjectRow) => ({
  id: row.id,
  name: row.name,
  domain_id: row.domain_id,
  parent_id: row.parent_id,
  enabled: row.enabled,
  is_domain: false,
  description: row.description,
  links: { self: `https://${call.host}/v3/projects/${row.id}` },
});
export const groupView = (call: Call, row: GroupRow) => ({ ...row, links: { self: `https://${call.host}/v3/groups/${row.id}` } });
const projectShape = object({ project: required(object({ name: string, parent_id: string, domain_id: string, description: string })) });
const groupShape = object({ group: required(object({ name: string, description: string, domain_id: string })) });
function listProjects(call: Call): Reply {
  const { projects } = iamTables(call.world.store);
  const [page, size] = [call.query.get('page'), call.query.get('per_page')];
  if ((page === null) !== (size === null)) throw new Refusal(400, 'IAM.0011', 'page and per_page must be given together.');
  if (page !== null && !(isFrom1(page) && isFrom1(size, 5000))) throw new Refusal(400, 'IAM.0011', 'page must be 1 or more, per_page 1 to 5000.');
  const all = projects.where(
    (row) =>
      row.domain_id === call.caller?.domainId &&
      [row.name, null].includes(call.query.get('name')) &&
      [row.domain_id, null].includes(call.query.get('domain_id')) &&
      [row.parent_id, null].includes(call.query.get('parent_id')) &&
      [String(row.enabled), null].includes(call.query.get('enabled')),
  );
  const start = page === null ? 0 : (Number(page) - 1) * Number(size);
  const shown = page === null ? all : all.slice(start, start + Number(size));
  const next = page !== null && start + Number(size) < all.length ? { next: pageLink(call, Number(page) + 1) } : {};
  const previous = page !== null && start > 0 ? { previous: pageLink(call, Number(page) - 1) } : {};
  return { status: 200, body: { links: { ...links(call), ...previous, ...next }, projects: shown.map((row) => projectView(call, row)) } };
}

const isFrom1 = (text: string | null, most = Number.MAX_SAFE_INTEGER): boolean =>
  /^\d+$/.test(text ?? '') && Number(text) >= 1 && Number(text) <= most;

function pageLink(call: Call, page: number): string {
  const query = new URLSearchParams(call.query);
  query.set('page', String(page));
  return `https://${call.host}${call.path}?${query}`;
}

function projectOf(call: Call): ProjectRow {
  const row = iamTables(call.world.store).projects.get(call.params['id'] ?? '');
  if (row === undefined || row.domain_id !== call.caller?.domainId) throw missing('project', call.params['id']);
  return row;
}

function createProject(call: Call): Reply {
  mustAdminister(call);
  const { projects } = iamTables(call.world.store);
  const wanted = read(projectShape, call.body).project;
  const parent = projects.get(wanted.parent_id ?? '');
  if (parent === undefined) throw new Refusal(400, 'IAM.0011', 'parent_id must be the id of a region project.');
  const name = wanted.name ?? '';
  if (!name.startsWith(`${parent.region}_`) || name.length > 64)
    throw new Refusal(400, 'IAM.0011', `The project name must start with ${parent.region}_ and have at most 64 characters.`);
  if (projects.find((row) => row.domain_id === parent.domain_id && row.name === name) !== undefined)
    throw new Refusal(409, 'IAM.0005', 'Conflict occurred attempting to store project - Duplicate entry.');
  const row = projects.insert({
    id: hex32(),
    name,
    region: parent.region,
    domain_id: parent.domain_id,
    parent_id: parent.id,
    description: wanted.description ?? '',
    enabled: true,
  });
  defaultGroup(call.world.store, row.id);
  return { status: 201, body: { project: projectView(call, row) } };
}

function groupOf(call: Call, name = 'id'): GroupRow {
  const row = iamTables(call.world.store).groups.get(call.params[name] ?? '');
  if (row === undefined || row.domain_id !== call.caller?.domainId) throw missing('group', call.params[name]);
  return row;
}

function createGroup(call: Call): Reply {
  mustAdminister(call);
  const { groups } = iamTables(call.world.store);
  const { name = '', description = '' } = read(groupShape, call.body).group;
  const domain = call.caller?.domainId ?? '';
  if (name === '' || name.length > 64) throw new Refusal(400, 'IAM.0011', 'The group name must have 1 to 64 characters.');
  if (groups.find((row) => row.domain_id === domain && row.name === name) !== undefined)
    throw new Refusal(409, 'IAM.0005', 'Conflict occurred attempting to store group - Duplicate entry.');
  const row = groups.insert({ id: hex32(), name, description, domain_id: domain, create_time: Date.now() });
  return { status: 201, body: { group: groupView(call, row) } };
}

const quota = (type: string, value: number, used: number) => ({ min: 0, max: value * 10, quota: value, type, used });

export const directoryRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v3/projects',
    query: ['name', 'domain_id', 'parent_id', 'enabled', 'is_domain', 'page', 'per_page'],
    handle: listProjects,
  },
  { method: 'POST', path: '/v3/projects', body: required(projectShape), handle: createProject },
  { method: 'GET', path: '/v3/projects/{id}', handle: (call) => ({ status: 200, body: { project: projectView(call, projectOf(call)) } }) },
  {
    method: 'DELETE',
    path: '/v3/projects/{id}',
    handle: (call) => {
      mustAdminister(call);
      const row = projectOf(call);
      if (row.parent_id === row.domain_id) throw new Refusal(403, 'IAM.0003', 'The project of a region cannot be deleted.');
      iamTables(call.world.store).projects.remove(row.id);
      return { status: 204 };
    },
  },
  {
    method: 'GET',
    path: '/v3/auth/projects',
    handle: (call) => ({
      status: 200,
      body: {
        projects: call.caller === undefined ? [] : projectsOf(call.world.store, call.caller.principal).map((row) => projectView(call, row)),
        links: links(call),
      },
    }),
  },
  {
    method: 'GET',
    path: '/v3/auth/domains',
    query: ['name'],
    handle: (call) => {
      const row = iamTables(call.world.store).domains.get(call.caller?.domainId ?? '');
      const wanted = call.query.get('name');
      const shown =
        row === undefined || (wanted !== null && wanted !== row.name)
          ? []
          : [{ ...row, enabled: true, description: '', links: { self: `https://${call.host}/v3/domains/${row.id}` } }];
      return { status: 200, body: { domains: shown, links: links(call) } };
    },
  },
  {
    method: 'GET',
    path: '/v3/groups',
    query: ['domain_id', 'name'],
    handle: (call) => {
      const rows = iamTables(call.world.store).groups.where(
        (row) => row.domain_id === call.caller?.domainId && [row.name, null].includes(call.query.get('name')),
      );
      return { status: 200, body: { groups: rows.map((row) => groupView(call, row)), links: links(call) } };
    },
  },
  { method: 'POST', path: '/v3/groups', body: required(groupShape), handle: createGroup },
  {
    method: 'PATCH',
    path: '/v3/groups/{id}',
    body: required(groupShape),
    handle(call) {
      mustAdminister(call);
      const row = groupOf(call);
      const { name = row.name, description = row.description } = read(groupShape, call.body).group;
      return { status: 200, body: { group: groupView(call, iamTables(call.world.store).groups.update(row.id, { name, description }) ?? row) } };
    },
  },
  { method: 'GET', path: '/v3/groups/{id}', handle: (call) => ({ status: 200, body: { group: groupView(call, groupOf(call)) } }) },
  {
    method: 'DELETE',
    path: '/v3/groups/{id}',
    handle: (call) => {
      mustAdminister(call);
      const row = groupOf(call);
      const { groups, assignments, users } = iamTables(call.world.store);
      for (const held of assignments.where(({ to }) => to === row.id)) assignments.remove(held.id);
      for (const user of users.where(({ groups: ids }) => ids.includes(row.id)))
        users.update(user.id, { groups: user.groups.filter((id) => id !== row.id) });
      groups.remove(row.id);
      return { status: 204 };
    },
  },
  {
    method: 'GET',
    path: '/v3.0/OS-QUOTA/projects/{id}',
    handle: (call) => ({
      status: 200,
      body: {
        quotas: {
          resources: [quota('project', 10, iamTables(call.world.store).projects.where((row) => row.parent_id === projectOf(call).parent_id).length)],
        },
      },
    }),
  },
  {
    method: 'GET',
    path: '/v3.0/OS-QUOTA/domains/{id}',
    query: ['type'],
    handle: (call) => {
      const { users, groups, agencies, identityProviders } = iamTables(call.world.store);
      if (call.params['id'] !== call.caller?.domainId) throw missing('domain', call.params['id']);
      const of = (rows: readonly { readonly domain_id: string }[]): number => rows.filter((row) => row.domain_id === call.params['id']).length;
      const all = [
        quota('user', 50, of(users.all())),
        quota('group', 20, of(groups.all())),
        quota('idp', 10, of(identityProviders.all())),
        quota('agency', 50, of(agencies.all())),
      ];
      return { status: 200, body: { quotas: { resources: all.filter(({ type }) => [type, null].includes(call.query.get('type'))) } } };
    },
  },
];
