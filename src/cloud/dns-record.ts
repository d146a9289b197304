/**
 * Owns the A record that leads the domain to the load balancer, with `dns.records: direct`. A record that somebody else made
 * for it is never overwritten; one that this stack's external-dns keeps is taken back in place. The other way round is
 * `dns-ownership.ts`'s. Where another choice holds, a deploy leaves the record alone, so that it is never missing.
 */
import { Fault } from '../engine/fault.ts';
import { type Change, type Resource, resource } from '../engine/resource.ts';
import * as dns from '../otc/dns.ts';
import { type CloudContext, createOnce } from './context.ts';
import { unprovenRecords } from './dns-former-record.ts';
import { type DnsZone, zoneWanted } from './dns-zone.ts';
import type { LoadBalancerResource } from './load-balancer.ts';
import {
  dnsMark,
  ipv6Of,
  madeBy,
  type OwnedRecord,
  ownAddress,
  ownerId,
  recordsOf,
  removeRecordSet,
  targetsOf,
  untilActive,
} from './record-owner.ts';

export interface RecordSpec {
  readonly name: string;
  readonly zoneId: string;
  readonly address: string;
  /** Seconds */
  readonly ttl: number;
  /** Owner id of this stack's external-dns, from which a record is taken back. */
  readonly owner: string;
  /** Description by which the stack knows what it made itself. */
  readonly mark: string;
}

type Needs = { readonly zone: DnsZone; readonly loadBalancer: LoadBalancerResource };
export type DnsRecord = Resource<Needs, RecordSpec, OwnedRecord>;

export function dnsRecord(context: CloudContext, needs: Needs): DnsRecord {
  const { otc, stack } = context;
  const name = `${stack.domain}.`;
  const what = `A record ${name}`;
  const owner = ownerId(context);
  const mark = dnsMark(context);
  const wanted = stack.dns.records === 'direct';
  const find = async (zoneId: string, fresh?: boolean): Promise<OwnedRecord | undefined> => {
    const { record } = await recordsOf(context, zoneId, fresh);
    return record === undefined || wanted || isOurs(record, { owner, mark }) ? record : undefined;
  };
  return resource<Needs, RecordSpec, OwnedRecord>({
    id: 'dns/record',
    title: `A record ${stack.domain}`,
    needs,
    wanted,
    handsOver: true,
    // Somebody else's record for the domain: the stack would be changed for a domain that does not lead to it.
    lookedAtFirst: true,
    usualSeconds: 5,
    prefetch: async () => {
      const home = await otc.dnsHome();
      const [zone] = zoneWanted(context) ? await dns.listZones(home, `${stack.dns.zone}.`) : [];
      if (zone !== undefined) await find(zone.id);
    },
    want: ({ zone, loadBalancer }) => ({ name, zoneId: zone.id, address: loadBalancer.eipAddress, ttl: stack.dns.ttl, owner, mark }),
    madeWith: ({ loadBalancer }) => ({
      name,
      records: loadBalancer?.eipAddress || `known after ${needs.loadBalancer.id}`,
      ttl: stack.dns.ttl,
    }),
    observe: async ({ zone, loadBalancer }) => {
      const found = zone === undefined ? undefined : await find(zone.id);
      if (found === undefined) return undefined;
      const address = loadBalancer?.eipAddress ?? (await ownAddress(context));
      const leadsTo = targetsOf(found);
      if (address === undefined)
        return { ...found, elsewhere: `leads to ${leadsTo}; the address of this stack is gone, so nothing tells whether that was it` };
      return leadsTo === address
        ? found
        : { ...found, elsewhere: `leads to ${leadsTo}, not to this stack's load balancer: somebody changed it, and may need it` };
    },
    diff: recordChanges,
    unhealed: recordUnhealed,
    warnings: unprovenRecords,
    apply: async (spec, seen, changes, run) => {
      const home = await otc.dnsHome();
      const { zoneId } = spec;
      const record = { name, type: 'A', ttl: spec.ttl, records: [spec.address], description: mark };
      const create = (): Promise<dns.RecordSet> => dns.createRecordSet(home, zoneId, record);
      const found = seen ?? (await createOnce<dns.RecordSet>({ what, create, look: () => find(zoneId, true), exists: ['DNS.0312'] }, run));
      let now = await untilActive(home, zoneId, found.id, what, run);
      const left = seen === undefined ? recordChanges(spec, now) : changes;
      if (left.some(({ field }) => field !== 'status')) {
        // In place: name servers answer with the former records until the new ones are there.
        await dns.updateRecordSet(home, zoneId, found.id, record);
        now = await untilActive(home, zoneId, found.id, what, run);
      }
      const { owner: beside } = await recordsOf(context, zoneId, true);
      if (beside?.by === owner) await removeRecordSet(home, zoneId, beside.id, `TXT record of external-dns for ${name}`, run);
      return { ...now, zoneId };
    },
    destroy: async ({ id, zoneId, owner: beside }, run) => {
      const home = await otc.dnsHome();
      await removeRecordSet(home, zoneId, id, what, run);
      if (beside?.by === owner) await removeRecordSet(home, zoneId, beside.id, `TXT record of external-dns for ${name}`, run);
    },
    keep: (seen) => {
      if (!isOurs(seen, { owner, mark })) return madeBy(seen, mark);
      const { records, elsewhere } = seen;
      if (elsewhere !== undefined) return elsewhere;
      if (stack.dns.records !== 'existing') return undefined;
      return `dns.records is existing, so it is yours, and goes on leading to ${records.join(', ')}`;
    },
    facts: ({ records }) => ({ address: records.join(', ') }),
  });
}

export function isOurs(record: Pick<OwnedRecord, 'owner'> & dns.RecordSet, { owner, mark }: Pick<RecordSpec, 'owner' | 'mark'>): boolean {
  return madeBy(record, mark) === undefined || record.owner?.by === owner;
}

/** An AAAA record beside it, which forbids every write, except where the stack's own record is to be put right first. */
export function recordUnhealed(spec: Omit<RecordSpec, 'zoneId'>, seen: Pick<OwnedRecord, 'owner' | 'ipv6'> & dns.RecordSet): Fault | undefined {
  return ipv6Of(spec.name, seen)?.with({ forbids: recordChanges(spec, seen).length === 0 });
}

/** @throws Fault where somebody else's record leads elsewhere */
export function recordChanges(spec: Omit<RecordSpec, 'zoneId'>, seen: Pick<OwnedRecord, 'owner'> & dns.RecordSet): Change[] {
  const changes: Change[] = [];
  const before = targetsOf(seen);
  const ours = isOurs(seen, spec);
  if (before !== spec.address) {
    if (!ours) throw foreign(spec, seen, before);
    changes.push({ field: 'records', before, after: spec.address === '' ? 'a new EIP' : spec.address });
  }
  if (ours && seen.ttl !== undefined && seen.ttl !== spec.ttl) changes.push({ field: 'ttl', before: seen.ttl, after: spec.ttl });
  if (seen.owner?.by === spec.owner) {
    changes.push({ field: 'owner', before: 'external-dns', after: 'zitadel-on-otc', why: 'it is taken back in place and never missing' });
  }
  if (seen.status !== 'ACTIVE') changes.push({ field: 'status', before: seen.status, after: 'ACTIVE' });
  return changes;
}

export function foreign({ name, mark }: Pick<RecordSpec, 'name' | 'mark'>, seen: Pick<OwnedRecord, 'owner'> & dns.RecordSet, leadsTo: string): Fault {
  const by = seen.owner === undefined ? '' : `; it belongs to the external-dns with the owner id ${seen.owner.by}`;
  return new Fault(`${name} already leads to ${leadsTo}, by a record (${seen.id}) that ${madeBy(seen, mark) ?? 'was handed over'}${by}`, {
    resource: seen.id,
    finding: 'records',
    forbids: true,
    hint: 'Delete that record if nothing needs it any more; or set dns.records to existing and keep the domain in your own hands.',
  });
}
