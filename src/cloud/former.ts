/**
 * Owns what the stack had of its own before `existing` was chosen for it: a database, a load balancer, a cluster. Known by the
 * stack's own name; what is in use is owned by the file of each.
 */
import { leftover, type Maybe, type Needs, type Resource } from '../engine/resource.ts';
import { type Cluster, listClusters } from '../otc/cce.ts';
import { type LoadBalancer, listLoadBalancers } from '../otc/elb.ts';
import { listInstances } from '../otc/rds.ts';
import { stackOf } from '../stack/names.ts';
import type { Existing } from '../stack/stack.ts';
import { lastBackupText } from './backup.ts';
import { protectedCluster, removeCluster } from './cluster.ts';
import { type CloudContext, theOne } from './context.ts';
import { removeInstance } from './database.ts';
import type { DatabaseSeen } from './database-spec.ts';
import type { EipResource } from './eip.ts';
import { protectedBalancer, removeBalancer } from './load-balancer.ts';
import type { DatabaseGroup } from './security-group.ts';
import type { SubnetResource } from './subnet.ts';
import type { VpcResource } from './vpc.ts';

interface Former<N extends Needs, Seen extends { readonly id: string }>
  extends Pick<Resource<N, null, Seen>, 'id' | 'needs' | 'destroy' | 'beforeDestroy' | 'blockedBy' | 'facts' | 'protect' | 'handsOver'> {
  /** The service's word for it. */
  readonly what: string;
  /** The stack's own name for it. */
  readonly name: string;
  /** What is used in its place; undefined where the stack has its own, which is no former one. */
  readonly existing: Existing | undefined;
  /** Those of that name. */
  readonly list: () => Promise<readonly Seen[]>;
}

function former<N extends Needs, Seen extends { readonly id: string }>(one: Former<N, Seen>): Resource<N, null, Seen> {
  const { what, name, existing, list, ...rest } = one;
  return leftover<N, Seen>({
    facts: ({ id }) => ({ id }),
    ...rest,
    title: `${what} ${name}, which the stack does not use any more`,
    observe: async () => {
      // Where it was named by hand, it is in use.
      if (existing === undefined || existing.name === name) return undefined;
      const found = theOne(await list(), `${what} ${name}`, ({ id }) => id);
      return found?.id === existing.id ? undefined : found;
    },
  });
}

interface Network extends Record<string, Maybe<VpcResource | SubnetResource | EipResource | DatabaseGroup>> {
  readonly vpc: Maybe<VpcResource>;
}
interface Balanced extends Network {
  readonly subnet: Maybe<SubnetResource>;
  readonly eip: Maybe<EipResource>;
}
interface Stored extends Network {
  readonly subnet: Maybe<SubnetResource>;
  /** The cluster's own, where one served both. */
  readonly subnetCluster: Maybe<SubnetResource>;
  readonly group: Maybe<DatabaseGroup>;
}

export type FormerDatabase = Resource<Stored, null, DatabaseSeen>;
export type FormerLoadBalancer = Resource<Balanced, null, LoadBalancer>;
export type FormerCluster = Resource<Balanced, null, Cluster & { readonly id: string }>;

/** Holds data: a deploy leaves it and all that it stands on in place and says so; only destroy with consent takes it. */
export function formerDatabase(context: CloudContext, needs: Stored): FormerDatabase {
  const { otc, stack, names } = context;
  const name = names('db');
  return former<Stored, DatabaseSeen>({
    id: 'database/former',
    what: 'RDS instance',
    name,
    needs,
    existing: stack.database.existing,
    protect: 'data',
    list: async () =>
      (await listInstances(otc, { name })).map((found) => ({
        ...found,
        host: found.private_ips[0] ?? '',
        port: Number(found.port),
        expansion: undefined,
      })),
    destroy: (seen, run) => removeInstance(context, seen, run),
    beforeDestroy: (seen) => lastBackupText(names('last'), seen),
    facts: ({ id, host, port }) => ({ id, host, port: String(port) }),
  });
}

/** Taken away, with its address, when all else stands on the other one. */
export function formerLoadBalancer(context: CloudContext, needs: Balanced): FormerLoadBalancer {
  const { otc, stack, names } = context;
  const name = names('elb');
  return former<Balanced, LoadBalancer>({
    id: 'load-balancer/former',
    what: 'Load balancer',
    name,
    needs,
    existing: stack.loadBalancer.existing,
    list: () => listLoadBalancers(otc, { name }),
    destroy: ({ id }, run) => removeBalancer(context, name, id, run),
    blockedBy: async (seen) => protectedBalancer(name, seen) ?? [],
  });
}

/** ZITADEL runs in it: no deploy goes on beside it, see {@link existingClusterProblems}, and only destroy takes it. */
export function formerCluster(context: CloudContext, needs: Balanced): FormerCluster {
  const { otc, stack, names } = context;
  const name = names('cce');
  return former<Balanced, Cluster & { readonly id: string }>({
    id: 'cluster/former',
    what: 'CCE cluster',
    name,
    needs,
    existing: stack.cluster.existing,
    handsOver: 'ZITADEL runs in it; destroy takes it away',
    list: async () =>
      (await listClusters(otc)).filter(({ metadata }) => metadata.name === name).map((found) => ({ ...found, id: found.metadata.uid })),
    destroy: ({ id }, run) => removeCluster(context, { id, name }, run),
    blockedBy: async (seen) => protectedCluster(name, seen) ?? [],
  });
}

/** Why `cluster.existing` cannot be chosen: the cluster is another stack's, or the stack has one of its own. Nothing where it can. */
export async function existingClusterProblems(context: CloudContext): Promise<string[]> {
  const { otc, stack } = context;
  const { existing } = stack.cluster;
  if (existing === undefined) return [];
  const named = (await listClusters(otc)).find(({ metadata: { uid, name } }) =>
    existing.id === undefined ? name === existing.name : uid === existing.id,
  );
  const owner = named === undefined ? undefined : stackOf(named.metadata.name, 'cce', otc.projectId);
  if (named !== undefined && owner !== undefined && owner !== stack.name)
    return [
      `The existing cluster ${named.metadata.name} (${named.metadata.uid}) belongs to stack ${owner}, which takes it away with its destroy; one cluster takes one stack. Name another cluster under cluster.existing, or leave that out.`,
    ];
  const found = await formerCluster(context, {} as Balanced).observe({}, { signal: new AbortController().signal, say: () => undefined });
  if (found === undefined) return [];
  return [
    `The stack has a cluster of its own, ${context.names('cce')} (${found.id}), and ZITADEL runs in it: with cluster.existing a second ZITADEL would run on the same database, behind the same load balancer. Take cluster.existing out again; or destroy the stack first, which keeps its database unless destroy.database says otherwise, and then deploy into the other cluster.`,
  ];
}
