/**
 * Owns the measurements that need a cloud: a first deploy, runs that find nothing to do, and the same beside a hundred times
 * as many resources of others. The world is the sandbox; the action runs in it as the runner runs it.
 */
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Entry } from '../../sandbox/control/state.ts';
import type { Row } from '../../sandbox/otc/store.ts';
import type { RunResult } from '../../sandbox/runner/run.ts';
import type { DeployRequest } from '../../sandbox/runner/service.ts';
import { cloudCalls, writes } from '../harness/census.ts';
import type { TestWorld } from '../harness/world.ts';
import { isFurtherPage, longestPath, type Path, type Step, waves } from './figures.ts';

/** Without the one download, that of RDS's certificates, which waits for the link to it and has nothing wait for it in the cloud. */
const withoutDownload = (calls: readonly Entry[]): Entry[] => calls.filter(({ host }) => !host.includes('.obs.'));

/** A finished run of the action and the calls it made to the cloud's hosts. */
export interface Measured {
  readonly result: RunResult;
  readonly calls: readonly Entry[];
}

/** Runs the action, with nothing compiled beforehand. @throws Error with its log where it fails */
export async function runAction(world: TestWorld, action: string, request: DeployRequest = {}): Promise<Measured> {
  await world.control.clearRequests();
  const result = await world.deploy({ ...request, action: { folder: action }, env: { NODE_DISABLE_COMPILE_CACHE: '1', ...request.env } });
  if (result.exitCode !== 0) throw new Error(`the action failed with exit code ${result.exitCode}:\n${result.log}\n${await world.log()}`);
  return { result, calls: cloudCalls(await world.control.requests()) };
}

export interface FirstDeploy {
  /** Seconds from start to end of the step. */
  readonly wall: number;
  readonly path: Path;
  readonly calls: number;
}

/** A first deploy into an empty project, with the cloud's durations at a twentieth of the real ones. */
export async function firstDeploy(world: TestWorld, action: string): Promise<FirstDeploy> {
  await world.control.latency('twentieth');
  const { result, calls } = await runAction(world, action);
  return { wall: result.took / 1000, path: longestPath(stepsOf(result)), calls: calls.length };
}

/** The outcomes in the report that the run left behind. */
function stepsOf({ leftovers }: RunResult): readonly Step[] {
  const [, text] = Object.entries(leftovers).find(([name]) => /^zitadel-on-otc-.*-deploy\.json$/.test(name)) ?? [];
  if (text === undefined) throw new Error(`the run left no report, only ${Object.keys(leftovers).join(', ') || 'nothing'}`);
  return (JSON.parse(text) as { readonly outcomes: readonly Step[] }).outcomes;
}

export interface NoChange {
  /** Seconds from start to end of the step. */
  readonly wall: number;
  readonly calls: number;
  readonly furtherPages: number;
  readonly waves: number;
  readonly writes: number;
}

/** A run that finds nothing to do. @throws Error where it changed something */
export async function noChange(world: TestWorld, action: string): Promise<NoChange> {
  const { result, calls } = await runAction(world, action);
  if (result.outputs['result'] !== 'unchanged')
    throw new Error(`the run was to find nothing to do, and says ${result.outputs['result']}:\n${result.log}`);
  const furtherPages = calls.filter(isFurtherPage).length;
  return {
    wall: result.took / 1000,
    calls: calls.length - furtherPages,
    furtherPages,
    waves: waves(withoutDownload(calls)),
    writes: writes(calls).length,
  };
}

export interface Footprint {
  /** Memory, resident, at most. */
  readonly megabytes: number;
  /** Processor time of the step and of the programs that it ran. */
  readonly cpuSeconds: number;
}

/** What a run without changes takes of the machine, however busy that is with other things. */
export async function footprint(world: TestWorld, action: string): Promise<Footprint> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-usage-'));
  try {
    const hook = join(folder, 'hook.cjs');
    // utime, stime, cutime and cstime are the 14th to 17th field (proc_pid_stat(5)), in hundredths of a second.
    const text = `process.once('exit', () => {
      const { readFileSync, writeFileSync } = require('node:fs');
      const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ');
      const ticks = fields.slice(11, 15).reduce((sum, one) => sum + Number(one), 0);
      writeFileSync(${JSON.stringify(`${folder}/`)} + process.pid, JSON.stringify([process.resourceUsage().maxRSS, ticks]));
    });`;
    await writeFile(hook, text);
    await runAction(world, action, { env: { NODE_OPTIONS: `--require=${hook}` } });
    const seen = (await readdir(folder)).filter((name) => /^\d+$/.test(name));
    const all = await Promise.all(seen.map(async (name) => JSON.parse(await readFile(join(folder, name), 'utf8')) as [number, number]));
    // The post step is the other process.
    return { megabytes: Math.max(...all.map(([kilobytes]) => kilobytes)) / 1024, cpuSeconds: Math.max(...all.map(([, ticks]) => ticks)) / 100 };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export interface Loaded {
  /** Bytes of JavaScript that the main step loads, and the post step. */
  readonly main: number;
  readonly post: number;
}

/** Bytes of the action's own files that a run without changes loads, by V8's list of scripts. */
export async function loadedBytes(world: TestWorld, action: string): Promise<Loaded> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-loaded-'));
  try {
    await runAction(world, action, { env: { NODE_V8_COVERAGE: folder } });
    const sums = { main: 0, post: 0 };
    for (const name of await readdir(folder)) {
      const { result } = JSON.parse(await readFile(join(folder, name), 'utf8')) as { readonly result: readonly { readonly url: string }[] };
      for (const file of new Set(result.filter(({ url }) => url.startsWith('file:')).map(({ url }) => fileURLToPath(url)))) {
        sums[file.includes('/post/') ? 'post' : 'main'] += (await stat(file)).size;
      }
    }
    return sums;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Tables whose rows other teams of the tenant would have as well. */
const crowded = [
  ...['vpc.vpcs', 'vpc.subnets', 'vpc.security-groups', 'vpc.security-group-rules', 'vpc.publicips', 'nat.gateways', 'nat.snat-rules'],
  ...['rds.instances', 'cce.clusters', 'elb.loadbalancers', 'dns.zones', 'nova.keypairs'],
];

const OTHERS = 99;

/** Puts 99 strangers of its kind beside each resource, each referring to strangers of its own. @returns how many rows were added */
export async function crowd(world: TestWorld): Promise<number> {
  const all = await world.control.resources();
  const rows = crowded.flatMap((table) => (all[table] ?? []).map((row) => ({ table, row })));
  const ids = new RegExp(rows.map(({ row }) => row.id).join('|'), 'g');
  const strangers = Array.from({ length: OTHERS }, (_, other) =>
    rows.map(({ table, row }, index) => ({ table, row: stranger(row, ids, other, index) })),
  ).flat();
  const tables = Object.fromEntries(
    crowded.map((name) => [name, { insert: strangers.filter(({ table }) => table === name).map(({ row }) => row) }] as const),
  );
  await world.control.edit({ tables });
  return strangers.length;
}

/** A copy of a row in which every id is that of the same stranger, under another name and address. */
function stranger(row: Row, ids: RegExp, other: number, index: number): Row {
  const hex = (number: number): string => (number % 0x10000).toString(16).padStart(4, '0');
  const tail = hex(other);
  // Another end than its own, whatever that is; ids of RDS do not end in digits.
  const foreign = (id: string): string => `${id.slice(0, -4)}${/[0-9a-f]{4}$/.test(id) ? hex(Number.parseInt(id.slice(-4), 16) + 1 + other) : tail}`;
  const copy = JSON.parse(JSON.stringify(row).replace(ids, foreign)) as Record<string, unknown>;
  for (const key of ['name', 'alias']) if (typeof copy[key] === 'string') copy[key] = `other${tail}-${copy[key]}`;
  if (typeof copy['public_ip_address'] === 'string') copy['public_ip_address'] = `100.64.${other}.${index}`;
  return copy as Row & Record<string, unknown>;
}
