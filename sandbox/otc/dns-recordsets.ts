/** Owns record sets and the tags of zones and record sets (API reference 8.2, 8.3). Part of `dns.ts`. */
import type { World } from '../contract.ts';
import { absolute, conflict, wrongRecord } from './dns-records.ts';
import { integer, list, object, read, required, string } from './fields.ts';
import { hex32, milliTime } from './ids.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import { networkTables, type RecordSetRow, type ZoneRow } from './tables/network.ts';
import { tagRoutes } from './tagging.ts';
import { projectOfCall, quotaOf } from './vpc-common.ts';

/** The two name servers of all public zones. */
export const servers = ['ns1.open-telekom-cloud.com.', 'ns2.open-telekom-cloud.com.'] as const;

export const dnsError = (_path: string, { code, message }: { readonly code: string; readonly message: string }): unknown => ({ code, message });
const isId = (text: string): boolean => /^[0-9a-f]{32}$/.test(text);

export const ownZones = (call: Call): ZoneRow[] => networkTables(call.world.store).zones.where((row) => row.project_id === projectOfCall(call));
export const serial = (row: ZoneRow): number => row.serial + 1;

const createShape = object({
  name: required(string),
  type: required(string),
  ttl: integer,
  records: required(list(string)),
  description: string,
  tags: list(object({ key: required(string), value: string })),
});
const updateShape = object({ name: string, type: string, ttl: integer, records: list(string), description: string });
const seconds = 3;

const view = (call: Call, row: RecordSetRow) => {
  const { tags: _tags, served: _served, ...rest } = row;
  return { ...rest, links: { self: `https://${call.host}/v2/zones/${row.zone_id}/recordsets/${row.id}` } };
};

/** `links.next` and `metadata.total_count`; marker or offset with limit (0..500, default 500). */
export function listAnswer<T extends { readonly id: string }>(call: Call, collection: string, rows: readonly T[], show: (row: T) => unknown): Reply {
  const limit = call.query.get('limit') === null ? 500 : Number(call.query.get('limit'));
  if (!Number.isInteger(limit) || limit < 0 || limit > 500) throw new Refusal(400, 'DNS.0101', 'limit must be between 0 and 500.');
  const marker = call.query.get('marker');
  const start = marker === null || marker === '' ? Number(call.query.get('offset') ?? 0) : rows.findIndex(({ id }) => id === marker) + 1;
  const shown = rows.slice(start, start + limit);
  const last = shown.at(-1);
  const next = new URLSearchParams(call.query);
  if (last !== undefined) next.set('marker', last.id);
  const self = `https://${call.host}${call.path}${call.query.size > 0 ? `?${call.query}` : ''}`;
  const links = last !== undefined && start + shown.length < rows.length ? { self, next: `https://${call.host}${call.path}?${next}` } : { self };
  return { status: 200, body: { links, [collection]: shown.map(show), metadata: { total_count: rows.length } } };
}

export function zoneOf(call: Call): ZoneRow {
  const wanted = call.params['zone_id'] ?? '';
  if (!isId(wanted)) throw new Refusal(400, 'DNS.0301', `The zone ID ${wanted} is invalid.`);
  const row = ownZones(call).find(({ id }) => id === wanted);
  if (row === undefined) throw new Refusal(404, 'DNS.0302', 'This zone does not exist.');
  return row;
}

function find(call: Call): RecordSetRow {
  const zone = zoneOf(call);
  const wanted = call.params['recordset_id'] ?? '';
  if (!isId(wanted)) throw new Refusal(400, 'DNS.0309', `The record set ID ${wanted} is invalid.`);
  const row = networkTables(call.world.store).recordSets.get(wanted);
  if (row === undefined || row.zone_id !== zone.id) throw new Refusal(404, 'DNS.0313', 'This record set does not exist.');
  return row;
}

const siblings = (call: Call, zoneId: string): RecordSetRow[] => networkTables(call.world.store).recordSets.where((row) => row.zone_id === zoneId);

function create(call: Call): Reply {
  const { store } = call.world;
  const zone = zoneOf(call);
  const { name, type, ttl = 300, records, description = '', tags = [] } = read(createShape, call.body);
  if (zone.status === 'PENDING_DELETE' || zone.status === 'PENDING_CREATE')
    throw new Refusal(400, 'DNS.0209', `The zone ${zone.name} is not in the ACTIVE state.`);
  const wrong = wrongRecord({ name, type, ttl, records }, zone.name);
  if (wrong !== undefined) throw new Refusal(400, wrong[0], wrong[1]);
  const others = siblings(call, zone.id);
  if (others.some((row) => row.name === absolute(name) && row.type === type)) throw new Refusal(400, 'DNS.0312', 'This record set already exists.');
  if (conflict({ name, type }, others)) throw new Refusal(400, 'DNS.0016', 'This record set conflicts with an existing one.');
  if (others.length >= quotaOf(store, 'recordSet')) throw new Refusal(403, 'DNS.0403', 'The quota of record sets is insufficient.');
  const row = networkTables(store).recordSets.insert({
    id: hex32(),
    name: absolute(name),
    description,
    type,
    ttl,
    records,
    status: 'PENDING_CREATE',
    zone_id: zone.id,
    zone_name: zone.name,
    default: false,
    project_id: zone.project_id,
    create_at: milliTime(),
    update_at: null,
    tags: tags.map(({ key, value = '' }) => ({ key, value })),
  });
  store.after(seconds, 'dns.recordset', { id: row.id });
  return { status: 202, body: view(call, row) };
}

function mustBeActive(row: RecordSetRow): void {
  if (row.status !== 'ACTIVE') throw new Refusal(409, 'DNS.0314', 'The record set is not in the ACTIVE state and cannot be changed.');
}

function update(call: Call): Reply {
  const row = find(call);
  const { store } = call.world;
  const wanted = read(updateShape, call.body);
  if (row.default && row.type === 'SOA') throw new Refusal(400, 'DNS.0318', 'The default record set cannot be changed.');
  mustBeActive(row);
  if ((wanted.name !== undefined && absolute(wanted.name) !== row.name) || (wanted.type !== undefined && wanted.type !== row.type))
    throw new Refusal(400, 'DNS.0303', 'Name and type of a record set cannot be changed.');
  const { ttl = row.ttl, records = row.records } = wanted;
  const wrong = wrongRecord({ name: row.name, type: row.type, ttl, records }, row.zone_name);
  if (wrong !== undefined) throw new Refusal(400, wrong[0], wrong[1]);
  // An empty description leaves the old one.
  const description = wanted.description === undefined || wanted.description === '' ? row.description : wanted.description;
  const after =
    networkTables(store).recordSets.update(row.id, { ttl, records, description, status: 'PENDING_UPDATE', update_at: milliTime() }) ?? row;
  store.after(seconds, 'dns.recordset', { id: row.id });
  return { status: 202, body: view(call, after) };
}

function remove(call: Call): Reply {
  const row = find(call);
  const { store } = call.world;
  if (row.default) throw new Refusal(400, 'DNS.0317', 'The default record set cannot be deleted.');
  mustBeActive(row);
  const after = networkTables(store).recordSets.update(row.id, { status: 'PENDING_DELETE', update_at: milliTime() }) ?? row;
  store.after(seconds, 'dns.recordset-removed', { id: row.id });
  return { status: 202, body: view(call, after) };
}

/** Record sets go live, and every change moves the zone's serial. */
export function startRecordSets({ store }: World): void {
  const { recordSets, zones } = networkTables(store);
  const touch = (zoneId: string): void => {
    const zone = zones.get(zoneId);
    if (zone !== undefined) zones.update(zoneId, { serial: serial(zone) });
  };
  store.handle<{ id: string }>('dns.recordset', ({ id }) => {
    const row = recordSets.get(id);
    if (row === undefined || row.status === 'PENDING_DELETE') return;
    recordSets.update(id, { status: 'ACTIVE', served: { ttl: row.ttl, records: row.records } });
    touch(row.zone_id);
  });
  store.handle<{ id: string }>('dns.recordset-removed', ({ id }) => {
    const row = recordSets.remove(id);
    if (row !== undefined) touch(row.zone_id);
  });
}

function filter(call: Call, rows: readonly RecordSetRow[]): RecordSetRow[] {
  const { query } = call;
  const tags = (query.get('tags') ?? '').split('|').filter((text) => text !== '');
  const shown = rows.filter(
    (row) =>
      row.name.includes((query.get('name') ?? '').toLowerCase()) &&
      [row.type, null].includes(query.get('type')) &&
      [String(row.status), null].includes(query.get('status')) &&
      [row.id, null].includes(query.get('id')) &&
      tags.every((text) => row.tags.some(({ key, value }) => `${key},${value}` === text)),
  );
  const key = query.get('sort_key');
  if (key !== 'name' && key !== 'type') return shown;
  const sign = query.get('sort_dir') === 'desc' ? -1 : 1;
  return shown.sort((a, b) => sign * (a[key] < b[key] ? -1 : a[key] > b[key] ? 1 : 0));
}

const base = '/v2/zones/{zone_id}/recordsets';
const filters = ['name', 'type', 'status', 'id', 'tags', 'limit', 'marker', 'offset', 'sort_key', 'sort_dir', 'search_mode'];

export const recordSetRoutes: readonly Route[] = [
  { method: 'POST', path: base, body: required(createShape), handle: create },
  {
    method: 'GET',
    path: base,
    query: filters,
    handle: (call) => listAnswer(call, 'recordsets', filter(call, siblings(call, zoneOf(call).id)), (row) => view(call, row)),
  },
  {
    method: 'GET',
    path: '/v2/recordsets',
    query: [...filters, 'zone_type'],
    handle: (call) => {
      const kind = call.query.get('zone_type') ?? 'public';
      const zones = new Set(ownZones(call).flatMap((zone) => (zone.zone_type === kind ? [zone.id] : [])));
      const rows = networkTables(call.world.store).recordSets.where((row) => zones.has(row.zone_id));
      return listAnswer(call, 'recordsets', filter(call, rows), (row) => view(call, row));
    },
  },
  { method: 'GET', path: `${base}/{recordset_id}`, handle: (call) => ({ status: 200, body: view(call, find(call)) }) },
  { method: 'PUT', path: `${base}/{recordset_id}`, body: required(updateShape), handle: update },
  { method: 'DELETE', path: `${base}/{recordset_id}`, handle: remove },
];

const limits = { codes: { invalid: 'DNS.0701', missing: 'DNS.0702' }, longest: { key: 36, value: 43 } };

/** Tags of zones and record sets, public and private. */
export const zoneTags: readonly Route[] = (['public', 'private'] as const).flatMap((kind) => [
  ...tagRoutes<ZoneRow>({
    ...limits,
    base: `/v2/{project_id}/DNS-${kind}_zone`,
    rows: (call) => ownZones(call).filter((row) => row.zone_type === kind),
    name: (row) => row.name,
    save: (call, row, tags) => void networkTables(call.world.store).zones.update(row.id, { tags }),
  }),
  ...tagRoutes<RecordSetRow>({
    ...limits,
    base: `/v2/{project_id}/DNS-${kind}_recordset`,
    rows: (call) => {
      const zones = new Set(ownZones(call).flatMap((zone) => (zone.zone_type === kind ? [zone.id] : [])));
      return networkTables(call.world.store).recordSets.where((row) => zones.has(row.zone_id));
    },
    name: (row) => row.name,
    save: (call, row, tags) => void networkTables(call.world.store).recordSets.update(row.id, { tags }),
  }),
]);
