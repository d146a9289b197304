/**
 * Owns how a zone or a record says whose it is: by our mark in its description, and for external-dns by a TXT record beside it (its
 * registry, external-dns 0.21.0). Read by whoever hands the domain's A record over (`dns-ownership.ts`) or takes it back
 * (`dns-record.ts`). The controller itself is installed by `zitadel/external-dns.ts`, which takes the same prefix and owner.
 */
import { Fault } from '../engine/fault.ts';
import type { Run } from '../engine/resource.ts';
import { schedules, until } from '../engine/until.ts';
import type { Otc } from '../otc/client.ts';
import { unlessGone } from '../otc/client.ts';
import * as dns from '../otc/dns.ts';
import { listEips } from '../otc/eip.ts';
import { listLoadBalancers } from '../otc/elb.ts';
import { type CloudContext, description, theOne } from './context.ts';

/** Ends in a dot, so that the TXT record of a domain that is the zone itself lies in the zone as well. */
export const TXT_PREFIX = 'extdns-%{record_type}.';

/** Name of the TXT record for the A record of a name that ends in a dot. */
export function ownerRecordName(name: string): string {
  return `${TXT_PREFIX.replace('%{record_type}', 'a')}${name}`;
}

/** The owner id of this stack's controller: unique by construction, stable for ever. */
export function ownerId({ names }: Pick<CloudContext, 'names'>): string {
  return names('dns');
}

export interface Owner {
  /** Id of the TXT record set. */
  readonly id: string;
  readonly by: string;
  /** What in the cluster wants the record: `ingress/<namespace>/<name>`. */
  readonly for?: string | undefined;
  readonly status: string;
}

/** An A record with this stack's mark under another name than the domain's: the stack had that domain before. */
export interface FormerRecord {
  readonly id: string;
  readonly name: string;
  readonly records: readonly string[];
  /** The TXT record of this stack's external-dns beside it. */
  readonly owner: Owner | undefined;
}

/** The domain's A record, and whose it is by external-dns's registry. */
export interface OwnedRecord extends dns.RecordSet {
  readonly zoneId: string;
  readonly owner?: Owner;
  /** That it leads elsewhere than to the stack's load balancer, or may do so, for people. */
  readonly elsewhere?: string;
  /** Where AAAA records of the name lead; absent where there are none. */
  readonly ipv6?: readonly string[];
  /** Absent where there are none. */
  readonly former?: readonly FormerRecord[];
}

export interface DomainRecords {
  readonly record: OwnedRecord | undefined;
  /** There may be one without its record, where somebody deleted that. */
  readonly owner: Owner | undefined;
}

type OfStack = Pick<CloudContext, 'otc' | 'stack' | 'names'>;

/** Both records of the domain, by one call. @throws Fault where there are several A record sets of the name */
export async function recordsOf(context: OfStack, zoneId: string, fresh?: boolean): Promise<DomainRecords> {
  const name = `${context.stack.domain}.`;
  const all = await dns.listRecordSets(await context.otc.dnsHome(), zoneId, fresh);
  const record = theOne(
    all.filter((one) => one.type === 'A' && one.name === name),
    `A record ${name}`,
    ({ id }) => id,
  );
  const owner = ownerBeside(all, name);
  if (record === undefined) return { record: undefined, owner };
  const ipv6 = all.filter((one) => one.type === 'AAAA' && one.name === name).flatMap(({ records }) => records);
  const former = formerRecords(context, all);
  const found = {
    ...record,
    zoneId,
    ...(owner === undefined ? {} : { owner }),
    ...(ipv6.length === 0 ? {} : { ipv6 }),
    ...(former.length === 0 ? {} : { former }),
  };
  return { record: found, owner };
}

/** Whose the A record of a name is by external-dns's registry. */
export function ownerBeside(all: readonly dns.RecordSet[], name: string): Owner | undefined {
  return all.filter((one) => one.type === 'TXT' && one.name === ownerRecordName(name)).flatMap(ownerOf)[0];
}

/** What a former domain or choice left in a zone. */
export interface Left {
  readonly records: readonly FormerRecord[];
  /** The TXT record of this stack's external-dns beside the domain's record, where the user keeps that now. */
  readonly owner: Owner | undefined;
}

/** By the same call. */
export async function leftIn(context: OfStack, zoneId: string): Promise<Left> {
  const { domain, dns: choice } = context.stack;
  const all = await dns.listRecordSets(await context.otc.dnsHome(), zoneId);
  const beside = choice.records === 'existing' ? ownerBeside(all, `${domain}.`) : undefined;
  return { records: formerRecords(context, all), owner: beside?.by === ownerId(context) ? beside : undefined };
}

/**
 * The mark is this stack's description, or the TXT record by which its external-dns keeps the record for ZITADEL's own Ingress or route:
 * one for an Ingress of the user's is none of ours.
 */
function formerRecords(context: OfStack, all: readonly dns.RecordSet[]): FormerRecord[] {
  const { domain, zitadel } = context.stack;
  const mark = dnsMark(context);
  const routes = ['ingress', 'httproute'].flatMap((kind) =>
    [zitadel.release, `${zitadel.release}-zitadel`].flatMap((name) => ['', '-login'].map((part) => `${kind}/${zitadel.namespace}/${name}${part}`)),
  );
  return all
    .filter(({ type, name }) => type === 'A' && name !== `${domain}.`)
    .flatMap(({ id, name, records, description: text }) => {
      const beside = ownerBeside(all, name);
      const owner = beside?.by === ownerId(context) && routes.includes(beside.for ?? '') ? beside : undefined;
      return text === mark || owner !== undefined ? [{ id, name, records, owner }] : [];
    });
}

/**
 * There is no AAAA record to make, and one made by others leads away from here: OTC does not support dedicated load balancers
 * with IPv6 addresses (ELB API reference, "Creating a Load Balancer"), and where the console gives them one, TCP from an IPv6
 * client needs backends with IPv6 (ELB user guide, "Does ELB Support IPv6 Networks?"), which these nodes are not.
 * @returns the fault for an AAAA record
 */
export function ipv6Of(name: string, { id, ipv6 }: Pick<OwnedRecord, 'id' | 'ipv6'>): Fault | undefined {
  return ipv6 === undefined ? undefined : ipv6Astray(name, id, ipv6);
}

export function ipv6Astray(name: string, id: string, ipv6: readonly string[]): Fault {
  return new Fault(`${name} also has an AAAA record: clients with IPv6 go to ${ipv6.join(', ')}, and the load balancer has IPv4 only`, {
    resource: id,
    finding: 'AAAA',
    forbids: true,
    hint: 'Delete the AAAA record. To serve the domain from elsewhere, set dns.records to existing and keep it in your own hands.',
  });
}

function ownerOf({ id, records, status }: dns.RecordSet): Owner[] {
  const [text = ''] = records;
  const labels = text.replace(/^"|"$/g, '').split(',');
  const label = (key: string): string | undefined => labels.find((one) => one.startsWith(`external-dns/${key}=`))?.split('=')[1];
  const by = label('owner');
  return labels.includes('heritage=external-dns') && by !== undefined ? [{ id, by, for: label('resource'), status }] : [];
}

/** What the TXT record says, as external-dns writes it for an Ingress. */
export function ownerText(by: string, resource: string): string {
  return `"heritage=external-dns,external-dns/owner=${by},external-dns/resource=${resource}"`;
}

/**
 * What stands in the description of a zone or record that this stack made. Their names are no proof of that, and one zone serves several
 * projects, each of which may have a stack of this name: so it names the project by its id, which never changes.
 */
export function dnsMark(context: Pick<CloudContext, 'stack' | 'otc'>): string {
  return `${description(context)} in ${context.stack.region}, project ${context.otc.projectId}`;
}

/** Why a zone or record without this mark is not this stack's. */
export function madeBy({ description: text }: { readonly description?: string | null }, mark: string): string | undefined {
  if (text === mark) return undefined;
  return text?.startsWith('Managed by zitadel-on-otc') === true ? `was made by another stack ("${text}")` : 'was not made by this action';
}

/**
 * Record sets that would go with the zone and are not this stack's, for people. Its own are those with its mark or kept by its external-dns for
 * ZITADEL, what the DNS01 solver wrote for its domain, and the two that every zone has (DNS user guide, "Record Set Overview"). One that
 * somebody led elsewhere is needed there: `destroy` leaves it (`dns-record.ts`), and so it must not go with its zone.
 */
export async function othersRecords(context: OfStack, { id, name }: Pick<dns.Zone, 'id' | 'name'>): Promise<string[]> {
  const all = await dns.listRecordSets(await context.otc.dnsHome(), id);
  const address = await ownAddress(context);
  const elsewhere = (one: Pick<dns.RecordSet, 'records'>): boolean => targetsOf(one) !== address;
  const domain = `${context.stack.domain}.`;
  const beside = ownerBeside(all, domain);
  const byUser = context.stack.dns.records === 'existing';
  const kept = beside?.by === ownerId(context) ? beside : undefined;
  const former = formerRecords(context, all).filter((one) => !elsewhere(one));
  const own = new Set([kept, ...former.flatMap((one) => [one, one.owner])].map((one) => one?.id));
  const isMarked = (one: dns.RecordSet): boolean => madeBy(one, dnsMark(context)) === undefined;
  const isDomains = (one: dns.RecordSet): boolean => one.name === domain && !byUser && !elsewhere(one) && (kept !== undefined || isMarked(one));
  const isOwn = (one: dns.RecordSet): boolean =>
    own.has(one.id) ||
    (one.type === 'A' ? isDomains(one) : isMarked(one)) ||
    (one.name === name && ['SOA', 'NS'].includes(one.type)) ||
    (one.name === `_acme-challenge.${domain}` && one.type === 'TXT');
  return all.filter((one) => !isOwn(one)).map((one) => `record set ${one.name} ${one.type} (${one.id})`);
}

/** The address that the load balancer has or will have; undefined where it is still to be made. */
export async function ownAddress({ otc, names, stack }: OfStack): Promise<string | undefined> {
  const { existing } = stack.loadBalancer;
  if (existing === undefined) return (await listEips(otc)).find(({ alias }) => alias === names('elb'))?.public_ip_address;
  return (await listLoadBalancers(otc, existing))[0]?.publicips[0]?.publicip_address;
}

/** Where a record leads, for people and to compare. */
export function targetsOf({ records }: Pick<dns.RecordSet, 'records'>): string {
  return [...records].sort().join(', ');
}

/** Waits until a record set has settled: writes are refused until the last one has. */
export function untilActive(home: Otc, zoneId: string, id: string, what: string, run: Run): Promise<dns.RecordSet> {
  return until(`${what} to become ACTIVE`, schedules.quick, run, async () => {
    const now = await dns.getRecordSet(home, zoneId, id);
    if (now.status === 'ERROR') throw new Fault(`${what} ended in ERROR`, { resource: id, hint: 'Delete it in the DNS console and run again.' });
    return now.status === 'ACTIVE' ? { done: true, value: now } : { done: false, state: now.status };
  });
}

/** Deletes a record set and waits until it is gone. */
export async function removeRecordSet(home: Otc, zoneId: string, id: string, what: string, run: Run): Promise<void> {
  await unlessGone(dns.deleteRecordSet(home, zoneId, id));
  await until(`${what} to be gone`, schedules.quick, run, async () => {
    const still = await unlessGone(dns.getRecordSet(home, zoneId, id));
    return still === undefined ? { done: true, value: undefined } : { done: false, state: still.status };
  });
}
