/**
 * Owns the security group service: its Neutron v2.0 routes (API reference 3.1) and the list of those of v1 and v3, which have
 * files of their own. What a rule is, is in `security-rules.ts`.
 */
import { either, integer, object, read, required, string } from './fields.ts';
import { plainTime } from './ids.ts';
import { v1Routes } from './security-group-v1.ts';
import { v3Routes } from './security-group-v3.ts';
import { createGroup, createRule, duplicateOf, faultOf, ownGroups, type RuleWanted, removeGroup, rulesOf, userOf } from './security-rules.ts';
import { type Call, Refusal, type Reply, type Route, type Service } from './service.ts';
import { networkTables, type SecurityGroupRow, type SecurityGroupRuleRow } from './tables/network.ts';
import { filtered, neutronLinks, page, projectOfCall, quotaOf, vpcCodes, vpcError } from './vpc-common.ts';

const groupShape = object({ security_group: required(object({ name: string, description: string, tenant_id: string, project_id: string })) });
const ruleShape = object({
  security_group_rule: required(
    object({
      security_group_id: required(string),
      direction: required(string),
      ethertype: string,
      protocol: either(string, integer),
      port_range_min: integer,
      port_range_max: integer,
      remote_ip_prefix: string,
      remote_group_id: string,
      remote_address_group_id: string,
      description: string,
      tenant_id: string,
      project_id: string,
    }),
  ),
});

const ruleView = ({ action: _action, priority: _priority, multiport: _multiport, ...row }: SecurityGroupRuleRow) => ({
  ...row,
  project_id: row.tenant_id,
});

const groupView = (call: Call, { vpc_id: _vpc, enterprise_project_id: _enterprise, ...row }: SecurityGroupRow) => ({
  ...row,
  project_id: row.tenant_id,
  security_group_rules: rulesOf(call.world.store, row.id).map(ruleView),
});

function find(call: Call, id = call.params['security_group_id'] ?? ''): SecurityGroupRow {
  const row = ownGroups(call).find((group) => group.id === id);
  if (row === undefined) throw new Refusal(404, 'SecurityGroupNotFound', `Security group ${id} does not exist`);
  return row;
}

function findRule(call: Call): SecurityGroupRuleRow {
  const row = networkTables(call.world.store).rules.get(call.params['rule_id'] ?? '');
  if (row === undefined || row.tenant_id !== projectOfCall(call))
    throw new Refusal(404, 'SecurityGroupRuleNotFound', `Security group rule ${call.params['rule_id'] ?? ''} does not exist`);
  return row;
}

function create(call: Call): Reply {
  const { name = '', description = '' } = read(groupShape, call.body).security_group;
  if (name === 'default') throw new Refusal(409, 'SecurityGroupDefaultAlreadyExists', 'Default security group already exists.');
  if (ownGroups(call).length >= quotaOf(call.world.store, 'securityGroup'))
    throw new Refusal(409, 'OverQuota', "Quota exceeded for resources: ['security_group']");
  const row = createGroup(call.world.store, { projectId: projectOfCall(call), name, description, members: false });
  return { status: 201, body: { security_group: groupView(call, row) } };
}

function update(call: Call): Reply {
  const row = find(call);
  const { name, description } = read(groupShape, call.body).security_group;
  if (row.name === 'default' && name !== undefined && name !== 'default')
    throw new Refusal(409, 'SecurityGroupCannotUpdateDefault', 'Updating default security group not allowed.');
  const patch = { ...(name === undefined ? {} : { name }), ...(description === undefined ? {} : { description }), updated_at: plainTime() };
  return { status: 200, body: { security_group: groupView(call, networkTables(call.world.store).groups.update(row.id, patch) ?? row) } };
}

function remove(call: Call): Reply {
  const row = find(call);
  if (row.name === 'default') throw new Refusal(409, 'SecurityGroupCannotRemoveDefault', 'Insufficient rights for removing default security group.');
  if (userOf(call.world.store, row.id) !== undefined) throw new Refusal(409, 'SecurityGroupInUse', `Security Group ${row.id} in use.`);
  removeGroup(call.world.store, row.id);
  return { status: 204 };
}

function createOne(call: Call): Reply {
  const { store } = call.world;
  const wanted = read(ruleShape, call.body).security_group_rule;
  const group = find(call, wanted.security_group_id);
  // Terraform sends 0 for "no port" with every protocol.
  const zero = wanted.protocol !== 'icmp' && wanted.port_range_min === 0 && wanted.port_range_max === 0;
  const rule: RuleWanted = {
    direction: wanted.direction as RuleWanted['direction'],
    ethertype: (wanted.ethertype ?? 'IPv4') as 'IPv4' | 'IPv6',
    protocol: wanted.protocol === undefined || wanted.protocol === '' ? null : String(wanted.protocol).toLowerCase(),
    port_range_min: zero ? null : (wanted.port_range_min ?? null),
    port_range_max: zero ? null : (wanted.port_range_max ?? null),
    remote_ip_prefix: wanted.remote_ip_prefix || null,
    remote_group_id: wanted.remote_group_id || null,
    remote_address_group_id: wanted.remote_address_group_id || null,
    description: wanted.description ?? null,
  };
  const wrong = faultOf(store, group, rule);
  if (wrong !== undefined)
    throw new Refusal(
      wrong.endsWith('does not exist.') ? 404 : 400,
      wrong.endsWith('does not exist.') ? 'SecurityGroupNotFound' : 'BadRequest',
      wrong,
    );
  const same = duplicateOf(store, group, rule);
  if (same !== undefined) throw new Refusal(409, 'SecurityGroupRuleExists', `Security group rule already exists. Rule id is ${same.id}.`);
  const count = networkTables(store).rules.where((row) => row.tenant_id === group.tenant_id).length;
  if (count >= quotaOf(store, 'securityGroupRule')) throw new Refusal(409, 'OverQuota', "Quota exceeded for resources: ['security_group_rule']");
  return { status: 201, body: { security_group_rule: ruleView(createRule(store, group, rule)) } };
}

function listGroups(call: Call): Reply {
  const rows = filtered(call, ownGroups(call), {
    id: (row) => row.id,
    name: (row) => row.name,
    description: (row) => row.description,
    tenant_id: (row) => row.tenant_id,
    project_id: (row) => row.tenant_id,
  });
  const shown = page(call, rows, 'BadRequest');
  return { status: 200, body: { security_groups: shown.rows.map((row) => groupView(call, row)), ...neutronLinks(call, 'security_groups', shown) } };
}

const ruleFilters = [
  'id',
  'security_group_id',
  'direction',
  'ethertype',
  'protocol',
  'port_range_min',
  'port_range_max',
  'remote_ip_prefix',
  'remote_group_id',
  'description',
  'tenant_id',
] as const;

function listRules(call: Call): Reply {
  const mine = networkTables(call.world.store).rules.where((row) => row.tenant_id === projectOfCall(call));
  const rows = filtered(call, mine, Object.fromEntries(ruleFilters.map((name) => [name, (row: SecurityGroupRuleRow) => row[name]])));
  const shown = page(call, rows, 'BadRequest');
  return { status: 200, body: { security_group_rules: shown.rows.map(ruleView), ...neutronLinks(call, 'security_group_rules', shown) } };
}

const groups = '/v2.0/security-groups';
const rules = '/v2.0/security-group-rules';
const paging = ['limit', 'marker', 'page_reverse', 'fields', 'sort_key', 'sort_dir'];

const neutronRoutes: readonly Route[] = [
  { method: 'POST', path: groups, body: required(groupShape), handle: create },
  { method: 'GET', path: groups, query: ['id', 'name', 'description', 'tenant_id', 'project_id', ...paging], handle: listGroups },
  {
    method: 'GET',
    path: `${groups}/{security_group_id}`,
    query: ['fields'],
    handle: (call) => ({ status: 200, body: { security_group: groupView(call, find(call)) } }),
  },
  { method: 'PUT', path: `${groups}/{security_group_id}`, body: required(groupShape), handle: update },
  { method: 'DELETE', path: `${groups}/{security_group_id}`, handle: remove },
  { method: 'POST', path: rules, body: required(ruleShape), handle: createOne },
  { method: 'GET', path: rules, query: [...ruleFilters, 'project_id', ...paging], handle: listRules },
  {
    method: 'GET',
    path: `${rules}/{rule_id}`,
    query: ['fields'],
    handle: (call) => ({ status: 200, body: { security_group_rule: ruleView(findRule(call)) } }),
  },
  {
    method: 'DELETE',
    path: `${rules}/{rule_id}`,
    handle: (call) => {
      networkTables(call.world.store).rules.remove(findRule(call).id);
      return { status: 204 };
    },
  },
];

export const securityGroup: Service = {
  name: 'security-group',
  prefixes: ['vpc'],
  requestIdHeader: 'X-Openstack-Request-Id',
  codes: vpcCodes('VPC.0601'),
  error: vpcError,
  routes: [...neutronRoutes, ...v1Routes, ...v3Routes],
};
