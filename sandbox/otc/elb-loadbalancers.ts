/**
 * Owns dedicated load balancers (API reference 7.1): their making, reads, changes, deletion. What an order may say is in
 * `elb-order.ts`; listeners and pools are in `elb-children.ts`, and CCE's cloud controller writes those as well.
 */
import type { World } from '../contract.ts';
import { addressOf, removePortsOf } from './allocate.ts';
import { projectOf, zonesOf } from './compute-common.ts';
import { withinQuota } from './elb-catalog.ts';
import { backendsOf, balancerPort, changeable, checkTexts, createShape, flavorsOf, place, publicIpFor, tagsOf } from './elb-order.ts';
import { dropListener, dropPool, elbTables, invalid, listenersOf, listOf, missing, poolsOf, publicIpOfBalancer } from './elb-tables.ts';
import { object, read, required } from './fields.ts';
import { uuid, zuluTime } from './ids.ts';
import { bindPublicIp, unbindPublicIp } from './public-ip.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import type { LoadBalancerRow } from './tables/compute.ts';

const all = '/v3/{project_id}/elb/loadbalancers';
const one = `${all}/{loadbalancer_id}`;

const updateShape = object({ loadbalancer: required(object(changeable)) });
const filters = [
  'id',
  'name',
  'description',
  'vpc_id',
  'vip_address',
  'vip_port_id',
  'vip_subnet_cidr_id',
  'eips',
  'publicips',
  'guaranteed',
  'admin_state_up',
  'provisioning_status',
  'operating_status',
  'availability_zone_list',
  'l4_flavor_id',
  'l7_flavor_id',
  'enterprise_project_id',
  'elb_virsubnet_type',
  'ip_version',
  'member_device_id',
  'member_address',
  'billing_info',
  'deletion_protection_enable',
  'limit',
  'marker',
  'page_reverse',
];

export function balancerOf(call: Call, id = call.params['loadbalancer_id'] ?? ''): LoadBalancerRow {
  const row = elbTables(call.world.store).balancers.get(id);
  if (row === undefined || row.project_id !== projectOf(call) || row.kind !== 'dedicated') throw missing('loadbalancer', id);
  return row;
}

function view(call: Call, row: LoadBalancerRow): Record<string, unknown> {
  const { store } = call.world;
  const publicIp = publicIpOfBalancer(store, row);
  const eip = publicIp === undefined ? undefined : { id: publicIp.id, address: publicIp.public_ip_address };
  const { kind: _kind, ...own } = row;
  return {
    ...own,
    provisioning_status: 'ACTIVE',
    operating_status: 'ONLINE',
    listeners: listenersOf(store, row.id).map(({ id }) => ({ id })),
    pools: poolsOf(store, row.id).map(({ id }) => ({ id })),
    provider: 'vlb',
    guaranteed: true,
    enterprise_project_id: '0',
    ipv6_vip_address: null,
    ipv6_vip_virsubnet_id: null,
    ipv6_vip_port_id: null,
    publicips: eip === undefined ? [] : [{ publicip_id: eip.id, publicip_address: eip.address, ip_version: 4 }],
    eips: eip === undefined ? [] : [{ eip_id: eip.id, eip_address: eip.address, ip_version: 4 }],
    elb_virsubnet_type: 'ipv4',
    frozen_scene: null,
    billing_info: null,
    l4_scale_flavor_id: null,
    l7_scale_flavor_id: null,
    public_border_group: 'center',
    charge_mode: 'flavor',
  };
}

const answer = (call: Call, status: number, row: LoadBalancerRow): Reply => ({
  status,
  body: { loadbalancer: view(call, row), request_id: call.requestId },
});

export const balancerRoutes: readonly Route[] = [
  { method: 'POST', path: all, body: required(createShape), handle: create },
  {
    method: 'GET',
    path: all,
    query: filters,
    handle(call) {
      const rows = elbTables(call.world.store).balancers.where((row) => row.project_id === projectOf(call) && row.kind === 'dedicated');
      return listOf(call, 'loadbalancers', rows, (row) => view(call, row));
    },
  },
  { method: 'GET', path: one, handle: (call) => answer(call, 200, balancerOf(call)) },
  { method: 'PUT', path: one, body: required(updateShape), handle: update },
  {
    method: 'DELETE',
    path: one,
    async handle(call) {
      const row = balancerOf(call);
      unprotected(row);
      const { store } = call.world;
      if (listenersOf(store, row.id).length > 0) throw new Refusal(409, 'ELB.8907', `loadbalancer ${row.id} has listeners, it is in use.`);
      if (poolsOf(store, row.id).length > 0) throw new Refusal(409, 'ELB.8907', `loadbalancer ${row.id} has pools, it is in use.`);
      await dropBalancer(call.world, row);
      return { status: 204 };
    },
  },
  {
    method: 'DELETE',
    path: `${one}/force-elb`,
    async handle(call) {
      const row = balancerOf(call);
      unprotected(row);
      const { store } = call.world;
      for (const pool of poolsOf(store, row.id)) dropPool(store, pool.id);
      for (const listener of listenersOf(store, row.id)) dropListener(store, listener.id);
      await dropBalancer(call.world, row);
      return { status: 204 };
    },
  },
  { method: 'GET', path: `${one}/statuses`, handle: statuses },
];

function unprotected(row: LoadBalancerRow): void {
  if (row.deletion_protection_enable) throw new Refusal(409, 'ELB.8907', `loadbalancer ${row.id} has deletion protection enabled.`);
}

/** Takes a balancer away: its EIP is unbound, not released. */
export async function dropBalancer(world: World, row: LoadBalancerRow): Promise<void> {
  const { store } = world;
  const publicIp = publicIpOfBalancer(store, row);
  if (publicIp !== undefined) unbindPublicIp(store, publicIp.id);
  elbTables(store).balancers.remove(row.id);
  removePortsOf(store, row.id);
  if (row.vip_address !== null) await world.addresses.remove(row.vip_address);
}

async function create(call: Call): Promise<Reply> {
  const { store } = call.world;
  const wanted = read(createShape, call.body).loadbalancer;
  withinQuota(call, 'loadbalancer');
  checkTexts(wanted);
  const zones = wanted.availability_zone_list;
  if (zones.length === 0) throw invalid('availability_zone_list must not be empty.');
  for (const zone of zones) if (!zonesOf(call.region).includes(zone)) throw invalid(`Invalid availability zone ${zone}.`);
  if (wanted.guaranteed === false) throw invalid('Only dedicated load balancers (guaranteed) are made by this API.');
  if (wanted.admin_state_up === false) throw invalid('admin_state_up must be true.');
  const { vip, vpcId } = place(call, wanted);
  const backends = backendsOf(call, vpcId, wanted.elb_virsubnet_ids ?? (vip === undefined ? [] : [vip.id]));
  const flavors = flavorsOf(call, wanted);
  const tags = tagsOf(wanted);
  const id = uuid();
  const port = vip === undefined ? undefined : balancerPort(call, id, vip, { name: 'elb-vip', address: wanted.vip_address });
  for (const subnet of backends) balancerPort(call, id, subnet, { name: 'elb-backend' });
  const publicIp = await publicIpFor(call, wanted).catch((error: unknown) => {
    removePortsOf(store, id);
    throw error;
  });
  const now = zuluTime();
  const row = elbTables(store).balancers.insert({
    id,
    kind: 'dedicated',
    project_id: projectOf(call),
    name: wanted.name ?? '',
    description: wanted.description ?? '',
    vpc_id: vpcId,
    vip_address: port === undefined ? null : addressOf(port),
    vip_port_id: port?.id ?? null,
    vip_subnet_cidr_id: vip?.neutron_subnet_id ?? null,
    elb_virsubnet_ids: backends.map((subnet) => subnet.id),
    availability_zone_list: zones,
    ...flavors,
    ip_target_enable: wanted.ip_target_enable ?? false,
    deletion_protection_enable: wanted.deletion_protection_enable ?? false,
    protection_status: wanted.protection_status ?? 'nonProtection',
    protection_reason: wanted.protection_reason ?? '',
    waf_failure_action: wanted.waf_failure_action ?? 'forward',
    admin_state_up: true,
    created_at: now,
    updated_at: now,
    tags,
  });
  if (publicIp !== undefined) bindPublicIp(store, publicIp, { kind: 'ELB', id });
  if (port !== undefined) await call.world.addresses.add(addressOf(port));
  return answer(call, 201, row);
}

function update(call: Call): Reply {
  const { store } = call.world;
  const wanted = read(updateShape, call.body).loadbalancer;
  const row = balancerOf(call);
  checkTexts(wanted);
  if (wanted.vip_subnet_cidr_id !== undefined && wanted.vip_subnet_cidr_id !== row.vip_subnet_cidr_id)
    throw invalid('The subnet of the virtual address cannot be changed here.');
  for (const layer of ['l4_flavor_id', 'l7_flavor_id'] as const)
    if (wanted[layer] !== undefined && row[layer] === null) throw invalid(`${layer} cannot be set later.`);
  if (wanted.l4_flavor_id !== undefined || wanted.l7_flavor_id !== undefined) flavorsOf(call, wanted);
  if (wanted.elb_virsubnet_ids !== undefined) backendsOf(call, row.vpc_id, wanted.elb_virsubnet_ids);
  const { ipv6_vip_virsubnet_id: _ipv6, vip_address: _vip, ...patch } = wanted;
  const after = elbTables(store).balancers.update(row.id, { ...(patch as Partial<LoadBalancerRow>), updated_at: zuluTime() });
  return answer(call, 200, after ?? row);
}

function statuses(call: Call): Reply {
  const { store } = call.world;
  const row = balancerOf(call);
  const { members, monitors } = elbTables(store);
  const pools = poolsOf(store, row.id).map((pool) => {
    const monitor = monitors.find((other) => other.pool_id === pool.id);
    return {
      id: pool.id,
      name: pool.name,
      provisioning_status: 'ACTIVE',
      operating_status: 'ONLINE',
      ...(monitor === undefined ? {} : { healthmonitor: { id: monitor.id, name: monitor.name, type: monitor.type, provisioning_status: 'ACTIVE' } }),
      members: members
        .where((member) => member.pool_id === pool.id)
        .map(({ id, address, protocol_port, operating_status }) => ({ id, address, protocol_port, operating_status, provisioning_status: 'ACTIVE' })),
    };
  });
  const listeners = listenersOf(store, row.id).map((listener) => ({
    id: listener.id,
    name: listener.name,
    provisioning_status: 'ACTIVE',
    operating_status: 'ONLINE',
    pools: pools.filter((pool) => pool.id === listener.default_pool_id),
    l7policies: [],
  }));
  const loadbalancer = { id: row.id, name: row.name, provisioning_status: 'ACTIVE', operating_status: 'ONLINE', listeners, pools };
  return { status: 200, body: { statuses: { loadbalancer }, request_id: call.requestId } };
}
