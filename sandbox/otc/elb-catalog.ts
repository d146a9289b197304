/** Owns what ELB sells and allows (API reference 7.1): flavors, availability zones, quotas. */
import { projectOf, quotaOf, soldOut, stableUuid, zonesOf } from './compute-common.ts';
import { elbTables } from './elb-tables.ts';
import { type Call, Refusal, type Route } from './service.ts';

interface ElbFlavor {
  readonly id: string;
  readonly name: string;
  readonly type: 'L4' | 'L7' | 'L4_elastic_max' | 'L7_elastic_max';
  readonly info: Readonly<Record<string, number>>;
}

const flavor = (type: ElbFlavor['type'], name: string, connection: number, cps: number, bandwidth: number, lcu: number): ElbFlavor => ({
  id: stableUuid(`elb flavor ${name}`),
  name,
  type,
  info: type.startsWith('L7') ? { connection, cps, qps: cps * 2, https_cps: cps / 10, bandwidth, lcu } : { connection, cps, bandwidth, lcu },
});

export const elbFlavors: readonly ElbFlavor[] = [
  flavor('L4', 'L4_flavor.elb.s1.small', 500_000, 10_000, 50_000, 10),
  flavor('L4', 'L4_flavor.elb.s1.medium', 1_000_000, 20_000, 100_000, 20),
  flavor('L4', 'L4_flavor.elb.s2.small', 2_000_000, 40_000, 200_000, 40),
  flavor('L4', 'L4_flavor.elb.s2.large', 4_000_000, 80_000, 400_000, 80),
  flavor('L7', 'L7_flavor.elb.s1.small', 200_000, 2_000, 50_000, 10),
  flavor('L7', 'L7_flavor.elb.s1.medium', 400_000, 4_000, 100_000, 20),
  flavor('L7', 'L7_flavor.elb.s2.small', 800_000, 8_000, 200_000, 40),
  flavor('L7', 'L7_flavor.elb.s2.large', 1_600_000, 16_000, 400_000, 80),
  flavor('L4_elastic_max', 'L4_flavor.elb.pro.max', 20_000_000, 400_000, 4_000_000, 400),
  flavor('L7_elastic_max', 'L7_flavor.elb.pro.max', 8_000_000, 80_000, 4_000_000, 400),
];

export const elbFlavorOf = (id: string): ElbFlavor | undefined => elbFlavors.find((one) => one.id === id);
export const smallest = (layer: 'L4' | 'L7'): string => elbFlavors.find((one) => one.type === layer)?.id ?? '';

const view = (call: Call, one: ElbFlavor): unknown => ({
  id: one.id,
  name: one.name,
  type: one.type,
  shared: true,
  project_id: projectOf(call),
  flavor_sold_out: soldOut(call.world.store, one.name, ''),
  info: one.info,
});

const limits = {
  loadbalancer: 50,
  listener: 100,
  pool: 500,
  member: 500,
  healthmonitor: -1,
  l7policy: 500,
  certificate: 120,
  ipgroup: 50,
  security_policy: 50,
  members_per_pool: 500,
} as const;

/** The project's limit for a kind of resource. */
export const elbQuota = (call: Call, kind: keyof typeof limits): number => quotaOf(call.world.store, `elb.${kind}`, limits[kind]);

/** @throws Refusal */
export function withinQuota(call: Call, kind: 'loadbalancer' | 'listener' | 'pool'): void {
  if (used(call, kind) >= elbQuota(call, kind)) throw new Refusal(409, 'ELB.8905', `Quota exceeded for resources: ${kind}`);
}

function used(call: Call, kind: string): number {
  const tables = elbTables(call.world.store);
  const own = (row: { readonly project_id: string }): boolean => row.project_id === projectOf(call);
  if (kind === 'loadbalancer') return tables.balancers.where(own).length;
  if (kind === 'listener') return tables.listeners.where(own).length;
  if (kind === 'pool') return tables.pools.where(own).length;
  if (kind === 'member') return tables.members.where(own).length;
  return kind === 'healthmonitor' ? tables.monitors.where(own).length : 0;
}

const kinds = Object.keys(limits) as (keyof typeof limits)[];
const base = '/v3/{project_id}/elb';

export const catalogRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: `${base}/flavors`,
    query: ['type', 'name', 'id', 'shared', 'limit', 'marker', 'page_reverse', 'list_all', 'flavor_sold_out'],
    handle(call) {
      const wanted = (name: string, value: string): boolean => call.query.getAll(name).length === 0 || call.query.getAll(name).includes(value);
      const shown = elbFlavors.filter(
        (one) => wanted('type', one.type) && wanted('name', one.name) && wanted('id', one.id) && wanted('shared', 'true'),
      );
      return {
        status: 200,
        body: { flavors: shown.map((one) => view(call, one)), page_info: { current_count: shown.length }, request_id: call.requestId },
      };
    },
  },
  {
    method: 'GET',
    path: `${base}/flavors/{flavor_id}`,
    handle(call) {
      const one = elbFlavorOf(call.params['flavor_id'] ?? '');
      if (one === undefined) throw new Refusal(404, 'ELB.8904', `flavor ${call.params['flavor_id']} could not be found.`);
      return { status: 200, body: { flavor: view(call, one), request_id: call.requestId } };
    },
  },
  {
    method: 'GET',
    path: `${base}/availability-zones`,
    query: ['public_border_group', 'loadbalancer_id'],
    handle(call) {
      const zones = zonesOf(call.region).map((code) => ({
        code,
        state: 'ACTIVE',
        protocol: ['L4', 'L7'],
        public_border_group: 'center',
        category: 0,
      }));
      return { status: 200, body: { availability_zones: [zones], request_id: call.requestId } };
    },
  },
  {
    method: 'GET',
    path: `${base}/quotas`,
    handle: (call) => ({
      status: 200,
      body: {
        quota: { ...Object.fromEntries(kinds.map((kind) => [kind, elbQuota(call, kind)])), project_id: projectOf(call) },
        request_id: call.requestId,
      },
    }),
  },
  {
    method: 'GET',
    path: `${base}/quotas/details`,
    query: ['quota_key'],
    handle(call) {
      const asked = call.query.getAll('quota_key');
      const quotas = kinds
        .filter((kind) => asked.length === 0 || asked.includes(kind))
        .map((kind) => ({ quota_key: kind, used: used(call, kind), quota_limit: elbQuota(call, kind), unit: 'count' }));
      return { status: 200, body: { quotas, request_id: call.requestId } };
    },
  },
];
