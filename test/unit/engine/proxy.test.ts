/** Owns the proof of which proxy is taken, that a wrong setting is told at once, and that its password never shows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../../src/engine/fault.ts';
import { nameOf, proxyFor, proxyOf } from '../../../src/engine/proxy.ts';
import { redact } from '../../../src/secret.ts';

test('proxies by the environment', () => {
  const url = new URL('https://iam.eu-de.otc.t-systems.com/v3');
  const env = { HTTPS_PROXY: 'http://proxy:3128' };
  assert.equal(proxyFor(url, {}), undefined);
  assert.equal(proxyFor(url, env)?.href, 'http://proxy:3128/');
  assert.equal(proxyFor(url, { https_proxy: 'proxy:3128' })?.href, 'http://proxy:3128/');
  for (const list of [
    '*',
    't-systems.com',
    '.t-systems.com',
    '*.t-systems.com',
    'other,iam.eu-de.otc.t-systems.com',
    't-systems.com:443',
    'a b T-Systems.com',
  ]) {
    assert.equal(proxyFor(url, { ...env, NO_PROXY: list }), undefined, list);
  }
  for (const list of ['', 'systems.com', 'x.t-systems.com', 't-systems.com:8443', '.']) {
    assert.equal(proxyFor(url, { ...env, no_proxy: list })?.href, 'http://proxy:3128/', list);
  }
  for (const own of ['localhost', '127.0.0.1', '127.9.9.9', '[::1]']) assert.equal(proxyFor(new URL(`https://${own}:8443/`), env), undefined, own);
  assert.ok(proxyFor(new URL('https://localhost.example.com/'), env) !== undefined);
});

test('a proxy is named without its credentials', () => {
  assert.equal(nameOf(new URL('http://u:p@proxy.example.com')), 'proxy.example.com:80');
  assert.equal(nameOf(new URL('https://u:p@proxy.example.com')), 'proxy.example.com:443');
  assert.equal(nameOf(new URL('http://u:p@10.0.0.1:3128')), '10.0.0.1:3128');
});

for (const [what, name, value, says] of [
  ['a broken escape', 'HTTPS_PROXY', 'http://u:Pr0xy%ZZsecret-1@127.0.0.1:3129', /^HTTPS_PROXY holds a "%" .*%25/],
  ['another kind', 'https_proxy', 'socks5://u:Pr0xy-secret-2@127.0.0.1:1080', /^https_proxy names a proxy of the kind socks5, .*http:\/\//],
  ['no address', 'HTTPS_PROXY', 'http://u:Pr0xy/secret-3@127.0.0.1:3128', /^HTTPS_PROXY is not the address of a proxy .*%XX/],
] as const) {
  test(`a proxy setting that cannot be used is told at once, its password masked: ${what}`, () => {
    assert.throws(
      () => proxyOf({ [name]: value }),
      (error) => error instanceof Fault && says.test(`${error.message} ${error.hint}`) && !/secret-/.test(`${error.message} ${error.hint}`),
    );
    assert.ok(!redact(`the value ${value} is wrong`).includes('secret-'));
  });
}

test('the password of a proxy is masked as it is written, as it is meant, and as it is sent', () => {
  proxyOf({ HTTPS_PROXY: 'http://someone:p%40ss-w%C3%B6rd@proxy:3128' });
  const sent = Buffer.from('someone:p@ss-wörd').toString('base64');
  for (const form of ['p%40ss-w%C3%B6rd', 'p@ss-wörd']) assert.equal(redact(`<${form}>`), '<***>');
  assert.ok(!redact(`Proxy-Authorization: Basic ${sent}`).includes(sent.slice(-16)));
  proxyOf({ HTTPS_PROXY: 'http://someone:short@proxy:3128' });
  assert.equal(redact('http://someone:short@proxy'), 'http://***@proxy');
});
