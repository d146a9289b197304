/** Owns backend pools of dedicated load balancers (API reference 7.1, "Children"). Their members and health monitors are in `elb-members.ts`. */
import { projectOf } from './compute-common.ts';
import { withinQuota } from './elb-catalog.ts';
import { hasChildren, neighboursOf } from './elb-checks.ts';
import { balancerOf } from './elb-loadbalancers.ts';
import { dropPool, elbReply, elbTables, invalid, listenerOf, listOf, paging, poolOf } from './elb-tables.ts';
import { any, boolean, object, read, required, string } from './fields.ts';
import { uuid, zuluTime } from './ids.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import type { PoolRow } from './tables/compute.ts';

const base = '/v3/{project_id}/elb';
const poolFields = {
  name: string,
  description: string,
  lb_algorithm: string,
  session_persistence: any,
  slow_start: any,
  admin_state_up: boolean,
  member_deletion_protection_enable: boolean,
  protection_status: string,
  protection_reason: string,
  az_affinity: any,
} as const;
const poolShape = object({
  pool: required(
    object({
      ...poolFields,
      protocol: required(string),
      lb_algorithm: required(string),
      loadbalancer_id: string,
      listener_id: string,
      type: string,
      vpc_id: string,
      ip_version: string,
      project_id: string,
    }),
  ),
});
const poolUpdate = object({ pool: required(object(poolFields)) });
const poolView = (call: Call, row: PoolRow): Record<string, unknown> => {
  const { loadbalancer_id: _balancer, listener_id: _listener, owner: _owner, extra, ...seen } = row;
  return {
    admin_state_up: true,
    session_persistence: null,
    slow_start: null,
    member_deletion_protection_enable: false,
    type: 'instance',
    ip_version: 'v4',
    ...extra,
    ...seen,
    ...neighboursOf(call.world.store, row),
  };
};

export const poolRoutes: readonly Route[] = [
  { method: 'POST', path: `${base}/pools`, body: required(poolShape), handle: createPool },
  {
    method: 'GET',
    path: `${base}/pools`,
    query: [...paging, 'id', 'name', 'protocol', 'lb_algorithm', 'loadbalancer_id', 'listener_id', 'healthmonitor_id', 'description'],
    handle(call) {
      const rows = elbTables(call.world.store).pools.where((row) => row.project_id === projectOf(call));
      return listOf(
        call,
        'pools',
        rows,
        (row) => poolView(call, row),
        ({ loadbalancer_id, listener_id }) => ({ loadbalancer_id, listener_id }),
      );
    },
  },
  { method: 'GET', path: `${base}/pools/{pool_id}`, handle: (call) => elbReply(call, 200, 'pool', poolView(call, poolOf(call))) },
  {
    method: 'PUT',
    path: `${base}/pools/{pool_id}`,
    body: required(poolUpdate),
    handle(call) {
      const { name, description, lb_algorithm, ...extra } = read(poolUpdate, call.body).pool;
      const row = poolOf(call);
      const after = elbTables(call.world.store).pools.update(row.id, {
        name: name ?? row.name,
        description: description ?? row.description,
        lb_algorithm: lb_algorithm ?? row.lb_algorithm,
        extra: { ...row.extra, ...extra },
        updated_at: zuluTime(),
      });
      return elbReply(call, 200, 'pool', poolView(call, after ?? row));
    },
  },
  {
    method: 'DELETE',
    path: `${base}/pools/{pool_id}`,
    handle(call) {
      const row = poolOf(call);
      const { l7Policies } = elbTables(call.world.store);
      if (hasChildren(call.world.store, row.id)) throw new Refusal(409, 'ELB.8907', `pool ${row.id} has members or a health monitor, it is in use.`);
      if (l7Policies.find((one) => one.redirect_pool_id === row.id) !== undefined)
        throw new Refusal(409, 'ELB.8907', `pool ${row.id} is the target of a forwarding policy, it is in use.`);
      dropPool(call.world.store, row.id);
      return { status: 204 };
    },
  },
];

function createPool(call: Call): Reply {
  const { store } = call.world;
  const {
    loadbalancer_id,
    listener_id,
    name,
    description,
    protocol,
    lb_algorithm,
    vpc_id: _vpc,
    project_id: _project,
    ...extra
  } = read(poolShape, call.body).pool;
  withinQuota(call, 'pool');
  const listener = listener_id === undefined ? undefined : listenerOf(call, listener_id);
  const balancerId = listener?.loadbalancer_id ?? loadbalancer_id;
  if (balancerId === undefined) throw invalid('One of loadbalancer_id and listener_id is required.');
  balancerOf(call, balancerId);
  if (listener !== undefined && listener.default_pool_id !== null)
    throw new Refusal(409, 'ELB.8907', `listener ${listener.id} has a default pool already.`);
  if (!['ROUND_ROBIN', 'LEAST_CONNECTIONS', 'SOURCE_IP', 'QUIC_CID'].includes(lb_algorithm)) throw invalid(`Invalid lb_algorithm ${lb_algorithm}.`);
  if (!['TCP', 'UDP', 'HTTP', 'HTTPS', 'GRPC', 'TLS', 'QUIC'].includes(protocol)) throw invalid(`Invalid protocol ${protocol}.`);
  const now = zuluTime();
  const row = elbTables(store).pools.insert({
    id: uuid(),
    project_id: projectOf(call),
    loadbalancer_id: balancerId,
    listener_id: listener_id ?? null,
    name: name ?? '',
    description: description ?? '',
    protocol,
    lb_algorithm,
    created_at: now,
    updated_at: now,
    extra,
  });
  if (listener !== undefined) elbTables(store).listeners.update(listener.id, { default_pool_id: row.id });
  return elbReply(call, 201, 'pool', poolView(call, row));
}
