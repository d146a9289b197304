/**
 * Owns which lock a run takes before its first write: the stack's VPC, whose name OTC keeps unique; where the stack uses
 * an existing VPC, which is never changed, a Lease in the cluster. How each lock works stands in `cloud/` and `kube/`.
 */
import { takeVpcLock } from '../cloud/index.ts';
import { Cancelled, Fault } from '../engine/fault.ts';
import { LOCKED } from '../engine/proof.ts';
import type { Run } from '../engine/resource.ts';
import { pauseFor } from '../engine/until.ts';
import type { Graph } from '../graph.ts';
import type { RunContext } from './context.ts';

export interface RunLock {
  /** @throws Fault where another run keeps it for longer than a dead run could */
  take(): Promise<void>;
  release(): Promise<void>;
  /** Why no new write may start: another run took the lock, or it cannot be proved held any more. */
  readonly lost: Fault | undefined;
}

/** A dead run's lock ends within this many seconds; a living one's is not waited for any longer. */
const PATIENCE_SECONDS = 150;
const LOOK_EVERY_SECONDS = 5;

/** @param stop ends all work of the run when the lock is lost */
export function lockFor({ runner, env, inputs, signal, stack }: RunContext, graph: Graph, stop: AbortController, pause = pauseFor): RunLock {
  const run: Run = { signal, say: (line) => runner.line(line) };
  const holder = holderOf(env);
  let held: { release(): Promise<void> } | undefined;
  let loss: Fault | undefined;
  const lost = (fault: Fault): void => {
    loss ??= fault;
    runner.line(`${fault.message}: no new write starts.`);
    stop.abort(new Cancelled("the stack's lock was lost"));
  };
  const takeOnce = async (): Promise<void> => {
    held = await takeVpcLock(graph.cloudContext, { holder, now: Date.now, make: inputs.command !== 'destroy', lost }, run);
    if (held !== undefined) return;
    held = await graph.takeLease({ stack: stack.name, holder, lost }, run);
    if (held === undefined)
      runner.line('There is neither a VPC of ours nor a cluster that can be reached, so nothing keeps a second run out: use a "concurrency" group.');
  };
  const takePatiently = async (): Promise<void> => {
    const started = Date.now();
    let last = { state: '', at: 0 };
    for (;;) {
      try {
        await takeOnce();
        // Another run may have closed our door as a dead run's while we waited.
        await graph.cloudContext.door?.ensure(run);
        return;
      } catch (error) {
        if (!(error instanceof Fault) || error.code !== LOCKED || Date.now() - started > PATIENCE_SECONDS * 1000) throw error;
        if (error.message !== last.state || Date.now() - last.at >= 60_000) {
          run.say(`${error.message}; waiting for it to end`);
          last = { state: error.message, at: Date.now() };
        }
      }
      await pause(LOOK_EVERY_SECONDS, signal);
      await graph.cloudContext.door?.ensure(run);
    }
  };
  let taking: Promise<void> | undefined;
  return {
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

/** The workflow run, for people; a second attempt of it is the same holder and goes on at once. */
export function holderOf(env: Readonly<Record<string, string | undefined>>): string {
  const { GITHUB_REPOSITORY: repository = 'local', GITHUB_RUN_ID: id = String(process.pid), GITHUB_JOB: job } = env;
  return `${repository} run ${id}${job === undefined ? '' : ` job ${job}`}`.replace(/[^A-Za-z0-9 .:/#_-]/g, '-');
}
