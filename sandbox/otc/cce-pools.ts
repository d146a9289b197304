/** Owns CCE's node pool calls (API reference 6.4): what an order must be, and how it is echoed. Loose nodes are in `cce-nodes.ts`. */
import { clusterFlavors } from './cce-catalog.ts';
import { nodesOf, reconcile } from './cce-nodes-life.ts';
import { invalid } from './cce-order.ts';
import { cceTables, clusterOf, idleCluster, openJob } from './cce-tables.ts';
import { checkDiskQuota, checkTemplate, tags, taints, templateShape } from './cce-template.ts';
import { defaultPoolView, poolView } from './cce-view.ts';
import { goTime, groupOf } from './compute-common.ts';
import { boolean, integer, list, map, object, read, required, string } from './fields.ts';
import { uuid } from './ids.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import type { CceClusterRow, CceNodePoolRow, CceNodeTemplate } from './tables/compute.ts';

const cluster = '/api/v3/projects/{project_id}/clusters/{cluster_id}';
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
const none = new Refusal(404, 'CCE.01404001', 'Resource not found: node pool.');

function poolOf(call: Call): CceNodePoolRow {
  const row = cceTables(call.world.store).pools.get(call.params['nodepool_id'] ?? '');
  if (row === undefined || row.cluster_id !== clusterOf(call).id) throw none;
  return row;
}

export const poolRoutes: readonly Route[] = [
  { method: 'POST', path: `${cluster}/nodepools`, body: required(poolShape), handle: createPool },
  {
    method: 'GET',
    path: `${cluster}/nodepools`,
    query: ['showDefaultNodePool'],
    handle(call) {
      const { store } = call.world;
      const row = clusterOf(call);
      const pools = cceTables(store).pools.where(({ cluster_id }) => cluster_id === row.id);
      const items = pools.map((pool) => poolView(store, pool));
      const loose = call.query.get('showDefaultNodePool') === 'true' ? [defaultPoolView(store, row)] : [];
      return { status: 200, body: { kind: 'List', apiVersion: 'v3', items: [...items, ...loose] } };
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
  const nodeTemplate = checkTemplate(call, row, spec.nodeTemplate);
  checkDiskQuota(call, row, nodeTemplate, spec.initialNodeCount);
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
      nodeTemplate,
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
  checkDiskQuota(call, owner, nodeTemplate, spec.initialNodeCount - nodesOf(call.world, row).length);
  cceTables(store).pools.update(row.id, {
    name,
    phase: row.phase === 'SoldOut' ? '' : row.phase,
    updated_at: goTime(),
    spec: { ...row.spec, initialNodeCount: spec.initialNodeCount, autoscaling: { ...row.spec.autoscaling, ...spec.autoscaling }, nodeTemplate },
  });
  reconcile(call.world, row.id, call.caller?.userId ?? '');
  return { status: 200, body: poolView(store, poolOf(call)) };
}
