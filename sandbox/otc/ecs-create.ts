/** Owns ECS v1's order of servers (API reference 9.1): its rules, the EIP it brings, the job that follows it. */
import type { World } from '../contract.ts';
import { AllocationFailure, portsOf } from './allocate.ts';
import { networkOf, projectOf } from './compute-common.ts';
import { checkBasics, checkDisk, checkDisks, groupIds } from './ecs-order.ts';
import { any, boolean, integer, list, map, object, read, required, string, type TypeOf } from './fields.ts';
import { hex32, milliTime } from './ids.ts';
import { bindPublicIp, createPublicIp, PoolExhausted } from './public-ip.ts';
import { imageOf } from './server-catalog.ts';
import { ecsTables, makeServer } from './server-make.ts';
import { type Call, Refusal, type Reply } from './service.ts';
import type { ServerRow } from './tables/compute.ts';
import { networkTables } from './tables/network.ts';

/** Seconds of the real cloud: until a server can be read, until it runs. */
const durations = { visible: 15, create: 90 } as const;

export const invalid = (message: string): Refusal => new Refusal(400, 'Ecs.0005', message);

const disk = {
  volumetype: required(string),
  size: integer,
  metadata: map(string),
  extendparam: map(any),
  shareable: boolean,
  multiattach: boolean,
} as const;
export const createShape = object({
  dry_run: boolean,
  server: required(
    object({
      name: required(string),
      description: string,
      imageRef: required(string),
      flavorRef: required(string),
      key_name: string,
      adminPass: string,
      vpcid: required(string),
      nics: required(
        list(
          object({
            subnet_id: required(string),
            ip_address: string,
            ipv6_enable: boolean,
            port_id: string,
            'binding:profile': object({ disable_security_groups: boolean }),
            extra_dhcp_opts: list(any),
          }),
        ),
      ),
      security_groups: list(object({ id: required(string) })),
      availability_zone: string,
      root_volume: required(object(disk)),
      data_volumes: list(object(disk)),
      publicip: object({
        id: string,
        eip: object({
          iptype: required(string),
          bandwidth: required(object({ size: integer, sharetype: required(string), chargemode: string, id: string })),
          extendparam: map(any),
        }),
        delete_on_termination: boolean,
      }),
      user_data: string,
      metadata: map(string),
      extendparam: map(any),
      'os:scheduler_hints': map(any),
      server_tags: list(object({ key: required(string), value: string })),
      tags: list(string),
      count: integer,
      isAutoRename: boolean,
      auto_recovery: any,
    }),
  ),
});
export async function create(call: Call): Promise<Reply> {
  const { world } = call;
  const { server: wanted, dry_run } = read(createShape, call.body);
  const projectId = projectOf(call);
  const count = wanted.count ?? 1;
  if (wanted.key_name !== undefined && wanted.adminPass !== undefined) throw invalid('key_name and adminPass exclude each other.');
  // Only private images bring a password of their own, and there are none here; user_data can set one.
  if (!wanted.key_name && !wanted.adminPass && !wanted.user_data) throw invalid('Either key_name or adminPass is required.');
  const zone = checkBasics(call, projectId, {
    name: wanted.name,
    flavor: wanted.flavorRef,
    image: wanted.imageRef,
    zone: wanted.availability_zone,
    keyName: wanted.key_name,
    count,
    userData: wanted.user_data,
  });
  const least = imageOf(wanted.imageRef)?.min_disk ?? 1;
  const root = { type: wanted.root_volume.volumetype, size: wanted.root_volume.size ?? Math.max(least, 40), metadata: wanted.root_volume.metadata };
  const data = (wanted.data_volumes ?? []).map((one) => ({ type: one.volumetype, size: one.size ?? 10, metadata: one.metadata }));
  checkDisk({ ...root, least });
  for (const one of data) checkDisk({ ...one, least: 10 });
  checkDisks(call, projectId, Array.from({ length: count }, () => [root, ...data]).flat());
  checkNetwork(call, projectId, wanted);
  const groups = groupIds(
    call,
    projectId,
    (wanted.security_groups ?? []).map((group) => group.id),
  );
  const given = givenAddress(call, projectId, wanted, count);
  if (dry_run === true) return { status: 202 };
  const made = Array.from({ length: count }, (_, index) =>
    order(world, {
      name: count === 1 ? wanted.name : `${wanted.name}-${String(index + 1).padStart(4, '0')}`,
      description: wanted.description,
      projectId,
      userId: call.caller?.userId ?? '',
      flavor: wanted.flavorRef,
      imageId: wanted.imageRef,
      keyName: wanted.key_name,
      vpcId: wanted.vpcid,
      zone,
      nics: wanted.nics.map((nic) => ({ networkId: nic.subnet_id, address: nic.ip_address === '' ? undefined : nic.ip_address })),
      groups: groups.length === 0 ? undefined : groups,
      volumes: [root, ...data].map((one, at) => ({
        type: one.type,
        size: one.size,
        deleteOnTermination: at === 0,
        encrypted: one.metadata?.['__system__encrypted'] === '1',
      })),
      metadata: wanted.metadata,
      tags: [...(wanted.server_tags ?? []).map(({ key, value }) => ({ key, value: value ?? '' })), ...(wanted.tags ?? []).map(legacyTag)],
      userData: wanted.user_data,
      hints: wanted['os:scheduler_hints'],
    }),
  );
  for (const server of made) ecsTables(world.store).servers.update(server.id, { hidden: true });
  for (const server of made) await giveAddress(call, server, wanted, given);
  const jobId = openJob(world, 'createServer', 'createSingleServer', made);
  world.store.after(durations.visible, 'ecs.visible', { ids: made.map(({ id }) => id) });
  world.store.after(durations.create, 'ecs.created', { ids: made.map(({ id }) => id), jobId });
  return { status: 200, body: { job_id: jobId, serverIds: made.map(({ id }) => id) } };
}

const legacyTag = (text: string): { key: string; value: string } => {
  const [key = '', ...rest] = text.split(text.includes('=') ? '=' : '.');
  return { key, value: rest.join('.') };
};

type Wanted = TypeOf<typeof createShape>['server'];

function checkNetwork(call: Call, projectId: string, wanted: Wanted): void {
  const { store } = call.world;
  if (networkTables(store).vpcs.get(wanted.vpcid)?.tenant_id !== projectId)
    throw new Refusal(400, 'Ecs.0014', `VPC ${wanted.vpcid} could not be found.`);
  if (wanted.nics.length === 0) throw invalid('At least one NIC is required.');
  for (const nic of wanted.nics)
    if (networkOf(store, projectId, nic.subnet_id, wanted.vpcid) === undefined)
      throw new Refusal(400, 'Ecs.0064', `Subnet ${nic.subnet_id} is not in VPC ${wanted.vpcid}.`);
}

/** The EIP that an order names; it must be free. */
function givenAddress(call: Call, projectId: string, wanted: Wanted, count: number): string | undefined {
  const { id, eip } = wanted.publicip ?? {};
  if (id === undefined || id === '') return undefined;
  if (eip !== undefined) throw invalid('publicip.id and publicip.eip exclude each other.');
  const row = networkTables(call.world.store).publicIps.get(id);
  if (row === undefined || row.tenant_id !== projectId) throw invalid(`EIP ${id} could not be found.`);
  if (row.bound_to !== null || row.status !== 'DOWN') throw invalid(`EIP ${id} is in use.`);
  if (count > 1) throw invalid('An EIP can be given to one server only.');
  return id;
}

function order(world: World, wanted: Parameters<typeof makeServer>[1]): ServerRow {
  try {
    return makeServer(world, wanted);
  } catch (error) {
    if (!(error instanceof AllocationFailure)) throw error;
    throw new Refusal(400, error.reason === 'full' ? 'Ecs.0012' : error.reason === 'taken' ? 'Ecs.0010' : 'Ecs.0014', error.message);
  }
}

async function giveAddress(call: Call, server: ServerRow, wanted: Wanted, given: string | undefined): Promise<void> {
  const { world } = call;
  const port = portsOf(world.store, server.id)[0];
  const eip = wanted.publicip?.eip;
  if (port === undefined || (given === undefined && eip === undefined)) return;
  try {
    const made =
      given ??
      (
        await createPublicIp(world, {
          projectId: server.project_id,
          type: eip?.iptype,
          bandwidth: { size: eip?.bandwidth.size, chargeMode: eip?.bandwidth.chargemode },
        })
      ).id;
    bindPublicIp(world.store, made, { kind: 'PORT', id: port.id });
  } catch (error) {
    if (error instanceof PoolExhausted) throw new Refusal(400, 'Ecs.0013', error.message);
    throw error;
  }
}

/** @returns the job's id */
export function openJob(world: World, type: string, each: string, servers: readonly { readonly id: string }[]): string {
  return ecsTables(world.store).jobs.insert({
    id: hex32(),
    job_type: type,
    status: 'RUNNING',
    begin_time: `${milliTime()}Z`,
    end_time: null,
    error_code: null,
    fail_reason: null,
    sub_jobs: servers.map(({ id }) => ({ job_id: hex32(), job_type: each, server_id: id })),
  }).id;
}
