/** Owns whether a Certificate's Secret still is what it asks for, and when it is due to be renewed; named as in cert-manager. Pure. */
import type { Secret } from '../../objects.ts';
import { facts, isOfKey } from './keys.ts';
import { annotationPrefix, type Certificate, milliseconds, now } from './objects.ts';

/** What stands between the Secret and the Certificate; undefined where nothing does. */
export function mismatch(
  certificate: Certificate,
  secret: Secret | undefined,
  at = Date.now(),
): { readonly reason: string; readonly message: string } | undefined {
  if (secret === undefined) return { reason: 'DoesNotExist', message: 'Issuing certificate as Secret does not exist' };
  const text = (key: string): string => Buffer.from(secret.data?.[key] ?? '', 'base64').toString('utf8');
  const [chain, key] = [text('tls.crt'), text('tls.key')];
  if (chain === '' || key === '')
    return { reason: 'MissingData', message: 'Issuing certificate as Secret does not contain a private key or a certificate' };
  const seen = facts(chain);
  if (!seen.matches(key)) return { reason: 'InvalidKeyPair', message: 'Issuing certificate as Secret contains an invalid key-pair' };
  const { issuerRef, dnsNames = [] } = certificate.spec;
  const annotations = secret.metadata.annotations ?? {};
  if (
    annotations[`${annotationPrefix}issuer-name`] !== issuerRef.name ||
    annotations[`${annotationPrefix}issuer-kind`] !== (issuerRef.kind ?? 'Issuer')
  ) {
    return {
      reason: 'IncorrectIssuer',
      message: `Issuing certificate as Secret was previously issued by "${annotations[`${annotationPrefix}issuer-kind`]}.cert-manager.io/${annotations[`${annotationPrefix}issuer-name`]}"`,
    };
  }
  if (dnsNames.some((name) => !seen.names.includes(name)))
    return { reason: 'SecretMismatch', message: 'Existing issued Secret is not up to date for spec: [spec.dnsNames]' };
  if (seen.notAfter.getTime() < at) return { reason: 'Expired', message: `Certificate expired on ${seen.notAfter.toUTCString()}` };
  if (renewal(certificate, seen).getTime() < at)
    return { reason: 'Renewing', message: `Renewing certificate as renewal was scheduled at ${now(renewal(certificate, seen))}` };
  return undefined;
}

/** Somebody put another key pair into the Secret (cert-manager, policies/checks.go, SecretPublicKeyDiffersFromCurrentCertificateRequest). */
export function exchanged(secret: Secret | undefined, request: string | undefined): ReturnType<typeof mismatch> {
  const text = (base64: string | undefined): string => Buffer.from(base64 ?? '', 'base64').toString('utf8');
  if (request === undefined || isOfKey(text(request), text(secret?.data?.['tls.key']))) return undefined;
  return {
    reason: 'SecretMismatch',
    message: 'Issuing certificate as Secret contains a private key that does not match the current CertificateRequest',
  };
}

/** `renewBefore` before the end, else after two thirds of the life. */
export function renewal(certificate: Certificate, { notBefore, notAfter }: { readonly notBefore: Date; readonly notAfter: Date }): Date {
  const life = notAfter.getTime() - notBefore.getTime();
  const before = certificate.spec.renewBefore === undefined ? life / 3 : milliseconds(certificate.spec.renewBefore);
  return new Date(notAfter.getTime() - before);
}
