/**
 * Owns where a pod goes: kube-scheduler's filters that matter here (taints, node selector and affinity, inter-pod affinity,
 * topology spread, CPU and memory) and its words when nothing fits; among what fits, the emptiest. Pure; binding is `kubelet.ts`.
 */
import type { Node, Pod, PodAffinityTerm } from '../objects.ts';
import { finished, matches, quantity, requests, selects, tolerates } from './selectors.ts';

export type Placement = { readonly node: string } | { readonly unschedulable: string };

/**
 * @param pods all pods of the cluster; those with a node count
 * @returns the node, or the text of kube-scheduler's FailedScheduling event
 */
export function schedule(pod: Pod, nodes: readonly Node[], pods: readonly Pod[]): Placement {
  if (nodes.length === 0) return { unschedulable: 'no nodes available to schedule pods' };
  const placed = pods.filter((other) => other.spec.nodeName !== undefined && !finished(other));
  const reasons = new Map<string, number>();
  const fitting: Node[] = [];
  for (const node of nodes) {
    const reason = refusal(pod, node, nodes, placed);
    if (reason === undefined) fitting.push(node);
    else reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  if (fitting.length === 0) {
    const listed = [...reasons].map(([reason, count]) => `${count} ${reason}`).sort();
    return {
      unschedulable: `0/${nodes.length} nodes are available: ${listed.join(', ')}. preemption: 0/${nodes.length} nodes are available: ${nodes.length} Preemption is not helpful for scheduling.`,
    };
  }
  const score = (node: Node): number => crowding(pod, node, nodes, placed);
  const [best] = fitting.map((node) => ({ node, score: score(node) })).sort((a, b) => a.score - b.score);
  return { node: best?.node.metadata.name ?? '' };
}

function refusal(pod: Pod, node: Node, nodes: readonly Node[], placed: readonly Pod[]): string | undefined {
  const labels = node.metadata.labels ?? {};
  const unschedulable = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };
  if (node.spec?.unschedulable === true && !tolerates(pod, unschedulable)) return 'node(s) were unschedulable';
  const taint = (node.spec?.taints ?? []).find(({ effect, ...rest }) => effect !== 'PreferNoSchedule' && !tolerates(pod, { ...rest, effect }));
  if (taint !== undefined) return `node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`;
  const selected = Object.entries(pod.spec.nodeSelector ?? {}).every(([key, value]) => labels[key] === value);
  const terms = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  const liked =
    terms === undefined ||
    terms.some(
      ({ matchExpressions = [], matchFields = [] }) =>
        matchExpressions.every((one) => matches(one, labels[one.key])) && matchFields.every((one) => matches(one, node.metadata.name)),
    );
  if (!selected || !liked) return "node(s) didn't match Pod's node affinity/selector";
  const here = placed.filter((other) => other.spec.nodeName === node.metadata.name);
  const ports = hostPorts(pod);
  if (here.some((other) => hostPorts(other).some((port) => ports.includes(port))))
    return "node(s) didn't have free ports for the requested pod ports";
  if (clashes(pod, node, nodes, placed)) return "node(s) didn't match pod anti-affinity rules";
  if (!accompanied(pod, node, nodes, placed)) return "node(s) didn't match pod affinity rules";
  if (skewed(pod, node, nodes, placed)) return "node(s) didn't match pod topology spread constraints";
  for (const resource of ['cpu', 'memory'] as const) {
    const used = here.reduce((sum, other) => sum + requests(other, resource), 0);
    if (used + requests(pod, resource) > quantity(node.status?.allocatable?.[resource]) + 1e-9) return `Insufficient ${resource}`;
  }
  return undefined;
}

function hostPorts({ spec }: Pod): string[] {
  return spec.containers.flatMap(({ ports = [] }) =>
    ports.filter(({ hostPort }) => hostPort !== undefined && hostPort !== 0).map(({ hostPort, protocol = 'TCP' }) => `${protocol}:${hostPort}`),
  );
}

/** Pods that a term means, in the domain of the node. */
function inDomain(term: PodAffinityTerm, owner: Pod, node: Node, nodes: readonly Node[], placed: readonly Pod[]): Pod[] {
  const domain = node.metadata.labels?.[term.topologyKey];
  if (domain === undefined) return [];
  const inside = new Set(nodes.filter((one) => one.metadata.labels?.[term.topologyKey] === domain).map((one) => one.metadata.name));
  const namespaces = term.namespaces ?? [owner.metadata.namespace ?? 'default'];
  return placed.filter(
    (other) =>
      inside.has(other.spec.nodeName ?? '') &&
      namespaces.includes(other.metadata.namespace ?? 'default') &&
      selects(term.labelSelector, other.metadata.labels),
  );
}

function clashes(pod: Pod, node: Node, nodes: readonly Node[], placed: readonly Pod[]): boolean {
  const terms = pod.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  return terms.some((term) => inDomain(term, pod, node, nodes, placed).length > 0);
}

function accompanied(pod: Pod, node: Node, nodes: readonly Node[], placed: readonly Pod[]): boolean {
  const terms = pod.spec.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  return terms.every((term) => {
    if (inDomain(term, pod, node, nodes, placed).length > 0) return true;
    // The first pod of a group that wants to be together may go anywhere.
    const first = !placed.some((other) => selects(term.labelSelector, other.metadata.labels));
    return first && selects(term.labelSelector, pod.metadata.labels);
  });
}

function skewed(pod: Pod, node: Node, nodes: readonly Node[], placed: readonly Pod[]): boolean {
  return (pod.spec.topologySpreadConstraints ?? []).some(({ maxSkew, topologyKey, whenUnsatisfiable, labelSelector }) => {
    if (whenUnsatisfiable !== 'DoNotSchedule') return false;
    const counts = spread(topologyKey, (other) => sameKind(pod, other, labelSelector), nodes, placed);
    const domain = node.metadata.labels?.[topologyKey];
    if (domain === undefined) return true;
    return (counts.get(domain) ?? 0) + 1 - Math.min(...counts.values()) > maxSkew;
  });
}

const sameKind = (pod: Pod, other: Pod, selector: PodAffinityTerm['labelSelector']): boolean =>
  other.metadata.namespace === pod.metadata.namespace && other.metadata.deletionTimestamp === undefined && selects(selector, other.metadata.labels);

function spread(topologyKey: string, counted: (pod: Pod) => boolean, nodes: readonly Node[], placed: readonly Pod[]): Map<string, number> {
  const domains = new Map(nodes.map((one) => [one.metadata.name, one.metadata.labels?.[topologyKey]]));
  const counts = new Map<string, number>();
  for (const domain of domains.values()) if (domain !== undefined) counts.set(domain, 0);
  for (const other of placed.filter(counted)) {
    const domain = domains.get(other.spec.nodeName ?? '');
    if (domain !== undefined) counts.set(domain, (counts.get(domain) ?? 0) + 1);
  }
  return counts;
}

/** Lower is better: pods of the same owner in zone and node first, then soft wishes, then all pods of the node. */
function crowding(pod: Pod, node: Node, nodes: readonly Node[], placed: readonly Pod[]): number {
  const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller === true)?.uid;
  const siblings = (other: Pod) => owner !== undefined && other.metadata.ownerReferences?.some(({ uid }) => uid === owner) === true;
  const zone = 'topology.kubernetes.io/zone';
  const inZone = spread(zone, siblings, nodes, placed).get(node.metadata.labels?.[zone] ?? '') ?? 0;
  const here = placed.filter((other) => other.spec.nodeName === node.metadata.name);
  const soft = (pod.spec.topologySpreadConstraints ?? []).reduce((sum, { topologyKey, labelSelector }) => {
    const counts = spread(topologyKey, (other) => sameKind(pod, other, labelSelector), nodes, placed);
    return sum + (counts.get(node.metadata.labels?.[topologyKey] ?? '') ?? 0);
  }, 0);
  const disliked = (pod.spec.affinity?.podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).reduce(
    (sum, { weight, podAffinityTerm }) => sum + weight * inDomain(podAffinityTerm, pod, node, nodes, placed).length,
    0,
  );
  const liked = (pod.spec.affinity?.podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).reduce(
    (sum, { weight, podAffinityTerm }) => sum + weight * inDomain(podAffinityTerm, pod, node, nodes, placed).length,
    0,
  );
  return disliked * 100 - liked * 100 + soft * 50 + inZone * 20 + here.filter(siblings).length * 10 + here.length;
}
