/**
 * Owns the survey that comes before a destroy: what is there, what of it stays because it holds data or carries that, what goes
 * along with something else, and what cannot go because of others.
 */
import { asFault, blockedFault, Cancelled, Fault } from './fault.ts';
import { inOne, needed } from './order.ts';
import type { AnyResource, Needs } from './resource.ts';
import { stopIfCancelled } from './until.ts';
import { runFor, type WalkOptions } from './visiting.ts';

export interface SurveyOptions extends WalkOptions {
  /** Consent to delete a resource that holds data. */
  readonly mayDelete: (resource: AnyResource) => boolean;
}

export interface Observed {
  readonly seen: unknown;
  readonly fault?: Fault;
}

export interface Survey {
  readonly lookOf: (resource: AnyResource) => Observed;
  readonly kept: ReadonlySet<AnyResource>;
  readonly riders: ReadonlySet<AnyResource>;
  readonly barred: ReadonlyMap<AnyResource, Fault>;
}

/** What is there, what of it stays, goes along with something else, or cannot go. */
export async function survey(order: readonly AnyResource[], options: SurveyOptions): Promise<Survey> {
  const observed = await observeAll(order, options);
  const lookOf = (resource: AnyResource): Observed => observed.get(resource) ?? { seen: undefined };
  const kept = keptResources(order, lookOf, options);
  const riders = await ridersOf(order, lookOf, kept, options);
  const barred = await barredBy(order, (resource) => goes(resource, lookOf, kept) && !riders.has(resource), lookOf, options);
  return { lookOf, kept, riders, barred };
}

/** Will anything be taken away? */
export function begins(order: readonly AnyResource[], { lookOf, kept, barred }: Survey): boolean {
  return barred.size === 0 && order.some((resource) => goes(resource, lookOf, kept));
}

async function observeAll(order: readonly AnyResource[], options: SurveyOptions): Promise<Map<AnyResource, Observed>> {
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
function keptResources(order: readonly AnyResource[], lookOf: (resource: AnyResource) => Observed, options: SurveyOptions): Set<AnyResource> {
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
export function goes(resource: AnyResource, lookOf: (resource: AnyResource) => Observed, kept: ReadonlySet<AnyResource>): boolean {
  const { seen } = lookOf(resource);
  return seen !== undefined && resource.readsOnly !== true && !kept.has(resource) && resource.keep?.(seen) === undefined;
}

/** What cannot be destroyed, as far as that shows beforehand. */
async function barredBy(
  order: readonly AnyResource[],
  willGo: (resource: AnyResource) => boolean,
  lookOf: (resource: AnyResource) => Observed,
  options: SurveyOptions,
): Promise<Map<AnyResource, Fault>> {
  const barred = new Map<AnyResource, Fault>();
  const ask = async (resource: AnyResource): Promise<void> => {
    if (resource.blockedBy === undefined || !willGo(resource)) return;
    const run = runFor(resource, options);
    try {
      const others = await resource.blockedBy(lookOf(resource).seen, run);
      if (others instanceof Fault) barred.set(resource, others);
      else if (others.length > 0) barred.set(resource, blockedFault(resource.title, others));
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
  options: SurveyOptions,
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
