/** Owns the A record that leads the domain to the load balancer. A record that somebody else made for it is never overwritten. */
import { Fault } from '../engine/fault.ts';
import { type Change, type Resource, resource } from '../engine/resource.ts';
import { schedules, until } from '../engine/until.ts';
import { unlessGone } from '../otc/client.ts';
import * as dns from '../otc/dns.ts';
import { type CloudContext, createOnce, description, theOne } from './context.ts';
import { type DnsZone, zoneWanted } from './dns-zone.ts';
import type { LoadBalancerResource } from './load-balancer.ts';

export interface RecordSpec {
  readonly name: string;
  readonly zoneId: string;
  readonly address: string;
  /** Seconds */
  readonly ttl: number;
}

export interface RecordSeen extends dns.RecordSet {
  readonly zoneId: string;
}

type Needs = { readonly zone: DnsZone; readonly loadBalancer: LoadBalancerResource };
export type DnsRecord = Resource<Needs, RecordSpec, RecordSeen>;

export function dnsRecord(context: CloudContext, needs: Needs): DnsRecord {
  const { otc, stack } = context;
  const name = `${stack.domain}.`;
  const wanted = stack.dns.records === 'direct';
  const find = async (zoneId: string, fresh?: boolean): Promise<RecordSeen | undefined> => {
    const found = await dns.listRecordSets(await otc.dnsHome(), zoneId, name, 'A', fresh);
    const one = theOne(found, `A record ${name}`, (record) => record.id);
    return one === undefined || (!wanted && !isOurs(one)) ? undefined : { ...one, zoneId };
  };
  return resource<Needs, RecordSpec, RecordSeen>({
    id: 'dns/record',
    title: `A record ${stack.domain}`,
    needs,
    wanted,
    usualSeconds: 5,
    prefetch: async () => {
      const home = await otc.dnsHome();
      const [zone] = zoneWanted(context) ? await dns.listZones(home, `${stack.dns.zone}.`) : [];
      if (zone !== undefined) await find(zone.id);
    },
    want: ({ zone, loadBalancer }) => ({ name, zoneId: zone.id, address: loadBalancer.eipAddress, ttl: stack.dns.ttl }),
    observe: async ({ zone }) => (zone === undefined ? undefined : find(zone.id)),
    diff: recordChanges,
    apply: async (spec, seen, changes, run) => {
      const home = await otc.dnsHome();
      const { zoneId } = spec;
      const record = { name, type: 'A', ttl: spec.ttl, records: [spec.address] };
      const create = (): Promise<dns.RecordSet> => dns.createRecordSet(home, zoneId, { ...record, description: description(context) });
      const found: dns.RecordSet =
        seen ?? (await createOnce<dns.RecordSet>({ what: `A record ${name}`, create, look: () => find(zoneId, true), exists: ['DNS.0312'] }, run));
      const active = (): Promise<RecordSeen> =>
        until(`A record ${name} to become ACTIVE`, schedules.quick, run, async () => {
          const now = { ...(await dns.getRecordSet(home, zoneId, found.id)), zoneId };
          if (now.status === 'ERROR')
            throw new Fault(`A record ${name} ended in ERROR`, { resource: now.id, hint: 'Delete it in the DNS console and run again.' });
          return now.status === 'ACTIVE' ? { done: true, value: now } : { done: false, state: now.status };
        });
      // Writes are refused until the last one has settled.
      const now = await active();
      const left = seen === undefined ? recordChanges(spec, now) : changes;
      if (left.every(({ field }) => field === 'status')) return now;
      await dns.updateRecordSet(home, zoneId, found.id, record);
      return active();
    },
    destroy: async ({ id, zoneId }, run) => {
      const home = await otc.dnsHome();
      await unlessGone(dns.deleteRecordSet(home, zoneId, id));
      await until(`A record ${name} to be gone`, schedules.quick, run, async () => {
        const still = await unlessGone(dns.getRecordSet(home, zoneId, id));
        return still === undefined ? { done: true, value: undefined } : { done: false, state: still.status };
      });
    },
    facts: ({ records }) => ({ address: records.join(', ') }),
  });
}

/** Records are known by their name, and the domain's name is no proof that we made it: here the description counts. */
function isOurs({ description: text }: dns.RecordSet): boolean {
  return text?.startsWith('Managed by zitadel-on-otc') === true;
}

export function recordChanges(spec: RecordSpec, seen: dns.RecordSet): Change[] {
  const changes: Change[] = [];
  const before = [...seen.records].sort().join(', ');
  if (before !== spec.address) {
    if (!isOurs(seen)) {
      throw new Fault(`${spec.name} already leads to ${before}, by a record that this action did not make`, {
        resource: seen.id,
        hint: 'Delete that record if nothing needs it any more; or set dns.records to existing and keep the domain in your own hands.',
      });
    }
    changes.push({ field: 'records', before, after: spec.address });
  }
  if (isOurs(seen) && seen.ttl !== undefined && seen.ttl !== spec.ttl) changes.push({ field: 'ttl', before: seen.ttl, after: spec.ttl });
  if (seen.status !== 'ACTIVE') changes.push({ field: 'status', before: seen.status, after: 'ACTIVE' });
  return changes;
}
