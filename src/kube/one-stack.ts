/**
 * Owns the look for another stack in a cluster that the stack did not make. Ingress controller, cert-manager and issuers belong to a cluster
 * as a whole, so one cluster takes one stack: all that is done inside stands on this look.
 */
import { Fault } from '../engine/fault.ts';
import { check, type Resource } from '../engine/resource.ts';
import type { Kubeconfig } from '../tools/kubeconfig.ts';
import type { NeedsCluster } from './applied.ts';
import { type CloudNeeds, clusterIn, inCluster, type KubeContext, ONE_STACK, otherStack, STACK_LABEL } from './context.ts';
import { collection } from './paths.ts';

/** Where other stacks were found. A symbol: the credentials stay the same value, by which a run has one client for a cluster. */
const OTHERS = Symbol('other stacks');

/** The way into the cluster, as it was handed in. */
export interface Entrance extends Kubeconfig {
  /** `stack in namespace`, in the order of the answer. */
  readonly [OTHERS]: readonly string[];
}

export function oneStack(context: KubeContext, { kubeconfig }: Pick<CloudNeeds, 'kubeconfig'>): Resource<NeedsCluster, null, Entrance> {
  const { stack } = context;
  const title = `No other stack in cluster ${stack.cluster.existing?.name ?? stack.cluster.existing?.id ?? ''}`;
  return check<NeedsCluster, null, Entrance>({
    id: 'cluster/one-stack',
    title,
    needs: { kubeconfig },
    wanted: true,
    lookedAtFirst: true,
    ...inCluster(context),
    want: () => null,
    observe: async (needs, run) => {
      const there = clusterIn(context, needs);
      if (there === undefined || needs.kubeconfig === undefined) return undefined;
      // Helm's revisions and the Secrets of a stack: each has some, from its first deploy on.
      const selector = encodeURIComponent(`${STACK_LABEL},${STACK_LABEL}!=${stack.name}`);
      const found = await there.api.list(`${collection('v1', 'Secret')}?labelSelector=${selector}`, run.signal);
      const others = found.map(({ metadata }) => `${otherStack(metadata.labels, stack)} in namespace ${metadata.namespace}`);
      return { ...needs.kubeconfig, [OTHERS]: [...new Set(others)] };
    },
    diff: (_spec, { [OTHERS]: others }) => {
      if (others.length === 0) return [];
      const message = `the cluster belongs to another stack already: ${others.join(', ')}; nothing in it was changed`;
      throw new Fault(message, { resource: title, finding: 'stack', forbids: true, hint: ONE_STACK });
    },
  });
}
