/**
 * Owns a container's environment as the kubelet makes it: service variables, envFrom, env with its references, `$(VAR)`
 * (Kubernetes 1.34, "Define dependent environment variables"; texts of pkg/kubelet/kubelet_pods.go). What is mounted: `volumes.ts`.
 */
import type { Container, EnvVar, Pod, ResourceFieldSelector, Service } from '../objects.ts';
import { quantity } from './selectors.ts';
import { NotThere, type Sources } from './sources.ts';

export interface PodFacts {
  readonly podIP: string;
  readonly hostIP: string;
  readonly nodeName: string;
}

/**
 * @param services all services of the cluster
 * @throws NotThere in the kubelet's words, where a reference that is not optional leads nowhere
 */
export async function environment(
  pod: Pod,
  container: Container,
  sources: Sources,
  services: readonly Service[],
  facts: PodFacts,
): Promise<Record<string, string>> {
  const namespace = pod.metadata.namespace ?? 'default';
  const linked = serviceVariables(namespace, pod.spec.enableServiceLinks !== false, services);
  const result: Record<string, string> = {};
  for (const { prefix = '', secretRef, configMapRef } of container.envFrom ?? []) {
    if (configMapRef?.name !== undefined) {
      const found = await sources.configMap(namespace, configMapRef.name);
      if (found === undefined && configMapRef.optional !== true) throw new NotThere(`configmap "${configMapRef.name}" not found`);
      for (const [key, value] of Object.entries(found?.data ?? {})) result[prefix + key] = value;
    }
    if (secretRef?.name !== undefined) {
      const found = await sources.secret(namespace, secretRef.name);
      if (found === undefined && secretRef.optional !== true) throw new NotThere(`secret "${secretRef.name}" not found`);
      for (const [key, value] of Object.entries(found?.data ?? {})) result[prefix + key] = Buffer.from(value, 'base64').toString('utf8');
    }
  }
  const own: Record<string, string> = {};
  for (const variable of container.env ?? []) {
    const value = await variableValue(pod, container, variable, { ...linked, ...own }, sources, facts);
    if (value === undefined) continue;
    own[variable.name] = value;
    result[variable.name] = value;
  }
  return { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOSTNAME: hostname(pod, facts), ...linked, ...result };
}

async function variableValue(
  pod: Pod,
  container: Container,
  variable: EnvVar,
  before: Readonly<Record<string, string>>,
  sources: Sources,
  facts: PodFacts,
): Promise<string | undefined> {
  const from = variable.valueFrom;
  if (from === undefined) return expand(variable.value ?? '', before);
  const namespace = pod.metadata.namespace ?? 'default';
  if (from.fieldRef !== undefined) return fieldOf(pod, from.fieldRef.fieldPath, facts);
  if (from.resourceFieldRef !== undefined) return resourceOf(pod, container, from.resourceFieldRef);
  if (from.configMapKeyRef !== undefined) {
    const { name = '', key, optional } = from.configMapKeyRef;
    const found = await sources.configMap(namespace, name);
    if (found === undefined && optional !== true) throw new NotThere(`configmap "${name}" not found`);
    const value = found?.data?.[key];
    if (value === undefined && optional !== true) throw new NotThere(`couldn't find key ${key} in ConfigMap ${namespace}/${name}`);
    return value;
  }
  if (from.secretKeyRef !== undefined) {
    const { name = '', key, optional } = from.secretKeyRef;
    const found = await sources.secret(namespace, name);
    if (found === undefined && optional !== true) throw new NotThere(`secret "${name}" not found`);
    const value = found?.data?.[key];
    if (value === undefined && optional !== true) throw new NotThere(`couldn't find key ${key} in Secret ${namespace}/${name}`);
    return value === undefined ? undefined : Buffer.from(value, 'base64').toString('utf8');
  }
  return '';
}

/** `$(NAME)` becomes its value, `$$(NAME)` the text `$(NAME)`; what is not defined stays as it is. */
export function expand(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replace(/\$\$|\$\(([^)]*)\)/g, (whole, name: string | undefined) => (name === undefined ? '$' : (variables[name] ?? whole)));
}

/** The value of a downward API field. */
export function fieldOf(pod: Pod, path: string, facts: PodFacts): string {
  const { metadata, spec } = pod;
  const [, map = '', key = ''] = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path) ?? [];
  if (map === 'labels') return metadata.labels?.[key] ?? '';
  if (map === 'annotations') return metadata.annotations?.[key] ?? '';
  const listed = (values: Readonly<Record<string, string>> | undefined) =>
    Object.entries(values ?? {})
      .sort()
      .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
      .join('\n');
  const fields: Record<string, string> = {
    'metadata.name': metadata.name,
    'metadata.namespace': metadata.namespace ?? 'default',
    'metadata.uid': metadata.uid ?? '',
    'metadata.labels': listed(metadata.labels),
    'metadata.annotations': listed(metadata.annotations),
    'spec.nodeName': facts.nodeName,
    'spec.serviceAccountName': spec.serviceAccountName ?? 'default',
    'status.hostIP': facts.hostIP,
    'status.hostIPs': facts.hostIP,
    'status.podIP': facts.podIP,
    'status.podIPs': facts.podIP,
  };
  const value = fields[path];
  if (value === undefined) throw new NotThere(`unsupported fieldPath: ${path}`);
  return value;
}

/** The value of a resource field, rounded up to its divisor. */
export function resourceOf(pod: Pod, container: Container, { resource, containerName, divisor }: ResourceFieldSelector): string {
  const all = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  const meant = containerName === undefined || containerName === '' ? container : all.find(({ name }) => name === containerName);
  const [kind, name = ''] = resource.split('.');
  const table = kind === 'limits' ? meant?.resources?.limits : meant?.resources?.requests;
  // Without a limit the node's whole size counts: a node of the size the blueprint takes.
  const value = table?.[name] === undefined ? (name === 'cpu' ? 2 : name === 'memory' ? 6 * 2 ** 30 : 0) : quantity(table[name]);
  return String(Math.ceil(value / (quantity(divisor === '0' ? '1' : divisor) || 1) - 1e-9));
}

export function hostname(pod: Pod, facts: PodFacts): string {
  return pod.spec.hostNetwork === true ? facts.nodeName : (pod.spec.hostname ?? pod.metadata.name).slice(0, 63);
}

/** `NAME_SERVICE_HOST` and its kin, for services of the namespace; the API server's always. */
function serviceVariables(namespace: string, all: boolean, services: readonly Service[]): Record<string, string> {
  const result: Record<string, string> = {};
  for (const { metadata, spec } of services) {
    const master = metadata.namespace === 'default' && metadata.name === 'kubernetes';
    if (!master && (!all || metadata.namespace !== namespace)) continue;
    const address = spec.clusterIP ?? '';
    const [first] = spec.ports ?? [];
    if (address === '' || address === 'None' || first === undefined) continue;
    const name = metadata.name.toUpperCase().replaceAll('-', '_');
    result[`${name}_SERVICE_HOST`] = address;
    result[`${name}_SERVICE_PORT`] = String(first.port);
    result[`${name}_PORT`] = `${(first.protocol ?? 'TCP').toLowerCase()}://${address}:${first.port}`;
    for (const { name: portName, port, protocol = 'TCP' } of spec.ports ?? []) {
      if (portName !== undefined) result[`${name}_SERVICE_PORT_${portName.toUpperCase().replaceAll('-', '_')}`] = String(port);
      const prefix = `${name}_PORT_${port}_${protocol}`;
      result[prefix] = `${protocol.toLowerCase()}://${address}:${port}`;
      result[`${prefix}_PROTO`] = protocol.toLowerCase();
      result[`${prefix}_PORT`] = String(port);
      result[`${prefix}_ADDR`] = address;
    }
  }
  return result;
}
