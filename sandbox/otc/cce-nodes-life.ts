/**
 * Owns the life of nodes and pools: a node is a server with its port and disks that installs itself and joins the real
 * control plane, if the security groups let node and control plane talk; pools hold as many as they are told to.
 */
import { randomBytes } from 'node:crypto';
import type { NodeSpec, World } from '../contract.ts';
import { AllocationFailure, addressOf, portsOf } from './allocate.ts';
import { nodeImages } from './cce-catalog.ts';
import { cceTables } from './cce-tables.ts';
import { goTime, soldOut, zonesOf } from './compute-common.ts';
import { hasEgress } from './egress.ts';
import { uuid } from './ids.ts';
import { bindPublicIp, createPublicIp } from './public-ip.ts';
import { makeServer, removeServer, serverIsUp } from './server-make.ts';
import type { CceClusterRow, CceNodePoolRow, CceNodeRow, CceNodeTemplate } from './tables/compute.ts';

/** Seconds of the real cloud. */
const durations = { server: 120, install: 240, remove: 60 } as const;

const goingDown = (node: CceNodeRow): boolean => node.phase === 'Deleting';
export const nodesOf = (world: World, pool: CceNodePoolRow): CceNodeRow[] => cceTables(world.store).nodes.where((node) => node.pool_id === pool.id);

export interface NodeOrder {
  readonly cluster: CceClusterRow;
  readonly pool: CceNodePoolRow | undefined;
  readonly template: CceNodeTemplate;
  readonly groups: readonly string[];
  readonly zone: string;
  readonly name: string;
  readonly userId: string;
  readonly jobId: string;
  /** Which of several nodes of one order it is; chooses among given addresses and EIPs. */
  readonly index?: number;
}

/**
 * A node whose server is being built.
 * @throws AllocationFailure where the subnet has no address left
 */
export function makeNode(world: World, order: NodeOrder): CceNodeRow {
  const { store } = world;
  const { template, cluster } = order;
  const server = makeServer(world, {
    name: order.name,
    projectId: cluster.project_id,
    userId: order.userId,
    flavor: template.flavor,
    imageId: nodeImages[template.os] ?? '',
    keyName: template.login.sshKey,
    vpcId: cluster.spec.hostNetwork.vpc,
    zone: order.zone,
    nics: [{ networkId: template.nodeNicSpec.primaryNic.subnetId, address: template.nodeNicSpec.primaryNic.fixedIps?.[order.index ?? 0] }],
    groups: order.groups,
    volumes: [template.rootVolume, ...template.dataVolumes].map(({ volumetype, size }) => ({ type: volumetype, size, deleteOnTermination: true })),
    tags: [{ key: 'CCE-Cluster-ID', value: cluster.id }, ...template.userTags],
    clusterId: cluster.id,
  });
  const port = portsOf(store, server.id)[0];
  const now = goTime();
  const node: CceNodeRow = {
    id: uuid(),
    cluster_id: cluster.id,
    pool_id: order.pool?.id,
    name: order.name,
    created_at: now,
    updated_at: now,
    template,
    zone: order.zone,
    phase: 'Build',
    reason: '',
    message: '',
    server_id: server.id,
    private_ip: port === undefined ? '' : addressOf(port),
    job_id: order.jobId,
    joined: false,
  };
  cceTables(store).nodes.insert(node);
  store.after(durations.server, 'cce.node-server', { id: node.id, index: order.index ?? 0 });
  return node;
}

/** Binds the EIP that the template names or asks for. */
async function giveAddress(world: World, node: CceNodeRow, index: number): Promise<void> {
  const { store } = world;
  const { ids = [], count = 0, eip } = node.template.publicIP;
  const port = portsOf(store, node.server_id)[0];
  const given = ids[index];
  if (port === undefined || (given === undefined && count < 1)) return;
  const cluster = cceTables(store).clusters.get(node.cluster_id);
  const { size, chargemode: chargeMode } = eip?.bandwidth ?? {};
  const request = { projectId: cluster?.project_id ?? '', type: eip?.iptype, bandwidth: { size, chargeMode } };
  const own = given === undefined ? (await createPublicIp(world, request)).id : undefined;
  if (own !== undefined) cceTables(store).nodes.update(node.id, { own_public_ip: own });
  bindPublicIp(store, given ?? own ?? '', { kind: 'PORT', id: port.id });
}

/** Starts a node's removal. */
export function removeNode(world: World, node: CceNodeRow): CceNodeRow {
  world.store.after(durations.remove, 'cce.node-removed', { id: node.id });
  return cceTables(world.store).nodes.update(node.id, { phase: 'Deleting', updated_at: goTime() }) ?? node;
}

/** Takes a node away at once: from the control plane, its server, its row. */
export async function removeNodeNow(world: World, node: CceNodeRow): Promise<void> {
  const { nodes } = cceTables(world.store);
  if (nodes.remove(node.id) === undefined) return;
  if (node.joined) await world.clusters.removeNode(node.cluster_id, node.private_ip);
  await removeServer(world, node.server_id, { publicIp: node.own_public_ip !== undefined, volumes: true });
}

/** Lets a pool come to the number of nodes it should have; its phase says how that goes. */
export function reconcile(world: World, poolId: string, userId: string): void {
  const { store } = world;
  const { pools, clusters } = cceTables(store);
  const pool = pools.get(poolId);
  const cluster = clusters.get(pool?.cluster_id ?? '');
  if (pool === undefined || cluster === undefined || pool.phase === 'Deleting') return;
  const have = nodesOf(world, pool).filter((node) => !goingDown(node));
  const missing = pool.spec.initialNodeCount - have.length;
  for (const node of missing < 0 ? have.slice(missing) : []) removeNode(world, node);
  const zone = missing > 0 ? zoneFor(world, pool, cluster.region) : '';
  if (zone === undefined) {
    pools.update(pool.id, { phase: 'SoldOut', updated_at: goTime() });
    return;
  }
  const groups = pool.spec.customSecurityGroups?.length ? pool.spec.customSecurityGroups : [cluster.node_group_id];
  for (let index = 0; index < missing; index++) {
    const name = `${pool.name}-${randomBytes(3).toString('hex').slice(0, 5)}`;
    try {
      makeNode(world, { cluster, pool, template: pool.spec.nodeTemplate, groups, zone, name, userId, jobId: pool.job_id });
    } catch (error) {
      if (!(error instanceof AllocationFailure)) throw error;
      world.log('cce', `pool ${pool.name}: ${error.message}`);
      pools.update(pool.id, { phase: 'Error', updated_at: goTime() });
      return;
    }
  }
  settle(world, pool.id);
}

/** All nodes of a pool's first batch land in one zone (6.4); later ones where the pool has fewest. Undefined where all are sold out. */
function zoneFor(world: World, pool: CceNodePoolRow, region: string): string | undefined {
  const { az, flavor } = pool.spec.nodeTemplate;
  const candidates = (az === 'random' ? zonesOf(region) : [az]).filter((zone) => !soldOut(world.store, flavor, zone));
  const count = (zone: string): number => nodesOf(world, pool).filter((node) => node.zone === zone).length;
  return [...candidates].sort((a, b) => count(a) - count(b))[0];
}

/** Writes the phase that a pool's nodes mean: `Synchronizing` while some come or go, then empty. */
function settle(world: World, poolId: string | undefined): void {
  const { pools } = cceTables(world.store);
  const pool = poolId === undefined ? undefined : pools.get(poolId);
  if (pool === undefined || pool.phase === 'Deleting' || pool.phase === 'SoldOut') return;
  const all = nodesOf(world, pool);
  const moving = all.some((node) => ['Build', 'Installing', 'Deleting'].includes(node.phase));
  const ill = all.some((node) => ['Abnormal', 'Error'].includes(node.phase));
  const phase = moving ? 'Synchronizing' : ill ? 'Error' : '';
  if (phase !== pool.phase) pools.update(pool.id, { phase, updated_at: goTime() });
}

/** Can the node reach the API server, and the control plane the node's kubelet? The reason where not. */
function cannotJoin(world: World, node: CceNodeRow, cluster: CceClusterRow): string | undefined {
  const groups = portsOf(world.store, node.server_id).flatMap((port) => port.security_groups);
  const up = { source: node.private_ip, groups: [cluster.control_group_id], protocol: 'tcp' } as const;
  if (!world.gate.permits({ ...up, port: 5443 }) && !world.gate.permits({ ...up, port: 5444 }))
    return `The node cannot reach the API server https://${cluster.internal_address}:5443: check the security groups of the node (${groups.join(', ')}) and ${cluster.control_group_id}.`;
  if (!world.gate.permits({ source: cluster.internal_address, groups, port: 10250, protocol: 'tcp' }))
    return `The control plane cannot reach the kubelet on port 10250: none of the node's security groups (${groups.join(', ')}) admits it. Is the cluster's node group ${cluster.node_group_id} missing?`;
  return undefined;
}

async function join(world: World, node: CceNodeRow): Promise<void> {
  const { store } = world;
  const { nodes, clusters, pools } = cceTables(store);
  const cluster = clusters.get(node.cluster_id);
  if (cluster === undefined || cluster.phase === 'Deleting') return;
  const reason = cannotJoin(world, node, cluster);
  if (reason !== undefined) {
    nodes.update(node.id, { phase: 'Abnormal', reason: 'NodeInstallFailed', message: reason, updated_at: goTime() });
    settle(world, node.pool_id);
    return;
  }
  const pool = node.pool_id === undefined ? undefined : pools.get(node.pool_id);
  // From here on a second attempt sees a node that is joining already.
  nodes.update(node.id, { phase: 'Installing', joined: true, reason: '', message: '' });
  try {
    await world.clusters.addNode(cluster.id, specOf(world, node, pool?.name ?? 'DefaultPool'));
  } catch (error) {
    nodes.update(node.id, {
      phase: 'Error',
      joined: false,
      reason: 'NodeInstallFailed',
      message: error instanceof Error ? error.message : String(error),
    });
    settle(world, node.pool_id);
    return;
  }
  const joined = nodes.get(node.id);
  if (joined === undefined) await world.clusters.removeNode(cluster.id, node.private_ip);
  else if (joined.phase === 'Installing') nodes.update(node.id, { phase: 'Active', updated_at: goTime() });
  settle(world, node.pool_id);
}

const specOf = (world: World, node: CceNodeRow, poolName: string): NodeSpec => ({
  name: node.private_ip,
  address: node.private_ip,
  zone: node.zone,
  poolId: node.pool_id ?? `${node.zone}#${node.template.flavor}#${node.template.os}`,
  serverId: node.server_id,
  flavor: node.template.flavor,
  labels: { ...node.template.k8sTags, 'cce.cloud.com/cce-nodepool': poolName },
  taints: node.template.taints,
  hasEgress: () => hasEgress(world.store, node.server_id),
});

const listening = new WeakSet<World>();

/** Registers the transitions of nodes and pools; an ill node tries again when groups, rules or ports change. */
export function startNodes(world: World): void {
  const { store } = world;
  const { nodes, pools } = cceTables(store);

  store.handle('cce.node-server', async ({ id, index = 0 }: { id: string; index?: number }) => {
    const node = nodes.get(id);
    if (node === undefined || goingDown(node)) return;
    serverIsUp(store, node.server_id);
    await giveAddress(world, node, index);
    nodes.update(id, { phase: 'Installing', updated_at: goTime() });
    store.after(durations.install, 'cce.node-joins', { id });
  });
  store.handle('cce.node-joins', async ({ id }: { id: string }) => {
    const node = nodes.get(id);
    if (node?.phase === 'Installing') await join(world, node);
  });
  store.handle('cce.node-again', async ({ id }: { id: string }) => {
    const node = nodes.get(id);
    if (node?.phase === 'Abnormal') await join(world, node);
  });
  store.handle('cce.node-removed', async ({ id }: { id: string }) => {
    const node = nodes.get(id);
    if (node === undefined) return;
    await removeNodeNow(world, node);
    settle(world, node.pool_id);
  });
  store.handle('cce.pool-reconcile', ({ id, userId }: { id: string; userId: string }) => reconcile(world, id, userId));
  store.handle('cce.pool-removed', async ({ id }: { id: string }) => {
    const pool = pools.get(id);
    if (pool === undefined) return;
    for (const node of nodesOf(world, pool)) await removeNodeNow(world, node);
    pools.remove(id);
  });

  if (listening.has(world)) return;
  listening.add(world);
  store.onChange(({ table }) => {
    if (table !== 'vpc.security-group-rules' && table !== 'vpc.ports') return;
    for (const node of nodes.where((one) => one.phase === 'Abnormal')) store.after(5, 'cce.node-again', { id: node.id });
  });
}
