/** A world's authorities: saved with a snapshot, they are the same ones in a copy of that world. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { it } from 'node:test';
import { makeAuthority } from '../../../sandbox/world/authority.ts';

it('saved authorities sign in a copy as they did before', async () => {
  const first = await makeAuthority();
  const copy = await makeAuthority(JSON.parse(JSON.stringify(first.saved())));
  for (const name of ['publicCaPem', 'stagingCaPem', 'rdsCaPem'] as const) assert.equal(copy[name], first[name], name);
  const issuerOf = (chain: string): X509Certificate => new X509Certificate(chain.split(/(?<=-----END CERTIFICATE-----\n)/)[1] ?? '');
  const [before, after] = await Promise.all([first, copy].map((one) => one.issue({ names: ['login.example.com'], by: 'public' })));
  assert.ok(before && after);
  assert.ok(new X509Certificate(after.certPem).checkIssued(issuerOf(before.chainPem)));
  assert.ok(new X509Certificate(after.certPem).verify(issuerOf(before.chainPem).publicKey));
  const rds = await copy.issue({ names: ['one.postgresql.rds.internal'], by: 'rds' });
  assert.ok(new X509Certificate(rds.certPem).verify(new X509Certificate(first.rdsCaPem).publicKey));
  const other = await makeAuthority();
  assert.notEqual(other.publicCaPem, first.publicCaPem);
  assert.equal(new X509Certificate(rds.certPem).verify(new X509Certificate(other.rdsCaPem).publicKey), false);
});
