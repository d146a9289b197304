/** Owns what belongs to a server in Nova besides its state (API reference 9.2): attached disks, metadata, server groups. */
import { projectOf } from './compute-common.ts';
import { list, map, object, read, required, string } from './fields.ts';
import { uuid } from './ids.ts';
import { novaServerOf } from './nova-common.ts';
import { ecsTables } from './server-make.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import type { Store } from './store.ts';
import type { ServerGroupRow, ServerRow, VolumeRow } from './tables/compute.ts';

const base = '/v2.1/{project_id}';
const attachments = `${base}/servers/{server_id}/os-volume_attachments`;
const metadata = `${base}/servers/{server_id}/metadata`;
const groups = `${base}/os-server-groups`;

const attachShape = object({ volumeAttachment: required(object({ volumeId: required(string), device: string })) });
const metadataShape = object({ metadata: required(map(string)) });
const oneShape = object({ meta: required(map(string)) });
const groupShape = object({ server_group: required(object({ name: required(string), policies: required(list(string)) })) });

const attachmentView = (row: ServerRow, volume: VolumeRow): Record<string, unknown> => ({
  id: volume.id,
  volumeId: volume.id,
  serverId: row.id,
  device: volume.attachments.find((one) => one.server_id === row.id)?.device ?? '',
});

function attachedTo(call: Call, row: ServerRow): VolumeRow[] {
  return ecsTables(call.world.store).volumes.where((volume) => volume.attachments.some((one) => one.server_id === row.id));
}

function attachedVolume(call: Call, row: ServerRow): VolumeRow {
  const id = call.params['volume_id'] ?? '';
  const volume = attachedTo(call, row).find((one) => one.id === id);
  if (volume === undefined) throw new Refusal(404, 'itemNotFound', `volume_id not found: ${id}`);
  return volume;
}

/** The next free drive letter, or the one that is wanted and free. */
function deviceFor(call: Call, row: ServerRow, wanted: string | undefined): string {
  const taken = attachedTo(call, row).flatMap((volume) => volume.attachments.filter((one) => one.server_id === row.id).map((one) => one.device));
  if (wanted !== undefined && wanted !== '' && wanted !== 'auto') {
    const device = wanted.replace('/dev/sd', '/dev/vd');
    if (taken.includes(device)) throw new Refusal(409, 'conflictingRequest', `The supplied device path (${wanted}) is in use.`);
    return device;
  }
  const free = [...'abcdefghijklmnopqrstuvwx'].map((letter) => `/dev/vd${letter}`).find((device) => !taken.includes(device));
  if (free === undefined) throw new Refusal(403, 'forbidden', 'A server can have at most 24 disks.');
  return free;
}

function attach(call: Call): Reply {
  const { volumeId, device } = read(attachShape, call.body).volumeAttachment;
  const row = novaServerOf(call);
  const { servers, volumes } = ecsTables(call.world.store);
  const volume = volumes.get(volumeId);
  if (volume === undefined || volume.project_id !== row.project_id) throw new Refusal(404, 'itemNotFound', `Volume ${volumeId} could not be found.`);
  if (volume.status !== 'available' && volume.multiattach !== true)
    throw new Refusal(400, 'badRequest', `Invalid volume: volume ${volumeId} status must be available, it is ${volume.status}`);
  if (volume.availability_zone !== row.availability_zone)
    throw new Refusal(400, 'badRequest', 'Invalid volume: Instance and volume not in same availability_zone');
  const given = { server_id: row.id, device: deviceFor(call, row, device), attachment_id: uuid() };
  const after = volumes.update(volume.id, { status: 'in-use', attachments: [...volume.attachments, given] }) ?? volume;
  servers.update(row.id, { volume_ids: [...row.volume_ids, volume.id] });
  return { status: 200, body: { volumeAttachment: attachmentView(row, after) } };
}

function detach(call: Call): Reply {
  const row = novaServerOf(call);
  const volume = attachedVolume(call, row);
  const { servers, volumes } = ecsTables(call.world.store);
  const system = volume.attachments.some((one) => one.server_id === row.id && one.device === '/dev/vda');
  if (system && row.status !== 'SHUTOFF') throw new Refusal(403, 'forbidden', "Can't detach root device volume");
  const rest = volume.attachments.filter((one) => one.server_id !== row.id);
  volumes.update(volume.id, { attachments: rest, status: rest.length === 0 ? 'available' : 'in-use' });
  servers.update(row.id, { volume_ids: row.volume_ids.filter((id) => id !== volume.id) });
  return { status: 202 };
}

function setMetadata(call: Call, replace: boolean): Reply {
  const given = read(metadataShape, call.body).metadata;
  const row = novaServerOf(call);
  const all = replace ? given : { ...row.metadata, ...given };
  ecsTables(call.world.store).servers.update(row.id, { metadata: all });
  return { status: 200, body: { metadata: all } };
}

const keyOf = (call: Call, row: ServerRow): string => {
  const key = call.params['key'] ?? '';
  if (row.metadata[key] === undefined) throw new Refusal(404, 'itemNotFound', 'Metadata item was not found');
  return key;
};

const groupsOf = (store: Store) => store.table<ServerGroupRow>('nova.server-groups');

function groupOf(call: Call): ServerGroupRow {
  const row = groupsOf(call.world.store).get(call.params['group_id'] ?? '');
  if (row === undefined || row.project_id !== projectOf(call))
    throw new Refusal(404, 'itemNotFound', `Instance group ${call.params['group_id'] ?? ''} could not be found.`);
  return row;
}

/** Members are the servers whose order named the group. */
const groupView = (call: Call, row: ServerGroupRow): Record<string, unknown> => ({
  ...row,
  members: ecsTables(call.world.store)
    .servers.where((server) => server.scheduler_hints['group'] === row.id)
    .map(({ id }) => id),
  metadata: {},
});

function createGroup(call: Call): Reply {
  const { name, policies } = read(groupShape, call.body).server_group;
  if (name.length < 1 || name.length > 255) throw new Refusal(400, 'badRequest', 'The name of a server group must have 1 to 255 characters.');
  if (policies.length !== 1 || policies[0] !== 'anti-affinity')
    throw new Refusal(400, 'badRequest', `Invalid input: only anti-affinity groups are supported, not ${policies.join(', ')}.`);
  const row = groupsOf(call.world.store).insert({ id: uuid(), name, policies, project_id: projectOf(call), user_id: call.caller?.userId ?? '' });
  return { status: 200, body: { server_group: groupView(call, row) } };
}

export const novaPartRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: attachments,
    query: ['limit', 'offset'],
    handle(call) {
      const row = novaServerOf(call);
      return { status: 200, body: { volumeAttachments: attachedTo(call, row).map((volume) => attachmentView(row, volume)) } };
    },
  },
  { method: 'POST', path: attachments, body: required(attachShape), handle: attach },
  {
    method: 'GET',
    path: `${attachments}/{volume_id}`,
    handle(call) {
      const row = novaServerOf(call);
      return { status: 200, body: { volumeAttachment: attachmentView(row, attachedVolume(call, row)) } };
    },
  },
  { method: 'DELETE', path: `${attachments}/{volume_id}`, handle: detach },
  { method: 'GET', path: metadata, handle: (call) => ({ status: 200, body: { metadata: novaServerOf(call).metadata } }) },
  { method: 'PUT', path: metadata, body: required(metadataShape), handle: (call) => setMetadata(call, true) },
  { method: 'POST', path: metadata, body: required(metadataShape), handle: (call) => setMetadata(call, false) },
  {
    method: 'GET',
    path: `${metadata}/{key}`,
    handle(call) {
      const row = novaServerOf(call);
      const key = keyOf(call, row);
      return { status: 200, body: { meta: { [key]: row.metadata[key] } } };
    },
  },
  {
    method: 'PUT',
    path: `${metadata}/{key}`,
    body: required(oneShape),
    handle(call) {
      const { meta } = read(oneShape, call.body);
      const row = novaServerOf(call);
      const key = call.params['key'] ?? '';
      if (Object.keys(meta).length !== 1 || meta[key] === undefined) throw new Refusal(400, 'badRequest', 'Request body and URI mismatch');
      ecsTables(call.world.store).servers.update(row.id, { metadata: { ...row.metadata, ...meta } });
      return { status: 200, body: { meta } };
    },
  },
  {
    method: 'DELETE',
    path: `${metadata}/{key}`,
    handle(call) {
      const row = novaServerOf(call);
      const key = keyOf(call, row);
      ecsTables(call.world.store).servers.update(row.id, {
        metadata: Object.fromEntries(Object.entries(row.metadata).filter(([name]) => name !== key)),
      });
      return { status: 204 };
    },
  },
  {
    method: 'GET',
    path: groups,
    query: ['limit', 'offset', 'all_projects'],
    handle(call) {
      const rows = groupsOf(call.world.store).where((row) => row.project_id === projectOf(call));
      return { status: 200, body: { server_groups: rows.map((row) => groupView(call, row)) } };
    },
  },
  { method: 'POST', path: groups, body: required(groupShape), handle: createGroup },
  { method: 'GET', path: `${groups}/{group_id}`, handle: (call) => ({ status: 200, body: { server_group: groupView(call, groupOf(call)) } }) },
  {
    method: 'DELETE',
    path: `${groups}/{group_id}`,
    handle(call) {
      groupsOf(call.world.store).remove(groupOf(call).id);
      return { status: 204 };
    },
  },
];
