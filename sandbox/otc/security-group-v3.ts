/** Owns the v3 routes of security groups, with `multiport`, `action` and `priority` (API reference 3.3). Part of `security-group.ts`. */
import { boolean, integer, object, read, required, string } from './fields.ts';
import { plainTime } from './ids.ts';
import { checkRule, groupOf, removalRoutes, ruleOf, withinGroupQuota } from './security-group-vpc.ts';
import { createGroup, createRule, ownGroups, type RuleWanted, rulesOf } from './security-rules.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import { networkTables, type SecurityGroupRow, type SecurityGroupRuleRow } from './tables/network.ts';
import { filtered, page, projectOfCall } from './vpc-common.ts';

const groupShape = object({
  security_group: required(object({ name: string, description: string, enterprise_project_id: string })),
  dry_run: boolean,
});
const ruleShape = object({
  security_group_rule: required(
    object({
      security_group_id: required(string),
      direction: required(string),
      description: string,
      ethertype: string,
      protocol: string,
      multiport: string,
      remote_ip_prefix: string,
      remote_group_id: string,
      remote_address_group_id: string,
      action: string,
      priority: integer,
    }),
  ),
  dry_run: boolean,
});

function multiportOf(row: SecurityGroupRuleRow): string | null {
  if (row.multiport !== undefined) return row.multiport;
  if (row.port_range_min === null || row.port_range_max === null) return null;
  return row.port_range_min === row.port_range_max ? String(row.port_range_min) : `${row.port_range_min}-${row.port_range_max}`;
}

const ruleView = (row: SecurityGroupRuleRow) => ({
  id: row.id,
  project_id: row.tenant_id,
  security_group_id: row.security_group_id,
  direction: row.direction,
  protocol: row.protocol,
  description: row.description ?? '',
  ethertype: row.ethertype,
  remote_ip_prefix: row.remote_ip_prefix,
  remote_group_id: row.remote_group_id,
  remote_address_group_id: row.remote_address_group_id,
  multiport: multiportOf(row),
  action: row.action,
  priority: row.priority,
  created_at: `${row.created_at}Z`,
  updated_at: `${row.updated_at}Z`,
});

const short = (row: SecurityGroupRow) => ({
  id: row.id,
  name: row.name,
  project_id: row.tenant_id,
  description: row.description,
  enterprise_project_id: row.enterprise_project_id,
  created_at: `${row.created_at}Z`,
  updated_at: `${row.updated_at}Z`,
});
const full = (call: Call, row: SecurityGroupRow) => ({ ...short(row), security_group_rules: rulesOf(call.world.store, row.id).map(ruleView) });

function create(call: Call): Reply {
  const { security_group: wanted, dry_run } = read(groupShape, call.body);
  if (wanted.name === undefined || wanted.name === '') throw new Refusal(400, 'VPC.0601', 'Invalid input for name.');
  withinGroupQuota(call);
  if (dry_run === true) return { status: 202, body: { request_id: call.requestId } };
  const row = createGroup(call.world.store, {
    projectId: projectOfCall(call),
    name: wanted.name,
    description: wanted.description ?? '',
    enterpriseProjectId: wanted.enterprise_project_id,
    members: true,
  });
  return { status: 201, body: { request_id: call.requestId, security_group: full(call, row) } };
}

/** One range becomes min and max, several stay a multiport; ports must be 1 to 65535. */
function ports(text: string | undefined): Pick<RuleWanted, 'port_range_min' | 'port_range_max' | 'multiport'> {
  if (text === undefined || text === '') return {};
  const ranges = text.split(',').map((part) => /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim()));
  const numbers = ranges.map((match) => (match === null ? undefined : ([Number(match[1]), Number(match[2] ?? match[1])] as const)));
  if (!numbers.every((pair) => pair !== undefined && pair[0] >= 1 && pair[1] <= 65535 && pair[0] <= pair[1]))
    throw new Refusal(400, 'VPC.0601', `Invalid input for multiport: ${text}.`);
  const [only] = numbers;
  return numbers.length === 1 && only !== undefined ? { port_range_min: only[0], port_range_max: only[1] } : { multiport: text };
}

function createOne(call: Call): Reply {
  const { store } = call.world;
  const { security_group_rule: wanted, dry_run } = read(ruleShape, call.body);
  const group = groupOf(call, wanted.security_group_id);
  if (wanted.multiport !== undefined && wanted.protocol === undefined) throw new Refusal(400, 'VPC.0601', 'multiport needs a protocol.');
  if (!['allow', 'deny', undefined].includes(wanted.action) || (wanted.priority !== undefined && (wanted.priority < 1 || wanted.priority > 100)))
    throw new Refusal(400, 'VPC.0601', 'Invalid input for action or priority.');
  const rule: RuleWanted = {
    direction: wanted.direction as RuleWanted['direction'],
    ethertype: (wanted.ethertype ?? 'IPv4') as 'IPv4' | 'IPv6',
    protocol: wanted.protocol ?? null,
    ...ports(wanted.multiport),
    remote_ip_prefix: wanted.remote_ip_prefix ?? null,
    remote_group_id: wanted.remote_group_id ?? null,
    remote_address_group_id: wanted.remote_address_group_id ?? null,
    description: wanted.description ?? null,
    action: (wanted.action ?? 'allow') as 'allow' | 'deny',
    priority: wanted.priority ?? 1,
  };
  checkRule(call, group, rule);
  if (dry_run === true) return { status: 202, body: { request_id: call.requestId } };
  return { status: 201, body: { request_id: call.requestId, security_group_rule: ruleView(createRule(store, group, rule)) } };
}

const info = (shown: { readonly rows: readonly { readonly id: string }[]; readonly more: boolean }) => ({
  ...(shown.rows[0] === undefined ? {} : { previous_marker: shown.rows[0].id }),
  current_count: shown.rows.length,
  ...(shown.more ? { next_marker: shown.rows.at(-1)?.id } : {}),
});

const groups = '/v3/{project_id}/vpc/security-groups';
const rules = '/v3/{project_id}/vpc/security-group-rules';

export const v3Routes: readonly Route[] = [
  { method: 'POST', path: groups, body: required(groupShape), handle: create },
  {
    method: 'GET',
    path: groups,
    query: ['id', 'name', 'description', 'enterprise_project_id', 'limit', 'marker'],
    handle: (call) => {
      const shown = page(
        call,
        filtered(call, ownGroups(call), { id: (row) => row.id, name: (row) => row.name, description: (row) => row.description }),
        'VPC.0601',
      );
      return { status: 200, body: { request_id: call.requestId, security_groups: shown.rows.map(short), page_info: info(shown) } };
    },
  },
  {
    method: 'GET',
    path: `${groups}/{security_group_id}`,
    handle: (call) => ({ status: 200, body: { request_id: call.requestId, security_group: full(call, groupOf(call)) } }),
  },
  {
    method: 'PUT',
    path: `${groups}/{security_group_id}`,
    body: required(groupShape),
    handle: (call) => {
      const row = groupOf(call);
      const { name, description } = read(groupShape, call.body).security_group;
      const patch = { ...(name === undefined ? {} : { name }), ...(description === undefined ? {} : { description }), updated_at: plainTime() };
      return {
        status: 200,
        body: { request_id: call.requestId, security_group: full(call, networkTables(call.world.store).groups.update(row.id, patch) ?? row) },
      };
    },
  },
  { method: 'POST', path: rules, body: required(ruleShape), handle: createOne },
  {
    method: 'GET',
    path: rules,
    query: ['id', 'security_group_id', 'direction', 'protocol', 'description', 'remote_group_id', 'remote_ip_prefix', 'action', 'limit', 'marker'],
    handle: (call) => {
      const mine = networkTables(call.world.store).rules.where((row) => row.tenant_id === projectOfCall(call));
      const named = ['id', 'security_group_id', 'direction', 'protocol', 'description', 'remote_group_id', 'remote_ip_prefix', 'action'] as const;
      const shown = page(
        call,
        filtered(call, mine, Object.fromEntries(named.map((name) => [name, (row: SecurityGroupRuleRow) => row[name]]))),
        'VPC.0601',
      );
      return { status: 200, body: { request_id: call.requestId, security_group_rules: shown.rows.map(ruleView), page_info: info(shown) } };
    },
  },
  {
    method: 'GET',
    path: `${rules}/{rule_id}`,
    handle: (call) => ({ status: 200, body: { request_id: call.requestId, security_group_rule: ruleView(ruleOf(call)) } }),
  },
  ...removalRoutes(groups, rules),
];
