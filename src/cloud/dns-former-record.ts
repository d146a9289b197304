/**
 * Owns the A records of domains that the stack had before, in the zone of its present one, and what says that external-dns keeps the
 * domain's own where the user does now (`dns.records: existing`). A deploy takes them away when all else is well, the verification
 * under the new domain included. What only looks like one is named and left alone.
 */
import { Fault } from '../engine/fault.ts';
import { leftover, type Resource } from '../engine/resource.ts';
import type { CloudContext } from './context.ts';
import type { DnsZone } from './dns-zone.ts';
import type { LoadBalancerResource } from './load-balancer.ts';
import { type Left, leftIn, type OwnedRecord, ownerRecordName, removeRecordSet, targetsOf } from './record-owner.ts';

type Needs = { readonly zone: DnsZone; readonly loadBalancer: LoadBalancerResource };
type Seen = Left & { readonly zoneId: string };
export type FormerRecords = Resource<Needs, null, Seen>;

export function formerRecords(context: CloudContext, needs: Needs): FormerRecords {
  const beside = `TXT record ${ownerRecordName(`${context.stack.domain}.`)}`;
  return leftover<Needs, Seen>({
    id: 'dns/former-record',
    title: 'Records of a former domain or choice',
    needs,
    observe: async ({ zone, loadBalancer }) => {
      if (zone === undefined || loadBalancer === undefined) return undefined;
      const { records, owner } = await leftIn(context, zone.id);
      // A mark is a text that anybody can write; only with the stack's own address behind it does it prove whose the record is.
      const proven = records.filter((one) => targetsOf(one) === loadBalancer.eipAddress);
      return proven.length === 0 && owner === undefined ? undefined : { zoneId: zone.id, records: proven, owner };
    },
    destroy: async ({ zoneId, records, owner: mark }, run) => {
      const home = await context.otc.dnsHome();
      if (mark !== undefined) await removeRecordSet(home, zoneId, mark.id, beside, run);
      for (const { id, name, owner } of records) {
        await removeRecordSet(home, zoneId, id, `A record ${name}`, run);
        if (owner !== undefined) await removeRecordSet(home, zoneId, owner.id, `TXT record of external-dns for ${name}`, run);
      }
    },
    facts: ({ records, owner }) => ({
      record: [...records.map(({ id, name }) => `${name} (${id})`), ...(owner === undefined ? [] : [`${beside} (${owner.id})`])].join(', '),
    }),
  });
}

/** Records that have the mark and lead elsewhere: not proven to be this stack's, so they stay. Pure. */
export function unprovenRecords({ address }: { readonly address: string }, { former = [] }: Pick<OwnedRecord, 'former'>): Fault[] {
  return former
    .filter((one) => targetsOf(one) !== address)
    .map(
      (one) =>
        new Fault(`A record ${one.name} (${one.id}) says that it is this stack's, and leads to ${targetsOf(one)} instead of ${address}: left alone`, {
          resource: one.id,
          hint: 'Delete it in the DNS console if nothing needs it any more.',
        }),
    );
}
