/**
 * Owns which proxy a connection takes, by HTTPS_PROXY and NO_PROXY, and what is wrong with such a setting. Its password is a
 * secret from the first look on. Speaking to a proxy is the business of those who open connections.
 */
import { mask } from '../secret.ts';
import { Fault } from './fault.ts';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The proxy for a URL by HTTPS_PROXY and NO_PROXY (either case), or undefined. NO_PROXY entries match the host and its
 * subdomains, with or without a leading dot and a port; `*` matches all. This machine itself is never behind a proxy.
 * @throws Fault as {@link proxyOf} has it
 */
export function proxyFor(url: URL, env: Env): URL | undefined {
  const proxy = proxyOf(env);
  if (proxy === undefined || /^(localhost|127\..*|\[::1\])$/.test(url.hostname)) return undefined;
  const port = url.port || '443';
  for (const entry of (env['no_proxy'] || env['NO_PROXY'] || '').split(/[\s,]+/)) {
    if (entry === '') continue;
    if (entry === '*') return undefined;
    const [, host = '', entryPort] = /^\*?\.?(.*?)(?::(\d+))?$/.exec(entry) ?? [];
    if (entryPort !== undefined && entryPort !== port) continue;
    if (host !== '' && (url.hostname === host.toLowerCase() || url.hostname.endsWith(`.${host.toLowerCase()}`))) return undefined;
  }
  return proxy;
}

/** Proxies by the text of the setting: each is masked and looked at once. */
const seen = new Map<string, URL>();

/** The proxy that the environment names. @throws Fault for what is no URL, a broken escape, and a kind that is not spoken here */
export function proxyOf(env: Env): URL | undefined {
  const name = env['https_proxy'] ? 'https_proxy' : 'HTTPS_PROXY';
  const text = env[name];
  if (!text) return undefined;
  const known = seen.get(text);
  if (known !== undefined) return known;
  const [, user = '', password = ''] = /^(?:[^:/]*:\/\/)?([^:]*):(.*)@/s.exec(text) ?? [];
  for (const secret of [password, `${user}:${password}`]) if (password !== '') mask(secret);
  const wrong = (what: string, hint = 'Write it as http://user:password@host:port.'): Fault => new Fault(`${name} ${what}`, { hint });
  const full = text.includes('://') ? text : `http://${text}`;
  if (!URL.canParse(full))
    throw wrong('is not the address of a proxy', 'Write it as http://user:password@host:port, what is special in user or password as %XX.');
  const proxy = new URL(full);
  if (!['http:', 'https:'].includes(proxy.protocol))
    throw wrong(
      `names a proxy of the kind ${proxy.protocol.slice(0, -1)}, which is not supported`,
      'Name a proxy that is spoken to by http:// or https://, or unset it.',
    );
  const [openUser, openPassword] = [proxy.username, proxy.password].map(decoded);
  if (openUser === undefined || openPassword === undefined)
    throw wrong('holds a "%" in its user name or password that begins no escape', 'Write a "%" that is meant as such as %25.');
  for (const secret of [openPassword, `${openUser}:${openPassword}`]) if (openPassword !== '') mask(secret);
  seen.set(text, proxy);
  return proxy;
}

/** `host:port` of a proxy: it without its credentials. */
export function nameOf({ hostname, port, protocol }: URL): string {
  return `${hostname}:${port || (protocol === 'https:' ? '443' : '80')}`;
}

/** What to do about a proxy that stands in the way, by the status with which it answers, if it does. */
export function hintForProxy(code: string): string {
  if (code === '407')
    return 'The proxy asks for a user name and password, or for others: write HTTPS_PROXY as http://user:password@host:port, or name the host in NO_PROXY.';
  if (/^\d+$/.test(code)) return 'Have the proxy let connections to that host and port through, or name the host in NO_PROXY.';
  return 'Look whether that proxy runs and HTTPS_PROXY names it, or name the host in NO_PROXY.';
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
