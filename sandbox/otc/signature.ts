/**
 * Owns SDK-HMAC-SHA256, both variants (API reference 1.4): canonical request, signature, verification. Knows no key and no
 * clock; `auth.ts` looks keys up, counts failures and judges the time.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

export interface Signable {
  readonly method: string;
  /** Path as sent, percent-encoded. */
  readonly path: string;
  /** Query as sent, without `?`. */
  readonly query: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array | string;
}

export interface Authorization {
  readonly variant: 1 | 2;
  readonly accessKey: string;
  /** `20260101/<region>/<service>/sdk_request`; empty in variant 1. */
  readonly scope: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

const algorithm = 'SDK-HMAC-SHA256';
const sha256 = (data: Uint8Array | string): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: Uint8Array | string, data: string): Buffer => createHmac('sha256', key).update(data).digest();

/** RFC 3986: everything but the unreserved characters. */
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`);

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}

/** Ends with `/`, whatever the request's path ends with. */
function canonicalPath(path: string): string {
  const encoded = path
    .split('/')
    .map((segment) => encode(decode(segment)))
    .join('/');
  return encoded.endsWith('/') ? encoded : `${encoded}/`;
}

function pairs(query: string): [string, string][] {
  return query
    .split('&')
    .filter((part) => part !== '')
    .map((part) => {
      const [name = '', ...value] = part.split('=');
      const plain = (text: string): string => decode(text.replaceAll('+', ' '));
      return [plain(name), plain(value.join('='))];
    });
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function canonicalQuery(query: string): string {
  return pairs(query)
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .sort(([nameA, valueA], [nameB, valueB]) => compare(nameA, nameB) || compare(valueA, valueB))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

/** The Go SDK sorts names regardless of case and takes the first value of a repeated one. */
function goQuery(query: string): string {
  const first = new Map<string, string>();
  for (const [name, value] of pairs(query)) if (!first.has(name)) first.set(name, value);
  return [...first]
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .sort(([a], [b]) => compare(a.toLowerCase(), b.toLowerCase()))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

/** Form encoding sorted by name: what the Go SDK hashes in place of the body of a POST without one. */
function goForm(query: string): string {
  const form = (text: string): string => encode(text).replaceAll('%20', '+');
  return pairs(query)
    .sort(([a], [b]) => compare(a, b))
    .map(([name, value]) => `${form(name)}=${form(value)}`)
    .join('&');
}

function canonicalRequest(request: Signable, signedHeaders: readonly string[], query: string, bodyHash: string, collapse: boolean): string {
  const lines = signedHeaders.map((name) => {
    const value = request.headers[name] ?? '';
    return `${name}:${collapse ? value.replace(/\s+/g, ' ') : value.trim()}\n`;
  });
  return [request.method.toUpperCase(), canonicalPath(request.path), query, lines.join(''), signedHeaders.join(';'), bodyHash].join('\n');
}

const bodyHash = (request: Signable): string => request.headers['x-sdk-content-sha256'] ?? sha256(request.body);

/** Hex SHA-256 of the canonical request; for test vectors. */
export function canonicalHash(request: Signable, signedHeaders: readonly string[]): string {
  return sha256(canonicalRequest(request, signedHeaders, canonicalQuery(request.query), bodyHash(request), false));
}

function signatureOf(canonicalHex: string, date: string, secretKey: string, scope: string): string {
  if (scope === '') return hmac(secretKey, [algorithm, date, canonicalHex].join('\n')).toString('hex');
  const key = scope.split('/').reduce<Buffer | string>((before, part) => hmac(before, part), `SDK${secretKey}`);
  return hmac(key, [algorithm, date, scope, canonicalHex].join('\n')).toString('hex');
}

/**
 * The `Authorization` header for a request that carries `x-sdk-date` already.
 * @param scope variant 2 where given: `{ region, service }`, both may be empty as the Go SDK leaves them
 */
export function sign(
  request: Signable,
  key: { readonly accessKey: string; readonly secretKey: string },
  signedHeaders: readonly string[],
  scope?: { readonly region: string; readonly service: string },
): string {
  const date = request.headers['x-sdk-date'] ?? '';
  const names = [...signedHeaders].sort(compare);
  const scopeText = scope === undefined ? '' : `${date.slice(0, 8)}/${scope.region}/${scope.service}/sdk_request`;
  const signature = signatureOf(canonicalHash(request, names), date, key.secretKey, scopeText);
  const who = scope === undefined ? `Access=${key.accessKey}` : `Credential=${key.accessKey}/${scopeText}`;
  return `${algorithm} ${who}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
}

/** Reads the header of either variant; undefined where it is neither. */
export function parseAuthorization(header: string): Authorization | undefined {
  if (!header.startsWith(`${algorithm} `)) return undefined;
  const parts = new Map(
    header
      .slice(algorithm.length + 1)
      .split(',')
      .map((part) => {
        const [name = '', ...value] = part.trim().split('=');
        return [name, value.join('=')];
      }),
  );
  const signature = parts.get('Signature');
  const signedHeaders = parts.get('SignedHeaders')?.split(';');
  const [accessKey, ...scope] = (parts.get('Credential') ?? '').split('/');
  const access = parts.get('Access');
  if (signature === undefined || signedHeaders === undefined) return undefined;
  if (access !== undefined) return { variant: 1, accessKey: access, scope: '', signedHeaders, signature };
  if (accessKey === undefined || accessKey === '' || scope.length !== 4 || scope[3] !== 'sdk_request') return undefined;
  return { variant: 2, accessKey, scope: scope.join('/'), signedHeaders, signature };
}

/** Does the signature fit the request? Tolerates what the Go SDK does differently, as the real gateway does. */
export function verify(request: Signable, authorization: Authorization, secretKey: string): boolean {
  const date = request.headers['x-sdk-date'] ?? '';
  if (!authorization.signedHeaders.includes('x-sdk-date')) return false;
  if (authorization.variant === 2 && authorization.scope.slice(0, 8) !== date.slice(0, 8)) return false;
  const emptyPost = request.method.toUpperCase() === 'POST' && request.body.length === 0;
  const forms: [string, string][] = [
    [canonicalQuery(request.query), bodyHash(request)],
    [goQuery(request.query), bodyHash(request)],
    ...(emptyPost ? [['', sha256(goForm(request.query))] as [string, string]] : []),
  ];
  return forms.some(([query, hash]) =>
    [false, true].some((collapse) => {
      const expected = signatureOf(
        sha256(canonicalRequest(request, authorization.signedHeaders, query, hash, collapse)),
        date,
        secretKey,
        authorization.scope,
      );
      return expected.length === authorization.signature.length && timingSafeEqual(Buffer.from(expected), Buffer.from(authorization.signature));
    }),
  );
}
