/**
 * Owns single exchanges with OTC: JSON in and out, how many run at once, how many there were, and the clock's distance
 * from the services'. Signing is `auth.ts`'s, repeating `client.ts`'s business.
 */
import { Turns } from '../engine/turns.ts';
import type { HttpResponse, Transport } from './transport.ts';

/** What the client needs from outside; tests hand in their own. */
export interface Ports {
  readonly transport: Transport;
  /** One signal for the whole run. */
  readonly signal: AbortSignal;
  /** Now, in milliseconds; default `Date.now`. */
  readonly now?: () => number;
  /** From 0 to 1, for jitter; default `Math.random`. */
  readonly random?: () => number;
  /** Pauses before a repeated request; default a timer that honours the signal. */
  readonly pause?: (seconds: number, signal: AbortSignal) => Promise<void>;
  /** The ID token of the CI system for an audience, for sign-in by OIDC. */
  readonly idToken?: (audience: string) => Promise<string>;
  /** Hears what people should know: clock skew, repeated requests. */
  readonly say?: (line: string) => void;
}

export interface Outgoing {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The parsed body; undefined where it is empty or no JSON. */
  readonly body: unknown;
  readonly hasBody: boolean;
}

/** All lists of a run without changes go out together; more would only meet throttling. */
const AT_ONCE = 12;
const TIMEOUT_SECONDS = 60;
const NOTABLE_SKEW_SECONDS = 300;

export class Wire {
  readonly ports: Ports;
  readonly #turns = new Turns(AT_ONCE);
  #calls = 0;
  #skewSeconds = 0;
  #skewSaid = false;
  #signs = false;

  constructor(ports: Ports) {
    this.ports = ports;
  }

  /** Exchanges so far, repeats and sign-in included. */
  get calls(): number {
    return this.#calls;
  }

  /** Seconds by which this machine's clock is ahead of the services' (by their `Date` header, exact to about a second). */
  get skewSeconds(): number {
    return this.#skewSeconds;
  }

  /** Whether requests are signed: a signature alone has a time of this machine, which the gateway compares with its own. */
  get signs(): boolean {
    return this.#signs;
  }

  now(): Date {
    return new Date((this.ports.now ?? Date.now)());
  }

  exchange(request: Outgoing): Promise<Answer> {
    return this.#turns.take(async () => {
      this.#calls += 1;
      const response = await this.ports.transport({ ...request, timeoutSeconds: TIMEOUT_SECONDS });
      this.#signs ||= 'X-Sdk-Date' in request.headers;
      this.#compareClocks(response);
      return { status: response.status, headers: response.headers, ...parse(response.body) };
    });
  }

  #compareClocks(response: HttpResponse): void {
    const theirs = Date.parse(response.headers['date'] ?? '');
    if (Number.isNaN(theirs)) return;
    this.#skewSeconds = Math.round((this.now().getTime() - theirs) / 1000);
    if (Math.abs(this.#skewSeconds) <= NOTABLE_SKEW_SECONDS || this.#skewSaid) return;
    this.#skewSaid = true;
    const refused = this.#signs ? '; signed requests are refused from 15 minutes on' : '';
    this.ports.say?.(`The clock of this machine is ${skewText(this.#skewSeconds)}${refused}. Synchronise it (NTP).`);
  }
}

/** `7 min ahead of Open Telekom Cloud's`, for messages. */
export function skewText(seconds: number): string {
  return `${Math.round(Math.abs(seconds) / 60)} min ${seconds > 0 ? 'ahead of' : 'behind'} Open Telekom Cloud's`;
}

function parse(bytes: Uint8Array): { body: unknown; hasBody: boolean } {
  const text = Buffer.from(bytes).toString('utf8').trim();
  if (!text.startsWith('{') && !text.startsWith('[')) return { body: undefined, hasBody: text !== '' };
  try {
    return { body: JSON.parse(text), hasBody: true };
  } catch (error) {
    // Some gateways answer with text that only begins like JSON; the status then has to do.
    if (error instanceof SyntaxError) return { body: undefined, hasBody: true };
    throw error;
  }
}
