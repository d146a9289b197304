/**
 * Owns the data plane of the ingress controllers' stand-ins: a plain and a TLS port on the pod's address, certificates by server
 * name, HTTP/1.1 and HTTP/2 to clients. Which route a request takes is `routes.ts`'s, the way to the pods `upstream.ts`'s.
 */
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http';
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { Server, Socket } from 'node:net';
import { createSecureContext } from 'node:tls';
import type { ContainerContext } from '../../image.ts';
import { match } from './routes.ts';
import type { Certificate, IngressState } from './state.ts';
import { Upstreams } from './upstream.ts';

export interface ProxyOptions {
  readonly ports: { readonly http: number; readonly https: number };
  /** Served to names without a certificate; undefined: such a handshake fails, and without any certificate the port is closed. */
  readonly fallback: Certificate | undefined;
  /** Bodies and statuses of the controller's own answers. */
  readonly texts: { readonly noRoute: string; readonly noEndpoint: string; readonly failed: { readonly status: number; readonly text: string } };
}

type Incoming = IncomingMessage | Http2ServerRequest;

export async function serveProxy(context: ContainerContext, state: IngressState, options: ProxyOptions): Promise<() => Promise<void>> {
  const upstreams = new Upstreams(context);
  const open = new Set<Socket>();
  const keep = (server: Server): void => {
    server.on('connection', (socket: Socket) => {
      open.add(socket);
      socket.once('close', () => open.delete(socket));
    });
  };

  const handle = async (request: Incoming, both: ServerResponse | Http2ServerResponse, secure: boolean): Promise<void> => {
    const response = both as ServerResponse;
    const host = String(request.headers[':authority'] ?? request.headers.host ?? '');
    const path = new URL(request.url ?? '/', 'http://ingress').pathname;
    const own = (status: number, text: string, headers: Record<string, string> = {}): void => {
      request.resume();
      response.writeHead(status, { 'content-type': 'text/plain', ...headers }).end(text);
    };
    const other = secure ? 'http' : 'https';
    const routes = state.table().routes.filter(({ only }) => only !== other);
    const route = match(routes, host, path);
    if (route === undefined) return own(404, options.texts.noRoute);
    if (!secure && route.redirect !== undefined) return own(route.redirect, '', { location: `https://${host}${request.url ?? '/'}` });
    const endpoints = context.cluster.endpoints(route.service, route.namespace, route.port);
    const endpoint = endpoints[Math.floor(Math.random() * endpoints.length)];
    if (endpoint === undefined) return own(503, options.texts.noEndpoint);
    try {
      await upstreams.forward({ request, response, host, endpoint, upstream: route.upstream, secure });
    } catch (error) {
      context.log(`upstream ${endpoint.address}:${endpoint.port} failed: ${(error as Error).message}`);
      if (response.headersSent) response.destroy();
      else own(options.texts.failed.status, options.texts.failed.text);
    }
  };
  const guarded = (request: Incoming, response: ServerResponse | Http2ServerResponse, secure: boolean): void => {
    response.on('error', (error) => context.log(`client: ${error.message}`));
    handle(request, response, secure).catch((error: Error) => {
      context.log(`request failed: ${error.message}`);
      response.end();
    });
  };

  const plain = createHttp((request, response) => guarded(request, response, false));
  keep(plain);
  await listen(plain, options.ports.http, context.address);

  const certificateFor = (name: string): Certificate | undefined => {
    const { certificates } = state.table();
    const secret = certificates.get(name.toLowerCase()) ?? certificates.get(name.toLowerCase().replace(/^[^.]+/, '*'));
    return (secret === undefined ? undefined : state.certificate(secret)) ?? options.fallback;
  };
  const secure = createSecureServer({
    allowHTTP1: true,
    SNICallback: (name, done) => {
      const certificate = certificateFor(name);
      if (certificate === undefined) done(new Error(`no certificate for ${name}`));
      else done(null, createSecureContext({ cert: certificate.cert, key: certificate.key }));
    },
    ...(options.fallback === undefined ? {} : { cert: options.fallback.cert, key: options.fallback.key }),
  });
  secure.on('request', (request, response) => guarded(request, response, true));
  secure.on('tlsClientError', (error) => context.log(`TLS handshake: ${error.message}`));
  secure.on('sessionError', (error) => context.log(`client session: ${error.message}`));
  keep(secure);

  let busy = Promise.resolve();
  const arrange = (): void => {
    const wanted =
      options.fallback !== undefined || [...state.table().certificates.values()].some((secret) => state.certificate(secret) !== undefined);
    busy = busy.then(async () => {
      if (wanted && !secure.listening && !context.signal.aborted) await listen(secure, options.ports.https, context.address);
      else if (!wanted && secure.listening) await new Promise<void>((resolve) => secure.close(() => resolve()));
    });
    busy.catch((error: Error) => context.log(`listener: ${error.message}`));
  };
  state.onChange(arrange);
  arrange();

  return async () => {
    await busy;
    upstreams.close();
    const closed = [plain, secure]
      .filter(({ listening }) => listening)
      .map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const socket of open) socket.destroy();
    await Promise.all(closed);
  };
}

function listen(server: Server, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
