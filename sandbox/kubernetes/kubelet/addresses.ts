/**
 * Owns which pod has which address: taken from the cluster's container network and, since all clusters of a world share
 * one, never one that any cluster has given out.
 */
import ipaddr from 'ipaddr.js';
import { addressOf, createPort, portsOf } from '../../otc/allocate.ts';
import type { Store } from '../../otc/store.ts';
import { networkTables } from '../../otc/tables/network.ts';

export interface AddressPool {
  /** A free address; `wanted` where it is free (a restored pod keeps its own). Throws when the network is full. */
  take(wanted?: string): string;
  release(address: string): void;
  /** Was the address given out by this pool, and not returned? */
  has(address: string): boolean;
}

/** @param taken addresses of all clusters of the world; shared */
export function addressPool(cidr: string, taken: Set<string>): AddressPool {
  const [network, bits] = ipaddr.IPv4.parseCIDR(cidr);
  const first = network.octets.reduce((sum, octet) => sum * 256 + octet, 0);
  const size = 2 ** (32 - bits);
  const text = (offset: number) => {
    const value = first + offset;
    return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
  };
  // The first ones belong to the network itself; addresses are used again as late as possible.
  let next = 2;
  const own = new Set<string>();
  const keep = (address: string): string => {
    taken.add(address);
    own.add(address);
    return address;
  };
  return {
    take(wanted) {
      if (wanted !== undefined && !taken.has(wanted) && ipaddr.IPv4.parse(wanted).match(network, bits)) {
        return keep(wanted);
      }
      for (let tries = 0; tries < size - 3; tries += 1) {
        const address = text(next);
        next = next + 1 >= size - 1 ? 2 : next + 1;
        if (taken.has(address)) continue;
        return keep(address);
      }
      throw new Error(`no address is left in the container network ${cidr}`);
    },
    release: (address) => {
      if (own.delete(address)) taken.delete(address);
    },
    has: (address) => own.has(address),
  };
}

const podPort = 'network:cce-eni';

/** Pods of CCE Turbo: each has a port of the container subnet. What the ports' device is called in the cloud is unverified. */
export function portPool(
  store: Store,
  { clusterId, networkId, groups }: { readonly clusterId: string; readonly networkId: string; readonly groups: readonly string[] },
): AddressPool {
  /** Port ids by address. */
  const own = new Map<string, string>();
  return {
    take(wanted) {
      // A restored world knows the ports of its pods.
      const kept = portsOf(store, clusterId).find((port) => port.device_owner === podPort && addressOf(port) === wanted && !own.has(addressOf(port)));
      const port = kept ?? createPort(store, { networkId, deviceOwner: podPort, deviceId: clusterId, securityGroups: groups });
      own.set(addressOf(port), port.id);
      return addressOf(port);
    },
    release: (address) => {
      networkTables(store).ports.remove(own.get(address) ?? '');
      own.delete(address);
    },
    has: (address) => own.has(address),
  };
}
