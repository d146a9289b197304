/**
 * Owns the look at a record that the user keeps (`dns.records: existing`): which one it must be, and whether the domain
 * leads to the load balancer yet. Nothing is written; the verification from outside judges.
 */
import { check, type Resource } from '../engine/resource.ts';
import type { CloudContext } from './context.ts';
import { type DelegationPort, systemDelegationPort } from './delegation-query.ts';
import type { LoadBalancerResource } from './load-balancer.ts';

export interface ExistingRecord {
  /** The record to make, as a zone file says it. */
  readonly record: string;
  readonly found: readonly string[];
}

type Needs = { readonly loadBalancer: LoadBalancerResource };
export type ExistingRecordCheck = Resource<Needs, null, ExistingRecord>;

export function existingRecord(
  { stack }: CloudContext,
  needs: Needs,
  port: Pick<DelegationPort, 'addresses'> = systemDelegationPort(),
): ExistingRecordCheck {
  const wanted = stack.dns.records === 'existing';
  return check<Needs, null, ExistingRecord>({
    id: 'dns/existing-record',
    title: `A record ${stack.domain}, kept by you`,
    needs,
    wanted,
    want: () => null,
    observe: async ({ loadBalancer }, run) => {
      if (!wanted || loadBalancer === undefined) return undefined;
      const address = loadBalancer.eipAddress;
      const record = `${stack.domain}. ${stack.dns.ttl} IN A ${address}`;
      const found = await port.addresses(stack.domain);
      if (found.join() !== address) {
        const now = found.length === 0 ? 'leads nowhere' : `leads to ${found.join(', ')}`;
        run.say(`${stack.domain} ${now}; make this record where its zone is kept: ${record}`);
      }
      return { record, found };
    },
    diff: () => [],
    facts: ({ record, found }) => ({ record, found: found.join(', ') || 'nothing yet' }),
  });
}
