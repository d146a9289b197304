/**
 * Owns elastic IPs, known by their alias: those of the NAT gateway, the cluster's API server and the load balancer. Who
 * binds one stands in that thing's file; what was bound elsewhere by hand is taken back here.
 */
import { Fault } from '../engine/fault.ts';
import { type Change, type Resource, type Run, resource } from '../engine/resource.ts';
import { schedules, until } from '../engine/until.ts';
import { type Otc, unlessGone } from '../otc/client.ts';
import { bindsByV3, createEip, deleteEip, disassociate, type Eip, getEip, listEips, unbindEip, updateBandwidth } from '../otc/eip.ts';
import { ServiceFault } from '../otc/errors.ts';
import { type CloudContext, createOnce, theOne } from './context.ts';
import type { Gates } from './gate.ts';

export interface EipSpec {
  readonly alias: string;
  /** Mbit/s */
  readonly bandwidth: number;
}

export type EipResource = Resource<Gates, EipSpec, Eip>;

const BROKEN = new Set(['BIND_ERROR', 'ERROR', 'FREEZED']);
const PASSING = new Set(['PENDING_CREATE', 'NOTIFYING', 'PENDING_UPDATE', 'BINDING']);

export interface EipSettings {
  readonly id: string;
  readonly role: string;
  readonly wanted: boolean;
  /** There only while a deploy needs it. */
  readonly passing?: boolean;
  /** Mbit/s */
  readonly bandwidth: number;
  /** Unbinds it from what keeps it until it goes. */
  readonly release?: (address: Eip, run: Run) => Promise<void>;
}

export function eip(context: CloudContext, needs: Gates, settings: EipSettings): EipResource {
  const { id: resourceId, role, wanted, passing = false, bandwidth, release } = settings;
  const { otc, names } = context;
  const alias = names(role);
  const find = async (fresh?: boolean): Promise<Eip | undefined> => {
    const ours = (await listEips(otc, fresh)).filter((one) => one.alias === alias);
    return theOne(ours, `EIP ${alias}`, (one) => one.id);
  };
  return resource<Gates, EipSpec, Eip>({
    id: resourceId,
    title: `EIP ${alias}`,
    needs,
    wanted,
    consented: passing,
    // An address may stand in firewalls and DNS of others: it is not given up for a change of size.
    protect: 'cluster',
    usualSeconds: 3,
    prefetch: () => listEips(otc),
    want: () => ({ alias, bandwidth }),
    madeWith: () => ({ 'bandwidth.size': bandwidth }),
    observe: () => find(),
    diff: eipChanges,
    apply: async (spec, seen, _changes, run) => {
      const create = (): Promise<Eip> => createEip(otc, { alias, size: spec.bandwidth });
      const { id } = seen ?? (await createOnce({ what: `EIP ${alias}`, create, look: () => find(true) }, run));
      const ready = await until(`EIP ${alias} to be ready`, schedules.quick, run, async () => {
        const now = await getEip(otc, id);
        return PASSING.has(now.status) ? { done: false, state: now.status } : { done: true, value: now };
      });
      if (ready.bandwidth_id !== undefined && ready.bandwidth_size !== spec.bandwidth) {
        await updateBandwidth(otc, ready.bandwidth_id, spec.bandwidth);
        return getEip(otc, id);
      }
      return ready;
    },
    destroy: async (seen, run) => {
      const { id } = seen;
      await release?.(seen, run);
      await unlessGone(deleteEip(otc, id));
      await until(`EIP ${alias} to be gone`, schedules.quick, run, async () => {
        const still = await unlessGone(getEip(otc, id));
        return still === undefined ? { done: true, value: undefined } : { done: false, state: still.status };
      });
    },
    facts: ({ id, public_ip_address }) => ({ id, address: public_ip_address }),
  });
}

export function eipChanges(spec: EipSpec, seen: Eip): Change[] {
  if (BROKEN.has(seen.status)) {
    throw new Fault(`EIP ${spec.alias} (${seen.public_ip_address}) is ${seen.status}`, {
      resource: seen.id,
      finding: 'status',
      hint: seen.status === 'FREEZED' ? 'OTC froze it; ask OTC support why.' : 'Unbind it in the console, or delete it, and run again.',
    });
  }
  if (seen.bandwidth_share_type !== undefined && seen.bandwidth_share_type !== 'PER') {
    throw new Fault(`EIP ${spec.alias} (${seen.public_ip_address}) shares a bandwidth with other addresses, whose size is not the stack's to set`, {
      resource: seen.id,
      finding: 'bandwidth',
      hint: 'Take it out of the shared bandwidth in the EIP console and run again; the next deploy sets the size of its own.',
    });
  }
  const changes: Change[] = [];
  if (PASSING.has(seen.status)) changes.push({ field: 'status', before: seen.status, after: 'DOWN or bound' });
  else if (seen.bandwidth_size !== spec.bandwidth) changes.push({ field: 'bandwidth.size', before: seen.bandwidth_size, after: spec.bandwidth });
  return changes;
}

/**
 * Makes an address free that somebody bound by hand: one of ours elsewhere, or another one to something of ours. One that is free is
 * left alone.
 * @throws Fault where the service does not give it up, as for one that a NAT gateway's rule uses
 */
export async function takeBack(otc: Otc, id: string, run: Run): Promise<void> {
  const now = await getEip(otc, id);
  if (now.status === 'DOWN') return;
  const name = `EIP ${now.alias ?? id} (${now.public_ip_address})`;
  run.say(`unbinding ${name} from what somebody bound it to`);
  try {
    await (bindsByV3(otc) ? disassociate(otc, id) : unbindEip(otc, id));
  } catch (error) {
    if (!(error instanceof ServiceFault) || error.unclear || ![400, 409].includes(error.status ?? 0)) throw error;
    // Where the first answer was lost, the second says that there is nothing to unbind.
    if ((await getEip(otc, id)).status === 'DOWN') return;
    throw new Fault(`${name} was bound by hand and could not be unbound: ${error.message}`, {
      resource: id,
      hint: 'Unbind it there in the console and run again.',
      cause: error,
    });
  }
  await until(`${name} to be free`, schedules.quick, run, async () => {
    const { status } = await getEip(otc, id);
    return status === 'DOWN' ? { done: true, value: undefined } : { done: false, state: status };
  });
}
