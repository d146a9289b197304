/** Owns the proof of what becomes of releases, and of objects in a chart's way, that others made. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../../src/engine/fault.ts';
import { STACK_LABEL } from '../../../src/kube/context.ts';
import { rivalRelease } from '../../../src/kube/rivals.ts';
import type { KubeObject } from '../../../src/tools/api.ts';
import { fakeCluster, kubeconfig, quiet } from './fakes.ts';
import { make, store } from './releases.ts';

test("values of somebody else's release are named, never shown", async () => {
  const cluster = fakeCluster();
  store(cluster, { labels: {}, values: { zitadel: { masterkey: 'x123456789012345678901234567891x' } } });
  const changes = await make(cluster, undefined, true).changes();
  assert.doesNotMatch(JSON.stringify(changes), /x1234/);
  assert.deepEqual(
    changes?.map(({ field }) => field),
    ['owner', 'values.a', 'values.zitadel'],
  );
});

test("somebody else's release is refused without consent, whatever its state, and survives destroy", async () => {
  for (const status of ['deployed', 'failed', 'pending-install']) {
    const cluster = fakeCluster();
    store(cluster, { labels: {}, status, values: { a: 2 } });
    const { deploy, release } = make(cluster);
    await assert.rejects(
      deploy(),
      (error) => error instanceof Fault && /not made by this action/.test(error.message) && /adopt: \{ releases: true \}/.test(error.hint ?? ''),
    );
    assert.deepEqual(cluster.writes, []);
    const seen = await release.observe({ kubeconfig }, quiet);
    assert.equal(seen && release.keep?.(seen), 'was not made by this action');
  }
  const consented = fakeCluster();
  store(consented, { labels: {}, values: { a: 2 } });
  await make(consented, undefined, true).deploy();
  assert.deepEqual(consented.writes, ['upgrade zitadel']);
});

test("another stack's release is refused even where taking over is consented to, survives destroy, and is no rival to be taken away", async () => {
  const cluster = fakeCluster();
  store(cluster, { labels: { [STACK_LABEL]: 'other' }, values: { a: 2 } });
  for (const adopt of [false, true]) {
    const { deploy, release } = make(cluster, undefined, adopt);
    await assert.rejects(
      deploy(),
      (error) => error instanceof Fault && /Helm release zitadel\/zitadel .* belongs to stack other/.test(error.message) && error.forbids === true,
    );
    const seen = await release.observe({ kubeconfig }, quiet);
    assert.equal(seen && release.keep?.(seen), 'belongs to stack other');
  }
  await rivalRelease({ namespace: 'zitadel', release: 'zitadel' }, { name: 'zitadel-prod' })(cluster, quiet);
  assert.deepEqual(cluster.writes, []);
  await rivalRelease({ namespace: 'zitadel', release: 'zitadel' }, { name: 'other' })(cluster, quiet);
  assert.deepEqual(cluster.writes, ['uninstall zitadel']);
});

test("somebody else's hook objects, which helm would delete, are refused before the first install; a former release's are not", async () => {
  const path = '/apis/batch/v1/namespaces/zitadel/jobs/zitadel-setup';
  const job = (labels: Record<string, string>): KubeObject => ({ metadata: { name: 'zitadel-setup', namespace: 'zitadel', labels } });
  const cluster = fakeCluster();
  cluster.onUpgrade = () => store(cluster);
  cluster.objects.set(path, job({ app: 'mine' }));
  await assert.rejects(make(cluster).deploy(), /Job zitadel\/zitadel-setup, which the chart would replace, is in the cluster already/);
  assert.deepEqual(cluster.writes, []);
  cluster.objects.set(path, job({ 'app.kubernetes.io/managed-by': 'Helm', 'app.kubernetes.io/instance': 'zitadel' }));
  await make(cluster).deploy();
  assert.deepEqual(cluster.writes, ['upgrade zitadel']);
});
