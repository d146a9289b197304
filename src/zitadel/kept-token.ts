/**
 * Owns how the login app's token is kept beside the database: ZITADEL hands it out once, at the first setup, and a new cluster
 * has it from nobody. It is sealed under a key that comes from the masterkey and written in tags of the RDS instance. Pure.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { Tag } from '../kube/context.ts';
import { Secret } from '../secret.ts';

/** Tag keys, counted from 1. */
export const TOKEN_TAG = 'zitadel-login-token-';
/** Characters of a tag's value on OTC, of `A-Za-z0-9-_@` (Relational Database Service API, tags). */
const VALUE = 43;
/** Of the twenty tags that an instance takes; enough for tokens of 180 bytes, where ZITADEL v4's have 71. */
const MOST = 6;
const IV = 16;

/** Whether a token is kept in these tags; a database that has one was set up. */
export function keepsToken(tags: readonly Tag[] | undefined): boolean {
  return tags?.some(({ key }) => key === `${TOKEN_TAG}1`) ?? false;
}

/**
 * The tags that keep a token; undefined where it is too long for them. The same token gives the same tags, so that they can be
 * compared. The first character is the number of tags; then base64url of the initialisation vector, an HMAC-SHA256 of the token
 * cut to 16 bytes (a synthetic one, as in RFC 5297), and the token in AES-256-CTR. Opening compares the HMAC again.
 */
export function sealed(masterkey: Secret, token: string): Tag[] | undefined {
  const { seal, cipher } = keysOf(masterkey);
  const iv = macOf(seal, token);
  const encryption = createCipheriv('aes-256-ctr', cipher, iv);
  const body = Buffer.concat([iv, encryption.update(token, 'utf8'), encryption.final()]).toString('base64url');
  const count = Math.ceil((body.length + 1) / VALUE);
  if (count > MOST) return undefined;
  const text = `${count}${body}`;
  return Array.from({ length: count }, (_, index) => ({ key: `${TOKEN_TAG}${index + 1}`, value: text.slice(index * VALUE, (index + 1) * VALUE) }));
}

/** The token that the tags keep; undefined where there is none, or it was sealed under another masterkey, or changed. */
export function opened(masterkey: Secret, tags: readonly Tag[] | undefined): Secret | undefined {
  const partOf = (index: number): string | undefined => tags?.find(({ key }) => key === `${TOKEN_TAG}${index}`)?.value;
  const count = Number(partOf(1)?.[0] ?? 0);
  const parts = Array.from({ length: count }, (_, index) => partOf(index + 1));
  if (count === 0 || parts.includes(undefined)) return undefined;
  const bytes = Buffer.from(parts.join('').slice(1), 'base64url');
  if (bytes.length <= IV) return undefined;
  const { seal, cipher } = keysOf(masterkey);
  const iv = bytes.subarray(0, IV);
  const decryption = createDecipheriv('aes-256-ctr', cipher, iv);
  const token = Buffer.concat([decryption.update(bytes.subarray(IV)), decryption.final()]).toString('utf8');
  return timingSafeEqual(iv, macOf(seal, token)) ? new Secret(token, 'the login app’s token') : undefined;
}

/** HKDF-SHA256 of the masterkey, salt `zitadel-on-otc`, info `login-token/1`: 32 bytes for the HMAC, 32 for the cipher. */
function keysOf(masterkey: Secret): { readonly seal: Buffer; readonly cipher: Buffer } {
  const bytes = Buffer.from(hkdfSync('sha256', masterkey.open(), 'zitadel-on-otc', 'login-token/1', 64));
  return { seal: bytes.subarray(0, 32), cipher: bytes.subarray(32) };
}

function macOf(key: Buffer, token: string): Buffer {
  return createHmac('sha256', key).update(token, 'utf8').digest().subarray(0, IV);
}
