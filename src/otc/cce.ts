/** Owns the calls to CCE v3 (Cloud Container Engine API reference): clusters, their certificates, node pools and nodes. */
import type { Otc } from './client.ts';
import type { Shape } from './shape.ts';

export interface Cluster {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly spec: {
    readonly flavor: string;
    /** `v1.33`, in some releases with the patch behind it. */
    readonly version: string;
    readonly hostNetwork: { readonly vpc: string; readonly subnet: string; readonly SecurityGroup?: string };
    readonly containerNetwork: { readonly mode: string; readonly cidr?: string; readonly cidrs?: readonly { readonly cidr: string }[] };
    readonly kubernetesSvcIpRange?: string;
    readonly serviceNetwork?: { readonly IPv4CIDR?: string };
    readonly deletionProtection?: boolean;
  };
  readonly status: { readonly phase: string; readonly reason?: string; readonly jobID?: string; readonly endpoints?: unknown };
}

const named = { name: 'text', uid: 'text' } as const;
const clusterKnown = {
  metadata: named,
  spec: { flavor: 'text', version: 'text', hostNetwork: { vpc: 'text', subnet: 'text' }, containerNetwork: {} },
  status: { phase: 'text' },
} as const;
/** Lists of Kubernetes' kind, whose items may be left out where there are none. */
const listOf = (each: Shape): Shape => ({ kind: 'text', items: [each, 'or nothing'] });
const clusters = (otc: Otc): string => `/api/v3/projects/${otc.projectId}/clusters`;

/** All clusters of the project: there is neither filter nor paging. */
export async function listClusters(otc: Otc, fresh?: boolean): Promise<Cluster[]> {
  return (await otc.get<{ items?: Cluster[] | null }>('cce', clusters(otc), { must: listOf(clusterKnown), fresh })).items ?? [];
}

export async function getCluster(otc: Otc, id: string): Promise<Cluster> {
  return otc.get<Cluster>('cce', `${clusters(otc)}/${id}`, { must: clusterKnown, fresh: true });
}

export interface NewCluster {
  readonly name: string;
  readonly spec: Readonly<Record<string, unknown>>;
}

/** Names are unique: 409 CCE.01409001. 400 "authorize CCE" without the agency `cce_admin_trust`. */
export async function createCluster(otc: Otc, { name, spec }: NewCluster): Promise<Cluster> {
  return otc.post<Cluster>('cce', clusters(otc), { kind: 'Cluster', apiVersion: 'v3', metadata: { name }, spec }, clusterKnown);
}

/** Upwards only, and the number of masters stays. */
export async function resizeCluster(otc: Otc, id: string, flavor: string): Promise<void> {
  await otc.post<void>('cce', `${clusters(otc)}/${id}/operation/resize`, { flavorResize: flavor });
}

/** Load balancers that Services made go with it, as far as that works; disks of volumes stay. */
export async function deleteCluster(otc: Otc, id: string): Promise<void> {
  await otc.delete('cce', `${clusters(otc)}/${id}`, { delete_net: 'try', delete_evs: 'false' });
}

/** Afterwards the server certificate is made anew, which takes 5 to 10 minutes. */
export async function bindMasterEip(otc: Otc, id: string, eipId: string): Promise<void> {
  await otc.put<void>('cce', `${clusters(otc)}/${id}/mastereip`, { spec: { action: 'bind', spec: { id: eipId } } });
}

export async function unbindMasterEip(otc: Otc, id: string): Promise<void> {
  await otc.put<void>('cce', `${clusters(otc)}/${id}/mastereip`, { spec: { action: 'unbind' } });
}

export interface Job {
  readonly status: { readonly phase: string; readonly reason?: string };
}

export async function getJob(otc: Otc, id: string): Promise<Job> {
  return otc.get<Job>('cce', `/api/v3/projects/${otc.projectId}/jobs/${id}`, { must: { status: { phase: 'text' } }, fresh: true });
}

export interface ClusterCertificates {
  readonly clusters: readonly {
    readonly name: string;
    readonly cluster: { readonly server: string; readonly 'certificate-authority-data'?: string };
  }[];
  readonly users: readonly {
    readonly name: string;
    readonly user: { readonly 'client-certificate-data'?: string; readonly 'client-key-data'?: string };
  }[];
  readonly contexts: readonly { readonly name: string; readonly context: { readonly cluster: string; readonly user: string } }[];
}

/** A new client certificate, valid for `days` (at least 1), as a kubeconfig in JSON. */
export async function createClusterCertificates(otc: Otc, id: string, days: number): Promise<ClusterCertificates> {
  const path = `${clusters(otc)}/${id}/clustercert`;
  const must = {
    clusters: [{ name: 'text', cluster: { server: 'text' } }],
    users: [{ name: 'text', user: {} }],
    contexts: [{ context: {} }],
  } as const;
  return otc.send<ClusterCertificates>({ service: 'cce', method: 'POST', path, body: { duration: days }, must, private: true });
}

export interface NodePool {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly spec: {
    readonly initialNodeCount: number;
    readonly autoscaling?: { readonly enable?: boolean; readonly maxNodeCount?: number };
    readonly customSecurityGroups?: readonly string[] | null;
    readonly nodeTemplate: {
      readonly flavor: string;
      readonly az: string;
      readonly os?: string;
      readonly rootVolume: { readonly volumetype: string; readonly size: number };
      readonly dataVolumes?: readonly { readonly volumetype: string; readonly size: number }[] | null;
    };
  };
  /** An empty phase is the good one. */
  readonly status: { readonly phase?: string; readonly currentNode?: number; readonly creatingNode?: number };
}

const poolKnown = {
  metadata: named,
  spec: { initialNodeCount: 'number', nodeTemplate: { flavor: 'text', az: 'text', rootVolume: {} } },
  status: {},
} as const;

export async function listNodePools(otc: Otc, clusterId: string, fresh?: boolean): Promise<NodePool[]> {
  return (
    (await otc.get<{ items?: NodePool[] | null }>('cce', `${clusters(otc)}/${clusterId}/nodepools`, { must: listOf(poolKnown), fresh })).items ?? []
  );
}

export async function getNodePool(otc: Otc, clusterId: string, id: string): Promise<NodePool> {
  return otc.get<NodePool>('cce', `${clusters(otc)}/${clusterId}/nodepools/${id}`, { must: poolKnown, fresh: true });
}

/** 403 may mean that the cluster is busy: the table of repeats knows the words for that; the bare "Forbidden." is the caller's. */
export async function createNodePool(
  otc: Otc,
  clusterId: string,
  pool: { name: string; spec: Readonly<Record<string, unknown>> },
): Promise<NodePool> {
  const body = { kind: 'NodePool', apiVersion: 'v3', metadata: { name: pool.name }, spec: pool.spec };
  return otc.post<NodePool>('cce', `${clusters(otc)}/${clusterId}/nodepools`, body, { metadata: named });
}

/** Scales, to stay so. What is left out of the body is reset, so labels and taints are handed back as they are. */
export async function scaleNodePool(otc: Otc, clusterId: string, pool: NodePool, count: number): Promise<void> {
  const { k8sTags, taints, userTags } = pool.spec.nodeTemplate as { k8sTags?: unknown; taints?: unknown; userTags?: unknown };
  const spec = { initialNodeCount: count, autoscaling: { enable: false }, nodeTemplate: { k8sTags, taints, userTags } };
  await otc.put<void>('cce', `${clusters(otc)}/${clusterId}/nodepools/${pool.metadata.uid}`, { metadata: { name: pool.metadata.name }, spec });
}

export async function deleteNodePool(otc: Otc, clusterId: string, id: string): Promise<void> {
  await otc.delete('cce', `${clusters(otc)}/${clusterId}/nodepools/${id}`);
}

export interface ClusterNode {
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly status: { readonly phase?: string; readonly reason?: string; readonly message?: string; readonly serverId?: string };
}

export async function listNodes(otc: Otc, clusterId: string, fresh?: boolean): Promise<ClusterNode[]> {
  const must = listOf({ metadata: { name: 'text' }, status: {} });
  return (await otc.get<{ items?: ClusterNode[] | null }>('cce', `${clusters(otc)}/${clusterId}/nodes`, { must, fresh })).items ?? [];
}

export async function readQuota(otc: Otc): Promise<{ used: number; quotaLimit: number } | undefined> {
  const path = `/api/v3/projects/${otc.projectId}/quotas`;
  const must = { quotas: { resources: [{ quotaKey: 'text', quotaLimit: 'number', used: 'number' }] } } as const;
  const answer = await otc.get<{ quotas: { resources: { quotaKey: string; quotaLimit: number; used: number }[] } }>('cce', path, { must });
  return answer.quotas.resources.find(({ quotaKey }) => quotaKey === 'cluster');
}

export interface AddonTemplate {
  readonly spec: {
    readonly versions?: readonly {
      /** Regular expressions of the cluster versions that this version of the add-on runs on, for example `v1.3(1|2|3).*`. */
      readonly supportVersions?: readonly { readonly clusterVersion?: readonly string[] }[];
    }[];
  };
}

/** The templates of an add-on; the only place where CCE's API tells the cluster versions it knows. */
export async function listAddonTemplates(otc: Otc, name: string): Promise<AddonTemplate[]> {
  const more = { must: listOf({ spec: {} }), query: { addon_template_name: name } };
  return (await otc.get<{ items?: AddonTemplate[] | null }>('cce', '/api/v3/addontemplates', more)).items ?? [];
}
