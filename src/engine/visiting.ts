/** Owns what both walks share (`walk.ts`, `unwalk.ts`): their options, the outcome record of a resource, what comes before the first write. */
import { needed } from './order.ts';
import type { Journal, Outcome, Verdict } from './outcome.ts';
import type { AnyResource, Change, Needs, Run } from './resource.ts';

export interface WalkOptions {
  readonly write: boolean;
  readonly signal: AbortSignal;
  readonly journal: Journal;
  /** Called once, before the first write of the run: takes the stack's lock. Whatever was seen before is looked at again then. */
  readonly beforeFirstWrite?: () => Promise<void>;
  /** True where the lock was taken for something that is no write of the walk, and maybe waited for. */
  readonly lockedMeanwhile?: () => boolean;
  /** True in `drift`: what a deploy could not heal is a difference like any other, not a failure of the run. */
  readonly findings?: boolean;
  /** How resources wait between two looks at what is under way. */
  readonly pause?: Run['pause'];
}

/** The outcome record of a resource. */
export function outcomeOf(resource: AnyResource, verdict: Verdict, seconds: number, seen: unknown, more: Partial<Outcome> = {}): Outcome {
  const facts: Readonly<Record<string, string>> = seen === undefined ? {} : (resource.facts?.(seen) ?? {});
  const needs = Object.values(resource.needs as Needs).map((need) => needed(need).id);
  const only = { ...(resource.readsOnly === true ? { readsOnly: true } : {}), ...(resource.consented === true ? { consented: true } : {}) };
  const notice = seen === undefined ? undefined : resource.notice?.(seen);
  const note = more.note ?? notice;
  const said = note === undefined ? {} : { note };
  return { id: resource.id, title: resource.title, needs, verdict, changes: [], facts, seconds, done: false, ...only, ...more, ...said };
}

/** What a plan says of something that is to be made: with what, as changes of nothing, and at what price. */
export function creation(resource: AnyResource, needs: Readonly<Record<string, unknown>>, known?: string): Pick<Outcome, 'changes' | 'note'> {
  const fields: Readonly<Record<string, unknown>> = resource.madeWith?.(needs) ?? {};
  const changes = Object.entries(fields).flatMap(([field, after]): Change[] => (after === undefined ? [] : [{ field, after }]));
  const note = [resource.price, known].filter((part) => part !== undefined).join('; ');
  return { changes, ...(note === '' ? {} : { note }) };
}

/** What a resource may use, bound to its own place in the journal. */
export function runFor(resource: AnyResource, options: Pick<WalkOptions, 'signal' | 'journal' | 'pause'>): Run {
  const pause = options.pause === undefined ? {} : { pause: options.pause };
  return { signal: options.signal, say: (line) => options.journal.say(resource, line), ...pause };
}

/** The lock is taken once, by whoever writes first; all others wait for the same promise. */
export function onceBefore({ beforeFirstWrite }: Pick<WalkOptions, 'beforeFirstWrite'>): () => Promise<void> {
  let promise: Promise<void> | undefined;
  return () => (promise ??= beforeFirstWrite?.() ?? Promise.resolve());
}
