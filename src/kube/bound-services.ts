/**
 * Owns freeing a Service from a load balancer that is not the wanted one any more. CCE binds a Service by an annotation that cannot
 * be changed (CCE user guide, "LoadBalancer Services"): after another load balancer took the place of a lost one, the Service itself
 * has to be made anew, which helm does with its next upgrade.
 */
import type { Run } from '../engine/resource.ts';
import type { Cluster } from '../tools/toolbox.ts';

export const BOUND_TO = 'kubernetes.io/elb.id';

/** Deletes the Services of a namespace that are bound to another load balancer than `id`. */
export async function freeBoundServices(cluster: Cluster, namespace: string, id: string, run: Run): Promise<void> {
  for (const { metadata } of await cluster.api.list(`/api/v1/namespaces/${namespace}/services`, run.signal)) {
    const bound = metadata.annotations?.[BOUND_TO];
    if (bound === undefined || bound === id) continue;
    run.say(`taking Service ${namespace}/${metadata.name} away, which is bound to load balancer ${bound} for good; it is made anew`);
    await (await cluster.kubectl(run)).remove('service', metadata.name, namespace, run.signal);
  }
}
