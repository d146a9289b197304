/** Owns members and health monitors of backend pools (API reference 7.1, "Children"). CCE's cloud controller writes their tables too. */
import { subnetOf } from './allocate.ts';
import { addressNumber } from './cidr.ts';
import { projectOf } from './compute-common.ts';
import { inSubnet, isMember, monitorFields, monitorOfPool } from './elb-checks.ts';
import { balancerOf } from './elb-loadbalancers.ts';
import { elbReply, elbTables, invalid, listOf, missing, ownRow, paging, poolOf } from './elb-tables.ts';
import { boolean, integer, object, read, required, string } from './fields.ts';
import { uuid } from './ids.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import type { HealthMonitorRow, MemberRow } from './tables/compute.ts';
import { networkTables } from './tables/network.ts';

const base = '/v3/{project_id}/elb';
const memberShape = object({
  member: required(
    object({
      name: string,
      address: required(string),
      protocol_port: required(integer),
      subnet_cidr_id: string,
      weight: integer,
      admin_state_up: boolean,
    }),
  ),
});
const memberUpdate = object({ member: required(object({ name: string, weight: integer, admin_state_up: boolean })) });
const monitorShape = object({
  healthmonitor: required(
    object({
      ...monitorFields,
      pool_id: required(string),
      delay: required(integer),
      timeout: required(integer),
      max_retries: required(integer),
      type: required(string),
    }),
  ),
});
const monitorUpdate = object({ healthmonitor: required(object(monitorFields)) });

const memberOf = (call: Call, id = call.params['member_id'] ?? ''): MemberRow => {
  const row = ownRow(call, 'member', elbTables(call.world.store).members.get(id), id);
  if (row.pool_id !== poolOf(call).id) throw missing('member', id);
  return row;
};
const monitorOf = (call: Call, id = call.params['healthmonitor_id'] ?? ''): HealthMonitorRow =>
  ownRow(call, 'healthmonitor', elbTables(call.world.store).monitors.get(id), id);

const memberView = ({ owner: _owner, pool_id: _pool, ...row }: MemberRow): Record<string, unknown> => ({
  ...row,
  admin_state_up: true,
  ip_version: 'v4',
  status: [],
});
const monitorView = ({ owner: _owner, pool_id, extra, ...row }: HealthMonitorRow): Record<string, unknown> => ({
  admin_state_up: true,
  ...extra,
  ...row,
  pools: [{ id: pool_id }],
});

export const memberRoutes: readonly Route[] = [
  { method: 'POST', path: `${base}/pools/{pool_id}/members`, body: required(memberShape), handle: createMember },
  {
    method: 'GET',
    path: `${base}/pools/{pool_id}/members`,
    query: [...paging, 'id', 'name', 'address', 'protocol_port', 'weight', 'operating_status', 'subnet_cidr_id'],
    handle(call) {
      const pool = poolOf(call);
      return listOf(
        call,
        'members',
        elbTables(call.world.store).members.where((row) => row.pool_id === pool.id),
        memberView,
      );
    },
  },
  { method: 'GET', path: `${base}/pools/{pool_id}/members/{member_id}`, handle: (call) => elbReply(call, 200, 'member', memberView(memberOf(call))) },
  {
    method: 'PUT',
    path: `${base}/pools/{pool_id}/members/{member_id}`,
    body: required(memberUpdate),
    handle(call) {
      const { name, weight } = read(memberUpdate, call.body).member;
      const row = memberOf(call);
      const after = elbTables(call.world.store).members.update(row.id, { name: name ?? row.name, weight: weight ?? row.weight });
      return elbReply(call, 200, 'member', memberView(after ?? row));
    },
  },
  {
    method: 'DELETE',
    path: `${base}/pools/{pool_id}/members/{member_id}`,
    handle(call) {
      elbTables(call.world.store).members.remove(memberOf(call).id);
      return { status: 204 };
    },
  },
  { method: 'POST', path: `${base}/healthmonitors`, body: required(monitorShape), handle: createMonitor },
  {
    method: 'GET',
    path: `${base}/healthmonitors`,
    query: [...paging, 'id', 'name', 'type', 'delay', 'timeout', 'max_retries', 'monitor_port'],
    handle: (call) =>
      listOf(
        call,
        'healthmonitors',
        elbTables(call.world.store).monitors.where((row) => row.project_id === projectOf(call)),
        monitorView,
      ),
  },
  {
    method: 'GET',
    path: `${base}/healthmonitors/{healthmonitor_id}`,
    handle: (call) => elbReply(call, 200, 'healthmonitor', monitorView(monitorOf(call))),
  },
  {
    method: 'PUT',
    path: `${base}/healthmonitors/{healthmonitor_id}`,
    body: required(monitorUpdate),
    handle(call) {
      const { name, delay, timeout, max_retries, type, monitor_port, ...extra } = read(monitorUpdate, call.body).healthmonitor;
      const row = monitorOf(call);
      const after = elbTables(call.world.store).monitors.update(row.id, {
        name: name ?? row.name,
        delay: delay ?? row.delay,
        timeout: timeout ?? row.timeout,
        max_retries: max_retries ?? row.max_retries,
        type: type ?? row.type,
        monitor_port: monitor_port ?? row.monitor_port,
        extra: { ...row.extra, ...extra },
      });
      return elbReply(call, 200, 'healthmonitor', monitorView(after ?? row));
    },
  },
  {
    method: 'DELETE',
    path: `${base}/healthmonitors/{healthmonitor_id}`,
    handle(call) {
      elbTables(call.world.store).monitors.remove(monitorOf(call).id);
      return { status: 204 };
    },
  },
];

function createMember(call: Call): Reply {
  const { store } = call.world;
  const { name, address, protocol_port, subnet_cidr_id, weight } = read(memberShape, call.body).member;
  const pool = poolOf(call);
  const balancer = balancerOf(call, pool.loadbalancer_id);
  if (addressNumber(address) === undefined) throw invalid(`Invalid address ${address}.`);
  if (subnet_cidr_id === undefined && !balancer.ip_target_enable) throw invalid('subnet_cidr_id is required unless ip_target_enable is on.');
  const subnet = subnet_cidr_id === undefined ? undefined : subnetOf(store, subnet_cidr_id, 'neutron');
  if (subnet_cidr_id !== undefined && (subnet === undefined || subnet.vpc_id !== balancer.vpc_id)) throw missing('subnet_cidr', subnet_cidr_id);
  if (subnet !== undefined && !inSubnet(subnet, address)) throw invalid(`Address ${address} is not in subnet ${subnet_cidr_id}.`);
  const { members } = elbTables(store);
  if (isMember(store, pool.id, address, protocol_port))
    throw new Refusal(409, 'ELB.8907', `pool ${pool.id} has a member ${address}:${protocol_port} already.`);
  const known = networkTables(store).ports.find((port) => port.fixed_ips.some((fixed) => fixed.ip_address === address));
  const row = members.insert({
    id: uuid(),
    project_id: projectOf(call),
    pool_id: pool.id,
    name: name ?? '',
    address,
    protocol_port,
    subnet_cidr_id: subnet_cidr_id ?? null,
    weight: weight ?? 1,
    operating_status: known === undefined ? 'OFFLINE' : 'NO_MONITOR',
  });
  return elbReply(call, 201, 'member', memberView(row));
}

function createMonitor(call: Call): Reply {
  const { monitors } = elbTables(call.world.store);
  const { pool_id, name, type, delay, timeout, max_retries, monitor_port, ...extra } = read(monitorShape, call.body).healthmonitor;
  const pool = poolOf(call, pool_id);
  if (monitorOfPool(call.world.store, pool.id) !== undefined) throw new Refusal(409, 'ELB.8907', `pool ${pool.id} has a health monitor already.`);
  if (!['TCP', 'UDP_CONNECT', 'HTTP', 'HTTPS', 'TLS', 'GRPC'].includes(type)) throw invalid(`Invalid health monitor type ${type}.`);
  const row = monitors.insert({
    id: uuid(),
    project_id: projectOf(call),
    pool_id,
    name: name ?? '',
    type,
    delay,
    timeout,
    max_retries,
    monitor_port: monitor_port ?? null,
    extra,
  });
  return elbReply(call, 201, 'healthmonitor', monitorView(row));
}
