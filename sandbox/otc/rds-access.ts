/** Owns how RDS's calls come to an instance: by the path, and only while nothing else is under way; and their usual answers. */

import { rdsTables } from './rds-life.ts';
import { type Call, Refusal, type Reply } from './service.ts';
import type { RdsInstanceRow } from './tables/compute.ts';

export const instancePath = '/v3/{project_id}/instances/{instance_id}';
export const parameter = (message: string): Refusal => new Refusal(400, 'DBS.280001', message);

/** The instance of the path. @throws Refusal */
export function instanceOf(call: Call): RdsInstanceRow {
  const row = rdsTables(call.world.store).instances.get(call.params['instance_id'] ?? '');
  if (row === undefined || row.project_id !== call.params['project_id']) throw new Refusal(404, 'DBS.200002', 'The DB instance does not exist.');
  return row;
}

/** The instance of the path, where nothing else is under way with it. @throws Refusal */
export function idle(call: Call): RdsInstanceRow {
  const row = instanceOf(call);
  if (row.status !== 'ACTIVE' || row.job_id !== undefined)
    throw new Refusal(409, 'DBS.200019', `Another operation is being performed on the DB instance, its status is ${row.status}.`);
  return row;
}

export const workflow = (started: { readonly workflowId: string }): Reply => ({ status: 200, body: { workflowId: started.workflowId } });
export const job = (started: { readonly jobId: string }): Reply => ({ status: 202, body: { job_id: started.jobId } });
export const update = (call: Call, row: RdsInstanceRow, patch: Partial<RdsInstanceRow>): void => {
  rdsTables(call.world.store).instances.update(row.id, patch);
};
