/** Owns CCE's node pool and node calls (API reference 6.4): what an order must be, and how it is echoed. */
import { AllocationFailure } from './allocate.ts';
import { clusterFlavors, nodeImages } from './cce-catalog.ts';
import { makeNode, nodesOf, reconcile, removeNode } from './cce-nodes-life.ts';
import { invalid } from './cce-order.ts';
import { cceTables, clusterOf, idleCluster, openJob } from './cce-tables.ts';
import { nodeView, poolView } from './cce-view.ts';
import { goTime, groupOf, networkOf, seesKeyPair, soldOut, zonesOf } from './compute-common.ts';
import { any, boolean, integer, list, map, object, read, required, string, type TypeOf } from './fields.ts';
import { uuid } from './ids.ts';
import { ecsFlavorOf, volumeTypes } from './server-catalog.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import type { CceClusterRow, CceNodePoolRow, CceNodeRow, CceNodeTemplate, CceVolume } from './tables/compute.ts';

const cluster = '/api/v3/projects/{project_id}/clusters/{cluster_id}';
const volume = object({ volumetype: required(string), size: required(integer), extendParam: map(any), metadata: map(any), hw_passthrough: boolean });
const taints = list(object({ key: required(string), value: string, effect: required(string) }));
const tags = list(object({ key: required(string), value: string }));
const templateShape = object({
  flavor: required(string),
  az: required(string),
  os: string,
  login: required(object({ sshKey: string, userPassword: object({ username: string, password: string }) })),
  rootVolume: required(volume),
  dataVolumes: list(volume),
  storage: map(any),
  publicIP: map(any),
  nodeNicSpec: object({ primaryNic: object({ subnetId: string, fixedIps: list(string) }), extNics: list(any) }),
  count: integer,
  billingMode: integer,
  runtime: object({ name: string }),
  k8sTags: map(string),
  taints,
  userTags: tags,
  extendParam: map(any),
  ecsGroupId: string,
  nodeNameTemplate: map(any),
});
const autoscaling = object({ enable: boolean, minNodeCount: integer, maxNodeCount: integer, scaleDownCooldownTime: integer, priority: integer });
const poolShape = object({
  kind: required(string),
  apiVersion: required(string),
  metadata: required(object({ name: required(string), labels: map(string), annotations: map(string), uid: string })),
  spec: required(
    object({
      type: string,
      initialNodeCount: required(integer),
      autoscaling,
      nodeManagement: object({ serverGroupReference: string }),
      customSecurityGroups: list(string),
      nodeTemplate: required(templateShape),
    }),
  ),
});
const poolUpdateShape = object({
  kind: string,
  apiVersion: string,
  metadata: object({ name: string }),
  spec: required(
    object({
      type: string,
      initialNodeCount: required(integer),
      autoscaling,
      nodeTemplate: object({ k8sTags: map(string), taints, userTags: tags }),
    }),
  ),
});
const nodeShape = object({
  kind: required(string),
  apiVersion: required(string),
  metadata: object({ name: string, labels: map(string), annotations: map(string) }),
  spec: required(templateShape),
});

const none = new Refusal(404, 'CCE.01404001', 'Resource not found: node pool.');

function poolOf(call: Call): CceNodePoolRow {
  const row = cceTables(call.world.store).pools.get(call.params['nodepool_id'] ?? '');
  if (row === undefined || row.cluster_id !== clusterOf(call).id) throw none;
  return row;
}

function nodeOf(call: Call): CceNodeRow {
  const row = cceTables(call.world.store).nodes.get(call.params['node_id'] ?? '');
  if (row === undefined || row.cluster_id !== clusterOf(call).id) throw new Refusal(404, 'CCE.01404001', 'Resource not found: node.');
  return row;
}

export const nodeRoutes: readonly Route[] = [
  { method: 'POST', path: `${cluster}/nodepools`, body: required(poolShape), handle: createPool },
  {
    method: 'GET',
    path: `${cluster}/nodepools`,
    query: ['showDefaultNodePool'],
    handle(call) {
      const { store } = call.world;
      const rows = cceTables(store).pools.where((row) => row.cluster_id === clusterOf(call).id);
      return { status: 200, body: { kind: 'List', apiVersion: 'v3', items: rows.map((row) => poolView(store, row)) } };
    },
  },
  { method: 'GET', path: `${cluster}/nodepools/{nodepool_id}`, handle: (call) => ({ status: 200, body: poolView(call.world.store, poolOf(call)) }) },
  { method: 'PUT', path: `${cluster}/nodepools/{nodepool_id}`, body: required(poolUpdateShape), handle: updatePool },
  {
    method: 'DELETE',
    path: `${cluster}/nodepools/{nodepool_id}`,
    handle(call) {
      const { store } = call.world;
      const row = poolOf(call);
      if (row.phase !== 'Deleting') {
        const job_id = openJob(store, idleCluster(call), 'DeleteNodePool', { id: row.id, name: row.name });
        cceTables(store).pools.update(row.id, { phase: 'Deleting', job_id, updated_at: goTime() });
        for (const node of nodesOf(call.world, row)) cceTables(store).nodes.update(node.id, { phase: 'Deleting' });
        store.after(90, 'cce.pool-removed', { id: row.id });
      }
      return { status: 200, body: poolView(store, poolOf(call)) };
    },
  },
  {
    method: 'GET',
    path: `${cluster}/nodes`,
    handle(call) {
      const rows = cceTables(call.world.store).nodes.where((row) => row.cluster_id === clusterOf(call).id);
      return { status: 200, body: { kind: 'List', apiVersion: 'v3', items: rows.map((row) => nodeView(row)) } };
    },
  },
  { method: 'GET', path: `${cluster}/nodes/{node_id}`, handle: (call) => ({ status: 200, body: nodeView(nodeOf(call)) }) },
  { method: 'POST', path: `${cluster}/nodes`, body: required(nodeShape), handle: createNode },
  {
    method: 'DELETE',
    path: `${cluster}/nodes/{node_id}`,
    handle(call) {
      const row = nodeOf(call);
      const jobID = openJob(call.world.store, idleCluster(call), 'DeleteNode', { id: row.id, name: row.name });
      return { status: 200, body: nodeView(row.phase === 'Deleting' ? row : removeNode(call.world, row), { jobID }) };
    },
  },
];

function createPool(call: Call): Reply {
  const { store } = call.world;
  const { kind, metadata, spec } = read(poolShape, call.body);
  const row = idleCluster(call);
  if (kind !== 'NodePool') throw invalid('kind must be NodePool.');
  checkPoolName(call, row, metadata.name);
  const capacity = clusterFlavors[row.spec.flavor]?.nodes ?? 0;
  if (spec.initialNodeCount < 0 || spec.initialNodeCount > capacity) throw invalid(`initialNodeCount [${spec.initialNodeCount}] is invalid.`);
  const groups = spec.customSecurityGroups ?? [];
  if (groups.length > 5) throw invalid('At most 5 security groups can be given.');
  for (const group of groups) if (groupOf(store, row.project_id, group) === undefined) throw invalid(`Security group [${group}] is not found.`);
  const now = goTime();
  const id = uuid();
  const pool = cceTables(store).pools.insert({
    id,
    cluster_id: row.id,
    name: metadata.name,
    created_at: now,
    updated_at: now,
    spec: {
      type: spec.type ?? 'vm',
      initialNodeCount: spec.initialNodeCount,
      autoscaling: { enable: false, minNodeCount: 0, maxNodeCount: 0, scaleDownCooldownTime: 0, priority: 0, ...spec.autoscaling },
      nodeManagement: { serverGroupReference: '', ...spec.nodeManagement },
      customSecurityGroups: groups,
      nodeTemplate: checkTemplate(call, row, spec.nodeTemplate),
    },
    phase: spec.initialNodeCount > 0 ? 'Synchronizing' : '',
    job_id: openJob(store, row, 'CreateNodePool', { id, name: metadata.name }),
  });
  store.after(10, 'cce.pool-reconcile', { id, userId: call.caller?.userId ?? '' });
  return { status: 201, body: poolView(store, pool) };
}

function checkPoolName(call: Call, row: CceClusterRow, name: string): void {
  if (!/^[a-z]([a-z0-9-]{0,48}[a-z0-9])?$/.test(name) || name === 'DefaultPool') throw invalid(`Node pool name [${name}] is invalid.`);
  if (cceTables(call.world.store).pools.find((pool) => pool.cluster_id === row.id && pool.name === name) !== undefined)
    throw new Refusal(409, 'CCE.01409001', `The node pool [${name}] already exists.`);
}

function updatePool(call: Call): Reply {
  const { store } = call.world;
  const { metadata, spec } = read(poolUpdateShape, call.body);
  const row = poolOf(call);
  const owner = idleCluster(call);
  if (row.phase === 'Deleting') throw invalid('The node pool is being deleted.');
  if (spec.initialNodeCount < 0 || spec.initialNodeCount > (clusterFlavors[owner.spec.flavor]?.nodes ?? 0))
    throw invalid('initialNodeCount is invalid.');
  const name = metadata?.name ?? row.name;
  if (name !== row.name) checkPoolName(call, owner, name);
  const template = spec.nodeTemplate;
  const nodeTemplate: CceNodeTemplate = {
    ...row.spec.nodeTemplate,
    ...(template?.k8sTags === undefined ? {} : { k8sTags: template.k8sTags }),
    ...(template?.taints === undefined ? {} : { taints: template.taints.map((taint) => ({ ...taint, value: taint.value ?? '' })) }),
    ...(template?.userTags === undefined ? {} : { userTags: template.userTags.map((tag) => ({ ...tag, value: tag.value ?? '' })) }),
  };
  cceTables(store).pools.update(row.id, {
    name,
    phase: row.phase === 'SoldOut' ? '' : row.phase,
    updated_at: goTime(),
    spec: { ...row.spec, initialNodeCount: spec.initialNodeCount, autoscaling: { ...row.spec.autoscaling, ...spec.autoscaling }, nodeTemplate },
  });
  reconcile(call.world, row.id, call.caller?.userId ?? '');
  return { status: 200, body: poolView(store, poolOf(call)) };
}

/** A node template that can be built, with defaults. @throws Refusal */
function checkTemplate(call: Call, row: CceClusterRow, ordered: TypeOf<typeof templateShape>): CceNodeTemplate {
  const { store } = call.world;
  const flavor = ecsFlavorOf(ordered.flavor);
  if (flavor === undefined || flavor.vcpus < 2 || flavor.ram < 4096)
    throw new Refusal(400, 'CCE.01400022', `Node flavor [${ordered.flavor}] is not supported.`);
  if (ordered.az !== 'random' && !zonesOf(row.region).includes(ordered.az)) throw invalid(`Availability zone [${ordered.az}] is invalid.`);
  const os = ordered.os ?? 'HCE OS 2.0';
  if (nodeImages[os] === undefined) throw new Refusal(400, 'CCE.01400018', `Node OS [${os}] is not supported.`);
  const { sshKey } = ordered.login;
  if (sshKey === undefined || sshKey === '') throw invalid('login.sshKey is required.');
  // A key pair is seen by the user who made it only (9.2).
  if (!seesKeyPair(call, sshKey)) throw invalid(`SSH key [${sshKey}] is not found.`);
  checkVolume(ordered.rootVolume, 40, 1024);
  for (const data of ordered.dataVolumes ?? []) checkVolume(data, 100, 32768);
  const runtime = ordered.runtime?.name ?? 'containerd';
  if (!['containerd', 'docker'].includes(runtime)) throw invalid(`Runtime [${runtime}] is invalid.`);
  const subnetId = ordered.nodeNicSpec?.primaryNic?.subnetId ?? '';
  const network = subnetId === '' ? row.spec.hostNetwork.subnet : subnetId;
  if (networkOf(store, row.project_id, network, row.spec.hostNetwork.vpc) === undefined)
    throw new Refusal(400, 'CCE.01400002', `Subnet [${network}] is not found in VPC [${row.spec.hostNetwork.vpc}].`);
  for (const taint of ordered.taints ?? [])
    if (!['NoSchedule', 'PreferNoSchedule', 'NoExecute'].includes(taint.effect)) throw invalid(`Taint effect [${taint.effect}] is invalid.`);
  return {
    ...ordered,
    os,
    login: { sshKey },
    dataVolumes: ordered.dataVolumes ?? [],
    publicIP: ordered['publicIP'] ?? { eip: { bandwidth: {} } },
    nodeNicSpec: { primaryNic: { subnetId: network } },
    count: ordered['count'] ?? 1,
    billingMode: 0,
    runtime: { name: runtime },
    k8sTags: ordered.k8sTags ?? {},
    taints: (ordered.taints ?? []).map((taint) => ({ ...taint, value: taint.value ?? '' })),
    userTags: (ordered.userTags ?? []).map((tag) => ({ ...tag, value: tag.value ?? '' })),
    extendParam: ordered['extendParam'] ?? {},
  };
}

function checkVolume(ordered: CceVolume, from: number, to: number): void {
  if (!volumeTypes.some((type) => type === ordered.volumetype))
    throw new Refusal(400, 'CCE.01400016', `Volume type [${ordered.volumetype}] is not available.`);
  if (ordered.size < from || ordered.size > to) throw invalid(`Volume size [${ordered.size}] is invalid: ${from} to ${to} GB.`);
}

function createNode(call: Call): Reply {
  const { store } = call.world;
  const { metadata, spec } = read(nodeShape, call.body);
  const row = idleCluster(call);
  const template = checkTemplate(call, row, spec);
  const zone = template.az === 'random' ? zonesOf(row.region)[0] : template.az;
  if (zone === undefined || soldOut(store, template.flavor, zone))
    throw new Refusal(400, 'CCE.01400004', `Node flavor [${template.flavor}] is sold out.`);
  const count = spec.count ?? 1;
  const jobId = openJob(store, row, 'CreateNode', { id: '', name: metadata?.name ?? '' });
  try {
    const made = Array.from({ length: count }, (_, index) => {
      const base = metadata?.name ?? `${row.name}-node`;
      const name = count === 1 && metadata?.name !== undefined ? base : `${base}-${uuid().slice(0, 5)}${index}`;
      const groups = [row.node_group_id];
      return makeNode(call.world, { cluster: row, pool: undefined, template, groups, zone, name, userId: call.caller?.userId ?? '', jobId });
    });
    return { status: 201, body: nodeView(made[0] as CceNodeRow) };
  } catch (error) {
    if (error instanceof AllocationFailure) throw invalid(error.message);
    throw error;
  }
}
