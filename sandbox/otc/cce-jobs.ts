/**
 * Owns how CCE's jobs are told (API reference 6.1, "Reading Job Progress"). Those of clusters are closed by who does the work
 * (`cce-life.ts`); what became of nodes and pools is read off them. A job that makes nodes has a job for each node below it, and
 * that one the steps of making it.
 */
import { cceTables } from './cce-tables.ts';
import { stableUuid } from './compute-common.ts';
import { Refusal, type Route } from './service.ts';
import { paces, type Store } from './store.ts';
import type { CceJobRow, CceNodeRow } from './tables/compute.ts';

type Phase = 'Initializing' | 'Running' | 'Success' | 'Failed';

/**
 * Milliseconds for which a job that makes nodes runs at least, where the cloud's time is scaled: clients wait for it to start before they wait for
 * the node, and look again after seconds of their own.
 */
const leastRunning = 8_000;

const subJobId = (node: CceNodeRow): string => stableUuid(`job of node ${node.id}`);

function phaseOfNode(store: Store, node: CceNodeRow | undefined, opened: number): Phase {
  if (node === undefined) return 'Success';
  if (node.phase === 'Error' || node.phase === 'Abnormal') return 'Failed';
  if (['Build', 'Installing'].includes(node.phase)) return 'Running';
  return paces[store.pace] < 1 && Date.now() - opened < leastRunning ? 'Running' : 'Success';
}

function phaseOf(store: Store, job: CceJobRow): Phase {
  const { nodes, pools } = cceTables(store);
  switch (job.type) {
    case 'CreateNode': {
      const phases = nodes.where((node) => node.job_id === job.id).map((node) => phaseOfNode(store, node, job.opened ?? 0));
      return phases.find((phase) => phase === 'Failed') ?? phases.find((phase) => phase === 'Running') ?? 'Success';
    }
    case 'CreateNodePool': {
      const phase = pools.get(job.resource_id)?.phase ?? '';
      return phase === 'Synchronizing' ? 'Running' : ['Error', 'SoldOut'].includes(phase) ? 'Failed' : 'Success';
    }
    case 'DeleteNode':
      return nodes.get(job.resource_id) === undefined ? 'Success' : 'Running';
    case 'DeleteNodePool':
      return pools.get(job.resource_id) === undefined ? 'Success' : 'Running';
    default:
      return job.phase;
  }
}

interface Told {
  readonly id: string;
  readonly type: string;
  readonly resource: string;
  readonly name: string;
  readonly phase: Phase;
  readonly reason?: string;
  readonly server?: string;
  readonly below?: readonly unknown[];
}

const tell = (job: CceJobRow, { id, type, resource, name, phase, reason = '', server = '', below = [] }: Told): unknown => ({
  kind: 'Job',
  apiVersion: 'v3',
  metadata: { uid: id, creationTimestamp: job.created_at, updateTimestamp: job.updated_at },
  spec: { type, clusterUID: job.cluster_id, resourceID: resource, resourceName: name, extendParam: { serverID: server }, subJobs: below },
  status: { phase, reason },
});

/** The job of one node, with its steps. */
function nodeJob(store: Store, job: CceJobRow, node: CceNodeRow): unknown {
  const about = { resource: node.id, name: node.name, server: node.server_id };
  const phase = phaseOfNode(store, node, job.opened ?? 0);
  const built = node.phase === 'Build' ? 'Running' : 'Success';
  const steps = [
    tell(job, { ...about, id: stableUuid(`vm of node ${node.id}`), type: 'CreateNodeVM', phase: built }),
    tell(job, {
      ...about,
      id: stableUuid(`installation of node ${node.id}`),
      type: 'InstallNode',
      phase: built === 'Running' ? 'Initializing' : phase,
    }),
  ];
  return tell(job, { ...about, id: subJobId(node), type: 'CreateNode', phase, reason: node.message, below: steps });
}

function jobView(store: Store, job: CceJobRow): unknown {
  const made = job.type === 'CreateNode' ? cceTables(store).nodes.where((node) => node.job_id === job.id) : [];
  return tell(job, {
    id: job.id,
    type: job.type,
    resource: job.resource_id,
    name: job.resource_name,
    phase: phaseOf(store, job),
    reason: job.reason,
    below: made.map((node) => nodeJob(store, job, node)),
  });
}

export const jobRoute: Route = {
  method: 'GET',
  path: '/api/v3/projects/{project_id}/jobs/{job_id}',
  handle(call) {
    const { store } = call.world;
    const { jobs, nodes } = cceTables(store);
    const id = call.params['job_id'] ?? '';
    const node = nodes.find((one) => subJobId(one) === id);
    const job = jobs.get(node?.job_id ?? id);
    if (job === undefined || job.project_id !== call.params['project_id']) throw new Refusal(404, 'CCE.01404001', 'Resource not found: job.');
    return { status: 200, body: node === undefined ? jobView(store, job) : nodeJob(store, job, node) };
  },
};
