/** Owns the proof of what the client repeats, what it sends once, and for how long. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Otc } from '../../../src/otc/client.ts';
import { TransportFailure } from '../../../src/otc/transport.ts';
import type { Scripted } from './fake.ts';
import { client, isFault, script } from './scripted.ts';

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
