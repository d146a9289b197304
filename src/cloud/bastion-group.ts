/**
 * Owns the bastion's security group: SSH in from `cluster.allow`, out to the API server and to the metadata service that
 * cloud-init reads, and nothing else. This run's own door to it is `runner-door.ts`'s.
 */
import { type Resource, resource } from '../engine/resource.ts';
import { listSecurityGroups, type SecurityGroup } from '../otc/security-group.ts';
import { API_PORT } from './api-access.ts';
import { othersUsingGroup } from './blockers.ts';
import type { ClusterResource } from './cluster.ts';
import type { CloudContext } from './context.ts';
import { type Rule, ruleChanges, ruleFields } from './rules.ts';
import { isDoor } from './runner-door.ts';
import { findGroup, type GroupSpec, makeGroup, removeGroup } from './security-group.ts';

export const SSH_PORT = 22;

type Needs = { readonly cluster: ClusterResource };
export type BastionGroup = Resource<Needs, GroupSpec, SecurityGroup>;

/** `passing`: there only while a deploy needs it (`cluster.bastion.keep: false`). */
export interface BastionUse {
  readonly wanted: boolean;
  readonly passing: boolean;
}

export function bastionGroup(context: CloudContext, needs: Needs, { wanted, passing }: BastionUse): BastionGroup {
  const { otc, names, stack } = context;
  const name = names('bastion');
  const ofStack = ({ security_group_rules: rules }: SecurityGroup) => rules.filter((rule) => !isDoor(rule, stack.name));
  const rulesTo = (server: string): Rule[] => {
    const from = stack.cluster.allow.filter((source) => source !== 'runner');
    return [
      ...[...new Set(from)].map((cidr): Rule => ({ direction: 'ingress', port: SSH_PORT, remote: { cidr } })),
      { direction: 'egress', port: API_PORT, remote: { cidr: server } },
      { direction: 'egress', port: 80, remote: { cidr: '169.254.169.254/32' } },
    ];
  };
  return resource<Needs, GroupSpec, SecurityGroup>({
    id: 'bastion/security-group',
    title: `Security group ${name}`,
    needs,
    wanted,
    consented: passing,
    usualSeconds: 2,
    prefetch: () => listSecurityGroups(otc),
    want: ({ cluster }) => ({ name, rules: rulesTo(`${new URL(cluster.endpoints.internal ?? '').hostname}/32`) }),
    madeWith: () => ruleFields(rulesTo('the API server')),
    observe: () => findGroup(context, name),
    diff: (spec, seen) => ruleChanges(spec.rules, ofStack(seen)),
    apply: (spec, _seen, _changes, run) => makeGroup(context, name, spec.rules, run, ofStack),
    destroy: (seen, run) => removeGroup(context, seen, run),
    blockedBy: ({ id }) => othersUsingGroup(context, id),
    facts: ({ id }) => ({ id }),
  });
}
