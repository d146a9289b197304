/**
 * Owns starting and ending a world for scenarios, and running commands and the built action in it. It uses the ways in that
 * people have: the command line, `DIR/enter`, the control.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pace } from '../../sandbox/otc/store.ts';
import type { RunResult } from '../../sandbox/runner/run.ts';
import type { DeployRequest } from '../../sandbox/runner/service.ts';
import { Control } from './control.ts';

const root = join(import.meta.dirname, '../..');
/** Folder of another build of the action to test in place of this repository's own. */
const action = process.env['ACTION_FOLDER'];
/** Some hundred runs need not compile the same bundle each. */
const compiled = { NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? '' };
/** Folder of real chart archives that every world serves in place of the sandbox's own charts. */
const realCharts = process.env['CHARTS_FOLDER'];
/** Milliseconds until a world must be ready; the first one on a machine builds the control plane. */
const patience = 900_000;

export interface WorldSettings {
  /** How long the cloud takes; default `fast`. */
  readonly pace?: Pace;
  readonly undelegated?: boolean;
  /** True where CCE may act in the tenant from the start; else a run needs the consent to make its agency. */
  readonly agency?: boolean;
  readonly charts?: string;
  /** Folder of a snapshot to start as a copy of. */
  readonly from?: string;
  readonly images?: Readonly<Record<string, string>>;
}

export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface TestWorld {
  readonly folder: string;
  readonly control: Control;
  /** The variables of `DIR/env`. */
  readonly env: Readonly<Record<string, string>>;
  /** Runs a command where the runner is, outside the cloud. */
  enter(command: readonly string[], options?: { readonly input?: string; readonly timeout?: number }): Promise<CommandResult>;
  /** Runs a command inside every VPC, past the security groups. */
  inside(command: readonly string[], options?: { readonly input?: string; readonly timeout?: number }): Promise<CommandResult>;
  /** Runs the built action as the runner does. */
  deploy(request?: DeployRequest): Promise<RunResult>;
  /** What the world's parts said. */
  log(): Promise<string>;
  /** Ends the world and takes its folder away. */
  stop(): Promise<void>;
}

/** Starts a world; `stop()` ends it. */
export async function startWorld(settings: WorldSettings = {}): Promise<TestWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'zoo-'));
  const charts = settings.charts ?? realCharts;
  const options = [
    ...['--cloud-only', '--state', folder, '--latency', settings.pace ?? 'fast'],
    ...(settings.undelegated === true ? ['--undelegated'] : []),
    ...(settings.agency === true ? [] : ['--no-agency']),
    ...(charts === undefined ? [] : ['--charts', charts]),
    ...(settings.from === undefined ? [] : ['--from', settings.from]),
    ...Object.entries(settings.images ?? {}).flatMap(([name, program]) => ['--image', `${name}=${program}`]),
  ];
  const child = spawn(process.execPath, [join(root, 'scripts/sandbox.mjs'), ...options], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // This process may end early, however: the world must not outlive it.
    env: { ...process.env, SANDBOX_ENDS_WITH_PARENT: '1' },
  });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => output.push(text));
  try {
    await ready(child, join(folder, 'env'), output);
  } catch (error) {
    child.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  const control = new Control(join(folder, 'control.sock'));
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= end(child).then(() => rm(folder, { recursive: true, force: true }));
    return stopping;
  };
  return {
    folder,
    control,
    env: readEnv(await readFile(join(folder, 'env'), 'utf8')),
    enter: (command, more) => execute(join(folder, 'enter'), command, more),
    inside: (command, more) => execute(join(folder, 'inside'), command, more),
    deploy: (request = {}) =>
      control.run({ ...(action === undefined ? {} : { action: { folder: action } }), ...request, env: { ...compiled, ...request.env } }),
    log: () => readFile(join(folder, 'world.log'), 'utf8'),
    stop,
  };
}

async function ready(child: ChildProcess, file: string, output: readonly string[]): Promise<void> {
  const deadline = Date.now() + patience;
  while (!existsSync(file)) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the world ended while starting:\n${output.join('')}`);
    if (Date.now() > deadline) throw new Error(`the world was not ready after ${patience / 1000} s:\n${output.join('')}`);
    await sleep(20);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const kill = setTimeout(() => child.kill('SIGKILL'), 20_000);
  await ended;
  clearTimeout(kill);
}

/** `KEY='value'` lines as the world writes them. */
export function readEnv(text: string): Record<string, string> {
  const lines = text.split('\n').flatMap((line) => /^(\w+)='(.*)'$/.exec(line) ?? []);
  const found: Record<string, string> = {};
  for (let index = 0; index + 2 < lines.length; index += 3) found[lines[index + 1] ?? ''] = (lines[index + 2] ?? '').replaceAll(`'\\''`, "'");
  return found;
}

function execute(
  script: string,
  command: readonly string[],
  options: { readonly input?: string; readonly timeout?: number } = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = execFile(script, [...command], { timeout: options.timeout ?? 60_000, maxBuffer: 64 << 20, cwd: '/' }, (error, stdout, stderr) => {
      if (error === null) resolve({ exitCode: 0, stdout, stderr });
      else if (typeof error.code === 'number') resolve({ exitCode: error.code, stdout, stderr });
      else reject(error);
    });
    child.stdin?.on('error', (error: NodeJS.ErrnoException) => {
      // A command that does not read its input.
      if (error.code !== 'EPIPE') reject(error);
    });
    child.stdin?.end(options.input ?? '');
  });
}
