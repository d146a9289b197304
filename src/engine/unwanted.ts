/** Owns what becomes of things that a former choice of options made: kept, or taken away when everything else is well, dependents first. */
import { asFault, Cancelled } from './fault.ts';
import { needed } from './order.ts';
import type { Outcome, Verdict } from './outcome.ts';
import type { AnyResource, Needs } from './resource.ts';
import { stopIfCancelled, whyStopped } from './until.ts';
import { runFor, type WalkOptions } from './visiting.ts';

/** What becomes of something that the stack does not ask for (any more). */
export function leftBehind({ handsOver, protect }: AnyResource, seen: unknown): [Verdict, unknown, Partial<Outcome>] {
  if (seen === undefined || handsOver === true) return ['absent', seen, {}];
  if (typeof handsOver === 'string') return ['kept', seen, { note: handsOver }];
  return protect === 'data' ? ['kept', seen, { note: 'holds data; remove it by destroy with consent' }] : ['delete', seen, {}];
}

/** Takes away what a former choice of options made, dependents first; without `write` says what stays. */
export async function removeUnwanted(
  order: readonly AnyResource[],
  found: readonly { readonly outcome: Outcome; readonly seen: unknown }[],
  outcomes: Outcome[],
  options: WalkOptions,
  writes: () => Promise<void>,
): Promise<void> {
  const healthy = outcomes.every(({ verdict }) => verdict !== 'failed' && verdict !== 'blocked');
  /** What could or may not be taken away; what it stands on is not touched either. */
  const staying = new Map<AnyResource, 'kept' | 'blocked'>();
  order.forEach((resource, index) => {
    if (found[index]?.outcome.verdict === 'kept') staying.set(resource, 'kept');
  });
  for (const index of [...order.keys()].reverse()) {
    const resource = order[index];
    const visit = found[index];
    if (resource === undefined || visit?.outcome.verdict !== 'delete') continue;
    const replaceOutcome = (verdict: Verdict, more: Partial<Outcome>): void => {
      outcomes[index] = { ...visit.outcome, verdict, ...more };
      options.journal.end(outcomes[index]);
    };
    if (!healthy && options.write) {
      replaceOutcome('blocked', { note: 'what replaces it is not in place yet' });
      continue;
    }
    const inTheWay = [...staying].filter(([other]) => Object.values(other.needs as Needs).some((need) => needed(need) === resource));
    if (inTheWay.length > 0) {
      const data = inTheWay.every(([, why]) => why === 'kept');
      staying.set(resource, data ? 'kept' : 'blocked');
      if (data) replaceOutcome('kept', { note: 'what holds data stands on it' });
      else replaceOutcome('blocked', { note: `waits for ${inTheWay.map(([{ id }]) => id).join(', ')}` });
      continue;
    }
    if (!options.write) continue;
    options.journal.begin(resource);
    const started = Date.now();
    try {
      await writes();
      stopIfCancelled(options.signal);
      await resource.destroy(visit.seen, runFor(resource, options));
      replaceOutcome('delete', { done: true, seconds: (Date.now() - started) / 1000 });
    } catch (error) {
      staying.set(resource, 'blocked');
      if (error instanceof Cancelled) replaceOutcome('blocked', { note: whyStopped(options.signal) });
      else replaceOutcome('failed', { fault: asFault(error) });
    }
  }
}
