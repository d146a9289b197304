/**
 * Owns watching something go: deletion in a cluster waits for finalizers of others, and neither helm nor kubectl says for
 * which. What is still there is said while it is waited for, and named where the wait ends without success.
 */
import { asFault, Cancelled, Fault } from '../engine/fault.ts';
import type { Run } from '../engine/resource.ts';
import { pauseFor } from '../engine/until.ts';
import type { KubeObject } from '../tools/api.ts';
import { decodeRelease } from '../tools/helm.ts';
import type { Cluster } from '../tools/toolbox.ts';
import { objectsOf } from './manifest.ts';
import { discoverPath, type Manifest, objectPath } from './paths.ts';

const SAY_EVERY_SECONDS = 30;
/** Most things go within seconds; only the rest is worth a list. */
const NAMED = 5;

/**
 * Uninstalls a release and waits for its objects to go.
 * @param hooks false leaves the chart's own clean-up out
 * @throws Fault that names the objects that are still there, and what they wait for
 */
export async function uninstall(
  cluster: Cluster,
  { namespace, release }: { namespace: string; release: string },
  hooks: boolean,
  run: Run,
): Promise<void> {
  const [helm, objects] = await Promise.all([cluster.helm(run), objectsIn(cluster, namespace, release, run.signal)]);
  await watchedRemoval(`release ${namespace}/${release}`, cluster, namespace, objects, run, () =>
    helm.uninstall(release, namespace, hooks, run.signal),
  );
}

/** Deletes an object and waits until it is gone. @throws Fault that says what it waits for */
export async function remove(cluster: Cluster, resource: string, identity: Manifest, run: Run): Promise<void> {
  const kubectl = await cluster.kubectl(run);
  const { name, namespace } = identity.metadata;
  const work = (): Promise<void> => kubectl.remove(resource, name, namespace, run.signal);
  await watchedRemoval(`${identity.kind} ${name}`, cluster, namespace ?? '', [identity], run, work);
}

async function watchedRemoval(
  what: string,
  cluster: Cluster,
  namespace: string,
  objects: readonly Manifest[],
  run: Run,
  work: () => Promise<void>,
): Promise<void> {
  const end = new AbortController();
  const started = Date.now();
  const left = async (signal: AbortSignal): Promise<string> => {
    const found = await Promise.all(objects.map((object) => stillThere(cluster, namespace, object, signal)));
    const there = found.filter((one) => one !== undefined);
    return there.length > NAMED ? `${there.slice(0, NAMED).join('; ')}; and ${there.length - NAMED} more` : there.join('; ');
  };
  const watching = (async (): Promise<void> => {
    const signal = AbortSignal.any([end.signal, run.signal]);
    try {
      for (;;) {
        await pauseFor(SAY_EVERY_SECONDS, signal);
        run.say(
          `waiting for ${what} to go (${Math.round((Date.now() - started) / 1000)} s): ${(await left(signal)) || 'all of its objects are gone'}`,
        );
      }
    } catch (error) {
      // Looking only informs; the removal's own result counts.
      if (!(error instanceof Cancelled)) run.say(`cannot look at what is left of ${what}: ${asFault(error).message}`);
    }
  })();
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Fault) || run.signal.aborted) throw error;
    const rest = await left(run.signal).catch((unread: unknown) => `what is, could not be read (${asFault(unread).message})`);
    throw rest === '' ? error : new Fault(`${error.message}; still there: ${rest}`, { resource: what, code: error.code, hint: STUCK, cause: error });
  } finally {
    end.abort();
    await watching;
  }
}

const STUCK =
  'Whoever set a finalizer must take it away: look at that controller first. Where it is gone for good, remove the finalizer by hand. Running again continues from here.';

/** What keeps an object, in the API server's words; undefined where it is gone, or is to stay. */
async function stillThere(cluster: Cluster, namespace: string, object: Manifest, signal: AbortSignal): Promise<string | undefined> {
  const path = object.kind === 'Namespace' ? objectPath(object) : await discoverPath(object, namespace, cluster.api, signal);
  const live = path === undefined ? undefined : await cluster.api.get(path, signal);
  if (live === undefined || live.metadata.annotations?.['helm.sh/resource-policy'] === 'keep') return undefined;
  return `${object.kind} ${object.metadata.name} (${deletionState(live)})`;
}

/** Why an object that is being deleted is still there. */
export function deletionState(live: KubeObject): string {
  const { deletionTimestamp, finalizers = [] } = live.metadata as { deletionTimestamp?: string; finalizers?: readonly string[] };
  if (deletionTimestamp === undefined) return 'not deleted yet';
  const { conditions = [] } = (live['status'] ?? {}) as { conditions?: readonly { type: string; status: string; message?: string }[] };
  // A namespace says by its conditions what is left in it.
  const told = conditions.filter(({ type, status, message }) => status === 'True' && message !== undefined && /Remaining|Failure/.test(type));
  const why = [...told.map(({ message }) => message), ...(finalizers.length === 0 ? [] : [`finalizers ${finalizers.join(', ')}`])];
  return [`being deleted since ${deletionTimestamp}`, ...why].join(', ');
}

/** Objects of a release's newest revision; none where there is no release. */
async function objectsIn(cluster: Cluster, namespace: string, release: string, signal: AbortSignal): Promise<Manifest[]> {
  const selector = encodeURIComponent(`owner=helm,name=${release},status!=superseded`);
  const found = await cluster.api.list(`/api/v1/namespaces/${namespace}/secrets?labelSelector=${selector}`, signal);
  const newest = found.toSorted((a, b) => Number(a.metadata.labels?.['version'] ?? 0) - Number(b.metadata.labels?.['version'] ?? 0)).at(-1);
  if (newest === undefined) return [];
  const { manifest, version } = decodeRelease(newest);
  return objectsOf({ manifest, version, hooks: [] });
}
