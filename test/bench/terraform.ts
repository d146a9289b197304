/**
 * Owns timing Terraform beside the action: the user's own configuration of the same stack is applied once in an empty cloud,
 * then planned again and again. Terraform and its provider are the user's; there is no internet in the world to fetch them.
 */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CommandResult, TestWorld } from '../harness/world.ts';
import { type Figure, median } from './figures.ts';

/** Milliseconds for one command of Terraform's. */
const patience = 900_000;

/** The figures, or none where Terraform or its provider is not installed, which is said. */
export async function terraformFigures(world: TestWorld, config: string, runs: number, progress: (line: string) => void): Promise<Figure[]> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-terraform-'));
  const terraform = (...args: string[]): Promise<CommandResult> => world.enter(['terraform', `-chdir=${folder}`, ...args], { timeout: patience });
  try {
    await cp(config, folder, { recursive: true, filter: (path) => !/\.terraform\/|\.tfstate/.test(path) });
    const version = await terraform('version');
    if (version.exitCode !== 0) return absent(progress, `terraform cannot be run: ${lastLine(version)}`);
    const init = await terraform('init', '-input=false', '-no-color');
    if (init.exitCode !== 0) {
      return absent(progress, `its provider is not installed here (a filesystem mirror or TF_PLUGIN_CACHE_DIR would do): ${lastLine(init)}`);
    }
    await world.control.restore('empty');
    await world.control.latency('fast');
    const apply = await terraform('apply', '-auto-approve', '-input=false', '-no-color');
    if (apply.exitCode !== 0) return absent(progress, `"terraform apply" failed: ${lastLine(apply)}`);
    await world.control.latency('real');
    const seconds: number[] = [];
    let calls = 0;
    for (let run = 0; run < runs; run += 1) {
      await world.control.clearRequests();
      const start = performance.now();
      const plan = await terraform('plan', '-input=false', '-no-color');
      seconds.push((performance.now() - start) / 1000);
      if (plan.exitCode !== 0) return absent(progress, `"terraform plan" failed: ${lastLine(plan)}`);
      calls = (await world.control.requests()).length;
    }
    const note = `median of ${runs}, after apply; ${/Terraform v\S+/.exec(version.stdout)?.[0] ?? 'Terraform'}`;
    return [
      { name: '`terraform plan`, nothing to change: wall', value: median(seconds), unit: 's', note },
      { name: '`terraform plan`, nothing to change: calls', value: calls, unit: '' },
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function absent(progress: (line: string) => void, why: string): Figure[] {
  progress(`Terraform was not timed: ${why}`);
  return [];
}

function lastLine({ stdout, stderr }: CommandResult): string {
  const text = `${stderr.trim()}\n${stdout.trim()}`.trim();
  const error = text.split('\n').find((line) => line.includes('Error'));
  return error?.trim() ?? text.split('\n').at(-1) ?? 'no words';
}
