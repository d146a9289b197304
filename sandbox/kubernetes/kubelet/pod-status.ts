/** Owns how a pod's status follows from its containers' (kubelet's getPhase and status generators). Pure. */
import type { ContainerStatus, Pod, PodCondition, PodStatus } from '../objects.ts';

export interface StatusInput {
  readonly pod: Pod;
  readonly init: readonly ContainerStatus[];
  readonly main: readonly ContainerStatus[];
  readonly initialized: boolean;
  readonly hostIP: string;
  readonly podIP: string | undefined;
  readonly startTime: string;
  readonly now: string;
  /** Set when the kubelet ended the pod itself. */
  readonly failed?: { readonly reason: string; readonly message: string };
}

export function podStatus(input: StatusInput): PodStatus {
  const { pod, init, main } = input;
  const phase = input.failed !== undefined ? 'Failed' : phaseOf(input);
  const over = phase === 'Succeeded' || phase === 'Failed';
  const unready = main.filter(({ ready }) => !ready).map(({ name }) => name);
  const containersReady = !over && input.initialized && unready.length === 0;
  const uninitialised = init.filter(({ ready }) => !ready).map(({ name }) => name);
  const gates = (pod.spec.readinessGates ?? []).every(({ conditionType }) =>
    (pod.status?.conditions ?? []).some(({ type, status }) => type === conditionType && status === 'True'),
  );
  const why = over
    ? { reason: phase === 'Succeeded' ? 'PodCompleted' : 'PodFailed' }
    : { reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` };
  const conditions: PodCondition[] = [
    { type: 'PodReadyToStartContainers', status: input.podIP !== undefined && !over ? 'True' : 'False' },
    input.initialized
      ? { type: 'Initialized', status: 'True', ...(phase === 'Succeeded' ? { reason: 'PodCompleted' } : {}) }
      : {
          type: 'Initialized',
          status: 'False',
          reason: 'ContainersNotInitialized',
          message: `containers with incomplete status: [${uninitialised.join(' ')}]`,
        },
    containersReady && !gates
      ? { type: 'Ready', status: 'False', reason: 'ReadinessGatesNotReady', message: 'the status of a readiness gate is not "True"' }
      : { type: 'Ready', status: containersReady ? 'True' : 'False', ...(containersReady ? {} : why) },
    { type: 'ContainersReady', status: containersReady ? 'True' : 'False', ...(containersReady ? {} : why) },
    { type: 'PodScheduled', status: 'True' },
  ];
  const own = new Set(conditions.map(({ type }) => type));
  const before = new Map((pod.status?.conditions ?? []).map((one) => [one.type, one]));
  const dated = conditions.map((one) => {
    const old = before.get(one.type);
    return { ...one, lastTransitionTime: old?.status === one.status ? (old.lastTransitionTime ?? input.now) : input.now };
  });
  return {
    phase,
    ...(input.failed ?? {}),
    conditions: [...dated, ...[...before.values()].filter(({ type }) => !own.has(type))],
    hostIP: input.hostIP,
    ...(input.podIP === undefined ? {} : { podIP: input.podIP, podIPs: [{ ip: input.podIP }] }),
    startTime: input.startTime,
    initContainerStatuses: init,
    containerStatuses: main,
  };
}

function phaseOf({ pod, main, initialized, init }: StatusInput): string {
  const policy = pod.spec.restartPolicy ?? 'Always';
  if (!initialized) {
    const broken = init.some(({ state }) => state.terminated !== undefined && state.terminated.exitCode !== 0);
    return broken && policy === 'Never' ? 'Failed' : 'Pending';
  }
  let waiting = 0;
  let running = 0;
  let stopped = 0;
  let succeeded = 0;
  for (const { state, lastState } of main) {
    if (state.running !== undefined) running += 1;
    else if (state.terminated !== undefined) {
      stopped += 1;
      if (state.terminated.exitCode === 0) succeeded += 1;
    } else if (lastState.terminated !== undefined) stopped += 1;
    else waiting += 1;
  }
  if (waiting > 0) return 'Pending';
  if (running > 0) return 'Running';
  if (stopped === 0) return 'Pending';
  if (policy === 'Always') return 'Running';
  if (stopped === succeeded) return 'Succeeded';
  return policy === 'Never' ? 'Failed' : 'Running';
}
