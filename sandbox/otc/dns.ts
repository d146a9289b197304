/**
 * Owns the DNS service: zones, name servers and tags (API reference chapter 8); record sets are in `dns-recordsets.ts`. The
 * world's name servers read the same rows.
 */

import { ptrRoutes, startPtr } from './dns-ptr.ts';
import { absolute, isDomainName } from './dns-records.ts';
import { dnsError, listAnswer, ownZones, recordSetRoutes, serial, servers, startRecordSets, zoneOf, zoneTags } from './dns-recordsets.ts';
import { integer, list, object, read, required, string } from './fields.ts';
import { hex32, milliTime } from './ids.ts';
import { type Call, Refusal, type Reply, type Service } from './service.ts';
import { iamTables } from './tables/iam.ts';
import { networkTables, type ZoneRow } from './tables/network.ts';
import { projectOfCall, quotaOf } from './vpc-common.ts';

const routerShape = object({ router_id: required(string), router_region: string });
const createShape = object({
  name: required(string),
  zone_type: string,
  email: string,
  ttl: integer,
  description: string,
  tags: list(object({ key: required(string), value: string })),
  router: routerShape,
  enterprise_project_id: string,
});
const updateShape = object({ email: string, ttl: integer, description: string });

const seconds = { create: 3, update: 2, remove: 3 } as const;

const view = (call: Call, row: ZoneRow) => {
  const { tags: _tags, routers, ...rest } = row;
  const count = networkTables(call.world.store).recordSets.where((record) => record.zone_id === row.id).length;
  return {
    ...rest,
    masters: [],
    record_num: row.status === 'PENDING_CREATE' ? 0 : count,
    links: { self: `https://${call.host}/v2/zones/${row.id}` },
    ...(row.zone_type === 'private' ? { routers } : {}),
  };
};

function checkTexts(email: string | undefined, ttl: number | undefined, description: string | undefined): void {
  if (email !== undefined && email !== '' && !/^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(email))
    throw new Refusal(400, 'DNS.0206', 'The email address is invalid.');
  if (ttl !== undefined && (ttl < 1 || ttl > 2147483647)) throw new Refusal(400, 'DNS.0204', 'The TTL must be between 1 and 2147483647.');
  if (description !== undefined && description.length > 255) throw new Refusal(400, 'DNS.0205', 'The description must have at most 255 characters.');
}

function create(call: Call): Reply {
  const { store } = call.world;
  const { zones, recordSets, vpcs } = networkTables(store);
  const wanted = read(createShape, call.body);
  const kind = wanted.zone_type ?? 'public';
  if (kind !== 'public' && kind !== 'private') throw new Refusal(400, 'DNS.0207', `The zone type ${kind} is invalid.`);
  if (!isDomainName(wanted.name) || wanted.name.startsWith('*')) throw new Refusal(400, 'DNS.0202', `The zone name ${wanted.name} is invalid.`);
  const name = absolute(wanted.name);
  if (kind === 'public' && name.split('.').length < 3) throw new Refusal(400, 'DNS.0202', 'The zone name must not be a top-level domain.');
  checkTexts(wanted.email, wanted.ttl, wanted.description);
  const router = wanted.router;
  if (kind === 'private' && router === undefined) throw new Refusal(400, 'DNS.0212', 'A private zone needs a router.');
  if (router !== undefined && vpcs.get(router.router_id)?.tenant_id !== projectOfCall(call))
    throw new Refusal(404, 'DNS.0213', `The VPC ${router.router_id} does not exist.`);
  const same = zones.where((row) => row.name === name && row.zone_type === kind);
  // A tenant is a domain with all its projects.
  const tenantOf = (projectId: string) => iamTables(store).projects.get(projectId)?.domain_id;
  if (kind === 'public' && same.some((row) => tenantOf(row.project_id) !== tenantOf(projectOfCall(call))))
    throw new Refusal(400, 'DNS.0211', 'This zone name has been occupied by another tenant.');
  if (
    same.some(
      (row) => kind === 'public' || (row.project_id === projectOfCall(call) && row.routers.some(({ router_id }) => router_id === router?.router_id)),
    )
  )
    throw new Refusal(400, 'DNS.0208', 'This zone already exists.');
  if (ownZones(call).length >= quotaOf(store, 'zone')) throw new Refusal(403, 'DNS.0404', 'The quota of zones is insufficient.');
  const now = milliTime();
  const email = wanted.email ?? '';
  const row = zones.insert({
    id: hex32(),
    name,
    description: wanted.description ?? '',
    email,
    zone_type: kind,
    ttl: wanted.ttl ?? 300,
    serial: 1,
    status: 'PENDING_CREATE',
    pool_id: kind === 'public' ? '00000000570e54ee01570e9939b20019' : 'ff8080825ca865e8015ca99563af004a',
    project_id: projectOfCall(call),
    created_at: now,
    updated_at: null,
    routers: router === undefined ? [] : [{ router_id: router.router_id, router_region: router.router_region ?? call.region, status: 'ACTIVE' }],
    tags: (wanted.tags ?? []).map(({ key, value = '' }) => ({ key, value })),
  });
  const mail = email === '' ? `hostmaster.${name.slice(0, -1)}` : email.replace('@', '.');
  const defaults: [string, string[]][] = [
    ['SOA', [`${servers[0]} ${mail}. (1 7200 900 1209600 300)`]],
    ['NS', [...servers]],
  ];
  for (const [type, records] of defaults)
    recordSets.insert({
      id: hex32(),
      name,
      description: '',
      type,
      ttl: type === 'NS' ? 172800 : row.ttl,
      records,
      served: { ttl: type === 'NS' ? 172800 : row.ttl, records },
      status: 'ACTIVE',
      zone_id: row.id,
      zone_name: name,
      default: true,
      project_id: row.project_id,
      create_at: now,
      update_at: now,
      tags: [],
    });
  store.after(seconds.create, 'dns.zone', { id: row.id });
  return { status: 202, body: view(call, row) };
}

function mustBeActive(row: ZoneRow): void {
  if (row.status !== 'ACTIVE') throw new Refusal(400, 'DNS.0209', `The zone ${row.name} is not in the ACTIVE state and cannot be changed.`);
}

function update(call: Call): Reply {
  const row = zoneOf(call);
  const { store } = call.world;
  const { email, ttl, description } = read(updateShape, call.body);
  mustBeActive(row);
  checkTexts(email, ttl, description);
  // An empty text leaves the old one.
  const given = Object.entries({ email, ttl, description }).filter(([, value]) => value !== undefined && value !== '');
  const after = networkTables(store).zones.update(row.id, { ...Object.fromEntries(given), status: 'PENDING_UPDATE', updated_at: milliTime() }) ?? row;
  store.after(seconds.update, 'dns.zone', { id: row.id });
  return { status: 202, body: view(call, after) };
}

function remove(call: Call): Reply {
  const row = zoneOf(call);
  const { store } = call.world;
  mustBeActive(row);
  const after = networkTables(store).zones.update(row.id, { status: 'PENDING_DELETE', updated_at: milliTime() }) ?? row;
  store.after(seconds.remove, 'dns.zone-removed', { id: row.id });
  return { status: 202, body: view(call, after) };
}

function associate(call: Call, add: boolean): Reply {
  const row = zoneOf(call);
  const { router } = read(object({ router: required(routerShape) }), call.body);
  if (row.zone_type !== 'private') throw new Refusal(400, 'DNS.0214', 'Only private zones have routers.');
  mustBeActive(row);
  const others = row.routers.filter(({ router_id }) => router_id !== router.router_id);
  if (!add && others.length === 0) throw new Refusal(400, 'DNS.0215', 'The last router of a private zone cannot be removed.');
  const one = { router_id: router.router_id, router_region: router.router_region ?? call.region, status: 'ACTIVE' };
  networkTables(call.world.store).zones.update(row.id, { routers: add ? [...others, one] : others, updated_at: milliTime() });
  return { status: 202, body: { ...one, status: add ? 'PENDING_CREATE' : 'PENDING_DELETE' } };
}

function listZones(call: Call): Reply {
  const { query } = call;
  const kind = query.get('type') ?? 'public';
  const tags = (query.get('tags') ?? '').split('|').filter((text) => text !== '');
  const rows = ownZones(call).filter(
    (row) =>
      row.zone_type === kind &&
      row.name.includes((query.get('name') ?? '').toLowerCase()) &&
      [String(row.status), null].includes(query.get('status')) &&
      tags.every((text) => row.tags.some(({ key, value }) => `${key},${value}` === text)) &&
      (query.get('router_id') === null || row.routers.some(({ router_id }) => router_id === query.get('router_id'))),
  );
  return listAnswer(call, 'zones', rows, (row) => view(call, row));
}

const one = '/v2/zones/{zone_id}';

export const dns: Service = {
  name: 'dns',
  prefixes: ['dns'],
  codes: () => ({ invalid: 'DNS.0101', forbidden: 'DNS.0030' }),
  error: dnsError,
  start: (world) => {
    const { zones, recordSets } = networkTables(world.store);
    world.store.handle<{ id: string }>('dns.zone', ({ id }) => {
      const row = zones.get(id);
      if (row !== undefined && row.status !== 'PENDING_DELETE') zones.update(id, { status: 'ACTIVE', serial: serial(row) });
    });
    world.store.handle<{ id: string }>('dns.zone-removed', ({ id }) => {
      for (const record of recordSets.where((row) => row.zone_id === id)) recordSets.remove(record.id);
      zones.remove(id);
    });
    startRecordSets(world);
    startPtr(world.store);
  },
  routes: [
    {
      method: 'GET',
      path: '/',
      public: true,
      handle: (call) => ({
        status: 200,
        body: { versions: { values: [{ id: 'v2', status: 'CURRENT', links: [{ rel: 'self', href: `https://${call.host}/v2` }] }] } },
      }),
    },
    { method: 'POST', path: '/v2/zones', body: required(createShape), handle: create },
    {
      method: 'GET',
      path: '/v2/zones',
      query: ['type', 'name', 'status', 'tags', 'limit', 'marker', 'offset', 'router_id', 'search_mode', 'sort_key', 'sort_dir'],
      handle: listZones,
    },
    { method: 'GET', path: one, handle: (call) => ({ status: 200, body: view(call, zoneOf(call)) }) },
    { method: 'PATCH', path: one, body: required(updateShape), handle: update },
    { method: 'DELETE', path: one, handle: remove },
    {
      method: 'GET',
      path: `${one}/nameservers`,
      handle: (call) => {
        const priority = (index: number) => index + 1;
        const shown =
          zoneOf(call).zone_type === 'public'
            ? servers.map((hostname, index) => ({ hostname, priority: priority(index) }))
            : ['100.125.4.25', '100.125.129.199'].map((address, index) => ({ address, priority: priority(index) }));
        return { status: 200, body: { nameservers: shown } };
      },
    },
    {
      method: 'POST',
      path: `${one}/associaterouter`,
      body: required(object({ router: required(routerShape) })),
      handle: (call) => associate(call, true),
    },
    {
      method: 'POST',
      path: `${one}/disassociaterouter`,
      body: required(object({ router: required(routerShape) })),
      handle: (call) => associate(call, false),
    },
    ...recordSetRoutes,
    ...zoneTags,
    ...ptrRoutes,
  ],
};
