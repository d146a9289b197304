/** Owns the calls to EVS v2 (Elastic Volume Service API reference): which disks there are, how many and how many gigabytes are left. */
import type { Otc } from './client.ts';
import { byOffset } from './paging.ts';

export interface Disk {
  readonly id: string;
  readonly name: string;
  /** `in-use`, `available`, `error`, … */
  readonly status: string;
  /** GB */
  readonly size: number;
  readonly metadata?: Readonly<Record<string, string>> | null;
  readonly tags?: Readonly<Record<string, string>> | null;
}

/** All disks of the project, those of servers as well ("Querying Details About All Disks"). */
export async function listDisks(otc: Otc): Promise<Disk[]> {
  const path = `/v2/${otc.projectId}/cloudvolumes/detail`;
  const each = { id: 'text', name: 'text', status: 'text', size: 'number' } as const;
  return byOffset<Disk>(otc, { service: 'evs', path, key: 'volumes', each, limit: 1000, fresh: true });
}

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
