/** Owns roles, their grants to groups and agencies, and agencies themselves (API reference 1.6). Part of IAM. */
import { object, read, required, string } from './fields.ts';
import { links, missing, mustAdminister } from './iam-common.ts';
import { hex32, plainTime, uuid } from './ids.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import { type AgencyRow, type AssignmentRow, iamTables, type RoleRow } from './tables/iam.ts';

const roleView = (call: Call, row: RoleRow) => ({
  ...row,
  domain_id: null,
  catalog: 'BASE',
  policy: {},
  links: { self: `https://${call.host}/v3/roles/${row.id}` },
});
const agencyView = ({ given: _given, ...row }: AgencyRow) => row;

const agencyShape = object({
  agency: required(
    object({ name: string, domain_id: string, trust_domain_name: string, trust_domain_id: string, duration: string, description: string }),
  ),
});

function agencyOf(call: Call): AgencyRow {
  const row = iamTables(call.world.store).agencies.get(call.params['id'] ?? '');
  if (row === undefined || row.domain_id !== call.caller?.domainId) throw missing('agency', call.params['id']);
  return row;
}

function createAgency(call: Call): Reply {
  mustAdminister(call);
  const { agencies, assignments, domains } = iamTables(call.world.store);
  const wanted = read(agencyShape, call.body).agency;
  const { name = '', duration = 'FOREVER' } = wanted;
  const domain = call.caller?.domainId ?? '';
  if (name === '' || name.length > 64) throw new Refusal(400, 'IAM.0011', 'The agency name must have 1 to 64 characters.');
  if (wanted.domain_id !== domain) throw new Refusal(403, 'IAM.0003', 'domain_id must be the id of the own domain.');
  const trusted = domains.find((row) => row.name === wanted.trust_domain_name || row.id === wanted.trust_domain_id);
  if (trusted === undefined) throw missing('domain', wanted.trust_domain_name ?? wanted.trust_domain_id);
  const before = agencies.find((row) => row.domain_id === domain && row.name === name);
  if (before !== undefined && before.given !== 'untouched') throw new Refusal(409, 'IAM.0005', `An agency with the name ${name} exists already.`);
  const fields = {
    name,
    description: wanted.description ?? '',
    domain_id: domain,
    trust_domain_name: trusted.name,
    trust_domain_id: trusted.id,
    duration,
    create_time: plainTime(),
    expire_time: null,
    ...(before === undefined ? {} : { given: 'taken over' as const }),
  };
  for (const held of assignments.where(({ to }) => to === before?.id)) assignments.remove(held.id);
  const row = (before === undefined ? undefined : agencies.update(before.id, fields)) ?? agencies.insert({ id: hex32(), ...fields });
  return { status: 201, body: { agency: agencyView(row) } };
}

/** Whom an agency trusts, what it is for and how long it holds can be changed; its name cannot. */
function changeAgency(call: Call): Reply {
  mustAdminister(call);
  const { agencies, domains } = iamTables(call.world.store);
  const { trust_domain_name: name, trust_domain_id: id, description, duration } = read(agencyShape, call.body).agency;
  const row = agencyOf(call);
  const trusted = name === undefined && id === undefined ? undefined : domains.find((one) => one.name === name || one.id === id);
  if (trusted === undefined && (name !== undefined || id !== undefined)) throw missing('domain', name ?? id);
  const patch = {
    description: description ?? row.description,
    duration: duration ?? row.duration,
    ...(trusted === undefined ? {} : { trust_domain_name: trusted.name, trust_domain_id: trusted.id }),
  };
  return { status: 200, body: { agency: agencyView(agencies.update(row.id, patch) ?? row) } };
}

/** `PUT|HEAD|GET|DELETE` of role grants, for groups and agencies on projects, domains and all projects of a domain. */
function grants(prefix: string, holder: 'groups' | 'agencies'): Route[] {
  const places: [string, (id: string) => AssignmentRow['on'], string][] = [
    [`${prefix}/projects/{scope}/${holder}/{to}/roles`, (project) => ({ project }), ''],
    [`${prefix}/domains/{scope}/${holder}/{to}/roles`, (domain) => ({ domain }), ''],
    [
      holder === 'groups' ? `${prefix}/OS-INHERIT/domains/{scope}/groups/{to}/roles` : '/v3.0/OS-INHERIT/domains/{scope}/agencies/{to}/roles',
      (inherited) => ({ inherited }),
      '/inherited_to_projects',
    ],
  ];
  const same = (a: AssignmentRow['on'], b: AssignmentRow['on']): boolean => JSON.stringify(a) === JSON.stringify(b);
  return places.flatMap(([path, on, suffix]): Route[] => {
    const existing = (call: Call): AssignmentRow | undefined =>
      iamTables(call.world.store).assignments.find(
        (row) => row.to === call.params['to'] && row.role_id === call.params['role'] && same(row.on, on(call.params['scope'] ?? '')),
      );
    const checked = (call: Call): void => {
      const { projects, groups, agencies, roles } = iamTables(call.world.store);
      const { scope = '', to = '', role = '' } = call.params;
      if (roles.get(role) === undefined) throw missing('role', role);
      if ((holder === 'groups' ? groups.get(to) : agencies.get(to)) === undefined) throw missing(holder === 'groups' ? 'group' : 'agency', to);
      const place = on(scope);
      if ('project' in place ? projects.get(scope) === undefined : scope !== call.caller?.domainId)
        throw missing('project' in place ? 'project' : 'domain', scope);
    };
    return [
      {
        method: 'GET',
        path: `${path}${suffix}`,
        handle: (call) => {
          const { assignments, roles } = iamTables(call.world.store);
          const held = assignments.where((row) => row.to === call.params['to'] && same(row.on, on(call.params['scope'] ?? '')));
          return {
            status: 200,
            body: { roles: held.flatMap((row) => roles.get(row.role_id) ?? []).map((row) => roleView(call, row)), links: links(call) },
          };
        },
      },
      {
        method: 'PUT',
        path: `${path}/{role}${suffix}`,
        handle: (call) => {
          mustAdminister(call);
          checked(call);
          if (existing(call) === undefined)
            iamTables(call.world.store).assignments.insert({
              id: uuid(),
              to: call.params['to'] ?? '',
              role_id: call.params['role'] ?? '',
              on: on(call.params['scope'] ?? ''),
            });
          return { status: 204 };
        },
      },
      {
        method: 'HEAD',
        path: `${path}/{role}${suffix}`,
        handle: (call) => {
          if (existing(call) === undefined) throw missing('role', call.params['role']);
          return { status: 204 };
        },
      },
      {
        method: 'DELETE',
        path: `${path}/{role}${suffix}`,
        handle: (call) => {
          mustAdminister(call);
          const row = existing(call);
          if (row === undefined) throw missing('role', call.params['role']);
          iamTables(call.world.store).assignments.remove(row.id);
          return { status: 204 };
        },
      },
    ];
  });
}

export const grantRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v3/roles',
    query: ['name', 'domain_id', 'display_name', 'type'],
    handle: (call) => {
      const rows = iamTables(call.world.store).roles.where(
        (row) => [row.name, null].includes(call.query.get('name')) && [row.display_name, null].includes(call.query.get('display_name')),
      );
      return { status: 200, body: { roles: rows.map((row) => roleView(call, row)), links: links(call), total_number: rows.length } };
    },
  },
  {
    method: 'GET',
    path: '/v3/roles/{id}',
    handle(call) {
      const row = iamTables(call.world.store).roles.get(call.params['id'] ?? '');
      if (row === undefined) throw missing('role', call.params['id']);
      return { status: 200, body: { role: roleView(call, row) } };
    },
  },
  ...grants('/v3', 'groups'),
  ...grants('/v3.0/OS-AGENCY', 'agencies'),
  {
    method: 'GET',
    path: '/v3.0/OS-AGENCY/agencies',
    query: ['domain_id', 'name', 'trust_domain_id'],
    handle: (call) => {
      const rows = iamTables(call.world.store).agencies.where(
        (row) => row.domain_id === call.caller?.domainId && [row.name, null].includes(call.query.get('name')),
      );
      return { status: 200, body: { agencies: rows.map(agencyView) } };
    },
  },
  { method: 'POST', path: '/v3.0/OS-AGENCY/agencies', body: required(agencyShape), handle: createAgency },
  { method: 'GET', path: '/v3.0/OS-AGENCY/agencies/{id}', handle: (call) => ({ status: 200, body: { agency: agencyView(agencyOf(call)) } }) },
  { method: 'PUT', path: '/v3.0/OS-AGENCY/agencies/{id}', body: required(agencyShape), handle: changeAgency },
  {
    method: 'DELETE',
    path: '/v3.0/OS-AGENCY/agencies/{id}',
    handle: (call) => {
      mustAdminister(call);
      const { id } = agencyOf(call);
      const { agencies, assignments } = iamTables(call.world.store);
      for (const held of assignments.where(({ to }) => to === id)) assignments.remove(held.id);
      agencies.remove(id);
      return { status: 204 };
    },
  },
];
