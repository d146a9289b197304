/**
 * Owns the image `external-dns` 0.21: it follows Ingresses, Services, or HTTPRoutes with their Gateways with its service account's
 * rights, asks its webhook for the records there are, and sends it the changes, every interval and (with `--events`) after a
 * change. What it decides is `external-dns-plan.ts` and `external-dns-gateway.ts`. A flag that this stand-in does not know ends it, as an unknown one ends the real program.
 */
import type { ContainerContext, Image } from '../image.ts';
import type { KubeObject } from '../objects.ts';
import { type Gateway, gatewayApi, type HttpRoute } from './envoy-gateway/objects.ts';
import { routeEndpoints } from './external-dns-gateway.ts';
import { type Changes, type Endpoint, endpointsOf, plan, type Settings, type Source } from './external-dns-plan.ts';
import { serveHealth } from './health.ts';
import { httpRequest } from './http-client.ts';
import { sleep, wait } from './patience.ts';

const mediaType = 'application/external.dns.webhook+json;version=1';
const known = new Set([
  ...['log-level', 'log-format', 'interval', 'events', 'source', 'policy', 'registry', 'txt-owner-id', 'txt-prefix', 'namespace'],
  ...['domain-filter', 'managed-record-types', 'provider', 'annotation-prefix', 'gateway-namespace'],
]);
/** The only prefix of annotations that the stand-in reads; v0.21's default. */
const prefix = 'external-dns.alpha.kubernetes.io/';
const sources = ['ingress', 'service', 'gateway-httproute'] as const;
type SourceName = (typeof sources)[number];

/** Milliseconds until what a source reads must have been read once (`source/informers`, v0.21.0); the API server's pace is its own. */
const patience = 60_000;
/** Seconds that changes are gathered for before a round that they cause (`--min-event-sync-interval`). */
const gather = 5;

export const externalDns: Image = {
  matches: (reference) => /(^|\/)external-dns\/external-dns[:@]/.test(reference),
  async run(context) {
    const flags = read(context.args);
    const fatal = (message: string): number => {
      context.log(`level=fatal msg="${message}"`);
      return 1;
    };
    const unknown = [...flags.keys()].find((name) => !known.has(name));
    const one = (name: string): string | undefined => flags.get(name)?.[0];
    if (unknown !== undefined) return fatal(`flag parsing error: unknown long flag '--${unknown}'`);
    if (one('provider') !== 'webhook') return fatal(`provider ${one('provider')} is not at hand here`);
    if (one('registry') !== 'txt') return fatal(`registry ${one('registry')} is not at hand here`);
    if (context.kube === undefined) return fatal('unable to load in-cluster configuration');
    if ((one('annotation-prefix') ?? prefix) !== prefix) return fatal(`annotations with the prefix ${one('annotation-prefix')} are not at hand here`);
    const asked = flags.get('source') ?? [];
    const other = asked.find((source) => !(sources as readonly string[]).includes(source));
    if (other !== undefined) return fatal(`source ${other} is not at hand here`);
    const ownerId = one('txt-owner-id') ?? 'default';
    const settings: Settings = {
      ownerId,
      txtPrefix: (one('txt-prefix') ?? '').toLowerCase(),
      policy: one('policy') ?? 'sync',
      domainFilters: flags.get('domain-filter') ?? [],
      managedTypes: flags.get('managed-record-types') ?? ['A', 'AAAA', 'CNAME'],
    };
    const close = await serveHealth(context, 7979, ['/healthz', '/metrics']);
    try {
      if (!(await negotiate(context))) return context.signal.aborted ? 0 : fatal('failed to connect to webhook');
      const read = readers(asked as SourceName[], one('namespace') ?? '', one('gateway-namespace') ?? '');
      return await loop(context, settings, fatal, {
        read,
        seconds: secondsOf(one('interval') ?? '1m'),
        events: flags.has('events'),
      });
    } finally {
      await close();
    }
  },
};

function read(args: readonly string[]): Map<string, string[]> {
  const flags = new Map<string, string[]>();
  for (const arg of args) {
    const [, name = arg, value = ''] = /^--([^=]+)=?(.*)$/s.exec(arg) ?? [];
    flags.set(name, [...(flags.get(name) ?? []), value]);
  }
  return flags;
}

function secondsOf(text: string): number {
  const [, count = '1', unit = 'm'] = /^(\d+)(s|m|h)$/.exec(text) ?? [];
  return Number(count) * ({ s: 1, m: 60, h: 3600 }[unit] ?? 60);
}

/** Containers of a pod share a loopback; here they share the pod's address. */
async function ask(context: ContainerContext, method: 'GET' | 'POST', path: string, body?: unknown): Promise<{ status: number; text: string }> {
  const headers = { accept: mediaType, ...(body === undefined ? {} : { 'content-type': mediaType }) };
  const url = `http://${context.address}:8888${path}`;
  const answer = await httpRequest(context, {
    url,
    method,
    headers,
    timeoutMs: 30_000,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, text: answer.body.toString('utf8') };
}

async function negotiate(context: ContainerContext): Promise<boolean> {
  for (let tries = 0; tries < 6 && !context.signal.aborted; tries += 1) {
    try {
      if ((await ask(context, 'GET', '/')).status === 200) return true;
    } catch (error) {
      context.log(`level=debug msg="Failed to connect to webhook: ${(error as Error).message}"`);
    }
    await sleep(wait(context.world, 2 ** tries), context.signal);
  }
  return false;
}

interface Reading {
  readonly paths: readonly string[];
  /** @param lists what lies at each path */
  endpoints(lists: readonly (readonly KubeObject[])[]): Endpoint[];
}

/** What each source reads, and what it makes of it. */
function readers(asked: readonly SourceName[], namespace: string, gatewayNamespace: string): Reading[] {
  const within = (space: string): string => (space === '' ? '' : `/namespaces/${space}`);
  const objectsOf = (kind: 'ingress' | 'service', path: string): Reading => ({
    paths: [path],
    endpoints: ([list = []]) => list.flatMap((source) => endpointsOf(kind, source as Source)),
  });
  const reading: Readonly<Record<SourceName, Reading>> = {
    ingress: objectsOf('ingress', `/apis/networking.k8s.io/v1${within(namespace)}/ingresses`),
    service: objectsOf('service', `/api/v1${within(namespace)}/services`),
    'gateway-httproute': {
      // Namespaces always, whatever the two others are limited to.
      paths: [`${gatewayApi}${within(namespace)}/httproutes`, `${gatewayApi}${within(gatewayNamespace)}/gateways`, '/api/v1/namespaces'],
      endpoints: ([routes = [], gateways = [], namespaces = []]) =>
        routeEndpoints({ routes: routes as HttpRoute[], gateways: gateways as Gateway[], namespaces }),
    },
  };
  return asked.map((source) => reading[source]);
}

interface Round {
  readonly read: readonly Reading[];
  readonly seconds: number;
  readonly events: boolean;
}

async function loop(
  context: ContainerContext,
  settings: Settings,
  fatal: (message: string) => number,
  { read, seconds, events }: Round,
): Promise<number> {
  const stores = new Map<string, Map<string, KubeObject>>();
  const unread = new Set<string>();
  let wake: () => void = () => undefined;
  const synced = read
    .flatMap(({ paths }) => paths)
    .map((path) => {
      let resolve: () => void = () => undefined;
      const promise = new Promise<void>((done) => {
        resolve = done;
      });
      const store = new Map<string, KubeObject>();
      stores.set(path, store);
      unread.add(path);
      const key = ({ metadata }: KubeObject): string => `${metadata.namespace}/${metadata.name}`;
      const told = (): void => {
        if (events) wake();
      };
      context.kube?.follow<KubeObject>(
        path,
        {
          changed(object) {
            store.set(key(object), object);
            told();
          },
          removed(object) {
            store.delete(key(object));
            told();
          },
          synced() {
            unread.delete(path);
            resolve();
          },
          failed: (error) => context.log(`level=error msg="${(error as Error).message}"`),
        },
        context.signal,
      );
      return promise;
    });
  const late = new AbortController();
  await Promise.race([Promise.all(synced), sleep(patience, AbortSignal.any([context.signal, late.signal]))]);
  late.abort();
  if (context.signal.aborted) return 0;
  if (unread.size > 0) return fatal(`failed to sync ${[...unread].join(', ')} after 1m0s: context deadline exceeded`);
  while (!context.signal.aborted) {
    const asked = new AbortController();
    wake = () => asked.abort();
    try {
      await once(
        context,
        settings,
        read.flatMap(({ paths, endpoints }) => endpoints(paths.map((path) => [...(stores.get(path)?.values() ?? [])]))),
      );
    } catch (error) {
      context.log(`level=error msg="Failed to do run once: ${(error as Error).message}"`);
    }
    await sleep(wait(context.world, seconds), AbortSignal.any([context.signal, asked.signal]));
    if (asked.signal.aborted) await sleep(wait(context.world, gather), context.signal);
  }
  return 0;
}

async function once(context: ContainerContext, settings: Settings, wanted: readonly Endpoint[]): Promise<void> {
  const records = await ask(context, 'GET', '/records');
  if (records.status !== 200) throw new Error(`soft error: failed to get records with code ${records.status}`);
  const changes: Changes | undefined = plan(settings, JSON.parse(records.text) as Endpoint[], wanted);
  if (changes === undefined) {
    context.log('level=info msg="All records are already up to date"');
    return;
  }
  const applied = await ask(context, 'POST', '/records', changes);
  if (applied.status !== 204) throw new Error(`soft error: failed to apply changes with code ${applied.status}`);
}
