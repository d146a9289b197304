/**
 * Owns what the world's operator set and what the front doors saw: the request log, injected faults, simulated latency.
 * Front doors (OTC, charts, downloads, GitHub) consult it for every call; `server.ts` next door lets people and tests change
 * it over HTTP. It knows no service and answers nothing itself.
 */
import type { Pace } from '../otc/store.ts';
import { paces } from '../otc/store.ts';

/** A request as faults and latencies match it. */
export interface Asked {
  /** Service name as in `Service.name` or `Site.name`: `vpc`, `rds`, `charts`. */
  readonly service: string;
  /** The service that the host name says, where several share one: `vpc` for subnets, groups and addresses. */
  readonly endpoint?: string;
  readonly method: string;
  /** Path without query. */
  readonly path: string;
}

/** One line of the request log; written when the answer is known, also when the connection was cut on purpose. */
export interface Entry extends Asked {
  readonly host: string;
  readonly query: string;
  /** Status sent; 0 where the connection was cut instead. */
  readonly status: number;
  /** Milliseconds since the epoch when the request had arrived. */
  readonly at: number;
  /** Milliseconds from arrival to answer. */
  readonly took: number;
  readonly requestId: string;
  /** Address and port of the caller. */
  readonly source: string;
  readonly userAgent?: string;
  /** `token`, `signature`, or undefined on public routes and other sites. */
  readonly via?: 'token' | 'signature' | undefined;
  /** What a fault did to this request, if one did. */
  readonly fault?: string;
}

/** What a fault does to a matched request. `effect` says whether the service still does its work first. */
export type Act =
  /** Answers with this status and body in place of the service. With `effect: 'after'` the service has done its work. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly body?: unknown;
      readonly headers?: Readonly<Record<string, string>>;
      readonly effect?: 'none' | 'after';
    }
  /** Waits so many milliseconds, then goes on as usual. */
  | { readonly kind: 'delay'; readonly milliseconds: number }
  /** Cuts the connection (TCP reset), before the service did its work or after. */
  | { readonly kind: 'reset'; readonly when: 'before' | 'after' }
  /** Does the work, sends the head with the full length and only so many bytes of the body, then cuts. */
  | { readonly kind: 'truncate'; readonly bytes: number }
  /** Sends a signal to the process that asked, before the service did its work or after it; then the request goes on. */
  | { readonly kind: 'kill'; readonly when: 'before' | 'after'; readonly signal: NodeJS.Signals };

export interface Fault {
  /** Absent fields match everything. A service, or the endpoint of several. */
  readonly service?: string;
  readonly method?: string;
  /** Any non-GET, non-HEAD method. */
  readonly mutating?: boolean;
  /** Path with `*` (within a segment) and `**` (anything). */
  readonly path?: string;
  /** Lets so many matching requests through first. */
  readonly skip?: number;
  /** Applies to so many requests; 0 means to all. Default 1. */
  readonly count?: number;
  /** Counts and skips for each kind of call on its own: service, method and path, whatever the ids in it. */
  readonly each?: boolean;
  readonly act: Act;
}

interface Armed {
  readonly fault: Fault;
  readonly matches: (asked: Asked) => boolean;
  /** What is left, by kind of call where {@link Fault.each} is set; else under one name. */
  readonly counters: Map<string, Counter>;
}

interface Counter {
  skip: number;
  left: number;
}

/** Is a request one of a service, or of an endpoint? */
export const isOf = ({ service, endpoint }: Asked, name: string): boolean => service === name || endpoint === name;

/** `vpc POST /v1/…/vpcs`: a call without its ids. Ids have at least eight hexadecimal digits in a row, as UUIDs and project ids do. */
export function kindOf({ service, method, path }: Asked): string {
  const general = path.split('/').map((segment) => (/[0-9a-f]{8}/i.test(segment) ? '…' : segment));
  return `${service} ${method} ${general.join('/')}`;
}

/** Answer times of the real APIs in milliseconds: reads and writes (a median seen from a hosted runner). */
const answerTimes = { read: 140, write: 420 } as const;

/** Turns a path with `*` and `**` into a test of whole paths. */
export function glob(pattern: string): (path: string) => boolean {
  const parts = pattern
    .split(/(\*\*|\*)/)
    .map((part) => (part === '**' ? '.*' : part === '*' ? '[^/]*' : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')));
  const expression = new RegExp(`^${parts.join('')}$`);
  return (path) => expression.test(path);
}

const fresh = ({ skip = 0, count = 1 }: Fault): Counter => ({ skip, left: count === 0 ? Number.POSITIVE_INFINITY : count });

export class ControlState {
  #log: Entry[] = [];
  #faults: Armed[] = [];
  #pace: Pace = 'instant';
  /** Milliseconds for every call, in place of the pace's times, where set. */
  #fixed: number | undefined;
  readonly #listeners = new Set<(entry: Entry) => void>();

  /** Appends to the request log. */
  record(entry: Entry): void {
    this.#log.push(entry);
    for (const listener of this.#listeners) listener(entry);
  }

  requests(): readonly Entry[] {
    return this.#log;
  }

  clearRequests(): void {
    this.#log = [];
  }

  /** Hears of every recorded request. Returns how to stop hearing. */
  onRequest(listener: (entry: Entry) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Replaces all faults. They are tried in order; the first that matches and is not used up acts. */
  setFaults(faults: readonly Fault[]): void {
    this.#faults = faults.map((fault) => {
      const path = fault.path === undefined ? () => true : glob(fault.path);
      return {
        fault,
        counters: new Map(fault.each === true ? [] : [['', fresh(fault)]]),
        matches: (asked) =>
          (fault.service === undefined || isOf(asked, fault.service)) &&
          (fault.method === undefined || fault.method === asked.method) &&
          (fault.mutating !== true || !['GET', 'HEAD', 'OPTIONS'].includes(asked.method)) &&
          path(asked.path),
      };
    });
  }

  /** The faults set, each with what is left of its count (null: unlimited); of an `each` what a new kind of call meets. */
  faults(): readonly { readonly fault: Fault; readonly left: number | null }[] {
    return this.#faults.map(({ fault, counters }) => {
      const left = (counters.get('') ?? fresh(fault)).left;
      return { fault, left: Number.isFinite(left) ? left : null };
    });
  }

  /** The fault that acts on this request, if any; asking uses it up by one. Ask once a request. */
  faultFor(asked: Asked): Act | undefined {
    for (const armed of this.#faults) {
      if (!armed.matches(asked)) continue;
      const kind = armed.fault.each === true ? kindOf(asked) : '';
      const counter = armed.counters.get(kind) ?? fresh(armed.fault);
      armed.counters.set(kind, counter);
      if (counter.left <= 0) continue;
      if (counter.skip > 0) {
        counter.skip -= 1;
        continue;
      }
      counter.left -= 1;
      return armed.fault.act;
    }
    return undefined;
  }

  /** Sets how long answers take: a pace of the real times, or a fixed number of milliseconds for each call. */
  setLatency(latency: { readonly pace: Pace } | { readonly milliseconds: number }): void {
    if ('pace' in latency) {
      this.#pace = latency.pace;
      this.#fixed = undefined;
    } else {
      this.#fixed = latency.milliseconds;
    }
  }

  /** Milliseconds to wait before this request is answered. */
  latencyFor(asked: Asked): number {
    if (this.#fixed !== undefined) return this.#fixed;
    return answerTimes[asked.method === 'GET' || asked.method === 'HEAD' ? 'read' : 'write'] * paces[this.#pace];
  }
}
