/**
 * Owns one pod on its node, from its binding to its end: address, volumes, init containers, containers, status, deletion.
 * One container is `container.ts`; which pods there are is `kubelet.ts`.
 */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NodeSpec } from '../../contract.ts';
import { type LinkedNamespace, linkedNamespace } from '../../world/linked-namespace.ts';
import { pause } from '../api.ts';
import type { ContainerStatus, Pod } from '../objects.ts';
import { ContainerRunner } from './container.ts';
import type { PodScope } from './container-context.ts';
import { environment, type PodFacts } from './env.ts';
import type { KubeletContext } from './kubelet-context.ts';
import type { ContainerLog } from './logs.ts';
import { podStatus } from './pod-status.ts';
import { mountVolumes, type PodVolumes, sourcesChanged } from './pod-volumes.ts';
import { finished } from './selectors.ts';
import { stamp } from './time.ts';

export class PodWorker {
  readonly #kubelet: KubeletContext;
  readonly #node: NodeSpec;
  readonly #folder: string;
  readonly #ending = new AbortController();
  readonly #startTime: string;
  #pod: Pod;
  #facts: PodFacts;
  #network: LinkedNamespace | undefined;
  #init: ContainerRunner[] = [];
  #main: ContainerRunner[] = [];
  #initialized = false;
  #failed: { readonly reason: string; readonly message: string } | undefined;
  #over = false;
  #gone = false;
  #writing: Promise<void> | undefined;
  #dirty = false;
  #deadline: NodeJS.Timeout | undefined;
  #living: Promise<void> | undefined;
  #deleting: Promise<void> | undefined;

  constructor(kubelet: KubeletContext, node: NodeSpec, pod: Pod) {
    this.#kubelet = kubelet;
    this.#node = node;
    this.#pod = pod;
    this.#folder = join(kubelet.folder, pod.metadata.uid ?? '');
    this.#startTime = pod.status?.startTime ?? stamp();
    this.#facts = { podIP: '', hostIP: node.address, nodeName: node.name };
    if (finished(pod)) this.#over = true;
    else this.#living = this.#life().catch((error: unknown) => kubelet.failed(error));
  }

  get deleting(): boolean {
    return this.#deleting !== undefined;
  }

  get uid(): string {
    return this.#pod.metadata.uid ?? '';
  }

  /** The object changed. */
  update(pod: Pod): void {
    this.#pod = pod;
    if (pod.metadata.deletionTimestamp !== undefined) this.#delete().catch((error: unknown) => this.#kubelet.failed(error));
  }

  /** Writes the status again, whatever the API server holds (after a restore). */
  refresh(): void {
    if (!this.#over) this.#changed();
  }

  /** The object is gone (or its node is): everything ends now. */
  async remove(graceMs = 1000): Promise<void> {
    this.#gone = true;
    this.#ending.abort();
    clearTimeout(this.#deadline);
    await this.#stopAll(graceMs);
    await this.#living;
    await this.#deleting;
    await this.#release();
    // A refresh of mounted files may be under way.
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }

  log(container: string, previous: boolean): ContainerLog | undefined {
    const runner = this.#runner(container);
    return previous ? runner?.previousLog : runner?.log;
  }

  has(container: string): boolean {
    return this.#runner(container) !== undefined;
  }

  async exec(container: string, command: readonly string[]): ReturnType<ContainerRunner['exec']> {
    const runner = this.#runner(container);
    if (runner === undefined) throw new Error(`container not found ("${container}")`);
    return runner.exec(command);
  }

  #runner(name: string): ContainerRunner | undefined {
    return [...this.#main, ...this.#init].find(({ spec }) => spec.name === name);
  }

  async #life(): Promise<void> {
    if (this.#pod.metadata.deletionTimestamp !== undefined) return this.#delete();
    const { spec } = this.#pod;
    const before = this.#pod.status;
    const programs = [...spec.containers, ...(spec.initContainers ?? [])].some(({ image }) => this.#kubelet.isProgram(image));
    if (spec.hostNetwork === true) this.#facts = { ...this.#facts, podIP: this.#node.address };
    else {
      this.#facts = { ...this.#facts, podIP: this.#kubelet.pool.take(before?.podIP) };
      if (programs) {
        // Pods reach each other through the world, which has to pass their packets on.
        await writeFile('/proc/sys/net/ipv4/ip_forward', '1');
        this.#network = await linkedNamespace(this.#facts.podIP);
      } else await this.#kubelet.world.addresses.add(this.#facts.podIP);
    }
    const scope = this.#scope();
    const old = (name: string): ContainerStatus | undefined =>
      [...(before?.containerStatuses ?? []), ...(before?.initContainerStatuses ?? [])].find((one) => one.name === name);
    this.#init = (spec.initContainers ?? []).map(
      (one) => new ContainerRunner(scope, one, one.restartPolicy === 'Always' ? 'sidecar' : 'init', old(one.name)),
    );
    this.#main = spec.containers.map((one) => new ContainerRunner(scope, one, 'main', old(one.name)));
    this.#initialized = this.#init.length === 0;
    this.#changed();
    this.#armDeadline();
    if (!(await mountVolumes(this.#volumes()))) return;
    for (const runner of this.#init) {
      if (this.#ending.signal.aborted) return;
      const ended = runner.start();
      if (runner.role === 'sidecar') await this.#untilStarted(runner);
      else await ended;
      if (runner.role === 'init' && runner.exitCode !== 0) {
        // Without restarts a failed init container is the pod's end.
        if (!this.#ending.signal.aborted) await this.#finish();
        return;
      }
    }
    if (this.#ending.signal.aborted) return;
    this.#initialized = true;
    this.#changed();
    await Promise.all(this.#main.map((runner) => runner.start()));
    if (!this.#ending.signal.aborted) await this.#finish();
  }

  async #untilStarted(runner: ContainerRunner): Promise<void> {
    while (!runner.started && !this.#ending.signal.aborted) await pause(100, this.#ending.signal);
  }

  #armDeadline(): void {
    const seconds = this.#pod.spec.activeDeadlineSeconds;
    if (seconds === undefined) return;
    const left = new Date(this.#startTime).getTime() + seconds * 1000 - Date.now();
    this.#deadline = setTimeout(
      () => {
        this.#failed = { reason: 'DeadlineExceeded', message: 'Pod was active on the node longer than the specified deadline' };
        this.#ending.abort();
        this.#stopAll(this.#grace())
          .then(() => this.#finish())
          .catch((error: unknown) => this.#kubelet.failed(error));
      },
      Math.max(0, left),
    );
  }

  #grace(): number {
    const { metadata, spec } = this.#pod;
    return (metadata.deletionGracePeriodSeconds ?? spec.terminationGracePeriodSeconds ?? 30) * 1000;
  }

  async #stopAll(graceMs: number): Promise<void> {
    await Promise.all(this.#main.map((runner) => runner.stop(graceMs, !this.#gone)));
    await Promise.all(this.#init.map((runner) => runner.stop(graceMs, !this.#gone)));
  }

  /** All containers have ended for good. */
  async #finish(): Promise<void> {
    await Promise.all(this.#init.map((runner) => runner.stop(this.#grace())));
    this.#ending.abort();
    clearTimeout(this.#deadline);
    this.#over = true;
    this.#changed();
    await this.#written();
    await this.#release();
  }

  #delete(): Promise<void> {
    this.#deleting ??= this.#gone ? Promise.resolve() : this.#ended();
    return this.#deleting;
  }

  async #ended(): Promise<void> {
    this.#ending.abort();
    clearTimeout(this.#deadline);
    await this.#stopAll(this.#grace());
    if (!this.#over) this.#changed();
    await this.#written();
    await this.#release();
    if (this.#gone) return;
    const { namespace, name, uid } = this.#pod.metadata;
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
    const answer = await this.#kubelet.kube.request('DELETE', path, { gracePeriodSeconds: 0, preconditions: { uid } });
    if (answer.status >= 400 && answer.status !== 404 && answer.status !== 409)
      this.#kubelet.failed(new Error(`DELETE ${path}: ${answer.status} ${JSON.stringify(answer.body)}`));
  }

  async #release(): Promise<void> {
    const address = this.#facts.podIP;
    if (address === '' || this.#pod.spec.hostNetwork === true) return;
    this.#facts = { ...this.#facts, podIP: '' };
    if (this.#network !== undefined) await this.#network.close();
    else await this.#kubelet.world.addresses.remove(address);
    this.#network = undefined;
    this.#kubelet.pool.release(address);
  }

  #changed(): void {
    this.#dirty = true;
    this.#writing ??= this.#write()
      .catch((error: unknown) => this.#kubelet.failed(error))
      .finally(() => {
        this.#writing = undefined;
      });
  }

  async #written(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  async #write(): Promise<void> {
    // Changes of the same moment make one write.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#dirty && !this.#gone) {
      this.#dirty = false;
      const status = podStatus({
        pod: this.#pod,
        init: this.#init.map((runner) => runner.status()),
        main: this.#main.map((runner) => runner.status()),
        initialized: this.#initialized,
        hostIP: this.#node.address,
        podIP: this.#facts.podIP === '' ? undefined : this.#facts.podIP,
        startTime: this.#startTime,
        now: stamp(),
        ...(this.#failed === undefined ? {} : { failed: this.#failed }),
      });
      const { namespace, name, uid } = this.#pod.metadata;
      const path = `/api/v1/namespaces/${namespace}/pods/${name}/status`;
      const answer = await this.#kubelet.kube.request<Pod>('PATCH', path, { metadata: { uid }, status });
      if (answer.status === 200) {
        // Dates of conditions are taken over from what was written last.
        if (this.#pod.metadata.deletionTimestamp === undefined) this.#pod = { ...this.#pod, status: answer.body.status ?? status };
      } else if (answer.status !== 404 && answer.status !== 409) throw new Error(`PATCH ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    }
  }

  #event(type: 'Normal' | 'Warning', reason: string, message: string, fieldPath?: string): void {
    this.#kubelet.recorder(this.#node).event(this.#pod, 'Pod', type, reason, message, fieldPath);
  }

  #volumes(): PodVolumes {
    return {
      kubelet: this.#kubelet,
      pod: () => this.#pod,
      facts: this.#facts,
      folder: join(this.#folder, 'volumes'),
      signal: this.#ending.signal,
      event: (...said) => this.#event(...said),
    };
  }

  #scope(): PodScope {
    const kubelet = this.#kubelet;
    const facts = this.#facts;
    return {
      kubelet,
      node: this.#node,
      pod: () => this.#pod,
      facts,
      folder: this.#folder,
      title: () => `${this.#pod.metadata.name}_${this.#pod.metadata.namespace}(${this.uid})`,
      event: (...said) => this.#event(...said),
      changed: () => this.#changed(),
      environment: (container) => environment(this.#pod, container, kubelet.sources, kubelet.services.all(), facts),
      sourcesChanged: (milliseconds, signal) => sourcesChanged(kubelet.sources, this.#pod.metadata.namespace, milliseconds, signal),
      networkHolder: this.#network?.holder,
    };
  }
}
