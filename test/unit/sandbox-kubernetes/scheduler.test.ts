import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeObject, sizeOf } from '../../../sandbox/kubernetes/kubelet/node.ts';
import { schedule } from '../../../sandbox/kubernetes/kubelet/scheduler.ts';
import { quantity } from '../../../sandbox/kubernetes/kubelet/selectors.ts';
import type { Node, Pod, PodSpec } from '../../../sandbox/kubernetes/objects.ts';

const node = (name: string, zone: string, taints: NonNullable<Node['spec']>['taints'] = []): Node => ({
  metadata: { name, labels: { 'topology.kubernetes.io/zone': zone, 'kubernetes.io/hostname': name } },
  spec: { taints },
  status: { allocatable: { cpu: '1930m', memory: '6Gi' } },
});
const pod = (name: string, spec: Partial<PodSpec> = {}, labels: Record<string, string> = { app: 'a' }): Pod => ({
  metadata: {
    name,
    namespace: 'ns',
    labels,
    ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: 'rs', controller: true }],
  },
  spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '500m' } } }], ...spec },
});
const three = [node('n1', 'a'), node('n2', 'b'), node('n3', 'c')];

function placeAll(count: number, nodes: readonly Node[], spec: Partial<PodSpec> = {}): (string | undefined)[] {
  const placed: Pod[] = [];
  return Array.from({ length: count }, (_, index) => {
    const one = pod(`p${index}`, spec);
    const placement = schedule(one, nodes, placed);
    if (!('node' in placement)) return undefined;
    placed.push({ ...one, spec: { ...one.spec, nodeName: placement.node } });
    return placement.node;
  });
}

test('pods of one owner spread over zones', () => {
  assert.deepEqual(placeAll(3, three).sort(), ['n1', 'n2', 'n3']);
});

test('required anti-affinity leaves the fourth pod without a node', () => {
  const term = { labelSelector: { matchLabels: { app: 'a' } }, topologyKey: 'kubernetes.io/hostname' };
  const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
  const [, , , fourth] = placeAll(4, three, { affinity });
  assert.equal(fourth, undefined);
});

test('topology spread that must hold counts every zone with nodes', () => {
  const constraint = {
    ...{ maxSkew: 1, topologyKey: 'topology.kubernetes.io/zone', whenUnsatisfiable: 'DoNotSchedule' },
    labelSelector: { matchLabels: { app: 'a' } },
  };
  const tainted = [...three.slice(0, 2), node('n3', 'c', [{ key: 'k', effect: 'NoSchedule' }])];
  // Zone c may not be used but counts with none: the third pod would lean too far.
  assert.equal(placeAll(3, tainted, { topologySpreadConstraints: [constraint] })[2], undefined);
  const soft = { ...constraint, whenUnsatisfiable: 'ScheduleAnyway' };
  assert.ok(placeAll(3, tainted, { topologySpreadConstraints: [soft] }).every((name) => name === 'n1' || name === 'n2'));
});

test('taints keep pods off unless tolerated', () => {
  const [only] = [node('n1', 'a', [{ key: 'dedicated', value: 'x', effect: 'NoSchedule' }])];
  assert.deepEqual(schedule(pod('p'), [only as Node], []), {
    unschedulable:
      '0/1 nodes are available: 1 node(s) had untolerated taint {dedicated: x}. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.',
  });
  const tolerations = [{ key: 'dedicated', operator: 'Equal', value: 'x' }];
  assert.deepEqual(schedule(pod('p', { tolerations }), [only as Node], []), { node: 'n1' });
});

test('a node takes pods until its CPU is asked for', () => {
  assert.deepEqual(
    placeAll(4, [node('n1', 'a')]).map((name) => name !== undefined),
    [true, true, true, false],
  );
});

test('a host port can be had once a node', () => {
  const containers = [{ name: 'c', image: 'i', ports: [{ containerPort: 8080, hostPort: 80 }] }];
  assert.deepEqual(placeAll(3, three.slice(0, 2), { containers }), ['n1', 'n2', undefined]);
});

test('no nodes at all', () => {
  assert.deepEqual(schedule(pod('p'), [], []), { unschedulable: 'no nodes available to schedule pods' });
});

test('flavors tell their size, quantities their number', () => {
  assert.deepEqual(sizeOf('s3.large.4'), { cpus: 2, memoryGib: 8 });
  assert.deepEqual(sizeOf('s7n.2xlarge.2'), { cpus: 8, memoryGib: 16 });
  assert.deepEqual(sizeOf('c4.xlarge.2'), { cpus: 4, memoryGib: 8 });
  assert.equal(quantity('250m'), 0.25);
  assert.equal(quantity('2Gi'), 2 ** 31);
  assert.equal(quantity('1e3'), 1000);
  assert.throws(() => quantity('lots'), /lots is not a quantity/);
});

test('a node carries zone, pool and the labels and taints of its pool', () => {
  const made = nodeObject(
    {
      ...{ name: '10.0.0.9', address: '10.0.0.9', zone: 'eu-de-02', poolId: 'pool', serverId: 'server', flavor: 's3.large.4' },
      ...{ labels: { tier: 'login' }, taints: [{ key: 'k', value: 'v', effect: 'NoSchedule' }], hasEgress: () => true },
    },
    { region: 'eu-de', version: 'v1.34.4', now: '2026-01-01T00:00:00Z' },
  ) as unknown as Node & { metadata: { labels: Record<string, string> } };
  assert.equal(made.metadata.labels['topology.kubernetes.io/zone'], 'eu-de-02');
  assert.equal(made.metadata.labels['tier'], 'login');
  assert.deepEqual(made.spec?.taints, [{ key: 'k', value: 'v', effect: 'NoSchedule' }]);
  assert.equal(made.spec?.providerID, 'server');
});
