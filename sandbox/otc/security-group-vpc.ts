/** Owns what the v1 and v3 routes of security groups have in common: lookups, refusals in VPC's codes, removal. Part of `security-group.ts`. */
import { duplicateOf, faultOf, ownGroups, type RuleWanted, removeGroup, userOf } from './security-rules.ts';
import { type Call, Refusal, type Route } from './service.ts';
import { networkTables, type SecurityGroupRow, type SecurityGroupRuleRow } from './tables/network.ts';
import { projectOfCall, quotaOf } from './vpc-common.ts';

/** The group of the path, or of that id. @throws Refusal */
export function groupOf(call: Call, id = call.params['security_group_id'] ?? ''): SecurityGroupRow {
  const row = ownGroups(call).find((group) => group.id === id);
  if (row === undefined) throw new Refusal(404, 'VPC.0603', `Securitygroup ${id} could not be found.`);
  return row;
}

/** The rule of the path. @throws Refusal */
export function ruleOf(call: Call): SecurityGroupRuleRow {
  const id = call.params['rule_id'] ?? '';
  const row = networkTables(call.world.store).rules.get(id);
  if (row === undefined || row.tenant_id !== projectOfCall(call)) throw new Refusal(404, 'VPC.0609', `Security group rule ${id} does not exist.`);
  return row;
}

/** @throws Refusal where the project may have no further group */
export function withinGroupQuota(call: Call): void {
  if (ownGroups(call).length >= quotaOf(call.world.store, 'securityGroup'))
    throw new Refusal(409, 'VPC.0604', "Quota exceeded for resources: ['security_group']");
}

/** @throws Refusal where a rule is wrong or stands already */
export function checkRule(call: Call, group: SecurityGroupRow, rule: RuleWanted): void {
  const wrong = faultOf(call.world.store, group, rule);
  if (wrong !== undefined) throw new Refusal(400, 'VPC.0601', wrong);
  const same = duplicateOf(call.world.store, group, rule);
  if (same !== undefined) throw new Refusal(409, 'VPC.0602', `Security group rule already exists. Rule id is ${same.id}.`);
}

export const removalRoutes = (groups: string, rules: string): readonly Route[] => [
  {
    method: 'DELETE',
    path: `${groups}/{security_group_id}`,
    handle: (call) => {
      const row = groupOf(call);
      if (row.name === 'default') throw new Refusal(403, 'VPC.0606', 'Default security group can not be deleted.');
      if (userOf(call.world.store, row.id) !== undefined) throw new Refusal(409, 'VPC.0605', `Security Group ${row.id} in use.`);
      removeGroup(call.world.store, row.id);
      return { status: 204 };
    },
  },
  {
    method: 'DELETE',
    path: `${rules}/{rule_id}`,
    handle: (call) => {
      networkTables(call.world.store).rules.remove(ruleOf(call).id);
      return { status: 204 };
    },
  },
];
