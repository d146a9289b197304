/**
 * Owns opening TLS connections, directly or through the proxy that `HTTPS_PROXY` and `NO_PROXY` ask for. Used for the
 * API server, chart repositories and the verification; the OTC client has its own transport.
 */
import { Agent, request as httpRequest } from 'node:http';
import { type AgentOptions, Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { connect as connectTcp, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect as connectTls, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { Fault } from '../engine/fault.ts';
import { hintForProxy, nameOf, proxyFor } from '../engine/proxy.ts';

/** Milliseconds until a connection attempt is given up. */
const CONNECT_TIMEOUT = 15_000;

/** A TCP connection to `host:port`, through a proxy where the environment says so. */
export async function dial(host: string, port: number, signal?: AbortSignal): Promise<Socket> {
  const proxy = proxyFor(new URL(`https://${host}:${port}/`), process.env);
  return proxy === undefined ? dialDirectly(host, port, signal) : dialThrough(proxy, host, port, signal);
}

/** TLS on top of {@link dial}; resolves after the handshake. With `rejectUnauthorized: false` look at `authorizationError`. */
export async function dialTls(host: string, port: number, options: ConnectionOptions, signal?: AbortSignal): Promise<TLSSocket> {
  return secured(await dial(host, port, signal), host, port, options);
}

/** TLS on a connection that is there. */
function secured(socket: Duplex, host: string, port: number, options: ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const secure = connectTls({ ...options, socket });
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    secure.setTimeout(CONNECT_TIMEOUT, () =>
      fail(new Fault(`the TLS handshake with ${host}:${port} did not end within ${CONNECT_TIMEOUT / 1000} s`, { code: 'ETIMEDOUT' })),
    );
    secure.once('error', fail);
    secure.once('secureConnect', () => {
      secure.setTimeout(0);
      secure.off('error', fail);
      resolve(secure);
    });
  });
}

/** An agent whose connections go where {@link dial} leads; `to` names another address than the URL's host, `connect` another way. */
export class DialAgent extends HttpsAgent {
  readonly #tls: ConnectionOptions;
  readonly #to: string | undefined;
  readonly #connect: (() => Promise<Duplex>) | undefined;
  /** One for all connections; certificates and key are read once. */
  #context: SecureContext | undefined;

  constructor(options: AgentOptions & { readonly to?: string; readonly connect?: (() => Promise<Duplex>) | undefined }) {
    super({ keepAlive: true, ...options });
    this.#tls = options;
    this.#to = options.to;
    this.#connect = options.connect;
  }

  override createConnection(options: Record<string, unknown>, callback?: (error: Error | null, stream: TLSSocket) => void): undefined {
    const host = String(options['host'] ?? options['hostname']);
    const port = Number(options['port'] ?? 443);
    const name = typeof options['servername'] === 'string' && options['servername'] !== '' ? { servername: options['servername'] } : {};
    this.#context ??= createSecureContext(this.#tls);
    const tls = { ...this.#tls, secureContext: this.#context, host, ...name };
    const secure =
      this.#connect === undefined ? dialTls(this.#to ?? host, port, tls) : this.#connect().then((stream) => secured(stream, host, port, tls));
    secure.then(
      (socket) => callback?.(null, socket),
      (error: Error) => callback?.(error, undefined as unknown as TLSSocket),
    );
    return undefined;
  }
}

function dialDirectly(host: string, port: number, signal?: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host, port, ...(signal === undefined ? {} : { signal }) });
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    socket.setTimeout(CONNECT_TIMEOUT, () =>
      fail(new Fault(`${host}:${port} did not answer within ${CONNECT_TIMEOUT / 1000} s`, { code: 'ETIMEDOUT' })),
    );
    socket.once('error', fail);
    socket.once('connect', () => {
      socket.setTimeout(0);
      socket.off('error', fail);
      resolve(socket);
    });
  });
}

function dialThrough(proxy: URL, host: string, port: number, signal?: AbortSignal): Promise<Socket> {
  const name = nameOf(proxy);
  return new Promise((resolve, reject) => {
    const user = proxy.username === '' ? undefined : `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
    const secure = proxy.protocol === 'https:';
    const request = (secure ? httpsRequest : httpRequest)({
      host: proxy.hostname.replace(/^\[|\]$/g, ''),
      port: proxy.port || (secure ? 443 : 80),
      method: 'CONNECT',
      path: `${host}:${port}`,
      headers: { host: `${host}:${port}`, ...(user === undefined ? {} : { 'proxy-authorization': `Basic ${Buffer.from(user).toString('base64')}` }) },
      agent: secure ? new HttpsAgent({ keepAlive: false }) : new Agent({ keepAlive: false }),
      timeout: CONNECT_TIMEOUT,
      ...(signal === undefined ? {} : { signal }),
    });
    const fail = (what: string, code: string, cause?: Error): void =>
      reject(signal?.aborted === true ? cause : new Fault(`the proxy ${name} ${what}`, { code, cause, hint: hintForProxy(code) }));
    request.once('timeout', () => request.destroy(Object.assign(new Error(`no answer within ${CONNECT_TIMEOUT / 1000} s`), { code: 'ETIMEDOUT' })));
    request.once('error', (error: NodeJS.ErrnoException) => fail(`cannot be used: ${error.message}`, error.code ?? 'UNKNOWN', error));
    request.once('connect', (response, socket) => {
      if (response.statusCode === 200) return resolve(socket as Socket);
      socket.destroy();
      fail(`cannot be used: ${response.statusCode} ${response.statusMessage} to CONNECT ${host}:${port}`, String(response.statusCode));
    });
    request.end();
  });
}
