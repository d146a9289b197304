/** Owns the v1 routes of security groups (API reference 3.2). Part of `security-group.ts`. */
import { either, integer, object, read, required, string } from './fields.ts';
import { createGroup, createRule, duplicateOf, faultOf, ownGroups, type RuleWanted, removeGroup, rulesOf, userOf } from './security-rules.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import { networkTables, type SecurityGroupRow, type SecurityGroupRuleRow } from './tables/network.ts';
import { filtered, page, projectOfCall, quotaOf } from './vpc-common.ts';

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

function find(call: Call, id = call.params['security_group_id'] ?? ''): SecurityGroupRow {
  const row = ownGroups(call).find((group) => group.id === id);
  if (row === undefined) throw new Refusal(404, 'VPC.0603', `Securitygroup ${id} could not be found.`);
  return row;
}

function findRule(call: Call): SecurityGroupRuleRow {
  const row = networkTables(call.world.store).rules.get(call.params['rule_id'] ?? '');
  if (row === undefined || row.tenant_id !== projectOfCall(call))
    throw new Refusal(404, 'VPC.0609', `Security group rule ${call.params['rule_id'] ?? ''} does not exist.`);
  return row;
}

function create(call: Call): Reply {
  const wanted = read(groupShape, call.body).security_group;
  if (ownGroups(call).length >= quotaOf(call.world.store, 'securityGroup'))
    throw new Refusal(409, 'VPC.0604', "Quota exceeded for resources: ['security_group'].");
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
  const group = find(call, security_group_id);
  const given = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined && value !== ''));
  const rule = {
    ...given,
    direction,
    ethertype: ethertype ?? 'IPv4',
    protocol: protocol === undefined || protocol === '' ? null : String(protocol),
  } as RuleWanted;
  const wrong = faultOf(store, group, rule);
  if (wrong !== undefined) throw new Refusal(400, 'VPC.0601', wrong);
  const same = duplicateOf(store, group, rule);
  if (same !== undefined) throw new Refusal(409, 'VPC.0602', `Security group rule already exists. Rule id is ${same.id}.`);
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
    handle: (call) => ({ status: 200, body: { security_group: groupView(call, find(call)) } }),
  },
  {
    method: 'DELETE',
    path: `${groups}/{security_group_id}`,
    handle: (call) => {
      const row = find(call);
      if (row.name === 'default') throw new Refusal(403, 'VPC.0606', 'Default security group can not be deleted.');
      if (userOf(call.world.store, row.id) !== undefined) throw new Refusal(409, 'VPC.0605', `Security Group ${row.id} in use.`);
      removeGroup(call.world.store, row.id);
      return { status: 204 };
    },
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
  { method: 'GET', path: `${rules}/{rule_id}`, handle: (call) => ({ status: 200, body: { security_group_rule: ruleView(findRule(call)) } }) },
  {
    method: 'DELETE',
    path: `${rules}/{rule_id}`,
    handle: (call) => {
      networkTables(call.world.store).rules.remove(findRule(call).id);
      return { status: 204 };
    },
  },
];
