/**
 * Owns the image `external-dns-openstack-webhook` 2.3.0: external-dns's provider for OTC's DNS. It signs in once with user and
 * password of `/etc/openstack/clouds.yaml`, finds DNS in the catalog, and serves records and changes of the zones that fit its
 * domain filter. Without credentials that work it ends. As the real one it sends no TTL for TXT records it makes, and 0 for
 * those it changes.
 */
import { createServer, type IncomingMessage } from 'node:http';
import { parse } from 'yaml';
import type { ContainerContext, Image } from '../image.ts';
import { type Changes, type Endpoint, matchesDomain } from './external-dns-plan.ts';
import { serveHealth } from './health.ts';
import { httpRequest } from './http-client.ts';
import { untilAborted } from './patience.ts';

const mediaType = 'application/external.dns.webhook+json;version=1';

interface Cloud {
  readonly auth?: Readonly<Record<string, string | undefined>>;
  readonly region_name?: string;
}

interface Client {
  /** `https://host/v2` of DNS. */
  readonly base: string;
  readonly token: string;
}

interface RecordSet {
  readonly id: string;
  readonly zone_id: string;
  readonly name: string;
  readonly type: string;
  readonly ttl: number;
  readonly records: readonly string[];
}

export const externalDnsWebhook: Image = {
  matches: (reference) => /(^|\/)external-dns-openstack-webhook[:@]/.test(reference),
  async run(context) {
    const filters = context.args.flatMap((arg) => (arg.startsWith('--domain-filter=') ? [arg.slice('--domain-filter='.length)] : []));
    let client: Client;
    try {
      client = await signIn(context);
    } catch (error) {
      context.log(`level=fatal msg="NewDesignateProvider: ${(error as Error).message}"`);
      return 1;
    }
    context.log(`level=info msg="Found OpenStack Designate (DNS) service at ${client.base}"`);
    const call = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
      const answer = await send<T>(context, client, method, path, body);
      if (answer !== 'expired') return answer;
      client = await signIn(context);
      const again = await send<T>(context, client, method, path, body);
      if (again === 'expired') throw new Error(`${method} ${path}: Authentication failed`);
      return again;
    };
    const server = createServer((request, response) => {
      const reply = (status: number, text = ''): void => void response.writeHead(status, { 'content-type': mediaType }).end(text);
      const work = async (): Promise<void> => {
        const route = `${request.method} ${request.url}`;
        if (route === 'GET /') reply(200, '{}');
        else if (route === 'GET /records') reply(200, JSON.stringify((await recordSets(call, filters)).map(endpointOf)));
        else if (route === 'POST /records') {
          await applyChanges(context, call, filters, JSON.parse(await bodyOf(request)) as Changes);
          reply(204);
        } else if (route === 'POST /adjustendpoints') reply(200, await bodyOf(request));
        else reply(404);
      };
      work().catch((error: Error) => {
        context.log(`level=error msg="${error.message}"`);
        reply(500);
      });
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(8888, context.address, resolve);
    });
    const closeHealth = await serveHealth(context, 8080, ['/healthz', '/metrics']);
    await untilAborted(context.signal);
    server.closeAllConnections();
    await Promise.all([new Promise<void>((resolve) => server.close(() => resolve())), closeHealth()]);
    return 0;
  },
};

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** A token by user and password, and DNS's place by the catalog. */
async function signIn(context: ContainerContext): Promise<Client> {
  const document = parse((await context.files.read('/etc/openstack/clouds.yaml')).toString('utf8')) as { clouds?: Record<string, Cloud> };
  const name = context.env['OS_CLOUD'] ?? 'openstack';
  const cloud = document.clouds?.[name];
  if (cloud === undefined) throw new Error(`cloud "${name}" not found`);
  const { auth_url: url = '', username = '', password = '', user_domain_name: userDomain, project_name: project } = cloud.auth ?? {};
  const domain = { name: userDomain ?? cloud.auth?.['domain_name'] ?? '' };
  const identity = { methods: ['password'], password: { user: { name: username, password, domain } } };
  const body = { auth: { identity, ...(project === undefined ? {} : { scope: { project: { name: project, domain } } }) } };
  const asked = `${url.replace(/\/$/, '')}/auth/tokens`;
  const headers = { 'content-type': 'application/json' };
  const answer = await httpRequest(context, { url: asked, method: 'POST', headers, body: JSON.stringify(body), timeoutMs: 30_000 });
  const text = answer.body.toString('utf8');
  if (answer.status !== 201)
    throw new Error(`Expected HTTP response code [201 202] when accessing [POST ${asked}], but got ${answer.status} instead: ${text}`);
  const { token } = JSON.parse(text) as { token: { catalog?: { type: string; endpoints: { interface: string; region?: string; url: string }[] }[] } };
  const endpoints = (token.catalog ?? []).filter(({ type }) => type === 'dns').flatMap(({ endpoints: list }) => list);
  const found = endpoints.find(
    (one) => one.interface === 'public' && (cloud.region_name === undefined || [cloud.region_name, '*'].includes(one.region ?? '*')),
  );
  if (found === undefined) throw new Error('No suitable endpoint could be found in the service catalog.');
  return { base: `${new URL(found.url).origin}/v2`, token: String(answer.headers['x-subject-token']) };
}

async function send<T>(context: ContainerContext, { base, token }: Client, method: string, path: string, body: unknown): Promise<T | 'expired'> {
  const url = path.startsWith('https://') ? path : `${base}${path}`;
  const headers = { 'x-auth-token': token, accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
  const answer = await httpRequest(context, {
    url,
    method,
    headers,
    timeoutMs: 30_000,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (answer.status === 401) return 'expired';
  const text = answer.body.toString('utf8');
  if (answer.status >= 400) throw new Error(`${method} ${url}: ${answer.status}: ${text}`);
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

type Call = <T>(method: string, path: string, body?: unknown) => Promise<T>;

async function all<T>(call: Call, path: string, key: string): Promise<T[]> {
  const found: T[] = [];
  for (let next: string | undefined = path; next !== undefined; ) {
    const page: Record<string, unknown> = await call<Record<string, unknown>>('GET', next);
    found.push(...((page[key] ?? []) as T[]));
    next = (page['links'] as { next?: string } | undefined)?.next;
  }
  return found;
}

async function zonesOf(call: Call, filters: readonly string[]): Promise<{ id: string; name: string }[]> {
  return (await all<{ id: string; name: string }>(call, '/zones', 'zones')).filter(({ name }) => matchesDomain(name, filters));
}

async function recordSets(call: Call, filters: readonly string[]): Promise<RecordSet[]> {
  const found: RecordSet[] = [];
  for (const { id } of await zonesOf(call, filters)) found.push(...(await all<RecordSet>(call, `/zones/${id}/recordsets`, 'recordsets')));
  return found.filter(({ type }) => ['A', 'TXT', 'CNAME'].includes(type));
}

const bare = (name: string): string => name.replace(/\.$/, '');
const endpointOf = ({ name, type, ttl, records }: RecordSet): Endpoint => ({
  dnsName: bare(name),
  recordType: type,
  recordTTL: ttl,
  targets: records,
});

/** Every change becomes one write of a whole record set; one that fails does not stop the others. */
async function applyChanges(context: ContainerContext, call: Call, filters: readonly string[], changes: Changes): Promise<void> {
  const [zones, existing] = [await zonesOf(call, filters), await recordSets(call, filters)];
  const sets = new Map<string, { name: string; type: string; ttl: number; values: Map<string, boolean>; there: RecordSet | undefined }>();
  const add = (list: readonly Endpoint[] | undefined, kept: boolean): void => {
    for (const { dnsName, recordType, recordTTL = 0, targets } of list ?? []) {
      const there = existing.find(({ name, type }) => bare(name) === dnsName && type === recordType);
      const values = new Map((there?.records ?? []).map((record) => [record, true] as const));
      const set = sets.get(`${dnsName}/${recordType}`) ?? { name: `${dnsName}.`, type: recordType, ttl: recordTTL, values, there };
      set.ttl = recordTTL;
      for (const target of targets) set.values.set(target, kept);
      sets.set(`${dnsName}/${recordType}`, set);
    }
  };
  add(changes.create, true);
  add(changes.updateOld, false);
  add(changes.updateNew, true);
  add(changes.delete, false);
  const errors: Error[] = [];
  for (const { name, type, ttl, values, there } of sets.values()) {
    const records = [...values].filter(([, kept]) => kept).map(([value]) => value);
    const zone = there?.zone_id ?? [...zones].sort((a, b) => b.name.length - a.name.length).find((one) => `.${name}`.endsWith(`.${one.name}`))?.id;
    if (zone === undefined || (there === undefined && records.length === 0)) continue;
    context.log(
      `level=info msg="${there === undefined ? 'Creating' : records.length === 0 ? 'Deleting' : 'Updating'} records: ${name}/${type}: ${records.join(',')}"`,
    );
    try {
      if (there === undefined) await call('POST', `/zones/${zone}/recordsets`, { name, type, records, ...(ttl === 0 ? {} : { ttl }) });
      else if (records.length === 0) await call('DELETE', `/zones/${zone}/recordsets/${there.id}`);
      else await call('PUT', `/zones/${zone}/recordsets/${there.id}`, { ttl, records });
    } catch (error) {
      errors.push(error as Error);
    }
  }
  if (errors[0] !== undefined) throw errors[0];
}
