/**
 * Owns request signing with an access key (SDK-HMAC-SHA256), both variants OTC's gateway accepts, as pure functions.
 * Source: API Gateway documentation, "Common errors related to IAM authentication information"; the scoped form is the
 * one the official SDK for Go sends. Which headers travel unsigned is `auth.ts`'s business.
 */
import { createHash, createHmac } from 'node:crypto';

export interface Signable {
  readonly method: string;
  readonly url: string;
  /** The headers to sign; `host` is taken from the URL where it is missing, `x-sdk-date` is required. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}

const ALGORITHM = 'SDK-HMAC-SHA256';

/** UTC time as `X-Sdk-Date` wants it: `20260101T000000Z`. */
export function sdkDate(time: Date): string {
  return `${time.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
}

/** RFC 3986: everything but unreserved characters is written `%XX`. */
export function strictEncode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** The canonical request and the list of signed headers. */
export function canonicalRequest(request: Signable): { text: string; signedHeaders: string } {
  const url = new URL(request.url);
  const headers = new Map(Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), value.trim()]));
  if (!headers.has('host')) headers.set('host', url.host);
  const names = [...headers.keys()].sort();
  const path = url.pathname
    .split('/')
    .map((segment) => strictEncode(decodeURIComponent(segment)))
    .join('/');
  const query = [...url.searchParams].map(([name, value]) => [strictEncode(name), strictEncode(value)] as const);
  query.sort(([a, x], [b, y]) => compare(a, b) || compare(x, y));
  const text = [
    request.method.toUpperCase(),
    path.endsWith('/') ? path : `${path}/`,
    query.map(([name, value]) => `${name}=${value}`).join('&'),
    names.map((name) => `${name}:${headers.get(name)}\n`).join(''),
    names.join(';'),
    headers.get('x-sdk-content-sha256') ?? sha256(request.body ?? ''),
  ].join('\n');
  return { text, signedHeaders: names.join(';') };
}

/** Variant 1, today's form of the gateway: the value of the `Authorization` header. */
export function signature(request: Signable, accessKey: string, secretKey: string): string {
  const { text, signedHeaders } = canonicalRequest(request);
  const toSign = [ALGORITHM, dateOf(request), sha256(text)].join('\n');
  return `${ALGORITHM} Access=${accessKey}, SignedHeaders=${signedHeaders}, Signature=${hmac(secretKey, toSign).toString('hex')}`;
}

/** Variant 2, with a credential scope; the SDK for Go leaves region and service empty. */
export function scopedSignature(request: Signable, accessKey: string, secretKey: string, region = '', service = ''): string {
  const { text, signedHeaders } = canonicalRequest(request);
  const date = dateOf(request);
  const scope = `${date.slice(0, 8)}/${region}/${service}/sdk_request`;
  const key = [region, service, 'sdk_request'].reduce((last, part) => hmac(last, part), hmac(`SDK${secretKey}`, date.slice(0, 8)));
  const toSign = [ALGORITHM, date, scope, sha256(text)].join('\n');
  return `${ALGORITHM} Credential=${accessKey}/${scope}, SignedHeaders=${signedHeaders}, Signature=${hmac(key, toSign).toString('hex')}`;
}

function dateOf(request: Signable): string {
  const found = Object.entries(request.headers).find(([name]) => name.toLowerCase() === 'x-sdk-date');
  if (found === undefined) throw new Error('a request can only be signed with an X-Sdk-Date header');
  return found[1];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
