/**
 * Owns what external-dns 0.21 makes of HTTPRoutes and their Gateways (`source/gateway.go` of v0.21.0, its page "Gateway API Route
 * Sources"): a route counts for each Gateway that has accepted it, by the listeners that it names; the target annotation stands
 * on the Gateway, all others on the route. Pure; Ingresses and Services are `external-dns-plan.ts`'s.
 */
import type { KubeObject } from '../objects.ts';
import type { Condition, Gateway, HttpRoute, Listener } from './envoy-gateway/objects.ts';
import { annotation, type Endpoint, endpointsFor, listed, refused } from './external-dns-plan.ts';

interface ParentStatus {
  readonly parentRef: { readonly name: string; readonly namespace?: string; readonly sectionName?: string; readonly kind?: string };
  readonly conditions?: readonly Condition[];
}

export interface GatewayObjects {
  readonly routes: readonly HttpRoute[];
  readonly gateways: readonly Gateway[];
  readonly namespaces: readonly KubeObject[];
}

export function routeEndpoints({ routes, gateways, namespaces }: GatewayObjects): Endpoint[] {
  return routes.flatMap((route) => {
    if (refused(route)) return [];
    const { name, namespace = '' } = route.metadata;
    const targets = new Map<string, string[]>();
    for (const { parentRef, conditions = [] } of (route.status?.parents ?? []) as readonly ParentStatus[]) {
      const where = parentRef.namespace ?? namespace;
      const gateway = gateways.find(({ metadata }) => metadata.name === parentRef.name && metadata.namespace === where);
      const named = (route.spec.parentRefs ?? []).some(
        (one) => one.name === parentRef.name && (one.namespace ?? namespace) === where && one.sectionName === parentRef.sectionName,
      );
      const accepted = conditions.some(({ type, status }) => type === 'Accepted' && status === 'True');
      if ((parentRef.kind ?? 'Gateway') !== 'Gateway' || gateway === undefined || !named || !accepted) continue;
      for (const listener of gateway.spec.listeners) {
        const matches = parentRef.sectionName === undefined || parentRef.sectionName === listener.name;
        if (!matches || !['HTTP', 'HTTPS'].includes(listener.protocol) || !allows(gateway, listener, namespace, namespaces)) continue;
        for (const host of hostsOf(route, listener)) targets.set(host, [...(targets.get(host) ?? []), ...targetsOf(gateway)]);
      }
    }
    return [...targets].flatMap(([host, list]) => endpointsFor(host, list, route, `httproute/${namespace}/${name}`));
  });
}

function targetsOf(gateway: Gateway): readonly string[] {
  const named = listed(annotation(gateway, 'target'));
  if (named.length > 0) return named;
  const { addresses = [] } = (gateway.status ?? {}) as { addresses?: readonly { readonly value: string }[] };
  return addresses.map(({ value }) => value);
}

function allows(gateway: Gateway, { allowedRoutes }: Listener, namespace: string, namespaces: readonly KubeObject[]): boolean {
  const { from = 'Same', selector } = allowedRoutes?.namespaces ?? {};
  if (from === 'All') return true;
  if (from === 'Same') return namespace === gateway.metadata.namespace;
  const labels = namespaces.find(({ metadata }) => metadata.name === namespace)?.metadata.labels;
  return labels !== undefined && Object.entries(selector?.matchLabels ?? {}).every(([key, value]) => labels[key] === value);
}

/** The part of the route's names that the listener serves; a route without any takes the listener's. */
function hostsOf(route: HttpRoute, { hostname = '' }: Listener): string[] {
  const own = [...(route.spec.hostnames ?? []), ...listed(annotation(route, 'hostname'))];
  const names = (route.spec.hostnames ?? []).length === 0 ? ['', ...own] : own;
  return [...new Set(names.flatMap((name) => narrowed(hostname, name) ?? []))];
}

function narrowed(listener: string, name: string): string | undefined {
  if (listener === '' || name === '' || listener === name) return name || listener || undefined;
  const under = (wildcard: string, other: string): boolean => wildcard.startsWith('*.') && other.endsWith(wildcard.slice(1));
  if (under(listener, name)) return name;
  return under(name, listener) ? listener : undefined;
}
