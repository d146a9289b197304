/** Owns shared load balancers, ELB v2.0 in the style of Neutron's LBaaS (API reference 7.2); paths carry no project id. What hangs on them is in `elb-shared-children.ts`. */
import { addressOf, subnetOf } from './allocate.ts';
import { projectOf } from './compute-common.ts';
import { withinQuota } from './elb-catalog.ts';
import { dropBalancer } from './elb-loadbalancers.ts';
import { balancerPort } from './elb-order.ts';
import { balancerOf, base, listing } from './elb-shared-common.ts';
import { dropPool, elbTables, listenersOf, poolsOf } from './elb-tables.ts';
import { boolean, object, read, required, string } from './fields.ts';
import { plainTime, uuid } from './ids.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import type { LoadBalancerRow } from './tables/compute.ts';

const createShape = object({
  loadbalancer: required(
    object({
      name: string,
      description: string,
      vip_subnet_id: required(string),
      vip_address: string,
      admin_state_up: boolean,
      tenant_id: string,
      provider: string,
    }),
  ),
});
const updateShape = object({ loadbalancer: required(object({ name: string, description: string, admin_state_up: boolean })) });

const sharedOf = (call: Call): LoadBalancerRow => balancerOf(call, call.params['loadbalancer_id'] ?? '');

const view = (call: Call, row: LoadBalancerRow): Record<string, unknown> => ({
  id: row.id,
  name: row.name,
  description: row.description,
  tenant_id: row.project_id,
  project_id: row.project_id,
  vip_subnet_id: row.vip_subnet_cidr_id,
  vip_port_id: row.vip_port_id,
  vip_address: row.vip_address,
  provider: 'vlb',
  listeners: listenersOf(call.world.store, row.id).map(({ id }) => ({ id })),
  pools: poolsOf(call.world.store, row.id).map(({ id }) => ({ id })),
  operating_status: 'ONLINE',
  provisioning_status: 'ACTIVE',
  admin_state_up: row.admin_state_up,
  tags: row.tags.map(({ key, value }) => `${key}=${value}`),
  created_at: row.created_at,
  updated_at: row.updated_at,
});

export const sharedRoutes: readonly Route[] = [
  { method: 'POST', path: `${base}/loadbalancers`, body: required(createShape), handle: create },
  {
    method: 'GET',
    path: `${base}/loadbalancers`,
    query: [
      'id',
      'name',
      'description',
      'vip_subnet_id',
      'vip_address',
      'vip_port_id',
      'limit',
      'marker',
      'page_reverse',
      'provisioning_status',
      'operating_status',
    ],
    handle: listing(
      'loadbalancers',
      (call) => elbTables(call.world.store).balancers.where((row) => row.project_id === projectOf(call) && row.kind === 'shared'),
      view,
    ),
  },
  {
    method: 'GET',
    path: `${base}/loadbalancers/{loadbalancer_id}`,
    handle: (call) => ({ status: 200, body: { loadbalancer: view(call, sharedOf(call)) } }),
  },
  {
    method: 'PUT',
    path: `${base}/loadbalancers/{loadbalancer_id}`,
    body: required(updateShape),
    handle(call) {
      const { name, description } = read(updateShape, call.body).loadbalancer;
      const row = sharedOf(call);
      const patch = { name: name ?? row.name, description: description ?? row.description, updated_at: plainTime() };
      return { status: 200, body: { loadbalancer: view(call, elbTables(call.world.store).balancers.update(row.id, patch) ?? row) } };
    },
  },
  {
    method: 'DELETE',
    path: `${base}/loadbalancers/{loadbalancer_id}`,
    query: ['cascade'],
    async handle(call) {
      const { store } = call.world;
      const row = sharedOf(call);
      const cascade = call.query.get('cascade') === 'true';
      if (!cascade && listenersOf(store, row.id).length + poolsOf(store, row.id).length > 0)
        throw new Refusal(409, 'EntityInUse', `loadbalancer ${row.id} has listeners or pools, it is in use`);
      for (const pool of poolsOf(store, row.id)) dropPool(store, pool.id);
      for (const listener of listenersOf(store, row.id)) elbTables(store).listeners.remove(listener.id);
      await dropBalancer(call.world, row);
      return { status: 204 };
    },
  },
];

async function create(call: Call): Promise<Reply> {
  const { store } = call.world;
  const wanted = read(createShape, call.body).loadbalancer;
  withinQuota(call, 'loadbalancer');
  const subnet = subnetOf(store, wanted.vip_subnet_id, 'neutron');
  if (subnet === undefined || subnet.tenant_id !== projectOf(call))
    throw new Refusal(404, 'SubnetNotFound', `Subnet ${wanted.vip_subnet_id} could not be found.`);
  const id = uuid();
  const port = balancerPort(call, id, subnet, { name: 'elb-vip', address: wanted.vip_address, owner: 'neutron:LOADBALANCERV2' });
  const now = plainTime();
  const row = elbTables(store).balancers.insert({
    id,
    kind: 'shared',
    project_id: projectOf(call),
    name: wanted.name ?? '',
    description: wanted.description ?? '',
    vpc_id: subnet.vpc_id,
    vip_address: addressOf(port),
    vip_port_id: port.id,
    vip_subnet_cidr_id: subnet.neutron_subnet_id,
    elb_virsubnet_ids: [],
    availability_zone_list: [],
    l4_flavor_id: null,
    l7_flavor_id: null,
    ip_target_enable: false,
    deletion_protection_enable: false,
    protection_status: 'nonProtection',
    protection_reason: '',
    waf_failure_action: 'forward',
    admin_state_up: wanted.admin_state_up ?? true,
    created_at: now,
    updated_at: now,
    tags: [],
  });
  await call.world.addresses.add(addressOf(port));
  return { status: 201, body: { loadbalancer: view(call, row) } };
}
