/**
 * Owns waiting. Everything that polls a service does it here: on a schedule that fits the kind of thing, honouring the
 * signal, with a line on each state change and one a minute, and a deadline that names the last state.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Cancelled, Fault } from './fault.ts';
import type { Run } from './resource.ts';

/** What one look found: `done` ends the wait, `state` is shown to people, `reason` is the service's own explanation. */
export type Look<T> =
  | { readonly done: true; readonly value: T }
  | { readonly done: false; readonly state: string; readonly reason?: string | undefined };

export interface Schedule {
  /** Seconds between the first looks; it grows by half each time … */
  readonly firstSeconds: number;
  /** … up to this. */
  readonly mostSeconds: number;
  /** Seconds after which the wait is given up. */
  readonly deadlineSeconds: number;
  /** Usual duration in seconds, for the progress line. */
  readonly usualSeconds?: number;
}

/** Schedules by the kind of thing waited for; durations from `reference`: OTC user guides and API samples. */
export const schedules = {
  /** VPC, subnet, EIP, DNS: seconds. */
  quick: { firstSeconds: 0.5, mostSeconds: 3, deadlineSeconds: 300, usualSeconds: 5 },
  /** NAT gateway, rules, group changes, load balancer: up to minutes. */
  medium: { firstSeconds: 1, mostSeconds: 5, deadlineSeconds: 900, usualSeconds: 40 },
  /** Servers. */
  server: { firstSeconds: 2, mostSeconds: 8, deadlineSeconds: 1200, usualSeconds: 120 },
  /** Clusters, node pools, databases: many minutes. */
  long: { firstSeconds: 2, mostSeconds: 10, deadlineSeconds: 2700, usualSeconds: 600 },
} as const satisfies Record<string, Schedule>;

/**
 * Looks until `look` says done.
 * @param what what is waited for, as a person would say it: `RDS instance zitadel-db-1a2b3c to become ACTIVE`
 * @throws Fault at the deadline, with the last state and reason; Cancelled when the run is cancelled
 */
export async function until<T>(what: string, schedule: Schedule, run: Run, look: () => Promise<Look<T>>): Promise<T> {
  const started = Date.now();
  let pause = schedule.firstSeconds;
  let lastState = '';
  let lastLine = started;
  for (;;) {
    stopIfCancelled(run.signal);
    const found = await look();
    if (found.done) return found.value;
    const elapsed = Math.round((Date.now() - started) / 1000);
    if (found.state !== lastState || Date.now() - lastLine >= 60_000) {
      const usual = schedule.usualSeconds === undefined ? '' : `, usually ${span(schedule.usualSeconds)}`;
      run.say(`waiting for ${what}: ${found.state} (after ${span(elapsed)}${usual})`);
      lastState = found.state;
      lastLine = Date.now();
    }
    if (elapsed >= schedule.deadlineSeconds) {
      const reason = found.reason ? `: ${found.reason}` : '';
      throw new Fault(`gave up waiting for ${what} after ${span(elapsed)}; last state ${found.state}${reason}`, {
        hint: 'Look at the resource in the console. Running again continues where this run stopped.',
      });
    }
    await (run.pause ?? pauseFor)(pause, run.signal);
    pause = Math.min(pause * 1.5, schedule.mostSeconds);
  }
}

/** `40 s`, `12 min`, `12 min 5 s`. */
function span(seconds: number): string {
  const [minutes, rest] = [Math.floor(seconds / 60), seconds % 60];
  return minutes < 2 ? `${seconds} s` : `${minutes} min${rest === 0 ? '' : ` ${rest} s`}`;
}

/** Sleeps `seconds`, or ends at once with {@link Cancelled} when the signal fires. */
export async function pauseFor(seconds: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(seconds * 1000, undefined, { signal });
  } catch (error) {
    stopIfCancelled(signal);
    throw error;
  }
}

/** @throws Cancelled when the run was cancelled */
export function stopIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw new Cancelled(whyStopped(signal));
}

/** Why a run stops early, for people: what the signal was fired with, where that says so. */
export function whyStopped({ reason }: AbortSignal): string {
  return reason instanceof Cancelled ? reason.message : 'the run was cancelled';
}
