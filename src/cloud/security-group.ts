/**
 * Owns who may talk to the database: the group `rds-instances` around it, the group `rds-client` on the nodes, and their
 * rules. Port 5432 and nothing else. The cluster's own groups are CCE's; `api-access.ts` narrows those.
 */
import { type Change, leftover, type Maybe, maybe, type Resource, type Run, resource } from '../engine/resource.ts';
import { unlessGone } from '../otc/client.ts';
import { listInstances } from '../otc/rds.ts';
import {
  createSecurityGroup,
  deleteSecurityGroup,
  deleteSecurityGroupRule,
  getSecurityGroup,
  listSecurityGroups,
  type SecurityGroup,
  type SecurityGroupRule,
} from '../otc/security-group.ts';
import { othersUsingGroup, usingGroup, whenFree } from './blockers.ts';
import { type CloudContext, createOnce, description, theOne } from './context.ts';
import type { Gates } from './gate.ts';
import { type Rule, ruleChanges, ruleFields, rulesAtPort, seenRuleText, setRules } from './rules.ts';

export interface GroupSpec {
  readonly name: string;
  readonly rules: readonly Rule[];
}

/** A group with rules that the database's port decides. */
export interface GuardSeen extends SecurityGroup {
  /** The port that the instance has until it gets another one: its rules go last of all, see {@link formerRules}. */
  readonly leaving?: number | undefined;
}

export type ClientGroup = Resource<Gates, GroupSpec, SecurityGroup>;
export type DatabaseGroup = Resource<{ readonly client: ClientGroup }, GroupSpec, GuardSeen>;
export interface ClientRulesSpec {
  readonly groupId: string;
  readonly rules: readonly Rule[];
}

type Groups = { readonly client: ClientGroup; readonly database: DatabaseGroup };
export type ClientRules = Resource<Groups, ClientRulesSpec, GuardSeen>;
export type FormerRules = Resource<Groups & { readonly rules: Maybe<ClientRules> }, null, readonly SecurityGroupRule[]>;

/** `rds-client`, carried by the nodes. Made without any rule; what it may do is said by {@link clientRules}. */
export function clientGroup(context: CloudContext, needs: Gates): ClientGroup {
  const { otc, names } = context;
  const name = names('rds-client');
  return resource<Gates, GroupSpec, SecurityGroup>({
    id: 'network/security-group-client',
    title: `Security group ${name}`,
    needs,
    ...whileManaged(context),
    usualSeconds: 2,
    prefetch: () => listSecurityGroups(otc),
    want: () => ({ name, rules: [] }),
    madeWith: () => ({ rules: 'none' }),
    observe: () => findGroup(context, name),
    diff: () => [],
    apply: (_spec, _seen, _changes, run) => makeGroup(context, name, [], run),
    destroy: (seen, run) => removeGroup(context, seen, run),
    blockedBy: ({ id }) => othersUsingGroup(context, id),
    facts: ({ id }) => ({ id }),
  });
}

/**
 * `rds-instances`, around the database. Pods of a `vpc-router` cluster come with addresses of their own, which a rule
 * that names the nodes' group does not cover, so the container network is let in as well (CCE user guide, intra-VPC access).
 */
export function databaseGroup(context: CloudContext, client: ClientGroup): DatabaseGroup {
  const { otc, names, stack } = context;
  const name = names('rds-instance');
  const { containerNetwork } = stack.cluster;
  const { port } = stack.database;
  const rulesFor = (nodes: string): Rule[] => {
    const fromNodes: Rule = { direction: 'ingress', port, remote: { group: nodes } };
    const fromPods: Rule = { direction: 'ingress', port, remote: { cidr: containerNetwork.cidr } };
    return containerNetwork.mode === 'vpc-router' ? [fromNodes, fromPods] : [fromNodes];
  };
  return resource<{ readonly client: ClientGroup }, GroupSpec, GuardSeen>({
    id: 'network/security-group-database',
    title: `Security group ${name}`,
    needs: { client },
    ...whileManaged(context),
    usualSeconds: 2,
    prefetch: () => listSecurityGroups(otc),
    want: (needs) => ({ name, rules: rulesFor(needs.client.id) }),
    madeWith: () => ruleFields(rulesFor(names('rds-client'))),
    observe: async () => guard(context, await findGroup(context, name)),
    diff: ({ rules }, seen) => ruleChanges(rules, staying(rules, seen)),
    apply: async ({ rules }, seen, _changes, run) => {
      const leaving = seen?.leaving;
      return { ...(await makeGroup(context, name, rules, run, (group) => staying(rules, { ...group, leaving }))), leaving };
    },
    destroy: (seen, run) => removeGroup(context, seen, run),
    blockedBy: ({ id }) => othersUsingGroup(context, id),
    facts: ({ id }) => ({ id }),
  });
}

/** The client group's only rule: out to the database. Stands apart because each group's rule names the other group. */
export function clientRules(context: CloudContext, needs: Groups): ClientRules {
  const { otc, names, stack } = context;
  const rulesTo = (database: string): Rule[] => [{ direction: 'egress', port: stack.database.port, remote: { group: database } }];
  return resource<Groups, ClientRulesSpec, GuardSeen>({
    id: 'network/security-rules-client',
    title: `Rules of security group ${names('rds-client')}`,
    needs,
    ...whileManaged(context),
    usualSeconds: 2,
    want: ({ client, database }) => ({ groupId: client.id, rules: rulesTo(database.id) }),
    madeWith: () => ruleFields(rulesTo(names('rds-instance'))),
    observe: async ({ client }) => {
      const group = client === undefined ? undefined : await findGroup(context, names('rds-client'));
      return group === undefined || group.security_group_rules.length === 0 ? undefined : guard(context, group);
    },
    diff: ({ rules }, seen): Change[] => ruleChanges(rules, staying(rules, seen)),
    apply: async ({ groupId, rules }, seen) => {
      const leaving = seen?.leaving;
      // By its id: a list that lags behind would have it made a second time.
      await setRules(otc, groupId, rules, staying(rules, { ...(await getSecurityGroup(otc, groupId)), leaving }));
      return { ...(await getSecurityGroup(otc, groupId)), leaving };
    },
    destroy: async (seen) => setRules(otc, seen.id, [], seen.security_group_rules),
    within: needs.client,
    // Each group's rule names the other group, which could not be deleted before.
    leavesBehind: async () => true,
  });
}

/** What let in to the database's former port: taken away when the instance has the new one and ZITADEL runs on it, which else were cut off for all of that. */
export function formerRules({ otc }: CloudContext, needs: Groups & { readonly rules: ClientRules }): FormerRules {
  const { client, database, rules } = needs;
  return leftover<FormerRules['needs'], readonly SecurityGroupRule[]>({
    id: 'network/former-security-rules',
    title: 'Rules for the former port of the database',
    needs: { client, database, rules: maybe(rules) },
    within: database,
    observe: async (found) => {
      if (found.client === undefined || found.database === undefined) return undefined;
      const seen = { client: found.client, database: found.database };
      const all = [
        ...former(database.want(seen).rules, found.database),
        ...(found.rules === undefined ? [] : former(rules.want(seen).rules, found.rules)),
      ];
      return all.length === 0 ? undefined : all;
    },
    destroy: async (seen) => {
      for (const { id } of seen) await unlessGone(deleteSecurityGroupRule(otc, id));
    },
    facts: (seen) => ({ rules: seen.map(seenRuleText).join(', ') }),
  });
}

function former(rules: readonly Rule[], { leaving, security_group_rules: seen }: GuardSeen): SecurityGroupRule[] {
  return leaving === undefined ? [] : rulesAtPort(leaving, rules, seen);
}

function staying(rules: readonly Rule[], seen: GuardSeen): SecurityGroupRule[] {
  const leaving = former(rules, seen);
  return seen.security_group_rules.filter((rule) => !leaving.includes(rule));
}

/** The group, with the port that the instance is about to leave. */
async function guard({ otc, stack, names }: CloudContext, group: SecurityGroup | undefined): Promise<GuardSeen | undefined> {
  if (group === undefined || stack.database.existing !== undefined) return group;
  const [instance] = await listInstances(otc, { name: names('db') });
  return instance === undefined || Number(instance.port) === stack.database.port ? group : { ...group, leaving: Number(instance.port) };
}

/**
 * The groups guard a database of ours; an existing one has its own. Where the stack had one of its own before, that one and the
 * nodes still carry them, and a database restored from its backup may.
 */
function whileManaged({ stack }: CloudContext): { readonly wanted: boolean; readonly handsOver: string } {
  return {
    wanted: stack.database.existing === undefined,
    handsOver: 'the nodes, or the database that the stack had of its own, may still carry it; destroy takes it away',
  };
}

export async function findGroup({ otc }: CloudContext, name: string, fresh?: boolean): Promise<SecurityGroup | undefined> {
  const ours = (await listSecurityGroups(otc, fresh)).filter((group) => group.name === name);
  return theOne(ours, `security group ${name}`, (one) => one.id);
}

/** The group with exactly these rules among those that are `ours`, by default all; a new one loses the rules it comes with. */
export async function makeGroup(
  context: CloudContext,
  name: string,
  rules: readonly Rule[],
  run: Run,
  ours: (group: SecurityGroup) => readonly SecurityGroupRule[] = (group) => group.security_group_rules,
): Promise<SecurityGroup> {
  const { otc } = context;
  const look = (): Promise<SecurityGroup | undefined> => findGroup(context, name, true);
  const create = (): Promise<SecurityGroup> => createSecurityGroup(otc, { name, description: description(context) });
  const group = (await look()) ?? (await createOnce({ what: `security group ${name}`, create, look }, run));
  await setRules(otc, group.id, rules, ours(group));
  return getSecurityGroup(otc, group.id);
}

export async function removeGroup({ otc }: CloudContext, { id, name }: SecurityGroup, run: Run): Promise<void> {
  await whenFree(
    `security group ${name}`,
    async (patience) => void (await unlessGone(deleteSecurityGroup(otc, id, patience))),
    () => usingGroup(otc, id),
    run,
  );
}
