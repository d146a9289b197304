/**
 * Owns the questions that are better asked before a wait of half an hour: quotas, and what the region offers. Asks only
 * about what is still missing; where nothing is, it costs no call. The checks themselves stand in `preflight-checks.ts`.
 */
import { Fault } from '../engine/fault.ts';
import { type Resource, resource } from '../engine/resource.ts';
import { listClusters } from '../otc/cce.ts';
import { listEips } from '../otc/eip.ts';
import { listLoadBalancers } from '../otc/elb.ts';
import { ServiceFault } from '../otc/errors.ts';
import { listInstances } from '../otc/rds.ts';
import { listSecurityGroups } from '../otc/security-group.ts';
import { listSubnets, listVpcs } from '../otc/vpc.ts';
import type { CloudContext } from './context.ts';
import { dnsHomeProblems } from './dns-home.ts';
import { proveUser } from './external-dns-needs.ts';
import { checkCluster, checkClusterVersion, checkDatabase, checkLoadBalancer, checkNetwork, checkNodes, type Missing } from './preflight-checks.ts';

export interface PreflightSeen {
  /** What was looked into; empty where nothing is to be made. */
  readonly checked: readonly string[];
}

export type Preflight = Resource<Record<string, never>, null, PreflightSeen>;

export function preflight(context: CloudContext): Preflight {
  return resource<Record<string, never>, null, PreflightSeen>({
    id: 'project/preflight',
    title: 'Quotas and offers',
    needs: {},
    wanted: true,
    readsOnly: true,
    gate: true,
    want: () => null,
    observe: async (_needs, run) => {
      const missing = await missingOf(context);
      const network = missing.vpcs + missing.subnets + missing.groups + missing.eips > 0;
      const checks: [string, () => Promise<string[]>][] = [
        ...(network ? [['network quotas', () => checkNetwork(context, missing)] satisfies (typeof checks)[number]] : []),
        ...(missing.databases > 0 ? [['database', () => checkDatabase(context)] satisfies (typeof checks)[number]] : []),
        ...(missing.clusters > 0 ? [['cluster', () => checkCluster(context)] satisfies (typeof checks)[number]] : []),
        ...(missing.clusters > 0 ? [['cluster version', () => checkClusterVersion(context)] satisfies (typeof checks)[number]] : []),
        ...(missing.clusters > 0 ? [['nodes', () => checkNodes(context)] satisfies (typeof checks)[number]] : []),
        ...(missing.loadBalancers > 0 ? [['load balancer', () => checkLoadBalancer(context)] satisfies (typeof checks)[number]] : []),
      ];
      const [home, user, ...problems] = await Promise.all([
        dnsHomeProblems(context),
        missing.clusters > 0 ? userProblems(context) : [],
        ...checks.map(([name, check]) => unlessForbidden(name, check(), (line) => run.say(line))),
      ]);
      refuse([...home, ...user, ...(missing.clusters > 0 ? (context.missingInputs ?? []) : []), ...problems.flat()]);
      return { checked: checks.map(([name]) => name) };
    },
    diff: () => [],
    apply: async () => {
      throw new Error('preflight only looks');
    },
    destroy: async () => undefined,
    facts: ({ checked }) => ({ checked: checked.length === 0 ? 'nothing to be made' : checked.join(', ') }),
  });
}

/** By the same lists that the resources themselves read, so it costs no call of its own. */
export async function missingOf({ otc, stack, names }: CloudContext): Promise<Missing> {
  const { network, database, cluster, loadBalancer } = stack;
  const [vpcs, subnets, groups, eips, databases, clusters, balancers] = await Promise.all([
    network.existing ? [] : listVpcs(otc),
    listSubnets(otc),
    listSecurityGroups(otc),
    listEips(otc),
    database.existing ? [] : listInstances(otc, { name: names('db') }),
    cluster.existing ? [] : listClusters(otc),
    loadBalancer.existing ? [] : listLoadBalancers(otc, { name: names('elb') }),
  ]);
  const absent = (wanted: (string | false)[], present: readonly (string | undefined)[]): number =>
    wanted.filter((name) => name !== false && !present.includes(name)).length;
  const subnetNames = [
    network.subnets.cluster.existing === undefined && names('nodes'),
    !network.subnets.single && network.subnets.database.existing === undefined && names('database'),
  ];
  const eipNames = [
    network.egress === 'nat-gateway' && names('nat'),
    cluster.existing === undefined && cluster.access === 'eip' && names('api'),
    loadBalancer.existing === undefined && names('elb'),
  ];
  const missingClusters = cluster.existing
    ? 0
    : absent(
        [names('cce')],
        clusters.map(({ metadata }) => metadata.name),
      );
  const ownGroups = database.existing ? [] : [names('rds-client'), names('rds-instance')];
  return {
    vpcs: network.existing
      ? 0
      : absent(
          [names('vpc')],
          vpcs.map(({ name }) => name),
        ),
    subnets: absent(
      subnetNames,
      subnets.map(({ name }) => name),
    ),
    // A cluster makes two groups of its own.
    groups:
      absent(
        ownGroups,
        groups.map(({ name }) => name),
      ) +
      2 * missingClusters,
    eips: absent(
      eipNames,
      eips.map(({ alias }) => alias),
    ),
    databases: database.existing
      ? 0
      : absent(
          [names('db')],
          databases.map(({ name }) => name),
        ),
    clusters: missingClusters,
    loadBalancers: loadBalancer.existing
      ? 0
      : absent(
          [names('elb')],
          balancers.map(({ name }) => name),
        ),
  };
}

/** Whether external-dns's user can sign in; a wrong password would else show when everything else has been made. */
async function userProblems(context: CloudContext): Promise<string[]> {
  if (context.externalDns === undefined) return [];
  try {
    await proveUser(context, context.externalDns, false);
    return [];
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return [`${error.message}. ${error.hint ?? ''}`];
  }
}

/** A user may be allowed to make things and not to read quotas: then the check is left out, and said so. */
async function unlessForbidden(name: string, check: Promise<string[]>, say: (line: string) => void): Promise<string[]> {
  try {
    return await check;
  } catch (error) {
    if (!(error instanceof ServiceFault) || (error.status !== 403 && error.status !== 404)) throw error;
    say(`${name} not checked: ${error.message}`);
    return [];
  }
}

function refuse(problems: readonly string[]): void {
  const [only] = problems;
  if (only === undefined) return;
  const message =
    problems.length === 1
      ? only
      : `${problems.length} things would stop the deployment later:\n${problems.map((problem) => `- ${problem}`).join('\n')}`;
  throw new Fault(message, {
    hint: 'Correct the stack file or raise the quota ("My Quota" in the console), then run again. Nothing was made that needs this.',
  });
}
