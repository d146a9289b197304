/**
 * Owns timing Terraform beside the action: the user's own configuration of the same stack is applied once in an empty cloud,
 * then planned again and again. Terraform (or OpenTofu) and its provider are the user's; there is no internet in the world to fetch
 * them. The configuration's folder stays as it is: data, state and lock file are kept or put back elsewhere.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CommandResult, TestWorld } from '../harness/world.ts';
import { type Figure, median } from './figures.ts';

/** Milliseconds for one command of Terraform's; its provider waits minutes of its own before it looks at node pools. */
const patience = 1_800_000;

/** The figures, or none where Terraform or its provider is not installed or does not come to an empty plan, which is said. */
export async function terraformFigures(world: TestWorld, config: string, runs: number, progress: (line: string) => void): Promise<Figure[]> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-terraform-'));
  const lockFile = join(config, '.terraform.lock.hcl');
  const lockBefore = existsSync(lockFile) ? await readFile(lockFile) : undefined;
  try {
    const found = await installed(world);
    if (found === undefined) return absent(progress, 'neither terraform nor tofu can be run');
    const settings = [`TF_DATA_DIR=${join(folder, 'data')}`, 'TF_IN_AUTOMATION=1', 'CHECKPOINT_DISABLE=1'];
    const run = (command: string, ...args: string[]): Promise<CommandResult> =>
      world.enter(['env', ...settings, found.program, `-chdir=${config}`, command, '-input=false', '-no-color', ...args], { timeout: patience });
    const state = `-state=${join(folder, 'terraform.tfstate')}`;
    const init = await run('init');
    if (init.exitCode !== 0)
      return absent(progress, `its provider is not installed here (a filesystem mirror or TF_PLUGIN_CACHE_DIR would do): ${reasonOf(init)}`);
    await world.control.restore('empty');
    await world.control.latency('fast');
    progress('terraform apply …');
    const apply = await run('apply', '-auto-approve', state);
    if (apply.exitCode !== 0) return absent(progress, `"${found.program} apply" failed: ${reasonOf(apply)}`);
    await world.control.latency('real');
    progress('terraform plan, answers as slow as the real ones …');
    const seconds: number[] = [];
    let calls = 0;
    for (let round = 0; round < runs; round += 1) {
      await world.control.clearRequests();
      const start = performance.now();
      const plan = await run('plan', '-detailed-exitcode', state);
      seconds.push((performance.now() - start) / 1000);
      if (plan.exitCode === 2) return absent(progress, `after apply its plan still finds something to change: ${changeIn(plan.stdout)}`);
      if (plan.exitCode !== 0) return absent(progress, `"${found.program} plan" failed: ${reasonOf(plan)}`);
      calls = (await world.control.requests()).length;
    }
    return [
      {
        name: '`terraform plan`, nothing to change: wall',
        value: median(seconds),
        unit: 's',
        note: `median of ${runs}, after apply; ${found.version}`,
      },
      { name: '`terraform plan`, nothing to change: calls', value: calls, unit: '' },
    ];
  } finally {
    if (lockBefore === undefined) await rm(lockFile, { force: true });
    else await writeFile(lockFile, lockBefore);
    await rm(folder, { recursive: true, force: true });
  }
}

/** The first of both programs that runs, with its first line. */
async function installed(world: TestWorld): Promise<{ readonly program: string; readonly version: string } | undefined> {
  for (const program of ['terraform', 'tofu']) {
    const { exitCode, stdout } = await world.enter([program, 'version']);
    if (exitCode === 0) return { program, version: stdout.split('\n')[0]?.trim() ?? program };
  }
  return undefined;
}

function absent(progress: (line: string) => void, why: string): Figure[] {
  progress(`Terraform was not timed: ${why}`);
  return [];
}

/** The line that says what went wrong, else the last one. */
export function reasonOf({ stdout, stderr }: Pick<CommandResult, 'stdout' | 'stderr'>): string {
  const lines = `${stderr}\n${stdout}`.split('\n').map((line) => line.replace(/^[│╷╵\s]+/, '').trim());
  return lines.find((line) => line.startsWith('Error')) ?? lines.findLast((line) => line !== '') ?? 'no words';
}

/** The first resource that a plan would change. */
export function changeIn(text: string): string {
  return /^ *# (\S+ (?:will be|must be) .*)$/m.exec(text)?.[1] ?? 'see its output';
}
