/** Owns the call to EVS v2 (Elastic Volume Service API reference) that tells how many disks and gigabytes are left. */
import type { Otc } from './client.ts';

export interface DiskQuota {
  /** -1 stands for no limit. */
  readonly limit: number;
  readonly in_use: number;
  /** Promised to orders that are under way. */
  readonly reserved?: number;
}

/** By `volumes` and `gigabytes`, of all disks and, behind `_`, of a type of disk ("Querying Details of Tenant Quotas"). */
export async function readQuotas(otc: Otc): Promise<Readonly<Record<string, DiskQuota | undefined>>> {
  const path = `/v2/${otc.projectId}/os-quota-sets/${otc.projectId}`;
  const more = { must: { quota_set: {} }, query: { usage: 'True' } };
  return (await otc.get<{ quota_set: Record<string, DiskQuota> }>('evs', path, more)).quota_set;
}
