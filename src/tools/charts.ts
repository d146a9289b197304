/**
 * Owns getting a chart's archive: by exact version from a repository's `index.yaml` or from an OCI registry (`oci.ts`),
 * once a run, its sha256 compared with the pinned one or with the index's. Helm itself never compares that digest
 * (helm 4.1.4, `chart_downloader.go`).
 */
import { createHash } from 'node:crypto';
import { parse } from 'yaml';
import { Fault } from '../engine/fault.ts';
import type { Fetch } from './fetch.ts';
import { isRegistry, pullFromRegistry } from './oci.ts';
import type { Workspace } from './workspace.ts';

/** A chart in an HTTP(S) repository or an OCI registry. */
export interface ChartSource {
  /** URL of the repository, where `index.yaml` lies, or of the registry's folder (`oci://docker.io/envoyproxy`). */
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

export interface Charts {
  /** Downloads and checks a chart; the same one is downloaded once. @throws Fault where it is not there or its bytes are others */
  pull(source: ChartSource, signal: AbortSignal): Promise<PulledChart>;
}

export function chartsIn(workspace: Workspace, fetch: Fetch): Charts {
  const pulled = new Map<string, Promise<PulledChart>>();
  const pull = async (source: ChartSource, signal: AbortSignal): Promise<PulledChart> => {
    const { repository, name, version } = source;
    const { archive, expected, whose } = isRegistry(repository) ? await fromRegistry(source, fetch, signal) : await fromIndex(source, fetch, signal);
    const digest = createHash('sha256').update(archive).digest('hex');
    const pinned = source.digest ?? expected;
    if (digest !== pinned.replace(/^sha256:/, '').toLowerCase()) {
      const says = source.digest === undefined ? whose : 'the stack file pins';
      throw new Fault(`the chart ${name} ${version} has the sha256 ${digest}, but ${says} ${pinned}; it was not installed`, {
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

interface Found {
  readonly archive: Buffer;
  /** sha256 that the repository names. */
  readonly expected: string;
  /** How a sentence about that begins. */
  readonly whose: string;
}

async function fromRegistry({ repository, name, version }: ChartSource, fetch: Fetch, signal: AbortSignal): Promise<Found> {
  const { archive, digest } = await pullFromRegistry(repository, name, version, fetch, signal);
  return { archive, expected: digest, whose: 'the registry says' };
}

async function fromIndex(source: ChartSource, fetch: Fetch, signal: AbortSignal): Promise<Found> {
  const { repository, name, version } = source;
  const base = repository.endsWith('/') ? repository : `${repository}/`;
  const get = async (url: string): Promise<Buffer> => {
    const { status, body } = await fetch(url, signal);
    if (status !== 200) throw new Fault(`GET ${url}: status ${status}`, { status });
    return body;
  };
  const index = await get(`${base}index.yaml`);
  const entry = indexEntry(index.toString('utf8'), name, version);
  if (entry === undefined) {
    throw new Fault(`the chart ${name} ${version} is not in the repository ${repository}`, {
      hint: 'Check the version in the stack file; a repository may have withdrawn it.',
    });
  }
  const archive = await get(new URL(entry.url, base).href);
  const expected = entry.digest ?? source.digest;
  if (expected === undefined) {
    throw new Fault(`the repository ${repository} publishes no digest of ${name} ${version}`, { hint: 'Pin it with digest: in the stack file.' });
  }
  return { archive, expected, whose: "the repository's index says" };
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
