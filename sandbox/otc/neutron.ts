/**
 * Owns the Neutron v2.0 view of VPCs and subnets (routers, networks, subnets) and the external network (API reference 2.3).
 * Writes are in `neutron-writes.ts`, ports in `ports.ts`, legacy floating IPs in `eip.ts`.
 */
import { range } from './cidr.ts';
import { networks, routers, subnets } from './neutron-views.ts';
import { neutronWrites } from './neutron-writes.ts';
import { type Call, Refusal, type Reply, type Service } from './service.ts';
import { networkTables } from './tables/network.ts';
import { filtered, neutronLinks, page, vpcCodes, vpcError } from './vpc-common.ts';

const fields = <T>(names: readonly (keyof T & string)[]): Record<string, (row: T) => unknown> =>
  Object.fromEntries(names.map((name) => [name, (row: T) => row[name]]));

function listing<T extends { readonly id: string }>(collection: string, rows: (call: Call) => T[], names: readonly (keyof T & string)[]) {
  return (call: Call): Reply => {
    const shown = page(call, filtered(call, rows(call), fields<T>(names)), 'BadRequest');
    return { status: 200, body: { [collection]: shown.rows, ...neutronLinks(call, collection, shown) } };
  };
}

function one<T extends { readonly id: string }>(name: string, type: string, rows: (call: Call) => T[]) {
  return (call: Call): Reply => {
    const row = rows(call).find(({ id }) => id === call.params['id']);
    if (row === undefined) throw new Refusal(404, `${type}NotFound`, `${type} ${call.params['id'] ?? ''} could not be found`);
    return { status: 200, body: { [name]: row } };
  };
}

const extensions = ['security-group', 'router', 'external-net', 'port-security', 'allowed-address-pairs'].map((alias) => ({
  alias,
  name: alias,
  description: '',
  links: [],
  updated: '2016-01-01T00:00:00-00:00',
}));

/** How many addresses of a network are given out; those that the cloud keeps for itself count nowhere. */
function availability(call: Call): Record<string, unknown> {
  const { store } = call.world;
  const row = networkTables(store).subnets.get(call.params['id'] ?? '');
  const network = networks(call).find(({ id }) => id === row?.id);
  if (row === undefined || network === undefined) throw new Refusal(404, 'NetworkNotFound', `Network ${call.params['id'] ?? ''} could not be found.`);
  const span = range(row.cidr);
  const given = networkTables(store).ports.where((port) => port.network_id === row.id);
  const used = given.reduce((sum, port) => sum + port.fixed_ips.length, 0);
  const total = span === undefined ? 0 : span.last - span.first + 1 - reserved;
  const subnet = { subnet_id: row.neutron_subnet_id, subnet_name: row.name, ip_version: 4, cidr: row.cidr, total_ips: total, used_ips: used };
  return {
    network_id: row.id,
    network_name: network.name,
    tenant_id: row.tenant_id,
    project_id: row.tenant_id,
    total_ips: total,
    used_ips: used,
    subnet_ip_availability: span === undefined ? [] : [subnet],
  };
}
/** Network and broadcast address, and of those between the first (gateway) and the last two (DHCP). */
const reserved = 5;

const paging = ['limit', 'marker', 'page_reverse', 'fields', 'sort_key', 'sort_dir'];
const networkFilters = ['id', 'name', 'admin_state_up', 'shared', 'status', 'tenant_id', 'project_id', 'router:external'] as const;
const subnetFilters = ['id', 'name', 'network_id', 'cidr', 'gateway_ip', 'enable_dhcp', 'ip_version', 'tenant_id', 'project_id'] as const;
const routerFilters = ['id', 'name', 'admin_state_up', 'status', 'tenant_id', 'project_id'] as const;

export const neutron: Service = {
  name: 'neutron',
  prefixes: ['vpc'],
  requestIdHeader: 'X-Openstack-Request-Id',
  codes: vpcCodes('VPC.0101'),
  error: vpcError,
  routes: [
    {
      method: 'GET',
      path: '/',
      public: true,
      handle: (call) => ({
        status: 200,
        body: { versions: [{ id: 'v2.0', status: 'CURRENT', links: [{ rel: 'self', href: `https://${call.host}/v2.0` }] }] },
      }),
    },
    {
      method: 'GET',
      path: '/v2.0',
      handle: () => ({
        status: 200,
        body: { resources: ['networks', 'subnets', 'ports', 'security-groups'].map((name) => ({ name, collection: name, links: [] })) },
      }),
    },
    { method: 'GET', path: '/v2.0/extensions', handle: () => ({ status: 200, body: { extensions } }) },
    {
      method: 'GET',
      path: '/v2.0/extensions/{alias}',
      handle: (call) => {
        const extension = extensions.find(({ alias }) => alias === call.params['alias']);
        if (extension === undefined) throw new Refusal(404, 'ExtensionNotFound', `Extension with alias ${call.params['alias'] ?? ''} does not exist`);
        return { status: 200, body: { extension } };
      },
    },
    { method: 'GET', path: '/v2.0/networks', query: [...networkFilters, ...paging], handle: listing('networks', networks, networkFilters) },
    { method: 'GET', path: '/v2.0/networks/{id}', query: ['fields'], handle: one('network', 'Network', networks) },
    { method: 'GET', path: '/v2.0/subnets', query: [...subnetFilters, ...paging], handle: listing('subnets', subnets, subnetFilters) },
    { method: 'GET', path: '/v2.0/subnets/{id}', query: ['fields'], handle: one('subnet', 'Subnet', subnets) },
    { method: 'GET', path: '/v2.0/routers', query: [...routerFilters, ...paging], handle: listing('routers', routers, routerFilters) },
    {
      method: 'GET',
      path: '/v2.0/network-ip-availabilities/{id}',
      handle: (call) => ({ status: 200, body: { network_ip_availability: availability(call) } }),
    },
    ...neutronWrites,
    { method: 'GET', path: '/v2.0/routers/{id}', query: ['fields'], handle: one('router', 'Router', routers) },
  ],
};
