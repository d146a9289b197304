/**
 * Owns who reaches the cluster from outside: port 5443 of the API server only from `cluster.allow` (and from inside the
 * VPC, as nodes and pods need it), SSH to nodes from nowhere. Both are rules in groups that CCE made and opens to all.
 */
import { Fault } from '../engine/fault.ts';
import { ADDED_BY_OTHERS, type Change, leftover, type Maybe, maybe, type Resource, type Run, resource } from '../engine/resource.ts';
import { unlessGone } from '../otc/client.ts';
import { deleteSecurityGroupRule, getSecurityGroup, listSecurityGroups, type SecurityGroup, type SecurityGroupRule } from '../otc/security-group.ts';
import { cidr, contains, parseCidr } from '../stack/cidr.ts';
import type { ClusterResource } from './cluster.ts';
import type { ClusterSeen } from './cluster-spec.ts';
import { appears, type CloudContext, theOne } from './context.ts';
import { type Rule, ruleChanges, ruleFields, ruleText, seenRuleText, setRules } from './rules.ts';
import { isDoor } from './runner-door.ts';
import type { VpcResource } from './vpc.ts';

export const API_PORT = 5443;
const SSH_PORT = 22;

export interface AccessSeen {
  readonly control: SecurityGroup;
  readonly node: SecurityGroup;
  /** The cluster's own node group, for the node pools. */
  readonly nodeGroupId: string;
  /** True while the public address goes last of all: so do the rules that let in through it, see {@link formerAccess}. */
  readonly leaving?: boolean;
}

type Needs = { readonly cluster: ClusterResource; readonly vpc: VpcResource };
export type ApiAccess = Resource<Needs, readonly Rule[], AccessSeen>;
export type FormerAccess = Resource<Needs & { readonly access: Maybe<ApiAccess> }, null, readonly SecurityGroupRule[]>;

export function apiAccess(context: CloudContext, needs: Needs): ApiAccess {
  const { otc, stack } = context;
  const { existing, access, containerNetwork } = stack.cluster;
  const isStackRule = (rule: SecurityGroupRule): boolean => !isDoor(rule, stack.name);
  const rulesIn = (vpc: string): Rule[] => {
    // Nodes and pods come with addresses of the VPC and of the container network (CCE user guide, "Configuring cluster security group rules").
    const inside = [vpc, ...(containerNetwork.mode === 'vpc-router' ? [containerNetwork.cidr] : [])];
    const sources = new Set([...inside, ...(access !== 'bastion' ? stack.cluster.allow.filter((source) => source !== 'runner') : [])]);
    return [...sources].map((cidr) => ({ direction: 'ingress', port: API_PORT, remote: { cidr } }));
  };
  return resource<Needs, readonly Rule[], AccessSeen>({
    id: 'cluster/api-access',
    title: 'Access to the API server',
    needs,
    within: needs.cluster,
    // An existing cluster's groups are its owner's business; they go with a cluster of ours.
    wanted: existing === undefined,
    usualSeconds: 3,
    want: ({ vpc }) => rulesIn(vpc.cidr),
    madeWith: () => ruleFields(rulesIn(stack.network.cidr)),
    observe: async ({ cluster }, run) => {
      if (cluster === undefined || existing !== undefined) return undefined;
      const look = (fresh?: boolean): Promise<AccessSeen | undefined> => groupsOf(context, cluster, fresh);
      const seen = (await look()) ?? (context.looksOnly === true ? undefined : await appears(() => look(true), run));
      if (seen !== undefined) return { ...seen, ...(cluster.leaving === true ? { leaving: true } : {}) };
      throw new Fault(`a security group that CCE made for cluster ${cluster.name} was not found`, {
        resource: cluster.id,
        finding: 'name',
        obscures: true,
        hint: `CCE calls them ${cluster.name}-cce-control-… and ${cluster.name}-cce-node-…: was one renamed or deleted?`,
      });
    },
    diff: (rules, seen) => accessChanges(rules, seen, stack.name),
    apply: async (rules, seen) => {
      if (seen === undefined) throw new Fault('the security groups of the cluster are not there yet', { hint: 'Run again in a minute.' });
      const former = seen.leaving === true ? tooMany(rules, seen, stack.name) : [];
      const theirs = openings(seen.control, API_PORT, cidrsOf(rules)).filter((rule) => isStackRule(rule) && !former.includes(rule));
      await setRules(otc, seen.control.id, rules, theirs);
      await setRules(otc, seen.node.id, [], openings(seen.node, SSH_PORT, INSIDE));
      for (const { id } of addedRules(rules, seen, stack.name)) await unlessGone(deleteSecurityGroupRule(otc, id));
      const [control, node] = await Promise.all([getSecurityGroup(otc, seen.control.id), getSecurityGroup(otc, seen.node.id)]);
      return { ...seen, control, node };
    },
    // The rules belong to groups that CCE deletes with the cluster.
    destroy: async (_seen, run: Run) => run.say('goes with the cluster'),
    facts: ({ control }) => ({
      'allowed from': openings(control, API_PORT)
        .filter(isStackRule)
        .map(({ remote_ip_prefix }) => remote_ip_prefix || '0.0.0.0/0')
        .join(', '),
    }),
  });
}

/** What let in through the public address of a former `cluster.access`: taken away as that is, when the new way in has proved itself. */
export function formerAccess({ otc, stack }: CloudContext, needs: Needs & { readonly access: ApiAccess }): FormerAccess {
  const { cluster, vpc, access } = needs;
  return leftover<FormerAccess['needs'], readonly SecurityGroupRule[]>({
    id: 'cluster/former-access',
    title: 'Former access to the API server',
    needs: { cluster, vpc, access: maybe(access) },
    within: cluster,
    observe: async (found) => {
      if (found.cluster === undefined || found.vpc === undefined || found.access?.leaving !== true) return undefined;
      const rules = tooMany(access.want({ cluster: found.cluster, vpc: found.vpc }), found.access, stack.name);
      return rules.length === 0 ? undefined : rules;
    },
    destroy: async (rules) => {
      for (const { id } of rules) await unlessGone(deleteSecurityGroupRule(otc, id));
    },
    facts: (rules) => ({ 'allowed from': rules.map(({ remote_ip_prefix }) => remote_ip_prefix || '0.0.0.0/0').join(', ') }),
  });
}

/** Doors of runs are no matter of the stack; see `runner-door.ts`. */
export function accessChanges(rules: readonly Rule[], seen: AccessSeen, stack: string): Change[] {
  const ssh = ruleChanges([], openings(seen.node, SSH_PORT, INSIDE)).map((change) => ({ ...change, why: 'SSH to nodes is closed' }));
  const changes = ruleChanges(
    rules,
    openings(seen.control, API_PORT, cidrsOf(rules)).filter((rule) => !isDoor(rule, stack)),
  );
  const added = addedRules(rules, seen, stack).map((rule) => {
    const text = seenRuleText(rule);
    return {
      field: `rule ${text} of the ${seen.node.security_group_rules.includes(rule) ? 'nodes' : 'masters'}`,
      before: text,
      why: ADDED_BY_OTHERS,
    };
  });
  return [...(seen.leaving === true ? changes.filter(({ after }) => after !== undefined) : changes), ...ssh, ...added];
}

/** Ports that CCE itself opens to all by default, in either group (CCE user guide, "Configuring Cluster Security Group Rules"): of NodePorts, of VXLAN. */
const OPEN_BY_DEFAULT: readonly (readonly [protocols: readonly string[], low: number, high: number])[] = [
  [['tcp', '6', 'udp', '17'], 30_000, 32_767],
  [['udp', '17'], 4789, 4789],
];

/** Rules that somebody added, and that let (nearly) everybody in; those for port 5443 and SSH are looked at above. */
function addedRules(rules: readonly Rule[], { control, node }: AccessSeen, stack: string): SecurityGroupRule[] {
  const above = new Set([...openings(control, API_PORT, cidrsOf(rules)), ...openings(node, SSH_PORT, INSIDE)]);
  return [...control.security_group_rules, ...node.security_group_rules].filter((rule) => {
    const { direction, protocol, port_range_min: low, port_range_max: high, remote_ip_prefix: remote } = rule;
    if (
      direction !== 'ingress' ||
      rule.remote_group_id ||
      rule.remote_address_group_id ||
      rule.action === 'deny' ||
      above.has(rule) ||
      isDoor(rule, stack)
    )
      return false;
    // `0.0.0.0/0`, `::/0` or none, and a large part of these.
    if (remote && Number(remote.split('/')[1] ?? 32) > (remote.includes(':') ? 3 : 7)) return false;
    return !OPEN_BY_DEFAULT.some(
      ([protocols, first, last]) => protocols.includes(protocol ?? '') && first <= (low || 0) && (low || 0) <= (high || 0) && (high || 0) <= last,
    );
  });
}

function tooMany(rules: readonly Rule[], { control }: AccessSeen, stack: string): SecurityGroupRule[] {
  const wanted = new Set(rules.map(ruleText));
  return openings(control, API_PORT, cidrsOf(rules)).filter((rule) => !isDoor(rule, stack) && !wanted.has(seenRuleText(rule)));
}

/** Private ranges (RFC 1918): CCE's own rules between nodes, masters and pods name no others. */
const INSIDE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'];

function cidrsOf(rules: readonly Rule[]): string[] {
  return rules.flatMap(({ remote }) => ('cidr' in remote ? [remote.cidr] : []));
}

/**
 * The rules that open a port to addresses (not to groups): those for exactly this port, and wider ones (ranges, any protocol)
 * that let in more than `inside`. Wider rules for `inside` are CCE's own.
 */
export function openings(group: SecurityGroup, port: number, inside: readonly string[] = []): SecurityGroupRule[] {
  return group.security_group_rules.filter((rule) => {
    if (rule.direction !== 'ingress' || rule.remote_group_id) return false;
    const { protocol, port_range_min: low, port_range_max: high } = rule;
    if (protocol === 'tcp' && low === port && high === port) return true;
    const covers = (!protocol || protocol === 'tcp' || protocol === 'any' || protocol === '6') && (low || 0) <= port && port <= (high || 65_535);
    return covers && !isWithin(rule.remote_ip_prefix, inside);
  });
}

function isWithin(remote: string | null | undefined, ranges: readonly string[]): boolean {
  const parsed = parseCidr(remote?.includes('/') === false ? `${remote}/32` : (remote ?? ''));
  return typeof parsed !== 'string' && ranges.some((range) => contains(cidr(range), parsed));
}

/** CCE names them `{cluster}-cce-control-{random}` and `{cluster}-cce-node-{random}`; their description holds the cluster's id. */
async function groupsOf({ otc }: CloudContext, cluster: ClusterSeen, fresh?: boolean): Promise<AccessSeen | undefined> {
  const all = await listSecurityGroups(otc, fresh);
  const pick = (kind: 'control' | 'node', words: string, id?: string): SecurityGroup | undefined => {
    const mentions = all.filter(({ description }) => description?.includes(cluster.id) && description.includes(words));
    const named = all.filter(({ name }) => name.startsWith(`${cluster.name}-cce-${kind}-`));
    const given = all.filter((group) => group.id === id);
    const candidates = [given, mentions, named].find((found) => found.length > 0) ?? [];
    return theOne(candidates, `${kind} security group of cluster ${cluster.name}`, (group) => group.id);
  };
  const node = pick('node', 'node', cluster.nodeGroupId);
  const control = pick('control', 'master port');
  return control === undefined || node === undefined ? undefined : { control, node, nodeGroupId: node.id };
}
