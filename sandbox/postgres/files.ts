/** Owns copying data folders: thousands of small files, for which the system's own programs are several times as fast as ours. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../world/commands.ts';

/** Copies a folder to a name that does not exist yet. */
export async function copyTree(from: string, to: string): Promise<void> {
  await run('cp', ['-a', '--reflink=auto', from, to]);
}

/** The same for files that nobody changes any more: only their names are made. */
export async function linkTree(from: string, to: string): Promise<void> {
  await run('cp', ['-a', '--link', from, to]);
}

export async function removeTree(folder: string): Promise<void> {
  await run('rm', ['-rf', folder]);
}

/** Copies the data folder of a server that stands still, without the marks of its running. */
export async function copyData(from: string, to: string): Promise<void> {
  await copyTree(from, to);
  for (const name of ['postmaster.pid', 'postmaster.opts']) await rm(join(to, name), { force: true });
}
