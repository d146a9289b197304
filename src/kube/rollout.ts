/**
 * Owns watching a rollout while helm works: one line whenever something changes, log tails before pods vanish, and an
 * early end where waiting will not help. What it all means is explained by `diagnosis.ts`.
 */
import { asFault, Cancelled } from '../engine/fault.ts';
import type { Run } from '../engine/resource.ts';
import { pauseFor } from '../engine/until.ts';
import type { KubeApi, KubeObject } from '../tools/api.ts';
import { addTails, isBefore, lastingCause, type Tails } from './diagnosis.ts';
import { type PodState, podState } from './pods.ts';

/** A Job that has run much longer than it ever should, and what that means. */
export interface JobLimit {
  readonly seconds: number;
  readonly meaning: string;
}

export interface Watched {
  /** Log tails by `pod/container`. */
  readonly tails: ReadonlyMap<string, string>;
  /** Why the rollout was given up; undefined where helm ended by itself. */
  readonly stuck: string | undefined;
}

const EVERY_SECONDS = 2;
const SAY_EVERY_SECONDS = 30;
/** Seconds a pod may sit in ContainerCreating before its events are asked. */
const MOUNT_SECONDS = 60;
/**
 * Seconds more for pods that were in trouble before the rollout began, counted while no Job is at work: what they lack may
 * be what this rollout brings, and they go as soon as it reaches their Deployment.
 */
const LEFTOVER_SECONDS = 120;
/** The kubelet tries a mount again after two minutes at most: until then its complaint may be about what was missing before. */
const MOUNT_AGAIN_SECONDS = 130;

/** Attempts that end for the same lasting cause before the rollout is given up: the first may have met what was still being made. */
const ATTEMPTS_IN_VAIN = 2;

export interface RolloutOptions {
  readonly api: KubeApi;
  readonly namespace: string;
  readonly run: Run;
  readonly jobLimits?: Readonly<Record<string, JobLimit>>;
}

/**
 * Runs `work` with a signal of its own and watches the namespace meanwhile. When the rollout is stuck the signal fires,
 * and the promise still resolves after `work` has ended.
 */
export async function watched(options: RolloutOptions, work: (signal: AbortSignal) => Promise<void>): Promise<{ error: unknown; watched: Watched }> {
  const { run } = options;
  const giveUp = new AbortController();
  const end = new AbortController();
  const tails = new Map<string, string>();
  let stuck: string | undefined;
  const watching = watchUntil(AbortSignal.any([end.signal, run.signal]), options, tails, (reason) => {
    stuck = reason;
    giveUp.abort();
  });
  let error: unknown;
  try {
    await work(AbortSignal.any([run.signal, giveUp.signal]));
  } catch (thrown) {
    error = thrown;
  }
  end.abort();
  await watching;
  return { error, watched: { tails, stuck } };
}

async function watchUntil(signal: AbortSignal, options: RolloutOptions, tails: Map<string, string>, giveUp: (reason: string) => void): Promise<void> {
  const { api, namespace, run } = options;
  const started = Date.now();
  const since = new Map<string, number>();
  let lastText = '';
  let lastSaid = started;
  const sinceLeft = new Map<string, number>();
  const before = new Set<string>();
  const troubled = new Set<string>();
  const idOf = ({ metadata }: KubeObject): string => metadata.uid ?? metadata.name;
  let first = true;
  while (!signal.aborted) {
    try {
      const pods = await api.list(`/api/v1/namespaces/${namespace}/pods`, signal);
      // Pods that had ended before we began belong to former runs; those in trouble then may be healed by this one.
      if (first) for (const pod of pods) (podState(pod).failed || podState(pod).fine ? before : troubled).add(idOf(pod));
      first = false;
      const fresh = pods.filter((pod) => !before.has(idOf(pod)));
      const states = fresh.map(podState);
      for (const pod of fresh) await addTails(api, namespace, pod, tails, signal);
      const text = summary(states);
      const silent = Date.now() - lastSaid > SAY_EVERY_SECONDS * 1000;
      if (text !== lastText || silent) {
        if (text !== '' || silent)
          run.say(`${text === '' ? 'helm is at work, no pods of it yet' : text} (${Math.round((Date.now() - started) / 1000)} s)`);
        lastText = text;
        lastSaid = Date.now();
      }
      const [leftover, own] = [fresh.filter((pod) => troubled.has(idOf(pod))), fresh.filter((pod) => !troubled.has(idOf(pod)))];
      const ownStates = own.map(podState);
      const atWork = ownStates.some(({ isJob, fine, failed }) => isJob && !fine && !failed);
      if (atWork) sinceLeft.clear();
      const reason =
        stuckReason(ownStates, since, options) ??
        vainReason(ownStates, tails) ??
        (await missingMount(own, started, options, signal)) ??
        (atWork ? undefined : stuckReason(leftover.map(podState).map(patiently), sinceLeft, options)) ??
        (await missingMount(leftover, started + MOUNT_AGAIN_SECONDS * 1000, options, signal));
      if (reason !== undefined) return giveUp(reason);
      await pauseFor(EVERY_SECONDS, signal);
    } catch (error) {
      if (error instanceof Cancelled) return;
      // Watching only informs; helm's own result counts. Say it and go on.
      run.say(`cannot watch the pods at the moment: ${asFault(error).message}`);
      await new Promise((resolve) => setTimeout(resolve, EVERY_SECONDS * 1000));
    }
  }
}

/** `job zitadel-setup: Running; zitadel 2/3 ready`. */
export function summary(states: readonly PodState[]): string {
  const owners = [...new Set(states.map(({ owner }) => owner))].sort();
  return owners
    .map((owner) => {
      const pods = states.filter((pod) => pod.owner === owner);
      const last = pods.find(({ fine, failed }) => !fine && !failed) ?? pods.at(-1);
      if (last?.isJob === true) return `job ${owner}: ${last.text}${pods.length > 1 ? `, attempt ${pods.length}` : ''}`;
      const ready = pods.filter(({ fine }) => fine).length;
      return ready === pods.length ? `${owner} ${ready}/${pods.length} ready` : `${owner} ${ready}/${pods.length} ready, ${last?.text ?? ''}`;
    })
    .join('; ');
}

/** Why waiting on will not help, where an obstacle has lasted for its time. `since` remembers when each was first seen. */
export function stuckReason(
  states: readonly PodState[],
  since: Map<string, number>,
  { jobLimits = {} }: Pick<RolloutOptions, 'jobLimits'>,
  now = Date.now(),
): string | undefined {
  for (const { name, owner, isJob, obstacle, text } of states) {
    if (obstacle !== undefined) {
      // ErrImagePull and ImagePullBackOff alternate: the clock is the pod's, not the reason's.
      const first = since.get(name) ?? now;
      since.set(name, first);
      if (now - first >= obstacle.graceSeconds * 1000) return `pod ${name} does not start: ${obstacle.reason}: ${obstacle.message}`;
      continue;
    }
    since.delete(name);
    const limit = jobLimits[owner];
    if (limit !== undefined && isJob && text === 'Running') {
      const key = `job ${name}`;
      const first = since.get(key) ?? now;
      since.set(key, first);
      if (now - first >= limit.seconds * 1000) return `job ${owner} has been running for ${limit.seconds} s: ${limit.meaning}`;
    }
  }
  return undefined;
}

/** Why further attempts are in vain, where some have ended for a cause that time does not heal. */
export function vainReason(states: readonly PodState[], tails: Tails): string | undefined {
  const attempts = new Map<string, number>();
  for (const { name, owner, isJob, broken } of states) {
    for (const { container, restarts } of broken) {
      const cause = lastingCause(tails.get(`${name}/${container}`) ?? '');
      if (cause === undefined) continue;
      const what = `${isJob ? 'job' : 'pods of'} ${owner}`;
      const count = (attempts.get(`${what} ${cause}`) ?? 0) + Math.max(1, restarts);
      if (count >= ATTEMPTS_IN_VAIN) return `${what}: attempt ${count} ended like those before, and the next would too: ${cause}`;
      attempts.set(`${what} ${cause}`, count);
    }
  }
  return undefined;
}

/** The same pod, given more time. */
function patiently(pod: PodState): PodState {
  const { obstacle } = pod;
  return obstacle === undefined ? pod : { ...pod, obstacle: { ...obstacle, graceSeconds: obstacle.graceSeconds + LEFTOVER_SECONDS } };
}

/**
 * A volume that cannot be mounted shows only in events: `MountVolume.SetUp failed … secret "x" not found`.
 * @param after milliseconds; what was said before is over
 */
async function missingMount(
  pods: readonly KubeObject[],
  after: number,
  { api, namespace }: RolloutOptions,
  signal: AbortSignal,
): Promise<string | undefined> {
  const waiting = pods.filter((pod) => {
    const age = Date.now() - Date.parse(pod.metadata.creationTimestamp ?? new Date().toISOString());
    return podState(pod).text === 'Pending (ContainerCreating)' && age > MOUNT_SECONDS * 1000;
  });
  if (waiting.length === 0) return undefined;
  const events = await api.list(`/api/v1/namespaces/${namespace}/events?fieldSelector=reason%3DFailedMount`, signal);
  for (const event of events) {
    if (isBefore(event, new Date(after))) continue;
    const about = event['involvedObject'] as { name?: string } | undefined;
    const message = String(event['message']);
    if (waiting.some(({ metadata }) => metadata.name === about?.name) && /not found|non-existent/.test(message)) {
      return `pod ${about?.name} cannot mount a volume: ${message}`;
    }
  }
  return undefined;
}
