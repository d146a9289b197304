/** Owns CCE's cluster calls (API reference 6.1 to 6.3): orders, lists, kubeconfig, EIP of the API server, quotas, tags. */
import { clusterFlavors } from './cce-catalog.ts';
import { bindExternal, createCluster, deleteCluster, passThrough } from './cce-life.ts';
import { checkCluster, clusterShape, invalid } from './cce-order.ts';
import { cceTables, clusterOf, idleCluster } from './cce-tables.ts';
import { clusterView, kubeconfig, openapiView } from './cce-view.ts';
import { goTime, quotaOf } from './compute-common.ts';
import { boolean, integer, list, object, read, required, string } from './fields.ts';
import { type Call, Refusal, type Reply, type Route } from './service.ts';
import type { CceClusterRow } from './tables/compute.ts';
import { networkTables } from './tables/network.ts';

const all = '/api/v3/projects/{project_id}/clusters';
const one = `${all}/{cluster_id}`;

const updateShape = object({
  spec: required(
    object({
      description: string,
      customSan: list(string),
      containerNetwork: object({ cidrs: list(object({ cidr: required(string) })) }),
      deletionProtection: boolean,
    }),
  ),
});
const certificateShape = object({ duration: required(integer) });
const externalShape = object({
  spec: required(object({ action: required(string), spec: object({ id: string }), elasticIp: string })),
});
const resizeShape = object({ flavorResize: required(string) });
const tagsShape = object({ tags: required(list(object({ key: required(string), value: string }))) });
const deleteQuery = ['delete_evs', 'delete_net', 'delete_eni', 'delete_sfs', 'delete_obs', 'delete_efs', 'errorStatus'];

/** Orders of these words take resources along; `false` and, for all but the network, no word leave them. */
const takes = (word: string | null, usual: string): boolean => ['true', 'block', 'try'].includes(word ?? usual);

export const clusterRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: all,
    body: required(clusterShape),
    handle(call) {
      const projectId = call.params['project_id'] ?? '';
      const order = checkCluster(call, projectId);
      const row = createCluster(call.world, order, { projectId, userId: call.caller?.userId ?? '', region: call.region });
      return { status: 201, body: clusterView(row, { jobID: row.job_id }) };
    },
  },
  {
    method: 'GET',
    path: all,
    query: ['detail', 'status', 'type', 'version'],
    handle(call) {
      const rows = cceTables(call.world.store).clusters.where((row) => row.project_id === call.params['project_id']);
      return { status: 200, body: { kind: 'Cluster', apiVersion: 'v3', items: rows.map((row) => clusterView(row)) } };
    },
  },
  { method: 'GET', path: one, query: ['detail'], handle: (call) => ({ status: 200, body: clusterView(clusterOf(call)) }) },
  { method: 'PUT', path: one, body: required(updateShape), handle: update },
  { method: 'DELETE', path: one, query: deleteQuery, handle: remove },
  {
    method: 'POST',
    path: `${one}/clustercert`,
    body: required(certificateShape),
    reads: true,
    async handle(call) {
      const { duration } = read(certificateShape, call.body);
      if (duration !== -1 && (duration < 1 || duration > 1825))
        throw invalid(`Certificate duration [${duration}] is invalid: 1 to 1825 days, or -1.`);
      return certificate(call, duration === -1 ? 1825 : duration);
    },
  },
  { method: 'GET', path: `${one}/clustercert`, handle: (call) => certificate(call, 1825) },
  { method: 'PUT', path: `${one}/mastereip`, body: required(externalShape), handle: external },
  { method: 'GET', path: `${one}/openapi`, handle: (call) => ({ status: 200, body: openapiView(call.world.store, clusterOf(call)) }) },
  {
    method: 'POST',
    path: `${one}/operation/hibernate`,
    handle(call) {
      passThrough(call.world, idleCluster(call), { job: 'HibernateCluster', during: 'Hibernating', after: 'Hibernation', seconds: 'hibernate' });
      return { status: 200 };
    },
  },
  {
    method: 'POST',
    path: `${one}/operation/awake`,
    handle(call) {
      const row = clusterOf(call);
      if (row.phase !== 'Hibernation') throw invalid(`The cluster [${row.name}] is not hibernated.`);
      passThrough(call.world, row, { job: 'AwakeCluster', during: 'Awaking', after: 'Available', seconds: 'hibernate' });
      return { status: 200 };
    },
  },
  {
    method: 'POST',
    path: `${one}/operation/resize`,
    body: required(resizeShape),
    handle(call) {
      const wanted = read(resizeShape, call.body).flavorResize;
      const row = idleCluster(call);
      const [from, to] = [clusterFlavors[row.spec.flavor], clusterFlavors[wanted]];
      if (to === undefined || from === undefined || to.masters !== from.masters || to.nodes <= from.nodes)
        throw invalid(`The cluster cannot be resized from [${row.spec.flavor}] to [${wanted}].`);
      const jobID = passThrough(call.world, row, { job: 'ResizeCluster', during: 'Resizing', after: 'Available', seconds: 'resize', flavor: wanted });
      return { status: 201, body: { jobID } };
    },
  },
  {
    method: 'GET',
    path: '/api/v3/projects/{project_id}/quotas',
    handle(call) {
      const used = cceTables(call.world.store).clusters.where((row) => row.project_id === call.params['project_id']).length;
      const quotaLimit = quotaOf(call.world.store, 'cce.cluster', 5);
      return { status: 200, body: { quotas: { resources: [{ quotaKey: 'cluster', quotaLimit, used, unit: 'count' }] } } };
    },
  },
  { method: 'POST', path: `${one}/tags/create`, body: required(tagsShape), handle: (call) => changeTags(call, 'create') },
  { method: 'POST', path: `${one}/tags/delete`, body: required(tagsShape), handle: (call) => changeTags(call, 'delete') },
  {
    method: 'GET',
    path: '/cce/v1/{project_id}/cce-cluster/{cluster_id}/tags',
    handle: (call) => ({ status: 200, body: { tags: clusterOf(call).tags, sys_tags: [] } }),
  },
  {
    method: 'GET',
    path: '/cce/v1/{project_id}/cce-cluster/tags',
    handle(call) {
      const tags = cceTables(call.world.store)
        .clusters.where((row) => row.project_id === call.params['project_id'])
        .flatMap((row) => row.tags);
      const keys = [...new Set(tags.map((tag) => tag.key))];
      return {
        status: 200,
        body: { tags: keys.map((key) => ({ key, values: [...new Set(tags.filter((tag) => tag.key === key).map((tag) => tag.value))] })) },
      };
    },
  },
];

function update(call: Call): Reply {
  const { spec } = read(updateShape, call.body);
  const row = clusterOf(call);
  if (row.phase === 'Deleting') throw new Refusal(403, 'CCE.01403001', `The cluster [${row.name}] is being deleted.`);
  const cidrs = spec.containerNetwork?.cidrs;
  if (cidrs !== undefined && !row.spec.containerNetwork.cidrs.every(({ cidr }) => cidrs.some((other) => other.cidr === cidr)))
    throw invalid('Container CIDR blocks can be added, not removed.');
  const changed: Partial<CceClusterRow['spec']> = {
    ...(spec.description === undefined ? {} : { description: spec.description }),
    ...(spec.customSan === undefined ? {} : { customSan: spec.customSan }),
    ...(spec.deletionProtection === undefined ? {} : { deletionProtection: spec.deletionProtection }),
    ...(cidrs === undefined ? {} : { containerNetwork: { ...row.spec.containerNetwork, cidrs } }),
  };
  const after = cceTables(call.world.store).clusters.update(row.id, { spec: { ...row.spec, ...changed }, updated_at: goTime() });
  return { status: 200, body: clusterView(after ?? row) };
}

function remove(call: Call): Reply {
  const row = clusterOf(call);
  if (row.spec.deletionProtection) throw new Refusal(403, 'CCE.01403001', `Deletion protection is enabled for the cluster [${row.name}].`);
  if (row.phase === 'Deleting') return { status: 200, body: clusterView(row, { jobID: row.job_id }) };
  if (!['Available', 'Unavailable', 'Error', 'Hibernation', 'Empty'].includes(row.phase))
    throw new Refusal(403, 'CCE.01403001', `The cluster [${row.name}] is ${row.phase}, the operation is not allowed now.`);
  const net = takes(call.query.get('delete_net'), 'block');
  const volumes = takes(call.query.get('delete_evs'), 'false');
  const after = deleteCluster(call.world, row, { net, volumes });
  return { status: 200, body: clusterView(after, { jobID: after.job_id }) };
}

/**
 * Kubernetes knows an IAM user by its id and its groups by theirs (CCE user guide, "Namespace Permissions (Kubernetes RBAC-based)").
 * Who may do everything in the project administers the cluster; in what form the certificate says so is unverified.
 */
async function certificate(call: Call, days: number): Promise<Reply> {
  const row = clusterOf(call);
  if (row.phase !== 'Available') throw invalid(`The certificate cannot be obtained while the cluster is ${row.phase}.`);
  const { userId = '', principal, rights } = call.caller ?? {};
  const groups = [...(principal?.groups ?? []), ...(rights === 'full' ? ['system:masters'] : [])];
  const credentials = await call.world.clusters.credentials(row.id, { user: userId, groups, days });
  return { status: 200, body: kubeconfig(row, credentials) };
}

function external(call: Call): Reply {
  const { store } = call.world;
  const { spec } = read(externalShape, call.body);
  const row = idleCluster(call);
  if (spec.action === 'unbind') return { status: 200, body: openapiView(store, bindExternal(call.world, row, undefined), 'unbind') };
  if (spec.action !== 'bind') throw invalid(`Action [${spec.action}] is invalid: bind or unbind.`);
  const address = networkTables(store).publicIps.get(spec.spec?.id ?? '');
  if (address === undefined || address.tenant_id !== row.project_id) throw invalid(`EIP [${spec.spec?.id ?? ''}] is not found.`);
  if (row.publicip_id !== undefined) throw invalid(`The cluster [${row.name}] has an EIP already.`);
  if (address.bound_to !== null) throw invalid(`EIP [${address.id}] is in use.`);
  return { status: 200, body: openapiView(store, bindExternal(call.world, row, address.id), 'bind') };
}

function changeTags(call: Call, action: 'create' | 'delete'): Reply {
  const given = read(tagsShape, call.body).tags;
  const row = clusterOf(call);
  for (const { key, value } of given) if (key === '' || key.length > 128 || (value ?? '').length > 255) throw invalid(`Tag [${key}] is invalid.`);
  const rest = row.tags.filter((tag) => !given.some((other) => other.key === tag.key));
  const tags = action === 'delete' ? rest : [...rest, ...given.map(({ key, value }) => ({ key, value: value ?? '' }))];
  if (tags.length > 20) throw invalid('A cluster can have at most 20 tags.');
  cceTables(call.world.store).clusters.update(row.id, { tags });
  return { status: 204 };
}
