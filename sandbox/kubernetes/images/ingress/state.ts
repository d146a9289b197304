/**
 * Owns what an ingress controller knows of its cluster: Ingresses of its class, services, certificates, Contour's proxies. It
 * follows them and says when something changed; it also writes the address into the Ingresses' status.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { KubeApi } from '../../api.ts';
import type { Secret, Service } from '../../objects.ts';
import { type Flavour, type HttpProxy, type Ingress, ingressTable, type RoutedService, type Table, withProxies } from './routes.ts';

export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface IngressState {
  table(): Table;
  /** The certificate of a Secret, undefined where it is missing or no valid pair. */
  certificate(secret: { readonly namespace: string; readonly name: string }): Certificate | undefined;
  onChange(listener: () => void): void;
  /** Resolves when everything was read once. */
  readonly synced: Promise<void>;
}

export interface StateOptions {
  readonly flavour: Flavour;
  /** Is the object of a class that the controller serves? `undefined` where it names none. */
  readonly serves: (className: string | undefined) => boolean;
  readonly proxies: boolean;
  readonly failed: (error: unknown) => void;
}

export function followIngresses(kube: KubeApi, options: StateOptions, signal: AbortSignal): IngressState {
  const ingresses = new Map<string, Ingress>();
  const services = new Map<string, RoutedService>();
  const secrets = new Map<string, Secret>();
  const proxies = new Map<string, HttpProxy>();
  const listeners: (() => void)[] = [];
  const waiting: Promise<void>[] = [];
  const key = ({ metadata }: { metadata: { name: string; namespace?: string } }): string => `${metadata.namespace ?? ''}/${metadata.name}`;
  const tell = (): void => {
    for (const listener of listeners) listener();
  };
  const follow = <T extends Ingress | RoutedService | Secret | HttpProxy>(path: string, into: Map<string, T>, awaited = true): void => {
    let synced: () => void = () => undefined;
    const listed = new Promise<void>((resolve) => {
      synced = resolve;
    });
    if (awaited) waiting.push(listed);
    kube.follow<T>(
      path,
      {
        changed: (object) => {
          into.set(key(object), object);
          tell();
        },
        removed: (object) => {
          into.delete(key(object));
          tell();
        },
        synced: () => synced(),
        failed: options.failed,
      },
      signal,
    );
  };
  follow('/apis/networking.k8s.io/v1/ingresses', ingresses);
  follow('/api/v1/services', services);
  follow('/api/v1/secrets?fieldSelector=type%3Dkubernetes.io%2Ftls', secrets);
  if (options.proxies) follow('/apis/projectcontour.io/v1/httpproxies', proxies, false);

  const classOf = (object: Ingress | HttpProxy): string | undefined =>
    object.spec.ingressClassName ?? object.metadata.annotations?.['kubernetes.io/ingress.class'];
  return {
    table() {
      const mine = [...ingresses.values()].filter((ingress) => options.serves(classOf(ingress)));
      const table = ingressTable(mine, services, options.flavour);
      const own = [...proxies.values()].filter((proxy) => options.serves(classOf(proxy)));
      return options.proxies ? withProxies(table, own, services, options.flavour) : table;
    },
    certificate({ namespace, name }) {
      return pairOf(secrets.get(`${namespace}/${name}`));
    },
    onChange: (listener) => listeners.push(listener),
    synced: Promise.all(waiting).then(() => undefined),
  };
}

export function pairOf(secret: Secret | undefined): Certificate | undefined {
  const read = (name: string): string => Buffer.from(secret?.data?.[name] ?? '', 'base64').toString('utf8');
  const [cert, key] = [read('tls.crt'), read('tls.key')];
  if (cert === '' || key === '') return undefined;
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)) ? { cert, key } : undefined;
  } catch (error) {
    // A Secret whose content is no certificate is one that does not serve; anything else is a defect.
    if ((error as { code?: string }).code?.startsWith('ERR_OSSL') === true) return undefined;
    throw error;
  }
}

/** Writes the addresses of the controller's own service into the status of the Ingresses that it serves; runs until the signal. */
export function publishStatus(
  kube: KubeApi,
  options: {
    readonly service: { readonly namespace: string; readonly name: string };
    readonly serves: StateOptions['serves'];
    readonly failed: StateOptions['failed'];
  },
  signal: AbortSignal,
): void {
  const ingresses = new Map<string, Ingress>();
  let addresses: readonly { readonly ip?: string; readonly hostname?: string }[] = [];
  const write = async (ingress: Ingress): Promise<void> => {
    const { namespace, name } = ingress.metadata;
    if (!options.serves(ingress.spec.ingressClassName ?? ingress.metadata.annotations?.['kubernetes.io/ingress.class'])) return;
    if (JSON.stringify(ingress.status?.loadBalancer?.ingress ?? []) === JSON.stringify(addresses)) return;
    // An update of what was seen: none of the charts gives the right to patch (contour 0.7.0, ingress-nginx 4.15.1, kubernetes-ingress 1.52.1).
    const path = `/apis/networking.k8s.io/v1/namespaces/${namespace}/ingresses/${name}/status`;
    const answer = await kube.request<{ message?: string }>('PUT', path, { ...ingress, status: { loadBalancer: { ingress: addresses } } });
    // Gone, or changed meanwhile: the change itself comes along and is written then.
    if (answer.status >= 400 && answer.status !== 404 && answer.status !== 409)
      options.failed(new Error(`status of ingress ${name}: ${answer.body.message ?? answer.status}`));
  };
  const all = (): void => {
    for (const ingress of ingresses.values()) write(ingress).catch(options.failed);
  };
  kube.follow<Service>(
    `/api/v1/namespaces/${options.service.namespace}/services?fieldSelector=metadata.name%3D${options.service.name}`,
    {
      changed: (service) => {
        addresses = (service.status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ({
          ...(ip === undefined ? {} : { ip }),
          ...(hostname === undefined ? {} : { hostname }),
        }));
        all();
      },
      removed: () => {
        addresses = [];
        all();
      },
      failed: options.failed,
    },
    signal,
  );
  kube.follow<Ingress>(
    '/apis/networking.k8s.io/v1/ingresses',
    {
      changed: (ingress) => {
        ingresses.set(`${ingress.metadata.namespace}/${ingress.metadata.name}`, ingress);
        write(ingress).catch(options.failed);
      },
      removed: (ingress) => ingresses.delete(`${ingress.metadata.namespace}/${ingress.metadata.name}`),
      failed: options.failed,
    },
    signal,
  );
}
