/**
 * Owns what must be at hand before a deploy begins: its secrets, the credentials of its pods, and helm and kubectl with the right bytes. Else a mistake
 * in them would show only after the long waits, when database and cluster have been made.
 */
import type { Handed } from '../cloud/index.ts';
import { Fault } from '../engine/fault.ts';
import type { Inputs } from '../github/inputs.ts';
import type { DerivedSecrets } from '../stack/secrets.ts';
import type { RunContext } from './context.ts';

/** Secrets that every deployment of ZITADEL takes, with the input that gives each on its own. */
const needed = [
  ['masterkey', 'masterkey'],
  ['databaseRootPassword', 'database-password'],
  ['databaseUserPassword', 'database-user-password'],
  ['adminPassword', 'admin-password'],
] as const satisfies readonly (readonly [keyof DerivedSecrets, string])[];

/** Inputs that would give the secrets which are neither derived nor given. */
function secretsMissing(secrets: DerivedSecrets): string[] {
  return needed.filter(([name]) => secrets[name] === undefined).map(([, input]) => input);
}

/** @throws Fault where a secret is neither derived nor given */
export function refuseWithoutSecrets(secrets: DerivedSecrets): void {
  const missing = secretsMissing(secrets);
  if (missing.length === 0) return;
  throw new Fault(`deploy needs secrets that were not given: ${missing.join(', ')}`, {
    hint: 'Give the input stack-secret, from which all of them are derived, or each on its own. An empty secret often means that it is not set in this repository or environment.',
  });
}

/**
 * Whether a run has what a deploy is given, so that what it lacks the deploy would lack: not so in a job that only reads, which is given
 * no secrets.
 */
export function standsForDeploy({ command, target }: Pick<Inputs, 'command' | 'target'>, secrets: DerivedSecrets): boolean {
  return command === 'deploy' || command === 'check' || (command === 'plan' && target !== 'destroy' && secretsMissing(secrets).length === 0);
}

/** The user that external-dns is given: its own, else the one that this run signs in with. */
export function externalDnsUserOf({ externalDns, credentials }: Inputs): Inputs['externalDns'] {
  if (externalDns !== undefined || credentials?.kind !== 'password') return externalDns;
  const { username, password, domainName } = credentials;
  return { username, password, domainName };
}

/** The key that the DNS01 solver is given: its own, else the one in use, unless that is temporary. */
export function acmeKeyOf({ acme, credentials, command }: RunContext['inputs']): Inputs['acme'] {
  // A key that only reads plans and compares; the solver was given another one.
  if (command === 'plan' || command === 'drift') return acme;
  if (acme !== undefined || credentials.kind !== 'access-key' || credentials.securityToken !== undefined) return acme;
  return { accessKey: credentials.accessKey, secretKey: credentials.secretKey };
}

/** What was given for pods alone: what the run has signed in with is proven. */
export function handedOf({ acme, externalDns, credentials }: RunContext['inputs']): Handed {
  const isKey =
    credentials.kind === 'access-key' &&
    credentials.securityToken === undefined &&
    credentials.accessKey === acme?.accessKey &&
    credentials.secretKey.equals(acme.secretKey);
  const isUser =
    credentials.kind === 'password' &&
    credentials.username === externalDns?.username &&
    credentials.domainName === externalDns.domainName &&
    credentials.password.equals(externalDns.password);
  return { solver: isKey ? undefined : acme, externalDns: isUser ? undefined : externalDns };
}
