/**
 * Owns what the cloud's name servers and the servers above them answer: pure functions from the store's zones and record
 * sets to answers. Sockets and packets are `server.ts`'s; recursion (what a resolver makes of this) is `resolver.ts`'s.
 */
import type { Answer } from 'dns-packet';
import type { RecordSetRow, ZoneRow } from '../../otc/tables/network.ts';

export type Rcode = 'NOERROR' | 'NXDOMAIN' | 'SERVFAIL' | 'REFUSED';

export interface Reply {
  readonly rcode: Rcode;
  readonly authoritative: boolean;
  readonly answers: readonly Answer[];
  readonly authorities: readonly Answer[];
  readonly additionals: readonly Answer[];
}

/** Name servers of the cloud's public zones, whichever region manages them (API reference section 8). */
export const cloudNameServers = ['ns1.open-telekom-cloud.com', 'ns2.open-telekom-cloud.com'] as const;

/** Lower case, without the trailing dot; the root is ''. */
export const plain = (name: string): string => name.toLowerCase().replace(/\.$/, '');
export const isWithin = (name: string, zone: string): boolean => zone === '' || name === zone || name.endsWith(`.${zone}`);
export const parentOf = (name: string): string => (name.includes('.') ? name.slice(name.indexOf('.') + 1) : '');

export const reply = (rcode: Rcode, parts: Partial<Omit<Reply, 'rcode'>> = {}): Reply => ({
  rcode,
  authoritative: true,
  answers: [],
  authorities: [],
  additionals: [],
  ...parts,
});

/** The created public zone that is closest to the name, if it is served already. */
export function zoneOf(name: string, zones: readonly ZoneRow[]): ZoneRow | undefined {
  return zones
    .filter(
      (zone) =>
        zone.zone_type === 'public' && ['ACTIVE', 'PENDING_UPDATE', 'PENDING_DELETE'].includes(zone.status) && isWithin(name, plain(zone.name)),
    )
    .sort((a, b) => b.name.length - a.name.length)[0];
}

/** TXT values carry their quotes in the API: `"a" "b"` is one record of two strings. */
export function txtStrings(value: string): string[] {
  const quoted = [...value.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((match) => (match[1] ?? '').replace(/\\(.)/g, '$1'));
  return quoted.length > 0 ? quoted : [value];
}

/** One record of a set in the form the packet encoder takes; undefined for types that nobody here asks for. */
export function toAnswer(name: string, type: string, ttl: number, value: string): Answer | undefined {
  const head = { name, ttl, class: 'IN' as const };
  const words = value.trim().split(/\s+/);
  switch (type) {
    case 'A':
    case 'AAAA':
      return { ...head, type, data: value };
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return { ...head, type, data: plain(value) };
    case 'TXT':
      return { ...head, type, data: txtStrings(value) };
    case 'MX':
      return { ...head, type, data: { preference: Number(words[0]), exchange: plain(words[1] ?? '') } };
    case 'SRV':
      return { ...head, type, data: { priority: Number(words[0]), weight: Number(words[1]), port: Number(words[2]), target: plain(words[3] ?? '') } };
    case 'CAA': {
      const parts = /^(\d+)\s+(\w+)\s+"?([^"]*)"?$/.exec(value.trim());
      if (parts === null) return undefined;
      return {
        ...head,
        type,
        data: {
          flags: Number(parts[1]),
          tag: parts[2] as 'issue' | 'issuewild' | 'iodef',
          value: parts[3] ?? '',
          issuerCritical: parts[1] === '128',
        },
      };
    }
    default:
      return undefined;
  }
}

export function soa(zone: string, ttl: number, serial: number, mname: string, rname: string): Answer {
  return { name: zone, type: 'SOA', ttl, class: 'IN', data: { mname, rname, serial, refresh: 7200, retry: 900, expire: 1_209_600, minimum: 300 } };
}

const zoneSoa = (zone: ZoneRow): Answer =>
  soa(
    plain(zone.name),
    300,
    zone.serial,
    cloudNameServers[0],
    zone.email === '' ? 'hostmaster.open-telekom-cloud.com' : zone.email.replace('@', '.'),
  );

/** What the cloud's name servers answer with the records they serve at this moment. */
export function cloudReply(
  question: { readonly name: string; readonly type: string },
  zones: readonly ZoneRow[],
  sets: readonly RecordSetRow[],
): Reply {
  const name = plain(question.name);
  const zone = zoneOf(name, zones);
  if (zone === undefined) return reply('REFUSED', { authoritative: false });
  const apex = plain(zone.name);
  const served = sets.filter((set) => set.zone_id === zone.id && set.status !== 'DISABLE' && records(set).length > 0);
  // A cut below the apex: the name belongs to whomever these NS records name.
  const cut = served.find((set) => set.type === 'NS' && plain(set.name) !== apex && isWithin(name, plain(set.name)));
  if (cut !== undefined) return reply('NOERROR', { authoritative: false, authorities: answersOf(cut, plain(cut.name)) });
  const at = (owner: string): RecordSetRow[] => served.filter((set) => plain(set.name) === owner);
  let found = at(name);
  const exists = found.length > 0 || name === apex || served.some((set) => isWithin(plain(set.name), name));
  for (let above = parentOf(name); !exists && found.length === 0 && isWithin(above, apex); above = parentOf(above)) {
    found = at(`*.${above}`);
    // A wildcard does not reach past a name that exists between them.
    if (at(above).length > 0 && above !== apex) break;
  }
  if (!exists && found.length === 0) return reply('NXDOMAIN', { authorities: [zoneSoa(zone)] });
  if (name === apex && question.type === 'SOA') return reply('NOERROR', { answers: [zoneSoa(zone)] });
  const matching = found.filter((set) => set.type === question.type || question.type === 'ANY' || (set.type === 'CNAME' && question.type !== 'SOA'));
  const answers = matching.flatMap((set) => answersOf(set, name));
  return answers.length > 0 ? reply('NOERROR', { answers }) : reply('NOERROR', { authorities: [zoneSoa(zone)] });
}

/** What is served while an update is pending are the former records; a set that was never active serves none. */
function records(set: RecordSetRow): readonly string[] {
  if (set.status === 'PENDING_CREATE' || set.status === 'ERROR') return set.served?.records ?? [];
  if (set.status === 'PENDING_UPDATE') return set.served?.records ?? set.records;
  return set.records;
}

function answersOf(set: RecordSetRow, name: string): Answer[] {
  const ttl = set.status === 'PENDING_UPDATE' ? (set.served?.ttl ?? set.ttl) : set.ttl;
  return records(set).flatMap((value) => toAnswer(name, set.type, ttl, value) ?? []);
}

/** How a domain is registered: at its parent the name servers of the cloud, others, both, or not at all. */
export type Delegation = 'otc' | 'other' | 'mixed' | 'none';

export const otherNameServers = ['ns1.registrar.example', 'ns2.registrar.example'] as const;

export function nameServersOf(delegation: Delegation): readonly string[] {
  switch (delegation) {
    case 'otc':
      return cloudNameServers;
    case 'other':
      return otherNameServers;
    case 'mixed':
      return [cloudNameServers[0], otherNameServers[0]];
    case 'none':
      return [];
  }
}
