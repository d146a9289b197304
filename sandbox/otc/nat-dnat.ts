/** Owns DNAT rules of public NAT gateways (NAT API reference). Part of `nat.ts`. */
import { addressOf } from './allocate.ts';
import { integer, object, read, required, string } from './fields.ts';
import { blankTime, uuid } from './ids.ts';
import { bindPublicIp, unbindPublicIp } from './public-ip.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import type { Store, Table } from './store.ts';
import { networkTables } from './tables/network.ts';
import { filtered, page, projectOfCall } from './vpc-common.ts';

/** `nat.dnat-rules` */
export interface DnatRuleRow {
  readonly id: string;
  readonly nat_gateway_id: string;
  readonly port_id: string;
  readonly private_ip: string;
  readonly internal_service_port: number;
  readonly floating_ip_id: string;
  readonly floating_ip_address: string;
  readonly external_service_port: number;
  readonly protocol: string;
  readonly description: string;
  readonly status: 'PENDING_CREATE' | 'ACTIVE';
  readonly admin_state_up: boolean;
  readonly tenant_id: string;
  readonly created_at: string;
}

const shape = object({
  dnat_rule: required(
    object({
      nat_gateway_id: required(string),
      port_id: string,
      private_ip: string,
      internal_service_port: required(integer),
      floating_ip_id: required(string),
      external_service_port: required(integer),
      protocol: required(string),
      description: string,
    }),
  ),
});

const rules = (store: Store): Table<DnatRuleRow> => store.table<DnatRuleRow>('nat.dnat-rules');
const own = (call: Call): DnatRuleRow[] => rules(call.world.store).where((row) => row.tenant_id === projectOfCall(call));

export const hasDnatRules = (store: Store, gatewayId: string): boolean => rules(store).find((row) => row.nat_gateway_id === gatewayId) !== undefined;
export const startDnat = (store: Store): void =>
  store.handle<{ id: string }>('nat.dnat', ({ id }) => void rules(store).update(id, { status: 'ACTIVE' }));

const view = (row: DnatRuleRow) => ({ ...row, created_at: `${row.created_at}.000000` });

function find(call: Call): DnatRuleRow {
  const row = own(call).find(({ id }) => id === call.params['rule_id']);
  if (row === undefined) throw new Refusal(404, 'VPC.2024', `No Dnat Rule exist with id ${call.params['rule_id'] ?? ''}`);
  return row;
}

function create(call: Call): Reply {
  const { store } = call.world;
  const { natGateways, publicIps, ports } = networkTables(store);
  const wanted = read(shape, call.body).dnat_rule;
  const gateway = natGateways.get(wanted.nat_gateway_id);
  if (gateway === undefined || gateway.tenant_id !== projectOfCall(call))
    throw new Refusal(404, 'VPC.2022', `No Nat Gateway exist with id ${wanted.nat_gateway_id}`);
  if (gateway.status !== 'ACTIVE') throw new Refusal(400, 'VPC.2004', `NatGateway ${gateway.id} is not ACTIVE.`);
  const { port_id: portId = '', private_ip: privateIp = '' } = wanted;
  if ((portId === '') === (privateIp === '')) throw new Refusal(400, 'VPC.2002', 'Invalid parameters: either port_id or private_ip must be given.');
  const port = portId === '' ? undefined : ports.get(portId);
  if (portId !== '' && port === undefined) throw new Refusal(404, 'VPC.2020', `The port ${portId} does not exist.`);
  const protocol = wanted.protocol.toLowerCase();
  if (!['tcp', 'udp', 'any'].includes(protocol)) throw new Refusal(400, 'VPC.2002', `Invalid parameters: protocol ${wanted.protocol}.`);
  const eip = publicIps.get(wanted.floating_ip_id);
  if (eip === undefined || eip.tenant_id !== gateway.tenant_id)
    throw new Refusal(404, 'VPC.0504', `Floating IP ${wanted.floating_ip_id} could not be found.`);
  if (eip.bound_to !== null && !(eip.bound_to.kind === 'NATGW' && eip.bound_to.id === gateway.id))
    throw new Refusal(400, 'VPC.2062', `Floating Ip ${eip.id} has been occupied.`);
  if (
    own(call).some((row) => row.floating_ip_id === eip.id && row.external_service_port === wanted.external_service_port && row.protocol === protocol)
  )
    throw new Refusal(409, 'VPC.2021', 'The dnat rule has existed.');
  if (eip.bound_to === null) bindPublicIp(store, eip.id, { kind: 'NATGW', id: gateway.id });
  const row = rules(store).insert({
    id: uuid(),
    nat_gateway_id: gateway.id,
    port_id: portId,
    private_ip: port === undefined ? privateIp : addressOf(port),
    internal_service_port: wanted.internal_service_port,
    floating_ip_id: eip.id,
    floating_ip_address: eip.public_ip_address,
    external_service_port: wanted.external_service_port,
    protocol,
    description: wanted.description ?? '',
    status: 'PENDING_CREATE',
    admin_state_up: true,
    tenant_id: gateway.tenant_id,
    created_at: blankTime(),
  });
  store.after(5, 'nat.dnat', { id: row.id });
  return { status: 201, body: { dnat_rule: view(row) } };
}

function remove(call: Call): Reply {
  const row = find(call);
  const { store } = call.world;
  rules(store).remove(row.id);
  const held =
    own(call).some((other) => other.floating_ip_id === row.floating_ip_id) ||
    networkTables(store).snatRules.find((rule) => rule.floating_ip_id.split(',').includes(row.floating_ip_id)) !== undefined;
  if (!held) unbindPublicIp(store, row.floating_ip_id);
  return { status: 204 };
}

const base = '/v2.0/dnat_rules';
const filters = [
  'id',
  'nat_gateway_id',
  'port_id',
  'private_ip',
  'internal_service_port',
  'floating_ip_id',
  'floating_ip_address',
  'external_service_port',
  'protocol',
  'tenant_id',
  'status',
  'admin_state_up',
] as const;

export const dnatRoutes: readonly Route[] = [
  { method: 'POST', path: base, body: required(shape), handle: create },
  {
    method: 'GET',
    path: base,
    query: [...filters, 'created_at', 'limit', 'marker'],
    handle: (call) => ({
      status: 200,
      body: {
        dnat_rules: page(
          call,
          filtered(call, own(call), Object.fromEntries(filters.map((name) => [name, (row: DnatRuleRow) => row[name]]))),
          'VPC.2002',
        ).rows.map(view),
      },
    }),
  },
  { method: 'GET', path: `${base}/{rule_id}`, handle: (call) => ({ status: 200, body: { dnat_rule: view(find(call)) } }) },
  { method: 'DELETE', path: `${base}/{rule_id}`, handle: remove },
];
