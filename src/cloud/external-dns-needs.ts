/** Owns what external-dns in the cluster must know of the cloud: its owner id, where it signs in, and how the record is handed over to it. */
import { Fault } from '../engine/fault.ts';
import { listZones } from '../otc/dns.ts';
import { dnsRegion, patternOrigin } from '../otc/endpoints.ts';
import { signIn } from '../otc/sign-in.ts';
import type { CloudContext, ExternalDnsUser } from './context.ts';
import { type DnsOwnership, dnsOwnership, type OwnershipOptions } from './dns-ownership.ts';
import type { DnsZone } from './dns-zone.ts';
import type { LoadBalancerResource } from './load-balancer.ts';
import { ownerId, TXT_PREFIX } from './record-owner.ts';

export interface ExternalDnsHome {
  readonly owner: string;
  readonly txtPrefix: string;
  /** `https://host/v3` of IAM in the region in which public DNS is managed. */
  readonly identityUrl: string;
  readonly region: string;
  prove(user: ExternalDnsUser): Promise<void>;
  handOver(options: OwnershipOptions): DnsOwnership;
}

export function externalDnsNeeds(
  context: CloudContext,
  { zone, loadBalancer }: { readonly zone: DnsZone; readonly loadBalancer: LoadBalancerResource },
): ExternalDnsHome {
  const region = dnsRegion(context.stack.region);
  return {
    owner: ownerId(context),
    txtPrefix: TXT_PREFIX,
    identityUrl: `${patternOrigin('iam', region)}/v3`,
    region,
    prove: (user) => proveUser(context, user),
    handOver: (options) => dnsOwnership(context, { zone, loadBalancer }, options),
  };
}

/**
 * Whether a user can do what external-dns will do: sign in with its password and see the zone. Asked once, before the controller
 * is given it: that one would try a wrong password until IAM locks the user.
 * @throws Fault that says what the user lacks
 */
export async function proveUser(
  { otc, stack }: Pick<CloudContext, 'otc' | 'stack'>,
  { username, password, domainName }: ExternalDnsUser,
  zoneExists = true,
): Promise<void> {
  const { project, zone } = stack.dns;
  const refused = (why: string, cause?: unknown): Fault =>
    new Fault(`external-dns cannot work as the user ${username}: ${why}`, {
      resource: username,
      hint: `Check external-dns-username, external-dns-password and external-dns-domain-name. The user needs programmatic access, and its group the role DNS Administrator in project ${project}.`,
      cause,
    });
  let zones: readonly unknown[];
  try {
    const home = await signIn({ kind: 'password', username, password, domainName }, { region: dnsRegion(stack.region), project }, otc.ports);
    zones = await listZones(home, `${zone}.`);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw refused(error.message, error);
  }
  if (zoneExists && zones.length === 0) throw refused(`it sees no public zone ${zone} in project ${project}`);
}
