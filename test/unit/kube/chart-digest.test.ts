/** Which bytes of a chart a plan stands for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ChartRelease, chartDigests, isChartRelease } from '../../../src/kube/chart-digest.ts';
import type { ChartSource } from '../../../src/tools/charts.ts';
import { clusterResources } from '../../../src/zitadel/index.ts';
import { cloudNeeds, contextOf, fakeCluster, given } from './fakes.ts';

const recorded = 'aa'.repeat(31);
const published = 'bb'.repeat(32);
const { signal } = new AbortController();

function release(id: string, source: Partial<ChartSource> = {}, more: object = {}): ChartRelease {
  return { ...given(id, null), source: { repository: 'https://charts.example.com', name: id, version: '1.2.3', ...source }, ...more };
}

async function digests(one: ChartRelease, seen: unknown): Promise<{ found: string | undefined; asked: number }> {
  let asked = 0;
  const charts = {
    expected: async ({ digest }: ChartSource) => {
      asked += 1;
      return digest ?? published;
    },
  };
  const all = await chartDigests([one], () => seen, charts, signal);
  return { found: all[one.id], asked };
}

const inPlace = { ours: true, chartVersion: 'v1.2.3', digest: recorded };

for (const [what, one, seen, found, asked] of [
  ['nothing is in place: the repository says', release('a/b'), undefined, published.slice(0, 63), 1],
  ['the same version is in place: what is recorded there', release('a/b'), inPlace, recorded, 0],
  ['another version is in place', release('a/b'), { ...inPlace, chartVersion: '1.2.2' }, published.slice(0, 63), 1],
  ['somebody else’s release', release('a/b'), { ...inPlace, ours: false }, published.slice(0, 63), 1],
  ['pinned: the stack file says, whatever is in place', release('a/b', { digest: 'cc'.repeat(32) }), inPlace, 'cc'.repeat(32).slice(0, 63), 1],
  ['not wanted', release('a/b', {}, { wanted: false }), undefined, undefined, 0],
] as const) {
  test(`bytes of a chart: ${what}`, async () => assert.deepEqual(await digests(one, seen), { found, asked }));
}

test('a repository that does not answer is an error, never a digest without that chart', async () => {
  const charts = { expected: () => Promise.reject(new Error('GET https://charts.example.com/index.yaml: status 503')) };
  await assert.rejects(
    chartDigests([release('a/b')], () => undefined, charts, signal),
    /status 503/,
  );
});

test('every chart of a stack is part of its plans', () => {
  const { all } = clusterResources(contextOf(fakeCluster()), cloudNeeds());
  const wanted = all.filter(isChartRelease).filter((one) => one.wanted);
  assert.deepEqual(wanted.map(({ source }) => source.name).sort(), ['cert-manager', 'cert-manager-webhook-opentelekomcloud', 'contour', 'zitadel']);
});

test('each chart comes from where the stack file says', () => {
  const at = (version: string): string => `{ version: ${version}, repository: "oci://registry.example.net/mirror" }`;
  const more = `ingress: { controller: haproxy, chart: ${at('1.52.1')} }
certificates: { certManager: ${at('v1.21.1')}, solver: ${at('0.1.4')} }
dns: { records: external-dns, externalDns: ${at('1.21.1')} }
zitadel: { chart: ${at('9.34.0')} }
`;
  const { all } = clusterResources(contextOf(fakeCluster(), {}, more), cloudNeeds());
  const wanted = all.filter(isChartRelease).filter((one) => one.wanted);
  assert.equal(wanted.length, 5);
  for (const { id, source } of wanted) assert.equal(source.repository, 'oci://registry.example.net/mirror', id);
});
