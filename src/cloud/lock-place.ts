/**
 * Owns where the stack's lock is written: into the description of its VPC; with an existing VPC, which is never changed, into that
 * of a security group made for nothing else. Both can be reached whatever state the cluster and the ways into it are in. How the
 * lock is taken and kept is `lock.ts`'s.
 */
import { type Resource, resource } from '../engine/resource.ts';
import type { Otc } from '../otc/client.ts';
import { createSecurityGroup, getSecurityGroup, listSecurityGroups, type SecurityGroup, updateSecurityGroup } from '../otc/security-group.ts';
import { createVpc, getVpc, listVpcs, updateVpc } from '../otc/vpc.ts';
import { othersUsingGroup } from './blockers.ts';
import { type CloudContext, createOnce, description, theOne } from './context.ts';
import type { Checks } from './gate.ts';
import { removeGroup } from './security-group.ts';

/** What carries a lock. */
export interface Carrier {
  readonly id: string;
  readonly description?: string | null;
}

export interface LockPlace {
  readonly title: string;
  /** Codes of the service that mean "already there". */
  readonly exists: readonly string[];
  /** All that there are now, in an order that is the same for every run: the lock is written into the first. */
  all(): Promise<readonly Carrier[]>;
  /** Those of the same name, where the service does not keep it unique. */
  others(id: string): Promise<readonly Carrier[]>;
  create(description: string): Promise<Carrier>;
  /** @param patience seconds for which the client repeats it */
  get(otc: Otc, id: string, patience?: number): Promise<Carrier>;
  write(otc: Otc, id: string, description: string, patience?: number): Promise<void>;
}

export function lockPlace({ otc, stack, names }: CloudContext): LockPlace {
  if (stack.network.existing !== undefined) {
    const name = names('lock');
    const all = async (): Promise<SecurityGroup[]> => groupsNamed(await listSecurityGroups(otc, true), name);
    return {
      title: `security group ${name}`,
      exists: [],
      all,
      others: async (id) => (await all()).filter((group) => group.id !== id),
      create: (text) => createSecurityGroup(otc, { name, description: text }),
      get: getSecurityGroup,
      write: (through, id, text, patience) => updateSecurityGroup(through, id, { description: text }, patience),
    };
  }
  const name = names('vpc');
  return {
    title: `VPC ${name}`,
    exists: ['VPC.0115'],
    all: async () => {
      const found = (await listVpcs(otc, true)).filter((vpc) => vpc.name === name);
      const one = theOne(found, `VPC ${name}`, ({ id }) => id);
      return one === undefined ? [] : [one];
    },
    others: async () => [],
    create: (text) => createVpc(otc, { name, cidr: stack.network.cidr, description: text }),
    get: getVpc,
    write: (through, id, text, patience) => updateVpc(through, id, { description: text }, patience),
  };
}

/** Of two runs that begin at once, each may make one; `lock.ts` says why at most one of them writes. */
function groupsNamed(groups: readonly SecurityGroup[], name: string): SecurityGroup[] {
  return groups.filter((group) => group.name === name).toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

export type LockGroup = Resource<Checks, null, readonly SecurityGroup[]>;

/** The group that carries the lock. All else waits for it, so that a destroy takes it away last. */
export function lockGroup(context: CloudContext, needs: Checks): LockGroup {
  const { otc, stack, names } = context;
  const name = names('lock');
  const find = async (fresh?: boolean, fits: (group: SecurityGroup) => boolean = () => true): Promise<readonly SecurityGroup[] | undefined> => {
    const found = groupsNamed(await listSecurityGroups(otc, fresh), name).filter(fits);
    return found.length === 0 ? undefined : found;
  };
  return resource<Checks, null, readonly SecurityGroup[]>({
    id: 'network/lock',
    title: `Security group ${name}, which carries the stack's lock`,
    needs,
    wanted: stack.network.existing !== undefined,
    usualSeconds: 2,
    prefetch: () => listSecurityGroups(otc),
    want: () => null,
    observe: () => find(false, ({ id }) => !context.madeByLock.has(id)),
    diff: () => [],
    apply: async (_spec, _seen, _changes, run) => {
      const create = async (): Promise<readonly SecurityGroup[]> => [await createSecurityGroup(otc, { name, description: description(context) })];
      return (await find(true)) ?? createOnce({ what: `security group ${name}`, create, look: () => find(true) }, run);
    },
    destroy: async (seen, run) => {
      for (const group of seen) await removeGroup(context, group, run);
    },
    blockedBy: async (seen) => (await Promise.all(seen.map(({ id }) => othersUsingGroup(context, id)))).flat(),
    facts: ([group]) => ({ id: group?.id ?? '' }),
  });
}
