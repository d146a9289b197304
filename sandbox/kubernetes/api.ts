/**
 * Owns how the sandbox talks to an API server: requests, watches and a list-and-watch loop, over plain HTTPS with
 * kept-alive connections (lighter than a client library with two clusters on two cores). What the objects look like is
 * `objects.ts`.
 */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { KubeObject, List, Status } from './objects.ts';

export interface KubeAnswer<T = unknown> {
  readonly status: number;
  readonly body: T;
}

export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: T;
}

/** A refusal of the API server, with its own words. */
export class KubeRefusal extends Error {
  readonly status: number;
  readonly reason: string;

  constructor(method: string, path: string, status: number, body: unknown) {
    const said = typeof body === 'object' && body !== null ? (body as Partial<Status>) : undefined;
    super(`${method} ${path}: ${status} ${said?.message ?? String(body)}`);
    this.name = 'KubeRefusal';
    this.status = status;
    this.reason = said?.reason ?? '';
  }
}

export interface KubeApi {
  /** Where programs find the server; `certPem`/`keyPem` or `token` prove who asks. */
  readonly access: KubeAccess;
  /**
   * One request; answers of any status are returned. Patches: `application/merge-patch+json` unless `contentType` says
   * `application/apply-patch+yaml` or another.
   */
  request<T = unknown>(
    method: string,
    path: string,
    body?: unknown,
    options?: { readonly contentType?: string; readonly signal?: AbortSignal },
  ): Promise<KubeAnswer<T>>;
  /** GET; throws {@link KubeRefusal} on anything but 200, except that 404 is `undefined`. */
  get<T>(path: string): Promise<T | undefined>;
  /** Any write; throws {@link KubeRefusal} on a status of 400 and above. */
  send<T>(method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown, contentType?: string): Promise<T>;
  /**
   * Lists, then watches, again from the start where the server asks for it, until `signal` fires. `changed` hears each
   * object that is there or changed, `removed` each that is gone, in order; `synced` hears the end of the first list.
   * Returns at once; errors of the handlers go to `failed`.
   */
  follow<T extends KubeObject>(path: string, handlers: FollowHandlers<T>, signal: AbortSignal): void;
}

export interface FollowHandlers<T> {
  changed(object: T): void;
  removed(object: T): void;
  synced?(): void;
  failed(error: unknown): void;
}

export interface KubeAccess {
  readonly host: string;
  readonly port: number;
  readonly caPem: string;
  readonly certPem?: string;
  readonly keyPem?: string;
  /** Read at each request: projected tokens are renewed. */
  readonly token?: () => string | Promise<string>;
}

/** A client of one API server. `close` ends its connections. */
export function kubeApi(access: KubeAccess): KubeApi & { close(): void } {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  const watchAgent = new Agent({ keepAlive: false });

  async function open(
    method: string,
    path: string,
    body: unknown,
    contentType: string,
    signal?: AbortSignal,
    watch = false,
  ): Promise<IncomingMessage> {
    const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    const headers: Record<string, string | number> = { accept: 'application/json', 'user-agent': 'sandbox-controller-manager' };
    if (text !== undefined) Object.assign(headers, { 'content-type': contentType, 'content-length': Buffer.byteLength(text) });
    if (access.token !== undefined) headers['authorization'] = `Bearer ${await access.token()}`;
    const sent = httpsRequest({
      host: access.host,
      port: access.port,
      method,
      path,
      headers,
      agent: watch ? watchAgent : agent,
      ca: access.caPem,
      ...(access.certPem === undefined ? {} : { cert: access.certPem, key: access.keyPem }),
      ...(signal === undefined ? {} : { signal }),
    });
    let response: IncomingMessage | undefined;
    // A stream that breaks later must not end the process; its reader hears it as well.
    sent.on('error', (error) => response?.destroy(error));
    sent.end(text);
    try {
      [response] = (await once(sent, 'response')) as [IncomingMessage];
      return response;
    } catch (error) {
      // A kept-alive connection that the server closed at this very moment: the request never reached it.
      if (sent.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET') return open(method, path, body, contentType, signal, watch);
      throw error;
    }
  }

  async function request<T>(
    method: string,
    path: string,
    body?: unknown,
    options: { readonly contentType?: string; readonly signal?: AbortSignal } = {},
  ): Promise<KubeAnswer<T>> {
    const contentType = options.contentType ?? (method === 'PATCH' ? 'application/merge-patch+json' : 'application/json');
    const response = await open(method, path, body, contentType, options.signal);
    const text = await readAll(response);
    const json = (response.headers['content-type'] ?? '').includes('json');
    return { status: response.statusCode ?? 0, body: (json ? JSON.parse(text) : text) as T };
  }

  async function watch<T extends KubeObject>(path: string, version: string, signal: AbortSignal, event: (e: WatchEvent<T>) => void): Promise<void> {
    const target = `${path}${path.includes('?') ? '&' : '?'}watch=1&allowWatchBookmarks=true&resourceVersion=${version}`;
    const response = await open('GET', target, undefined, '', signal, true);
    if (response.statusCode !== 200) throw new KubeRefusal('GET', target, response.statusCode ?? 0, JSON.parse(await readAll(response)));
    for await (const line of lines(response)) event(JSON.parse(line) as WatchEvent<T>);
  }

  async function followOnce<T extends KubeObject>(
    path: string,
    known: Map<string, T>,
    handlers: FollowHandlers<T>,
    signal: AbortSignal,
  ): Promise<void> {
    const listed = await request<List<T>>('GET', path, undefined, { signal });
    if (listed.status !== 200) throw new KubeRefusal('GET', path, listed.status, listed.body);
    let version = listed.body.metadata.resourceVersion;
    const present = new Set<string>();
    for (const item of listed.body.items) {
      const key = keyOf(item);
      present.add(key);
      const before = known.get(key);
      known.set(key, item);
      if (before?.metadata.resourceVersion !== item.metadata.resourceVersion) handlers.changed(item);
    }
    for (const [key, item] of known) {
      if (present.has(key)) continue;
      known.delete(key);
      handlers.removed(item);
    }
    handlers.synced?.();
    // Watches end now and then by themselves; they go on from the last version until the server calls it too old.
    for (let fresh = true; fresh && !signal.aborted; ) {
      await watch<T>(path, version, signal, ({ type, object }) => {
        if (type === 'ERROR') {
          fresh = false;
          return;
        }
        version = object.metadata.resourceVersion ?? version;
        if (type === 'BOOKMARK') return;
        if (type === 'DELETED') known.delete(keyOf(object));
        else known.set(keyOf(object), object);
        if (type === 'DELETED') handlers.removed(object);
        else handlers.changed(object);
      });
    }
  }

  function follow<T extends KubeObject>(path: string, handlers: FollowHandlers<T>, signal: AbortSignal): void {
    const known = new Map<string, T>();
    let first = true;
    const once_: FollowHandlers<T> = {
      changed: guarded(handlers.changed.bind(handlers), handlers),
      removed: guarded(handlers.removed.bind(handlers), handlers),
      synced: () => {
        if (first) handlers.synced?.();
        first = false;
      },
      failed: (error) => handlers.failed(error),
    };
    void (async () => {
      for (let failures = 0; !signal.aborted; ) {
        try {
          await followOnce(path, known, once_, signal);
          failures = 0;
        } catch (error) {
          if (signal.aborted) return;
          // A resource whose definition is not installed yet (404), a server that restarts: tried again, quietly at first.
          if (failures === 5) handlers.failed(error);
          failures += 1;
        }
        await pause(Math.min(200 * 2 ** Math.min(failures, 4), 2000), signal);
      }
    })();
  }

  return {
    access,
    request,
    follow,
    async get<T>(path: string) {
      const { status, body } = await request<T>('GET', path);
      if (status === 404) return undefined;
      if (status !== 200) throw new KubeRefusal('GET', path, status, body);
      return body;
    },
    async send<T>(method: string, path: string, body?: unknown, contentType?: string) {
      const answer = await request<T>(method, path, body, contentType === undefined ? {} : { contentType });
      if (answer.status >= 400) throw new KubeRefusal(method, path, answer.status, answer.body);
      return answer.body;
    },
    close() {
      agent.destroy();
      watchAgent.destroy();
    },
  };
}

/** Name and namespace as one key. */
export function keyOf(object: KubeObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

async function* lines(response: IncomingMessage): AsyncGenerator<string> {
  let rest = '';
  response.setEncoding('utf8');
  for await (const chunk of response) {
    const parts = (rest + String(chunk)).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) if (part !== '') yield part;
  }
}

function guarded<T>(handle: (object: T) => void, handlers: { failed(error: unknown): void }): (object: T) => void {
  return (object) => {
    try {
      handle(object);
    } catch (error) {
      handlers.failed(error);
    }
  };
}

/** Waits, or returns early (without an error) when the signal fires. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener('abort', end);
  });
}
