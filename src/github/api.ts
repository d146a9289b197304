/**
 * Owns GitHub's REST API as the other files here use it: a client loaded only when something is written, patience with
 * rate limits within a budget, and refusals as faults that name the missing permission. What is written is decided elsewhere.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Cancelled, Fault } from '../engine/fault.ts';
import type { Secret } from '../secret.ts';

/** One exchange as `fetch` does it; `main.ts` hands in one that honours proxies. */
export type Fetch = (
  url: string,
  init: { method: string; headers: Record<string, string>; body?: string; signal?: AbortSignal },
) => Promise<Response>;

export interface GithubOptions {
  /** `GITHUB_API_URL`: https://api.github.com, or https://HOST/api/v3 on GitHub Enterprise Server. */
  readonly apiUrl: string;
  readonly token: Secret;
  readonly fetch: Fetch;
  readonly signal: AbortSignal;
  /** Seconds that all waiting for rate limits and servers may take together. */
  readonly budgetSeconds?: number;
  readonly sleep?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  readonly say?: (line: string) => void;
}

export interface Github {
  /** One call, repeated where GitHub asks for patience. @throws Fault; `unclear` where a write may have happened */
  call(method: Method, path: string, body?: object): Promise<unknown>;
  /** All items of a list, following `Link: rel="next"`, at most `pages` pages of 100. */
  list(path: string, pages?: number): Promise<unknown[]>;
  /** Whether a comment or issue of this author may be ours: the token's user, or any app where the token is an app's. */
  mayBeOurs(author: Author | null | undefined): Promise<boolean>;
}

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

export interface Author {
  readonly login: string;
  readonly type: string;
}

/** A refusal or failure of GitHub. */
export class GithubFault extends Fault {
  /** True where no answer came or a server failed: a write may have been done. */
  readonly unclear: boolean;
  constructor(message: string, details: ConstructorParameters<typeof Fault>[1], unclear: boolean) {
    super(message, details);
    this.unclear = unclear;
  }
}

const BUDGET_SECONDS = 120;
/** GitHub asks for at least a minute where a secondary limit comes without `retry-after` (REST API, "Rate limits"). */
const SECONDARY_SECONDS = 60;
const ATTEMPTS = 5;
const TIMEOUT_SECONDS = 30;

/** The client; `@octokit/rest` is loaded here, so that runs without comments never pay for it. */
export async function github(options: GithubOptions): Promise<Github> {
  const { apiUrl, token, fetch, signal, now = Date.now, say = () => undefined } = options;
  const sleep = options.sleep ?? ((milliseconds, abort) => delay(milliseconds, undefined, { signal: abort }));
  const { Octokit } = await import('@octokit/rest');
  const limited: Fetch = (url, init) => fetch(url, { ...init, signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_SECONDS * 1000)]) });
  const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
  const octokit = new Octokit({ auth: token.open(), baseUrl: apiUrl, userAgent: 'zitadel-on-otc', request: { fetch: limited }, log: quiet });
  let left = (options.budgetSeconds ?? BUDGET_SECONDS) * 1000;

  const exchange = async (method: Method, path: string, body?: object): Promise<Answer> => {
    for (let attempt = 1; ; attempt += 1) {
      if (signal.aborted) throw new Cancelled('the run was cancelled');
      try {
        const { data, headers } = await octokit.request(`${method} ${path}`, { ...body });
        return { data, link: headers.link };
      } catch (error) {
        if (signal.aborted) throw new Cancelled('the run was cancelled');
        const refusal = refusalOf(error);
        const wait = waitFor(refusal, attempt, now());
        // A POST with an unclear end may have made something: whoever asked looks before asking again.
        const repeatable = method !== 'POST' || refusal.status === 403 || refusal.status === 429;
        if (wait === undefined || !repeatable || attempt >= ATTEMPTS || wait > left) throw faultOf(method, path, refusal, wait !== undefined);
        left -= wait;
        say(`GitHub asks for patience (${refusal.status ?? 'no answer'}): waiting ${Math.ceil(wait / 1000)} s`);
        await sleep(wait, signal);
      }
    }
  };

  let own: Promise<string | undefined> | undefined;
  const ownLogin = async (): Promise<string | undefined> => {
    // Tokens of apps, the job's own among them, have no user to ask for.
    if (/^(ghs_|v1\.)/.test(token.open())) return undefined;
    try {
      return ((await exchange('GET', '/user')).data as Author).login;
    } catch (error) {
      if (error instanceof GithubFault && error.status === 403) return undefined;
      throw error;
    }
  };
  return {
    call: async (method, path, body) => (await exchange(method, path, body)).data,
    list: async (path, pages = 100) => {
      const items: unknown[] = [];
      let next: string | undefined = `${path}${path.includes('?') ? '&' : '?'}per_page=100`;
      for (let page = 0; next !== undefined && page < pages; page += 1) {
        const { data, link }: Answer = await exchange('GET', next);
        items.push(...(data as unknown[]));
        next = nextOf(link, apiUrl);
      }
      return items;
    },
    mayBeOurs: async (author) => {
      if (author === null || author === undefined) return false;
      own ??= ownLogin();
      const login = await own;
      return login === undefined ? author.type === 'Bot' : author.login === login;
    },
  };
}

interface Answer {
  readonly data: unknown;
  readonly link: string | undefined;
}

interface Refusal {
  readonly status: number | undefined;
  readonly message: string;
  readonly headers: Readonly<Record<string, string | number | undefined>>;
  readonly cause: unknown;
}

/** Octokit's errors carry the response; anything else got none. Its status 500 stands for "no answer" as well. */
function refusalOf(error: unknown): Refusal {
  const { response } = error as { response?: { status: number; headers: Refusal['headers']; data: unknown } };
  const message = error instanceof Error ? error.message : String(error);
  if (response === undefined) return { status: undefined, message, headers: {}, cause: error };
  const said = (response.data as { message?: unknown } | null | undefined)?.message;
  return { status: response.status, message: typeof said === 'string' ? said : message, headers: response.headers, cause: error };
}

/** Milliseconds to wait before the same call makes sense again; undefined where it never will. */
function waitFor({ status, message, headers }: Refusal, attempt: number, now: number): number | undefined {
  if (status === undefined || status >= 500) return 1000 * 2 ** (attempt - 1);
  if (status !== 403 && status !== 429) return undefined;
  const after = Number(headers['retry-after']);
  if (Number.isFinite(after) && after > 0) return after * 1000;
  const reset = Number(headers['x-ratelimit-reset']);
  if (String(headers['x-ratelimit-remaining']) === '0' && reset > 0) return Math.max(1000, reset * 1000 - now);
  return /rate limit|abuse/i.test(message) ? SECONDARY_SECONDS * 1000 : undefined;
}

function faultOf(method: Method, path: string, { status, message, headers, cause }: Refusal, patient: boolean): GithubFault {
  const requestId = headers['x-github-request-id'];
  const accepted = headers['x-accepted-github-permissions'];
  const details = { status, requestId: requestId === undefined ? undefined : String(requestId), cause };
  const what = `GitHub refused ${method} ${path.split('?')[0]}: ${message}`;
  if (status === undefined) return new GithubFault(`GitHub did not answer ${method} ${path.split('?')[0]}: ${message}`, details, true);
  if (patient) {
    const hint = status >= 500 ? 'Look at githubstatus.com.' : 'Its rate limit is used up; run again later.';
    return new GithubFault(what, { ...details, hint }, status >= 500);
  }
  if (status === 401) return new GithubFault(what, { ...details, hint: 'The input github-token is not valid or has expired.' }, false);
  if (status === 403 || status === 404) {
    const hint = permissionHint(path, accepted === undefined ? undefined : String(accepted));
    return new GithubFault(what, { ...details, code: 'permission', hint }, false);
  }
  return new GithubFault(what, details, false);
}

/** Names the permission as a workflow writes it; GitHub's own header knows it best. */
function permissionHint(path: string, accepted: string | undefined): string {
  const named = (accepted ?? '').split(/[;,]/).map((one) => one.trim().replace('_', '-').split('='));
  const writes = named.flatMap(([name, right]) => (name !== undefined && right === 'write' ? [`${name}: write`] : []));
  const needed = writes.length > 0 ? [...new Set(writes)].join(' or ') : path.includes('/comments') ? 'pull-requests: write' : 'issues: write';
  return `Give the job "permissions: ${needed}". A pull request from a fork never gets it, and a private repository needs "contents: read" beside it.`;
}

function nextOf(link: string | undefined, apiUrl: string): string | undefined {
  const [, url] = /<([^>]+)>;\s*rel="next"/.exec(link ?? '') ?? [];
  return url?.startsWith(apiUrl) === true ? url.slice(apiUrl.length) : url;
}
