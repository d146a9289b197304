/** Owns ELB's tables by short names, who is bound to a balancer, and the page form of its lists (API reference 10.7). */
import { projectOf } from './compute-common.ts';
import { publicIpBoundTo } from './public-ip.ts';
import { type Call, Refusal, type Reply } from './service.ts';
import type { Row, Store } from './store.ts';
import type {
  CertificateRow,
  HealthMonitorRow,
  IpGroupRow,
  L7PolicyRow,
  L7RuleRow,
  ListenerRow,
  LoadBalancerRow,
  MemberRow,
  PoolRow,
  SecurityPolicyRow,
} from './tables/compute.ts';
import { networkTables, type PublicIpRow } from './tables/network.ts';

export const elbTables = (store: Store) => ({
  balancers: store.table<LoadBalancerRow>('elb.loadbalancers'),
  listeners: store.table<ListenerRow>('elb.listeners'),
  pools: store.table<PoolRow>('elb.pools'),
  members: store.table<MemberRow>('elb.members'),
  monitors: store.table<HealthMonitorRow>('elb.healthmonitors'),
  certificates: store.table<CertificateRow>('elb.certificates'),
  ipGroups: store.table<IpGroupRow>('elb.ipgroups'),
  securityPolicies: store.table<SecurityPolicyRow>('elb.security-policies'),
  l7Policies: store.table<L7PolicyRow>('elb.l7policies'),
  l7Rules: store.table<L7RuleRow>('elb.l7rules'),
});

/** The EIP of a balancer, bound to itself or to the port of its virtual address. */
export const publicIpOfBalancer = (store: Store, row: LoadBalancerRow): PublicIpRow | undefined =>
  publicIpBoundTo(store, 'ELB', row.id) ??
  (row.vip_port_id === null
    ? undefined
    : networkTables(store).publicIps.find((one) => one.port_id === row.vip_port_id || one.bound_to?.id === row.vip_port_id));

export const listenersOf = (store: Store, id: string): ListenerRow[] => elbTables(store).listeners.where((row) => row.loadbalancer_id === id);
export const poolsOf = (store: Store, id: string): PoolRow[] => elbTables(store).pools.where((row) => row.loadbalancer_id === id);

/** Removes a pool with its members and monitors. */
export function dropPool(store: Store, id: string): void {
  const { members, monitors, pools, listeners } = elbTables(store);
  for (const member of members.where((row) => row.pool_id === id)) members.remove(member.id);
  for (const monitor of monitors.where((row) => row.pool_id === id)) monitors.remove(monitor.id);
  for (const listener of listeners.where((row) => row.default_pool_id === id)) listeners.update(listener.id, { default_pool_id: null });
  pools.remove(id);
}

/** Removes a listener with its forwarding policies. */
export function dropListener(store: Store, id: string): void {
  const { listeners, l7Policies } = elbTables(store);
  for (const policy of l7Policies.where((row) => row.listener_id === id)) dropPolicy(store, policy.id);
  listeners.remove(id);
}

/** Removes a forwarding policy with its rules. */
export function dropPolicy(store: Store, id: string): void {
  const { l7Policies, l7Rules } = elbTables(store);
  for (const rule of l7Rules.where((row) => row.policy_id === id)) l7Rules.remove(rule.id);
  l7Policies.remove(id);
}

/** Filters by query parameters (repeatable: or; `hidden` are those a row can be asked for without showing them) and cuts a page after `marker`. */
export function listOf<T extends Row>(
  call: Call,
  name: string,
  rows: readonly T[],
  view: (row: T) => Record<string, unknown>,
  hidden: (row: T) => Record<string, unknown> = () => ({}),
): { status: 200; body: unknown } {
  const shown = rows
    .map((row) => ({ row, seen: view(row), asked: { ...view(row), ...hidden(row) } as Record<string, unknown> }))
    .filter(({ asked }) =>
      [...new Set(call.query.keys())]
        .filter((key) => !paging.includes(key))
        .every((key) => call.query.getAll(key).some((wanted) => fits(asked[key], wanted))),
    );
  const limit = Number(call.query.get('limit') ?? 2000);
  if (!Number.isInteger(limit) || limit < 0 || limit > 2000) throw new Refusal(400, 'ELB.8902', 'Invalid limit: 0 to 2000.');
  const marker = call.query.get('marker');
  const start = marker === null ? 0 : shown.findIndex(({ row }) => row.id === marker) + 1;
  if (marker !== null && start === 0) throw new Refusal(400, 'ELB.8902', `Invalid marker ${marker}.`);
  const page = shown.slice(start, start + limit);
  const last = page.at(-1);
  const more = last !== undefined && start + limit < shown.length;
  const info = {
    ...(page[0] === undefined ? {} : { previous_marker: page[0].row.id }),
    ...(more ? { next_marker: last.row.id } : {}),
    current_count: page.length,
  };
  return { status: 200, body: { [name]: page.map(({ seen }) => seen), page_info: info, request_id: call.requestId } };
}

/** `eips=eip_id=<id>` looks into a list of objects; other values are compared as text. */
function fits(value: unknown, wanted: string): boolean {
  if (Array.isArray(value)) {
    const [key = '', text = ''] = wanted.includes('=') ? wanted.split('=', 2) : [];
    return value.some((one: unknown) =>
      typeof one === 'object' && one !== null ? (one as Record<string, unknown>)[key] === text : String(one) === wanted,
    );
  }
  return value !== undefined && String(value) === wanted;
}

/** Paging parameters of all lists. */
export const paging = ['limit', 'marker', 'page_reverse'];

export const invalid = (message: string): Refusal => new Refusal(400, 'ELB.8902', message);
export const missing = (what: string, id: string): Refusal => new Refusal(404, 'ELB.8904', `${what} ${id} could not be found.`);

export const elbReply = (call: Call, status: number, name: string, body: unknown): Reply => ({
  status,
  body: { [name]: body, request_id: call.requestId },
});

/** A row of the project by id. @throws Refusal */
export function ownRow<T extends { readonly project_id: string }>(call: Call, what: string, row: T | undefined, id: string): T {
  if (row === undefined || row.project_id !== projectOf(call)) throw missing(what, id);
  return row;
}

/** The listener of the path, or of that id. @throws Refusal */
export const listenerOf = (call: Call, id = call.params['listener_id'] ?? ''): ListenerRow =>
  ownRow(call, 'listener', elbTables(call.world.store).listeners.get(id), id);
/** The pool of the path, or of that id. @throws Refusal */
export const poolOf = (call: Call, id = call.params['pool_id'] ?? ''): PoolRow => ownRow(call, 'pool', elbTables(call.world.store).pools.get(id), id);
