/** Owns RDS backups, restore in place and the recycle bin (API reference 5.5). A restore to a new instance is an order. */
import { pageOf } from './compute-common.ts';
import { integer, object, read, required, string } from './fields.ts';
import { idle, instanceOf } from './rds-access.ts';
import { backUp, change, rdsTables } from './rds-life.ts';
import { backupFor } from './rds-order.ts';
import { backupView } from './rds-view.ts';
import { Refusal, type Route } from './service.ts';
import { networkTables } from './tables/network.ts';

const createShape = object({ instance_id: required(string), name: required(string), description: string });
const recoveryShape = object({
  source: required(object({ instance_id: required(string), type: string, backup_id: string, restore_time: integer })),
  target: required(object({ instance_id: required(string) })),
});
const retentionShape = object({ recycle_policy: required(object({ retention_period_in_days: required(integer) })) });

export const backupRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/v3/{project_id}/backups',
    body: required(createShape),
    handle(call) {
      const wanted = read(createShape, call.body);
      const row = idle({ ...call, params: { ...call.params, instance_id: wanted.instance_id } });
      if (!/^[A-Za-z][A-Za-z0-9_-]{3,63}$/.test(wanted.name)) throw new Refusal(400, 'DBS.280001', 'Invalid backup name.');
      const backup = backUp(call.world, row, { name: wanted.name, description: wanted.description ?? '', type: 'manual' });
      return { status: 200, body: { backup: backupView(backup) } };
    },
  },
  {
    method: 'GET',
    path: '/v3/{project_id}/backups',
    query: ['instance_id', 'backup_id', 'backup_type', 'offset', 'limit', 'begin_time', 'end_time'],
    handle(call) {
      const rows = rdsTables(call.world.store)
        .backups.where((row) => row.project_id === call.params['project_id'])
        .filter((row) => ['instance_id', 'backup_id', 'backup_type'].every((name) => matches(call.query.get(name), name, row)));
      return { status: 200, body: { backups: pageOf(rows, call.query, 'DBS.280001').map(backupView), total_count: rows.length } };
    },
  },
  {
    method: 'DELETE',
    path: '/v3/{project_id}/backups/{backup_id}',
    handle(call) {
      const { backups } = rdsTables(call.world.store);
      const row = backups.get(call.params['backup_id'] ?? '');
      if (row === undefined || row.project_id !== call.params['project_id']) throw new Refusal(404, 'DBS.200002', 'The backup does not exist.');
      if (row.type !== 'manual') throw new Refusal(400, 'DBS.280001', 'Only manual backups can be deleted.');
      backups.remove(row.id);
      return { status: 200, body: {} };
    },
  },
  {
    method: 'GET',
    path: '/v3/{project_id}/instances/{instance_id}/restore-time',
    query: ['date'],
    handle(call) {
      const row = instanceOf(call);
      const first = rdsTables(call.world.store).backups.find((backup) => backup.instance_id === row.id && backup.status === 'COMPLETED');
      return { status: 200, body: { restore_time: first === undefined ? [] : [{ start_time: Date.parse(first.end_time), end_time: Date.now() }] } };
    },
  },
  {
    method: 'POST',
    path: '/v3/{project_id}/instances/recovery',
    body: required(recoveryShape),
    handle(call) {
      const { source, target } = read(recoveryShape, call.body);
      const backup = backupFor(call, call.params['project_id'] ?? '', source);
      const row = idle({ ...call, params: { ...call.params, instance_id: target.instance_id } });
      if (row.datastore.version !== backup.datastore.version) throw new Refusal(400, 'DBS.280001', 'The DB engine versions differ.');
      const started = change(call.world, row, { status: 'RESTORING', seconds: 300, job: 'RestoreInstance', work: { restore: backup.id } });
      return { status: 202, body: { job_id: started.jobId } };
    },
  },
  {
    method: 'PUT',
    path: '/v3/{project_id}/instances/recycle-policy',
    body: required(retentionShape),
    handle(call) {
      const days = read(retentionShape, call.body).recycle_policy.retention_period_in_days;
      if (days < 1 || days > 7) throw new Refusal(400, 'DBS.280001', 'The retention period must be between 1 and 7 days.');
      const { switches } = networkTables(call.world.store);
      if (switches.update('rds.retention-days', { value: days }) === undefined) switches.insert({ id: 'rds.retention-days', value: days });
      return { status: 200, body: { result: 'success' } };
    },
  },
  {
    method: 'GET',
    path: '/v3/{project_id}/recycle-instances',
    query: ['offset', 'limit'],
    handle(call) {
      const rows = rdsTables(call.world.store).recycled.where((row) => row.project_id === call.params['project_id']);
      return {
        status: 200,
        body: {
          total_count: rows.length,
          instances: pageOf(rows, call.query, 'DBS.280001').map((row) => ({
            id: row.id,
            name: row.name,
            ha_mode: row.ha_mode,
            engine_name: 'postgresql',
            engine_version: row.engine_version,
            pay_model: '0',
            created_at: row.created_at,
            deleted_at: row.deleted_at,
            volume_type: row.volume.type,
            volume_size: row.volume.size,
            data_vip: row.data_vip,
            enterprise_project_id: '0',
            retained_until: row.retained_until,
            recycle_backup_id: row.recycle_backup_id,
            recycle_status: 'RUNNING',
            is_serverless: false,
          })),
        },
      };
    },
  },
];

function matches(wanted: string | null, name: string, row: { readonly id: string; readonly instance_id: string; readonly type: string }): boolean {
  if (wanted === null) return true;
  return wanted === (name === 'backup_id' ? row.id : name === 'backup_type' ? row.type : row.instance_id);
}
