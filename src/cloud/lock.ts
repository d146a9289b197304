/**
 * Owns the one-writer lock of a stack: a line in the description of something of the stack's own (`lock-place.ts`) that says who
 * writes and until when.
 */
import { createHash } from 'node:crypto';
import { asFault, Fault } from '../engine/fault.ts';
import { LOCKED, proofOf } from '../engine/proof.ts';
import type { Run } from '../engine/resource.ts';
import { pauseFor, stopIfCancelled } from '../engine/until.ts';
import { unlessGone } from '../otc/client.ts';
import { isTrouble } from '../otc/errors.ts';
import { type CloudContext, createOnce, description } from './context.ts';
import { type Carrier, type LockPlace, lockPlace } from './lock-place.ts';

/** A lock that was not renewed for so long belongs to a dead run. */
const VALID_SECONDS = 120;
const RENEW_EVERY_SECONDS = 30;
/** Time for another writer, who looked at the same moment, to overwrite us; who takes longer from its look to its write, waits longer. */
const SETTLE_SECONDS = 2;
/** Seconds for which a lock is tried to be written while the service has trouble. */
const WRITE_SECONDS = 90;

export interface LockHolder {
  /**
   * This run, in letters, digits and `.:/#_-` (a description takes no angle brackets), for example `octo/shop run 42 attempt 1 job deploy
   * step 1a2b3c4d`.
   */
  readonly holder: string;
  readonly now: () => number;
  /** Told when another run has taken the lock over, or it can no longer be proved held; no new write may start then. */
  readonly lost?: (fault: Fault) => void;
  /** False where nothing is made just for the lock: a destroy must not leave anything behind that was not there. */
  readonly make?: boolean;
  /** Pauses; default a timer that honours the signal. */
  readonly pause?: (seconds: number, signal: AbortSignal) => Promise<void>;
}

export interface Lock {
  /** Gives it back and stops renewing; what carries it may be gone by then. */
  release(): Promise<void>;
}

/** What a description holds (VPC API v1 for a VPC, v2.0 for a security group). */
const LONGEST = 255;

/** `Managed by …; locked by run 42 until 2026-01-01T10:00:00Z`; the holder must fit, see {@link fitting}. */
export function lockText(plain: string, holder: string, until: Date): string {
  return `${plain}; locked by ${holder} until ${until.toISOString().slice(0, 19)}Z`;
}

/** A holder's name, cut so that the whole text fits: without its end nobody would see the lock. */
export function fitting(plain: string, holder: string): string {
  const room = LONGEST - lockText(plain, '', new Date(0)).length;
  return holder.length <= room ? holder : `${holder.slice(0, room - 10)}-${createHash('sha256').update(holder).digest('hex').slice(0, 9)}`;
}

/** Who holds the lock and until when, by a description; undefined where it is free. */
export function lockIn(text: string | null | undefined): { readonly holder: string; readonly until: number } | undefined {
  const [, holder, until] = /; locked by (.+) until (\S+)$/.exec(text ?? '') ?? [];
  return holder === undefined || until === undefined ? undefined : { holder, until: Date.parse(until) };
}

/**
 * Takes the lock, making what carries it where there is nothing; what was written of it is given back where it cannot be had. Undefined
 * where nothing is there to carry it and nothing may be made.
 *
 * Two runs that begin at once may each make a carrier, where the service keeps no name unique. It is made with the lock in it, and then
 * all of the name are looked at: the one whose carrier came later sees the other's lock and yields. Should both see each other's, both
 * yield, and find the same first carrier when they try again.
 * @throws Fault naming the run that holds it
 */
export async function takeLock(context: CloudContext, given: LockHolder, run: Run): Promise<Lock | undefined> {
  const { otc } = context;
  const holder = { ...given, holder: fitting(description(context), given.holder) };
  const place = lockPlace(context);
  const mine = (): string => lockText(description(context), holder.holder, new Date(holder.now() + VALID_SECONDS * 1000));
  const find = async (): Promise<Carrier | undefined> => (await place.all())[0];
  const found = await find();
  if (found === undefined && holder.make === false) return undefined;
  const { title: what, exists } = place;
  const carrier = found ?? (await createOnce({ what, create: () => place.create(mine()), look: find, exists }, run));
  const { id } = carrier;
  if (found === undefined) context.madeByLock.add(id);
  refuseHeld(carrier, holder);
  let early: Fault | undefined;
  let held = false;
  const lost = (fault: Fault): void => {
    if (held) holder.lost?.(fault);
    else early ??= fault;
  };
  let renewing: Renewing | undefined;
  const release = async (): Promise<void> => {
    renewing?.stop();
    await renewing?.done;
    // Also after a cancel, under a signal of its own: nobody should have to wait for a lock that nobody holds.
    const last = otc.withSignal(AbortSignal.timeout(3000));
    try {
      const now = await unlessGone(place.get(last, id));
      if (lockIn(now?.description)?.holder === holder.holder) await unlessGone(place.write(last, id, description(context)));
    } catch (error) {
      // What the run did stays done; the lock is no longer renewed.
      run.say(`the stack's lock could not be given back and ends by itself within ${VALID_SECONDS} s: ${asFault(error).message}`);
    }
  };
  try {
    const { began, written } = await lookAndWrite(context, { place, id, text: mine, young: found === undefined }, holder, run);
    // A write that came late may have overwritten a lock that had settled: its holder sees ours, or loses its own, within this.
    const slow = written - began > SETTLE_SECONDS * 1000;
    renewing = renew(context, { place, id, text: mine, taken: slow ? written : began }, { ...holder, lost }, run);
    if (slow)
      run.say(`the stack's lock took ${Math.round((written - began) / 1000)} s to write; waiting ${VALID_SECONDS} s for a run it may have overtaken`);
    await (holder.pause ?? pauseFor)(slow ? VALID_SECONDS : SETTLE_SECONDS, run.signal);
    stopIfCancelled(run.signal);
    for (const one of [await place.get(otc, id), ...(await place.others(id))]) refuseHeld(one, holder);
    if (early !== undefined) throw early;
    held = true;
  } catch (error) {
    await release();
    throw error;
  }
  return { release };
}

interface Written {
  readonly place: LockPlace;
  readonly id: string;
  readonly text: () => string;
}

/**
 * Looks and writes at once. After trouble it looks again: a write that the client repeats by itself might come long after the look.
 * @param young made just now, so that it may not be known everywhere yet
 * @returns when the last look began and when its write was done
 */
async function lookAndWrite(
  { otc }: CloudContext,
  { place, id, text, young }: Written & { readonly young: boolean },
  holder: LockHolder,
  run: Run,
): Promise<{ readonly began: number; readonly written: number }> {
  const { now, pause = pauseFor } = holder;
  for (const first = now(); ; ) {
    const began = now();
    try {
      for (const one of await place.others(id)) refuseHeld(one, holder);
      refuseHeld(await place.get(otc, id, 0), holder);
      await place.write(otc, id, text(), 0);
      return { began, written: now() };
    } catch (error) {
      const passing = error instanceof Fault && error.code !== LOCKED && (isTrouble(error) || (young && error.status === 404));
      if (!passing || now() - first > WRITE_SECONDS * 1000) throw error;
      await pause(SETTLE_SECONDS, run.signal);
    }
  }
}

function refuseHeld(carrier: Carrier, { holder, now }: LockHolder): void {
  const lock = lockIn(carrier.description);
  if (lock === undefined || lock.holder === holder || isOver(lock.holder, holder) || !(lock.until > now())) return;
  const until = new Date(lock.until).toISOString().slice(0, 19);
  throw new Fault(`another run is changing this stack: ${lock.holder}`, {
    resource: carrier.id,
    code: LOCKED,
    hint: `Wait for that run to end, then run again; its lock lasts until ${until}Z unless it goes on. Give the workflow a "concurrency" group, so that runs queue instead.`,
  });
}

/** Is that an earlier attempt of the same job? It has ended before this one began. */
function isOver(other: string, holder: string): boolean {
  const [one, two] = [other, holder].map((text) => /^(.+ run \S+) attempt (\d+)( job .+) step \S+$/.exec(text));
  return one?.[1] !== undefined && one[1] === two?.[1] && one[3] === two[3] && Number(one[2]) < Number(two[2]);
}

interface Renewing {
  readonly stop: () => void;
  readonly done: Promise<void>;
}

function renew(
  { otc }: CloudContext,
  { place, id, text, taken }: Written & { readonly taken: number },
  { holder, now, lost, make, pause = pauseFor }: LockHolder,
  run: Run,
): Renewing {
  const stopping = new AbortController();
  const signal = AbortSignal.any([stopping.signal, run.signal]);
  let lastFailure: Fault | undefined;
  const lose = (fault: Fault): void => {
    if (signal.aborted) return;
    stopping.abort();
    proof.end();
    lost?.(fault);
  };
  const proof = proofOf(VALID_SECONDS, now, () => lose(unproved(place.title, id, lastFailure)));
  proof.renewed(taken);
  const loop = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        await pause(RENEW_EVERY_SECONDS, signal);
        const began = now();
        const found = await unlessGone(place.get(otc, id));
        const held = lockIn(found?.description);
        // Who was silent for too long has lost it to another run, and must not take it back.
        if (held !== undefined && held.holder !== holder) return lose(takenOver(id, held.holder));
        if (found === undefined && make !== false) return lose(deleted(place.title, id));
        // Gone with a destroy of our own, nothing else can take it: what is left of that needs no lock.
        if (found !== undefined) await place.write(otc, id, text());
        proof.renewed(began);
      } catch (error) {
        if (signal.aborted) return;
        lastFailure = asFault(error);
        run.say(`the stack's lock could not be renewed and will be tried again: ${lastFailure.message}`);
      }
    }
  };
  return {
    stop: () => {
      stopping.abort();
      proof.end();
    },
    done: loop(),
  };
}

function takenOver(id: string, by: string): Fault {
  return new Fault(`the stack's lock was taken over by ${by}, because this run could not renew it in time`, {
    resource: id,
    hint: 'No new write was started. Wait for that run, then run again; give the workflow a "concurrency" group, so that runs queue instead.',
  });
}

function deleted(title: string, id: string): Fault {
  return new Fault(`the stack's lock was lost: its ${title} was deleted`, {
    resource: id,
    hint: 'No new write was started, because by now another run may have made another one. When nobody is at work, run again.',
  });
}

function unproved(title: string, id: string, cause: Fault | undefined): Fault {
  return new Fault(`the stack's lock could not be renewed in time${cause === undefined ? '' : `: ${cause.message}`}`, {
    resource: id,
    hint: `No new write was started, because by now another run may hold the lock. It is named in the description of the ${title}; when nobody is at work, run again.`,
    cause,
  });
}
