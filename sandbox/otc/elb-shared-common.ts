/** Owns what the files of shared load balancers have in common: lookups, refusals in Neutron's words, lists. Part of `elb-shared.ts`. */
import { projectOf } from './compute-common.ts';
import { elbTables } from './elb-tables.ts';
import { type Call, Refusal, type Reply } from './service.ts';
import type { ListenerRow, LoadBalancerRow, PoolRow } from './tables/compute.ts';

export const base = '/v2.0/lbaas';
export const missing = (what: string, id: string): Refusal => new Refusal(404, 'EntityNotFound', `${what} ${id} could not be found`);
export const busy = (what: string, id: string, why: string): Refusal => new Refusal(409, 'EntityInUse', `${what} ${id} ${why}`);
export const wrong = (message: string): Refusal => new Refusal(400, 'BadRequest', message);

export function balancerOf(call: Call, id: string): LoadBalancerRow {
  const row = elbTables(call.world.store).balancers.get(id);
  if (row === undefined || row.kind !== 'shared' || row.project_id !== projectOf(call)) throw missing('loadbalancer', id);
  return row;
}

/** A row below a shared balancer of the project. @throws Refusal */
function below<T extends { readonly loadbalancer_id: string }>(call: Call, what: string, row: T | undefined, id: string): T {
  if (row === undefined) throw missing(what, id);
  balancerOf(call, row.loadbalancer_id);
  return row;
}

export const listenerOf = (call: Call, id = call.params['listener_id'] ?? ''): ListenerRow =>
  below(call, 'listener', elbTables(call.world.store).listeners.get(id), id);
export const poolOf = (call: Call, id = call.params['pool_id'] ?? ''): PoolRow => below(call, 'pool', elbTables(call.world.store).pools.get(id), id);

export const owner = (project: string) => ({ tenant_id: project, project_id: project, admin_state_up: true });

export const paging = ['limit', 'marker', 'page_reverse'];

/** A list, filtered by what rows show. */
export function listing<T>(name: string, rows: (call: Call) => readonly T[], view: (call: Call, row: T) => Record<string, unknown>) {
  return (call: Call): Reply => {
    const seen = rows(call)
      .map((row) => view(call, row))
      .filter((one) => [...call.query].every(([key, wanted]) => paging.includes(key) || String(one[key]) === wanted));
    return { status: 200, body: { [name]: seen, [`${name}_links`]: [] } };
  };
}

export const shared = (call: Call, row: { readonly loadbalancer_id: string }): boolean => {
  const balancer = elbTables(call.world.store).balancers.get(row.loadbalancer_id);
  return balancer?.kind === 'shared' && balancer.project_id === projectOf(call);
};
/** A patch without the fields that are not given. */
export const given = <T extends object>(patch: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> };

export const filters = [
  ...paging,
  'id',
  'name',
  'description',
  'protocol',
  'protocol_port',
  'default_pool_id',
  'lb_algorithm',
  'type',
  'address',
  'weight',
  'subnet_id',
];
