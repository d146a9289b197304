/** One cluster, one stack: in an existing cluster with another stack nothing is written, and nothing anywhere before that is known. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inOrder } from '../../../src/engine/order.ts';
import { unwalk } from '../../../src/engine/unwalk.ts';
import { walk } from '../../../src/engine/walk.ts';
import type { Graph } from '../../../src/graph.ts';
import { ourLabels } from '../../../src/kube/context.ts';
import { lookAtGuarded, refusedIn } from '../../../src/run/plan.ts';
import type { KubeObject } from '../../../src/tools/api.ts';
import { clusterResources } from '../../../src/zitadel/index.ts';
import { journal, secrets } from '../zitadel/deployment.ts';
import { cloudNeeds, contextOf, type FakeCluster, fakeCluster } from './fakes.ts';

const options = { signal: new AbortController().signal, journal };

function rootsIn(cluster: FakeCluster, existing: boolean) {
  const context = contextOf(cluster, secrets, 'adopt: { releases: true }\n');
  const { stack } = context;
  const there = existing ? { ...stack, cluster: { ...stack.cluster, existing: { id: 'c1' } } } : stack;
  return clusterResources({ ...context, stack: there }, cloudNeeds()).all.filter(({ id }) => id !== 'zitadel/verification');
}

function masterkeyOf(cluster: FakeCluster, stack: string): void {
  const metadata = { name: 'mk', namespace: 'login', labels: ourLabels({ name: stack }) };
  cluster.objects.set('/api/v1/namespaces/login/secrets/mk', { metadata, data: {} } as unknown as KubeObject);
}

test('another stack in an existing cluster forbids every write, in plan and deploy, whatever its names there; destroy leaves it', async () => {
  const cluster = fakeCluster();
  masterkeyOf(cluster, 'other');
  const roots = rootsIn(cluster, true);
  const refusal = refusedIn(await lookAtGuarded({ roots } as unknown as Graph, { ...options, write: false }));
  assert.match(refusal?.message ?? '', /belongs to another stack already: other in namespace login/);
  const { outcomes } = await walk(roots, { ...options, write: true });
  assert.equal(outcomes.find(({ id }) => id === 'cluster/one-stack')?.fault?.message, refusal?.message);
  await unwalk(roots, { ...options, write: true, mayDelete: () => true });
  assert.deepEqual(cluster.writes, []);
  assert.ok(cluster.objects.has('/api/v1/namespaces/login/secrets/mk'));
});

test('in a cluster of its own, and beside its own objects, a stack looks for no other', async () => {
  const cluster = fakeCluster();
  masterkeyOf(cluster, 'zitadel-prod');
  const { outcomes } = await walk(rootsIn(cluster, true), { ...options, write: false });
  assert.equal(outcomes.find(({ id }) => id === 'cluster/one-stack')?.verdict, 'unchanged');
  assert.ok(!inOrder(rootsIn(cluster, false)).some(({ id }) => id === 'cluster/one-stack'));
});
