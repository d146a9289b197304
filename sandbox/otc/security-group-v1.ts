/** Owns the v1 routes of security groups (API reference 3.2). Part of `security-group.ts`. */
import { either, integer, object, read, required, string } from './fields.ts';
import { checkRule, groupOf, removalRoutes, ruleOf, withinGroupQuota } from './security-group-vpc.ts';
import { createGroup, createRule, ownGroups, type RuleWanted, rulesOf } from './security-rules.ts';
import type { Call, Reply, Route } from './service.ts';
import { networkTables, type SecurityGroupRow, type SecurityGroupRuleRow } from './tables/network.ts';
import { filtered, page, projectOfCall } from './vpc-common.ts';

const groupShape = object({
  security_group: required(object({ name: required(string), vpc_id: string, description: string, enterprise_project_id: string })),
});
const ruleShape = object({
  security_group_rule: required(
    object({
      security_group_id: required(string),
      direction: required(string),
      description: string,
      ethertype: string,
      protocol: either(string, integer),
      port_range_min: integer,
      port_range_max: integer,
      remote_ip_prefix: string,
      remote_group_id: string,
      remote_address_group_id: string,
    }),
  ),
});

const ruleView = ({
  action: _action,
  priority: _priority,
  multiport: _multiport,
  created_at: _created,
  updated_at: _updated,
  ...row
}: SecurityGroupRuleRow) => row;
const groupView = (call: Call, row: SecurityGroupRow) => ({
  id: row.id,
  name: row.name,
  description: row.description,
  vpc_id: row.vpc_id ?? '',
  enterprise_project_id: row.enterprise_project_id,
  security_group_rules: rulesOf(call.world.store, row.id).map(ruleView),
});

function create(call: Call): Reply {
  const wanted = read(groupShape, call.body).security_group;
  withinGroupQuota(call);
  const row = createGroup(call.world.store, {
    projectId: projectOfCall(call),
    name: wanted.name,
    description: wanted.description ?? '',
    vpcId: wanted.vpc_id,
    enterpriseProjectId: wanted.enterprise_project_id,
    members: true,
  });
  return { status: 200, body: { security_group: groupView(call, row) } };
}

function createOne(call: Call): Reply {
  const { store } = call.world;
  const { security_group_id, protocol, direction, ethertype, ...rest } = read(ruleShape, call.body).security_group_rule;
  const group = groupOf(call, security_group_id);
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined && value !== ''));
  const rule = {
    ...given,
    direction,
    ethertype: ethertype ?? 'IPv4',
    protocol: protocol === undefined || protocol === '' ? null : String(protocol),
  } as RuleWanted;
  checkRule(call, group, rule);
  return { status: 200, body: { security_group_rule: ruleView(createRule(store, group, rule)) } };
}

const groups = '/v1/{project_id}/security-groups';
const rules = '/v1/{project_id}/security-group-rules';

export const v1Routes: readonly Route[] = [
  { method: 'POST', path: groups, body: required(groupShape), handle: create },
  {
    method: 'GET',
    path: groups,
    query: ['vpc_id', 'enterprise_project_id', 'limit', 'marker'],
    handle: (call) => {
      const rows = filtered(call, ownGroups(call), { vpc_id: (row) => row.vpc_id });
      return { status: 200, body: { security_groups: page(call, rows, 'VPC.0601').rows.map((row) => groupView(call, row)) } };
    },
  },
  {
    method: 'GET',
    path: `${groups}/{security_group_id}`,
    handle: (call) => ({ status: 200, body: { security_group: groupView(call, groupOf(call)) } }),
  },
  { method: 'POST', path: rules, body: required(ruleShape), handle: createOne },
  {
    method: 'GET',
    path: rules,
    query: ['security_group_id', 'limit', 'marker'],
    handle: (call) => {
      const mine = networkTables(call.world.store).rules.where((row) => row.tenant_id === projectOfCall(call));
      const rows = filtered(call, mine, { security_group_id: (row) => row.security_group_id });
      return { status: 200, body: { security_group_rules: page(call, rows, 'VPC.0601').rows.map(ruleView) } };
    },
  },
  { method: 'GET', path: `${rules}/{rule_id}`, handle: (call) => ({ status: 200, body: { security_group_rule: ruleView(ruleOf(call)) } }) },
  ...removalRoutes(groups, rules),
];
