/** Twins of `signature.ts`: published and computed vectors of both variants, and what the Go SDK does differently. */
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { test } from 'node:test';
import { canonicalHash, parseAuthorization, type Signable, sign, verify } from '../../../sandbox/otc/signature.ts';

const vendor: Signable = {
  method: 'GET',
  path: '/v1/77b6a44cba5143ab91d13ab9a8ff44fd/vpcs',
  query: 'limit=2&marker=13551d6b-755d-4757-b956-536f674975c0',
  headers: { 'content-type': 'application/json', host: 'service.region.example.com', 'x-sdk-date': '20191115T033655Z' },
  body: '',
};
const vendorSecret = 'MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc';
const vendorHeaders = ['content-type', 'host', 'x-sdk-date'];

const plain: Signable = {
  method: 'GET',
  path: '/v1/p1/vpcs',
  query: 'limit=2',
  headers: { host: 'vpc.eu-de.otc.t-systems.com', 'x-sdk-date': '20260101T000000Z' },
  body: '',
};
const plainKey = { accessKey: 'AKEXAMPLE', secretKey: 'SKEXAMPLE' };

test('vendor vector: canonical hash and signature', () => {
  assert.equal(canonicalHash(vendor, vendorHeaders), 'b25362e603ee30f4f25e7858e8a7160fd36e803bb2dfe206278659d71a9bcd7a');
  assert.match(
    sign(vendor, { accessKey: 'AK', secretKey: vendorSecret }, vendorHeaders),
    /Signature=7be6668032f70418fcc22abc52071e57aff61b84a1d2381bb430d6870f4f6ebe$/,
  );
});

test('both variants of the second vector', () => {
  assert.equal(canonicalHash(plain, ['host', 'x-sdk-date']), 'e7dd49d14d4bd30e953ac601ca1f532f8e1163b478e96858fdd810332f44ac73');
  const first = sign(plain, plainKey, ['host', 'x-sdk-date']);
  const second = sign(plain, plainKey, ['host', 'x-sdk-date'], { region: '', service: '' });
  assert.equal(
    first,
    'SDK-HMAC-SHA256 Access=AKEXAMPLE, SignedHeaders=host;x-sdk-date, Signature=0e92145989b3f29b7cb9405884b4030ceec0caf7e26cfac0e3426befe5bdfc9e',
  );
  assert.equal(
    second,
    'SDK-HMAC-SHA256 Credential=AKEXAMPLE/20260101///sdk_request, SignedHeaders=host;x-sdk-date, Signature=1d723210c382ad3b769f3784303b390e94c544dc6ed53ffbf87eed7aacc40d8b',
  );
  for (const [header, variant] of [
    [first, 1],
    [second, 2],
  ] as const) {
    const parsed = parseAuthorization(header);
    assert.equal(parsed?.variant, variant);
    assert.equal(parsed?.accessKey, 'AKEXAMPLE');
    assert.ok(parsed !== undefined && verify(plain, parsed, plainKey.secretKey));
    assert.ok(parsed !== undefined && !verify(plain, parsed, 'SKEXAMPLf'));
    assert.ok(parsed !== undefined && !verify({ ...plain, query: 'limit=3' }, parsed, plainKey.secretKey));
    assert.ok(parsed !== undefined && !verify({ ...plain, method: 'DELETE' }, parsed, plainKey.secretKey));
    assert.ok(parsed !== undefined && !verify({ ...plain, body: 'x' }, parsed, plainKey.secretKey));
  }
});

test('headers that are not SDK-HMAC-SHA256 are not read', () => {
  for (const header of [
    'Bearer x',
    'SDK-HMAC-SHA256 Access=a',
    'SDK-HMAC-SHA256 Credential=a/20260101/sdk_request, SignedHeaders=host, Signature=00',
  ])
    assert.equal(parseAuthorization(header), undefined);
});

test('x-sdk-date must be signed', () => {
  const header = parseAuthorization(sign(plain, plainKey, ['host']));
  assert.ok(header !== undefined && !verify(plain, header, plainKey.secretKey));
});

/** Signs as the Go SDK does: its own canonical query and body hash are handed in. */
function goSignature(canonicalQuery: string, bodyHash: string, method: string, headerLines: string, names: string, date: string): string {
  const sha = (text: string) => createHash('sha256').update(text).digest('hex');
  const canonical = [method, '/v1/p1/things/', canonicalQuery, headerLines, names, bodyHash].join('\n');
  const mac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
  const scope = `${date.slice(0, 8)}///sdk_request`;
  const key = mac(mac(mac(mac('SDKSKEXAMPLE', date.slice(0, 8)), ''), ''), 'sdk_request');
  return `SDK-HMAC-SHA256 Credential=AK/${scope}, SignedHeaders=${names}, Signature=${mac(key, ['SDK-HMAC-SHA256', date, scope, sha(canonical)].join('\n')).toString('hex')}`;
}

test('deviations of the Go SDK are tolerated', () => {
  const date = '20260101T000000Z';
  const sha = (text: string) => createHash('sha256').update(text).digest('hex');
  const headers = { host: 'h', 'user-agent': 'golangsdk/2.0.0', 'x-sdk-date': date };
  const lines = `host:h\nuser-agent:golangsdk/2.0.0\nx-sdk-date:${date}\n`;
  const names = 'host;user-agent;x-sdk-date';
  const emptyPost = parseAuthorization(goSignature('', sha('a=1&b=x+y'), 'POST', lines, names, date));
  assert.ok(
    emptyPost !== undefined && verify({ method: 'POST', path: '/v1/p1/things', query: 'b=x%20y&a=1', headers, body: '' }, emptyPost, 'SKEXAMPLE'),
  );
  const repeated = parseAuthorization(goSignature('Bar=2&foo=1', sha(''), 'GET', lines, names, date));
  assert.ok(
    repeated !== undefined && verify({ method: 'GET', path: '/v1/p1/things', query: 'foo=1&foo=9&Bar=2', headers, body: '' }, repeated, 'SKEXAMPLE'),
  );
});
