/**
 * Owns what a cluster knows of its services: a memory of Services and EndpointSlices, and answers from it. Who listens on
 * their addresses is `service-network.ts`.
 */
import type { KubeApi } from './api.ts';
import type { EndpointSlice, KubeObject, Service } from './objects.ts';

export interface Endpoint {
  readonly address: string;
  readonly port: number;
  readonly node: string | undefined;
}

export interface Services {
  all(): readonly Service[];
  get(name: string, namespace: string): Service | undefined;
  /** Ready endpoints of one port of a service, by the port's name or number. */
  endpoints(name: string, namespace: string, port: string | number): Endpoint[];
  /** The service's address; of a headless one its ready endpoints' addresses. */
  addresses(name: string, namespace: string): string[];
  /** Fires after each change, with the service's key (`namespace/name`). */
  onChange(listener: (key: string) => void): () => void;
  /** Resolves when both lists were read once. */
  readonly synced: Promise<void>;
}

/** Follows a cluster's services until `signal` fires. */
export function followServices(kube: KubeApi, signal: AbortSignal, failed: (error: unknown) => void): Services {
  const services = new Map<string, Service>();
  const slices = new Map<string, Map<string, EndpointSlice>>();
  const listeners = new Set<(key: string) => void>();
  const tell = (key: string) => {
    for (const listener of [...listeners]) listener(key);
  };
  const keyOf = ({ metadata }: KubeObject) => `${metadata.namespace}/${metadata.name}`;
  const serviceOf = ({ metadata }: EndpointSlice) => `${metadata.namespace}/${metadata.labels?.['kubernetes.io/service-name'] ?? ''}`;

  const synced: (() => void)[] = [];
  const lists = [0, 1].map((index) => new Promise<void>((resolve) => synced.splice(index, 0, resolve)));
  kube.follow<Service>(
    '/api/v1/services',
    {
      changed: (service) => {
        services.set(keyOf(service), service);
        tell(keyOf(service));
      },
      removed: (service) => {
        services.delete(keyOf(service));
        tell(keyOf(service));
      },
      synced: () => synced[0]?.(),
      failed,
    },
    signal,
  );
  kube.follow<EndpointSlice>(
    '/apis/discovery.k8s.io/v1/endpointslices',
    {
      changed: (slice) => {
        const key = serviceOf(slice);
        const known = slices.get(key) ?? new Map<string, EndpointSlice>();
        slices.set(key, known.set(slice.metadata.name, slice));
        tell(key);
      },
      removed: (slice) => {
        slices.get(serviceOf(slice))?.delete(slice.metadata.name);
        tell(serviceOf(slice));
      },
      synced: () => synced[1]?.(),
      failed,
    },
    signal,
  );

  function endpoints(name: string, namespace: string, port: string | number): Endpoint[] {
    const service = services.get(`${namespace}/${name}`);
    const meant = (service?.spec.ports ?? []).find((one) => one.name === port || one.port === port);
    if (meant === undefined) return [];
    return [...(slices.get(`${namespace}/${name}`)?.values() ?? [])].flatMap((slice) => {
      const found = (slice.ports ?? []).find((one) => (one.name ?? '') === (meant.name ?? ''))?.port;
      if (found === undefined) return [];
      return (slice.endpoints ?? [])
        .filter(({ conditions }) => conditions?.ready !== false)
        .flatMap(({ addresses, nodeName }) => addresses.map((address) => ({ address, port: found, node: nodeName })));
    });
  }

  return {
    all: () => [...services.values()],
    get: (name, namespace) => services.get(`${namespace}/${name}`),
    endpoints,
    addresses(name, namespace) {
      const service = services.get(`${namespace}/${name}`);
      const address = service?.spec.clusterIP ?? '';
      if (service === undefined) return [];
      if (address !== '' && address !== 'None') return [address];
      const [port] = service.spec.ports ?? [];
      return port === undefined ? [] : endpoints(name, namespace, port.name ?? port.port).map((one) => one.address);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    synced: Promise.all(lists).then(() => undefined),
  };
}

/**
 * The service that a name means inside a pod's namespace, by the search list of cluster DNS: `zitadel`, `zitadel.login`,
 * `zitadel.login.svc`, `zitadel.login.svc.cluster.local`. Undefined where the name has another form.
 */
export function serviceNamed(name: string, namespace: string): { readonly name: string; readonly namespace: string } | undefined {
  const short = name.replace(/\.$/, '').replace(/\.cluster\.local$/, '');
  const parts = short.replace(/\.svc$/, '').split('.');
  const [first = '', second] = parts;
  if (parts.length > 2 || (short !== name && parts.length !== 2)) return undefined;
  return { name: first, namespace: second ?? namespace };
}
