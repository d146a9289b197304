/**
 * Owns what kube-proxy does: the addresses of services and the node ports really listen and lead to ready endpoints. Which
 * endpoints there are is `services.ts`. All clusters of a world share one network, and their service networks are mostly the
 * same range: a listener serves them all and asks who calls.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { NodeSpec, World } from '../contract.ts';
import type { PortRow } from '../otc/tables/network.ts';
import { Forwarding } from './forwarding.ts';
import { isLocal } from './kubelet/pod-network.ts';
import type { Service, ServicePort } from './objects.ts';
import type { Endpoint, Services } from './services.ts';

export interface ServedCluster {
  readonly id: string;
  readonly vpcId: string;
  readonly services: Services;
  nodes(): readonly NodeSpec[];
  /** Is it an address of this cluster's pods or nodes? */
  owns(address: string): boolean;
  /** The API server's port on 127.0.0.1: the service `kubernetes` leads there. */
  readonly apiPort: number;
}

interface Listener {
  readonly server: Server;
  /** Cluster id → where its service leads now. */
  readonly targets: Map<string, () => Endpoint | undefined>;
}

/** One for a world. */
export class ServiceNetwork {
  readonly #world: World;
  readonly #clusters = new Map<string, ServedCluster>();
  /** `address:port` → who listens. */
  readonly #listeners = new Map<string, Listener>();
  /** Cluster and service → keys of the listeners it has a part in. */
  readonly #parts = new Map<string, Set<string>>();
  /** `cluster|node|port` → closes a node port. */
  readonly #nodePorts = new Map<string, () => Promise<void>>();
  readonly #forwarding = new Forwarding();
  #work: Promise<void> = Promise.resolve();

  constructor(world: World) {
    this.#world = world;
  }

  /** Serves a cluster until the returned function is called. */
  attach(cluster: ServedCluster): () => Promise<void> {
    this.#clusters.set(cluster.id, cluster);
    const pending = new Set<string>();
    const forget = cluster.services.onChange((key) => {
      if (pending.has(key)) return;
      pending.add(key);
      setTimeout(() => {
        pending.delete(key);
        this.#enqueue(() => this.#reconcile(cluster, key));
      }, 10);
    });
    return async () => {
      forget();
      this.#clusters.delete(cluster.id);
      this.#enqueue(async () => {
        for (const key of [...this.#parts.keys()].filter((one) => one.startsWith(`${cluster.id}|`))) await this.#withdraw(cluster.id, key);
        for (const [key, close] of [...this.#nodePorts].filter(([one]) => one.startsWith(`${cluster.id}|`))) {
          this.#nodePorts.delete(key);
          await close();
        }
      });
      await this.#work;
    };
  }

  /** Nodes came or went: node ports follow. */
  refresh(clusterId: string): void {
    const cluster = this.#clusters.get(clusterId);
    for (const { metadata } of cluster?.services.all() ?? []) {
      if (cluster !== undefined) this.#enqueue(() => this.#reconcile(cluster, `${metadata.namespace}/${metadata.name}`));
    }
  }

  async close(): Promise<void> {
    await this.#work;
    this.#forwarding.cut();
  }

  #enqueue(work: () => Promise<void>): void {
    this.#work = this.#work.then(work).catch((error: unknown) => this.#world.log('service-network', String(error)));
  }

  async #reconcile(cluster: ServedCluster, key: string): Promise<void> {
    if (!this.#clusters.has(cluster.id)) return;
    const [namespace = '', name = ''] = key.split('/');
    const service = cluster.services.get(name, namespace);
    const address = service?.spec.clusterIP ?? '';
    const wanted = new Map<string, ServicePort>();
    if (service !== undefined && address !== '' && address !== 'None') {
      for (const port of tcpPorts(service)) if (this.#endpoints(cluster, service, port).length > 0) wanted.set(`${address}:${port.port}`, port);
    }
    const partKey = `${cluster.id}|${key}`;
    const parts = this.#parts.get(partKey) ?? new Set<string>();
    this.#parts.set(partKey, parts);
    for (const part of [...parts]) if (!wanted.has(part)) await this.#leave(cluster.id, part, parts);
    for (const [part, port] of wanted) {
      if (service !== undefined) await this.#join(cluster, part, parts, () => this.#choose(cluster, service, port));
    }
    await this.#reconcileNodePorts(cluster, key, service);
  }

  #endpoints(cluster: ServedCluster, { metadata }: Service, port: ServicePort, node?: string): Endpoint[] {
    const { name, namespace = '' } = metadata;
    if (namespace === 'default' && name === 'kubernetes') return [{ address: '127.0.0.1', port: cluster.apiPort, node: undefined }];
    const all = cluster.services.endpoints(name, namespace, port.name ?? port.port);
    return node === undefined ? all : all.filter((one) => one.node === node);
  }

  #choose(cluster: ServedCluster, service: Service, port: ServicePort, node?: string): Endpoint | undefined {
    const all = this.#endpoints(cluster, service, port, node);
    return all[Math.floor(Math.random() * all.length)];
  }

  async #join(cluster: ServedCluster, part: string, parts: Set<string>, choose: () => Endpoint | undefined): Promise<void> {
    const known = this.#listeners.get(part);
    if (known !== undefined) {
      known.targets.set(cluster.id, choose);
      parts.add(part);
      return;
    }
    const [address = '', port = ''] = part.split(':');
    await this.#world.addresses.add(address);
    const targets = new Map([[cluster.id, choose]]);
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => this.#accept(client, targets));
    await listen(server, { host: address, port: Number(port) });
    this.#listeners.set(part, { server, targets });
    parts.add(part);
  }

  async #withdraw(clusterId: string, partKey: string): Promise<void> {
    const parts = this.#parts.get(partKey) ?? new Set<string>();
    for (const part of [...parts]) await this.#leave(clusterId, part, parts);
    this.#parts.delete(partKey);
  }

  /** Without ready endpoints nobody listens: connections are refused, as kube-proxy rejects them. */
  async #leave(clusterId: string, part: string, parts: Set<string>): Promise<void> {
    parts.delete(part);
    const listener = this.#listeners.get(part);
    listener?.targets.delete(clusterId);
    if (listener === undefined || listener.targets.size > 0) return;
    this.#listeners.delete(part);
    listener.server.close();
    const [address = ''] = part.split(':');
    if (![...this.#listeners.keys()].some((one) => one.startsWith(`${address}:`))) await this.#world.addresses.remove(address);
  }

  #accept(client: Socket, targets: Listener['targets']): void {
    const source = (client.remoteAddress ?? '').replace(/^::ffff:/, '');
    const [first] = targets.keys();
    const id = [...targets.keys()].find((one) => this.#clusters.get(one)?.owns(source)) ?? first ?? '';
    const endpoint = targets.get(id)?.();
    const seen = this.#clusters.get(id)?.owns(source) === true && isLocal(source) ? source : undefined;
    this.#forward(client, endpoint, seen);
  }

  #forward(client: Socket, endpoint: Endpoint | undefined, source: string | undefined): void {
    const from = endpoint?.address === '127.0.0.1' ? undefined : source;
    this.#forwarding.pass(client, endpoint === undefined ? undefined : { ...endpoint, source: from });
  }

  async #reconcileNodePorts(cluster: ServedCluster, key: string, service: Service | undefined): Promise<void> {
    const wanted = new Map<string, { readonly node: NodeSpec; readonly port: ServicePort }>();
    if (service !== undefined && (service.spec.type === 'NodePort' || service.spec.type === 'LoadBalancer')) {
      const local = service.spec.externalTrafficPolicy === 'Local';
      for (const port of tcpPorts(service)) {
        for (const node of port.nodePort === undefined ? [] : cluster.nodes()) {
          if (this.#endpoints(cluster, service, port, local ? node.name : undefined).length > 0)
            wanted.set(`${cluster.id}|${key}|${node.address}|${port.nodePort}`, { node, port });
        }
      }
    }
    for (const [part, close] of [...this.#nodePorts]) {
      if (!part.startsWith(`${cluster.id}|${key}|`) || wanted.has(part)) continue;
      this.#nodePorts.delete(part);
      await close();
    }
    for (const [part, { node, port }] of wanted) {
      if (this.#nodePorts.has(part)) continue;
      this.#nodePorts.set(part, await this.#openNodePort(cluster, key, node, port));
    }
  }

  async #openNodePort(cluster: ServedCluster, key: string, node: NodeSpec, port: ServicePort): Promise<() => Promise<void>> {
    const [namespace = '', name = ''] = key.split('/');
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
      const service = cluster.services.get(name, namespace);
      const local = service?.spec.externalTrafficPolicy === 'Local' ? node.name : undefined;
      this.#forward(client, service === undefined ? undefined : this.#choose(cluster, service, port, local), undefined);
    });
    await listen(server, { host: '127.0.0.1', port: 0 });
    const { port: behind } = server.address() as AddressInfo;
    const closeGate = await this.#world.gate.listen({
      address: node.address,
      port: port.nodePort ?? 0,
      groups: () =>
        this.#world.store
          .table<PortRow>('vpc.ports')
          .where((row) => row.device_id === node.serverId)
          .flatMap((row) => row.security_groups),
      vpcId: cluster.vpcId,
      upstream: { host: '127.0.0.1', port: behind },
    });
    return async () => {
      await closeGate();
      await new Promise((resolve) => server.close(resolve));
    };
  }
}

const tcpPorts = (service: Service): ServicePort[] =>
  (service.spec.ports ?? []).filter(({ protocol }) => protocol === undefined || protocol === 'TCP');

function listen(server: Server, where: { readonly host: string; readonly port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
