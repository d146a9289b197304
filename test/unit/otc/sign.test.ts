/** Owns the proof that requests are signed as OTC's gateway verifies them: published and recomputed test vectors. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { canonicalRequest, scopedSignature, sdkDate, signature, strictEncode } from '../../../src/otc/sign.ts';

const published = {
  method: 'GET',
  url: 'https://service.region.example.com/v1/77b6a44cba5143ab91d13ab9a8ff44fd/vpcs?limit=2&marker=13551d6b-755d-4757-b956-536f674975c0',
  headers: { 'Content-Type': 'application/json', 'X-Sdk-Date': '20191115T033655Z' },
};
const computed = { method: 'GET', url: 'https://vpc.eu-de.otc.t-systems.com/v1/p1/vpcs?limit=2', headers: { 'X-Sdk-Date': '20260101T000000Z' } };
const hash = (text: string): string => createHash('sha256').update(text).digest('hex');

test('the published vector: canonical request and signature of variant 1', () => {
  const { text, signedHeaders } = canonicalRequest(published);
  assert.equal(signedHeaders, 'content-type;host;x-sdk-date');
  assert.equal(hash(text), 'b25362e603ee30f4f25e7858e8a7160fd36e803bb2dfe206278659d71a9bcd7a');
  assert.equal(
    signature(published, 'AK', 'MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc'),
    'SDK-HMAC-SHA256 Access=AK, SignedHeaders=content-type;host;x-sdk-date, Signature=7be6668032f70418fcc22abc52071e57aff61b84a1d2381bb430d6870f4f6ebe',
  );
});

test('the second vector, both variants', () => {
  assert.equal(hash(canonicalRequest(computed).text), 'e7dd49d14d4bd30e953ac601ca1f532f8e1163b478e96858fdd810332f44ac73');
  assert.match(
    signature(computed, 'AKEXAMPLE', 'SKEXAMPLE'),
    /Access=AKEXAMPLE, .*Signature=0e92145989b3f29b7cb9405884b4030ceec0caf7e26cfac0e3426befe5bdfc9e$/,
  );
  assert.match(
    scopedSignature(computed, 'AKEXAMPLE', 'SKEXAMPLE'),
    /Credential=AKEXAMPLE\/20260101\/\/\/sdk_request, SignedHeaders=host;x-sdk-date, Signature=1d723210c382ad3b769f3784303b390e94c544dc6ed53ffbf87eed7aacc40d8b$/,
  );
});

test('the path ends with a slash for signing only, and segments are encoded strictly', () => {
  const { text } = canonicalRequest({ ...computed, url: "https://h/v1/a%20b/c'd(1)" });
  assert.equal(text.split('\n')[1], '/v1/a%20b/c%27d%281%29/');
  assert.equal(canonicalRequest({ ...computed, url: 'https://h' }).text.split('\n')[1], '/');
});

test('parameters are sorted by encoded name, then value; empty values keep the equal sign', () => {
  const { text } = canonicalRequest({ ...computed, url: 'https://h/?b=2&a=z&a=a%20b&c=' });
  assert.equal(text.split('\n')[2], 'a=a%20b&a=z&b=2&c=');
});

test('the body counts, and X-Sdk-Date is required', () => {
  assert.notEqual(signature({ ...computed, body: '{}' }, 'A', 'S'), signature(computed, 'A', 'S'));
  assert.throws(() => signature({ ...computed, headers: {} }, 'A', 'S'), /X-Sdk-Date/);
});

test('dates and encoding', () => {
  assert.equal(sdkDate(new Date('2026-01-02T03:04:05.678Z')), '20260102T030405Z');
  assert.equal(strictEncode("a b!*'()~-._"), 'a%20b%21%2A%27%28%29~-._');
});
