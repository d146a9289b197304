/**
 * Owns talking to a cluster's API server over HTTPS. All reading goes this way: twenty objects cost one TLS handshake
 * and some milliseconds each, where a kubectl process costs 0.2 s and 50 MB. Writing objects is kubectl's
 * (`kubectl.ts`), except where a write must fail if anybody else wrote in between: one PUT with a resourceVersion.
 */
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { asFault, Cancelled, Fault } from '../engine/fault.ts';
import { jsonObject, otherAnswer } from '../engine/other-answer.ts';
import { Turns } from '../engine/turns.ts';
import { pauseFor } from '../engine/until.ts';
import { DialAgent } from './dial.ts';
import { type Kubeconfig, pemOf } from './kubeconfig.ts';
import type { Tunnel } from './tunnel.ts';

/** Any Kubernetes object, as JSON. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly generation?: number;
    readonly creationTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

export interface KubeApi {
  /** The object at a path such as `/api/v1/namespaces/zitadel`; undefined where it, or its kind, does not exist. */
  get(path: string, signal: AbortSignal): Promise<KubeObject | undefined>;
  /**
   * All objects of a collection, over all pages; empty where the kind does not exist. A list that expired while it was read
   * (410) is read once more from its start. @throws Fault rather than giving a part of a list for the whole
   */
  list(path: string, signal: AbortSignal): Promise<readonly KubeObject[]>;
  /** The last lines of a container's log; undefined where there is none (yet). */
  log(namespace: string, pod: string, container: string, lines: number, signal: AbortSignal): Promise<string | undefined>;
  /** Creates (POST to the collection) or replaces (PUT to the object). @throws Fault with status 409 when somebody else was faster */
  send(method: 'POST' | 'PUT' | 'DELETE', path: string, body: unknown, signal: AbortSignal): Promise<KubeObject>;
  /** Ends idle connections. */
  close(): void;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
}

export type KubeTransport = (method: string, path: string, body: string | undefined, signal: AbortSignal) => Promise<Answer>;

const PAGE = 500;
/** 100,000 objects; a list without an end must not hold a run up. */
const PAGES = 200;
/** Each is a connection of its own with a TLS handshake, used again by the reads that follow. */
const READS_AT_ONCE = 8;
/** Some eight seconds in all: a new address answers a moment after the cluster says so. */
const TRIES = 6;
/** Each that runs out of time has waited for 15 s or more: who is not admitted should not wait for minutes to be told. */
const TRIES_WITHOUT_ANSWER = 2;

/** A client for the cluster of a kubeconfig, through the tunnel where there is one. */
export function kubeApi(kubeconfig: Kubeconfig, tunnel?: Tunnel): KubeApi {
  const agent = new DialAgent({
    ca: pemOf(kubeconfig.certificateAuthority),
    cert: pemOf(kubeconfig.clientCertificate),
    key: pemOf(kubeconfig.clientKey),
    connect: tunnel?.connect,
  });
  // Node's agent counts a connection only when it stands: it would open one for each request that comes before the first does.
  const reads = new Turns(READS_AT_ONCE);
  const send: KubeTransport = (method, path, body, signal) => exchange(kubeconfig.server, agent, method, path, body, signal);
  const transport: KubeTransport = async (method, path, body, signal) => {
    if (method !== 'GET') return send(method, path, body, signal);
    try {
      return await reads.take(() => send(method, path, body, signal), signal);
    } catch (error) {
      // A server that went silent: those who wait need not wait one after the other to be told.
      if (error instanceof Fault && error.code === 'ETIMEDOUT') reads.releaseAll();
      throw error;
    }
  };
  return kubeApiOver(transport, () => agent.destroy(), kubeconfig.server);
}

/** The same on any transport. @param server its URL, for messages */
export function kubeApiOver(transport: KubeTransport, close: () => void = () => undefined, server = ''): KubeApi {
  const parsed = (method: string, path: string, { status, body }: Answer): KubeObject => {
    if (status < 200 || status >= 300) throw statusFault(method, path, status, body);
    return jsonObject(callOf(method, path), 'a Kubernetes object', body) as KubeObject;
  };
  const callOf = (method: string, path: string): string => `${method} ${server}${path.split('?')[0]}`;
  /** GETs are repeated after a broken connection, 429 and 5xx (an API server restarting, a master failing over). */
  const read = async (path: string, signal: AbortSignal): Promise<Answer> => {
    for (let turn = 1; ; turn += 1) {
      try {
        const answer = await transport('GET', path, undefined, signal);
        if (turn === TRIES || (answer.status !== 429 && answer.status < 500)) return answer;
      } catch (error) {
        const most = error instanceof Fault && error.code === 'ETIMEDOUT' ? TRIES_WITHOUT_ANSWER : TRIES;
        if (error instanceof Cancelled || signal.aborted || turn >= most || !isPassing(error)) throw error;
      }
      await pauseFor(Math.random() * 2 ** turn * 0.25, signal);
    }
  };
  const list = async (path: string, signal: AbortSignal, restarted = false): Promise<readonly KubeObject[]> => {
    const items: KubeObject[] = [];
    const seen = new Set<string>();
    for (let next = ''; ; seen.add(next)) {
      const full = `${path}${path.includes('?') ? '&' : '?'}limit=${PAGE}${next === '' ? '' : `&continue=${encodeURIComponent(next)}`}`;
      const answer = await read(full, signal);
      if (answer.status === 404 && next === '') return items;
      // The snapshot behind a continue token is kept for minutes only (Kubernetes API concepts, "Retrieving large results sets in chunks").
      if (answer.status === 410 && next !== '' && !restarted) return list(path, signal, true);
      const page = parsed('GET', path, answer) as unknown as { items?: KubeObject[] | null; metadata?: { continue?: string } };
      // Go writes an empty list as null where nobody made it one.
      if (page.items !== null && !Array.isArray(page.items)) throw otherAnswer(callOf('GET', path), 'a list of Kubernetes objects', answer.body);
      items.push(...(page.items ?? []));
      next = page.metadata?.continue ?? '';
      if (next === '') return items;
      if (seen.has(next) || seen.size === PAGES - 1) {
        throw new Fault(`${callOf('GET', path)}: the list has no end: ${seen.has(next) ? 'a page is offered again' : `${PAGES} pages were read`}`, {
          hint: 'Run again. If it stays, look with kubectl get at what is in this collection, and at what answers in front of the API server.',
        });
      }
    }
  };
  return {
    close,
    list: (path, signal) => list(path, signal),
    get: async (path, signal) => {
      const answer = await read(path, signal);
      return answer.status === 404 ? undefined : parsed('GET', path, answer);
    },
    log: async (namespace, pod, container, lines, signal) => {
      const path = `/api/v1/namespaces/${namespace}/pods/${pod}/log?container=${container}&tailLines=${lines}`;
      const answer = await read(path, signal);
      return answer.status === 200 ? answer.body : undefined;
    },
    send: async (method, path, body, signal) => parsed(method, path, await transport(method, path, JSON.stringify(body), signal)),
  };
}

/** Of a read these are said only where a list breaks off. */
const GONE = new Map([
  [404, 'What was read or written has gone meanwhile. Run again.'],
  [410, 'The list expired twice while it was read. Run again when the API server has less to do.'],
]);

/** A Kubernetes `Status` as a fault; its `reason` is the code. */
function statusFault(method: string, path: string, status: number, body: string): Fault {
  let message = body.slice(0, 300);
  let code: string | undefined;
  try {
    const answer = JSON.parse(body) as { message?: string; reason?: string } | null;
    message = answer?.message ?? message;
    code = answer?.reason;
  } catch (error) {
    // A proxy or load balancer in between answers in its own words, which are then the message.
    if (!(error instanceof SyntaxError)) throw error;
  }
  const hint =
    status === 401 || status === 403
      ? 'The client certificate has the rights of the IAM user who asked for it: that user needs cluster-admin (or at least read) rights in CCE.'
      : GONE.get(status);
  return new Fault(`${method} ${path.split('?')[0]}: ${message}`, { status, code, hint });
}

/** Seconds for a whole exchange, from the connection to the last byte; an API server that went away silently must not hold a run up. */
const EXCHANGE_SECONDS = 30;

/**
 * One request and its answer. Ends by itself when the signal fires or the time is up, also while the connection is still
 * being opened, when Node would tell a destroyed request only later.
 */
export function exchange(
  server: string,
  agent: DialAgent,
  method: string,
  path: string,
  body: string | undefined,
  signal: AbortSignal,
  seconds = EXCHANGE_SECONDS,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    // A signal may also be the time that its owner gives, as the lock's signs of life do.
    const inTime = (): boolean => !(signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError');
    const cancelled = (): Error =>
      inTime() ? new Cancelled('the run was cancelled') : unreachable(server, Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' }));
    if (signal.aborted) {
      reject(cancelled());
      return;
    }
    const request = httpsRequest(new URL(path, server), {
      method,
      agent,
      headers: { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    });
    const settle = (end: () => void): void => {
      clearTimeout(clock);
      signal.removeEventListener('abort', stop);
      end();
    };
    const fail = (error: Error): void => settle(() => reject(signal.aborted ? cancelled() : unreachable(server, error)));
    const stop = (): void => {
      fail(cancelled());
      request.destroy();
    };
    const clock = setTimeout(() => {
      fail(Object.assign(new Error(`no answer within ${seconds} s`), { code: 'ETIMEDOUT' }));
      request.destroy();
    }, seconds * 1000);
    signal.addEventListener('abort', stop, { once: true });
    request.on('error', fail);
    request.on('response', (response: IncomingMessage) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', fail);
      response.on('end', () => settle(() => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') })));
    });
    request.end(body);
  });
}

const PASSING = new Set(['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ECONNREFUSED', 'EAI_AGAIN']);

function isPassing(error: unknown): boolean {
  return error instanceof Fault && error.code !== undefined && PASSING.has(error.code);
}

function unreachable(server: string, error: NodeJS.ErrnoException): Fault {
  const fault = asFault(error);
  return new Fault(`the Kubernetes API server ${server} could not be asked: ${fault.message}`, {
    resource: server,
    code: error.code,
    hint:
      fault.hint ??
      'Check that cluster.allow admits this runner and that the cluster is Available. After a change of its EIP the certificate needs up to 10 minutes.',
    cause: error,
  });
}
