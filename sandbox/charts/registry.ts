/**
 * Owns the OCI registries of the inside that carry charts: docker.io, ghcr.io and a company's own that is open to one account
 * only, each with its token service and the host where its blobs lie. OCI distribution spec 1.1 (pull, tags), "Token Authentication Specification" of distribution, media
 * types of Helm (HIP-6). Read only; container images are not pulled here but by the kubelet's stand-in.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Site } from '../contract.ts';
import type { ChartArchive } from './pack.ts';

interface Registry {
  /** Where the API answers. */
  readonly host: string;
  readonly realm: string;
  readonly service: string;
  /** Where blobs are fetched in the end. */
  readonly storage: string;
  /** Who alone gets a token; without it everybody does. */
  readonly account?: typeof privateRegistry;
  readonly charts: readonly RegistryChart[];
}

export interface RegistryChart {
  /** `envoyproxy/gateway-helm` */
  readonly repository: string;
  readonly name: string;
  readonly versions: readonly (string | undefined)[];
}

/** A mirror as Harbor is one: its tokens are for its accounts. */
export const privateRegistry = { host: 'registry.example.net', username: 'robot$charts', password: 'Kept-in-a-vault-7' } as const;

export const registries: readonly Registry[] = [
  {
    host: 'registry-1.docker.io',
    realm: 'https://auth.docker.io/token',
    service: 'registry.docker.io',
    storage: 'production.cloudflare.docker.com',
    // The makers push each release twice, with and without the v (release.yaml of envoyproxy/gateway v1.9.0).
    charts: [{ repository: 'envoyproxy/gateway-helm', name: 'gateway-helm', versions: [undefined, '1.9.0'] }],
  },
  {
    host: 'ghcr.io',
    realm: 'https://ghcr.io/token',
    service: 'ghcr.io',
    storage: 'pkg-containers.githubusercontent.com',
    charts: [{ repository: 'zitadel/zitadel-charts/zitadel', name: 'zitadel', versions: [undefined, '9.33.0'] }],
  },
  {
    host: privateRegistry.host,
    realm: `https://${privateRegistry.host}/service/token`,
    service: 'harbor-registry',
    storage: 'blobs.example.net',
    account: privateRegistry,
    charts: [{ repository: 'mirror/kubernetes-ingress', name: 'kubernetes-ingress', versions: [undefined] }],
  },
];

const media = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.cncf.helm.config.v1+json',
  chart: 'application/vnd.cncf.helm.chart.content.v1.tar+gzip',
} as const;
/** Seconds that a token is good for, as Docker's are. */
const tokenSeconds = 300;

interface Blob {
  readonly type: string;
  readonly bytes: Buffer;
}

interface Repository {
  readonly tags: ReadonlyMap<string, string>;
  /** Manifests by digest. */
  readonly manifests: ReadonlyMap<string, Blob>;
  readonly blobs: ReadonlyMap<string, Blob>;
}

/** @param archives the archives of a chart: real ones where a user hands them in, else stand-ins */
export function registrySites(archives: (chart: RegistryChart) => Promise<readonly ChartArchive[]>): Site[] {
  return registries.flatMap((registry) => sitesOf(registry, archives));
}

function sitesOf(registry: Registry, archives: (chart: RegistryChart) => Promise<readonly ChartArchive[]>): Site[] {
  const { host, realm, service, storage, account } = registry;
  const tokens = new Map<string, { readonly scopes: readonly string[]; readonly until: number }>();
  /** Addresses of blobs that are given out, as the storage's signed ones are. */
  const signed = new Map<string, Blob>();
  let loading: Promise<ReadonlyMap<string, Repository>> | undefined;
  const load = (): Promise<ReadonlyMap<string, Repository>> => {
    loading ??= Promise.all(registry.charts.map(async (chart) => [chart.repository, repositoryOf(await archives(chart))] as const)).then(
      (found) => new Map(found),
    );
    return loading;
  };

  const token = (url: URL, request: IncomingMessage, response: ServerResponse): void => {
    const known = account === undefined ? undefined : Buffer.from(`${account.username}:${account.password}`).toString('base64');
    if (known !== undefined && request.headers.authorization !== `Basic ${known}`) {
      refuse(response, 401, 'UNAUTHORIZED', 'authentication required');
      return;
    }
    if (url.searchParams.get('service') !== service) {
      refuse(response, 400, 'UNSUPPORTED', 'unknown service');
      return;
    }
    const value = randomBytes(24).toString('base64url');
    tokens.set(value, { scopes: url.searchParams.getAll('scope').flatMap((scope) => scope.split(' ')), until: Date.now() + tokenSeconds * 1000 });
    json(response, { token: value, access_token: value, expires_in: tokenSeconds, issued_at: new Date().toISOString() });
  };
  const admitted = (request: IncomingMessage, scope: string | undefined): boolean => {
    const known = tokens.get(/^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '');
    if (known === undefined || known.until < Date.now()) return false;
    // `repository:name:pull`, where the actions may be several.
    return scope === undefined || known.scopes.some((one) => one.startsWith(`${scope}:`) && /(^|,)(pull|\*)(,|$)/.test(one.slice(scope.length + 1)));
  };
  const api = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', `https://${request.headers.host}`);
    if (`${url.origin}${url.pathname}` === realm) return token(url, request, response);
    response.setHeader('docker-distribution-api-version', 'registry/2.0');
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405, 'UNSUPPORTED', 'The operation is unsupported.');
    const [, name, kind, reference] = /^\/v2\/(.+?)\/(manifests|blobs|tags)\/([^/]+)$/.exec(url.pathname) ?? [];
    const base = url.pathname === '/v2/' || url.pathname === '/v2';
    if (name === undefined && !base) return refuse(response, 404, 'NAME_UNKNOWN', 'repository name not known to registry');
    const scope = name === undefined ? undefined : `repository:${name}`;
    if (!admitted(request, scope)) {
      const asked = scope === undefined ? '' : `,scope="${scope}:pull"`;
      response.setHeader('www-authenticate', `Bearer realm="${realm}",service="${service}"${asked}`);
      return refuse(response, 401, 'UNAUTHORIZED', 'authentication required');
    }
    if (name === undefined) return json(response, {});
    const repository = (await load()).get(name);
    // A registry does not tell who may not see it from what does not exist.
    if (repository === undefined) return refuse(response, 401, 'UNAUTHORIZED', 'authentication required');
    if (kind === 'tags') return json(response, { name, tags: [...repository.tags.keys()].sort() });
    if (kind === 'manifests') {
      const digest = repository.tags.get(reference ?? '') ?? reference ?? '';
      const manifest = repository.manifests.get(digest);
      const accepted = (request.headers.accept ?? '').includes(media.manifest) || (request.headers.accept ?? '*/*').includes('*/*');
      if (manifest === undefined || !accepted) return refuse(response, 404, 'MANIFEST_UNKNOWN', `manifest unknown`);
      return send(request, response, manifest, digest);
    }
    const blob = repository.blobs.get(reference ?? '');
    if (blob === undefined) return refuse(response, 404, 'BLOB_UNKNOWN', 'blob unknown to registry');
    const key = randomBytes(16).toString('hex');
    signed.set(`/blobs/${reference}/data?verify=${key}`, blob);
    response.writeHead(307, { location: `https://${storage}/blobs/${reference}/data?verify=${key}`, 'content-length': 0 }).end();
  };
  const blobs = (request: IncomingMessage, response: ServerResponse): void => {
    const blob = signed.get(request.url ?? '');
    // Object storages refuse a request that is signed twice.
    if (blob === undefined || request.headers.authorization !== undefined) {
      response.writeHead(blob === undefined ? 403 : 400, { 'content-type': 'text/plain' }).end('Forbidden');
      return;
    }
    send(request, response, { ...blob, type: 'application/octet-stream' }, undefined);
  };
  const hosts = [...new Set([host, new URL(realm).host])];
  return [
    { name: host, hosts, handle: api },
    { name: storage, hosts: [storage], handle: blobs },
  ];
}

const digestOf = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** What `helm push` makes of archives. */
function repositoryOf(archives: readonly ChartArchive[]): Repository {
  const tags = new Map<string, string>();
  const manifests = new Map<string, Blob>();
  const blobs = new Map<string, Blob>();
  const put = (type: string, bytes: Buffer): { mediaType: string; digest: string; size: number } => {
    blobs.set(digestOf(bytes), { type, bytes });
    return { mediaType: type, digest: digestOf(bytes), size: bytes.length };
  };
  for (const { metadata, bytes } of archives) {
    const manifest = {
      schemaVersion: 2,
      mediaType: media.manifest,
      config: put(media.config, Buffer.from(JSON.stringify(metadata))),
      layers: [put(media.chart, bytes)],
      annotations: { 'org.opencontainers.image.title': metadata.name, 'org.opencontainers.image.version': metadata.version },
    };
    const text = Buffer.from(JSON.stringify(manifest));
    manifests.set(digestOf(text), { type: media.manifest, bytes: text });
    tags.set(metadata.version.replaceAll('+', '_'), digestOf(text));
  }
  return { tags, manifests, blobs };
}

function send(request: IncomingMessage, response: ServerResponse, { type, bytes }: Blob, digest: string | undefined): void {
  response.writeHead(200, {
    'content-type': type,
    'content-length': bytes.length,
    ...(digest === undefined ? {} : { 'docker-content-digest': digest, etag: `"${digest}"` }),
  });
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

function json(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ errors: [{ code, message, detail: null }] }));
}
