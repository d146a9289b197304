/** Owns reading pods: in what state one is, what keeps it from running, in the kubelet's own words. Pure. */
import type { KubeObject } from '../tools/api.ts';

interface ContainerStatus {
  readonly name: string;
  readonly ready?: boolean;
  readonly restartCount?: number;
  readonly state?: ContainerState;
  readonly lastState?: ContainerState;
}

interface ContainerState {
  readonly waiting?: { readonly reason?: string; readonly message?: string };
  readonly running?: { readonly startedAt?: string };
  readonly terminated?: { readonly exitCode: number; readonly reason?: string; readonly message?: string };
}

interface PodStatus {
  readonly phase?: string;
  readonly reason?: string;
  readonly conditions?: readonly { type: string; status: string; reason?: string; message?: string }[];
  readonly initContainerStatuses?: readonly ContainerStatus[];
  readonly containerStatuses?: readonly ContainerStatus[];
}

/** What one look at a pod tells. */
export interface PodState {
  readonly name: string;
  /** The Job, or the Deployment or DaemonSet, that made it. */
  readonly owner: string;
  readonly isJob: boolean;
  /** Done with its work (Succeeded) or ready to serve. */
  readonly fine: boolean;
  readonly failed: boolean;
  /** For people: `Running`, `Pending (ImagePullBackOff)`. */
  readonly text: string;
  /** Why it does not start, where waiting alone will rarely help, with the seconds it is given. */
  readonly obstacle?: { readonly reason: string; readonly message: string; readonly graceSeconds: number } | undefined;
  /** Containers that ended with an error, now or before: their logs tell why. */
  readonly broken: readonly { readonly container: string; readonly exitCode: number; readonly restarts: number }[];
}

/** Waiting reasons of the kubelet that time rarely heals, and the seconds they are given. */
const OBSTACLES: Readonly<Record<string, number>> = {
  // The kubelet tries again after 10, 20 and 40 s.
  ErrImagePull: 60,
  ImagePullBackOff: 60,
  InvalidImageName: 0,
  ErrImageNeverPull: 0,
  CreateContainerConfigError: 30,
  CreateContainerError: 30,
};

/** A crashing server is given this many restarts. */
const RESTARTS = 5;

export function podState(pod: KubeObject): PodState {
  const status = (pod['status'] ?? {}) as PodStatus;
  const phase = status.phase ?? 'Unknown';
  const containers = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
  const ready = status.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false;
  const waiting = containers.map(({ state }) => state?.waiting).find((state) => state?.reason !== undefined && state.reason !== 'PodInitializing');
  const unscheduled = status.conditions?.find(({ type, status: value }) => type === 'PodScheduled' && value === 'False');
  const why = waiting?.reason ?? unscheduled?.reason ?? status.reason;
  const owner = ownerOf(pod);
  return {
    name: pod.metadata.name,
    owner: owner.name,
    isJob: owner.isJob,
    fine: phase === 'Succeeded' || (phase === 'Running' && ready),
    failed: phase === 'Failed',
    text: why === undefined ? (phase === 'Running' && !ready && !owner.isJob ? 'Running, not ready' : phase) : `${phase} (${why})`,
    obstacle: obstacleOf(waiting, unscheduled, containers),
    broken: containers.flatMap(({ name, state, lastState, restartCount = 0 }) => {
      const ended = state?.terminated ?? lastState?.terminated;
      return ended === undefined || ended.exitCode === 0 ? [] : [{ container: name, exitCode: ended.exitCode, restarts: restartCount }];
    }),
  };
}

function obstacleOf(
  waiting: ContainerState['waiting'],
  unscheduled: { reason?: string; message?: string } | undefined,
  containers: readonly ContainerStatus[],
): PodState['obstacle'] {
  if (unscheduled?.reason === 'Unschedulable') {
    return { reason: 'Unschedulable', message: unscheduled.message ?? 'no node fits', graceSeconds: 300 };
  }
  const reason = waiting?.reason ?? '';
  const grace = OBSTACLES[reason];
  if (grace !== undefined) return { reason, message: waiting?.message ?? '', graceSeconds: grace };
  const crashing = containers.find(({ restartCount = 0, state }) => restartCount >= RESTARTS && state?.waiting?.reason === 'CrashLoopBackOff');
  if (crashing === undefined) return undefined;
  const ended = crashing.lastState?.terminated;
  const how = ended === undefined ? '' : `, last with ${ended.reason ?? 'Error'}, exit code ${ended.exitCode}`;
  return { reason: 'CrashLoopBackOff', message: `container ${crashing.name} ended ${crashing.restartCount} times${how}`, graceSeconds: 0 };
}

function ownerOf(pod: KubeObject): { name: string; isJob: boolean } {
  const owners = (pod.metadata as { ownerReferences?: readonly { kind: string; name: string }[] }).ownerReferences ?? [];
  const owner = owners[0];
  if (owner === undefined) return { name: pod.metadata.name, isJob: false };
  // A ReplicaSet is called like its Deployment with a hash behind.
  return { name: owner.kind === 'ReplicaSet' ? owner.name.replace(/-[a-z0-9]+$/, '') : owner.name, isJob: owner.kind === 'Job' };
}
