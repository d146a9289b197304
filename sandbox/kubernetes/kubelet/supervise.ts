/** Owns which probes of a running container are active when, and what their verdicts mean. One probe: `probes.ts`. */
import { paces } from '../../otc/store.ts';
import type { Container, Probe } from '../objects.ts';
import type { ExecInRun, PodScope } from './container-context.ts';
import { isLocal } from './pod-network.ts';
import { watchProbe } from './probes.ts';

export interface ProbeOutcomes {
  readonly exec: ExecInRun;
  readonly fieldPath: string;
  /** The startup probe succeeded. */
  started(): void;
  ready(ready: boolean): void;
  /** Startup or liveness failed for good. */
  restart(): void;
}

/** Runs the container's probes until `signal` fires. */
export function superviseProbes(scope: PodScope, spec: Container, signal: AbortSignal, outcomes: ProbeOutcomes): void {
  const { world, failed } = scope.kubelet;
  const target = {
    container: spec,
    address: scope.facts.podIP,
    from: isLocal(scope.node.address) ? scope.node.address : undefined,
    exec: outcomes.exec,
  };
  const eager = world.store.pace !== 'real' && paces[world.store.pace] < 1;
  const watch = (word: 'Startup' | 'Readiness' | 'Liveness', probe: Probe, verdict: (success: boolean, stop: () => void) => void) => {
    const own = new AbortController();
    const stop = () => own.abort();
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    let said = 0;
    watchProbe(probe, target, {
      eager: eager && word !== 'Liveness',
      signal: own.signal,
      verdict: (success) => verdict(success, stop),
      failedOnce: (text) => {
        // As often as the real periods would say it.
        if (Date.now() - said < (probe.periodSeconds ?? 10) * 1000) return;
        said = Date.now();
        scope.event('Warning', 'Unhealthy', `${word} probe failed: ${text}`, outcomes.fieldPath);
      },
    }).catch(failed);
  };
  const afterStart = () => {
    if (spec.readinessProbe !== undefined) watch('Readiness', spec.readinessProbe, (success) => outcomes.ready(success));
    if (spec.livenessProbe === undefined) return;
    watch('Liveness', spec.livenessProbe, (success, stop) => {
      if (success) return;
      stop();
      scope.event('Normal', 'Killing', `Container ${spec.name} failed liveness probe, will be restarted`, outcomes.fieldPath);
      outcomes.restart();
    });
  };
  if (spec.startupProbe === undefined) {
    afterStart();
    return;
  }
  watch('Startup', spec.startupProbe, (success, stop) => {
    stop();
    if (success) {
      outcomes.started();
      afterStart();
      return;
    }
    scope.event('Normal', 'Killing', `Container ${spec.name} failed startup probe, will be restarted`, outcomes.fieldPath);
    outcomes.restart();
  });
}
