import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { test } from 'node:test';
import { scramVerifier } from '../../../src/zitadel/scram.ts';

/** RFC 7677, section 3: the exchange of user `user` with password `pencil`. */
const rfc = {
  salt: Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'),
  message:
    'n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
  proof: Buffer.from('dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=', 'base64'),
  signature: '6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
};

test('the verifier takes the proof of RFC 7677, and signs as its server does', () => {
  const [, keys = ''] = /^SCRAM-SHA-256\$4096:W22ZaJ0SNY7soEsUEjb6gQ==\$(.+)$/.exec(scramVerifier('pencil', rfc.salt)) ?? [];
  const [stored = '', server = ''] = keys.split(':');
  const signature = createHmac('sha256', Buffer.from(stored, 'base64')).update(rfc.message).digest();
  const clientKey = Buffer.from(rfc.proof.map((byte, index) => byte ^ (signature[index] ?? 0)));
  assert.equal(createHash('sha256').update(clientKey).digest('base64'), stored);
  assert.equal(createHmac('sha256', Buffer.from(server, 'base64')).update(rfc.message).digest('base64'), rfc.signature);
});

test('another password or salt gives another one; it never holds the password; what SASLprep might change is refused', () => {
  const salt = Buffer.alloc(16, 1);
  assert.equal(scramVerifier('Zx2_oqdF5ggUwzMT', salt), scramVerifier('Zx2_oqdF5ggUwzMT', salt));
  assert.notEqual(scramVerifier('Zx2_oqdF5ggUwzMT', salt), scramVerifier('Zx2_oqdF5ggUwzMU', salt));
  assert.notEqual(scramVerifier('Zx2_oqdF5ggUwzMT', salt), scramVerifier('Zx2_oqdF5ggUwzMT', Buffer.alloc(16, 2)));
  assert.doesNotMatch(scramVerifier('Zx2_oqdF5ggUwzMT', salt), /Zx2_/);
  assert.throws(() => scramVerifier('pässword', salt), RangeError);
});
