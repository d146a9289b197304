/**
 * Owns asking the domain name system who serves a zone. The parent's servers are asked themselves, without recursion: only
 * they know what was set at the registrar, and their answer (a referral) stands where Node's own resolver does not look.
 */
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';

export interface DelegationPort {
  /** Name servers of a zone as the system's resolver finds them; empty where there are none. */
  nameServers(zone: string): Promise<string[]>;
  /** IPv4 addresses of a host; empty where there are none. */
  addresses(host: string): Promise<string[]>;
  /** What one server says about the name servers of a zone, as answer or referral. @throws where it does not answer in time */
  ask(server: string, zone: string): Promise<string[]>;
}

const ANSWER_WITHIN_SECONDS = 3;
const NOTHING = new Set(['ENODATA', 'ENOTFOUND', 'ESERVFAIL', 'EREFUSED', 'ETIMEOUT', 'ECONNREFUSED']);

/** The port on the system's resolver and UDP. */
export function systemDelegationPort(): DelegationPort {
  const resolver = new Resolver({ timeout: ANSWER_WITHIN_SECONDS * 1000, tries: 2 });
  const orNone = async (answer: Promise<string[]>): Promise<string[]> => {
    try {
      return await answer;
    } catch (error) {
      if (error instanceof Error && NOTHING.has((error as NodeJS.ErrnoException).code ?? '')) return [];
      throw error;
    }
  };
  return {
    nameServers: (zone) => orNone(resolver.resolveNs(zone)),
    addresses: (host) => orNone(resolver.resolve4(host)),
    ask: (server, zone) => askDirectly(server, zone),
  };
}

/** Asks one server by UDP, without recursion. @throws Error where it does not answer within three seconds */
export async function askDirectly(server: string, zone: string, port = 53): Promise<string[]> {
  // Loaded here only: most commands never ask.
  const { default: packet } = await import('dns-packet');
  const id = Math.floor(Math.random() * 65536);
  const question = packet.encode({ type: 'query', id, flags: 0, questions: [{ type: 'NS', name: zone }] });
  const bytes = await new Promise<Buffer>((resolve, reject) => {
    const socket = createSocket('udp4');
    const end = (act: () => void): void => {
      clearTimeout(timer);
      socket.close();
      act();
    };
    const timer = setTimeout(() => end(() => reject(new Error(`${server} did not answer`))), ANSWER_WITHIN_SECONDS * 1000);
    socket.on('error', (error) => end(() => reject(error)));
    socket.on('message', (message, { address }) => {
      if (address === server && message.readUInt16BE(0) === id) end(() => resolve(message));
    });
    socket.send(question, port, server);
  });
  const { answers = [], authorities = [] } = packet.decode(bytes);
  const same = (name: string): boolean => plain(name) === plain(zone);
  return [...answers, ...authorities].flatMap((record) => (record.type === 'NS' && same(record.name) ? [String(record.data)] : []));
}

export interface Delegated {
  /** Lower case, without the dot, sorted; empty where nobody serves the zone. */
  readonly nameServers: readonly string[];
  /** The zone above, whose servers answered; undefined where only the system's resolver could be asked. */
  readonly parent: string | undefined;
}

/** Who serves a zone, by its parent's servers; by the system's resolver where those cannot be reached. */
export async function delegationOf(zone: string, port: DelegationPort): Promise<Delegated> {
  const labels = zone.split('.');
  for (let from = 1; from < labels.length; from += 1) {
    const parent = labels.slice(from).join('.');
    const servers = (await port.nameServers(parent)).slice(0, 3);
    if (servers.length === 0) continue;
    const addresses = (await Promise.all(servers.map((server) => port.addresses(server)))).flatMap(([first]) => (first === undefined ? [] : [first]));
    const asked = await Promise.allSettled(addresses.map((address) => port.ask(address, zone)));
    const said = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    // A server that has not heard yet of a change says less than one that has.
    const best = said.find((names) => names.length > 0) ?? said[0];
    if (best !== undefined) return { nameServers: sorted(best), parent };
    break;
  }
  return { nameServers: sorted(await port.nameServers(zone)), parent: undefined };
}

function sorted(names: readonly string[]): string[] {
  return [...new Set(names.map(plain))].sort();
}

export function plain(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}
