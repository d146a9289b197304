/**
 * Owns who reaches a node: that it carries its security groups and no others, and no public address. A pool gives groups to new
 * nodes only, and a person can take them from a living one, which then loses the database, or open it by one more. What a pool
 * is told stands in `node-pool.ts`.
 */
import { ADDED_BY_OTHERS, type Change, type Maybe, type Resource, resource } from '../engine/resource.ts';
import * as cce from '../otc/cce.ts';
import { type Eip, listEips } from '../otc/eip.ts';
import { listPorts, type Port, setPortGroups } from '../otc/port.ts';
import { listSecurityGroups } from '../otc/security-group.ts';
import type { ApiAccess } from './api-access.ts';
import type { ClusterResource } from './cluster.ts';
import type { CloudContext } from './context.ts';
import { takeBack } from './eip.ts';
import type { NodePoolResource } from './node-pool.ts';
import type { ClientGroup } from './security-group.ts';
import type { SubnetResource } from './subnet.ts';

export interface NodeGroupsSpec {
  /** Id and what it is for. */
  readonly groups: readonly { readonly id: string; readonly name: string }[];
}

interface NodePort {
  /** The node's. */
  readonly name: string;
  readonly port: Port;
  /** Public addresses that somebody bound to it. */
  readonly eips: readonly Eip[];
}

export interface NodeGroupsSeen {
  /** One of each node; more where somebody gave it more. */
  readonly nodes: readonly NodePort[];
  /** The group that nodes keep from when the stack had a database of its own. */
  readonly kept: string | undefined;
  /** Names of the project's groups, by id. */
  readonly known: Readonly<Record<string, string>>;
}

type Needs = {
  readonly cluster: ClusterResource;
  readonly access: ApiAccess;
  readonly subnet: SubnetResource;
  readonly client: Maybe<ClientGroup>;
} & Readonly<Record<`pool${number}`, Maybe<NodePoolResource>>>;

export type NodeGroups = Resource<Needs, NodeGroupsSpec, NodeGroupsSeen>;

export function nodeGroups(context: CloudContext, needs: Omit<Needs, `pool${number}`>, pools: readonly NodePoolResource[]): NodeGroups {
  const { otc, stack, names } = context;
  const wanted = stack.cluster.existing === undefined;
  const waited = Object.fromEntries(pools.map((pool, index) => [`pool${index}`, { maybe: pool }]));
  // One of ours that was bound here is missed, and taken back, where it belongs. With an egress of their own nodes may have addresses.
  const ours = new Set(['nat', 'api', 'bastion', 'elb'].map(names));
  const isForeign = ({ alias }: Eip): boolean => stack.network.egress !== 'none' && !ours.has(alias ?? '');
  const read = async (clusterId: string, networkId: string): Promise<NodePort[]> => {
    const [nodes, ports, eips] = await Promise.all([cce.listNodes(otc, clusterId), listPorts(otc, { network_id: networkId }), listEips(otc)]);
    return nodes.flatMap(({ metadata: { name }, status: { serverId } }) =>
      ports
        .filter(({ device_id }) => serverId !== undefined && serverId !== '' && device_id === serverId)
        .map((port) => ({ name, port, eips: eips.filter((eip) => eip.port_id === port.id && isForeign(eip)) })),
    );
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
      groups: [{ id: access.nodeGroupId, name: access.node.name }, ...(client === undefined ? [] : [{ id: client.id, name: client.name }])],
    }),
    observe: async ({ cluster, subnet, client }) => {
      if (!wanted || cluster?.status.phase !== 'Available' || subnet === undefined) return undefined;
      const [nodes, groups] = await Promise.all([read(cluster.id, subnet.id), listSecurityGroups(otc)]);
      return { nodes, kept: client?.id, known: Object.fromEntries(groups.map(({ id, name }) => [id, name])) };
    },
    diff: nodeGroupChanges,
    apply: async (spec, seen, _changes, run) => {
      // There are no nodes yet: the pools give them their groups.
      if (seen === undefined) return { nodes: [], kept: undefined, known: {} };
      const nodes = await Promise.all(
        seen.nodes.map(async ({ name, port, eips }) => {
          const { lacking, others } = groupsOf(spec, seen, port);
          const all = [...port.security_groups.filter((id) => !others.includes(id)), ...lacking.map(({ id }) => id)];
          if (lacking.length + others.length > 0) {
            run.say(`giving node ${name} its security groups back`);
            await setPortGroups(otc, port.id, all);
          }
          for (const { id } of eips) await takeBack(otc, id, run);
          return { name, port: { ...port, security_groups: all }, eips: [] };
        }),
      );
      return { ...seen, nodes };
    },
    destroy: async () => undefined,
    facts: ({ nodes }) => ({ nodes: String(nodes.length) }),
  });
}

/** The groups that a port lacks, and the ids of those that it should not have. */
function groupsOf({ groups }: NodeGroupsSpec, { kept }: NodeGroupsSeen, { security_groups: has }: Port) {
  return {
    lacking: groups.filter(({ id }) => !has.includes(id)),
    others: has.filter((id) => id !== kept && !groups.some((group) => group.id === id)),
  };
}

/** One more group, or an address, opens a node as no rule of its own groups says. */
export function nodeGroupChanges(spec: NodeGroupsSpec, seen: NodeGroupsSeen): Change[] {
  return seen.nodes.flatMap(({ name, port, eips }): Change[] => {
    const { lacking, others } = groupsOf(spec, seen, port);
    const added = { before: 'attached', after: 'none', why: ADDED_BY_OTHERS };
    return [
      ...lacking.map((group) => ({ field: `security group ${group.name} of node ${name}`, before: 'missing', after: 'attached' })),
      ...others.map((id) => ({ field: `security group ${seen.known[id] ?? id} of node ${name}`, ...added })),
      ...eips.map((eip) => ({ field: `public address ${eip.public_ip_address} of node ${name}`, ...added })),
    ];
  });
}
