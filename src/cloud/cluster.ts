/**
 * Owns the CCE cluster: made with its API server's public address from the start, because adding one later costs minutes
 * for a new server certificate. Node pools, access and credentials have files of their own.
 */
import { Fault } from '../engine/fault.ts';
import { type Change, type Maybe, type Resource, type Run, resource } from '../engine/resource.ts';
import { schedules, until } from '../engine/until.ts';
import * as cce from '../otc/cce.ts';
import { unlessGone } from '../otc/client.ts';
import { type Eip, getEip, listEips } from '../otc/eip.ts';
import { protectedFault } from './blockers.ts';
import { disksLeft } from './claim-disks.ts';
import { leftoversOf, removeLeftovers } from './cluster-leftovers.ts';
import { addressOf, type ClusterSeen, type ClusterSpec, clusterChanges, endpointsOf, minor, newCluster, refuseFailed } from './cluster-spec.ts';
import { type CloudContext, createOnce, description, theExisting, theOne } from './context.ts';
import { type EipResource, takeBack } from './eip.ts';
import type { Gate, Gates } from './gate.ts';
import type { SubnetResource } from './subnet.ts';
import type { VpcResource } from './vpc.ts';

export type ClusterNeeds = {
  readonly vpc: VpcResource;
  readonly subnet: SubnetResource;
  readonly eip: Maybe<EipResource>;
  readonly delegation: Maybe<Gate>;
} & Gates;

export type ClusterResource = Resource<ClusterNeeds, ClusterSpec, ClusterSeen>;

export function cluster(context: CloudContext, needs: ClusterNeeds): ClusterResource {
  const { otc, stack, names } = context;
  const settings = stack.cluster;
  const { existing } = settings;
  const name = existing === undefined ? names('cce') : `${existing.name ?? existing.id}`;
  const find = async (fresh?: boolean): Promise<ClusterSeen | undefined> => {
    const all = await cce.listClusters(otc, fresh);
    const read = { id: (one: cce.Cluster) => one.metadata.uid, name: (one: cce.Cluster) => one.metadata.name };
    const ours = all.filter((one) => one.metadata.name === name);
    const found = existing === undefined ? theOne(ours, `CCE cluster ${name}`, read.id) : theExisting(all, existing, 'CCE cluster', read);
    return found === undefined ? undefined : seenCluster(found);
  };
  const addressIn = (eip: Eip | undefined): string | undefined => (settings.access === 'eip' ? (eip?.public_ip_address ?? 'a new EIP') : undefined);
  return resource<ClusterNeeds, ClusterSpec, ClusterSeen>({
    id: 'cluster/cluster',
    title: `CCE cluster ${name}`,
    needs,
    wanted: true,
    protect: 'cluster',
    wayOut:
      'Set the former value in the stack file; a version that was upgraded in the CCE console is set there as well. To move to another cluster, deploy a second stack beside this one and migrate.',
    usualSeconds: 480,
    ...(existing === undefined ? {} : { readsOnly: true }),
    prefetch: () => cce.listClusters(otc),
    want: ({ vpc, subnet, eip }) => ({
      name,
      flavor: settings.flavor,
      version: settings.version,
      vpcId: vpc.id,
      subnetId: subnet.id,
      containerNetwork: settings.containerNetwork,
      serviceCidr: settings.serviceCidr,
      address: addressIn(eip),
    }),
    madeWith: ({ eip }) => ({
      'spec.version': settings.version,
      'spec.flavor': settings.flavor,
      'spec.containerNetwork.mode': settings.containerNetwork.mode,
      'spec.containerNetwork.cidrs': settings.containerNetwork.cidr,
      'spec.kubernetesSvcIpRange': settings.serviceCidr,
      'status.endpoints.external': addressIn(eip) ?? 'none',
    }),
    observe: async ({ eip }) => {
      const found = await find();
      if (found === undefined || eip === undefined) return found;
      const leaving = settings.access !== 'eip' && addressOf(found.endpoints.external) === eip.public_ip_address;
      return { ...found, ...(eip.status === 'DOWN' ? { unbound: true } : {}), ...(leaving ? { leaving } : {}) };
    },
    diff: (spec, seen) => (existing === undefined ? clusterChanges(spec, seen) : checkExisting(spec, seen)),
    apply: async (spec, seen, _changes, run) => {
      const create = async (): Promise<ClusterSeen> => {
        const made = await cce.createCluster(otc, { name, spec: newCluster(spec, description(context)) });
        return seenCluster(made);
      };
      const made = seen ?? (await createOnce({ what: `CCE cluster ${name}`, create, look: () => find(true), exists: ['CCE.01409001'] }, run));
      const available = await whenAvailable(context, made, run);
      // The address of one that was being made a moment ago is bound by now.
      const unbound = seen?.unbound === true && spec.address !== undefined && (await addressFor(otc, spec)).status === 'DOWN';
      const ready: ClusterSeen = { ...available, unbound, leaving: seen?.leaving === true };
      const changes = clusterChanges(spec, ready);
      const refused = changes.filter(({ replace }) => replace === true);
      if (refused.length > 0) {
        const list = refused.map(({ field, before, after }) => `${field}: ${String(before)} instead of ${String(after)}`).join('; ');
        throw new Fault(`CCE cluster ${name} did not become what was asked for (${list})`, {
          resource: ready.id,
          hint: 'CCE chooses another range where the one asked for is taken. Choose a free one, delete the cluster and run again.',
        });
      }
      for (const change of changes) await carryOut(context, spec, ready, change, run);
      // A phase says nothing about a change that the service has not begun yet: what was changed is awaited itself.
      if (changes.length === 0) return ready;
      const leaving = ready.leaving === true;
      return { ...(await whenAvailable(context, ready, run, (now) => clusterChanges(spec, { ...now, leaving })[0])), leaving };
    },
    destroy: ({ id }, run) => removeCluster(context, { id, name }, run),
    blockedBy: async (seen) => protectedCluster(name, seen) ?? [],
    facts: ({ id, version, endpoints }) => ({ id, version, ...(endpoints.external === undefined ? {} : { endpoint: endpoints.external }) }),
  });
}

/** The fault where its deletion protection is on. */
export function protectedCluster(name: string, { metadata, spec }: cce.Cluster): Fault | undefined {
  return spec.deletionProtection === true
    ? protectedFault(`CCE cluster ${name}`, metadata.uid, "the cluster's settings in the CCE console")
    : undefined;
}

/** Phases in which CCE works on a cluster and refuses to delete it (403 CCE.01403001); a run that died may have left one so. */
const BUSY: ReadonlySet<string> = new Set(['Creating', 'ScalingUp', 'ScalingDown', 'Upgrading', 'Resizing', 'Hibernating', 'Awaking']);

/**
 * Deletes a cluster with all that CCE made for it; waits where CCE is still at work on it.
 * @returns the disks of claims that stay
 * @throws Fault naming what stands in the way
 */
export async function removeCluster(
  { otc, clustersTaken }: CloudContext,
  cluster: { readonly id: string; readonly name: string },
  run: Run,
): Promise<string | undefined> {
  const { id, name } = cluster;
  clustersTaken?.add(id);
  const resting = await until(`CCE cluster ${name} to be at rest, so that it can be deleted`, schedules.long, run, async () => {
    const now = await unlessGone(cce.getCluster(otc, id));
    return now !== undefined && BUSY.has(now.status.phase) ? { done: false, state: now.status.phase } : { done: true, value: now };
  });
  if (resting !== undefined && resting.status.phase !== 'Deleting') await unlessGone(cce.deleteCluster(otc, id));
  await until(`CCE cluster ${name} to be gone`, schedules.long, run, async () => {
    const still = await unlessGone(cce.getCluster(otc, id));
    return still === undefined ? { done: true, value: undefined } : { done: false, state: still.status.phase, reason: still.status.reason };
  });
  await removeLeftovers(otc, await leftoversOf(otc, cluster), run);
  otc.forget();
  return disksLeft(otc, cluster);
}

function seenCluster(found: cce.Cluster): ClusterSeen {
  const { uid: id, name } = found.metadata;
  const { version, hostNetwork } = found.spec;
  return { ...found, id, name, version, nodeGroupId: hostNetwork.SecurityGroup || undefined, endpoints: endpointsOf(found.status.endpoints) };
}

function whenAvailable(
  { otc }: CloudContext,
  { id, name, status }: ClusterSeen,
  run: Run,
  outstanding: (now: ClusterSeen) => Change | undefined = () => undefined,
): Promise<ClusterSeen> {
  return until(`CCE cluster ${name} to become Available`, schedules.long, run, async () => {
    const now = seenCluster(await cce.getCluster(otc, id));
    if (now.status.phase === 'Available') {
      const left = outstanding(now);
      if (left !== undefined) return { done: false, state: `${left.field} is still ${String(left.before)}` };
      // The cluster brought groups and ports of its own.
      otc.forget();
      return { done: true, value: now };
    }
    refuseFailed(now, await jobReason(otc, now.status.phase, status.jobID));
    return { done: false, state: now.status.phase };
  });
}

/** Why the creation failed, by its job; undefined while it runs. */
async function jobReason(otc: CloudContext['otc'], phase: string, jobId: string | undefined): Promise<string | undefined> {
  if (jobId === undefined || (phase !== 'Error' && phase !== 'Unavailable')) return undefined;
  return (await unlessGone(cce.getJob(otc, jobId)))?.status.reason || undefined;
}

async function carryOut(context: CloudContext, spec: ClusterSpec, seen: ClusterSeen, { field }: Change, run: Run): Promise<void> {
  const { otc } = context;
  if (field === 'spec.flavor') {
    await cce.resizeCluster(otc, seen.id, spec.flavor);
    await whenAvailable(context, seen, run, (now) => clusterChanges(spec, now).find((change) => change.field === field));
  }
  if (field !== 'status.endpoints.external') return;
  if (seen.endpoints.external !== undefined) await cce.unbindMasterEip(otc, seen.id);
  if (spec.address === undefined) return;
  const { id } = await addressFor(otc, spec);
  await takeBack(otc, id, run);
  await cce.bindMasterEip(otc, seen.id, id);
  run.say('the API server gets a new certificate for its public address, which takes 5 to 10 minutes');
}

/** Takes an address that is not wanted any more from the API server, where that (still) has it. */
export async function releaseAddress({ otc, names }: CloudContext, { id, public_ip_address: address }: Eip, run: Run): Promise<void> {
  const found = (await cce.listClusters(otc, true)).find(({ metadata }) => metadata.name === names('cce'));
  if (found === undefined || addressOf(seenCluster(found).endpoints.external) !== address) return;
  // A list may still show a cluster that is gone.
  if ((await unlessGone(cce.getCluster(otc, found.metadata.uid))) === undefined) return;
  await cce.unbindMasterEip(otc, found.metadata.uid);
  await until(`the API server to give up its address ${address}`, schedules.quick, run, async () => {
    const { status } = await getEip(otc, id);
    return status === 'DOWN' ? { done: true, value: undefined } : { done: false, state: status };
  });
}

async function addressFor(otc: CloudContext['otc'], { address, name }: ClusterSpec): Promise<Eip> {
  const found = (await listEips(otc, true)).find((one) => one.public_ip_address === address);
  if (found === undefined) throw new Fault(`the EIP ${address} for the API server is gone`, { resource: name });
  return found;
}

function checkExisting(spec: ClusterSpec, seen: ClusterSeen): Change[] {
  refuseFailed(seen);
  if (seen.spec.hostNetwork.vpc !== spec.vpcId) {
    throw new Fault(`the existing CCE cluster ${seen.name} is in VPC ${seen.spec.hostNetwork.vpc}, not in the stack's ${spec.vpcId}`, {
      resource: seen.id,
      hint: `Set network.existing to { id: ${seen.spec.hostNetwork.vpc} }.`,
    });
  }
  if (minor(seen.version) !== minor(spec.version)) {
    throw new Fault(`the existing CCE cluster ${seen.name} has version ${seen.version}, the stack file says ${spec.version}`, {
      resource: seen.id,
      hint: `Set cluster.version to ${minor(seen.version)}.`,
    });
  }
  return [];
}
