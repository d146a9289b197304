/**
 * Owns one container's life as the kubelet leads it: image, environment, run, probes, restarts with back-off, its status.
 * What runs is an `Image`; the pod around it is `pod.ts`.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { pause } from '../api.ts';
import { notFound } from '../exec.ts';
import type { Image } from '../image.ts';
import type { Container, ContainerState, ContainerStatus } from '../objects.ts';
import { contextOf, type ExecInRun, type PodScope } from './container-context.ts';
import { ContainerLog } from './logs.ts';
import { preStop } from './pre-stop.ts';
import { PullFailure } from './pull.ts';
import { NotThere } from './sources.ts';
import { superviseProbes } from './supervise.ts';
import { scaled, stamp } from './time.ts';

export type ContainerRole = 'init' | 'sidecar' | 'main';

export class ContainerRunner {
  readonly spec: Container;
  readonly role: ContainerRole;
  log = new ContainerLog();
  previousLog: ContainerLog | undefined;
  readonly #scope: PodScope;
  readonly #stopping = new AbortController();
  #killAfterMs = 0;
  #state: ContainerState;
  #lastState: ContainerState = {};
  #restarts: number;
  #started = false;
  #ready = false;
  #containerId = '';
  #image: Image | undefined;
  #run: { readonly terminate: (graceMs: number) => void; readonly exec: ExecInRun } | undefined;
  #finished: Promise<void> | undefined;

  constructor(scope: PodScope, spec: Container, role: ContainerRole, before: ContainerStatus | undefined) {
    this.#scope = scope;
    this.spec = spec;
    this.role = role;
    this.#state = { waiting: { reason: (scope.pod().spec.initContainers ?? []).length > 0 ? 'PodInitializing' : 'ContainerCreating' } };
    // A pod that ran before the world was restored: its node has been "rebooted".
    this.#restarts = before?.containerID === undefined ? 0 : before.restartCount + 1;
  }

  get started(): boolean {
    return this.#started;
  }

  /** Exit code, once it has ended for good. */
  get exitCode(): number | undefined {
    return this.#state.terminated?.exitCode;
  }

  get running(): boolean {
    return this.#state.running !== undefined;
  }

  /** Starts it; resolves when it has ended and will not be started again. */
  start(): Promise<void> {
    this.#finished ??= this.#live();
    return this.#finished;
  }

  /**
   * preStop hook, SIGTERM, SIGKILL after the grace; resolves when it has ended. A container that never ran does not start any more.
   * @param hooks false where the pod is gone already: nobody runs its hooks then
   */
  async stop(graceMs: number, hooks = true): Promise<void> {
    this.#killAfterMs = graceMs;
    this.#stopping.abort();
    if (this.#run !== undefined) {
      this.#scope.event('Normal', 'Killing', `Stopping container ${this.spec.name}`, this.#fieldPath());
      await this.#end(graceMs, hooks);
    }
    await this.#finished;
  }

  /** Asks the running program to end; where its hook took all of the time, two seconds are left for it, as with the kubelet. */
  async #end(graceMs: number, hooks: boolean): Promise<void> {
    const began = Date.now();
    const run = this.#run;
    if (hooks) await preStop(this.#scope, this.spec, graceMs, { exec: (command) => this.exec(command), fieldPath: this.#fieldPath() });
    run?.terminate(Math.max(graceMs - (Date.now() - began), Math.min(graceMs, 2000)));
  }

  async exec(command: readonly string[]): ReturnType<ExecInRun> {
    if (this.#run === undefined) throw new Error(`container not found ("${this.spec.name}")`);
    return this.#run.exec(command);
  }

  status(): ContainerStatus {
    return {
      name: this.spec.name,
      image: this.spec.image,
      imageID: this.#containerId === '' ? '' : `${this.spec.image}@sandbox`,
      ...(this.#containerId === '' ? {} : { containerID: this.#containerId }),
      ready: this.role === 'init' ? this.exitCode === 0 : this.#ready,
      started: this.#started,
      restartCount: this.#restarts,
      state: this.#state,
      lastState: this.#lastState,
    };
  }

  async #live(): Promise<void> {
    const { signal } = this.#stopping;
    for (let failures = 0; !signal.aborted; ) {
      const since = Date.now();
      const prepared = await this.#prepare();
      if (prepared === undefined) return;
      const code = await this.#once(prepared);
      if (signal.aborted || !this.#restartable(code)) return;
      if (Date.now() - since > 600_000) failures = 0;
      failures += 1;
      const ended = this.#state;
      if (failures > 1) {
        const seconds = Math.min(10 * 2 ** (failures - 2), 300);
        const who = `restarting failed container=${this.spec.name} pod=${this.#scope.title()}`;
        this.#set({ waiting: { reason: 'CrashLoopBackOff', message: `back-off ${duration(seconds)} ${who}` } });
        this.#scope.event('Warning', 'BackOff', `Back-off ${who}`, this.#fieldPath());
        await this.#backOff(seconds, failures - 2);
        if (signal.aborted) {
          this.#set(ended);
          return;
        }
      }
      this.#lastState = ended;
      this.#restarts += 1;
      this.previousLog = this.log;
      this.log = new ContainerLog();
    }
  }

  /** Waits as the kubelet does; outside real time a second and more, never in a busy loop. */
  async #backOff(seconds: number, round: number): Promise<void> {
    await pause(Math.max(scaled(this.#scope.kubelet.world, seconds), Math.min(1000 * 2 ** round, 10_000, seconds * 1000)), this.#stopping.signal);
  }

  #restartable(code: number): boolean {
    if (this.role === 'sidecar' || this.spec.restartPolicy === 'Always') return true;
    const policy = this.#scope.pod().spec.restartPolicy ?? 'Always';
    if (policy === 'Never') return false;
    return code !== 0 || (policy === 'Always' && this.role === 'main');
  }

  /** Pulls the image and makes the environment, again and again until both are there; undefined when it is stopped meanwhile. */
  async #prepare(): Promise<{ readonly image: Image; readonly env: Readonly<Record<string, string>> } | undefined> {
    const { kubelet, node } = this.#scope;
    const { signal } = this.#stopping;
    for (let round = 0; !signal.aborted; round += 1) {
      try {
        const image = await this.#ensureImage();
        const env = await this.#scope.environment(this.spec);
        return { image, env };
      } catch (error) {
        if (signal.aborted) return undefined;
        if (error instanceof PullFailure) {
          const text = `Failed to pull image "${this.spec.image}": ${error.message}`;
          this.#scope.event('Warning', 'Failed', text, this.#fieldPath());
          this.#scope.event('Warning', 'Failed', 'Error: ErrImagePull', this.#fieldPath());
          this.#set({ waiting: { reason: 'ErrImagePull', message: error.message } });
          await pause(300, signal);
          this.#scope.event('Normal', 'BackOff', `Back-off pulling image "${this.spec.image}"`, this.#fieldPath());
          this.#scope.event('Warning', 'Failed', 'Error: ImagePullBackOff', this.#fieldPath());
          this.#set({
            waiting: { reason: 'ImagePullBackOff', message: `Back-off pulling image "${this.spec.image}": ErrImagePull: ${error.message}` },
          });
          await this.#backOff(Math.min(10 * 2 ** round, 300), round);
        } else if (error instanceof NotThere) {
          this.#scope.event('Warning', 'Failed', `Error: ${error.message}`, this.#fieldPath());
          this.#set({ waiting: { reason: 'CreateContainerConfigError', message: error.message } });
          await this.#scope.sourcesChanged(Math.max(scaled(kubelet.world, 10), 2000), signal);
        } else {
          kubelet.failed(new Error(`container ${this.spec.name} of ${this.#scope.title()} on ${node.name}`, { cause: error }));
          await this.#backOff(10, round);
        }
      }
    }
    return undefined;
  }

  async #ensureImage(): Promise<Image> {
    const { kubelet, node } = this.#scope;
    const present = kubelet.puller.present(node, this.spec);
    if (present !== undefined) {
      this.#image = present;
      this.#scope.event('Normal', 'Pulled', `Container image "${this.spec.image}" already present on machine`, this.#fieldPath());
      return present;
    }
    this.#scope.event('Normal', 'Pulling', `Pulling image "${this.spec.image}"`, this.#fieldPath());
    const began = Date.now();
    this.#image = await kubelet.puller.pull(node, this.spec.image);
    const took = `${((Date.now() - began) / 1000).toFixed(3)}s`;
    this.#scope.event('Normal', 'Pulled', `Successfully pulled image "${this.spec.image}" in ${took} (${took} including waiting)`, this.#fieldPath());
    return this.#image;
  }

  async #once({ image, env }: { readonly image: Image; readonly env: Readonly<Record<string, string>> }): Promise<number> {
    const { kubelet } = this.#scope;
    const term = new AbortController();
    const kill = new AbortController();
    const root = join(this.#scope.folder, 'root', `${this.spec.name}-${this.#restarts}`);
    const made = await contextOf(this.#scope, this.spec, {
      env,
      root,
      term: term.signal,
      kill: kill.signal,
      restartCount: this.#restarts,
      log: this.log,
    });
    const { container } = made;
    let killer: NodeJS.Timeout | undefined;
    const terminate = (graceMs: number) => {
      clearTimeout(killer);
      killer = setTimeout(() => kill.abort(), graceMs);
      term.abort();
    };
    this.#run = {
      terminate,
      exec: async (command) => {
        if (image.exec !== undefined) return image.exec(container, command);
        return notFound(command);
      },
    };
    const startedAt = stamp();
    this.#containerId = `containerd://${randomBytes(32).toString('hex')}`;
    this.#scope.event('Normal', 'Created', `Created container: ${this.spec.name}`, this.#fieldPath());
    this.#scope.event('Normal', 'Started', `Started container ${this.spec.name}`, this.#fieldPath());
    this.#started = this.spec.startupProbe === undefined;
    this.#ready = this.#started && this.spec.readinessProbe === undefined;
    this.#set({ running: { startedAt } });
    const killed = new Promise<number>((resolve) => kill.signal.addEventListener('abort', () => resolve(137)));
    const ran = image.run(container).catch((error: unknown) => {
      this.log.write(`sandbox: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      kubelet.failed(new Error(`image ${this.spec.image} in ${this.#scope.title()}`, { cause: error }));
      return 255;
    });
    const ended = new AbortController();
    superviseProbes(this.#scope, this.spec, ended.signal, {
      exec: (command) => this.exec(command),
      fieldPath: this.#fieldPath(),
      started: () => {
        this.#started = true;
        this.#ready = this.spec.readinessProbe === undefined;
        this.#scope.changed();
      },
      ready: (ready) => {
        if (this.#ready === ready) return;
        this.#ready = ready;
        this.#scope.changed();
      },
      restart: () => void this.#end((this.#scope.pod().spec.terminationGracePeriodSeconds ?? 30) * 1000, true).catch(kubelet.failed),
    });
    // Stopped between its preparation and its start.
    if (this.#stopping.signal.aborted) terminate(this.#killAfterMs);
    const exitCode = await Promise.race([ran, killed]);
    ended.abort();
    clearTimeout(killer);
    this.#run = undefined;
    this.#ready = false;
    this.#started = false;
    this.log.end();
    const message = await made.terminationMessage(exitCode);
    made.close();
    this.#set({
      terminated: {
        exitCode,
        reason: exitCode === 0 ? 'Completed' : 'Error',
        ...(message === '' ? {} : { message }),
        startedAt,
        finishedAt: stamp(),
        containerID: this.#containerId,
      },
    });
    return exitCode;
  }

  #fieldPath(): string {
    return `spec.${this.role === 'main' ? 'containers' : 'initContainers'}{${this.spec.name}}`;
  }

  #set(state: ContainerState): void {
    this.#state = state;
    this.#scope.changed();
  }
}

/** Go's way to write a duration: `10s`, `2m40s`, `5m0s`. */
const duration = (seconds: number): string => (seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`);
