/**
 * Owns GitHub's REST API as far as the action uses it: comments, issues and labels, with real status codes, paging by
 * `Link`, permissions of the job's token and rate limits. The routes are `routes.ts`'s, the tokens of jobs `index.ts`'s.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Site } from '../contract.ts';
import type { Store } from '../otc/store.ts';
import { type Asked, Refused, routes } from './routes.ts';
import { type Author, type Tables, tablesIn } from './tables.ts';

const HOST = 'api.github.com';
/** GitHub's limits of an hour for a job's token. */
const HOURLY = 1000;
const LARGEST_REQUEST = 4 * 1024 * 1024;

/** @param authorOf who a token acts as; undefined for one that is not valid */
export function githubApi(store: Store, authorOf: (token: string) => Author | undefined): Site {
  const tables = tablesIn(store);
  return {
    name: 'github',
    hosts: [HOST],
    async handle(request, response) {
      const headers: Record<string, string> = {
        'content-type': 'application/json; charset=utf-8',
        'x-github-request-id': randomUUID().toUpperCase(),
        'x-github-api-version-selected': '2022-11-28',
        'x-ratelimit-limit': String(HOURLY),
        'x-ratelimit-remaining': String(HOURLY - 1),
        'x-ratelimit-reset': String(Math.ceil(Date.now() / 1000) + 3600),
      };
      const answer = (status: number, body: unknown): void => {
        response.writeHead(status, headers).end(body === undefined ? undefined : JSON.stringify(body));
      };
      try {
        const { status, body, more } = await serve(request, tables, authorOf);
        Object.assign(headers, more);
        answer(status, body);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        Object.assign(headers, error.headers);
        const { status, message, errors } = error;
        answer(status, {
          message,
          ...(errors === undefined ? {} : { errors }),
          documentation_url: 'https://docs.github.com/rest',
          status: String(status),
        });
      }
    },
  };
}

interface Served {
  readonly status: number;
  readonly body?: unknown;
  readonly more?: Readonly<Record<string, string>>;
}

async function serve(request: IncomingMessage, tables: Tables, authorOf: (token: string) => Author | undefined): Promise<Served> {
  const url = new URL(request.url ?? '/', `https://${HOST}`);
  const method = request.method ?? 'GET';
  // GitHub refuses callers without a name (REST API, "User agent required").
  if (request.headers['user-agent'] === undefined) throw new Refused(403, 'Request forbidden by administrative rules.');
  const [, token = ''] = /^(?:bearer|token) (.+)$/i.exec(request.headers.authorization ?? '') ?? [];
  const author = authorOf(token);
  if (author === undefined) throw token === '' ? new Refused(404, 'Not Found') : new Refused(401, 'Bad credentials');
  const text = await bodyOf(request);
  const found = routes.flatMap((route) => {
    const match = route.method === method ? route.path.exec(url.pathname) : null;
    return match === null ? [] : [{ route, groups: { ...match.groups } }];
  })[0];
  if (found === undefined) throw new Refused(404, 'Not Found');
  const { route, groups } = found;
  const asked: Asked = { tables, author, groups, query: url.searchParams, body: text === '' ? {} : parsed(text) };
  const needed = route.needs(asked);
  if (needed !== undefined) permitted(tables, needed, method);
  if (method !== 'GET') limited(tables);
  const result = route.handle(asked);
  if (!Array.isArray(result.body) || route.paged !== true) return result;
  const page = pageOf(result.body, url);
  return { ...result, body: page.items, ...(page.link === undefined ? {} : { more: { link: page.link } }) };
}

function permitted(tables: Tables, needed: readonly ('issues' | 'pull_requests')[], method: string): void {
  const { permissions } = tables.settings();
  const right = method === 'GET' ? 'read' : 'write';
  const enough = needed.some((name) => permissions[name] === 'write' || (right === 'read' && permissions[name] === 'read'));
  if (enough) return;
  const accepted = needed.map((name) => `${name}=${right}`).join('; ');
  throw new Refused(403, 'Resource not accessible by integration', { 'x-accepted-github-permissions': accepted });
}

function limited({ settings, change }: Tables): void {
  const { limitedWrites, retryAfter, limitStatus } = settings();
  if (limitedWrites <= 0) return;
  change({ limitedWrites: limitedWrites - 1 });
  const headers: Record<string, string> = retryAfter > 0 ? { 'retry-after': String(retryAfter) } : {};
  throw new Refused(limitStatus, 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.', headers);
}

/** A page of a list, with the links that GitHub sends; 30 items by default, 100 at most. */
function pageOf(items: readonly unknown[], url: URL): { readonly items: readonly unknown[]; readonly link: string | undefined } {
  const number = (name: string, fallback: number): number => {
    const value = Number(url.searchParams.get(name) ?? fallback);
    return Number.isInteger(value) && value > 0 ? value : fallback;
  };
  const [size, page] = [Math.min(100, number('per_page', 30)), number('page', 1)];
  const last = Math.max(1, Math.ceil(items.length / size));
  const at = (to: number): string => {
    const target = new URL(url);
    target.searchParams.set('page', String(to));
    return `<${target.href}>`;
  };
  const links = [
    ...(page > 1 ? [`${at(page - 1)}; rel="prev"`] : []),
    ...(page < last ? [`${at(page + 1)}; rel="next"`, `${at(last)}; rel="last"`] : []),
    ...(page > 1 ? [`${at(1)}; rel="first"`] : []),
  ];
  return { items: items.slice((page - 1) * size, page * size), link: links.length === 0 ? undefined : links.join(', ') };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > LARGEST_REQUEST) throw new Refused(413, 'Payload Too Large');
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, unknown>>;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new Refused(400, 'Problems parsing JSON');
}
