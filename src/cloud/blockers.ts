/**
 * Owns deletions that something may stand in the way of: waits for what goes away by itself, then names what is left, by
 * name and id, since it is not the stack's; and what shows beforehand of that. What each resource is stands in its own file.
 */
import { asFault, blockedFault, Fault } from '../engine/fault.ts';
import type { Run } from '../engine/resource.ts';
import { pauseFor } from '../engine/until.ts';
import { type Otc, unlessGone } from '../otc/client.ts';
import { getServer } from '../otc/ecs.ts';
import { ServiceFault } from '../otc/errors.ts';
import { listPorts, type Port } from '../otc/port.ts';
import { listSecurityGroups } from '../otc/security-group.ts';
import { listSubnets, type Subnet } from '../otc/vpc.ts';
import type { CloudContext } from './context.ts';

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
      throw blockedFault(
        what,
        left.map((one) => one.what),
        { status: error.status, code: error.code, requestId: error.requestId, cause: asFault(error) },
      );
    }
  }
}

/**
 * The fault for what a person has protected from being deleted: the service refuses it until that person switches the protection off.
 * Only load balancers and clusters have one that holds against the API (API references of ELB v3, "Deleting a Load Balancer", and CCE,
 * "Creating a Cluster"; those of RDS, ECS, EIP, NAT and VPC know none).
 * @param where the place in the console
 */
export function protectedFault(what: string, id: string, where: string): Fault {
  return new Fault(`${what} cannot be deleted, because its deletion protection is on`, {
    resource: id,
    hint: `Somebody switched it on in ${where}, and it is not switched off here: switch it off there if the stack shall go, then run destroy again.`,
  });
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
  return subnets.map((one) => ({ what: subnetText(one) }));
}

function subnetText({ id, name, cidr }: Subnet): string {
  return `subnet ${name} (${id}, ${cidr})`;
}

/**
 * Ports that surely stay when the stack goes: those of servers of this project that are neither its nodes nor its bastion, and those
 * that somebody made and gave to nothing. What a service has its ports for, and how it calls them, is not relied on: they go with it.
 */
async function othersPorts({ otc, names, stack }: CloudContext, ports: readonly Port[]): Promise<string[]> {
  // CCE calls a node's server after its pool.
  const isOwn = (name: string): boolean => name.startsWith(`${stack.name}-np-`) || name === names('bastion');
  const stays = async (port: Port): Promise<boolean> => {
    if (port.device_owner === '' && port.device_id === '') return true;
    if (!port.device_owner.startsWith('compute:')) return false;
    const server = await unlessGone(getServer(otc, port.device_id));
    return server !== undefined && !isOwn(server.name);
  };
  const others = await Promise.all(ports.map(stays));
  return ports.filter((_, index) => others[index]).map(portText);
}

/** What others have in a subnet. */
export async function othersInSubnet(context: CloudContext, networkId: string): Promise<string[]> {
  return othersPorts(context, await listPorts(context.otc, { network_id: networkId }));
}

/** What others have that carries a security group, and their groups whose rules name it. */
export async function othersUsingGroup(context: CloudContext, groupId: string): Promise<string[]> {
  const { otc, names } = context;
  const own = new Set(['rds-client', 'rds-instance', 'bastion'].map(names));
  const [ports, groups] = await Promise.all([listPorts(otc, {}), listSecurityGroups(otc)]);
  const naming = groups.filter(
    ({ name, security_group_rules: rules }) =>
      !own.has(name) && !name.startsWith(`${names('cce')}-cce-`) && rules.some(({ remote_group_id }) => remote_group_id === groupId),
  );
  const carrying = await othersPorts(
    context,
    ports.filter(({ security_groups }) => security_groups.includes(groupId)),
  );
  return [...carrying, ...naming.map(({ id, name }) => `a rule of security group ${name} (${id})`)];
}

/** Subnets of the stack's own VPC that are not the stack's. */
export async function othersInVpc({ otc, names }: CloudContext, vpcId: string): Promise<string[]> {
  const own = new Set(['nodes', 'database'].map(names));
  const subnets = (await listSubnets(otc)).filter(({ vpc_id, name }) => vpc_id === vpcId && !own.has(name));
  return subnets.map(subnetText);
}
