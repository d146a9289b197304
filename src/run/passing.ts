/**
 * Owns what a deploy makes for itself alone and takes away before it ends: the bastion with `cluster.bastion.keep: false`.
 * Such a thing is no change of the stack, so the report does not count it; what it is stands in `cloud/`.
 */
import { asFault } from '../engine/fault.ts';
import type { Outcome } from '../engine/outcome.ts';
import type { AnyResource, Run } from '../engine/resource.ts';

/**
 * Takes the resources away, in the order given, each as it is now; the other outcomes stay as they are.
 * @returns the outcomes, with these resources as absent, or as failed where they could not be taken away
 */
export async function takeAway(passing: readonly AnyResource[], outcomes: readonly Outcome[], run: Run): Promise<readonly Outcome[]> {
  const gone = new Map<string, Partial<Outcome>>();
  for (const resource of passing) {
    try {
      const seen: unknown = await resource.observe({}, run);
      if (seen !== undefined) await resource.destroy(seen, run);
      gone.set(resource.id, { verdict: 'absent', changes: [], done: false, facts: {}, note: 'there only while a deploy needs it' });
    } catch (error) {
      gone.set(resource.id, { verdict: 'failed', fault: asFault(error) });
    }
  }
  return outcomes.map((outcome) => (outcome.verdict === 'failed' ? outcome : { ...outcome, ...gone.get(outcome.id) }));
}
