/** Owns namespaces. One that was there before stays as it is and survives destroy. */
import type { AnyResource, Maybe, Resource } from '../engine/resource.ts';
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
  });
}
