/** Owns how clusters, pools, nodes and kubeconfigs look in CCE's answers (API reference 6.1 to 6.4). */
import { portsOf } from './allocate.ts';
import { cceTables } from './cce-tables.ts';
import { hostOf } from './hosts.ts';
import { bandwidthOf, publicIpBoundTo } from './public-ip.ts';
import type { Store } from './store.ts';
import type { CceClusterRow, CceNodePoolRow, CceNodeRow } from './tables/compute.ts';

const isUp = (row: CceClusterRow): boolean => !['Creating', 'Error'].includes(row.phase);
export const internalUrl = (row: CceClusterRow): string => `https://${row.internal_address}:5443`;
export const externalUrl = (row: CceClusterRow): string => (row.external_address === undefined ? '' : `https://${row.external_address}:5443`);

/** `status.endpoints` in its object form; empty until the cluster is up. */
const endpoints = (row: CceClusterRow): Record<string, string> =>
  isUp(row) ? { internal: internalUrl(row), external: externalUrl(row), external_otc: `https://${row.id}.${hostOf('cce', row.region)}` } : {};

export const clusterView = (row: CceClusterRow, extra: Readonly<Record<string, unknown>> = {}): unknown => ({
  kind: 'Cluster',
  apiVersion: 'v3',
  metadata: {
    name: row.name,
    uid: row.id,
    creationTimestamp: row.created_at,
    updateTimestamp: row.updated_at,
    labels: row.labels,
    annotations: {},
    timezone: '',
  },
  spec: row.spec,
  status: {
    phase: row.phase,
    endpoints: endpoints(row),
    ...(row.reason === '' ? {} : { reason: row.reason, message: row.message }),
    ...extra,
  },
});

/** Answer of the EIP calls (6.3). */
export function openapiView(store: Store, row: CceClusterRow, action?: 'bind' | 'unbind'): unknown {
  const bound = publicIpBoundTo(store, 'CCE', row.id);
  const bandwidth = bound === undefined ? undefined : bandwidthOf(store, bound);
  const inner =
    bound === undefined
      ? {}
      : { id: bound.id, eip: { bandwidth: { size: bandwidth?.size ?? 0, sharetype: bandwidth?.share_type ?? 'PER' } }, IsDynamic: false };
  return {
    metadata: {},
    spec: { ...(action === undefined ? {} : { action }), spec: inner, ...(bound === undefined ? {} : { elasticIp: bound.public_ip_address }) },
    status: { privateEndpoint: internalUrl(row), publicEndpoint: externalUrl(row) },
  };
}

/** A kubeconfig in JSON. The `external` entry skips verification, `externalTLSVerify` does not (6.2). */
export function kubeconfig(row: CceClusterRow, credentials: { readonly caPem: string; readonly certPem: string; readonly keyPem: string }): unknown {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const ca = base64(credentials.caPem);
  const entry = (name: string, cluster: Record<string, unknown>) => ({ name, cluster });
  const context = (name: string, cluster: string) => ({ name, context: { cluster, user: 'user' } });
  const external = externalUrl(row);
  const outside = external !== '';
  return {
    kind: 'Config',
    apiVersion: 'v1',
    preferences: {},
    clusters: [
      entry('internalCluster', { server: internalUrl(row), 'certificate-authority-data': ca }),
      ...(outside
        ? [
            entry('externalCluster', { server: external, 'insecure-skip-tls-verify': true }),
            entry('externalClusterTLSVerify', { server: external, 'certificate-authority-data': ca }),
          ]
        : []),
    ],
    users: [{ name: 'user', user: { 'client-certificate-data': base64(credentials.certPem), 'client-key-data': base64(credentials.keyPem) } }],
    contexts: [
      context('internal', 'internalCluster'),
      ...(outside ? [context('external', 'externalCluster'), context('externalTLSVerify', 'externalClusterTLSVerify')] : []),
    ],
    'current-context': outside ? 'external' : 'internal',
  };
}

function countsOf(nodes: readonly CceNodeRow[]) {
  const count = (...phases: string[]): number => nodes.filter((node) => phases.includes(node.phase)).length;
  return { currentNode: nodes.length - count('Deleting'), creatingNode: count('Build', 'Installing'), deletingNode: count('Deleting') };
}

export function poolView(store: Store, row: CceNodePoolRow): unknown {
  return {
    kind: 'NodePool',
    apiVersion: 'v3',
    metadata: { name: row.name, uid: row.id, creationTimestamp: row.created_at, updateTimestamp: row.updated_at, labels: {}, annotations: {} },
    spec: row.spec,
    status: { phase: row.phase, ...countsOf(cceTables(store).nodes.where((node) => node.pool_id === row.id)), jobId: row.job_id },
  };
}

/** The built-in pool of loose nodes, which lists hide unless asked for (6.4). */
export function defaultPoolView(store: Store, cluster: CceClusterRow): unknown {
  const loose = cceTables(store).nodes.where((node) => node.cluster_id === cluster.id && node.pool_id === undefined);
  return {
    kind: 'NodePool',
    apiVersion: 'v3',
    metadata: { name: 'DefaultPool', uid: `DefaultPool-${cluster.id}`, creationTimestamp: cluster.created_at, updateTimestamp: cluster.updated_at },
    spec: { type: 'vm', initialNodeCount: loose.length, autoscaling: { enable: false }, nodeManagement: {}, nodeTemplate: {} },
    status: { phase: '', ...countsOf(loose), jobId: '' },
  };
}

/** The EIP of a node's server, as text; empty without one. */
const publicAddressOf = (store: Store, serverId: string): string =>
  portsOf(store, serverId).flatMap((port) => publicIpBoundTo(store, 'PORT', port.id)?.public_ip_address ?? [])[0] ?? '';

export const nodeView = (store: Store, row: CceNodeRow, extra: Readonly<Record<string, unknown>> = {}): unknown => ({
  kind: 'Node',
  apiVersion: 'v3',
  metadata: {
    name: row.name,
    uid: row.id,
    labels: {},
    annotations: { 'kubernetes.io/node-pool.id': row.pool_id ?? `${row.zone}#${row.template.flavor}#${row.template.os}` },
    creationTimestamp: row.created_at,
    updateTimestamp: row.updated_at,
  },
  spec: { ...row.template, az: row.zone },
  status: {
    phase: row.phase,
    serverId: row.server_id,
    privateIP: row.private_ip,
    publicIP: publicAddressOf(store, row.server_id),
    jobID: row.job_id,
    reason: row.reason,
    message: row.message,
    ...extra,
  },
});
