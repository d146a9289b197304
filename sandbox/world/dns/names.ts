/**
 * Owns the world's view of the name space: which names are sites, which domains are registered and where they point, and
 * therefore what a recursive resolver and the servers above the created zones answer.
 */
import type { Answer } from 'dns-packet';
import type { Store } from '../../otc/store.ts';
import { networkTables, type SwitchRow } from '../../otc/tables/network.ts';
import { places } from '../places.ts';
import {
  cloudNameServers,
  cloudReply,
  type Delegation,
  isWithin,
  nameServersOf,
  otherNameServers,
  parentOf,
  plain,
  type Reply,
  reply,
  soa,
} from './zones.ts';

/** Domains that are registered and delegated to the cloud from the start, as a prepared user's would be. */
const prepared = ['example.com', 'example.net', 'example.org'];
const ttl = 300;

export interface Names {
  /** A recursive resolver's answer. */
  resolve(question: { readonly name: string; readonly type: string }): Reply;
  /** The answer of the cloud's name servers. */
  cloud(question: { readonly name: string; readonly type: string }): Reply;
  /** The answer of the server of the zones above: referrals, glue, or that there is no such domain. */
  parent(question: { readonly name: string; readonly type: string }): Reply;
}

/**
 * @param isSite whether a site answers under this host name
 * @param undelegated true: no domain points at the cloud unless a switch `delegation:<domain>` says so
 */
export function names(store: Store, isSite: (host: string) => boolean, undelegated: boolean): Names {
  const tables = networkTables(store);
  const fallback: Delegation = undelegated ? 'none' : 'otc';

  /** The registered domain that a name is in, if any: a switch, a prepared domain, or the uppermost created zone. */
  const registration = (name: string): { readonly domain: string; readonly delegation: Delegation } | undefined => {
    let best: { readonly domain: string; readonly delegation: Delegation } | undefined;
    const consider = (domain: string, delegation: Delegation): void => {
      if (isWithin(name, domain) && (best === undefined || domain.length < best.domain.length)) best = { domain, delegation };
    };
    const switched = switches(tables.switches.all());
    for (const [domain, delegation] of switched) consider(domain, delegation);
    for (const domain of prepared) if (!switched.has(domain)) consider(domain, fallback);
    for (const zone of tables.zones.all()) {
      const domain = plain(zone.name);
      if (zone.zone_type === 'public' && !switched.has(domain)) consider(domain, fallback);
    }
    // A switch on a zone below the registered domain is a missing or foreign delegation inside it.
    const below = [...switched].filter(([domain]) => isWithin(name, domain)).sort((a, b) => b[0].length - a[0].length)[0];
    return below === undefined ? best : { domain: below[0], delegation: below[1] };
  };

  const cloud = (question: { readonly name: string; readonly type: string }): Reply =>
    cloudReply(question, tables.zones.all(), tables.recordSets.all());

  const address = (name: string, data: string): Answer => ({ name, type: 'A', ttl, class: 'IN', data });
  const ns = (zone: string, servers: readonly string[]): Answer[] =>
    servers.map((data) => ({ name: zone, type: 'NS', ttl: 86_400, class: 'IN', data }));

  /** Fixed names: sites, name servers, the servers above. */
  const fixed = (name: string): string | undefined => {
    if (isSite(name)) return places.sites;
    if (name === cloudNameServers[0]) return places.ns1;
    if (name === cloudNameServers[1]) return places.ns2;
    if (name === 'a.root-servers.net' || /^a\.nic\.[^.]+$/.test(name)) return places.parent;
    return undefined;
  };

  const nothing = (name: string): Reply => {
    const top = name.slice(name.lastIndexOf('.') + 1);
    return reply('NXDOMAIN', { authorities: [soa(top, 900, 1, `a.nic.${top}`, `hostmaster.nic.${top}`)] });
  };

  /** One step of a resolver; `cloud` answers are chased by {@link resolve}. */
  const lookUp = (name: string, type: string): Reply => {
    const at = fixed(name);
    if (at !== undefined) return reply('NOERROR', type === 'A' ? { answers: [address(name, at)] } : {});
    if (name === '') return reply('NOERROR', type === 'NS' ? { answers: ns('', ['a.root-servers.net']) } : {});
    if (!name.includes('.'))
      return type === 'NS' && /^[a-z]{2,}$/.test(name) ? reply('NOERROR', { answers: ns(name, [`a.nic.${name}`]) }) : nothing(name);
    const registered = registration(name);
    if (registered === undefined || registered.delegation === 'none') return nothing(name);
    if (registered.delegation === 'other') {
      const zone = registered.domain;
      const apex = soa(zone, ttl, 1, otherNameServers[0], `hostmaster.${zone}`);
      if (name !== zone) return reply('NXDOMAIN', { authorities: [apex] });
      return type === 'NS' ? reply('NOERROR', { answers: ns(zone, otherNameServers) }) : reply('NOERROR', { authorities: [apex] });
    }
    const answer = cloud({ name, type });
    // Servers that the parent names and that refuse the zone (lame delegation) leave a resolver with nothing.
    if (answer.rcode === 'REFUSED') return reply('SERVFAIL');
    if (name === registered.domain && type === 'NS' && registered.delegation === 'mixed')
      return reply('NOERROR', { answers: ns(name, nameServersOf('mixed')) });
    return answer;
  };

  const resolve = (question: { readonly name: string; readonly type: string }): Reply => {
    const answers: Answer[] = [];
    let name = plain(question.name);
    for (let hops = 0; hops < 8; hops += 1) {
      const step = lookUp(name, question.type);
      if (step.rcode !== 'NOERROR') return { ...step, authoritative: false, answers };
      answers.push(...step.answers);
      const alias = step.answers.flatMap((answer) => (answer.type === 'CNAME' ? [answer.data] : []))[0];
      if (alias === undefined || question.type === 'CNAME') return { ...step, authoritative: false, answers };
      name = plain(alias);
    }
    return reply('SERVFAIL', { authoritative: false });
  };

  const parent = (question: { readonly name: string; readonly type: string }): Reply => {
    const name = plain(question.name);
    if (!name.includes('.')) return lookUp(name, question.type);
    const registered = registration(name);
    if (registered === undefined || registered.delegation === 'none') {
      return registered !== undefined && name !== registered.domain ? nothing(parentOf(name)) : nothing(name);
    }
    const servers = nameServersOf(registered.delegation);
    return reply('NOERROR', {
      authoritative: false,
      authorities: ns(registered.domain, servers),
      additionals: servers.flatMap((server) => {
        const glue = fixed(server);
        return glue === undefined ? [] : [address(server, glue)];
      }),
    });
  };

  return { resolve, cloud, parent };
}

function switches(rows: readonly SwitchRow[]): Map<string, Delegation> {
  const known: readonly unknown[] = ['otc', 'other', 'mixed', 'none'];
  const found = new Map<string, Delegation>();
  for (const row of rows) {
    if (!row.id.startsWith('delegation:')) continue;
    // `true` and `false` are short for pointing at the cloud and not being registered.
    const value = row.value === true ? 'otc' : row.value === false ? 'none' : row.value;
    if (!known.includes(value)) throw new Error(`switch ${row.id}: ${JSON.stringify(row.value)} is none of otc, other, mixed, none, true, false`);
    found.set(plain(row.id.slice('delegation:'.length)), value as Delegation);
  }
  return found;
}
