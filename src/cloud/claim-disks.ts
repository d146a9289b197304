/**
 * Owns disks of persistent volume claims that stay behind when a cluster goes whose claims nobody could take away first. They hold
 * data, so they are named and never deleted here; disks of a cluster that can be looked into are `kube/namespace.ts`'s.
 */

import { listClusters } from '../otc/cce.ts';
import { type Otc, refusal } from '../otc/client.ts';
import { type Disk, listDisks } from '../otc/evs.ts';

/** What CCE's storage driver calls the disk of a claim (CCE user guide, "Using an EVS Disk Through a Dynamic PV"). */
const CLAIMED = /^pvc-/;

/**
 * Tells of the disks that a cluster left: those whose tags or metadata name it, and disks of claims that nothing uses and that name no
 * living cluster, which may be another's.
 * @param id undefined where it is not known any more
 * @returns undefined where there is none
 */
export async function disksLeft(otc: Otc, cluster: { readonly id?: string | undefined; readonly name: string }): Promise<string | undefined> {
  const found = await refusal(Promise.all([listDisks(otc), listClusters(otc, true)]));
  if ('refused' in found)
    return `whether disks of its claims are left could not be told (${found.refused.message}): look in the EVS console for disks named pvc-…`;
  const [disks, clusters] = found.value;
  const living = new Set(clusters.flatMap(({ metadata }) => [metadata.uid, metadata.name]));
  const ours = disks.filter((disk) => marksOf(disk).some((mark) => mark === cluster.id || mark === cluster.name));
  const unclear = disks.filter(
    (disk) => !ours.includes(disk) && CLAIMED.test(disk.name) && disk.status === 'available' && !marksOf(disk).some((mark) => living.has(mark)),
  );
  const parts = [
    ...(ours.length === 0 ? [] : [`disks of its claims are left: ${list(ours)}`]),
    ...(unclear.length === 0 ? [] : [`disks of claims that nothing uses are left, its own or another cluster's: ${list(unclear)}`]),
  ];
  return parts.length === 0 ? undefined : `${parts.join('; ')}. They may hold data, and cost money until somebody deletes them in the EVS console`;
}

/** What a disk says of its cluster, under whatever key. */
function marksOf({ metadata, tags }: Disk): string[] {
  return [...Object.values(metadata ?? {}), ...Object.values(tags ?? {})];
}

function list(disks: readonly Disk[]): string {
  return disks.map(({ id, name, size }) => `${name} (${id}, ${size} GB)`).join(', ');
}
