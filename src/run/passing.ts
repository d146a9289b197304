/**
 * Owns what a deploy makes for itself alone and takes away before it ends: the bastion with `cluster.bastion.keep: false`.
 * Such a thing is no change of the stack, so the report does not count it; what it is stands in `cloud/`. Where a run is
 * cancelled or killed, its post step takes it away (`left-behind.ts`).
 */
import { cloudResources } from '../cloud/index.ts';
import { asFault, Cancelled, Fault } from '../engine/fault.ts';
import type { Outcome } from '../engine/outcome.ts';
import type { AnyResource, Run } from '../engine/resource.ts';
import type { Graph } from '../graph.ts';
import type { RunContext } from './context.ts';

/** The state that tells the post step of something to be taken away; empty where there is nothing any more. */
export const PASSING = 'passing';

export interface Passing {
  /** From now on it may be there. */
  begin(): void;
  /** Takes it away. @returns the outcomes, with these resources as absent, or as failed where that did not succeed */
  end(outcomes: readonly Outcome[], first: () => Promise<void>, run: Run): Promise<readonly Outcome[]>;
  /** What of it still stands at the end of the run, asked for so many seconds under a signal of its own. */
  left(seconds: number): Promise<Fault[]>;
}

export function passingOf({ runner, otc }: RunContext, { cloudContext, passing }: Graph): Passing {
  let there = false;
  return {
    begin: () => {
      if (passing.length === 0) return;
      there = true;
      runner.saveState(PASSING, 'true');
    },
    end: async (outcomes, first, run) => {
      const gone = await takeAway(passing, first, run);
      if (passing.every(({ id }) => gone.get(id)?.verdict === 'absent')) {
        there = false;
        runner.saveState(PASSING, '');
      }
      return outcomes.map((outcome) => (outcome.verdict === 'failed' ? outcome : { ...outcome, ...gone.get(outcome.id) }));
    },
    left: async (seconds) => {
      if (!there) return [];
      const asking = otc.withSignal(AbortSignal.timeout(seconds * 1000));
      asking.forget();
      const hint = 'The post step of this job takes it away; where that does not run, the next deploy or destroy does.';
      const named = (found: readonly AnyResource[]): string => found.map(({ title }) => title).join(', ');
      try {
        const run: Run = { signal: new AbortController().signal, say: (line) => runner.line(line) };
        const all = cloudResources({ ...cloudContext, otc: asking }).passing;
        const seen = await Promise.all(all.map((resource): Promise<unknown> => resource.observe({}, run)));
        const standing = all.filter((_, index) => seen[index] !== undefined);
        return standing.length === 0
          ? []
          : [new Fault(`what was made for this run alone is still there and costs money: ${named(standing)}`, { hint })];
      } catch (error) {
        const why = error instanceof Cancelled ? 'there was no time to look' : asFault(error).message;
        return [new Fault(`what was made for this run alone may still be there, which costs money: ${named(passing)} (${why})`, { hint })];
      }
    },
  };
}

/**
 * Takes resources away, in the order given, each as it is now; what stands behind one that stays is not tried.
 * @param first called before the first write
 * @returns what became of each, by its id; nothing of those that a cancelled run did not come to
 */
export async function takeAway(passing: readonly AnyResource[], first: () => Promise<void>, run: Run): Promise<Map<string, Partial<Outcome>>> {
  const gone = new Map<string, Partial<Outcome>>();
  for (const resource of passing) {
    if (run.signal.aborted) break;
    try {
      const seen: unknown = await resource.observe({}, run);
      if (seen !== undefined) {
        await first();
        await resource.destroy(seen, run);
      }
      gone.set(resource.id, { verdict: 'absent', changes: [], done: false, facts: {}, note: 'there only while a deploy needs it' });
    } catch (error) {
      if (!(error instanceof Cancelled)) gone.set(resource.id, { verdict: 'failed', fault: asFault(error) });
      break;
    }
  }
  return gone;
}
