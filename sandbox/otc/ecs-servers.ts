/** Owns ECS v1's server calls (API reference 9.1): lists, details, changes, deletions and actions as jobs. Orders are in `ecs-create.ts`. */
import type { World } from '../contract.ts';
import { portsOf } from './allocate.ts';
import { projectOf } from './compute-common.ts';
import { create, createShape, invalid, openJob } from './ecs-create.ts';
import { jobView, serverView } from './ecs-view.ts';
import { boolean, either, list, object, read, required, string } from './fields.ts';
import { milliTime, zuluTime } from './ids.ts';
import { ecsTables, removeServer, serverIsUp } from './server-make.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import type { ServerRow } from './tables/compute.ts';

const base = '/v1/{project_id}/cloudservers';
/** Seconds of the real cloud. */
const durations = { delete: 40, action: 20 } as const;

const updateShape = object({ server: required(object({ name: string, description: string, hostname: string })) });
const deleteShape = object({ servers: required(list(object({ id: required(string) }))), delete_publicip: boolean, delete_volume: boolean });
const many = object({ servers: required(list(object({ id: required(string) }))), type: string });
const actionShape = object({ 'os-start': many, 'os-stop': many, reboot: many });
const recoveryShape = object({ support_auto_recovery: required(either(string, boolean)) });

export function serverOf(call: Call, id = call.params['server_id'] ?? ''): ServerRow {
  const row = ecsTables(call.world.store).servers.get(id);
  if (row === undefined || row.hidden === true || row.project_id !== projectOf(call))
    throw new Refusal(404, 'Ecs.0114', `Instance ${id} could not be found.`);
  return row;
}

export const serverRoutes: readonly Route[] = [
  { method: 'POST', path: base, body: required(createShape), handle: create },
  {
    method: 'GET',
    path: `${base}/detail`,
    query: [
      'name',
      'status',
      'flavor',
      'tags',
      'not-tags',
      'ip',
      'limit',
      'offset',
      'reservation_id',
      'enterprise_project_id',
      'id',
      'in_recycle_bin',
    ],
    handle: listed,
  },
  { method: 'GET', path: `${base}/{server_id}`, handle: (call) => ({ status: 200, body: { server: serverView(call.world.store, serverOf(call)) } }) },
  {
    method: 'PUT',
    path: `${base}/{server_id}`,
    body: required(updateShape),
    handle(call) {
      const { name, description } = read(updateShape, call.body).server;
      const row = serverOf(call);
      if (name !== undefined && !/^[\p{L}\p{N}_.-]{1,128}$/u.test(name)) throw invalid('The server name is invalid.');
      const after = ecsTables(call.world.store).servers.update(row.id, {
        name: name ?? row.name,
        description: description ?? row.description,
        updated: zuluTime(),
      });
      return { status: 200, body: { server: serverView(call.world.store, after ?? row) } };
    },
  },
  { method: 'POST', path: `${base}/delete`, body: required(deleteShape), handle: remove },
  { method: 'POST', path: `${base}/action`, body: required(actionShape), handle: act },
  {
    method: 'GET',
    path: `${base}/{server_id}/autorecovery`,
    handle: (call) => ({ status: 200, body: { support_auto_recovery: String(serverOf(call).auto_recovery) } }),
  },
  {
    method: 'PUT',
    path: `${base}/{server_id}/autorecovery`,
    body: required(recoveryShape),
    handle(call) {
      const wanted = String(read(recoveryShape, call.body).support_auto_recovery);
      if (!['true', 'false'].includes(wanted)) throw invalid('support_auto_recovery must be true or false.');
      ecsTables(call.world.store).servers.update(serverOf(call).id, { auto_recovery: wanted === 'true' });
      return { status: 204 };
    },
  },
  {
    method: 'GET',
    path: '/v1/{project_id}/jobs/{job_id}',
    handle(call) {
      const job = ecsTables(call.world.store).jobs.get(call.params['job_id'] ?? '');
      if (job === undefined) throw new Refusal(400, 'Common.0011', `The job ${call.params['job_id']} does not exist.`);
      return { status: 200, body: jobView(job) };
    },
  },
];

/** `offset` is a page number from 1; `name` is fuzzy. */
function listed(call: Call): Reply {
  const { store } = call.world;
  const of = (name: string): string | null => call.query.get(name);
  const tags = (text: string | null): string[] => (text ?? '').split(',').filter((part) => part !== '');
  const has = (row: ServerRow, tag: string): boolean => row.tags.some(({ key, value }) => tag === key || tag === `${key}=${value}`);
  const rows = ecsTables(store).servers.where(
    (row) =>
      row.project_id === projectOf(call) &&
      row.hidden !== true &&
      fuzzy(of('name'), row.name) &&
      [null, row.status].includes(of('status')) &&
      [null, row.flavor_id].includes(of('flavor')) &&
      [null, row.id].includes(of('id')) &&
      tags(of('tags')).every((tag) => has(row, tag)) &&
      !tags(of('not-tags')).some((tag) => has(row, tag)) &&
      (of('ip') === null || portsOf(store, row.id).some((port) => port.fixed_ips.some(({ ip_address }) => ip_address.includes(of('ip') ?? '')))),
  );
  const [limit, page] = [Number(of('limit') ?? 25), Number(of('offset') ?? 1)];
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000) throw invalid('limit must be between 1 and 1000.');
  if (!Number.isInteger(page) || page < 0) throw invalid('offset is invalid.');
  const shown = rows.slice(Math.max(0, page - 1) * limit, Math.max(1, page) * limit);
  return { status: 200, body: { count: rows.length, servers: shown.map((row) => serverView(store, row)) } };
}

/** A dot matches any character, all else stands for itself. */
function fuzzy(wanted: string | null, name: string): boolean {
  if (wanted === null || wanted === '') return true;
  return new RegExp(wanted.replace(/[\\^$*+?()[\]{}|]/g, '\\$&'), 'i').test(name);
}

function remove(call: Call): Reply {
  const { world } = call;
  const wanted = read(deleteShape, call.body);
  const rows = wanted.servers.map(({ id }) => serverOf(call, id));
  const jobId = openJob(world, 'deleteServer', 'deleteSingleServer', rows);
  const also = { publicIp: wanted.delete_publicip ?? false, volumes: wanted.delete_volume ?? false };
  world.store.after(durations.delete, 'ecs.deleted', { ids: rows.map(({ id }) => id), jobId, also });
  return { status: 200, body: { job_id: jobId } };
}

function act(call: Call): Reply {
  const { world } = call;
  const wanted = read(actionShape, call.body);
  const [word, target] = Object.entries(wanted).find(([, value]) => value !== undefined) ?? [];
  if (word === undefined || target === undefined) throw invalid('An action is required.');
  const rows = target.servers.map(({ id }) => serverOf(call, id));
  const needed = word === 'os-start' ? 'SHUTOFF' : 'ACTIVE';
  for (const row of rows)
    if (row.status !== needed && row.status !== 'ERROR') throw new Refusal(400, 'Ecs.0100', `The server ${row.id} is ${row.status}.`);
  const jobId = openJob(world, word === 'reboot' ? 'rebootServer' : word === 'os-start' ? 'startServer' : 'stopServer', 'operateSingleServer', rows);
  if (word === 'reboot') for (const row of rows) ecsTables(world.store).servers.update(row.id, { status: 'REBOOT' });
  world.store.after(durations.action, 'ecs.acted', { ids: rows.map(({ id }) => id), jobId, status: word === 'os-stop' ? 'SHUTOFF' : 'ACTIVE' });
  return { status: 200, body: { job_id: jobId } };
}

/** Registers the transitions of servers. */
export function startServers(world: World): void {
  const { store } = world;
  const { servers, jobs } = ecsTables(store);
  const done = (jobId: string | undefined): void => {
    if (jobId !== undefined) jobs.update(jobId, { status: 'SUCCESS', end_time: `${milliTime()}Z` });
  };
  store.handle('ecs.visible', ({ ids }: { ids: readonly string[] }) => {
    for (const id of ids) servers.update(id, { hidden: false });
  });
  store.handle('ecs.created', ({ ids, jobId }: { ids: readonly string[]; jobId?: string }) => {
    for (const id of ids) {
      servers.update(id, { hidden: false });
      serverIsUp(store, id);
    }
    done(jobId);
  });
  store.handle(
    'ecs.deleted',
    async ({ ids, jobId, also }: { ids: readonly string[]; jobId?: string; also: { publicIp: boolean; volumes: boolean } }) => {
      for (const id of ids) await removeServer(world, id, also);
      done(jobId);
    },
  );
  store.handle('ecs.acted', ({ ids, jobId, status }: { ids: readonly string[]; jobId?: string; status: string }) => {
    for (const id of ids) servers.update(id, { status, updated: zuluTime() });
    done(jobId);
  });
}
