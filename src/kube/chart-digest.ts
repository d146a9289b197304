/**
 * Owns which bytes of each chart a deploy would install now: pinned by the stack file, recorded on the release in place, or
 * what the chart's repository says. Part of a plan's digest; the archives themselves are `tools/charts.ts`'s.
 */
import type { AnyResource } from '../engine/resource.ts';
import type { ChartSource, Charts } from '../tools/charts.ts';
import { DIGEST_LENGTH, type ReleaseSeen } from './release-state.ts';

/** A release of a chart, with what it is installed from. */
export type ChartRelease = AnyResource & { readonly source: ChartSource };

export function isChartRelease(resource: AnyResource): resource is ChartRelease {
  return 'source' in resource;
}

/**
 * The first {@link DIGEST_LENGTH} hex digits of each wanted chart's sha256, by the release's id. Where the same version is in
 * place nothing else may be installed, so what is recorded there serves; else the repository is asked, each one once.
 * @param seen what the walk saw of a resource
 * @throws Fault where a repository does not answer or does not have the chart
 */
export async function chartDigests(
  releases: readonly ChartRelease[],
  seen: (resource: AnyResource) => unknown,
  charts: Pick<Charts, 'expected'>,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  const wanted = releases.filter(({ wanted }) => wanted);
  const digests = await Promise.all(
    wanted.map(async (release) => {
      const { source } = release;
      const found = seen(release) as ReleaseSeen | undefined;
      const recorded =
        source.digest === undefined && found?.ours === true && sameVersion(found.chartVersion, source.version) ? found.digest : undefined;
      return (recorded ?? (await charts.expected(source, signal))).slice(0, DIGEST_LENGTH);
    }),
  );
  return Object.fromEntries(wanted.map(({ id }, index) => [id, digests[index] ?? '']));
}

/** Helm takes `v1.2.3` for `1.2.3`. */
export function sameVersion(one: string, other: string): boolean {
  return one.replace(/^v/, '') === other.replace(/^v/, '');
}
