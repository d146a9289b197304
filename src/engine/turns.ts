/** Owns letting only so many things go on at a time, the others in their order. */

export class Turns {
  #free: number;
  readonly #waiting = new Set<(held: boolean) => void>();

  constructor(most: number) {
    this.#free = most;
  }

  /** Does the work when it is its turn, or without one when the signal fires: work then sees itself that it is too late. */
  async take<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const held = await this.#turn(signal);
    try {
      return await work();
    } finally {
      if (held) this.#pass();
    }
  }

  /** Lets everybody go who waits now, where waiting for those before has become pointless. */
  releaseAll(): void {
    for (const go of this.#waiting) go(false);
  }

  #turn(signal: AbortSignal | undefined): Promise<boolean> {
    if (this.#free > 0) {
      this.#free -= 1;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const abort = (): void => go(false);
      const go = (held: boolean): void => {
        this.#waiting.delete(go);
        signal?.removeEventListener('abort', abort);
        resolve(held);
      };
      this.#waiting.add(go);
      if (signal?.aborted === true) go(false);
      else signal?.addEventListener('abort', abort, { once: true });
    });
  }

  #pass(): void {
    const [next] = this.#waiting;
    // Whoever leaves hands its place on, so the count stays as it is.
    if (next === undefined) this.#free += 1;
    else next(true);
  }
}
