import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../../src/engine/fault.ts';
import { applied, type NeedsCluster } from '../../../src/kube/applied.ts';
import { ourLabels } from '../../../src/kube/context.ts';
import { namespace } from '../../../src/kube/namespace.ts';
import { objectPath } from '../../../src/kube/paths.ts';
import type { KubeObject } from '../../../src/tools/api.ts';
import { contextOf, type FakeCluster, fakeCluster, given, kubeconfig, quiet } from './fakes.ts';

const identity = { apiVersion: 'cert-manager.io/v1', kind: 'ClusterIssuer', metadata: { name: 'letsencrypt' } };
const cloud = { kubeconfig: given('k', kubeconfig) };

function issuer(cluster: FakeCluster, more = '') {
  const context = contextOf(cluster, {}, more);
  const resource = applied<NeedsCluster>(context, {
    id: 'certificates/issuer',
    title: 'ClusterIssuer letsencrypt',
    needs: cloud,
    wanted: true,
    identity,
    resource: 'clusterissuer',
    fields: () => ({ metadata: { labels: ourLabels(context.stack) }, spec: { acme: { email: 'ops@example.com' } } }),
  });
  return async (): Promise<string[]> => {
    const seen = await resource.observe({ kubeconfig }, quiet);
    assert.ok(seen);
    return resource.diff(resource.want({ kubeconfig }), seen).map(({ field }) => field);
  };
}

function put(cluster: FakeCluster, object: typeof identity, more: object): void {
  cluster.objects.set(objectPath(object), { ...object, ...more } as unknown as KubeObject);
}

test("somebody else's object is changed by consent only, a changed one of ours always", async () => {
  const cluster = fakeCluster();
  put(cluster, identity, { spec: { acme: { email: 'other@example.com' } } });
  await assert.rejects(
    issuer(cluster),
    (error) => error instanceof Fault && /ClusterIssuer letsencrypt .*not made by this action/.test(error.message),
  );
  assert.ok((await issuer(cluster, 'adopt: { releases: true }\n')()).includes('spec.acme.email'));
  const labels = ourLabels(contextOf(cluster).stack);
  put(cluster, identity, { metadata: { ...identity.metadata, labels }, spec: { acme: { email: 'other@example.com' } } });
  assert.deepEqual(await issuer(cluster)(), ['spec.acme.email']);
});

test("another stack's object is never changed nor taken away, whatever is consented to; nor is its namespace moved into", async () => {
  const cluster = fakeCluster();
  const labels = ourLabels({ name: 'other' });
  put(cluster, identity, { metadata: { ...identity.metadata, labels }, spec: { acme: { email: 'other@example.com' } } });
  const home = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'zitadel', labels } };
  put(cluster, home, { status: { phase: 'Active' } });
  for (const more of ['', 'adopt: { releases: true }\n']) {
    const refused = (what: RegExp) => (error: unknown) =>
      error instanceof Fault && what.test(error.message) && error.forbids === true && /One cluster takes one stack/.test(error.hint ?? '');
    await assert.rejects(issuer(cluster, more), refused(/ClusterIssuer letsencrypt .* belongs to stack other/));
    const space = namespace(contextOf(cluster, {}, more), cloud, { name: 'zitadel', wanted: true });
    const seen = await space.observe({ kubeconfig }, quiet);
    assert.ok(seen);
    assert.throws(() => space.diff(space.want({ kubeconfig }), seen), refused(/Namespace zitadel .* belongs to stack other/));
    assert.equal(space.keep?.(seen), 'belongs to stack other');
    await space.destroy(seen, quiet);
  }
  const unwanted = namespace(contextOf(cluster), cloud, { name: 'zitadel', wanted: false });
  assert.equal(await unwanted.observe({ kubeconfig }, quiet), undefined);
  assert.deepEqual(cluster.writes, []);
});

test('a namespace that was there before is used as it is, and stays', async () => {
  const cluster = fakeCluster();
  put(cluster, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'zitadel' } }, { status: { phase: 'Active' } });
  const space = namespace(contextOf(cluster), cloud, { name: 'zitadel', wanted: true });
  const seen = await space.observe({ kubeconfig }, quiet);
  assert.ok(seen);
  assert.deepEqual(space.diff(space.want({ kubeconfig }), seen), []);
  assert.equal(space.keep?.(seen), 'was not made by this action');
});

test('what was not there is made without force; what is ours is put right with it', async () => {
  const cluster = fakeCluster();
  const context = contextOf(cluster);
  const used: string[] = [];
  const kubectl = await cluster.kubectl(quiet);
  cluster.kubectl = async () => ({
    ...kubectl,
    add: async (object, signal) => {
      used.push('add');
      return kubectl.add(object, signal);
    },
    apply: async (object, signal) => {
      used.push('apply');
      return kubectl.apply(object, signal);
    },
  });
  const space = namespace(context, cloud, { name: 'zitadel', wanted: true });
  put(cluster, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'zitadel' } }, { status: { phase: 'Active' } });
  const spec = space.want({ kubeconfig });
  const seen = await space.apply(spec, undefined, [], quiet);
  await space.apply(spec, seen, [], quiet);
  assert.deepEqual(used, ['add', 'apply']);
});

test('what others add to an object that we apply is a difference, and the next write takes it away', async () => {
  const cluster = fakeCluster();
  const context = contextOf(cluster);
  const gateway = { apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway', metadata: { name: 'zitadel', namespace: 'zitadel' } };
  const listeners = [{ name: 'https', port: 443 }];
  const resource = applied<NeedsCluster>(context, {
    id: 'ingress/gateway',
    title: 'Gateway zitadel/zitadel',
    needs: cloud,
    wanted: true,
    identity: gateway,
    resource: 'gateway',
    fields: () => ({ metadata: { labels: ourLabels(context.stack) }, spec: { listeners } }),
  });
  const spec = resource.want({ kubeconfig });
  await resource.apply(spec, undefined, [], quiet);
  const live = cluster.objects.get(objectPath(gateway)) as KubeObject;
  cluster.objects.set(objectPath(gateway), { ...live, spec: { gatewayClassName: 'x', listeners: [...listeners, { name: 'tcp', port: 5432 }] } });
  const seen = await resource.observe({ kubeconfig }, quiet);
  assert.ok(seen);
  const changes = resource.diff(spec, seen);
  assert.deepEqual(
    changes.map(({ field }) => field),
    ['spec.listeners[tcp]'],
  );
  // Server-side apply would leave the other's listener: it goes by a replacement before.
  const before = cluster.writes.length;
  await resource.apply(spec, seen, changes, quiet);
  assert.deepEqual(cluster.writes.slice(before), [`PUT ${objectPath(gateway)}`, `apply ${objectPath(gateway)}`]);
});
