/**
 * Owns the content of ZITADEL's configuration Secret: the passwords, and what of the user's own configuration is secret.
 * Everything that may be seen stands in the Helm values (`values.ts`).
 */
import { parse, stringify, YAMLParseError } from 'yaml';
import type { DerivedSecrets } from '../stack/secrets.ts';
import { openConfiguration } from '../stack/values.ts';
import { CONFIG_KEY } from './identity.ts';

/**
 * The YAML document for the key `config-yaml`, made from an object, never by text substitution; undefined where a secret
 * is missing, so that the document is then not compared.
 * @param lifted configuration lifted out of the user's values, secrets still closed
 */
export function configDocument(secrets: DerivedSecrets, lifted: Readonly<Record<string, unknown>>): (() => string) | undefined {
  const { databaseRootPassword: root, databaseUserPassword: user, adminPassword: admin } = secrets;
  if (root === undefined || user === undefined || admin === undefined) return undefined;
  return () => {
    const own = {
      Database: { Postgres: { User: { Password: user.open() }, Admin: { Password: root.open() } } },
      FirstInstance: { Org: { Human: { Password: admin.open() } } },
    };
    return stringify(merge(openConfiguration(lifted) as Record<string, unknown>, own), { lineWidth: 0, sortMapEntries: true });
  };
}

/**
 * `over` laid over `base`: maps merge, everything else is replaced, as Helm does it. Keys that differ only in case are
 * the same to ZITADEL, so the base's spelling gives way.
 */
export function merge(base: Readonly<Record<string, unknown>>, over: Readonly<Record<string, unknown>>, foldCase = true): Record<string, unknown> {
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const same = foldCase ? Object.keys(result).find((other) => other.toLowerCase() === key.toLowerCase()) : key;
    const before = same === undefined ? undefined : result[same];
    if (same !== undefined && same !== key) delete result[same];
    result[key] = isMap(before) && isMap(value) ? merge(before, value, foldCase) : value;
  }
  return result;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The password of ZITADEL's database role in the content of a configuration Secret, by a name for people; nothing where it has none. */
export function rolePassword(content: Readonly<Record<string, string>>): Record<string, string> {
  const found = readDocument(content[CONFIG_KEY] ?? '');
  return typeof found === 'string' ? { "password of ZITADEL's database role": found } : {};
}

function readDocument(text: string): unknown {
  try {
    const document = parse(text) as { Database?: { Postgres?: { User?: { Password?: unknown } } } } | null;
    return document?.Database?.Postgres?.User?.Password;
  } catch (error) {
    // Broken by hand: it is then written anew as a whole.
    if (error instanceof YAMLParseError || error instanceof TypeError) return undefined;
    throw error;
  }
}
