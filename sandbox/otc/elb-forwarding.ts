/** Owns forwarding policies and their rules on HTTP and HTTPS listeners (API reference of ELB v3, "Forwarding Policy", "Forwarding Rule"). */
import { projectOf } from './compute-common.ts';
import { dropPolicy, elbReply, elbTables, invalid, listenerOf, listOf, missing, ownRow, paging, poolOf } from './elb-tables.ts';
import { any, boolean, integer, list, object, read, required, string, type TypeOf } from './fields.ts';
import { uuid, zuluTime } from './ids.ts';
import type { Call, Reply, Route } from './service.ts';
import type { L7PolicyRow, L7RuleRow } from './tables/compute.ts';

const all = '/v3/{project_id}/elb/l7policies';
const one = `${all}/{l7policy_id}`;
const conditions = list(object({ key: string, value: required(string) }));
const ruleFields = { compare_type: string, key: string, value: string, invert: boolean, admin_state_up: boolean, conditions } as const;
const ruleFieldsOfOrder = {
  ...ruleFields,
  compare_type: required(string),
  value: required(string),
  type: required(string),
  project_id: string,
} as const;
const ruleShape = object({ rule: required(object(ruleFieldsOfOrder)) });
const ruleUpdate = object({ rule: required(object(ruleFields)) });
const policyFields = {
  name: string,
  description: string,
  admin_state_up: boolean,
  priority: integer,
  redirect_pool_id: string,
  redirect_listener_id: string,
  redirect_url: string,
  redirect_url_config: any,
  redirect_pools_config: any,
  fixed_response_config: any,
  rules: list(object(ruleFieldsOfOrder)),
} as const;
const policyShape = object({
  l7policy: required(object({ ...policyFields, action: required(string), listener_id: required(string), position: integer, project_id: string })),
});
const policyUpdate = object({ l7policy: required(object(policyFields)) });

const policyOf = (call: Call): L7PolicyRow => {
  const id = call.params['l7policy_id'] ?? '';
  return ownRow(call, 'l7policy', elbTables(call.world.store).l7Policies.get(id), id);
};
const rulesOf = (call: Call, policyId: string): L7RuleRow[] => elbTables(call.world.store).l7Rules.where((row) => row.policy_id === policyId);
const ruleOf = (call: Call): L7RuleRow => {
  const id = call.params['rule_id'] ?? '';
  const row = ownRow(call, 'rule', elbTables(call.world.store).l7Rules.get(id), id);
  if (row.policy_id !== policyOf(call).id) throw missing('rule', id);
  return row;
};

const ruleView = ({ policy_id: _policy, ...row }: L7RuleRow): Record<string, unknown> => ({
  ...row,
  admin_state_up: true,
  provisioning_status: 'ACTIVE',
});
const policyView = (call: Call, { extra, ...row }: L7PolicyRow): Record<string, unknown> => ({
  admin_state_up: true,
  redirect_url: null,
  redirect_url_config: null,
  redirect_pools_config: null,
  fixed_response_config: null,
  ...extra,
  ...row,
  provisioning_status: 'ACTIVE',
  rules: rulesOf(call, row.id).map(({ id }) => ({ id })),
});

const matches: Readonly<Record<string, readonly string[]>> = {
  HOST_NAME: ['EQUAL_TO'],
  PATH: ['EQUAL_TO', 'REGEX', 'STARTS_WITH'],
  METHOD: ['EQUAL_TO'],
  HEADER: ['EQUAL_TO'],
  QUERY_STRING: ['EQUAL_TO'],
  SOURCE_IP: ['EQUAL_TO'],
};

/** @throws Refusal */
function addRule(call: Call, policyId: string, wanted: TypeOf<typeof ruleShape>['rule']): L7RuleRow {
  if (matches[wanted.type]?.includes(wanted.compare_type) !== true) throw invalid(`Invalid rule ${wanted.type} ${wanted.compare_type}.`);
  if (rulesOf(call, policyId).length >= 10) throw invalid('A forwarding policy can have at most 10 rules.');
  const now = zuluTime();
  return elbTables(call.world.store).l7Rules.insert({
    id: uuid(),
    project_id: projectOf(call),
    policy_id: policyId,
    type: wanted.type,
    compare_type: wanted.compare_type,
    key: wanted.key ?? null,
    value: wanted.value,
    invert: wanted.invert ?? false,
    conditions: wanted.conditions ?? [],
    created_at: now,
    updated_at: now,
  });
}

const actions = ['REDIRECT_TO_POOL', 'REDIRECT_TO_LISTENER', 'REDIRECT_TO_URL', 'FIXED_RESPONSE'];

function create(call: Call): Reply {
  const {
    action,
    listener_id,
    name,
    description,
    position,
    priority,
    redirect_pool_id,
    redirect_listener_id,
    rules,
    project_id: _project,
    ...extra
  } = read(policyShape, call.body).l7policy;
  const listener = listenerOf(call, listener_id);
  if (!['HTTP', 'HTTPS'].includes(listener.protocol)) throw invalid('Forwarding policies can be added to HTTP and HTTPS listeners only.');
  if (!actions.includes(action)) throw invalid(`Invalid action ${action}.`);
  const advanced = listener.extra?.['enhance_l7policy_enable'] === true;
  if (['REDIRECT_TO_URL', 'FIXED_RESPONSE'].includes(action) && !advanced)
    throw invalid(`action ${action} needs enhance_l7policy_enable on the listener.`);
  if (action === 'REDIRECT_TO_POOL' && extra.redirect_pools_config === undefined) poolOf(call, redirect_pool_id ?? '');
  if (action === 'REDIRECT_TO_LISTENER') listenerOf(call, redirect_listener_id ?? '');
  if (action === 'FIXED_RESPONSE' && extra.fixed_response_config === undefined) throw invalid('fixed_response_config is required.');
  const { l7Policies } = elbTables(call.world.store);
  const now = zuluTime();
  const row = l7Policies.insert({
    id: uuid(),
    project_id: projectOf(call),
    listener_id,
    name: name ?? '',
    description: description ?? '',
    action,
    position: position ?? 100,
    priority: priority ?? null,
    redirect_pool_id: redirect_pool_id ?? null,
    redirect_listener_id: redirect_listener_id ?? null,
    created_at: now,
    updated_at: now,
    extra,
  });
  for (const rule of rules ?? []) addRule(call, row.id, rule);
  return elbReply(call, 201, 'l7policy', policyView(call, row));
}

function update(call: Call): Reply {
  const { name, description, priority, redirect_pool_id, redirect_listener_id, rules, ...extra } = read(policyUpdate, call.body).l7policy;
  const row = policyOf(call);
  if (redirect_pool_id !== undefined) poolOf(call, redirect_pool_id);
  if (redirect_listener_id !== undefined) listenerOf(call, redirect_listener_id);
  const { l7Policies, l7Rules } = elbTables(call.world.store);
  const after = l7Policies.update(row.id, {
    name: name ?? row.name,
    description: description ?? row.description,
    priority: priority ?? row.priority,
    redirect_pool_id: redirect_pool_id ?? row.redirect_pool_id,
    redirect_listener_id: redirect_listener_id ?? row.redirect_listener_id,
    extra: { ...row.extra, ...extra },
    updated_at: zuluTime(),
  });
  if (rules !== undefined) {
    for (const rule of rulesOf(call, row.id)) l7Rules.remove(rule.id);
    for (const rule of rules) addRule(call, row.id, rule);
  }
  return elbReply(call, 200, 'l7policy', policyView(call, after ?? row));
}

export const forwardingRoutes: readonly Route[] = [
  { method: 'POST', path: all, body: required(policyShape), handle: create },
  {
    method: 'GET',
    path: all,
    query: [...paging, 'id', 'name', 'description', 'action', 'listener_id', 'redirect_pool_id', 'redirect_listener_id', 'position', 'priority'],
    handle(call) {
      const rows = elbTables(call.world.store).l7Policies.where((row) => row.project_id === projectOf(call));
      return listOf(call, 'l7policies', rows, (row) => policyView(call, row));
    },
  },
  { method: 'GET', path: one, handle: (call) => elbReply(call, 200, 'l7policy', policyView(call, policyOf(call))) },
  { method: 'PUT', path: one, body: required(policyUpdate), handle: update },
  {
    method: 'DELETE',
    path: one,
    handle(call) {
      dropPolicy(call.world.store, policyOf(call).id);
      return { status: 204 };
    },
  },
  {
    method: 'POST',
    path: `${one}/rules`,
    body: required(ruleShape),
    handle: (call) => elbReply(call, 201, 'rule', ruleView(addRule(call, policyOf(call).id, read(ruleShape, call.body).rule))),
  },
  {
    method: 'GET',
    path: `${one}/rules`,
    query: [...paging, 'id', 'type', 'compare_type', 'key', 'value', 'invert'],
    handle: (call) => listOf(call, 'rules', rulesOf(call, policyOf(call).id), ruleView),
  },
  { method: 'GET', path: `${one}/rules/{rule_id}`, handle: (call) => elbReply(call, 200, 'rule', ruleView(ruleOf(call))) },
  {
    method: 'PUT',
    path: `${one}/rules/{rule_id}`,
    body: required(ruleUpdate),
    handle(call) {
      const row = ruleOf(call);
      const {
        compare_type = row.compare_type,
        key = row.key,
        value = row.value,
        invert = row.invert,
        conditions: given = row.conditions,
      } = read(ruleUpdate, call.body).rule;
      if (matches[row.type]?.includes(compare_type) !== true) throw invalid(`Invalid rule ${row.type} ${compare_type}.`);
      const patch = { compare_type, key, value, invert, conditions: given, updated_at: zuluTime() };
      return elbReply(call, 200, 'rule', ruleView(elbTables(call.world.store).l7Rules.update(row.id, patch) ?? row));
    },
  },
  {
    method: 'DELETE',
    path: `${one}/rules/{rule_id}`,
    handle(call) {
      elbTables(call.world.store).l7Rules.remove(ruleOf(call).id);
      return { status: 204 };
    },
  },
];
