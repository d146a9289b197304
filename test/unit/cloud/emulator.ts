/**
 * Owns a signed-in client against the sandbox's OTC services in this process: their real front door behind a socket, with
 * backends (databases, control planes, addresses) that only remember. What runs inside those is proved by the scenarios.
 */

import { randomBytes } from 'node:crypto';
import { Agent, createServer, request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Site, World } from '../../../sandbox/contract.ts';
import { frontDoor, seed, services } from '../../../sandbox/otc/index.ts';
import { rdsDownloads } from '../../../sandbox/otc/rds-downloads.ts';
import { Store } from '../../../sandbox/otc/store.ts';
import type { Otc } from '../../../src/otc/client.ts';
import { signIn } from '../../../src/otc/sign-in.ts';
import { type HttpRequest, type HttpResponse, type Transport, TransportFailure } from '../../../src/otc/transport.ts';
import { Secret } from '../../../src/secret.ts';
import { authorityPem } from './authority.ts';

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly status: number;
}

/** `kind` is the call's method and address without ids. */
export type Strike = (call: { readonly asked: HttpRequest; readonly kind: string }, ask: () => Promise<HttpResponse>) => Promise<HttpResponse>;

export interface Emulator {
  readonly store: Store;
  readonly requests: Seen[];
  readonly defects: unknown[];
  /** Calls whose `METHOD url` fits are answered so each time; undefined as a status: not at all. */
  readonly broken: { readonly fits: RegExp; readonly status: number | undefined }[];
  /** Stands between the client and the services: gives what a call is answered, asking them or not. */
  strike: Strike | undefined;
  /** Told after each write that had its effect, with their number since the last change of this. */
  afterWrite: ((count: number) => void) | undefined;
  /** What the API reference does not know, as the front door recorded it. */
  oddities(): string[];
  connect(more?: {
    readonly reader?: boolean;
    readonly signal?: AbortSignal;
    readonly byPassword?: boolean;
    readonly dnsProject?: string;
  }): Promise<Otc>;
  close(): Promise<void>;
}

export async function emulator(): Promise<Emulator> {
  const defects: unknown[] = [];
  const store = new Store((error) => defects.push(error));
  store.pace = 'instant';
  const tenant = seed(store);
  const rdsCaPem = await authorityPem();
  const nothing = async (): Promise<void> => undefined;
  const credentials = async (): Promise<{ caPem: string; certPem: string; keyPem: string }> => ({
    caPem: rdsCaPem,
    certPem: rdsCaPem,
    keyPem: rdsCaPem,
  });
  const world = {
    store,
    addresses: { add: nothing, remove: nothing },
    authority: { publicCaPem: rdsCaPem, rdsCaPem },
    databases: { create: nothing, setRootPassword: nothing, restart: nothing, move: nothing, remove: nothing, backup: nothing, restore: nothing },
    clusters: { create: nothing, bindExternal: nothing, credentials, addNode: nothing, removeNode: nothing, remove: nothing },
    gate: { listen: async () => nothing, permits: () => true },
    folder: tmpdir(),
    cache: tmpdir(),
    log: (room: string, line: string) => defects.push(`${room}: ${line}`),
    resolve: async () => [],
  } as unknown as World;
  const sites: Site[] = [frontDoor(world, { services }), rdsDownloads(world)];
  const siteOf = (host: string): Site | undefined =>
    sites.findLast(({ hosts }) => hosts.some((name) => (name.startsWith('.') ? host.endsWith(name) : host === name)));
  // A slow machine may let a connection idle for longer than a server usually keeps it.
  const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
    const site = siteOf(request.headers.host ?? '');
    if (site === undefined) response.writeHead(502).end();
    else void site.handle(request, response);
  });
  const path = join(tmpdir(), `otc-${randomBytes(6).toString('hex')}.sock`);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const agent = new Agent({ keepAlive: true });
  const requests: Seen[] = [];
  const broken: Emulator['broken'] = [];
  let writes = 0;
  let strike: Strike | undefined;
  let afterWrite: ((count: number) => void) | undefined;
  const transport: Transport = async (asked) => {
    const fault = broken.find(({ fits }) => fits.test(`${asked.method} ${asked.url}`));
    if (fault !== undefined) {
      requests.push({ method: asked.method, url: asked.url, status: fault.status ?? 0 });
      if (fault.status === undefined) throw new TransportFailure('cut off', 'ECONNRESET', true);
      return { status: fault.status, headers: {}, body: Buffer.from(JSON.stringify({ error_code: 'X.1', error_msg: 'not today' })) };
    }
    const kind = `${asked.method} ${asked.url.replace(/[0-9a-f]{8}[0-9a-f-]{20,}(in03)?/g, '*')}`;
    const ask = (): Promise<HttpResponse> => exchange(asked, { socketPath: path, agent }, requests);
    const answer = await (strike === undefined ? ask() : strike({ asked, kind }, ask));
    if (asked.method === 'GET') return answer;
    writes += 1;
    afterWrite?.(writes);
    return answer;
  };
  return {
    broken,
    get strike() {
      return strike;
    },
    set strike(set) {
      strike = set;
    },
    get afterWrite() {
      return afterWrite;
    },
    set afterWrite(told) {
      writes = 0;
      afterWrite = told;
    },
    store,
    requests,
    defects,
    oddities: () =>
      store
        .table<{ id: string }>('world.oddities')
        .all()
        .map(({ id }) => id),
    connect: ({ reader = false, signal = new AbortController().signal, byPassword = false, dnsProject } = {}) => {
      const { name, password, accessKey, secretKey } = reader ? tenant.reader : tenant.admin;
      const credential = byPassword
        ? ({ kind: 'password', username: name, password: new Secret(password), domainName: tenant.domainName } as const)
        : ({ kind: 'access-key', accessKey, secretKey: new Secret(secretKey) } as const);
      return signIn(credential, { region: 'eu-de', project: 'eu-de_zitadel', dnsProject }, { transport, signal, pause: nothing });
    },
    close: () => {
      agent.destroy();
      return new Promise<void>((resolve, reject) => server.close((error) => (error ? reject(error) : resolve())));
    },
  };
}

function exchange(
  asked: HttpRequest,
  { socketPath, agent }: { readonly socketPath: string; readonly agent: Agent },
  requests: Seen[],
): Promise<HttpResponse> {
  const url = new URL(asked.url);
  return new Promise((resolve, reject) => {
    const length = asked.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(asked.body)) };
    const headers = { ...asked.headers, ...length, host: url.host };
    const outgoing = httpRequest(
      { socketPath, agent, method: asked.method, path: url.pathname + url.search, headers, signal: asked.signal },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('end', () => {
          const status = incoming.statusCode ?? 0;
          requests.push({ method: asked.method, url: asked.url, status });
          resolve({
            status,
            headers: Object.fromEntries(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)])),
            body: Buffer.concat(chunks),
          });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(asked.body);
  });
}
