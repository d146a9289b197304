/**
 * Owns listeners and pools of shared load balancers (API reference of ELB v2.0). Their rows stand in the tables of the dedicated ones;
 * members and health monitors are in `elb-shared-members.ts`. Certificates, forwarding policies and whitelists of v2.0 are not modelled.
 */
import { withinQuota } from './elb-catalog.ts';
import { hasChildren, neighboursOf, portTaken } from './elb-checks.ts';
import { balancerOf, base, busy, filters, given, listenerOf, listing, owner, poolOf, shared, wrong } from './elb-shared-common.ts';
import { dropListener, dropPool, elbTables } from './elb-tables.ts';
import { any, boolean, integer, list, object, read, required, string } from './fields.ts';
import { plainTime, uuid } from './ids.ts';
import type { Call, Reply, Route } from './service.ts';
import type { ListenerRow, PoolRow } from './tables/compute.ts';

const common = { name: string, description: string, admin_state_up: boolean } as const;
const listenerFields = {
  ...common,
  connection_limit: integer,
  default_pool_id: string,
  default_tls_container_ref: string,
  client_ca_tls_container_ref: string,
  sni_container_refs: list(string),
  tls_ciphers_policy: string,
  http2_enable: boolean,
  transparent_client_ip_enable: boolean,
} as const;
const listenerShape = object({
  listener: required(
    object({ ...listenerFields, tenant_id: string, loadbalancer_id: required(string), protocol: required(string), protocol_port: required(integer) }),
  ),
});
const listenerUpdate = object({ listener: required(object(listenerFields)) });
const poolFields = { ...common, lb_algorithm: string, session_persistence: any } as const;
const poolShape = object({
  pool: required(
    object({
      ...poolFields,
      tenant_id: string,
      protocol: required(string),
      lb_algorithm: required(string),
      listener_id: string,
      loadbalancer_id: string,
    }),
  ),
});
const poolUpdate = object({ pool: required(object(poolFields)) });

const listenerView = (_call: Call, { loadbalancer_id, project_id, extra, owner: _owner, tags, ...row }: ListenerRow): Record<string, unknown> => ({
  connection_limit: -1,
  default_tls_container_ref: null,
  client_ca_tls_container_ref: null,
  sni_container_refs: [],
  http2_enable: false,
  insert_headers: {},
  ...extra,
  ...row,
  ...owner(project_id),
  tags: tags.map(({ key, value }) => `${key}=${value}`),
  loadbalancers: [{ id: loadbalancer_id }],
});
const poolView = (call: Call, row: PoolRow): Record<string, unknown> => {
  const { loadbalancer_id: _balancer, project_id, listener_id: _listener, extra, owner: _owner, ...seen } = row;
  return { session_persistence: null, ...extra, ...seen, ...owner(project_id), ...neighboursOf(call.world.store, row) };
};
function createListener(call: Call): Reply {
  const {
    loadbalancer_id,
    protocol,
    protocol_port,
    name = '',
    description = '',
    default_pool_id,
    tenant_id: _tenant,
    ...extra
  } = read(listenerShape, call.body).listener;
  const { store } = call.world;
  const balancer = balancerOf(call, loadbalancer_id);
  withinQuota(call, 'listener');
  if (!['TCP', 'UDP', 'HTTP', 'TERMINATED_HTTPS'].includes(protocol)) throw wrong(`Invalid protocol ${protocol}.`);
  if (protocol_port < 1 || protocol_port > 65535) throw wrong(`Invalid port ${protocol_port}.`);
  if (portTaken(store, balancer.id, protocol, protocol_port))
    throw busy('loadbalancer', balancer.id, `already has a listener with protocol_port of ${protocol_port}`);
  if (default_pool_id !== undefined) poolOf(call, default_pool_id);
  const now = plainTime();
  const row = elbTables(store).listeners.insert({
    id: uuid(),
    project_id: balancer.project_id,
    loadbalancer_id,
    name,
    description,
    protocol,
    protocol_port,
    default_pool_id: default_pool_id ?? null,
    created_at: now,
    updated_at: now,
    tags: [],
    extra,
  });
  return { status: 201, body: { listener: listenerView(call, row) } };
}

function createPool(call: Call): Reply {
  const {
    listener_id,
    loadbalancer_id,
    protocol,
    lb_algorithm,
    name = '',
    description = '',
    tenant_id: _tenant,
    ...extra
  } = read(poolShape, call.body).pool;
  const listener = listener_id === undefined ? undefined : listenerOf(call, listener_id);
  const balancer = balancerOf(call, listener?.loadbalancer_id ?? loadbalancer_id ?? '');
  withinQuota(call, 'pool');
  if (!['ROUND_ROBIN', 'LEAST_CONNECTIONS', 'SOURCE_IP'].includes(lb_algorithm)) throw wrong(`Invalid lb_algorithm ${lb_algorithm}.`);
  if (listener !== undefined && listener.default_pool_id !== null) throw busy('listener', listener.id, 'already has a default pool');
  const { pools, listeners } = elbTables(call.world.store);
  const row = pools.insert({
    id: uuid(),
    project_id: balancer.project_id,
    loadbalancer_id: balancer.id,
    listener_id: listener_id ?? null,
    name,
    description,
    protocol,
    lb_algorithm,
    created_at: plainTime(),
    updated_at: plainTime(),
    extra,
  });
  if (listener !== undefined) listeners.update(listener.id, { default_pool_id: row.id });
  return { status: 201, body: { pool: poolView(call, row) } };
}

export const sharedChildRoutes: readonly Route[] = [
  { method: 'POST', path: `${base}/listeners`, body: required(listenerShape), handle: createListener },
  {
    method: 'GET',
    path: `${base}/listeners`,
    query: filters,
    handle: listing('listeners', (call) => elbTables(call.world.store).listeners.where((row) => shared(call, row)), listenerView),
  },
  {
    method: 'GET',
    path: `${base}/listeners/{listener_id}`,
    handle: (call) => ({ status: 200, body: { listener: listenerView(call, listenerOf(call)) } }),
  },
  {
    method: 'PUT',
    path: `${base}/listeners/{listener_id}`,
    body: required(listenerUpdate),
    handle(call) {
      const { name, description, default_pool_id, ...extra } = read(listenerUpdate, call.body).listener;
      const row = listenerOf(call);
      if (default_pool_id !== undefined) poolOf(call, default_pool_id);
      const patch = { ...given({ name, description, default_pool_id }), extra: { ...row.extra, ...extra }, updated_at: plainTime() };
      return { status: 200, body: { listener: listenerView(call, elbTables(call.world.store).listeners.update(row.id, patch) ?? row) } };
    },
  },
  {
    method: 'DELETE',
    path: `${base}/listeners/{listener_id}`,
    handle(call) {
      const row = listenerOf(call);
      if (row.default_pool_id !== null) throw busy('listener', row.id, `has a pool ${row.default_pool_id}, it is in use`);
      dropListener(call.world.store, row.id);
      return { status: 204 };
    },
  },
  { method: 'POST', path: `${base}/pools`, body: required(poolShape), handle: createPool },
  {
    method: 'GET',
    path: `${base}/pools`,
    query: filters,
    handle: listing('pools', (call) => elbTables(call.world.store).pools.where((row) => shared(call, row)), poolView),
  },
  { method: 'GET', path: `${base}/pools/{pool_id}`, handle: (call) => ({ status: 200, body: { pool: poolView(call, poolOf(call)) } }) },
  {
    method: 'PUT',
    path: `${base}/pools/{pool_id}`,
    body: required(poolUpdate),
    handle(call) {
      const { name, description, lb_algorithm, ...extra } = read(poolUpdate, call.body).pool;
      const row = poolOf(call);
      const patch = { ...given({ name, description, lb_algorithm }), extra: { ...row.extra, ...extra }, updated_at: plainTime() };
      return { status: 200, body: { pool: poolView(call, elbTables(call.world.store).pools.update(row.id, patch) ?? row) } };
    },
  },
  {
    method: 'DELETE',
    path: `${base}/pools/{pool_id}`,
    handle(call) {
      const row = poolOf(call);
      if (hasChildren(call.world.store, row.id)) throw busy('pool', row.id, 'has members or a health monitor, it is in use');
      dropPool(call.world.store, row.id);
      return { status: 204 };
    },
  },
];
