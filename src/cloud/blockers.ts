/**
 * Owns deletions that something may stand in the way of: waits for what goes away by itself, then names what is left, by
 * name and id, since it is not the stack's. What each resource is stands in its own file.
 */
import { asFault, Fault } from '../engine/fault.ts';
import type { Run } from '../engine/resource.ts';
import { pauseFor } from '../engine/until.ts';
import type { Otc } from '../otc/client.ts';
import { ServiceFault } from '../otc/errors.ts';
import { listPorts, type Port } from '../otc/port.ts';
import { listSecurityGroups } from '../otc/security-group.ts';
import { listSubnets } from '../otc/vpc.ts';

export interface Blocker {
  /** For people, with its id. */
  readonly what: string;
  /** Goes away by itself, as the ports of a deleted database do after some minutes. */
  readonly passing?: boolean;
}

/** Seconds that a deletion is repeated before somebody looks what is in the way. */
const PATIENCE = 40;
/** Seconds for what goes away by itself (RDS user guide: its addresses are freed minutes after the instance). */
const PASSING_PATIENCE = 900;
const LOOK_EVERY = 5;

/**
 * Deletes, and where something is in the way, waits for what passes.
 * @param attempt deletes once, repeating for at most so many seconds; the table of retries says on which answers
 * @throws Fault naming what is in the way by its ids
 */
export async function whenFree(
  what: string,
  attempt: (patience: number) => Promise<void>,
  blockers: () => Promise<readonly Blocker[]>,
  run: Run,
): Promise<void> {
  const started = Date.now();
  for (;;) {
    try {
      await attempt(PATIENCE);
      return;
    } catch (error) {
      if (!(error instanceof ServiceFault) || (error.status !== 409 && error.status !== 500)) throw error;
      const left = await blockers();
      const lasting = left.filter(({ passing }) => passing !== true);
      if (lasting.length === 0 && Date.now() - started < PASSING_PATIENCE * 1000) {
        run.say(`${what} is still in use${left.length === 0 ? '' : ` by ${left.map((one) => one.what).join(', ')}`}; waiting`);
        // Where the table of retries does not know the answer, the attempt came back at once.
        await (run.pause ?? pauseFor)(LOOK_EVERY, run.signal);
        continue;
      }
      if (left.length === 0) throw error;
      throw new Fault(`${what} cannot be deleted, because it is in use by ${left.map((one) => one.what).join(', ')}`, {
        resource: what,
        hint: "This is not the stack's: delete it if nothing needs it, then run destroy again.",
        status: error.status,
        code: error.code,
        requestId: error.requestId,
        cause: asFault(error),
      });
    }
  }
}

/** Belongs to the network itself. */
const OWN = /^network:(dhcp|router)/;
const PASSING = /rds/i;

function portText({ id, name, device_owner: owner, device_id: device, fixed_ips: ips }: Port): string {
  const address = ips.map(({ ip_address }) => ip_address).join(', ');
  const of = device === '' ? '' : ` of ${owner === '' ? 'device' : owner} ${device}`;
  return `port ${name === '' ? '' : `${name} `}${id}${address === '' ? '' : ` (${address})`}${of}`;
}

/** What has an address in a subnet. */
export async function inSubnet(otc: Otc, networkId: string): Promise<Blocker[]> {
  const ports = await listPorts(otc, { network_id: networkId }, true);
  return ports
    .filter(({ device_owner }) => !OWN.test(device_owner))
    .map((port) => ({ what: portText(port), passing: PASSING.test(port.device_owner) }));
}

/** What carries a security group, and which groups' rules name it. */
export async function usingGroup(otc: Otc, groupId: string): Promise<Blocker[]> {
  const [ports, groups] = await Promise.all([listPorts(otc, {}, true), listSecurityGroups(otc, true)]);
  const rules = groups.filter(
    ({ id, security_group_rules: rules }) => id !== groupId && rules.some(({ remote_group_id }) => remote_group_id === groupId),
  );
  return [
    ...ports
      .filter(({ security_groups }) => security_groups.includes(groupId))
      .map((port) => ({ what: portText(port), passing: PASSING.test(port.device_owner) })),
    ...rules.map(({ id, name }) => ({ what: `a rule of security group ${name} (${id})` })),
  ];
}

/** Subnets of a VPC. */
export async function inVpc(otc: Otc, vpcId: string): Promise<Blocker[]> {
  const subnets = (await listSubnets(otc, true)).filter(({ vpc_id }) => vpc_id === vpcId);
  return subnets.map(({ id, name, cidr }) => ({ what: `subnet ${name} (${id}, ${cidr})` }));
}
