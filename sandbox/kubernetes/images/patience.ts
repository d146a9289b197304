/** Owns how long a program's own waiting (poll intervals, patience) lasts in a world whose cloud works faster than the real one. */
import type { World } from '../../contract.ts';

/** Milliseconds for so many seconds of a program's own waiting; at real pace they are the same, otherwise a twentieth. */
export function wait(world: World, seconds: number): number {
  return world.store.pace === 'real' ? seconds * 1000 : Math.max(50, seconds * 50);
}

/** Waits, shorter where the signal fires. */
export function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

/** Resolves when the signal fires: what a server does all its life. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
