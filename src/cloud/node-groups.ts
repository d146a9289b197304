/**
 * Owns that every node really carries its security groups: a pool gives them to new nodes only, and a person can take them
 * from a living one, which then loses the database. What a pool is told stands in `node-pool.ts`.
 */
import { type Change, type Maybe, type Resource, resource } from '../engine/resource.ts';
import * as cce from '../otc/cce.ts';
import { listPorts, type Port, setPortGroups } from '../otc/port.ts';
import type { ApiAccess } from './api-access.ts';
import type { ClusterResource } from './cluster.ts';
import type { CloudContext } from './context.ts';
import type { NodePoolResource } from './node-pool.ts';
import type { ClientGroup } from './security-group.ts';
import type { SubnetResource } from './subnet.ts';

export interface NodeGroupsSpec {
  /** Id and what it is for. */
  readonly groups: readonly { readonly id: string; readonly name: string }[];
}

export interface NodeGroupsSeen {
  readonly nodes: readonly { readonly name: string; readonly port: Port }[];
}

type Needs = {
  readonly cluster: ClusterResource;
  readonly access: ApiAccess;
  readonly subnet: SubnetResource;
  readonly client: ClientGroup;
} & Readonly<Record<`pool${number}`, Maybe<NodePoolResource>>>;

export type NodeGroups = Resource<Needs, NodeGroupsSpec, NodeGroupsSeen>;

export function nodeGroups(context: CloudContext, needs: Omit<Needs, `pool${number}`>, pools: readonly NodePoolResource[]): NodeGroups {
  const { otc, stack, names } = context;
  const wanted = stack.cluster.existing === undefined && stack.database.existing === undefined;
  const waited = Object.fromEntries(pools.map((pool, index) => [`pool${index}`, { maybe: pool }]));
  const read = async (clusterId: string, networkId: string, fresh?: boolean): Promise<NodeGroupsSeen> => {
    const [nodes, ports] = await Promise.all([cce.listNodes(otc, clusterId, fresh), listPorts(otc, { network_id: networkId }, fresh)]);
    const found = nodes.flatMap(({ metadata, status }) => {
      const port = status.serverId ? ports.find(({ device_id }) => device_id === status.serverId) : undefined;
      return port === undefined ? [] : [{ name: metadata.name, port }];
    });
    return { nodes: found };
  };
  return resource<Needs, NodeGroupsSpec, NodeGroupsSeen>({
    id: 'cluster/node-groups',
    title: 'Security groups of the nodes',
    needs: { ...needs, ...waited } as Needs,
    within: needs.cluster,
    wanted,
    usualSeconds: 2,
    prefetch: async () => {
      if (!wanted) return;
      // Begun with the list of clusters, not after pools were compared.
      const found = (await cce.listClusters(otc)).find(({ metadata }) => metadata.name === names('cce'));
      if (found?.status.phase === 'Available') await read(found.metadata.uid, found.spec.hostNetwork.subnet);
    },
    want: ({ access, client }) => ({
      groups: [
        { id: access.nodeGroupId, name: access.node.name },
        { id: client.id, name: client.name },
      ],
    }),
    observe: async ({ cluster, subnet }) => {
      if (!wanted || cluster?.status.phase !== 'Available' || subnet === undefined) return undefined;
      return read(cluster.id, subnet.id);
    },
    diff: nodeGroupChanges,
    apply: async ({ groups }, seen, _changes, run) => {
      // There are no nodes yet: the pools give them their groups.
      if (seen === undefined) return { nodes: [] };
      const nodes = await Promise.all(
        seen.nodes.map(async ({ name, port }) => {
          const all = [...new Set([...port.security_groups, ...groups.map(({ id }) => id)])];
          if (all.length === port.security_groups.length) return { name, port };
          run.say(`giving node ${name} its security groups back`);
          await setPortGroups(otc, port.id, all);
          return { name, port: { ...port, security_groups: all } };
        }),
      );
      return { nodes };
    },
    destroy: async () => undefined,
    facts: ({ nodes }) => ({ nodes: String(nodes.length) }),
  });
}

/** Groups that a node lacks. More than its own are no difference: they may be somebody's wish. */
export function nodeGroupChanges({ groups }: NodeGroupsSpec, { nodes }: NodeGroupsSeen): Change[] {
  return nodes.flatMap(({ name, port }) =>
    groups
      .filter(({ id }) => !port.security_groups.includes(id))
      .map((group) => ({ field: `security group ${group.name} of node ${name}`, before: 'missing', after: 'attached' })),
  );
}
