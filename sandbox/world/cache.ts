/**
 * Owns making a piece of the shared cache once: built in a folder of its own and moved into place whole, so that a killed
 * build leaves nothing half-made and two worlds that build at once do not collide (the first one wins).
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/** The cache of this user: `XDG_CACHE_HOME`, else `~/.cache`. */
export const cacheFolder = (): string => join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'zitadel-on-otc');

/**
 * @param name folder below the cache; name it after everything that decides its content
 * @param build fills the given empty folder
 * @returns the folder's path
 */
export async function cached(cache: string, name: string, build: (folder: string) => Promise<void>): Promise<string> {
  const target = join(cache, name);
  if (existsSync(target)) return target;
  await mkdir(dirname(target), { recursive: true });
  const folder = await mkdtemp(`${target}.new-`);
  try {
    await build(folder);
    await rename(folder, target);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    // Somebody else put theirs in place meanwhile: as good as ours.
    if (['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '') && existsSync(target)) return target;
    throw error;
  }
  return target;
}
