/**
 * Owns the meaning of Ingress and HTTPProxy objects for the ingress controllers' stand-ins: which hosts and paths lead to which
 * service and how, which certificate a host has. Pure; where they come from is `state.ts`, who serves them is `proxy.ts`.
 */
import type { KubeObject, ServicePort } from '../../objects.ts';

export interface Backend {
  readonly service?: { readonly name: string; readonly port?: { readonly number?: number; readonly name?: string } };
}

export interface Ingress extends KubeObject {
  readonly spec: {
    readonly ingressClassName?: string;
    readonly tls?: readonly { readonly hosts?: readonly string[]; readonly secretName?: string }[];
    readonly rules?: readonly {
      readonly host?: string;
      readonly http?: { readonly paths: readonly { readonly path?: string; readonly pathType: string; readonly backend: Backend }[] };
    }[];
    readonly defaultBackend?: Backend;
  };
  readonly status?: { readonly loadBalancer?: { readonly ingress?: readonly unknown[] } };
}

export interface HttpProxy extends KubeObject {
  readonly spec: {
    readonly ingressClassName?: string;
    readonly virtualhost?: { readonly fqdn: string; readonly tls?: { readonly secretName?: string } };
    readonly routes?: readonly {
      readonly conditions?: readonly { readonly prefix?: string }[];
      readonly permitInsecure?: boolean;
      readonly services?: readonly { readonly name: string; readonly port: number; readonly protocol?: string }[];
    }[];
  };
}

/** A Service as a controller sees it; `appProtocol` decides for some. */
export interface RoutedService extends KubeObject {
  readonly spec: { readonly ports?: readonly (ServicePort & { readonly appProtocol?: string })[] };
}

export type Upstream = 'http/1.1' | 'h2c' | 'tls';

export interface Route {
  readonly host: string;
  readonly path: string;
  readonly exact: boolean;
  readonly namespace: string;
  readonly service: string;
  readonly port: string | number;
  readonly upstream: Upstream;
  /** Plain HTTP answers with a redirect of this status instead. */
  readonly redirect: number | undefined;
  /** For one of the two ports alone; for both where it is not said. */
  readonly only?: 'http' | 'https';
}

export interface Table {
  readonly routes: readonly Route[];
  /** Host to the Secret of its certificate. */
  readonly certificates: ReadonlyMap<string, { readonly namespace: string; readonly name: string }>;
}

/** What differs between the controllers. */
export interface Flavour {
  /** How requests reach a service, asked of its Ingress and itself. */
  upstream(ingress: KubeObject, service: RoutedService | undefined, port: string | number): Upstream;
  /** Status of the redirect from plain HTTP, where there is one. */
  redirect(ingress: Ingress, hasTls: boolean): number | undefined;
}

export function ingressTable(ingresses: readonly Ingress[], services: ReadonlyMap<string, RoutedService>, flavour: Flavour): Table {
  const routes: Route[] = [];
  const certificates = new Map<string, { namespace: string; name: string }>();
  for (const ingress of ingresses) {
    const namespace = ingress.metadata.namespace ?? 'default';
    const secure = new Set<string>();
    for (const { hosts = [], secretName } of ingress.spec.tls ?? []) {
      for (const host of hosts) {
        secure.add(host);
        if (secretName !== undefined) certificates.set(host.toLowerCase(), { namespace, name: secretName });
      }
    }
    for (const { host = '*', http } of ingress.spec.rules ?? []) {
      for (const { path = '/', pathType, backend } of http?.paths ?? []) {
        if (backend.service === undefined) continue;
        const port = backend.service.port?.number ?? backend.service.port?.name ?? 80;
        routes.push({
          host: host.toLowerCase(),
          path,
          exact: pathType === 'Exact',
          namespace,
          service: backend.service.name,
          port,
          upstream: flavour.upstream(ingress, services.get(`${namespace}/${backend.service.name}`), port),
          redirect: flavour.redirect(ingress, secure.has(host)),
        });
      }
    }
  }
  return { routes, certificates };
}

/** Adds Contour's own kind: TLS means redirect unless a route permits plain HTTP. */
export function withProxies(table: Table, proxies: readonly HttpProxy[], services: ReadonlyMap<string, RoutedService>, flavour: Flavour): Table {
  const routes = [...table.routes];
  const certificates = new Map(table.certificates);
  for (const proxy of proxies) {
    const namespace = proxy.metadata.namespace ?? 'default';
    const host = proxy.spec.virtualhost?.fqdn.toLowerCase();
    if (host === undefined) continue;
    const secretName = proxy.spec.virtualhost?.tls?.secretName;
    if (secretName !== undefined) {
      const [ns, name] = secretName.includes('/') ? secretName.split('/') : [namespace, secretName];
      certificates.set(host, { namespace: ns ?? namespace, name: name ?? secretName });
    }
    for (const { conditions = [], services: targets = [], permitInsecure } of proxy.spec.routes ?? []) {
      const [target] = targets;
      if (target === undefined) continue;
      const own = target.protocol === 'h2c' ? 'h2c' : target.protocol === undefined ? undefined : 'tls';
      routes.push({
        host,
        path: conditions.map(({ prefix = '' }) => prefix).join('') || '/',
        exact: false,
        namespace,
        service: target.name,
        port: target.port,
        upstream: own ?? flavour.upstream(proxy, services.get(`${namespace}/${target.name}`), target.port),
        redirect: secretName !== undefined && permitInsecure !== true ? 301 : undefined,
      });
    }
  }
  return { routes, certificates };
}

/** The route of a request: its host first, then the exact path, then the longest prefix by whole path elements. */
export function match(routes: readonly Route[], host: string, path: string): Route | undefined {
  const wanted = host.toLowerCase().replace(/:\d+$/, '');
  const fits = (route: Route): boolean => {
    if (route.exact) return path === route.path;
    const prefix = route.path.endsWith('/') ? route.path.slice(0, -1) : route.path;
    return prefix === '' || path === prefix || path.startsWith(`${prefix}/`);
  };
  const own = routes.filter((route) => route.host === wanted || (route.host.startsWith('*.') && wanted.endsWith(route.host.slice(1))));
  const candidates = (own.length > 0 ? own : routes.filter(({ host: any }) => any === '*')).filter(fits);
  return candidates.sort((a, b) => Number(b.exact) - Number(a.exact) || b.path.length - a.path.length)[0];
}
