/**
 * Owns the check of an OpenID Connect ID token against a registered identity provider, and what its mapping makes of the
 * claims (API reference 1.2, 1.7). Part of IAM.
 */
import { createPublicKey, type JsonWebKey, verify } from 'node:crypto';
import type { IdentityProviderRow, MappingRule } from './tables/iam.ts';

export class IdTokenRefused extends Error {}

export type Claims = Readonly<Record<string, unknown>>;

const hashes: Readonly<Record<string, string>> = { RS256: 'sha256', RS384: 'sha384', RS512: 'sha512', ES256: 'sha256', ES384: 'sha384' };

/**
 * Signature against the registered keys, issuer, audience, expiry.
 * @throws IdTokenRefused
 */
export function verifyIdToken(token: string, provider: IdentityProviderRow, now = Date.now()): Claims {
  const oidc = provider.oidc;
  if (oidc === undefined) throw new IdTokenRefused('the identity provider has no OpenID Connect configuration');
  const parts = token.split('.');
  const [head = '', payload = '', signature = ''] = parts;
  if (parts.length !== 3) throw new IdTokenRefused('the ID token is malformed');
  const header = json(head);
  const claims = json(payload);
  const hash = hashes[String(header['alg'])];
  if (hash === undefined) throw new IdTokenRefused(`the signing algorithm ${String(header['alg'])} is not supported`);
  const keys = (JSON.parse(oidc.signing_key) as { keys?: (JsonWebKey & { kid?: string })[] }).keys ?? [];
  const candidates = header['kid'] === undefined ? keys : keys.filter((key) => key.kid === header['kid']);
  if (candidates.length === 0) throw new IdTokenRefused(`no registered signing key has the id ${String(header['kid'])}`);
  const data = Buffer.from(`${head}.${payload}`);
  const bytes = Buffer.from(signature, 'base64url');
  const signed = candidates.some((jwk) =>
    verify(hash, data, { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' }, bytes),
  );
  if (!signed) throw new IdTokenRefused('the signature of the ID token is invalid');
  if (claims['iss'] !== oidc.idp_url) throw new IdTokenRefused('the issuer of the ID token is not the registered one');
  const audience = Array.isArray(claims['aud']) ? (claims['aud'] as unknown[]) : [claims['aud']];
  if (!audience.includes(oidc.client_id)) throw new IdTokenRefused('the audience of the ID token does not contain the registered client');
  if (typeof claims['exp'] !== 'number' || claims['exp'] * 1000 <= now) throw new IdTokenRefused('the ID token has expired');
  return claims;
}

function json(part: string): Record<string, unknown> {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Record<string, unknown>;
  } catch (error) {
    throw new IdTokenRefused(`the ID token is malformed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export interface Mapped {
  readonly userName: string;
  readonly groups: readonly string[];
}

const values = (claim: unknown): string[] =>
  Array.isArray(claim) ? claim.map(String) : claim === undefined || claim === null ? [] : [String(claim)];

/** Rules are OR, the name comes from the first that matches, groups accumulate; undefined where none matches. */
export function applyMapping(rules: readonly MappingRule[], claims: Claims): Mapped | undefined {
  let userName: string | undefined;
  const groups: string[] = [];
  for (const rule of rules) {
    const captured = capture(rule, claims);
    if (captured === undefined) continue;
    const fill = (text: string): string => text.replace(/\{(\d+)\}/g, (_, index: string) => (captured[Number(index)] ?? []).join(','));
    for (const local of rule.local) {
      if (local.user?.name !== undefined) userName ??= fill(local.user.name);
      if (local.group?.name !== undefined) groups.push(fill(local.group.name));
      if (local.groups !== undefined) groups.push(...several(local.groups, captured, fill));
    }
    userName ??= values(claims['sub'])[0];
  }
  return userName === undefined ? undefined : { userName, groups };
}

/** What the conditionless entries of `remote` captured; undefined where an entry does not hold. */
function capture(rule: MappingRule, claims: Claims): string[][] | undefined {
  const captured: string[][] = [];
  for (const remote of rule.remote) {
    const here = values(claims[remote.type]);
    if (here.length === 0) return undefined;
    const fits = (wanted: string): boolean => here.some((value) => (remote.regex === true ? new RegExp(wanted).test(value) : wanted === value));
    if (remote.any_one_of !== undefined) {
      if (!remote.any_one_of.some(fits)) return undefined;
    } else if (remote.not_any_of !== undefined) {
      if (remote.not_any_of.some(fits)) return undefined;
    } else captured.push(here);
  }
  return captured;
}

/** `groups` is a placeholder of a claim with several values, or a JSON list in a string. */
function several(text: string, captured: readonly string[][], fill: (text: string) => string): string[] {
  const placeholder = /^\{(\d+)\}$/.exec(text);
  if (placeholder !== null) return [...(captured[Number(placeholder[1])] ?? [])];
  const filled = fill(text);
  return filled.startsWith('[') ? (JSON.parse(filled) as unknown[]).map(String) : [filled];
}
