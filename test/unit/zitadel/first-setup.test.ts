/** Owns the proof of what holds from ZITADEL's first setup on: names that the stack file changes later are told, not taken. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstSetupWarnings, keepFirst, loginNameIn, sameSite } from '../../../src/zitadel/first-setup.ts';
import { fakeCluster } from '../kube/fakes.ts';
import { activate, deploy, existing } from './deployment.ts';

interface Names {
  readonly domain?: string;
  readonly Name?: string;
  readonly UserName?: string;
  readonly email?: string;
}
function values({ domain = 'login.example.com', Name = 'ZITADEL', UserName = 'zitadel-admin', email = 'ops@example.com' }: Names = {}) {
  const Org = { Name, Human: { UserName, Email: { Address: email }, PasswordChangeRequired: true }, Machine: null };
  return { replicaCount: 3, zitadel: { configmapConfig: { ExternalDomain: domain, FirstInstance: { Org } } } };
}
const told = (before: object, wanted: object): string[] =>
  firstSetupWarnings(before as Record<string, unknown>, wanted as Record<string, unknown>, 'contact@example.com').map(({ message }) => message);

test('the login name: of user, organisation and domain, or the address that the user name is', () => {
  assert.equal(loginNameIn(values()), 'zitadel-admin@zitadel.login.example.com');
  assert.equal(loginNameIn(values({ UserName: 'ops@example.com' })), 'ops@example.com');
  assert.equal(loginNameIn({ zitadel: { configmapConfig: { FirstInstance: { Org: { Human: null } } } } }), undefined);
});

test('names of the first setup stay whatever the file says then, each with a warning that names the setting', () => {
  const before = values();
  const wanted = { ...values({ Name: 'Other', UserName: 'root', email: 'me@example.com' }), replicaCount: 5 };
  assert.deepEqual(keepFirst(before, wanted), { ...before, replicaCount: 5 });
  assert.deepEqual(
    told(before, wanted).map((message) => message.split(' ')[0]),
    ['zitadel.organization', 'zitadel.admin.userName', 'zitadel.admin.email'],
  );
  assert.deepEqual(told(before, { ...before, replicaCount: 5 }), []);
  assert.equal(wanted.zitadel.configmapConfig.FirstInstance.Org.Name, 'Other', 'what is wanted is not written to');
});

test('under another domain the login name keeps its ending, however often it changes; the new issuer is told once', () => {
  const before = values();
  const second = values({ domain: 'id.example.com' });
  const moved = keepFirst(before, second);
  assert.equal(loginNameIn(moved), 'zitadel-admin@zitadel.login.example.com');
  assert.match(told(before, second).join(), /^domain is id\.example\.com and ZITADEL is served under login\.example\.com: its issuer becomes/);
  assert.deepEqual(told(moved, second), []);
  assert.deepEqual(keepFirst(moved, second), moved, 'in sync afterwards');
  const third = values({ domain: 'sso.example.com' });
  assert.equal(loginNameIn(keepFirst(moved, third)), 'zitadel-admin@zitadel.login.example.com');
  assert.equal(told(moved, values({ domain: 'id.example.com', UserName: 'root' })).length, 1);
});

test('another domain, or another Secret with its certificate, is another site; other values are not', () => {
  const site = (domain: string, secretName: string, more = {}): Record<string, unknown> => ({
    ...values({ domain }),
    ingress: { tls: [{ hosts: [domain], secretName }] },
    ...more,
  });
  const before = site('login.example.com', 'zitadel-tls');
  assert.ok(sameSite(before, site('login.example.com', 'zitadel-tls', { replicaCount: 5 })));
  assert.ok(!sameSite(before, site('id.example.com', 'zitadel-tls')));
  assert.ok(!sameSite(before, site('login.example.com', 'mine')));
});

test('in a cluster: the contact is no word about the administrator whose address the file leaves out; one that is set is', async () => {
  const cluster = activate(fakeCluster());
  const email = (address: string): string => `${existing}zitadel: { admin: { email: ${address} } }\n`;
  await deploy(cluster, { more: email('first@example.com') });
  for (const [more, said] of [
    [existing, []],
    [email('me@example.com'), ['zitadel.admin.email']],
  ] as const) {
    const { verdict, warnings = [] } = (await deploy(cluster, { more })).get('zitadel/release') ?? {};
    assert.deepEqual([verdict, warnings.map(({ message }) => message.split(' ')[0])], ['unchanged', said]);
  }
});

test('in a cluster: changed names leave the release in sync, and what the release was set up with is told', async () => {
  const cluster = activate(fakeCluster());
  const login = 'zitadel-admin@zitadel.login.example.com';
  assert.equal((await deploy(cluster)).get('zitadel/release')?.facts['login'], login);
  const more = `${existing}zitadel: { organization: Other, admin: { userName: root } }\n`;
  const release = (await deploy(cluster, { more })).get('zitadel/release');
  assert.deepEqual([release?.verdict, release?.facts['login'], release?.warnings?.length], ['unchanged', login, 2]);
});
