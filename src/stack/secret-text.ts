/**
 * Owns whether a text tells a secret, whatever its key: `name=value`, `--name value`, `name: value`, `"name":"value"`,
 * headers, URLs, tokens that show what they are, private keys, `-u user:password`, any of them as base64. The words are `secret-words.ts`'s; what is a secret by its
 * key is `secret-keys.ts`'s. Pure. What Kubernetes, a shell or a template fills in is none, and so is the path of a file.
 */

import { EXPORTER, headerIn, NAMES, secretFrom } from './secret-words.ts';

/** A secret in a text: what to say of it, and the part that is secret. */
export interface Told {
  readonly what: string;
  readonly secret: string;
}

/** A URL with a password in it; one that Kubernetes fills in, as in `redis://user:$(REDIS_PASSWORD)@host`, is none. */
const URL_PASSWORD = /:\/\/[^\s/?#@:]*:(?!\$\([A-Za-z_]\w*\)@)([^\s/?#]+)@/;
/** A URL that is itself the secret: webhooks as Slack, Discord, Teams and Telegram give them out. */
const WEBHOOK =
  /:\/\/(?:hooks\.slack(?:-gov)?\.com\/(?:services|workflows|triggers)\/|(?:[a-z]+\.)?discord(?:app)?\.com\/api\/webhooks\/|api\.telegram\.org\/bot|[\w-]{1,63}\.webhook\.office\.com\/)([^\s/]+\/\S+)/i;
/** What stands in a URL's query, unless it is filled in. */
const QUERY = /[?&]([\w.-]+)=(?!\$\(|\{\{)([^\s&#"']{8,})/g;
/** Besides the words that tell a secret everywhere: signatures, and the key of an Azure function. */
const QUERY_KEY = /(?:^|[_-])(?:sig(?:nature)?|auth|jwt|sas)$|^code$/i;
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;
/** As their makers mark them: GitHub, GitLab, Slack, Stripe, OpenAI, SendGrid, Google, npm, Docker Hub, Vault, age; a JWT. */
const TOKEN =
  /(?<![\w-])(gh[opsur]_\w{20,}|github_pat_\w{20,}|gl[a-z]{2,5}-[\w-]{20,}|xox[a-z]-[\w-]{10,}|[rs]k_(?:live|test)_\w{16,}|sk-[\w-]{20,}|SG\.[\w-]{16,}\.[\w-]{16,}|AIza[\w-]{35}|npm_\w{36}|dckr_pat_[\w-]{20,}|hv[bs]\.[\w-]{20,}|AGE-SECRET-KEY-1\w{20,}|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,})/;

/** A name that may tell what its value is, with the dashes of an option. */
const NAME = `(?<![\\w$.-])([\\w.-]*${NAMES})`;
/** Filled in later, a file, or a word that is no value. */
const FILLED_IN =
  '(?!\\$[({A-Za-z_]|\\{\\{|<[\\w -]+>|%[A-Z_]+%|%s|\\*{3}|(?:@|file:)?/(?:run|var|etc|tmp|opt|home|mnt|usr|app|config|certs?|tls|vault|secrets?)/|(?:true|false|null|none|required|optional|deleted|include|omit|same-origin)\\b)';
/** In `"a":"b"`, also where that stands in another text in quotes. */
const QUOTE = '\\\\?["\']';
const SCHEME = '(?:(?:bearer|basic|digest|token|apikey)\\s+)?';
const NAMED: readonly RegExp[] = [
  new RegExp(`${NAME}${QUOTE}?\\s*=\\s*(?:${QUOTE})?${FILLED_IN}${SCHEME}${FILLED_IN}([^\\s"';&]{6,})`, 'gi'),
  new RegExp(`(?=-)${NAME}\\s+${QUOTE}?${FILLED_IN}(?!-|[a-z]+(?:\\s|$))([^\\s"']{6,})`, 'gi'),
  new RegExp(`${NAME}(?:${QUOTE})?\\s*:\\s*${QUOTE}${FILLED_IN}${SCHEME}${FILLED_IN}([^"'\\\\]{4,})`, 'gi'),
  // A line of YAML, or a header: not "Your password: see below".
  new RegExp(
    `(?<=^|[{,"']|^[ \\t]*-)[ \\t]*${NAME}:[ \\t]+${SCHEME}${FILLED_IN}(?![A-Za-z]+(?:[\\s"',}]|$))([^\\s"',{}]{8,})[ \\t]*(?=$|["',}#\\r])`,
    'gim',
  ),
];
/** `user:password`, but no user and group, name with a scheme, host with a port, or URL. */
const ACCOUNT = `(?!(?:system|urn|arn|spiffe|sha\\d+):)([^\\s:/"'$]+):(?!\\1(?![^\\s"'])|\\d+(?![^\\s"'/])|//|(?:nogroup|nobody|wheel|users|www-data|[\\w-]*group)(?![^\\s"']))${FILLED_IN}([^\\s"']{4,})`;
/** As curl and what resembles it take one; curl also without a space. */
const USER = /^-(?:u|-(?:proxy-)?user)$/i;
const USER_WITH = new RegExp(`(?:(?<![\\w-])-(?:u|-(?:proxy-)?user)(?:\\s+|=)|(?:^|\\bcurl\\b[^|;&\\n]{0,400}\\s)-u)["']?${ACCOUNT}`, 'i');
const ACCOUNT_ALONE = new RegExp(`^${ACCOUNT}$`, 'i');
const WITH_PASSWORD = 'a user stands here with the password';
/** An access key of OTC or AWS with its secret key. */
const KEY_PAIR = /(?<![\w-])[A-Z0-9]{20}:([A-Za-z0-9+/]{40})(?![\w+/])/;
/** Shorter ones tell no secret. */
const BASE64 = /(?<![\w+/-])[\w+/-]{16,}={0,2}/g;
/** With a scheme before it the header's name may be anywhere. */
const HEADER = /\b(?:bearer|basic)\s+((?=[\w.~+/-]*\d)[\w.~+/-]{16,}=*)/i;
/** An option whose value is the next argument. */
const OPTION = /^-+([\w.-]+)$/;
const VALUE = new RegExp(`^${FILLED_IN}[^-]`, 'i');

/** The secret that a text tells; undefined where it tells none. */
export function secretIn(text: string): Told | undefined {
  if (PRIVATE_KEY.test(text)) return { what: 'this is a private key', secret: text };
  if (text.includes('://')) {
    const password = urlPassword(text);
    if (password !== undefined) return { what: 'there is a password in this URL', secret: password };
    const token = WEBHOOK.exec(text)?.[1] ?? queryToken(text);
    if (token !== undefined) return { what: 'there is a token in this URL', secret: token };
  }
  const token = (TOKEN.exec(text) ?? HEADER.exec(text) ?? KEY_PAIR.exec(text))?.[1];
  if (token !== undefined) return { what: 'there is a token in this text', secret: token };
  for (const pattern of NAMED) {
    for (const [, name = '', secret = ''] of text.matchAll(pattern)) {
      const from = secretFrom(name.replace(/^-+/, ''), 'field');
      if (from !== undefined && secret.length >= from) return { what: `${name.slice(0, 60)} stands here with its value`, secret };
    }
  }
  const password = USER_WITH.exec(text)?.[2];
  if (password !== undefined) return { what: WITH_PASSWORD, secret: password };
  const header = EXPORTER.test(text) ? headerBelow(text) : undefined;
  if (header !== undefined) return { what: 'a header of an exporter stands here with its value', secret: header };
  return encodedIn(text);
}

/** What stands in the text as base64, whole and maybe in lines, or as a part of it. */
function encodedIn(text: string): Told | undefined {
  const whole = /^[\w+/\s-]+={0,2}\s*$/.test(text) ? [text.replace(/\s/g, '')] : [];
  for (const encoded of [...whole, ...(text.match(BASE64) ?? [])]) {
    const decoded = encoded.length < 16 ? '' : Buffer.from(encoded, 'base64').toString('utf8').trim();
    // What is no base64 hardly ever becomes text.
    if (decoded === '' || /(?![\t\n\r])\p{Cc}|\uFFFD/u.test(decoded)) continue;
    const account = ACCOUNT_ALONE.exec(decoded)?.[2] ?? '';
    const told = /\d/.test(account) && /[a-z]/i.test(account) ? { what: WITH_PASSWORD, secret: account } : secretIn(decoded);
    if (told !== undefined) return { ...told, what: `${told.what}, as base64` };
  }
  return undefined;
}

function queryToken(text: string): string | undefined {
  for (const [, name = '', value] of text.matchAll(QUERY)) if (QUERY_KEY.test(name) || secretFrom(name, 'setting') !== undefined) return value;
  return undefined;
}

/** A header on the line of `…headers:` or `…HEADERS=`, or on the lines indented below it. */
function headerBelow(text: string): string | undefined {
  let block = Number.POSITIVE_INFINITY;
  for (const line of text.split('\n')) {
    const indent = line.search(/\S/);
    const [, onLine] = /headers["']?[ \t]*[:=](.*)/i.exec(line) ?? [];
    const found = onLine !== undefined ? headerIn(onLine.replace(/^\s*["']/, '')) : indent > block ? headerIn(line) : undefined;
    if (found !== undefined) return found;
    if (onLine !== undefined) block = indent;
    else if (indent >= 0 && indent <= block) block = Number.POSITIVE_INFINITY;
  }
  return undefined;
}

/** The password in a URL, as it stands there; a program may print it alone. */
export function urlPassword(text: string): string | undefined {
  return URL_PASSWORD.exec(text)?.[1];
}

/** Whether an argument is the value of the option before it, and a secret. */
export function isSecretArgument(before: unknown, value: unknown): boolean {
  if (typeof before !== 'string') return false;
  if (USER.test(before) && typeof value === 'string') return ACCOUNT_ALONE.test(value);
  const option = OPTION.exec(before)?.[1];
  return option !== undefined && secretFrom(option, 'field') !== undefined && typeof value === 'string' && VALUE.test(value);
}
