/** Owns the calls to public zones and record sets, DNS v2 (Domain Name Service API reference). Names end with a dot. */
import type { Otc } from './client.ts';
import { byOffset } from './paging.ts';

export interface Zone {
  readonly id: string;
  readonly name: string;
  readonly description?: string | null;
  readonly email?: string;
  readonly ttl?: number;
  /** `ACTIVE`, `PENDING_CREATE`, `ERROR` … */
  readonly status: string;
}

const known = { id: 'text', name: 'text', status: 'text' } as const;

/** Public zones of exactly this name; the service itself only searches for parts of names. */
export async function listZones(otc: Otc, name: string, fresh?: boolean): Promise<Zone[]> {
  const query = { type: 'public', name };
  const all = await byOffset<Zone>(otc, { service: 'dns', path: '/v2/zones', key: 'zones', each: known, query, limit: 500, fresh });
  return all.filter((zone) => zone.name === name);
}

export async function getZone(otc: Otc, id: string): Promise<Zone> {
  return otc.get<Zone>('dns', `/v2/zones/${id}`, { must: known, fresh: true });
}

/** 400 DNS.0208 where the project has it already; DNS.0211 where another tenant has it. */
export async function createZone(otc: Otc, zone: { name: string; email: string; ttl: number; description: string }): Promise<Zone> {
  return otc.post<Zone>('dns', '/v2/zones', { ...zone, zone_type: 'public' }, known);
}

/** In place; its records are served meanwhile. */
export async function updateZone(otc: Otc, id: string, zone: { email: string; ttl: number }): Promise<void> {
  await otc.send<void>({ service: 'dns', method: 'PATCH', path: `/v2/zones/${id}`, body: zone });
}

/** Deletes its record sets too. */
export async function deleteZone(otc: Otc, id: string): Promise<void> {
  await otc.delete('dns', `/v2/zones/${id}`);
}

/** Host names of the servers the parent must delegate to. */
export async function listNameServers(otc: Otc, zoneId: string): Promise<string[]> {
  const must = { nameservers: [{}] } as const;
  const { nameservers } = await otc.get<{ nameservers: { hostname?: string }[] }>('dns', `/v2/zones/${zoneId}/nameservers`, { must });
  return nameservers.flatMap(({ hostname }) => (hostname === undefined ? [] : [hostname]));
}

export interface RecordSet {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly description?: string | null;
  readonly ttl?: number;
  readonly records: readonly string[];
  readonly status: string;
}

const recordKnown = { ...known, type: 'text', records: ['text'] } as const;

/** All record sets of a zone: a project may have 500 of them by default, which is one page. */
export async function listRecordSets(otc: Otc, zoneId: string, fresh?: boolean): Promise<RecordSet[]> {
  const path = `/v2/zones/${zoneId}/recordsets`;
  return byOffset<RecordSet>(otc, { service: 'dns', path, key: 'recordsets', each: recordKnown, limit: 500, fresh });
}

export async function getRecordSet(otc: Otc, zoneId: string, id: string): Promise<RecordSet> {
  return otc.get<RecordSet>('dns', `/v2/zones/${zoneId}/recordsets/${id}`, { must: recordKnown, fresh: true });
}

export interface NewRecordSet {
  readonly name: string;
  readonly type: string;
  /** Seconds */
  readonly ttl: number;
  readonly records: readonly string[];
}

/** 400 DNS.0312 where name and type exist, DNS.0016 where another type is in the way (CNAME). */
export async function createRecordSet(otc: Otc, zoneId: string, record: NewRecordSet & { description: string }): Promise<RecordSet> {
  return otc.post<RecordSet>('dns', `/v2/zones/${zoneId}/recordsets`, record, recordKnown);
}

/** In place: the former records are served until the new ones are. Without a description the old one stays. */
export async function updateRecordSet(otc: Otc, zoneId: string, id: string, record: NewRecordSet & { description?: string }): Promise<void> {
  await otc.put<void>('dns', `/v2/zones/${zoneId}/recordsets/${id}`, record);
}

export async function deleteRecordSet(otc: Otc, zoneId: string, id: string): Promise<void> {
  await otc.delete('dns', `/v2/zones/${zoneId}/recordsets/${id}`);
}
