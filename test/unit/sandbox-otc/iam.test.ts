/** Sign-in in all its forms, the catalog, keys, agencies and identity providers, as clients and Terraform meet them. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, sign as signBytes } from 'node:crypto';
import { after, test } from 'node:test';
import { iamTables } from '../../../sandbox/otc/tables/iam.ts';
import { networkTables } from '../../../sandbox/otc/tables/network.ts';
import { closeClean, iamHost, startCloud, vpcHost } from './cloud.ts';

const cloud = await startCloud();
after(() => closeClean(cloud));

const signIn = (user: Record<string, unknown>, scope?: unknown) =>
  cloud.ask(`${iamHost}/v3/auth/tokens`, {
    method: 'POST',
    body: { auth: { identity: { methods: ['password'], password: { user } }, ...(scope === undefined ? {} : { scope }) } },
  });
const me = () => ({ name: cloud.tenant.admin.name, password: cloud.tenant.admin.password, domain: { name: cloud.tenant.domainName } });
const domainToken = () => cloud.token('admin', { domain: { name: cloud.tenant.domainName } });
const asDomain = async (method: string, path: string, body?: unknown) =>
  cloud.ask(`${iamHost}${path}`, { method, body, headers: { 'x-auth-token': await domainToken() } });

test('versions are found without a token', async () => {
  const root = await cloud.ask(`${iamHost}/`);
  assert.deepEqual([root.status, root.body.versions.values[0].id, root.body.versions.values[0].links[0].rel], [300, 'v3.6', 'self']);
  assert.equal((await cloud.ask(`${iamHost}/v3/`)).body.version.status, 'stable');
});

test('a password gives a token for a project, a domain, or the domain where nothing is asked', async () => {
  const answer = await signIn(me(), { project: { name: 'eu-de_zitadel', domain: { name: cloud.tenant.domainName } } });
  assert.equal(answer.status, 201);
  const token = answer.body.token;
  assert.deepEqual(
    [token.project.id, token.project.name, token.methods, token.user.domain.name],
    [cloud.project, 'eu-de_zitadel', ['password'], cloud.tenant.domainName],
  );
  assert.equal(Date.parse(token.expires_at) - Date.parse(token.issued_at), 24 * 3600_000);
  assert.ok(String(answer.headers['x-subject-token']).length > 2000, 'tokens are kilobytes long');
  const domain = await signIn(me(), { domain: { id: cloud.tenant.domainId } });
  assert.deepEqual([domain.body.token.domain.id, 'project' in domain.body.token], [cloud.tenant.domainId, false]);
  assert.equal((await signIn(me())).body.token.domain.id, cloud.tenant.domainId);
  const short = await cloud.ask(`${iamHost}/v3/auth/tokens?nocatalog=true`, {
    method: 'POST',
    body: { auth: { identity: { methods: ['password'], password: { user: me() } } } },
  });
  assert.equal('catalog' in short.body.token, false);
});

test('wrong password, domain and project have the answers of Keystone; too many lock', async () => {
  const wrong = await signIn({ ...me(), password: 'wrong' });
  assert.deepEqual([wrong.status, wrong.body], [401, { error: { message: 'The username or password is wrong.', code: 401, title: 'Unauthorized' } }]);
  assert.equal((await signIn({ ...me(), domain: { name: 'OTC-nobody' } })).status, 401);
  const project = await signIn(me(), { project: { name: 'eu-de_missing' } });
  assert.deepEqual([project.status, project.body.error.code], [404, 404]);
  const reader = { name: cloud.tenant.reader.name, domain: { name: cloud.tenant.domainName } };
  for (let count = 0; count < 6; count++) await signIn({ ...reader, password: 'wrong' });
  const locked = await signIn({ ...reader, password: cloud.tenant.reader.password });
  assert.deepEqual([locked.status, locked.body.error_code], [401, 'IAM.0061']);
  cloud.store.table('iam.lockouts').load([]);
});

test('the catalog has every entry that clients look for, identity for the region and for all', async () => {
  const { catalog } = (await signIn(me(), { project: { id: cloud.project } })).body.token;
  const urls = Object.fromEntries(catalog.map(({ type, endpoints }: { type: string; endpoints: { url: string }[] }) => [type, endpoints[0]?.url]));
  assert.deepEqual(urls, {
    identity: 'https://iam.eu-de.otc.t-systems.com/v3',
    network: 'https://vpc.eu-de.otc.t-systems.com',
    vpc: `https://vpc.eu-de.otc.t-systems.com/v1/${cloud.project}`,
    'vpcv2.0': `https://vpc.eu-de.otc.t-systems.com/v2.0/${cloud.project}`,
    ecs: `https://ecs.eu-de.otc.t-systems.com/v1/${cloud.project}`,
    compute: `https://ecs.eu-de.otc.t-systems.com/v2.1/${cloud.project}`,
    evs: `https://evs.eu-de.otc.t-systems.com/v2/${cloud.project}`,
    volumev2: `https://evs.eu-de.otc.t-systems.com/v2/${cloud.project}`,
    volumev3: `https://evs.eu-de.otc.t-systems.com/v3/${cloud.project}`,
    image: 'https://ims.eu-de.otc.t-systems.com',
    elb: 'https://elb.eu-de.otc.t-systems.com',
    elbv3: `https://elb.eu-de.otc.t-systems.com/v3/${cloud.project}`,
    rdsv3: `https://rds.eu-de.otc.t-systems.com/v3/${cloud.project}`,
    'ccev2.0': 'https://cce.eu-de.otc.t-systems.com',
    dns: 'https://dns.eu-de.otc.t-systems.com',
    nat: 'https://nat.eu-de.otc.t-systems.com/v2.0',
    tms: 'https://tms.eu-de.otc.t-systems.com/v1.0',
  });
  for (const { type, endpoints } of catalog)
    assert.deepEqual(
      endpoints.map(({ interface: side, region, region_id }: Record<string, string>) => [side, region, region_id]),
      type === 'identity'
        ? [
            ['public', '*', '*'],
            ['public', 'eu-de', 'eu-de'],
          ]
        : [['public', 'eu-de', 'eu-de']],
    );
  assert.equal((await cloud.signed(`${iamHost}/v3/auth/catalog`)).body.catalog.length, catalog.length);
  assert.match((await cloud.ask('https://iam-pub.eu-ch2.sc.otc.t-systems.com/v3')).body.version.links[0].href, /^https:\/\/iam-pub\.eu-ch2\.sc\./);
  assert.equal((await cloud.ask('https://iam.eu-ch2.sc.otc.t-systems.com/v3')).status, 404);
  networkTables(cloud.store).oddities.load([]);
});

test('a token is exchanged, shown and revoked', async () => {
  const token = await domainToken();
  const scoped = await cloud.ask(`${iamHost}/v3/auth/tokens`, {
    method: 'POST',
    body: { auth: { identity: { methods: ['token'], token: { id: token } }, scope: { project: { id: cloud.project } } } },
  });
  assert.deepEqual([scoped.status, scoped.body.token.methods], [201, ['token']]);
  const text = String(scoped.headers['x-subject-token']);
  const headers = { 'x-auth-token': token, 'x-subject-token': text };
  assert.equal((await cloud.ask(`${iamHost}/v3/auth/tokens`, { headers })).body.token.project.id, cloud.project);
  assert.equal((await cloud.ask(`${iamHost}/v3/auth/tokens`, { method: 'HEAD', headers })).status, 200);
  assert.equal((await cloud.ask(`${iamHost}/v3/auth/tokens`, { method: 'DELETE', headers })).status, 204);
  assert.equal((await cloud.ask(`${vpcHost}/v1/${cloud.project}/vpcs`, { headers: { 'x-auth-token': text } })).status, 401);
});

test('a local token without a scope is one of the domain again; each has the roles of its scope', async () => {
  const exchanged = async (scope: object) => {
    const identity = { methods: ['token'], token: { id: await cloud.token('reader') } };
    return (await cloud.ask(`${iamHost}/v3/auth/tokens`, { method: 'POST', body: { auth: { identity, ...scope } } })).body.token;
  };
  const { assignments, roles, users } = iamTables(cloud.store);
  const [reader, role] = [users.get(cloud.tenant.reader.id), roles.find(({ name }) => name === 'secu_admin')];
  assignments.insert({ id: 'more', to: reader?.groups[0] ?? '', role_id: role?.id ?? '', on: { project: cloud.project } });
  const [domain, project] = [await exchanged({}), await exchanged({ scope: { project: { id: cloud.project } } })];
  assignments.remove('more');
  const names = (token: { roles: { name: string }[] }) => token.roles.map(({ name }) => name).sort();
  assert.deepEqual([domain.domain.id, names(domain), names(project)], [cloud.tenant.domainId, ['readonly'], ['readonly', 'secu_admin']]);
});

test('services, endpoints and regions are lists of what the catalog is made of', async () => {
  const [service] = (await asDomain('GET', '/v3/services?type=rdsv3')).body.services;
  const { endpoints } = (await asDomain('GET', `/v3/endpoints?service_id=${service.id}&interface=public`)).body;
  assert.deepEqual(
    endpoints.map(({ region, url }: { region: string; url: string }) => [region, url]),
    ['eu-de', 'eu-nl'].map((region) => [region, `https://rds.${region}.otc.t-systems.com/v3/$(tenant_id)s`]),
  );
  const { regions } = (await asDomain('GET', '/v3/regions')).body;
  assert.deepEqual(
    regions.map(({ id }: { id: string }) => id),
    ['eu-de', 'eu-nl'],
  );
  assert.equal((await asDomain('GET', '/v3/regions/eu-nl')).body.region.links.self, `${iamHost}/v3/regions/eu-nl`);
  assert.equal((await asDomain('GET', `/v3/endpoints/${endpoints[0].id}`)).body.endpoint.service_id, service.id);
  assert.equal((await asDomain('GET', '/v3/services/nothing')).status, 404);
});

test('projects are found by name, exactly, with a signature too', async () => {
  const found = await cloud.signed(`${iamHost}/v3/projects?name=eu-de_zitadel`, { project: null });
  assert.deepEqual([found.body.projects.length, found.body.projects[0].id, found.body.links.next], [1, cloud.project, null]);
  assert.equal((await cloud.signed(`${iamHost}/v3/projects?name=eu-de_zit`, { project: null })).body.projects.length, 0);
  assert.equal(
    (await cloud.signed(`${iamHost}/v3/auth/domains?name=${cloud.tenant.domainName}`, { project: null })).body.domains[0].id,
    cloud.tenant.domainId,
  );
  assert.equal((await cloud.signed(`${iamHost}/v3/projects?page=1`)).status, 400);
});

test('a user holds two permanent keys at most', async () => {
  const url = `${iamHost}/v3.0/OS-CREDENTIAL/credentials`;
  const body = { credential: { user_id: cloud.tenant.admin.id, description: 'second' } };
  const second = await cloud.as('admin', url, { method: 'POST', body });
  assert.equal(second.status, 201);
  assert.equal((await cloud.as('admin', url, { method: 'POST', body })).status, 400);
  assert.equal((await cloud.as('admin', `${url}?user_id=${cloud.tenant.admin.id}`)).body.credentials.length, 2);
  assert.equal((await cloud.as('admin', `${url}/${second.body.credential.access}`, { method: 'DELETE' })).status, 204);
});

test('an agency for CCE: domain-scoped, once, with a role', async () => {
  const agency = { name: 'cce_admin_trust', domain_id: cloud.tenant.domainId, trust_domain_name: 'op_svc_cce', duration: 'FOREVER' };
  const scoped = await cloud.as('admin', `${iamHost}/v3.0/OS-AGENCY/agencies`, { method: 'POST', body: { agency } });
  assert.deepEqual([scoped.status, scoped.body.error_code], [403, 'IAM.0003'], 'a project token may not');
  const made = await asDomain('POST', '/v3.0/OS-AGENCY/agencies', { agency });
  assert.equal(made.status, 201);
  assert.equal((await asDomain('POST', '/v3.0/OS-AGENCY/agencies', { agency })).status, 409);
  const roles = (await asDomain('GET', '/v3/roles?name=te_admin')).body.roles;
  assert.equal(roles[0].display_name, 'Tenant Administrator');
  const grant = `/v3.0/OS-AGENCY/projects/${cloud.project}/agencies/${made.body.agency.id}/roles/${roles[0].id}`;
  assert.equal((await asDomain('HEAD', grant)).status, 404);
  assert.equal((await asDomain('PUT', grant)).status, 204);
  assert.equal((await asDomain('HEAD', grant)).status, 204);
  assert.equal((await asDomain('GET', `/v3.0/OS-AGENCY/agencies?domain_id=${cloud.tenant.domainId}&name=cce_admin_trust`)).body.agencies.length, 1);
  assert.equal((await cloud.as('reader', `${iamHost}/v3.0/OS-AGENCY/agencies?domain_id=${cloud.tenant.domainId}`)).status, 200);
});

test('a second factor shows in the methods of the token', async () => {
  const answer = await cloud.ask(`${iamHost}/v3/auth/tokens`, {
    method: 'POST',
    body: {
      auth: {
        identity: { methods: ['password', 'totp'], password: { user: me() }, totp: { user: { id: cloud.tenant.admin.id, passcode: '123456' } } },
      },
    },
  });
  assert.deepEqual([answer.status, answer.body.token.methods], [201, ['password', 'totp']]);
});

test('sign-in by the console asks for more of an identity provider; SAML ones can read what the cloud is', async () => {
  await asDomain('PUT', '/v3/OS-FEDERATION/identity_providers/console', { identity_provider: {} });
  const config = {
    access_mode: 'program_console',
    idp_url: 'https://login.example.com',
    client_id: 'otc-client',
    authorization_endpoint: 'https://login.example.com/authorize',
    scope: 'openid email',
    response_type: 'id_token',
    response_mode: 'form_post',
    signing_key: JSON.stringify({ keys: [] }),
  };
  const put = (patch: Record<string, unknown>) =>
    asDomain('POST', '/v3.0/OS-FEDERATION/identity-providers/console/openid-connect-config', { openid_connect_config: { ...config, ...patch } });
  for (const patch of [
    { scope: 'email' },
    { scope: 'openid phone' },
    { authorization_endpoint: null },
    { response_type: 'code' },
    { response_mode: 'query' },
  ]) {
    const refused = await put(patch);
    assert.deepEqual([refused.status, refused.body.error_code], [400, 'IAM.0011'], JSON.stringify(patch));
  }
  assert.equal((await put({})).status, 201);
  const told = await cloud.ask(`${iamHost}/v3-ext/auth/OS-FEDERATION/SSO/metadata`);
  assert.equal(told.status, 200);
  assert.match(String(told.body), /<EntityDescriptor [^>]*entityID=/);
  await asDomain('DELETE', '/v3/OS-FEDERATION/identity_providers/console');
});

test('an ID token is exchanged in one step and in two, and refused for every reason', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'RS256', use: 'sig' };
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const idToken = (claims: Record<string, unknown> = {}, key = privateKey, kid = 'k1') => {
    const now = Math.floor(Date.now() / 1000);
    const text = `${part({ alg: 'RS256', kid })}.${part({ iss: 'https://token.actions.githubusercontent.com', aud: 'otc-client', sub: 'repo:acme/login:ref:refs/heads/main', repository: 'acme/login', iat: now, exp: now + 300, ...claims })}`;
    return `${text}.${signBytes('sha256', Buffer.from(text), key).toString('base64url')}`;
  };
  const base = '/v3/OS-FEDERATION/identity_providers/github';
  assert.equal((await asDomain('PUT', base, { identity_provider: { sso_type: 'virtual_user_sso', description: 'CI', enabled: true } })).status, 201);
  assert.equal((await asDomain('PUT', base, { identity_provider: { sso_type: 'virtual_user_sso' } })).status, 409);
  const config = {
    openid_connect_config: {
      access_mode: 'program',
      idp_url: 'https://token.actions.githubusercontent.com',
      client_id: 'otc-client',
      signing_key: JSON.stringify({ keys: [jwk] }),
    },
  };
  assert.equal((await asDomain('POST', '/v3.0/OS-FEDERATION/identity-providers/github/openid-connect-config', config)).status, 201);
  const rules = [
    { local: [{ user: { name: 'github-ci' } }, { group: { name: 'admin' } }], remote: [{ type: 'repository', any_one_of: ['acme/login'] }] },
  ];
  assert.equal((await asDomain('PUT', '/v3/OS-FEDERATION/mappings/github', { mapping: { rules } })).status, 201);
  assert.equal((await asDomain('PUT', `${base}/protocols/oidc`, { protocol: { mapping_id: 'github' } })).status, 201);
  const exchange = (token: string, scope: unknown = { project: { name: 'eu-de_zitadel' } }, provider = 'github') =>
    cloud.ask(`${iamHost}/v3.0/OS-AUTH/id-token/tokens`, {
      method: 'POST',
      headers: { 'x-idp-id': provider },
      body: { auth: { id_token: { id: token }, scope } },
    });
  const good = await exchange(idToken());
  assert.equal(good.status, 201);
  assert.deepEqual(
    [good.body.token.methods, good.body.token.user.name, good.body.token.user['OS-FEDERATION'].protocol.id, good.body.token.project.id],
    [['mapped'], 'github-ci', 'oidc', cloud.project],
  );
  const headers = { 'x-auth-token': String(good.headers['x-subject-token']) };
  assert.equal((await cloud.ask(`${vpcHost}/v1/${cloud.project}/vpcs`, { headers })).status, 200);
  const keys = await cloud.ask(`${iamHost}/v3.0/OS-CREDENTIAL/credentials`, {
    method: 'POST',
    headers,
    body: { credential: { user_id: good.body.token.user.id } },
  });
  assert.deepEqual([keys.status, /Could not find user:/.test(keys.body.error_msg)], [404, true], 'virtual users own no permanent keys');
  const bearer = await cloud.ask(`${iamHost}${base}/protocols/oidc/auth`, { method: 'POST', headers: { authorization: `Bearer ${idToken()}` } });
  assert.deepEqual([bearer.status, 'catalog' in bearer.body.token], [201, false]);
  const unscoped = { 'x-auth-token': String(bearer.headers['x-subject-token']) };
  assert.ok(
    (await cloud.ask(`${iamHost}/v3/OS-FEDERATION/projects`, { headers: unscoped })).body.projects.some(
      ({ id }: { id: string }) => id === cloud.project,
    ),
  );
  const past = Math.floor(Date.now() / 1000) - 10;
  for (const [token, why] of [
    [idToken({ aud: 'elsewhere' }), /audience/],
    [idToken({ iss: 'https://evil.example' }), /issuer/],
    [idToken({ exp: past }), /expired/],
    [idToken({}, other), /signature/],
    [idToken({}, privateKey, 'rotated'), /no registered signing key/],
    [idToken({ repository: 'acme/other' }), /no mapping rule/],
    ['nonsense', /malformed/],
  ] as const) {
    const refused = await exchange(token);
    assert.deepEqual([refused.status, refused.body.error_code], [401, 'IAM.0001']);
    assert.match(refused.body.error_msg, why);
  }
  assert.deepEqual([(await exchange(idToken(), undefined, 'nobody')).body.error_code], ['IAM.0004']);
});
