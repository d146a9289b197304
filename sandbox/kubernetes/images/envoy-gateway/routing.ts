/**
 * Owns what a Gateway with its routes means: which listeners can be served, which routes are taken by which of them, and the
 * table that its Envoys serve. Pure. Only what lies in the Gateway's own namespace is reached (no ReferenceGrants here).
 */
import type { Secret } from '../../objects.ts';
import type { Route, RoutedService, Table, Upstream } from '../ingress/routes.ts';
import { type Certificate, pairOf } from '../ingress/state.ts';
import { type Gateway, type HttpRoute, keyOf, type Listener } from './objects.ts';

export interface Known {
  readonly services: ReadonlyMap<string, RoutedService>;
  readonly secrets: ReadonlyMap<string, Secret>;
  readonly routes: readonly HttpRoute[];
}

/** Why a listener's certificate cannot be served, in the controller's words; undefined where it can, or needs none. */
export function certificateFault(gateway: Gateway, listener: Listener, secrets: Known['secrets']): string | undefined {
  if (listener.protocol !== 'HTTPS') return undefined;
  const [reference] = listener.tls?.certificateRefs ?? [];
  if (reference === undefined) return 'certificate refs: Listener must have at least 1 TLS certificate ref.';
  const key = `${reference.namespace ?? gateway.metadata.namespace}/${reference.name}`;
  const secret = secrets.get(key);
  if (secret === undefined) return `certificate refs 0: Secret ${key} does not exist.`;
  return pairOf(secret) === undefined ? `certificate refs 0: Secret ${key} must contain a valid tls.crt and tls.key.` : undefined;
}

export function certificateOf(gateway: Gateway, listener: Listener, secrets: Known['secrets']): Certificate | undefined {
  const [reference] = listener.tls?.certificateRefs ?? [];
  return reference === undefined ? undefined : pairOf(secrets.get(`${reference.namespace ?? gateway.metadata.namespace}/${reference.name}`));
}

/** Listeners that take a route: named by it, in a namespace they allow, of a host name they serve. */
export function takenBy(gateway: Gateway, route: HttpRoute): readonly Listener[] {
  const { name, namespace } = gateway.metadata;
  const references = (route.spec.parentRefs ?? []).filter(
    (reference) =>
      (reference.kind ?? 'Gateway') === 'Gateway' && reference.name === name && (reference.namespace ?? route.metadata.namespace) === namespace,
  );
  return gateway.spec.listeners.filter(
    (listener) =>
      references.some(({ sectionName }) => sectionName === undefined || sectionName === listener.name) &&
      (listener.allowedRoutes?.namespaces?.from === 'All' || route.metadata.namespace === namespace) &&
      hostsOf(route, listener).length > 0,
  );
}

/** Host names that both name; a listener or route without any serves all. */
function hostsOf(route: HttpRoute, { hostname }: Listener): readonly string[] {
  const hosts = route.spec.hostnames ?? [];
  if (hosts.length === 0) return [hostname ?? '*'];
  if (hostname === undefined) return hosts;
  return hosts.filter((host) => host === hostname || (hostname.startsWith('*.') && host.endsWith(hostname.slice(1))));
}

/** Services that a route names and that are not there. */
export function missingBackends(route: HttpRoute, services: Known['services']): readonly string[] {
  const { namespace = '' } = route.metadata;
  const named = (route.spec.rules ?? []).flatMap(({ backendRefs = [] }) => backendRefs);
  return named.map((reference) => `${reference.namespace ?? namespace}/${reference.name}`).filter((key) => !services.has(key));
}

/** What Envoy serves for a Gateway. */
export function gatewayTable(gateway: Gateway, known: Known): Table {
  const routes: Route[] = [];
  const certificates = new Map<string, { namespace: string; name: string }>();
  for (const listener of gateway.spec.listeners) {
    if (certificateFault(gateway, listener, known.secrets) !== undefined) continue;
    const [reference] = listener.tls?.certificateRefs ?? [];
    if (reference !== undefined)
      certificates.set(listener.hostname ?? '*', { namespace: reference.namespace ?? gateway.metadata.namespace ?? '', name: reference.name });
    for (const route of known.routes.filter((one) => takenBy(gateway, one).includes(listener)))
      routes.push(...hostsOf(route, listener).flatMap((host) => rulesOf(route, host, listener, known.services)));
  }
  return { routes, certificates };
}

function rulesOf(route: HttpRoute, host: string, listener: Listener, services: Known['services']): Route[] {
  const { namespace = '' } = route.metadata;
  return (route.spec.rules ?? []).flatMap(({ matches = [{}], filters = [], backendRefs = [] }) => {
    const redirect = filters.find(({ type }) => type === 'RequestRedirect')?.requestRedirect;
    const [backend] = backendRefs;
    const service = backend === undefined ? undefined : services.get(`${backend.namespace ?? namespace}/${backend.name}`);
    return matches.map(
      ({ path }): Route => ({
        host: host.toLowerCase(),
        path: path?.value ?? '/',
        exact: path?.type === 'Exact',
        namespace: backend?.namespace ?? namespace,
        service: backend?.name ?? '',
        port: backend?.port ?? 80,
        upstream: protocolOf(service, backend?.port),
        redirect: redirect === undefined ? undefined : (redirect.statusCode ?? 302),
        only: listener.protocol === 'HTTPS' ? 'https' : 'http',
      }),
    );
  });
}

/** By the `appProtocol` of the Service's port alone (GEP-1911). */
function protocolOf(service: RoutedService | undefined, port: number | undefined): Upstream {
  return service?.spec.ports?.find((one) => one.port === port)?.appProtocol === 'kubernetes.io/h2c' ? 'h2c' : 'http/1.1';
}

/** Routes that name a Gateway, whether it takes them or not. */
export function namedBy(gateway: Gateway, routes: readonly HttpRoute[]): readonly HttpRoute[] {
  const { name, namespace } = gateway.metadata;
  const names = ({ metadata, spec }: HttpRoute): boolean =>
    (spec.parentRefs ?? []).some((reference) => reference.name === name && (reference.namespace ?? metadata.namespace) === namespace);
  return routes.filter(names).toSorted((a, b) => keyOf(a).localeCompare(keyOf(b)));
}
