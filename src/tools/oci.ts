/**
 * Owns getting a chart's archive out of an OCI registry: the token, which registries give out for nothing or to an account,
 * the manifest of a tag, the one layer that is the chart; both must hash to the digests that name them. OCI distribution
 * spec 1.1, token authentication as docker.io and ghcr.io do it (distribution's docs, "Token Authentication Specification")
 * or Basic as its own htpasswd does, media types of Helm's registries (HIP-6).
 */
import { createHash } from 'node:crypto';
import { asFault, Fault } from '../engine/fault.ts';
import { jsonObject, otherAnswer } from '../engine/other-answer.ts';
import { Secret } from '../secret.ts';
import { basicFor, type ChartAccount, notAdmitted, refuseForeignRealm } from './chart-account.ts';
import type { Answer, Fetch } from './fetch.ts';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CHART_LAYER = 'application/vnd.cncf.helm.chart.content.v1.tar+gzip';

/** Hosts that answer elsewhere than they are called, as Docker and Helm have it. */
const HOSTS: Readonly<Record<string, string>> = { 'docker.io': 'registry-1.docker.io', 'index.docker.io': 'registry-1.docker.io' };

export function isRegistry(repository: string): boolean {
  return repository.startsWith('oci://');
}

/** A chart by its manifest alone. */
export interface LocatedChart {
  /** Downloads and checks the archive. */
  readonly archive: () => Promise<Buffer>;
  /** sha256 of the archive in hex, as the manifest names the layer. */
  readonly digest: string;
}

/** A chart in a registry: `repository/name`, its tag the version. */
export interface RegistryChart {
  /** `oci://docker.io/envoyproxy` */
  readonly repository: string;
  readonly name: string;
  readonly version: string;
}

/**
 * @param account signs in where it is this registry's
 * @throws Fault where it is not there, is not open to the account, is no chart, does not hash to its digests, or something
 *   else answers in the registry's place
 */
export async function locateInRegistry(
  { repository, name, version }: RegistryChart,
  account: ChartAccount | undefined,
  fetch: Fetch,
  signal: AbortSignal,
): Promise<LocatedChart> {
  const url = new URL(`${repository.replace(/^oci:/, 'https:').replace(/\/$/, '')}/${name}`);
  const root = `https://${HOSTS[url.host] ?? url.host}/v2${url.pathname}`;
  const what = `the chart ${name} ${version} of ${repository}`;
  const get = authorized({ what, host: url.host, account }, fetch, signal);
  // Tags know no plus sign: Helm writes an underscore in its place.
  const at = `${root}/manifests/${version.replaceAll('+', '_')}`;
  const answer = await get(at, { accept: MANIFEST });
  const named = answer.headers['docker-content-digest'];
  if (typeof named === 'string') verify(`the manifest of ${what}`, answer.body, named);
  const layer = layerOf(jsonObject(`GET ${at}`, 'a manifest', answer.body.toString('utf8')), what);
  return {
    digest: layer.slice('sha256:'.length),
    archive: async () => {
      const { body } = await get(`${root}/blobs/${layer}`, {});
      verify(what, body, layer);
      return body;
    },
  };
}

type Get = (url: string, headers: Readonly<Record<string, string>>) => Promise<Answer>;

interface Asked {
  readonly what: string;
  readonly host: string;
  readonly account: ChartAccount | undefined;
}

/** GET with what the registry asks for, once it asks. */
function authorized(asked: Asked, fetch: Fetch, signal: AbortSignal): Get {
  const { what, host, account } = asked;
  let authorization: string | undefined;
  const ask: Get = async (url, headers) => {
    try {
      return await fetch(url, signal, authorization === undefined ? headers : { ...headers, authorization });
    } catch (error) {
      const { status } = asFault(error);
      if (status === 404)
        throw new Fault(`${what} is not in the registry: ${url} answers 404`, { status, hint: 'Check the version in the stack file.', cause: error });
      if (status === 403) throw notAdmitted(what, account, host, `${url} answers 403`);
      if (status !== 429) throw error;
      throw new Fault(`${what}: the registry lets this address fetch no more for now (429)`, {
        status,
        hint: 'Docker Hub limits anonymous pulls by address and hour. Run again later, or give chart-registry-username and chart-registry-password.',
        cause: error,
      });
    }
  };
  return async (url, headers) => {
    const first = await ask(url, headers);
    if (first.status === 200) return first;
    authorization = await authorizationFor(asked, first, fetch, signal);
    const second = await ask(url, headers);
    if (second.status === 200) return second;
    throw notAdmitted(what, account, host, `${url} answers 401`);
  };
}

/** The account itself, or a token from where the registry's challenge says: `Bearer realm="…",service="…",scope="…"`. */
async function authorizationFor({ what, host, account }: Asked, { headers }: Answer, fetch: Fetch, signal: AbortSignal): Promise<string> {
  const challenge = headers['www-authenticate'] ?? '';
  const parts = Object.fromEntries([...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key, value]));
  const { realm, ...query } = parts;
  const basic = basicFor(account, host);
  if (/^Basic /i.test(challenge)) {
    if (basic === undefined) throw notAdmitted(what, account, host, `the registry asks for user and password (${challenge})`);
    return basic;
  }
  if (!/^Bearer /i.test(challenge) || realm === undefined || !realm.startsWith('https://') || !URL.canParse(realm))
    throw new Fault(`the registry asks for another sign-in than a token: ${challenge || 'no challenge'}`, { status: 401 });
  const url = new URL(realm);
  if (basic !== undefined) refuseForeignRealm(host, url);
  for (const key of ['service', 'scope']) if (query[key] !== undefined) url.searchParams.set(key, query[key]);
  const { status, body } = await fetch(url.href, signal, basic === undefined ? {} : { authorization: basic });
  const at = `${url.origin}${url.pathname}`;
  if (status === 401) throw notAdmitted(what, account, host, `${at} answers 401`);
  const answer = jsonObject(`GET ${at}`, 'a token', body.toString('utf8')) as { token?: unknown; access_token?: unknown };
  const token = answer.token ?? answer.access_token;
  if (typeof token !== 'string') throw otherAnswer(`GET ${at}`, 'a token', body.toString('utf8'));
  return `Bearer ${basic === undefined ? token : new Secret(token, 'token of the registry').open()}`;
}

/** Digest of the layer that is the chart's archive. */
function layerOf({ layers }: { readonly layers?: unknown }, what: string): string {
  const all = (Array.isArray(layers) ? layers : []) as readonly ({ mediaType?: string; digest?: string } | null)[];
  const digest = all.find((layer) => layer?.mediaType === CHART_LAYER)?.digest;
  if (digest === undefined || !/^sha256:[0-9a-f]{64}$/.test(digest))
    throw new Fault(`${what} is no Helm chart: its manifest names no layer of the kind ${CHART_LAYER}`);
  return digest;
}

function verify(what: string, bytes: Buffer, expected: string): void {
  const found = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  if (found === expected) return;
  throw new Fault(`${what} has the digest ${found}, but the registry names it ${expected}; it was not installed`, {
    hint: 'The download was changed on its way. Do not go on before you know why.',
  });
}
