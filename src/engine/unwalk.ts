/**
 * Owns the walk backwards: `destroy` observes along the arrows, then takes away from the last dependent to the first
 * need. Data survives unless consented to, and with it everything it stands on.
 */
import { asFault, Cancelled } from './fault.ts';
import type { Outcome } from './outcome.ts';
import type { AnyResource, Needs } from './resource.ts';
import { stopIfCancelled } from './until.ts';
import { inOrder, needed, onceBefore, outcomeOf, runFor, type WalkOptions } from './walk.ts';

export interface UnwalkOptions extends WalkOptions {
  /** Consent to delete a resource that holds data. */
  readonly mayDelete: (resource: AnyResource) => boolean;
}

/** Destroys what is not kept. Outcomes come in the order of the graph. */
export async function unwalk(roots: readonly AnyResource[], options: UnwalkOptions): Promise<readonly Outcome[]> {
  const order = inOrder(roots);
  const writes = onceBefore(options);
  const observed = new Map<AnyResource, Promise<{ seen: unknown; fault?: ReturnType<typeof asFault> }>>();
  const observe = (resource: AnyResource): Promise<{ seen: unknown; fault?: ReturnType<typeof asFault> }> => {
    let promise = observed.get(resource);
    if (promise === undefined) {
      promise = (async () => {
        const needs = Object.entries(resource.needs as Needs);
        const found = await Promise.all(needs.map(([, need]) => observe(needed(need))));
        try {
          return {
            seen: await resource.observe(Object.fromEntries(needs.map(([name], index) => [name, found[index]?.seen])), runFor(resource, options)),
          };
        } catch (error) {
          return { seen: undefined, fault: asFault(error) };
        }
      })();
      observed.set(resource, promise);
    }
    return promise;
  };
  await Promise.all(order.map(observe));
  const kept = await keptResources(order, observe, options);
  const results = new Map<AnyResource, Promise<Outcome>>();
  const dependents = dependentsOf(order);
  const take = (resource: AnyResource): Promise<Outcome> => {
    let promise = results.get(resource);
    if (promise === undefined) {
      promise = takeOne(resource);
      results.set(resource, promise);
    }
    return promise;
  };
  const takeOne = async (resource: AnyResource): Promise<Outcome> => {
    const after = await Promise.all((dependents.get(resource) ?? []).map(take));
    const { seen, fault } = await observe(resource);
    const started = Date.now();
    const end = (verdict: Outcome['verdict'], more: Partial<Outcome> = {}): Outcome => {
      const outcome = outcomeOf(resource, verdict, (Date.now() - started) / 1000, seen, more);
      options.journal.end(outcome);
      return outcome;
    };
    if (fault !== undefined) return end('failed', { fault });
    if (seen === undefined || resource.readsOnly === true) return end('absent');
    if (kept.has(resource)) return end('kept', { note: resource.protect === 'data' ? 'holds data' : 'what holds data stands on it' });
    const stuck = after.filter(({ verdict }) => verdict === 'failed' || verdict === 'blocked');
    if (stuck.length > 0) return end('blocked', { note: `waits for ${stuck.map(({ id }) => id).join(', ')}` });
    if (!options.write) return end('delete');
    options.journal.begin(resource);
    try {
      await writes();
      stopIfCancelled(options.signal);
      await resource.destroy(seen, runFor(resource, options));
      return end('delete', { done: true });
    } catch (error) {
      if (error instanceof Cancelled) return end('blocked', { note: 'the run was cancelled' });
      return end('failed', { fault: asFault(error) });
    }
  };
  return Promise.all(order.map(take));
}

/** What holds data and is there without consent to delete it, and all that it stands on. */
async function keptResources(
  order: readonly AnyResource[],
  observe: (resource: AnyResource) => Promise<{ seen: unknown }>,
  options: UnwalkOptions,
): Promise<Set<AnyResource>> {
  const kept = new Set<AnyResource>();
  const keep = (resource: AnyResource): void => {
    if (kept.has(resource)) return;
    kept.add(resource);
    for (const need of Object.values(resource.needs as Needs)) keep(needed(need));
  };
  for (const resource of order) {
    if (resource.protect !== 'data' || options.mayDelete(resource)) continue;
    if ((await observe(resource)).seen !== undefined) keep(resource);
  }
  return kept;
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
