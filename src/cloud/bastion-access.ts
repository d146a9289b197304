/**
 * Owns what the tunnel must know of the bastion, and what to say where there is none to go through. How the tunnel works is
 * `tools/bastion-ssh.ts`'s business, which knows this shape.
 */
import { NotLooked } from '../engine/fault.ts';
import type { SecurityGroup } from '../otc/security-group.ts';
import { bastionKeys } from '../stack/ssh-keys.ts';
import type { BastionSeen } from './bastion.ts';
import { SSH_PORT } from './bastion-group.ts';
import { TUNNEL_USER } from './bastion-setup.ts';
import { type CloudContext, secretMissing } from './context.ts';
import { seenRuleText } from './rules.ts';
import type { BastionAccess } from './way-in.ts';

/** Whether this run finds or makes a bastion: one that is not kept is made by what writes, and a plan does not miss it. */
export function throughBastion({ stack, looksOnly }: Pick<CloudContext, 'stack' | 'looksOnly'>): boolean {
  return stack.cluster.access === 'bastion' && (stack.cluster.bastion.keep || looksOnly !== true);
}

/** Seconds from the order, or the start, until sshd answers at the latest (cloud-init on a small flavor). */
const BOOT_SECONDS = 300;

/**
 * @throws NotLooked where this run only looks and there is no way in, Fault where it has to get in and lacks the secret
 */
export function bastionAccess(
  { secrets, looksOnly, stack }: CloudContext,
  bastion: BastionSeen | undefined,
  group?: Pick<SecurityGroup, 'security_group_rules'>,
): BastionAccess {
  const seed = secrets.bastionKeySeed;
  if (seed === undefined && looksOnly !== true) throw secretMissing('the tunnel through the bastion', 'bastion-key');
  if (bastion?.address === undefined) {
    const why = stack.cluster.bastion.keep ? 'is not there' : 'is there only while a deploy needs it (cluster.bastion.keep: false)';
    throw new NotLooked(`not looked at: the bastion that leads to the cluster ${why}`);
  }
  // What stopped it is a difference of its own, which a deploy mends before it comes here.
  if (bastion.status !== 'ACTIVE' && looksOnly === true)
    throw new NotLooked(
      `not looked at: the bastion that leads to the cluster is ${bastion.status}; a deploy ${bastion.status === 'SHUTOFF' ? 'starts' : 'mends'} it`,
    );
  if (seed === undefined)
    throw new NotLooked('not looked at: without the input stack-secret the bastion lets nobody in (bastion-key alone would do)');
  const { client, host } = bastionKeys(seed);
  return {
    name: bastion.name,
    host: bastion.address,
    port: SSH_PORT,
    user: TUNNEL_USER,
    clientKey: client.privateKey,
    hostKey: host.publicBlob,
    hostFingerprint: host.fingerprint,
    entrance: (group?.security_group_rules ?? []).map(seenRuleText).sort().join(', '),
    bootsUntil: Math.max(Date.parse(bastion.created ?? '') || 0, bastion.startedAt ?? 0) + BOOT_SECONDS * 1000,
  };
}
