/** Owns the v3 routes of EIPs: filtered list, binding to ports and instances (API reference 4.2). Part of `eip.ts`. */
import { object, read, required, string } from './fields.ts';
import { bandwidthOf, bindPublicIp, unbindPublicIp } from './public-ip.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import type { Store } from './store.ts';
import { type Binding, networkTables, type PublicIpRow } from './tables/network.ts';
import { filtered, page, projectOfCall } from './vpc-common.ts';

const associateShape = object({ publicip: required(object({ associate_instance_type: required(string), associate_instance_id: required(string) })) });

const view = (store: Store, row: PublicIpRow) => {
  const bandwidth = bandwidthOf(store, row);
  const port = row.port_id === null ? undefined : networkTables(store).ports.get(row.port_id);
  return {
    id: row.id,
    project_id: row.tenant_id,
    ip_version: row.ip_version,
    public_ip_address: row.public_ip_address,
    public_ipv6_address: null,
    status: row.status,
    description: '',
    alias: row.alias,
    type: 'EIP',
    publicip_pool_name: row.type,
    created_at: `${row.create_time.replace(' ', 'T')}Z`,
    updated_at: `${row.create_time.replace(' ', 'T')}Z`,
    vnic:
      port === undefined
        ? null
        : {
            private_ip_address: row.private_ip_address,
            device_id: port.device_id,
            device_owner: port.device_owner,
            vpc_id: port.vpc_id,
            port_id: port.id,
            mac: port.mac_address,
          },
    bandwidth: {
      id: row.bandwidth_id,
      size: bandwidth?.size ?? 0,
      share_type: bandwidth?.share_type ?? 'PER',
      charge_mode: bandwidth?.charge_mode ?? 'traffic',
      name: bandwidth?.name ?? '',
      billing_info: '',
    },
    associate_instance_type: row.bound_to?.kind ?? null,
    associate_instance_id: row.bound_to?.id ?? null,
    enterprise_project_id: row.enterprise_project_id,
    public_border_group: 'center',
  };
};

const own = (call: Call): PublicIpRow[] => networkTables(call.world.store).publicIps.where((row) => row.tenant_id === projectOfCall(call));

function find(call: Call): PublicIpRow {
  const row = own(call).find(({ id }) => id === call.params['publicip_id']);
  if (row === undefined) throw new Refusal(404, 'VPC.0504', `Floating IP ${call.params['publicip_id'] ?? ''} could not be found.`);
  return row;
}

/** Binding and unbinding by v3 do not exist in eu-nl. */
function mustBeOffered(call: Call): void {
  if (call.region === 'eu-nl') throw new Refusal(404, 'APIG.0101', 'The API does not exist or has not been published in the environment.');
}

const known: Readonly<Record<string, (store: Store, id: string) => boolean>> = {
  PORT: (store, id) => networkTables(store).ports.get(id) !== undefined,
  ELB: (store, id) => store.table('elb.loadbalancers').get(id) !== undefined,
  NATGW: (store, id) => networkTables(store).natGateways.get(id) !== undefined,
};

function associate(call: Call): Reply {
  mustBeOffered(call);
  const { store } = call.world;
  const row = find(call);
  const { associate_instance_type: kind, associate_instance_id: id } = read(associateShape, call.body).publicip;
  const exists = known[kind];
  if (exists === undefined) throw new Refusal(400, 'VPC.0501', `associate_instance_type ${kind} is invalid.`);
  if (!exists(store, id)) throw new Refusal(404, 'VPC.0508', `${kind} ${id} could not be found.`);
  if (row.bound_to !== null)
    throw new Refusal(
      409,
      'VPC.0510',
      `Floating ip ${row.public_ip_address} has already been associated with ${row.bound_to.kind} ${row.bound_to.id}.`,
    );
  if (kind !== 'NATGW' && networkTables(store).publicIps.find((other) => other.bound_to?.id === id) !== undefined)
    throw new Refusal(409, 'VPC.0511', `${kind} ${id} already has a floating IP.`);
  const after = bindPublicIp(store, row.id, { kind: kind as Binding['kind'], id }, 2);
  return { status: 200, body: { request_id: call.requestId, publicip: view(store, after ?? row) } };
}

function disassociate(call: Call): Reply {
  mustBeOffered(call);
  const row = find(call);
  if (row.bound_to === null) throw new Refusal(409, 'VPC.0509', `Floating IP ${row.id} is not bound.`);
  return { status: 200, body: { request_id: call.requestId, publicip: view(call.world.store, unbindPublicIp(call.world.store, row.id) ?? row) } };
}

function listing(call: Call): Reply {
  const { store } = call.world;
  const rows = filtered(call, own(call), {
    id: (row) => row.id,
    alias: (row) => row.alias,
    status: (row) => row.status,
    public_ip_address: (row) => row.public_ip_address,
    'vnic.port_id': (row) => row.port_id,
    'vnic.device_id': (row) => networkTables(store).ports.get(row.port_id ?? '')?.device_id,
    'bandwidth.id': (row) => row.bandwidth_id,
    'bandwidth.name': (row) => bandwidthOf(store, row)?.name,
    associate_instance_type: (row) => row.bound_to?.kind,
    associate_instance_id: (row) => row.bound_to?.id,
  });
  const shown = page(call, rows.slice(Number(call.query.get('offset') ?? 0)), 'VPC.0501');
  const info = {
    current_count: shown.rows.length,
    previous_marker: shown.rows[0]?.id ?? null,
    ...(shown.more ? { next_marker: shown.rows.at(-1)?.id } : {}),
  };
  return {
    status: 200,
    body: { request_id: call.requestId, publicips: shown.rows.map((row) => view(store, row)), page_info: info, total_count: rows.length },
  };
}

const base = '/v3/{project_id}/eip/publicips';
const filters = [
  'id',
  'alias',
  'status',
  'public_ip_address',
  'vnic.port_id',
  'vnic.device_id',
  'bandwidth.id',
  'bandwidth.name',
  'associate_instance_type',
  'associate_instance_id',
];

export const eipV3Routes: readonly Route[] = [
  { method: 'GET', path: base, query: [...filters, 'marker', 'offset', 'limit', 'fields', 'sort_key', 'sort_dir'], handle: listing },
  {
    method: 'GET',
    path: `${base}/{publicip_id}`,
    query: ['fields'],
    handle: (call) => ({ status: 200, body: { request_id: call.requestId, publicip: view(call.world.store, find(call)) } }),
  },
  { method: 'POST', path: `${base}/{publicip_id}/associate-instance`, body: required(associateShape), handle: associate },
  { method: 'POST', path: `${base}/{publicip_id}/disassociate-instance`, handle: disassociate },
];
