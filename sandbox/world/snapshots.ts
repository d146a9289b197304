/**
 * Owns snapshots of a whole world: all its rooms saved into one folder and brought back, in the world that made them or, with
 * its authorities and its tenant, in one that starts as a copy of it. What a room saves is the room's own business.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Snapshotting } from '../contract.ts';
import type { Tenant } from '../otc/seed.ts';
import type { Store } from '../otc/store.ts';
import type { SavedAuthority } from './authority.ts';

/** What a copy of a world must have in common with it from its first moment. */
export interface Identity {
  readonly authority: SavedAuthority;
  readonly tenant: Tenant;
  /** The `stack-secret` of the runs in it. */
  readonly stackSecret: string;
}

export interface SnapshotParts {
  readonly identity: Identity;
  /** In the order in which they come back: the store, the addresses, then the rest together. */
  readonly rooms: readonly Snapshotting[];
  readonly log: (line: string) => void;
  /** Lets the work be done while nothing is under way in the cloud. */
  readonly still: (work: () => Promise<void>) => Promise<void>;
  /** Runs when all rooms are back. */
  readonly restored: () => Promise<void>;
}

const identityFile = 'identity.json';

/** The identity of the world that a snapshot was taken of. */
export async function readIdentity(folder: string): Promise<Identity> {
  return JSON.parse(await readFile(join(folder, identityFile), 'utf8')) as Identity;
}

/** Is there a whole snapshot in a folder? */
export const isSnapshot = (folder: string): boolean => existsSync(join(folder, identityFile));

/** Saves into and restores from folders, one after the other: a restore in the middle of a save would mix two states. */
export function snapshots({ identity, rooms, log, still, restored }: SnapshotParts) {
  let last: Promise<void> = Promise.resolve();
  const timed = async (what: string, work: () => Promise<void>): Promise<void> => {
    const start = performance.now();
    await work();
    log(`${what} in ${Math.round(performance.now() - start)} ms`);
  };
  const queue = (work: () => Promise<void>): Promise<void> => {
    const next = last.then(() => still(work));
    last = next.then(
      () => undefined,
      () => undefined,
    );
    return next;
  };
  return {
    snapshot: (folder: string) =>
      queue(async () => {
        await rm(folder, { recursive: true, force: true });
        for (const room of rooms) await mkdir(join(folder, room.name), { recursive: true });
        await Promise.all(rooms.map((room) => timed(`${room.name} saved`, () => room.save(join(folder, room.name)))));
        await writeFile(join(folder, identityFile), JSON.stringify(identity), { mode: 0o600 });
      }),
    restore: (folder: string) =>
      queue(async () => {
        const [first, second, ...others] = rooms;
        // Addresses before what listens on them.
        for (const room of [first, second]) await room?.load(join(folder, room.name));
        await Promise.all(others.map((room) => timed(`${room.name} restored`, () => room.load(join(folder, room.name)))));
        await restored();
      }),
  };
}

/** The store's part: rows and transitions under way. */
export function savingStore(store: Store): Snapshotting {
  return {
    name: 'store',
    save: (folder) => writeFile(join(folder, 'store.json'), store.save()),
    load: async (folder) => store.load(await readFile(join(folder, 'store.json'), 'utf8')),
  };
}
