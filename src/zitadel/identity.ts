/** Owns what ZITADEL's parts are called, in the cluster and from outside, and how a person first logs in. Pure. */
import type { Stack } from '../stack/stack.ts';

/** Secrets that we make in ZITADEL's namespace. None is called like one that the chart makes (chart 9.34.0). */
export const secretNames = {
  masterkey: 'zitadel-masterkey-ext',
  config: 'zitadel-config-ext',
  databaseCa: 'zitadel-rds-ssl-cert',
  solver: 'cert-manager-webhook-opentelekomcloud-creds',
} as const;

/** The Gateway in ZITADEL's namespace (`ingress.controller: envoy-gateway`), and what belongs to it. */
export const GATEWAY = 'zitadel';

/** Key of the configuration Secret; the chart's default. */
export const CONFIG_KEY = 'config-yaml';

/** The TLS Secret that Ingresses or Gateway name: the user's own, or the one that cert-manager fills, one for each issuer. */
export function tlsSecretName({ certificates }: Pick<Stack, 'certificates'>): string {
  if (certificates.issuer === 'existing') return certificates.secret ?? 'zitadel-tls';
  // Separate names, so that a staging certificate is never seen under the production one's.
  return certificates.issuer === 'letsencrypt-staging' ? 'zitadel-tls-staging' : 'zitadel-tls';
}

/** The chart's full name, from which it names its Jobs, Deployments and Services (chart 9.34.0, `_helpers.tpl`). */
export function fullName(release: string): string {
  return (release.includes('zitadel') ? release : `${release}-zitadel`).slice(0, 63).replace(/-+$/, '');
}

export function urlOf({ domain }: Pick<Stack, 'domain'>): string {
  return `https://${domain}`;
}

export function consoleUrlOf({ domain }: Pick<Stack, 'domain'>): string {
  return `https://${domain}/ui/console`;
}

/**
 * Where the first administrator's password comes from; never the password.
 * @param from the input that gave it: `stack-secret` derives it, `admin-password` is it
 */
export function firstPassword({ zitadel }: Pick<Stack, 'zitadel'>, from: 'stack-secret' | 'admin-password' | undefined): string {
  const password = {
    'admin-password': 'the one given as admin-password',
    'stack-secret': `derived from stack-secret, label "admin", generation ${zitadel.admin.passwordGeneration}`,
    unknown: 'the one of the run that first set ZITADEL up',
  }[from ?? 'unknown'];
  return zitadel.admin.changePassword ? `${password}, to be changed at the first login` : password;
}

/** The domain that ZITADEL gives an organisation: spaces become hyphens, other signs go, one label of at most 63 characters. */
export function organizationDomain(organization: string, domain: string): string {
  const letters = organization.replaceAll(' ', '-').replace(/[^a-zA-Z0-9-]/g, '');
  const label = letters
    .slice(0, Math.min(63, 253 - domain.length - 1))
    .replace(/^-/, '')
    .replace(/-$/, '');
  return `${label}.${domain}`.toLowerCase();
}
