/**
 * Owns what CCE demands of a Service of type LoadBalancer before it touches a balancer: the annotations, and what the balancer
 * must be for them. Pure; `cloud-controller.ts` acts on the answer.
 */
import type { ListenerRow, LoadBalancerRow } from '../../otc/tables/compute.ts';
import type { Service } from '../objects.ts';

export const annotations = {
  id: 'kubernetes.io/elb.id',
  class: 'kubernetes.io/elb.class',
  autocreate: 'kubernetes.io/elb.autocreate',
  algorithm: 'kubernetes.io/elb.lb-algorithm',
} as const;

export interface Facts {
  readonly clusterId: string;
  readonly vpcId: string;
  readonly balancers: readonly LoadBalancerRow[];
  readonly listeners: readonly ListenerRow[];
  /** The balancer that this Service was bound to before. */
  readonly boundTo?: string | undefined;
}

export type Binding =
  | { readonly kind: 'none' }
  | { readonly kind: 'bound'; readonly balancer: LoadBalancerRow; readonly deletesBalancer: boolean; readonly warning: string | undefined }
  | { readonly kind: 'refused'; readonly cause: string };

const refused = (cause: string): Binding => ({ kind: 'refused', cause });

export function bindingOf(service: Service, facts: Facts): Binding {
  if (service.spec.type !== 'LoadBalancer') return { kind: 'none' };
  const given = service.metadata.annotations ?? {};
  const id = given[annotations.id];
  const autocreate = given[annotations.autocreate];
  if (id === undefined || id === '') {
    return refused(
      autocreate === undefined
        ? `neither ${annotations.id} nor ${annotations.autocreate} is set`
        : `${annotations.autocreate}: load balancers of its own making are not offered here, give ${annotations.id}`,
    );
  }
  if (facts.boundTo !== undefined && facts.boundTo !== id)
    return refused(
      `${annotations.id} cannot be changed: the service is bound to loadbalancer ${facts.boundTo}; delete the service and create it again`,
    );
  const balancer = facts.balancers.find((row) => row.id === id);
  if (balancer === undefined) return refused(`ELB.8904: loadbalancer ${id} could not be found.`);
  if (balancer.vpc_id !== facts.vpcId) return refused(`loadbalancer ${id} is in VPC ${balancer.vpc_id}, the cluster is in VPC ${facts.vpcId}`);
  const wanted = given[annotations.class] ?? 'union';
  const actual = balancer.kind === 'dedicated' ? 'performance' : 'union';
  if (wanted !== actual) return refused(`${annotations.class} is ${wanted}, but loadbalancer ${id} is of class ${actual}`);
  if (balancer.kind === 'dedicated' && balancer.l4_flavor_id === null) return refused(`loadbalancer ${id} has no network (TCP/UDP) flavor`);
  if (balancer.vip_address === null) return refused(`loadbalancer ${id} has no private IPv4 address`);
  for (const { port, protocol = 'TCP' } of service.spec.ports ?? []) {
    const other = facts.listeners.find(
      (row) =>
        row.loadbalancer_id === id &&
        row.protocol_port === port &&
        (row.protocol === 'UDP') === (protocol === 'UDP') &&
        !owns(row, service, facts.clusterId),
    );
    if (other !== undefined) return refused(`ELB.8907: port ${port} of loadbalancer ${id} is in use by listener ${other.name} (${other.id})`);
  }
  const warning =
    autocreate === undefined
      ? undefined
      : `${annotations.id} together with ${annotations.autocreate}: loadbalancer ${id} will be deleted together with this service`;
  return { kind: 'bound', balancer, deletesBalancer: autocreate !== undefined, warning };
}

/** Was the row made for this Service? */
export function owns(row: { readonly owner?: ListenerRow['owner'] }, service: Service, clusterId: string): boolean {
  return (
    row.owner !== undefined &&
    row.owner.cluster_id === clusterId &&
    row.owner.namespace === service.metadata.namespace &&
    row.owner.name === service.metadata.name
  );
}
