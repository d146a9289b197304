/**
 * Owns the question whether a server reaches the internet now: names can be resolved, its groups let it out, and there is
 * a way: an EIP of its own, or an active SNAT rule of an active NAT gateway, or the VPC's shared SNAT. Shared module.
 */
import { addressOf, portsOf } from './allocate.ts';
import { addressNumber, holds, range } from './cidr.ts';
import { publicIpBoundTo } from './public-ip.ts';
import type { Store } from './store.ts';
import { networkTables, type PortRow } from './tables/network.ts';

/** May the server with this id (row of `ecs.servers`) fetch from the internet over HTTPS? Read at each call. */
export function hasEgress(store: Store, serverId: string): boolean {
  return portsOf(store, serverId).some((port) => resolves(store, port) && letsOut(store, port) && hasWay(store, port));
}

/** Without DNS servers on the subnet no name resolves (API reference 2.2). */
const resolves = (store: Store, port: PortRow): boolean => (networkTables(store).subnets.get(port.network_id)?.dnsList.length ?? 0) > 0;

const letsOut = (store: Store, port: PortRow): boolean =>
  networkTables(store)
    .rules.where((rule) => rule.direction === 'egress' && rule.ethertype === 'IPv4' && port.security_groups.includes(rule.security_group_id))
    .some(
      (rule) =>
        rule.action === 'allow' &&
        rule.remote_group_id === null &&
        (rule.remote_ip_prefix === null || rule.remote_ip_prefix === '0.0.0.0/0') &&
        (rule.protocol === null || rule.protocol === 'tcp') &&
        (rule.port_range_min ?? 0) <= 443 &&
        (rule.port_range_max === null || rule.port_range_max === 0 || rule.port_range_max >= 443),
    );

function hasWay(store: Store, port: PortRow): boolean {
  const { vpcs, natGateways, snatRules } = networkTables(store);
  if (publicIpBoundTo(store, 'PORT', port.id) !== undefined || vpcs.get(port.vpc_id)?.enable_shared_snat === true) return true;
  const address = addressNumber(addressOf(port));
  return snatRules
    .where((rule) => rule.status === 'ACTIVE')
    .some((rule) => {
      const gateway = natGateways.get(rule.nat_gateway_id);
      if (gateway?.status !== 'ACTIVE' || gateway.router_id !== port.vpc_id) return false;
      if (rule.network_id !== '') return rule.network_id === port.network_id;
      const span = range(rule.cidr);
      return span !== undefined && address !== undefined && holds(span, address);
    });
}
