/**
 * Owns a cluster's certificates: its authority, the API server's certificate, client certificates, keys of service account
 * tokens. ECDSA P-256. The world's own authorities (sites, RDS) are `world/authority.ts`.
 */
import 'reflect-metadata';
import { KeyObject, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const day = 86_400_000;
x509.cryptoProvider.set(webcrypto);

export interface Pair {
  readonly certPem: string;
  readonly keyPem: string;
}

/** Signs what a cluster needs; made from its PEM texts, so that it survives a snapshot. */
export interface ClusterAuthority {
  readonly ca: Pair;
  server(request: { readonly name: string; readonly names: readonly string[]; readonly addresses: readonly string[] }): Promise<Pair>;
  /** @param days may be a fraction; the certificate counts from an hour ago, so that skewed clocks accept it */
  client(request: { readonly user: string; readonly groups: readonly string[]; readonly days: number }): Promise<Pair>;
}

async function makeKeys(): Promise<{ keys: webcrypto.CryptoKeyPair; keyPem: string }> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  return { keys, keyPem: KeyObject.from(keys.privateKey).export({ type: 'pkcs8', format: 'pem' }) as string };
}

const pem = (certificate: x509.X509Certificate): string => `${certificate.toString('pem')}\n`;

/** A new self-signed authority. */
export async function makeCa(name: string): Promise<Pair> {
  const { keys, keyPem } = await makeKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    notBefore: new Date(Date.now() - day),
    notAfter: new Date(Date.now() + 3650 * day),
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign | x509.KeyUsageFlags.digitalSignature, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certPem: pem(certificate), keyPem };
}

/** The key that signs service account tokens; its public half is derived by the server. */
export async function makeSigningKey(): Promise<string> {
  // The API server reads EC keys in SEC 1 form.
  const { keys } = await makeKeys();
  return KeyObject.from(keys.privateKey).export({ type: 'sec1', format: 'pem' }) as string;
}

/** An authority made from its certificate and key. */
export async function clusterAuthority(ca: Pair): Promise<ClusterAuthority> {
  const issuer = new x509.X509Certificate(ca.certPem);
  const signingKey = await webcrypto.subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(ca.keyPem), algorithm, false, ['sign']);
  const sign = async (subject: { CN: string; O?: readonly string[] }, days: number, extensions: x509.Extension[]): Promise<Pair> => {
    const { keys, keyPem } = await makeKeys();
    const name: x509.JsonName = [...(subject.O ?? []).map((o) => ({ O: [o] })), { CN: [subject.CN] }];
    const certificate = await x509.X509CertificateGenerator.create({
      subject: name,
      issuer: issuer.subject,
      notBefore: new Date(Date.now() - 3_600_000),
      notAfter: new Date(Date.now() + days * day),
      publicKey: keys.publicKey,
      signingKey,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
        ...extensions,
      ],
    });
    return { certPem: pem(certificate), keyPem };
  };
  return {
    ca,
    server: ({ name, names, addresses }) =>
      sign({ CN: name }, 3650, [
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension([
          ...names.map((value) => ({ type: 'dns' as const, value })),
          ...addresses.map((value) => ({ type: 'ip' as const, value })),
        ]),
      ]),
    client: ({ user, groups, days }) => sign({ CN: user, O: groups }, days, [new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth])]),
  };
}
