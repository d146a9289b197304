/** The sandbox's GitHub on a loopback port, and the action's client pointed at it. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { githubApi } from '../../../sandbox/github/api.ts';
import { type SettingsRow, type Tables, tablesIn } from '../../../sandbox/github/tables.ts';
import { Store } from '../../../sandbox/otc/store.ts';
import { type Fetch, type Github, type GithubOptions, github } from '../../../src/github/api.ts';
import { Secret } from '../../../src/secret.ts';

export const REPOSITORY = 'example/identity';
export const BOT = 'ghs_botbotbotbotbotbotbotbotbotbotbotbot';
export const USER = 'ghp_useruseruseruseruseruseruseruseruser';

export interface FakeGithub {
  readonly tables: Tables;
  readonly fetch: Fetch;
  /** `METHOD path` of each request that arrived, without the query. */
  readonly asked: string[];
  /** Milliseconds slept by clients of {@link connect}. */
  readonly slept: number[];
  set(settings: Partial<SettingsRow>): void;
  /** Lets the next matching request do its work and lose its answer. */
  loseAnswer(method: string): void;
  connect(token?: string, more?: Partial<GithubOptions>): Promise<Github>;
  close(): Promise<void>;
}

export async function fakeGithub(): Promise<FakeGithub> {
  const store = new Store(assert.ifError);
  const tables = tablesIn(store);
  const authors = new Map([
    [BOT, { login: 'github-actions[bot]', type: 'Bot' as const }],
    [USER, { login: 'octocat', type: 'User' as const }],
  ]);
  const site = githubApi(store, (token) => authors.get(token));
  const asked: string[] = [];
  const slept: number[] = [];
  let losing: string | undefined;
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url?.split('?')[0]}`);
    if (losing === request.method) {
      losing = undefined;
      response.end = (() => response.destroy()) as unknown as typeof response.end;
    }
    void site.handle(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const local = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const fetched: Fetch = (url, init) => fetch(url.replace('https://api.github.com', local), { ...init });
  const time = '2026-01-01T00:00:00Z';
  const what = { title: 'Change', body: null, state: 'open' as const, stateReason: null, labels: [], pullRequest: true };
  const user = { login: 'octocat', type: 'User' as const };
  tables.issues.insert({ id: `${REPOSITORY}#7`, repository: REPOSITORY, number: 7, ...what, user, createdAt: time, updatedAt: time });
  return {
    tables,
    fetch: fetched,
    asked,
    slept,
    set: (settings) => tables.change(settings),
    loseAnswer: (method) => {
      losing = method;
    },
    connect: (token = BOT, more = {}) =>
      github({
        apiUrl: 'https://api.github.com',
        token: new Secret(token),
        fetch: fetched,
        signal: new AbortController().signal,
        sleep: async (milliseconds) => void slept.push(milliseconds),
        ...more,
      }),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
