/** Owns CCE's calls for single nodes (API reference 6.4): orders, reads, renaming, removal. Pools are in `cce-pools.ts`. */
import { AllocationFailure } from './allocate.ts';
import { makeNode, removeNode } from './cce-nodes-life.ts';
import { invalid } from './cce-order.ts';
import { cceTables, clusterOf, idleCluster, openJob } from './cce-tables.ts';
import { checkDiskQuota, checkTemplate, templateShape } from './cce-template.ts';
import { nodeView } from './cce-view.ts';
import { goTime, soldOut, zonesOf } from './compute-common.ts';
import { map, object, read, required, string } from './fields.ts';
import { uuid } from './ids.ts';
import { ecsTables } from './server-make.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import type { CceNodeRow } from './tables/compute.ts';

const cluster = '/api/v3/projects/{project_id}/clusters/{cluster_id}';
const nodeShape = object({
  kind: required(string),
  apiVersion: required(string),
  metadata: object({ name: string, labels: map(string), annotations: map(string) }),
  spec: required(templateShape),
});

const updateShape = object({ kind: string, apiVersion: string, metadata: object({ name: string }) });

function nodeOf(call: Call): CceNodeRow {
  const row = cceTables(call.world.store).nodes.get(call.params['node_id'] ?? '');
  if (row === undefined || row.cluster_id !== clusterOf(call).id) throw new Refusal(404, 'CCE.01404001', 'Resource not found: node.');
  return row;
}

export const nodeRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: `${cluster}/nodes`,
    handle(call) {
      const rows = cceTables(call.world.store).nodes.where((row) => row.cluster_id === clusterOf(call).id);
      return { status: 200, body: { kind: 'List', apiVersion: 'v3', items: rows.map((row) => nodeView(call.world.store, row)) } };
    },
  },
  { method: 'GET', path: `${cluster}/nodes/{node_id}`, handle: (call) => ({ status: 200, body: nodeView(call.world.store, nodeOf(call)) }) },
  { method: 'POST', path: `${cluster}/nodes`, body: required(nodeShape), handle: createNode },
  {
    method: 'PUT',
    path: `${cluster}/nodes/{node_id}`,
    body: required(updateShape),
    handle(call) {
      const { store } = call.world;
      const row = nodeOf(call);
      const name = read(updateShape, call.body).metadata?.name ?? row.name;
      if (name === '' || name.length > 56) throw invalid(`Node name [${name}] is invalid.`);
      // The server below is renamed with it.
      ecsTables(store).servers.update(row.server_id, { name });
      return { status: 200, body: nodeView(store, cceTables(store).nodes.update(row.id, { name, updated_at: goTime() }) ?? row) };
    },
  },
  {
    method: 'DELETE',
    path: `${cluster}/nodes/{node_id}`,
    handle(call) {
      const row = nodeOf(call);
      const jobID = openJob(call.world.store, idleCluster(call), 'DeleteNode', { id: row.id, name: row.name });
      return { status: 200, body: nodeView(call.world.store, row.phase === 'Deleting' ? row : removeNode(call.world, row), { jobID }) };
    },
  },
];

function createNode(call: Call): Reply {
  const { store } = call.world;
  const { metadata, spec } = read(nodeShape, call.body);
  const row = idleCluster(call);
  const template = checkTemplate(call, row, spec);
  const zone = template.az === 'random' ? zonesOf(row.region)[0] : template.az;
  if (zone === undefined || soldOut(store, template.flavor, zone))
    throw new Refusal(400, 'CCE.01400004', `Node flavor [${template.flavor}] is sold out.`);
  const count = spec.count ?? 1;
  checkDiskQuota(call, row, template, count);
  const jobId = openJob(store, row, 'CreateNode', { id: '', name: metadata?.name ?? '' });
  try {
    const made = Array.from({ length: count }, (_, index) => {
      const base = metadata?.name ?? `${row.name}-node`;
      const name = count === 1 && metadata?.name !== undefined ? base : `${base}-${uuid().slice(0, 5)}${index}`;
      const groups = [row.node_group_id];
      return makeNode(call.world, { cluster: row, pool: undefined, template, groups, zone, name, userId: call.caller?.userId ?? '', jobId, index });
    });
    return { status: 201, body: nodeView(store, made[0] as CceNodeRow) };
  } catch (error) {
    if (error instanceof AllocationFailure) throw invalid(error.message);
    throw error;
  }
}
