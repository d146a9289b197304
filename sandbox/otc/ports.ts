/** Owns Neutron ports and attaching groups to them, one by one and in batches (API reference 3.4). Addresses come from `allocate.ts`. */
import { AllocationFailure, createPort, subnetOf } from './allocate.ts';
import { any, boolean, list, object, read, required, string } from './fields.ts';
import { plainTime } from './ids.ts';
import { ownGroups } from './security-rules.ts';
import { type Call, Refusal, type Reply, type Service } from './service.ts';
import { networkTables, type PortRow } from './tables/network.ts';
import { filtered, neutronLinks, page, projectOfCall, vpcCodes, vpcError } from './vpc-common.ts';

const fixedIps = list(object({ subnet_id: string, ip_address: string }));
const pairs = list(object({ ip_address: required(string), mac_address: string }));
const common = {
  name: string,
  security_groups: list(string),
  allowed_address_pairs: pairs,
  device_id: string,
  device_owner: string,
  admin_state_up: boolean,
  port_security_enabled: boolean,
};
const createShape = object({
  port: required(
    object({
      ...common,
      network_id: required(string),
      fixed_ips: fixedIps,
      mac_address: string,
      tenant_id: string,
      project_id: string,
      extra_dhcp_opts: any,
      'binding:vnic_type': string,
    }),
  ),
});
const updateShape = object({ port: required(object({ ...common, extra_dhcp_opts: any, 'binding:profile': any, 'binding:vnic_type': string })) });
const batchShape = object({ action: required(string), ports: required(list(object({ id: required(string) }))) });

const mostInBatch = 20;

const view = ({ vpc_id: _vpc, ...row }: PortRow) => ({
  ...row,
  project_id: row.tenant_id,
  extra_dhcp_opts: [],
  dns_assignment: [],
  dns_name: '',
  'binding:vnic_type': 'normal',
  'binding:vif_details': {},
  'binding:profile': {},
  instance_id: row.device_owner.startsWith('compute:') ? row.device_id : '',
  instance_type: '',
  zone_id: row.device_owner.startsWith('compute:') ? row.device_owner.slice(8) : '',
});

const own = (call: Call): PortRow[] => networkTables(call.world.store).ports.where((row) => row.tenant_id === projectOfCall(call));

function find(call: Call): PortRow {
  const row = own(call).find(({ id }) => id === call.params['port_id']);
  if (row === undefined) throw new Refusal(404, 'PortNotFound', `Port ${call.params['port_id'] ?? ''} could not be found.`);
  return row;
}

function checkGroups(call: Call, ids: readonly string[] | undefined): void {
  const known = new Set(ownGroups(call).map((group) => group.id));
  const missing = ids?.find((id) => !known.has(id));
  if (missing !== undefined) throw new Refusal(404, 'SecurityGroupNotFound', `Security group ${missing} does not exist`);
}

function create(call: Call): Reply {
  const { store } = call.world;
  const wanted = read(createShape, call.body).port;
  const subnet = subnetOf(store, wanted.network_id);
  if (subnet === undefined || subnet.tenant_id !== projectOfCall(call))
    throw new Refusal(404, 'NetworkNotFound', `Network ${wanted.network_id} could not be found.`);
  const fixed = wanted.fixed_ips?.[0];
  if (fixed?.subnet_id !== undefined && fixed.subnet_id !== subnet.neutron_subnet_id)
    throw new Refusal(
      400,
      'InvalidInput',
      `Invalid input for operation: Failed to create port on network ${subnet.id}, because fixed_ips included invalid subnet ${fixed.subnet_id}.`,
    );
  checkGroups(call, wanted.security_groups);
  try {
    const row = createPort(store, {
      networkId: subnet.id,
      deviceId: wanted.device_id ?? '',
      deviceOwner: wanted.device_owner ?? '',
      name: wanted.name ?? '',
      address: fixed?.ip_address,
      securityGroups: wanted.security_groups,
    });
    const pairsGiven =
      wanted.allowed_address_pairs === undefined
        ? row
        : networkTables(store).ports.update(row.id, { allowed_address_pairs: wanted.allowed_address_pairs });
    return { status: 201, body: { port: view(pairsGiven ?? row) } };
  } catch (error) {
    if (!(error instanceof AllocationFailure)) throw error;
    const types = {
      full: 'IpAddressGenerationFailure',
      taken: 'IpAddressInUse',
      outside: 'InvalidIpForNetwork',
      'no-subnet': 'NetworkNotFound',
    } as const;
    throw new Refusal(error.reason === 'no-subnet' ? 404 : error.reason === 'outside' ? 400 : 409, types[error.reason], error.message);
  }
}

function update(call: Call): Reply {
  const row = find(call);
  const { name, security_groups, allowed_address_pairs, device_id, device_owner, port_security_enabled } = read(updateShape, call.body).port;
  checkGroups(call, security_groups);
  const given = Object.entries({ name, security_groups, allowed_address_pairs, device_id, device_owner, port_security_enabled }).filter(
    ([, value]) => value !== undefined,
  );
  const after = networkTables(call.world.store).ports.update(row.id, { ...Object.fromEntries(given), updated_at: plainTime() }) ?? row;
  return { status: 200, body: { port: view(after) } };
}

function remove(call: Call): Reply {
  const row = find(call);
  const { ports, publicIps } = networkTables(call.world.store);
  if (/^(network:|neutron:|compute:)/.test(row.device_owner) && row.device_id !== '')
    throw new Refusal(409, 'PortInUse', `Port ${row.id} cannot be deleted directly via the port API: it is owned by ${row.device_owner}.`);
  if (publicIps.find((eip) => eip.port_id === row.id) !== undefined)
    throw new Refusal(409, 'PortInUse', `Port ${row.id} is in use by a floating IP.`);
  ports.remove(row.id);
  return { status: 204 };
}

function listPorts(call: Call): Reply {
  const addresses = call.query.getAll('fixed_ips').map((text) => text.split('='));
  const rows = filtered(call, own(call), {
    id: (row) => row.id,
    name: (row) => row.name,
    network_id: (row) => row.network_id,
    device_id: (row) => row.device_id,
    device_owner: (row) => row.device_owner,
    status: (row) => row.status,
    mac_address: (row) => row.mac_address,
    admin_state_up: (row) => row.admin_state_up,
    security_groups: (row) => row.security_groups,
    tenant_id: (row) => row.tenant_id,
    project_id: (row) => row.tenant_id,
  }).filter((row) =>
    addresses.every(([kind, value]) => row.fixed_ips.some((fixed) => (kind === 'subnet_id' ? fixed.subnet_id : fixed.ip_address) === value)),
  );
  const shown = page(call, rows, 'BadRequest');
  return { status: 200, body: { ports: shown.rows.map(view), ...neutronLinks(call, 'ports', shown) } };
}

/** Always 200: failures are in the body, re-adding is none. */
function batch(call: Call): Reply {
  const { action, ports } = read(batchShape, call.body);
  const groupId = call.params['security_group_id'] ?? '';
  if (!ownGroups(call).some((group) => group.id === groupId)) throw new Refusal(404, 'VPC.0603', `Securitygroup ${groupId} could not be found.`);
  if (action !== 'add' && action !== 'remove') throw new Refusal(400, 'VPC.0601', `action must be add or remove, not ${action}.`);
  if (ports.length > mostInBatch) throw new Refusal(400, 'VPC.0601', `More than ${mostInBatch} ports.`);
  const table = networkTables(call.world.store).ports;
  const fail = ports.flatMap(({ id }) => {
    const row = own(call).find((port) => port.id === id);
    if (row === undefined) return [{ id, error_code: 'VPC.0607', error_msg: `Port ${id} could not be found.` }];
    const others = row.security_groups.filter((group) => group !== groupId);
    if (action === 'remove' && others.length === 0)
      return [{ id, error_code: 'VPC.0607', error_msg: 'The last security group of a port cannot be removed.' }];
    table.update(id, { security_groups: action === 'add' ? [...others, groupId] : others, updated_at: plainTime() });
    return [];
  });
  return { status: 200, body: fail.length === 0 ? {} : { fail } };
}

const filters = [
  'id',
  'name',
  'network_id',
  'device_id',
  'device_owner',
  'status',
  'mac_address',
  'admin_state_up',
  'security_groups',
  'tenant_id',
  'project_id',
  'fixed_ips',
];

export const ports: Service = {
  name: 'ports',
  prefixes: ['vpc'],
  requestIdHeader: 'X-Openstack-Request-Id',
  codes: vpcCodes('VPC.0601'),
  error: vpcError,
  routes: [
    { method: 'POST', path: '/v2.0/ports', body: required(createShape), handle: create },
    {
      method: 'GET',
      path: '/v2.0/ports',
      query: [...filters, 'limit', 'marker', 'page_reverse', 'fields', 'sort_key', 'sort_dir'],
      handle: listPorts,
    },
    { method: 'GET', path: '/v2.0/ports/{port_id}', query: ['fields'], handle: (call) => ({ status: 200, body: { port: view(find(call)) } }) },
    { method: 'PUT', path: '/v2.0/ports/{port_id}', body: required(updateShape), handle: update },
    { method: 'DELETE', path: '/v2.0/ports/{port_id}', handle: remove },
    { method: 'POST', path: '/v2.0/{project_id}/security-groups/{security_group_id}/instance/action', body: required(batchShape), handle: batch },
  ],
};
