/**
 * Owns CCE's cloud controller manager: Services of type LoadBalancer become listeners, pools and members of an existing balancer,
 * its addresses go into the Service's status, refusals become events. What it demands is `binding.ts`'s, the sockets are
 * `balancing.ts`'s; node and pod health are asked of the cluster and the security groups.
 */
import type { World } from '../../contract.ts';
import { dropPool, elbTables, publicIpOfBalancer } from '../../otc/elb-tables.ts';
import { uuid } from '../../otc/ids.ts';
import type { ElbOwner, LoadBalancerRow } from '../../otc/tables/compute.ts';
import { networkTables } from '../../otc/tables/network.ts';
import type { ClusterView, Controller } from '../image.ts';
import { recorder } from '../kubelet/events.ts';
import type { Service } from '../objects.ts';
import { Balancing, type Front, type Member } from './balancing.ts';
import { annotations, bindingOf, owns } from './binding.ts';

const finalizer = 'service.kubernetes.io/load-balancer-cleanup';
/** Milliseconds between two looks at nodes, endpoints and groups, as a health monitor takes them. */
const look = 1000;

export const cloudController: Controller = {
  name: 'cloud-controller-manager',
  async start(cluster, world) {
    const controller = new CloudController(cluster, world);
    controller.start();
    return { close: () => controller.close() };
  },
};

class CloudController {
  readonly #cluster: ClusterView;
  readonly #world: World;
  readonly #services = new Map<string, Service>();
  readonly #bound = new Map<string, { readonly balancer: LoadBalancerRow; readonly service: Service }>();
  readonly #end = new AbortController();
  readonly #balancing: Balancing;
  readonly #events: ReturnType<typeof recorder>;
  #work: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #forget: () => void = () => undefined;
  #arranged = '';

  constructor(cluster: ClusterView, world: World) {
    this.#cluster = cluster;
    this.#world = world;
    this.#balancing = new Balancing((error) => this.#failed(error));
    this.#events = recorder(cluster.kube, { component: 'service-controller' }, (error) => this.#failed(error));
  }

  start(): void {
    this.#cluster.kube.follow<Service>(
      '/api/v1/services',
      {
        changed: (service) => {
          this.#services.set(keyOf(service), service);
          this.#queue(() => this.#reconcile(service));
        },
        removed: (service) => {
          this.#services.delete(keyOf(service));
          this.#queue(() => this.#release(service));
        },
        failed: (error) => this.#failed(error),
      },
      this.#end.signal,
    );
    // An EIP that comes to the balancer, or a balancer that comes at all, is noticed as soon as it happens.
    this.#forget = this.#world.store.onChange(({ table }) => {
      if (table === 'vpc.publicips' || table === 'elb.loadbalancers') this.#queueAll();
    });
    this.#timer = setInterval(() => {
      if (this.#bound.size > 0) this.#queue(() => this.#health());
    }, look);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#forget();
    this.#end.abort();
    await this.#work;
    await this.#balancing.close();
    await this.#events.idle();
  }

  #failed(error: unknown): void {
    if (!this.#end.signal.aborted) this.#cluster.log(`cloud controller: ${error instanceof Error ? error.message : String(error)}`);
  }

  #queue(work: () => Promise<void>): void {
    this.#work = this.#work.then(() => (this.#end.signal.aborted ? undefined : work())).catch((error) => this.#failed(error));
  }

  #queueAll(): void {
    for (const service of this.#services.values())
      if (service.spec.type === 'LoadBalancer') this.#queue(() => this.#reconcile(this.#services.get(keyOf(service)) ?? service));
  }

  async #reconcile(service: Service): Promise<void> {
    const { listeners, balancers } = elbTables(this.#world.store);
    const had = this.#bound.has(keyOf(service)) || listeners.all().some((row) => owns(row, service, this.#cluster.id));
    if (service.metadata.deletionTimestamp !== undefined || service.spec.type !== 'LoadBalancer') {
      if (had) await this.#release(service);
      if (service.metadata.finalizers?.includes(finalizer))
        await this.#finalizers(
          service,
          service.metadata.finalizers.filter((name) => name !== finalizer),
        );
      return;
    }
    // Another Service of this name, made while nobody was told that the first one went, is bound to nothing yet.
    const known = this.#bound.get(keyOf(service));
    const boundTo = known?.service.metadata.uid === service.metadata.uid ? known?.balancer.id : undefined;
    const facts = { clusterId: this.#cluster.id, vpcId: this.#cluster.spec.vpcId, balancers: balancers.all(), listeners: listeners.all(), boundTo };
    const binding = bindingOf(service, facts);
    if (binding.kind === 'refused') {
      this.#events.event(
        service,
        'Service',
        'Warning',
        'EnsureLoadBalancerFailed',
        `Error syncing load balancer: failed to ensure load balancer: ${binding.cause}`,
      );
      return;
    }
    if (binding.kind === 'none') return;
    if (!had) this.#events.event(service, 'Service', 'Normal', 'EnsuringLoadBalancer', 'Ensuring load balancer');
    if (binding.warning !== undefined && !had) this.#events.event(service, 'Service', 'Warning', 'EnsureLoadBalancer', binding.warning);
    if (!service.metadata.finalizers?.includes(finalizer)) await this.#finalizers(service, [...(service.metadata.finalizers ?? []), finalizer]);
    this.#writeRows(service, binding.balancer);
    this.#bound.set(keyOf(service), { balancer: binding.balancer, service });
    await this.#health();
    await this.#publish(service, binding.balancer, had);
  }

  /** Listener and pool for each port; those of ports that are gone go. */
  #writeRows(service: Service, balancer: LoadBalancerRow): void {
    const tables = elbTables(this.#world.store);
    const owner: ElbOwner = { cluster_id: this.#cluster.id, namespace: service.metadata.namespace ?? '', name: service.metadata.name };
    const ports = service.spec.ports ?? [];
    for (const row of tables.listeners.where((one) => owns(one, service, this.#cluster.id))) {
      if (row.loadbalancer_id === balancer.id && ports.some(({ port, protocol = 'TCP' }) => port === row.protocol_port && protocol === row.protocol))
        continue;
      this.#dropListener(row.id, row.default_pool_id);
    }
    for (const { port, protocol = 'TCP' } of ports) {
      if (
        tables.listeners.find((row) => owns(row, service, this.#cluster.id) && row.protocol_port === port && row.protocol === protocol) !== undefined
      )
        continue;
      const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
      const common = { project_id: balancer.project_id, loadbalancer_id: balancer.id, protocol, created_at: now, updated_at: now, owner };
      const [listenerId, poolId] = [uuid(), uuid()];
      tables.pools.insert({
        ...common,
        id: poolId,
        listener_id: listenerId,
        name: `cce_pool_${protocol.toLowerCase()}_${port}_${poolId.slice(0, 8)}`,
        description: '',
        lb_algorithm: service.metadata.annotations?.[annotations.algorithm] ?? 'ROUND_ROBIN',
      });
      tables.listeners.insert({
        ...common,
        id: listenerId,
        name: `cce_listener_${protocol.toLowerCase()}_${port}`,
        description: JSON.stringify({
          attention: 'It is auto-generated by CCE service, do not modify!',
          cluster_id: this.#cluster.id,
          service: keyOf(service),
        }),
        protocol_port: port,
        default_pool_id: poolId,
        tags: [],
      });
      tables.monitors.insert({
        id: uuid(),
        project_id: balancer.project_id,
        pool_id: poolId,
        name: `cce_healthmonitor_${protocol.toLowerCase()}_${port}`,
        type: protocol === 'UDP' ? 'UDP_CONNECT' : 'TCP',
        delay: 5,
        timeout: 10,
        max_retries: 3,
        monitor_port: null,
        owner,
      });
    }
  }

  /** Members with their health for every bound service, and the sockets that follow from them. */
  async #health(): Promise<void> {
    const { store } = this.#world;
    const tables = elbTables(store);
    const { ports, subnets } = networkTables(store);
    const fronts: Front[] = [];
    for (const [key, { balancer: known, service: seen }] of this.#bound) {
      const balancer = tables.balancers.get(known.id);
      const service = this.#services.get(key) ?? seen;
      if (balancer === undefined || balancer.vip_address === null) continue;
      const source = balancer.vip_address;
      for (const listener of tables.listeners.where((row) => owns(row, service, this.#cluster.id))) {
        const port = service.spec.ports?.find((one) => one.port === listener.protocol_port);
        const nodePort = port?.nodePort;
        if (nodePort === undefined || listener.default_pool_id === null) continue;
        const endpoints = this.#cluster.endpoints(service.metadata.name, service.metadata.namespace ?? '', listener.protocol_port);
        const local = service.spec.externalTrafficPolicy === 'Local';
        const healthy = new Set<string>();
        for (const node of this.#cluster.nodes()) {
          const groups = ports.where((row) => row.device_id === node.serverId).flatMap((row) => row.security_groups);
          const serves = endpoints.some((endpoint) => !local || endpoint.node === node.name);
          if (serves && this.#world.gate.permits({ source, groups, port: nodePort, protocol: 'tcp' })) healthy.add(node.address);
        }
        const poolId = listener.default_pool_id;
        const before = tables.members.where((row) => row.pool_id === poolId);
        const addresses = this.#cluster.nodes().map(({ address }) => address);
        for (const member of before) if (!addresses.includes(member.address) || member.protocol_port !== nodePort) tables.members.remove(member.id);
        for (const node of this.#cluster.nodes()) {
          const status = healthy.has(node.address) ? 'ONLINE' : 'OFFLINE';
          const member = tables.members.find((row) => row.pool_id === poolId && row.address === node.address);
          if (member !== undefined) {
            if (member.operating_status !== status) tables.members.update(member.id, { operating_status: status });
            continue;
          }
          const nodeNetwork = ports.find((row) => row.device_id === node.serverId)?.network_id;
          tables.members.insert({
            id: uuid(),
            project_id: balancer.project_id,
            pool_id: poolId,
            name: node.name,
            address: node.address,
            protocol_port: nodePort,
            subnet_cidr_id: nodeNetwork === undefined ? null : (subnets.get(nodeNetwork)?.neutron_subnet_id ?? null),
            weight: 1,
            operating_status: status,
            owner: listener.owner ?? { cluster_id: this.#cluster.id, namespace: '', name: '' },
          });
        }
        if (listener.protocol === 'UDP') continue;
        fronts.push({
          pool: poolId,
          port: listener.protocol_port,
          addresses: [source, publicIpOfBalancer(store, balancer)?.public_ip_address].filter((address) => address !== undefined),
          source,
          members: (): Member[] =>
            tables.members
              .where((row) => row.pool_id === poolId && row.operating_status === 'ONLINE')
              .map((row) => ({ address: row.address, port: row.protocol_port })),
        });
      }
    }
    const shape = JSON.stringify(fronts);
    if (shape === this.#arranged) return;
    await this.#balancing.arrange(fronts);
    this.#arranged = shape;
  }

  /** The EIP first, then the private address, as CCE writes them. */
  async #publish(service: Service, balancer: LoadBalancerRow, had: boolean): Promise<void> {
    const eip = publicIpOfBalancer(this.#world.store, balancer)?.public_ip_address;
    const ingress = [eip, balancer.vip_address].filter((ip) => typeof ip === 'string').map((ip) => ({ ip }));
    const before = (service.status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip);
    if (JSON.stringify(before) !== JSON.stringify(ingress.map(({ ip }) => ip))) {
      await this.#cluster.kube.send('PATCH', `${pathOf(service)}/status`, { status: { loadBalancer: { ingress } } });
    }
    if (!had) this.#events.event(service, 'Service', 'Normal', 'EnsuredLoadBalancer', 'Ensured load balancer');
  }

  async #release(service: Service): Promise<void> {
    const tables = elbTables(this.#world.store);
    this.#bound.delete(keyOf(service));
    for (const row of tables.listeners.where((one) => owns(one, service, this.#cluster.id))) this.#dropListener(row.id, row.default_pool_id);
    await this.#health();
    const given = service.metadata.annotations ?? {};
    const id = given[annotations.id];
    // The trap of the annotations: a balancer named by id is deleted when `autocreate` stands beside it.
    if (id !== undefined && given[annotations.autocreate] !== undefined) tables.balancers.remove(id);
  }

  #dropListener(id: string, poolId: string | null): void {
    if (poolId !== null) dropPool(this.#world.store, poolId);
    elbTables(this.#world.store).listeners.remove(id);
  }

  async #finalizers(service: Service, finalizers: readonly string[]): Promise<void> {
    const answer = await this.#cluster.kube.request('PATCH', pathOf(service), { metadata: { finalizers } });
    if (answer.status >= 400 && answer.status !== 404)
      throw new Error(`finalizers of ${keyOf(service)}: ${answer.status} ${JSON.stringify(answer.body)}`);
  }
}

const keyOf = (service: Service): string => `${service.metadata.namespace}/${service.metadata.name}`;
const pathOf = (service: Service): string => `/api/v1/namespaces/${service.metadata.namespace}/services/${service.metadata.name}`;
