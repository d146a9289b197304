/** Owns elastic IPs, known by their alias: those of the NAT gateway, the cluster's API server and the load balancer. */
import { Fault } from '../engine/fault.ts';
import { type Change, type Resource, resource } from '../engine/resource.ts';
import { schedules, until } from '../engine/until.ts';
import { unlessGone } from '../otc/client.ts';
import { createEip, deleteEip, type Eip, getEip, listEips, updateBandwidth } from '../otc/eip.ts';
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
  /** Mbit/s */
  readonly bandwidth: number;
}

export function eip(context: CloudContext, needs: Gates, { id: resourceId, role, wanted, bandwidth }: EipSettings): EipResource {
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
    // An address may stand in firewalls and DNS of others: it is not given up for a change of size.
    protect: 'cluster',
    usualSeconds: 3,
    prefetch: () => listEips(otc),
    want: () => ({ alias, bandwidth }),
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
    destroy: async ({ id }, run) => {
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
  const changes: Change[] = [];
  if (PASSING.has(seen.status)) changes.push({ field: 'status', before: seen.status, after: 'DOWN or bound' });
  else if (seen.bandwidth_size !== spec.bandwidth) changes.push({ field: 'bandwidth.size', before: seen.bandwidth_size, after: spec.bandwidth });
  return changes;
}
