/**
 * Owns the questions of the preflight about what others have where the stack will come to stand: the domain's own records, and another
 * way out of the VPC. Asked only while that is still to be made; on a living stack the record itself says so (`dns-record.ts`).
 */
import * as dns from '../otc/dns.ts';
import { listNatGatewaysOf } from '../otc/nat.ts';
import { listVpcs } from '../otc/vpc.ts';
import type { CloudContext } from './context.ts';
import { foreign, isOurs } from './dns-record.ts';
import { WAY_OUT_TAKEN } from './nat-gateway.ts';
import type { Check } from './preflight-checks.ts';
import type { Missing } from './preflight-missing.ts';
import { dnsMark, ipv6Astray, ownAddress, ownerBeside, ownerId } from './record-owner.ts';

/** @param home what is wrong with the zone's project; undefined where that was not answered */
export function othersChecks(context: CloudContext, missing: Missing, home: readonly string[] | undefined): Check[] {
  const { records } = context.stack.dns;
  // What external-dns is to keep shows to a plan at the end, and a deploy must know it at the start.
  const late = records === 'external-dns' && context.looksOnly !== true;
  const building = home?.length === 0 && records !== 'existing' && (late || missing.clusters + missing.loadBalancers > 0);
  const gateway = missing.natGateways > 0 && missing.vpcs === 0;
  return [
    ...(building ? [{ name: 'records of the domain', problems: () => recordProblems(context) }] : []),
    ...(gateway ? [{ name: 'other NAT gateways', problems: () => gatewayProblems(context) }] : []),
  ];
}

/** By the calls that the zone and its record make themselves. */
async function recordProblems(context: CloudContext): Promise<string[]> {
  const { otc, stack } = context;
  const { existing } = stack.dns;
  const home = await otc.dnsHome();
  const [zone] = (await dns.listZones(home, `${stack.dns.zone}.`)).filter(({ id }) => existing?.id === undefined || existing.id === id);
  if (zone === undefined) return [];
  const name = `${stack.domain}.`;
  const all = await dns.listRecordSets(home, zone.id);
  const here = all.filter((one) => one.name === name);
  const spec = { name, owner: ownerId(context), mark: dnsMark(context) };
  const owner = ownerBeside(all, name);
  const own = await ownAddress(context);
  const astray = here
    .map((one) => ({ ...one, ...(owner === undefined ? {} : { owner }) }))
    .filter(({ type, records }) => ['A', 'CNAME'].includes(type) && records.join() !== own)
    .filter((one) => !isOurs(one, spec))
    .map((one) => foreign(spec, one, one.records.join(', ')));
  const ipv6 = here.filter(({ type }) => type === 'AAAA').map(({ id, records }) => ipv6Astray(name, id, records));
  return [...astray, ...ipv6].map(({ message, hint }) => `${message}. ${hint}`);
}

/** A VPC has one public NAT gateway (400 VPC.2012). */
async function gatewayProblems({ otc, names, stack }: CloudContext): Promise<string[]> {
  const { existing } = stack.network;
  const isIt = ({ id, name }: { readonly id: string; readonly name: string }): boolean =>
    existing?.id === undefined ? name === (existing?.name ?? names('vpc')) : id === existing.id;
  const vpc = (await listVpcs(otc)).find(isIt);
  if (vpc === undefined) return [];
  const others = await listNatGatewaysOf(otc, vpc.id);
  return others.map(({ id, name }) => `VPC ${vpc.name} (${vpc.id}) has another way out already, the NAT gateway ${name} (${id}). ${WAY_OUT_TAKEN}`);
}
