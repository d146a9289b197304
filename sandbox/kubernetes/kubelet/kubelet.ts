/**
 * Owns which pods run on which node of one cluster: the scheduler's loop (binding, its events), a worker for each bound pod,
 * nodes coming and going. One pod is `pod.ts`; where a pod fits is `scheduler.ts`.
 */
import type { NodeSpec } from '../../contract.ts';
import { pause } from '../api.ts';
import type { Node, Pod } from '../objects.ts';
import { type Recorder, recorder } from './events.ts';
import type { KubeletContext } from './kubelet-context.ts';
import { nodeObject } from './node.ts';
import { PodWorker } from './pod.ts';
import { schedule } from './scheduler.ts';
import { finished } from './selectors.ts';
import { type KubeletServer, kubeletServer, type ServerIdentity } from './server.ts';
import { stamp } from './time.ts';

export class Kubelet {
  readonly #context: KubeletContext;
  readonly #identity: ServerIdentity;
  readonly #version: string;
  readonly #region: string;
  readonly #ending = new AbortController();
  readonly #pods = new Map<string, Pod>();
  readonly #nodeObjects = new Map<string, Node>();
  readonly #workers = new Map<string, PodWorker>();
  readonly #nodes = new Map<string, { readonly spec: NodeSpec; readonly server: KubeletServer; readonly recorder: Recorder }>();
  readonly #scheduler: Recorder;
  #planned = false;
  /** Pods are only remembered, while a restore is under way. */
  #holding = false;
  /** Pods on their way to a node, by identity: they count as placed before the API server's news of it arrives. */
  readonly #assumed = new Map<string, string>();
  readonly #leaving = new Set<Promise<void>>();

  constructor(
    context: Omit<KubeletContext, 'recorder'>,
    options: { readonly identity: ServerIdentity; readonly version: string; readonly region: string },
  ) {
    this.#context = { ...context, recorder: (node) => this.#recorderOf(node) };
    this.#identity = options.identity;
    this.#version = options.version;
    this.#region = options.region;
    this.#scheduler = recorder(context.kube, { component: 'default-scheduler' }, context.failed);
    const { failed } = context;
    context.kube.follow<Node>(
      '/api/v1/nodes',
      {
        changed: (node) => {
          this.#nodeObjects.set(node.metadata.name, node);
          this.#plan();
        },
        removed: (node) => {
          this.#nodeObjects.delete(node.metadata.name);
        },
        failed,
      },
      this.#ending.signal,
    );
    context.kube.follow<Pod>('/api/v1/pods', { changed: (pod) => this.#seen(pod), removed: (pod) => this.#lost(pod), failed }, this.#ending.signal);
  }

  nodes(): NodeSpec[] {
    return [...this.#nodes.values()].map(({ spec }) => spec);
  }

  node(name: string): NodeSpec | undefined {
    return this.#nodes.get(name)?.spec;
  }

  /** Registers a node and starts its endpoint; resolves when the API knows it as Ready. */
  async addNode(spec: NodeSpec): Promise<void> {
    const { kube, world, failed } = this.#context;
    await world.addresses.add(spec.address);
    const server = await kubeletServer(spec.address, this.#identity, (namespace, name) => this.#worker(namespace, name), failed);
    this.#nodes.set(spec.name, { spec, server, recorder: recorder(kube, { component: 'kubelet', host: spec.name }, failed) });
    const body = nodeObject(spec, { region: this.#region, version: this.#version, now: stamp() });
    const created = await kube.request('POST', '/api/v1/nodes', body);
    if (created.status >= 400 && created.status !== 409) throw new Error(`node ${spec.name}: ${created.status} ${JSON.stringify(created.body)}`);
    await kube.send('PATCH', `/api/v1/nodes/${spec.name}/status`, { status: body['status'] });
    // Admission taints every new node as not ready; the node lifecycle controller, which would take that away, does not run.
    if (created.status < 400) await kube.send('PATCH', `/api/v1/nodes/${spec.name}`, { spec: { taints: spec.taints } });
    // Pods bound to it before it came (a restored world).
    for (const pod of this.#pods.values()) if (pod.spec.nodeName === spec.name) this.#seen(pod);
    this.#plan();
  }

  /** The node is gone, its pods with it: their objects are deleted, as CCE does when it removes a node. */
  async removeNode(name: string): Promise<void> {
    const { kube, world, puller, failed } = this.#context;
    const node = this.#nodes.get(name);
    if (node === undefined) return;
    this.#nodes.delete(name);
    await kube.request('DELETE', `/api/v1/nodes/${name}`);
    const here = [...this.#pods.values()].filter((pod) => pod.spec.nodeName === name);
    await Promise.all(
      here.map(async ({ metadata }) => {
        await this.#workers.get(metadata.uid ?? '')?.remove();
        this.#workers.delete(metadata.uid ?? '');
        const path = `/api/v1/namespaces/${metadata.namespace}/pods/${metadata.name}`;
        const answer = await kube.request('DELETE', path, { gracePeriodSeconds: 0, preconditions: { uid: metadata.uid } });
        if (answer.status >= 400 && answer.status !== 404 && answer.status !== 409) failed(new Error(`DELETE ${path}: ${answer.status}`));
      }),
    );
    puller.forget(name);
    await node.server.close();
    await world.addresses.remove(node.spec.address);
  }

  /** Names of the images on a node. */
  images(name: string): string[] {
    return this.#context.puller.held(name);
  }

  /** Puts images on a node that is restored; before {@link addNode}. */
  hold(name: string, images: readonly string[]): void {
    this.#context.puller.hold(name, images);
  }

  /** Before a restore: pods that are being deleted may come back with it, so nothing of their deletion goes on. */
  async letGo(): Promise<void> {
    this.#holding = true;
    const ending = [...this.#workers].filter(([, worker]) => worker.deleting);
    for (const [uid] of ending) this.#workers.delete(uid);
    await Promise.all(ending.map(([, worker]) => worker.remove(300)));
    await Promise.all(this.#leaving);
  }

  /** After a restore, when its changes have arrived: pods go on as they now stand, and every status is written again. */
  async goOn(): Promise<void> {
    await pause(300, this.#ending.signal);
    this.#holding = false;
    for (const pod of this.#pods.values()) this.#seen(pod);
    for (const worker of this.#workers.values()) worker.refresh();
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await Promise.all([...this.#workers.values()].map((worker) => worker.remove(300)));
    await Promise.all(this.#leaving);
    await Promise.all([...this.#nodes.values()].map(({ server }) => server.close()));
    await Promise.all([...this.#nodes.values()].map(({ spec }) => this.#context.world.addresses.remove(spec.address)));
  }

  #recorderOf(node: NodeSpec): Recorder {
    return this.#nodes.get(node.name)?.recorder ?? this.#scheduler;
  }

  #worker(namespace: string, name: string): PodWorker | undefined {
    const uid = this.#pods.get(`${namespace}/${name}`)?.metadata.uid;
    return uid === undefined ? undefined : this.#workers.get(uid);
  }

  #seen(pod: Pod): void {
    const { uid = '', namespace, name } = pod.metadata;
    const key = `${namespace}/${name}`;
    const before = this.#pods.get(key);
    this.#pods.set(key, pod);
    if (pod.spec.nodeName !== undefined) this.#assumed.delete(uid);
    // The same name with another identity: deletion and creation fell into one.
    if (before !== undefined && before.metadata.uid !== uid) this.#end(before);
    if (this.#holding) return;
    const node = this.#nodes.get(pod.spec.nodeName ?? '');
    if (node === undefined) {
      if (pod.spec.nodeName === undefined) this.#plan();
      return;
    }
    const worker = this.#workers.get(uid);
    if (worker === undefined) this.#workers.set(uid, new PodWorker(this.#context, node.spec, pod));
    else worker.update(pod);
    if (finished(pod)) this.#plan();
  }

  #lost(pod: Pod): void {
    this.#pods.delete(`${pod.metadata.namespace}/${pod.metadata.name}`);
    this.#assumed.delete(pod.metadata.uid ?? '');
    this.#end(pod);
    this.#plan();
  }

  #end(pod: Pod): void {
    const uid = pod.metadata.uid ?? '';
    const worker = this.#workers.get(uid);
    this.#workers.delete(uid);
    if (worker === undefined) return;
    const leaving = worker
      .remove()
      .catch((error: unknown) => this.#context.failed(error))
      .finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }

  /** One scheduling round soon, for all that happens at this moment. */
  #plan(): void {
    if (this.#planned || this.#holding || this.#ending.signal.aborted) return;
    this.#planned = true;
    setTimeout(() => {
      this.#planned = false;
      if (!this.#ending.signal.aborted) this.#schedule();
    }, 20);
  }

  #schedule(): void {
    const nodes = [...this.#nodeObjects.values()].filter(({ metadata }) => this.#nodes.has(metadata.name));
    const all = new Map<string, Pod>();
    for (const [key, pod] of this.#pods) {
      const node = this.#assumed.get(pod.metadata.uid ?? '');
      all.set(key, node === undefined || pod.spec.nodeName !== undefined ? pod : { ...pod, spec: { ...pod.spec, nodeName: node } });
    }
    const waiting = [...all].filter(
      ([, { spec, metadata }]) =>
        spec.nodeName === undefined &&
        metadata.deletionTimestamp === undefined &&
        (spec.schedulerName ?? 'default-scheduler') === 'default-scheduler',
    );
    for (const [key, pod] of waiting) {
      const placement = schedule(pod, nodes, [...all.values()]);
      if ('node' in placement) {
        all.set(key, { ...pod, spec: { ...pod.spec, nodeName: placement.node } });
        const { uid = '' } = pod.metadata;
        this.#assumed.set(uid, placement.node);
        this.#bind(pod, placement.node).catch((error: unknown) => {
          this.#assumed.delete(uid);
          this.#context.failed(error);
        });
      } else if (!said(pod, placement.unschedulable)) {
        this.#scheduler.event(pod, 'Pod', 'Warning', 'FailedScheduling', placement.unschedulable);
        this.#refuse(pod, placement.unschedulable).catch((error: unknown) => this.#context.failed(error));
      }
    }
  }

  async #bind(pod: Pod, node: string): Promise<void> {
    const { namespace, name, uid } = pod.metadata;
    const target = { apiVersion: 'v1', kind: 'Node', name: node };
    const body = { apiVersion: 'v1', kind: 'Binding', metadata: { name, namespace, uid }, target };
    const answer = await this.#context.kube.request('POST', `/api/v1/namespaces/${namespace}/pods/${name}/binding`, body);
    if (answer.status < 300) this.#scheduler.event(pod, 'Pod', 'Normal', 'Scheduled', `Successfully assigned ${namespace}/${name} to ${node}`);
    else {
      this.#assumed.delete(uid ?? '');
      if (answer.status === 404 || answer.status === 409) return;
      throw new Error(`binding ${namespace}/${name}: ${answer.status} ${JSON.stringify(answer.body)}`);
    }
  }

  async #refuse(pod: Pod, message: string): Promise<void> {
    const { namespace, name, uid } = pod.metadata;
    const condition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message, lastTransitionTime: stamp() };
    const path = `/api/v1/namespaces/${namespace}/pods/${name}/status`;
    const answer = await this.#context.kube.request('PATCH', path, { metadata: { uid }, status: { conditions: [condition] } });
    if (answer.status >= 400 && answer.status !== 404 && answer.status !== 409) throw new Error(`PATCH ${path}: ${answer.status}`);
  }
}

/** Has the scheduler said so already? */
const said = (pod: Pod, message: string): boolean =>
  (pod.status?.conditions ?? []).some((condition) => condition.type === 'PodScheduled' && condition.message === message);
