/**
 * Owns what must be there before a world begins, since inside it there is no way out: the control plane's programs, helm and
 * kubectl, PostgreSQL, sshd. All of it is kept in the cache. `scripts/sandbox.mjs` runs it outside the namespaces.
 */
import { sshdProgram } from './bastion/program.ts';
import { tools } from './downloads/index.ts';
import { controlPlaneBinaries } from './kubernetes/index.ts';
import { program } from './postgres/program.ts';
import { cacheFolder } from './world/cache.ts';

const begun = performance.now();
const progress = (line: string): void => {
  const seconds = Math.round((performance.now() - begun) / 1000);
  process.stderr.write(`sandbox: [${String(seconds).padStart(3)} s] ${line}\n`);
};

// Our standard input ends with the process that started us: then everything we started ends too, compilers among it.
process.stdin.resume().on('close', () => process.kill(-process.pid, 'SIGKILL'));

try {
  const cache = cacheFolder();
  // Only stacks with a bastion need it, so a world without it is of use as well.
  const sshd = sshdProgram(cache, progress).catch((error: unknown) => progress(error instanceof Error ? error.message : String(error)));
  await tools(cache, progress);
  await program(cache, progress);
  await controlPlaneBinaries(cache, progress);
  await sshd;
  process.exit(0);
} catch (error) {
  process.stderr.write(`sandbox: ${error instanceof Error ? error.message : String(error)}\n`);
  process.stderr.write(`sandbox: what is finished stays in ${cacheFolder()}; the next start goes on from there.\n`);
  process.exit(1);
}
