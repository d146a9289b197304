/**
 * Owns the walk backwards: `destroy` observes along the arrows, then takes away from the last dependent to the first
 * need. Data survives unless consented to, and with it everything it stands on. What is in something that goes anyway (a
 * cluster) goes along with it, so that a cluster which does not answer any more can still be destroyed. Where something of others is
 * seen to stand in the way, nothing is begun: half a stack neither serves nor is gone, and who put that there may still need the rest.
 */
import { asFault, Cancelled, type Fault } from './fault.ts';
import { inOrder, needed } from './order.ts';
import type { Outcome } from './outcome.ts';
import type { AnyResource, Needs } from './resource.ts';
import { begins, goes, type Observed, type SurveyOptions, survey } from './survey.ts';
import { stopIfCancelled, whyStopped } from './until.ts';
import { outcomeOf, runFor } from './visiting.ts';

/** Destroys what is not kept; without `write` says what would be. Outcomes come in the order of the graph. */
export async function unwalk(roots: readonly AnyResource[], options: SurveyOptions): Promise<readonly Outcome[]> {
  const order = inOrder(roots);
  const first = await survey(order, options);
  const lock = options.write && begins(order, first) ? await locked(options) : undefined;
  // Another run may have made or changed things until this one had the lock.
  const { lookOf, kept, riders, barred } = lock === 'held' ? await survey(order, options) : first;
  const dependents = dependentsOf(order);
  const results = new Map<AnyResource, Promise<Outcome>>();
  /** What could not be taken away by itself, and now goes with what it is in. */
  const stubborn = new Map<AnyResource, { readonly fault: Fault; readonly seconds: number }>();
  const take = (resource: AnyResource): Promise<Outcome> => {
    const promise = results.get(resource) ?? (riders.has(resource) ? ride(resource, take, riders, lookOf, options) : takeOne(resource));
    results.set(resource, promise);
    return promise;
  };
  const takeOne = async (resource: AnyResource): Promise<Outcome> => {
    const after = await Promise.all(waitedFor(resource, dependents, riders).map(take));
    const { seen } = lookOf(resource);
    const started = Date.now();
    const end = (verdict: Outcome['verdict'], more: Partial<Outcome> = {}): Outcome => {
      const outcome = outcomeOf(resource, verdict, (Date.now() - started) / 1000, seen, more);
      options.journal.end(outcome);
      return outcome;
    };
    const left = untouched(resource, lookOf(resource), kept);
    if (left !== undefined) return end(...left);
    const bar = barred.get(resource);
    if (bar !== undefined) return end('failed', { fault: bar });
    const stuck = after.filter(({ verdict }) => verdict === 'failed' || verdict === 'blocked').map(({ id }) => id);
    const waits = options.write && barred.size > 0 ? [...barred.keys()].map(({ id }) => id) : stuck;
    if (waits.length > 0) return end('blocked', { note: `waits for ${waits.join(', ')}` });
    if (!options.write) return end('delete', noteOf(resource.beforeDestroy?.(seen)));
    options.journal.begin(resource);
    let begun = false;
    try {
      if (lock instanceof Error) throw lock;
      stopIfCancelled(options.signal);
      begun = true;
      const note = await resource.destroy(seen, runFor(resource, options));
      // What went along unseen may have had something outside that nobody took away.
      const unseen = order.find((one) => one.within === resource && one.wanted && lookOf(one).fault !== undefined);
      const blind = unseen && `${unseen.title} went with it and could not be looked at (${lookOf(unseen).fault?.message})`;
      return end('delete', { done: true, ...noteOf(blind, note) });
    } catch (error) {
      if (error instanceof Cancelled)
        return end('blocked', { note: `${whyStopped(options.signal)}${begun ? ' while this was being taken away' : ''}` });
      const problem = asFault(error);
      const { within } = resource;
      // What it is in goes anyway: that it could not be taken away by itself first is no reason to stop. Told when that is gone.
      if (within !== undefined && goes(within, lookOf, kept)) {
        const seconds = (Date.now() - started) / 1000;
        stubborn.set(resource, { fault: problem, seconds });
        return outcomeOf(resource, 'delete', seconds, seen);
      }
      return end('failed', { fault: problem });
    }
  };
  const told = async (resource: AnyResource): Promise<Outcome> => {
    const taken = await take(resource);
    const { within } = resource;
    const left = stubborn.get(resource);
    if (within === undefined || left === undefined) return taken;
    const carrier = await take(within);
    const { fault, seconds } = left;
    const note = `goes with ${carrier.title}; by itself it could not be taken away: ${fault.message}`;
    const gone = carrier.verdict === 'delete' && carrier.done;
    const outcome = outcomeOf(resource, gone ? 'delete' : 'failed', seconds, lookOf(resource).seen, gone ? { done: true, note } : { fault });
    options.journal.end(outcome);
    return outcome;
  };
  return Promise.all(order.map(told));
}

/** Takes the stack's lock, where there is one to take; why it cannot be had is told by each that would be taken away. */
async function locked({ beforeFirstWrite }: SurveyOptions): Promise<'held' | Fault | Cancelled | undefined> {
  try {
    await beforeFirstWrite?.();
    return beforeFirstWrite === undefined ? undefined : 'held';
  } catch (error) {
    return error instanceof Cancelled ? error : asFault(error);
  }
}

// biome-ignore lint/suspicious/noConfusingVoidType: what `destroy` returns
function noteOf(...notes: readonly (string | void)[]): Partial<Outcome> {
  const said = notes.filter((note) => typeof note === 'string');
  return said.length === 0 ? {} : { note: said.join('; ') };
}

/** What is not taken away, and why; undefined where it is. */
function untouched(
  resource: AnyResource,
  { seen, fault }: Observed,
  kept: ReadonlySet<AnyResource>,
): [Outcome['verdict'], Partial<Outcome>] | undefined {
  if (resource.readsOnly === true || resource.gate === true) return ['absent', {}];
  if (fault !== undefined) return ['failed', { fault }];
  if (seen === undefined) return ['absent', {}];
  const foreign = resource.keep?.(seen);
  if (foreign !== undefined) return ['kept', { note: foreign }];
  if (!kept.has(resource)) return undefined;
  return ['kept', { note: resource.protect === 'data' ? 'holds data' : 'what holds data stands on it' }];
}

/** The outcome of what goes along: that of what it is in. */
async function ride(
  resource: AnyResource,
  take: (resource: AnyResource) => Promise<Outcome>,
  riders: ReadonlySet<AnyResource>,
  lookOf: (resource: AnyResource) => Observed,
  options: SurveyOptions,
): Promise<Outcome> {
  const { within } = resource;
  const { seen, fault } = lookOf(resource);
  const nothing = resource.readsOnly === true || resource.gate === true || (seen === undefined && fault === undefined);
  const carrier = nothing || within === undefined ? undefined : await take(within);
  const end = (verdict: Outcome['verdict'], more: Partial<Outcome> = {}): Outcome => {
    const outcome = outcomeOf(resource, verdict, 0, seen, more);
    options.journal.end(outcome);
    return outcome;
  };
  if (carrier === undefined || !riders.has(resource)) return end('absent');
  // Whether it is there nobody knows: it is counted neither among what goes nor, once its carrier is gone, at all.
  if (fault !== undefined && (!resource.wanted || carrier.done)) return end('absent');
  const note = `goes with ${carrier.title}`;
  if (carrier.verdict !== 'delete') return end('blocked', { note });
  if (fault !== undefined) return end('unknown', { note: `${note}; it could not be looked at (${fault.message})` });
  return end('delete', { done: carrier.done, note });
}

/**
 * What must be gone before a resource: its dependents; for what carries others, and for what stands on that, not those that
 * go along, which wait for the carrier, but what stands on them.
 */
function waitedFor(
  resource: AnyResource,
  dependents: ReadonlyMap<AnyResource, readonly AnyResource[]>,
  riders: ReadonlySet<AnyResource>,
): readonly AnyResource[] {
  const below = new Set<AnyResource>();
  const sink = (one: AnyResource): void => {
    below.add(one);
    for (const need of Object.values(one.needs as Needs)) if (!below.has(needed(need))) sink(needed(need));
  };
  sink(resource);
  // The carrier waits for all that stands on it: who does, must not wait for the carrier.
  const rides = (one: AnyResource): boolean => riders.has(one) && one.within !== undefined && below.has(one.within);
  const found = new Set<AnyResource>();
  const passed = new Set<AnyResource>();
  const look = (one: AnyResource): void => {
    for (const dependent of dependents.get(one) ?? []) {
      if (!rides(dependent)) found.add(dependent);
      else if (!passed.has(dependent)) {
        passed.add(dependent);
        look(dependent);
      }
    }
  };
  look(resource);
  found.delete(resource);
  return [...found];
}

function dependentsOf(order: readonly AnyResource[]): Map<AnyResource, AnyResource[]> {
  const dependents = new Map<AnyResource, AnyResource[]>();
  for (const resource of order) {
    for (const need of Object.values(resource.needs as Needs)) {
      const list = dependents.get(needed(need)) ?? [];
      list.push(resource);
      dependents.set(needed(need), list);
    }
  }
  return dependents;
}
