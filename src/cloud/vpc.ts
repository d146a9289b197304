/** Owns the stack's VPC: made, or found by `network.existing` and then never changed. Its description also carries the lock (`lock.ts`). */
import { Fault } from '../engine/fault.ts';
import { type Change, type Resource, resource } from '../engine/resource.ts';
import { schedules, until } from '../engine/until.ts';
import { unlessGone } from '../otc/client.ts';
import { createVpc, deleteVpc, getVpc, listVpcs, updateVpc, type Vpc } from '../otc/vpc.ts';
import { inVpc, othersInVpc, whenFree } from './blockers.ts';
import { type CloudContext, createOnce, description, theExisting, theOne } from './context.ts';
import type { Gates } from './gate.ts';

export interface VpcSpec {
  readonly name: string;
  readonly cidr: string;
  readonly sharedSnat: boolean;
}

export type VpcResource = Resource<Gates, VpcSpec, Vpc>;

export function vpc(context: CloudContext, needs: Gates): VpcResource {
  const { otc, stack, names } = context;
  const { existing } = stack.network;
  const name = existing?.name ?? (existing === undefined ? names('vpc') : `${existing.id}`);
  const spec: VpcSpec = { name, cidr: stack.network.cidr, sharedSnat: stack.network.egress === 'shared-snat' };
  const find = async (fresh?: boolean): Promise<Vpc | undefined> => {
    const all = await listVpcs(otc, fresh);
    if (existing !== undefined) return theExisting(all, existing, 'VPC', { id: (one) => one.id, name: (one) => one.name });
    const ours = all.filter((one) => one.name === name);
    return theOne(ours, `VPC ${name}`, (one) => one.id);
  };
  return resource<Gates, VpcSpec, Vpc>({
    id: 'network/vpc',
    title: `VPC ${name}`,
    needs,
    wanted: true,
    protect: 'cluster',
    usualSeconds: 3,
    ...(existing === undefined ? {} : { readsOnly: true }),
    prefetch: () => listVpcs(otc),
    want: () => spec,
    madeWith: () => ({ cidr: spec.cidr, enable_shared_snat: spec.sharedSnat }),
    observe: async () => {
      const found = await find();
      return found !== undefined && context.madeByLock.has(found.id) ? undefined : found;
    },
    diff: (spec, seen) => (existing === undefined ? vpcChanges(spec, seen) : checkExisting(spec, seen)),
    apply: async (spec, seen, _changes, run) => {
      const { cidr, sharedSnat } = spec;
      const create = (): Promise<Vpc> => createVpc(otc, { name, cidr, description: description(context) });
      const { id } =
        seen ?? (await find(true)) ?? (await createOnce({ what: `VPC ${name}`, create, look: () => find(true), exists: ['VPC.0115'] }, run));
      const ready = await until(`VPC ${name} to become OK`, schedules.quick, run, async () => {
        const now = await getVpc(otc, id);
        return now.status === 'OK' ? { done: true, value: now } : { done: false, state: now.status };
      });
      const changes = vpcChanges(spec, ready);
      if (changes.length === 0) return ready;
      await updateVpc(otc, id, {
        ...(ready.cidr === cidr ? {} : { cidr }),
        ...((ready.enable_shared_snat ?? false) === sharedSnat ? {} : { enable_shared_snat: sharedSnat }),
      });
      return getVpc(otc, id);
    },
    destroy: async ({ id }, run) => {
      await whenFree(
        `VPC ${name}`,
        async (patience) => void (await unlessGone(deleteVpc(otc, id, patience))),
        () => inVpc(otc, id),
        run,
      );
      await until(`VPC ${name} to be gone`, schedules.quick, run, async () => {
        const still = await unlessGone(getVpc(otc, id));
        return still === undefined ? { done: true, value: undefined } : { done: false, state: still.status };
      });
    },
    blockedBy: ({ id }) => othersInVpc(context, id),
    facts: ({ id, cidr }) => ({ id, cidr }),
  });
}

/** What differs, in the service's terms. The range can grow in place as long as all subnets fit. */
export function vpcChanges(spec: VpcSpec, seen: Vpc): Change[] {
  const changes: Change[] = [];
  if (seen.status !== 'OK') changes.push({ field: 'status', before: seen.status, after: 'OK' });
  if (seen.cidr !== spec.cidr) changes.push({ field: 'cidr', before: seen.cidr, after: spec.cidr });
  const shared = seen.enable_shared_snat ?? false;
  if (shared !== spec.sharedSnat) changes.push({ field: 'enable_shared_snat', before: shared, after: spec.sharedSnat });
  return changes;
}

function checkExisting(spec: VpcSpec, seen: Vpc): Change[] {
  if (seen.cidr !== spec.cidr) {
    throw new Fault(`the existing VPC ${seen.name} has the range ${seen.cidr}, the stack file says ${spec.cidr}`, {
      resource: seen.id,
      hint: `Set network.cidr to ${seen.cidr}; an existing VPC is never changed.`,
    });
  }
  return [];
}
