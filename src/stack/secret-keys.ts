/**
 * Owns what in a user's Helm values counts as a secret: by its key, by what it stands in. The words are `secret-words.ts`'s,
 * what tells it by its own form `secret-text.ts`'s, lifting them `values.ts`'s business. Keys of ZITADEL's configuration
 * as in its cmd/defaults.yaml (v4).
 */
import { Secret } from '../secret.ts';
import type { Path, Problem } from './document.ts';
import { isSecretArgument, secretIn } from './secret-text.ts';
import { EXPORTER, HEADERS, headerIn, isFilledIn, isSecretHeader, secretFrom } from './secret-words.ts';

export type Values = Readonly<Record<string, unknown>>;
type Place = Parameters<typeof secretFrom>[1];

/** Whether a value of ZITADEL's configuration is a secret, at its path or in a list that has it. */
export function isSecretAt(path: Path, value: unknown): boolean {
  const names = path.filter((part) => typeof part === 'string');
  const key = names.pop() ?? '';
  if (typeof value === 'string' && (secretIn(value) !== undefined || (HEADERS.test(key) && headerIn(value) !== undefined))) return true;
  return isSecretUnder(key, value, 'setting') || (names.some((name) => HEADERS.test(name)) && isSecretHeader(key, value));
}

/** A switch (`LegacyToken: true`) or a map (`ClientSecret: { Length: 64 }`) is none. A number is as long as a sure word needs. */
function isSecretUnder(name: string, value: unknown, place: Place): boolean {
  const from = secretFrom(name, place);
  return from !== undefined && (typeof value === 'number' ? from === 1 : typeof value === 'string' && value.length >= from);
}

/** Whether a list of ZITADEL's configuration has a secret in it, at any depth. */
export function holdsSecret(value: unknown, path: Path): boolean {
  if (Array.isArray(value)) return value.some((item, index) => holdsSecret(item, [...path, index]));
  if (isMap(value)) return namesSecret(value) || Object.entries(value).some(([name, inner]) => holdsSecret(inner, [...path, name]));
  return isSecretAt(path, value);
}

/** Whether a map is a pair of a name that tells a secret, and its value. */
export function namesSecret({ name, value }: Values): boolean {
  return isWritten(String(name), value, 'setting');
}

/** Whether a name and what is written as its value are a secret; a text of an exporter's headers is. */
function isWritten(name: string, value: unknown, place: Place): boolean {
  if (!hasText(value)) return false;
  if (isSecretUnder(name, value, place)) return true;
  return HEADERS.test(name) && EXPORTER.test(name) && headerIn(String(value)) !== undefined;
}

/** What is left once the secrets are lifted, and still tells one. */
export function secretsLeft(value: unknown, path: Path, place: Place = 'field'): Problem[] {
  const configured = path[0] === 'zitadel' && path[1] === 'configmapConfig';
  const refuse = (what: string, at = path): Problem[] => [
    {
      path: at,
      message: `${what}, and Helm would store it in clear`,
      hint: configured ? 'Move the line to zitadel.secretConfig.' : 'Take it from a Secret.',
    },
  ];
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown, index): Problem[] => {
      const at = [...path, index];
      return isSecretArgument(value[index - 1], item) ? refuse(`this is the value of ${value[index - 1]}`, at) : secretsLeft(item, at, place);
    });
  }
  if (isMap(value)) {
    const { kind, data, stringData } = value;
    if (kind === 'Secret' && (data !== undefined || stringData !== undefined)) return refuse('this Secret has content');
    // The one's values are encrypted, the other names where they are.
    if (kind === 'SealedSecret' || kind === 'SecretProviderClass') return [];
    // The names in the chart's own `env` are looked at by `conflicts.ts`.
    if (namesSecret(value)) return path[0] === 'env' ? [] : refuse(`${String(value['name'])} looks like a secret`);
    return Object.entries(value).flatMap(([key, inner]) =>
      // An ExternalSecret names the key that it writes.
      key === 'secretKey' && value['remoteRef'] !== undefined
        ? []
        : secretsLeft(inner, [...path, key], kind === 'ConfigMap' && key === 'data' ? 'setting' : place),
    );
  }
  if (typeof value !== 'string' && typeof value !== 'number') return [];
  const told = secretIn(String(value));
  if (told !== undefined) return refuse(told.what);
  const [key = '', above = ''] = [path.at(-1), path.at(-2)].map(String);
  if (/^(annotations|labels|\w*selector)$/i.test(above)) return [];
  if (isWritten(key, value, place)) return refuse('this looks like a secret');
  const header = EXPORTER.test(path.join('.')) && path.slice(0, -1).some((part) => HEADERS.test(String(part))) && isSecretHeader(key, value);
  return header ? refuse('a header of an exporter is mostly a key') : [];
}

function hasText(value: unknown): boolean {
  return typeof value === 'number' || (typeof value === 'string' && value !== '' && !isFilledIn(value));
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Secret);
}
