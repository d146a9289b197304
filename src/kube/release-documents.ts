/**
 * Owns what a plan shows of a Helm release beyond its fields: the manifest as it is stored and as it would be rendered now,
 * and the live objects that differ. Reads only: helm renders from the checked archive and asks no cluster.
 */
import { Fault } from '../engine/fault.ts';
import type { Change, Document, Run } from '../engine/resource.ts';
import type { ChartSource } from '../tools/charts.ts';
import type { Cluster } from '../tools/toolbox.ts';
import { renderedDocuments } from './manifest-documents.ts';
import type { ReleaseSeen } from './release-state.ts';

/** What makes helm render anew; the other fields are the live objects' own. */
const RENDERS = /^(status$|chart|owner$|values)/;

export async function releaseDocuments(
  release: { readonly release: string; readonly namespace: string; readonly source: ChartSource },
  spec: { readonly cluster: Cluster; readonly values: Readonly<Record<string, unknown>> },
  seen: ReleaseSeen | undefined,
  changes: readonly Change[],
  run: Run,
): Promise<Document[]> {
  // What somebody else installed may hold secrets.
  if (seen?.ours === false) return [];
  const live = seen?.driftDocuments ?? [];
  if (seen !== undefined && !changes.some(({ field }) => RENDERS.test(field))) return [...live];
  const { cluster, values } = spec;
  const { namespace, source } = release;
  try {
    const [helm, chart, kubeVersion, apiVersions] = await Promise.all([
      cluster.helm(run),
      cluster.charts.pull(source, run.signal),
      versionOf(cluster, run.signal),
      servedBy(cluster, run.signal),
    ]);
    const request = { release: release.release, namespace, chart: chart.file, values, kubeVersion, apiVersions, isUpgrade: seen !== undefined };
    return [...renderedDocuments(seen?.stored, await helm.render(request, run.signal)), ...live];
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    // Fields and verdict stand without it; that it is missing is said where it would be.
    return [...live, { title: 'Manifest: not rendered', before: '', after: error.message }];
  }
}

async function versionOf({ api }: Cluster, signal: AbortSignal): Promise<string> {
  const version = (await api.get('/version', signal)) as { gitVersion?: string } | undefined;
  return /^v\d+\.\d+\.\d+/.exec(version?.gitVersion ?? '')?.[0] ?? 'v1.33.0';
}

/** What charts ask `.Capabilities.APIVersions` for. */
async function servedBy({ api }: Cluster, signal: AbortSignal): Promise<string[]> {
  const list = (await api.get('/apis', signal)) as unknown as { groups?: readonly { versions: readonly { groupVersion: string }[] }[] } | undefined;
  const versions = (list?.groups ?? []).flatMap((group) => group.versions.map(({ groupVersion }) => groupVersion));
  const kinds = await Promise.all(
    versions.map(async (version) => {
      const found = (await api.get(`/apis/${version}`, signal)) as unknown as { resources?: readonly { kind: string; name: string }[] } | undefined;
      return (found?.resources ?? []).filter(({ name }) => !name.includes('/')).map(({ kind }) => `${version}/${kind}`);
    }),
  );
  return ['v1', ...versions, ...kinds.flat()];
}
