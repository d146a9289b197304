/** Owns Nova's server calls (API reference 9.2): orders, reads, interfaces, security groups. Actions are in `nova-actions.ts`. */
import { randomBytes } from 'node:crypto';
import { addressOf, portsOf } from './allocate.ts';
import { networkOf, projectOf } from './compute-common.ts';
import { checkBasics, checkDisk, checkDisks, groupIds } from './ecs-order.ts';
import { novaView } from './ecs-view.ts';
import { any, boolean, either, integer, list, map, object, read, required, string, type TypeOf } from './fields.ts';
import { zuluTime } from './ids.ts';
import { inNova, linksOf, novaPage, novaServerOf } from './nova-common.ts';
import { imageOf } from './server-catalog.ts';
import { ecsTables, makeServer, type ServerOrder } from './server-make.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
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
export const novaServerRoutes: readonly Route[] = [
  // The second path is an alias for OpenStack's clients.
  ...['servers', 'os-volumes_boot'].map((name): Route => ({ method: 'POST', path: `${base}/${name}`, body: required(createShape), handle: create })),
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
    handle: (call) => ({ status: 200, body: { server: novaView(call, novaServerOf(call)) } }),
  },
  {
    method: 'PUT',
    path: `${base}/servers/{server_id}`,
    body: required(updateShape),
    handle(call) {
      const { name, description } = read(updateShape, call.body).server;
      const row = novaServerOf(call);
      const after = ecsTables(call.world.store).servers.update(row.id, {
        name: name ?? row.name,
        description: description ?? row.description,
        updated: zuluTime(),
      });
      return { status: 200, body: { server: novaView(call, after ?? row) } };
    },
  },
  {
    method: 'DELETE',
    path: `${base}/servers/{server_id}`,
    handle(call) {
      const row = novaServerOf(call);
      call.world.store.after(20, 'ecs.deleted', { ids: [row.id], also: { publicIp: false, volumes: false } });
      return { status: 204 };
    },
  },
  {
    method: 'GET',
    path: `${base}/servers/{server_id}/os-interface`,
    handle(call) {
      const interfaceAttachments = portsOf(call.world.store, novaServerOf(call).id).map((port) => ({
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
      const ids = [...new Set(portsOf(call.world.store, novaServerOf(call).id).flatMap((port) => port.security_groups))];
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
      novaServerOf(call);
      return { status: 200, body: { password: '' } };
    },
  },
];

function create(call: Call): Reply {
  const { server: wanted, 'os:scheduler_hints': hints } = read(createShape, call.body);
  const projectId = projectOf(call);
  const { store } = call.world;
  return inNova(() => {
    const { image, volumes } = disksOf(call, projectId, wanted);
    const zone = checkBasics(call, projectId, {
      name: wanted.name,
      flavor: wanted.flavorRef,
      image,
      zone: wanted.availability_zone,
      keyName: wanted.key_name,
      count: 1,
      userData: wanted.user_data,
    });
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
      volumes,
      metadata: wanted.metadata,
      userData: wanted.user_data,
      hints,
    });
    store.after(60, 'ecs.created', { ids: [row.id] });
    const security_groups = (names.length === 0 ? ['default'] : names).map((name) => ({ name }));
    const links = linksOf(call, 'servers', row.id);
    const adminPass = wanted.adminPass ?? randomBytes(9).toString('base64url');
    return { status: 202, body: { server: { id: row.id, links, adminPass, 'OS-DCF:diskConfig': 'MANUAL', security_groups } } };
  });
}

type Wanted = TypeOf<typeof createShape>['server'];

/** The image, and the disks of an order: the system disk first. Without a mapping it is made from the image. @throws Refusal */
function disksOf(call: Call, projectId: string, wanted: Wanted): { readonly image: string; readonly volumes: ServerOrder['volumes'] } {
  const known = ecsTables(call.world.store).volumes;
  const mapping = wanted.block_device_mapping_v2 ?? [];
  const boot = mapping.find((one) => Number(one.boot_index ?? -1) === 0) ?? mapping[0];
  const booted = boot?.source_type === 'volume' ? known.get(boot.uuid ?? '')?.image_id : boot?.uuid;
  const image = wanted.imageRef === undefined || wanted.imageRef === '' ? (booted ?? '') : wanted.imageRef;
  const least = imageOf(image)?.min_disk ?? 1;
  const disk = (one: (typeof mapping)[number] | undefined, smallest: number): ServerOrder['volumes'][number] => {
    const deleteOnTermination = one?.delete_on_termination ?? one === boot;
    if (one?.source_type === 'volume') {
      const row = known.get(one.uuid ?? '');
      if (row === undefined || row.project_id !== projectId || row.status !== 'available')
        throw new Refusal(400, 'Ecs.0005', `Block Device Mapping is Invalid: failed to get volume ${one.uuid ?? ''}.`);
      return { volumeId: row.id, deleteOnTermination };
    }
    if (one?.source_type === 'snapshot')
      throw new Refusal(400, 'Ecs.0005', `Block Device Mapping is Invalid: failed to get snapshot ${one.uuid ?? ''}.`);
    const made = { type: one?.volume_type ?? 'SSD', size: Number(one?.volume_size ?? Math.max(smallest, 40)) };
    checkDisk({ ...made, least: smallest });
    return { ...made, deleteOnTermination };
  };
  const volumes = [disk(boot, least), ...mapping.filter((one) => one !== boot).map((one) => disk(one, 10))];
  checkDisks(
    call,
    projectId,
    volumes.flatMap((one) => ('volumeId' in one ? [] : [one])),
  );
  return { image, volumes };
}

/** `name` matches anywhere inside. */
function listed(call: Call, detail: boolean): Reply {
  const { store } = call.world;
  const of = (name: string): string | null => call.query.get(name);
  const own = ecsTables(store).servers.where(
    (row) =>
      row.project_id === projectOf(call) &&
      row.hidden !== true &&
      row.name.includes(of('name') ?? '') &&
      [null, row.status].includes(of('status')) &&
      [null, row.flavor_id].includes(of('flavor')) &&
      [null, row.image_id].includes(of('image')) &&
      (of('ip') === null || portsOf(store, row.id).some((port) => addressOf(port).includes(of('ip') ?? ''))),
  );
  return novaPage(
    call,
    'servers',
    own,
    ({ id }) => id,
    (row) => (detail ? novaView(call, row) : { id: row.id, name: row.name, links: linksOf(call, 'servers', row.id) }),
  );
}
