/** Owns throwaway certificates for tests: an authority, and one that is none. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

/** PEM of a self-signed certificate; dates in days from now. */
export async function authorityPem({ name = 'CN=Test CA', ca = true, from = -1, to = 30 } = {}): Promise<string> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const day = 86_400_000;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name,
      serialNumber: String(Math.floor(Math.random() * 1e9)),
      notBefore: new Date(Date.now() + from * day),
      notAfter: new Date(Date.now() + to * day),
      signingAlgorithm: algorithm,
      keys,
      extensions: [new x509.BasicConstraintsExtension(ca, undefined, true)],
    },
    webcrypto as never,
  );
  return `${certificate.toString('pem')}\n`;
}
