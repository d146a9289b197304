/**
 * Owns counting what of a stack is still to be made, by the same lists that the resources themselves read, so that it costs no call
 * of its own. What the counts are held against is `preflight-checks.ts`'s.
 */
import { listClusters, listNodePools } from '../otc/cce.ts';
import { listServers } from '../otc/ecs.ts';
import { listEips } from '../otc/eip.ts';
import { listLoadBalancers } from '../otc/elb.ts';
import { listNatGateways } from '../otc/nat.ts';
import { type Instance, listInstances } from '../otc/rds.ts';
import { listSecurityGroups } from '../otc/security-group.ts';
import { listSubnets, listVpcs } from '../otc/vpc.ts';
import type { CloudContext } from './context.ts';
import { withoutMode } from './database-spec.ts';
import { countsByZone } from './node-pool-spec.ts';

/** How many of each are still to be made. */
export interface Missing {
  readonly vpcs: number;
  readonly subnets: number;
  readonly groups: number;
  readonly rules: number;
  readonly eips: number;
  readonly natGateways: number;
  /** The instance as a whole, or another flavor of the one that is there. */
  readonly database: 'instance' | 'flavor' | undefined;
  /** Where it is, or is to be made. */
  readonly databaseZones: readonly string[];
  readonly clusters: number;
  /** Nodes by zone. */
  readonly nodes: ReadonlyMap<string, number>;
  readonly bastions: number;
  readonly loadBalancers: number;
}

/** Asks for a list; undefined where it is not answered, which whoever hands this in remembers. */
export type Look = <T>(what: string, list: Promise<T>) => Promise<T | undefined>;

/** What could not be looked at counts as there: nothing is checked for it. */
export async function missingOf(context: CloudContext, look: Look): Promise<Missing> {
  const { otc, stack, names } = context;
  const { network, database, cluster, loadBalancer } = stack;
  const throughBastion = cluster.access === 'bastion' && (cluster.bastion.keep || context.looksOnly !== true);
  const [vpcs, subnets, groups, eips, gateways, instances, clusters, servers, balancers] = await Promise.all([
    network.existing ? [] : look('VPCs', listVpcs(otc)),
    look('subnets', listSubnets(otc)),
    look('security groups', listSecurityGroups(otc)),
    look('elastic IPs', listEips(otc)),
    network.egress === 'nat-gateway' ? look('NAT gateways', listNatGateways(otc, names('nat'))) : [],
    database.existing ? [] : look('RDS instances', listInstances(otc, { name: names('db') })),
    cluster.existing ? [] : look('CCE clusters', listClusters(otc)),
    throughBastion ? look('servers (ECS)', listServers(otc, names('bastion'))) : [],
    loadBalancer.existing ? [] : look('load balancers', listLoadBalancers(otc, { name: names('elb') })),
  ]);
  const absent = <T>(wanted: readonly (string | false)[], present: readonly T[] | undefined, nameOf: (one: T) => string | undefined): number =>
    present === undefined ? 0 : wanted.filter((name) => name !== false && !present.some((one) => nameOf(one) === name)).length;
  const named = ({ name }: { readonly name: string }): string => name;
  const bastions = throughBastion ? absent([names('bastion')], servers, named) : 0;
  const ownGroups = [
    ...(database.existing ? [] : [names('rds-client'), names('rds-instance')]),
    ...(bastions > 0 ? [names('bastion')] : []),
    ...(network.existing ? [names('lock')] : []),
  ];
  const found = clusters?.find(({ metadata }) => metadata.name === names('cce'));
  const clustersMissing = cluster.existing || clusters === undefined || found !== undefined ? 0 : 1;
  const groupsMissing = absent(ownGroups, groups, named);
  const [instance] = instances ?? [];
  return {
    vpcs: network.existing ? 0 : absent([names('vpc')], vpcs, named),
    subnets: absent(
      [
        network.subnets.cluster.existing === undefined && names('nodes'),
        !network.subnets.single && network.subnets.database.existing === undefined && names('database'),
      ],
      subnets,
      named,
    ),
    // A cluster makes two groups of its own.
    groups: groupsMissing + 2 * clustersMissing,
    // Each of ours has one or two.
    rules: 2 * groupsMissing,
    eips: absent(
      [
        network.egress === 'nat-gateway' && names('nat'),
        cluster.existing === undefined && cluster.access === 'eip' && names('api'),
        bastions > 0 && names('bastion'),
        loadBalancer.existing === undefined && names('elb'),
      ],
      eips,
      ({ alias }) => alias,
    ),
    natGateways: network.egress === 'nat-gateway' ? absent([names('nat')], gateways, named) : 0,
    database:
      database.existing || instances === undefined
        ? undefined
        : instance === undefined
          ? 'instance'
          : withoutMode(instance.flavor_ref) === withoutMode(database.flavor)
            ? undefined
            : 'flavor',
    databaseZones: zonesIn(instance) ?? database.zones,
    clusters: clustersMissing,
    nodes: await nodesMissing(context, clustersMissing > 0, found?.status.phase === 'Available' ? found.metadata.uid : undefined, look),
    bastions,
    loadBalancers: loadBalancer.existing ? 0 : absent([names('elb')], balancers, named),
  };
}

function zonesIn(instance: Instance | undefined): string[] | undefined {
  const zones = [...new Set(instance?.nodes.map(({ availability_zone }) => availability_zone))];
  return zones.length === 0 ? undefined : zones;
}

/** All of them where the cluster is still to be made, else what its pools lack. */
async function nodesMissing(
  { otc, stack, names }: CloudContext,
  all: boolean,
  clusterId: string | undefined,
  look: Look,
): Promise<ReadonlyMap<string, number>> {
  const { count, zones } = stack.cluster.nodes;
  const wanted = countsByZone(count, zones);
  if (all) return wanted;
  const pools = clusterId === undefined ? undefined : await look('node pools', listNodePools(otc, clusterId));
  if (pools === undefined) return new Map();
  return new Map(
    [...wanted].map(([zone, nodes]) => {
      const pool = pools.find(({ metadata }) => metadata.name === names(`np-${zone}`));
      return [zone, Math.max(0, nodes - (pool?.spec.initialNodeCount ?? 0))];
    }),
  );
}
