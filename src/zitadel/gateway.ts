/**
 * Owns what Envoy Gateway is told by Gateway API (`ingress.controller: envoy-gateway`): the class, how its Envoys run and
 * which load balancer their Service is bound to, the Gateway with its listeners, the redirect to HTTPS. The controller's
 * release is `ingress.ts`'s; the routes to ZITADEL come with ZITADEL's chart (`values.ts`).
 * Fields and behaviour: Envoy Gateway v1.9.0 with Gateway API v1.6, its source and `charts/gateway-helm`.
 */
import { isDeepStrictEqual } from 'node:util';
import { asFault, Cancelled } from '../engine/fault.ts';
import type { AnyResource, Resource, Run } from '../engine/resource.ts';
import { type Look, until } from '../engine/until.ts';
import { type AppliedSeen, type AppliedSpec, applied, conditionOf, type NeedsCluster } from '../kube/applied.ts';
import { BOUND_TO, freeBoundServices } from '../kube/bound-services.ts';
import { after, type CloudNeeds, type Giving, isOurs, type KubeContext, keptFor, type LoadBalancerSeen, ourLabels } from '../kube/context.ts';
import { warnings } from '../kube/diagnosis.ts';
import { type Manifest, objectPath } from '../kube/paths.ts';
import { IN_THE_WAY, type Rival } from '../kube/rivals.ts';
import type { Stack } from '../stack/stack.ts';
import type { KubeObject } from '../tools/api.ts';
import type { Cluster } from '../tools/toolbox.ts';
import { targetAnnotation, ttlAnnotation } from './external-dns.ts';
import { GATEWAY, tlsSecretName } from './identity.ts';
import { spread } from './spread.ts';

/** Where the controller makes Envoys and their Service, too. */
export const ENVOY_NAMESPACE = 'envoy-gateway-system';
/** Not by `ingress.className`: a GatewayClass is none of an Ingress, and this one must be found when another controller is chosen. */
const CLASS = 'envoy-gateway';
const API = 'gateway.networking.k8s.io/v1';
/** In kubectl's words. */
const GATEWAY_KIND = 'gateway.gateway.networking.k8s.io';
const SERVICES = `/api/v1/namespaces/${ENVOY_NAMESPACE}/services`;

const SCHEDULE = { firstSeconds: 0.5, mostSeconds: 5, deadlineSeconds: 600, usualSeconds: 30 };
/** Seconds that the controller is given to take away what it made. */
const GONE = { firstSeconds: 0.5, mostSeconds: 2, deadlineSeconds: 90, usualSeconds: 10 };

type NeedsBalancer = NeedsCluster & { readonly loadBalancer: Giving<LoadBalancerSeen> };

/** What must be well first. */
export interface BeforeServing {
  /** Before what serves the domain is touched at all. */
  readonly before: readonly AnyResource[];
  /** Before what is served already gets another name or another certificate's Secret. */
  readonly served: readonly AnyResource[];
}

export interface GatewayOptions extends BeforeServing {
  readonly wanted: boolean;
  /** The controller's release, which brings the definitions of these kinds. */
  readonly controller: AnyResource;
  /** ZITADEL's namespace: the certificate's Secret and the routes are there. */
  readonly home: AnyResource;
  /** Annotations that bind a Service to the load balancer. */
  readonly annotations: (balancer: LoadBalancerSeen) => Readonly<Record<string, string>>;
  /** What holds the load balancer's ports when another controller was chosen before. */
  readonly rivals: readonly Rival[];
}

export interface GatewayResources {
  readonly all: readonly AnyResource[];
  readonly gateway: AnyResource;
}

export function gatewayResources(context: KubeContext, cloud: CloudNeeds, options: GatewayOptions): GatewayResources {
  const { stack } = context;
  const { wanted, controller, home, annotations } = options;
  const { kubeconfig, loadBalancer } = cloud;
  const labels = { labels: ourLabels(stack) };
  const gatewayClass = applied<NeedsCluster>(context, {
    id: 'ingress/gateway-class',
    title: `GatewayClass ${CLASS}`,
    needs: { kubeconfig, controller },
    wanted,
    identity: { apiVersion: API, kind: 'GatewayClass', metadata: { name: CLASS } },
    resource: 'gatewayclass.gateway.networking.k8s.io',
    fields: () => ({ metadata: labels, spec: { controllerName: 'gateway.envoyproxy.io/gatewayclass-controller' } }),
    usable: (live) => fulfilled(live, 'Accepted'),
    schedule: { ...SCHEDULE, deadlineSeconds: 180, usualSeconds: 5 },
  });
  const plainProxy = applied<NeedsBalancer>(context, {
    id: 'ingress/envoy-proxy',
    title: `EnvoyProxy ${stack.zitadel.namespace}/${GATEWAY}`,
    needs: { kubeconfig, loadBalancer, controller, home },
    wanted,
    identity: identityOf(stack, 'EnvoyProxy', GATEWAY),
    resource: 'envoyproxy.gateway.envoyproxy.io',
    fields: (needs) => ({ metadata: labels, spec: envoyProxySpec(stack, annotations(needs.loadBalancer)) }),
  });
  const envoyProxy: typeof plainProxy = {
    ...plainProxy,
    apply: async (spec, seen, changes, run) => {
      // The controller makes the Service anew, bound as it is asked for now.
      const id = boundTo(spec.object);
      if (seen !== undefined && id !== undefined) await freeBoundServices(spec.cluster, ENVOY_NAMESPACE, id, run);
      return plainProxy.apply(spec, seen, changes, run);
    },
  };
  const gateway = gatewayObject(context, cloud, options, { gatewayClass, envoyProxy });
  const redirect = applied<NeedsCluster>(context, {
    id: 'ingress/redirect',
    title: `HTTPRoute ${stack.zitadel.namespace}/${GATEWAY}-redirect`,
    needs: { kubeconfig, gateway },
    wanted,
    identity: identityOf(stack, 'HTTPRoute', `${GATEWAY}-redirect`),
    resource: 'httproute.gateway.networking.k8s.io',
    fields: () => ({ metadata: { ...labels, annotations: ttlAnnotation(stack) }, spec: redirectSpec(stack) }),
  });
  return { all: [gatewayClass, envoyProxy, gateway, redirect], gateway };
}

function gatewayObject(
  context: KubeContext,
  { kubeconfig, loadBalancer }: CloudNeeds,
  { wanted, home, before, served, rivals }: GatewayOptions,
  kinds: Readonly<Record<string, AnyResource>>,
): Resource<NeedsBalancer, AppliedSpec, AppliedSeen> {
  const { stack } = context;
  const identity = identityOf(stack, 'Gateway', GATEWAY);
  const title = `Gateway ${stack.zitadel.namespace}/${GATEWAY}`;
  const plain = applied<NeedsBalancer>(context, {
    id: 'ingress/gateway',
    title,
    needs: { kubeconfig, loadBalancer, home, ...kinds, ...after(before) },
    wanted,
    identity,
    resource: GATEWAY_KIND,
    fields: (needs) => ({
      metadata: { labels: ourLabels(stack), annotations: targetAnnotation(needs.loadBalancer.eipAddress) },
      spec: gatewaySpec(stack),
    }),
    changedAfter: (live, object) => (sameListeners(live, object) ? [] : served),
    usable: (live) => fulfilled(live, 'Programmed'),
    settle: (cluster, run) => {
      const started = new Date();
      return until(`${title} to get its address`, SCHEDULE, run, async () => {
        const live = await cluster.api.get(objectPath(identity), run.signal);
        const state: Look<KubeObject> = live === undefined ? { done: false, state: 'missing' } : fulfilled(live, 'Programmed');
        return state.done ? state : { ...state, reason: (await serviceWarning(cluster, started, run)) ?? state.reason };
      });
    },
    // Its Service has listeners on the load balancer.
    leavesBehind: async () => true,
    facts: (live) => ({ addresses: gatewayAddresses(live).join(', ') }),
  });
  return {
    ...plain,
    apply: async (spec, seen, changes, run) => {
      for (const rival of rivals) await rival(spec.cluster, run);
      return plain.apply(spec, seen, changes, run);
    },
    destroy: async ({ cluster, live }, run) => {
      if (keptFor(live.metadata.labels, stack) === undefined) await removeGateway(cluster, stack, run);
    },
  };
}

/** Takes our Gateway away for a controller that needs the load balancer's ports. */
export function rivalGateway(stack: Stack): Rival {
  return async (cluster, run) => {
    const { metadata } = (await cluster.api.get(objectPath(identityOf(stack, 'Gateway', GATEWAY)), run.signal)) ?? { metadata: undefined };
    if (metadata === undefined || !isOurs(metadata.labels, stack)) return;
    run.say(`removing Gateway ${stack.zitadel.namespace}/${GATEWAY} first: ${IN_THE_WAY}`);
    await removeGateway(cluster, stack, run);
  };
}

/** Returns when the Gateway's Service is gone as well: until then it holds the load balancer's ports. */
async function removeGateway(cluster: Cluster, stack: Stack, run: Run): Promise<void> {
  const { namespace } = stack.zitadel;
  const kubectl = await cluster.kubectl(run);
  await kubectl.remove(GATEWAY_KIND, GATEWAY, namespace, run.signal);
  const left = (): Promise<readonly KubeObject[]> =>
    cluster.api.list(`${SERVICES}?labelSelector=${encodeURIComponent(ownedBy(namespace))}`, run.signal);
  try {
    await until(`the Service of Gateway ${namespace}/${GATEWAY} to go`, GONE, run, async () => {
      const services = await left();
      return services.length === 0
        ? { done: true, value: undefined }
        : { done: false, state: services.map(({ metadata }) => metadata.name).join(', ') };
    });
  } catch (error) {
    if (error instanceof Cancelled) throw error;
    // A controller that does not work any more leaves it behind.
    run.say(`${asFault(error).message}; it is deleted here`);
    for (const { metadata } of await left()) await kubectl.remove('service', metadata.name, ENVOY_NAMESPACE, run.signal);
  }
}

/** Labels that Envoy Gateway gives all that it makes for our Gateway, as a selector. */
function ownedBy(namespace: string): string {
  return Object.entries(owner(namespace))
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
}

function owner(namespace: string): Record<string, string> {
  return { 'gateway.envoyproxy.io/owning-gateway-name': GATEWAY, 'gateway.envoyproxy.io/owning-gateway-namespace': namespace };
}

/** What CCE says of the Service that it cannot bind; the Gateway itself only says that it has no address. */
async function serviceWarning({ api }: Cluster, since: Date, run: Run): Promise<string | undefined> {
  const selector = encodeURIComponent('type=Warning,involvedObject.kind=Service');
  const events = await api.list(`/api/v1/namespaces/${ENVOY_NAMESPACE}/events?fieldSelector=${selector}`, run.signal);
  return warnings(events, since).at(-1);
}

/** A condition that counts for the generation that is wanted now (Gateway API, "Conditions"). */
function fulfilled(live: KubeObject, type: 'Accepted' | 'Programmed'): Look<KubeObject> {
  const condition = conditionOf(live, type);
  if (condition === undefined || condition.observedGeneration !== live.metadata.generation) return { done: false, state: 'not processed yet' };
  if (condition.status === 'True') return { done: true, value: live };
  return { done: false, state: condition.reason ?? `not ${type}`, reason: condition.message };
}

/** Addresses in a Gateway's status: those of its Service, which CCE writes as `EIP,private address`. */
export function gatewayAddresses(live: KubeObject): string[] {
  const { addresses = [] } = (live['status'] ?? {}) as { addresses?: readonly { value?: string }[] };
  return addresses.flatMap(({ value }) => (value === undefined ? [] : [value]));
}

/** Path of the Gateway, for reading it. */
export function gatewayPath(stack: Stack): string {
  return objectPath(identityOf(stack, 'Gateway', GATEWAY));
}

function identityOf(stack: Pick<Stack, 'zitadel'>, kind: 'EnvoyProxy' | 'Gateway' | 'HTTPRoute', name: string): Manifest {
  const apiVersion = kind === 'EnvoyProxy' ? 'gateway.envoyproxy.io/v1alpha1' : API;
  return { apiVersion, kind, metadata: { name, namespace: stack.zitadel.namespace } };
}

/** The load balancer to which an EnvoyProxy binds its Service. */
function boundTo(object: object): string | undefined {
  const { spec } = object as { spec?: { provider?: { kubernetes?: { envoyService?: { annotations?: Record<string, string> } } } } };
  return spec?.provider?.kubernetes?.envoyService?.annotations?.[BOUND_TO];
}

/** Envoy Gateway's default for the Service's traffic policy is Local; every node takes traffic, as with the other controllers. */
function envoyProxySpec({ ingress, zitadel }: Stack, annotations: Readonly<Record<string, string>>): object {
  return {
    provider: {
      type: 'Kubernetes',
      kubernetes: {
        envoyService: { type: 'LoadBalancer', externalTrafficPolicy: 'Cluster', annotations },
        envoyDeployment: { replicas: ingress.replicas, pod: { topologySpreadConstraints: spread(owner(zitadel.namespace)) } },
        ...(ingress.replicas > 1 ? { envoyPDB: { maxUnavailable: 1 } } : {}),
      },
    },
  };
}

function gatewaySpec(stack: Stack): object {
  const listener = { hostname: stack.domain, allowedRoutes: { namespaces: { from: 'Same' } } };
  const certificateRefs = [{ kind: 'Secret', name: tlsSecretName(stack) }];
  return {
    gatewayClassName: CLASS,
    infrastructure: { parametersRef: { group: 'gateway.envoyproxy.io', kind: 'EnvoyProxy', name: GATEWAY } },
    listeners: [
      { name: 'http', port: 80, protocol: 'HTTP', ...listener },
      { name: 'https', port: 443, protocol: 'HTTPS', tls: { mode: 'Terminate', certificateRefs }, ...listener },
    ],
  };
}

/** Whether the Gateway goes on serving the same names with the same certificates. */
function sameListeners(...objects: readonly object[]): boolean {
  const [one, other] = objects.map((object) => {
    const { listeners = [] } = (object as { spec?: { listeners?: readonly Listener[] } }).spec ?? {};
    return listeners.map(({ name, hostname, tls }) => [name, hostname, tls?.certificateRefs.map((secret) => secret.name)]);
  });
  return isDeepStrictEqual(one, other);
}

interface Listener {
  readonly name: string;
  readonly hostname?: string;
  readonly tls?: { readonly certificateRefs: readonly { readonly name: string }[] };
}

function redirectSpec({ domain }: Stack): object {
  return {
    parentRefs: [{ name: GATEWAY, sectionName: 'http' }],
    hostnames: [domain],
    rules: [{ filters: [{ type: 'RequestRedirect', requestRedirect: { scheme: 'https', statusCode: 301 } }] }],
  };
}

/** Values of ZITADEL's chart (9.26.0 and newer) for a route to the Gateway's HTTPS listener; h2c to port 8080 by the Service's `appProtocol`. */
export function routeValues(stack: Pick<Stack, 'domain' | 'dns'>, path: string): object {
  return {
    httpRoute: {
      enabled: true,
      annotations: ttlAnnotation(stack),
      parentRefs: [{ name: GATEWAY, sectionName: 'https' }],
      hostnames: [stack.domain],
      paths: [{ path, pathType: 'PathPrefix' }],
    },
  };
}
