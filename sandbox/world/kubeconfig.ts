/**
 * Owns the kubeconfig file for people who look around: written when a cluster becomes available, with a certificate of its
 * own, and with the visitors' way in (`visitors.ts`), which leads to the API server whatever the cloud's groups say. Before,
 * it says that there is none: without a file kubectl would ask localhost.
 */
import { writeFile } from 'node:fs/promises';
import type { CceClusterRow } from '../otc/tables/compute-cce.ts';
import type { RunningWorld } from './world.ts';

/** kubectl and helm name the context that they do not find. */
const noCluster = 'there-is-no-available-cluster-in-this-world';

/** Writes the file, and keeps it in step with the newest available cluster. @param proxyUrl of the visitors' way. Returns how to stop. */
export async function watchKubeconfig(world: RunningWorld, file: string, proxyUrl: string): Promise<() => void> {
  let written: string | undefined;
  const refresh = async (): Promise<void> => {
    const cluster = world.store
      .table<CceClusterRow>('cce.clusters')
      .where(({ phase }) => phase === 'Available')
      .at(-1);
    const key = cluster === undefined ? '' : `${cluster.id} ${cluster.internal_address}`;
    if (key === written) return;
    written = key;
    if (cluster === undefined) {
      await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'Config', 'current-context': noCluster }), { mode: 0o600 });
      return;
    }
    const { caPem, certPem, keyPem } = await world.clusters.credentials(cluster.id, {
      user: 'sandbox-visitor',
      groups: ['system:masters'],
      days: 365,
    });
    const data = (pem: string): string => Buffer.from(pem).toString('base64');
    // JSON is YAML.
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': cluster.name,
      clusters: [
        {
          name: cluster.name,
          cluster: {
            server: `https://${cluster.internal_address}:5443`,
            'proxy-url': proxyUrl,
            'certificate-authority-data': data(caPem),
          },
        },
      ],
      users: [{ name: 'visitor', user: { 'client-certificate-data': data(certPem), 'client-key-data': data(keyPem) } }],
      contexts: [{ name: cluster.name, context: { cluster: cluster.name, user: 'visitor' } }],
    };
    await writeFile(file, JSON.stringify(config, null, 1), { mode: 0o600 });
  };
  await refresh();
  world.restored.add(refresh);
  const forget = world.store.onChange(({ table }) => {
    if (table !== 'cce.clusters') return;
    refresh().catch((error: unknown) => world.log('kubeconfig', error instanceof Error ? (error.stack ?? error.message) : String(error)));
  });
  return () => {
    world.restored.delete(refresh);
    forget();
  };
}
