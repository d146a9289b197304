/** Owns the proof that a Service bound to a load balancer that is not there any more is made anew, and no other one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BOUND_TO, freeBoundServices } from '../../../src/kube/bound-services.ts';
import type { KubeObject } from '../../../src/tools/api.ts';
import { fakeCluster, quiet } from './fakes.ts';

test('what is bound to another load balancer goes before it is made anew; all else stays', async () => {
  const cluster = fakeCluster();
  const service = (name: string, annotations?: Record<string, string>): void =>
    void cluster.objects.set(`/api/v1/namespaces/contour/services/${name}`, { metadata: { name, annotations } } as unknown as KubeObject);
  service('envoy', { [BOUND_TO]: 'the-lost-one' });
  service('other', { [BOUND_TO]: 'the-new-one' });
  service('contour');
  await freeBoundServices(cluster, 'contour', 'the-new-one', quiet);
  assert.deepEqual(cluster.writes, ['delete service contour/envoy']);
  await freeBoundServices(cluster, 'contour', 'the-new-one', quiet);
  assert.equal(cluster.writes.length, 1);
});
