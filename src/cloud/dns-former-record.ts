/**
 * Owns the A records of domains that the stack had before, in the zone of its present one. A deploy takes them away when all else is
 * well, the verification under the new domain included. What only looks like one is named and left alone.
 */
import { Fault } from '../engine/fault.ts';
import { leftover, type Resource } from '../engine/resource.ts';
import type { CloudContext } from './context.ts';
import type { DnsZone } from './dns-zone.ts';
import type { LoadBalancerResource } from './load-balancer.ts';
import { type FormerRecord, formerRecordsIn, type OwnedRecord, removeRecordSet, targetsOf } from './record-owner.ts';

type Needs = { readonly zone: DnsZone; readonly loadBalancer: LoadBalancerResource };
type Seen = { readonly zoneId: string; readonly records: readonly FormerRecord[] };
export type FormerRecords = Resource<Needs, null, Seen>;

export function formerRecords(context: CloudContext, needs: Needs): FormerRecords {
  return leftover<Needs, Seen>({
    id: 'dns/former-record',
    title: 'A record of a former domain',
    needs,
    observe: async ({ zone, loadBalancer }) => {
      if (zone === undefined || loadBalancer === undefined) return undefined;
      // A mark is a text that anybody can write; only with the stack's own address behind it does it prove whose the record is.
      const records = (await formerRecordsIn(context, zone.id)).filter((one) => targetsOf(one) === loadBalancer.eipAddress);
      return records.length === 0 ? undefined : { zoneId: zone.id, records };
    },
    destroy: async ({ zoneId, records }, run) => {
      const home = await context.otc.dnsHome();
      for (const { id, name, owner } of records) {
        await removeRecordSet(home, zoneId, id, `A record ${name}`, run);
        if (owner !== undefined) await removeRecordSet(home, zoneId, owner.id, `TXT record of external-dns for ${name}`, run);
      }
    },
    facts: ({ records }) => ({ record: records.map(({ id, name }) => `${name} (${id})`).join(', ') }),
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
