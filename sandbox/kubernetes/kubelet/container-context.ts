/** Owns what a container is handed when it starts: the `ContainerContext` of `../image.ts`, made from its pod. */

import type { NodeSpec } from '../../contract.ts';
import { kubeApi } from '../api.ts';
import type { ContainerContext } from '../image.ts';
import type { Container, Pod } from '../objects.ts';
import { expand, type PodFacts } from './env.ts';
import { containerFiles, mountsOf } from './files.ts';
import type { KubeletContext } from './kubelet-context.ts';
import type { ContainerLog } from './logs.ts';
import { podNetwork } from './pod-network.ts';

/** What a container needs of its pod. */
export interface PodScope {
  readonly kubelet: KubeletContext;
  readonly node: NodeSpec;
  /** As last seen. */
  pod(): Pod;
  readonly facts: PodFacts;
  /** Folder of the pod's files; `volumes` below it. */
  readonly folder: string;
  /** `name_namespace(uid)`, as the kubelet writes it. */
  title(): string;
  event(type: 'Normal' | 'Warning', reason: string, message: string, fieldPath?: string): void;
  /** The status has to be written again. */
  changed(): void;
  environment(container: Container): Promise<Record<string, string>>;
  /** Waits until a Secret or ConfigMap of the namespace changes, at most so long. */
  sourcesChanged(milliseconds: number, signal: AbortSignal): Promise<void>;
  /** Process that holds the pod's own network namespace, where it has one (real programs). */
  readonly networkHolder: number | undefined;
}

/** Runs a command beside a container's own. */
export type ExecInRun = (command: readonly string[]) => Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }>;

const tokenPath = '/var/run/secrets/kubernetes.io/serviceaccount/token';

export async function contextOf(
  scope: PodScope,
  spec: Container,
  run: {
    readonly env: Readonly<Record<string, string>>;
    readonly root: string;
    readonly term: AbortSignal;
    readonly kill: AbortSignal;
    readonly restartCount: number;
    readonly log: ContainerLog;
  },
): Promise<{ readonly container: ContainerContext; terminationMessage(exitCode: number): Promise<string>; close(): void }> {
  const { kubelet, node, facts } = scope;
  const pod = scope.pod();
  const mounts = mountsOf(pod, spec, `${scope.folder}/volumes`, run.env);
  const files = containerFiles(mounts, run.root);
  const access = kubelet.kube.access;
  const token = async () => (await files.read(tokenPath)).toString('utf8');
  const own = (await files.exists(tokenPath)) ? kubeApi({ host: access.host, port: access.port, caPem: access.caPem, token }) : undefined;
  const sourceAddress = kubelet.cluster.spec.mode === 'overlay_l2' ? facts.hostIP : facts.podIP;
  const namespace = pod.metadata.namespace ?? 'default';
  const network = podNetwork(kubelet, { namespace, address: facts.podIP, source: sourceAddress, node });
  const container: ContainerContext = {
    cluster: kubelet.cluster,
    world: kubelet.world,
    pod,
    container: spec,
    node,
    command: (spec.command ?? []).map((text) => expand(text, run.env)),
    args: (spec.args ?? []).map((text) => expand(text, run.env)),
    env: run.env,
    files,
    mounts,
    address: facts.podIP,
    sourceAddress,
    signal: run.term,
    killed: run.kill,
    restartCount: run.restartCount,
    log: (line) => run.log.write(line),
    kube: own,
    resolve: (name) => network.resolve(name),
    connect: (to) => network.connect(to),
    networkHolder: scope.networkHolder,
  };
  return {
    container,
    async terminationMessage(exitCode) {
      const path = spec.terminationMessagePath ?? '/dev/termination-log';
      if (await files.exists(path)) return (await files.read(path)).toString('utf8').slice(0, 4096);
      const fall = spec.terminationMessagePolicy === 'FallbackToLogsOnError' && exitCode !== 0;
      return fall ? run.log.tail(80, 2048) : '';
    },
    close: () => own?.close(),
  };
}
