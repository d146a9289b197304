/**
 * Owns one HTTP request made from inside a pod: over the container's own connections (its source address, its node's egress),
 * HTTP/1.1, HTTP/2 without TLS, or TLS. Used by the stand-ins of programs that call others.
 */
import { request as http1 } from 'node:http';
import { connect as http2 } from 'node:http2';
import type { Duplex } from 'node:stream';
import { connect as tlsConnect } from 'node:tls';
import type { ContainerContext } from '../image.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

export interface HttpAsk {
  readonly url: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** HTTP/2 with prior knowledge. */
  readonly h2c?: boolean;
  /** Authorities trusted for `https:`; the world's public one unless given. */
  readonly caPem?: string;
  readonly insecure?: boolean;
  readonly timeoutMs?: number;
}

/** Rejects with the socket's error; any status is an answer. */
export async function httpRequest(context: ContainerContext, ask: HttpAsk): Promise<HttpAnswer> {
  const url = new URL(ask.url);
  const secure = url.protocol === 'https:';
  const timeoutMs = ask.timeoutMs ?? 10_000;
  const socket = await context.connect({ host: url.hostname, port: Number(url.port || (secure ? 443 : 80)), timeoutMs });
  const stream: Duplex = secure
    ? tlsConnect({
        socket,
        servername: url.hostname,
        ca: ask.caPem ?? context.world.authority.publicCaPem,
        rejectUnauthorized: ask.insecure !== true,
      })
    : socket;
  try {
    return await within(
      timeoutMs,
      ask.h2c === true ? overHttp2(stream, url, ask) : overHttp1(stream, url, ask),
      `${ask.url}: no answer within ${timeoutMs} ms`,
    );
  } finally {
    stream.destroy();
    socket.destroy();
  }
}

function overHttp1(stream: Duplex, url: URL, ask: HttpAsk): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    stream.once('error', reject);
    const request = http1({
      createConnection: () => stream,
      path: url.pathname + url.search,
      method: ask.method ?? 'GET',
      headers: {
        host: url.host,
        connection: 'close',
        ...(ask.body === undefined ? {} : { 'content-length': Buffer.byteLength(ask.body) }),
        ...ask.headers,
      },
    });
    request.once('error', reject);
    request.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }));
    });
    request.end(ask.body);
  });
}

function overHttp2(stream: Duplex, url: URL, ask: HttpAsk): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const session = http2(url.origin, { createConnection: () => stream });
    session.once('error', reject);
    const { host, ...headers } = { host: url.host, ...ask.headers };
    const request = session.request({ ...headers, ':authority': host, ':path': url.pathname + url.search, ':method': ask.method ?? 'GET' });
    let status = 0;
    let answered: HttpAnswer['headers'] = {};
    const chunks: Buffer[] = [];
    request.once('error', reject);
    request.once('response', (received) => {
      status = Number(received[':status']);
      answered = received as HttpAnswer['headers'];
    });
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.once('end', () => {
      session.close();
      resolve({ status, headers: answered, body: Buffer.concat(chunks) });
    });
    request.end(ask.body);
  });
}

async function within<T>(milliseconds: number, work: Promise<T>, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error(message), { code: 'ETIMEDOUT' })), milliseconds);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
