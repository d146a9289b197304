/** A cluster's resources deployed into a fake cluster, for the tests that look at them together. */
import { gzipSync } from 'node:zlib';
import type { Outcome } from '../../../src/engine/outcome.ts';
import { walk } from '../../../src/engine/walk.ts';
import type { Tag } from '../../../src/kube/context.ts';
import { Secret } from '../../../src/secret.ts';
import type { KubeObject } from '../../../src/tools/api.ts';
import type { Upgrade } from '../../../src/tools/helm.ts';
import { clusterResources } from '../../../src/zitadel/index.ts';
import { selfSignedFor } from '../../harness/self-signed.ts';
import { cloudNeeds, contextOf, type FakeCluster, given } from '../kube/fakes.ts';

export const secrets = {
  masterkey: new Secret(`${'k'.repeat(31)}1`),
  databaseRootPassword: new Secret('Root-Password-1'),
  databaseUserPassword: new Secret('User-Password-1'),
  adminPassword: new Secret('Admin-Password-1'),
};
export const existing = 'certificates: { issuer: existing, secret: mine }\n';
export const journal = { begin: () => undefined, say: () => undefined, end: () => undefined };

/** Helm as the cluster sees it: a release Secret with what was asked for. */
export function installs(cluster: FakeCluster): (upgrade: Upgrade) => void {
  return ({ release, namespace, values, labels, chart }) => {
    const version = cluster.writes.filter((write) => write === `upgrade ${release}`).length;
    const versions = { contour: '0.7.0', 'nginx-ingress': '4.15.1', 'haproxy-ingress': '1.52.1', 'envoy-gateway': 'v1.9.0', zitadel: '9.34.0' };
    const chartVersion = (versions as Record<string, string>)[release] ?? chart;
    const stored = {
      name: release,
      namespace,
      version,
      info: { status: 'deployed' },
      config: values,
      manifest: '',
      hooks: [],
      chart: { metadata: { name: release, version: chartVersion } },
    };
    const name = `sh.helm.release.v1.${release}.v1`;
    const metadata = { name, labels: { owner: 'helm', name: release, status: 'deployed', version: String(version), ...labels } };
    const data = { release: Buffer.from(gzipSync(JSON.stringify(stored)).toString('base64')).toString('base64') };
    cluster.objects.set(`/api/v1/namespaces/${namespace}/secrets/${name}`, { metadata, data } as unknown as KubeObject);
  };
}

/** The Secret that {@link existing} names. */
export function tlsSecret({ certPem, keyPem }: { certPem: string; keyPem: string }): KubeObject {
  const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');
  return { metadata: { name: 'mine' }, data: { 'tls.crt': base64(certPem), 'tls.key': base64(keyPem) } };
}

const MINE = '/api/v1/namespaces/zitadel/secrets/mine';
const mine = tlsSecret(await selfSignedFor('login.example.com'));

/** @param options `tls`: what the user's Secret is; null: there is none */
export async function deploy(
  cluster: FakeCluster,
  options: { tls?: KubeObject | null; more?: string; write?: boolean; secrets?: typeof secrets | Record<never, never>; tags?: Tag[] } = {},
): Promise<Map<string, Outcome>> {
  const { more = existing, write = true, tls = mine } = options;
  if (tls === null) cluster.objects.delete(MINE);
  else cluster.objects.set(MINE, tls);
  cluster.onUpgrade = installs(cluster);
  const { tags } = options;
  const tagDatabase = tags === undefined ? undefined : async (_id: string, added: readonly Tag[]): Promise<void> => void tags.push(...added);
  const cloud = cloudNeeds();
  const database = tags === undefined ? cloud.database : given('database/instance', { id: 'db1', host: '10.20.16.5', port: 5432, tags });
  const { all } = clusterResources({ ...contextOf(cluster, options.secrets ?? secrets, more), tagDatabase }, { ...cloud, database });
  const roots = all.filter(({ id }) => id !== 'zitadel/verification');
  const { outcomes } = await walk(roots, { write, signal: new AbortController().signal, journal });
  return new Map(outcomes.map((outcome) => [outcome.id, outcome]));
}

/** The API server makes a new namespace Active, Envoy Gateway takes classes and Gateways. */
export function activate(cluster: FakeCluster): FakeCluster {
  const { set } = cluster.objects;
  const yes = (type: string): object => ({ type, status: 'True', reason: type });
  const status = (path: string): object => {
    if (/^\/api\/v1\/namespaces\/[^/]+$/.test(path)) return { status: { phase: 'Active' } };
    if (/\/gateway(classe)?s\/[^/]+$/.test(path)) return { status: { conditions: [yes('Accepted'), yes('Programmed')] } };
    return {};
  };
  cluster.objects.set = (path, object) => set.call(cluster.objects, path, { ...object, ...status(path) });
  return cluster;
}
