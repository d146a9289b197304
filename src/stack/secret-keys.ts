/**
 * Owns what in a user's Helm values counts as a secret: by its key, by its form, by what it stands in. Lifting them is
 * `values.ts`'s business. Keys of ZITADEL's configuration as in its cmd/defaults.yaml (v4).
 */
import { Secret } from '../secret.ts';
import type { Path, Problem } from './document.ts';

export type Values = Readonly<Record<string, unknown>>;

/** Keys whose text or number is a secret. A switch (`LegacyToken: true`) or a map (`ClientSecret: { Length: 64 }`) is none. */
export const SECRET_KEY =
  /(passw(or)?d|passphrase|pwd|(?<!by|com)pass|secrets?|token|credentials?|(private|api|access|encryption|decryption|secret|signing|auth|account|master)[_-]?key|dsn)$/i;
/** Of ZITADEL's configuration besides: `TLS.Key`, `SSL.Key`, headers. Lifting one that is none does no harm; short ones are none. */
const CONFIGURED_KEY =
  /((?<!public[_-]?|cookie)key([_-]?(pem|content|value))?|secret[_-]?(value|text)|authorization|bearer|connection[_-]?string|salt|pepper|^pat)$/i;
/** Of the chart's other values, where `…Secret` is the name of one. */
const CHART_KEY = /(passw(or)?d|passphrase|(?<!account)token|client[_-]?secret|(private|api|access|encryption|secret|signing|master)[_-]?key)$/i;
/** A URL with a password in it; one that Kubernetes fills in, as in `redis://user:$(REDIS_PASSWORD)@host`, is none. */
const URL_PASSWORD = /:\/\/[^\s/?#@:]*:(?!\$\([A-Za-z_]\w*\)@)([^\s/?#]+)@/;
/** A URL that is itself the secret: webhooks as Slack, Discord, Teams and Telegram give them out. */
const WEBHOOK =
  /:\/\/(hooks\.slack(-gov)?\.com\/(services|workflows|triggers)\/|([a-z]+\.)?discord(app)?\.com\/api\/webhooks\/|api\.telegram\.org\/bot|[\w-]{1,63}\.webhook\.office\.com\/)[^\s/]+\/\S/i;
/** A secret in a URL's query; what Kubernetes or a template fills in is none. */
const URL_TOKEN = /[?&]([\w-]*token|(api[_-]?)?key|sig(nature)?|(client[_-]?)?secret|passw(or)?d)=(?!\$\(|\{\{)[^\s&#]{8}/i;
/** Headers that carry no secret; as masked words they would blank out addresses and types in log and outputs. */
const PUBLIC_HEADER = /^(accept(-\w+)*|content-\w+|cache-control|user-agent|(x-forwarded-)?(host|proto)|origin|referer)$/i;
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;

/** Whether a value of ZITADEL's configuration is a secret, at its path or in a list that has it. */
export function isSecretAt(path: Path, value: unknown): boolean {
  const key = String(path.findLast((part) => typeof part === 'string'));
  if (isPrivateKey(value) || isSecretUrl(value)) return true;
  if (SECRET_KEY.test(key)) return (typeof value === 'string' && value !== '') || typeof value === 'number';
  const header = path.some((part) => /^headers$/i.test(String(part))) && !PUBLIC_HEADER.test(key);
  return (header || CONFIGURED_KEY.test(key)) && typeof value === 'string' && value.length >= 8;
}

function isSecretUrl(value: unknown): boolean {
  return typeof value === 'string' && value.includes('://') && (WEBHOOK.test(value) || URL_TOKEN.test(value) || URL_PASSWORD.test(value));
}

/** The password in a URL, as it stands there; a program may print it alone. */
export function urlPassword(text: string): string | undefined {
  return URL_PASSWORD.exec(text)?.[1];
}

/** In clear, or as base64, which is how ZITADEL takes keys. */
function isPrivateKey(value: unknown): boolean {
  return typeof value === 'string' && (PRIVATE_KEY.test(value) || PRIVATE_KEY.test(Buffer.from(value.slice(0, 200), 'base64').toString('latin1')));
}

/** Whether a list of ZITADEL's configuration has a secret in it, at any depth. */
export function holdsSecret(value: unknown, path: Path): boolean {
  if (Array.isArray(value)) return value.some((item, index) => holdsSecret(item, [...path, index]));
  if (isMap(value)) return namesSecret(value) || Object.entries(value).some(([name, inner]) => holdsSecret(inner, [...path, name]));
  return isSecretAt(path, value);
}

/** Whether a map is a pair of a name that tells a secret, and its value. */
export function namesSecret({ name, value }: Values): boolean {
  return SECRET_KEY.test(String(name)) && hasText(value);
}

/** What is left once the secrets are lifted, and still tells one. */
export function secretsLeft(value: unknown, path: Path): Problem[] {
  const configured = path[0] === 'zitadel' && path[1] === 'configmapConfig';
  const refuse = (what: string): Problem[] => [
    {
      path,
      message: `${what}, and Helm would store it in clear`,
      hint: configured ? 'Move the line to zitadel.secretConfig.' : 'Take it from a Secret.',
    },
  ];
  if (Array.isArray(value)) return value.flatMap((item, index) => secretsLeft(item, [...path, index]));
  if (isMap(value)) {
    const { kind, data, stringData } = value;
    if (kind === 'Secret' && (data !== undefined || stringData !== undefined)) return refuse('this Secret has content');
    // The chart's own `env` is looked at in full by `conflicts.ts`.
    if (path[0] !== 'env' && namesSecret(value)) return refuse(`${String(value['name'])} looks like a secret`);
    return Object.entries(value).flatMap(([key, inner]) => secretsLeft(inner, [...path, key]));
  }
  if (typeof value !== 'string') return [];
  if (URL_PASSWORD.test(value)) return refuse('there is a password in this URL');
  if (configured) return [];
  if (isPrivateKey(value)) return refuse('this is a private key');
  if (isSecretUrl(value)) return refuse('there is a token in this URL');
  const named = CHART_KEY.test(String(path.at(-1))) && !/^(annotations|labels|\w*selector)$/i.test(String(path.at(-2)));
  return named && hasText(value) ? refuse('this looks like a secret') : [];
}

function hasText(value: unknown): boolean {
  return typeof value === 'number' || (typeof value === 'string' && value !== '' && !/^\$\([A-Za-z_]\w*\)$/.test(value));
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Secret);
}
