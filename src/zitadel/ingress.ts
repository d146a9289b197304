/**
 * Owns the ingress controllers: one Helm release each, its Service bound to the stack's load balancer by id and class.
 * Exactly one is wanted; what a former choice installed is taken away. How ZITADEL speaks to each is `values.ts`'s.
 */
import { Fault } from '../engine/fault.ts';
import type { AnyResource, Resource } from '../engine/resource.ts';
import type { NeedsCluster } from '../kube/applied.ts';
import { BOUND_TO, freeBoundServices } from '../kube/bound-services.ts';
import { chartRelease, type ReleaseSpec } from '../kube/chart-release.ts';
import { after, type CloudNeeds, type Giving, type KubeContext, type LoadBalancerSeen } from '../kube/context.ts';
import { namespace } from '../kube/namespace.ts';
import type { ReleaseSeen } from '../kube/release-state.ts';
import type { Stack } from '../stack/stack.ts';
import { podLabels, spread } from './spread.ts';

type Values = Readonly<Record<string, unknown>>;
type Controller = 'contour' | 'nginx' | 'haproxy';

interface ControllerChart {
  readonly namespace: string;
  readonly release: string;
  readonly repository: string;
  readonly chart: string;
  readonly version: string;
  readonly values: (stack: Stack, annotations: Values) => Values;
  readonly notice?: string;
}

/** Value paths and defaults: contour 0.7.0, ingress-nginx 4.15.1, kubernetes-ingress 1.52.1 (their `values.yaml` and what they render). */
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
};

/**
 * Annotations that bind a LoadBalancer Service to a load balancer (CCE user guide, "LoadBalancer Services"). Both are
 * immutable, and `elb.autocreate` must never stand beside them: the load balancer would be deleted with the Service.
 */
export function loadBalancerAnnotations({ id, guaranteed }: Pick<LoadBalancerSeen, 'id' | 'guaranteed'>): Record<string, string> {
  return { [BOUND_TO]: id, 'kubernetes.io/elb.class': guaranteed ? 'performance' : 'union' };
}

/** @throws Fault for a controller that this version does not install */
export function checkController({ controller }: Stack['ingress']): void {
  if (controller !== 'envoy-gateway') return;
  throw new Fault('ingress.controller: envoy-gateway is not offered yet', {
    hint: 'Choose contour (the default), nginx or haproxy, or "existing" for a controller that you run yourself.',
  });
}

export interface IngressControllers {
  readonly namespaces: readonly AnyResource[];
  /** All of them; at most one is wanted. */
  readonly releases: readonly Resource<NeedsCluster, ReleaseSpec, ReleaseSeen>[];
}

export function ingressControllers(context: KubeContext, cloud: CloudNeeds): IngressControllers {
  const { stack } = context;
  checkController(stack.ingress);
  const names = Object.keys(controllers) as Controller[];
  const made = names.map((name) => {
    const { namespace: space, release, repository, chart, version, values, notice } = controllers[name];
    const wanted = stack.ingress.controller === name;
    const pin = wanted ? stack.ingress.chart : undefined;
    const home = namespace(context, cloud, { name: space, wanted });
    const installed = chartRelease<NeedsCluster & { loadBalancer: Giving<LoadBalancerSeen> }>(context, {
      id: `ingress/${name}`,
      needs: { kubeconfig: cloud.kubeconfig, loadBalancer: cloud.loadBalancer, home, ...after(cloud.workloads) },
      wanted,
      namespace: space,
      release,
      source: { repository, name: chart, version: pin?.version ?? version, digest: pin?.digest },
      values: ({ loadBalancer }) => values(stack, loadBalancerAnnotations(loadBalancer)),
      beforeUpgrade: ({ loadBalancer }, cluster, run) => freeBoundServices(cluster, space, loadBalancer.id, run),
      // A new version goes through Envoy's pods one by one, and each may take 300 s until its connections are closed.
      timeoutSeconds: 1800,
      usualSeconds: 60,
      leavesBehind: true,
      rivals: names.filter((other) => other !== name).map((other) => controllers[other]),
      ...(notice === undefined ? {} : { notice }),
    });
    return { home, installed };
  });
  return { namespaces: made.map(({ home }) => home), releases: made.map(({ installed }) => installed) };
}
