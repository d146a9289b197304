/**
 * Owns the bastion: a small server with a public address, in the cluster's subnet, through which helm, kubectl and the API
 * client reach the private API server. It holds nothing and can be replaced at any time without touching the cluster.
 * What it is told at boot is `bastion-setup.ts`'s, its group `bastion-group.ts`'s.
 *
 * It stands in the cluster's subnet, since a subnet in OTC is public by the EIP of a server in it, not by its own nature: a
 * subnet more would guard nothing that the bastion's own group does not guard.
 */
import { Fault } from '../engine/fault.ts';
import { type Change, type Resource, type Run, resource } from '../engine/resource.ts';
import { schedules, until } from '../engine/until.ts';
import { unlessGone } from '../otc/client.ts';
import * as ecs from '../otc/ecs.ts';
import { bindEip, type Eip } from '../otc/eip.ts';
import { type Image, listPublicImages } from '../otc/ims.ts';
import { type BastionKeys, bastionKeys } from '../stack/ssh-keys.ts';
import { bastionCost } from './bastion-cost.ts';
import type { BastionGroup, BastionUse } from './bastion-group.ts';
import { type BastionSetup, bastionDescription, marksIn, setupMarks, userData } from './bastion-setup.ts';
import type { ClusterResource } from './cluster.ts';
import { appears, type CloudContext, createOnce, secretMissing, theOne } from './context.ts';
import type { EipResource } from './eip.ts';
import type { SubnetResource } from './subnet.ts';
import type { VpcResource } from './vpc.ts';

export interface BastionSpec {
  readonly name: string;
  readonly flavor: string;
  readonly zone: string;
  /** True where one that is there keeps its zone. */
  readonly zoneFollows?: boolean | undefined;
  readonly vpcId: string;
  readonly networkId: string;
  readonly groupId: string;
  readonly eip: Eip;
  readonly setup: BastionSetup;
  /** Unknown where the run has no `stack-secret`: then keys are not compared. */
  readonly keys: BastionKeys | undefined;
}

export interface BastionSeen extends ecs.Server {
  /** Its public address; undefined while none is bound. */
  readonly address: string | undefined;
  /** When this run started it, in milliseconds of `Date.now()`; undefined where it ran already. */
  readonly startedAt?: number;
}

export type BastionNeeds = {
  readonly vpc: VpcResource;
  readonly subnet: SubnetResource;
  readonly cluster: ClusterResource;
  readonly group: BastionGroup;
  readonly eip: EipResource;
};

export type BastionResource = Resource<BastionNeeds, BastionSpec, BastionSeen>;

/** GB; the image may ask for more. */
const DISK = 10;

/** Its only disk. */
export function bastionDisk(image: Pick<Image, 'min_disk'> | undefined): { readonly type: string; readonly size: number } {
  return { type: 'SSD', size: Math.max(DISK, image?.min_disk ?? 0) };
}

export function bastion(context: CloudContext, needs: BastionNeeds, { wanted, passing }: BastionUse): BastionResource {
  const { otc, names, stack, secrets } = context;
  const { flavor, image, zone, zoneFollows, keep, idleMinutes } = stack.cluster.bastion;
  const name = names('bastion');
  const price = keep ? bastionCost(stack.region, flavor) : undefined;
  const keys = secrets.bastionKeySeed === undefined ? undefined : bastionKeys(secrets.bastionKeySeed);
  const find = async (fresh?: boolean): Promise<BastionSeen | undefined> => {
    const found = theOne(await ecs.listServers(otc, name, fresh), `server ${name}`, (one) => one.id);
    return found === undefined ? undefined : seenBastion(found);
  };
  const apply = async (spec: BastionSpec, seen: BastionSeen | undefined, run: Run): Promise<BastionSeen> => {
    const made = seen ?? (await createOnce({ what: `server ${name}`, create: () => order(context, spec, run), look: () => find(true) }, run));
    const stopped = made.status === 'SHUTOFF';
    if (stopped) await whenDone(context, await ecs.startServer(otc, made.id), `server ${name} to start`, run);
    const active = { ...(await whenActive(context, made.id, name, run)), ...(stopped ? { startedAt: Date.now() } : {}) };
    if (active.address === spec.eip.public_ip_address) return active;
    const port = Object.values(active.addresses).flat()[0]?.['OS-EXT-IPS:port_id'];
    if (port === undefined) throw new Fault(`server ${name} has no network port`, { resource: active.id, hint: 'Delete it and run again.' });
    await bindEip(otc, spec.eip.id, port);
    return { ...active, ...seenBastion(await ecs.getServer(otc, active.id)) };
  };
  return resource<BastionNeeds, BastionSpec, BastionSeen>({
    id: 'bastion/server',
    title: `Bastion ${name}${keep ? '' : ' (only while a deploy needs it)'}`,
    needs,
    wanted,
    consented: passing,
    usualSeconds: 90,
    ...(price === undefined ? {} : { price }),
    prefetch: () => ecs.listServers(otc, name),
    want: ({ vpc, subnet, cluster, group, eip }) => ({
      name,
      flavor,
      zone,
      zoneFollows,
      vpcId: vpc.id,
      networkId: subnet.id,
      groupId: group.id,
      eip,
      setup: { target: new URL(cluster.endpoints.internal ?? '').host, image, idleMinutes },
      keys,
    }),
    madeWith: () => ({ flavor, image, availability_zone: zone }),
    observe: () => find(),
    diff: bastionChanges,
    apply: (spec, seen, _changes, run) => apply(spec, seen, run),
    destroy: async ({ id }, run) => {
      const job = await unlessGone(ecs.deleteServer(otc, id));
      if (job !== undefined) await whenDone(context, job, `server ${name} to be gone`, run);
      otc.forget();
    },
    notice: () =>
      passing && !wanted
        ? 'left by a deploy that was cancelled or killed, or of one that is at work: it costs money until the next deploy or destroy takes it away'
        : undefined,
    facts: ({ id, address, metadata }) => ({
      id,
      ...(address === undefined ? {} : { address }),
      image: metadata?.['image_name'] ?? '',
      ...(price === undefined ? {} : { flavor: price }),
    }),
  });
}

/**
 * A bastion is cheap and holds nothing: whatever cannot be mended in place is mended by a new one. But for keys: a wrong secret must
 * not lock out the right one before the database refuses it.
 * @throws Fault where it was made with other keys
 */
export function bastionChanges(spec: BastionSpec, seen: BastionSeen): Change[] {
  const marks = { ...setupMarks(spec.setup, spec.keys) };
  const told = marksIn(seen.description);
  const changes: Change[] = [];
  const differs = (field: string, before: unknown, after: unknown, more: Partial<Change> = {}): void => {
    if (before !== after) changes.push({ field, before, after, replace: true, ...more });
  };
  if (seen.status === 'ERROR') differs('status', 'ERROR', 'ACTIVE', { why: seen.fault?.message ?? 'the server failed' });
  differs('flavor', seen.flavor.id, spec.flavor);
  if (spec.zoneFollows !== true) differs('availability zone', seen['OS-EXT-AZ:availability_zone'], spec.zone);
  differs('setup', told.setup, marks.setup, { why: 'image, or what sshd was told at its first boot' });
  if (marks.keys !== undefined && told.keys !== undefined && told.keys !== marks.keys) throw otherKeys(spec.name, seen.id);
  if (marks.keys !== undefined) differs('keys', told.keys, marks.keys, { why: 'its description does not tell of them', secret: true });
  const groups = (seen.security_groups ?? []).map(({ id }) => id).join(', ');
  differs('security groups', groups, spec.groupId);
  if (changes.length > 0) return changes;
  if (seen.status !== 'ACTIVE') changes.push({ field: 'status', before: seen.status, after: 'ACTIVE' });
  if (seen.address !== spec.eip.public_ip_address) changes.push({ field: 'EIP', before: seen.address, after: spec.eip.public_ip_address });
  return changes;
}

function otherKeys(name: string, id: string): Fault {
  return new Fault(`the bastion ${name} was made with another stack-secret (or bastion-key) than this run has`, {
    resource: id,
    finding: 'keys',
    bySecret: true,
    hint: `Give the former one. Where only the bastion's key is another, since that is lost or leaked, delete the server ${name} in the ECS console: the next deploy makes it anew.`,
  });
}

function seenBastion(server: ecs.Server): BastionSeen {
  const address = Object.values(server.addresses)
    .flat()
    .find((one) => one['OS-EXT-IPS:type'] === 'floating')?.addr;
  return { ...server, address };
}

async function order(context: CloudContext, spec: BastionSpec, run: Run): Promise<BastionSeen> {
  const { otc, stack } = context;
  const { name, setup, keys } = spec;
  if (keys === undefined) throw secretMissing('the bastion', 'bastion-key');
  const images = await listPublicImages(otc, setup.image);
  const image = images[0];
  if (image === undefined) {
    throw new Fault(`there is no public image ${setup.image}`, {
      hint: 'Set cluster.bastion.image to one that IMS lists, for example Standard_Debian_12_latest or Standard_Ubuntu_22.04_latest.',
    });
  }
  const disk = bastionDisk(image);
  const marks = setupMarks(setup, keys);
  const job = await ecs.createServer(otc, {
    name,
    description: bastionDescription(stack.name, { setup: marks.setup, keys: marks.keys ?? '' }),
    imageRef: image.id,
    flavorRef: spec.flavor,
    vpcid: spec.vpcId,
    availability_zone: spec.zone,
    nics: [{ subnet_id: spec.networkId }],
    security_groups: [{ id: spec.groupId }],
    root_volume: { volumetype: disk.type, size: disk.size },
    ...(spec.eip.status === 'DOWN' ? { publicip: { id: spec.eip.id } } : {}),
    // Neither key pair nor password: the only way in is the key that the user data names.
    user_data: Buffer.from(userData(setup, keys)).toString('base64'),
  });
  await whenDone(context, job, `server ${name} to be made`, run);
  const made = await appears(async () => (await ecs.listServers(otc, name, true))[0], run);
  if (made === undefined) throw new Fault(`server ${name} was made and is not listed`, { resource: name, hint: 'Run again in a minute.' });
  otc.forget();
  return seenBastion(made);
}

async function whenDone({ otc }: CloudContext, { job_id }: { readonly job_id: string }, what: string, run: Run): Promise<void> {
  await until(what, { ...schedules.medium, usualSeconds: 90 }, run, async () => {
    const job = await ecs.getServerJob(otc, job_id);
    if (job.status === 'SUCCESS') return { done: true, value: undefined };
    if (job.status !== 'FAIL') return { done: false, state: job.status };
    throw new Fault(`waiting for ${what}: ECS says ${job.fail_reason ?? 'that it failed'}`, {
      code: job.error_code ?? undefined,
      resource: job_id,
      hint: 'Another flavor or zone may be on offer: see cluster.bastion in the stack file.',
    });
  });
}

function whenActive({ otc }: CloudContext, id: string, name: string, run: Run): Promise<BastionSeen> {
  return until(`server ${name} to become ACTIVE`, { ...schedules.medium, usualSeconds: 60 }, run, async () => {
    const now = await ecs.getServer(otc, id);
    if (now.status === 'ACTIVE') return { done: true, value: seenBastion(now) };
    if (now.status !== 'ERROR') return { done: false, state: now.status };
    throw new Fault(`server ${name} is in state ERROR: ${now.fault?.message ?? 'ECS does not say why'}`, {
      resource: id,
      hint: 'Run again: it is then replaced.',
    });
  });
}
