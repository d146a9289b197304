/**
 * Owns what the compute services have in common: whose project a call is for, zones and their sold-out flavors, quotas,
 * and how long is left of a transition whose real work took its own time. Addresses are in `allocate.ts`.
 */
import { createHash } from 'node:crypto';
import type { World } from '../contract.ts';
import { regionOf } from './hosts.ts';
import { type Call, Refusal } from './service.ts';
import { paces, type Store } from './store.ts';
import type { KeyPairRow } from './tables/compute.ts';
import { networkTables, type SecurityGroupRow, type SubnetRow } from './tables/network.ts';

/** `2026-01-01T10:00:00+0000`: RDS. */
export const offsetTime = (at = new Date()): string => `${at.toISOString().slice(0, 19)}+0000`;
/** `2026-01-01 10:00:00.000000 +0000 UTC`: CCE, the text of Go's `time.String()`. */
export const goTime = (at = new Date()): string =>
  `${at.toISOString().slice(0, 19).replace('T', ' ')}.${at.toISOString().slice(20, 23)}000 +0000 UTC`;
/** `2026-01-01T10:00:00.000000`: EVS. */
export const microPlainTime = (at = new Date()): string => `${at.toISOString().slice(0, 23)}000`;

/** The project a call is for: from its path, else the caller's scope. */
export function projectOf(call: Call): string {
  const project = call.params['project_id'] ?? call.caller?.projectId;
  if (project === undefined) throw new Refusal(401, 'APIG.0301', 'Incorrect IAM authentication information: no project in the scope');
  return project;
}

/** Availability zones of a region (API reference 0.1). */
export const zonesOf = (region: string): readonly string[] => regionOf(region)?.zones ?? [];

/** Is a flavor sold out: everywhere (`sold-out:<flavor>`) or in one zone (`sold-out:<flavor>:<zone>`)? Rows of `world.switches`. */
export function soldOut(store: Store, flavor: string, zone: string): boolean {
  const { switches } = networkTables(store);
  return [`sold-out:${flavor}`, `sold-out:${flavor}:${zone}`].some((id) => switches.get(id)?.value === true);
}

/** Is a switch of `world.switches` on? */
export const isOn = (store: Store, id: string): boolean => networkTables(store).switches.get(id)?.value === true;

/** A quota: the cloud's default, or what the switch `quota:<service>.<resource>` says. */
export function quotaOf(store: Store, resource: string, usual: number): number {
  const value = networkTables(store).switches.get(`quota:${resource}`)?.value;
  return typeof value === 'number' ? value : usual;
}

/** Seconds of the real cloud's time that are left of a duration, after work that began at `startedAt` (ms) was really done. */
export function leftOf(store: Store, seconds: number, startedAt: number): number {
  const pace = paces[store.pace];
  return pace === 0 ? 0 : Math.max(0, seconds - (Date.now() - startedAt) / 1000 / pace);
}

/** A security group of the project, by id. */
export function groupOf(store: Store, projectId: string, id: string): SecurityGroupRow | undefined {
  const group = networkTables(store).groups.get(id);
  return group?.tenant_id === projectId ? group : undefined;
}

/** A subnet of the project by network id, inside the VPC where one is given. */
export function networkOf(store: Store, projectId: string, id: string, vpcId?: string): SubnetRow | undefined {
  const subnet = networkTables(store).subnets.get(id);
  return subnet?.tenant_id === projectId && (vpcId === undefined || subnet.vpc_id === vpcId) ? subnet : undefined;
}

/** Work under way in the background (a database being initialised); not part of snapshots. */
const underway = new WeakMap<World, Map<string, Promise<void>>>();

/** Starts real work whose end a timed transition will await with {@link workOf}. */
export function startWork(world: World, key: string, work: Promise<void>): void {
  const works = underway.get(world) ?? new Map<string, Promise<void>>();
  underway.set(world, works);
  // Whoever awaits it hears of a failure; until then it must not count as unhandled.
  work.catch((error: unknown) => world.log('otc', `${key}: ${error instanceof Error ? error.message : String(error)}`));
  works.set(key, work);
}

/** The end of that work; throws what it threw. Done already where nothing is under way. */
export async function workOf(world: World, key: string): Promise<void> {
  await underway.get(world)?.get(key);
  underway.get(world)?.delete(key);
}

/** 32 hex characters that are always the same for a name: ids of catalogue entries outlive a restart. */
export const stableHex = (name: string): string => createHash('sha256').update(name).digest('hex').slice(0, 32);

/** The same in the form of a UUID. */
export function stableUuid(name: string): string {
  const hex = stableHex(name);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** Records of an `offset` (record index) and `limit` (1 to 100, default 100) page, as RDS pages. @throws Refusal */
export function pageOf<T>(rows: readonly T[], query: URLSearchParams, code: string): T[] {
  const [offset, limit] = [Number(query.get('offset') ?? 0), Number(query.get('limit') ?? 100)];
  if (!Number.isInteger(limit) || limit < 1 || limit > 100) throw new Refusal(400, code, 'limit must be between 1 and 100.');
  if (!Number.isInteger(offset) || offset < 0) throw new Refusal(400, code, 'offset must not be negative.');
  return rows.slice(offset, offset + limit);
}

/** Is a key pair of that name visible to the caller? It belongs to the user who made it (API reference 9.2). */
export const seesKeyPair = (call: Call, name: string): boolean =>
  call.world.store.table<KeyPairRow>('nova.keypairs').get(`${call.caller?.userId ?? ''}/${name}`) !== undefined;
