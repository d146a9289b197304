/** Replays what Terraform and a DNS01 solver do with zones and record sets: pending states, fuzzy search, conflicts, tags. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { networkTables } from '../../../sandbox/otc/tables/network.ts';
import { closeClean, dnsHost, eventually, startCloud } from './cloud.ts';

const cloud = await startCloud();
after(() => closeClean(cloud));

const url = (path: string) => `${dnsHost}/v2${path}`;
const post = (path: string, body?: unknown) => cloud.as('admin', url(path), { method: 'POST', body });
const put = (path: string, body?: unknown) => cloud.as('admin', url(path), { method: 'PUT', body });
const get = (path: string) => cloud.as('admin', url(path));
const del = (path: string) => cloud.as('admin', url(path), { method: 'DELETE' });
const active = (path: string) =>
  eventually(
    () => get(path),
    ({ body }) => body.status === 'ACTIVE',
  );

test('a zone from creation to deletion', async () => {
  const made = await post('/zones', {
    name: 'Example.com',
    zone_type: 'public',
    email: 'hostmaster@example.com',
    ttl: 300,
    description: 'managed',
    tags: [{ key: 'app', value: 'zitadel' }],
  });
  assert.equal(made.status, 202);
  const { id, created_at, ...zone } = made.body;
  assert.match(id, /^[0-9a-f]{32}$/);
  assert.match(created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}$/);
  assert.deepEqual(zone, {
    name: 'example.com.',
    description: 'managed',
    email: 'hostmaster@example.com',
    zone_type: 'public',
    ttl: 300,
    serial: 1,
    status: 'PENDING_CREATE',
    pool_id: '00000000570e54ee01570e9939b20019',
    project_id: cloud.project,
    updated_at: null,
    masters: [],
    record_num: 0,
    links: { self: `${dnsHost}/v2/zones/${id}` },
  });
  assert.equal((await active(`/zones/${id}`)).body.record_num, 2);
  assert.deepEqual((await cloud.as('admin', `${dnsHost}/v2/${cloud.project}/DNS-public_zone/${id}/tags`)).body, {
    tags: [{ key: 'app', value: 'zitadel' }],
  });
  assert.deepEqual(
    (await get(`/zones/${id}/nameservers`)).body.nameservers.map(({ hostname }: { hostname: string }) => hostname),
    ['ns1.open-telekom-cloud.com.', 'ns2.open-telekom-cloud.com.'],
  );
  assert.equal((await get('/zones?name=xample')).body.zones.length, 1, 'the search is fuzzy');
  assert.equal((await get('/zones?tags=app%2Czitadel')).body.metadata.total_count, 1);
  assert.equal((await get('/zones?type=private')).body.zones.length, 0);
  const again = await post('/zones', { name: 'example.com.' });
  assert.deepEqual([again.status, again.body.code], [400, 'DNS.0208']);
  assert.equal((await post('/zones', { name: 'com' })).body.code, 'DNS.0202');
  assert.equal((await post('/zones', { name: 'sub.example.com' })).status, 202, 'a zone below an own zone is allowed');
  const gone = await del(`/zones/${id}`);
  assert.deepEqual([gone.status, gone.body.status], [202, 'PENDING_DELETE']);
  const missing = await eventually(
    () => get(`/zones/${id}`),
    ({ status }) => status === 404,
  );
  assert.equal(missing.body.code, 'DNS.0302');
  assert.equal(networkTables(cloud.store).recordSets.where((row) => row.zone_id === id).length, 0);
});

test('a zone that another project of the tenant has exists already', async () => {
  const other = cloud.store.table<{ readonly id: string; readonly name: string }>('iam.projects').find(({ name }) => name === 'eu-de');
  const made = await post('/zones', { name: 'elsewhere.example.org' });
  networkTables(cloud.store).zones.update(made.body.id, { project_id: other?.id ?? '' });
  const refused = await post('/zones', { name: 'elsewhere.example.org' });
  assert.deepEqual([refused.status, refused.body.code], [400, 'DNS.0208']);
});

test("another tenant's zone name is refused", async () => {
  const made = await post('/zones', { name: 'taken.example.org' });
  networkTables(cloud.store).zones.update(made.body.id, { project_id: 'somebody-else' });
  const refused = await post('/zones', { name: 'taken.example.org' });
  assert.deepEqual([refused.status, refused.body.code], [400, 'DNS.0211']);
});

test('record sets: pending, TXT quotes, one a name and type, CNAME alone, defaults stay', async () => {
  const zone = (await post('/zones', { name: 'records.example.org' })).body.id;
  await active(`/zones/${zone}`);
  const base = `/zones/${zone}/recordsets`;
  const made = await post(base, { name: 'login.records.example.org.', type: 'A', ttl: 300, records: ['203.0.113.10'], description: 'zitadel' });
  assert.deepEqual([made.status, made.body.status, made.body.default, made.body.zone_name], [202, 'PENDING_CREATE', false, 'records.example.org.']);
  assert.ok('create_at' in made.body && !('created_at' in made.body));
  const record = `${base}/${made.body.id}`;
  await active(record);
  assert.deepEqual((await cloud.as('admin', `${dnsHost}/v2/${cloud.project}/DNS-public_recordset/${made.body.id}/tags`)).body, { tags: [] });
  const changed = await put(record, { name: 'login.records.example.org.', type: 'A', records: ['203.0.113.11'], description: '' });
  assert.deepEqual([changed.status, changed.body.status, changed.body.ttl, changed.body.description], [202, 'PENDING_UPDATE', 300, 'zitadel']);
  await active(record);
  assert.equal((await post(base, { name: 'LOGIN.records.example.org', type: 'A', records: ['203.0.113.12'] })).body.code, 'DNS.0312');
  assert.equal((await post(base, { name: 'login.records.example.org', type: 'CNAME', records: ['x.example.org.'] })).body.code, 'DNS.0016');
  assert.equal((await post(base, { name: 'elsewhere.example.net', type: 'A', records: ['203.0.113.12'] })).body.code, 'DNS.0304');
  assert.equal((await post(base, { name: 'a.records.example.org', type: 'A', records: ['not-an-address'] })).body.code, 'DNS.0308');
  const bare = await post(base, { name: '_acme-challenge.login.records.example.org', type: 'TXT', records: ['unquoted'] });
  assert.deepEqual([bare.status, bare.body.code], [400, 'DNS.0308']);
  const txt = await post(base, { name: '_acme-challenge.login.records.example.org', type: 'TXT', ttl: 60, records: ['"token"'] });
  assert.deepEqual([txt.status, txt.body.records], [202, ['"token"']]);
  const defaults = (await get(`${base}?type=NS`)).body.recordsets;
  assert.deepEqual([defaults.length, defaults[0].default], [1, true]);
  assert.equal((await del(`${base}/${defaults[0].id}`)).body.code, 'DNS.0317');
  assert.equal((await get(`${base}?name=acme`)).body.recordsets.length, 1);
  const gone = await del(record);
  assert.deepEqual([gone.status, gone.body.status], [202, 'PENDING_DELETE']);
  assert.equal(
    (
      await eventually(
        () => get(record),
        ({ status }) => status === 404,
      )
    ).body.code,
    'DNS.0313',
  );
  const first = await get(`${base}?limit=1`);
  assert.equal(first.body.recordsets.length, 1);
  assert.equal((await cloud.as('admin', first.body.links.next)).body.recordsets.length, 1);
});

test('ids that are none are told from ids of nothing', async () => {
  const nothing = '0'.repeat(32);
  const base = `/zones/${(await post('/zones', { name: 'ids.example.org' })).body.id}`;
  for (const [path, status, code] of [
    ['/zones/nope', 400, 'DNS.0301'],
    [`/zones/${nothing}`, 404, 'DNS.0302'],
    ['/zones/nope/recordsets', 400, 'DNS.0301'],
    [`${base}/recordsets/nope`, 400, 'DNS.0309'],
    [`${base}/recordsets/${nothing}`, 404, 'DNS.0313'],
  ] as const) {
    const answer = await get(path);
    assert.deepEqual([answer.status, answer.body.code], [status, code], path);
  }
});

test('while a change is pending, writes are refused', async () => {
  const slow = await startCloud('fast');
  try {
    slow.store.pace = 'real';
    const made = await slow.as('admin', url('/zones'), { method: 'POST', body: { name: 'pending.example.org' } });
    const early = await slow.as('admin', url(`/zones/${made.body.id}`), { method: 'DELETE' });
    assert.deepEqual([early.status, early.body.code], [400, 'DNS.0209']);
    slow.store.load(slow.store.save().replace(/"inMilliseconds":\d+/g, '"inMilliseconds":0'));
    await eventually(
      () => slow.as('admin', url(`/zones/${made.body.id}`)),
      ({ body }) => body.status === 'ACTIVE',
    );
    const record = await slow.as('admin', url(`/zones/${made.body.id}/recordsets`), {
      method: 'POST',
      body: { name: 'a.pending.example.org', type: 'A', records: ['203.0.113.1'] },
    });
    const busy = await slow.as('admin', url(`/zones/${made.body.id}/recordsets/${record.body.id}`), { method: 'DELETE' });
    assert.deepEqual([busy.status, busy.body.code], [409, 'DNS.0314']);
    slow.store.load(slow.store.save().replace(/"inMilliseconds":\d+/g, '"inMilliseconds":0'));
  } finally {
    await slow.close();
  }
});
