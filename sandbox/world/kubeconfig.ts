/**
 * Owns the kubeconfig file for people who look around: written when a cluster becomes available, with a certificate for it,
 * and with the visitors' way in (`visitors.ts`), which leads to the API server whatever the cloud's groups say. Before,
 * it says that there is none: without a file kubectl would ask localhost.
 */
import { rename, writeFile } from 'node:fs/promises';
import type { CceClusterRow } from '../otc/tables/compute-cce.ts';
import type { RunningWorld } from './world.ts';

/** kubectl and helm name the context that they do not find. */
const noCluster = 'there-is-no-available-cluster-in-this-world';

type Watched = Pick<RunningWorld, 'store' | 'restored' | 'log'> & { readonly clusters: Pick<RunningWorld['clusters'], 'credentials'> };

/**
 * Writes the file, and keeps it in step with the available clusters: a context for each, called as the cluster is, the newest
 * one current. @param proxyUrl of the visitors' way. Returns how to stop.
 */
export async function watchKubeconfig(world: Watched, file: string, proxyUrl: string): Promise<() => void> {
  let written: string | undefined;
  const update = async (): Promise<void> => {
    const available = world.store.table<CceClusterRow>('cce.clusters').where(({ phase }) => phase === 'Available');
    const key = available.map(({ id, internal_address }) => `${id} ${internal_address}`).join();
    if (key === written) return;
    written = key;
    const made = await Promise.all(available.map((cluster) => entryOf(world, cluster, proxyUrl)));
    const named = made.map((entry, index) => ({ ...entry, name: nameOf(available, index) }));
    // JSON is YAML.
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': named.at(-1)?.name ?? noCluster,
      clusters: named.map(({ name, cluster }) => ({ name, cluster })),
      users: named.map(({ name, user }) => ({ name, user })),
      contexts: named.map(({ name }) => ({ name, context: { cluster: name, user: name } })),
    };
    // kubectl must never read half of it.
    await writeFile(`${file}.new`, JSON.stringify(config, null, 1), { mode: 0o600 });
    await rename(`${file}.new`, file);
  };
  let last = Promise.resolve();
  const refresh = (): Promise<void> => {
    last = last.then(update, update);
    return last;
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

interface Entry {
  readonly cluster: Readonly<Record<string, string>>;
  readonly user: Readonly<Record<string, string>>;
}

async function entryOf({ clusters }: Watched, { id, internal_address }: CceClusterRow, proxyUrl: string): Promise<Entry> {
  const { caPem, certPem, keyPem } = await clusters.credentials(id, { user: 'sandbox-visitor', groups: ['system:masters'], days: 365 });
  const data = (pem: string): string => Buffer.from(pem).toString('base64');
  return {
    cluster: { server: `https://${internal_address}:5443`, 'proxy-url': proxyUrl, 'certificate-authority-data': data(caPem) },
    user: { 'client-certificate-data': data(certPem), 'client-key-data': data(keyPem) },
  };
}

/** Names are unique in a project only: the newer of two bears it alone. */
function nameOf(clusters: readonly CceClusterRow[], index: number): string {
  const { id = '', name = '' } = clusters[index] ?? {};
  return clusters.slice(index + 1).some((newer) => newer.name === name) ? `${name}-${id.slice(0, 8)}` : name;
}
