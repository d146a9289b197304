/** Owns the proof of what the client repeats, shares, renews and refuses to repeat. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cancelled, Fault } from '../../../src/engine/fault.ts';
import { type Auth, byToken } from '../../../src/otc/auth.ts';
import { Otc, unlessGone } from '../../../src/otc/client.ts';
import { listLoadBalancers } from '../../../src/otc/elb.ts';
import { ServiceFault } from '../../../src/otc/errors.ts';
import { byMarker, byOffset, byPageInfo } from '../../../src/otc/paging.ts';
import { getAutoExpansion, listInstances } from '../../../src/otc/rds.ts';
import { TransportFailure } from '../../../src/otc/transport.ts';
import { Wire } from '../../../src/otc/wire.ts';
import { Secret } from '../../../src/secret.ts';
import { type Fake, fake, pathOf, type Scripted } from './fake.ts';

const open: Auth = { headersFor: async () => ({}), renew: async () => false };

function client(world: Fake, auth: Auth = open): Otc {
  const wire = new Wire(world.ports);
  return new Otc({
    region: 'eu-de',
    projectId: 'p',
    projectName: 'eu-de',
    domainId: 'd',
    wire,
    auth,
    origin: (service) => `https://${service}.test`,
  });
}

const script = (...answers: (Scripted | TransportFailure)[]): Fake =>
  fake((_request, index) => {
    const answer = answers[Math.min(index, answers.length - 1)] ?? {};
    if (answer instanceof TransportFailure) throw answer;
    return answer;
  });

const isFault = (check: (fault: ServiceFault) => boolean) => (error: unknown) => error instanceof ServiceFault && check(error);

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

const repeated: [string, Parameters<Otc['send']>[0], Scripted][] = [
  ['429 of the gateway', { service: 'rds', method: 'POST', path: '/x' }, { status: 429, body: { error_code: 'APIG.0308', error_msg: 'm' } }],
  ['DNS throttling as 403', { service: 'dns', method: 'POST', path: '/v2/zones' }, { status: 403, body: { code: 'DNS.0014', message: 'm' } }],
  [
    'subnet in use as 500',
    { service: 'vpc', method: 'DELETE', path: '/v1/p/vpcs/v/subnets/s' },
    { status: 500, body: { code: 'VPC.0208', message: 'm' } },
  ],
  ['EIP in use as 500', { service: 'vpc', method: 'DELETE', path: '/v1/p/publicips/e' }, { status: 500, body: { code: 'VPC.0516', message: 'm' } }],
  [
    'busy cluster as 403',
    { service: 'cce', method: 'POST', path: '/c/nodepools' },
    { status: 403, body: { errorCode: 'CCE.01403001', errorMessage: 'The cluster is Upgrading.' } },
  ],
  ['RDS busy', { service: 'rds', method: 'POST', path: '/i/action' }, { status: 409, body: { error_code: 'DBS.200019', error_msg: 'm' } }],
  ['record not settled', { service: 'dns', method: 'PUT', path: '/r' }, { status: 400, body: { code: 'DNS.0314', message: 'm' } }],
  ['502 on a read', { service: 'elb', method: 'GET', path: '/x' }, { status: 502, body: '<html>' }],
];
for (const [name, call, answer] of repeated) {
  test(`repeated: ${name}`, async () => {
    const world = script(answer, answer, { body: { ok: true } });
    assert.deepEqual(await client(world).send(call), { ok: true });
    assert.equal(world.requests.length, 3);
    assert.ok(world.pauses.length === 2 && world.pauses.every((seconds) => seconds > 0));
  });
}

const final: [string, Parameters<Otc['send']>[0], Scripted][] = [
  [
    'a wrong signature',
    { service: 'vpc', method: 'GET', path: '/x' },
    { status: 401, body: { error_code: 'APIG.0301', error_msg: 'Incorrect IAM authentication information' } },
  ],
  ['a permission', { service: 'vpc', method: 'POST', path: '/x' }, { status: 403, body: { code: 'VPC.0010', message: 'no' } }],
  [
    'an existing name',
    { service: 'rds', method: 'POST', path: '/instances' },
    { status: 409, body: { error_code: 'DBS.200022', error_msg: 'exists' } },
  ],
  ['500 with words on a POST', { service: 'vpc', method: 'POST', path: '/x' }, { status: 500, body: { code: 'VPC.0001', message: 'no' } }],
];
for (const [name, call, answer] of final) {
  test(`sent once: ${name}`, async () => {
    const world = script(answer);
    await assert.rejects(
      client(world).send(call),
      isFault((fault) => !fault.unclear),
    );
    assert.equal(world.requests.length, 1);
  });
}

const unclear: [string, Scripted | TransportFailure][] = [
  ['a reset connection', new TransportFailure('reset', 'ECONNRESET', true)],
  ['502', { status: 502, body: { error_code: 'APIG.0202', error_msg: 'backend' } }],
  ['503 without a body', { status: 503 }],
];
for (const [name, answer] of unclear) {
  test(`a POST that ends with ${name} is marked unclear and not repeated`, async () => {
    const world = script(answer);
    await assert.rejects(
      client(world).post('vpc', '/x', {}),
      isFault((fault) => fault.unclear),
    );
    assert.equal(world.requests.length, 1);
  });
}

test('a POST that never left, and a DELETE that was cut off, are repeated', async () => {
  const unsent = script(new TransportFailure('refused', 'ECONNREFUSED', false), { body: { ok: 1 } });
  assert.deepEqual(await client(unsent).post('vpc', '/x', {}), { ok: 1 });
  const cut = script(new TransportFailure('reset', 'ECONNRESET', true), { status: 204 });
  assert.equal(await client(cut).delete('vpc', '/x'), undefined);
});

test('what time does not heal is not waited for: certificates never, unknown hosts some seconds', async () => {
  const untrusted = script(new TransportFailure('self-signed certificate', 'SELF_SIGNED_CERT_IN_CHAIN', false));
  await assert.rejects(
    client(untrusted).get('vpc', '/x'),
    isFault(({ hint }) => /NODE_EXTRA_CA_CERTS/.test(hint ?? '')),
  );
  assert.deepEqual([untrusted.requests.length, untrusted.pauses.length], [1, 0]);
  const waitedFor = async (code: string): Promise<number> => {
    const world = script(new TransportFailure('no', code, false));
    await assert.rejects(
      client(world).get('vpc', '/x'),
      isFault((fault) => fault.code === code),
    );
    assert.equal(world.said.length, 1, 'said once, not at each turn');
    return world.pauses.reduce((sum, seconds) => sum + seconds, 0);
  };
  const unknown = await waitedFor('ENOTFOUND');
  assert.ok(unknown >= 10 && unknown < 20, `${unknown}`);
  const refused = await waitedFor('ECONNREFUSED');
  assert.ok(refused >= 90 && refused < 100, `${refused}`);
});

test('repeating ends with its time budget and tells the last answer', async () => {
  const world = script({ status: 429, body: { error_code: 'APIG.0308', error_msg: 'slow down' } });
  await assert.rejects(
    client(world).get('vpc', '/x'),
    isFault((fault) => fault.status === 429 && /throttle/.test(fault.hint ?? '')),
  );
  const waited = world.pauses.reduce((sum, seconds) => sum + seconds, 0);
  assert.ok(waited >= 300 && waited < 340, `${waited}`);
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
