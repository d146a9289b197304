/** Owns reading a Helm release's state from its stored revisions: one list call, no helm process. */
import type { Change, Document } from '../engine/resource.ts';
import type { Stack } from '../stack/stack.ts';
import type { KubeObject } from '../tools/api.ts';
import { decodeRelease, type StoredRelease } from '../tools/helm.ts';
import type { Cluster } from '../tools/toolbox.ts';
import { STACK_LABEL } from './context.ts';
import { driftOf } from './manifest.ts';

/** Label on the stored revisions that we make; a label's value has at most 63 characters, one less than a sha256. */
export const DIGEST_LABEL = 'zitadel-on-otc/chart-sha256';
export const DIGEST_LENGTH = 63;

export interface ReleaseSeen {
  readonly cluster: Cluster;
  readonly revision: number;
  /** Helm's word: `deployed`, `failed`, `pending-install`, … */
  readonly status: string;
  /** True where this revision or one before it was really in place. */
  readonly proven: boolean;
  /** What helm says of the revision: `Upgrade complete`, `Rollback to 3`. */
  readonly description?: string | undefined;
  readonly chartVersion: string;
  readonly appVersion: string;
  /** The first 63 hex digits of the chart archive's sha256, where we made the release. */
  readonly digest: string | undefined;
  /** Made by this action for this stack. */
  readonly ours: boolean;
  /** The stack for which this action made it. */
  readonly owner: string | undefined;
  readonly serverSide: boolean;
  readonly values: Readonly<Record<string, unknown>>;
  /** Live objects that are not as the manifest says. */
  readonly drift: readonly Change[];
  /** The same, each object as texts. */
  readonly driftDocuments: readonly Document[];
  /** What Helm stored at the newest revision. */
  readonly stored: Pick<StoredRelease, 'manifest' | 'hooks'>;
  /** The restart stamp on a workload, where one is kept. */
  readonly stamp: string | undefined;
}

export interface StampPlace {
  readonly deployment: string;
}

export const STAMP = 'zitadel-on-otc/restarted-for';

/** The newest revision of a release, or nothing. */
export async function releaseState(
  cluster: Cluster,
  namespace: string,
  name: string,
  stampOn: StampPlace | undefined,
  { name: stack }: Pick<Stack, 'name'>,
  signal: AbortSignal,
): Promise<ReleaseSeen | undefined> {
  const [secrets, deployment] = await Promise.all([
    revisions(cluster, namespace, name, ',status!=superseded', signal),
    stampOn === undefined ? undefined : cluster.api.get(`/apis/apps/v1/namespaces/${namespace}/deployments/${stampOn.deployment}`, signal),
  ]);
  const newest = secrets.at(-1);
  if (newest === undefined) return undefined;
  const release = decodeRelease(newest);
  const { status } = release.info;
  const proven = status === 'deployed' || (await lastGood(cluster, namespace, name, signal)) !== undefined;
  const drift = status === 'deployed' ? await driftOf(release, cluster.api, signal) : { changes: [], documents: [] };
  return {
    cluster,
    revision: release.version,
    status,
    proven,
    description: release.info.description,
    chartVersion: release.chart.metadata.version,
    appVersion: release.chart.metadata.appVersion ?? '',
    digest: newest.metadata.labels?.[DIGEST_LABEL],
    ours: newest.metadata.labels?.[STACK_LABEL] === stack,
    owner: newest.metadata.labels?.[STACK_LABEL],
    serverSide: release.apply_method === 'ssa',
    values: release.config ?? {},
    drift: drift.changes,
    driftDocuments: drift.documents,
    stored: { manifest: release.manifest, hooks: release.hooks ?? [] },
    stamp: deployment === undefined ? undefined : stampOf(deployment),
  };
}

/** The last revision that was really in place, to roll back to; undefined where there never was one. */
export async function lastGood(
  cluster: Cluster,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<StoredRelease['version'] | undefined> {
  const all = await revisions(cluster, namespace, name, '', signal);
  const good = all.filter(({ metadata }) => ['deployed', 'superseded'].includes(metadata.labels?.['status'] ?? ''));
  const newest = good.at(-1);
  return newest === undefined ? undefined : revisionOf(newest);
}

async function revisions(cluster: Cluster, namespace: string, name: string, more: string, signal: AbortSignal): Promise<KubeObject[]> {
  const selector = encodeURIComponent(`owner=helm,name=${name}${more}`);
  const found = await cluster.api.list(`/api/v1/namespaces/${namespace}/secrets?labelSelector=${selector}`, signal);
  return [...found].sort((a, b) => revisionOf(a) - revisionOf(b));
}

function revisionOf(secret: KubeObject): number {
  return Number(secret.metadata.labels?.['version'] ?? 0);
}

function stampOf(deployment: KubeObject): string | undefined {
  const spec = deployment['spec'] as { template?: { metadata?: { annotations?: Record<string, string> } } } | undefined;
  return spec?.template?.metadata?.annotations?.[STAMP];
}
