/**
 * Owns what must be at hand before a deploy begins: its secrets, and helm and kubectl with the right bytes. Else a mistake
 * in them would show only after the long waits, when database and cluster have been made.
 */
import { Fault } from '../engine/fault.ts';
import type { DerivedSecrets } from '../stack/secrets.ts';

/** Secrets that every deployment of ZITADEL takes, with the input that gives each on its own. */
const needed = [
  ['masterkey', 'masterkey'],
  ['databaseRootPassword', 'database-password'],
  ['databaseUserPassword', 'database-user-password'],
  ['adminPassword', 'admin-password'],
] as const satisfies readonly (readonly [keyof DerivedSecrets, string])[];

/** @throws Fault where a secret is neither derived nor given */
export function refuseWithoutSecrets(secrets: DerivedSecrets): void {
  const missing = needed.filter(([name]) => secrets[name] === undefined).map(([, input]) => input);
  if (missing.length === 0) return;
  throw new Fault(`deploy needs secrets that were not given: ${missing.join(', ')}`, {
    hint: 'Give the input stack-secret, from which all of them are derived, or each on its own. An empty secret often means that it is not set in this repository or environment.',
  });
}
