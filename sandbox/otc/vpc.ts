/** Owns VPCs: v1, the v3 reads and secondary ranges, and the quotas of the VPC service (API reference 2.1, 10.6). */
import { type Range, range, within } from './cidr.ts';
import { boolean, list, object, read, required, string } from './fields.ts';
import { plainTime, uuid } from './ids.ts';
import { type Call, Refusal, type Reply, type Service } from './service.ts';
import type { TableName } from './tables/names.ts';
import { networkTables, type VpcRow } from './tables/network.ts';
import { filtered, isDescription, isName, page, projectOfCall, quotaOf, quotaTypes, type VpcQuotaType, vpcCodes, vpcError } from './vpc-common.ts';

// Its fields may be left out, the object may not (API reference, Creating a VPC).
const createShape = required(object({ vpc: required(object({ name: string, cidr: string, description: string, enterprise_project_id: string })) }));
const updateShape = object({
  vpc: required(
    object({
      name: string,
      description: string,
      cidr: string,
      routes: list(object({ destination: required(string), nexthop: required(string) })),
      enable_shared_snat: boolean,
    }),
  ),
});
const extendShape = object({ vpc: required(object({ extend_cidrs: required(list(string)) })) });

const view = ({ tags: _tags, extend_cidrs: _extend, ...row }: VpcRow) => row;
const viewV3 = (call: Call, row: VpcRow) => ({
  id: row.id,
  name: row.name,
  description: row.description,
  cidr: row.cidr,
  extend_cidrs: row.extend_cidrs,
  status: row.status === 'OK' ? 'ACTIVE' : 'PENDING',
  project_id: row.tenant_id,
  enterprise_project_id: row.enterprise_project_id,
  tags: row.tags,
  cloud_resources: [
    { resource_type: 'routetable', resource_count: 1 },
    { resource_type: 'virsubnet', resource_count: networkTables(call.world.store).subnets.where((subnet) => subnet.vpc_id === row.id).length },
  ],
  created_at: `${row.created_at}Z`,
  updated_at: `${row.updated_at}Z`,
});

/** 10/8, 172.16/12 and 192.168/16, masks up to /24. */
function vpcRange(cidr: string): Range {
  const found = range(cidr);
  const fits =
    found !== undefined &&
    found.prefix <= 24 &&
    ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'].some((outer) => within(found, range(outer) ?? found));
  if (!fits) throw new Refusal(400, 'VPC.0101', `Param is invalid: cidr ${cidr} must lie in 10.0.0.0/8-24, 172.16.0.0/12-24 or 192.168.0.0/16-24.`);
  return found;
}

const own = (call: Call): VpcRow[] => networkTables(call.world.store).vpcs.where((row) => row.tenant_id === projectOfCall(call));

function find(call: Call): VpcRow {
  const row = own(call).find(({ id }) => id === call.params['vpc_id']);
  if (row === undefined)
    throw new Refusal(404, call.path.startsWith('/v3/') ? 'VPC.0202' : 'VPC.0003', `VPC ${call.params['vpc_id'] ?? ''} does not exist.`);
  return row;
}

function checkTexts(name: string | undefined, description: string | undefined): void {
  if (name !== undefined && name !== '' && !isName(name)) throw new Refusal(400, 'VPC.0101', `Param is invalid: name ${name}.`);
  if (description !== undefined && !isDescription(description)) throw new Refusal(400, 'VPC.0101', 'Param is invalid: description.');
}

function uniqueName(call: Call, name: string, except?: string): void {
  if (name !== '' && own(call).some((row) => row.name === name && row.id !== except)) throw new Refusal(400, 'VPC.0115', 'The router name exists.');
}

function create(call: Call): Reply {
  const { store } = call.world;
  const { name = '', cidr = '', description = '', enterprise_project_id = '0' } = read(createShape, call.body).vpc;
  checkTexts(name, description);
  if (cidr !== '') vpcRange(cidr);
  uniqueName(call, name);
  if (own(call).length >= quotaOf(store, 'vpc')) throw new Refusal(409, 'VPC.0114', "Quota exceeded for resources: ['router']");
  const now = plainTime();
  const row = networkTables(store).vpcs.insert({
    id: uuid(),
    name,
    description,
    cidr,
    extend_cidrs: [],
    status: 'CREATING',
    routes: [],
    enable_shared_snat: false,
    enterprise_project_id,
    tenant_id: projectOfCall(call),
    created_at: now,
    updated_at: now,
    tags: [],
  });
  store.after(2, 'vpc.created', { id: row.id });
  return { status: 200, body: { vpc: view(row) } };
}

function update(call: Call): Reply {
  const row = find(call);
  const { subnets, vpcs } = networkTables(call.world.store);
  const { name, description, cidr, routes, enable_shared_snat } = read(updateShape, call.body).vpc;
  checkTexts(name, description);
  if (name !== undefined) uniqueName(call, name, row.id);
  if (cidr !== undefined && cidr !== row.cidr) {
    const wanted = vpcRange(cidr);
    const all = subnets.where((subnet) => subnet.vpc_id === row.id);
    if (!all.every((subnet) => within(range(subnet.cidr) ?? wanted, wanted)))
      throw new Refusal(400, 'VPC.0117', 'Cidr can not contain subnetList cidr.');
  }
  const patch = Object.fromEntries(
    Object.entries({ name, description, cidr, routes, enable_shared_snat }).filter(([, value]) => value !== undefined),
  );
  return { status: 200, body: { vpc: view(vpcs.update(row.id, { ...patch, updated_at: plainTime() }) ?? row) } };
}

function remove(call: Call): Reply {
  const row = find(call);
  const { subnets, vpcs, natGateways } = networkTables(call.world.store);
  const inside = subnets.where((subnet) => subnet.vpc_id === row.id).length;
  if (inside > 0) throw new Refusal(409, 'VPC.0104', `Router contains subnets, please delete subnet before deleting router: ${inside} subnets.`);
  if (natGateways.find((gateway) => gateway.router_id === row.id) !== undefined)
    throw new Refusal(409, 'VPC.0103', `Router ${row.id} is in use by a NAT gateway.`);
  vpcs.remove(row.id);
  return { status: 204 };
}

function extend(call: Call, change: (before: readonly string[], wanted: readonly string[]) => readonly string[]): Reply {
  const row = find(call);
  const wanted = read(extendShape, call.body).vpc.extend_cidrs;
  for (const cidr of wanted) if (range(cidr) === undefined) throw new Refusal(400, 'VPC.0101', `Param is invalid: ${cidr}.`);
  const after =
    networkTables(call.world.store).vpcs.update(row.id, { extend_cidrs: change(row.extend_cidrs, wanted), updated_at: plainTime() }) ?? row;
  return { status: 200, body: { request_id: call.requestId, vpc: viewV3(call, after) } };
}

function listV3(call: Call): Reply {
  const rows = filtered(call, own(call), {
    id: (row) => row.id,
    name: (row) => row.name,
    cidr: (row) => row.cidr,
    description: (row) => row.description,
  });
  const shown = page(call, rows, 'VPC.0101');
  const vpcs = shown.rows.map((row) => viewV3(call, row));
  const first = vpcs[0];
  const info = {
    ...(first === undefined ? {} : { previous_marker: first.id }),
    current_count: vpcs.length,
    ...(shown.more ? { next_marker: vpcs.at(-1)?.id } : {}),
  };
  return { status: 200, body: { request_id: call.requestId, vpcs, page_info: info } };
}

function quotas(call: Call): Reply {
  const { store } = call.world;
  const { vpcs, subnets, groups, rules, publicIps, natGateways, bandwidths } = networkTables(store);
  const mine = (rows: readonly { readonly tenant_id: string }[]): number => rows.filter((row) => row.tenant_id === projectOfCall(call)).length;
  const projectRows = (table: TableName): number =>
    store.table<{ id: string; project_id?: string }>(table).where((row) => row.project_id === projectOfCall(call)).length;
  const used: Record<VpcQuotaType, () => number> = {
    vpc: () => mine(vpcs.all()),
    subnet: () => mine(subnets.all()),
    securityGroup: () => mine(groups.all()),
    securityGroupRule: () => mine(rules.all()),
    publicIp: () => mine(publicIps.all()),
    natGateway: () => mine(natGateways.all()),
    shareBandwidth: () => mine(bandwidths.where((row) => row.share_type === 'WHOLE')),
    loadbalancer: () => projectRows('elb.loadbalancers'),
    listener: () => projectRows('elb.listeners'),
  };
  const wanted = call.query.get('type');
  const shown = quotaTypes.filter((type) => wanted === null || wanted === type);
  return { status: 200, body: { quotas: { resources: shown.map((type) => ({ type, used: used[type](), quota: quotaOf(store, type), min: 0 })) } } };
}

const v1 = '/v1/{project_id}/vpcs';
const v3 = '/v3/{project_id}/vpc/vpcs';

export const vpc: Service = {
  name: 'vpc',
  prefixes: ['vpc'],
  codes: vpcCodes('VPC.0101'),
  error: vpcError,
  start: ({ store }) => store.handle<{ id: string }>('vpc.created', ({ id }) => void networkTables(store).vpcs.update(id, { status: 'OK' })),
  routes: [
    { method: 'POST', path: v1, body: createShape, handle: create },
    {
      method: 'GET',
      path: v1,
      query: ['limit', 'marker', 'id', 'enterprise_project_id'],
      // `limit` is 0 to 2000 (API reference 2.1).
      handle: (call) => ({
        status: 200,
        body: { vpcs: page(call, filtered(call, own(call), { id: (row) => row.id }), 'VPC.0101', 2000).rows.map(view) },
      }),
    },
    { method: 'GET', path: `${v1}/{vpc_id}`, handle: (call) => ({ status: 200, body: { vpc: view(find(call)) } }) },
    { method: 'PUT', path: `${v1}/{vpc_id}`, body: required(updateShape), handle: update },
    { method: 'DELETE', path: `${v1}/{vpc_id}`, handle: remove },
    { method: 'GET', path: '/v1/{project_id}/quotas', query: ['type'], handle: quotas },
    { method: 'GET', path: v3, query: ['limit', 'marker', 'id', 'name', 'cidr', 'description', 'enterprise_project_id'], handle: listV3 },
    {
      method: 'GET',
      path: `${v3}/{vpc_id}`,
      handle: (call) => ({ status: 200, body: { request_id: call.requestId, vpc: viewV3(call, find(call)) } }),
    },
    {
      method: 'PUT',
      path: `${v3}/{vpc_id}/add-extend-cidr`,
      body: required(extendShape),
      handle: (call) => extend(call, (before, wanted) => [...new Set([...before, ...wanted])]),
    },
    {
      method: 'PUT',
      path: `${v3}/{vpc_id}/remove-extend-cidr`,
      body: required(extendShape),
      handle: (call) => extend(call, (before, wanted) => before.filter((cidr) => !wanted.includes(cidr))),
    },
  ],
};
