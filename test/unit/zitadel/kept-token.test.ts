import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secret } from '../../../src/secret.ts';
import { keepsToken, opened, sealed } from '../../../src/zitadel/kept-token.ts';

const masterkey = new Secret('lbJkR6lZG8wcoK2uo5eSWy85G0XwqNZE');
const token = 'dEnT7H7UfG1yHUzMGxPDnXvALn0fJE2WgQRjxHC-_dEnT7H7UfG1yHUzMGxPDnXvALn0fJE';

test('a token comes back out of tags that OTC takes; the same token gives the same tags', () => {
  const tags = sealed(masterkey, token);
  assert.ok(tags);
  assert.deepEqual(
    tags.map(({ key }) => key),
    ['zitadel-login-token-1', 'zitadel-login-token-2', 'zitadel-login-token-3'],
  );
  for (const { key, value } of tags) assert.ok(/^[A-Za-z0-9_@-]{1,36}$/.test(key) && /^[A-Za-z0-9_@-]{1,43}$/.test(value), value);
  assert.deepEqual(sealed(masterkey, token), tags);
  assert.equal(opened(masterkey, [{ key: 'stack', value: 'x' }, ...tags.toReversed()])?.open(), token);
  assert.ok(keepsToken(tags) && !keepsToken([]) && !keepsToken(undefined));
  assert.ok(!JSON.stringify(tags).includes(token.slice(0, 8)));
});

test('test vector: the format must not change, or kept tokens could not be read any more', () => {
  assert.deepEqual(sealed(masterkey, 'a-token-of-zitadel'), [
    { key: 'zitadel-login-token-1', value: '2qFV_2R1JSEYTaWB3rN3y2huJMSOO3I44ioJEHRz8iM' },
    { key: 'zitadel-login-token-2', value: 'SNrA' },
  ]);
});

test('a longer token that was kept before does not disturb', () => {
  const former = sealed(masterkey, token.repeat(2)) ?? [];
  const now = sealed(masterkey, 'a-token-of-zitadel') ?? [];
  const tags = [...former.filter(({ key }) => !now.some((tag) => tag.key === key)), ...now];
  assert.equal(opened(masterkey, tags)?.open(), 'a-token-of-zitadel');
});

test('another masterkey, a changed tag, a missing one: no token; one that is too long is not kept', () => {
  const tags = sealed(masterkey, token) ?? [];
  assert.equal(opened(new Secret('x'.repeat(32)), tags), undefined);
  assert.equal(opened(masterkey, tags.slice(0, 2)), undefined);
  assert.equal(opened(masterkey, []), undefined);
  assert.equal(opened(masterkey, [{ key: 'zitadel-login-token-1', value: '1' }]), undefined);
  for (const index of tags.keys()) {
    const changed = tags.map((tag, at) => (at === index ? { ...tag, value: tag.value.replace(/.$/, (last) => (last === 'A' ? 'Q' : 'A')) } : tag));
    assert.equal(opened(masterkey, changed), undefined, `tag ${index + 1}`);
  }
  assert.equal(sealed(masterkey, 'x'.repeat(400)), undefined);
});
