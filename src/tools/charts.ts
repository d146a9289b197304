/**
 * Owns getting a chart's archive: by exact version from a repository's `index.yaml`, once a run, its sha256 compared
 * with the pinned one or with the index's. Helm itself never compares that digest (helm 4.1.4, `chart_downloader.go`).
 */
import { createHash } from 'node:crypto';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { parse } from 'yaml';
import { asFault, Cancelled, Fault } from '../engine/fault.ts';
import { pauseFor } from '../engine/until.ts';
import { DialAgent } from './dial.ts';
import type { Workspace } from './workspace.ts';

/** A chart in an HTTP(S) repository. */
export interface ChartSource {
  /** URL of the repository, where `index.yaml` lies. */
  readonly repository: string;
  readonly name: string;
  readonly version: string;
  /** sha256 of the archive in hex, where the user pins it. */
  readonly digest?: string | undefined;
}

export interface PulledChart {
  readonly file: string;
  /** sha256 of the archive in hex. */
  readonly digest: string;
}

export type Fetch = (url: string, signal: AbortSignal) => Promise<Buffer>;

export interface Charts {
  /** Downloads and checks a chart; the same one is downloaded once. @throws Fault where it is not there or its bytes are others */
  pull(source: ChartSource, signal: AbortSignal): Promise<PulledChart>;
}

/** @param fetch gets a URL's bytes, following redirects */
export function chartsIn(workspace: Workspace, fetch: Fetch): Charts {
  const pulled = new Map<string, Promise<PulledChart>>();
  const pull = async (source: ChartSource, signal: AbortSignal): Promise<PulledChart> => {
    const { repository, name, version } = source;
    const base = repository.endsWith('/') ? repository : `${repository}/`;
    const index = await fetch(`${base}index.yaml`, signal);
    const entry = indexEntry(index.toString('utf8'), name, version);
    if (entry === undefined) {
      throw new Fault(`the chart ${name} ${version} is not in the repository ${repository}`, {
        hint: 'Check the version in the stack file; a repository may have withdrawn it.',
      });
    }
    const archive = await fetch(new URL(entry.url, base).href, signal);
    const digest = createHash('sha256').update(archive).digest('hex');
    const expected = source.digest ?? entry.digest;
    if (expected === undefined) {
      throw new Fault(`the repository ${repository} publishes no digest of ${name} ${version}`, { hint: 'Pin it with digest: in the stack file.' });
    }
    if (digest !== expected.replace(/^sha256:/, '').toLowerCase()) {
      const whose = source.digest === undefined ? "the repository's index says" : 'the stack file pins';
      throw new Fault(`the chart ${name} ${version} has the sha256 ${digest}, but ${whose} ${expected}; it was not installed`, {
        hint: 'Somebody published other bytes under the same version. Do not go on before you know why.',
      });
    }
    return { file: await workspace.write(`${name}-${version}.tgz`, archive), digest };
  };
  return {
    pull: (source, signal) => {
      const key = JSON.stringify(source);
      const promise = pulled.get(key) ?? pull(source, signal);
      pulled.set(key, promise);
      return promise;
    },
  };
}

/** A digest of digits alone, or a version such as 1.10, must stay text. */
const AS_TEXT = { schema: 'failsafe' } as const;

/**
 * The entry of one version in a repository's index. Indexes have up to some megabytes and machine-made layout, so the
 * one list of the chart is cut out before it is parsed; any other layout is parsed as a whole.
 */
export function indexEntry(index: string, name: string, version: string): { url: string; digest?: string } | undefined {
  const cut = new RegExp(`^  ${name.replace(/[^\w-]/g, '\\$&')}:\\n((?:  [- ].*\\n|\\n)*)`, 'm').exec(`${index}\n`)?.[1];
  const list: unknown =
    cut === undefined || cut === '' ? (parse(index, AS_TEXT) as { entries?: Record<string, unknown> }).entries?.[name] : parse(cut, AS_TEXT);
  if (!Array.isArray(list)) return undefined;
  const found = (list as { version?: string; digest?: string; urls?: string[] }[]).find((entry) => same(entry.version, version));
  const url = found?.urls?.[0];
  if (url === undefined) return undefined;
  return found?.digest === undefined || found.digest === '' ? { url } : { url, digest: found.digest };
}

/** Helm takes `v1.2.3` for `1.2.3`. */
function same(one: string | undefined, other: string): boolean {
  return one?.replace(/^v/, '') === other.replace(/^v/, '');
}

const REDIRECTS = 5;
const TRIES = 4;

/**
 * Gets a URL's bytes over HTTP(S), through a proxy where the environment says so, following redirects; again after a broken
 * connection, 429 and 5xx.
 * @throws Fault with the last status or cause; Cancelled
 */
export async function fetchBytes(url: string, signal: AbortSignal, pause: typeof pauseFor = pauseFor): Promise<Buffer> {
  for (let turn = 1; ; turn += 1) {
    try {
      return await fetchOnce(url, signal);
    } catch (error) {
      const { status } = asFault(error);
      const passes = error instanceof Fault && error.code !== LASTING && (status === undefined || status === 429 || status >= 500);
      if (!passes || turn === TRIES) throw error;
    }
    await pause(Math.random() * 2 ** turn, signal);
  }
}

/** Code of a fault that another try does not heal. */
const LASTING = 'LASTING';

async function fetchOnce(url: string, signal: AbortSignal): Promise<Buffer> {
  const agent = new DialAgent({ keepAlive: false });
  let at = url;
  for (let turn = 0; turn <= REDIRECTS; turn += 1) {
    const { status, location, body } = await getOnce(at, agent, signal);
    if (status === 200) return body;
    if (location === undefined || status < 300 || status >= 400) throw new Fault(`GET ${at}: status ${status}`, { status });
    const next = new URL(location, at).href;
    if (at.startsWith('https:') && !next.startsWith('https:'))
      throw new Fault(`GET ${at}: the redirect leads out of HTTPS to ${next}`, { code: LASTING });
    at = next;
  }
  throw new Fault(`GET ${url}: more than ${REDIRECTS} redirects`, { code: LASTING });
}

function getOnce(url: string, agent: DialAgent, signal: AbortSignal): Promise<{ status: number; location: string | undefined; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void =>
      reject(signal.aborted ? new Cancelled('the run was cancelled') : new Fault(`GET ${url}: ${asFault(error).message}`, { cause: error }));
    const answered = (response: IncomingMessage): void => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', fail);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, location: response.headers.location, body: Buffer.concat(chunks) }));
    };
    const options = { signal, timeout: 60_000, headers: { 'user-agent': 'zitadel-on-otc' } };
    const request = url.startsWith('https:') ? httpsRequest(url, { ...options, agent }, answered) : httpRequest(url, options, answered);
    request.on('timeout', () => request.destroy(new Error('no answer within 60 s')));
    request.on('error', fail);
    request.end();
  });
}
