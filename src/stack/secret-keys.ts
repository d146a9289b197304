/**
 * Owns what in a user's Helm values counts as a secret: by its key, by what it stands in; by its own form is
 * `secret-text.ts`'s, lifting them `values.ts`'s business. Keys of ZITADEL's configuration as in its cmd/defaults.yaml (v4).
 */
import { Secret } from '../secret.ts';
import type { Path, Problem } from './document.ts';
import { isSecretArgument, secretIn } from './secret-text.ts';

export type Values = Readonly<Record<string, unknown>>;

/** Keys whose text or number is a secret. A switch (`LegacyToken: true`) or a map (`ClientSecret: { Length: 64 }`) is none. */
export const SECRET_KEY =
  /(passw(or)?d|passphrase|pwd|(?<!by|com)pass|secrets?|token|credentials?|(private|api|access|encryption|decryption|secret|signing|auth|account|master)[_-]?key|dsn)$/i;
/** Of ZITADEL's configuration besides: `TLS.Key`, `SSL.Key`, headers. Lifting one that is none does no harm; short ones are none. */
const CONFIGURED_KEY =
  /((?<!public[_-]?|cookie)key([_-]?(pem|content|value))?|secret[_-]?(value|text)|authorization|bearer|connection[_-]?string|salt|pepper|^pat)$/i;
/** Of the chart's other values, where `…Secret` is the name of one. */
const CHART_KEY =
  /(passw(or)?d|passphrase|(?<!account)token|client[_-]?secret|(private|api|access|encryption|(?<!config|existing)secret|signing|master)[_-]?key)$/i;
/** Headers that carry no secret; as masked words they would blank out addresses and types in log and outputs. */
const PUBLIC_HEADER = /^(accept(-\w+)*|content-\w+|cache-control|user-agent|(x-forwarded-)?(host|proto)|origin|referer)$/i;

/** Whether a value of ZITADEL's configuration is a secret, at its path or in a list that has it. */
export function isSecretAt(path: Path, value: unknown): boolean {
  const key = String(path.findLast((part) => typeof part === 'string'));
  if (typeof value === 'string' && secretIn(value) !== undefined) return true;
  if (SECRET_KEY.test(key)) return (typeof value === 'string' && value !== '') || typeof value === 'number';
  const header = path.some((part) => /^headers$/i.test(String(part))) && !PUBLIC_HEADER.test(key);
  return (header || CONFIGURED_KEY.test(key)) && typeof value === 'string' && value.length >= 8;
}

/** Whether a list of ZITADEL's configuration has a secret in it, at any depth. */
export function holdsSecret(value: unknown, path: Path): boolean {
  if (Array.isArray(value)) return value.some((item, index) => holdsSecret(item, [...path, index]));
  if (isMap(value)) return namesSecret(value) || Object.entries(value).some(([name, inner]) => holdsSecret(inner, [...path, name]));
  return isSecretAt(path, value);
}

/** Whether a map is a pair of a name that tells a secret, and its value. */
export function namesSecret({ name, value }: Values): boolean {
  return (SECRET_KEY.test(String(name)) || /^authorization$/i.test(String(name))) && hasText(value);
}

/** What is left once the secrets are lifted, and still tells one. */
export function secretsLeft(value: unknown, path: Path): Problem[] {
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
      return isSecretArgument(value[index - 1], item) ? refuse(`this is the value of ${value[index - 1]}`, at) : secretsLeft(item, at);
    });
  }
  if (isMap(value)) {
    const { kind, data, stringData } = value;
    if (kind === 'Secret' && (data !== undefined || stringData !== undefined)) return refuse('this Secret has content');
    // The names in the chart's own `env` are looked at by `conflicts.ts`.
    if (namesSecret(value)) return path[0] === 'env' ? [] : refuse(`${String(value['name'])} looks like a secret`);
    return Object.entries(value).flatMap(([key, inner]) => secretsLeft(inner, [...path, key]));
  }
  if (typeof value !== 'string') return [];
  const told = secretIn(value);
  if (told !== undefined) return refuse(told.what);
  const named = CHART_KEY.test(String(path.at(-1))) && !/^(annotations|labels|\w*selector)$/i.test(String(path.at(-2)));
  return named && hasText(value) ? refuse('this looks like a secret') : [];
}

function hasText(value: unknown): boolean {
  return typeof value === 'number' || (typeof value === 'string' && value !== '' && !/^\$\([A-Za-z_]\w*\)$/.test(value));
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Secret);
}
