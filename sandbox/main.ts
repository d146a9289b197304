/**
 * Owns the sandbox's ways in: what the command line says, and what a way in does with a world. It runs as the first process
 * of the namespaces that `scripts/sandbox.mjs` made; the world itself is put together in `world/world.ts`.
 */
import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { cloudOnly, deployOnce } from './runner/once.ts';
import { cacheFolder } from './world/cache.ts';
import { type Options, readOptions, usage } from './world/options.ts';
import { Outer } from './world/outer.ts';
import { claim, clear } from './world/state-folder.ts';

const cache = cacheFolder();

/** Kills every other process of this PID namespace, whose first process we are. */
function endEverything(): void {
  try {
    process.kill(-1, 'SIGKILL');
  } catch (error) {
    // There was no other process.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function main(): Promise<number> {
  let options: Options;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`sandbox: ${error instanceof Error ? error.message : String(error)}\n`);
    return 2;
  }
  if (options.help) {
    process.stdout.write(usage);
    return 0;
  }
  if (process.pid !== 1) throw new Error('sandbox/main.ts must be the first process of its namespaces: start it with scripts/sandbox.mjs');
  const outer = new Outer(process.stdin);
  // A folder that nobody named is made and taken away here; the process that started us takes it away where we are killed.
  const temporary = process.env['SANDBOX_FOLDER'];
  if (options.state === undefined && temporary === undefined) throw new Error('SANDBOX_FOLDER names no folder: start this with scripts/sandbox.mjs');
  const folder = resolve(options.state ?? temporary ?? '');
  // When the process that started us is gone, nobody waits for a tidy end: all there is outside the namespaces is the folder.
  // So however we end, an error that nobody caught among the ways: nothing of ours runs after this, to stumble over what is gone.
  let claimed = false;
  process.once('exit', () => {
    endEverything();
    if (options.state === undefined) rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
    else if (claimed) clear(folder);
  });
  try {
    await claim(folder);
    claimed = true;
  } catch (error) {
    process.stderr.write(`sandbox: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
  return options.cloudOnly ? await cloudOnly({ folder, cache, options, outer }) : await deployOnce({ folder, cache, options, outer });
}

try {
  process.exit(await main());
} catch (error) {
  process.stderr.write(`sandbox: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
}
