/**
 * Owns the chart repositories of the inside: `index.yaml` and archives under the true URLs, for stand-in charts or for the
 * real archives of a folder. How archives are made is `pack.ts`, the registries are `registry.ts`.
 */
import type { ServerResponse } from 'node:http';
import { stringify } from 'yaml';
import type { Site } from '../contract.ts';
import { type ChartArchive, packStandIn, readArchives } from './pack.ts';
import { registrySites } from './registry.ts';

interface Repository {
  readonly host: string;
  /** Path of the repository on its host, without a slash at the end. */
  readonly path: string;
  readonly charts: readonly { readonly name: string; readonly versions: readonly (string | undefined)[] }[];
  /** Where the index says that an archive is: absolute, or relative to the repository. */
  archive(name: string, version: string): string;
}

const release =
  (repository: string, tag: (name: string, version: string) => string = (name, version) => `${name}-${version}`) =>
  (name: string, version: string) =>
    `https://github.com/${repository}/releases/download/${tag(name, version)}/${name}-${version}.tgz`;

/** The version that stands in the stand-in's own Chart.yaml. */
const own = [undefined];

const repositories: readonly Repository[] = [
  {
    host: 'charts.zitadel.com',
    path: '',
    charts: [{ name: 'zitadel', versions: [undefined, '9.33.0'] }],
    archive: release('zitadel/zitadel-charts'),
  },
  {
    host: 'projectcontour.github.io',
    path: '/helm-charts',
    charts: [{ name: 'contour', versions: own }],
    archive: release('projectcontour/helm-charts'),
  },
  {
    host: 'kubernetes.github.io',
    path: '/ingress-nginx',
    charts: [{ name: 'ingress-nginx', versions: own }],
    archive: release('kubernetes/ingress-nginx', (_, version) => `helm-chart-${version}`),
  },
  {
    host: 'haproxytech.github.io',
    path: '/helm-charts',
    charts: [{ name: 'kubernetes-ingress', versions: own }],
    archive: release('haproxytech/helm-charts'),
  },
  {
    host: 'charts.jetstack.io',
    path: '',
    charts: [{ name: 'cert-manager', versions: own }],
    archive: (name, version) => `charts/${name}-${version}.tgz`,
  },
  {
    host: 'kubernetes-sigs.github.io',
    path: '/external-dns',
    charts: [{ name: 'external-dns', versions: own }],
    archive: release('kubernetes-sigs/external-dns', (_, version) => `external-dns-helm-chart-${version}`),
  },
  {
    host: 'akyriako.github.io',
    path: '/cert-manager-webhook-opentelekomcloud',
    charts: [{ name: 'cert-manager-webhook-opentelekomcloud', versions: own }],
    archive: release('akyriako/cert-manager-webhook-opentelekomcloud'),
  },
];

/** Where GitHub sends whoever downloads a release's file. */
const assets = 'release-assets.githubusercontent.com';

/**
 * The sites of the chart repositories, and GitHub's release downloads (`github.com`, its assets host) where most of them
 * keep their archives.
 * @param options.chartsDir folder of real archives (`*.tgz`); they take the place of stand-ins of the same chart name
 */
export function chartSites(options: { readonly chartsDir?: string } = {}): Site[] {
  const real = once(async () => (options.chartsDir === undefined ? [] : await readArchives(options.chartsDir)));
  const catalogue = once(async () => load(await real()));
  const hosts = [...new Set(repositories.map(({ host }) => host))];
  return hosts
    .map(
      (host): Site => ({
        name: host,
        hosts: [host],
        async handle(request, response) {
          const found = (await catalogue()).get(`https://${host}${pathOf(request.url)}`);
          answer(response, found);
        },
      }),
    )
    .concat([
      {
        name: 'github releases',
        hosts: ['github.com', assets],
        async handle(request, response) {
          const path = pathOf(request.url);
          const found = (await catalogue()).get(`https://github.com${path}`);
          if (found !== undefined && request.headers.host === 'github.com') response.writeHead(302, { location: `https://${assets}${path}` }).end();
          else answer(response, found);
        },
      },
      ...registrySites(async (chart) => archivesOf(chart, await real())),
    ]);
}

type Catalogue = ReadonlyMap<string, { readonly type: string; readonly body: string | Buffer }>;

/** Made when it is first asked for. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** The given archives of a chart, else its stand-ins. */
async function archivesOf(
  { name, versions }: { readonly name: string; readonly versions: readonly (string | undefined)[] },
  real: readonly ChartArchive[],
): Promise<readonly ChartArchive[]> {
  const given = real.filter((archive) => archive.metadata.name === name);
  return given.length > 0 ? given : await Promise.all(versions.map((version) => packStandIn(name, version === undefined ? {} : { version })));
}

async function load(real: readonly ChartArchive[]): Promise<Catalogue> {
  const catalogue = new Map<string, { type: string; body: string | Buffer }>();
  for (const repository of repositories) {
    const base = `https://${repository.host}${repository.path}/`;
    const entries: Record<string, unknown[]> = {};
    for (const chart of repository.charts) {
      const archives = await archivesOf(chart, real);
      entries[chart.name] = archives.map((archive) => entry(repository, archive));
      for (const { metadata, bytes } of archives) {
        catalogue.set(new URL(repository.archive(chart.name, metadata.version), base).href, { type: 'application/octet-stream', body: bytes });
      }
    }
    catalogue.set(`${base}index.yaml`, {
      type: 'text/yaml',
      body: stringify({ apiVersion: 'v1', entries, generated: '2026-01-01T00:00:00Z' }),
    });
  }
  return catalogue;
}

function entry(repository: Repository, { metadata, digest }: ChartArchive): unknown {
  return { ...metadata, created: '2026-01-01T00:00:00Z', digest, urls: [repository.archive(metadata.name, metadata.version)] };
}

function pathOf(url: string | undefined): string {
  return new URL(url ?? '/', 'https://site').pathname;
}

function answer(response: ServerResponse, found: { readonly type: string; readonly body: string | Buffer } | undefined): void {
  if (found === undefined) response.writeHead(404, { 'content-type': 'text/plain' }).end('404: Not Found\n');
  else response.writeHead(200, { 'content-type': found.type, 'content-length': Buffer.byteLength(found.body) }).end(found.body);
}
