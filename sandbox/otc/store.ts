/**
 * Owns the cloud's memory: tables of rows and the timed transitions between their states. Services (one file each) read
 * and write here and never import one another; backends (control planes, databases, DNS server, gate) listen to changes.
 * All of it is plain JSON, so that a world can be saved and restored at any moment.
 */
import type { TableName } from './tables/names.ts';

export interface Row {
  readonly id: string;
}

export interface StoreChange {
  readonly table: string;
  readonly id: string;
  readonly before: Row | undefined;
  readonly after: Row | undefined;
}

/** How fast transitions run: factor on the real cloud's durations. */
export const paces = { instant: 0, fast: 1 / 200, twentieth: 1 / 20, real: 1 } as const;
export type Pace = keyof typeof paces;

interface Timed {
  readonly id: number;
  readonly kind: string;
  readonly data: unknown;
  /** Milliseconds of `Date.now()`. */
  readonly due: number;
}

type Handler = (data: never) => void | Promise<void>;

export class Table<T extends Row> {
  readonly name: string;
  readonly #rows = new Map<string, T>();
  readonly #changed: (change: StoreChange) => void;

  constructor(name: string, changed: (change: StoreChange) => void) {
    this.name = name;
    this.#changed = changed;
  }

  get(id: string): T | undefined {
    return this.#rows.get(id);
  }

  /** All rows, oldest first. */
  all(): T[] {
    return [...this.#rows.values()];
  }

  where(test: (row: T) => boolean): T[] {
    return this.all().filter(test);
  }

  find(test: (row: T) => boolean): T | undefined {
    return this.all().find(test);
  }

  insert(row: T): T {
    if (this.#rows.has(row.id)) throw new Error(`${this.name} has a row ${row.id} already`);
    this.#rows.set(row.id, row);
    this.#changed({ table: this.name, id: row.id, before: undefined, after: row });
    return row;
  }

  /** Changes fields of a row; a row that is gone meanwhile stays gone (`undefined`). */
  update(id: string, patch: Partial<T>): T | undefined {
    const before = this.#rows.get(id);
    if (before === undefined) return undefined;
    const after = { ...before, ...patch };
    this.#rows.set(id, after);
    this.#changed({ table: this.name, id, before, after });
    return after;
  }

  remove(id: string): T | undefined {
    const before = this.#rows.get(id);
    if (before === undefined) return undefined;
    this.#rows.delete(id);
    this.#changed({ table: this.name, id, before, after: undefined });
    return before;
  }

  /** Replaces everything, without telling listeners; for restore only. */
  load(rows: readonly T[]): void {
    this.#rows.clear();
    for (const row of rows) this.#rows.set(row.id, row);
  }
}

export class Store {
  readonly #tables = new Map<string, Table<Row>>();
  readonly #listeners = new Set<(change: StoreChange) => void>();
  readonly #handlers = new Map<string, Handler>();
  readonly #timed = new Map<number, { readonly timed: Timed; readonly timer: NodeJS.Timeout }>();
  readonly #failed: (error: unknown) => void;
  readonly #running = new Set<Promise<void>>();
  /** Settled when transitions may begin again. */
  #stillness: Promise<void> | undefined;
  #nextTimed = 1;
  pace: Pace = 'fast';

  /** @param failed hears of transitions and listeners that threw: a defect of the sandbox, never of its clients */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  /** The table of that name, made at first use. */
  table<T extends Row>(name: TableName): Table<T> {
    return this.#table(name) as unknown as Table<T>;
  }

  #table(name: string): Table<Row> {
    let table = this.#tables.get(name);
    if (table === undefined) {
      table = new Table<Row>(name, (change) => this.#tell(change));
      this.#tables.set(name, table);
    }
    return table;
  }

  /** Hears of every change, after it happened. Returns how to stop hearing. */
  onChange(listener: (change: StoreChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Says what happens when a timed transition of that kind is due; once a kind, at start. */
  handle<D>(kind: string, handler: (data: D) => void | Promise<void>): void {
    this.#handlers.set(kind, handler as Handler);
  }

  /** Lets a transition happen after so many seconds of the real cloud's time, scaled by the pace. `data` must be JSON. */
  after(seconds: number, kind: string, data: unknown): void {
    this.#arm({ id: this.#nextTimed++, kind, data, due: Date.now() + seconds * 1000 * paces[this.pace] });
  }

  /**
   * Does something while no transition is under way: those that have begun end before, those that come due begin afterwards. One in its
   * middle would be in no snapshot, or go on in a world that was restored meanwhile. Not to be nested.
   */
  async still<T>(work: () => Promise<T>): Promise<T> {
    let goOn = (): void => undefined;
    this.#stillness = new Promise((resolve) => {
      goOn = resolve;
    });
    try {
      await Promise.all(this.#running);
      return await work();
    } finally {
      this.#stillness = undefined;
      goOn();
    }
  }

  /** All rows of all tables and the transitions still to come, as JSON text. */
  save(): string {
    const now = Date.now();
    const tables = Object.fromEntries([...this.#tables].map(([name, table]) => [name, table.all()]));
    const timed = [...this.#timed.values()].map(({ timed: { kind, data, due } }) => ({ kind, data, inMilliseconds: Math.max(0, due - now) }));
    return JSON.stringify({ tables, timed, pace: this.pace });
  }

  /** Back to what {@link save} wrote. Listeners are not told: backends restore themselves. */
  load(text: string): void {
    const saved = JSON.parse(text) as { tables: Record<string, Row[]>; timed: { kind: string; data: unknown; inMilliseconds: number }[]; pace: Pace };
    for (const { timer } of this.#timed.values()) clearTimeout(timer);
    this.#timed.clear();
    for (const [name, table] of this.#tables) table.load(saved.tables[name] ?? []);
    for (const [name, rows] of Object.entries(saved.tables)) this.#table(name).load(rows);
    this.pace = saved.pace;
    for (const { kind, data, inMilliseconds } of saved.timed) this.#arm({ id: this.#nextTimed++, kind, data, due: Date.now() + inMilliseconds });
  }

  #arm(timed: Timed): void {
    const timer = setTimeout(() => void this.#begin(timed), Math.max(0, timed.due - Date.now()));
    this.#timed.set(timed.id, { timed, timer });
  }

  async #begin(timed: Timed): Promise<void> {
    while (this.#stillness !== undefined) await this.#stillness;
    // A restore took it away meanwhile.
    if (!this.#timed.delete(timed.id)) return;
    const running = this.#fire(timed);
    this.#running.add(running);
    await running;
    this.#running.delete(running);
  }

  async #fire(timed: Timed): Promise<void> {
    try {
      const handler = this.#handlers.get(timed.kind);
      if (handler === undefined) throw new Error(`nobody handles the transition ${timed.kind}`);
      await handler(timed.data as never);
    } catch (error) {
      this.#failed(error);
    }
  }

  #tell(change: StoreChange): void {
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (error) {
        this.#failed(error);
      }
    }
  }
}
