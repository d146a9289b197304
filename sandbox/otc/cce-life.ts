/**
 * Owns the life of a cluster: made with its groups, master ports, real control plane and default add-ons; deleted with what
 * CCE takes along and what it leaves behind (API reference 6.1, 12). Nodes have a life of their own in `cce-nodes-life.ts`.
 */
import type { World } from '../contract.ts';
import { AllocationFailure, addressOf, createPort, removePortsOf, subnetOf } from './allocate.ts';
import { installAddon } from './cce-addons-life.ts';
import { addonFits, addonTemplates, clusterFlavors } from './cce-catalog.ts';
import { dropGroup, makeControlGroup, makeEniGroup, makeNodeGroup } from './cce-groups.ts';
import { removeNodeNow } from './cce-nodes-life.ts';
import { type ClusterOrder, invalid } from './cce-order.ts';
import { cceTables, closeJob, openJob } from './cce-tables.ts';
import { goTime, leftOf, startWork, workOf } from './compute-common.ts';
import { uuid } from './ids.ts';
import { bindPublicIp, publicIpBoundTo, unbindPublicIp } from './public-ip.ts';
import type { Row, Store } from './store.ts';
import type { CceClusterRow, ElbOwner } from './tables/compute.ts';
import type { PortRow } from './tables/network.ts';

/** Seconds of the real cloud. */
const durations = { create: 420, delete: 90, certificate: 360, resize: 600, hibernate: 120 } as const;

/** Takes an order: row, groups, addresses, and the real control plane's start under way. */
export function createCluster(
  world: World,
  order: ClusterOrder,
  who: { readonly projectId: string; readonly userId: string; readonly region: string },
): CceClusterRow {
  const { store } = world;
  const id = uuid();
  const { spec } = order;
  const groupsOrder = {
    clusterId: id,
    clusterName: order.name,
    projectId: who.projectId,
    vpcCidr: order.vpcCidr,
    containerCidr: spec.containerNetwork.cidr,
    mode: spec.containerNetwork.mode,
    publicAccess: spec.publicAccess.cidrs ?? ['0.0.0.0/0'],
  };
  const control = makeControlGroup(store, groupsOrder);
  const ports = masterPorts(store, id, order, control.id);
  const ours = spec.hostNetwork.SecurityGroup === '';
  const nodeGroup = ours ? makeNodeGroup(store, groupsOrder).id : spec.hostNetwork.SecurityGroup;
  const pods = spec.containerNetwork.mode === 'eni' ? makeEniGroup(store, groupsOrder).id : undefined;
  const external = order.externalIpId === undefined ? undefined : bindPublicIp(store, order.externalIpId, { kind: 'CCE', id });
  const now = goTime();
  const row: CceClusterRow = {
    id,
    name: order.name,
    project_id: who.projectId,
    region: who.region,
    user_id: who.userId,
    created_at: now,
    updated_at: now,
    labels: order.labels,
    spec: { ...spec, hostNetwork: { ...spec.hostNetwork, SecurityGroup: nodeGroup } },
    phase: 'Creating',
    reason: '',
    message: '',
    job_id: '',
    tags: [],
    internal_address: ports[0] === undefined ? '' : addressOf(ports[0]),
    publicip_id: external?.id,
    external_address: external?.public_ip_address,
    port_ids: ports.map((port) => port.id),
    control_group_id: control.id,
    node_group_id: nodeGroup,
    node_group_is_ours: ours,
    eni_group_id: pods,
  };
  const { clusters } = cceTables(store);
  clusters.insert(row);
  const jobId = openJob(store, row, 'CreateCluster', { id, name: row.name });
  startWork(world, `cce ${id}`, startControlPlane(world, row));
  store.after(0, 'cce.starting', { id, jobId, addons: order.addons, startedAt: Date.now() });
  return clusters.update(id, { job_id: jobId }) ?? row;
}

function masterPorts(store: Store, id: string, order: ClusterOrder, controlGroup: string): PortRow[] {
  const count = clusterFlavors[order.spec.flavor]?.masters ?? 1;
  try {
    return Array.from({ length: count }, (_, index) =>
      createPort(store, {
        networkId: order.spec.hostNetwork.subnet,
        deviceOwner: 'network:cce',
        deviceId: id,
        name: `${order.name}-master-${index}`,
        securityGroups: [controlGroup],
      }),
    );
  } catch (error) {
    removePortsOf(store, id);
    dropGroup(store, controlGroup);
    if (error instanceof AllocationFailure) throw invalid(`Subnet [${order.spec.hostNetwork.subnet}]: ${error.message}`);
    throw error;
  }
}

async function startControlPlane(world: World, row: CceClusterRow): Promise<void> {
  const { spec } = row;
  const pods = subnetOf(world.store, spec.eniNetwork.eniSubnetId ?? '', 'neutron');
  await world.clusters.create({
    id: row.id,
    name: row.name,
    projectId: row.project_id,
    version: spec.version,
    vpcId: spec.hostNetwork.vpc,
    internalAddress: row.internal_address,
    ...(row.external_address === undefined ? {} : { externalAddress: row.external_address }),
    serviceCidr: spec.kubernetesSvcIpRange,
    containerCidr: spec.eniNetwork.eniSubnetCIDR ?? spec.containerNetwork.cidr,
    mode: spec.containerNetwork.mode,
    ...(pods === undefined || row.eni_group_id === undefined ? {} : { eni: { networkId: pods.id, groups: [row.eni_group_id] } }),
    controlGroups: () => [row.control_group_id],
  });
}

/** Binds or unbinds the API server's EIP. The server's certificate follows some minutes later (6.2). */
export function bindExternal(world: World, row: CceClusterRow, publicIpId: string | undefined): CceClusterRow {
  const { store } = world;
  const before = publicIpBoundTo(store, 'CCE', row.id);
  if (before !== undefined && before.id !== publicIpId) unbindPublicIp(store, before.id);
  const bound = publicIpId === undefined ? undefined : bindPublicIp(store, publicIpId, { kind: 'CCE', id: row.id });
  store.after(durations.certificate, 'cce.external', { id: row.id });
  return (
    cceTables(store).clusters.update(row.id, { publicip_id: bound?.id, external_address: bound?.public_ip_address, updated_at: goTime() }) ?? row
  );
}

export interface DeleteOptions {
  /** What happens to listeners and pools that Services made: `block`, `true`, `try` take them along, others leave them. */
  readonly net: boolean;
  readonly volumes: boolean;
}

/** Starts the deletion. */
export function deleteCluster(world: World, row: CceClusterRow, options: DeleteOptions): CceClusterRow {
  const { store } = world;
  const { clusters, nodes, pools } = cceTables(store);
  const jobId = openJob(store, row, 'DeleteCluster', { id: row.id, name: row.name });
  for (const pool of pools.where((one) => one.cluster_id === row.id)) pools.update(pool.id, { phase: 'Deleting' });
  const own = nodes.where((one) => one.cluster_id === row.id);
  for (const node of own) nodes.update(node.id, { phase: 'Deleting' });
  store.after(durations.delete + (own.length > 0 ? 60 : 0), 'cce.deleted', { id: row.id, jobId, options });
  return clusters.update(row.id, { phase: 'Deleting', job_id: jobId, updated_at: goTime() }) ?? row;
}

/** Resize, hibernation, awakening: a phase for a while, then another with a change. */
export function passThrough(
  world: World,
  row: CceClusterRow,
  step: { readonly job: string; readonly during: string; readonly after: string; readonly seconds: keyof typeof durations; readonly flavor?: string },
): string {
  const { store } = world;
  const jobId = openJob(store, row, step.job, { id: row.id, name: row.name });
  cceTables(store).clusters.update(row.id, { phase: step.during, job_id: jobId, updated_at: goTime() });
  store.after(durations[step.seconds], 'cce.passed', { id: row.id, jobId, phase: step.after, flavor: step.flavor });
  return jobId;
}

/** Registers the transitions of clusters. */
export function startClusters(world: World): void {
  const { store } = world;
  const { clusters, addons } = cceTables(store);

  store.handle(
    'cce.starting',
    async ({ id, jobId, addons: wished, startedAt }: { id: string; jobId: string; addons: readonly string[]; startedAt: number }) => {
      try {
        await workOf(world, `cce ${id}`);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        clusters.update(id, { phase: 'Error', reason: 'CreateFailed', message, updated_at: goTime() });
        closeJob(store, jobId, message);
        return;
      }
      store.after(leftOf(store, durations.create, startedAt), 'cce.available', { id, jobId, addons: wished });
    },
  );

  store.handle('cce.available', ({ id, jobId, addons: wished }: { id: string; jobId: string; addons: readonly string[] }) => {
    const row = clusters.update(id, { phase: 'Available', updated_at: goTime() });
    if (row === undefined) return;
    closeJob(store, jobId);
    const names = [...addonTemplates.filter((template) => template.byDefault).map((template) => template.name), ...wished];
    for (const template of addonTemplates.filter((one) => names.includes(one.name)))
      installAddon(world, row, template, template.versions.find((version) => addonFits(template, version, row.spec.version)) ?? '', {});
  });

  store.handle('cce.external', async ({ id }: { id: string }) => {
    const row = clusters.get(id);
    if (row !== undefined) await world.clusters.bindExternal(id, row.external_address);
  });

  store.handle('cce.passed', ({ id, jobId, phase, flavor }: { id: string; jobId: string; phase: string; flavor?: string }) => {
    const row = clusters.get(id);
    if (row === undefined) return;
    clusters.update(id, { phase, updated_at: goTime(), ...(flavor === undefined ? {} : { spec: { ...row.spec, flavor } }) });
    closeJob(store, jobId);
  });

  store.handle('cce.deleted', async ({ id, jobId, options }: { id: string; jobId: string; options: DeleteOptions }) => {
    const row = clusters.get(id);
    if (row === undefined) return;
    await takeDown(world, row, options);
    for (const addon of addons.where((one) => one.cluster_id === id)) addons.remove(addon.id);
    clusters.remove(id);
    closeJob(store, jobId);
  });
}

async function takeDown(world: World, row: CceClusterRow, options: DeleteOptions): Promise<void> {
  const { store } = world;
  const { nodes, pools } = cceTables(store);
  for (const node of nodes.where((one) => one.cluster_id === row.id)) await removeNodeNow(world, node);
  for (const pool of pools.where((one) => one.cluster_id === row.id)) pools.remove(pool.id);
  await world.clusters.remove(row.id);
  const external = publicIpBoundTo(store, 'CCE', row.id);
  if (external !== undefined) unbindPublicIp(store, external.id);
  removePortsOf(store, row.id);
  if (options.net) dropBalancing(store, row.id);
  if (options.volumes) dropVolumes(store, row.id);
  dropGroup(store, row.control_group_id);
  if (row.node_group_is_ours) dropGroup(store, row.node_group_id);
  if (row.eni_group_id !== undefined) dropGroup(store, row.eni_group_id);
}

/** What the cluster's Services made on load balancers: children before parents. */
function dropBalancing(store: Store, clusterId: string): void {
  for (const name of ['elb.members', 'elb.healthmonitors', 'elb.pools', 'elb.listeners'] as const) {
    const table = store.table<Row & { readonly owner?: ElbOwner }>(name);
    for (const row of table.where((one) => one.owner?.cluster_id === clusterId)) table.remove(row.id);
  }
}

function dropVolumes(store: Store, clusterId: string): void {
  const volumes = store.table<Row & { readonly metadata: Readonly<Record<string, string>> }>('evs.volumes');
  for (const volume of volumes.where((one) => one.metadata['cluster_id'] === clusterId)) volumes.remove(volume.id);
}
