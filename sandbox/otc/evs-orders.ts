/**
 * Owns how disks are ordered, changed and taken away (API reference 9.5): by Cinder's calls, which answer with the disk, and by
 * the cloud's own (`cloudvolumes`), which answer with a job. Lists and types are in `evs.ts`.
 */
import { microPlainTime, projectOf, zonesOf } from './compute-common.ts';
import { exceeded } from './disk-quotas.ts';
import { volumeOf, volumesIn, volumeView } from './evs-volumes.ts';
import { boolean, integer, map, object, read, required, string, type TypeOf } from './fields.ts';
import { hex32, milliTime, uuid } from './ids.ts';
import { imageOf, volumeTypes } from './server-catalog.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import type { Store } from './store.ts';
import type { EvsJobRow, VolumeRow } from './tables/compute.ts';

/** Seconds of the real cloud. */
const durations = { create: 10, extend: 10, remove: 5 } as const;
const mostAtOnce = 100;

const createShape = object({
  volume: required(
    object({
      name: string,
      description: string,
      size: integer,
      volume_type: string,
      availability_zone: required(string),
      metadata: map(string),
      multiattach: boolean,
      shareable: string,
      count: integer,
      imageRef: string,
      snapshot_id: string,
      backup_id: string,
      tags: map(string),
      enterprise_project_id: string,
    }),
  ),
});
const updateShape = object({
  volume: required(object({ name: string, description: string, display_name: string, display_description: string, metadata: map(string) })),
});
const actionShape = object({ 'os-extend': required(object({ new_size: required(integer) })) });

export const jobsIn = (store: Store) => store.table<EvsJobRow>('evs.jobs');

type Wanted = TypeOf<typeof createShape>['volume'];

/** Cinder's calls have one code for all quotas, the cloud's own one for each. */
function overQuota(kind: string, calls: 'cinder' | 'vendor'): Refusal {
  if (calls === 'cinder') return new Refusal(413, 'EVS.5413', 'Insufficient volume quota.');
  return kind.startsWith('volumes')
    ? new Refusal(400, 'EVS.1034', 'volume count exceeded volume count quota!')
    : new Refusal(400, 'EVS.1042', 'volume gigabytes exceeded volume gigabytes quota!');
}

/** @throws Refusal */
function checkOrder(call: Call, wanted: Wanted, calls: 'cinder' | 'vendor'): number {
  const count = wanted.count ?? 1;
  const image = wanted.imageRef === undefined ? undefined : imageOf(wanted.imageRef);
  if (!volumeTypes.some((type) => type === (wanted.volume_type ?? 'SAS')))
    throw new Refusal(400, 'EVS.2251', `Volume type ${wanted.volume_type} is not available.`);
  if (!zonesOf(call.region).includes(wanted.availability_zone))
    throw new Refusal(400, 'EVS.2021', `Availability zone ${wanted.availability_zone} is invalid.`);
  if (wanted.imageRef !== undefined && image === undefined) throw new Refusal(404, 'EVS.5404', `Image ${wanted.imageRef} could not be found.`);
  if (wanted.snapshot_id !== undefined || wanted.backup_id !== undefined)
    throw new Refusal(404, 'EVS.5404', `Snapshot or backup ${wanted.snapshot_id ?? wanted.backup_id} could not be found.`);
  const least = image?.min_disk ?? 10;
  if (wanted.size === undefined || wanted.size < least || wanted.size > 32768)
    throw new Refusal(400, 'EVS.2010', `The size must be between ${least} and 32768 GB.`);
  if (count < 1 || count > mostAtOnce) throw new Refusal(400, 'EVS.2024', `count must be between 1 and ${mostAtOnce}.`);
  const { size } = wanted;
  const over = exceeded(
    call,
    projectOf(call),
    Array.from({ length: count }, () => ({ type: wanted.volume_type ?? 'SAS', size })),
  );
  if (over !== undefined) throw overQuota(over, calls);
  return size;
}

function make(call: Call, wanted: Wanted, name: string, size: number): VolumeRow {
  const row = volumesIn(call).insert({
    id: uuid(),
    name,
    description: wanted.description ?? '',
    project_id: projectOf(call),
    user_id: call.caller?.userId ?? '',
    status: 'creating',
    size,
    volume_type: wanted.volume_type ?? 'SAS',
    bootable: wanted.imageRef !== undefined,
    encrypted: wanted.metadata?.['__system__encrypted'] === '1',
    availability_zone: wanted.availability_zone,
    created_at: microPlainTime(),
    metadata: wanted.metadata ?? {},
    image_id: wanted.imageRef,
    attachments: [],
    delete_on_termination: false,
    multiattach: wanted.multiattach ?? wanted.shareable === 'true',
    tags: Object.entries(wanted.tags ?? {}).map(([key, value]) => ({ key, value })),
  });
  call.world.store.after(durations.create, 'evs.created', { id: row.id });
  return row;
}

/** @returns the answer with the job's id */
function job(call: Call, type: string, each: string, ids: readonly string[], seconds: number): Reply {
  const row = jobsIn(call.world.store).insert({
    id: hex32(),
    project_id: projectOf(call),
    job_type: type,
    status: 'RUNNING',
    begin_time: `${milliTime()}Z`,
    end_time: '',
    sub_jobs: ids.map((id) => ({ job_id: hex32(), job_type: each, volume_id: id })),
  });
  call.world.store.after(seconds, 'evs.job', { id: row.id });
  return { status: 200, body: { job_id: row.id } };
}

function extend(call: Call, calls: 'cinder' | 'vendor'): VolumeRow {
  const { new_size: size } = read(actionShape, call.body)['os-extend'];
  const row = volumeOf(call);
  if (row.status !== 'available' && row.status !== 'in-use') throw new Refusal(400, 'EVS.2013', `The disk is ${row.status} and cannot be extended.`);
  if (size <= row.size || size > 32768) throw new Refusal(400, 'EVS.2010', `The new size must be larger than ${row.size} and at most 32768 GB.`);
  const over = exceeded(call, projectOf(call), [{ type: row.volume_type, size: size - row.size }], 'larger');
  if (over !== undefined) throw overQuota(over, calls);
  call.world.store.after(durations.extend, 'evs.extended', { id: row.id, size, status: row.status });
  return volumesIn(call).update(row.id, { status: 'extending' }) ?? row;
}

function update(call: Call): VolumeRow {
  const wanted = read(updateShape, call.body).volume;
  const row = volumeOf(call);
  const patch = {
    name: wanted.name ?? wanted.display_name ?? row.name,
    description: wanted.description ?? wanted.display_description ?? row.description,
    metadata: wanted.metadata ?? row.metadata,
  };
  return volumesIn(call).update(row.id, patch) ?? row;
}

function remove(call: Call): VolumeRow {
  const row = volumeOf(call);
  if (row.attachments.length > 0) throw new Refusal(400, 'EVS.2045', `Volume ${row.id} is attached.`);
  volumesIn(call).update(row.id, { status: 'deleting' });
  call.world.store.after(durations.remove, 'evs.deleted', { id: row.id });
  return row;
}

function metadata(call: Call, replace: boolean): Reply {
  const row = volumeOf(call);
  const given = read(metadataShape, call.body).metadata;
  const after = replace ? given : { ...row.metadata, ...given };
  volumesIn(call).update(row.id, { metadata: after });
  return { status: 200, body: { metadata: after } };
}
const metadataShape = object({ metadata: required(map(string)) });

/** Cinder's calls. */
export const cinderOrders = (version: 'v2' | 'v3'): Route[] => {
  const one = `/${version}/{project_id}/volumes/{volume_id}`;
  return [
    {
      method: 'POST',
      path: `/${version}/{project_id}/volumes`,
      body: required(createShape),
      handle(call) {
        const wanted = read(createShape, call.body).volume;
        const size = checkOrder(call, wanted, 'cinder');
        return { status: 202, body: { volume: volumeView(call, make(call, wanted, wanted.name ?? '', size)) } };
      },
    },
    { method: 'PUT', path: one, body: required(updateShape), handle: (call) => ({ status: 200, body: { volume: volumeView(call, update(call)) } }) },
    {
      method: 'DELETE',
      path: one,
      query: ['cascade'],
      handle(call) {
        remove(call);
        return { status: 202 };
      },
    },
    {
      method: 'POST',
      path: `${one}/action`,
      body: required(actionShape),
      handle(call) {
        extend(call, 'cinder');
        return { status: 202 };
      },
    },
    { method: 'GET', path: `${one}/metadata`, handle: (call) => ({ status: 200, body: { metadata: volumeOf(call).metadata } }) },
    { method: 'POST', path: `${one}/metadata`, body: required(metadataShape), handle: (call) => metadata(call, false) },
    { method: 'PUT', path: `${one}/metadata`, body: required(metadataShape), handle: (call) => metadata(call, true) },
  ];
};

/** The cloud's own calls; their jobs are asked for below `/v1`. */
export const vendorOrders = (version: 'v2' | 'v3'): Route[] => {
  const all = `/${version}/{project_id}/cloudvolumes`;
  const one = `${all}/{volume_id}`;
  return [
    {
      method: 'POST',
      path: all,
      body: required(createShape),
      handle(call) {
        const wanted = read(createShape, call.body).volume;
        const size = checkOrder(call, wanted, 'vendor');
        const count = wanted.count ?? 1;
        const names = Array.from({ length: count }, (_, at) => (count === 1 ? (wanted.name ?? '') : `${wanted.name ?? ''}-${at + 1}`));
        const ids = names.map((name) => make(call, wanted, name, size).id);
        return job(call, count === 1 ? 'createVolume' : 'batchCreateVolume', 'createVolume', ids, durations.create);
      },
    },
    { method: 'PUT', path: one, body: required(updateShape), handle: (call) => ({ status: 200, body: volumeView(call, update(call)) }) },
    {
      method: 'POST',
      path: `${one}/action`,
      body: required(actionShape),
      handle: (call) => job(call, 'extendVolume', 'extendVolume', [extend(call, 'vendor').id], durations.extend),
    },
    { method: 'DELETE', path: one, handle: (call) => job(call, 'deleteVolume', 'deleteVolume', [remove(call).id], durations.remove) },
  ];
};

export const jobRoute: Route = {
  method: 'GET',
  path: '/v1/{project_id}/jobs/{job_id}',
  handle(call) {
    const row = jobsIn(call.world.store).get(call.params['job_id'] ?? '');
    if (row === undefined || row.project_id !== projectOf(call)) throw new Refusal(404, 'EVS.5404', 'The job does not exist.');
    const state = { status: row.status, begin_time: row.begin_time, end_time: row.end_time, error_code: null, fail_reason: null };
    const subs = row.sub_jobs.map(({ job_id, job_type, volume_id }) => ({ ...state, job_id, job_type, entities: { volume_id } }));
    const only = subs.length === 1 ? subs[0]?.entities : undefined;
    return { status: 200, body: { ...state, job_id: row.id, job_type: row.job_type, entities: only ?? { sub_jobs: subs } } };
  },
};

export function startOrders(store: Store): void {
  const volumes = store.table<VolumeRow>('evs.volumes');
  store.handle('evs.created', ({ id }: { id: string }) => void volumes.update(id, { status: 'available' }));
  store.handle('evs.deleted', ({ id }: { id: string }) => void volumes.remove(id));
  store.handle('evs.extended', ({ id, size, status }: { id: string; size: number; status: string }) => void volumes.update(id, { size, status }));
  store.handle('evs.job', ({ id }: { id: string }) => void jobsIn(store).update(id, { status: 'SUCCESS', end_time: `${milliTime()}Z` }));
}
