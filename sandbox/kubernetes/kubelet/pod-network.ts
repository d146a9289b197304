/** Owns how a container reaches others: names as its resolver sees them, connections from the address the other side would see. */
import { connect, isIPv4, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import ipaddr from 'ipaddr.js';
import type { NodeSpec } from '../../contract.ts';
import { serviceNamed } from '../services.ts';
import type { KubeletContext } from './kubelet-context.ts';

export interface PodNetwork {
  resolve(name: string): Promise<string[]>;
  connect(to: { readonly host: string; readonly port: number; readonly timeoutMs?: number }): Promise<Socket>;
}

/** Is the address inside one of the private ranges (RFC 1918)? */
const isPrivate = (address: string): boolean => ipaddr.parse(address).range() === 'private';

const inside = (address: string, cidr: string): boolean => ipaddr.IPv4.parse(address).match(ipaddr.IPv4.parseCIDR(cidr));

/** Can this process bind the address? Pods of real programs have theirs in a namespace of their own. */
export function isLocal(address: string): boolean {
  return Object.values(networkInterfaces()).some((list) => list?.some((one) => one.address === address) === true);
}

export function podNetwork(
  context: KubeletContext,
  pod: { readonly namespace: string; readonly address: string; readonly source: string; readonly node: NodeSpec },
): PodNetwork {
  const { spec } = context.cluster;

  async function resolve(name: string): Promise<string[]> {
    if (isIPv4(name)) return [name];
    const meant = serviceNamed(name, pod.namespace);
    const service = meant === undefined ? undefined : context.services.get(meant.name, meant.namespace);
    if (meant !== undefined && service !== undefined) {
      if (service.spec.type === 'ExternalName') return resolve(service.spec.externalName ?? '');
      const addresses = context.services.addresses(meant.name, meant.namespace);
      if (addresses.length > 0) return addresses;
    }
    const found = service === undefined && !name.endsWith('.cluster.local') ? await context.world.resolve(name) : [];
    if (found.length === 0)
      throw Object.assign(new Error(`lookup ${name}: no such host`), { code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname: name });
    return found;
  }

  async function open(address: string, port: number, timeoutMs: number): Promise<Socket> {
    const late = () => Object.assign(new Error(`dial tcp ${address}:${port}: i/o timeout`), { code: 'ETIMEDOUT', address, port });
    if (!isPrivate(address) && !inside(address, spec.serviceCidr) && !inside(address, spec.containerCidr) && !pod.node.hasEgress()) {
      // Packets without a way out vanish.
      await new Promise((done) => setTimeout(done, timeoutMs));
      throw late();
    }
    const within = inside(address, spec.serviceCidr) || inside(address, spec.containerCidr);
    const from = within ? pod.address : pod.source;
    return new Promise<Socket>((done, refused) => {
      const socket = connect({ host: address, port, ...(isLocal(from) ? { localAddress: from } : {}) });
      const timer = setTimeout(() => socket.destroy(late()), timeoutMs);
      const failed = (error: Error) => {
        clearTimeout(timer);
        refused(error);
      };
      socket.once('error', failed);
      socket.once('connect', () => {
        clearTimeout(timer);
        socket.off('error', failed);
        done(socket);
      });
    });
  }

  return {
    resolve,
    async connect({ host, port, timeoutMs = 10_000 }) {
      const addresses = await resolve(host);
      for (const [index, address] of addresses.entries()) {
        try {
          return await open(address, port, timeoutMs);
        } catch (error) {
          if (index === addresses.length - 1) throw error;
        }
      }
      throw new Error(`${host} has no address`);
    },
  };
}
