/**
 * Owns what a working ZITADEL must answer from outside (observed with ZITADEL v4.13), one check a function: pass with
 * what was found, or fail with why and what to do. Pure but for the probe; how it looks is `probe.ts`'s.
 */
import { createHash, randomBytes } from 'node:crypto';
import { asFault, Cancelled } from '../engine/fault.ts';
import { jsonObject } from '../engine/other-answer.ts';
import type { HttpAnswer, Probe } from './probe.ts';

export interface CheckResult {
  /** What was checked, for people. */
  readonly name: string;
  readonly ok: boolean;
  /** What was found, or what is wrong. */
  readonly detail: string;
  /** What to do; absent where it passed. */
  readonly advice?: string;
}

export interface Expected {
  readonly domain: string;
  readonly address: string;
  /** The staging issuer's root is not in any trust store. */
  readonly staging: boolean;
  /** By what the domain is let in. */
  readonly entrance: 'Ingress' | 'Gateway';
  /** Addresses in the status of each entrance for the domain; none where there is no entrance. */
  readonly entranceAddresses: readonly (readonly string[])[];
}

class Wrong extends Error {
  readonly advice: string;
  constructor(detail: string, advice: string) {
    super(detail);
    this.advice = advice;
  }
}

/** Runs all checks; those that need TLS are left out while TLS itself does not work. */
export async function runChecks(probe: Probe, expected: Expected, now = new Date()): Promise<readonly CheckResult[]> {
  const [ingress, dns, tls] = await Promise.all([
    check(`${expected.entrance.toLowerCase()} status`, async () => entranceStatus(expected)),
    check('DNS', () => dnsAnswers(probe, expected)),
    check('TLS certificate', () => tlsChain(probe, expected, now)),
  ]);
  if (!tls.ok) return [ingress, dns, tls];
  const rest = await Promise.all([
    check('OIDC discovery', () => discovery(probe, expected)),
    check('JWKS', () => keys(probe)),
    check('console', () => consolePage(probe, expected)),
    check('login', () => login(probe, expected)),
    check('gRPC-Web', () => grpcWeb(probe)),
    check('gRPC', () => grpc(probe)),
  ]);
  return [ingress, dns, tls, ...rest];
}

async function check(name: string, work: () => Promise<string>): Promise<CheckResult> {
  try {
    return { name, ok: true, detail: await work() };
  } catch (error) {
    if (error instanceof Cancelled) throw error;
    const advice = error instanceof Wrong ? error.advice : 'Check that the load balancer has healthy members on port 443.';
    return { name, ok: false, detail: asFault(error).message, advice };
  }
}

/** CCE writes `EIP,private address`; the controller copies it into the Ingresses or the Gateway that it serves. */
function entranceStatus({ entrance, entranceAddresses, address }: Expected): string {
  if (entranceAddresses.length === 0) throw new Wrong(`there is no ${entrance} for the domain`, 'The release is incomplete: run deploy again.');
  for (const addresses of entranceAddresses) {
    if (!addresses.includes(address)) {
      const found = addresses.length === 0 ? 'no address yet' : addresses.join(', ');
      throw new Wrong(
        `the ${entrance} status holds ${found}, not ${address}`,
        "Look at the events of the ingress controller's Service: they name what is wrong with the load balancer.",
      );
    }
  }
  return `contains ${address}`;
}

async function dnsAnswers(probe: Probe, { domain, address }: Expected): Promise<string> {
  const answers = await probe.dns();
  for (const { server, addresses, error, answered } of answers) {
    if (addresses.includes(address) || !answered) continue;
    throw new Wrong(
      `${server} answers ${addresses.length > 0 ? addresses.join(', ') : (error ?? 'nothing')} for ${domain}, not ${address}`,
      'Check the A record and the delegation of the zone; a resolver may keep a former answer until its time to live has passed.',
    );
  }
  const silent = answers.filter(({ answered }) => !answered);
  if (silent.length === answers.length) {
    throw new Wrong(
      `no name server could be asked: ${silent.map(({ server, error }) => `${server}: ${error}`).join('; ')}`,
      'Check that this runner may send DNS queries.',
    );
  }
  return `${address}${silent.length > 0 ? ` (not reachable: ${silent.map(({ server }) => server).join(', ')})` : ''}`;
}

/** What an untrusted root looks like to Node; other errors (expired, broken chain) count for staging as well. */
const UNKNOWN_ROOT = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
]);

async function tlsChain(probe: Probe, { staging }: Expected, now: Date): Promise<string> {
  const { untrusted, wrongName, issuer, notAfter } = await probe.tls();
  const waiting = "The ingress controller still serves another certificate: look at the Certificate and its Secret in ZITADEL's namespace.";
  if (wrongName !== undefined) throw new Wrong(wrongName, waiting);
  if (notAfter <= now)
    throw new Wrong(
      `the certificate ended at ${notAfter.toISOString()}`,
      'Renewal failed: look at the Certificate, and at the keys of the DNS01 solver.',
    );
  if (untrusted !== undefined && !(staging && UNKNOWN_ROOT.has(untrusted)))
    throw new Wrong(`the certificate of ${issuer} is not trusted: ${untrusted}`, waiting);
  return `${issuer}, until ${notAfter.toISOString()}${staging ? ' (staging: browsers do not trust it)' : ''}`;
}

async function discovery(probe: Probe, { domain }: Expected): Promise<string> {
  const document = await jsonAt(probe, '/.well-known/openid-configuration');
  const issuer = String(document['issuer']);
  if (issuer !== `https://${domain}`) {
    throw new Wrong(
      `the issuer is ${issuer}, not https://${domain}`,
      issuer.startsWith('http:')
        ? 'The ingress controller must pass X-Forwarded-Proto: https.'
        : 'Check ExternalDomain, ExternalPort and ExternalSecure.',
    );
  }
  for (const key of ['authorization_endpoint', 'token_endpoint', 'jwks_uri']) {
    if (!String(document[key]).startsWith(`https://${domain}/`))
      throw new Wrong(`${key} is ${String(document[key])}`, 'Check ExternalPort and ExternalSecure.');
  }
  return `issuer ${issuer}`;
}

async function keys(probe: Probe): Promise<string> {
  const document = await jsonAt(probe, '/oauth/v2/keys');
  const found = document['keys'];
  if (!Array.isArray(found) || found.length === 0)
    throw new Wrong('/oauth/v2/keys holds no key', 'ZITADEL has no signing key: look at the logs of its pods.');
  return `${found.length} ${found.length === 1 ? 'key' : 'keys'}`;
}

async function consoleSettings(probe: Probe): Promise<Record<string, unknown>> {
  return jsonAt(probe, '/ui/console/assets/environment.json');
}

async function consolePage(probe: Probe, { domain }: Expected): Promise<string> {
  const { issuer } = await consoleSettings(probe);
  if (issuer !== `https://${domain}`) throw new Wrong(`the console is told the issuer ${String(issuer)}`, 'Check ExternalDomain and ExternalSecure.');
  const page = await probe.http('GET', '/ui/console/', { accept: 'text/html' });
  if (page.status !== 200 || !isHtml(page))
    throw new Wrong(`/ui/console/ answers ${page.status}${isHtml(page) ? '' : ', not HTML'}`, "Look at ZITADEL's pods and the controller's logs.");
  return 'its page, and its issuer';
}

function isHtml({ headers }: HttpAnswer): boolean {
  return String(headers['content-type']).includes('text/html');
}

/** As a browser does it: the console's client, authorize, login app, its page. */
async function login(probe: Probe, { domain }: Expected): Promise<string> {
  const environment = await consoleSettings(probe);
  const query = new URLSearchParams({
    client_id: String(environment['clientid']),
    redirect_uri: `https://${domain}/ui/console/auth/callback`,
    response_type: 'code',
    scope: 'openid',
    code_challenge: createHash('sha256').update(randomBytes(32)).digest('base64url'),
    code_challenge_method: 'S256',
  });
  const answer = await probe.http('GET', `/oauth/v2/authorize?${query}`);
  const to = answer.headers.location ?? '';
  if (answer.status !== 302 || !new URL(to, `https://${domain}`).pathname.startsWith('/ui/v2/login')) {
    throw new Wrong(
      `authorize answers ${answer.status}${to === '' ? '' : ` to ${to}`}, not a redirect to the login app`,
      'ZITADEL v4 sends logins to /ui/v2/login; check its login features.',
    );
  }
  let path = pathOf(to, domain);
  for (let turn = 0; turn < 5; turn += 1) {
    const page = await probe.http('GET', path, { accept: 'text/html' });
    const next = page.headers.location;
    if (page.status >= 300 && page.status < 400 && next !== undefined) {
      path = pathOf(next, domain, path);
      continue;
    }
    const html = isHtml(page);
    if (page.status !== 200 || !html) {
      const why = page.status === 404 ? 'The Ingress must send /ui/v2/login to the login service.' : 'Look at the pods of the login app.';
      throw new Wrong(`the login page ${path.split('?')[0]} answers ${page.status}${html ? '' : ', not HTML'}`, why);
    }
    return `authorize leads to ${path.split('?')[0]}`;
  }
  throw new Wrong('the login app redirects without end', 'Look at the pods of the login app.');
}

const HEALTHZ = '/zitadel.admin.v1.AdminService/Healthz';
const GRPC_ADVICE = 'The ingress controller must speak HTTP/2 without TLS (h2c) to port 8080 of Service zitadel.';

async function grpcWeb(probe: Probe): Promise<string> {
  const headers = { 'content-type': 'application/grpc-web+proto', 'x-grpc-web': '1', 'content-length': '5' };
  const answer = await probe.http('POST', HEALTHZ, headers, Buffer.alloc(5));
  // The trailers come as text in the body, or as headers where the answer has no message.
  const status = /grpc-status: ?(\d+)/i.exec(answer.body.toString('latin1'))?.[1] ?? String(answer.headers['grpc-status'] ?? 'none');
  if (answer.status !== 200 || status !== '0') throw new Wrong(`${HEALTHZ} answers ${answer.status}, grpc-status ${status}`, GRPC_ADVICE);
  return 'grpc-status 0';
}

async function grpc(probe: Probe): Promise<string> {
  const { status, grpcStatus } = await probe.grpc(HEALTHZ);
  if (status !== 200 || grpcStatus !== '0') throw new Wrong(`${HEALTHZ} answers ${status}, grpc-status ${grpcStatus ?? 'none'}`, GRPC_ADVICE);
  return 'grpc-status 0';
}

async function jsonAt(probe: Probe, path: string): Promise<Record<string, unknown>> {
  const { status, body } = await probe.http('GET', path);
  const text = body.toString('utf8');
  if (status !== 200) {
    const why = status === 404 ? 'The ingress controller must pass the original Host header.' : "Look at ZITADEL's pods and the controller's logs.";
    throw new Wrong(`status ${status}: ${text.slice(0, 200)}`, why);
  }
  try {
    return jsonObject(`GET ${path}`, 'what ZITADEL says there', text) as Record<string, unknown>;
  } catch (error) {
    throw new Wrong(asFault(error).message, 'Something else than ZITADEL answers under this domain.');
  }
}

/** Path and query of a redirect, which must stay on the domain. */
function pathOf(location: string, domain: string, from = '/'): string {
  const url = new URL(location, `https://${domain}${from}`);
  if (url.host !== domain || url.protocol !== 'https:')
    throw new Wrong(`a redirect leads to ${url.origin}`, 'Check ExternalDomain, ExternalPort and ExternalSecure.');
  return `${url.pathname}${url.search}`;
}
