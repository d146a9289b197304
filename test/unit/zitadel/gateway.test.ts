import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Run } from '../../../src/engine/resource.ts';
import { ourLabels } from '../../../src/kube/context.ts';
import type { KubeObject } from '../../../src/tools/api.ts';
import { gatewayAddresses, gatewayResources, rivalGateway } from '../../../src/zitadel/gateway.ts';
import { byId, cloudNeeds, contextOf, type FakeCluster, fakeCluster, given, kubeconfig } from '../kube/fakes.ts';

const gatewayAt = '/apis/gateway.networking.k8s.io/v1/namespaces/zitadel/gateways/zitadel';
const serviceAt = '/api/v1/namespaces/envoy-gateway-system/services/envoy-zitadel-zitadel-9a8278e2';
const more = 'ingress: { controller: envoy-gateway }\n';
const owner = { 'gateway.envoyproxy.io/owning-gateway-name': 'zitadel', 'gateway.envoyproxy.io/owning-gateway-namespace': 'zitadel' };

/** A cluster with a Gateway, and a Service that was made for it and for another. */
function served(labels?: Record<string, string>): { cluster: FakeCluster; context: ReturnType<typeof contextOf> } {
  const cluster = fakeCluster();
  const context = contextOf(cluster, {}, more);
  cluster.objects.set(gatewayAt, { metadata: { name: 'zitadel', labels: labels ?? ourLabels(context.stack) } } as KubeObject);
  cluster.objects.set(serviceAt, { metadata: { name: 'envoy-zitadel-zitadel-9a8278e2', labels: owner } } as KubeObject);
  cluster.objects.set(`${serviceAt}-other`, {
    metadata: { name: 'other', labels: { ...owner, 'gateway.envoyproxy.io/owning-gateway-name': 'o' } },
  } as KubeObject);
  return { cluster, context };
}

test('the Gateway is gone when its Service is; the controller takes it away', async () => {
  const { cluster, context } = served();
  const run: Run = { signal: new AbortController().signal, say: () => undefined, pause: async () => void cluster.objects.delete(serviceAt) };
  await rivalGateway(context.stack)(cluster, run);
  assert.deepEqual(cluster.writes, ['delete gateway.gateway.networking.k8s.io zitadel/zitadel']);
});

test('where the controller does not work any more, the Service is deleted here, and no other', async (t) => {
  t.mock.timers.enable({ apis: ['Date'] });
  const { cluster, context } = served();
  const said: string[] = [];
  const run: Run = {
    signal: new AbortController().signal,
    say: (line) => void said.push(line),
    pause: async (seconds) => t.mock.timers.tick(seconds * 1000),
  };
  await rivalGateway(context.stack)(cluster, run);
  assert.deepEqual(cluster.writes.slice(1), ['delete service envoy-gateway-system/envoy-zitadel-zitadel-9a8278e2']);
  assert.match(said.at(-1) ?? '', /gave up waiting for the Service of Gateway zitadel\/zitadel to go.*it is deleted here/);
});

test('somebody else’s Gateway of that name stays', async () => {
  const { cluster, context } = served({ owner: 'other' });
  await rivalGateway(context.stack)(cluster, { signal: new AbortController().signal, say: () => undefined });
  assert.deepEqual(cluster.writes, []);
});

test('a Gateway is usable once it is programmed for the generation that is wanted now; a load balancer that cannot be bound is named', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.parse('2026-11-26T12:00:00Z') });
  const { cluster, context } = served();
  const options = {
    wanted: true,
    controller: given('ingress/envoy-gateway', {}),
    home: given('home', {}),
    annotations: () => ({}),
    before: [],
    served: [],
    rivals: [],
  };
  const { all } = gatewayResources(context, cloudNeeds(), options);
  const gateway = byId(all, 'ingress/gateway');
  const spec = gateway.want({ kubeconfig, loadBalancer: { id: 'lb1', eipAddress: '203.0.113.9', guaranteed: true } });
  const live = (generation: number, status: string, observedGeneration: number): object => ({
    ...(cluster.objects.get(gatewayAt) ?? {}),
    ...(spec as { object: object }).object,
    metadata: {
      name: 'zitadel',
      namespace: 'zitadel',
      labels: ourLabels(context.stack),
      annotations: { 'external-dns.alpha.kubernetes.io/target': '203.0.113.9' },
      generation,
    },
    status: { addresses: [{ value: '203.0.113.9' }], conditions: [{ type: 'Programmed', status, reason: 'AddressNotAssigned', observedGeneration }] },
  });
  const changes = (object: object) => gateway.diff(spec, { cluster, live: object }).map(({ field, before }) => `${field} ${before}`);
  assert.deepEqual(changes(live(2, 'True', 2)), []);
  const unmarked = { ...live(2, 'True', 2), metadata: { name: 'zitadel', namespace: 'zitadel', labels: ourLabels(context.stack), generation: 2 } };
  assert.equal(changes(unmarked).length, 1, 'external-dns reads the public address there');
  assert.deepEqual(changes(live(2, 'True', 1)), ['status not processed yet']);
  assert.deepEqual(changes(live(2, 'False', 2)), ['status AddressNotAssigned']);
  assert.deepEqual(gatewayAddresses(live(1, 'True', 1) as KubeObject), ['203.0.113.9']);

  cluster.objects.set('/api/v1/namespaces/envoy-gateway-system/events/one', {
    metadata: { name: 'one' },
    type: 'Warning',
    reason: 'EnsureLoadBalancerFailed',
    message: 'port 443 of loadbalancer lb1 is in use',
    lastTimestamp: '2026-11-26T12:00:05Z',
    involvedObject: { kind: 'Service', name: 'envoy-zitadel-zitadel-9a8278e2' },
  } as unknown as KubeObject);
  const run: Run = { signal: new AbortController().signal, say: () => undefined, pause: async (seconds) => t.mock.timers.tick(seconds * 1000) };
  await assert.rejects(
    gateway.apply(spec, undefined, [], run),
    /gave up waiting for Gateway zitadel\/zitadel to get its address .*EnsureLoadBalancerFailed: port 443 of loadbalancer lb1 is in use/,
  );
});

test('a Service that is bound to a replaced load balancer goes before the EnvoyProxy names the next one', async () => {
  const { cluster, context } = served();
  const bound = { name: 'envoy-zitadel-zitadel-9a8278e2', labels: owner, annotations: { 'kubernetes.io/elb.id': 'lb0' } };
  cluster.objects.set(serviceAt, { metadata: bound } as unknown as KubeObject);
  const annotations = ({ id }: { readonly id: string }) => ({ 'kubernetes.io/elb.id': id });
  const options = {
    wanted: true,
    controller: given('ingress/envoy-gateway', {}),
    home: given('home', {}),
    annotations,
    before: [],
    served: [],
    rivals: [],
  };
  const proxy = byId(gatewayResources(context, cloudNeeds(), options).all, 'ingress/envoy-proxy');
  const spec = proxy.want({ kubeconfig, loadBalancer: { id: 'lb1', eipAddress: '203.0.113.9', guaranteed: true } });
  await proxy.apply(spec, { cluster, live: {} }, [], { signal: new AbortController().signal, say: () => undefined });
  assert.deepEqual(cluster.writes, [
    'delete service envoy-gateway-system/envoy-zitadel-zitadel-9a8278e2',
    'apply /apis/gateway.envoyproxy.io/v1alpha1/namespaces/zitadel/envoyproxies/zitadel',
  ]);
});
