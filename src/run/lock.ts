/**
 * Owns which lock a run takes before its first write: the stack's VPC, whose name OTC keeps unique; where the stack uses
 * an existing VPC, which is never changed, a Lease in the cluster. How each lock works stands in `cloud/` and `kube/`.
 */
import { takeVpcLock } from '../cloud/index.ts';
import { Fault } from '../engine/fault.ts';
import type { Run } from '../engine/resource.ts';
import { pauseFor } from '../engine/until.ts';
import type { Graph } from '../graph.ts';
import { LOCKED } from '../kube/lease-lock.ts';
import type { RunContext } from './context.ts';

export interface RunLock {
  /** @throws Fault where another run keeps it for longer than a dead run could */
  take(): Promise<void>;
  release(): Promise<void>;
  /** Fires when the lock was lost to another run: no new write may start. */
  readonly lost: AbortSignal;
}

/** A dead run's lock ends within this many seconds; a living one's is not waited for any longer. */
const PATIENCE_SECONDS = 150;
const LOOK_EVERY_SECONDS = 5;

export function lockFor({ runner, env, inputs, signal, stack }: RunContext, graph: Graph): RunLock {
  const losing = new AbortController();
  const run: Run = { signal, say: (line) => runner.line(line) };
  const holder = holderOf(env);
  let held: { release(): Promise<void> } | undefined;
  const lost = (fault: Fault): void => {
    runner.annotate('error', fault);
    losing.abort(fault);
  };
  const takeOnce = async (): Promise<void> => {
    held = await takeVpcLock(graph.cloudContext, { holder, now: Date.now, make: inputs.command !== 'destroy', lost }, run);
    if (held !== undefined) return;
    held = await graph.takeLease({ stack: stack.name, holder, lost }, run);
    if (held === undefined)
      runner.line('There is neither a VPC of ours nor a cluster, so nothing keeps a second run out: use a "concurrency" group.');
  };
  const takePatiently = async (): Promise<void> => {
    const started = Date.now();
    for (;;) {
      try {
        await takeOnce();
        // Another run may have closed our door as a dead run's while we waited.
        await graph.cloudContext.door?.ensure(run);
        return;
      } catch (error) {
        if (!(error instanceof Fault) || error.code !== LOCKED || Date.now() - started > PATIENCE_SECONDS * 1000) throw error;
        run.say(`${error.message}; waiting for it to end`);
      }
      await pauseFor(LOOK_EVERY_SECONDS, signal);
      await graph.cloudContext.door?.ensure(run);
    }
  };
  let taking: Promise<void> | undefined;
  return {
    lost: losing.signal,
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
