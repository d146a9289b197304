/** Owns the legacy floating IPs of Neutron v2.0, another view of EIPs (API reference 4.3). Part of `eip.ts`. */
import { object, read, required, string } from './fields.ts';
import { externalNetworkId } from './neutron-ids.ts';
import { bindPublicIp, createPublicIp, PoolExhausted, releasePublicIp, unbindPublicIp } from './public-ip.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import { networkTables, type PublicIpRow } from './tables/network.ts';
import { filtered, projectOfCall, quotaOf } from './vpc-common.ts';

const shape = object({
  floatingip: required(
    object({
      floating_network_id: string,
      port_id: string,
      fixed_ip_address: string,
      floating_ip_address: string,
      tenant_id: string,
      project_id: string,
      description: string,
    }),
  ),
});

const view = (row: PublicIpRow) => ({
  id: row.id,
  floating_ip_address: row.public_ip_address,
  port_id: row.port_id,
  fixed_ip_address: row.private_ip_address,
  floating_network_id: externalNetworkId,
  router_id: null,
  status: row.bound_to === null ? 'DOWN' : 'ACTIVE',
  tenant_id: row.tenant_id,
  project_id: row.tenant_id,
  dns_domain: '',
  dns_name: '',
});

const own = (call: Call): PublicIpRow[] => networkTables(call.world.store).publicIps.where((row) => row.tenant_id === projectOfCall(call));

function find(call: Call): PublicIpRow {
  const row = own(call).find(({ id }) => id === call.params['floatingip_id']);
  if (row === undefined) throw new Refusal(404, 'FloatingIPNotFound', `Floating IP ${call.params['floatingip_id'] ?? ''} could not be found`);
  return row;
}

/** Binds to a port, or unbinds where `port_id` is null or empty. */
function bind(call: Call, row: PublicIpRow, portId: string | undefined): PublicIpRow {
  const { store } = call.world;
  if (portId === undefined || portId === '') return unbindPublicIp(store, row.id) ?? row;
  const port = networkTables(store).ports.get(portId);
  if (port === undefined || port.tenant_id !== row.tenant_id) throw new Refusal(404, 'PortNotFound', `Port ${portId} could not be found.`);
  const taken = own(call).find((other) => other.port_id === portId && other.id !== row.id);
  if (taken !== undefined || (row.bound_to !== null && row.port_id !== portId))
    throw new Refusal(409, 'FloatingIPPortAlreadyAssociated', `Cannot associate floating IP ${row.public_ip_address} with port ${portId}.`);
  return bindPublicIp(store, row.id, { kind: 'PORT', id: portId }) ?? row;
}

async function create(call: Call): Promise<Reply> {
  const { floating_network_id: network, port_id: port } = read(shape, call.body).floatingip;
  if (network !== undefined && network !== externalNetworkId) throw new Refusal(404, 'NetworkNotFound', `Network ${network} could not be found.`);
  if (own(call).length >= quotaOf(call.world.store, 'publicIp')) throw new Refusal(409, 'OverQuota', "Quota exceeded for resources: ['floatingip']");
  try {
    const row = await createPublicIp(call.world, { projectId: projectOfCall(call), bandwidth: { size: 5 } });
    return { status: 201, body: { floatingip: view(port === undefined ? row : bind(call, row, port)) } };
  } catch (error) {
    if (error instanceof PoolExhausted) throw new Refusal(409, 'IpAddressGenerationFailure', error.message);
    throw error;
  }
}

async function remove(call: Call): Promise<Reply> {
  const row = find(call);
  if (row.bound_to !== null && row.bound_to.kind !== 'PORT')
    throw new Refusal(409, 'Conflict', `Floating IP ${row.id} is bound to ${row.bound_to.kind} ${row.bound_to.id}.`);
  await releasePublicIp(call.world, row.id);
  return { status: 204 };
}

const base = '/v2.0/floatingips';
const filters = [
  'id',
  'floating_ip_address',
  'port_id',
  'fixed_ip_address',
  'floating_network_id',
  'router_id',
  'status',
  'tenant_id',
  'project_id',
] as const;

export const floatingIpRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: base,
    query: [...filters, 'limit', 'marker', 'fields'],
    handle: (call) => {
      const shown = filtered(
        call,
        own(call).map(view),
        Object.fromEntries(filters.map((name) => [name, (row: ReturnType<typeof view>) => row[name]])),
      );
      return { status: 200, body: { floatingips: shown, floatingips_links: [] } };
    },
  },
  { method: 'GET', path: `${base}/{floatingip_id}`, handle: (call) => ({ status: 200, body: { floatingip: view(find(call)) } }) },
  { method: 'POST', path: base, body: required(shape), handle: create },
  {
    method: 'PUT',
    path: `${base}/{floatingip_id}`,
    body: required(shape),
    handle: (call) => ({ status: 200, body: { floatingip: view(bind(call, find(call), read(shape, call.body).floatingip.port_id)) } }),
  },
  { method: 'DELETE', path: `${base}/{floatingip_id}`, handle: remove },
];
