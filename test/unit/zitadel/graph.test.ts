/** The cluster's resources together: one deploy, a second one, wrong secrets, and who waits for whom. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inOrder } from '../../../src/engine/order.ts';
import { Secret } from '../../../src/secret.ts';
import { TAKEN_NAMESPACES } from '../../../src/stack/name-rules.ts';
import type { KubeObject } from '../../../src/tools/api.ts';
import { clusterResources } from '../../../src/zitadel/index.ts';
import { certificateIn } from '../../../src/zitadel/own-certificate.ts';
import { selfSignedFor } from '../../harness/self-signed.ts';
import { byId, cloudNeeds, contextOf, fakeCluster } from '../kube/fakes.ts';
import { activate, deploy, existing, secrets, tlsSecret } from './deployment.ts';

test('first deploy makes everything in order; the second one writes nothing', async () => {
  const cluster = activate(fakeCluster());
  const first = await deploy(cluster);
  assert.deepEqual(
    [...first.values()].filter(({ verdict }) => verdict === 'failed').map(({ fault }) => fault?.message),
    [],
  );
  const release = cluster.writes.indexOf('upgrade zitadel');
  for (const before of ['zitadel-masterkey-ext', 'zitadel-config-ext', 'zitadel-rds-ssl-cert']) {
    assert.ok(cluster.writes.findIndex((write) => write.endsWith(before)) < release, `${before} before the release`);
  }
  assert.ok(cluster.writes.includes('create /api/v1/namespaces/zitadel/secrets/zitadel-masterkey-ext'));
  cluster.writes.length = 0;
  const second = await deploy(cluster);
  assert.deepEqual(cluster.writes, []);
  assert.deepEqual([...new Set([...second.values()].map(({ verdict }) => verdict))].sort(), ['absent', 'unchanged']);
});

test('no secret is in any Helm value', async () => {
  const cluster = activate(fakeCluster());
  await deploy(cluster);
  const text = JSON.stringify(cluster.upgrades);
  for (const secret of Object.values(secrets)) assert.ok(!text.includes(secret.open()));
});

test('without secrets a deployed stack is in sync, and a new one is refused with the input’s name', async () => {
  const cluster = activate(fakeCluster());
  const refused = await deploy(cluster, { secrets: {} });
  assert.match(refused.get('zitadel/masterkey')?.fault?.hint ?? '', /stack-secret/);
  assert.equal(
    cluster.upgrades.some(({ release }) => release === 'zitadel'),
    false,
  );
  await deploy(cluster);
  const plan = await deploy(cluster, { secrets: {}, write: false });
  assert.equal(
    [...plan.values()].every(({ verdict }) => verdict === 'absent' || verdict === 'unchanged'),
    true,
  );
});

test('a wrong masterkey stops before anything is written', async () => {
  const cluster = activate(fakeCluster());
  await deploy(cluster);
  cluster.writes.length = 0;
  const wrong = await deploy(cluster, {
    secrets: { ...secrets, masterkey: new Secret('x'.repeat(32)), adminPassword: new Secret('Other-Password-1') },
  });
  assert.match(wrong.get('zitadel/masterkey')?.fault?.message ?? '', /another masterkey/);
  assert.equal(wrong.get('zitadel/config')?.verdict, 'blocked');
  assert.equal(wrong.get('zitadel/release')?.verdict, 'blocked');
  assert.deepEqual(cluster.writes, []);
});

for (const setting of ['name', 'user']) {
  test(`database.${setting} of a living stack stays: plan and deploy refuse another one, and say which was there`, async () => {
    const cluster = activate(fakeCluster());
    await deploy(cluster);
    cluster.writes.length = 0;
    for (const write of [false, true]) {
      const found = await deploy(cluster, { write, more: `${existing}database: { ${setting}: other }\n` });
      const { verdict, fault } = found.get('zitadel/release') ?? {};
      assert.equal(verdict, 'failed');
      assert.equal(fault?.finding, `database.${setting}`);
      assert.match(fault?.hint ?? '', new RegExp(`database\\.${setting}: zitadel`));
    }
    assert.deepEqual(cluster.writes, []);
  });
}

test('a certificate of the user’s own that is not there stops the release, and the plan says so', async () => {
  for (const more of [existing, `${existing}ingress: { controller: envoy-gateway }\n`]) {
    const cluster = activate(fakeCluster());
    for (const write of [false, true]) {
      const found = await deploy(cluster, { write, more, tls: null });
      assert.match(found.get('certificates/own')?.fault?.message ?? '', /zitadel\/mine cannot serve .*not there/);
      assert.match(found.get('certificates/own')?.fault?.hint ?? '', /^ZITADEL's release is not changed before .*kubectl create secret tls mine/);
      if (write) assert.equal(found.get('zitadel/release')?.verdict, 'blocked');
    }
    assert.ok(!cluster.writes.some((write) => write === 'upgrade zitadel' || write.endsWith('/gateways/zitadel')));
  }
});

test('a site that is served gets another certificate’s Secret only when that certificate is there', async () => {
  for (const more of ['', 'ingress: { controller: envoy-gateway }\n']) {
    const cluster = activate(fakeCluster());
    await deploy(cluster, { more: `${existing}${more}` });
    cluster.writes.length = 0;
    // Without keys for the solver cert-manager's certificate cannot come about.
    const found = await deploy(cluster, { more });
    assert.equal(found.get('certificates/certificate')?.verdict, 'blocked');
    // The Gateway names the Secret, or else the release's Ingresses do.
    const { verdict, note } = found.get(more === '' ? 'zitadel/release' : 'ingress/gateway') ?? {};
    assert.deepEqual([verdict, note], ['blocked', 'waits for certificates/certificate']);
    assert.ok(!cluster.writes.some((write) => write === 'upgrade zitadel' || write.endsWith('/gateways/zitadel')), cluster.writes.join());
  }
});

test('a certificate of the user’s own is checked for host, key and dates', async () => {
  const [good, other] = [await selfSignedFor('login.example.com'), await selfSignedFor('www.example.com')];
  const problem = (one: KubeObject | undefined, domain = 'login.example.com', at = Date.now()): string | undefined =>
    certificateIn(one, domain, new Date(at)).problem;
  assert.equal(problem(tlsSecret(good)), undefined);
  assert.equal(problem(tlsSecret(await selfSignedFor('*.example.com'))), undefined);
  assert.match(problem(tlsSecret(other)) ?? '', /is for DNS:www\.example\.com/);
  assert.match(problem(tlsSecret({ ...good, keyPem: other.keyPem })) ?? '', /not the key of/);
  assert.match(problem(tlsSecret({ ...good, keyPem: 'no key' })) ?? '', /no key that can be read/);
  assert.match(problem(tlsSecret({ ...good, certPem: 'none' })) ?? '', /no certificate that can be read/);
  assert.match(problem(tlsSecret({ ...good, keyPem: '' })) ?? '', /lacks tls\.key/);
  assert.match(problem(tlsSecret(good), 'login.example.com', Date.now() + 100 * 86_400_000) ?? '', /expired at/);
  assert.match(problem(tlsSecret(good), 'login.example.com', Date.now() - 10 * 86_400_000) ?? '', /valid from/);
});

test('a changed password changes the Secret, and through its stamp the release alone, which the plan lists', async () => {
  const cluster = activate(fakeCluster());
  await deploy(cluster);
  cluster.writes.length = 0;
  await new Promise((resolve) => setTimeout(resolve, 5));
  const other = { ...secrets, databaseRootPassword: new Secret('Root-Password-2') };
  const plan = await deploy(cluster, { secrets: other, write: false });
  assert.deepEqual(
    [...plan.values()].filter(({ verdict }) => verdict === 'update').map(({ id, changes }) => [id, changes.map(({ field }) => field)]),
    [
      ['zitadel/config', ['data.config-yaml']],
      ['zitadel/release', ['restart']],
    ],
  );
  await deploy(cluster, { secrets: other });
  assert.deepEqual(cluster.writes, ['apply /api/v1/namespaces/zitadel/secrets/zitadel-config-ext', 'upgrade zitadel']);
});

/** Jobs end at once, one way or the other. */
test('the arrows: certificate and release do not wait for one another, verification for all', () => {
  const { all } = clusterResources(contextOf(fakeCluster(), secrets), cloudNeeds());
  const reach = (id: string): string[] => inOrder([byId(all, id)]).map((one) => one.id);
  assert.ok(!reach('zitadel/release').includes('certificates/certificate'));
  assert.ok(!reach('certificates/certificate').includes('zitadel/release'));
  for (const id of ['zitadel/release', 'certificates/certificate', 'ingress/contour']) assert.ok(reach('zitadel/verification').includes(id), id);
  assert.ok(reach('certificates/issuer-production').includes('certificates/solver'));
});

test('ZITADEL’s namespace cannot be one that another resource makes', () => {
  const { all } = clusterResources(contextOf(fakeCluster(), secrets), cloudNeeds());
  const made = inOrder(all).flatMap(({ id }) => /^kube\/namespace-(.+)$/.exec(id)?.[1] ?? []);
  assert.deepEqual(made.filter((name) => name !== 'zitadel').sort(), [...TAKEN_NAMESPACES].sort());
});
