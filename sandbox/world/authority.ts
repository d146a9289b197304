/**
 * Owns the world's certificate authorities: the public one (sites, production ACME), the staging one of ACME, which nobody
 * trusts, and the one of RDS. ECDSA P-256 throughout: made anew for each world in a few milliseconds.
 */
import 'reflect-metadata';
import { createPrivateKey, KeyObject, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { Authority } from '../contract.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const day = 86_400_000;
x509.cryptoProvider.set(webcrypto);

interface Issuer {
  readonly certificate: x509.X509Certificate;
  readonly key: webcrypto.CryptoKey;
  /** What follows the leaf in a chain. */
  readonly intermediates: readonly x509.X509Certificate[];
}

const makeKeys = (): Promise<webcrypto.CryptoKeyPair> => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

async function root(name: string): Promise<Issuer> {
  const keys = await makeKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name,
    keys,
    notBefore: new Date(Date.now() - 30 * day),
    notAfter: new Date(Date.now() + 3650 * day),
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate, key: keys.privateKey, intermediates: [] };
}

async function intermediate(name: string, above: Issuer): Promise<Issuer> {
  const keys = await makeKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    subject: name,
    issuer: above.certificate.subject,
    notBefore: new Date(Date.now() - 20 * day),
    notAfter: new Date(Date.now() + 1825 * day),
    publicKey: keys.publicKey,
    signingKey: above.key,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign | x509.KeyUsageFlags.digitalSignature, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(above.certificate.publicKey),
    ],
  });
  return { certificate, key: keys.privateKey, intermediates: [certificate] };
}

/** Days count from now; a negative number makes a certificate that has expired. */
function validity(days: number): { notBefore: Date; notAfter: Date } {
  const notAfter = new Date(Date.now() + days * day);
  return { notAfter, notBefore: new Date(Math.min(Date.now() - 3_600_000, notAfter.getTime() - day)) };
}

async function leaf(
  issuer: Issuer,
  request: { readonly subject: string; readonly names: x509.JsonGeneralNames; readonly publicKey: x509.PublicKeyType; readonly days: number },
): Promise<x509.X509Certificate> {
  return await x509.X509CertificateGenerator.create({
    subject: request.subject,
    issuer: issuer.certificate.subject,
    ...validity(request.days),
    publicKey: request.publicKey,
    signingKey: issuer.key,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      ...(request.names.length > 0 ? [new x509.SubjectAlternativeNameExtension(request.names)] : []),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.certificate.publicKey),
    ],
  });
}

const pem = (certificate: x509.X509Certificate): string => `${certificate.toString('pem')}\n`;

interface Issuers {
  readonly publicRoot: Issuer;
  readonly publicIssuer: Issuer;
  readonly stagingRoot: Issuer;
  readonly stagingIssuer: Issuer;
  readonly rds: Issuer;
}

/** Certificates and private keys (PKCS #8) in PEM: what makes the authorities of another world the same ones. */
export type SavedAuthority = Readonly<Record<keyof Issuers, { readonly certPem: string; readonly keyPem: string }>>;

async function made(): Promise<Issuers> {
  const [publicRoot, stagingRoot, rds] = await Promise.all([
    root('CN=Sandbox Public Root CA, O=Sandbox Trust Services'),
    root('CN=(STAGING) Pretend Sandbox Root, O=(STAGING) Sandbox Trust Services'),
    root('CN=OTC RDS CA, OU=Open Telekom Cloud, O=T-Systems International GmbH, C=DE'),
  ]);
  const [publicIssuer, stagingIssuer] = await Promise.all([
    intermediate('CN=Sandbox E1, O=Sandbox Trust Services', publicRoot),
    intermediate('CN=(STAGING) Ersatz Sandbox E1, O=(STAGING) Sandbox Trust Services', stagingRoot),
  ]);
  return { publicRoot, publicIssuer, stagingRoot, stagingIssuer, rds };
}

async function loaded(saved: SavedAuthority): Promise<Issuers> {
  const one = async (name: keyof Issuers, intermediates: boolean): Promise<Issuer> => {
    const certificate = new x509.X509Certificate(saved[name].certPem);
    const der = createPrivateKey(saved[name].keyPem).export({ type: 'pkcs8', format: 'der' });
    const key = await webcrypto.subtle.importKey('pkcs8', der, algorithm, true, ['sign']);
    return { certificate, key, intermediates: intermediates ? [certificate] : [] };
  };
  const [publicRoot, publicIssuer, stagingRoot, stagingIssuer, rds] = await Promise.all([
    one('publicRoot', false),
    one('publicIssuer', true),
    one('stagingRoot', false),
    one('stagingIssuer', true),
    one('rds', false),
  ]);
  return { publicRoot, publicIssuer, stagingRoot, stagingIssuer, rds };
}

const keyPem = (key: webcrypto.CryptoKey): string => KeyObject.from(key).export({ type: 'pkcs8', format: 'pem' }) as string;

/** Makes a new set of authorities, or those that were saved. */
export async function makeAuthority(
  saved?: SavedAuthority,
): Promise<Authority & { readonly stagingCaPem: string; readonly saved: () => SavedAuthority }> {
  const all = saved === undefined ? await made() : await loaded(saved);
  const { publicRoot, publicIssuer, stagingRoot, stagingIssuer, rds } = all;
  const issuers: Record<'public' | 'staging' | 'rds', Issuer> = { public: publicIssuer, staging: stagingIssuer, rds };
  return {
    publicCaPem: pem(publicRoot.certificate),
    stagingCaPem: pem(stagingRoot.certificate),
    rdsCaPem: pem(rds.certificate),
    saved() {
      const kept = ({ certificate, key }: Issuer) => ({ certPem: pem(certificate), keyPem: keyPem(key) });
      return {
        publicRoot: kept(publicRoot),
        publicIssuer: kept(publicIssuer),
        stagingRoot: kept(stagingRoot),
        stagingIssuer: kept(stagingIssuer),
        rds: kept(rds),
      };
    },
    async issue({ names, addresses = [], by, days = by === 'rds' ? 1825 : 90 }) {
      const issuer = issuers[by];
      const keys = await makeKeys();
      const certificate = await leaf(issuer, {
        // A common name may hold 64 characters; longer host names stand in the alternative names alone.
        subject: names[0] !== undefined && names[0].length <= 64 ? `CN=${names[0]}` : '',
        names: [...names.map((value) => ({ type: 'dns' as const, value })), ...addresses.map((value) => ({ type: 'ip' as const, value }))],
        publicKey: keys.publicKey,
        days,
      });
      return {
        certPem: pem(certificate),
        keyPem: keyPem(keys.privateKey),
        chainPem: [certificate, ...issuer.intermediates].map(pem).join(''),
      };
    },
    async sign({ csrPem, by, days = 90 }) {
      const issuer = issuers[by];
      const csr = new x509.Pkcs10CertificateRequest(csrPem);
      if (!(await csr.verify())) throw new Error('the signing request is not signed by its own key');
      const asked = csr.getExtension('2.5.29.17');
      const names = asked === null ? [] : new x509.SubjectAlternativeNameExtension(asked.rawData).names.toJSON();
      if (names.length === 0) throw new Error('the signing request has no alternative names');
      const certificate = await leaf(issuer, { subject: csr.subject, names, publicKey: csr.publicKey, days });
      return { chainPem: [certificate, ...issuer.intermediates].map(pem).join('') };
    },
  };
}
