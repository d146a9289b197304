/** Owns the way out for private nodes: the public NAT gateway and the one SNAT rule of the cluster's subnet. */
import { Fault } from '../engine/fault.ts';
import { type Change, type Resource, type Run, resource } from '../engine/resource.ts';
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
  listNatGateways,
  listSnatRules,
  type NatGateway,
  type SnatRule,
  updateNatGateway,
} from '../otc/nat.ts';
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
    facts: ({ id }) => ({ id }),
  });
}

/** NAT Gateway API reference, "Error Codes": a VPC has one gateway, and one way out. */
function explained(error: unknown, vpcId: string): unknown {
  if (!(error instanceof ServiceFault) || (error.code !== 'VPC.2012' && error.code !== 'VPC.2010')) return error;
  return new Fault(`the VPC ${vpcId} has another way out already: ${error.message}`, {
    resource: vpcId,
    hint: 'Delete that NAT gateway (or default route) if nothing needs it; or, where it serves the nodes as well, set network.egress to none.',
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
  readonly gatewayId: string;
  readonly networkId: string;
  readonly eipId: string;
}

type RuleNeeds = { readonly gateway: NatGatewayResource; readonly subnet: SubnetResource; readonly eip: EipResource };
export type SnatRuleResource = Resource<RuleNeeds, SnatRuleSpec, SnatRule>;

/** Rules have no name: ours is the gateway's rule for the cluster's subnet. */
export function snatRule(context: CloudContext, needs: RuleNeeds): SnatRuleResource {
  const { otc, stack, names } = context;
  const find = async (gatewayId: string, networkId: string, fresh?: boolean): Promise<SnatRule | undefined> => {
    const ours = (await listSnatRules(otc, gatewayId, fresh)).filter((rule) => rule.network_id === networkId);
    return theOne(ours, `SNAT rule of subnet ${networkId}`, (one) => one.id);
  };
  return resource<RuleNeeds, SnatRuleSpec, SnatRule>({
    id: 'network/snat-rule',
    title: 'SNAT rule of the cluster subnet',
    needs,
    wanted: stack.network.egress === 'nat-gateway',
    prefetch: async () => {
      const [found] = await listNatGateways(otc, names('nat'));
      if (found !== undefined) await listSnatRules(otc, found.id);
    },
    usualSeconds: 10,
    want: ({ gateway, subnet, eip }) => ({ gatewayId: gateway.id, networkId: subnet.id, eipId: eip.id }),
    observe: async ({ gateway, subnet }) => (gateway === undefined || subnet === undefined ? undefined : find(gateway.id, subnet.id)),
    diff: snatRuleChanges,
    apply: async (spec, seen, _changes, run) => {
      const create = (): Promise<SnatRule> =>
        createSnatRule(otc, { nat_gateway_id: spec.gatewayId, network_id: spec.networkId, floating_ip_id: spec.eipId });
      const look = (): Promise<SnatRule | undefined> => find(spec.gatewayId, spec.networkId, true);
      if (seen === undefined) await freeForRule(context, spec, run);
      const { id } = seen ?? (await createOnce({ what: 'the SNAT rule', create, look, exists: ['VPC.2018'] }, run));
      return whenActive('the SNAT rule', run, () => getSnatRule(otc, id));
    },
    destroy: async ({ id }, run) => {
      await unlessGone(deleteSnatRule(otc, id));
      await until('the SNAT rule to be gone', schedules.medium, run, async () => {
        const still = await unlessGone(getSnatRule(otc, id));
        return still === undefined ? { done: true, value: undefined } : { done: false, state: still.status };
      });
    },
    facts: ({ id }) => ({ id }),
  });
}

/** An address may serve several rules of one gateway; bound to anything else it cannot serve this one. */
async function freeForRule({ otc }: CloudContext, { gatewayId, eipId }: SnatRuleSpec, run: Run): Promise<void> {
  const others = await listSnatRules(otc, gatewayId, true);
  if (others.some(({ floating_ip_id }) => floating_ip_id.split(',').includes(eipId))) return;
  await takeBack(otc, eipId, run);
}

export function snatRuleChanges(spec: SnatRuleSpec, seen: SnatRule): Change[] {
  const changes: Change[] = [];
  if (seen.floating_ip_id !== spec.eipId) changes.push({ field: 'floating_ip_id', before: seen.floating_ip_id, after: spec.eipId, replace: true });
  if (seen.status !== 'ACTIVE') changes.push({ field: 'status', before: seen.status, after: 'ACTIVE' });
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
