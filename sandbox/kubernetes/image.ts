/**
 * Owns the contract between the kubelet stand-in (`kubelet/`) and what it runs: container images (`images/`, one file an
 * image) and controllers that a cluster brings along (`controllers/`, the cloud controller). Types only. The client
 * handed over is `api.ts`'s.
 *
 * Everything runs in one network namespace whose addresses are all local. So an image listens on `address`, never on
 * all interfaces or loopback (in a real pod the containers share a loopback: here they share `address`), and connects
 * through `connect`, which gives it the source address that the other side would see.
 */
import type { Socket } from 'node:net';
import type { ClusterSpec, NodeSpec, World } from '../contract.ts';
import type { KubeApi } from './api.ts';
import type { Container, Pod } from './objects.ts';

/** The behaviour of one image (or of a family). */
export interface Image {
  /** @param reference as the pod names it, `docker.io/alpine/k8s:1.33.5` */
  matches(reference: string): boolean;
  /**
   * What the container's process does. Resolves with its exit code, once everything it opened is closed. A rejection is a
   * defect of the image's stand-in: logged, exit code 255. Must end when `signal` fires, as the real program does on
   * SIGTERM; at the end of the grace period (`killed`) the kubelet goes on without it, exit code 137.
   */
  run(container: ContainerContext): Promise<number>;
  /**
   * `kubectl exec` and exec probes, where the image's tools allow it. Without it the kubelet answers as a runtime does
   * that finds no such executable.
   */
  exec?(
    container: ContainerContext,
    command: readonly string[],
  ): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }>;
}

export interface ContainerContext {
  readonly cluster: ClusterView;
  readonly world: World;
  /** As it was when the container started. */
  readonly pod: Pod;
  /** The container's part of the pod's spec. */
  readonly container: Container;
  readonly node: NodeSpec;
  /** `command` of the spec, with `$(VAR)` expanded; empty means the image's own entrypoint. */
  readonly command: readonly string[];
  /** `args` of the spec, expanded; empty means the image's own arguments where `command` is empty too. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly files: ContainerFiles;
  /** What `files` is made of, for real programs. */
  readonly mounts: readonly Mount[];
  /** The pod's address: listen here. The node's for `hostNetwork`. */
  readonly address: string;
  /** What the VPC sees as source: the node's address in `overlay_l2`, else the pod's. */
  readonly sourceAddress: string;
  /** The SIGTERM. */
  readonly signal: AbortSignal;
  /** The SIGKILL. */
  readonly killed: AbortSignal;
  /** 0 at the first start. */
  readonly restartCount: number;
  /** One line of the container's output: `kubectl logs`. */
  log(line: string): void;
  /** The API with the pod's service account's rights; undefined where its token is not mounted. */
  readonly kube: KubeApi | undefined;
  /**
   * A name as the pod's resolver sees it: services (with the namespace's search list), then the inside's DNS.
   * Throws an error with code `ENOTFOUND` for a name that does not exist.
   */
  resolve(name: string): Promise<string[]>;
  /**
   * A TCP connection as the pod would make it: resolved as above, from the right source address, and to the internet only
   * where the node has egress (otherwise it fails with `ETIMEDOUT`, after `timeoutMs`, default 10 s).
   */
  connect(to: { readonly host: string; readonly port: number; readonly timeoutMs?: number }): Promise<Socket>;
  /** Process that holds the pod's own network namespace; only pods with a real program have one. */
  readonly networkHolder: number | undefined;
}

/** One mounted volume. */
export interface Mount {
  /** In the container. */
  readonly path: string;
  /** On this machine. */
  readonly source: string;
  readonly readOnly: boolean;
}

/** What the container finds at its mount paths. Paths are the container's own. */
export interface ContainerFiles {
  /** Throws an error with code `ENOENT` (`open /x: no such file or directory`) where nothing is mounted there. */
  read(path: string): Promise<Buffer>;
  /** Names in a folder; `ENOENT` as above. */
  list(path: string): Promise<string[]>;
  exists(path: string): Promise<boolean>;
  /** Writes into an emptyDir (or any path outside mounts, private to this container); `EROFS` on Secrets and ConfigMaps. */
  write(path: string, content: string | Uint8Array): Promise<void>;
}

/** A cluster, as controllers and images see it. */
export interface ClusterView {
  readonly id: string;
  /** The address of the moment: `externalAddress` follows {@link Clusters.bindExternal}. */
  readonly spec: ClusterSpec;
  /** The API with cluster-admin rights, from the inside (no gate). */
  readonly kube: KubeApi;
  /** Files of this cluster; whoever writes here takes a folder of its own. */
  readonly folder: string;
  nodes(): readonly NodeSpec[];
  node(name: string): NodeSpec | undefined;
  /** Cluster address of a service, undefined where there is none (headless services: addresses of their ready endpoints). */
  resolveService(name: string, namespace: string): readonly string[];
  /** Ready endpoints of a service's port, by name or number of the service's port. */
  endpoints(
    name: string,
    namespace: string,
    port: string | number,
  ): readonly { readonly address: string; readonly port: number; readonly node: string | undefined }[];
  log(line: string): void;
}

/** Runs once a cluster from its start to its removal: what CCE itself brings (cloud controller manager). */
export interface Controller {
  readonly name: string;
  start(cluster: ClusterView, world: World): Promise<{ close(): Promise<void> }>;
}

/** Finds the behaviour of an image's name. */
export type ImageFinder = (reference: string) => Image | undefined;
