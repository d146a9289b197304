/** Owns members and health monitors of shared load balancers (API reference of ELB v2.0). Part of `elb-shared.ts`. */
import { subnetOf } from './allocate.ts';
import { inSubnet, isMember, monitorFields, monitorOfPool } from './elb-checks.ts';
import { balancerOf, base, busy, filters, given, listing, missing, owner, poolOf, shared, wrong } from './elb-shared-common.ts';
import { elbTables } from './elb-tables.ts';
import { boolean, integer, object, read, required, string } from './fields.ts';
import { uuid } from './ids.ts';
import type { Call, Reply, Route } from './service.ts';
import type { HealthMonitorRow, MemberRow } from './tables/compute.ts';

const memberFields = { name: string, weight: integer, admin_state_up: boolean } as const;
const memberShape = object({
  member: required(
    object({ ...memberFields, tenant_id: string, address: required(string), protocol_port: required(integer), subnet_id: required(string) }),
  ),
});
const memberUpdate = object({ member: required(object(memberFields)) });
const monitorShape = object({
  healthmonitor: required(
    object({
      ...monitorFields,
      tenant_id: string,
      pool_id: required(string),
      type: required(string),
      delay: required(integer),
      timeout: required(integer),
      max_retries: required(integer),
    }),
  ),
});
const monitorUpdate = object({ healthmonitor: required(object(monitorFields)) });

function memberOf(call: Call): MemberRow {
  const id = call.params['member_id'] ?? '';
  const row = elbTables(call.world.store).members.get(id);
  if (row === undefined || row.pool_id !== poolOf(call).id) throw missing('member', id);
  return row;
}
function monitorOf(call: Call): HealthMonitorRow {
  const id = call.params['healthmonitor_id'] ?? '';
  const row = elbTables(call.world.store).monitors.get(id);
  if (row === undefined) throw missing('healthmonitor', id);
  poolOf(call, row.pool_id);
  return row;
}

const memberView = (_call: Call, { project_id, subnet_cidr_id, owner: _owner, ...row }: MemberRow): Record<string, unknown> => ({
  ...row,
  ...owner(project_id),
  subnet_id: subnet_cidr_id,
});
const monitorView = (_call: Call, { project_id, pool_id, extra, owner: _owner, ...row }: HealthMonitorRow): Record<string, unknown> => ({
  ...extra,
  ...row,
  ...owner(project_id),
  pools: [{ id: pool_id }],
});

function createMember(call: Call): Reply {
  const { address, protocol_port, subnet_id, name = '', weight = 1 } = read(memberShape, call.body).member;
  const pool = poolOf(call);
  const subnet = subnetOf(call.world.store, subnet_id, 'neutron');
  if (subnet === undefined || subnet.vpc_id !== balancerOf(call, pool.loadbalancer_id).vpc_id) throw missing('subnet', subnet_id);
  if (!inSubnet(subnet, address)) throw wrong(`Address ${address} is not in subnet ${subnet_id}.`);
  const { members } = elbTables(call.world.store);
  if (isMember(call.world.store, pool.id, address, protocol_port)) throw busy('pool', pool.id, `already has a member ${address}:${protocol_port}`);
  const made = { id: uuid(), project_id: pool.project_id, pool_id: pool.id, name, address, protocol_port, subnet_cidr_id: subnet_id, weight };
  return { status: 201, body: { member: memberView(call, members.insert({ ...made, operating_status: 'NO_MONITOR' })) } };
}

function createMonitor(call: Call): Reply {
  const {
    pool_id,
    type,
    delay,
    timeout,
    max_retries,
    monitor_port,
    name = '',
    tenant_id: _tenant,
    ...extra
  } = read(monitorShape, call.body).healthmonitor;
  const pool = poolOf(call, pool_id);
  const { monitors } = elbTables(call.world.store);
  if (monitorOfPool(call.world.store, pool.id) !== undefined) throw busy('pool', pool.id, 'already has a health monitor');
  if (!['TCP', 'UDP_CONNECT', 'HTTP'].includes(type)) throw wrong(`Invalid type ${type}.`);
  const made = {
    id: uuid(),
    project_id: pool.project_id,
    pool_id,
    name,
    type,
    delay,
    timeout,
    max_retries,
    monitor_port: monitor_port ?? null,
    extra,
  };
  return { status: 201, body: { healthmonitor: monitorView(call, monitors.insert(made)) } };
}

const members = `${base}/pools/{pool_id}/members`;
const monitors = `${base}/healthmonitors`;

export const sharedMemberRoutes: readonly Route[] = [
  { method: 'POST', path: members, body: required(memberShape), handle: createMember },
  {
    method: 'GET',
    path: members,
    query: filters,
    handle: listing('members', (call) => elbTables(call.world.store).members.where((row) => row.pool_id === poolOf(call).id), memberView),
  },
  { method: 'GET', path: `${members}/{member_id}`, handle: (call) => ({ status: 200, body: { member: memberView(call, memberOf(call)) } }) },
  {
    method: 'PUT',
    path: `${members}/{member_id}`,
    body: required(memberUpdate),
    handle(call) {
      const { name, weight } = read(memberUpdate, call.body).member;
      const row = memberOf(call);
      return { status: 200, body: { member: memberView(call, elbTables(call.world.store).members.update(row.id, given({ name, weight })) ?? row) } };
    },
  },
  {
    method: 'DELETE',
    path: `${members}/{member_id}`,
    handle(call) {
      elbTables(call.world.store).members.remove(memberOf(call).id);
      return { status: 204 };
    },
  },
  { method: 'POST', path: monitors, body: required(monitorShape), handle: createMonitor },
  {
    method: 'GET',
    path: monitors,
    query: filters,
    handle: listing(
      'healthmonitors',
      (call) => {
        const { monitors: all, pools } = elbTables(call.world.store);
        return all.where((row) => pools.find((pool) => pool.id === row.pool_id && shared(call, pool)) !== undefined);
      },
      monitorView,
    ),
  },
  {
    method: 'GET',
    path: `${monitors}/{healthmonitor_id}`,
    handle: (call) => ({ status: 200, body: { healthmonitor: monitorView(call, monitorOf(call)) } }),
  },
  {
    method: 'PUT',
    path: `${monitors}/{healthmonitor_id}`,
    body: required(monitorUpdate),
    handle(call) {
      const { name, delay, timeout, max_retries, monitor_port, type, ...extra } = read(monitorUpdate, call.body).healthmonitor;
      const row = monitorOf(call);
      const patch = { ...given({ name, delay, timeout, max_retries, monitor_port, type }), extra: { ...row.extra, ...extra } };
      return { status: 200, body: { healthmonitor: monitorView(call, elbTables(call.world.store).monitors.update(row.id, patch) ?? row) } };
    },
  },
  {
    method: 'DELETE',
    path: `${monitors}/{healthmonitor_id}`,
    handle(call) {
      elbTables(call.world.store).monitors.remove(monitorOf(call).id);
      return { status: 204 };
    },
  },
];
