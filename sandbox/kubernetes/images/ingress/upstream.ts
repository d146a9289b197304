/**
 * Owns the way from an ingress proxy to a pod: HTTP/1.1 or HTTP/2 without TLS, the headers that a proxy adds and takes away,
 * bodies and trailers in both directions.
 */
import { type ClientRequest, request as http1, type IncomingMessage, type ServerResponse } from 'node:http';
import { type ClientHttp2Session, constants, type Http2ServerRequest, connect as http2 } from 'node:http2';
import { connect as tlsConnect } from 'node:tls';
import type { ContainerContext } from '../../image.ts';
import type { Upstream } from './routes.ts';

/** Headers of one hop (RFC 9110, 7.6.1); HTTP/2 forbids them. */
const hopByHop = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'te', 'http2-settings']);

export interface Forwarding {
  readonly request: IncomingMessage | Http2ServerRequest;
  readonly response: ServerResponse;
  readonly host: string;
  readonly endpoint: { readonly address: string; readonly port: number };
  readonly upstream: Upstream;
  readonly secure: boolean;
}

export class Upstreams {
  readonly #context: ContainerContext;
  readonly #sessions = new Map<string, Promise<ClientHttp2Session>>();

  constructor(context: ContainerContext) {
    this.#context = context;
  }

  /** Resolves when the answer has gone to the client; rejects where the pod could not be asked. */
  forward(forwarding: Forwarding): Promise<void> {
    return forwarding.upstream === 'h2c' ? this.#overHttp2(forwarding) : this.#overHttp1(forwarding);
  }

  close(): void {
    for (const session of this.#sessions.values()) void session.then((opened) => opened.destroy());
  }

  async #overHttp1(forwarding: Forwarding): Promise<void> {
    const { request, response, endpoint } = forwarding;
    const socket = await this.#context.connect({ host: endpoint.address, port: endpoint.port });
    const stream = forwarding.upstream === 'tls' ? tlsConnect({ socket, rejectUnauthorized: false }) : socket;
    try {
      await new Promise<void>((resolve, reject) => {
        const sent: ClientRequest = http1({
          createConnection: () => stream,
          method: request.method,
          path: request.url,
          headers: { ...upstreamHeaders(forwarding), host: forwarding.host, connection: 'close' },
        });
        sent.once('error', reject);
        sent.once('response', (answer) => {
          response.writeHead(answer.statusCode ?? 502, downstreamHeaders(answer.headers));
          answer.once('error', reject);
          answer.on('data', (chunk: Buffer) => response.write(chunk));
          answer.once('end', () => {
            response.end();
            resolve();
          });
        });
        request.pipe(sent);
      });
    } finally {
      stream.destroy();
    }
  }

  async #overHttp2(forwarding: Forwarding): Promise<void> {
    const { request, response, endpoint } = forwarding;
    const session = await this.#session(endpoint);
    await new Promise<void>((resolve, reject) => {
      const te = request.headers['te'];
      const stream = session.request({
        ...upstreamHeaders(forwarding),
        ...(te === undefined ? {} : { te: 'trailers' }),
        ':method': request.method,
        ':path': request.url,
        ':authority': forwarding.host,
        ':scheme': forwarding.secure ? 'https' : 'http',
      });
      stream.once('error', reject);
      stream.once('response', ({ ':status': status, ...headers }) => response.writeHead(Number(status), downstreamHeaders(headers)));
      stream.once('trailers', (trailers) =>
        response.addTrailers(Object.fromEntries(Object.entries(trailers).map(([name, value]) => [name, String(value)]))),
      );
      stream.on('data', (chunk: Buffer) => response.write(chunk));
      stream.once('close', () => {
        if (stream.rstCode === constants.NGHTTP2_NO_ERROR) response.end();
        resolve();
      });
      response.once('close', () => stream.close());
      request.pipe(stream);
    });
  }

  #session(endpoint: Forwarding['endpoint']): Promise<ClientHttp2Session> {
    const key = `${endpoint.address}:${endpoint.port}`;
    const existing = this.#sessions.get(key);
    if (existing !== undefined) return existing;
    const opening = (async () => {
      const socket = await this.#context.connect({ host: endpoint.address, port: endpoint.port });
      const session = http2(`http://${key}`, { createConnection: () => socket });
      session.on('error', (error) => this.#context.log(`upstream ${key}: ${error.message}`));
      session.once('close', () => this.#sessions.delete(key));
      return session;
    })();
    this.#sessions.set(key, opening);
    opening.catch(() => this.#sessions.delete(key));
    return opening;
  }
}

function upstreamHeaders({ request, secure, host }: Forwarding): Record<string, string | string[]> {
  const headers = downstreamHeaders(request.headers);
  delete headers['host'];
  const source = request.socket.remoteAddress ?? '';
  return {
    ...headers,
    'x-forwarded-for': source,
    'x-forwarded-proto': secure ? 'https' : 'http',
    'x-forwarded-host': host,
    'x-request-id': crypto.randomUUID(),
  };
}

function downstreamHeaders(headers: Readonly<Record<string, unknown>>): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).filter(
      (entry): entry is [string, string | string[]] => !entry[0].startsWith(':') && !hopByHop.has(entry[0]) && entry[1] !== undefined,
    ),
  );
}
