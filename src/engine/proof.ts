/**
 * Owns for how long a lock that must be renewed counts as held: from each renewal on, for as long as nobody else may take it.
 * How the stack's lock is taken and renewed is `cloud/lock.ts`'s.
 */

/** Code of the fault that another run holds the lock. */
export const LOCKED = 'LOCKED';

export interface Proof {
  /** The lock was renewed by a request that began then, in milliseconds of the given clock. */
  renewed(began: number): void;
  /** Nothing is watched any more: the lock was given back, or lost otherwise. */
  end(): void;
}

/** Seconds before the end at which it counts as lost, so that a write which is under way then has ended when another run begins. */
const MARGIN = 10;
const LOOK_EVERY_MS = 250;

/**
 * Watches a lock that was taken just now.
 * @param now a clock that goes on while the machine sleeps: a run that was suspended must know that its lock has ended
 * @param ended told once, when the lock cannot be proved held any more
 */
export function proofOf(seconds: number, now: () => number, ended: () => void): Proof {
  let last = now();
  const watching = setInterval(() => {
    if (now() - last < (seconds - MARGIN) * 1000) return;
    clearInterval(watching);
    ended();
  }, LOOK_EVERY_MS);
  watching.unref();
  return {
    renewed: (began) => {
      last = began;
    },
    end: () => clearInterval(watching),
  };
}
