/**
 * Owns `CONTROL_URL`: plain HTTP, inside the world and on a unix socket for programs outside, with which people and tests
 * read what happened and change the world behind the action's back. What it sets is kept in `state.ts` and the store.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type Pace, paces, type Row, type Store } from '../otc/store.ts';
import { type Act, type ControlState, type Fault, isOf } from './state.ts';
import { wrongSwitch } from './switches.ts';

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

/** A request that makes no sense: answered with 400. */
export class Wrong extends Error {}

const record = (value: unknown, what: string): Readonly<Record<string, unknown>> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Wrong(`${what} must be an object`);
  return value as Readonly<Record<string, unknown>>;
};

const onlyKeys = (value: Readonly<Record<string, unknown>>, keys: readonly string[], what: string): void => {
  const unknown = Object.keys(value).filter((key) => !keys.includes(key));
  if (unknown.length > 0) throw new Wrong(`${what} knows ${keys.join(', ')}, not ${unknown.join(', ')}`);
};

/** Checks a fault's fields: a misspelt one would match too much or do nothing, and a test would prove nothing. */
export function readFault(value: unknown): Fault {
  const fault = record(value, 'a fault');
  onlyKeys(fault, ['service', 'method', 'mutating', 'path', 'skip', 'count', 'each', 'act'], 'a fault');
  for (const key of ['service', 'method', 'path'])
    if (fault[key] !== undefined && typeof fault[key] !== 'string') throw new Wrong(`${key} must be a text`);
  for (const key of ['skip', 'count'])
    if (fault[key] !== undefined && !Number.isInteger(fault[key])) throw new Wrong(`${key} must be a whole number`);
  for (const key of ['mutating', 'each'])
    if (fault[key] !== undefined && typeof fault[key] !== 'boolean') throw new Wrong(`${key} must be true or false`);
  const act = record(fault['act'], 'act');
  const fields: Readonly<Record<string, readonly string[]>> = {
    answer: ['kind', 'status', 'body', 'headers', 'effect'],
    delay: ['kind', 'milliseconds'],
    reset: ['kind', 'when'],
    truncate: ['kind', 'bytes'],
    kill: ['kind', 'when', 'signal'],
  };
  const known = typeof act['kind'] === 'string' ? fields[act['kind']] : undefined;
  if (known === undefined) throw new Wrong(`act.kind must be one of ${Object.keys(fields).join(', ')}`);
  onlyKeys(act, known, `act ${String(act['kind'])}`);
  const required: Readonly<Record<string, string>> = { status: 'number', milliseconds: 'number', bytes: 'number', when: 'string', signal: 'string' };
  for (const key of known) {
    const type = required[key];
    if (type !== undefined && typeof act[key] !== type) throw new Wrong(`act.${key} must be a ${type}`);
  }
  if (act['when'] !== undefined && act['when'] !== 'before' && act['when'] !== 'after') throw new Wrong('act.when must be before or after');
  return { ...fault, act: act as unknown as Act } as Fault;
}

const EDIT = '{"tables":{"vpc.security-group-rules":{"insert":[{…}],"update":{"<id>":{…}},"remove":["<id>"]}},"switches":{"<name>":…}}';

/** Edits tables and switches as {@link ControlServer} takes them; everything is checked before anything changes. */
export function editWorld(store: Store, value: unknown): void {
  const edit = record(value ?? {}, 'the edit');
  const known = Object.keys(edit).every((key) => key === 'switches' || key === 'tables');
  if (!known || Object.keys(edit).length === 0) throw new Wrong(`PUT /world takes ${EDIT}; GET /resources shows tables and rows`);
  const tables = Object.entries(record(edit['tables'] ?? {}, 'tables')).map(([name, changes]) => {
    const wanted = record(changes, `tables.${name}`);
    onlyKeys(wanted, ['insert', 'update', 'remove'], `tables.${name}`);
    const update = Object.entries(record(wanted['update'] ?? {}, `tables.${name}.update`));
    const table = store.table<Row>(name);
    for (const id of [...update.map(([id]) => id), ...((wanted['remove'] ?? []) as string[])]) {
      if (table.get(id) === undefined) throw new Wrong(`${name} has no row ${id}`);
    }
    return { table, insert: (wanted['insert'] ?? []) as Row[], update, remove: (wanted['remove'] ?? []) as string[] };
  });
  const switches = store.table<Row & { readonly value: unknown }>('world.switches');
  const wanted = Object.entries(record(edit['switches'] ?? {}, 'switches'));
  for (const [id, to] of wanted) {
    const wrong = wrongSwitch(id, to);
    if (wrong !== undefined) throw new Wrong(wrong);
  }
  for (const [id, to] of wanted) {
    if (to === null) switches.remove(id);
    else if (switches.update(id, { value: to }) === undefined) switches.insert({ id, value: to });
  }
  for (const { table, insert, update, remove } of tables) {
    for (const row of insert) table.insert(row);
    for (const [id, patch] of update) table.update(id, record(patch, `row ${id}`) as Partial<Row>);
    for (const id of remove) table.remove(id);
  }
}

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
      const text = Buffer.concat(chunks).toString('utf8');
      const found = await this.#route(`${request.method} ${url.pathname}`, url.searchParams, text === '' ? undefined : JSON.parse(text), call);
      if (found === missing) answer(404, { error: `no ${request.method} ${url.pathname} here`, routes: this.#routes() });
      else answer(found === undefined ? 204 : 200, found);
    } catch (error) {
      const wrong = error instanceof Wrong || error instanceof SyntaxError;
      answer(wrong ? 400 : 500, { error: error instanceof Error ? (wrong ? error.message : error.stack) : String(error) });
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
        const { tables } = JSON.parse(store.save()) as { readonly tables: Readonly<Record<string, readonly Row[]>> };
        const only = query.get('table');
        return only === null ? tables : (tables[only] ?? []);
      }
      case 'GET /oddities':
        return store.table('world.oddities').all();
      case 'GET /faults':
        return state.faults();
      case 'PUT /faults':
        return state.setFaults((Array.isArray(body) ? body : [body]).map(readFault).map((fault) => this.#named(fault)));
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

  #named(fault: Fault): Fault {
    const { services } = this.#parts;
    if (fault.service === undefined || services.has(fault.service)) return fault;
    throw new Wrong(`there is no service ${fault.service}; there are ${[...services].sort().join(', ')}`);
  }

  /** `"real"`, `{"pace":"real"}` sets transitions and answers; `{"milliseconds":50}` the answers alone. */
  #latency(body: unknown): void {
    const wanted = typeof body === 'string' ? { pace: body } : record(body, 'latency');
    onlyKeys(wanted, ['pace', 'milliseconds'], 'latency');
    if (Object.keys(wanted).length === 0) throw new Wrong('latency takes {"pace":"fast"} or {"milliseconds":50}');
    const pace = wanted['pace'];
    if (pace !== undefined) {
      if (typeof pace !== 'string' || !(pace in paces)) throw new Wrong(`pace must be one of ${Object.keys(paces).join(', ')}`);
      this.#parts.store.pace = pace as Pace;
      this.#parts.state.setLatency({ pace: pace as Pace });
    }
    const milliseconds = wanted['milliseconds'];
    if (milliseconds !== undefined) {
      if (typeof milliseconds !== 'number' || !(milliseconds >= 0)) throw new Wrong('milliseconds must be a number of 0 or more');
      this.#parts.state.setLatency({ milliseconds });
    }
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
