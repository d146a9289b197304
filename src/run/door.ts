/**
 * Owns whether and how a run opens a door for itself, and that it is closed whatever happens. What a door is stands in
 * `cloud/runner-door.ts`.
 */
import { type Door, type OpenDoor, runnerAddress, runnerDoor } from '../cloud/index.ts';
import { Fault } from '../engine/fault.ts';
import type { Region } from '../stack/stack.ts';
import type { RunContext } from './context.ts';

/** The state under which open doors are kept for the post step; empty where all are closed. */
const DOORS = 'doors';

export interface DoorState {
  readonly region: Region;
  readonly doors: readonly OpenDoor[];
}

/** The run's door, closed; undefined where the stack admits no `runner`. @param lock takes the stack's lock */
export function doorOf({ runner, holder, inputs, stack, otc, getText }: RunContext, lock: () => Promise<void>): Door | undefined {
  const { access, allow } = stack.cluster;
  if (access === 'private' || !allow.includes('runner')) return undefined;
  let address: Promise<string> | undefined;
  return runnerDoor({
    otc,
    stack: stack.name,
    holder,
    now: Date.now,
    address: () => {
      address ??= runnerAddress(inputs.addressEndpoint, getText);
      return address;
    },
    remember: (doors) => runner.saveState(DOORS, doors.length === 0 ? '' : JSON.stringify({ region: stack.region, doors } satisfies DoorState)),
    lock,
  });
}

/** Usually a second; with a slow gateway more. */
const MOST_SECONDS_TO_CLOSE = 3;
const LEAST_SECONDS_TO_CLOSE = 0.5;

/** Seconds that closing the door may take, so that a cancelled run ends in time. @param endBy both in milliseconds of one clock */
export function secondsToClose(now: number, endBy: number): number {
  return Math.max(LEAST_SECONDS_TO_CLOSE, Math.min(MOST_SECONDS_TO_CLOSE, (endBy - now) / 1000));
}

/** How plan and drift look: through the door only by consent. */
export function readMode({ stack }: Pick<RunContext, 'stack'>): Door['mode'] {
  return stack.cluster.openForReads ? 'read' : 'closed';
}

/** The one write of a plan or a drift run, named in the report. @param addresses that were let in, and are no more */
export function doorNotice(addresses: readonly string[]): Fault[] {
  if (addresses.length === 0) return [];
  const message = `this run let itself in: ${addresses.join(', ')} was admitted to the cluster while it looked (cluster.openForReads), which is the one thing it wrote`;
  return [new Fault(message, { hint: 'It was taken away again at the end.' })];
}
