/**
 * Owns public NAT gateways and their SNAT rules (API reference 9.7). Refusals are 400 with the codes of the NAT API reference, "Error
 * Codes"; what an id does not find is 404. DNAT is in `nat-dnat.ts`.
 */
import { range, within } from './cidr.ts';
import { integer, object, read, required, string } from './fields.ts';
import { blankTime, uuid } from './ids.ts';
import { dnatRoutes, hasDnatRules, startDnat } from './nat-dnat.ts';
import { bindPublicIp, unbindPublicIp } from './public-ip.ts';
import { type Call, Refusal, type Reply, type Service } from './service.ts';
import { type NatGatewayRow, networkTables, type SnatRuleRow } from './tables/network.ts';
import { tagRoutes } from './tagging.ts';
import { filtered, page, projectOfCall, quotaOf } from './vpc-common.ts';

const gatewayShape = object({
  nat_gateway: required(
    object({
      name: required(string),
      description: string,
      spec: required(string),
      router_id: required(string),
      internal_network_id: required(string),
      tenant_id: string,
    }),
  ),
});
const gatewayUpdate = object({ nat_gateway: required(object({ name: string, description: string, spec: string })) });
const ruleShape = object({
  snat_rule: required(
    object({
      nat_gateway_id: required(string),
      network_id: string,
      cidr: string,
      source_type: integer,
      floating_ip_id: required(string),
      description: string,
      tenant_id: string,
    }),
  ),
});

const seconds = { gateway: 20, rule: 5 } as const;

const gatewayView = ({ tags: _tags, ...row }: NatGatewayRow) => ({
  ...row,
  created_at: `${row.created_at}.000000`,
  billing_info: '',
  enterprise_project_id: '0',
  snat_rule_public_ip_limit: 20,
  dnat_rules_limit: 200,
});
const ruleView = (row: SnatRuleRow) => ({
  ...row,
  cidr: row.cidr === '' ? null : row.cidr,
  freezed_ip_address: '',
  created_at: `${row.created_at}.000000`,
});

const own = (call: Call): NatGatewayRow[] => networkTables(call.world.store).natGateways.where((row) => row.tenant_id === projectOfCall(call));
const ownRules = (call: Call): SnatRuleRow[] => networkTables(call.world.store).snatRules.where((row) => row.tenant_id === projectOfCall(call));

function find(call: Call, id = call.params['gateway_id'] ?? ''): NatGatewayRow {
  const row = own(call).find((gateway) => gateway.id === id);
  if (row === undefined) throw new Refusal(404, 'VPC.2022', `No Nat Gateway exist with id ${id}`);
  return row;
}

function findRule(call: Call): SnatRuleRow {
  const row = ownRules(call).find(({ id }) => id === call.params['rule_id']);
  if (row === undefined) throw new Refusal(404, 'VPC.2023', `No Snat Rule exist with id ${call.params['rule_id'] ?? ''}`);
  return row;
}

function checkName(name: string): void {
  if (!/^[\p{L}\p{N}_-]{1,64}$/u.test(name)) throw new Refusal(400, 'VPC.2002', `Invalid parameters: name ${name}.`);
}

function create(call: Call): Reply {
  const { store } = call.world;
  const { natGateways, vpcs, subnets } = networkTables(store);
  const wanted = read(gatewayShape, call.body).nat_gateway;
  checkName(wanted.name);
  if (!['0', '1', '2', '3', '4'].includes(wanted.spec)) throw new Refusal(400, 'VPC.2002', `Invalid parameters: spec ${wanted.spec}.`);
  const vpc = vpcs.get(wanted.router_id);
  if (vpc === undefined || vpc.tenant_id !== projectOfCall(call))
    throw new Refusal(400, 'VPC.2011', `The router ${wanted.router_id} does not exist.`);
  const subnet = subnets.get(wanted.internal_network_id);
  if (subnet === undefined) throw new Refusal(400, 'VPC.2009', `Network ${wanted.internal_network_id} does not exist.`);
  if (subnet.vpc_id !== vpc.id) throw new Refusal(400, 'VPC.2013', `Router ${vpc.id} has no port for subnet ${subnet.id}.`);
  if (natGateways.find((row) => row.router_id === vpc.id) !== undefined)
    throw new Refusal(400, 'VPC.2012', `The router ${vpc.id} already has nat gateway.`);
  if (own(call).length >= quotaOf(store, 'natGateway')) throw new Refusal(409, 'VPC.2037', "Quota exceeded for resources: ['nat_gateway']");
  const row = natGateways.insert({
    id: uuid(),
    name: wanted.name,
    description: wanted.description ?? '',
    spec: wanted.spec,
    router_id: vpc.id,
    internal_network_id: subnet.id,
    status: 'PENDING_CREATE',
    admin_state_up: true,
    tenant_id: vpc.tenant_id,
    created_at: blankTime(),
    tags: [],
  });
  store.after(seconds.gateway, 'nat.gateway', { id: row.id });
  return { status: 201, body: { nat_gateway: gatewayView(row) } };
}

function update(call: Call): Reply {
  const row = find(call);
  const { store } = call.world;
  const { name, description, spec } = read(gatewayUpdate, call.body).nat_gateway;
  if (row.status !== 'ACTIVE') throw new Refusal(400, 'VPC.2004', `NatGateway ${row.id} is not ACTIVE.`);
  if (name !== undefined) checkName(name);
  if (spec !== undefined && !['0', '1', '2', '3', '4'].includes(spec)) throw new Refusal(400, 'VPC.2002', `Invalid parameters: spec ${spec}.`);
  const patch = Object.fromEntries(Object.entries({ name, description, spec }).filter(([, value]) => value !== undefined));
  const after = networkTables(store).natGateways.update(row.id, { ...patch, status: 'PENDING_UPDATE' }) ?? row;
  store.after(2, 'nat.gateway', { id: row.id });
  return { status: 200, body: { nat_gateway: gatewayView(after) } };
}

function remove(call: Call): Reply {
  const row = find(call);
  const { natGateways, snatRules } = networkTables(call.world.store);
  if (snatRules.find((rule) => rule.nat_gateway_id === row.id) !== undefined || hasDnatRules(call.world.store, row.id))
    throw new Refusal(400, 'VPC.2016', 'Rule has not been deleted.');
  natGateways.remove(row.id);
  return { status: 204 };
}

function createRule(call: Call): Reply {
  const { store } = call.world;
  const { snatRules, subnets, publicIps } = networkTables(store);
  const wanted = read(ruleShape, call.body).snat_rule;
  const gateway = find(call, wanted.nat_gateway_id);
  if (gateway.status !== 'ACTIVE') throw new Refusal(400, 'VPC.2004', `NatGateway ${gateway.id} is not ACTIVE.`);
  const { network_id: network = '', cidr = '', source_type: source = 0 } = wanted;
  if ((network === '') === (cidr === '')) throw new Refusal(400, 'VPC.2002', 'Invalid parameters: either network_id or cidr must be given.');
  if (source === 1 && cidr === '') throw new Refusal(400, 'VPC.2002', 'Invalid parameters: source_type 1 needs cidr.');
  if (network !== '' && subnets.get(network)?.vpc_id !== gateway.router_id)
    throw new Refusal(400, 'VPC.2013', `Router ${gateway.router_id} has no port for subnet ${network}.`);
  if (cidr !== '' && source === 0 && !insideVpc(call, gateway, cidr))
    throw new Refusal(400, 'VPC.2002', `Invalid parameters: cidr ${cidr} is no subset of a subnet of the VPC.`);
  if (snatRules.find((rule) => rule.nat_gateway_id === gateway.id && rule.network_id === network && rule.cidr === cidr) !== undefined)
    throw new Refusal(400, 'VPC.2018', `Snat rule for network ${network}${cidr} exists.`);
  const eips = wanted.floating_ip_id.split(',').map((id) => {
    const row = publicIps.get(id.trim());
    if (row === undefined || row.tenant_id !== gateway.tenant_id) throw new Refusal(404, 'VPC.0504', `Floating IP ${id} could not be found.`);
    const { bound_to: to } = row;
    if (to?.kind === 'NATGW' && to.id !== gateway.id) throw new Refusal(400, 'VPC.2061', `Floating Ip ${id} has used by nat gateway ${to.id}.`);
    if (to?.kind === 'PORT') throw new Refusal(400, 'VPC.2060', `Floating Ip ${id} has associated with port ${to.id}.`);
    if (to !== null && to.kind !== 'NATGW') throw new Refusal(400, 'VPC.2062', `Floating Ip ${id} has been occupied.`);
    return row;
  });
  if (eips.length > 20) throw new Refusal(400, 'VPC.2002', 'Invalid parameters: more than 20 EIPs.');
  for (const eip of eips) if (eip.bound_to === null) bindPublicIp(store, eip.id, { kind: 'NATGW', id: gateway.id });
  const row = snatRules.insert({
    id: uuid(),
    nat_gateway_id: gateway.id,
    network_id: network,
    cidr,
    source_type: source,
    floating_ip_id: eips.map((eip) => eip.id).join(','),
    floating_ip_address: eips.map((eip) => eip.public_ip_address).join(','),
    description: wanted.description ?? '',
    status: 'PENDING_CREATE',
    admin_state_up: true,
    tenant_id: gateway.tenant_id,
    created_at: blankTime(),
  });
  store.after(seconds.rule, 'nat.rule', { id: row.id });
  return { status: 201, body: { snat_rule: ruleView(row) } };
}

function insideVpc(call: Call, gateway: NatGatewayRow, cidr: string): boolean {
  const wanted = range(cidr.includes('/') ? cidr : `${cidr}/32`);
  const { subnets } = networkTables(call.world.store);
  return (
    wanted !== undefined &&
    subnets.where((row) => row.vpc_id === gateway.router_id).some((row) => within(wanted, range(row.cidr) ?? { first: 0, last: 0, prefix: 32 }))
  );
}

function removeRule(call: Call): Reply {
  const row = findRule(call);
  const { store } = call.world;
  const { snatRules } = networkTables(store);
  snatRules.remove(row.id);
  for (const id of row.floating_ip_id.split(','))
    if (snatRules.find((rule) => rule.floating_ip_id.split(',').includes(id)) === undefined) unbindPublicIp(store, id);
  return { status: 204 };
}

const gatewayFilters = ['id', 'name', 'description', 'spec', 'router_id', 'internal_network_id', 'tenant_id', 'status', 'admin_state_up'] as const;
const ruleFilters = [
  'id',
  'nat_gateway_id',
  'network_id',
  'cidr',
  'source_type',
  'floating_ip_id',
  'floating_ip_address',
  'tenant_id',
  'status',
  'admin_state_up',
] as const;
const by = <T>(names: readonly (keyof T & string)[]): Record<string, (row: T) => unknown> =>
  Object.fromEntries(names.map((name) => [name, (row: T) => row[name]]));
const gateways = '/v2.0/nat_gateways';
const rules = '/v2.0/snat_rules';

export const nat: Service = {
  name: 'nat',
  prefixes: ['nat'],
  codes: () => ({ invalid: 'VPC.2002', forbidden: 'VPC.2201' }),
  error: (_path, { code, message }) => ({ code, message }),
  start: ({ store }) => {
    const { natGateways, snatRules } = networkTables(store);
    store.handle<{ id: string }>('nat.gateway', ({ id }) => void natGateways.update(id, { status: 'ACTIVE' }));
    startDnat(store);
    store.handle<{ id: string }>('nat.rule', ({ id }) => void snatRules.update(id, { status: 'ACTIVE' }));
  },
  routes: [
    { method: 'POST', path: gateways, body: required(gatewayShape), handle: create },
    {
      method: 'GET',
      path: gateways,
      query: [...gatewayFilters, 'created_at', 'limit', 'marker'],
      handle: (call) => ({
        status: 200,
        body: { nat_gateways: page(call, filtered(call, own(call), by<NatGatewayRow>(gatewayFilters)), 'VPC.2002').rows.map(gatewayView) },
      }),
    },
    { method: 'GET', path: `${gateways}/{gateway_id}`, handle: (call) => ({ status: 200, body: { nat_gateway: gatewayView(find(call)) } }) },
    { method: 'PUT', path: `${gateways}/{gateway_id}`, body: required(gatewayUpdate), handle: update },
    { method: 'DELETE', path: `${gateways}/{gateway_id}`, handle: remove },
    { method: 'POST', path: rules, body: required(ruleShape), handle: createRule },
    {
      method: 'GET',
      path: rules,
      query: [...ruleFilters, 'created_at', 'limit', 'marker'],
      handle: (call) => ({
        status: 200,
        body: { snat_rules: page(call, filtered(call, ownRules(call), by<SnatRuleRow>(ruleFilters)), 'VPC.2002').rows.map(ruleView) },
      }),
    },
    { method: 'GET', path: `${rules}/{rule_id}`, handle: (call) => ({ status: 200, body: { snat_rule: ruleView(findRule(call)) } }) },
    { method: 'DELETE', path: `${rules}/{rule_id}`, handle: removeRule },
    ...dnatRoutes,
    ...tagRoutes<NatGatewayRow>({
      base: '/v2.0/{project_id}/nat_gateways',
      rows: own,
      name: (row) => row.name,
      save: (call, row, tags) => void networkTables(call.world.store).natGateways.update(row.id, { tags }),
      codes: { invalid: 'VPC.1801', missing: 'VPC.1802' },
      longest: { key: 36, value: 43 },
    }),
  ],
};
