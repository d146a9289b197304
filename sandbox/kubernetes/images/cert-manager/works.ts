/** Owns how cert-manager's controllers work: one worker an object, again and again until it is as wanted. */
import { keyOf } from '../../api.ts';
import type { ContainerContext } from '../../image.ts';
import type { KubeObject } from '../../objects.ts';
import { sleep, wait } from '../patience.ts';

/** One worker an object: runs on its latest state, again after a change, and again after a while where it says that it is not done. */
export class Works<T extends KubeObject> {
  readonly #context: ContainerContext;
  readonly #work: (object: T) => Promise<boolean>;
  readonly #objects = new Map<string, T>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #dirty = new Set<string>();

  constructor(context: ContainerContext, work: (object: T) => Promise<boolean>) {
    this.#context = context;
    this.#work = work;
  }

  all(): T[] {
    return [...this.#objects.values()];
  }

  put(object: T): void {
    const key = keyOf(object);
    this.#objects.set(key, object);
    this.#dirty.add(key);
    if (!this.#running.has(key)) this.#running.set(key, this.#run(key));
  }

  drop(object: T): void {
    this.#objects.delete(keyOf(object));
  }

  async idle(): Promise<void> {
    await Promise.all(this.#running.values());
  }

  async #run(key: string): Promise<void> {
    const { signal, world } = this.#context;
    for (;;) {
      const object = this.#objects.get(key);
      if (object === undefined || signal.aborted) break;
      this.#dirty.delete(key);
      let done = false;
      try {
        done = await this.#work(object);
      } catch (error) {
        if (!signal.aborted) this.#context.log(`E "re-queuing item due to error processing" key="${key}" err="${(error as Error).message}"`);
      }
      if (this.#dirty.has(key)) continue;
      if (done) break;
      await sleep(wait(world, 10), signal);
    }
    this.#running.delete(key);
  }
}
