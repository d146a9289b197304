/** Owns which addresses the world listens on: each one the cloud gave out is added to `lo` and taken away with its resource. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Addresses, Snapshotting } from '../contract.ts';
import { run } from './commands.ts';

export class LoopbackAddresses implements Addresses, Snapshotting {
  readonly name = 'addresses';
  /** Address → the change under way or done, so that add and remove of one address never overtake each other. */
  readonly #held = new Set<string>();
  #last: Promise<unknown> = Promise.resolve();
  /** The changes that wait for the `ip` that is running. */
  #next: { readonly lines: string[]; done: Promise<void> } | undefined;

  readonly #apply: (lines: string) => Promise<unknown>;

  constructor(apply: (lines: string) => Promise<unknown> = (input) => run('ip', ['-batch', '-'], { input })) {
    this.#apply = apply;
  }

  async add(address: string): Promise<void> {
    // Held from when it is asked for; whoever listens on it needs it there.
    if (this.#held.has(address)) return void (await (this.#next?.done ?? this.#last));
    this.#held.add(address);
    await this.#batch([`address replace ${address}/32 dev lo`]);
  }

  async remove(address: string): Promise<void> {
    if (!this.#held.delete(address)) return;
    await this.#batch([`address del ${address}/32 dev lo`]);
  }

  has(address: string): boolean {
    return this.#held.has(address);
  }

  /** Addresses held now. */
  all(): string[] {
    return [...this.#held];
  }

  async save(folder: string): Promise<void> {
    await writeFile(join(folder, 'addresses.json'), JSON.stringify(this.all()));
  }

  async load(folder: string): Promise<void> {
    const wanted = new Set(JSON.parse(await readFile(join(folder, 'addresses.json'), 'utf8')) as string[]);
    const lines = [
      ...this.all()
        .filter((address) => !wanted.has(address))
        .map((address) => `address del ${address}/32 dev lo`),
      ...[...wanted].filter((address) => !this.#held.has(address)).map((address) => `address replace ${address}/32 dev lo`),
    ];
    this.#held.clear();
    for (const address of wanted) this.#held.add(address);
    if (lines.length > 0) await this.#batch(lines);
  }

  /** One `ip` at a time; what comes while it runs goes together with the next. */
  #batch(lines: readonly string[]): Promise<void> {
    if (this.#next !== undefined) {
      this.#next.lines.push(...lines);
      return this.#next.done;
    }
    const next = { lines: [...lines], done: Promise.resolve() };
    this.#next = next;
    next.done = this.#last.then(async () => {
      this.#next = undefined;
      await this.#apply(`${next.lines.join('\n')}\n`);
    });
    // The queue goes on after a failure; whoever asked for the failed change hears of it.
    this.#last = Promise.allSettled([next.done]);
    return next.done;
  }
}
