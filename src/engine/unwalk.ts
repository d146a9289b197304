/**
 * Owns the walk backwards: `destroy` observes along the arrows, then takes away from the last dependent to the first
 * need. Data survives unless consented to, and with it everything it stands on. What is in something that goes anyway (a
 * cluster) goes along with it, so that a cluster which does not answer any more can still be destroyed. Where something of others is
 * seen to stand in the way, nothing is begun: half a stack neither serves nor is gone, and who put that there may still need the rest.
 */
import { asFault, blockedFault, Cancelled, type Fault } from './fault.ts';
import { inOne, inOrder, needed } from './order.ts';
import type { Outcome } from './outcome.ts';
import type { AnyResource, Needs } from './resource.ts';
import { stopIfCancelled, whyStopped } from './until.ts';
import { onceBefore, outcomeOf, runFor, type WalkOptions } from './visiting.ts';

export interface UnwalkOptions extends WalkOptions {
  /** Consent to delete a resource that holds data. */
  readonly mayDelete: (resource: AnyResource) => boolean;
}

interface Observed {
  readonly seen: unknown;
  readonly fault?: Fault;
}

/** Destroys what is not kept; without `write` says what would be. Outcomes come in the order of the graph. */
export async function unwalk(roots: readonly AnyResource[], options: UnwalkOptions): Promise<readonly Outcome[]> {
  const order = inOrder(roots);
  const observed = await observeAll(order, options);
  const lookOf = (resource: AnyResource): Observed => observed.get(resource) ?? { seen: undefined };
  const kept = keptResources(order, lookOf, options);
  const riders = await ridersOf(order, lookOf, kept, options);
  const barred = await barredBy(order, (resource) => goes(resource, lookOf, kept) && !riders.has(resource), lookOf, options);
  const dependents = dependentsOf(order);
  const writes = onceBefore(options);
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
      await writes();
      stopIfCancelled(options.signal);
      begun = true;
      const note = await resource.destroy(seen, runFor(resource, options));
      return end('delete', { done: true, ...noteOf(note) });
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

// biome-ignore lint/suspicious/noConfusingVoidType: what `destroy` returns
function noteOf(note: string | void): Partial<Outcome> {
  return typeof note === 'string' ? { note } : {};
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

async function observeAll(order: readonly AnyResource[], options: UnwalkOptions): Promise<Map<AnyResource, Observed>> {
  const looks = new Map<AnyResource, Promise<Observed>>();
  const observe = (resource: AnyResource): Promise<Observed> => {
    const promise = looks.get(resource) ?? look(resource);
    looks.set(resource, promise);
    return promise;
  };
  const look = async (resource: AnyResource): Promise<Observed> => {
    const needs = Object.entries(resource.needs as Needs);
    const found = await Promise.all(needs.map(([, need]) => observe(needed(need))));
    if (resource.gate === true) return { seen: undefined };
    // Where one thing in a cluster could not be looked at, the others need not try.
    const unseen = needs.findIndex(([, need], index) => found[index]?.fault !== undefined && inOne(resource, needed(need)));
    const fault = found[unseen]?.fault;
    if (fault !== undefined) return { seen: undefined, fault };
    try {
      const seen: unknown = await resource.observe(
        Object.fromEntries(needs.map(([name], index) => [name, found[index]?.seen])),
        runFor(resource, options),
      );
      return { seen };
    } catch (error) {
      return { seen: undefined, fault: asFault(error) };
    }
  };
  const found = await Promise.all(order.map(observe));
  stopIfCancelled(options.signal);
  return new Map(order.map((resource, index) => [resource, found[index] ?? { seen: undefined }]));
}

/** What holds data and is there without consent to delete it, and all that it stands on. */
function keptResources(order: readonly AnyResource[], lookOf: (resource: AnyResource) => Observed, options: UnwalkOptions): Set<AnyResource> {
  const kept = new Set<AnyResource>();
  const keep = (resource: AnyResource): void => {
    if (kept.has(resource)) return;
    kept.add(resource);
    for (const need of Object.values(resource.needs as Needs)) keep(needed(need));
  };
  for (const resource of order) {
    const { seen, fault } = lookOf(resource);
    // Data that could not be looked at may be there.
    const there = seen !== undefined || fault !== undefined;
    if (resource.protect === 'data' && there && resource.readsOnly !== true && !options.mayDelete(resource)) keep(resource);
  }
  // A rule of a group that stays, stays.
  for (const resource of order) if (resource.within !== undefined && kept.has(resource.within)) kept.add(resource);
  return kept;
}

/** Whether something will be destroyed, as far as can be said beforehand. */
function goes(resource: AnyResource, lookOf: (resource: AnyResource) => Observed, kept: ReadonlySet<AnyResource>): boolean {
  const { seen } = lookOf(resource);
  return seen !== undefined && resource.readsOnly !== true && !kept.has(resource) && resource.keep?.(seen) === undefined;
}

/** What cannot be destroyed, as far as that shows beforehand. */
async function barredBy(
  order: readonly AnyResource[],
  willGo: (resource: AnyResource) => boolean,
  lookOf: (resource: AnyResource) => Observed,
  options: UnwalkOptions,
): Promise<Map<AnyResource, Fault>> {
  const barred = new Map<AnyResource, Fault>();
  const ask = async (resource: AnyResource): Promise<void> => {
    if (resource.blockedBy === undefined || !willGo(resource)) return;
    const run = runFor(resource, options);
    try {
      const others = await resource.blockedBy(lookOf(resource).seen, run);
      if (others.length > 0) barred.set(resource, blockedFault(resource.title, others));
    } catch (error) {
      if (error instanceof Cancelled) throw error;
      run.say(`whether something stands in its way could not be told: ${asFault(error).message}`);
    }
  };
  await Promise.all(order.map(ask));
  return barred;
}

/** All that goes along with what it is in, and leaves nothing outside. */
async function ridersOf(
  order: readonly AnyResource[],
  lookOf: (resource: AnyResource) => Observed,
  kept: ReadonlySet<AnyResource>,
  options: UnwalkOptions,
): Promise<Set<AnyResource>> {
  const riders = new Set<AnyResource>();
  const ask = async (resource: AnyResource): Promise<void> => {
    const { within, leavesBehind } = resource;
    if (within === undefined || !goes(within, lookOf, kept)) return;
    const { seen } = lookOf(resource);
    if (seen === undefined || leavesBehind === undefined) {
      riders.add(resource);
      return;
    }
    const run = runFor(resource, options);
    try {
      if (!(await leavesBehind(seen, run))) riders.add(resource);
    } catch (error) {
      if (error instanceof Cancelled) throw error;
      run.say(`whether it leaves something behind could not be told: ${asFault(error).message}`);
      riders.add(resource);
    }
  };
  await Promise.all(order.map(ask));
  return riders;
}

/** The outcome of what goes along: that of what it is in. */
async function ride(
  resource: AnyResource,
  take: (resource: AnyResource) => Promise<Outcome>,
  riders: ReadonlySet<AnyResource>,
  lookOf: (resource: AnyResource) => Observed,
  options: UnwalkOptions,
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
