/** Owns where an object lives in the Kubernetes API: its path by kind, by a table for built-in kinds, else by discovery. */
import type { KubeApi } from '../tools/api.ts';

/** Plural names of built-in kinds; `cluster:` marks those outside namespaces (Kubernetes 1.33 API reference). */
const PLURALS: Readonly<Record<string, string>> = {
  'v1/Namespace': 'cluster:namespaces',
  'v1/Secret': 'secrets',
  'v1/ConfigMap': 'configmaps',
  'v1/Service': 'services',
  'v1/ServiceAccount': 'serviceaccounts',
  'v1/PersistentVolumeClaim': 'persistentvolumeclaims',
  'v1/PersistentVolume': 'cluster:persistentvolumes',
  'apps/v1/Deployment': 'deployments',
  'apps/v1/DaemonSet': 'daemonsets',
  'apps/v1/StatefulSet': 'statefulsets',
  'apps/v1/ReplicaSet': 'replicasets',
  'batch/v1/Job': 'jobs',
  'batch/v1/CronJob': 'cronjobs',
  'policy/v1/PodDisruptionBudget': 'poddisruptionbudgets',
  'autoscaling/v2/HorizontalPodAutoscaler': 'horizontalpodautoscalers',
  'networking.k8s.io/v1/Ingress': 'ingresses',
  'networking.k8s.io/v1/IngressClass': 'cluster:ingressclasses',
  'networking.k8s.io/v1/NetworkPolicy': 'networkpolicies',
  'rbac.authorization.k8s.io/v1/Role': 'roles',
  'rbac.authorization.k8s.io/v1/RoleBinding': 'rolebindings',
  'rbac.authorization.k8s.io/v1/ClusterRole': 'cluster:clusterroles',
  'rbac.authorization.k8s.io/v1/ClusterRoleBinding': 'cluster:clusterrolebindings',
  'admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration': 'cluster:validatingwebhookconfigurations',
  'admissionregistration.k8s.io/v1/MutatingWebhookConfiguration': 'cluster:mutatingwebhookconfigurations',
  'apiregistration.k8s.io/v1/APIService': 'cluster:apiservices',
  'apiextensions.k8s.io/v1/CustomResourceDefinition': 'cluster:customresourcedefinitions',
  'cert-manager.io/v1/ClusterIssuer': 'cluster:clusterissuers',
  'cert-manager.io/v1/Issuer': 'issuers',
  'cert-manager.io/v1/Certificate': 'certificates',
  'cert-manager.io/v1/CertificateRequest': 'certificaterequests',
  'acme.cert-manager.io/v1/Order': 'orders',
  'acme.cert-manager.io/v1/Challenge': 'challenges',
  'gateway.networking.k8s.io/v1/GatewayClass': 'cluster:gatewayclasses',
  'gateway.networking.k8s.io/v1/Gateway': 'gateways',
  'gateway.networking.k8s.io/v1/HTTPRoute': 'httproutes',
  'gateway.envoyproxy.io/v1alpha1/EnvoyProxy': 'envoyproxies',
};

/** What identifies an object in a manifest. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** Path of a collection of a built-in kind. */
export function collection(apiVersion: string, kind: string, namespace?: string): string {
  const plural = PLURALS[`${apiVersion}/${kind}`];
  if (plural === undefined) throw new Error(`no path is known for ${apiVersion}/${kind}`);
  return join(apiVersion, plural, namespace);
}

/** Path of one object of a built-in kind. */
export function objectPath({ apiVersion, kind, metadata }: Manifest): string {
  return `${collection(apiVersion, kind, metadata.namespace)}/${metadata.name}`;
}

/** Path of any object; asks the API server for kinds that are not in the table. Undefined where it does not know the kind. */
export async function discoverPath(manifest: Manifest, namespace: string, api: KubeApi, signal: AbortSignal): Promise<string | undefined> {
  const { apiVersion, kind, metadata } = manifest;
  const known = PLURALS[`${apiVersion}/${kind}`] ?? (await discover(apiVersion, kind, api, signal));
  return known === undefined ? undefined : `${join(apiVersion, known, metadata.namespace ?? namespace)}/${metadata.name}`;
}

async function discover(apiVersion: string, kind: string, api: KubeApi, signal: AbortSignal): Promise<string | undefined> {
  const group = await api.get(apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`, signal);
  const kinds = (group?.['resources'] ?? []) as readonly { name: string; kind: string; namespaced: boolean }[];
  const found = kinds.find((entry) => entry.kind === kind && !entry.name.includes('/'));
  return found === undefined ? undefined : `${found.namespaced ? '' : 'cluster:'}${found.name}`;
}

function join(apiVersion: string, plural: string, namespace: string | undefined): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  if (plural.startsWith('cluster:')) return `${root}/${plural.slice('cluster:'.length)}`;
  return namespace === undefined ? `${root}/${plural}` : `${root}/namespaces/${namespace}/${plural}`;
}
