/** Owns what external-dns in the cluster must know of the cloud: its owner id, where it signs in, and how the record is handed over to it. */
import { dnsRegion, patternOrigin } from '../otc/endpoints.ts';
import type { CloudContext } from './context.ts';
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
    handOver: (options) => dnsOwnership(context, { zone, loadBalancer }, options),
  };
}
