/** Secrets never print, in whatever way, and every usual encoding of them is masked. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { format, inspect } from 'node:util';
import { serialize } from 'node:v8';
import fc from 'fast-check';
import { forms, mask, maskTo, redact, Secret } from '../../../src/secret.ts';

const secretText = fc.oneof(
  fc.string({ minLength: 12, maxLength: 40, unit: fc.constantFrom(...'abcXYZ019!"\'&<>%$@#*()+-=/\\ ~`^{}[]|;:,.?_äß€') }),
  fc.string({ minLength: 12, maxLength: 40, unit: 'binary' }).map((text) => `${text}${'q7'.repeat(4)}`),
);

/** What a runner shows that knows these masks: the longest first. */
function shown(output: string, masks: readonly string[]): string {
  return [...masks].sort((a, b) => b.length - a.length).reduce((text, form) => text.split(form).join('***'), output);
}

/** Lone surrogates have no UTF-8; they are written as replacement characters. */
function wellFormed(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}

const encodings: Record<string, (text: string) => string> = {
  plain: (text) => `password=${text};`,
  json: (text) => JSON.stringify({ password: text }),
  'json in json': (text) => JSON.stringify({ log: JSON.stringify({ password: text }) }),
  "Go's json": (text) =>
    JSON.stringify({ password: text }).replace(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`),
  url: (text) => `https://user:${encodeURIComponent(wellFormed(text))}@host/`,
  form: (text) =>
    `a=1&password=${encodeURIComponent(wellFormed(text))
      .replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
      .replaceAll('%20', '+')}`,
  xml: (text) => `<p>${text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')}</p>`,
  'yaml, single quotes': (text) => `password: '${text.replaceAll("'", "''")}'`,
  'shell, single quotes': (text) => `curl -u 'root:${text.replaceAll("'", `'\\''`)}'`,
};

for (const [name, encode] of Object.entries(encodings)) {
  test(`masked as ${name}`, () => {
    fc.assert(
      fc.property(secretText, (text) => {
        const output = encode(text);
        const clean = shown(output, forms(text));
        assert.ok(clean.includes('***'), `${inspect(output)} stays ${inspect(clean)}`);
        assert.ok(!clean.includes(text));
      }),
      { numRuns: 300 },
    );
  });
}

test('masked in base64 at every place of a document, in both alphabets', () => {
  fc.assert(
    fc.property(
      secretText,
      fc.string({ maxLength: 5 }),
      fc.string({ maxLength: 5 }),
      fc.constantFrom('base64', 'base64url'),
      (text, before, after, alphabet) => {
        const output = Buffer.from(before + text + after, 'utf8').toString(alphabet as 'base64');
        assert.ok(shown(output, forms(text)).includes('***'), output);
      },
    ),
    { numRuns: 500 },
  );
});

test('a form left out would be noticed', () => {
  const text = 'a&b<c>d "quoted" 123';
  assert.ok(!shown(encodings["Go's json"]?.(text) ?? '', [text]).includes('***'));
});

test('no way of printing shows a secret', () => {
  const secret = new Secret('correct-horse-battery');
  const ways = [
    String(secret),
    `${secret}`,
    `x${String(secret)}`,
    JSON.stringify({ secret, list: [secret] }),
    inspect(secret),
    inspect({ deep: { secret } }, { depth: 5, showHidden: true }),
    inspect(secret, { customInspect: false, showHidden: true }),
    format('%s %o %O %j %d', secret, secret, secret, secret, secret),
    String(new Error('failed', { cause: secret }).cause),
    inspect(new Error('failed', { cause: secret })),
    Object.keys(secret).join() + Object.values(secret).join() + Object.getOwnPropertyNames(secret).join(),
    serialize(secret).toString('latin1'),
    JSON.stringify(structuredClone(secret)),
    inspect(new Map([['secret', secret]])),
  ];
  for (const way of ways) assert.ok(!way.includes('correct-horse'), way);
  assert.equal(secret.open(), 'correct-horse-battery');
});

test('sinks hear of secrets made before and after them, and of each form once', () => {
  mask('made-before-the-sink');
  const heard: string[] = [];
  maskTo((form) => heard.push(form));
  new Secret('made-after-the-sink');
  mask('made-after-the-sink');
  assert.ok(heard.includes('made-before-the-sink'));
  assert.equal(heard.filter((form) => form === 'made-after-the-sink').length, 1);
});

test('each line of a key is masked, its frame is not', () => {
  const key = ['-----BEGIN PRIVATE KEY-----', 'MC4CAQAwBQYDK2VwBCIEIJxQ', 'k2dpYzE2Ynl0ZXNzZWNyZXQh', '-----END PRIVATE KEY-----', ''].join('\n');
  const all = forms(key);
  assert.ok(all.includes('MC4CAQAwBQYDK2VwBCIEIJxQ') && all.includes('k2dpYzE2Ynl0ZXNzZWNyZXQh'));
  assert.ok(!all.includes('-----BEGIN PRIVATE KEY-----'));
});

test('short secrets are refused, and the message does not show them', () => {
  assert.throws(
    () => new Secret('short', 'admin-password'),
    (error: Error) => error.message.includes('admin-password') && !error.message.includes('short'),
  );
});

test('redact takes out every known form', () => {
  new Secret('redact-me "please"');
  assert.equal(redact('a redact-me "please" b'), 'a *** b');
  assert.equal(redact(`a ${JSON.stringify('redact-me "please"')} b`), 'a "***" b');
});
