/**
 * Owns EIPs and bandwidths v1 (API reference 4.1); the v3 routes are in `eip-v3.ts`, legacy ones in `floating-ip.ts`, giving
 * out and binding in `public-ip.ts`.
 */

import { eipV3Routes } from './eip-v3.ts';
import { either, integer, object, read, required, string } from './fields.ts';
import { floatingIpRoutes } from './floating-ip.ts';
import { plainTime } from './ids.ts';
import { bandwidthOf, bindPublicIp, createPublicIp, PoolExhausted, releasePublicIp, startPublicIps, unbindPublicIp } from './public-ip.ts';
import { type Call, Refusal, type Reply, type Service } from './service.ts';
import type { Store } from './store.ts';
import { type BandwidthRow, networkTables, type PublicIpRow } from './tables/network.ts';
import { page, projectOfCall, quotaOf, vpcCodes, vpcError } from './vpc-common.ts';

const seconds = { create: 3, bind: 2 } as const;

const createShape = object({
  publicip: required(object({ type: string, ip_version: integer, alias: string, ip_address: string, port_id: string })),
  bandwidth: required(object({ id: string, name: string, size: either(integer, string), share_type: required(string), charge_mode: string })),
  enterprise_project_id: string,
});
const updateShape = object({ publicip: object({ port_id: string, ip_version: integer, alias: string }) });
const bandwidthShape = object({ bandwidth: required(object({ name: string, size: integer, charge_mode: string })) });

const view = (store: Store, row: PublicIpRow) => {
  const bandwidth = bandwidthOf(store, row);
  return {
    id: row.id,
    status: row.status,
    profile: {},
    type: row.type,
    public_ip_address: row.public_ip_address,
    ip_version: row.ip_version,
    ...(row.port_id === null ? {} : { port_id: row.port_id, private_ip_address: row.private_ip_address }),
    alias: row.alias,
    tenant_id: row.tenant_id,
    create_time: row.create_time,
    bandwidth_id: row.bandwidth_id,
    bandwidth_name: bandwidth?.name ?? '',
    bandwidth_share_type: bandwidth?.share_type ?? 'PER',
    bandwidth_size: bandwidth?.size ?? 0,
    enterprise_project_id: row.enterprise_project_id,
    public_border_group: 'center',
  };
};

const bandwidthView = (store: Store, row: BandwidthRow) => ({
  id: row.id,
  name: row.name,
  size: row.size,
  share_type: row.share_type,
  charge_mode: row.charge_mode,
  bandwidth_type: row.bandwidth_type,
  publicip_info: networkTables(store)
    .publicIps.where((eip) => eip.bandwidth_id === row.id)
    .map((eip) => ({ publicip_id: eip.id, publicip_address: eip.public_ip_address, publicip_type: eip.type, ip_version: 4 })),
  tenant_id: row.tenant_id,
  status: 'NORMAL',
  enterprise_project_id: row.enterprise_project_id,
  billing_info: '',
  created_at: row.created_at,
  updated_at: row.updated_at,
});

const own = (call: Call): PublicIpRow[] => networkTables(call.world.store).publicIps.where((row) => row.tenant_id === projectOfCall(call));
const ownBandwidths = (call: Call): BandwidthRow[] =>
  networkTables(call.world.store).bandwidths.where((row) => row.tenant_id === projectOfCall(call));

function find(call: Call): PublicIpRow {
  const row = own(call).find(({ id }) => id === call.params['publicip_id']);
  if (row === undefined) throw new Refusal(404, 'VPC.0504', `Floating IP ${call.params['publicip_id'] ?? ''} could not be found.`);
  return row;
}

function findBandwidth(call: Call): BandwidthRow {
  const row = ownBandwidths(call).find(({ id }) => id === call.params['bandwidth_id']);
  if (row === undefined) throw new Refusal(404, 'VPC.0306', `No bandwidth found with id ${call.params['bandwidth_id'] ?? ''}.`);
  return row;
}

async function create(call: Call): Promise<Reply> {
  const { publicip, bandwidth } = read(createShape, call.body);
  const type = publicip.type ?? '5_bgp';
  const size = bandwidth.size === undefined ? undefined : Number(bandwidth.size);
  if (!['5_bgp', '5_mailbgp'].includes(type)) throw new Refusal(400, 'VPC.0501', `Bandwidth type ${type} is invalid or can no longer be assigned.`);
  if (publicip.ip_version !== undefined && publicip.ip_version !== 4) throw new Refusal(400, 'VPC.0501', 'Only IPv4 EIPs can be assigned.');
  if (!['PER', 'WHOLE'].includes(bandwidth.share_type))
    throw new Refusal(400, 'VPC.0501', `Bandwidth share_type is invalid: ${bandwidth.share_type}.`);
  if (bandwidth.share_type === 'PER' && (size === undefined || !Number.isInteger(size) || size < 1 || size > 1000))
    throw new Refusal(400, 'VPC.0501', 'Bandwidth size must be an integer from 1 to 1000.');
  if (bandwidth.share_type === 'PER' && (bandwidth.name ?? '').length > 64) throw new Refusal(400, 'VPC.0501', 'Bandwidth name is invalid.');
  if (bandwidth.share_type === 'WHOLE' && (bandwidth.id ?? '') === '') throw new Refusal(400, 'VPC.0501', 'A shared bandwidth is given by its id.');
  if (bandwidth.charge_mode !== undefined && bandwidth.charge_mode !== 'traffic')
    throw new Refusal(400, 'VPC.0501', `Bandwidth charge_mode is invalid: ${bandwidth.charge_mode}.`);
  const shared =
    bandwidth.share_type === 'WHOLE' ? ownBandwidths(call).find((row) => row.id === bandwidth.id && row.share_type === 'WHOLE') : undefined;
  if (bandwidth.share_type === 'WHOLE' && shared === undefined)
    throw new Refusal(404, 'VPC.0306', `No bandwidth found with id ${bandwidth.id ?? ''}.`);
  if (own(call).length >= quotaOf(call.world.store, 'publicIp')) throw new Refusal(409, 'VPC.0521', "Quota exceeded for resources: ['floatingip']");
  try {
    const row = await createPublicIp(call.world, {
      projectId: projectOfCall(call),
      alias: publicip.alias,
      type,
      bandwidth: shared === undefined ? { name: bandwidth.name, size, chargeMode: bandwidth.charge_mode } : { id: shared.id },
      pending: seconds.create,
    });
    const { id, status, public_ip_address, ip_version, tenant_id, create_time, enterprise_project_id, alias } = row;
    return {
      status: 200,
      body: {
        publicip: {
          id,
          status,
          type: row.type,
          public_ip_address,
          ip_version,
          tenant_id,
          create_time,
          bandwidth_size: 0,
          enterprise_project_id,
          ...(alias === '' ? {} : { alias }),
        },
      },
    };
  } catch (error) {
    if (error instanceof PoolExhausted) throw new Refusal(409, 'VPC.0532', error.message);
    throw error;
  }
}

/** The load balancer whose virtual address a port is, if any: binding to such a port binds to the balancer. */
function balancerOf(store: Store, portId: string): string | undefined {
  return store.table<{ id: string; vip_port_id?: string | null }>('elb.loadbalancers').find((row) => row.vip_port_id === portId)?.id;
}

function update(call: Call): Reply {
  const row = find(call);
  const { store } = call.world;
  const wanted = read(updateShape, call.body)?.publicip ?? {};
  if (wanted.alias !== undefined) networkTables(store).publicIps.update(row.id, { alias: wanted.alias });
  if (wanted.alias !== undefined && wanted.port_id === undefined)
    return { status: 200, body: { publicip: view(store, networkTables(store).publicIps.get(row.id) ?? row) } };
  if (row.status === 'PENDING_CREATE') throw new Refusal(409, 'VPC.0503', `Floating IP ${row.id} is being created.`);
  const portId = wanted.port_id ?? '';
  if (portId === '') {
    if (row.bound_to !== null && !['PORT', 'ELB'].includes(row.bound_to.kind))
      throw new Refusal(409, 'VPC.0512', `Floating IP is bound to ${row.bound_to.kind} ${row.bound_to.id}: unbind it there.`);
    return { status: 200, body: { publicip: view(store, unbindPublicIp(store, row.id) ?? row) } };
  }
  const port = networkTables(store).ports.get(portId);
  if (port === undefined || port.tenant_id !== row.tenant_id) throw new Refusal(404, 'VPC.0508', `Port ${portId} could not be found.`);
  const balancer = balancerOf(store, portId);
  if (row.bound_to !== null)
    throw new Refusal(
      409,
      'VPC.0510',
      `Floating ip ${row.public_ip_address} has already been associated with ${row.bound_to.kind} ${row.bound_to.id}.`,
    );
  const taken = networkTables(store).publicIps.find(
    (other) => other.port_id === portId || (balancer !== undefined && other.bound_to?.id === balancer),
  );
  if (taken !== undefined) throw new Refusal(409, 'VPC.0511', `Port ${portId} already has a floating IP.`);
  const after = bindPublicIp(store, row.id, balancer === undefined ? { kind: 'PORT', id: portId } : { kind: 'ELB', id: balancer }, seconds.bind);
  return { status: 200, body: { publicip: view(store, after ?? row) } };
}

async function remove(call: Call): Promise<Reply> {
  const row = find(call);
  if (row.bound_to?.kind === 'ELB') throw new Refusal(500, 'VPC.0516', `Publicip is in use by ELB ${row.bound_to.id}, can not be deleted.`);
  if (row.bound_to !== null)
    throw new Refusal(409, 'VPC.0517', `Floating IP has already been bound to ${row.bound_to.kind} ${row.bound_to.id}, unbind it first.`);
  await releasePublicIp(call.world, row.id);
  return { status: 204 };
}

function updateBandwidth(call: Call): Reply {
  const row = findBandwidth(call);
  const { name, size } = read(bandwidthShape, call.body).bandwidth;
  if (size !== undefined && (size < 1 || size > 1000)) throw new Refusal(400, 'VPC.0301', 'Bandwidth size must be an integer from 1 to 1000.');
  const patch = { ...(name === undefined ? {} : { name }), ...(size === undefined ? {} : { size }), updated_at: plainTime() };
  return {
    status: 200,
    body: { bandwidth: bandwidthView(call.world.store, networkTables(call.world.store).bandwidths.update(row.id, patch) ?? row) },
  };
}

const eips = '/v1/{project_id}/publicips';
const bandwidths = '/v1/{project_id}/bandwidths';

export const eip: Service = {
  name: 'eip',
  prefixes: ['vpc', 'eip'],
  codes: vpcCodes('VPC.0501'),
  error: vpcError,
  start: ({ store }) => startPublicIps(store),
  routes: [
    { method: 'POST', path: eips, body: required(createShape), handle: create },
    {
      method: 'GET',
      path: eips,
      query: ['limit', 'marker', 'enterprise_project_id'],
      handle: (call) => ({ status: 200, body: { publicips: page(call, own(call), 'VPC.0501').rows.map((row) => view(call.world.store, row)) } }),
    },
    { method: 'GET', path: `${eips}/{publicip_id}`, handle: (call) => ({ status: 200, body: { publicip: view(call.world.store, find(call)) } }) },
    { method: 'PUT', path: `${eips}/{publicip_id}`, body: updateShape, handle: update },
    { method: 'DELETE', path: `${eips}/{publicip_id}`, handle: remove },
    {
      method: 'GET',
      path: bandwidths,
      query: ['limit', 'marker', 'enterprise_project_id', 'share_type'],
      handle: (call) => ({
        status: 200,
        body: { bandwidths: page(call, ownBandwidths(call), 'VPC.0301').rows.map((row) => bandwidthView(call.world.store, row)) },
      }),
    },
    {
      method: 'GET',
      path: `${bandwidths}/{bandwidth_id}`,
      handle: (call) => ({ status: 200, body: { bandwidth: bandwidthView(call.world.store, findBandwidth(call)) } }),
    },
    { method: 'PUT', path: `${bandwidths}/{bandwidth_id}`, body: required(bandwidthShape), handle: updateBandwidth },
    ...floatingIpRoutes,
    ...eipV3Routes,
  ],
};
