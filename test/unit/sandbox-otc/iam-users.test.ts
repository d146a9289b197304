/** Projects in pages, temporary keys, and IAM users with their groups as the Terraform provider makes them: a user with an access key of its own, for a solver or a pipeline. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { trustCce } from '../../../sandbox/otc/index.ts';
import { iamTables } from '../../../sandbox/otc/tables/iam.ts';
import { closeClean, dnsHost, iamHost, startCloud, vpcHost } from './cloud.ts';

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

test('temporary keys need their security token', async () => {
  const made = await cloud.as('reader', `${iamHost}/v3.0/OS-CREDENTIAL/securitytokens`, {
    method: 'POST',
    body: { auth: { identity: { methods: ['token'], token: { duration_seconds: 900 } } } },
  });
  assert.equal(made.status, 201);
  const { access, secret, securitytoken } = made.body.credential;
  const url = `${vpcHost}/v1/${cloud.project}/vpcs`;
  assert.equal((await cloud.signed(url, { accessKey: access, secretKey: secret, securityToken: securitytoken })).status, 200);
  assert.equal((await cloud.signed(url, { accessKey: access, secretKey: secret })).status, 401);
  const write = await cloud.signed(url, {
    accessKey: access,
    secretKey: secret,
    securityToken: securitytoken,
    method: 'POST',
    body: { vpc: { name: 'x', cidr: '10.0.0.0/16' } },
  });
  assert.equal(write.status, 403, 'they may do what their user may');
  const short = await cloud.as('admin', `${iamHost}/v3.0/OS-CREDENTIAL/securitytokens`, {
    method: 'POST',
    body: { auth: { identity: { methods: ['token'], token: { duration_seconds: 5 } } } },
  });
  assert.deepEqual([short.status, short.body.error_code], [400, 'IAM.0011']);
});

/** A call signed with a temporary key that a body gives to the administrator. */
async function withKey(body: unknown) {
  const made = await cloud.as('admin', `${iamHost}/v3.0/OS-CREDENTIAL/securitytokens`, { method: 'POST', body: { auth: { identity: body } } });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const { access, secret, securitytoken } = made.body.credential;
  return (url: string, order?: unknown) =>
    cloud.signed(url, {
      accessKey: access,
      secretKey: secret,
      securityToken: securitytoken,
      ...(order === undefined ? {} : { method: 'POST', body: order }),
    });
}

test('a policy narrows what a temporary key may do', async () => {
  const vpcs = `${vpcHost}/v1/${cloud.project}/vpcs`;
  const order = { vpc: { name: 'narrow', cidr: '10.0.0.0/16' } };
  const policy = (Effect: string, ...Action: string[]) => ({ Version: '1.1', Statement: [{ Effect, Action }] });
  const reads = await withKey({ methods: ['token'], policy: policy('Allow', 'vpc:*:list') });
  assert.deepEqual([(await reads(vpcs)).status, (await reads(vpcs, order)).status], [200, 403]);
  assert.equal((await reads(`${vpcHost}/v1/${cloud.project}/publicips`)).status, 200);
  assert.equal((await reads(`${dnsHost}/v2/zones`)).status, 403);
  const network = await withKey({ methods: ['token'], policy: policy('allow', 'vpc:*:*') });
  const made = await network(vpcs, order);
  assert.equal(made.status, 200);
  assert.equal((await network(`${dnsHost}/v2/zones`, { name: 'narrow.example.com' })).status, 403);
  const wrong = { auth: { identity: { methods: ['token'], policy: policy('Perhaps', 'vpc:*:*') } } };
  assert.equal((await cloud.as('admin', `${iamHost}/v3.0/OS-CREDENTIAL/securitytokens`, { method: 'POST', body: wrong })).status, 400);
});

test('an agency is taken on by the domain that it trusts, with the rights of the agency', async () => {
  const { domainId: domain_id, domainName } = cloud.tenant;
  const { agency } = (await ask('POST', '/v3.0/OS-AGENCY/agencies', { agency: { name: 'readers', domain_id, trust_domain_name: domainName } })).body;
  const [guest] = (await ask('GET', '/v3/roles?name=readonly')).body.roles;
  assert.equal((await ask('PUT', `/v3.0/OS-AGENCY/projects/${cloud.project}/agencies/${agency.id}/roles/${guest.id}`)).status, 204);
  const call = await withKey({ methods: ['assume_role'], assume_role: { domain_name: domainName, xrole_name: 'readers', duration_seconds: 900 } });
  const vpcs = `${vpcHost}/v1/${cloud.project}/vpcs`;
  assert.deepEqual([(await call(vpcs)).status, (await call(vpcs, { vpc: { name: 'x', cidr: '10.0.0.0/16' } })).status], [200, 403]);
  const foreign = { auth: { identity: { methods: ['assume_role'], assume_role: { domain_id, agency_name: 'other' } } } };
  const refused = await cloud.as('admin', `${iamHost}/v3.0/OS-CREDENTIAL/securitytokens`, { method: 'POST', body: foreign });
  assert.deepEqual([refused.status, refused.body.error_code], [404, 'IAM.0004'], 'it trusts op_svc_cce');
});

test('the agency that the tenant has from the start becomes that of the first who makes it', async () => {
  trustCce(cloud.store, cloud.tenant);
  const agency = { name: 'cce_admin_trust', domain_id: cloud.tenant.domainId, trust_domain_name: 'op_svc_cce', duration: 'FOREVER' };
  const [found] = (await ask('GET', '/v3.0/OS-AGENCY/agencies?name=cce_admin_trust')).body.agencies;
  const made = await ask('POST', '/v3.0/OS-AGENCY/agencies', { agency: { ...agency, description: 'mine' } });
  assert.deepEqual([made.status, made.body.agency.id, made.body.agency.description], [201, found.id, 'mine']);
  assert.equal((await ask('POST', '/v3.0/OS-AGENCY/agencies', { agency })).status, 409);
});
