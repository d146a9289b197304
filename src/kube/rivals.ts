/** Owns what cannot stand beside something new, such as two controllers on one load balancer, and has to go first. */
import type { Run } from '../engine/resource.ts';
import type { Stack } from '../stack/stack.ts';
import type { Cluster } from '../tools/toolbox.ts';
import { releaseState } from './release-state.ts';
import { uninstall } from './removal.ts';

/** Takes a rival away and returns when it is gone; does nothing where there is none, or where it is not ours. */
export type Rival = (cluster: Cluster, run: Run) => Promise<void>;

export const IN_THE_WAY = 'both would claim the same load balancer ports';

export function rivalRelease({ namespace, release }: { readonly namespace: string; readonly release: string }, stack: Pick<Stack, 'name'>): Rival {
  return async (cluster, run) => {
    if ((await releaseState(cluster, namespace, release, undefined, stack, run.signal))?.ours !== true) return;
    run.say(`removing release ${namespace}/${release} first: ${IN_THE_WAY}`);
    await uninstall(cluster, { namespace, release }, true, run);
  };
}
