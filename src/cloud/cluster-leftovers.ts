/**
 * Owns what CCE may leave behind when it deletes a cluster of ours: listeners on load balancers, and the two security
 * groups it made. Known by the cluster's id or name, never by guess.
 */
import type { Run } from '../engine/resource.ts';
import { type Otc, unlessGone } from '../otc/client.ts';
import { deleteListenerWithAll, type Listener, listListeners } from '../otc/elb.ts';
import { deleteSecurityGroup, listSecurityGroups } from '../otc/security-group.ts';
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

/** @throws Fault naming what stands in the way */
export async function removeLeftovers(otc: Otc, cluster: { readonly id: string; readonly name: string }, run: Run): Promise<void> {
  const listeners = (await listListeners(otc)).filter((listener) => clusterOf(listener) === cluster.id);
  for (const { id, name } of listeners) {
    run.say(`taking listener ${name} away, which the cluster left behind`);
    await unlessGone(deleteListenerWithAll(otc, id));
  }
  const groups = (await listSecurityGroups(otc, true)).filter(
    // The name carries the stack's own mark, so no other cluster's groups begin with it.
    ({ name }) => name.startsWith(`${cluster.name}-cce-control-`) || name.startsWith(`${cluster.name}-cce-node-`),
  );
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
