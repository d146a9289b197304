/**
 * Owns the life of an RDS instance: made, backed up, changed, deleted, with the real cloud's durations (API reference 13)
 * and a job for each. What an order may be is in `rds-order.ts`; which call starts what in `rds-change.ts`.
 */
import type { World } from '../contract.ts';
import { AllocationFailure, addressOf, createPort, removePortsOf } from './allocate.ts';
import { leftOf, offsetTime, startWork, workOf } from './compute-common.ts';
import { hex32, uuid } from './ids.ts';
import { publicIpBoundTo, unbindPublicIp } from './public-ip.ts';
import type { Order } from './rds-order.ts';
import { Refusal } from './service.ts';
import type { Store } from './store.ts';
import type { RdsBackupRow, RdsInstanceRow, RdsJobRow, RdsNode, RdsRecycledRow } from './tables/compute.ts';
import { networkTables } from './tables/network.ts';

export const rdsTables = (store: Store) => ({
  instances: store.table<RdsInstanceRow>('rds.instances'),
  jobs: store.table<RdsJobRow>('rds.jobs'),
  backups: store.table<RdsBackupRow>('rds.backups'),
  recycled: store.table<RdsRecycledRow>('rds.recycle'),
});

/** Seconds of the real cloud. */
const durations = { single: 480, ha: 720, backup: 120, delete: 90, portsAfterDelete: 30 } as const;

/** Takes an order: row, addresses, and the real server's creation under way. */
export function createInstance(world: World, order: Order): { readonly instance: RdsInstanceRow; readonly jobId: string } {
  const { store } = world;
  const { zones, password, wantedAddress, backup, ...fields } = order;
  const id = `${hex32()}in03`;
  const vip = portFor(store, id, fields, wantedAddress, 'VIP');
  const nodePorts = zones.map((zone) => portFor(store, id, fields, undefined, zone));
  const instance: RdsInstanceRow = {
    ...fields,
    id,
    nodes: zones.map((zone, index) => nodeOf(fields.name, zone, index)),
    private_ip: addressOf(vip),
    vip_port_id: vip.id,
    port_ids: [vip.id, ...nodePorts.map((port) => port.id)],
    created: '',
    updated: '',
  };
  rdsTables(store).instances.insert(instance);
  const jobId = openJob(store, instance, fields.ha === undefined ? 'CreatePostgresqlSingleInstance' : 'CreatePostgresqlSingleHAInstance');
  startWork(world, `rds ${id}`, makeServer(world, instance, password, backup));
  store.after(0, 'rds.building', { id, jobId, startedAt: Date.now() });
  return { instance, jobId };
}

const nodeOf = (name: string, zone: string, index: number): RdsNode => ({
  id: `${hex32()}no03`,
  name: `${name}_node${index}`,
  role: index === 0 ? 'master' : 'slave',
  status: 'BUILD',
  availability_zone: zone,
});

function portFor(
  store: Store,
  id: string,
  order: Pick<RdsInstanceRow, 'subnet_id' | 'security_group_id'>,
  address: string | undefined,
  name: string,
) {
  try {
    return createPort(store, {
      networkId: order.subnet_id,
      deviceOwner: 'network:rds',
      deviceId: id,
      name,
      address,
      securityGroups: [order.security_group_id],
    });
  } catch (error) {
    if (!(error instanceof AllocationFailure)) throw error;
    removePortsOf(store, id);
    throw new Refusal(400, 'DBS.280001', error.message);
  }
}

async function makeServer(world: World, instance: RdsInstanceRow, password: string, backup: string | undefined): Promise<void> {
  const groups = (): readonly string[] => networkTables(world.store).ports.get(instance.vip_port_id)?.security_groups ?? [];
  await world.databases.create({
    id: instance.id,
    name: instance.name,
    address: instance.private_ip,
    port: instance.port,
    rootPassword: password,
    vpcId: instance.vpc_id,
    groups,
  });
  if (backup === undefined) return;
  await world.databases.restore(instance.id, backup);
  await world.databases.setRootPassword(instance.id, password);
}

/** @returns the job's id */
export function openJob(store: Store, instance: Pick<RdsInstanceRow, 'id' | 'name'>, name: string): string {
  const job: RdsJobRow = {
    id: uuid(),
    name,
    status: 'Running',
    created: offsetTime(),
    ended: '',
    instance_id: instance.id,
    instance_name: instance.name,
    fail_reason: '',
  };
  return rdsTables(store).jobs.insert(job).id;
}

const closeJob = (store: Store, jobId: string | undefined, failure?: string): void => {
  if (jobId === undefined) return;
  rdsTables(store).jobs.update(jobId, { status: failure === undefined ? 'Completed' : 'Failed', ended: offsetTime(), fail_reason: failure ?? '' });
};

/**
 * Starts a change that keeps the instance busy; at the end `patch` is written and, where asked, the server works on itself. Not
 * every change has a status of its own (5.4): then the instance stays as it is, and only refuses others.
 */
export function change(
  world: World,
  instance: RdsInstanceRow,
  step: {
    readonly status?: string;
    /** Until the status shows: a workflow is only queued when it is answered (5.5). */
    readonly queued?: number;
    readonly seconds: number;
    readonly job?: string;
    readonly patch?: Partial<RdsInstanceRow>;
    readonly work?: 'restart' | 'move' | 'groups' | { readonly restore: string };
  },
): { readonly jobId: string; readonly workflowId: string } {
  const { store } = world;
  const jobId = openJob(store, instance, step.job ?? 'ModifyInstance');
  const { status = instance.status, queued = 0 } = step;
  rdsTables(store).instances.update(instance.id, { job_id: jobId, ...(queued > 0 ? {} : { status, updated: offsetTime() }) });
  if (queued > 0) store.after(queued, 'rds.begun', { id: instance.id, jobId, status });
  store.after(step.seconds, 'rds.changed', { id: instance.id, jobId, patch: step.patch ?? {}, work: step.work });
  return { jobId, workflowId: uuid() };
}

/** Starts a backup. The first one of an instance holds it in `BACKING UP`; so does a manual one. */
export function backUp(
  world: World,
  instance: RdsInstanceRow,
  backup: { readonly name: string; readonly description: string; readonly type: 'auto' | 'manual' },
): RdsBackupRow {
  const { store } = world;
  const row: RdsBackupRow = {
    id: `${hex32()}br03`,
    instance_id: instance.id,
    project_id: instance.project_id,
    name: backup.name,
    description: backup.description,
    type: backup.type,
    status: 'BUILDING',
    begin_time: offsetTime(),
    end_time: '',
    datastore: { type: instance.datastore.type, version: instance.datastore.version },
    volume_size: instance.volume.size,
  };
  rdsTables(store).backups.insert(row);
  rdsTables(store).instances.update(instance.id, { status: 'BACKING UP' });
  startWork(world, `rds backup ${row.id}`, world.databases.backup(instance.id, row.id));
  store.after(durations.backup, 'rds.backed-up', { id: instance.id, backupId: row.id });
  return row;
}

/** Starts the deletion: a last backup goes to the recycle bin, the instance leaves the list, its ports some seconds later. */
export function deleteInstance(world: World, instance: RdsInstanceRow): string {
  const { store } = world;
  const publicIp = publicIpBoundTo(store, 'RDS', instance.id);
  if (publicIp !== undefined) unbindPublicIp(store, publicIp.id);
  // No status of its own is documented for a deletion under way; this is the documented one that fits.
  rdsTables(store).instances.update(instance.id, { status: 'SHUTDOWN' });
  const jobId = openJob(store, instance, 'DeletePostgresqlInstance');
  const backupId = `${hex32()}br03`;
  const whole = instance.created !== '';
  if (whole) startWork(world, `rds backup ${backupId}`, world.databases.backup(instance.id, backupId));
  store.after(durations.delete, 'rds.deleted', { id: instance.id, jobId, backupId: whole ? backupId : undefined });
  return jobId;
}

/** Registers the transitions. */
export function startRds(world: World): void {
  const { store } = world;
  const { instances, backups } = rdsTables(store);

  store.handle('rds.building', async ({ id, jobId, startedAt }: { id: string; jobId: string; startedAt: number }) => {
    const instance = instances.get(id);
    if (instance === undefined) return;
    try {
      await workOf(world, `rds ${id}`);
    } catch (error) {
      instances.update(id, { status: 'CREATE FAIL' });
      closeJob(store, jobId, error instanceof Error ? error.message : String(error));
      return;
    }
    store.after(leftOf(store, instance.ha === undefined ? durations.single : durations.ha, startedAt), 'rds.built', { id, jobId });
  });

  store.handle('rds.built', ({ id, jobId }: { id: string; jobId: string }) => {
    const instance = instances.get(id);
    if (instance === undefined) return;
    const now = offsetTime();
    const built = instances.update(id, { created: now, updated: now, nodes: instance.nodes.map((node) => ({ ...node, status: 'ACTIVE' })) });
    closeJob(store, jobId);
    if (built !== undefined) backUp(world, built, { name: `PostgreSQL-${built.name}-first`, description: '', type: 'auto' });
  });

  store.handle('rds.backed-up', async ({ id, backupId }: { id: string; backupId: string }) => {
    let status: RdsBackupRow['status'] = 'COMPLETED';
    try {
      await workOf(world, `rds backup ${backupId}`);
    } catch (error) {
      world.log('rds', `backup ${backupId} of ${id}: ${error instanceof Error ? error.message : String(error)}`);
      status = 'FAILED';
    }
    backups.update(backupId, { status, end_time: offsetTime() });
    if (instances.get(id)?.status === 'BACKING UP') instances.update(id, { status: 'ACTIVE', updated: offsetTime() });
  });

  store.handle('rds.begun', ({ id, jobId, status }: { id: string; jobId: string; status: string }) => {
    if (instances.get(id)?.job_id === jobId) instances.update(id, { status, updated: offsetTime() });
  });

  store.handle('rds.changed', async ({ id, jobId, patch, work }: { id: string; jobId: string; patch: Partial<RdsInstanceRow>; work?: unknown }) => {
    const changed = instances.update(id, { ...patch, updated: offsetTime() });
    if (changed === undefined) return;
    await workOnServer(world, changed, work);
    instances.update(id, { status: 'ACTIVE', job_id: undefined });
    closeJob(store, jobId);
  });

  store.handle('rds.deleted', async ({ id, jobId, backupId }: { id: string; jobId: string; backupId?: string }) => {
    const instance = instances.get(id);
    if (instance === undefined) return;
    if (backupId !== undefined) await keepInRecycleBin(world, instance, backupId);
    if (instance.created !== '') await world.databases.remove(id);
    for (const backup of backups.where((row) => row.instance_id === id && row.type === 'auto' && row.id !== backupId)) backups.remove(backup.id);
    instances.remove(id);
    closeJob(store, jobId);
    store.after(durations.portsAfterDelete, 'rds.ports-gone', { id });
  });

  store.handle('rds.ports-gone', ({ id }: { id: string }) => removePortsOf(store, id));
}

async function workOnServer(world: World, instance: RdsInstanceRow, work: unknown): Promise<void> {
  const { ports } = networkTables(world.store);
  if (work === 'restart') await world.databases.restart(instance.id);
  if (work === 'groups') for (const id of instance.port_ids) ports.update(id, { security_groups: [instance.security_group_id] });
  if (work === 'move') {
    const fixed = ports.get(instance.vip_port_id)?.fixed_ips[0];
    if (fixed !== undefined) ports.update(instance.vip_port_id, { fixed_ips: [{ ...fixed, ip_address: instance.private_ip }] });
    await world.databases.move(instance.id, { address: instance.private_ip, port: instance.port });
  }
  if (typeof work === 'object' && work !== null && 'restore' in work) await world.databases.restore(instance.id, String(work.restore));
}

async function keepInRecycleBin(world: World, instance: RdsInstanceRow, backupId: string): Promise<void> {
  const { backups, recycled } = rdsTables(world.store);
  await workOf(world, `rds backup ${backupId}`);
  const now = Date.now();
  const days = Number(networkTables(world.store).switches.get('rds.retention-days')?.value ?? 7);
  backups.insert({
    id: backupId,
    instance_id: instance.id,
    project_id: instance.project_id,
    name: `recycle-${instance.name}`,
    description: '',
    type: 'auto',
    status: 'COMPLETED',
    begin_time: offsetTime(),
    end_time: offsetTime(),
    datastore: { type: instance.datastore.type, version: instance.datastore.version },
    volume_size: instance.volume.size,
  });
  recycled.insert({
    id: instance.id,
    project_id: instance.project_id,
    name: instance.name,
    ha_mode: instance.ha === undefined ? 'Single' : 'Ha',
    engine_version: instance.datastore.version,
    created_at: instance.created,
    deleted_at: offsetTime(new Date(now)),
    volume: instance.volume,
    data_vip: instance.private_ip,
    retained_until: offsetTime(new Date(now + days * 86_400_000)),
    recycle_backup_id: backupId,
  });
}
