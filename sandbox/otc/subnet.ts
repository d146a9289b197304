/** Owns subnets v1 (API reference 2.2), with its unusual 500s for "in use". Their Neutron view is in `neutron.ts`. */
import { addressNumber, holdsHost, overlap, range, within } from './cidr.ts';
import { boolean, list, object, read, required, string } from './fields.ts';
import { plainTime, uuid } from './ids.ts';
import { type Call, Refusal, type Reply, type Service } from './service.ts';
import { networkTables, type SubnetRow, type VpcRow } from './tables/network.ts';
import { filtered, isDescription, isName, page, projectOfCall, quotaOf, vpcCodes, vpcError } from './vpc-common.ts';

const options = list(object({ opt_name: required(string), opt_value: string }));
const common = {
  dhcp_enable: boolean,
  primary_dns: string,
  secondary_dns: string,
  dnsList: list(string),
  ipv6_enable: boolean,
  extra_dhcp_opts: options,
  description: string,
};
const createShape = object({
  subnet: required(
    object({
      ...common,
      name: required(string),
      cidr: required(string),
      gateway_ip: required(string),
      vpc_id: required(string),
      availability_zone: string,
      tags: list(string),
    }),
  ),
});
const updateShape = object({ subnet: required(object({ ...common, name: required(string) })) });

const view = ({ tags: _tags, network_name: _network, ...row }: SubnetRow) => ({ ...row, neutron_network_id: row.id, scope: 'center' });

const own = (call: Call): SubnetRow[] =>
  networkTables(call.world.store).subnets.where((row) => row.tenant_id === projectOfCall(call) && row.vpc_id !== '');

function find(call: Call): SubnetRow {
  const row = own(call).find(({ id }) => id === call.params['subnet_id']);
  if (row === undefined) throw new Refusal(404, 'VPC.0202', `Subnet ${call.params['subnet_id'] ?? ''} does not exist.`);
  const vpcId = call.params['vpc_id'];
  if (vpcId !== undefined && vpcId !== row.vpc_id) throw new Refusal(400, 'VPC.0207', `Subnet does not belong to the VPC ${vpcId}.`);
  return row;
}

function checkTexts(name: string, description: string | undefined): void {
  if (!isName(name)) throw new Refusal(400, 'VPC.0201', `Subnet name is invalid: ${name}.`);
  if (description !== undefined && !isDescription(description)) throw new Refusal(400, 'VPC.0201', 'Subnet description is invalid.');
}

function checkDns(...servers: (string | undefined)[]): void {
  for (const server of servers)
    if (server !== undefined && server !== '' && addressNumber(server) === undefined)
      throw new Refusal(400, 'VPC.0201', `DNS server address ${server} is invalid.`);
}

function checkRange(call: Call, vpc: VpcRow, cidr: string, gateway: string): void {
  const span = range(cidr);
  if (span === undefined || span.prefix > 28) throw new Refusal(400, 'VPC.0212', `Subnet cidr is invalid: ${cidr}.`);
  const outers = [vpc.cidr, ...vpc.extend_cidrs].flatMap((text) => range(text) ?? []);
  if (!outers.some((outer) => within(span, outer))) throw new Refusal(400, 'VPC.0203', `Subnet is not in the range of VPC ${vpc.cidr}.`);
  const clash = own(call).find((row) => row.vpc_id === vpc.id && overlap(span, range(row.cidr) ?? span));
  if (clash !== undefined)
    throw new Refusal(400, 'VPC.0204', `The subnet has already existed in the VPC, or has been in conflict with the VPC subnet ${clash.id}.`);
  const address = addressNumber(gateway);
  if (address === undefined || !holdsHost(span, address)) throw new Refusal(400, 'VPC.0201', `Gateway ip ${gateway} is not in subnet ${cidr}.`);
}

function create(call: Call): Reply {
  const { store } = call.world;
  const wanted = read(createShape, call.body).subnet;
  const vpc = networkTables(store).vpcs.get(wanted.vpc_id);
  if (vpc === undefined || vpc.tenant_id !== projectOfCall(call)) throw new Refusal(404, 'VPC.0003', `VPC ${wanted.vpc_id} does not exist.`);
  if (vpc.status !== 'OK') throw new Refusal(400, 'VPC.0004', 'VPC is not active, please try later.');
  checkTexts(wanted.name, wanted.description);
  checkRange(call, vpc, wanted.cidr, wanted.gateway_ip);
  checkDns(wanted.primary_dns, wanted.secondary_dns, ...(wanted.dnsList ?? []));
  if (own(call).length >= quotaOf(store, 'subnet')) throw new Refusal(409, 'VPC.0205', "Quota exceeded for resources: ['subnet']");
  const now = plainTime();
  const row = networkTables(store).subnets.insert({
    id: uuid(),
    neutron_subnet_id: uuid(),
    name: wanted.name,
    description: wanted.description ?? '',
    cidr: wanted.cidr,
    gateway_ip: wanted.gateway_ip,
    dhcp_enable: wanted.dhcp_enable ?? true,
    ipv6_enable: wanted.ipv6_enable ?? false,
    ...dns(wanted, { primary_dns: '', secondary_dns: '', dnsList: [] }),
    availability_zone: wanted.availability_zone ?? '',
    vpc_id: vpc.id,
    status: 'UNKNOWN',
    extra_dhcp_opts: wanted.extra_dhcp_opts ?? [],
    tenant_id: vpc.tenant_id,
    created_at: now,
    updated_at: now,
    tags: [],
  });
  store.after(3, 'subnet.created', { id: row.id });
  return { status: 200, body: { subnet: view(row) } };
}

interface Dns {
  readonly primary_dns: string;
  readonly secondary_dns: string;
  readonly dnsList: readonly string[];
}

/** `dnsList` is the superset of the two single fields; whichever is given fills the others. */
function dns(wanted: { readonly [K in keyof Dns]?: Dns[K] | undefined }, before: Dns): Dns {
  if (wanted.primary_dns === undefined && wanted.secondary_dns === undefined && wanted.dnsList === undefined)
    return { primary_dns: before.primary_dns, secondary_dns: before.secondary_dns, dnsList: before.dnsList };
  const primary = wanted.primary_dns ?? wanted.dnsList?.[0] ?? before.primary_dns;
  const secondary = wanted.secondary_dns ?? wanted.dnsList?.[1] ?? before.secondary_dns;
  return { primary_dns: primary, secondary_dns: secondary, dnsList: wanted.dnsList ?? [primary, secondary].filter((server) => server !== '') };
}

function update(call: Call): Reply {
  const row = find(call);
  const { name, description, dhcp_enable, ipv6_enable, extra_dhcp_opts, ...servers } = read(updateShape, call.body).subnet;
  checkTexts(name, description);
  checkDns(servers.primary_dns, servers.secondary_dns, ...(servers.dnsList ?? []));
  const given = Object.fromEntries(
    Object.entries({ name, description, dhcp_enable, ipv6_enable, extra_dhcp_opts }).filter(([, value]) => value !== undefined),
  );
  networkTables(call.world.store).subnets.update(row.id, { ...given, ...dns(servers, row), updated_at: plainTime() });
  return { status: 200, body: { subnet: { id: row.id, status: row.status } } };
}

function remove(call: Call): Reply {
  const row = find(call);
  const { ports, subnets, natGateways, snatRules } = networkTables(call.world.store);
  const users = ports.where((port) => port.network_id === row.id && !port.device_owner.startsWith('network:dhcp'));
  if (users.some((port) => port.device_owner.startsWith('compute:') || port.device_owner.includes('LOADBALANCER')))
    throw new Refusal(500, 'VPC.0209', `Subnet ${row.id} has been used by VM or load balancer.`);
  if (users.length > 0) throw new Refusal(500, 'VPC.0208', `Subnet ${row.id} has private IP addresses in use.`);
  const translated = snatRules.find((rule) => rule.network_id === row.id) ?? natGateways.find((gateway) => gateway.internal_network_id === row.id);
  if (translated !== undefined) throw new Refusal(500, 'VPC.0210', `Subnet ${row.id} is used by routes of a NAT gateway.`);
  subnets.remove(row.id);
  return { status: 204 };
}

const one = '/v1/{project_id}/vpcs/{vpc_id}/subnets/{subnet_id}';

export const subnet: Service = {
  name: 'subnet',
  prefixes: ['vpc'],
  codes: vpcCodes('VPC.0201'),
  error: vpcError,
  start: ({ store }) =>
    store.handle<{ id: string }>('subnet.created', ({ id }) => void networkTables(store).subnets.update(id, { status: 'ACTIVE' })),
  routes: [
    { method: 'POST', path: '/v1/{project_id}/subnets', body: required(createShape), handle: create },
    {
      method: 'GET',
      path: '/v1/{project_id}/subnets',
      query: ['vpc_id', 'limit', 'marker'],
      handle: (call) => ({
        status: 200,
        body: { subnets: page(call, filtered(call, own(call), { vpc_id: (row) => row.vpc_id }), 'VPC.0201').rows.map(view) },
      }),
    },
    { method: 'GET', path: '/v1/{project_id}/subnets/{subnet_id}', handle: (call) => ({ status: 200, body: { subnet: view(find(call)) } }) },
    { method: 'PUT', path: one, body: required(updateShape), handle: update },
    { method: 'DELETE', path: one, handle: remove },
  ],
};
