/**
 * Owns IAM users and who is in which group (API reference, "User Management", "User Group Management"): Keystone's calls and the
 * cloud's own below `/v3.0/OS-USER`. Part of IAM; groups themselves are in `iam-directory.ts`.
 */
import { projectsOf } from './auth.ts';
import { boolean, object, read, required, string, type TypeOf } from './fields.ts';
import { links, missing, mustAdminister } from './iam-common.ts';
import { groupView, projectView } from './iam-directory.ts';
import { hex32, plainTime } from './ids.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import { type GroupRow, iamTables, type UserRow } from './tables/iam.ts';

const userFields = {
  name: string,
  domain_id: string,
  password: string,
  email: string,
  areacode: string,
  phone: string,
  enabled: boolean,
  pwd_status: boolean,
  xuser_type: string,
  xuser_id: string,
  access_mode: string,
  description: string,
  default_project_id: string,
} as const;
const userShape = object({ user: required(object(userFields)) });
const passwordShape = object({ user: required(object({ password: required(string), original_password: required(string) })) });

const blank = (text: string | undefined): string => text ?? '';

/** As Keystone's calls show a user. */
const userView = (call: Call, row: UserRow) => ({
  id: row.id,
  name: row.name,
  domain_id: row.domain_id,
  enabled: row.enabled,
  description: blank(row.about?.description),
  pwd_status: row.about?.pwd_status ?? true,
  password_expires_at: null,
  last_project_id: null,
  links: { self: `https://${call.host}/v3/users/${row.id}` },
});

/** As the cloud's own calls show a user. */
const fullView = (call: Call, row: UserRow) => ({
  ...userView(call, row),
  email: blank(row.about?.email),
  areacode: blank(row.about?.areacode),
  phone: blank(row.about?.phone),
  xuser_id: blank(row.about?.xuser_id),
  xuser_type: blank(row.about?.xuser_type),
  access_mode: row.about?.access_mode ?? 'default',
  pwd_strength: 'Strong',
  create_time: blank(row.about?.create_time),
  update_time: null,
  last_login_time: null,
  last_pwd_auth_time: null,
  is_domain_owner: false,
  status: null,
  default_project_id: null,
  links: { self: `https://${call.host}/v3.0/OS-USER/users/${row.id}`, previous: null, next: null },
});

const users = (call: Call) => iamTables(call.world.store).users;

function userOf(call: Call, name = 'id'): UserRow {
  const row = users(call).get(call.params[name] ?? '');
  if (row === undefined || row.domain_id !== call.caller?.domainId) throw missing('user', call.params[name]);
  return row;
}

/** People see themselves, administrators everybody. */
function visibleUser(call: Call): UserRow {
  const row = userOf(call);
  if (row.id !== call.caller?.userId) mustAdminister(call);
  return row;
}

type Wanted = TypeOf<typeof userShape>['user'];

/** What is wrong with an order answers 400 with IAM's four-digit codes. @throws Refusal */
function checkUser(call: Call, wanted: Wanted, except?: string): void {
  const { name, password, email } = wanted;
  if (name !== undefined && !/^[\p{L}\p{N} _.-]{1,64}$/u.test(name)) throw new Refusal(400, '1101', 'Invalid username.');
  if (
    name !== undefined &&
    users(call).find((row) => row.domain_id === call.caller?.domainId && row.name === name && row.id !== except) !== undefined
  )
    throw new Refusal(409, '1109', 'The username already exists.');
  if (email !== undefined && email !== '' && !/^[^@\s]+@[^@\s]+$/.test(email)) throw new Refusal(400, '1102', 'Invalid email address.');
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].filter((kind) => kind.test(password ?? '')).length;
  if (password !== undefined && (password.length < 6 || password.length > 32 || kinds < 2)) throw new Refusal(400, '1103', 'Incorrect password.');
}

const about = (wanted: Wanted, before: UserRow['about']): UserRow['about'] => {
  const { name: _name, domain_id: _domain, password: _password, enabled: _enabled, default_project_id: _project, ...rest } = wanted;
  return { ...before, ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)) };
};

const created =
  (view: typeof userView) =>
  (call: Call): Reply => {
    mustAdminister(call);
    const wanted = read(userShape, call.body).user;
    const domain = call.caller?.domainId ?? '';
    if (wanted.name === undefined) throw new Refusal(400, '1100', 'Mandatory parameters are missing.');
    if (wanted.domain_id !== undefined && wanted.domain_id !== domain)
      throw new Refusal(403, 'IAM.0003', 'domain_id must be the id of the own domain.');
    checkUser(call, wanted);
    const row = users(call).insert({
      id: hex32(),
      name: wanted.name,
      password: wanted.password ?? '',
      domain_id: domain,
      enabled: wanted.enabled ?? true,
      groups: [],
      programmatic: wanted.access_mode !== 'console',
      about: { ...about(wanted, {}), create_time: plainTime() },
    });
    return { status: 201, body: { user: view(call, row) } };
  };

const changed =
  (view: typeof userView) =>
  (call: Call): Reply => {
    mustAdminister(call);
    const wanted = read(userShape, call.body).user;
    const row = userOf(call);
    checkUser(call, wanted, row.id);
    const patch = {
      name: wanted.name ?? row.name,
      password: wanted.password ?? row.password,
      enabled: wanted.enabled ?? row.enabled,
      programmatic: wanted.access_mode === undefined ? row.programmatic : wanted.access_mode !== 'console',
      about: about(wanted, row.about),
    };
    return { status: 200, body: { user: view(call, users(call).update(row.id, patch) ?? row) } };
  };

function remove(call: Call): Reply {
  mustAdminister(call);
  const row = userOf(call);
  const { credentials, assignments } = iamTables(call.world.store);
  if (row.id === call.caller?.userId) throw new Refusal(403, 'IAM.0003', 'Users cannot delete themselves.');
  for (const key of credentials.where(({ user_id }) => user_id === row.id)) credentials.remove(key.id);
  for (const held of assignments.where(({ to }) => to === row.id)) assignments.remove(held.id);
  users(call).remove(row.id);
  return { status: 204 };
}

function changePassword(call: Call): Reply {
  const { password, original_password } = read(passwordShape, call.body).user;
  const row = userOf(call);
  if (row.id !== call.caller?.userId || row.password !== original_password) throw new Refusal(401, 'IAM.0001', 'The original password is wrong.');
  checkUser(call, { password });
  users(call).update(row.id, { password });
  return { status: 204 };
}

function groupOf(call: Call): GroupRow {
  const row = iamTables(call.world.store).groups.get(call.params['group_id'] ?? '');
  if (row === undefined || row.domain_id !== call.caller?.domainId) throw missing('group', call.params['group_id']);
  return row;
}

function belong(call: Call, member: boolean): Reply {
  mustAdminister(call);
  const group = groupOf(call);
  const row = userOf(call, 'user_id');
  if (!member && !row.groups.includes(group.id)) throw missing('user', row.id);
  const others = row.groups.filter((id) => id !== group.id);
  users(call).update(row.id, { groups: member ? [...others, group.id] : others });
  return { status: 204 };
}

const listed = (call: Call, rows: readonly UserRow[]): Reply => {
  const shown = rows.filter(
    (row) => [row.name, null].includes(call.query.get('name')) && [String(row.enabled), null].includes(call.query.get('enabled')),
  );
  return { status: 200, body: { users: shown.map((row) => userView(call, row)), links: links(call) } };
};

const one = '/v3/users/{id}';
const own = '/v3.0/OS-USER/users/{id}';
const member = '/v3/groups/{group_id}/users/{user_id}';

export const userRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v3/users',
    query: ['domain_id', 'name', 'enabled', 'password_expires_at'],
    handle: (call) =>
      listed(
        call,
        users(call).where((row) => row.domain_id === call.caller?.domainId),
      ),
  },
  { method: 'POST', path: '/v3/users', body: required(userShape), handle: created(userView) },
  { method: 'GET', path: one, handle: (call) => ({ status: 200, body: { user: userView(call, userOf(call)) } }) },
  { method: 'PATCH', path: one, body: required(userShape), handle: changed(userView) },
  { method: 'DELETE', path: one, handle: remove },
  { method: 'POST', path: `${one}/password`, body: required(passwordShape), handle: changePassword },
  {
    method: 'GET',
    path: `${one}/groups`,
    handle(call) {
      const row = visibleUser(call);
      const groups = row.groups.flatMap((id) => iamTables(call.world.store).groups.get(id) ?? []);
      return { status: 200, body: { groups: groups.map((group) => groupView(call, group)), links: links(call) } };
    },
  },
  {
    method: 'GET',
    path: `${one}/projects`,
    handle: (call) => {
      const row = users(call).get(call.params['id'] ?? '');
      const principal =
        row === undefined ? call.caller?.principal : { userId: row.id, userName: row.name, domainId: row.domain_id, groups: row.groups };
      if (principal === undefined || principal.userId !== call.params['id']) throw missing('user', call.params['id']);
      const projects = projectsOf(call.world.store, principal).map((project) => projectView(call, project));
      return { status: 200, body: { projects, links: links(call) } };
    },
  },
  { method: 'POST', path: '/v3.0/OS-USER/users', body: required(userShape), handle: created(fullView) },
  { method: 'GET', path: own, handle: (call) => ({ status: 200, body: { user: fullView(call, visibleUser(call)) } }) },
  { method: 'PUT', path: own, body: required(userShape), handle: changed(fullView) },
  {
    method: 'GET',
    path: `${own}/login-protect`,
    handle(call) {
      throw missing('login protection of user', visibleUser(call).id);
    },
  },
  {
    method: 'GET',
    path: '/v3.0/OS-MFA/users/{id}/virtual-mfa-device',
    handle(call) {
      throw missing('virtual MFA device of user', visibleUser(call).id);
    },
  },
  {
    method: 'GET',
    path: '/v3/groups/{group_id}/users',
    query: ['domain_id', 'name', 'enabled', 'password_expires_at'],
    handle(call) {
      const group = groupOf(call);
      return listed(
        call,
        users(call).where((row) => row.groups.includes(group.id)),
      );
    },
  },
  { method: 'PUT', path: member, handle: (call) => belong(call, true) },
  { method: 'DELETE', path: member, handle: (call) => belong(call, false) },
  {
    method: 'HEAD',
    path: member,
    handle(call) {
      if (!userOf(call, 'user_id').groups.includes(groupOf(call).id)) throw missing('user', call.params['user_id']);
      return { status: 204 };
    },
  },
];
