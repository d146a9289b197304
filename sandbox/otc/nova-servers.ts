/** Owns Nova's server calls (API reference 9.2): orders, reads, interfaces, security groups, actions. */
import { AllocationFailure, portsOf } from './allocate.ts';
import { networkOf, projectOf } from './compute-common.ts';
import { checkBasics, checkDisk, groupIds } from './ecs-order.ts';
import { novaView } from './ecs-view.ts';
import { any, boolean, either, integer, list, map, object, read, required, string } from './fields.ts';
import { zuluTime } from './ids.ts';
import { imageOf } from './server-catalog.ts';
import { ecsTables, makeServer } from './server-make.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import type { ServerRow } from './tables/compute.ts';
import { networkTables } from './tables/network.ts';

const base = '/v2.1/{project_id}';
const createShape = object({
  server: required(
    object({
      name: required(string),
      description: string,
      imageRef: string,
      flavorRef: required(string),
      networks: either(list(object({ uuid: string, port: string, fixed_ip: string, tag: string })), string),
      security_groups: list(object({ name: required(string) })),
      key_name: string,
      adminPass: string,
      user_data: string,
      availability_zone: string,
      metadata: map(string),
      config_drive: boolean,
      min_count: integer,
      max_count: integer,
      personality: list(any),
      block_device_mapping_v2: list(
        object({
          boot_index: either(string, integer),
          uuid: string,
          source_type: string,
          destination_type: string,
          volume_size: either(string, integer),
          volume_type: string,
          delete_on_termination: boolean,
          guest_format: string,
          device_name: string,
        }),
      ),
    }),
  ),
  'os:scheduler_hints': map(any),
});
const updateShape = object({ server: required(object({ name: string, description: string })) });
const group = object({ name: required(string) });
const actionShape = object({
  addSecurityGroup: group,
  removeSecurityGroup: group,
  'os-start': any,
  'os-stop': any,
  reboot: object({ type: string }),
});

function serverOf(call: Call): ServerRow {
  const id = call.params['server_id'] ?? '';
  const row = ecsTables(call.world.store).servers.get(id);
  if (row === undefined || row.hidden === true || row.project_id !== projectOf(call))
    throw new Refusal(404, 'itemNotFound', `Instance ${id} could not be found.`);
  return row;
}

/** What ECS's common rules refuse, in Nova's words. */
function inNova<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof AllocationFailure)
      throw new Refusal(error.reason === 'taken' ? 409 : 400, error.reason === 'taken' ? 'conflictingRequest' : 'badRequest', error.message);
    if (!(error instanceof Refusal)) throw error;
    if (error.code === 'Ecs.0001') throw new Refusal(403, 'forbidden', 'Quota exceeded for instances: Requested 1, but the quota is already used.');
    throw new Refusal(error.status, 'badRequest', error.message);
  }
}

export const novaServerRoutes: readonly Route[] = [
  { method: 'POST', path: `${base}/servers`, body: required(createShape), handle: create },
  {
    method: 'GET',
    path: `${base}/servers`,
    query: ['name', 'status', 'flavor', 'image', 'limit', 'marker', 'ip', 'deleted', 'all_tenants', 'project_id'],
    handle: (call) => listed(call, false),
  },
  {
    method: 'GET',
    path: `${base}/servers/detail`,
    query: ['name', 'status', 'flavor', 'image', 'limit', 'marker', 'ip', 'deleted', 'all_tenants', 'project_id'],
    handle: (call) => listed(call, true),
  },
  {
    method: 'GET',
    path: `${base}/servers/{server_id}`,
    handle: (call) => ({ status: 200, body: { server: novaView(call.world.store, serverOf(call)) } }),
  },
  {
    method: 'PUT',
    path: `${base}/servers/{server_id}`,
    body: required(updateShape),
    handle(call) {
      const { name, description } = read(updateShape, call.body).server;
      const row = serverOf(call);
      const after = ecsTables(call.world.store).servers.update(row.id, {
        name: name ?? row.name,
        description: description ?? row.description,
        updated: zuluTime(),
      });
      return { status: 200, body: { server: novaView(call.world.store, after ?? row) } };
    },
  },
  {
    method: 'DELETE',
    path: `${base}/servers/{server_id}`,
    handle(call) {
      const row = serverOf(call);
      call.world.store.after(20, 'ecs.deleted', { ids: [row.id], also: { publicIp: false, volumes: false } });
      return { status: 204 };
    },
  },
  { method: 'POST', path: `${base}/servers/{server_id}/action`, body: required(actionShape), handle: act },
  {
    method: 'GET',
    path: `${base}/servers/{server_id}/os-interface`,
    handle(call) {
      const interfaceAttachments = portsOf(call.world.store, serverOf(call).id).map((port) => ({
        port_id: port.id,
        net_id: port.network_id,
        mac_addr: port.mac_address,
        port_state: port.status,
        fixed_ips: port.fixed_ips,
      }));
      return { status: 200, body: { interfaceAttachments } };
    },
  },
  {
    method: 'GET',
    path: `${base}/servers/{server_id}/os-security-groups`,
    handle(call) {
      const { groups } = networkTables(call.world.store);
      const ids = [...new Set(portsOf(call.world.store, serverOf(call).id).flatMap((port) => port.security_groups))];
      const security_groups = ids.map((id) => ({
        id,
        name: groups.get(id)?.name ?? '',
        description: groups.get(id)?.description ?? '',
        tenant_id: projectOf(call),
        rules: [],
      }));
      return { status: 200, body: { security_groups } };
    },
  },
  {
    method: 'GET',
    path: `${base}/servers/{server_id}/os-server-password`,
    handle(call) {
      serverOf(call);
      return { status: 200, body: { password: '' } };
    },
  },
  {
    method: 'GET',
    path: `${base}/servers/{server_id}/os-volume_attachments`,
    handle(call) {
      const row = serverOf(call);
      const { volumes } = ecsTables(call.world.store);
      const volumeAttachments = row.volume_ids.map((id) => ({
        id,
        volumeId: id,
        serverId: row.id,
        device: volumes.get(id)?.attachments[0]?.device ?? '',
      }));
      return { status: 200, body: { volumeAttachments } };
    },
  },
];

function create(call: Call): Reply {
  const { server: wanted, 'os:scheduler_hints': hints } = read(createShape, call.body);
  const projectId = projectOf(call);
  const { store } = call.world;
  const boot = wanted.block_device_mapping_v2?.[0];
  const image = wanted.imageRef === undefined || wanted.imageRef === '' ? (boot?.uuid ?? '') : wanted.imageRef;
  return inNova(() => {
    const zone = checkBasics(call, projectId, {
      name: wanted.name,
      flavor: wanted.flavorRef,
      image,
      zone: wanted.availability_zone,
      keyName: wanted.key_name,
      count: 1,
      userData: wanted.user_data,
    });
    const least = imageOf(image)?.min_disk ?? 1;
    const root = { type: boot?.volume_type ?? 'SSD', size: Number(boot?.volume_size ?? Math.max(least, 40)), least };
    checkDisk(root);
    const networks = typeof wanted.networks === 'string' ? [] : (wanted.networks ?? []);
    if (networks.length === 0) throw new Refusal(400, 'Ecs.0005', 'At least one network is required.');
    const nics = networks.map((one) =>
      one.port !== undefined && one.port !== '' ? { portId: one.port } : { networkId: one.uuid ?? '', address: one.fixed_ip },
    );
    const vpcs = nics.map((nic) =>
      'portId' in nic ? networkTables(store).ports.get(nic.portId)?.vpc_id : networkOf(store, projectId, nic.networkId)?.vpc_id,
    );
    const vpcId = vpcs[0];
    if (vpcId === undefined || vpcs.some((one) => one !== vpcId))
      throw new Refusal(400, 'Ecs.0014', 'A network or port could not be found, or they are of different VPCs.');
    const names = (wanted.security_groups ?? []).map(({ name }) => name);
    const groups = groupIds(call, projectId, names);
    const row = makeServer(call.world, {
      name: wanted.name,
      description: wanted.description,
      projectId,
      userId: call.caller?.userId ?? '',
      flavor: wanted.flavorRef,
      imageId: image,
      keyName: wanted.key_name,
      vpcId,
      zone,
      nics,
      groups: groups.length === 0 ? undefined : groups,
      volumes: [{ type: root.type, size: root.size, deleteOnTermination: boot?.delete_on_termination ?? true }],
      metadata: wanted.metadata,
      userData: wanted.user_data,
      hints,
    });
    store.after(60, 'ecs.created', { ids: [row.id] });
    const security_groups = (names.length === 0 ? ['default'] : names).map((name) => ({ name }));
    return { status: 202, body: { server: { id: row.id, links: [], adminPass: '', 'OS-DCF:diskConfig': 'MANUAL', security_groups } } };
  });
}

/** `name` matches anywhere inside. */
function listed(call: Call, detail: boolean): Reply {
  const { store } = call.world;
  const name = call.query.get('name');
  const status = call.query.get('status');
  const own = ecsTables(store).servers.where(
    (row) =>
      row.project_id === projectOf(call) &&
      row.hidden !== true &&
      (name === null || row.name.includes(name)) &&
      (status === null || row.status === status),
  );
  const start = call.query.has('marker') ? own.findIndex((row) => row.id === call.query.get('marker')) + 1 : 0;
  const rows = own.slice(start, start + Number(call.query.get('limit') ?? 1000));
  return { status: 200, body: { servers: rows.map((row) => (detail ? novaView(store, row) : { id: row.id, name: row.name, links: [] })) } };
}

function act(call: Call): Reply {
  const { store } = call.world;
  const wanted = read(actionShape, call.body);
  const row = serverOf(call);
  const word = wanted.addSecurityGroup ?? wanted.removeSecurityGroup;
  if (word !== undefined) {
    const [id = ''] = inNova(() => groupIds(call, row.project_id, [word.name]));
    for (const port of portsOf(store, row.id)) {
      const without = port.security_groups.filter((one) => one !== id);
      networkTables(store).ports.update(port.id, { security_groups: wanted.addSecurityGroup === undefined ? without : [...without, id] });
    }
    return { status: 202 };
  }
  const status = 'os-stop' in wanted ? 'SHUTOFF' : 'ACTIVE';
  if (wanted.reboot !== undefined) ecsTables(store).servers.update(row.id, { status: 'REBOOT' });
  store.after(20, 'ecs.acted', { ids: [row.id], status });
  return { status: 202 };
}
