/**
 * Owns the cluster's nodes: one pool a zone, since CCE puts a pool's first nodes into one zone. Nodes carry the cluster's
 * own node group, which a list of groups replaces unless it is named, and the group that may reach the database. What differs
 * is decided in `node-pool-spec.ts`.
 */
import { type Maybe, type Resource, type Run, resource } from '../engine/resource.ts';
import { schedules, until } from '../engine/until.ts';
import * as cce from '../otc/cce.ts';
import { unlessGone } from '../otc/client.ts';
import { CCE_AT_WORK, forbidsWithoutWhy, ServiceFault } from '../otc/errors.ts';
import type { VolumeSettings } from '../stack/stack.ts';
import type { ApiAccess } from './api-access.ts';
import type { ClusterResource } from './cluster.ts';
import { type CloudContext, createOnce, theOne } from './context.ts';
import type { NodeKeyPair } from './key-pair.ts';
import type { SnatRuleResource } from './nat-gateway.ts';
import { countsByZone, hasFailed, type NodePoolSeen, type NodePoolSpec, nodePoolChanges, nodePoolFields, refuseFailed } from './node-pool-spec.ts';
import type { ClientGroup } from './security-group.ts';
import type { SubnetResource } from './subnet.ts';

type Needs = {
  readonly cluster: ClusterResource;
  readonly access: ApiAccess;
  readonly subnet: SubnetResource;
  readonly client: Maybe<ClientGroup>;
  /** Nodes pull images from their first minute. */
  readonly egress: Maybe<SnatRuleResource>;
};

export type NodePoolResource = Resource<Needs, NodePoolSpec, NodePoolSeen>;

export function nodePool(context: CloudContext, zone: string, keyPair: NodeKeyPair, needs: Needs): NodePoolResource {
  const { otc, stack, names } = context;
  const { nodes, existing } = stack.cluster;
  const name = names(`np-${zone}`);
  const count = countsByZone(nodes.count, nodes.zones).get(zone) ?? 0;
  const asked = { count, flavor: nodes.flavor, zone, os: nodes.os, rootVolume: nodes.rootVolume, dataVolume: nodes.dataVolume };
  const find = async (clusterId: string, fresh?: boolean): Promise<NodePoolSeen | undefined> => {
    const ours = (await cce.listNodePools(otc, clusterId, fresh)).filter((pool) => pool.metadata.name === name);
    const found = theOne(ours, `node pool ${name}`, (pool) => pool.metadata.uid);
    return found === undefined ? undefined : seenPool(otc, clusterId, found);
  };
  return resource<Needs, NodePoolSpec, NodePoolSeen>({
    id: `cluster/node-pool-${zone}`,
    title: `Node pool ${name}`,
    needs,
    within: needs.cluster,
    wanted: existing === undefined && count > 0,
    protect: 'cluster',
    wayOut:
      'Set the former value in the stack file. Or let the pool be made anew: delete it in the CCE console, which moves its pods to the other zones, and deploy.',
    usualSeconds: 360,
    prefetch: async () => {
      const found = existing === undefined ? (await cce.listClusters(otc)).find(({ metadata }) => metadata.name === names('cce')) : undefined;
      if (found?.status.phase === 'Available') await find(found.metadata.uid);
    },
    want: ({ cluster, access, subnet, client }) => ({
      name,
      clusterId: cluster.id,
      ...asked,
      subnetId: subnet.id,
      securityGroups: [access.nodeGroupId, ...(client === undefined ? [] : [client.id])],
    }),
    madeWith: () => nodePoolFields(asked),
    observe: async ({ cluster }) => (cluster === undefined || cluster.status.phase !== 'Available' ? undefined : find(cluster.id)),
    diff: nodePoolChanges,
    apply: async (spec, seen, changes, run) => {
      const onlyStatus = seen !== undefined && changes.every(({ field }) => field === 'status.phase');
      const pool = await (onlyStatus
        ? whenComplete(context, spec, seen, run)
        : keyPair.hold((key) => makeOrScale(context, spec, seen, key, run, find)));
      otc.forget();
      return pool;
    },
    destroy: async ({ clusterId, metadata }, run) => {
      await unlessGone(cce.deleteNodePool(otc, clusterId, metadata.uid));
      await until(`node pool ${name} to be gone`, schedules.long, run, async () => {
        const still = await unlessGone(cce.getNodePool(otc, clusterId, metadata.uid));
        return still === undefined ? { done: true, value: undefined } : { done: false, state: still.status.phase || 'deleting' };
      });
      otc.forget();
    },
    facts: ({ metadata, status, spec }) => ({ id: metadata.uid, nodes: String(status.currentNode ?? spec.initialNodeCount), zone }),
  });
}

async function makeOrScale(
  context: CloudContext,
  spec: NodePoolSpec,
  seen: NodePoolSeen | undefined,
  sshKey: string,
  run: Run,
  find: (clusterId: string, fresh?: boolean) => Promise<NodePoolSeen | undefined>,
): Promise<NodePoolSeen> {
  const { otc } = context;
  const { clusterId } = spec;
  if (seen !== undefined) {
    if (seen.spec.initialNodeCount !== spec.count || seen.spec.autoscaling?.enable === true)
      await cce.scaleNodePool(otc, clusterId, seen, spec.count);
    return whenComplete(context, spec, seen, run);
  }
  const order = async (): Promise<NodePoolSeen> => ({
    ...(await cce.createNodePool(otc, clusterId, { name: spec.name, spec: newNodePool(spec, sshKey) })),
    clusterId,
  });
  const create = (): Promise<NodePoolSeen> => againWhenAvailable(otc, clusterId, order, run);
  const made = await createOnce({ what: `node pool ${spec.name}`, create, look: () => find(clusterId, true) }, run);
  return whenComplete(context, spec, made, run);
}

/**
 * CCE forbids an order while it is at work on the cluster, and does not always say so: it is given once more when the cluster
 * is free, as OTC's Terraform provider does it (`opentelekomcloud_cce_node_pool_v3`). At once where it is: then a permission is missing.
 */
async function againWhenAvailable<T>(otc: CloudContext['otc'], clusterId: string, order: () => Promise<T>, run: Run): Promise<T> {
  try {
    return await order();
  } catch (error) {
    if (!(error instanceof ServiceFault && forbidsWithoutWhy(error))) throw error;
    await until('the cluster to take orders', schedules.medium, run, async () => {
      const { phase } = (await cce.getCluster(otc, clusterId)).status;
      return CCE_AT_WORK.test(phase) ? { done: false, state: phase } : { done: true, value: undefined };
    });
    return order();
  }
}

function newNodePool(spec: NodePoolSpec, sshKey: string): Record<string, unknown> {
  const volume = ({ type, size }: VolumeSettings): { volumetype: string; size: number } => ({ volumetype: type, size });
  return {
    type: 'vm',
    initialNodeCount: spec.count,
    autoscaling: { enable: false },
    nodeManagement: { serverGroupReference: '' },
    customSecurityGroups: spec.securityGroups,
    nodeTemplate: {
      flavor: spec.flavor,
      az: spec.zone,
      os: spec.os,
      login: { sshKey },
      rootVolume: volume(spec.rootVolume),
      dataVolumes: [volume(spec.dataVolume)],
      nodeNicSpec: { primaryNic: { subnetId: spec.subnetId } },
      count: 1,
      billingMode: 0,
      runtime: { name: 'containerd' },
    },
  };
}

/** `Synchronizing` and `Synchronized` pass; an empty phase is the good one. */
function whenComplete(context: CloudContext, spec: NodePoolSpec, { clusterId, metadata }: NodePoolSeen, run: Run): Promise<NodePoolSeen> {
  const { otc } = context;
  return until(`${spec.count} nodes in pool ${spec.name}`, schedules.long, run, async () => {
    const now = await seenPool(otc, clusterId, await cce.getNodePool(otc, clusterId, metadata.uid));
    const { phase = '', currentNode = 0 } = now.status;
    refuseFailed(now);
    if (now.spec.autoscaling?.enable === true) return { done: false, state: 'autoscaling is still on' };
    if (phase === '' && currentNode >= spec.count) return { done: true, value: now };
    return { done: false, state: `${currentNode} of ${spec.count} nodes${phase === '' ? '' : `, ${phase}`}` };
  });
}

/** The pool, and where it failed what its nodes say of that. */
async function seenPool(otc: CloudContext['otc'], clusterId: string, pool: cce.NodePool): Promise<NodePoolSeen> {
  if (!hasFailed(pool)) return { ...pool, clusterId };
  const nodes = (await cce.listNodes(otc, clusterId, true)).filter(({ metadata }) =>
    metadata.annotations?.['kubernetes.io/node-pool.id']?.startsWith(pool.metadata.uid),
  );
  const reasons = nodes.flatMap(({ metadata, status }) =>
    status.reason || status.message ? [`${metadata.name}: ${status.reason ?? ''} ${status.message ?? ''}`.trim()] : [],
  );
  return { ...pool, clusterId, reasons };
}
