/**
 * Owns how many disks and gigabytes a project may have (API reference, "Querying Details of Tenant Quotas"): the call that tells
 * it, and whether an order exceeds it. How that is refused is each service's own matter.
 */
import { projectOf, quotaOf } from './compute-common.ts';
import { volumesIn } from './evs-volumes.ts';
import { volumeTypes } from './server-catalog.ts';
import { type Call, Refusal, type Route } from './service.ts';

export interface OrderedDisk {
  readonly type: string;
  /** GB; of a disk that is enlarged, what is added. */
  readonly size: number;
}

/** Limits by the quota's name; a disk type has none of its own. The switch `quota:evs.<name>` says another one. */
const usual: Readonly<Record<string, number>> = { volumes: 400, gigabytes: 40_960, snapshots: 100, backups: 100, backup_gigabytes: 5120 };
const none = -1;

/** Names of the quotas with their limit and what is used of them. */
function quotas(call: Call, projectId: string): Record<string, { readonly reserved: 0; readonly limit: number; readonly in_use: number }> {
  const own = volumesIn(call).where((row) => row.project_id === projectId);
  const one = (name: string, in_use: number) => [name, { reserved: 0, limit: quotaOf(call.world.store, `evs.${name}`, usual[name] ?? none), in_use }];
  const sum = (rows: typeof own): number => rows.reduce((total, { size }) => total + size, 0);
  const kinds = volumeTypes.flatMap((type) => {
    const rows = own.filter(({ volume_type }) => volume_type === type);
    return [one(`volumes_${type}`, rows.length), one(`gigabytes_${type}`, sum(rows)), one(`snapshots_${type}`, 0)];
  });
  const whole = [one('volumes', own.length), one('gigabytes', sum(own)), ...['snapshots', 'backups', 'backup_gigabytes'].map((name) => one(name, 0))];
  return Object.fromEntries([...whole, ...kinds, ['per_volume_gigabytes', { reserved: 0, limit: none, in_use: 0 }]]);
}

/** The first quota that an order exceeds: `volumes` or `gigabytes`, of all disks or of a type; undefined where it fits. */
export function exceeded(call: Call, projectId: string, disks: readonly OrderedDisk[], count: 'new' | 'larger' = 'new'): string | undefined {
  const now = quotas(call, projectId);
  const wanted = new Map<string, number>();
  for (const { type, size } of disks) {
    for (const [name, more] of [
      ['volumes', count === 'new' ? 1 : 0],
      ['gigabytes', size],
    ] as const)
      for (const key of [name, `${name}_${type}`]) wanted.set(key, (wanted.get(key) ?? 0) + more);
  }
  return [...wanted].find(([key, more]) => {
    const quota = now[key];
    return quota !== undefined && quota.limit >= 0 && quota.in_use + more > quota.limit;
  })?.[0];
}

export const quotaRoute: Route = {
  method: 'GET',
  path: '/v2/{project_id}/os-quota-sets/{target_project_id}',
  query: ['usage'],
  handle(call) {
    const projectId = projectOf(call);
    if (call.params['target_project_id'] !== projectId) throw new Refusal(403, 'EVS.5403', 'Policy check failed.');
    if (call.query.get('usage')?.toLowerCase() !== 'true') throw new Refusal(400, 'EVS.5400', 'usage must be True.');
    return { status: 200, body: { quota_set: { id: projectId, ...quotas(call, projectId) } } };
  },
};
