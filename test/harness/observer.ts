/**
 * Owns watching a run of the action from outside while it goes on: the arguments and environments of its processes, the
 * files it writes with their modes. What of it is wrong is the scenarios' business.
 */
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Place } from './leaks.ts';
import type { TestWorld } from './world.ts';

export interface SeenFile {
  /** Below the job's folder: `temp/…`, `workspace/…`, `home/…`. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  readonly directory: boolean;
  /** Content of files up to 256 KiB. */
  readonly text: string;
}

export interface Observed {
  /** Command lines, by program. */
  readonly programs: ReadonlyMap<string, ReadonlySet<string>>;
  readonly places: readonly Place[];
  readonly files: readonly SeenFile[];
}

const everyMilliseconds = 80;
const largest = 256 * 1024;

/** Watches until `work` has ended. Only processes that descend from an action in this world count. */
export async function observed<T>(world: TestWorld, work: () => Promise<T>): Promise<{ readonly result: T; readonly seen: Observed }> {
  const jobs = join(world.folder, 'world/jobs');
  const files = new Map<string, SeenFile>();
  const commands = new Map<string, Set<string>>();
  const environments = new Map<string, string>();
  const known = new Map<string, { ours: boolean; looks: number }>();
  const states = new Map<string, string>();
  let over = false;
  const watching = (async () => {
    while (!over) {
      await lookAtProcesses(jobs, known, commands, environments);
      await lookAtFiles(jobs, files, states);
      await sleep(everyMilliseconds);
    }
  })();
  try {
    const result = await work();
    return { result, seen: summed(commands, environments, files) };
  } finally {
    over = true;
    await watching;
  }
}

function summed(commands: Map<string, Set<string>>, environments: Map<string, string>, files: Map<string, SeenFile>): Observed {
  const places = [
    ...[...commands].flatMap(([program, lines]) => [...lines].map((text) => ({ where: `arguments of ${program}`, text }))),
    ...[...environments].map(([program, text]) => ({ where: `environment of ${program}`, text })),
  ];
  return { programs: commands, places, files: [...files.values()] };
}

async function lookAtProcesses(
  jobs: string,
  known: Map<string, { ours: boolean; looks: number }>,
  commands: Map<string, Set<string>>,
  environments: Map<string, string>,
): Promise<void> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const before = known.get(pid);
    // A new process carries its parent's arguments until it runs its own program: look again a few times.
    if (before !== undefined && (!before.ours || before.looks > 3)) continue;
    const environment = await contentOf(`/proc/${pid}/environ`);
    const status = await contentOf(`/proc/${pid}/status`);
    if (environment === undefined || status === undefined) continue;
    const parent = /^PPid:\s*(\d+)$/m.exec(status)?.[1] ?? '';
    const action = environment.includes(`RUNNER_TEMP=${jobs}`);
    const ours = action || known.get(parent)?.ours === true;
    known.set(pid, { ours, looks: (before?.looks ?? 0) + 1 });
    const line = ours ? await contentOf(`/proc/${pid}/cmdline`) : undefined;
    if (line === undefined) continue;
    const [program = ''] = line.split('\0');
    const name = program.slice(program.lastIndexOf('/') + 1);
    commands.set(name, (commands.get(name) ?? new Set()).add(line.replaceAll('\0', ' ').trim()));
    // The runner itself gives the action its inputs by environment; its children must not inherit them.
    if (!action) environments.set(name, environment.replaceAll('\0', '\n'));
  }
}

async function lookAtFiles(jobs: string, files: Map<string, SeenFile>, states: Map<string, string>): Promise<void> {
  for (const job of (await entries(jobs)).filter((name) => name.startsWith('job-'))) {
    for (const part of ['temp', 'workspace', 'home']) {
      for (const name of await entries(join(jobs, job, part), true)) {
        const path = join(jobs, job, part, name);
        try {
          const info = await lstat(path);
          const state = `${info.mtimeMs} ${info.mode}`;
          if (states.get(path) === state) continue;
          states.set(path, state);
          const text = info.isFile() && info.size <= largest ? await readFile(path, 'utf8') : '';
          const short = `${part}/${name}`.replace(/zitadel-on-otc-[A-Za-z0-9]{6}(?=\/|$)/, 'zitadel-on-otc-…');
          files.set(`${short} ${state}`, { path: short, mode: info.mode & 0o777, directory: info.isDirectory(), text });
        } catch (error) {
          unlessGone(error);
        }
      }
    }
  }
}

async function entries(folder: string, recursive = false): Promise<string[]> {
  try {
    return await readdir(folder, { recursive });
  } catch (error) {
    unlessGone(error);
    return [];
  }
}

async function contentOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    unlessGone(error);
    return undefined;
  }
}

/** Files and processes come and go while we look. */
function unlessGone(error: unknown): void {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (!['ENOENT', 'ESRCH', 'EACCES', 'EPERM', 'ENOTDIR'].includes(code)) throw error;
}
