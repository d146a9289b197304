/**
 * Owns when a pod's volumes are made: tried until all are there, with the kubelet's events, and kept up to date afterwards. What
 * is in them is `volumes.ts`.
 */
import { pause } from '../api.ts';
import type { Pod, Volume } from '../objects.ts';
import type { PodFacts } from './env.ts';
import type { KubeletContext } from './kubelet-context.ts';
import { NotThere, type Sources } from './sources.ts';
import { scaled } from './time.ts';
import { isLive, setUpVolume } from './volumes.ts';

export interface PodVolumes {
  readonly kubelet: KubeletContext;
  pod(): Pod;
  readonly facts: PodFacts;
  readonly folder: string;
  /** The pod ends. */
  readonly signal: AbortSignal;
  event(type: 'Normal' | 'Warning', reason: string, message: string): void;
}

/** Makes the volumes, again and again until they are all there; false when the pod ends before. */
export async function mountVolumes(of: PodVolumes): Promise<boolean> {
  const volumes = of.pod().spec.volumes ?? [];
  const { world, sources } = of.kubelet;
  const done = new Set<string>();
  for (let round = 0; !of.signal.aborted; round += 1) {
    for (const volume of volumes) if (!done.has(volume.name) && (await tried(volume, of))) done.add(volume.name);
    if (done.size === volumes.length) {
      keepFresh(volumes.filter(isLive), of);
      return true;
    }
    const backOffMs = Math.max(scaled(world, 0.5 * 2 ** Math.min(round, 8)), Math.min(500 * 2 ** round, 5000));
    await sourcesChanged(sources, of.pod().metadata.namespace, backOffMs, of.signal);
  }
  return false;
}

const make = (volume: Volume, { kubelet: { kube, sources }, pod, facts, folder }: PodVolumes): Promise<void> =>
  setUpVolume(volume, { pod: pod(), facts, sources, kube, folder });

async function tried(volume: Volume, of: PodVolumes): Promise<boolean> {
  try {
    await make(volume, of);
    return true;
  } catch (error) {
    if (!(error instanceof NotThere)) throw error;
    of.event('Warning', 'FailedMount', `MountVolume.SetUp failed for volume "${volume.name}" : ${error.message}`);
    return false;
  }
}

/** Mounted Secrets and ConfigMaps follow their objects within about a minute of the cloud's time; tokens need no renewal here. */
function keepFresh(volumes: readonly Volume[], of: PodVolumes): void {
  const changing = volumes.filter(({ projected }) => projected === undefined);
  if (changing.length === 0) return;
  const { world, sources, failed } = of.kubelet;
  let planned = false;
  const refresh = async (): Promise<void> => {
    await pause(Math.max(scaled(world, 60), 200), of.signal);
    planned = false;
    for (const volume of changing) {
      if (of.signal.aborted) return;
      try {
        await make(volume, of);
      } catch (error) {
        // A Secret that is deleted leaves the files of running pods as they are.
        if (!(error instanceof NotThere)) throw error;
      }
    }
  };
  const forget = sources.onChange((namespace) => {
    if (planned || namespace !== of.pod().metadata.namespace) return;
    planned = true;
    refresh().catch(failed);
  });
  of.signal.addEventListener('abort', forget);
}

/** Waits until a Secret or ConfigMap of the namespace changes, at most so long. */
export async function sourcesChanged(sources: Sources, namespace: string | undefined, milliseconds: number, signal: AbortSignal): Promise<void> {
  const early = new AbortController();
  const stop = () => early.abort();
  signal.addEventListener('abort', stop);
  const forget = sources.onChange((changed) => {
    if (changed === namespace) early.abort();
  });
  if (!signal.aborted) await pause(milliseconds, early.signal);
  forget();
  signal.removeEventListener('abort', stop);
}
