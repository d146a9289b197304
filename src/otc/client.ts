/**
 * Owns a signed-in session: sends a call to the right host with proof of identity, repeats it by the table in `retry.ts`,
 * turns refusals into faults and shares identical reads. The services' own calls stand in one file each beside this one.
 */
import { Cancelled, Fault } from '../engine/fault.ts';
import { pauseFor, stopIfCancelled } from '../engine/until.ts';
import type { Auth, Scope } from './auth.ts';
import { type Service, serviceNames } from './endpoints.ts';
import { errorText, refused, ServiceFault } from './errors.ts';
import { connectionRow, connectionRowFor, endIsUnclear, pauseBefore, type RetryRow, retryRow } from './retry.ts';
import { strictEncode } from './sign.ts';
import { TransportFailure } from './transport.ts';
import { type Answer, type Ports, skewText, type Wire } from './wire.ts';

export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export interface Call {
  readonly service: Service;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** From the host on, for example `/v1/{project_id}/vpcs`. */
  readonly path: string;
  readonly query?: Query | undefined;
  readonly body?: unknown;
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

/** Reads of this run, by scope and URL. */
type Reads = Map<string, { readonly service: Service; readonly answer: Promise<unknown> }>;

export class Otc {
  readonly #session: Session;
  readonly #signal: AbortSignal;
  readonly #reads: Reads;

  constructor(session: Session, signal: AbortSignal = session.wire.ports.signal, reads: Reads = new Map()) {
    this.#session = session;
    this.#signal = signal;
    this.#reads = reads;
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
    return new Otc(this.#session, signal, this.#reads);
  }

  /** Where public DNS is managed; what ends this session's work ends it there. */
  async dnsHome(): Promise<Otc> {
    const home = await this.#session.dnsHome?.();
    if (home === undefined) return this;
    return home.#signal === this.#signal ? home : home.withSignal(this.#signal);
  }

  /** Forgets all reads: after a wait, things have changed that no write of ours announced. */
  forget(): void {
    this.#reads.clear();
  }

  get<T>(service: Service, path: string, query?: Query, fresh?: boolean): Promise<T> {
    return this.send<T>({ service, method: 'GET', path, query, fresh });
  }

  post<T>(service: Service, path: string, body?: unknown): Promise<T> {
    return this.send<T>({ service, method: 'POST', path, body });
  }

  put<T>(service: Service, path: string, body?: unknown): Promise<T> {
    return this.send<T>({ service, method: 'PUT', path, body });
  }

  delete<T = void>(service: Service, path: string, query?: Query): Promise<T> {
    return this.send<T>({ service, method: 'DELETE', path, query });
  }

  /**
   * Sends a call and gives its body.
   * @throws ServiceFault when refused, or `unclear` when a POST may have acted without an answer; Cancelled
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
    const key = `${call.scope ?? 'project'} ${url}`;
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

  /** Downloads a file that is not behind OTC's own authentication, for example a certificate archive. */
  async download(url: string): Promise<Uint8Array> {
    for (let attempt = 1; ; attempt += 1) {
      stopIfCancelled(this.#signal);
      try {
        const request = { method: 'GET', url, headers: {}, signal: this.#signal, timeoutSeconds: 60 };
        const { status, body } = await this.#session.wire.ports.transport(request);
        if (status === 200) return body;
        if (attempt >= 4 || status < 500) throw new Fault(`the download from ${new URL(url).host} was refused (${status})`, { status });
      } catch (error) {
        if (!(error instanceof TransportFailure) || attempt >= 4) throw error;
      }
      await this.#pause(connectionRow, attempt);
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
        const safe = !outcome.sent || call.method !== 'POST' || call.repeatable === true || call.private === true;
        const row = connectionRowFor(outcome.code);
        if (!safe || row === undefined || !this.#mayGoOn(row, call, started, attempt)) throw this.#noAnswer(call, outcome);
        if (attempt === 1) wire.ports.say?.(`${serviceNames[call.service]} ${call.method} ${call.path}: ${row.why} (${outcome.code}); trying again`);
        await this.#pause(row, attempt);
        continue;
      }
      if (outcome.status >= 200 && outcome.status < 300) return outcome.body;
      const { code, message } = errorText(outcome.body);
      const expired = outcome.status === 401 && !/^APIGW?\.0301$/.test(code ?? '');
      if (expired && !renewed && (await auth.renew())) {
        renewed = true;
        continue;
      }
      const row = retryRow(call.service, call.method, call.path, outcome.status, code);
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
    const skew = this.#session.wire.skewSeconds;
    if (status === 401 && Math.abs(skew) > 600) {
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
        hint: hintForConnection(failure.code),
      },
    );
  }
}

/** What to do about a connection that failed, by Node's error code. */
export function hintForConnection(code: string): string {
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return 'The host name has no address: check the region, and that this machine resolves public names.';
  if (/CERT|SIGNATURE|SELF_SIGNED/.test(code))
    return 'The certificate is not trusted: behind a proxy that opens TLS, name its authority in NODE_EXTRA_CA_CERTS.';
  return 'Check the network, HTTPS_PROXY and NO_PROXY of this machine, then run again.';
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
