import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Outcome } from '../../../src/engine/outcome.ts';
import { inOrder, walk } from '../../../src/engine/walk.ts';
import type { Tag } from '../../../src/kube/context.ts';
import { Secret } from '../../../src/secret.ts';
import type { KubeObject } from '../../../src/tools/api.ts';
import type { Upgrade } from '../../../src/tools/helm.ts';
import { clusterResources } from '../../../src/zitadel/index.ts';
import { byId, cloudNeeds, contextOf, type FakeCluster, fakeCluster, given } from '../kube/fakes.ts';

const secrets = {
  masterkey: new Secret(`${'k'.repeat(31)}1`),
  databaseRootPassword: new Secret('Root-Password-1'),
  databaseUserPassword: new Secret('User-Password-1'),
  adminPassword: new Secret('Admin-Password-1'),
};
const tokenPath = '/api/v1/namespaces/zitadel/secrets/login-client';
const existing = 'certificates: { issuer: existing, secret: mine }\n';
const journal = { begin: () => undefined, say: () => undefined, end: () => undefined };

/** Helm as the cluster sees it: a release Secret with what was asked for. */
function installs(cluster: FakeCluster): (upgrade: Upgrade) => void {
  return ({ release, namespace, values, labels, chart }) => {
    const version = cluster.writes.filter((write) => write === `upgrade ${release}`).length;
    const versions = { contour: '0.7.0', 'nginx-ingress': '4.15.1', 'haproxy-ingress': '1.52.1', 'envoy-gateway': 'v1.9.0', zitadel: '9.34.0' };
    const chartVersion = (versions as Record<string, string>)[release] ?? chart;
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
  options: { more?: string; write?: boolean; secrets?: typeof secrets | Record<never, never>; tags?: Tag[] } = {},
): Promise<Map<string, Outcome>> {
  const { more = existing, write = true } = options;
  cluster.onUpgrade = installs(cluster);
  const { tags } = options;
  const tagDatabase = tags === undefined ? undefined : async (_id: string, added: readonly Tag[]): Promise<void> => void tags.push(...added);
  const cloud = cloudNeeds();
  const database = tags === undefined ? cloud.database : given('database/instance', { id: 'db1', host: '10.20.16.5', port: 5432, tags });
  const { all } = clusterResources({ ...contextOf(cluster, options.secrets ?? secrets, more), tagDatabase }, { ...cloud, database });
  const roots = all.filter(({ id }) => id !== 'zitadel/verification');
  const { outcomes } = await walk(roots, { write, signal: new AbortController().signal, journal });
  return new Map(outcomes.map((outcome) => [outcome.id, outcome]));
}

/** The API server makes a new namespace Active, Envoy Gateway takes classes and Gateways. */
function activate(cluster: FakeCluster): FakeCluster {
  const { set } = cluster.objects;
  const yes = (type: string): object => ({ type, status: 'True', reason: type });
  const status = (path: string): object => {
    if (/^\/api\/v1\/namespaces\/[^/]+$/.test(path)) return { status: { phase: 'Active' } };
    if (/\/gateway(classe)?s\/[^/]+$/.test(path)) return { status: { conditions: [yes('Accepted'), yes('Programmed')] } };
    return {};
  };
  cluster.objects.set = (path, object) => set.call(cluster.objects, path, { ...object, ...status(path) });
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

/** Jobs end at once, one way or the other. */
function jobsEnd(cluster: FakeCluster, type: 'Complete' | 'Failed'): void {
  const { set } = cluster.objects;
  cluster.objects.set = (path, object) => {
    const status = { conditions: [{ type, status: 'True', message: 'Job has reached the specified backoff limit' }] };
    return set.call(cluster.objects, path, /\/jobs\//.test(path) && object['status'] === undefined ? { ...object, status } : object);
  };
}

const rotated = { ...secrets, databaseUserPassword: new Secret('User-Password-2') };
const jobWrites = (writes: readonly string[]): string[] => writes.map((write) => write.replace(/\/api(s)?\/.*\/(\w+)\/([\w-]+)$/, '$2 $3'));

test("another password of ZITADEL's own role is set in the database by a Job, then in the Secret, then the release rolls", async () => {
  const cluster = activate(fakeCluster());
  await deploy(cluster);
  jobsEnd(cluster, 'Complete');
  cluster.writes.length = 0;
  await new Promise((resolve) => setTimeout(resolve, 5));
  const outcomes = await deploy(cluster, { secrets: rotated });
  assert.deepEqual(
    outcomes.get('zitadel/config')?.changes.map(({ field }) => field),
    ["password of ZITADEL's database role", 'data.config-yaml'],
  );
  const take = ['delete job zitadel/zitadel-role-password', 'delete secret zitadel/zitadel-role-password'];
  const make = ['apply jobs zitadel-role-password', 'apply secrets zitadel-role-password'];
  assert.deepEqual(jobWrites(cluster.writes), [...take, ...make, ...take, 'apply secrets zitadel-config-ext', 'upgrade zitadel']);
  cluster.writes.length = 0;
  await deploy(cluster, { secrets: rotated });
  assert.deepEqual(cluster.writes, []);
});

test('where the database refuses the new password, the Secret keeps the former one and the next run tries again', async () => {
  const cluster = activate(fakeCluster());
  await deploy(cluster);
  jobsEnd(cluster, 'Failed');
  cluster.writes.length = 0;
  const failed = await deploy(cluster, { secrets: rotated });
  assert.match(failed.get('zitadel/config')?.fault?.message ?? '', /password of the database role zitadel could not be set: Job has reached/);
  assert.equal(failed.get('zitadel/release')?.verdict, 'blocked');
  assert.ok(!cluster.writes.some((write) => write.endsWith('zitadel-config-ext')));
  assert.ok(!cluster.objects.has('/api/v1/namespaces/zitadel/secrets/zitadel-role-password'), "root's password does not stay behind");
  jobsEnd(cluster, 'Complete');
  const again = await deploy(cluster, { secrets: rotated });
  assert.equal(again.get('zitadel/config')?.verdict, 'update');
});

test("the Job holds nothing secret, and the statement no password; somebody else's Job is left alone", async () => {
  const cluster = activate(fakeCluster());
  await deploy(cluster);
  jobsEnd(cluster, 'Complete');
  const seen: string[] = [];
  const { set } = cluster.objects;
  cluster.objects.set = (path, object) => {
    if (path.endsWith('/zitadel-role-password')) seen.push(JSON.stringify(object));
    return set.call(cluster.objects, path, object);
  };
  await deploy(cluster, { secrets: rotated });
  const [job = '', secret = ''] = seen;
  for (const password of [rotated.databaseUserPassword, rotated.databaseRootPassword]) assert.ok(!job.includes(password.open()));
  assert.match(job, /"PGSSLMODE","value":"verify-ca"/);
  assert.match(job, /"secretKeyRef":\{"name":"zitadel-role-password","key":"password"\}/);
  assert.ok(secret.includes('ALTER ROLE') && secret.includes('SCRAM-SHA-256$4096:') && !secret.includes(rotated.databaseUserPassword.open()));
  const foreign = { metadata: { name: 'zitadel-role-password', namespace: 'zitadel', labels: {} } } as KubeObject;
  cluster.objects.set('/apis/batch/v1/namespaces/zitadel/jobs/zitadel-role-password', foreign);
  const outcomes = await deploy(cluster);
  assert.match(outcomes.get('zitadel/config')?.fault?.message ?? '', /Job zitadel\/zitadel-role-password is in the cluster already/);
  assert.ok(cluster.objects.has('/apis/batch/v1/namespaces/zitadel/jobs/zitadel-role-password'));
});

test('the login app’s token is kept beside the database once setup has made it, and brought back in a new cluster', async () => {
  const token = 'the-token-of-the-login-app-which-is-made-once';
  const made = (cluster: FakeCluster): FakeCluster => {
    const data = { pat: Buffer.from(token).toString('base64') };
    cluster.objects.set(tokenPath, { metadata: { name: 'login-client', namespace: 'zitadel' }, data } as unknown as KubeObject);
    return cluster;
  };
  const tags: Tag[] = [];
  const first = made(activate(fakeCluster()));
  const outcomes = await deploy(first, { tags });
  assert.deepEqual([outcomes.get('zitadel/login-token')?.verdict, tags.length > 0], ['create', true]);
  assert.equal((await deploy(first, { tags })).get('zitadel/login-token')?.verdict, 'unchanged');
  assert.equal((await deploy(first, { tags, secrets: {}, write: false })).get('zitadel/login-token')?.verdict, 'unchanged');

  const other = activate(fakeCluster());
  jobsEnd(other, 'Complete');
  await deploy(other, { tags });
  const order = jobWrites(other.writes).filter((write) => /login-client|upgrade zitadel|jobs|config-ext/.test(write));
  assert.deepEqual(order, ['apply jobs zitadel-role-password', 'apply secrets zitadel-config-ext', 'apply secrets login-client', 'upgrade zitadel']);
  const there = other.objects.get(tokenPath) as unknown as { data: { pat: string } };
  assert.equal(Buffer.from(there.data.pat, 'base64').toString(), token);

  other.objects.delete(tokenPath);
  const plan = await deploy(other, { tags, secrets: {}, write: false });
  assert.deepEqual(
    plan.get('zitadel/login-token')?.changes.map(({ field, before }) => [field, before]),
    [['Secret', 'missing']],
  );
  const healed = await deploy(other, { tags });
  assert.deepEqual([healed.get('zitadel/login-token')?.verdict, other.objects.has(tokenPath)], ['update', true]);
});

test('a login token that differs from the kept one is neither kept nor overwritten; a lost one is said with the way out', async () => {
  const tags: Tag[] = [];
  const cluster = activate(fakeCluster());
  const put = (pat: string): void => {
    const data = { pat: Buffer.from(pat).toString('base64') };
    cluster.objects.set(tokenPath, { metadata: { name: 'login-client', namespace: 'zitadel' }, data } as unknown as KubeObject);
  };
  put('the-token-of-the-login-app-which-is-made-once');
  await deploy(cluster, { tags });
  const before = [...tags];
  put('another-token-that-somebody-wrote-by-hand');
  const differs = await deploy(cluster, { tags });
  assert.match(differs.get('zitadel/login-token')?.fault?.hint ?? '', /delete the Secret and deploy.*take the tags zitadel-login-token-/);
  assert.deepEqual(tags, before);
  tags.length = 0;
  cluster.objects.delete(tokenPath);
  const lost = await deploy(cluster, { tags });
  assert.match(lost.get('zitadel/login-token')?.fault?.message ?? '', /login app's token is lost/);
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

test('each controller deploys, and a second deploy writes nothing', async () => {
  for (const [controller, release] of [
    ['nginx', 'nginx-ingress'],
    ['haproxy', 'haproxy-ingress'],
    ['envoy-gateway', 'envoy-gateway'],
  ] as const) {
    const cluster = activate(fakeCluster());
    const more = `${existing}ingress: { controller: ${controller} }\n`;
    const first = await deploy(cluster, { more });
    assert.equal(first.get(`ingress/${controller}`)?.done, true, first.get(`ingress/${controller}`)?.fault?.message);
    assert.ok(
      cluster.writes.indexOf(`upgrade ${release}`) < cluster.writes.indexOf('upgrade zitadel'),
      `${controller} before what needs its kinds or its webhook`,
    );
    cluster.writes.length = 0;
    const second = await deploy(cluster, { more });
    assert.deepEqual(cluster.writes, [], controller);
    assert.deepEqual([...new Set([...second.values()].map(({ verdict }) => verdict))].sort(), ['absent', 'unchanged'], controller);
  }
});

test('envoy-gateway: the Gateway holds the ports, so the former controller goes before it, and it goes before the next one', async () => {
  const cluster = activate(fakeCluster());
  await deploy(cluster);
  cluster.writes.length = 0;
  const more = `${existing}ingress: { controller: envoy-gateway }\n`;
  const there = await deploy(cluster, { more });
  const at = (write: string): number => {
    const index = cluster.writes.indexOf(write);
    assert.notEqual(index, -1, `${write} in ${cluster.writes.join(', ')}`);
    return index;
  };
  const api = '/apis/gateway.networking.k8s.io/v1';
  const gateway = `${api}/namespaces/zitadel/gateways/zitadel`;
  assert.ok(at('upgrade envoy-gateway') < at(`apply ${api}/gatewayclasses/envoy-gateway`));
  assert.ok(at('upgrade envoy-gateway') < at('uninstall contour'), 'while the new controller is installed the old one serves');
  assert.ok(at('uninstall contour') < at(`apply ${gateway}`));
  assert.ok(at(`apply ${gateway}`) < at(`apply ${api}/namespaces/zitadel/httproutes/zitadel-redirect`));
  assert.equal(there.get('ingress/contour')?.verdict, 'delete');
  const { spec } = cluster.objects.get('/apis/gateway.envoyproxy.io/v1alpha1/namespaces/zitadel/envoyproxies/zitadel') as unknown as {
    spec: { provider: { kubernetes: { envoyService: object } } };
  };
  assert.deepEqual(spec.provider.kubernetes.envoyService, {
    type: 'LoadBalancer',
    externalTrafficPolicy: 'Cluster',
    annotations: { 'kubernetes.io/elb.id': 'lb1', 'kubernetes.io/elb.class': 'performance' },
  });

  cluster.writes.length = 0;
  const back = await deploy(cluster);
  assert.ok(at('delete gateway.gateway.networking.k8s.io zitadel/zitadel') < at('upgrade contour'));
  assert.ok(at('upgrade contour') < at('delete gatewayclass.gateway.networking.k8s.io /envoy-gateway'));
  assert.ok(
    at('delete gatewayclass.gateway.networking.k8s.io /envoy-gateway') < at('uninstall envoy-gateway'),
    'its controller takes the finalizer off',
  );
  assert.ok(at('uninstall envoy-gateway') < at('delete namespace /envoy-gateway-system'));
  for (const id of ['ingress/envoy-gateway', 'ingress/gateway-class', 'ingress/envoy-proxy', 'ingress/redirect'])
    assert.equal(back.get(id)?.done, true, id);
  assert.equal(cluster.writes.filter((write) => write.startsWith('uninstall ')).length, 1, 'the other releases stay');
  cluster.writes.length = 0;
  await deploy(cluster);
  assert.deepEqual(cluster.writes, []);
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
