/** Owns what dedicated and shared load balancers check and show alike. Which words refuse it is each API's own: `elb-tables.ts`, `elb-shared-common.ts`. */
import { addressNumber, holds, range } from './cidr.ts';
import { elbTables, listenersOf } from './elb-tables.ts';
import { boolean, integer, string } from './fields.ts';
import type { Store } from './store.ts';
import type { HealthMonitorRow, PoolRow } from './tables/compute.ts';
import type { SubnetRow } from './tables/network.ts';

/** What can be ordered of a health monitor and changed later. */
export const monitorFields = {
  name: string,
  delay: integer,
  timeout: integer,
  max_retries: integer,
  max_retries_down: integer,
  type: string,
  monitor_port: integer,
  url_path: string,
  http_method: string,
  expected_codes: string,
  domain_name: string,
  admin_state_up: boolean,
} as const;

/** Whether a listener has the port already: UDP and all that is TCP below do not stand in each other's way. */
export const portTaken = (store: Store, balancerId: string, protocol: string, port: number): boolean =>
  listenersOf(store, balancerId).some((row) => row.protocol_port === port && (row.protocol === 'UDP') === (protocol === 'UDP'));

export const isMember = (store: Store, poolId: string, address: string, port: number): boolean =>
  elbTables(store).members.find((row) => row.pool_id === poolId && row.address === address && row.protocol_port === port) !== undefined;

export const monitorOfPool = (store: Store, poolId: string): HealthMonitorRow | undefined =>
  elbTables(store).monitors.find((row) => row.pool_id === poolId);

/** Whether a pool has members or a health monitor, which must go before it. */
export const hasChildren = (store: Store, poolId: string): boolean =>
  elbTables(store).members.find((row) => row.pool_id === poolId) !== undefined || monitorOfPool(store, poolId) !== undefined;

export function inSubnet(subnet: SubnetRow, address: string): boolean {
  const span = range(subnet.cidr);
  const number = addressNumber(address);
  return span !== undefined && number !== undefined && holds(span, number);
}

/** What a pool shows of its neighbours. */
export function neighboursOf(store: Store, pool: PoolRow) {
  const { listeners, members } = elbTables(store);
  return {
    loadbalancers: [{ id: pool.loadbalancer_id }],
    listeners: listeners.where((one) => one.id === pool.listener_id || one.default_pool_id === pool.id).map(({ id }) => ({ id })),
    members: members.where((one) => one.pool_id === pool.id).map(({ id }) => ({ id })),
    healthmonitor_id: monitorOfPool(store, pool.id)?.id ?? null,
  };
}
