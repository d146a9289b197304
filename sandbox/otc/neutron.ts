/**
 * Owns the Neutron v2.0 view of VPCs and subnets (routers, networks, subnets) and the external network (API reference 2.3).
 * Reads only: they are made through v1. Ports are in `ports.ts`, legacy floating IPs in `eip.ts`.
 */
import { addressNumber, addressText, range } from './cidr.ts';
import { externalNetworkId } from './neutron-ids.ts';
import { type Call, Refusal, type Reply, type Service } from './service.ts';
import { networkTables, type SubnetRow, type VpcRow } from './tables/network.ts';
import { filtered, neutronLinks, page, projectOfCall, vpcCodes, vpcError } from './vpc-common.ts';

const networkView = (row: SubnetRow) => ({
  id: row.id,
  name: row.id,
  status: 'ACTIVE',
  admin_state_up: true,
  subnets: [row.neutron_subnet_id],
  shared: false,
  'router:external': false,
  tenant_id: row.tenant_id,
  project_id: row.tenant_id,
  availability_zone_hints: [] as string[],
  availability_zones: ['eu-de-01', 'eu-de-02'],
  port_security_enabled: true,
  'provider:network_type': 'vxlan',
  dns_domain: '',
  created_at: row.created_at,
  updated_at: row.updated_at,
});

const external = {
  ...networkView({
    id: externalNetworkId,
    neutron_subnet_id: '',
    tenant_id: '',
    created_at: '2016-01-01T00:00:00',
    updated_at: '2016-01-01T00:00:00',
  } as SubnetRow),
  name: 'admin_external_net',
  subnets: [] as string[],
  shared: false,
  'router:external': true,
};

function subnetView(row: SubnetRow) {
  const span = range(row.cidr);
  const gateway = addressNumber(row.gateway_ip) ?? 0;
  const pool =
    span === undefined ? [] : [{ start: addressText(gateway === span.first + 1 ? span.first + 2 : span.first + 1), end: addressText(span.last - 3) }];
  return {
    id: row.neutron_subnet_id,
    name: row.name,
    network_id: row.id,
    cidr: row.cidr,
    gateway_ip: row.gateway_ip,
    enable_dhcp: row.dhcp_enable,
    ip_version: 4,
    dns_nameservers: row.dnsList,
    allocation_pools: pool,
    host_routes: [],
    ipv6_address_mode: null,
    ipv6_ra_mode: null,
    subnetpool_id: null,
    tenant_id: row.tenant_id,
    project_id: row.tenant_id,
    created_at: row.created_at,
    updated_at: row.updated_at,
  };
}

const routerView = (row: VpcRow) => ({
  id: row.id,
  name: row.name,
  status: 'ACTIVE',
  admin_state_up: true,
  tenant_id: row.tenant_id,
  project_id: row.tenant_id,
  external_gateway_info: { network_id: externalNetworkId, enable_snat: row.enable_shared_snat },
  routes: row.routes,
  created_at: row.created_at,
  updated_at: row.updated_at,
});

const subnets = (call: Call): SubnetRow[] => networkTables(call.world.store).subnets.where((row) => row.tenant_id === projectOfCall(call));
const vpcs = (call: Call): VpcRow[] => networkTables(call.world.store).vpcs.where((row) => row.tenant_id === projectOfCall(call));

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

const paging = ['limit', 'marker', 'page_reverse', 'fields', 'sort_key', 'sort_dir'];
const networks = (call: Call) => [...subnets(call).map(networkView), external];
const networkFilters = ['id', 'name', 'admin_state_up', 'shared', 'status', 'tenant_id', 'project_id', 'router:external'] as const;
const subnetFilters = ['id', 'name', 'network_id', 'cidr', 'gateway_ip', 'enable_dhcp', 'ip_version', 'tenant_id', 'project_id'] as const;
const routerFilters = ['id', 'name', 'admin_state_up', 'status', 'tenant_id', 'project_id'] as const;
const subnetsView = (call: Call) => subnets(call).map(subnetView);
const routers = (call: Call) => vpcs(call).map(routerView);

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
    {
      method: 'GET',
      path: '/v2.0/extensions',
      handle: () => ({
        status: 200,
        body: {
          extensions: ['security-group', 'router', 'external-net', 'port-security', 'allowed-address-pairs'].map((alias) => ({
            alias,
            name: alias,
            description: '',
            links: [],
            updated: '2016-01-01T00:00:00-00:00',
          })),
        },
      }),
    },
    { method: 'GET', path: '/v2.0/networks', query: [...networkFilters, ...paging], handle: listing('networks', networks, networkFilters) },
    { method: 'GET', path: '/v2.0/networks/{id}', query: ['fields'], handle: one('network', 'Network', networks) },
    { method: 'GET', path: '/v2.0/subnets', query: [...subnetFilters, ...paging], handle: listing('subnets', subnetsView, subnetFilters) },
    { method: 'GET', path: '/v2.0/subnets/{id}', query: ['fields'], handle: one('subnet', 'Subnet', subnetsView) },
    { method: 'GET', path: '/v2.0/routers', query: [...routerFilters, ...paging], handle: listing('routers', routers, routerFilters) },
    { method: 'GET', path: '/v2.0/routers/{id}', query: ['fields'], handle: one('router', 'Router', routers) },
  ],
};
