/** Owns cert-manager's cryptography: private keys as a Certificate asks for them, signing requests, signatures by a CA issuer. */
import 'reflect-metadata';
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject, webcrypto, X509Certificate } from 'node:crypto';
import { promisify } from 'node:util';
import * as x509 from '@peculiar/x509';
import type { Certificate } from './objects.ts';

x509.cryptoProvider.set(webcrypto);
const hash = 'SHA-256';

export async function makeKey(spec: Certificate['spec']['privateKey']): Promise<string> {
  const encoding = spec?.encoding ?? 'PKCS1';
  if (spec?.algorithm === 'Ed25519') {
    const { privateKey } = await promisify(generateKeyPair)('ed25519');
    return privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  }
  if (spec?.algorithm === 'ECDSA') {
    const namedCurve = { 256: 'P-256', 384: 'P-384', 521: 'P-521' }[spec.size ?? 256] ?? 'P-256';
    const { privateKey } = await promisify(generateKeyPair)('ec', { namedCurve });
    return privateKey.export({ type: encoding === 'PKCS8' ? 'pkcs8' : 'sec1', format: 'pem' }) as string;
  }
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: spec?.size ?? 2048 });
  return privateKey.export({ type: encoding === 'PKCS8' ? 'pkcs8' : 'pkcs1', format: 'pem' }) as string;
}

/** The signing request for a Certificate, PEM. */
export async function makeRequest(spec: Certificate['spec'], keyPem: string): Promise<string> {
  const key = createPrivateKey(keyPem);
  const keys = await importPair(key);
  const names = altNames(spec);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: spec.commonName === undefined ? [] : [{ CN: [spec.commonName] }],
    keys,
    signingAlgorithm: keys.privateKey.algorithm as Algorithm,
    extensions: names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)],
  });
  return `${request.toString('pem')}\n`;
}

/** Signs as an issuer of kind `ca` (or `selfSigned`, where there is no authority). Days may be a fraction. */
export async function signWith(
  spec: Certificate['spec'],
  requestPem: string,
  keyPem: string,
  authority: { readonly certPem: string; readonly keyPem: string } | undefined,
  durationMs: number,
): Promise<string> {
  const request = new x509.Pkcs10CertificateRequest(requestPem);
  const signer = await importPair(createPrivateKey(authority?.keyPem ?? keyPem));
  const issuer = authority === undefined ? undefined : new x509.X509Certificate(authority.certPem);
  const subject: x509.JsonName = spec.commonName === undefined ? [] : [{ CN: [spec.commonName] }];
  const names = altNames(spec);
  const publicKey = await request.publicKey.export();
  const usages = x509.KeyUsageFlags.digitalSignature | (spec.isCA === true ? x509.KeyUsageFlags.keyCertSign : x509.KeyUsageFlags.keyEncipherment);
  const certificate = await x509.X509CertificateGenerator.create({
    subject,
    issuer: issuer?.subject ?? new x509.Name(subject).toString(),
    notBefore: new Date(Date.now() - 1000),
    notAfter: new Date(Date.now() + durationMs),
    publicKey,
    signingKey: signer.privateKey,
    signingAlgorithm: signer.privateKey.algorithm as Algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(spec.isCA === true, undefined, true),
      new x509.KeyUsagesExtension(usages, true),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      ...(issuer === undefined ? [] : [await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey)]),
      ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}

/** Was the signing request made with that private key? */
export function isOfKey(csrPem: string, keyPem: string): boolean {
  const own = createPublicKey(createPrivateKey(keyPem)).export({ type: 'spki', format: 'der' });
  return Buffer.from(new x509.Pkcs10CertificateRequest(csrPem).publicKey.rawData).equals(own);
}

/** What a certificate says of itself; the first one of a chain. */
export function facts(chainPem: string): {
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly names: readonly string[];
  readonly matches: (keyPem: string) => boolean;
} {
  const leaf = new X509Certificate(chainPem);
  return {
    notBefore: new Date(leaf.validFrom),
    notAfter: new Date(leaf.validTo),
    names: (leaf.subjectAltName ?? '')
      .split(', ')
      .filter(Boolean)
      .map((name) => name.replace(/^(DNS|IP Address|URI):/, '')),
    matches: (keyPem) => leaf.checkPrivateKey(createPrivateKey(keyPem)),
  };
}

function altNames(spec: Certificate['spec']): x509.JsonGeneralNames {
  return [
    ...(spec.dnsNames ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(spec.ipAddresses ?? []).map((value) => ({ type: 'ip' as const, value })),
    ...(spec.uris ?? []).map((value) => ({ type: 'url' as const, value })),
  ];
}

type Algorithm = webcrypto.RsaHashedKeyGenParams & webcrypto.EcdsaParams;

async function importPair(key: KeyObject): Promise<webcrypto.CryptoKeyPair> {
  const algorithm =
    key.asymmetricKeyType === 'rsa'
      ? { name: 'RSASSA-PKCS1-v1_5', hash }
      : key.asymmetricKeyType === 'ed25519'
        ? { name: 'Ed25519' }
        : { name: 'ECDSA', namedCurve: curve(key), hash };
  const privateKey = await webcrypto.subtle.importKey('pkcs8', key.export({ type: 'pkcs8', format: 'der' }), algorithm, true, ['sign']);
  const { d: _secret, dp: _p, dq: _q, p: _p1, q: _q1, qi: _i, key_ops: _ops, ...jwk } = await webcrypto.subtle.exportKey('jwk', privateKey);
  const publicKey = await webcrypto.subtle.importKey('jwk', jwk, algorithm, true, ['verify']);
  // The library reads the hash of an ECDSA signature from the key's algorithm, where the key itself has none.
  return { publicKey, privateKey: Object.defineProperty(privateKey, 'algorithm', { value: { ...privateKey.algorithm, hash } }) };
}

const curve = (key: KeyObject): string =>
  ({ prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' })[key.asymmetricKeyDetails?.namedCurve ?? ''] ?? 'P-256';
