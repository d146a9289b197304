/**
 * Owns the words by which a name says that its value is a secret: the one list for ZITADEL's configuration, variables,
 * options, texts, URLs, headers and the fields of manifests. Where they are looked for is `secret-keys.ts`'s and
 * `secret-text.ts`'s business. Pure.
 */

/** Secrets whatever they contain. Of keys those that are none of a table, a cache or a message. */
const SURE =
  'passw(?:or[dt]|d)|kennwort|passphrase|pwd?|(?<!by[_-]?|com)pass|(?<!automountserviceaccount)token|credentials?|dsn|authorization|(?:client|shared)[_-]?secret|(?:private|api|access|encryption|decryption|(?<!(?:config|existing)[_-]?)secret|signing|auth|account|master|shared|license|session|hmac|app)[_-]?key';
/** Secrets where they are long enough for one. */
const LONG = 'bearer|connection[_-]?string|salt|pepper|(?<![a-z0-9])pat';
/** In a field of Kubernetes or a chart these are the name of a Secret, or of a key in it. */
const SECRET = '(?<!(?:existing|tls|image|pull|cert|crt)[_-]?)secrets?';
const KEY =
  '(?<!(?:public|cookie|cache|sort|partition|primary|foreign|routing|group|index|label|topology|hash|range|(?:config|existing)[_-]?secret)[._-]?)key';
const FORM = '(?:[_-]?(?:value|text|content|pem|base64|b64|\\d{1,2}))?';

/** A name that may end in one of them, for a text to be looked through; {@link secretFrom} then says whether it counts. */
export const NAMES = `(?:${SURE}|${LONG}|${SECRET}|${KEY})${FORM}`;

const ending = (words: string): RegExp => new RegExp(`(?:${words})${FORM}$`, 'i');
const [sure, long, secret, key] = [ending(SURE), ending(LONG), ending(SECRET), ending(KEY)];
/** Variables are written so, and are values themselves. */
const VARIABLE = /^[A-Z][A-Z0-9_]*$/;

/**
 * From how many characters on the value of a name is a secret; undefined where the name tells none.
 * @param place `setting`: ZITADEL's configuration, the environment, a ConfigMap; `field`: of a chart, a manifest, a text
 */
export function secretFrom(name: string, place: 'setting' | 'field'): number | undefined {
  if (sure.test(name)) return 1;
  if (long.test(name)) return 8;
  if (place === 'field' && !VARIABLE.test(name)) return undefined;
  return secret.test(name) ? 1 : key.test(name) ? 8 : undefined;
}

/** Headers that carry no secret; as masked words they would blank out addresses and types in log and outputs. */
const PUBLIC_HEADER =
  /^(accept(-\w+)*|access-control(-\w+)+|content-[\w-]+|cache-control|connection|user-agent|(x-forwarded-|x-zitadel-[\w-]*)?(host|proto)|x-forwarded-\w+|origin|referer|referrer-policy|strict-transport-security|permissions-policy|vary|x-(content-type|frame)-options)$/i;
/** What sends headers of its own to somewhere; elsewhere `headers` mostly holds rules. */
export const EXPORTER = /exporter|otlp|otel|telemetry|tracing/i;
export const HEADERS = /headers$/i;

/** Whether a header of this name may carry a secret. */
export function isSecretHeader(name: string, value: unknown): boolean {
  return typeof value === 'string' && value.length >= 8 && !PUBLIC_HEADER.test(name) && !isFilledIn(value);
}

/** The first value in headers that are written as a text, `a=b,c=d`, `a: b` or `{"a":"b"}`, and may be a secret. */
export function headerIn(text: string): string | undefined {
  const pairs = text.matchAll(/(?:^|[,;{])\s*["']?([a-z][\w-]*)["']?\s*[=:]\s*["']?([^\s,;"'}]+)/gim);
  for (const [, name = '', value = ''] of pairs) if (!/^\$[({]/.test(value) && isSecretHeader(name, value)) return value;
  return undefined;
}

/** What is filled in later, the path of a file, or a word that is no value. */
export function isFilledIn(text: string): boolean {
  return /^(\$\([A-Za-z_]\w*\)|\$\{[A-Za-z_][\w:.-]*\}|\{\{[^{}]*\}\}|(file:)?\/(run|var|etc|tmp|opt|home|mnt|usr|app|config|certs?|tls|vault|secrets?)\/[\w./-]*|true|false|null|none)$/i.test(
    text,
  );
}
