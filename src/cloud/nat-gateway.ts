/** Owns the way out for private nodes: the public NAT gateway and the one SNAT rule of the cluster's subnet. */
import { Fault } from '../engine/fault.ts';
import { ADDED_BY_OTHERS, type Change, type Resource, type Run, resource } from '../engine/resource.ts';
import { schedules, until } from '../engine/until.ts';
import { unlessGone } from '../otc/client.ts';
import { ServiceFault } from '../otc/errors.ts';
import {
  createNatGateway,
  createSnatRule,
  deleteNatGateway,
  deleteSnatRule,
  getNatGateway,
  getSnatRule,
  listDnatRules,
  listNatGateways,
  listSnatRules,
  type NatGateway,
  type SnatRule,
  updateNatGateway,
} from '../otc/nat.ts';
import { listSubnets, type Subnet } from '../otc/vpc.ts';
import { cidr, overlap, parseCidr } from '../stack/cidr.ts';
import { type CloudContext, createOnce, description, theOne } from './context.ts';
import { type EipResource, takeBack } from './eip.ts';
import type { SubnetResource } from './subnet.ts';
import type { VpcResource } from './vpc.ts';

/** NAT Gateway API reference, "Creating a public NAT gateway", `spec`. */
const SPECS = { micro: '0', small: '1', medium: '2', large: '3' } as const;

export interface NatGatewaySpec {
  readonly name: string;
  readonly spec: string;
  readonly vpcId: string;
  readonly networkId: string;
}

type GatewayNeeds = { readonly vpc: VpcResource; readonly subnet: SubnetResource };
export type NatGatewayResource = Resource<GatewayNeeds, NatGatewaySpec, NatGateway>;

export function natGateway(context: CloudContext, needs: GatewayNeeds): NatGatewayResource {
  const { otc, stack, names } = context;
  const name = names('nat');
  const find = async (fresh?: boolean): Promise<NatGateway | undefined> =>
    theOne(await listNatGateways(otc, name, fresh), `NAT gateway ${name}`, (one) => one.id);
  return resource<GatewayNeeds, NatGatewaySpec, NatGateway>({
    id: 'network/nat-gateway',
    title: `NAT gateway ${name}`,
    needs,
    wanted: stack.network.egress === 'nat-gateway',
    usualSeconds: 30,
    prefetch: () => listNatGateways(otc, name),
    want: ({ vpc, subnet }) => ({ name, spec: SPECS[stack.network.natGateway.size], vpcId: vpc.id, networkId: subnet.id }),
    madeWith: () => ({ spec: stack.network.natGateway.size }),
    observe: () => find(),
    diff: natGatewayChanges,
    apply: async (spec, seen, _changes, run) => {
      const create = (): Promise<NatGateway> =>
        createNatGateway(otc, {
          name,
          description: description(context),
          spec: spec.spec,
          router_id: spec.vpcId,
          internal_network_id: spec.networkId,
        }).catch((error: unknown) => {
          throw explained(error, spec.vpcId);
        });
      const { id } = seen ?? (await createOnce({ what: `NAT gateway ${name}`, create, look: () => find(true) }, run));
      const active = (): Promise<NatGateway> => whenActive(`NAT gateway ${name}`, run, () => getNatGateway(otc, id));
      const ready = await active();
      if (ready.spec === spec.spec) return ready;
      await updateNatGateway(otc, id, { spec: spec.spec });
      return active();
    },
    destroy: async ({ id }, run) => {
      await unlessGone(deleteNatGateway(otc, id));
      await until(`NAT gateway ${name} to be gone`, schedules.medium, run, async () => {
        const still = await unlessGone(getNatGateway(otc, id));
        return still === undefined ? { done: true, value: undefined } : { done: false, state: still.status };
      });
    },
    blockedBy: (seen) => othersRules(context, seen),
    facts: ({ id }) => ({ id }),
  });
}

/** Rules that are not the stack's keep a gateway from being deleted (400 VPC.2016). */
async function othersRules(context: CloudContext, gateway: NatGateway): Promise<string[]> {
  const { otc } = context;
  const [snat, dnat, closed] = await Promise.all([
    listSnatRules(otc, gateway.id),
    listDnatRules(otc, gateway.id),
    closedSubnet(context, gateway.router_id),
  ]);
  const others = snat.filter((rule) => rule.network_id !== gateway.internal_network_id && !leadsOut(rule, closed));
  return [
    ...others.map(({ id, cidr: range, network_id }) => `SNAT rule ${id} of ${range || network_id}`),
    ...dnat.map(({ id, floating_ip_address: address, external_service_port: port }) => `DNAT rule ${id} of ${address}:${port}`),
  ];
}

/** The database's own subnet; one that is shared or somebody else's has the way out that it has. */
async function closedSubnet({ otc, stack, names }: CloudContext, vpcId: string): Promise<Subnet | undefined> {
  const { database, single } = stack.network.subnets;
  if (single || database.existing !== undefined) return undefined;
  return (await listSubnets(otc)).find(({ name, vpc_id }) => name === names('database') && vpc_id === vpcId);
}

function leadsOut({ network_id, cidr: range }: SnatRule, subnet: Subnet | undefined): boolean {
  return subnet !== undefined && (network_id === subnet.id || (!!range && within(range, subnet.cidr)));
}

export const WAY_OUT_TAKEN =
  'Delete that NAT gateway (or default route) if nothing needs it; or, where it serves the nodes as well, set network.egress to none.';

/** NAT Gateway API reference, "Error Codes": a VPC has one gateway, and one way out. */
function explained(error: unknown, vpcId: string): unknown {
  if (!(error instanceof ServiceFault) || (error.code !== 'VPC.2012' && error.code !== 'VPC.2010')) return error;
  return new Fault(`the VPC ${vpcId} has another way out already: ${error.message}`, {
    resource: vpcId,
    hint: WAY_OUT_TAKEN,
    status: error.status,
    code: error.code,
    cause: error,
  });
}

export function natGatewayChanges(spec: NatGatewaySpec, seen: NatGateway): Change[] {
  const changes: Change[] = [];
  if (seen.router_id !== spec.vpcId) changes.push({ field: 'router_id', before: seen.router_id, after: spec.vpcId, replace: true });
  if (seen.internal_network_id !== spec.networkId) {
    changes.push({ field: 'internal_network_id', before: seen.internal_network_id, after: spec.networkId, replace: true });
  }
  if (seen.spec !== spec.spec) changes.push({ field: 'spec', before: seen.spec, after: spec.spec });
  if (seen.status !== 'ACTIVE') changes.push({ field: 'status', before: seen.status, after: 'ACTIVE' });
  return changes;
}

export interface SnatRuleSpec {
  readonly gateway: NatGateway;
  readonly networkId: string;
  readonly eipId: string;
}

/** The stack's rule, and those that somebody added for its database. */
export interface SnatRulesSeen {
  readonly rule: SnatRule | undefined;
  /** They give the database's subnet a way out, which it has not. */
  readonly added: readonly SnatRule[];
}

type RuleNeeds = { readonly gateway: NatGatewayResource; readonly subnet: SubnetResource; readonly eip: EipResource };
export type SnatRuleResource = Resource<RuleNeeds, SnatRuleSpec, SnatRulesSeen>;

/** Rules have no name: ours is the gateway's rule for the cluster's subnet. Those for subnets that are not the stack's are their owners'. */
export function snatRule(context: CloudContext, needs: RuleNeeds): SnatRuleResource {
  const { otc, stack, names } = context;
  const find = async (gateway: NatGateway, networkId: string, fresh?: boolean): Promise<SnatRulesSeen | undefined> => {
    const [rules, closed] = await Promise.all([listSnatRules(otc, gateway.id, fresh), closedSubnet(context, gateway.router_id)]);
    const ours = rules.filter((rule) => rule.network_id === networkId);
    const rule = theOne(ours, `SNAT rule of subnet ${networkId}`, (one) => one.id);
    const added = rules.filter((one) => leadsOut(one, closed));
    return rule === undefined && added.length === 0 ? undefined : { rule, added };
  };
  return resource<RuleNeeds, SnatRuleSpec, SnatRulesSeen>({
    id: 'network/snat-rule',
    title: 'SNAT rule of the cluster subnet',
    needs,
    wanted: stack.network.egress === 'nat-gateway',
    prefetch: async () => {
      const [found] = await listNatGateways(otc, names('nat'));
      if (found !== undefined) await listSnatRules(otc, found.id);
    },
    usualSeconds: 10,
    want: ({ gateway, subnet, eip }) => ({ gateway, networkId: subnet.id, eipId: eip.id }),
    madeWith: ({ eip }) => ({
      cidr: stack.network.subnets.cluster.cidr,
      floating_ip_address: eip?.public_ip_address ?? `known after ${needs.eip.id}`,
    }),
    observe: async ({ gateway, subnet }) => (gateway === undefined || subnet === undefined ? undefined : find(gateway, subnet.id)),
    diff: snatRuleChanges,
    apply: async (spec, seen, _changes, run) => {
      const { gateway, networkId, eipId } = spec;
      for (const { id } of seen?.added ?? []) await removeRule(context, id, run);
      const create = (): Promise<SnatRule> => createSnatRule(otc, { nat_gateway_id: gateway.id, network_id: networkId, floating_ip_id: eipId });
      const look = async (): Promise<SnatRule | undefined> => (await find(gateway, networkId, true))?.rule;
      if (seen?.rule === undefined) await freeForRule(context, spec, run);
      const { id } = seen?.rule ?? (await createOnce({ what: 'the SNAT rule', create, look, exists: ['VPC.2018'] }, run));
      return { rule: await whenActive('the SNAT rule', run, () => getSnatRule(otc, id)), added: [] };
    },
    destroy: async ({ rule, added }, run) => {
      for (const { id } of rule === undefined ? added : [rule, ...added]) await removeRule(context, id, run);
    },
    facts: ({ rule }): Record<string, string> => (rule === undefined ? {} : { id: rule.id }),
  });
}

async function removeRule({ otc }: CloudContext, id: string, run: Run): Promise<void> {
  await unlessGone(deleteSnatRule(otc, id));
  await until('the SNAT rule to be gone', schedules.medium, run, async () => {
    const still = await unlessGone(getSnatRule(otc, id));
    return still === undefined ? { done: true, value: undefined } : { done: false, state: still.status };
  });
}

function within(range: string, subnet: string): boolean {
  const parsed = parseCidr(range.includes('/') ? range : `${range}/32`);
  return typeof parsed !== 'string' && overlap(cidr(subnet), parsed);
}

/** An address may serve several rules of one gateway; bound to anything else it cannot serve this one. */
async function freeForRule({ otc }: CloudContext, { gateway, eipId }: SnatRuleSpec, run: Run): Promise<void> {
  const others = await listSnatRules(otc, gateway.id, true);
  if (others.some(({ floating_ip_id }) => floating_ip_id.split(',').includes(eipId))) return;
  await takeBack(otc, eipId, run);
}

export function snatRuleChanges({ eipId, networkId }: SnatRuleSpec, { rule, added }: SnatRulesSeen): Change[] {
  const changes: Change[] = added.map(({ id, network_id, cidr: range }) => ({
    field: `SNAT rule ${id} of the database's subnet`,
    before: range || network_id,
    after: 'none',
    why: ADDED_BY_OTHERS,
  }));
  if (rule === undefined) return [...changes, { field: 'SNAT rule', before: 'none', after: networkId }];
  if (rule.floating_ip_id !== eipId) changes.push({ field: 'floating_ip_id', before: rule.floating_ip_id, after: eipId, replace: true });
  if (rule.status !== 'ACTIVE') changes.push({ field: 'status', before: rule.status, after: 'ACTIVE' });
  return changes;
}

function whenActive<T extends { readonly id: string; readonly status: string }>(
  what: string,
  run: Parameters<typeof until>[2],
  look: () => Promise<T>,
): Promise<T> {
  return until(`${what} to become ACTIVE`, schedules.medium, run, async () => {
    const now = await look();
    if (now.status === 'INACTIVE' || now.status === 'ERROR') {
      throw new Fault(`${what} is ${now.status}`, { resource: now.id, hint: 'Delete it in the console and run again.' });
    }
    return now.status === 'ACTIVE' ? { done: true, value: now } : { done: false, state: now.status };
  });
}
