/**
 * Owns the line to the process that made our namespaces (`scripts/sandbox.mjs`): it tells over our standard input which
 * process we are outside and which signals people sent, and its end means that nobody needs this world any more.
 */
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

export interface Outside {
  /** Our process id in the namespace of the caller. */
  readonly pid: number;
  /** `mapped`: entered through a user namespace. */
  readonly user: 'root' | 'mapped';
}

export class Outer {
  readonly #known: Promise<Outside>;
  readonly #signals: NodeJS.Signals[] = [];
  #heard: ((signal: NodeJS.Signals) => void) | undefined;
  #asked = false;

  constructor(input: Readable) {
    const lines = createInterface({ input });
    this.#known = new Promise((resolve) => {
      lines.on('line', (line) => {
        const message = JSON.parse(line) as Outside | { readonly signal: NodeJS.Signals };
        if ('pid' in message) resolve(message);
        else this.#signal(message.signal);
      });
    });
    lines.on('close', () => this.end());
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => this.#signal(signal));
  }

  /** Who we are outside; known moments after the start. */
  outside(): Promise<Outside> {
    return this.#known;
  }

  /** Ends this process as when the other end is gone. */
  end(): never {
    process.exit(143);
  }

  /** A signal that was heard and not acted on, for the next who asks. */
  putBack(signal: NodeJS.Signals): void {
    this.#signal(signal);
  }

  /** The next signal that people sent. Before the first call one ends this process: there is no world yet that could end tidily. */
  signal(): Promise<NodeJS.Signals> {
    this.#asked = true;
    const early = this.#signals.shift();
    if (early !== undefined) return Promise.resolve(early);
    return new Promise((resolve) => {
      this.#heard = resolve;
    });
  }

  #signal(signal: NodeJS.Signals): void {
    if (!this.#asked) this.end();
    const heard = this.#heard;
    this.#heard = undefined;
    if (heard === undefined) this.#signals.push(signal);
    else heard(signal);
  }
}
