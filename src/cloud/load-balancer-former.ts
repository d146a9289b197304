/**
 * Owns the load balancer that the stack had of its own before `loadBalancer.existing` was chosen: taken away, with its address, when
 * all else stands on the other one. The one in use is `load-balancer.ts`'s.
 */
import { type Maybe, type Resource, resource } from '../engine/resource.ts';
import { type LoadBalancer, listLoadBalancers } from '../otc/elb.ts';
import { type CloudContext, theOne } from './context.ts';
import type { EipResource } from './eip.ts';
import { removeBalancer } from './load-balancer.ts';
import type { SubnetResource } from './subnet.ts';
import type { VpcResource } from './vpc.ts';

type Needs = { readonly vpc: Maybe<VpcResource>; readonly subnet: Maybe<SubnetResource>; readonly eip: Maybe<EipResource> };

export type FormerLoadBalancer = Resource<Needs, null, LoadBalancer>;

export function formerLoadBalancer(context: CloudContext, needs: Needs): FormerLoadBalancer {
  const { otc, stack, names } = context;
  const { existing } = stack.loadBalancer;
  const name = names('elb');
  return resource<Needs, null, LoadBalancer>({
    id: 'load-balancer/former',
    title: `Load balancer ${name}, which the stack does not use any more`,
    needs,
    wanted: false,
    want: () => null,
    observe: async () => {
      // Where the stack has its own, or its own was named by hand, that is no former one.
      if (existing === undefined || existing.name === name) return undefined;
      const found = theOne(await listLoadBalancers(otc, { name }), `load balancer ${name}`, ({ id }) => id);
      return found?.id === existing.id ? undefined : found;
    },
    diff: () => [],
    apply: async () => {
      throw new Error('the former load balancer is never made');
    },
    destroy: ({ id }, run) => removeBalancer(context, name, id, run),
    facts: ({ id }) => ({ id }),
  });
}
