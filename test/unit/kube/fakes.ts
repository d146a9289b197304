/** Owns a cluster in memory for tests of cluster resources: an object store behind the API client, kubectl and helm that record what they are asked. */
import { Fault } from '../../../src/engine/fault.ts';
import { type AnyResource, type Resource, resource } from '../../../src/engine/resource.ts';
import type { CloudNeeds, KubeContext } from '../../../src/kube/context.ts';
import { type Manifest, objectPath } from '../../../src/kube/paths.ts';
import { readStack } from '../../../src/stack/read.ts';
import type { DerivedSecrets } from '../../../src/stack/secrets.ts';
import { type KubeObject, kubeApiOver } from '../../../src/tools/api.ts';
import type { PulledChart } from '../../../src/tools/charts.ts';
import type { Upgrade } from '../../../src/tools/helm.ts';
import type { Kubeconfig } from '../../../src/tools/kubeconfig.ts';
import type { Cluster } from '../../../src/tools/toolbox.ts';

export interface FakeCluster extends Cluster {
  /** Objects by path; collections are found by prefix. */
  readonly objects: Map<string, KubeObject>;
  /** Writes, in order, as `apply /api/…`, `upgrade zitadel`. */
  readonly writes: string[];
  readonly upgrades: Upgrade[];
  /** What helm does at an upgrade; throws to fail. */
  onUpgrade: (upgrade: Upgrade, signal: AbortSignal) => void | Promise<void>;
  chart: PulledChart;
  /** What helm renders. */
  rendered: string;
}

export function fakeCluster(): FakeCluster {
  const objects = new Map<string, KubeObject>();
  const writes: string[] = [];
  const upgrades: Upgrade[] = [];
  let version = 0;
  const put = (object: Manifest): KubeObject => {
    version += 1;
    const before = objects.get(objectPath(object)) ?? {};
    const made = { ...before, ...object, metadata: { uid: 'u', ...object.metadata, resourceVersion: String(version) } } as unknown as KubeObject;
    objects.set(objectPath(object), made);
    return made;
  };
  const api = kubeApiOver(async (method, path, body) => {
    const bare = path.split('?')[0] ?? path;
    if (method === 'GET') {
      const found = objects.get(bare);
      if (found !== undefined) return { status: 200, body: JSON.stringify(found) };
      const everywhere = bare.replace(/^(\/api\/v1)\/(\w+)$/, '$1/namespaces/[^/]+/$2');
      const inside = new RegExp(`^(${bare}|${everywhere})/`);
      const items = [...objects].filter(([key]) => inside.test(key) && selected(key, objects.get(key), path)).map(([, object]) => object);
      const isCollection = /\/(secrets|pods|events|jobs|leases|ingresses|services|persistentvolumes|persistentvolumeclaims)$/.test(bare);
      return isCollection
        ? { status: 200, body: JSON.stringify({ items }) }
        : { status: 404, body: JSON.stringify({ reason: 'NotFound', message: 'not found' }) };
    }
    writes.push(`${method} ${bare}`);
    if (method === 'DELETE') {
      objects.delete(bare);
      return { status: 200, body: '{}' };
    }
    const object = JSON.parse(body ?? '{}') as Manifest & { metadata: { resourceVersion?: string } };
    const there = objects.get(objectPath(object));
    const wanted = object.metadata.resourceVersion;
    if (there?.metadata.resourceVersion !== wanted)
      return { status: 409, body: JSON.stringify({ reason: 'Conflict', message: 'changed meanwhile' }) };
    return { status: 200, body: JSON.stringify(put(object)) };
  });
  const cluster: FakeCluster = {
    objects,
    writes,
    upgrades,
    api,
    onUpgrade: () => undefined,
    rendered: '',
    chart: { file: '/charts/chart.tgz', digest: 'ab'.repeat(32) },
    charts: { pull: async () => cluster.chart, expected: async () => cluster.chart.digest },
    kubectl: async () => ({
      apply: async (object) => {
        writes.push(`apply ${objectPath(object as Manifest)}`);
        return put(object as Manifest);
      },
      add: async (object) => {
        writes.push(`apply ${objectPath(object as Manifest)}`);
        return put(object as Manifest);
      },
      create: async (object) => {
        writes.push(`create ${objectPath(object as Manifest)}`);
        if (objects.has(objectPath(object as Manifest))) throw new Fault('already there', { code: 'AlreadyExists' });
        return put(object as Manifest);
      },
      remove: async (kind, name, namespace) => {
        writes.push(`delete ${kind} ${namespace ?? ''}/${name}`);
        const singular = kind.split('.')[0]?.replace(/y$/, '') ?? '';
        const within = namespace === undefined ? '/' : `/namespaces/${namespace}/`;
        for (const key of objects.keys()) if (key.includes(`${within}${singular}`) && key.endsWith(`s/${name}`)) objects.delete(key);
      },
    }),
    helm: async () => ({
      render: async () => cluster.rendered,
      upgrade: async (upgrade, signal) => {
        writes.push(`upgrade ${upgrade.release}`);
        upgrades.push(upgrade);
        await cluster.onUpgrade(upgrade, signal);
      },
      rollback: async (release, _namespace, revision) => {
        writes.push(`rollback ${release} ${revision}`);
      },
      uninstall: async (release, namespace, hooks) => {
        writes.push(`uninstall ${release}${hooks ? '' : ' without hooks'}`);
        for (const key of objects.keys()) if (key.includes(`/${namespace}/secrets/sh.helm.release.v1.${release}.`)) objects.delete(key);
      },
    }),
  };
  return cluster;
}

/** Enough of label selectors for the release Secrets: `name=x`, `status!=superseded`, and a label alone, which must be there. */
function selected(key: string, object: KubeObject | undefined, path: string): boolean {
  const { searchParams } = new URL(path, 'https://cluster');
  const selector = searchParams.get('labelSelector') ?? '';
  const elsewhere = /^metadata\.namespace!=(.*)$/.exec(searchParams.get('fieldSelector') ?? '')?.[1];
  if (elsewhere !== undefined && key.includes(`/namespaces/${elsewhere}/`)) return false;
  const labels = object?.metadata.labels ?? {};
  return selector
    .split(',')
    .filter(Boolean)
    .every((term) => {
      const [label = '', value] = term.split(/!?=/);
      if (value === undefined) return labels[label] !== undefined;
      return term.includes('!=') ? labels[label] !== value : labels[label] === value;
    });
}

const text = 'name: zitadel-prod\nregion: eu-de\ndomain: login.example.com\ncontact: ops@example.com\ncluster: { allow: [198.51.100.0/24] }\n';

export function contextOf(cluster: Cluster, secrets: DerivedSecrets = {}, more = ''): KubeContext {
  const { stack, lifted } = readStack({ text: text + more, file: 'zitadel.yaml', env: {}, readFile: () => '' });
  const toolbox = {
    charts: cluster.charts,
    cluster: () => cluster,
    approach: async () => undefined,
    prepare: async () => undefined,
    close: async () => undefined,
  };
  return { stack, secrets, configuration: lifted.configuration, toolbox, patient: false };
}

/** A resource that is there and never changes. */
export function given<Seen>(id: string, seen: Seen): Resource<Record<never, never>, null, Seen> {
  return resource({
    id,
    title: id,
    needs: {},
    wanted: true,
    want: () => null,
    observe: async () => seen,
    diff: () => [],
    apply: async () => seen,
    destroy: async () => undefined,
  });
}

export const kubeconfig: Kubeconfig = { server: 'https://203.0.113.1:5443', certificateAuthority: 'ca', clientCertificate: 'cert', clientKey: 'key' };

export function cloudNeeds(): CloudNeeds {
  return {
    kubeconfig: given('cluster/kubeconfig', kubeconfig),
    cluster: given('cluster/cluster', { id: 'c1', name: 'cluster', version: 'v1.33' }),
    loadBalancer: given('load-balancer/load-balancer', { id: 'lb1', eipAddress: '203.0.113.9', guaranteed: true }),
    database: given('database/instance', { id: 'db1', host: '10.20.16.5', port: 5432 }),
    databaseCa: given('database/ca', { pem: '-----BEGIN CERTIFICATE-----' }),
    workloads: [],
    zone: [],
    records: [],
    externalDns: {
      owner: 'zitadel-prod-dns-1a2b3c',
      txtPrefix: 'extdns-%{record_type}.',
      identityUrl: 'https://iam.eu-de.otc.t-systems.com/v3',
      region: 'eu-de',
      handOver: () => given('dns/ownership', null),
    },
    prove: async () => undefined,
  };
}

export const quiet = { signal: new AbortController().signal, say: (): void => undefined };

export function byId(all: readonly AnyResource[], id: string): AnyResource {
  const found = all.find((one) => one.id === id);
  if (found === undefined) throw new Error(`no resource ${id}`);
  return found;
}
