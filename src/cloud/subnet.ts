/** Owns the two subnets, `cluster` and `database`; with `single` one resource serves both, as in the blueprint. */
import { Fault } from '../engine/fault.ts';
import { type Change, type Resource, resource } from '../engine/resource.ts';
import { schedules, until } from '../engine/until.ts';
import { unlessGone } from '../otc/client.ts';
import { createSubnet, deleteSubnet, getSubnet, listSubnets, type Subnet, updateSubnet } from '../otc/vpc.ts';
import { cidr, formatCidr } from '../stack/cidr.ts';
import { inSubnet, othersInSubnet, whenFree } from './blockers.ts';
import { type CloudContext, createOnce, description, theExisting, theOne } from './context.ts';
import type { VpcResource } from './vpc.ts';

export interface SubnetSpec {
  readonly name: string;
  readonly vpcId: string;
  readonly cidr: string;
  readonly dns: readonly string[];
}

export type SubnetResource = Resource<{ readonly vpc: VpcResource }, SubnetSpec, Subnet>;

export function subnet(context: CloudContext, part: 'cluster' | 'database', vpc: VpcResource): SubnetResource {
  const { otc, stack, names } = context;
  const settings = stack.network.subnets[part];
  const { existing } = settings;
  const name = existing === undefined ? names(part === 'cluster' ? 'nodes' : 'database') : `${existing.name ?? existing.id}`;
  const find = async (vpcId: string, fresh?: boolean): Promise<Subnet | undefined> => {
    const all = await listSubnets(otc, fresh);
    if (existing !== undefined) return theExisting(all, existing, 'subnet', { id: (one) => one.id, name: (one) => one.name });
    const ours = all.filter((one) => one.name === name && one.vpc_id === vpcId);
    return theOne(ours, `subnet ${name}`, (one) => one.id);
  };
  return resource<{ readonly vpc: VpcResource }, SubnetSpec, Subnet>({
    id: `network/subnet-${part}`,
    title: `Subnet ${name}`,
    needs: { vpc },
    wanted: part === 'cluster' || !stack.network.subnets.single,
    protect: 'cluster',
    usualSeconds: 5,
    ...(existing === undefined ? {} : { readsOnly: true }),
    prefetch: () => listSubnets(otc),
    want: (needs) => ({ name, vpcId: needs.vpc.id, cidr: settings.cidr, dns: stack.network.dns }),
    madeWith: () => ({ cidr: settings.cidr, gateway_ip: firstHost(settings.cidr), dnsList: stack.network.dns.join() }),
    observe: async (needs) => (needs.vpc === undefined && existing === undefined ? undefined : find(needs.vpc?.id ?? '')),
    diff: (spec, seen) => (existing === undefined ? subnetChanges(spec, seen) : checkExisting(spec, seen)),
    apply: async (spec, seen, _changes, run) => {
      const [primary_dns = '', secondary_dns] = spec.dns;
      const dns = { primary_dns, ...(secondary_dns === undefined ? {} : { secondary_dns }), dnsList: spec.dns };
      const create = (): Promise<Subnet> => {
        const gateway_ip = firstHost(spec.cidr);
        return createSubnet(otc, {
          name,
          description: description(context),
          cidr: spec.cidr,
          gateway_ip,
          vpc_id: spec.vpcId,
          dhcp_enable: true,
          ...dns,
        });
      };
      const look = (): Promise<Subnet | undefined> => find(spec.vpcId, true);
      const { id } = seen ?? (await createOnce({ what: `subnet ${name}`, create, look }, run));
      const ready = await until(`subnet ${name} to become ACTIVE`, schedules.quick, run, async () => {
        const now = await getSubnet(otc, id);
        if (now.status === 'ERROR')
          throw new Fault(`subnet ${name} ended in ERROR`, { resource: id, hint: 'Delete it in the console and run again.' });
        return now.status === 'ACTIVE' ? { done: true, value: now } : { done: false, state: now.status };
      });
      if (subnetChanges(spec, ready).length === 0) return ready;
      await updateSubnet(otc, ready, { name, ...dns });
      return getSubnet(otc, id);
    },
    destroy: async (seen, run) => {
      await whenFree(
        `subnet ${name}`,
        async (patience) => void (await unlessGone(deleteSubnet(otc, seen, patience))),
        () => inSubnet(otc, seen.id),
        run,
      );
      await until(`subnet ${name} to be gone`, schedules.quick, run, async () => {
        const still = await unlessGone(getSubnet(otc, seen.id));
        return still === undefined ? { done: true, value: undefined } : { done: false, state: still.status };
      });
    },
    blockedBy: ({ id }) => othersInSubnet(context, id),
    facts: ({ id, cidr: range }) => ({ id, cidr: range }),
  });
}

/** The first address of a range behind the network's own: the gateway, as OTC's console proposes it. */
export function firstHost(range: string): string {
  const { start } = cidr(range);
  return formatCidr({ start: start + 1, prefix: 32 }).replace('/32', '');
}

/** What differs. Range and VPC are fixed at creation; name servers change in place. */
export function subnetChanges(spec: SubnetSpec, seen: Subnet): Change[] {
  const changes: Change[] = [];
  if (seen.vpc_id !== spec.vpcId) changes.push({ field: 'vpc_id', before: seen.vpc_id, after: spec.vpcId, replace: true });
  if (seen.cidr !== spec.cidr) changes.push({ field: 'cidr', before: seen.cidr, after: spec.cidr, replace: true });
  if (seen.status !== 'ACTIVE') changes.push({ field: 'status', before: seen.status, after: 'ACTIVE' });
  const servers = seen.dnsList ?? [seen.primary_dns, seen.secondary_dns].filter((one) => one !== undefined && one !== '');
  if (servers.join() !== spec.dns.join()) changes.push({ field: 'dnsList', before: servers, after: spec.dns });
  return changes;
}

function checkExisting(spec: SubnetSpec, seen: Subnet): Change[] {
  const wrong = [
    seen.vpc_id === spec.vpcId ? '' : `is in VPC ${seen.vpc_id}, not in the stack's ${spec.vpcId}`,
    seen.cidr === spec.cidr ? '' : `has the range ${seen.cidr}, the stack file says ${spec.cidr}`,
    seen.status === 'ACTIVE' ? '' : `is ${seen.status}`,
  ].filter(Boolean);
  if (wrong.length === 0) return [];
  throw new Fault(`the existing subnet ${seen.name} ${wrong.join(', and ')}`, {
    resource: seen.id,
    hint: 'Name another subnet, or correct the stack file.',
  });
}
