/**
 * Owns one running cluster: its control plane, what listens on its addresses, kubelets and service network, the controllers
 * it brings along. The set of clusters and their snapshots are `index.ts`.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import ipaddr from 'ipaddr.js';
import type { ClusterSpec, NodeSpec, World } from '../contract.ts';
import type { ControlPlaneBinaries } from './binaries.ts';
import { clusterDns } from './cluster-dns.ts';
import { type ControlPlane, removeFiles, startControlPlane } from './control-plane.ts';
import type { EtcdSnapshot } from './etcd-data.ts';
import type { ClusterView, Controller, ImageFinder } from './image.ts';
import { type AddressPool, addressPool, portPool } from './kubelet/addresses.ts';
import { Kubelet } from './kubelet/kubelet.ts';
import { puller } from './kubelet/pull.ts';
import { followSources } from './kubelet/sources.ts';
import type { ServiceNetwork } from './service-network.ts';
import { followServices, type Services } from './services.ts';

export interface ClusterDependencies {
  readonly world: World;
  readonly binaries: ControlPlaneBinaries;
  readonly network: ServiceNetwork;
  readonly find: ImageFinder;
  readonly isProgram: (reference: string) => boolean;
  readonly controllers: readonly Controller[];
  /** Pod addresses in use in the whole world. */
  readonly taken: Set<string>;
  readonly folder: string;
  readonly failed: (error: unknown) => void;
  readonly log: (line: string) => void;
}

/** Port of the API server on both addresses. */
const apiPort = 5443;

export class Cluster {
  spec: ClusterSpec;
  readonly plane: ControlPlane;
  readonly view: ClusterView;
  readonly kubelet: Kubelet;
  readonly #deps: ClusterDependencies;
  readonly #services: Services;
  readonly #pool: AddressPool;
  readonly #ending: AbortController;
  readonly #gates = new Map<string, () => Promise<void>>();
  readonly #controllers: { close(): Promise<void> }[] = [];
  #detach: (() => Promise<void>) | undefined;
  #dns: Promise<{ readonly address: string; close(): Promise<void> }> | undefined;

  private constructor(
    spec: ClusterSpec,
    plane: ControlPlane,
    deps: ClusterDependencies,
    version: string,
    identity: { certPem: string; keyPem: string },
  ) {
    this.spec = spec;
    this.plane = plane;
    this.#deps = deps;
    this.#ending = new AbortController();
    const { world, failed } = deps;
    const { kube } = plane;
    this.#services = followServices(kube, this.#ending.signal, failed);
    this.#pool = spec.eni === undefined ? addressPool(spec.containerCidr, deps.taken) : portPool(world.store, { clusterId: spec.id, ...spec.eni });
    const nodes = () => this.kubelet.nodes();
    const current = () => this.spec;
    const services = this.#services;
    this.view = {
      id: spec.id,
      get spec() {
        return current();
      },
      kube,
      folder: deps.folder,
      nodes,
      node: (name) => this.kubelet.node(name),
      resolveService: (name, namespace) => services.addresses(name, namespace),
      endpoints: (name, namespace, port) => services.endpoints(name, namespace, port),
      log: (line) => deps.log(line),
    };
    this.kubelet = new Kubelet(
      {
        world,
        cluster: this.view,
        kube,
        sources: followSources(kube, this.#ending.signal, failed),
        services,
        pool: this.#pool,
        puller: puller(world, deps.find),
        isProgram: deps.isProgram,
        folder: join(deps.folder, 'pods'),
        failed,
      },
      { identity: { ...identity, clientCaPem: plane.kubeletClientCaPem }, version, region: regionOf(spec.projectId, world) },
    );
  }

  /** @param restored what etcd shall hold before anything else looks at it */
  static async start(spec: ClusterSpec, deps: ClusterDependencies, restored?: EtcdSnapshot): Promise<Cluster> {
    await mkdir(join(deps.folder, 'pods'), { recursive: true });
    const plane = await startControlPlane(
      {
        id: spec.id,
        folder: deps.folder,
        binaries: deps.binaries,
        internalAddress: spec.internalAddress,
        externalAddress: spec.externalAddress,
        serviceCidr: spec.serviceCidr,
        serviceAddress: nth(spec.serviceCidr, 1),
        containerCidr: spec.containerCidr,
        died: (message) => deps.failed(new Error(message)),
      },
      restored === undefined
        ? undefined
        : async (etcd) => {
            await etcd.load(restored);
          },
    );
    try {
      const { body } = await plane.kube.request<{ gitVersion: string }>('GET', '/version');
      const identity = await plane.authority.server({ name: 'kubelet', names: ['kubelet'], addresses: [] });
      const cluster = new Cluster(spec, plane, deps, body.gitVersion, identity);
      await cluster.#open();
      return cluster;
    } catch (error) {
      await plane.close();
      throw error;
    }
  }

  async #open(): Promise<void> {
    const { world, network, controllers } = this.#deps;
    await this.#publishApi();
    await this.#openGate(this.spec.internalAddress, this.spec.vpcId);
    if (this.spec.externalAddress !== undefined) await this.#openGate(this.spec.externalAddress, undefined);
    this.#detach = network.attach({
      id: this.spec.id,
      vpcId: this.spec.vpcId,
      services: this.#services,
      nodes: () => this.kubelet.nodes(),
      owns: (address) => this.#pool.has(address) || this.kubelet.nodes().some((node) => node.address === address),
      apiPort: this.plane.port,
    });
    await this.#services.synced;
    for (const controller of controllers) this.#controllers.push(await controller.start(this.view, world));
  }

  /** The endpoints of the service `kubernetes`, which the API server leaves to us: clients find port 5443 behind the gate. */
  async #publishApi(): Promise<void> {
    const { kube } = this.plane;
    const name = 'kubernetes';
    const ports = [{ name: 'https', port: apiPort, protocol: 'TCP' }];
    const slice = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [this.spec.internalAddress], conditions: { ready: true } }],
      ports,
    };
    const made = await kube.request('POST', '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', slice);
    if (made.status >= 400 && made.status !== 409) throw new Error(`endpoints of the API server: ${made.status} ${JSON.stringify(made.body)}`);
  }

  async #openGate(address: string, vpcId: string | undefined): Promise<void> {
    if (this.#gates.has(address)) return;
    const { world } = this.#deps;
    await world.addresses.add(address);
    const close = await world.gate.listen({
      address,
      port: apiPort,
      groups: () => this.spec.controlGroups(),
      ...(vpcId === undefined ? {} : { vpcId }),
      upstream: { host: '127.0.0.1', port: this.plane.port },
    });
    this.#gates.set(address, close);
  }

  async #closeGate(address: string): Promise<void> {
    await this.#gates.get(address)?.();
    if (this.#gates.delete(address)) await this.#deps.world.addresses.remove(address);
  }

  /** Moves the API server's public address; its certificate follows. */
  async bindExternal(address: string | undefined): Promise<void> {
    const before = this.spec.externalAddress;
    if (before !== undefined && before !== address) await this.#closeGate(before);
    const { externalAddress: _, ...rest } = this.spec;
    this.spec = address === undefined ? rest : { ...rest, externalAddress: address };
    await this.plane.serve(address);
    if (address !== undefined) await this.#openGate(address, undefined);
  }

  async addNode(node: NodeSpec): Promise<void> {
    await this.kubelet.addNode(node);
    this.#deps.network.refresh(this.spec.id);
  }

  async removeNode(name: string): Promise<void> {
    await this.kubelet.removeNode(name);
    this.#deps.network.refresh(this.spec.id);
  }

  /** The name server of real programs in this cluster's pods; started when first asked for. */
  async dnsAddress(): Promise<string> {
    this.#dns ??= (async () => {
      const address = nth(this.spec.serviceCidr, 3 * 256 + 10);
      return { address, ...(await clusterDns(this.#deps.world, this.#services, address)) };
    })();
    return (await this.#dns).address;
  }

  /** Back to what was saved, without a process starting again. */
  async restore(snapshot: EtcdSnapshot): Promise<void> {
    await this.plane.quiet(async () => {
      await this.kubelet.letGo();
      await this.plane.etcd.load(snapshot);
      await this.kubelet.goOn();
    });
  }

  /** Ends everything; `files` too when the cluster is removed. */
  async close(files: boolean): Promise<void> {
    for (const controller of this.#controllers) await controller.close();
    for (const address of [...this.#gates.keys()]) await this.#closeGate(address);
    await this.kubelet.close();
    await this.#detach?.();
    await (await this.#dns)?.close();
    this.#ending.abort();
    await this.plane.close();
    if (files) await removeFiles(this.#deps.folder);
  }
}

/** The n-th address of a range. */
export function nth(cidr: string, n: number): string {
  const [network] = ipaddr.IPv4.parseCIDR(cidr);
  const value = network.octets.reduce((sum, octet) => sum * 256 + octet, 0) + n;
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

/** Region of the project, for the labels of nodes. */
function regionOf(projectId: string, world: World): string {
  const project = world.store.table<{ readonly id: string; readonly name?: string }>('iam.projects').get(projectId);
  return project?.name?.split('_')[0] ?? 'eu-de';
}
