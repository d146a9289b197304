/** Owns the way into this room: clusters with the images and controllers that the sandbox knows. How they live is `room.ts`. */
import type { World } from '../contract.ts';
import { controllers } from './controllers/index.ts';
import { images } from './images/index.ts';
import { type ClusterRoom, clusterRoom } from './room.ts';

export { type ControlPlaneBinaries, controlPlaneBinaries } from './binaries.ts';
export type { ClusterRoom } from './room.ts';

/** @param options.programs image name → path of a real program that takes its place */
export function clusters(
  world: World,
  options: { readonly programs?: Readonly<Record<string, string>>; readonly progress?: (line: string) => void } = {},
): ClusterRoom {
  return clusterRoom(world, { ...options, images, controllers });
}
