/**
 * Owns a signed-in session: sends a call to the right host with proof of identity, repeats it by the table in `retry.ts`,
 * turns refusals into faults and shares identical reads. The services' own calls stand in one file each beside this one.
 */
import { Cancelled, Fault } from '../engine/fault.ts';
import { pauseFor, stopIfCancelled } from '../engine/until.ts';
import type { Auth, Scope } from './auth.ts';
import { type Service, serviceNames } from './endpoints.ts';
import { errorText, hintForConnection, refused, ServiceFault, unusable } from './errors.ts';
import { connectionRowFor, endIsUnclear, notKnownYet, pauseBefore, type RetryRow, retryRow } from './retry.ts';
import { misfit, type Shape } from './shape.ts';
import { strictEncode } from './sign.ts';
import { TransportFailure } from './transport.ts';
import { type Answer, type Ports, skewText, type Wire } from './wire.ts';
import { Young } from './young.ts';

export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export interface Call {
  readonly service: Service;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** From the host on, for example `/v1/{project_id}/vpcs`. */
  readonly path: string;
  readonly query?: Query | undefined;
  readonly body?: unknown;
  /** What the answer must hold, where something is read from it. */
  readonly must?: Shape | undefined;
  /** Asks the service even where an answer of this run is known, and remembers the new one. */
  readonly fresh?: boolean | undefined;
  readonly scope?: Scope | undefined;
  /** A `POST` that may be sent twice. */
  readonly repeatable?: boolean | undefined;
  /** A `POST` that changes nothing others can see (certificates): reads stay known, and it may be sent twice. */
  readonly private?: boolean | undefined;
  /** Seconds after which nothing is repeated any more, where the caller knows better than the table how long to wait. */
  readonly patience?: number | undefined;
}

/** A write to the key's service also changes what is read from these. */
const TOUCHES: Partial<Record<Service, readonly Service[]>> = { elb: ['vpc'], cce: ['vpc', 'ecs'], nat: ['vpc'], rds: ['vpc'], ecs: ['vpc'] };

const MOST_TRIES = 200;

export interface Session {
  readonly region: string;
  readonly projectId: string;
  readonly projectName: string;
  readonly domainId: string | undefined;
  readonly wire: Wire;
  readonly auth: Auth;
  readonly origin: (service: Service) => string;
  /** The session in which public DNS is managed: this one, or that of another region. */
  readonly dnsHome?: () => Promise<Otc>;
}

/** Reads of this run, by scope, project and URL. */
type Reads = Map<string, { readonly service: Service; readonly answer: Promise<unknown> }>;

export class Otc {
  readonly #session: Session;
  readonly #signal: AbortSignal;
  readonly #reads: Reads;
  readonly #young: Young;

  constructor(session: Session, signal: AbortSignal = session.wire.ports.signal, reads: Reads = new Map(), young: Young = new Young()) {
    this.#session = session;
    this.#signal = signal;
    this.#reads = reads;
    this.#young = young;
  }

  get region(): string {
    return this.#session.region;
  }

  get projectId(): string {
    return this.#session.projectId;
  }

  get projectName(): string {
    return this.#session.projectName;
  }

  get domainId(): string | undefined {
    return this.#session.domainId;
  }

  /** By which another user can be signed in, in the same run. */
  get ports(): Ports {
    return this.#session.wire.ports;
  }

  /** Requests sent so far, sign-in and repeats included. */
  get calls(): number {
    return this.#session.wire.calls;
  }

  /** The same session under another signal, for the little that must still be sent after a cancel. */
  withSignal(signal: AbortSignal): Otc {
    return new Otc(this.#session, signal, this.#reads, this.#young);
  }

  /** Where public DNS is managed; what ends this session's work ends it there, and what is forgotten here is forgotten there. */
  async dnsHome(): Promise<Otc> {
    const home = await this.#session.dnsHome?.();
    return home === undefined ? this : new Otc(home.#session, this.#signal, this.#reads, this.#young);
  }

  /** Forgets all reads: after a wait, things have changed that no write of ours announced. */
  forget(): void {
    this.#reads.clear();
  }

  get<T>(service: Service, path: string, more: Pick<Call, 'must' | 'query' | 'fresh'> = {}): Promise<T> {
    return this.send<T>({ service, method: 'GET', path, ...more });
  }

  post<T>(service: Service, path: string, body?: unknown, must?: Shape): Promise<T> {
    return this.send<T>({ service, method: 'POST', path, body, must });
  }

  put<T>(service: Service, path: string, body?: unknown): Promise<T> {
    return this.send<T>({ service, method: 'PUT', path, body });
  }

  delete<T = void>(service: Service, path: string, query?: Query): Promise<T> {
    return this.send<T>({ service, method: 'DELETE', path, query });
  }

  /**
   * Sends a call and gives its body.
   * @throws ServiceFault when refused or answered by something else than the service would, or `unclear` when a POST may have acted
   * without a usable answer; Cancelled
   */
  async send<T>(call: Call): Promise<T> {
    stopIfCancelled(this.#signal);
    const url = this.#url(call);
    if (call.private === true) return (await this.#repeat(call, url)) as T;
    if (call.method !== 'GET') {
      this.#forgetService(call.service);
      try {
        return (await this.#repeat(call, url)) as T;
      } finally {
        this.#forgetService(call.service);
      }
    }
    const key = `${call.scope ?? 'project'} ${this.projectId} ${url}`;
    const known = call.fresh === true ? undefined : this.#reads.get(key);
    if (known !== undefined) return (await known.answer) as T;
    const read = { service: call.service, answer: this.#repeat(call, url) };
    this.#reads.set(key, read);
    try {
      return (await read.answer) as T;
    } catch (error) {
      if (this.#reads.get(key) === read) this.#reads.delete(key);
      throw error;
    }
  }

  #url({ service, path, query }: Call): string {
    const pairs = Object.entries(query ?? {}).flatMap(([name, value]) =>
      value === undefined ? [] : (Array.isArray(value) ? value : [value]).map((one) => `${strictEncode(name)}=${strictEncode(String(one))}`),
    );
    return `${this.#session.origin(service)}${path}${pairs.length === 0 ? '' : `?${pairs.join('&')}`}`;
  }

  #forgetService(service: Service): void {
    const touched = new Set<Service>([service, ...(TOUCHES[service] ?? [])]);
    for (const [key, read] of this.#reads) if (touched.has(read.service)) this.#reads.delete(key);
  }

  async #repeat(call: Call, url: string): Promise<unknown> {
    const { wire, auth } = this.#session;
    const started = wire.now().getTime();
    let renewed = false;
    for (let attempt = 1; ; attempt += 1) {
      stopIfCancelled(this.#signal);
      const outcome = await this.#once(call, url);
      if (outcome instanceof TransportFailure) {
        const safe = !outcome.sent || likeness(call) !== 'POST';
        const row = connectionRowFor(outcome);
        if (!safe || row === undefined || !this.#mayGoOn(row, call, started, attempt)) throw this.#noAnswer(call, outcome);
        if (attempt === 1) wire.ports.say?.(`${serviceNames[call.service]} ${call.method} ${call.path}: ${row.why} (${outcome.code}); trying again`);
        await this.#pause(row, attempt);
        continue;
      }
      if (outcome.status >= 200 && outcome.status < 300) {
        this.#young.heard(call, outcome.body, wire.now().getTime());
        return this.#usable(call, outcome);
      }
      const { code, message } = errorText(outcome.body);
      const expired = outcome.status === 401 && !/^APIGW?\.0301$/.test(code ?? '');
      if (expired && !renewed && (await auth.renew())) {
        renewed = true;
        continue;
      }
      const early = outcome.status === 404 && this.#young.names(call.path, wire.now().getTime());
      const row = early ? notKnownYet : retryRow(call.service, likeness(call), call.path, outcome.status, { code, message });
      if (row !== undefined && this.#mayGoOn(row, call, started, attempt)) {
        wire.ports.say?.(
          `${serviceNames[call.service]} ${call.method} ${call.path}: ${row.why} (${outcome.status}${code ? ` ${code}` : ''}); trying again`,
        );
        await this.#pause(row, attempt);
        continue;
      }
      throw this.#refusal(call, outcome, message);
    }
  }

  /** The body. @throws ServiceFault where it is not what the service gives; whether a `POST` had its effect is then unclear */
  #usable({ service, method, path, must }: Call, answer: Answer): unknown {
    const wrong =
      must === undefined ? undefined : answer.body !== undefined ? misfit(answer.body, must) : `it is ${answer.hasBody ? 'no JSON' : 'empty'}`;
    if (wrong === undefined) return answer.body;
    throw unusable({ ...answer, service, method, path, unclear: method === 'POST' }, wrong);
  }

  async #once(call: Call, url: string): Promise<Answer | TransportFailure> {
    const { wire, auth } = this.#session;
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    const own: Record<string, string> = { Accept: 'application/json' };
    if (body !== undefined || call.method === 'POST') own['Content-Type'] = 'application/json';
    const request = { method: call.method, url, headers: own, body };
    const proof = await auth.headersFor(request, call.scope ?? 'project');
    try {
      return await wire.exchange({ ...request, headers: { ...own, ...proof }, signal: this.#signal });
    } catch (error) {
      if (error instanceof TransportFailure) return error;
      throw error;
    }
  }

  #mayGoOn(row: RetryRow, { patience = row.budget }: Call, started: number, attempt: number): boolean {
    return attempt < MOST_TRIES && (this.#session.wire.now().getTime() - started) / 1000 < Math.min(row.budget, patience);
  }

  async #pause(row: RetryRow, attempt: number): Promise<void> {
    const { random, pause } = this.#session.wire.ports;
    await (pause ?? pauseFor)(pauseBefore(row, attempt, random ?? Math.random), this.#signal);
  }

  #refusal(call: Call, answer: Answer, message: string | undefined): Fault {
    const { service, method, path } = call;
    const { status, headers, body } = answer;
    const { skewSeconds: skew, signs } = this.#session.wire;
    if (status === 401 && signs && Math.abs(skew) > 600) {
      return new Fault(`${serviceNames[service]} refused the signature, and the clock of this machine is ${skewText(skew)} (${message ?? status})`, {
        status,
        code: errorText(body).code,
        hint: 'Synchronise the clock (NTP); the gateway allows 15 minutes.',
      });
    }
    return refused({ service, method, path, status, headers, body, unclear: endIsUnclear(method, status, answer.hasBody) });
  }

  #noAnswer(call: Call, failure: TransportFailure): Fault {
    const unclear = call.method === 'POST' && failure.sent;
    return new ServiceFault(
      `${serviceNames[call.service]}: no answer to ${call.method} ${call.path} (${failure.code}: ${failure.message})`,
      call.service,
      unclear,
      {
        code: failure.code,
        cause: failure,
        hint: hintForConnection(failure),
      },
    );
  }
}

/** A `POST` that may be sent twice is repeated like a `PUT`, one that changes nothing others can see like a `GET`. */
function likeness(call: Call): string {
  return call.private === true ? 'GET' : call.repeatable === true ? 'PUT' : call.method;
}

/** Undefined where the service says 404, for reads of and deletions by id. */
export async function unlessGone<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof Fault && error.status === 404 && !(error instanceof Cancelled)) return undefined;
    throw error;
  }
}

/** What a call gives, or how the service refuses it, for what a run can do without. */
export async function refusal<T>(call: Promise<T>): Promise<{ readonly value: T } | { readonly refused: Fault }> {
  try {
    return { value: await call };
  } catch (error) {
    if (error instanceof Fault && error.status !== undefined && error.status < 500 && !(error instanceof Cancelled)) return { refused: error };
    throw error;
  }
}
