import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Outcome } from '../../../src/engine/outcome.ts';
import { inOrder, walk } from '../../../src/engine/walk.ts';
import { Secret } from '../../../src/secret.ts';
import type { KubeObject } from '../../../src/tools/api.ts';
import type { Upgrade } from '../../../src/tools/helm.ts';
import { clusterResources } from '../../../src/zitadel/index.ts';
import { byId, cloudNeeds, contextOf, type FakeCluster, fakeCluster } from '../kube/fakes.ts';

const secrets = {
  masterkey: new Secret(`${'k'.repeat(31)}1`),
  databaseRootPassword: new Secret('Root-Password-1'),
  databaseUserPassword: new Secret('User-Password-1'),
  adminPassword: new Secret('Admin-Password-1'),
};
const existing = 'certificates: { issuer: existing, secret: mine }\n';
const journal = { begin: () => undefined, say: () => undefined, end: () => undefined };

/** Helm as the cluster sees it: a release Secret with what was asked for. */
function installs(cluster: FakeCluster): (upgrade: Upgrade) => void {
  return ({ release, namespace, values, labels, chart }) => {
    const version = cluster.writes.filter((write) => write === `upgrade ${release}`).length;
    const chartVersion = { contour: '0.7.0', 'nginx-ingress': '4.15.1', zitadel: '9.34.0' }[release] ?? chart;
    const stored = {
      name: release,
      namespace,
      version,
      info: { status: 'deployed' },
      config: values,
      manifest: '',
      hooks: [],
      chart: { metadata: { name: release, version: chartVersion } },
    };
    const name = `sh.helm.release.v1.${release}.v1`;
    const metadata = { name, labels: { owner: 'helm', name: release, status: 'deployed', version: String(version), ...labels } };
    const data = { release: Buffer.from(gzipSync(JSON.stringify(stored)).toString('base64')).toString('base64') };
    cluster.objects.set(`/api/v1/namespaces/${namespace}/secrets/${name}`, { metadata, data } as unknown as KubeObject);
  };
}

async function deploy(
  cluster: FakeCluster,
  options: { more?: string; write?: boolean; secrets?: typeof secrets | Record<never, never> } = {},
): Promise<Map<string, Outcome>> {
  const { more = existing, write = true } = options;
  cluster.onUpgrade = installs(cluster);
  const { all } = clusterResources(contextOf(cluster, options.secrets ?? secrets, more), cloudNeeds());
  const roots = all.filter(({ id }) => id !== 'zitadel/verification');
  const { outcomes } = await walk(roots, { write, signal: new AbortController().signal, journal });
  return new Map(outcomes.map((outcome) => [outcome.id, outcome]));
}

/** The API server makes a new namespace Active. */
function activate(cluster: FakeCluster): FakeCluster {
  const { set } = cluster.objects;
  cluster.objects.set = (path, object) => {
    const active = /^\/api\/v1\/namespaces\/[^/]+$/.test(path) ? { ...object, status: { phase: 'Active' } } : object;
    return set.call(cluster.objects, path, active);
  };
  return cluster;
}

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

test('a changed password changes the Secret, and through its stamp the release alone', async () => {
  const cluster = activate(fakeCluster());
  await deploy(cluster);
  cluster.writes.length = 0;
  await new Promise((resolve) => setTimeout(resolve, 5));
  await deploy(cluster, { secrets: { ...secrets, databaseRootPassword: new Secret('Root-Password-2') } });
  assert.deepEqual(cluster.writes, ['apply /api/v1/namespaces/zitadel/secrets/zitadel-config-ext', 'upgrade zitadel']);
});

test("another password of ZITADEL's own role is refused before anything is written: init would never set it", async () => {
  const cluster = activate(fakeCluster());
  await deploy(cluster);
  cluster.writes.length = 0;
  const outcomes = await deploy(cluster, { secrets: { ...secrets, databaseUserPassword: new Secret('User-Password-2') } });
  assert.match(outcomes.get('zitadel/config')?.fault?.message ?? '', /another password of ZITADEL's database role/);
  assert.match(outcomes.get('zitadel/config')?.fault?.hint ?? '', /ALTER ROLE/);
  assert.deepEqual(cluster.writes, []);
});

test('another controller: the former one gives up the ports first, and its namespace goes', async () => {
  const cluster = activate(fakeCluster());
  await deploy(cluster);
  cluster.writes.length = 0;
  const outcomes = await deploy(cluster, { more: `${existing}ingress: { controller: nginx }\n` });
  assert.ok(cluster.writes.indexOf('uninstall contour') < cluster.writes.indexOf('upgrade nginx-ingress'));
  assert.ok(cluster.writes.indexOf('upgrade nginx-ingress') < cluster.writes.indexOf('upgrade zitadel'));
  assert.ok(cluster.writes.includes('delete namespace /contour'));
  assert.equal(outcomes.get('ingress/contour')?.verdict, 'delete');
});

test('what somebody else runs in the cluster stays', async () => {
  const cluster = activate(fakeCluster());
  cluster.objects.set('/api/v1/namespaces/cert-manager', { metadata: { name: 'cert-manager' } } as KubeObject);
  installs(cluster)({
    release: 'cert-manager',
    namespace: 'cert-manager',
    values: {},
    labels: {},
    chart: 'v1',
    timeoutSeconds: 1,
    forceConflicts: false,
  });
  const outcomes = await deploy(cluster);
  assert.equal(outcomes.get('certificates/cert-manager')?.verdict, 'absent');
  assert.equal(outcomes.get('kube/namespace-cert-manager')?.verdict, 'absent');
  assert.ok(cluster.objects.has('/api/v1/namespaces/cert-manager'));
});

test('the arrows: certificate and release do not wait for one another, verification for all', () => {
  const { all } = clusterResources(contextOf(fakeCluster(), secrets), cloudNeeds());
  const reach = (id: string): string[] => inOrder([byId(all, id)]).map((one) => one.id);
  assert.ok(!reach('zitadel/release').includes('certificates/certificate'));
  assert.ok(!reach('certificates/certificate').includes('zitadel/release'));
  for (const id of ['zitadel/release', 'certificates/certificate', 'ingress/contour']) assert.ok(reach('zitadel/verification').includes(id), id);
  assert.ok(reach('certificates/issuer-production').includes('certificates/solver'));
});
