/** Owns talking to a world's control from outside, over its unix socket. What a world is, `world.ts` says. */
import { request } from 'node:http';
import type { Entry, Fault } from '../../sandbox/control/state.ts';
import type { Pace, Row } from '../../sandbox/otc/store.ts';
import type { OddityRow } from '../../sandbox/otc/tables/network.ts';
import type { RunResult } from '../../sandbox/runner/run.ts';
import type { DeployRequest } from '../../sandbox/runner/service.ts';

export class Control {
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  /** Requests seen since the start or the last {@link clearRequests}. */
  requests(): Promise<Entry[]> {
    return this.#ask('GET', '/requests');
  }

  clearRequests(): Promise<void> {
    return this.#ask('DELETE', '/requests');
  }

  /** All tables of the cloud, by name. */
  resources(): Promise<Record<string, Row[]>> {
    return this.#ask('GET', '/resources');
  }

  /** Rows of one table, typed by the caller. */
  table<T extends Row>(name: string): Promise<T[]> {
    return this.#ask('GET', `/resources?table=${encodeURIComponent(name)}`);
  }

  oddities(): Promise<OddityRow[]> {
    return this.#ask('GET', '/oddities');
  }

  faults(faults: readonly Fault[]): Promise<void> {
    return this.#ask('PUT', '/faults', faults);
  }

  latency(latency: Pace | { readonly milliseconds: number }): Promise<void> {
    return this.#ask('PUT', '/latency', latency);
  }

  /** Changes the world behind the action's back: `{ switches, tables: { name: { insert, update, remove } } }`. */
  edit(edit: {
    readonly switches?: Readonly<Record<string, unknown>>;
    readonly tables?: Readonly<
      Record<
        string,
        { readonly insert?: readonly unknown[]; readonly update?: Readonly<Record<string, unknown>>; readonly remove?: readonly string[] }
      >
    >;
  }): Promise<void> {
    return this.#ask('PUT', '/world', edit);
  }

  snapshot(name: string): Promise<{ readonly milliseconds: number }> {
    return this.#ask('POST', '/snapshot', { name });
  }

  restore(name: string): Promise<{ readonly milliseconds: number }> {
    return this.#ask('POST', '/restore', { name });
  }

  run(what: DeployRequest): Promise<RunResult> {
    return this.#ask('POST', '/run', what);
  }

  #ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    return new Promise((resolve, reject) => {
      const outgoing = request({ socketPath: this.#socket, method, path, agent: false }, (incoming) => {
        let text = '';
        incoming.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        incoming.on('error', reject);
        incoming.on('end', () => {
          const status = incoming.statusCode ?? 0;
          if (status >= 400) reject(new Error(`${method} ${path} of the control answered ${status}: ${text}`));
          else resolve((text === '' ? undefined : JSON.parse(text)) as T);
        });
      });
      outgoing.on('error', reject);
      outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}
