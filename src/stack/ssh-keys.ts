/**
 * Owns the bastion's SSH keys: Ed25519 pairs made from the seed that `secrets.ts` derives, in OpenSSH's forms. The same
 * secret gives the same keys on every run, so that the host key is known before there is a host. Pure.
 */
import { createHash, createPrivateKey, createPublicKey, hkdfSync } from 'node:crypto';
import { Secret } from '../secret.ts';

export interface SshKey {
  /** `ssh-ed25519 AAAA… comment` */
  readonly publicLine: string;
  /** The key as it goes over the wire, base64: the second word of {@link publicLine}. */
  readonly publicBlob: string;
  /** `SHA256:…`, as ssh and ssh-keygen print it. */
  readonly fingerprint: string;
  /** PEM, `BEGIN OPENSSH PRIVATE KEY`. */
  readonly privateKey: Secret;
}

export interface BastionKeys {
  readonly client: SshKey;
  readonly host: SshKey;
}

const COMMENT = 'zitadel-on-otc';
/** PKCS #8 of an Ed25519 key (RFC 8410) up to the 32 bytes of the key itself. */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Both key pairs of a bastion. @param seed `bastionKeySeed`: 32 bytes as base64url */
export function bastionKeys(seed: Secret): BastionKeys {
  const part = (label: string): Buffer => Buffer.from(hkdfSync('sha256', Buffer.from(seed.open(), 'base64url'), COMMENT, label, 32));
  return { client: sshKey(part('client')), host: sshKey(part('host')) };
}

/** An Ed25519 key pair in OpenSSH's forms (PROTOCOL.key of OpenSSH). @param seed 32 bytes */
export function sshKey(seed: Buffer): SshKey {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, seed]), format: 'der', type: 'pkcs8' });
  const raw = Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x ?? '', 'base64url');
  const blob = Buffer.concat([field('ssh-ed25519'), field(raw)]);
  const publicBlob = blob.toString('base64');
  // Two equal numbers tell a right passphrase from a wrong one; without a passphrase any number serves.
  const check = createHash('sha256').update(blob).digest().subarray(0, 4);
  const inner = Buffer.concat([check, check, field('ssh-ed25519'), field(raw), field(Buffer.concat([seed, raw])), field(COMMENT)]);
  const padding = Buffer.from(Array.from({ length: (8 - (inner.length % 8)) % 8 }, (_, index) => index + 1));
  const file = Buffer.concat([
    Buffer.from('openssh-key-v1\0', 'binary'),
    field('none'),
    field('none'),
    field(''),
    Buffer.from([0, 0, 0, 1]),
    field(blob),
    field(Buffer.concat([inner, padding])),
  ]);
  const lines = file.toString('base64').match(/.{1,70}/g) ?? [];
  return {
    publicLine: `ssh-ed25519 ${publicBlob} ${COMMENT}`,
    publicBlob,
    fingerprint: fingerprintOf(blob),
    privateKey: new Secret(['-----BEGIN OPENSSH PRIVATE KEY-----', ...lines, '-----END OPENSSH PRIVATE KEY-----', ''].join('\n'), 'SSH key'),
  };
}

/** `SHA256:` and the base64 digest without its padding. */
export function fingerprintOf(blob: Buffer): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

function field(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content as string);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
