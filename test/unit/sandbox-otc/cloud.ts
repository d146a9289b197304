/**
 * Owns the little cloud these tests talk to: the real front door and services over loopback HTTP, a world whose backends
 * only take notes. Tests see what a foreign client sees: status, headers, JSON.
 */
import assert from 'node:assert/strict';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { World } from '../../../sandbox/contract.ts';
import { ControlState } from '../../../sandbox/control/state.ts';
import { frontDoor } from '../../../sandbox/otc/front-door.ts';
import { services } from '../../../sandbox/otc/index.ts';
import { seed, type Tenant } from '../../../sandbox/otc/seed.ts';
import { sign } from '../../../sandbox/otc/signature.ts';
import { Store } from '../../../sandbox/otc/store.ts';
import { networkTables } from '../../../sandbox/otc/tables/network.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked at field by field, as a client does
  readonly body: any;
}

export interface Asking {
  readonly method?: string;
  readonly body?: unknown;
  /** Sent as it is, in place of `body`. */
  readonly raw?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Cloud {
  readonly store: Store;
  readonly control: ControlState;
  readonly tenant: Tenant;
  readonly project: string;
  readonly addresses: Set<string>;
  /** Lines that the world logged; a defect of the sandbox leaves one. */
  readonly log: string[];
  /** Without authentication. */
  ask(url: string, asking?: Asking): Promise<Answer>;
  /** With a project-scoped token of the administrator. */
  as(user: 'admin' | 'reader', url: string, asking?: Asking): Promise<Answer>;
  /** Signed (variant 1) with an access key. */
  signed(
    url: string,
    asking?: Asking & {
      readonly secretKey?: string;
      readonly accessKey?: string;
      readonly date?: Date;
      readonly securityToken?: string;
      readonly variant?: 1 | 2;
      readonly project?: string | null;
    },
  ): Promise<Answer>;
  token(user: 'admin' | 'reader', scope?: unknown): Promise<string>;
  close(): Promise<void>;
}

const refuse = (): never => {
  throw new Error('this test has no such backend');
};

/** @param backends what stands behind the services, where a test needs more than notes */
export async function startCloud(pace: 'instant' | 'fast' = 'instant', backends: (store: Store) => Partial<World> = () => ({})): Promise<Cloud> {
  const log: string[] = [];
  const store = new Store((error) => log.push(String(error)));
  store.pace = pace;
  const addresses = new Set<string>();
  const world: World = {
    store,
    addresses: { add: async (address) => void addresses.add(address), remove: async (address) => void addresses.delete(address) },
    authority: { publicCaPem: '', rdsCaPem: '', issue: refuse, sign: refuse },
    databases: { create: refuse, setRootPassword: refuse, restart: refuse, move: refuse, remove: refuse, backup: refuse, restore: refuse },
    clusters: { create: refuse, bindExternal: refuse, credentials: refuse, apiServer: refuse, addNode: refuse, removeNode: refuse, remove: refuse },
    gate: { listen: refuse, permits: refuse },
    folder: '',
    cache: '',
    log: (_room, line) => log.push(line),
    resolve: refuse,
    ...backends(store),
  };
  const tenant = seed(store);
  const control = new ControlState();
  const site = frontDoor(world, { services, control });
  const server = createServer((request, response) => void site.handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const project = tenant.projects.find(({ region }) => region === 'eu-de')?.id ?? '';
  const tokens = new Map<string, string>();

  const ask: Cloud['ask'] = (url, { method = 'GET', body, raw, headers = {} } = {}) => {
    const target = new URL(url);
    const text = raw ?? (body === undefined ? '' : JSON.stringify(body));
    return new Promise((resolve, reject) => {
      const request = httpRequest(
        {
          host: '127.0.0.1',
          port,
          method,
          path: target.pathname + target.search,
          headers: {
            host: target.host,
            ...(text === '' ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
            ...headers,
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const answer = Buffer.concat(chunks).toString('utf8');
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: answer === '' ? undefined : String(response.headers['content-type']).startsWith('application/json') ? JSON.parse(answer) : answer,
            });
          });
        },
      );
      request.on('error', reject);
      request.end(text);
    });
  };

  const token: Cloud['token'] = async (user, scope = { project: { id: project } }) => {
    const { name, password } = tenant[user];
    const answer = await ask('https://iam.eu-de.otc.t-systems.com/v3/auth/tokens', {
      method: 'POST',
      body: { auth: { identity: { methods: ['password'], password: { user: { name, password, domain: { name: tenant.domainName } } } }, scope } },
    });
    if (answer.status !== 201) throw new Error(`no token: ${JSON.stringify(answer.body)}`);
    return String(answer.headers['x-subject-token']);
  };

  return {
    store,
    control,
    tenant,
    project,
    addresses,
    log,
    ask,
    token,
    as: async (user, url, asking = {}) => {
      const known = tokens.get(user) ?? (await token(user));
      tokens.set(user, known);
      return ask(url, { ...asking, headers: { 'x-auth-token': known, ...asking.headers } });
    },
    signed: (
      url,
      {
        secretKey = tenant.admin.secretKey,
        accessKey = tenant.admin.accessKey,
        date = new Date(),
        variant = 1,
        securityToken,
        project: named = project,
        ...asking
      } = {},
    ) => {
      const target = new URL(url);
      const text = asking.raw ?? (asking.body === undefined ? '' : JSON.stringify(asking.body));
      const stamp = date.toISOString().replace(/[-:]/g, '').replace(/\.\d+/, '');
      const headers = { host: target.host, 'x-sdk-date': stamp };
      const authorization = sign(
        { method: asking.method ?? 'GET', path: target.pathname, query: target.search.slice(1), headers, body: text },
        { accessKey, secretKey },
        ['host', 'x-sdk-date'],
        variant === 2 ? { region: '', service: '' } : undefined,
      );
      return ask(url, {
        ...asking,
        headers: {
          ...headers,
          authorization,
          ...(named === null ? {} : { 'x-project-id': named }),
          ...(securityToken === undefined ? {} : { 'x-security-token': securityToken }),
          ...asking.headers,
        },
      });
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/**
 * Ends the cloud of a file's tests. It must have logged no defect, and met nothing that the reference does not know unless
 * the tests send such things on `purpose`.
 */
export async function closeClean(cloud: Cloud, purpose: 'strange requests' | undefined = undefined): Promise<void> {
  const strange = networkTables(cloud.store).oddities.all();
  await cloud.close();
  assert.deepEqual(cloud.log, []);
  if (purpose === undefined) assert.deepEqual(strange, []);
}

/** Until a condition holds; fails after two seconds with what was seen last. */
export async function eventually<T>(look: () => Promise<T> | T, holds: (seen: T) => boolean, what = 'waited in vain'): Promise<T> {
  const end = Date.now() + 2000;
  for (;;) {
    const seen = await look();
    if (holds(seen)) return seen;
    if (Date.now() > end) assert.fail(`${what}: last seen ${JSON.stringify(seen)}`);
    await sleep(5);
  }
}

export const iamHost = 'https://iam.eu-de.otc.t-systems.com';
export const vpcHost = 'https://vpc.eu-de.otc.t-systems.com';
export const dnsHost = 'https://dns.eu-de.otc.t-systems.com';
export const natHost = 'https://nat.eu-de.otc.t-systems.com';
