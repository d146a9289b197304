import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { Fault } from '../../../src/engine/fault.ts';
import { ourLabels } from '../../../src/kube/context.ts';
import { namespace } from '../../../src/kube/namespace.ts';
import { deletionState, remove, uninstall } from '../../../src/kube/removal.ts';
import type { KubeObject } from '../../../src/tools/api.ts';
import { cloudNeeds, contextOf, type FakeCluster, fakeCluster, quiet } from './fakes.ts';

const service = '/api/v1/namespaces/contour/services/envoy';
const leaving = {
  kind: 'Service',
  metadata: {
    name: 'envoy',
    namespace: 'contour',
    deletionTimestamp: '2026-11-26T10:00:00Z',
    finalizers: ['service.kubernetes.io/load-balancer-cleanup'],
  },
} as unknown as KubeObject;

function withRelease(cluster: FakeCluster): void {
  const manifest = 'apiVersion: v1\nkind: Service\nmetadata: {name: envoy}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: kept}\n';
  const stored = {
    name: 'contour',
    namespace: 'contour',
    version: 1,
    info: { status: 'uninstalling' },
    manifest,
    hooks: [],
    chart: { metadata: {} },
  };
  const data = { release: Buffer.from(gzipSync(JSON.stringify(stored)).toString('base64')).toString('base64') };
  const metadata = { name: 'sh.helm.release.v1.contour.v1', labels: { owner: 'helm', name: 'contour', status: 'uninstalling', version: '1' } };
  cluster.objects.set('/api/v1/namespaces/contour/secrets/sh.helm.release.v1.contour.v1', { metadata, data } as unknown as KubeObject);
}

test('a release that does not go says what of it is still there, and what that waits for', async () => {
  const cluster = fakeCluster();
  withRelease(cluster);
  cluster.objects.set(service, leaving);
  const keep = { 'helm.sh/resource-policy': 'keep' };
  cluster.objects.set('/api/v1/namespaces/contour/configmaps/kept', { metadata: { name: 'kept', annotations: keep } });
  const helm = await cluster.helm(quiet);
  const uninstallFails = async (): Promise<void> => {
    throw new Fault('helm uninstall contour: context deadline exceeded');
  };
  cluster.helm = async () => ({ ...helm, uninstall: uninstallFails });
  await assert.rejects(uninstall(cluster, { namespace: 'contour', release: 'contour' }, true, quiet), (error) => {
    assert.ok(error instanceof Fault);
    assert.equal(
      error.message,
      'helm uninstall contour: context deadline exceeded; still there: Service envoy (being deleted since 2026-11-26T10:00:00Z, finalizers service.kubernetes.io/load-balancer-cleanup)',
    );
    assert.match(error.hint ?? '', /finalizer/);
    return true;
  });
  cluster.objects.delete(service);
  await assert.rejects(
    uninstall(cluster, { namespace: 'contour', release: 'contour' }, true, quiet),
    /^Fault: helm uninstall contour: context deadline exceeded$/,
  );
});

test('what goes at once is not looked at again; a release that is not there is no error', async () => {
  const cluster = fakeCluster();
  await uninstall(cluster, { namespace: 'contour', release: 'contour' }, false, quiet);
  await remove(cluster, 'namespace', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'contour' } }, quiet);
  assert.deepEqual(cluster.writes, ['uninstall contour without hooks', 'delete namespace /contour']);
});

test('a namespace says by its conditions what is left in it', () => {
  const message = 'Some resources are remaining: pods. has 1 resource instances';
  const conditions = [
    { type: 'NamespaceContentRemaining', status: 'True', message },
    { type: 'NamespaceDeletionDiscoveryFailure', status: 'False', message: 'no' },
  ];
  const live = { metadata: { name: 'contour', deletionTimestamp: '2026-11-26T10:00:00Z' }, status: { conditions } } as unknown as KubeObject;
  assert.equal(deletionState(live), `being deleted since 2026-11-26T10:00:00Z, ${message}`);
  assert.equal(deletionState({ metadata: { name: 'x' } }), 'not deleted yet');
});

test('disks of claims go with their namespace, which the cluster waits for; those that are retained are named', async () => {
  const cluster = fakeCluster();
  const context = contextOf(cluster);
  const home = namespace(context, cloudNeeds(), { name: 'zitadel', wanted: true });
  const metadata = { name: 'zitadel', labels: ourLabels(context.stack) };
  const seen = { cluster, live: { metadata } as unknown as KubeObject };
  assert.equal(await home.leavesBehind?.(seen, quiet), false);
  cluster.objects.set('/api/v1/namespaces/zitadel/persistentvolumeclaims/data', { metadata: { name: 'data' } });
  assert.equal(await home.leavesBehind?.(seen, quiet), true);
  const volume = (name: string, of: string, policy: string): string => {
    const spec = { claimRef: { namespace: of }, persistentVolumeReclaimPolicy: policy, csi: { volumeHandle: `evs-${name}` } };
    cluster.objects.set(`/api/v1/persistentvolumes/${name}`, { metadata: { name }, spec });
    return `/api/v1/persistentvolumes/${name}`;
  };
  const going = volume('pvc-1', 'zitadel', 'Delete');
  volume('pvc-2', 'zitadel', 'Retain');
  volume('pvc-3', 'shop', 'Delete');
  const said: string[] = [];
  let looks = 0;
  const pause = async (): Promise<void> => {
    looks += 1;
    if (looks === 3) cluster.objects.delete(going);
  };
  const note = await home.destroy(seen, { ...quiet, say: (line) => said.push(line), pause });
  assert.equal(looks, 3, 'not gone before the driver took the disk away');
  assert.match(said.join('\n'), /the disks of namespace zitadel to be gone: pvc-1 \(disk evs-pvc-1\)/);
  assert.equal(note, 'disks that their storage class retains are kept: pvc-2 (disk evs-pvc-2)');
});
