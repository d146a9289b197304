/** Owns the proof that signing in proves the credentials with one call, and that each failure says what is wrong. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cancelled, Fault } from '../../../src/engine/fault.ts';
import { signIn } from '../../../src/otc/sign-in.ts';
import type { Credentials } from '../../../src/otc/target.ts';
import { TransportFailure } from '../../../src/otc/transport.ts';
import { Secret } from '../../../src/secret.ts';
import { type Fake, fake, pathOf, type Scripted } from './fake.ts';

const key: Credentials = { kind: 'access-key', accessKey: 'AKTEST', secretKey: new Secret('secret-of-the-key') };
const password: Credentials = { kind: 'password', username: 'ci', password: new Secret('pass-word-1'), domainName: 'OTC1' };
const catalog = [
  { type: 'network', endpoints: [{ interface: 'public', region: 'eu-de', url: 'https://vpc.somewhere.test' }] },
  { type: 'rdsv3', endpoints: [{ interface: 'public', region: 'eu-de', url: 'https://rds.somewhere.test/v3/pid' }] },
];
const project = { id: 'pid', name: 'eu-de_zitadel', domain_id: 'did' };

function iam(projects: readonly unknown[] = [project]): Fake {
  return fake((request): Scripted => {
    const { pathname } = new URL(request.url);
    if (pathname === '/v3/projects') return { body: { projects } };
    if (pathname === '/v3/auth/projects')
      return {
        body: {
          projects: [
            { id: 'x', name: 'eu-de' },
            { id: 'y', name: 'eu-de_other' },
          ],
        },
      };
    if (pathname === '/v3/auth/catalog') return { body: { catalog } };
    return { body: {} };
  });
}

const fault = (message: RegExp, hint: RegExp) => (error: unknown) => {
  assert.ok(error instanceof Fault, String(error));
  assert.match(error.message, message);
  assert.match(error.hint ?? '', hint);
  return true;
};

test('an access key: the project by name, then the catalog for that project, one after the other', async () => {
  const world = iam();
  const otc = await signIn(key, { region: 'eu-de', project: 'eu-de_zitadel' }, world.ports);
  assert.deepEqual(world.requests.map(pathOf), ['/v3/projects?name=eu-de_zitadel', '/v3/auth/catalog']);
  assert.equal(world.requests[1]?.headers['X-Project-Id'], 'pid');
  assert.match(
    world.requests[0]?.headers['Authorization'] ?? '',
    /^SDK-HMAC-SHA256 Access=AKTEST, SignedHeaders=host;x-sdk-date, Signature=[0-9a-f]{64}$/,
  );
  assert.deepEqual([otc.projectId, otc.domainId, otc.calls], ['pid', 'did', 2]);
  await otc.get('rds', '/v3/pid/instances');
  await otc.get('nat', '/v2.0/nat_gateways');
  assert.deepEqual(
    world.requests.slice(2).map(({ url }) => new URL(url).host),
    ['rds.somewhere.test', 'nat.eu-de.otc.t-systems.com'],
  );
});

test('a temporary key also sends its security token', async () => {
  const world = iam();
  await signIn({ ...key, securityToken: new Secret('temporary-token') }, { region: 'eu-de', project: 'eu-de_zitadel' }, world.ports);
  assert.ok(world.requests.every(({ headers }) => headers['X-Security-Token'] === 'temporary-token'));
});

test('a wrong key is tried once', async () => {
  const world = fake(() => ({ status: 401, body: { error_code: 'APIG.0301', error_msg: 'Incorrect IAM authentication information' } }));
  await assert.rejects(signIn(key, { region: 'eu-de' }, world.ports), fault(/sign-in refused/, /access-key and secret-key/));
  assert.equal(world.requests.length, 1);
});

test('a key that is locked is named, whatever the status', async () => {
  for (const status of [401, 403]) {
    const world = fake(() => ({ status, body: { error_code: 'APIG.0301', error_msg: 'AK access failed to reach the limit,forbidden' } }));
    await assert.rejects(signIn(key, { region: 'eu-de' }, world.ports), fault(/sign-in refused/, /locked.*five minutes/));
    assert.equal(world.requests.length, 1);
  }
});

test('an unknown project lists those that are visible', async () => {
  await assert.rejects(
    signIn(key, { region: 'eu-de', project: 'eu-de_typo' }, iam([]).ports),
    fault(/project eu-de_typo does not exist/, /eu-de, eu-de_other/),
  );
});

test('a project of another region is refused before anything is asked', async () => {
  const world = iam([]);
  await assert.rejects(
    signIn(key, { region: 'eu-de', project: 'eu-nl_zitadel' }, world.ports),
    fault(/project eu-nl_zitadel is not in region eu-de/, /region in the stack file to eu-nl/),
  );
  assert.deepEqual(world.requests, []);
});

test('an unknown region and an unreachable IAM are told apart', async () => {
  const lost = fake(() => {
    throw new TransportFailure('getaddrinfo ENOTFOUND', 'ENOTFOUND', false);
  });
  await assert.rejects(signIn(key, { region: 'eu-dx' }, lost.ports), fault(/region eu-dx is unknown/, /eu-de, eu-nl, eu-ch2/));
  await assert.rejects(signIn(key, { region: 'eu-de' }, lost.ports), fault(/cannot be reached at iam\.eu-de/, /no address/));
});

test('a proxy that fails is named in place of IAM: asked again for seconds, not where it refuses', async () => {
  const refusing = fake(() => {
    throw new TransportFailure('the proxy 10.0.0.1:3128 cannot be used: 407 to CONNECT iam', '407', false, undefined, true);
  });
  await assert.rejects(
    signIn(key, { region: 'eu-de' }, refusing.ports),
    fault(
      /^IAM cannot be reached at iam\.eu-de\.\S+: the proxy 10\.0\.0\.1:3128 cannot be used: 407/,
      /asks for a user name and password, or for others/,
    ),
  );
  assert.equal(refusing.requests.length, 1);
  const silent = fake(() => {
    throw new TransportFailure('the proxy 10.0.0.1:3128 cannot be used: refused', 'ECONNREFUSED', false, undefined, true);
  });
  await assert.rejects(signIn(key, { region: 'eu-de' }, silent.ports), fault(/the proxy 10\.0\.0\.1:3128/, /Look whether that proxy runs/));
  const waited = silent.pauses.reduce((sum, seconds) => sum + seconds, 0);
  assert.ok(waited >= 5 && waited < 25, String(waited));
});

test('what never left is sent again; a password that may have arrived is not', async () => {
  const token = { project: { id: 'pid', name: 'eu-de', domain: { id: 'did' } }, catalog };
  const flaky = (failure: TransportFailure): Fake =>
    fake((_request, index) => {
      if (index < 2) throw failure;
      return { status: 201, headers: { 'x-subject-token': 'the-token-text' }, body: { token } };
    });
  const refused = flaky(new TransportFailure('refused', 'ECONNREFUSED', false));
  assert.equal((await signIn(password, { region: 'eu-de' }, refused.ports)).projectId, 'pid');
  assert.equal(refused.requests.length, 3);
  const cut = flaky(new TransportFailure('reset', 'ECONNRESET', true));
  await assert.rejects(signIn(password, { region: 'eu-de' }, cut.ports), fault(/cannot be reached/, /network/));
  assert.equal(cut.requests.length, 1);
});

test('a password: one call for token, project and catalog; the token goes along afterwards', async () => {
  const token = { project: { id: 'pid', name: 'eu-de', domain: { id: 'did' } }, catalog };
  const world = fake((request) =>
    request.method === 'POST' ? { status: 201, headers: { 'x-subject-token': 'the-token-text' }, body: { token } } : { body: {} },
  );
  const otc = await signIn(password, { region: 'eu-de' }, world.ports);
  assert.equal(world.requests.length, 1);
  const sent = JSON.parse(world.requests[0]?.body ?? '{}') as { auth: { scope: unknown } };
  assert.deepEqual(sent.auth.scope, { project: { name: 'eu-de', domain: { name: 'OTC1' } } });
  await otc.get('vpc', '/v1/pid/vpcs');
  assert.equal(world.requests[1]?.headers['X-Auth-Token'], 'the-token-text');
});

test('a wrong password is tried once, and a locked account is named', async () => {
  const wrong = fake(() => ({ status: 401, body: { error: { code: 401, message: 'The username or password is wrong.', title: 'Unauthorized' } } }));
  await assert.rejects(signIn(password, { region: 'eu-de' }, wrong.ports), fault(/sign-in refused/, /domain-name/));
  assert.equal(wrong.requests.length, 1);
  const locked = fake(() => ({ status: 401, body: { error_code: 'IAM.0061', error_msg: 'Account locked.' } }));
  await assert.rejects(signIn(password, { region: 'eu-de' }, locked.ports), fault(/locked/, /locked/));
});

test('an identity provider: the ID token is exchanged in one step', async () => {
  const token = { project: { id: 'pid', name: 'eu-de', domain: { id: 'did' } } };
  const world = fake(
    (request) =>
      request.method === 'POST' ? { status: 201, headers: { 'x-subject-token': 'the-token-text' }, body: { token } } : { body: { catalog } },
    { idToken: async (audience) => `eyJ.${audience}.sig` },
  );
  await signIn({ kind: 'oidc', identityProvider: 'github', audience: 'otc' }, { region: 'eu-de' }, world.ports);
  assert.deepEqual(world.requests.map(pathOf), ['/v3.0/OS-AUTH/id-token/tokens', '/v3/auth/catalog']);
  assert.equal(world.requests[0]?.headers['X-Idp-Id'], 'github');
  assert.deepEqual(JSON.parse(world.requests[0]?.body ?? ''), { auth: { id_token: { id: 'eyJ.otc.sig' }, scope: { project: { name: 'eu-de' } } } });
  await assert.rejects(
    signIn({ kind: 'oidc', identityProvider: 'github', audience: 'otc' }, { region: 'eu-de' }, iam().ports),
    fault(/ID token/, /id-token: write/),
  );
});

test('public DNS of eu-nl is managed in eu-de, in the region’s own project', async () => {
  const world = fake((request): Scripted => {
    const url = new URL(request.url);
    if (url.pathname === '/v3/projects') {
      const name = url.searchParams.get('name');
      return { body: { projects: [{ id: `id-${name}`, name, domain_id: 'did' }] } };
    }
    return { body: { catalog: [] } };
  });
  const otc = await signIn(key, { region: 'eu-nl', project: 'eu-nl_shop' }, world.ports);
  const home = await otc.dnsHome();
  const opened = world.requests.length;
  await otc.dnsHome();
  assert.equal(world.requests.length, opened, 'opened once');
  const stopped = await otc.withSignal(AbortSignal.abort()).dnsHome();
  await assert.rejects(stopped.get('dns', '/v2/zones'), Cancelled, 'what ends the work here ends it there');
  assert.deepEqual([home.region, home.projectId], ['eu-de', 'id-eu-de']);
  await home.get('dns', '/v2/zones');
  assert.equal(new URL(world.requests.at(-1)?.url ?? '').host, 'dns.eu-de.otc.t-systems.com');
  const zones = async (): Promise<number> => {
    const before = world.requests.length;
    await (await otc.dnsHome()).get('dns', '/v2/zones');
    return world.requests.length - before;
  };
  assert.equal(await zones(), 0, 'known');
  otc.forget();
  assert.equal(await zones(), 1, 'forgotten there as well');
  const german = await signIn(key, { region: 'eu-de' }, world.ports);
  assert.equal(await german.dnsHome(), german);
});

const tenant = ['eu-de', 'eu-de_shop', 'eu-de_other'].map((name) => ({ id: `id-${name}`, name, domain_id: 'did' }));

test('a sub-project’s public DNS is managed in another one, found in the same answer', async () => {
  const world = fake((request): Scripted => {
    const url = new URL(request.url);
    if (url.pathname === '/v3/projects') {
      const name = url.searchParams.get('name');
      return { body: { projects: tenant.filter((one) => one.name === (name ?? one.name)) } };
    }
    return { body: { catalog: [{ type: 'dns', endpoints: [{ interface: 'public', region: '*', url: 'https://dns.somewhere.test/v2' }] }] } };
  });
  const otc = await signIn(key, { region: 'eu-de', project: 'eu-de_shop', dnsProject: 'eu-de' }, world.ports);
  assert.deepEqual(world.requests.map(pathOf), ['/v3/projects', '/v3/auth/catalog']);
  const home = await otc.dnsHome();
  assert.deepEqual([home.projectId, otc.projectId, world.requests.length], ['id-eu-de', 'id-eu-de_shop', 2]);
  await home.get('dns', '/v2/zones');
  assert.equal(world.requests.at(-1)?.headers['X-Project-Id'], 'id-eu-de');
  assert.equal(new URL(world.requests.at(-1)?.url ?? '').host, 'dns.somewhere.test');
});

test('of two projects, one that the user does not see is named: its own at the sign-in, that of DNS where it is needed', async () => {
  const sees = (...names: string[]): Fake =>
    fake(({ url }): Scripted => {
      const projects = tenant.filter(({ name }) => names.includes(name));
      return /\/projects$/.test(new URL(url).pathname) ? { body: { projects } } : { body: { catalog } };
    });
  const target = { region: 'eu-de', project: 'eu-de_shop', dnsProject: 'eu-de' };
  const otc = await signIn(key, target, sees('eu-de_shop', 'eu-de_other').ports);
  await assert.rejects(otc.dnsHome(), fault(/project eu-de does not exist, or this user may not see it/, /: eu-de_other, eu-de_shop\./));
  await assert.rejects(signIn(key, target, sees('eu-de', 'eu-de_other').ports), fault(/project eu-de_shop does not exist/, /: eu-de, eu-de_other\./));
});

test('a user who may not list projects gets both from those it may work in', async () => {
  const world = fake(({ url }): Scripted => {
    const { pathname } = new URL(url);
    if (pathname === '/v3/projects') return { status: 403, body: { error_code: 'IAM.0003', error_msg: 'not allowed' } };
    return { body: pathname === '/v3/auth/projects' ? { projects: tenant } : { catalog } };
  });
  const otc = await signIn(key, { region: 'eu-de', project: 'eu-de_shop', dnsProject: 'eu-de' }, world.ports);
  assert.deepEqual([otc.projectId, (await otc.dnsHome()).projectId], ['id-eu-de_shop', 'id-eu-de']);
  assert.deepEqual(world.requests.map(pathOf), ['/v3/projects', '/v3/auth/projects', '/v3/auth/catalog']);
});

test('another IAM host can be named', async () => {
  const world = iam();
  await signIn(key, { region: 'eu-de', project: 'eu-de_zitadel', identityEndpoint: 'https://iam.example.test:8443/v3' }, world.ports);
  assert.ok(world.requests.every(({ url }) => new URL(url).host === 'iam.example.test:8443'));
});
