/** Owns when a run takes the stack's lock, and how long it waits for another run to give it back. What the lock is stands in `cloud/lock.ts`. */
import { randomUUID } from 'node:crypto';
import { takeLock } from '../cloud/index.ts';
import { Cancelled, Fault } from '../engine/fault.ts';
import { LOCKED } from '../engine/proof.ts';
import type { Run } from '../engine/resource.ts';
import { pauseFor } from '../engine/until.ts';
import type { Runner } from '../github/runner.ts';
import type { Graph } from '../graph.ts';
import type { RunContext } from './context.ts';

export interface RunLock {
  /** @throws Fault where another run keeps it for longer than a dead run could */
  take(): Promise<void>;
  release(): Promise<void>;
  /** True once it was taken, be it for a write or for a door (`cloud/runner-door.ts`). */
  readonly held: boolean;
  /** Why no new write may start: another run took the lock, or it cannot be proved held any more. */
  readonly lost: Fault | undefined;
}

/** A dead run's lock ends within this many seconds; a living one's is not waited for any longer. */
const PATIENCE_SECONDS = 150;
const LOOK_EVERY_SECONDS = 5;

/** @param stop ends all work of the run when the lock is lost */
export function lockFor(
  { runner, holder, inputs, signal }: RunContext,
  graph: Graph,
  stop: AbortController,
  { pause = pauseFor, take = takeLock } = {},
): RunLock {
  const run: Run = { signal, say: (line) => runner.line(line) };
  let held: { release(): Promise<void> } | undefined;
  let loss: Fault | undefined;
  const lost = (fault: Fault): void => {
    loss ??= fault;
    runner.line(`${fault.message}: no new write starts.`);
    stop.abort(new Cancelled("the stack's lock was lost"));
  };
  const takeOnce = async (): Promise<void> => {
    held = await take(graph.cloudContext, { holder, now: Date.now, make: inputs.command !== 'destroy', lost }, run);
    if (held === undefined)
      runner.line(
        'Nothing of the stack that could carry its lock is there (any more), so nothing keeps a second run out: use a "concurrency" group.',
      );
  };
  const takePatiently = async (): Promise<void> => {
    const patientUntil = Date.now() + PATIENCE_SECONDS * 1000;
    let last = { state: '', at: 0 };
    for (;;) {
      try {
        await takeOnce();
        // Another run may have closed our door as a dead run's while we waited.
        await graph.cloudContext.door?.ensure(run);
        return;
      } catch (error) {
        if (!(error instanceof Fault) || error.code !== LOCKED || Date.now() + LOOK_EVERY_SECONDS * 1000 > patientUntil) throw error;
        if (error.message !== last.state || Date.now() - last.at >= 60_000) {
          const end = new Date(patientUntil).toISOString().slice(11, 19);
          run.say(
            `${error.message}; waiting until ${end} UTC at the latest (${PATIENCE_SECONDS} s in all), then this run fails, having changed nothing`,
          );
          last = { state: error.message, at: Date.now() };
        }
      }
      await pause(LOOK_EVERY_SECONDS, signal);
      await graph.cloudContext.door?.ensure(run);
    }
  };
  let taking: Promise<void> | undefined;
  return {
    get held() {
      return held !== undefined;
    },
    get lost() {
      return loss;
    },
    take: () => {
      taking ??= takePatiently();
      return taking;
    },
    release: async () => held?.release(),
  };
}

/** Name of the step's state that tells runs of one job apart, and by which the post step goes on as its run. */
const STEP = 'step';

/**
 * The workflow run, for people, and this step of it: legs of a matrix and calls of a reusable workflow have all else in common. What an
 * earlier attempt of the run holds is nobody's any more (`cloud/lock.ts`).
 */
export function holderOf(runner: Pick<Runner, 'state' | 'saveState'>, env: Readonly<Record<string, string | undefined>>): string {
  const { GITHUB_REPOSITORY: repository = 'local', GITHUB_RUN_ID: id = '0', GITHUB_RUN_ATTEMPT: attempt = '1', GITHUB_JOB: job = 'none' } = env;
  const step = runner.state(STEP) ?? randomUUID().slice(0, 8);
  runner.saveState(STEP, step);
  return `${repository} run ${id} attempt ${attempt} job ${job} step ${step}`.replace(/[^A-Za-z0-9 .:/#_-]/g, '-');
}
