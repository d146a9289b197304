/**
 * Owns the in-cluster half of the one-writer lock: a Lease that the writing run holds and renews. The half for the time
 * before a cluster exists is `cloud/lock.ts`.
 */
import { asFault, Fault } from '../engine/fault.ts';
import { LOCKED, proofOf } from '../engine/proof.ts';
import type { Run } from '../engine/resource.ts';
import type { KubeApi, KubeObject } from '../tools/api.ts';
import { FIELD_MANAGER } from '../tools/kubectl.ts';
import { collection } from './paths.ts';

/** Lives where it is always there, and where deleting the stack's own namespaces does not touch it. */
const NAMESPACE = 'kube-system';
/** Seconds without renewal after which a lock counts as left behind. */
const DURATION = 60;
const RENEW_EVERY = 15;
const LOST = 'No new write was started. Wait for the other run, then run again; give the workflow a "concurrency" group, so that runs queue instead.';
const UNPROVED =
  'No new write was started, because by now another run may hold the lock. See that the API server can be reached and that nobody else is at work, then run again.';

export interface LeaseOptions {
  readonly api: KubeApi;
  readonly stack: string;
  /** Which run holds it, for people: repository, workflow run, attempt. */
  readonly holder: string;
  /** Told when the lock was taken by somebody else or can no longer be proved held; the run must stop writing. */
  readonly lost: (fault: Fault) => void;
  readonly now?: () => number;
  /** Seconds between two signs of life. */
  readonly renewEvery?: number;
}

export interface HeldLock {
  /** Gives the lock back; only our own. Where that fails it says so: the lock then ends by itself. */
  release(): Promise<void>;
}

/**
 * Takes the stack's lock and keeps it until released.
 * @throws Fault naming the holder where another run is writing
 */
export async function takeLease(options: LeaseOptions, run: Run): Promise<HeldLock> {
  const { now = Date.now } = options;
  const lease = leaseIn(options, now);
  const found = await lease.read(run.signal);
  const other = found === undefined ? undefined : heldBy(found, options.holder, now());
  if (other !== undefined) throw inUse(options.stack, other);
  if (found !== undefined && holderOf(found) !== '' && holderOf(found) !== options.holder) {
    run.say(`taking over the lock that ${holderOf(found)} left behind`);
  }
  const taken = now();
  try {
    return keep(lease, await lease.write(found, run.signal), taken, options, run);
  } catch (error) {
    if (error instanceof Fault && error.status === 409) throw inUse(options.stack, 'another run, which was faster');
    throw error;
  }
}

/** The stack's Lease in the cluster. */
interface Lease {
  readonly name: string;
  read(signal: AbortSignal): Promise<KubeObject | undefined>;
  /** A sign of life in place of what was read. @throws Fault with status 409 where anybody else wrote in between */
  write(found: KubeObject | undefined, signal: AbortSignal): Promise<KubeObject>;
  delete(signal: AbortSignal): Promise<void>;
}

function leaseIn({ api, stack, holder }: LeaseOptions, now: () => number): Lease {
  const name = `zitadel-on-otc-${stack}`;
  const all = collection('coordination.k8s.io/v1', 'Lease', NAMESPACE);
  const path = `${all}/${name}`;
  const leaseOf = (found: KubeObject | undefined): object => ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name,
      namespace: NAMESPACE,
      labels: { 'app.kubernetes.io/managed-by': FIELD_MANAGER, 'zitadel-on-otc/stack': stack },
      // With it the API server refuses the write where anybody else wrote in between.
      ...(found?.metadata.resourceVersion === undefined ? {} : { resourceVersion: found.metadata.resourceVersion }),
    },
    spec: { holderIdentity: holder, leaseDurationSeconds: DURATION, renewTime: microTime(now()), acquireTime: microTime(now()) },
  });
  return {
    name,
    read: (signal) => api.get(path, signal),
    write: (found, signal) => (found === undefined ? api.send('POST', all, leaseOf(found), signal) : api.send('PUT', path, leaseOf(found), signal)),
    delete: async (signal) => void (await api.send('DELETE', path, undefined, signal)),
  };
}

/** Renews a lock that was taken, says when it is lost, and gives it back. Signals of its own: a cancelled run still gives its lock back. */
function keep(
  lease: Lease,
  first: KubeObject,
  taken: number,
  { stack, holder, lost, now = Date.now, renewEvery = RENEW_EVERY }: LeaseOptions,
  run: Run,
): HeldLock {
  let held = first;
  let atWork = false;
  let ended = false;
  let lastFailure: Fault | undefined;
  const end = (): void => {
    ended = true;
    clearInterval(renewing);
    proof.end();
  };
  const lose = (message: string, hint: string, cause?: Fault): void => {
    if (ended) return;
    end();
    lost(new Fault(message, { resource: `Lease ${NAMESPACE}/${lease.name}`, hint, cause }));
  };
  const proof = proofOf(DURATION, now, () =>
    lose(
      `the lock of stack ${stack} could not be renewed in time${lastFailure === undefined ? '' : `: ${lastFailure.message}`}`,
      UNPROVED,
      lastFailure,
    ),
  );
  proof.renewed(taken);
  const renew = async (): Promise<void> => {
    const began = now();
    try {
      held = await lease.write(held, AbortSignal.timeout(10_000));
    } catch (error) {
      const fault = asFault(error);
      if (fault.status !== 409 && fault.status !== 404) throw fault;
      // Our own last sign of life may have arrived without its answer: then the lock is still ours.
      const current = await lease.read(AbortSignal.timeout(10_000));
      if (current === undefined || holderOf(current) !== holder) {
        const by = current === undefined ? 'taken away' : `taken by ${holderOf(current) || 'another run, which has ended'}`;
        return lose(`the lock of stack ${stack} was ${by}`, LOST, fault);
      }
      // That sign of life is older than this one: nothing is proved before the next.
      held = current;
      return;
    }
    proof.renewed(began);
  };
  const renewing = setInterval(() => {
    if (atWork) return;
    atWork = true;
    renew()
      .catch((error: unknown) => {
        lastFailure = asFault(error);
        run.say(`the lock could not be renewed and will be tried again: ${lastFailure.message}`);
      })
      .finally(() => {
        atWork = false;
      });
  }, renewEvery * 1000);
  renewing.unref();
  return {
    release: async () => {
      end();
      await giveBack(lease, holder, run);
    },
  };
}

async function giveBack(lease: Lease, holder: string, run: Run): Promise<void> {
  const signal = AbortSignal.timeout(3000);
  try {
    const current = await lease.read(signal);
    if (current !== undefined && holderOf(current) === holder) await lease.delete(signal);
  } catch (error) {
    // What the run did stays done: nobody has to wait longer than this for a lock that is not given back.
    run.say(`the lock could not be given back and ends by itself after ${DURATION} s: ${asFault(error).message}`);
  }
}

/** Who holds a lease at the moment, if it is somebody else; a lease that is not renewed is held by nobody. */
export function heldBy(lease: KubeObject, self: string, now: number): string | undefined {
  const spec = (lease['spec'] ?? {}) as { renewTime?: string; leaseDurationSeconds?: number };
  const holder = holderOf(lease);
  if (holder === '' || holder === self) return undefined;
  const ends = Date.parse(spec.renewTime ?? '') + (spec.leaseDurationSeconds ?? DURATION) * 1000;
  return Number.isFinite(ends) && ends > now ? holder : undefined;
}

function holderOf(lease: KubeObject): string {
  return String((lease['spec'] as { holderIdentity?: string } | undefined)?.holderIdentity ?? '');
}

function inUse(stack: string, holder: string): Fault {
  return new Fault(`stack ${stack} is being written by ${holder}`, {
    code: LOCKED,
    hint: `Wait for that run. If it died, its lock ends ${DURATION} s after its last sign of life; then run again.`,
  });
}

/** Kubernetes' MicroTime: six digits of a second. */
function microTime(time: number): string {
  return new Date(time).toISOString().replace(/\.(\d{3})Z$/, '.$1000Z');
}
