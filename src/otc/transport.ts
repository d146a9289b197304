/**
 * Owns bytes on the wire: the `Transport` port and its default on `node:https`, with kept-alive connections and the
 * proxy settings of the environment. What is asked, signed or repeated is decided in `client.ts`.
 */
import { Agent, request as httpsRequest } from 'node:https';
import { createSecureContext, type SecureContext } from 'node:tls';
import { Cancelled } from '../engine/fault.ts';
import { nameOf, proxyFor } from '../engine/proxy.ts';

export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly signal: AbortSignal;
  /** Seconds without a byte after which the exchange is given up. */
  readonly timeoutSeconds: number;
}

export interface HttpResponse {
  readonly status: number;
  /** Lower-case names; repeated headers joined by a comma. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** One exchange. Any status is an answer; throws {@link TransportFailure} where none came, `Cancelled` when aborted. */
export type Transport = (request: HttpRequest) => Promise<HttpResponse>;

/** No answer came. `sent` tells whether the service can have seen the request. */
export class TransportFailure extends Error {
  override readonly name = 'TransportFailure';
  readonly code: string;
  readonly sent: boolean;
  /** Whether the proxy is what failed: it was not reached, or let nothing through, which the code then says by its status. */
  readonly ofProxy: boolean;

  constructor(message: string, code: string, sent: boolean, cause?: unknown, ofProxy = false) {
    super(message, { cause });
    this.code = code;
    this.sent = sent;
    this.ofProxy = ofProxy;
  }
}

/** Errors that come before the first byte of a request has left. */
const BEFORE_SENDING = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_HAS_EXPIRED',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

/**
 * Whether a request can not have been seen by the service. A connection that stood can end with the same codes (a read that
 * timed out after the last byte was sent), so the system call counts as well.
 */
export function neverSent({ code, syscall }: Pick<NodeJS.ErrnoException, 'code' | 'syscall'>): boolean {
  return code !== undefined && BEFORE_SENDING.has(code) && syscall !== 'read' && syscall !== 'write';
}

/**
 * The default transport. Extra authorities come from NODE_EXTRA_CA_CERTS, which Node itself reads.
 * @param sent told whenever a request has left: the time until its answer is free for other work
 */
export function nodeTransport(env: Readonly<Record<string, string | undefined>> = process.env, sent: () => void = () => undefined): Transport {
  const direct = new Agent({ keepAlive: true, maxSockets: 16 });
  const proxied = new Map<string, Promise<Agent>>();
  const agentFor = (proxy: URL | undefined): Agent | Promise<Agent> => {
    if (proxy === undefined) return direct;
    let agent = proxied.get(proxy.href);
    if (agent === undefined) {
      // Loaded only behind a proxy: it costs start-up time that nobody else should pay.
      agent = import('https-proxy-agent').then(({ HttpsProxyAgent }) => new HttpsProxyAgent(proxy, { keepAlive: true }) as unknown as Agent);
      proxied.set(proxy.href, agent);
    }
    return agent;
  };
  // One for all connections: each would otherwise make its own, at a millisecond or two of work.
  let context: SecureContext | undefined;
  return async (request) => {
    if (request.signal.aborted) throw new Cancelled('the run was cancelled');
    const url = new URL(request.url);
    const proxy = proxyFor(url, env);
    const agent = await agentFor(proxy);
    context ??= createSecureContext();
    return exchange(request, url, { agent, secureContext: context }, proxy, sent);
  };
}

function exchange(
  request: HttpRequest,
  url: URL,
  way: { readonly agent: Agent; readonly secureContext: SecureContext },
  proxy: URL | undefined,
  sent: () => void,
): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    /** A proxy is the only one spoken to until there is a socket through it. */
    let through = proxy === undefined;
    const fail = (error: NodeJS.ErrnoException): void => {
      const code = error.code ?? 'UNKNOWN';
      if (request.signal.aborted) reject(new Cancelled('the run was cancelled', { cause: error }));
      else if (proxy !== undefined && !through)
        reject(new TransportFailure(`the proxy ${nameOf(proxy)} cannot be used: ${error.message}`, code, false, error, true));
      else reject(new TransportFailure(`${url.host}: ${error.message}`, code, !neverSent(error), error));
    };
    const length = request.body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(request.body)) };
    const outgoing = httpsRequest(
      url,
      { method: request.method, headers: { ...request.headers, ...length }, ...way, signal: request.signal, timeout: request.timeoutSeconds * 1000 },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', fail);
        incoming.on('end', () => {
          if (!incoming.complete) return fail(Object.assign(new Error('the answer broke off'), { code: 'ECONNRESET' }));
          const headers = Object.entries(incoming.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]);
          resolve({ status: incoming.statusCode ?? 0, headers: Object.fromEntries(headers) as Record<string, string>, body: Buffer.concat(chunks) });
        });
      },
    );
    outgoing.on('timeout', () =>
      outgoing.destroy(Object.assign(new Error(`no answer within ${request.timeoutSeconds} s`), { code: 'ESOCKETTIMEDOUT' })),
    );
    outgoing.on('error', fail);
    outgoing.once('socket', () => {
      through = true;
    });
    // Its answer would else pass for the service's.
    outgoing.once('proxyConnect', ({ statusCode, statusText }: { readonly statusCode: number; readonly statusText: string }) => {
      if (statusCode === 200) return;
      fail(Object.assign(new Error(`${statusCode} ${statusText} to CONNECT ${url.hostname}:${url.port || '443'}`), { code: String(statusCode) }));
      outgoing.destroy();
    });
    outgoing.once('finish', sent);
    outgoing.end(request.body);
  });
}

/** GET over a transport, the answer as text. */
export function textOver(transport: Transport) {
  return async (url: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<{ status: number; body: string }> => {
    const { status, body } = await transport({ method: 'GET', url, headers, signal, timeoutSeconds: 30 });
    return { status, body: Buffer.from(body).toString('utf8') };
  };
}

/** Tells of each request: method, address without its query, status, request id, milliseconds. */
export function told(transport: Transport, say: (line: string) => void): Transport {
  return async (request) => {
    const started = Date.now();
    const what = `${request.method} ${request.url.split('?')[0]}`;
    const took = (): string => `${Date.now() - started} ms`;
    try {
      const answer = await transport(request);
      say(`${what}: ${answer.status} after ${took()}, request id ${answer.headers['x-request-id'] ?? 'none'}`);
      return answer;
    } catch (error) {
      say(`${what}: ${error instanceof Error ? error.message : String(error)} after ${took()}`);
      throw error;
    }
  };
}
