/** Projects in pages, and IAM users with their groups as the Terraform provider makes them: a user with an access key of its own, for a solver or a pipeline. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { iamTables } from '../../../sandbox/otc/tables/iam.ts';
import { closeClean, iamHost, startCloud } from './cloud.ts';

const cloud = await startCloud();
after(() => closeClean(cloud));

const ask = async (method: string, path: string, body?: unknown) =>
  cloud.ask(`${iamHost}${path}`, {
    method,
    ...(body === undefined ? {} : { body }),
    headers: { 'x-auth-token': await cloud.token('admin', { domain: { name: cloud.tenant.domainName } }) },
  });
const order = (patch: Record<string, unknown> = {}) => ({
  user: { name: 'dns-solver', domain_id: cloud.tenant.domainId, password: 'Solver-Secret-1', email: 'dns@example.com', enabled: true, ...patch },
});

test('a user is made, reads as told, signs in, gets a key, and goes with it', async () => {
  const made = await ask('POST', '/v3.0/OS-USER/users', order());
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const { id } = made.body.user;
  const shown = (await ask('GET', `/v3.0/OS-USER/users/${id}`)).body.user;
  assert.deepEqual([shown.name, shown.email, shown.enabled, shown.access_mode], ['dns-solver', 'dns@example.com', true, 'default']);
  const group = (await ask('POST', '/v3/groups', { group: { name: 'dns', domain_id: cloud.tenant.domainId } })).body.group.id;
  assert.equal((await ask('HEAD', `/v3/groups/${group}/users/${id}`)).status, 404);
  assert.equal((await ask('PUT', `/v3/groups/${group}/users/${id}`)).status, 204);
  assert.equal((await ask('HEAD', `/v3/groups/${group}/users/${id}`)).status, 204);
  assert.deepEqual(
    (await ask('GET', `/v3/groups/${group}/users`)).body.users.map((one: { id: string }) => one.id),
    [id],
  );
  assert.deepEqual(
    (await ask('GET', `/v3/users/${id}/groups`)).body.groups.map((one: { id: string }) => one.id),
    [group],
  );
  const key = (await ask('POST', '/v3.0/OS-CREDENTIAL/credentials', { credential: { user_id: id } })).body.credential.access;
  const off = await ask('PUT', `/v3.0/OS-CREDENTIAL/credentials/${key}`, { credential: { status: 'inactive' } });
  assert.equal(off.body.credential.status, 'inactive');
  const changed = await ask('PUT', `/v3.0/OS-USER/users/${id}`, { user: { password: 'Solver-Secret-2', description: 'solver' } });
  assert.deepEqual([changed.status, changed.body.user.description], [200, 'solver']);
  const user = { name: 'dns-solver', password: 'Solver-Secret-2', domain: { name: cloud.tenant.domainName } };
  const signedIn = await cloud.ask(`${iamHost}/v3/auth/tokens`, {
    method: 'POST',
    body: { auth: { identity: { methods: ['password'], password: { user } } } },
  });
  assert.equal(signedIn.status, 201);
  assert.equal((await ask('DELETE', `/v3/users/${id}`)).status, 204);
  assert.equal((await ask('GET', `/v3.0/OS-USER/users/${id}`)).status, 404);
  assert.equal((await ask('GET', `/v3.0/OS-CREDENTIAL/credentials/${key}`)).status, 404);
});

test('names are unique, passwords strong, and only administrators make users', async () => {
  assert.equal((await ask('POST', '/v3/users', order({ name: 'twice' }))).status, 201);
  assert.equal((await ask('POST', '/v3/users', order({ name: 'twice' }))).status, 409);
  assert.equal((await ask('POST', '/v3/users', order({ name: 'weak', password: 'secret' }))).status, 400);
  assert.equal((await cloud.as('admin', `${iamHost}/v3/users`, { method: 'POST', body: order({ name: 'scoped' }) })).status, 403);
});

test('groups and agencies are changed in place', async () => {
  const group = (await ask('POST', '/v3/groups', { group: { name: 'ci', domain_id: cloud.tenant.domainId } })).body.group.id;
  const renamed = await ask('PATCH', `/v3/groups/${group}`, { group: { description: 'two' } });
  assert.deepEqual([renamed.status, renamed.body.group.name, renamed.body.group.description], [200, 'ci', 'two']);
  const agency = { name: 'other', domain_id: cloud.tenant.domainId, trust_domain_name: 'op_svc_cce', duration: 'FOREVER' };
  const { id } = (await ask('POST', '/v3.0/OS-AGENCY/agencies', { agency })).body.agency;
  const changed = await ask('PUT', `/v3.0/OS-AGENCY/agencies/${id}`, { agency: { description: 'two' } });
  assert.deepEqual([changed.status, changed.body.agency.description, changed.body.agency.trust_domain_name], [200, 'two', 'op_svc_cce']);
  assert.equal((await ask('PUT', `/v3.0/OS-AGENCY/agencies/${id}`, { agency: { trust_domain_name: 'nobody' } })).status, 404);
  const role = (await ask('GET', '/v3/roles?name=te_admin')).body.roles[0].id;
  assert.equal((await ask('PUT', `/v3.0/OS-AGENCY/projects/${cloud.project}/agencies/${id}/roles/${role}`)).status, 204);
  assert.equal((await ask('DELETE', `/v3.0/OS-AGENCY/agencies/${id}`)).status, 204);
  assert.equal(
    iamTables(cloud.store).assignments.find(({ to }) => to === id),
    undefined,
    'its roles go with it',
  );
});

test('projects come in pages that name their neighbours', async () => {
  const seen: string[] = [];
  let next: string | null = '/v3/projects?page=1&per_page=2';
  while (next !== null) {
    const { status, body } = await ask('GET', next);
    assert.equal(status, 200);
    assert.equal(body.links.previous === null, seen.length === 0);
    seen.push(...body.projects.map(({ name }: { name: string }) => name));
    next = body.links.next === null ? null : String(body.links.next).replace(iamHost, '');
  }
  const all = (await ask('GET', '/v3/projects')).body;
  assert.deepEqual([seen, all.links.next], [all.projects.map(({ name }: { name: string }) => name), null]);
  assert.ok(seen.length > 2, 'more than a page, else this proves nothing');
  for (const wrong of ['page=1', 'page=0&per_page=5', 'page=1&per_page=5001', 'page=x&per_page=1'])
    assert.equal((await ask('GET', `/v3/projects?${wrong}`)).status, 400, wrong);
});
