/** Owns what containers wrote: the lines of the present and the previous run, for `kubectl logs`. */

interface Line {
  readonly time: Date;
  readonly text: string;
}

/** Kept of one run; older lines are dropped as a rotated log would be. */
const limit = 20_000;

export class ContainerLog {
  #lines: Line[] = [];
  #ended = false;
  readonly #listeners = new Set<() => void>();

  write(text: string): void {
    for (const part of text.replace(/\n$/, '').split('\n')) this.#lines.push({ time: new Date(), text: part });
    if (this.#lines.length > limit) this.#lines = this.#lines.slice(-limit / 2);
    this.#wake();
  }

  /** No more will come; who follows is let go. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** The last lines, at most `bytes` of them: a container's termination message. */
  tail(lines: number, bytes: number): string {
    return this.#lines
      .slice(-lines)
      .map(({ text }) => `${text}\n`)
      .join('')
      .slice(-bytes);
  }

  /** Lines as the log endpoint sends them. */
  select(options: { readonly tailLines?: number; readonly since?: Date; readonly timestamps?: boolean }): string[] {
    const recent = this.#lines.filter(({ time }) => options.since === undefined || time >= options.since);
    const chosen = options.tailLines === undefined ? recent : options.tailLines === 0 ? [] : recent.slice(-options.tailLines);
    return chosen.map((line) => render(line, options.timestamps === true));
  }

  /** Hears each line that comes from now on; `end` once there will be no more. Returns how to stop. */
  follow(timestamps: boolean, hear: (line: string) => void, end: () => void): () => void {
    let last = this.#lines.at(-1);
    const pump = () => {
      const from = last === undefined ? 0 : this.#lines.lastIndexOf(last) + 1;
      for (const line of this.#lines.slice(from)) hear(render(line, timestamps));
      last = this.#lines.at(-1) ?? last;
      if (this.#ended) {
        this.#listeners.delete(pump);
        end();
      }
    };
    this.#listeners.add(pump);
    if (this.#ended) pump();
    return () => this.#listeners.delete(pump);
  }

  #wake(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

const render = ({ time, text }: Line, timestamps: boolean): string =>
  timestamps ? `${time.toISOString().replace('Z', '000000Z')} ${text}\n` : `${text}\n`;
