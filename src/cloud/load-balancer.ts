/**
 * Owns the dedicated load balancer in front of the cluster, with its public address. CCE makes listeners and members on
 * it from the ingress controller's Service; an existing one is only read and must fit.
 */
import { blockedFault, Fault } from '../engine/fault.ts';
import { type Change, type Maybe, type Resource, type Run, resource } from '../engine/resource.ts';
import { schedules, until } from '../engine/until.ts';
import { type Cluster, listClusters } from '../otc/cce.ts';
import { unlessGone } from '../otc/client.ts';
import * as eips from '../otc/eip.ts';
import * as elb from '../otc/elb.ts';
import { PROTECTED, ServiceFault } from '../otc/errors.ts';
import { protectedFault } from './blockers.ts';
import { clusterOf } from './cluster-leftovers.ts';
import { type CloudContext, createOnce, description, theExisting, theOne } from './context.ts';
import { type EipResource, takeBack } from './eip.ts';
import { type FlavorNames, flavorNames, flavorOnOffer, tellingFlavors } from './load-balancer-flavors.ts';
import type { SubnetResource } from './subnet.ts';
import type { VpcResource } from './vpc.ts';

export interface LoadBalancerSpec {
  readonly name: string;
  readonly vpcId: string;
  /** The front side wants the subnet's `neutron_subnet_id`, the back side its `id`. */
  readonly frontSubnetId: string;
  readonly backSubnetId: string;
  readonly zones: readonly string[];
  /** True where one that is there keeps its zones. */
  readonly zonesFollow?: boolean | undefined;
  readonly l4Flavor: string;
  readonly l7Flavor: string;
  /** Undefined for an existing load balancer, which has an address of its own; without an id where it is still to be made. */
  readonly eip: { readonly id: string | undefined; readonly address: string } | undefined;
}

export interface LoadBalancerSeen extends elb.LoadBalancer, FlavorNames {
  /** The address that leads to it: that of the stack's EIP, bound or still to be bound; empty where there is none. */
  readonly eipAddress: string;
}

type Needs = { readonly vpc: VpcResource; readonly subnet: SubnetResource; readonly eip: Maybe<EipResource> };
export type LoadBalancerResource = Resource<Needs, LoadBalancerSpec, LoadBalancerSeen>;

export function loadBalancer(context: CloudContext, needs: Needs): LoadBalancerResource {
  const { otc, stack, names } = context;
  const settings = stack.loadBalancer;
  const { existing } = settings;
  const name = existing === undefined ? names('elb') : `${existing.name ?? existing.id}`;
  const find = async (fresh?: boolean): Promise<elb.LoadBalancer | undefined> => {
    const found = await elb.listLoadBalancers(otc, existing ?? { name }, fresh);
    const read = { id: (one: elb.LoadBalancer) => one.id, name: (one: elb.LoadBalancer) => one.name };
    return existing === undefined ? theOne(found, `load balancer ${name}`, read.id) : theExisting(found, existing, 'load balancer', read);
  };
  const seenOf = async (found: elb.LoadBalancer, address: string | undefined): Promise<LoadBalancerSeen> => {
    const eipAddress = existing === undefined ? (address ?? '') : (found.publicips[0]?.publicip_address ?? '');
    // What flavors an existing one has is its owner's business.
    const names = existing === undefined ? await flavorNames(otc, found) : { l4Flavor: undefined, l7Flavor: undefined };
    return { ...found, eipAddress, ...names };
  };
  return resource<Needs, LoadBalancerSpec, LoadBalancerSeen>({
    id: 'load-balancer/load-balancer',
    title: `Load balancer ${name}`,
    needs,
    wanted: true,
    // Services are bound to its id, which cannot be changed, and DNS to its address.
    protect: 'cluster',
    wayOut:
      'Set the former value in the stack file. Where somebody put another load balancer under this name: rename or delete that one, and the next deploy makes its own.',
    usualSeconds: 10,
    ...(existing === undefined ? {} : { readsOnly: true }),
    prefetch: async () => {
      const found = await find();
      if (existing === undefined) await (found === undefined ? elb.listFlavors(otc) : flavorNames(otc, found));
    },
    want: ({ vpc, subnet, eip }) => ({
      name,
      vpcId: vpc.id,
      frontSubnetId: subnet.neutron_subnet_id,
      backSubnetId: subnet.id,
      zones: settings.zones,
      zonesFollow: settings.zonesFollow,
      l4Flavor: settings.l4Flavor,
      l7Flavor: settings.l7Flavor,
      eip: existing === undefined ? { id: eip?.id, address: eip?.public_ip_address ?? 'a new EIP' } : undefined,
    }),
    madeWith: ({ eip }) => ({
      l4_flavor_id: settings.l4Flavor,
      l7_flavor_id: settings.l7Flavor,
      availability_zone_list: settings.zones.join(),
      publicips: eip?.public_ip_address ?? 'a new EIP',
    }),
    observe: async ({ eip }) => {
      const found = await find();
      return found === undefined ? undefined : seenOf(found, eip?.public_ip_address);
    },
    diff: (spec, seen) => (existing === undefined ? loadBalancerChanges(spec, seen) : checkExisting(spec, seen)),
    ...(existing === undefined ? { unhealed: switchedOff } : {}),
    apply: async (spec, seen, changes, run) => {
      const create = (): Promise<elb.LoadBalancer> => make(context, spec, run);
      const { id } = seen ?? (await createOnce({ what: `load balancer ${name}`, create, look: () => find(true) }, run));
      if (seen !== undefined) await carryOut(context, spec, seen, changes, run);
      return until(`load balancer ${name} to be ready`, schedules.medium, run, async () => {
        const now = await elb.getLoadBalancer(otc, id);
        const bound = spec.eip === undefined || now.publicips.some(({ publicip_id }) => publicip_id === spec.eip?.id);
        if (now.operating_status === 'FROZEN') throw frozen(now);
        if (now.provisioning_status !== 'ACTIVE' || !bound)
          return { done: false, state: `${now.provisioning_status}${bound ? '' : ', address not bound yet'}` };
        // The address is now bound, which its own list says too.
        otc.forget();
        return { done: true, value: await seenOf(now, spec.eip?.address) };
      });
    },
    destroy: ({ id }, run) => removeBalancer(context, name, id, run),
    blockedBy: async (seen) => protectedBalancer(name, seen) ?? othersListeners(context, seen.id, false),
    notice: ({ ipv6_vip_address: ipv6 }) =>
      ipv6 ? `its IPv6 address ${ipv6} gets no AAAA record: TCP from an IPv6 client needs backends with IPv6, which the nodes are not` : undefined,
    facts: ({ id, eipAddress }) => ({ id, address: eipAddress }),
  });
}

/** The fault where its deletion protection is on. */
export function protectedBalancer(name: string, { id, deletion_protection_enable: on }: elb.LoadBalancer): Fault | undefined {
  return on === true ? protectedFault(`load balancer ${name}`, id, 'the ELB console') : undefined;
}

/** Takes a load balancer away, and waits until it is gone; its address is only unbound. */
export async function removeBalancer(context: CloudContext, name: string, id: string, run: Run): Promise<void> {
  await removeWithListeners(context, name, id, run);
  await until(`load balancer ${name} to be gone`, schedules.medium, run, async () => {
    const still = await unlessGone(elb.getLoadBalancer(context.otc, id));
    return still === undefined ? { done: true, value: undefined } : { done: false, state: still.provisioning_status };
  });
}

/** Seconds for the cluster, or CCE behind it, to take its listeners away itself. */
const PATIENCE = 30;

/**
 * CCE takes the listeners that it made with their Service or the cluster; those it left behind go with the load balancer.
 * @throws Fault naming listeners that a living cluster, or somebody else, still has on it
 */
async function removeWithListeners(context: CloudContext, name: string, id: string, run: Run): Promise<void> {
  const { otc } = context;
  try {
    await unlessGone(elb.deleteLoadBalancer(otc, id, PATIENCE));
    return;
  } catch (error) {
    if (!(error instanceof ServiceFault) || error.status !== 409 || PROTECTED.test(error.message)) throw error;
  }
  const lasting = await othersListeners(context, id, true);
  if (lasting.length > 0) throw blockedFault(`load balancer ${name}`, lasting, { resource: id });
  run.say('taking listeners and pools along that the cluster left behind');
  await unlessGone(elb.deleteLoadBalancerWithAll(otc, id));
}

/** Listeners that a living cluster, or somebody by hand, has on it. @param gone whether the stack's own cluster must be gone */
async function othersListeners({ otc, names, stack }: CloudContext, id: string, gone: boolean): Promise<string[]> {
  const [listeners, clusters] = await Promise.all([elb.listListeners(otc, id), listClusters(otc, true)]);
  const { existing } = stack.cluster;
  const isOwn = ({ metadata: { uid, name } }: Cluster): boolean =>
    existing === undefined ? name === names('cce') : uid === existing.id || name === existing.name;
  const living = new Set(clusters.filter((cluster) => gone || !isOwn(cluster)).map(({ metadata }) => metadata.uid));
  const lasting = listeners.filter((listener) => {
    const cluster = clusterOf(listener);
    return cluster === undefined || living.has(cluster);
  });
  return lasting.map((one) => `listener ${one.name} (${one.id}, ${one.protocol} ${one.protocol_port})`);
}

async function make({ otc, ...context }: CloudContext, spec: LoadBalancerSpec, run: Run): Promise<elb.LoadBalancer> {
  const l4 = await flavorOnOffer(otc, 'L4', spec.l4Flavor);
  const l7 = await flavorOnOffer(otc, 'L7', spec.l7Flavor);
  if (spec.eip?.id !== undefined) await takeBack(otc, spec.eip.id, run);
  return elb.createLoadBalancer(otc, {
    name: spec.name,
    description: tellingFlavors(description(context), [l4, l7]),
    vpc_id: spec.vpcId,
    vip_subnet_cidr_id: spec.frontSubnetId,
    elb_virsubnet_ids: [spec.backSubnetId],
    availability_zone_list: spec.zones,
    l4_flavor_id: l4.id,
    l7_flavor_id: l7.id,
    guaranteed: true,
    provider: 'vlb',
    admin_state_up: true,
    publicip_ids: spec.eip?.id === undefined ? [] : [spec.eip.id],
  });
}

/** What differs. VPC, front subnet, class and zones are fixed; flavors and the address change in place. */
export function loadBalancerChanges(spec: LoadBalancerSpec, seen: LoadBalancerSeen): Change[] {
  if (seen.operating_status === 'FROZEN') throw frozen(seen);
  const changes: Change[] = [];
  const add = (field: string, before: unknown, after: unknown, more: Partial<Change> = {}): void => {
    if (before !== after) changes.push({ field, before, after, ...more });
  };
  add('vpc_id', seen.vpc_id, spec.vpcId, { replace: true });
  add('guaranteed', seen.guaranteed, true, { replace: true, why: 'only a dedicated load balancer has the class CCE is told' });
  if (seen.vip_subnet_cidr_id) add('vip_subnet_cidr_id', seen.vip_subnet_cidr_id, spec.frontSubnetId, { replace: true });
  if (spec.zonesFollow !== true)
    add('availability_zone_list', [...seen.availability_zone_list].sort().join(), [...spec.zones].sort().join(), { replace: true });
  changes.push(...flavorChange('l4_flavor_id', seen.l4_flavor_id, seen.l4Flavor, spec.l4Flavor));
  changes.push(...flavorChange('l7_flavor_id', seen.l7_flavor_id, seen.l7Flavor, spec.l7Flavor));
  if (spec.eip !== undefined) {
    const others = seen.publicips.filter(({ publicip_id }) => publicip_id !== spec.eip?.id).map(({ publicip_address }) => publicip_address);
    const bound = others.length < seen.publicips.length;
    if (!bound || others.length > 0)
      add('publicips', seen.publicips.map(({ publicip_address }) => publicip_address).join(', ') || 'none', spec.eip.address);
  }
  if (seen.provisioning_status !== 'ACTIVE') add('provisioning_status', seen.provisioning_status, 'ACTIVE');
  return changes;
}

/** A flavor may be named in the stack file, or given by its id. What has become of one that is not listed any more cannot be told: it stays. */
function flavorChange(field: string, id: string | null | undefined, name: string | undefined, wanted: string): Change[] {
  if (!id) return [{ field, before: 'none', after: wanted, replace: true, why: 'a layer that was left out cannot get a flavor later' }];
  return name === undefined || name === wanted || id === wanted ? [] : [{ field, before: name, after: wanted }];
}

async function carryOut(context: CloudContext, spec: LoadBalancerSpec, seen: LoadBalancerSeen, changes: readonly Change[], run: Run): Promise<void> {
  const changed = new Set(changes.map(({ field }) => field));
  if (changed.has('l4_flavor_id') || changed.has('l7_flavor_id')) await changeFlavors(context, spec, seen, changed);
  if (changed.has('publicips')) await bindAddress(context, spec, seen, run);
}

async function changeFlavors(context: CloudContext, spec: LoadBalancerSpec, seen: LoadBalancerSeen, changed: ReadonlySet<string>): Promise<void> {
  const { otc } = context;
  const l4 = changed.has('l4_flavor_id') ? await flavorOnOffer(otc, 'L4', spec.l4Flavor) : undefined;
  const l7 = changed.has('l7_flavor_id') ? await flavorOnOffer(otc, 'L7', spec.l7Flavor) : undefined;
  const told = [l4 ?? { id: seen.l4_flavor_id, name: seen.l4Flavor }, l7 ?? { id: seen.l7_flavor_id, name: seen.l7Flavor }];
  await elb.updateLoadBalancer(otc, seen.id, {
    ...(l4 === undefined ? {} : { l4_flavor_id: l4.id }),
    ...(l7 === undefined ? {} : { l7_flavor_id: l7.id }),
    description: tellingFlavors(
      seen.description || description(context),
      told.flatMap(({ id, name }) => (id && name !== undefined ? [{ id, name }] : [])),
    ),
  });
}

/** One address fits: another one bound by hand is unbound, and stays as it was otherwise. */
async function bindAddress({ otc }: CloudContext, spec: LoadBalancerSpec, seen: LoadBalancerSeen, run: Run): Promise<void> {
  const address = spec.eip?.id;
  if (address === undefined) return;
  const others = seen.publicips.filter(({ publicip_id }) => publicip_id !== address);
  for (const { publicip_id } of others) await takeBack(otc, publicip_id, run);
  if (others.length < seen.publicips.length) return;
  await takeBack(otc, address, run);
  await (eips.bindsByV3(otc) ? eips.associateWithLoadBalancer(otc, address, seen.id) : eips.bindEip(otc, address, seen.vip_port_id));
}

function checkExisting(spec: LoadBalancerSpec, seen: LoadBalancerSeen): Change[] {
  const wrong = [
    seen.vpc_id === spec.vpcId ? '' : `is in VPC ${seen.vpc_id}, not in the cluster's ${spec.vpcId}`,
    seen.guaranteed ? '' : 'is a shared one; the ingress controller is bound to a dedicated one',
    seen.l4_flavor_id ? '' : 'has no network (L4) flavor, which TCP listeners need',
    seen.eipAddress === '' ? 'has no public address' : '',
  ].filter(Boolean);
  if (wrong.length === 0) return [];
  throw new Fault(`the existing load balancer ${seen.name} cannot be used: it ${wrong.join(', it ')}`, {
    resource: seen.id,
    hint: 'Name another load balancer under loadBalancer.existing, or leave it out to have one made.',
  });
}

/** No call switches it on: `admin_state_up` "can only be true" and is "unsupported" (ELB API reference, "Updating a Load Balancer"). */
export function switchedOff(_spec: LoadBalancerSpec, { id, name, admin_state_up: on }: LoadBalancerSeen): Fault | undefined {
  if (on !== false) return undefined;
  return new Fault(`load balancer ${name} is switched off, so that nothing is served`, {
    resource: id,
    finding: 'admin_state_up',
    hint: 'The API switches none on: ask OTC support. Or delete it in the ELB console, and the next deploy makes another one with the same address.',
  });
}

function frozen({ id, name }: elb.LoadBalancer): Fault {
  return new Fault(`load balancer ${name} is FROZEN`, { resource: id, finding: 'operating_status', hint: 'OTC froze it; ask OTC support why.' });
}
