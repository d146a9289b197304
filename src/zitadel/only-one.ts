/**
 * Owns the look for another ZITADEL of the same stack: under another namespace or release name a second one would serve the same
 * database and host beside the first, and nobody would keep that one up to date.
 */
import { Fault } from '../engine/fault.ts';
import { check, type Resource } from '../engine/resource.ts';
import type { NeedsCluster } from '../kube/applied.ts';
import { type CloudNeeds, clusterIn, inCluster, type KubeContext, STACK_LABEL } from '../kube/context.ts';
import { collection } from '../kube/paths.ts';
import type { KubeObject } from '../tools/api.ts';
import { decodeRelease } from '../tools/helm.ts';

/** Releases of the stack that are certainly not ZITADEL: they need not be read to know it. */
const NEIGHBOURS = ['cert-manager', 'contour', 'nginx-ingress', 'haproxy-ingress', 'envoy-gateway', 'external-dns'];

/** `namespace/release`, in the order of the answer. */
type Others = readonly string[];

export function onlyOne(context: KubeContext, { kubeconfig }: Pick<CloudNeeds, 'kubeconfig'>): Resource<NeedsCluster, null, Others> {
  const { stack } = context;
  const { namespace, release } = stack.zitadel;
  const title = `No other release of ZITADEL beside ${namespace}/${release}`;
  return check<NeedsCluster, null, Others>({
    id: 'zitadel/only-one',
    title,
    needs: { kubeconfig },
    wanted: true,
    gate: true,
    ...inCluster(context),
    want: () => null,
    observe: async (needs, run) => {
      const cluster = clusterIn(context, needs);
      if (cluster === undefined) return undefined;
      const ours = ['owner=helm', 'status!=superseded', `${STACK_LABEL}=${stack.name}`, ...NEIGHBOURS.map((name) => `name!=${name}`)].join();
      const list = (path: string, labels: string, fields = ''): Promise<readonly KubeObject[]> =>
        cluster.api.list(`${path}?labelSelector=${encodeURIComponent(labels)}${fields}`, run.signal);
      const elsewhere = `&fieldSelector=${encodeURIComponent(`metadata.namespace!=${namespace}`)}`;
      const found = await Promise.all([
        list(collection('v1', 'Secret'), ours, elsewhere),
        list(collection('v1', 'Secret', namespace), `${ours},name!=${release}`),
      ]);
      return othersIn(found.flat());
    },
    diff: (_spec, others) => {
      if (others.length === 0) return [];
      const [first = ''] = others;
      const [where, name] = first.split('/');
      throw new Fault(
        `ZITADEL of this stack runs already as ${others.join(', ')}; as ${namespace}/${release} it would run a second time on the same database: refused`,
        {
          resource: title,
          finding: 'release',
          hint:
            `Set zitadel.namespace: ${where} and zitadel.release: ${name} again in the stack file. To move it, take the former one away first ` +
            `(helm uninstall ${name} --namespace=${where}); ZITADEL is then down until this deploy has ended.`,
        },
      );
    },
  });
}

/** Which of the stored revisions are of ZITADEL's chart. Pure. */
export function othersIn(secrets: readonly KubeObject[]): Others {
  const releases = secrets.map(decodeRelease).filter(({ chart }) => chart.metadata.name === 'zitadel');
  return [...new Set(releases.map(({ namespace, name }) => `${namespace}/${name}`))];
}
