/**
 * Owns where the kubelet finds Secrets and ConfigMaps: its watch's memory first, the API server where that does not know them
 * (yet), and the kubelet's own words where there is none. What is made of them: `env.ts`, `volumes.ts`.
 */
import type { KubeApi } from '../api.ts';
import type { ConfigMap, KubeObject, Secret } from '../objects.ts';

export interface Sources {
  secret(namespace: string, name: string): Promise<Secret | undefined>;
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined>;
  /** Fires after each change of a Secret or ConfigMap, with its namespace. */
  onChange(listener: (namespace: string) => void): () => void;
}

/** Something the pod names is not there: the container or volume cannot be made; the message is the kubelet's. */
export class NotThere extends Error {}

/** Follows all Secrets and ConfigMaps of a cluster. */
export function followSources(kube: KubeApi, signal: AbortSignal, failed: (error: unknown) => void): Sources {
  const listeners = new Set<(namespace: string) => void>();
  const memory = <T extends KubeObject>(resource: string) => {
    const known = new Map<string, T>();
    const key = (object: T) => `${object.metadata.namespace}/${object.metadata.name}`;
    const tell = (object: T) => {
      for (const listener of [...listeners]) listener(object.metadata.namespace ?? '');
    };
    kube.follow<T>(
      `/api/v1/${resource}`,
      {
        changed: (object) => {
          known.set(key(object), object);
          tell(object);
        },
        removed: (object) => {
          known.delete(key(object));
          tell(object);
        },
        failed,
      },
      signal,
    );
    // The watch may lag behind what the pod's author wrote just before the pod.
    return async (namespace: string, name: string) =>
      known.get(`${namespace}/${name}`) ?? (await kube.get<T>(`/api/v1/namespaces/${namespace}/${resource}/${name}`));
  };
  return {
    secret: memory<Secret>('secrets'),
    configMap: memory<ConfigMap>('configmaps'),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
