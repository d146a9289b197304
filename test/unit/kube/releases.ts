import { gzipSync } from 'node:zlib';
import { Fault } from '../../../src/engine/fault.ts';
import { chartRelease } from '../../../src/kube/chart-release.ts';
import { STACK_LABEL } from '../../../src/kube/context.ts';
import { DIGEST_LABEL } from '../../../src/kube/release-state.ts';
import type { KubeObject } from '../../../src/tools/api.ts';
import { contextOf, type FakeCluster, given, kubeconfig, quiet } from './fakes.ts';

export const digest = 'ab'.repeat(32);
export interface Stored {
  revision?: number;
  status?: string;
  version?: string;
  values?: object;
  labels?: Record<string, string>;
  method?: string;
  description?: string;
}

export function store(
  cluster: FakeCluster,
  { revision = 1, status = 'deployed', version = '9.34.0', values = { a: 1 }, labels, method = 'ssa', description = 'Upgrade complete' }: Stored = {},
): void {
  const release = {
    name: 'zitadel',
    namespace: 'zitadel',
    version: revision,
    info: { status, description },
    config: values,
    manifest: '',
    hooks: [],
    apply_method: method,
    chart: { metadata: { name: 'zitadel', version, appVersion: 'v4.13.0' } },
  };
  const data = Buffer.from(gzipSync(JSON.stringify(release)).toString('base64')).toString('base64');
  const name = `sh.helm.release.v1.zitadel.v${revision}`;
  const own = labels ?? { [STACK_LABEL]: 'zitadel-prod', [DIGEST_LABEL]: digest.slice(0, 63) };
  const metadata = { name, labels: { owner: 'helm', name: 'zitadel', status, version: String(revision), ...own } };
  cluster.objects.set(`/api/v1/namespaces/zitadel/secrets/${name}`, { metadata, data: { release: data } } as unknown as KubeObject);
}

export function make(cluster: FakeCluster, pinned?: string, adopt = false) {
  const release = chartRelease<{ kubeconfig: ReturnType<typeof given<typeof kubeconfig>> }>(
    contextOf(cluster, {}, adopt ? 'adopt: { releases: true }\n' : ''),
    {
      id: 'zitadel/release',
      needs: { kubeconfig: given('k', kubeconfig) },
      wanted: true,
      namespace: 'zitadel',
      release: 'zitadel',
      source: { repository: 'https://charts.zitadel.com', name: 'zitadel', version: '9.34.0', digest: pinned },
      values: () => ({ a: 1 }),
      settled: {
        keep: (before, wanted) => ({ ...wanted, ...(before['first'] === undefined ? {} : { first: before['first'] }) }),
        warnings: ({ values: { first } }) => (first === undefined ? [] : [new Fault('the first one holds')]),
      },
      hookObjects: [{ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'zitadel-setup', namespace: 'zitadel' } }],
      beforeVersion: async (_needs, { from, to, revision }) => void cluster.writes.push(`before ${from} becomes ${to}, revision ${revision}`),
      timeoutSeconds: 10,
    },
  );
  const spec = release.want({ kubeconfig });
  return {
    release,
    spec,
    changes: async () => {
      const seen = await release.observe({ kubeconfig }, quiet);
      return seen === undefined ? undefined : release.diff(spec, seen);
    },
    deploy: async () =>
      release.apply(
        spec,
        await release.observe({ kubeconfig }, quiet),
        (await release.observe({ kubeconfig }, quiet).then((seen) => seen && release.diff(spec, seen))) ?? [],
        quiet,
      ),
  };
}
