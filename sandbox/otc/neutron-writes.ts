/**
 * Owns making and changing networks, subnets and routers through Neutron v2.0, which generic OpenStack clients do: a router
 * is a VPC, a network with its one subnet is a VPC's subnet once it is attached. Part of `neutron.ts`, which reads.
 */
import { addressNumber, addressText, holdsHost, overlap, type Range, range } from './cidr.ts';
import { any, boolean, integer, list, object, read, required, string } from './fields.ts';
import { plainTime, uuid } from './ids.ts';
import { networkView, routerView, subnetView } from './neutron-views.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import { networkTables, type SubnetRow, type VpcRow } from './tables/network.ts';
import { isName, projectOfCall } from './vpc-common.ts';

const owner = { tenant_id: string, project_id: string, description: string };
const networkShape = object({
  network: required(
    object({
      ...owner,
      name: string,
      admin_state_up: boolean,
      shared: boolean,
      'router:external': boolean,
      port_security_enabled: boolean,
      availability_zone_hints: list(string),
    }),
  ),
});
const subnetFields = {
  ...owner,
  name: string,
  gateway_ip: string,
  enable_dhcp: boolean,
  dns_nameservers: list(string),
  allocation_pools: any,
  host_routes: any,
};
const subnetShape = object({
  subnet: required(object({ ...subnetFields, network_id: required(string), cidr: required(string), ip_version: integer })),
});
const subnetUpdate = object({ subnet: required(object(subnetFields)) });
const gatewayShape = object({ network_id: string, enable_snat: boolean, external_fixed_ips: any });
const routerShape = object({
  router: required(
    object({
      ...owner,
      name: string,
      admin_state_up: boolean,
      external_gateway_info: gatewayShape,
      routes: list(object({ destination: required(string), nexthop: required(string) })),
      distributed: boolean,
      ha: boolean,
    }),
  ),
});
const interfaceShape = object({ subnet_id: string, port_id: string });

const tables = (call: Call) => networkTables(call.world.store);

function networkOf(call: Call, id = call.params['id'] ?? ''): SubnetRow {
  const row = tables(call).subnets.get(id);
  if (row === undefined || row.tenant_id !== projectOfCall(call)) throw new Refusal(404, 'NetworkNotFound', `Network ${id} could not be found.`);
  return row;
}

function subnetOf(call: Call, id = call.params['id'] ?? ''): SubnetRow {
  const row = tables(call).subnets.find(({ neutron_subnet_id }) => neutron_subnet_id === id);
  if (row === undefined || id === '' || row.tenant_id !== projectOfCall(call))
    throw new Refusal(404, 'SubnetNotFound', `Subnet ${id} could not be found.`);
  return row;
}

function routerOf(call: Call): VpcRow {
  const row = tables(call).vpcs.get(call.params['id'] ?? '');
  if (row === undefined || row.tenant_id !== projectOfCall(call))
    throw new Refusal(404, 'RouterNotFound', `Router ${call.params['id'] ?? ''} could not be found`);
  return row;
}

/** Ports besides the cloud's own. */
const portsIn = (call: Call, row: SubnetRow): number => tables(call).ports.where((port) => port.network_id === row.id).length;

function createNetwork(call: Call): Reply {
  const wanted = read(networkShape, call.body).network;
  if (wanted.shared === true || wanted['router:external'] === true)
    throw new Refusal(403, 'Forbidden', "Policy doesn't allow create_network:shared to be performed.");
  const now = plainTime();
  const row = tables(call).subnets.insert({
    id: uuid(),
    neutron_subnet_id: '',
    network_name: wanted.name ?? '',
    name: '',
    description: '',
    cidr: '',
    gateway_ip: '',
    dhcp_enable: true,
    ipv6_enable: false,
    primary_dns: '',
    secondary_dns: '',
    dnsList: [],
    availability_zone: '',
    vpc_id: '',
    status: 'ACTIVE',
    extra_dhcp_opts: [],
    tenant_id: projectOfCall(call),
    created_at: now,
    updated_at: now,
    tags: [],
  });
  return { status: 201, body: { network: networkView(row) } };
}

function updateNetwork(call: Call): Reply {
  const row = networkOf(call);
  const { name } = read(networkShape, call.body).network;
  return {
    status: 200,
    body: {
      network: networkView(
        tables(call).subnets.update(row.id, { ...(name === undefined ? {} : { network_name: name }), updated_at: plainTime() }) ?? row,
      ),
    },
  };
}

function removeNetwork(call: Call): Reply {
  const row = networkOf(call);
  if (row.vpc_id !== '' || portsIn(call, row) > 0)
    throw new Refusal(
      409,
      'NetworkInUse',
      `Unable to complete operation on network ${row.id}. There are one or more ports still in use on the network.`,
    );
  tables(call).subnets.remove(row.id);
  return { status: 204 };
}

function spanOf(cidr: string): Range {
  const span = range(cidr);
  if (span === undefined || span.prefix > 28)
    throw new Refusal(400, 'BadRequest', `Invalid input for cidr. Reason: '${cidr}' is not a valid IP subnet.`);
  return span;
}

const dns = (servers: readonly string[] | undefined) =>
  servers === undefined ? {} : { dnsList: servers, primary_dns: servers[0] ?? '', secondary_dns: servers[1] ?? '' };

function createSubnet(call: Call): Reply {
  const wanted = read(subnetShape, call.body).subnet;
  const network = networkOf(call, wanted.network_id);
  if (network.neutron_subnet_id !== '') throw new Refusal(409, 'Conflict', `Network ${network.id} already has a subnet.`);
  if (wanted.ip_version !== undefined && wanted.ip_version !== 4) throw new Refusal(400, 'BadRequest', 'Only ip_version 4 is supported.');
  const span = spanOf(wanted.cidr);
  const gateway = wanted.gateway_ip ?? addressText(span.first + 1);
  if (!holdsHost(span, addressNumber(gateway) ?? -1))
    throw new Refusal(400, 'BadRequest', `Gateway ${gateway} is not valid on subnet ${wanted.cidr}.`);
  const patch = {
    neutron_subnet_id: uuid(),
    name: wanted.name ?? '',
    cidr: wanted.cidr,
    gateway_ip: gateway,
    dhcp_enable: wanted.enable_dhcp ?? true,
    ...dns(wanted.dns_nameservers),
    updated_at: plainTime(),
  };
  return { status: 201, body: { subnet: subnetView(tables(call).subnets.update(network.id, patch) ?? network) } };
}

function updateSubnet(call: Call): Reply {
  const row = subnetOf(call);
  const { name, enable_dhcp, dns_nameservers } = read(subnetUpdate, call.body).subnet;
  const patch = {
    ...(name === undefined ? {} : { name }),
    ...(enable_dhcp === undefined ? {} : { dhcp_enable: enable_dhcp }),
    ...dns(dns_nameservers),
    updated_at: plainTime(),
  };
  return { status: 200, body: { subnet: subnetView(tables(call).subnets.update(row.id, patch) ?? row) } };
}

function removeSubnet(call: Call): Reply {
  const row = subnetOf(call);
  if (row.vpc_id !== '' || portsIn(call, row) > 0)
    throw new Refusal(
      409,
      'SubnetInUse',
      `Unable to complete operation on subnet ${row.neutron_subnet_id}: One or more ports have an IP allocation from this subnet.`,
    );
  tables(call).subnets.update(row.id, { neutron_subnet_id: '', cidr: '', gateway_ip: '', name: '' });
  return { status: 204 };
}

function createRouter(call: Call): Reply {
  const wanted = read(routerShape, call.body).router;
  const { vpcs } = tables(call);
  const name = wanted.name ?? '';
  if (name !== '' && !isName(name)) throw new Refusal(400, 'BadRequest', `Invalid input for name: ${name}.`);
  if (name !== '' && vpcs.find((row) => row.tenant_id === projectOfCall(call) && row.name === name) !== undefined)
    throw new Refusal(409, 'Conflict', 'The router name exists.');
  const now = plainTime();
  const row = vpcs.insert({
    id: uuid(),
    name,
    description: '',
    cidr: '',
    extend_cidrs: [],
    status: 'OK',
    routes: wanted.routes ?? [],
    enable_shared_snat: wanted.external_gateway_info?.enable_snat ?? false,
    enterprise_project_id: '0',
    tenant_id: projectOfCall(call),
    created_at: now,
    updated_at: now,
    tags: [],
  });
  return { status: 201, body: { router: routerView(row) } };
}

function updateRouter(call: Call): Reply {
  const row = routerOf(call);
  const { name, routes, external_gateway_info: gateway } = read(routerShape, call.body).router;
  const patch = {
    ...(name === undefined ? {} : { name }),
    ...(routes === undefined ? {} : { routes }),
    ...(gateway?.enable_snat === undefined ? {} : { enable_shared_snat: gateway.enable_snat }),
    updated_at: plainTime(),
  };
  return { status: 200, body: { router: routerView(tables(call).vpcs.update(row.id, patch) ?? row) } };
}

function removeRouter(call: Call): Reply {
  const row = routerOf(call);
  if (tables(call).subnets.find(({ vpc_id }) => vpc_id === row.id) !== undefined)
    throw new Refusal(409, 'RouterInUse', `Router ${row.id} still has ports`);
  tables(call).vpcs.remove(row.id);
  return { status: 204 };
}

function attach(call: Call, add: boolean): Reply {
  const router = routerOf(call);
  const wanted = read(interfaceShape, call.body);
  const port = wanted.port_id === undefined ? undefined : tables(call).ports.get(wanted.port_id);
  const row = port === undefined ? subnetOf(call, wanted.subnet_id ?? '') : networkOf(call, port.network_id);
  const span = spanOf(row.cidr);
  if (add) {
    if (row.vpc_id !== '') throw new Refusal(400, 'BadRequest', `Router already has a port on subnet ${row.neutron_subnet_id}.`);
    const clash = tables(call).subnets.find(
      (other) => other.vpc_id === router.id && overlap(span, range(other.cidr) ?? { first: -1, last: -1, prefix: 32 }),
    );
    if (clash !== undefined)
      throw new Refusal(
        400,
        'BadRequest',
        `Cidr ${row.cidr} of subnet ${row.neutron_subnet_id} overlaps with cidr ${clash.cidr} of subnet ${clash.neutron_subnet_id}.`,
      );
  } else {
    if (row.vpc_id !== router.id)
      throw new Refusal(404, 'RouterInterfaceNotFoundForSubnet', `Router ${router.id} has no interface on subnet ${row.neutron_subnet_id}`);
    if (portsIn(call, row) > 0)
      throw new Refusal(
        409,
        'RouterInterfaceInUse',
        `Router interface for subnet ${row.neutron_subnet_id} on router ${router.id} cannot be deleted, as it is required by one or more ports.`,
      );
  }
  tables(call).subnets.update(row.id, { vpc_id: add ? router.id : '', updated_at: plainTime() });
  return {
    status: 200,
    body: {
      id: router.id,
      tenant_id: router.tenant_id,
      project_id: router.tenant_id,
      subnet_id: row.neutron_subnet_id,
      port_id: wanted.port_id ?? uuid(),
      network_id: row.id,
    },
  };
}

export const neutronWrites: readonly Route[] = [
  { method: 'POST', path: '/v2.0/networks', body: required(networkShape), handle: createNetwork },
  { method: 'PUT', path: '/v2.0/networks/{id}', body: required(networkShape), handle: updateNetwork },
  { method: 'DELETE', path: '/v2.0/networks/{id}', handle: removeNetwork },
  { method: 'POST', path: '/v2.0/subnets', body: required(subnetShape), handle: createSubnet },
  { method: 'PUT', path: '/v2.0/subnets/{id}', body: required(subnetUpdate), handle: updateSubnet },
  { method: 'DELETE', path: '/v2.0/subnets/{id}', handle: removeSubnet },
  { method: 'POST', path: '/v2.0/routers', body: required(routerShape), handle: createRouter },
  { method: 'PUT', path: '/v2.0/routers/{id}', body: required(routerShape), handle: updateRouter },
  { method: 'DELETE', path: '/v2.0/routers/{id}', handle: removeRouter },
  { method: 'PUT', path: '/v2.0/routers/{id}/add_router_interface', body: required(interfaceShape), handle: (call) => attach(call, true) },
  { method: 'PUT', path: '/v2.0/routers/{id}/remove_router_interface', body: required(interfaceShape), handle: (call) => attach(call, false) },
];
