/**
 * Owns `zitadel start`: one plain port for HTTP/1.1 and HTTP/2 without TLS, the connection to the database, the end at
 * SIGTERM. What is answered is `answers.ts`'s.
 */
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttp2, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import { createServer, type Socket } from 'node:net';
import type pg from 'pg';
import type { ContainerContext } from '../../image.ts';
import { answer, type Knowledge } from './answers.ts';
import type { Settings } from './configuration.ts';
import { connect, target, ZitadelFailure } from './database.ts';
import { digestOf } from './instance.ts';

/** How long an answer of the database about domains is believed, in milliseconds. */
const believed = 500;
const preface = Buffer.from('PRI * HTTP/2.0');

export async function start(context: ContainerContext, config: Settings): Promise<void> {
  const database = new Database(context, config);
  try {
    await database.query('SELECT 1 FROM queue.river_queue LIMIT 1');
  } catch (error) {
    await database.close();
    const code = (error as { code?: string }).code;
    throw new ZitadelFailure(code === undefined ? (error as Error).message : `ERROR: ${(error as Error).message} (SQLSTATE ${code})`);
  }
  const began = Date.now();
  const known = knowledge(
    database,
    config,
    () => Date.now() - began,
    context.container.image.split(':').pop() ?? '',
    (line) => context.log(line),
  );
  const close = await listen({ address: context.address, port: config.number('Port') }, known, (line) => context.log(line));
  context.log(`level=info msg="server is listening on [::]:${config.number('Port')}"`);
  if (!context.signal.aborted) await new Promise<void>((resolve) => context.signal.addEventListener('abort', () => resolve(), { once: true }));
  await close();
  await database.close();
  context.log('level=info msg="server shutdown gracefully"');
}

/** Serves both protocols on one port; returns how to end it. */
export async function listen(
  at: { readonly address: string; readonly port: number },
  known: Knowledge,
  log: (line: string) => void,
): Promise<() => Promise<void>> {
  const open = new Set<Socket>();
  const http = createHttp((request, response) => void serve(request, response, 'http/1.1', known, log));
  const http2 = createHttp2((request, response) => void serve(request, response, 'h2', known, log));
  const server = createServer((socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.once('readable', () => {
      const first = socket.read() as Buffer | null;
      if (first === null) return;
      socket.unshift(first);
      const isHttp2 = first.subarray(0, preface.length).equals(preface.subarray(0, first.length));
      (isHttp2 ? http2 : http).emit('connection', socket);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(at.port, at.address, resolve);
  });
  return async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of open) socket.destroy();
    await closed;
  };
}

type Request = IncomingMessage | Http2ServerRequest;

async function serve(
  request: Request,
  both: ServerResponse | Http2ServerResponse,
  protocol: 'http/1.1' | 'h2',
  known: Knowledge,
  log: (line: string) => void,
): Promise<void> {
  // HTTP/2's response has the same calls, only with types of its own.
  const response = both as ServerResponse;
  try {
    const headers = request.headers as Record<string, string | undefined>;
    request.resume();
    const host = headers[':authority'] ?? headers['host'] ?? '';
    const result = await answer({ method: request.method ?? 'GET', url: request.url ?? '/', host, headers, protocol }, known);
    response.writeHead(result.status, { ...result.headers });
    if (result.trailers !== undefined) response.addTrailers({ ...result.trailers });
    response.end(result.body);
  } catch (error) {
    log(`level=error msg="request failed" url=${request.url ?? ''} err="${(error as Error).message}"`);
    if (!response.headersSent) response.writeHead(500, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ code: 13, message: 'An internal error occurred' }));
  }
}

/** One connection that is opened again after it broke. */
class Database {
  readonly #context: ContainerContext;
  readonly #config: Settings;
  #client: Promise<pg.Client> | undefined;
  /** One query after the other, as a connection wants it. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(context: ContainerContext, config: Settings) {
    this.#context = context;
    this.#config = config;
  }

  query<T extends pg.QueryResultRow>(sql: string, values: readonly unknown[] = []): Promise<T[]> {
    const next = this.#last.then(() => this.#run<T>(sql, values));
    this.#last = next.then(
      () => undefined,
      () => undefined,
    );
    return next;
  }

  async #run<T extends pg.QueryResultRow>(sql: string, values: readonly unknown[]): Promise<T[]> {
    this.#client ??= this.#open();
    try {
      return (await (await this.#client).query<T>(sql, [...values])).rows;
    } catch (error) {
      if (!/^[0-9A-Z]{5}$/.test((error as { code?: string }).code ?? '')) this.#client = undefined;
      throw error;
    }
  }

  async close(): Promise<void> {
    const client = await this.#client;
    await client?.end();
  }

  async #open(): Promise<pg.Client> {
    const client = await connect(this.#context, this.#config, target(this.#config, 'User'));
    client.on('error', (error) => {
      this.#context.log(`level=error msg="database connection lost" err="${error.message}"`);
      this.#client = undefined;
    });
    return client;
  }
}

function knowledge(database: Database, config: Settings, age: () => number, version: string, log: (line: string) => void): Knowledge {
  let domains: { readonly at: number; readonly names: ReadonlySet<string> } | undefined;
  return {
    externalDomain: config.text('ExternalDomain'),
    version,
    age,
    async hasDomain(host) {
      if (domains === undefined || Date.now() - domains.at > believed) {
        const rows = await database.query<{ domain: string }>('SELECT domain FROM projections.instance_domains');
        domains = { at: Date.now(), names: new Set(rows.map(({ domain }) => domain.toLowerCase())) };
      }
      return domains.names.has(host.toLowerCase());
    },
    async databaseAnswers() {
      try {
        await database.query('SELECT 1');
        return true;
      } catch (error) {
        log(`level=warning msg="ready check failed" err="${(error as Error).message}"`);
        return false;
      }
    },
    async consoleClient() {
      const [instance] = await database.query<{ console_client_id: string }>('SELECT console_client_id FROM projections.instances LIMIT 1');
      if (instance === undefined) return undefined;
      const rows = await database.query<{ uri: string }>(
        `SELECT jsonb_array_elements_text(payload->'redirectUris') AS uri FROM eventstore.events2 WHERE aggregate_type = 'project' AND payload ? 'redirectUris'`,
      );
      return { id: instance.console_client_id, redirectUris: rows.map(({ uri }) => uri) };
    },
    async webKeys() {
      return (await database.query<{ public_key: unknown }>('SELECT public_key FROM projections.web_keys')).map((row) => row.public_key);
    },
    async knowsToken(token) {
      const rows = await database.query('SELECT 1 FROM projections.personal_access_tokens3 WHERE digest = $1 AND expiration > now()', [
        digestOf(token),
      ]);
      return rows.length > 0;
    },
  };
}
