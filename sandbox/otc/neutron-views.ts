/** Owns how VPCs and subnets look through Neutron v2.0 (API reference 2.3). Part of `neutron.ts`. */
import { addressNumber, addressText, range } from './cidr.ts';
import { externalNetworkId } from './neutron-ids.ts';
import type { Call } from './service.ts';
import { networkTables, type SubnetRow, type VpcRow } from './tables/network.ts';
import { projectOfCall } from './vpc-common.ts';

export const networkView = (row: SubnetRow) => ({
  id: row.id,
  name: row.network_name ?? row.id,
  status: 'ACTIVE',
  admin_state_up: true,
  subnets: row.neutron_subnet_id === '' ? [] : [row.neutron_subnet_id],
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

export const external = {
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

export function subnetView(row: SubnetRow) {
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

export const routerView = (row: VpcRow) => ({
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

const subnetRows = (call: Call): SubnetRow[] => networkTables(call.world.store).subnets.where((row) => row.tenant_id === projectOfCall(call));
const vpcRows = (call: Call): VpcRow[] => networkTables(call.world.store).vpcs.where((row) => row.tenant_id === projectOfCall(call));

export const networks = (call: Call) => [...subnetRows(call).map(networkView), external];
export const subnets = (call: Call) =>
  subnetRows(call)
    .filter((row) => row.neutron_subnet_id !== '')
    .map(subnetView);
export const routers = (call: Call) => vpcRows(call).map(routerView);
