/**
 * Owns `CONTROL_URL`: plain HTTP, inside the world and on a unix socket for programs outside, with which people and tests
 * read what happened and change the world behind the action's back. What it sets is kept in `state.ts` and the store.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type Pace, paces, type Row, type Store } from '../otc/store.ts';
import { editWorld, readTableName } from './edits.ts';
import { readFault } from './faults.ts';
import { type ControlState, isOf } from './state.ts';
import { checkFields, milliseconds, oneOf, record, Wrong } from './wrong.ts';

export interface ControlParts {
  readonly state: ControlState;
  readonly store: Store;
  /** What faults can name as their service. */
  readonly services: ReadonlySet<string>;
  /** Saves all rooms under a name, or brings that state back. */
  readonly snapshot: (name: string) => Promise<void>;
  readonly restore: (name: string) => Promise<void>;
  /** More routes: `GET /name` and the like, answered with JSON. */
  readonly more?: Readonly<Record<string, Route>>;
}

export type Route = (body: unknown, call: Call) => Promise<unknown> | unknown;

/** What a long route knows of whoever asked. */
export interface Call {
  /** Shows a line at once to those who accept {@link lines}; nobody else sees it. */
  say(line: string): void;
  /** Aborted when the connection is gone before the answer. */
  readonly signal: AbortSignal;
}

/** Accepted, an answer is one JSON object a line: `{"line":…}` while it lasts, at the end `{"result":…}` or `{"error":…}`. */
export const lines = 'application/x-ndjson';

export class ControlServer {
  readonly #parts: ControlParts;
  readonly #servers: Server[] = [];

  constructor(parts: ControlParts) {
    this.#parts = parts;
  }

  /** Listens on an address and port, or on a unix socket. */
  async listen(at: { readonly host: string; readonly port: number } | { readonly path: string }): Promise<void> {
    const server = createServer((request, response) => void this.#serve(request, response));
    // A run of the action takes as long as it takes.
    server.requestTimeout = 0;
    server.timeout = 0;
    this.#servers.push(server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(at, resolve);
    });
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#servers.map((server) => {
        server.closeAllConnections();
        return new Promise<void>((resolve) => server.close(() => resolve()));
      }),
    );
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://control');
    const following = request.headers.accept === lines;
    const answer = (status: number, body: unknown): void => {
      if (following) {
        if (!response.headersSent) response.writeHead(status, { 'content-type': lines });
        response.end(`${JSON.stringify(status < 300 ? { result: body } : body)}\n`);
      } else response.writeHead(status, { 'content-type': 'application/json' }).end(body === undefined ? '' : `${JSON.stringify(body, null, 1)}\n`);
    };
    const gone = new AbortController();
    response.once('close', () => {
      if (!response.writableFinished) gone.abort();
    });
    const call: Call = {
      signal: gone.signal,
      say(line) {
        if (!following) return;
        if (!response.headersSent) response.writeHead(200, { 'content-type': lines });
        response.write(`${JSON.stringify({ line })}\n`);
      },
    };
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const body = parsed(Buffer.concat(chunks).toString('utf8'));
      const found = await this.#route(`${request.method} ${url.pathname}`, url.searchParams, body, call);
      if (found === missing) answer(404, { error: `no ${request.method} ${url.pathname} here`, routes: this.#routes() });
      else answer(found === undefined ? 204 : 200, found);
    } catch (error) {
      if (error instanceof Wrong) answer(error.status, { error: error.message });
      else answer(500, { error: error instanceof Error ? error.stack : String(error) });
    }
  }

  #routes(): string[] {
    return [
      ...['GET /requests', 'DELETE /requests', 'GET /resources', 'GET /oddities', 'GET /faults', 'PUT /faults', 'DELETE /faults'],
      ...['PUT /latency', 'PUT /world', 'POST /snapshot', 'POST /restore', ...Object.keys(this.#parts.more ?? {})],
    ];
  }

  async #route(route: string, query: URLSearchParams, body: unknown, call: Call): Promise<unknown> {
    const { state, store } = this.#parts;
    switch (route) {
      case 'GET /requests':
        return state
          .requests()
          .filter((entry) => query.get('service') === null || isOf(entry, query.get('service') ?? ''))
          .filter((entry) => (['method', 'path', 'host'] as const).every((key) => !query.has(key) || query.get(key) === entry[key]))
          .map((entry) => ({ ...entry, time: new Date(entry.at).toISOString() }));
      case 'DELETE /requests':
        return state.clearRequests();
      case 'GET /resources': {
        const only = query.get('table');
        if (only !== null) return store.table(readTableName(only, 404)).all();
        return (JSON.parse(store.save()) as { readonly tables: Readonly<Record<string, readonly Row[]>> }).tables;
      }
      case 'GET /oddities':
        return store.table('world.oddities').all();
      case 'GET /faults':
        return state.faults();
      case 'PUT /faults':
        return state.setFaults((Array.isArray(body) ? body : [body]).map((fault) => readFault(fault, this.#parts.services)));
      case 'DELETE /faults':
        return state.setFaults([]);
      case 'PUT /latency':
        return this.#latency(body);
      case 'PUT /world':
        return editWorld(store, body);
      case 'POST /snapshot':
        return await timed(this.#parts.snapshot, body);
      case 'POST /restore':
        return await timed(this.#parts.restore, body);
      default: {
        const more = this.#parts.more?.[route];
        return more === undefined ? missing : await more(body, call);
      }
    }
  }

  /** `"real"`, `{"pace":"real"}` sets transitions and answers; `{"milliseconds":50}` the answers alone. */
  #latency(body: unknown): void {
    const wanted = typeof body === 'string' ? { pace: body } : record(body, 'latency');
    checkFields(wanted, { pace: oneOf(...Object.keys(paces)), milliseconds }, 'latency');
    if (Object.keys(wanted).length === 0) throw new Wrong('latency takes {"pace":"fast"} or {"milliseconds":50}');
    const { pace, milliseconds: fixed } = wanted as { readonly pace?: Pace; readonly milliseconds?: number };
    if (pace !== undefined) {
      this.#parts.store.pace = pace;
      this.#parts.state.setLatency({ pace });
    }
    if (fixed !== undefined) this.#parts.state.setLatency({ milliseconds: fixed });
  }
}

function parsed(body: string): unknown {
  try {
    return body === '' ? undefined : JSON.parse(body);
  } catch (error) {
    throw new Wrong(`the body is not JSON: ${(error as Error).message}`);
  }
}

const missing = Symbol('no such route');

async function timed(act: (name: string) => Promise<void>, body: unknown): Promise<{ readonly name: string; readonly milliseconds: number }> {
  const name = body === undefined ? 'default' : (record(body, 'the request')['name'] ?? 'default');
  // It becomes a folder: `..` would be the world's own.
  if (typeof name !== 'string' || !/^\w[\w.-]{0,63}$/.test(name))
    throw new Wrong('name must be 1 to 64 letters, digits, dots, dashes or underscores, the first no dot or dash');
  const start = performance.now();
  await act(name);
  return { name, milliseconds: Math.round(performance.now() - start) };
}
