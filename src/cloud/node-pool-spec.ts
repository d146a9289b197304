/** Owns what a node pool should be and how a living one differs from that. Pure; `node-pool.ts` carries the changes out. */
import { Fault } from '../engine/fault.ts';
import type { Change } from '../engine/resource.ts';
import type { NodePool } from '../otc/cce.ts';
import type { VolumeSettings } from '../stack/stack.ts';

export interface NodePoolSpec {
  readonly name: string;
  readonly clusterId: string;
  readonly count: number;
  readonly flavor: string;
  readonly zone: string;
  readonly os: string;
  readonly rootVolume: VolumeSettings;
  readonly dataVolume: VolumeSettings;
  readonly subnetId: string;
  readonly securityGroups: readonly string[];
}

export interface NodePoolSeen extends NodePool {
  readonly clusterId: string;
  /** What its nodes say, where it failed. */
  readonly reasons?: readonly string[];
}

/** Nodes by zone, as even as it goes; earlier zones get one more. */
export function countsByZone(count: number, zones: readonly string[]): Map<string, number> {
  const each = Math.floor(count / zones.length);
  return new Map(zones.map((zone, index) => [zone, each + (index < count % zones.length ? 1 : 0)]));
}

/**
 * What differs. Only the number of nodes changes in place, and whether it changes by itself; the rest of a pool is fixed at its creation, so that a refusal follows
 * where it really differs, and none for another spelling of the same. Groups beyond the wanted ones are no difference: they are
 * those of a former choice, and cannot be taken from a pool.
 */
export function nodePoolChanges(wanted: NodePoolSpec, seen: NodePoolSeen): Change[] {
  const { spec, status } = seen;
  const { phase = '' } = status;
  refuseFailed(seen);
  const { nodeTemplate: template } = spec;
  const changes: Change[] = [];
  const fixed = (field: string, before: string, after: string, same: boolean): void => {
    if (!same) changes.push({ field, before, after, replace: true, why: 'a pool is fixed at its creation' });
  };
  fixed('nodeTemplate.flavor', template.flavor, wanted.flavor, sameText(template.flavor, wanted.flavor));
  fixed('nodeTemplate.az', template.az, wanted.zone, sameText(template.az, wanted.zone));
  if (template.os !== undefined) fixed('nodeTemplate.os', template.os, wanted.os, sameSystem(template.os, wanted.os));
  const volume = (field: string, seen: SeenVolume | undefined, asked: VolumeSettings): void => {
    const same = seen === undefined || (sameText(seen.volumetype, asked.type) && seen.size === asked.size);
    if (seen !== undefined) fixed(field, `${seen.volumetype} ${seen.size}`, volumeText(asked), same);
  };
  volume('nodeTemplate.rootVolume', template.rootVolume, wanted.rootVolume);
  volume('nodeTemplate.dataVolumes', template.dataVolumes?.[0], wanted.dataVolume);
  const groups = spec.customSecurityGroups ?? [];
  const lacking = wanted.securityGroups.filter((id) => !groups.includes(id));
  fixed('customSecurityGroups', [...groups].sort().join(), [...wanted.securityGroups].sort().join(), lacking.length === 0);
  if (spec.autoscaling?.enable === true) {
    const { maxNodeCount: most } = spec.autoscaling;
    const why = `the pool grows ${most === undefined ? 'by itself' : `to up to ${most} nodes`}, which cost money, and the stack file says how many it has`;
    changes.push({ field: 'autoscaling.enable', before: true, after: false, why });
  }
  if (spec.initialNodeCount !== wanted.count) {
    changes.push({ field: 'initialNodeCount', before: spec.initialNodeCount, after: wanted.count });
  }
  if (phase !== '' || (status.creatingNode ?? 0) > 0) changes.push({ field: 'status.phase', before: phase || 'creating nodes', after: 'complete' });
  return changes;
}

/** What a new one is made with, by the names of {@link nodePoolChanges}. */
export function nodePoolFields(wanted: Pick<NodePoolSpec, 'count' | 'flavor' | 'zone' | 'os' | 'rootVolume' | 'dataVolume'>) {
  return {
    initialNodeCount: wanted.count,
    'nodeTemplate.flavor': wanted.flavor,
    'nodeTemplate.az': wanted.zone,
    'nodeTemplate.os': wanted.os,
    'nodeTemplate.rootVolume': volumeText(wanted.rootVolume),
    'nodeTemplate.dataVolumes': volumeText(wanted.dataVolume),
  };
}

function volumeText({ type, size }: VolumeSettings): string {
  return `${type} ${size}`;
}

type SeenVolume = NodePool['spec']['nodeTemplate']['rootVolume'];

function sameText(one: string, other: string): boolean {
  return one.trim().toLowerCase() === other.trim().toLowerCase();
}

/**
 * Whether two texts name the same operating system. CCE's console and API spell them differently, with the vendor's name, the
 * architecture or a minor release; a text in none of these forms is taken for the one asked for (what CCE answers is unverified).
 */
function sameSystem(one: string, other: string): boolean {
  const [seen, wanted] = [systemOf(one), systemOf(other)];
  return seen === undefined || wanted === undefined || seen === wanted;
}

function systemOf(text: string): string | undefined {
  const plain = text
    .toLowerCase()
    .replace(/huawei cloud euleros/, 'hce')
    .replace(/[^a-z0-9.]+/g, ' ');
  const [, family, version] = /\b(hce|euleros|ubuntu|centos)(?: os)?(?: (?:os|release|server|linux))* ?(\d+\.\d+)/.exec(plain) ?? [];
  return family === undefined ? undefined : `${family} ${version}`;
}

export function hasFailed({ status }: NodePool): boolean {
  return status.phase === 'SoldOut' || status.phase === 'Error';
}

/** @throws Fault where the pool failed, with what its nodes say */
export function refuseFailed(seen: NodePoolSeen): void {
  if (!hasFailed(seen)) return;
  const { metadata, spec, status, reasons = [] } = seen;
  const { flavor, az } = spec.nodeTemplate;
  const why = reasons.length === 0 ? '' : `: ${reasons.join('; ')}`;
  throw new Fault(
    status.phase === 'SoldOut'
      ? `flavor ${flavor} is sold out in ${az} (node pool ${metadata.name}${why})`
      : `node pool ${metadata.name} is in state ${status.phase}${why}`,
    {
      resource: metadata.uid,
      finding: 'status.phase',
      hint: 'Choose another flavor or zone in the stack file; delete this pool in the console and run again.',
    },
  );
}
