/**
 * Owns the rules that every server order has in common (API reference 9.1, 9.3): flavor, image, zone, groups, key pair, disks.
 * ECS v1 and Nova ask here and render a {@link Refusal} in their own shape; what is then made is in `server-make.ts`.
 */
import { quotaOf, seesKeyPair, soldOut, zonesOf } from './compute-common.ts';
import { exceeded, type OrderedDisk } from './disk-quotas.ts';
import { ecsFlavorOf, imageOf, volumeTypes } from './server-catalog.ts';
import { ecsTables } from './server-make.ts';
import { type Call, Refusal } from './service.ts';
import { networkTables } from './tables/network.ts';

export interface Basics {
  readonly name: string;
  readonly flavor: string;
  readonly image: string;
  readonly zone: string | undefined;
  readonly keyName: string | undefined;
  readonly count: number;
  readonly userData: string | undefined;
}

const refuse = (code: string, message: string): Refusal => new Refusal(400, code, message);

/** @returns the zone: as ordered, or the first where the flavor is to be had. @throws Refusal */
export function checkBasics(call: Call, projectId: string, wanted: Basics): string {
  const { store } = call.world;
  if (!/^[\p{L}\p{N}_.-]{1,128}$/u.test(wanted.name)) throw refuse('Ecs.0005', 'The server name is invalid.');
  const flavor = ecsFlavorOf(wanted.flavor);
  if (flavor === undefined) throw refuse('Ecs.0029', `Flavor ${wanted.flavor} could not be found.`);
  if (imageOf(wanted.image) === undefined) throw refuse('Ecs.0031', `Image ${wanted.image} could not be found.`);
  const used = ecsTables(store).servers.where((row) => row.project_id === projectId).length;
  if (used + wanted.count > quotaOf(store, 'ecs.servers', 200)) throw refuse('Ecs.0001', 'The number of ECSs reaches the quota.');
  if (wanted.zone !== undefined && wanted.zone !== '' && !zonesOf(call.region).includes(wanted.zone))
    throw refuse('Ecs.0005', `Availability zone ${wanted.zone} is invalid.`);
  const zones = wanted.zone === undefined || wanted.zone === '' ? zonesOf(call.region) : [wanted.zone];
  const zone = zones.find((one) => !soldOut(store, wanted.flavor, one));
  if (zone === undefined) throw refuse('Ecs.0219', `Flavor ${wanted.flavor} is sold out.`);
  if (wanted.keyName !== undefined && wanted.keyName !== '' && !seesKeyPair(call, wanted.keyName))
    throw refuse('Ecs.0005', `Key pair ${wanted.keyName} could not be found.`);
  if (wanted.userData !== undefined && Buffer.from(wanted.userData, 'base64').length > 32 * 1024)
    throw refuse('Ecs.0005', 'user_data is larger than 32 KB.');
  return zone;
}

/** @throws Refusal */
export function checkDisk(disk: { readonly type: string; readonly size: number; readonly least: number }): void {
  if (!volumeTypes.some((type) => type === disk.type)) throw refuse('Ecs.0043', `Disk type ${disk.type} could not be found.`);
  if (disk.size < disk.least || disk.size > 32768) throw refuse('Ecs.0005', `The disk size ${disk.size} is invalid: at least ${disk.least} GB.`);
}

/** The new disks of an order together. @throws Refusal */
export function checkDisks(call: Call, projectId: string, disks: readonly OrderedDisk[]): void {
  if (exceeded(call, projectId, disks) !== undefined) throw refuse('Ecs.0021', 'Insufficient EVS disk quota.');
}

/** Groups by id or by a name that only one group of the project has. @throws Refusal */
export function groupIds(call: Call, projectId: string, wanted: readonly string[]): string[] {
  const own = networkTables(call.world.store).groups.where((row) => row.tenant_id === projectId);
  return wanted.map((text) => {
    const byId = own.find((row) => row.id === text);
    const byName = own.filter((row) => row.name === text);
    if (byId !== undefined) return byId.id;
    if (byName.length > 1) throw refuse('Ecs.0005', `Multiple security groups match ${text}, use an id to be more specific.`);
    if (byName[0] === undefined) throw refuse('Ecs.0005', `Security group ${text} could not be found.`);
    return byName[0].id;
  });
}
