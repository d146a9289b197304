/**
 * Owns looking at ZITADEL from outside: HTTPS, gRPC and TLS straight to the public address with the domain as name, and
 * DNS at the zone's own servers. What the answers must be is `checks.ts`'s business.
 */
import { Resolver, resolve4, resolveNs } from 'node:dns/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:https';
import { checkServerIdentity, type DetailedPeerCertificate } from 'node:tls';
import { asFault, Cancelled, Fault } from '../engine/fault.ts';
import { DialAgent, dialTls } from '../tools/dial.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface TlsAnswer {
  /** Why the chain is not trusted; undefined where it is. */
  readonly untrusted: string | undefined;
  /** Why the certificate does not fit the name; undefined where it does. */
  readonly wrongName: string | undefined;
  readonly issuer: string;
  readonly notAfter: Date;
}

/** What one asked place says about a name: addresses, or why there are none. */
export interface DnsAnswer {
  readonly server: string;
  readonly addresses: readonly string[];
  readonly error?: string;
  /** False where the server could not be asked at all, which proves nothing. */
  readonly answered: boolean;
}

export interface Probe {
  http(method: 'GET' | 'POST', path: string, headers?: Record<string, string>, body?: Buffer): Promise<HttpAnswer>;
  /** One gRPC call with an empty message over HTTP/2; returns status and `grpc-status`. */
  grpc(path: string): Promise<{ status: number; grpcStatus: string | undefined }>;
  tls(): Promise<TlsAnswer>;
  /** The zone's name servers and the system resolver, in this order. */
  dns(): Promise<readonly DnsAnswer[]>;
  close(): void;
}

export interface ProbeTarget {
  readonly domain: string;
  readonly zone: string;
  /** Public address of the load balancer. */
  readonly address: string;
  /** False with the staging issuer, whose root nobody trusts; the chain is then judged by `checks.ts` alone. */
  readonly trustedIssuer: boolean;
  /** 443, where the load balancer listens. */
  readonly port?: number;
}

const TIMEOUT = 15_000;
const MOST_BYTES = 4 * 2 ** 20;

export function probeOf(target: ProbeTarget, signal: AbortSignal): Probe {
  const { domain, address, trustedIssuer, port = 443 } = target;
  const agent = new DialAgent({ to: address, servername: domain, rejectUnauthorized: trustedIssuer });
  return {
    http: (method, path, headers = {}, body) =>
      new Promise((resolve, reject) => {
        const fail = (error: Error): void =>
          reject(signal.aborted ? new Cancelled('the run was cancelled') : new Fault(asFault(error).message, { cause: error }));
        const sent = request({ host: domain, port, servername: domain, method, path, agent, headers, signal, timeout: TIMEOUT }, (response) => {
          const chunks: Buffer[] = [];
          let size = 0;
          response.on('data', (chunk: Buffer) => {
            size += chunk.length;
            if (size > MOST_BYTES) response.destroy(new Fault(`${path} sends more than ${MOST_BYTES} bytes`));
            else chunks.push(chunk);
          });
          response.on('error', fail);
          response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }));
        });
        sent.on('timeout', () => sent.destroy(new Fault(`no answer within ${TIMEOUT / 1000} s`)));
        sent.on('error', fail);
        sent.end(body);
      }),
    grpc: (path) => grpcCall(target, path, signal),
    tls: () => lookAtTls(target, signal),
    dns: () => askDns(target),
    close: () => agent.destroy(),
  };
}

async function lookAtTls({ domain, address, port = 443 }: ProbeTarget, signal: AbortSignal): Promise<TlsAnswer> {
  const socket = await dialTls(address, port, { servername: domain, rejectUnauthorized: false, ALPNProtocols: ['h2', 'http/1.1'] }, signal);
  try {
    const certificate: DetailedPeerCertificate = socket.getPeerCertificate(true);
    const error = socket.authorizationError as Error | string | undefined | null;
    const code =
      error === undefined || error === null
        ? undefined
        : typeof error === 'string'
          ? error
          : ((error as NodeJS.ErrnoException).code ?? error.message);
    return {
      // The name is judged below by itself.
      untrusted: code === 'ERR_TLS_CERT_ALTNAME_INVALID' ? undefined : code,
      wrongName: checkServerIdentity(domain, certificate)?.message,
      issuer: [certificate.issuer?.O, certificate.issuer?.CN].flat().filter(Boolean).join(' '),
      notAfter: new Date(certificate.valid_to),
    };
  } finally {
    socket.destroy();
  }
}

/** gRPC by hand over HTTP/2: a prefix of five zero bytes is an empty message (gRPC over HTTP/2 protocol). */
async function grpcCall(
  { domain, address, trustedIssuer, port = 443 }: ProbeTarget,
  path: string,
  signal: AbortSignal,
): Promise<{ status: number; grpcStatus: string | undefined }> {
  const { connect } = await import('node:http2');
  const socket = await dialTls(address, port, { servername: domain, rejectUnauthorized: trustedIssuer, ALPNProtocols: ['h2'] }, signal);
  if (socket.alpnProtocol !== 'h2') {
    socket.destroy();
    throw new Fault('the load balancer does not offer HTTP/2');
  }
  const session = connect(`https://${domain}`, { createConnection: () => socket });
  try {
    return await new Promise((resolve, reject) => {
      const fail = (error: Error): void => reject(new Fault(error.message, { cause: error }));
      session.on('error', fail);
      const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' }, { signal });
      let status = 0;
      let grpcStatus: string | undefined;
      stream.setTimeout(TIMEOUT, () => fail(new Error(`no answer within ${TIMEOUT / 1000} s`)));
      stream.on('response', (headers) => {
        status = Number(headers[':status']);
        grpcStatus = textOf(headers['grpc-status']);
      });
      stream.on('trailers', (trailers) => {
        grpcStatus = textOf(trailers['grpc-status']) ?? grpcStatus;
      });
      stream.on('error', fail);
      // Trailers may come after the last data.
      stream.on('close', () => resolve({ status, grpcStatus }));
      stream.resume();
      stream.end(Buffer.alloc(5));
    });
  } finally {
    session.destroy();
    socket.destroy();
  }
}

function textOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}

async function askDns({ domain, zone }: ProbeTarget): Promise<readonly DnsAnswer[]> {
  const system = ask('the system resolver', () => resolve4(domain));
  let servers: readonly { name: string; address: string }[];
  try {
    const names = (await resolveNs(zone)).sort().slice(0, 2);
    servers = (await Promise.all(names.map(async (name) => (await resolve4(name)).slice(0, 1).map((address) => ({ name, address }))))).flat();
  } catch (error) {
    const why = `name servers of ${zone}: ${asFault(error).message}`;
    return [{ server: `the name servers of ${zone}`, addresses: [], error: why, answered: !isSilence(error) }, await system];
  }
  const authoritative = servers.map(({ name, address }) => {
    const resolver = new Resolver({ timeout: 3000, tries: 2 });
    resolver.setServers([address]);
    return ask(name, () => resolver.resolve4(domain));
  });
  return Promise.all([...authoritative, system]);
}

async function ask(server: string, resolve: () => Promise<string[]>): Promise<DnsAnswer> {
  try {
    return { server, addresses: await resolve(), answered: true };
  } catch (error) {
    return { server, addresses: [], error: asFault(error).message, answered: !isSilence(error) };
  }
}

/** The server was not reached, as opposed to one that says there is no such name. */
function isSilence(error: unknown): boolean {
  return ['ETIMEOUT', 'ECONNREFUSED', 'ETIMEDOUT', 'ENETUNREACH', 'EHOSTUNREACH'].includes((error as NodeJS.ErrnoException).code ?? '');
}
