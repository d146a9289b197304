/**
 * Owns the objects that Envoy Gateway makes for a Gateway in its own namespace: names, labels, ports, containers as
 * `internal/infrastructure/kubernetes/proxy` of v1.9.0 renders them. Pure; who writes them is `controller.ts`.
 */
import type { KubeObject } from '../../objects.ts';
import { containerPort, type EnvoyProxy, type Gateway, type GatewayClass, infraName, keyOf, type Listener, owningLabels } from './objects.ts';

export const appLabels = {
  'app.kubernetes.io/name': 'envoy',
  'app.kubernetes.io/component': 'proxy',
  'app.kubernetes.io/managed-by': 'envoy-gateway',
} as const;

export interface Infra {
  readonly namespace: string;
  readonly gatewayClass: GatewayClass;
  readonly gateway: Gateway;
  readonly proxy: EnvoyProxy | undefined;
  /** Listeners that can be served. */
  readonly listeners: readonly Listener[];
  /** Image of the sidecar, which is the controller's own. */
  readonly shutdownImage: string;
}

type Rendered = KubeObject & { readonly [field: string]: unknown };

/** Objects by the path under which each is applied. */
export function infraObjects(infra: Infra): ReadonlyMap<string, Rendered> {
  const { namespace, gatewayClass, gateway, proxy } = infra;
  const labels = { ...appLabels, ...owningLabels(gateway) };
  const name = infraName(keyOf(gateway));
  const owner = {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'GatewayClass',
    name: gatewayClass.metadata.name,
    uid: gatewayClass.metadata.uid,
  };
  const metadata = { name, namespace, labels, ownerReferences: [owner] } as unknown as KubeObject['metadata'];
  const kubernetes = proxy?.spec?.provider?.kubernetes ?? {};
  const core = `/api/v1/namespaces/${namespace}`;
  const objects = new Map<string, Rendered>([
    [`${core}/serviceaccounts/${name}`, { apiVersion: 'v1', kind: 'ServiceAccount', automountServiceAccountToken: false, metadata }],
    [
      `${core}/configmaps/${name}`,
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata,
        data: { 'xds-trusted-ca.json': '{"resources":[]}', 'xds-certificate.json': '{"resources":[]}' },
      },
    ],
    [
      `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`,
      { apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec: deployment(infra, name, labels) },
    ],
    [`${core}/services/${kubernetes.envoyService?.name ?? name}`, service(infra, metadata, labels)],
  ]);
  const { envoyPDB } = kubernetes;
  if (envoyPDB !== undefined)
    objects.set(`/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets/${name}`, {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata,
      spec: { ...envoyPDB, selector: { matchLabels: labels } },
    });
  return objects;
}

function service({ proxy, listeners }: Infra, metadata: KubeObject['metadata'], labels: Readonly<Record<string, string>>): Rendered {
  const asked = proxy?.spec?.provider?.kubernetes?.envoyService ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      ...metadata,
      name: asked.name ?? metadata.name,
      labels: { ...labels, ...asked.labels },
      ...(asked.annotations === undefined ? {} : { annotations: asked.annotations }),
    },
    spec: {
      type: asked.type ?? 'LoadBalancer',
      externalTrafficPolicy: asked.externalTrafficPolicy ?? 'Local',
      sessionAffinity: 'None',
      ...(asked.loadBalancerClass === undefined ? {} : { loadBalancerClass: asked.loadBalancerClass }),
      selector: labels,
      ports: listeners.map(({ protocol, port }) => ({
        name: `${protocol.toLowerCase()}-${port}`,
        protocol: 'TCP',
        port,
        targetPort: containerPort(port),
      })),
    },
  };
}

function deployment({ namespace, gateway, proxy, shutdownImage }: Infra, name: string, labels: Readonly<Record<string, string>>): object {
  const asked = proxy?.spec?.provider?.kubernetes?.envoyDeployment ?? {};
  const { annotations, labels: podLabels, ...pod } = (asked.pod ?? {}) as { annotations?: object; labels?: object };
  const bootstrap = {
    static_resources: { clusters: [{ name: 'xds_cluster', address: `envoy-gateway.${namespace}.svc.cluster.local.`, port: 18_000 }] },
  };
  const ready = { httpGet: { path: '/ready', port: 19_003, scheme: 'HTTP' }, timeoutSeconds: 1, successThreshold: 1 };
  const healthy = { httpGet: { path: '/healthz', port: 19_002, scheme: 'HTTP' }, timeoutSeconds: 1, successThreshold: 1 };
  const env = ['ENVOY_POD_NAMESPACE=metadata.namespace', 'ENVOY_POD_NAME=metadata.name'].map((pair) => {
    const [variable, fieldPath] = pair.split('=');
    return { name: variable, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } } };
  });
  return {
    ...(asked.replicas === undefined ? {} : { replicas: asked.replicas }),
    strategy: { type: 'RollingUpdate' },
    selector: { matchLabels: labels },
    template: {
      metadata: { labels: { ...labels, ...podLabels }, ...(annotations === undefined ? {} : { annotations }) },
      spec: {
        ...pod,
        automountServiceAccountToken: false,
        serviceAccountName: name,
        terminationGracePeriodSeconds: 360,
        containers: [
          {
            name: 'envoy',
            image: 'docker.io/envoyproxy/envoy:distroless-v1.39.0',
            command: ['envoy'],
            args: [
              ...['--service-cluster', keyOf(gateway), '--service-node', '$(ENVOY_POD_NAME)', '--config-yaml', JSON.stringify(bootstrap)],
              ...['--log-level', 'warn', '--cpuset-threads', '--drain-strategy', 'immediate', '--drain-time-s', '60'],
            ],
            env,
            ports: [
              { name: 'metrics', containerPort: 19_001, protocol: 'TCP' },
              { name: 'readiness', containerPort: 19_003, protocol: 'TCP' },
            ],
            resources: { requests: { cpu: '100m', memory: '512Mi' } },
            startupProbe: { ...ready, periodSeconds: 10, failureThreshold: 30 },
            readinessProbe: { ...ready, periodSeconds: 5, failureThreshold: 1 },
            livenessProbe: { ...ready, periodSeconds: 10, failureThreshold: 3 },
            volumeMounts: [
              { name: 'certs', mountPath: '/certs', readOnly: true },
              { name: 'sds', mountPath: '/sds' },
            ],
          },
          {
            name: 'shutdown-manager',
            image: shutdownImage,
            command: ['envoy-gateway'],
            args: ['envoy', 'shutdown-manager'],
            env,
            resources: { requests: { cpu: '10m', memory: '32Mi' } },
            startupProbe: { ...healthy, periodSeconds: 10, failureThreshold: 30 },
            readinessProbe: { ...healthy, periodSeconds: 10, failureThreshold: 3 },
            livenessProbe: { ...healthy, periodSeconds: 10, failureThreshold: 3 },
          },
        ],
        volumes: [
          { name: 'certs', secret: { secretName: 'envoy' } },
          { name: 'sds', configMap: { name } },
        ],
      },
    },
  };
}
