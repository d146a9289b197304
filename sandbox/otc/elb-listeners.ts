/** Owns listeners of dedicated load balancers (API reference 7.1, "Children"). CCE's cloud controller writes their table too. */
import { projectOf } from './compute-common.ts';
import { withinQuota } from './elb-catalog.ts';
import { portTaken } from './elb-checks.ts';
import { balancerOf } from './elb-loadbalancers.ts';
import { dropListener, dropPool, elbReply, elbTables, invalid, listenerOf, listOf, paging, poolOf } from './elb-tables.ts';
import { any, boolean, integer, list, object, read, required, string } from './fields.ts';
import { uuid, zuluTime } from './ids.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import type { ListenerRow } from './tables/compute.ts';

const base = '/v3/{project_id}/elb';
const listenerFields = {
  name: string,
  description: string,
  default_pool_id: string,
  admin_state_up: boolean,
  default_tls_container_ref: string,
  client_ca_tls_container_ref: string,
  sni_container_refs: list(string),
  tls_ciphers_policy: string,
  security_policy_id: string,
  sni_match_algo: string,
  enhance_l7policy_enable: boolean,
  protection_status: string,
  protection_reason: string,
  access_log_customized_headers_config: any,
  http2_enable: boolean,
  insert_headers: any,
  keepalive_timeout: integer,
  client_timeout: integer,
  member_timeout: integer,
  ipgroup: any,
  transparent_client_ip_enable: boolean,
  enable_member_retry: boolean,
} as const;
const listenerShape = object({
  listener: required(
    object({
      ...listenerFields,
      loadbalancer_id: required(string),
      protocol: required(string),
      protocol_port: required(integer),
      tags: list(object({ key: required(string), value: string })),
      project_id: string,
    }),
  ),
});
const listenerUpdate = object({ listener: required(object(listenerFields)) });
const protocols: Readonly<Record<string, 'L4' | 'L7'>> = { TCP: 'L4', UDP: 'L4', TLS: 'L4', HTTP: 'L7', HTTPS: 'L7' };
const listenerView = (row: ListenerRow): Record<string, unknown> => {
  const { loadbalancer_id, owner: _owner, extra, ...seen } = row;
  return {
    admin_state_up: true,
    default_tls_container_ref: null,
    client_ca_tls_container_ref: null,
    sni_container_refs: [],
    http2_enable: false,
    insert_headers: {},
    connection_limit: -1,
    keepalive_timeout: 60,
    client_timeout: 60,
    member_timeout: 60,
    ...extra,
    ...seen,
    loadbalancers: [{ id: loadbalancer_id }],
  };
};

export const listenerRoutes: readonly Route[] = [
  { method: 'POST', path: `${base}/listeners`, body: required(listenerShape), handle: createListener },
  {
    method: 'GET',
    path: `${base}/listeners`,
    query: [...paging, 'id', 'name', 'protocol', 'protocol_port', 'loadbalancer_id', 'default_pool_id', 'description'],
    handle(call) {
      const rows = elbTables(call.world.store).listeners.where((row) => row.project_id === projectOf(call));
      return listOf(call, 'listeners', rows, listenerView, (row) => ({ loadbalancer_id: row.loadbalancer_id }));
    },
  },
  { method: 'GET', path: `${base}/listeners/{listener_id}`, handle: (call) => elbReply(call, 200, 'listener', listenerView(listenerOf(call))) },
  {
    method: 'PUT',
    path: `${base}/listeners/{listener_id}`,
    body: required(listenerUpdate),
    handle(call) {
      const { name, description, default_pool_id, ...extra } = read(listenerUpdate, call.body).listener;
      const row = listenerOf(call);
      if (default_pool_id !== undefined) poolOf(call, default_pool_id);
      const after = elbTables(call.world.store).listeners.update(row.id, {
        name: name ?? row.name,
        description: description ?? row.description,
        default_pool_id: default_pool_id ?? row.default_pool_id,
        extra: { ...row.extra, ...extra },
        updated_at: zuluTime(),
      });
      return elbReply(call, 200, 'listener', listenerView(after ?? row));
    },
  },
  {
    method: 'DELETE',
    path: `${base}/listeners/{listener_id}`,
    handle(call) {
      const row = listenerOf(call);
      const { members, l7Policies } = elbTables(call.world.store);
      // A default pool may stay where it has no members any more.
      if (members.find((member) => member.pool_id === row.default_pool_id) !== undefined)
        throw new Refusal(409, 'ELB.8907', `listener ${row.id} has a pool with members, it is in use.`);
      if (l7Policies.find((policy) => policy.listener_id === row.id) !== undefined)
        throw new Refusal(409, 'ELB.8907', `listener ${row.id} has forwarding policies, it is in use.`);
      dropListener(call.world.store, row.id);
      return { status: 204 };
    },
  },
  {
    method: 'DELETE',
    path: `${base}/listeners/{listener_id}/force`,
    handle(call) {
      const { store } = call.world;
      const row = listenerOf(call);
      for (const pool of elbTables(store).pools.where((one) => one.listener_id === row.id || one.id === row.default_pool_id))
        dropPool(store, pool.id);
      dropListener(store, row.id);
      return { status: 204 };
    },
  },
];

function createListener(call: Call): Reply {
  const { store } = call.world;
  const {
    loadbalancer_id,
    protocol,
    protocol_port,
    name,
    description,
    default_pool_id,
    tags,
    project_id: _project,
    ...extra
  } = read(listenerShape, call.body).listener;
  const balancer = balancerOf(call, loadbalancer_id);
  withinQuota(call, 'listener');
  const layer = protocols[protocol];
  if (layer === undefined) throw invalid(`Invalid protocol ${protocol}.`);
  if (protocol_port < 1 || protocol_port > 65535) throw invalid(`Invalid port ${protocol_port}.`);
  if (balancer[layer === 'L4' ? 'l4_flavor_id' : 'l7_flavor_id'] === null)
    throw invalid(`loadbalancer ${balancer.id} has no ${layer} flavor for a ${protocol} listener.`);
  if (protocol === 'HTTPS' && extra.default_tls_container_ref === undefined)
    throw invalid('default_tls_container_ref is required for HTTPS listeners.');
  if (portTaken(store, balancer.id, protocol, protocol_port))
    throw new Refusal(409, 'ELB.8907', `Load balancer ${balancer.id} already has a listener with protocol_port of ${protocol_port}.`);
  if (default_pool_id !== undefined) poolOf(call, default_pool_id);
  const now = zuluTime();
  const row = elbTables(store).listeners.insert({
    id: uuid(),
    project_id: projectOf(call),
    loadbalancer_id,
    name: name ?? '',
    description: description ?? '',
    protocol,
    protocol_port,
    default_pool_id: default_pool_id ?? null,
    created_at: now,
    updated_at: now,
    tags: (tags ?? []).map(({ key, value = '' }) => ({ key, value })),
    extra,
  });
  return elbReply(call, 201, 'listener', listenerView(row));
}
