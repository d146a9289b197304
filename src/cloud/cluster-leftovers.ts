/**
 * Owns what CCE may leave behind when it deletes a cluster of ours: listeners on load balancers, and the two security
 * groups it made. Known by the cluster's id or name, never by guess.
 */
import type { Run } from '../engine/resource.ts';
import { listClusters } from '../otc/cce.ts';
import { type Otc, unlessGone } from '../otc/client.ts';
import { deleteListenerWithAll, type Listener, listListeners } from '../otc/elb.ts';
import { deleteSecurityGroup, listSecurityGroups, type SecurityGroup } from '../otc/security-group.ts';
import { usingGroup, whenFree } from './blockers.ts';

/** The cluster for whose Service CCE made a listener, by the JSON in its description; undefined where CCE did not make it. */
export function clusterOf({ description = '' }: Pick<Listener, 'description'>): string | undefined {
  if (!description.startsWith('{')) return undefined;
  try {
    const { cluster_id: id } = JSON.parse(description) as { cluster_id?: unknown };
    return typeof id === 'string' && id !== '' ? id : undefined;
  } catch (error) {
    // Somebody's own text that happens to begin like JSON.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export interface Leftovers {
  readonly listeners: readonly Listener[];
  readonly groups: readonly SecurityGroup[];
}

/** @param id undefined where the cluster is gone: then its groups tell of it */
export async function leftoversOf(otc: Otc, { id, name }: { readonly id?: string; readonly name: string }): Promise<Leftovers> {
  const groups = (await listSecurityGroups(otc, true)).filter(
    // The name carries the stack's own mark, so no other cluster's groups begin with it.
    (group) => group.name.startsWith(`${name}-cce-control-`) || group.name.startsWith(`${name}-cce-node-`),
  );
  const known = id === undefined ? groups.flatMap(({ description }) => /\bcluster ([0-9a-f-]{36})\b/.exec(description ?? '')?.[1] ?? []) : [id];
  const listeners = known.length === 0 ? [] : (await listListeners(otc)).filter((listener) => known.includes(clusterOf(listener) ?? ''));
  return { listeners, groups };
}

/** @throws Fault naming what stands in the way */
export async function removeLeftovers(otc: Otc, { listeners, groups }: Leftovers, run: Run): Promise<void> {
  for (const { id, name } of listeners) {
    run.say(`taking listener ${name} away, which the cluster left behind`);
    await unlessGone(deleteListenerWithAll(otc, id));
  }
  for (const { id, name } of groups) {
    run.say(`taking security group ${name} away, which the cluster left behind`);
    await whenFree(
      `security group ${name}`,
      async (patience) => void (await unlessGone(deleteSecurityGroup(otc, id, patience))),
      () => usingGroup(otc, id),
      run,
    );
  }
}

/** Listeners of a load balancer that CCE made for a cluster that is not there any more: nothing says whose that was. */
export async function orphanedListeners(otc: Otc, balancerId: string): Promise<readonly Listener[]> {
  const [listeners, clusters] = await Promise.all([listListeners(otc, balancerId), listClusters(otc)]);
  const living = new Set(clusters.map(({ metadata }) => metadata.uid));
  return listeners.filter((listener) => {
    const cluster = clusterOf(listener);
    return cluster !== undefined && !living.has(cluster);
  });
}
