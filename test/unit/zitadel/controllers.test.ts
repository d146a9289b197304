/** One ingress controller after another, and what somebody else runs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KubeObject } from '../../../src/tools/api.ts';
import { fakeCluster } from '../kube/fakes.ts';
import { activate, deploy, existing, installs } from './deployment.ts';

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
