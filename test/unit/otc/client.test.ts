/** Owns the proof of what the client shares, renews and reads to the end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cancelled, Fault } from '../../../src/engine/fault.ts';
import { byToken } from '../../../src/otc/auth.ts';
import { unlessGone } from '../../../src/otc/client.ts';
import { listLoadBalancers } from '../../../src/otc/elb.ts';
import { ServiceFault } from '../../../src/otc/errors.ts';
import { byMarker, byOffset, byPageInfo } from '../../../src/otc/paging.ts';
import { getAutoExpansion, listInstances } from '../../../src/otc/rds.ts';
import { Secret } from '../../../src/secret.ts';
import { type Fake, fake, pathOf } from './fake.ts';
import { client, isFault, open, script } from './scripted.ts';

test('identical reads in flight or done are one request, until a write to the service or a fresh read', async () => {
  const world = fake((_request, index) => ({ body: { index } }));
  const otc = client(world);
  const [one, two] = await Promise.all([otc.get('rds', '/a'), otc.get('rds', '/a')]);
  assert.deepEqual([one, two, await otc.get('rds', '/a')], [{ index: 0 }, { index: 0 }, { index: 0 }]);
  await otc.post('dns', '/other', {});
  assert.deepEqual(await otc.get('rds', '/a'), { index: 0 });
  await otc.post('rds', '/b', {});
  assert.deepEqual(await otc.get('rds', '/a'), { index: 3 });
  assert.deepEqual(await otc.get('rds', '/a', { fresh: true }), { index: 4 });
  otc.forget();
  assert.deepEqual(await otc.get('rds', '/a'), { index: 5 });
  assert.equal(otc.calls, 6);
});

test('a write to CCE forgets what was read of VPC', async () => {
  const world = fake((_request, index) => ({ body: { index } }));
  const otc = client(world);
  await otc.get('vpc', '/a');
  await otc.post('cce', '/b', {});
  assert.deepEqual(await otc.get('vpc', '/a'), { index: 2 });
});

test('a failed read is not remembered', async () => {
  const otc = client(script({ status: 400, body: { code: 'VPC.1', message: 'no' } }, { body: { ok: true } }));
  await assert.rejects(
    otc.get('vpc', '/a'),
    isFault((fault) => fault.status === 400),
  );
  assert.deepEqual(await otc.get('vpc', '/a'), { ok: true });
});

test('an expired token is renewed once, together, and the call repeated', async () => {
  let renewals = 0;
  const world = fake((request) =>
    request.headers['X-Auth-Token'] === 'old-token-1'
      ? { status: 401, body: { error_code: 'APIG.0307', error_msg: 'The token must be updated' } }
      : { body: { ok: true } },
  );
  const auth = byToken(async () => {
    renewals += 1;
    return new Secret('new-token-2');
  }, new Secret('old-token-1'));
  const otc = client(world, auth);
  assert.deepEqual(await Promise.all([otc.get('vpc', '/a'), otc.get('vpc', '/b')]), [{ ok: true }, { ok: true }]);
  assert.equal(renewals, 1);
});

test('a token that is refused again after renewal ends the call', async () => {
  const world = script({ status: 401, body: { error_code: 'APIG.0307', error_msg: 'The token must be updated' } });
  const auth = byToken(async () => new Secret('another-token'), new Secret('first-token'));
  await assert.rejects(
    client(world, auth).get('vpc', '/a'),
    isFault((fault) => fault.status === 401),
  );
  assert.equal(world.requests.length, 2);
});

test('a cancelled run sends nothing more', async () => {
  const stop = new AbortController();
  const world = fake(() => ({ body: {} }), { signal: stop.signal });
  stop.abort();
  await assert.rejects(client(world).get('vpc', '/a'), Cancelled);
  assert.equal(world.requests.length, 0);
});

test('no more than twelve requests run at once', async () => {
  let running = 0;
  let most = 0;
  const world = fake(async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setTimeout(resolve, 2));
    running -= 1;
    return { body: {} };
  });
  const otc = client(world);
  await Promise.all(Array.from({ length: 35 }, (_, index) => otc.get('vpc', `/${index}`)));
  assert.equal(most, 12);
  assert.equal(otc.calls, 35);
});

test('a clock that is far off is said once, and named where a signature is refused', async () => {
  const date = new Date(Date.parse('2026-01-01T00:00:00Z') + 20 * 60_000).toUTCString();
  const world = script({ headers: { date }, body: {} }, { status: 401, headers: { date }, body: { error_code: 'APIG.0301', error_msg: 'expired' } });
  const otc = client(world, { ...open, headersFor: async () => ({ 'X-Sdk-Date': '20260101T000000Z' }) });
  await otc.get('vpc', '/a');
  assert.match(world.said.join(), /20 min behind .*; signed requests are refused from 15 minutes on/);
  await assert.rejects(otc.get('vpc', '/b'), (error) => error instanceof Fault && /clock/.test(error.message));
  assert.equal(world.said.length, 1);
});

test('a clock that is far off is no reason for a token to be refused', async () => {
  const date = new Date(Date.parse('2026-01-01T00:00:00Z') + 20 * 60_000).toUTCString();
  const world = script({ headers: { date }, body: {} }, { status: 401, headers: { date }, body: { error_msg: 'expired' } });
  const otc = client(world);
  await otc.get('vpc', '/a');
  assert.match(world.said.join(), /20 min behind Open Telekom Cloud's\. Synchronise/);
  await assert.rejects(otc.get('vpc', '/b'), (error) => error instanceof Fault && !/clock|signature/.test(error.message));
});

test('404 of a thing by its id means gone', async () => {
  const otc = client(script({ status: 404, body: { code: 'VPC.0504', message: 'gone' } }));
  assert.equal(await unlessGone(otc.delete('vpc', '/x')), undefined);
  await assert.rejects(unlessGone(client(script({ status: 409, body: {} })).post('elb', '/x')), ServiceFault);
});

test('all three paging styles read to the end', async () => {
  const ids = Array.from({ length: 7 }, (_, index) => ({ id: `i${index}` }));
  const world = fake((request) => {
    const query = new URL(request.url).searchParams;
    const from = query.has('offset') ? Number(query.get('offset')) : ids.findIndex(({ id }) => id === query.get('marker')) + 1;
    const items = ids.slice(from, from + Number(query.get('limit')));
    const last = items.at(-1)?.id;
    return {
      body: {
        items,
        total_count: ids.length,
        page_info: { next_marker: from + items.length < ids.length ? last : null, current_count: items.length },
      },
    };
  });
  const list = { service: 'vpc', path: '/l', key: 'items', each: {}, limit: 3 } as const;
  for (const style of [byMarker<{ id: string }>, byPageInfo<{ id: string }>, byOffset<{ id: string }>]) {
    const otc = client(world);
    assert.deepEqual(await style(otc, list), ids);
  }
  assert.equal(world.requests.length, 9);
  assert.ok(world.requests.every((request) => pathOf(request).includes('limit=3')));
});

test('a service that gives less than it was asked for hides nothing', async () => {
  const ids = ['a', 'b', 'c', 'd', 'e'];
  const capped = (form: (rows: object[], more: boolean, last: string | undefined) => object): Fake =>
    fake((request) => {
      const query = new URL(request.url).searchParams;
      const from = query.has('offset') ? Number(query.get('offset')) : ids.indexOf(query.get('marker') ?? '') + 1;
      const rows = ids.slice(from, from + 2).map((id) => ({ id }));
      return { body: { x: rows, ...form(rows, from + 2 < ids.length, rows.at(-1)?.id) } };
    });
  const list = { service: 'vpc', path: '/x', key: 'x', each: {}, limit: 1000 } as const;
  const names = async (found: Promise<{ id: string }[]>): Promise<string[]> => (await found).map(({ id }) => id);
  const linked = capped((_rows, more) => ({ x_links: more ? [{ rel: 'next', href: 'https://vpc.test/x' }] : [] }));
  assert.deepEqual(await names(byMarker(client(linked), list)), ids);
  const marked = capped((_rows, more, last) => ({ page_info: more ? { next_marker: last } : {} }));
  assert.deepEqual(await names(byPageInfo(client(marked), list)), ids);
  const counted = capped(() => ({ total_count: ids.length }));
  assert.deepEqual(await names(byOffset(client(counted), list)), ids);
});

test('lists that come as null are empty, and what a region does not offer is not there', async () => {
  const plan = { flavor_ref: 'f', datastore: { type: 'PostgreSQL', version: '16' }, volume: { type: 'SSD', size: 100 }, backup_strategy: {} };
  const instance = { id: 'i', name: 'db', type: 'Ha', status: 'BUILD', ...plan, private_ips: null, public_ips: null, nodes: null };
  const rds = client(script({ body: { instances: [instance], total_count: 1 } }));
  const [found] = await listInstances(rds, { name: 'db' });
  assert.deepEqual([found?.private_ips, found?.public_ips, found?.nodes, found?.tags], [[], [], [], []]);
  const elb = client(script({ body: { loadbalancers: [{ id: 'l', name: 'lb', vpc_id: 'v', provisioning_status: 'ACTIVE', publicips: null }] } }));
  assert.deepEqual((await listLoadBalancers(elb, { name: 'lb' }))[0]?.publicips, []);
  const refusing = client(script({ status: 400, body: { error_code: 'DBS.200086', error_msg: 'not supported' } }));
  assert.equal(await getAutoExpansion(refusing, 'i'), undefined);
  await assert.rejects(getAutoExpansion(client(script({ status: 403, body: {} })), 'i'), ServiceFault);
});
