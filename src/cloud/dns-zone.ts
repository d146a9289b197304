/** Owns the public zone: found or made, never given up unasked, since the domain's other records may live in it. */
import { Fault } from '../engine/fault.ts';
import { type Change, type Resource, resource } from '../engine/resource.ts';
import { schedules, until } from '../engine/until.ts';
import { unlessGone } from '../otc/client.ts';
import * as dns from '../otc/dns.ts';
import { type CloudContext, createOnce, theExisting, theOne } from './context.ts';
import type { Gates } from './gate.ts';
import { dnsMark, madeBy, othersRecords } from './record-owner.ts';

export interface ZoneSpec {
  /** With the dot at the end. */
  readonly name: string;
  /** What is set where the stack made the zone; undefined for an existing one. */
  readonly settings?: { readonly email: string; readonly ttl: number; readonly description: string };
}

export type DnsZone = Resource<Gates, ZoneSpec, dns.Zone>;

const ZONE_TTL = 300;

/** Needed for the A record, and for the DNS01 challenge of a certificate. */
export function zoneWanted({ stack }: Pick<CloudContext, 'stack'>): boolean {
  return stack.dns.records !== 'existing' || stack.certificates.issuer !== 'existing';
}

export function dnsZone(context: CloudContext, needs: Gates): DnsZone {
  const { otc, stack } = context;
  const { existing } = stack.dns;
  const name = `${stack.dns.zone}.`;
  const wanted = zoneWanted(context);
  const settings = { email: stack.contact, ttl: ZONE_TTL, description: dnsMark(context) };
  const spec: ZoneSpec = existing === undefined ? { name, settings } : { name };
  const find = async (fresh?: boolean): Promise<dns.Zone | undefined> => {
    const found = await dns.listZones(await otc.dnsHome(), name, fresh);
    if (existing !== undefined) {
      const bare = existing.name === undefined ? existing : { name: `${existing.name.replace(/\.$/, '')}.` };
      return theExisting(found, bare, 'DNS zone', { id: (one) => one.id, name: (one) => one.name });
    }
    return theOne(found, `DNS zone ${name}`, (one) => one.id);
  };
  return resource<Gates, ZoneSpec, dns.Zone>({
    id: 'dns/zone',
    title: `DNS zone ${stack.dns.zone}`,
    needs,
    wanted,
    protect: 'data',
    usualSeconds: 5,
    ...(existing === undefined ? {} : { readsOnly: true }),
    prefetch: async () => (wanted ? dns.listZones(await otc.dnsHome(), name) : []),
    want: () => spec,
    madeWith: () => ({ name, ttl: ZONE_TTL }),
    // Somebody else's zone of this name is none of our business where the stack needs none.
    observe: async () => (wanted ? find() : undefined),
    diff: zoneChanges,
    apply: async (_spec, seen, _changes, run) => {
      const home = await otc.dnsHome();
      const create = (): Promise<dns.Zone> => dns.createZone(home, { name, ...settings });
      const { id } = seen ?? (await createOnce({ what: `DNS zone ${name}`, create, look: () => find(true), exists: ['DNS.0208'] }, run));
      const active = (): Promise<dns.Zone> =>
        until(`DNS zone ${name} to become ACTIVE`, schedules.quick, run, async () => {
          const now = await dns.getZone(home, id);
          return zoneChanges({ name }, now).length === 0 ? { done: true, value: now } : { done: false, state: now.status };
        });
      if (zoneChanges(spec, await active()).length > 0) await dns.updateZone(home, id, { email: settings.email, ttl: settings.ttl });
      return active();
    },
    keep: (seen) => madeBy(seen, settings.description),
    // They would go with it, unasked.
    blockedBy: (seen) => othersRecords(context, seen),
    destroy: async ({ id }, run) => {
      const home = await otc.dnsHome();
      await unlessGone(dns.deleteZone(home, id));
      await until(`DNS zone ${name} to be gone`, schedules.quick, run, async () => {
        const still = await unlessGone(dns.getZone(home, id));
        return still === undefined ? { done: true, value: undefined } : { done: false, state: still.status };
      });
    },
    facts: ({ id }) => ({ id }),
  });
}

const PASSING = /^PENDING_/;

/** E-mail and TTL can be changed in place (DNS API reference, "Modifying a zone"). In a zone that the stack did not make they are its owner's. */
export function zoneChanges({ name, settings }: ZoneSpec, { id, status, email, ttl, description: text }: dns.Zone): Change[] {
  if (PASSING.test(status)) return [{ field: 'status', before: status, after: 'ACTIVE' }];
  if (status !== 'ACTIVE')
    throw new Fault(`DNS zone ${name} is ${status}`, {
      resource: id,
      finding: 'status',
      hint: 'See the zone in the DNS console; OTC support can lift a freeze.',
    });
  if (settings === undefined || text !== settings.description) return [];
  const changes: Change[] = [];
  // What an answer leaves out is no difference.
  if (email !== undefined && email.toLowerCase() !== settings.email.toLowerCase())
    changes.push({ field: 'email', before: email || 'none', after: settings.email });
  if (ttl !== undefined && ttl !== settings.ttl) changes.push({ field: 'ttl', before: ttl, after: settings.ttl });
  return changes;
}
