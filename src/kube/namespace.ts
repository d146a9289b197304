/** Owns namespaces. One that was there before stays as it is and survives destroy. */
import type { AnyResource, Maybe, Resource, Run } from '../engine/resource.ts';
import { schedules, until } from '../engine/until.ts';
import type { Cluster } from '../tools/toolbox.ts';
import { type AppliedSeen, type AppliedSpec, applied, type NeedsCluster } from './applied.ts';
import { type CloudNeeds, type KubeContext, ourLabels } from './context.ts';
import { collection } from './paths.ts';

export interface NamespaceOptions {
  readonly name: string;
  readonly wanted: boolean;
  /** Things that must outlive its contents' deletion, or stand before it. */
  readonly after?: Readonly<Record<string, AnyResource | Maybe<AnyResource>>>;
}

export function namespace(
  context: KubeContext,
  cloud: Pick<CloudNeeds, 'kubeconfig'>,
  { name, wanted, after = {} }: NamespaceOptions,
): Resource<NeedsCluster, AppliedSpec, AppliedSeen> {
  return applied<NeedsCluster>(context, {
    id: `kube/namespace-${name}`,
    title: `Namespace ${name}`,
    needs: { kubeconfig: cloud.kubeconfig, ...after },
    wanted,
    identity: { apiVersion: 'v1', kind: 'Namespace', metadata: { name } },
    resource: 'namespace',
    fields: () => ({ metadata: { labels: ourLabels(context.stack) } }),
    usable: (live) => {
      const phase = (live['status'] as { phase?: string } | undefined)?.phase;
      if (phase === 'Active') return { done: true, value: live };
      return { done: false, state: phase ?? 'unknown', reason: 'a namespace that is being deleted takes nothing new' };
    },
    foreignIsFine: true,
    // Claims have disks outside the cluster: with the namespace they go, with the cluster they would stay behind.
    leavesBehind: async (cluster, run) => (await cluster.api.list(collection('v1', 'PersistentVolumeClaim', name), run.signal)).length > 0,
    afterRemoval: (cluster, run) => disksGone(cluster, name, run),
  });
}

interface VolumeSpec {
  readonly claimRef?: { readonly namespace?: string };
  readonly persistentVolumeReclaimPolicy?: string;
  /** `volumeHandle` is the disk's id in EVS (CCE user guide, "Storage", driver disk.csi.everest.io). */
  readonly csi?: { readonly volumeHandle?: string };
}

/**
 * Waits for the disks of a namespace's claims: the storage driver takes them away after the claims, and would not come to it in a
 * cluster that is gone before.
 * @returns the disks that their storage class keeps
 * @throws Fault at the deadline, naming the disks that are left
 */
async function disksGone(cluster: Cluster, namespace: string, run: Run): Promise<string | undefined> {
  const volumes = async (kept: boolean): Promise<string> => {
    const all = await cluster.api.list(collection('v1', 'PersistentVolume'), run.signal);
    const found = all.filter(({ spec }) => {
      const { claimRef, persistentVolumeReclaimPolicy: policy } = spec as VolumeSpec;
      return claimRef?.namespace === namespace && (policy === 'Retain') === kept;
    });
    return found.map(({ metadata, spec }) => `${metadata.name} (disk ${(spec as VolumeSpec).csi?.volumeHandle ?? 'unknown'})`).join(', ');
  };
  await until(`the disks of namespace ${namespace} to be gone`, schedules.medium, run, async () => {
    const left = await volumes(false);
    return left === '' ? { done: true, value: undefined } : { done: false, state: left };
  });
  const kept = await volumes(true);
  return kept === '' ? undefined : `disks that their storage class retains are kept: ${kept}`;
}
