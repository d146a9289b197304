/**
 * Owns what of a stack may still be there when what it came from is gone, because a destroy was stopped late: what CCE left, disks of
 * claims, the last backup of the database. Only destroy looks for it; it takes away what is surely the stack's and names the rest.
 */
import { type AnyResource, leftover } from '../engine/resource.ts';
import { listClusters } from '../otc/cce.ts';
import { listLoadBalancers } from '../otc/elb.ts';
import { listInstances } from '../otc/rds.ts';
import { lastBackupsLeft } from './backup.ts';
import { disksLeft } from './claim-disks.ts';
import { type Leftovers, leftoversOf, orphanedListeners, removeLeftovers } from './cluster-leftovers.ts';
import type { CloudContext } from './context.ts';

type NoNeeds = Record<never, never>;

/** For people, and left to them. Each looks for something only where what it came from is gone: else that goes first. */
const named = (id: string, title: string, observe: () => Promise<string | undefined>): AnyResource =>
  leftover<NoNeeds, string>({ id, title, needs: {}, observe, keep: (text) => text, destroy: async () => undefined });

export function remainsOf({ otc, stack, names }: CloudContext): readonly AnyResource[] {
  const [cluster, instance] = [names('cce'), names('db')];
  const isThere = async (): Promise<boolean> => (await listClusters(otc)).some(({ metadata }) => metadata.name === cluster);
  const { existing } = stack.loadBalancer;
  return [
    leftover<NoNeeds, Leftovers>({
      id: 'cluster/leftovers',
      title: `What CCE left of cluster ${cluster}`,
      needs: {},
      observe: async () => {
        if (await isThere()) return undefined;
        const found = await leftoversOf(otc, { name: cluster });
        return found.listeners.length + found.groups.length === 0 ? undefined : found;
      },
      destroy: (found, run) => removeLeftovers(otc, found, run),
    }),
    named('cluster/disks', `Disks of cluster ${cluster}`, async () => ((await isThere()) ? undefined : disksLeft(otc, { name: cluster }))),
    ...(existing === undefined
      ? []
      : [
          named('load-balancer/listeners', `Listeners on load balancer ${existing.name ?? existing.id}`, async () => {
            const [balancer] = (await isThere()) ? [] : await listLoadBalancers(otc, existing);
            const found = balancer === undefined ? [] : await orphanedListeners(otc, balancer.id);
            const list = found.map(({ id, name, protocol, protocol_port: port }) => `listener ${name} (${id}, ${protocol} ${port})`).join(', ');
            return list === ''
              ? undefined
              : `CCE made them for a cluster that is gone, this stack's or another: ${list}. Delete them if nothing needs them`;
          }),
        ]),
    named('database/last-backup', `Last backup of RDS instance ${instance}`, async () => {
      if ((await listInstances(otc, { name: instance })).length > 0) return undefined;
      const { version, storage, port } = stack.database;
      return lastBackupsLeft(otc, names('last'), { name: instance, datastore: { version }, volume: storage, port });
    }),
  ];
}
