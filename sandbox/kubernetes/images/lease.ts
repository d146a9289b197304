/**
 * Owns leader election as client-go does it for the controllers among the images: one pod holds a Lease and does the work,
 * the others wait for it. Who ends lets go of it (ReleaseOnCancel); whose Lease is not renewed in time loses it.
 */
import type { KubeApi } from '../api.ts';
import type { ContainerContext } from '../image.ts';
import type { KubeObject } from '../objects.ts';
import { sleep } from './patience.ts';

/** Seconds: client-go's defaults, which the charts leave as they are. */
const patience = { lease: 15, renew: 5, retry: 2 } as const;

interface Lease extends KubeObject {
  readonly spec: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

const leases = (namespace: string): string => `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
/** MicroTime. */
const now = (): string => new Date().toISOString().replace('Z', '000Z');

/**
 * Waits until this pod holds the Lease, and keeps it until the pod's signal fires.
 * @returns false where the signal fired before
 */
export async function elected(
  { pod, signal, log }: Pick<ContainerContext, 'pod' | 'signal' | 'log'>,
  kube: KubeApi,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): Promise<boolean> {
  const me = pod.metadata.name;
  /** Is it ours now? Another one's update that came first answers 409: it is looked at again. */
  const hold = async (): Promise<boolean> => {
    const found = await kube.get<Lease>(`${leases(namespace)}/${name}`);
    const times = { holderIdentity: me, leaseDurationSeconds: patience.lease, renewTime: now() };
    if (found === undefined) {
      const spec = { ...times, acquireTime: times.renewTime, leaseTransitions: 0 };
      const made = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name, namespace }, spec };
      return taken(await kube.request('POST', leases(namespace), made));
    }
    const { holderIdentity = '', leaseDurationSeconds = 0, renewTime, leaseTransitions = 0 } = found.spec;
    const ours = holderIdentity === me;
    if (!ours && holderIdentity !== '' && Date.parse(renewTime ?? '') + leaseDurationSeconds * 1000 > Date.now()) return false;
    const more = ours ? {} : { acquireTime: times.renewTime, leaseTransitions: leaseTransitions + 1 };
    return taken(await kube.request('PUT', `${leases(namespace)}/${name}`, { ...found, spec: { ...found.spec, ...times, ...more } }));
  };
  const tried = async (): Promise<boolean> => {
    try {
      return await hold();
    } catch (error) {
      if (!signal.aborted) log(`E error retrieving resource lock ${namespace}/${name}: ${(error as Error).message}`);
      return false;
    }
  };
  while (!signal.aborted) {
    if (await tried()) {
      log(`I successfully acquired lease ${namespace}/${name}`);
      void keep(tried, signal).then(() => release(kube, `${leases(namespace)}/${name}`, me, log));
      return true;
    }
    await sleep(patience.retry * 1000, signal);
  }
  return false;
}

/** @throws Error with the server's words, such as a right that the service account lacks */
function taken({ status, body }: { readonly status: number; readonly body: unknown }): boolean {
  if (status >= 400 && status !== 409) throw new Error((body as { readonly message?: string }).message ?? `HTTP ${status}`);
  return status < 400;
}

async function keep(renew: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleep(patience.renew * 1000, signal);
    if (!signal.aborted) await renew();
  }
}

async function release(kube: KubeApi, path: string, me: string, log: (line: string) => void): Promise<void> {
  try {
    const found = await kube.get<Lease>(path);
    if (found?.spec.holderIdentity !== me) return;
    await kube.request('PUT', path, { ...found, spec: { ...found.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: now() } });
  } catch (error) {
    // The cluster may end with its pods.
    log(`E failed to release lock: ${(error as Error).message}`);
  }
}
