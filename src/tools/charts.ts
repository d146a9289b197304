/**
 * Owns getting a chart's archive: by exact version from a repository's `index.yaml` or from an OCI registry (`oci.ts`),
 * once a run, its sha256 compared with the pinned one or with the index's. Helm itself never compares that digest
 * (helm 4.1.4, `chart_downloader.go`).
 */
import { createHash } from 'node:crypto';
import { parse } from 'yaml';
import { Cancelled, Fault } from '../engine/fault.ts';
import { otherAnswer } from '../engine/other-answer.ts';
import { basicFor, type ChartAccount, notAdmitted } from './chart-account.ts';
import type { Fetch } from './fetch.ts';
import { isRegistry, locateInRegistry } from './oci.ts';
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
  /** sha256 in hex that the chart's bytes must have: the pinned one, else what the repository says. Reads no archive. @throws Fault */
  expected(source: ChartSource, signal: AbortSignal): Promise<string>;
}

/** @param account signs in at its own host, over HTTPS; elsewhere nothing is sent */
export function chartsIn(workspace: Workspace, fetch: Fetch, account?: ChartAccount): Charts {
  const pulled = new Map<string, Promise<PulledChart>>();
  const located = new Map<string, Promise<Located>>();
  const indexes = new Map<string, Promise<string>>();
  // Asked for once a run: what an approved plan was compared with is what is installed then.
  const once = <T>(kept: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> => {
    const promise = kept.get(key) ?? make();
    kept.set(key, promise);
    // A look that was cut short leaves no answer.
    promise.catch((error: unknown) => error instanceof Cancelled && kept.delete(key));
    return promise;
  };
  const locate = (source: ChartSource, signal: AbortSignal): Promise<Located> => {
    const get = (url: string): Promise<Buffer> => got(url, source.repository, account, fetch, signal);
    const index = (url: string): Promise<string> => once(indexes, url, async () => (await get(url)).toString('utf8'));
    return once(located, JSON.stringify(source), async () => {
      if (!isRegistry(source.repository)) return inIndex(source, index, get);
      const { archive, digest } = await locateInRegistry(source, account, fetch, signal);
      return { archive, published: digest, whose: 'the registry says' };
    });
  };
  const pull = async (source: ChartSource, signal: AbortSignal): Promise<PulledChart> => {
    const { name, version } = source;
    const { archive, published, whose } = await locate(source, signal);
    const bytes = await archive();
    const digest = createHash('sha256').update(bytes).digest('hex');
    const expected = source.digest === undefined ? published : bare(source.digest);
    if (digest !== expected) {
      const says = source.digest === undefined ? whose : 'the stack file pins';
      throw new Fault(`the chart ${name} ${version} has the sha256 ${digest}, but ${says} ${expected}; it was not installed`, {
        hint: 'Somebody published other bytes under the same version. Do not go on before you know why.',
      });
    }
    return { file: await workspace.write(`${name}-${version}.tgz`, bytes), digest };
  };
  return {
    pull: (source, signal) => once(pulled, JSON.stringify(source), () => pull(source, signal)),
    expected: async (source, signal) => (source.digest === undefined ? (await locate(source, signal)).published : bare(source.digest)),
  };
}

interface Located {
  /** Downloads the bytes. */
  readonly archive: () => Promise<Buffer>;
  /** sha256 in hex that the repository names. */
  readonly published: string;
  /** How a sentence about that begins. */
  readonly whose: string;
}

async function inIndex(source: ChartSource, index: (url: string) => Promise<string>, get: (url: string) => Promise<Buffer>): Promise<Located> {
  const { repository, name, version } = source;
  const base = repository.endsWith('/') ? repository : `${repository}/`;
  const at = `${base}index.yaml`;
  const entry = indexEntry(await index(at), name, version, at);
  if (entry === undefined) {
    throw new Fault(`the chart ${name} ${version} is not in the repository ${repository}`, {
      hint: 'Check the version in the stack file; a repository may have withdrawn it.',
    });
  }
  const published = entry.digest ?? source.digest;
  if (published === undefined) {
    throw new Fault(`the repository ${repository} publishes no digest of ${name} ${version}`, { hint: 'Pin it with digest: in the stack file.' });
  }
  const { href, protocol } = URL.canParse(entry.url, base) ? new URL(entry.url, base) : { href: entry.url, protocol: '' };
  if (protocol !== 'https:' && protocol !== 'http:') {
    throw new Fault(`GET ${at}: the archive of ${name} ${version} is said to be at ${href}, which is no https:// address`, {
      hint: 'Have the index of the repository mended, or name another repository: in the stack file.',
    });
  }
  return { archive: () => get(href), published: bare(published), whose: "the repository's index says" };
}

/**
 * The account is sent unasked, as helm does it: not every repository asks. It goes to the repository's own scheme, host and
 * port only: what its index names may be plain HTTP or another service on the same host.
 */
async function got(url: string, repository: string, account: ChartAccount | undefined, fetch: Fetch, signal: AbortSignal): Promise<Buffer> {
  const { host, origin, protocol } = new URL(url);
  const home = new URL(repository).origin;
  const own = protocol === 'https:' && origin === home;
  const authorization = own ? basicFor(account, host) : undefined;
  const { status, body } = await fetch(url, signal, authorization === undefined ? {} : { authorization });
  if (status === 200) return body;
  if (own) throw notAdmitted(url, account, host, `it answers ${status}`);
  throw new Fault(`${url} answers ${status}, and an account is sent to its repository's own address alone: ${home}`, {
    status,
    hint: `Have the index of the repository name the archive under ${home}, or name another repository: in the stack file.`,
  });
}

function bare(digest: string): string {
  return digest.replace(/^sha256:/, '').toLowerCase();
}

/** A digest of digits alone, or a version such as 1.10, must stay text. */
const AS_TEXT = { schema: 'failsafe' } as const;

/**
 * The entry of one version in a repository's index. Indexes have up to some megabytes and machine-made layout, so the
 * one list of the chart is cut out before it is parsed; any other layout is parsed as a whole.
 * @param at URL of the index
 * @throws Fault where it is no index
 */
export function indexEntry(index: string, name: string, version: string, at: string): { url: string; digest?: string } | undefined {
  const cut = new RegExp(`^  ${name.replace(/[^\w-]/g, '\\$&')}:\\n((?:  [- ].*\\n|\\n)*)`, 'm').exec(`${index}\n`)?.[1];
  const list = cut === undefined || cut === '' ? entriesOf(index, at)[name] : read(cut, at, index);
  if (!Array.isArray(list)) return undefined;
  const { urls, digest } = (list as (Readonly<Record<string, unknown>> | null)[]).find((entry) => same(entry?.['version'], version)) ?? {};
  const url: unknown = Array.isArray(urls) ? urls[0] : undefined;
  if (typeof url !== 'string') return undefined;
  return typeof digest === 'string' && digest !== '' ? { url, digest } : { url };
}

function entriesOf(index: string, at: string): Readonly<Record<string, unknown>> {
  const { entries } = (read(index, at) ?? {}) as { entries?: unknown };
  if (typeof entries !== 'object' || entries === null) throw otherAnswer(`GET ${at}`, WANTED, index);
  return entries as Readonly<Record<string, unknown>>;
}

function read(text: string, at: string, index = text): unknown {
  try {
    return parse(text, AS_TEXT);
  } catch (cause) {
    throw otherAnswer(`GET ${at}`, WANTED, index, { cause });
  }
}

const WANTED = 'the index of a Helm repository';

/** Helm takes `v1.2.3` for `1.2.3`. */
function same(one: unknown, other: string): boolean {
  return typeof one === 'string' && one.replace(/^v/, '') === other.replace(/^v/, '');
}
