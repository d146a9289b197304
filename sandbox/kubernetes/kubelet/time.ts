/** Owns how the kubelet counts and writes time. */
import type { World } from '../../contract.ts';
import { paces } from '../../otc/store.ts';

/** Seconds of the real cloud as milliseconds of this world. */
export const scaled = (world: World, seconds: number): number => seconds * 1000 * paces[world.store.pace];

/** The kubelet's and the API's way to write a time. */
export const stamp = (time = new Date()): string => time.toISOString().replace(/\.\d+Z$/, 'Z');
