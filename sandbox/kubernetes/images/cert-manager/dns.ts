/**
 * Owns how cert-manager looks at DNS before it lets a challenge be validated: over UDP, at the resolvers that its flags name (else
 * the pod's own), and only where the node has a way out.
 */
import { createSocket } from 'node:dgram';
import { getServers } from 'node:dns';
import packets from 'dns-packet';
import type { ContainerContext } from '../../image.ts';

export class DnsProblem extends Error {
  override readonly name = 'DnsProblem';
}

/** Milliseconds until a question counts as unanswered. */
const patience = 2000;

/** The resolvers of `--dns01-recursive-nameservers`, as `address:port`. */
export function resolvers(args: readonly string[]): { readonly address: string; readonly port: number }[] {
  const given = args.find((arg) => arg.startsWith('--dns01-recursive-nameservers='))?.split('=')[1];
  const list = given === undefined || given === '' ? getServers() : given.split(',');
  return list.map((item) => {
    const [address = '', port] = item.trim().split(':');
    return { address, port: Number(port ?? 53) };
  });
}

/** The zone that a name is in: the nearest one above it with an SOA record. */
export async function findZone(context: ContainerContext, fqdn: string): Promise<string> {
  const labels = fqdn.replace(/\.$/, '').split('.');
  for (let index = 0; index < labels.length; index += 1) {
    const name = labels.slice(index).join('.');
    const reply = await ask(context, name, 'SOA');
    const soa = reply.answers?.find((answer) => answer.type === 'SOA' && same(answer.name, name));
    if (soa !== undefined) return `${name}.`;
  }
  throw new DnsProblem(`could not find the start of authority for ${fqdn}`);
}

/** The values of a name's TXT records. */
export async function textRecords(context: ContainerContext, fqdn: string): Promise<string[]> {
  const reply = await ask(context, fqdn, 'TXT');
  return (reply.answers ?? []).flatMap((answer) => {
    if (answer.type !== 'TXT') return [];
    const parts = Array.isArray(answer.data) ? answer.data : [answer.data];
    return [parts.map((part) => part.toString()).join('')];
  });
}

async function ask(context: ContainerContext, name: string, type: 'SOA' | 'TXT'): Promise<packets.DecodedPacket> {
  const servers = resolvers(context.args);
  if (!context.node.hasEgress()) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    throw new DnsProblem(`read udp ${context.address}->${servers[0]?.address ?? ''}:53: i/o timeout`);
  }
  let last: Error = new DnsProblem('no nameservers configured');
  for (const server of servers) {
    try {
      return await exchange(server, name.replace(/\.$/, ''), type);
    } catch (error) {
      last = error as Error;
    }
  }
  throw last;
}

function exchange(server: { readonly address: string; readonly port: number }, name: string, type: 'SOA' | 'TXT'): Promise<packets.DecodedPacket> {
  return new Promise((resolve, reject) => {
    const id = Math.floor(Math.random() * 65_536);
    const socket = createSocket('udp4');
    const end = (then: () => void): void => {
      clearTimeout(timer);
      socket.close();
      then();
    };
    const timer = setTimeout(() => end(() => reject(new DnsProblem(`read udp ->${server.address}:${server.port}: i/o timeout`))), patience);
    socket.once('error', (error) => end(() => reject(new DnsProblem(error.message))));
    socket.on('message', (message) => {
      const reply = packets.decode(message);
      if (reply.id === id) end(() => resolve(reply));
    });
    socket.send(packets.encode({ type: 'query', id, flags: packets.RECURSION_DESIRED, questions: [{ type, name }] }), server.port, server.address);
  });
}

const same = (a: string, b: string): boolean => a.replace(/\.$/, '').toLowerCase() === b.replace(/\.$/, '').toLowerCase();
