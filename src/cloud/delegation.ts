/**
 * Owns the check that the world asks OTC for the zone. Without it no certificate can be issued, so the deployment stops
 * here, before database and cluster cost time and money, and says what to set at the registrar.
 */
import { Fault } from '../engine/fault.ts';
import { check, type Resource } from '../engine/resource.ts';
import { listNameServers } from '../otc/dns.ts';
import type { CloudContext } from './context.ts';
import { type Delegated, type DelegationPort, delegationOf, plain, systemDelegationPort } from './delegation-query.ts';
import { type DnsZone, zoneWanted } from './dns-zone.ts';

/** DNS user guide, "Public zones": the servers of every public zone of eu-de and eu-nl. */
const OTC_SERVERS = ['ns1.open-telekom-cloud.com', 'ns2.open-telekom-cloud.com'];

type Needs = { readonly zone: DnsZone };
export type Delegation = Resource<Needs, null, Delegated>;

export function delegation(context: CloudContext, zone: DnsZone, port: DelegationPort = systemDelegationPort()): Delegation {
  const { otc, stack } = context;
  const wanted = stack.dns.requireDelegation && zoneWanted(context);
  return check<Needs, null, Delegated>({
    id: 'dns/delegation',
    title: `Delegation of ${stack.dns.zone}`,
    needs: { zone },
    wanted,
    gate: true,
    want: () => null,
    observe: async (needs) => {
      // A check or plan asks before there is a zone, too: the delegation is somebody else's work that may take a day.
      const isSwiss = stack.region === 'eu-ch2';
      if (!wanted || (needs.zone === undefined && isSwiss)) return undefined;
      // The Swiss region has name servers of its own, which its zones name.
      const expected =
        isSwiss && needs.zone !== undefined ? (await listNameServers(await otc.dnsHome(), needs.zone.id)).map(plain).sort() : OTC_SERVERS;
      const found = await delegationOf(stack.dns.zone, port);
      refuseOther(stack.dns.zone, found, expected, needs.zone !== undefined);
      return found;
    },
    diff: () => [],
    diffAlone: () => [],
    facts: ({ nameServers }) => ({ 'name servers': nameServers.join(', ') }),
  });
}

/** @throws Fault with the records to set, unless exactly the expected servers serve the zone */
export function refuseOther(zone: string, { nameServers, parent }: Delegated, expected: readonly string[], isMade = true): void {
  if (nameServers.join() === [...expected].sort().join()) return;
  const now = nameServers.length === 0 ? 'is not delegated to anybody' : `is delegated to ${nameServers.join(', ')}`;
  const where = parent === undefined ? 'as far as this machine can see' : `by the servers of ${parent}`;
  const records = expected.map((server) => `${zone}. NS ${server}.`).join('\n');
  throw new Fault(`the zone ${zone} ${now} (${where}); it must be delegated to Open Telekom Cloud alone`, {
    resource: zone,
    finding: 'name servers',
    hint:
      `Set exactly these name servers for ${zone} at the registrar (or in the zone above), then run again; ${isMade ? 'the zone itself is ready' : 'deploy makes the zone itself first'}:\n${records}\n` +
      'A change can take hours to be seen. To go on without it, set dns.requireDelegation to false.',
  });
}
