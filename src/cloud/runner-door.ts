/**
 * Owns the door that `cluster.allow: [runner]` opens: one rule for this run's own address, there only while the run needs
 * it. It is no resource of the stack: plans do not show it, and what the stack admits for good is `api-access.ts`'s.
 *
 * A door says in its description whose it is, so that what a dead run left open is found. Who writes holds the stack's
 * lock; so under the lock every other door is a dead run's, or one of a run that waits for the lock and looks after its own
 * door when it gets it.
 */
import { Fault, NotLooked } from '../engine/fault.ts';
import type { Run } from '../engine/resource.ts';
import { type Otc, unlessGone } from '../otc/client.ts';
import { ServiceFault } from '../otc/errors.ts';
import {
  createSecurityGroupRule,
  deleteSecurityGroupRule,
  getSecurityGroup,
  type SecurityGroup,
  type SecurityGroupRule,
} from '../otc/security-group.ts';
import { admits } from './runner-address.ts';

/** `closed`: plan and drift do not open it; `read`: they do, by consent; `write`: deploy and destroy. */
export type DoorMode = 'closed' | 'read' | 'write';

export interface DoorPorts {
  readonly otc: Otc;
  readonly stack: string;
  /** This run, in letters, digits and `.:/#_-`. */
  readonly holder: string;
  readonly now: () => number;
  /** This run's public address. */
  readonly address: () => Promise<string>;
  /** Keeps where doors are about to be opened, for a clean-up after this run was killed; an empty list at the end. */
  readonly remember: (doors: readonly OpenDoor[]) => void;
  /** Takes the stack's lock, before another run's door is closed. */
  readonly lock: () => Promise<void>;
}

export interface OpenDoor {
  readonly group: string;
  /** The rule's description. */
  readonly mark: string;
}

export interface Door {
  mode: DoorMode;
  /**
   * Lets this run through to a TCP port of what carries the group; at once where the stack admits its address anyway.
   * @throws NotLooked where the mode is `closed`
   */
  open(group: SecurityGroup, port: number, run: Run): Promise<void>;
  /** Opens again what another run closed while this one waited for the lock. */
  ensure(run: Run): Promise<void>;
  /**
   * Closes what was opened, within so many seconds; under a signal of its own, so that a cancelled run closes too.
   * @returns the addresses that were let in, by what was taken away: a rule that the cloud refused is none
   */
  close(seconds: number): Promise<readonly string[]>;
}

const DOOR = 'zitadel-on-otc door of stack ';
const CLOSED =
  'not looked at: this run may not reach the API server, because cluster.allow admits "runner" for deploy and destroy only (cluster.openForReads opens it here too)';

/** Whether a rule is some run's door to this stack. */
export function isDoor(rule: SecurityGroupRule, stack: string): boolean {
  return rule.description?.startsWith(`${DOOR}${stack}: `) === true;
}

/** `zitadel-on-otc door of stack shop: octo/shop run 42 since 2026-01-01T10:00:00Z`; at most 255 characters */
export function doorMark(stack: string, holder: string, since: Date): string {
  return `${DOOR}${stack}: ${holder.slice(0, 160)} since ${since.toISOString().slice(0, 19)}Z`;
}

interface Opened {
  readonly group: string;
  readonly port: number;
  readonly address: string;
  readonly mark: string;
}

interface Opening {
  readonly mine: Opened;
  /** Doors of other runs, as they were then. */
  readonly others: readonly SecurityGroupRule[];
}

export function runnerDoor(ports: DoorPorts): Door {
  const { otc, stack, holder } = ports;
  const doors = new Map<string, Promise<Opening | undefined>>();
  const opened: Opened[] = [];
  const mark = doorMark(stack, holder, new Date(ports.now()));
  const openOne = async (group: string, port: number, run: Run): Promise<Opening | undefined> => {
    const [address, { security_group_rules: rules }] = await Promise.all([ports.address(), getSecurityGroup(otc, group)]);
    const here = rules.filter(
      (rule) => rule.direction === 'ingress' && (rule.port_range_min ?? 0) <= port && port <= (rule.port_range_max ?? 65_535),
    );
    if (here.some((rule) => !isDoor(rule, stack) && rule.remote_ip_prefix && admits(rule.remote_ip_prefix, address))) return undefined;
    const mine: Opened = { group, port, address, mark };
    opened.push(mine);
    ports.remember(opened.map(({ group, mark }) => ({ group, mark })));
    await add(otc, mine).catch((error: unknown) => {
      throw door.mode === 'read' && error instanceof ServiceFault && error.status === 403 ? lacksRight(error) : error;
    });
    run.say(`port ${port} is open for ${address}, the address of this run, until it ends`);
    return { mine, others: here.filter((rule) => isDoor(rule, stack) && rule.description !== mark) };
  };
  const closeOthers = async ({ mine, others }: Opening, run: Run): Promise<void> => {
    if (others.length === 0) return;
    await ports.lock();
    for (const rule of others) {
      await unlessGone(deleteSecurityGroupRule(otc, rule.id));
      run.say(`closed what a former run left open for ${rule.remote_ip_prefix ?? 'everybody'} (${rule.description ?? ''})`);
    }
    // A former run from the same address: its rule stood in for ours.
    await add(otc, mine);
  };
  const door: Door = {
    mode: 'closed',
    open: async (group, port, run) => {
      if (door.mode === 'closed') throw new NotLooked(CLOSED);
      const key = `${group.id} ${port}`;
      const known = doors.get(key);
      // Who holds the lock may come here: only the first caller waits for it.
      if (known !== undefined) return void (await known);
      const promise = openOne(group.id, port, run);
      doors.set(key, promise);
      const opening = await promise;
      if (opening !== undefined && door.mode === 'write') await closeOthers(opening, run);
    },
    ensure: async (run) => {
      for (const mine of opened) {
        if (run.signal.aborted) return;
        await add(otc, mine);
      }
    },
    close: async (seconds) => {
      if (opened.length === 0) return [];
      const closed = await closeDoors(otc.withSignal(AbortSignal.timeout(seconds * 1000)), opened);
      opened.length = 0;
      doors.clear();
      ports.remember([]);
      return closed.map((prefix) => prefix.replace(/\/32$/, ''));
    },
  };
  return door;
}

/**
 * Closes doors by group and description. A group that is gone took its rules with it.
 * @returns the prefixes of the rules that were there, each once
 */
export async function closeDoors(otc: Otc, doors: readonly OpenDoor[]): Promise<string[]> {
  const closed = await Promise.all(
    doors.map(async ({ group, mark }) => {
      const found = await unlessGone(getSecurityGroup(otc, group));
      const rules = (found?.security_group_rules ?? []).filter(({ description }) => description === mark);
      await Promise.all(rules.map(({ id }) => unlessGone(deleteSecurityGroupRule(otc, id))));
      return rules.map(({ remote_ip_prefix: prefix }) => prefix ?? 'everybody');
    }),
  );
  return [...new Set(closed.flat())];
}

/** A key that only reads can do all else that a plan does. */
function lacksRight(error: ServiceFault): Fault {
  const { message, status, code, requestId } = error;
  const hint =
    'For cluster.openForReads this key needs the right to make and delete security group rules (docs/permissions.md, "A key that only reads").';
  return new Fault(message, { status, code, requestId, hint, cause: error });
}

/** Adds the rule; "already there" is success, also after an unclear end. */
async function add(otc: Otc, { group, port, address, mark }: Opened): Promise<void> {
  const rule = { security_group_id: group, direction: 'ingress', ethertype: 'IPv4', protocol: 'tcp', remote_ip_prefix: `${address}/32` } as const;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await createSecurityGroupRule(otc, { ...rule, port_range_min: port, port_range_max: port, description: mark });
    } catch (error) {
      if (!(error instanceof ServiceFault)) throw error;
      if (error.status === 409 && /exists/i.test(`${error.code} ${error.message}`)) return;
      if (!error.unclear || attempt >= 3) throw error;
    }
  }
}
