/**
 * Owns the ingress controllers: one Helm release each, its Service bound to the stack's load balancer by id and class.
 * Exactly one is wanted; what a former choice installed is taken away. How ZITADEL speaks to each is `values.ts`'s, what
 * Envoy Gateway is told besides `gateway.ts`'s.
 */
import type { AnyResource, Resource } from '../engine/resource.ts';
import type { NeedsCluster } from '../kube/applied.ts';
import { BOUND_TO, freeBoundServices } from '../kube/bound-services.ts';
import { chartRelease, type ReleaseSpec } from '../kube/chart-release.ts';
import { after, type CloudNeeds, type Giving, type KubeContext, type LoadBalancerSeen } from '../kube/context.ts';
import { namespace } from '../kube/namespace.ts';
import type { ReleaseSeen } from '../kube/release-state.ts';
import { rivalRelease } from '../kube/rivals.ts';
import type { ChartPin, Stack } from '../stack/stack.ts';
import type { ChartSource } from '../tools/charts.ts';
import { type BeforeServing, ENVOY_NAMESPACE, gatewayResources, rivalGateway } from './gateway.ts';
import { podLabels, spread } from './spread.ts';

type Values = Readonly<Record<string, unknown>>;
type Controller = 'contour' | 'nginx' | 'haproxy' | 'envoy-gateway';

interface ControllerChart {
  readonly namespace: string;
  readonly release: string;
  readonly repository: string;
  readonly chart: string;
  readonly version: string;
  readonly values: (stack: Stack, annotations: Values) => Values;
  readonly notice?: string;
  /** Said before another version is installed. */
  readonly newVersionNotice?: string;
}

/** Value paths and defaults: contour 0.7.0, ingress-nginx 4.15.1, kubernetes-ingress 1.52.1, gateway-helm v1.9.0 (their `values.yaml` and what they render). */
export const controllers: Readonly<Record<Controller, ControllerChart>> = {
  contour: {
    namespace: 'contour',
    release: 'contour',
    repository: 'https://projectcontour.github.io/helm-charts/',
    chart: 'contour',
    version: '0.7.0',
    values: ({ ingress }, annotations) => ({
      contour: {
        replicaCount: ingress.replicas,
        ingressClass: { name: ingress.className, create: true, default: false },
        // Between Contour and Envoy, made anew only when the release changes: the chart's 365 days would end the traffic of a quiet year.
        certgen: { certificateLifetime: 3650 },
        resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '512Mi' } },
        topologySpreadConstraints: spread(podLabels('contour', 'contour', 'contour')),
      },
      envoy: {
        // The chart's preset, "nano", stops a proxy at 0.15 CPU and 192 MiB; it is not meant for production.
        resources: { requests: { cpu: '200m', memory: '256Mi' }, limits: { memory: '1Gi' } },
        // Cluster: every node takes traffic; the dedicated load balancer keeps the client's address by itself.
        service: { type: 'LoadBalancer', externalTrafficPolicy: 'Cluster', annotations },
      },
    }),
  },
  nginx: {
    namespace: 'nginx-system',
    release: 'nginx-ingress',
    repository: 'https://kubernetes.github.io/ingress-nginx',
    chart: 'ingress-nginx',
    version: '4.15.1',
    values: ({ ingress }, annotations) => ({
      controller: {
        replicaCount: ingress.replicas,
        ingressClass: ingress.className,
        ingressClassResource: { name: ingress.className, default: false },
        // ZITADEL's cookies do not fit into the default buffer: the login app's (HTTP), and the server's, which is spoken to as GRPC.
        config: { 'proxy-buffer-size': '16k', 'grpc-buffer-size-kb': '16' },
        topologySpreadConstraints: spread(podLabels('ingress-nginx', 'nginx-ingress', 'controller')),
        service: { type: 'LoadBalancer', externalTrafficPolicy: 'Cluster', annotations },
      },
    }),
    notice:
      'ingress-nginx is retired upstream: no more security fixes since March 2026. Move to ingress.controller: contour when you can; the switch takes the load balancer away for about a minute.',
  },
  haproxy: {
    namespace: 'haproxy',
    release: 'haproxy-ingress',
    repository: 'https://haproxytech.github.io/helm-charts',
    chart: 'kubernetes-ingress',
    version: '1.52.1',
    values: ({ ingress }, annotations) => ({
      controller: {
        replicaCount: ingress.replicas,
        ingressClass: ingress.className,
        ingressClassResource: { name: ingress.className, default: false },
        // Contour's and ingress-nginx's charts bring a budget with the second replica, this one does not.
        PodDisruptionBudget: ingress.replicas > 1 ? { enable: true, maxUnavailable: 1 } : { enable: false },
        topologySpreadConstraints: spread(podLabels('kubernetes-ingress', 'haproxy-ingress')),
        service: {
          type: 'LoadBalancer',
          externalTrafficPolicy: 'Cluster',
          // The chart would open UDP 443, 1024 and 6060 on the load balancer as well.
          enablePorts: { quic: false, stat: false, admin: false },
          annotations,
        },
      },
    }),
  },
  'envoy-gateway': {
    namespace: ENVOY_NAMESPACE,
    release: 'envoy-gateway',
    // Pushed to this registry alone (its makers' release workflow); supported until 2027-02-14 (their compatibility matrix).
    // Checked with the chart as it stands in the source at the tag v1.9.0; the archive that was pushed was not looked at.
    repository: 'oci://docker.io/envoyproxy',
    chart: 'gateway-helm',
    version: 'v1.9.0',
    // The Service that the load balancer serves is made for the Gateway: its annotations stand there.
    values: ({ ingress }) => ({
      deployment: {
        replicas: ingress.replicas,
        pod: { topologySpreadConstraints: spread(podLabels('gateway-helm', 'envoy-gateway')) },
      },
      podDisruptionBudget: { minAvailable: ingress.replicas > 1 ? 1 : 0 },
      // A webhook in the way of every pod in the namespace, for routing by zone, which is not used here.
      topologyInjector: { enabled: false },
    }),
    newVersionNotice:
      "Helm does not change the definitions of kinds that a chart brings in its crds folder: where the new version of Envoy Gateway needs newer ones, apply them as its makers' upgrade notes say.",
  },
};

/**
 * Annotations that bind a LoadBalancer Service to a load balancer (CCE user guide, "LoadBalancer Services"). Both are
 * immutable, and `elb.autocreate` must never stand beside them: the load balancer would be deleted with the Service.
 */
export function loadBalancerAnnotations({ id, guaranteed }: Pick<LoadBalancerSeen, 'id' | 'guaranteed'>): Record<string, string> {
  return { [BOUND_TO]: id, 'kubernetes.io/elb.class': guaranteed ? 'performance' : 'union' };
}

type Release = Resource<NeedsCluster, ReleaseSpec, ReleaseSeen>;

export interface IngressControllers {
  readonly all: readonly AnyResource[];
  /** What the wanted controller consists of; empty where the user runs one. */
  readonly wanted: readonly AnyResource[];
  /** What must stand before ZITADEL's release: a webhook that checks its Ingresses, or the definition of its routes' kind. */
  readonly beforeRoutes: readonly AnyResource[];
}

/**
 * @param home ZITADEL's namespace
 */
export function ingressControllers(
  context: KubeContext,
  cloud: CloudNeeds,
  home: AnyResource,
  { before, served }: BeforeServing,
): IngressControllers {
  const { stack } = context;
  const names = Object.keys(controllers) as Controller[];
  const made = names.map((name) => ({ name, ...controllerOf(context, cloud, name) }));
  const isWanted = ({ name }: { readonly name: Controller }): boolean => stack.ingress.controller === name;
  const releases = made.filter(isWanted).map(({ installed }) => installed);
  const [envoyGateway] = made.filter(({ name }) => name === 'envoy-gateway').map(({ installed }) => installed);
  if (envoyGateway === undefined) throw new Error('the table of controllers lacks envoy-gateway');
  const gateway = gatewayResources(context, cloud, {
    wanted: stack.ingress.controller === 'envoy-gateway',
    controller: envoyGateway,
    home,
    before,
    served,
    annotations: loadBalancerAnnotations,
    rivals: names.filter((name) => name !== 'envoy-gateway').map((name) => rivalRelease(controllers[name], stack)),
  });
  const all = [...made.flatMap(({ space, installed }) => [space, installed]), ...gateway.all];
  return {
    all,
    wanted: stack.ingress.controller === 'envoy-gateway' ? [...releases, ...gateway.all] : releases,
    // Contour takes Ingresses whenever it starts.
    beforeRoutes: stack.ingress.controller === 'contour' ? [] : releases,
  };
}

/** The chart of the controller that the stack asks for; undefined where the user runs one. */
export function ingressChart({ ingress }: Pick<Stack, 'ingress'>): ChartSource | undefined {
  return ingress.controller === 'existing' ? undefined : sourceOf(ingress.controller, ingress.chart);
}

function sourceOf(name: Controller, pin: ChartPin | undefined): ChartSource {
  const { repository, chart, version } = controllers[name];
  return { repository, name: chart, version, ...pin };
}

function controllerOf(context: KubeContext, cloud: CloudNeeds, name: Controller): { readonly space: AnyResource; readonly installed: Release } {
  const { stack } = context;
  const { namespace: where, release, values, notice, newVersionNotice } = controllers[name];
  const wanted = stack.ingress.controller === name;
  const space = namespace(context, cloud, { name: where, wanted });
  const others = (Object.keys(controllers) as Controller[]).filter((other) => other !== name && other !== 'envoy-gateway');
  // Of Envoy Gateway it is the Gateway that holds the ports, not the controller.
  const rivals = name === 'envoy-gateway' ? [] : [...others.map((other) => rivalRelease(controllers[other], stack)), rivalGateway(stack)];
  const installed = chartRelease<NeedsCluster & { loadBalancer: Giving<LoadBalancerSeen> }>(context, {
    id: `ingress/${name}`,
    needs: { kubeconfig: cloud.kubeconfig, loadBalancer: cloud.loadBalancer, space, ...after(cloud.workloads) },
    wanted,
    namespace: where,
    release,
    source: sourceOf(name, wanted ? stack.ingress.chart : undefined),
    values: ({ loadBalancer }) => values(stack, loadBalancerAnnotations(loadBalancer)),
    before: async ({ loadBalancer }, { cluster, installed }, run) => {
      if (installed) await freeBoundServices(cluster, where, loadBalancer.id, run);
    },
    // A new version goes through Envoy's pods one by one, and each may take 300 s until its connections are closed.
    timeoutSeconds: 1800,
    usualSeconds: 60,
    leavesBehind: name !== 'envoy-gateway',
    rivals,
    ...(notice === undefined ? {} : { notice }),
    ...(newVersionNotice === undefined ? {} : { beforeVersion: async (_needs, _change, run) => run.say(newVersionNotice) }),
  });
  return { space, installed };
}
