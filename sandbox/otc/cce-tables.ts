/** Owns CCE's tables by short names, its jobs, and how its calls come to a cluster. */
import { goTime } from './compute-common.ts';
import { uuid } from './ids.ts';
import { type Call, Refusal } from './service.ts';
import type { Store } from './store.ts';
import type { CceAddonRow, CceClusterRow, CceJobRow, CceNodePoolRow, CceNodeRow } from './tables/compute.ts';

export const cceTables = (store: Store) => ({
  clusters: store.table<CceClusterRow>('cce.clusters'),
  pools: store.table<CceNodePoolRow>('cce.nodepools'),
  nodes: store.table<CceNodeRow>('cce.nodes'),
  addons: store.table<CceAddonRow>('cce.addons'),
  jobs: store.table<CceJobRow>('cce.jobs'),
});

/** The cluster of the path. @throws Refusal */
export function clusterOf(call: Call): CceClusterRow {
  const id = call.params['cluster_id'] ?? '';
  const row = cceTables(call.world.store).clusters.get(id);
  if (row === undefined || row.project_id !== (call.params['project_id'] ?? call.caller?.projectId))
    throw new Refusal(404, 'CCE.01404001', `Resource not found: cluster [${id}].`);
  return row;
}

/** The cluster of the path, where nothing is under way with it. A busy one answers 403 (6.4). @throws Refusal */
export function idleCluster(call: Call): CceClusterRow {
  const row = clusterOf(call);
  if (row.phase !== 'Available')
    throw new Refusal(403, 'CCE.01403001', `The cluster [${row.name}] is ${row.phase}, the operation is not allowed now.`);
  return row;
}

/** @returns the job's id */
export function openJob(store: Store, cluster: CceClusterRow, type: string, resource: { readonly id: string; readonly name: string }): string {
  const now = goTime();
  return cceTables(store).jobs.insert({
    id: uuid(),
    project_id: cluster.project_id,
    type,
    cluster_id: cluster.id,
    resource_id: resource.id,
    resource_name: resource.name,
    phase: 'Running',
    reason: '',
    opened: Date.now(),
    created_at: now,
    updated_at: now,
  }).id;
}

export function closeJob(store: Store, id: string, failure?: string): void {
  cceTables(store).jobs.update(id, { phase: failure === undefined ? 'Success' : 'Failed', reason: failure ?? '', updated_at: goTime() });
}
