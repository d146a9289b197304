/**
 * Owns the deployed world that several scenario files start from. `npm test` names a folder in DEPLOYED_FOLDER: the file
 * whose subject the first deploy is (DEPLOYED_MAKER), or else the first that asks, leaves a snapshot there, the others start as
 * copies of it. Without that folder each deploys itself.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pace } from '../../sandbox/otc/store.ts';
import { bastionIn } from './bastion.ts';
import { startWorld, type TestWorld } from './world.ts';

/** The `stack-secret` that the deployed world was made with. */
export const stackSecret = Buffer.from('the one secret of a stack that is there').toString('base64');
/** Milliseconds that another file's deploy may take. */
const patience = 180_000;
const url = 'https://login.example.com/.well-known/openid-configuration';

/** A world with the sandbox's own stack (`stackFile()`) deployed and answering; its runs get that stack's secret unless told otherwise. */
export async function deployedWorld(pace: Pace = 'fast'): Promise<TestWorld> {
  const world = await made(pace);
  return {
    ...world,
    deploy: (request = {}) => world.deploy({ ...request, inputs: { 'stack-secret': stackSecret, ...request.inputs } }),
  };
}

async function made(pace: Pace): Promise<TestWorld> {
  const folder = process.env['DEPLOYED_FOLDER'];
  if (folder === undefined || folder === '') return deployed(pace);
  if (await first(join(folder, 'making'))) return leaving(folder, () => deployed(pace));
  if (await left(folder)) return copy(join(folder, 'snapshot'), pace);
  return deployed(pace);
}

/** Carries out a first deploy of the sandbox's own stack with `stackSecret`, which some file tests anyhow, and leaves its world to the others. */
export async function shared(world: TestWorld, deploy: () => Promise<void>): Promise<void> {
  const folder = process.env['DEPLOYED_FOLDER'];
  if (folder === undefined || folder === '' || !(await ours(folder))) return deploy();
  await leaving(folder, async () => {
    await deploy();
    await age(world);
    return world;
  });
}

/** Makes a deployed world and leaves its snapshot, or word that it failed. */
async function leaving(folder: string, make: () => Promise<TestWorld>): Promise<TestWorld> {
  try {
    const world = await make();
    await world.control.snapshot('deployed');
    await cp(join(world.folder, 'world/snapshots/deployed'), join(folder, 'copying'), { recursive: true });
    await rename(join(folder, 'copying'), join(folder, 'snapshot'));
    return world;
  } catch (error) {
    await writeFile(join(folder, 'failed'), '');
    throw error;
  }
}

/** As if its bastion had been made long ago: a young one is waited for while it may be booting. */
export const age = (world: TestWorld): Promise<void> => bastionIn(world).set({ created: '2026-01-01T10:00:00Z' });

async function deployed(pace: Pace): Promise<TestWorld> {
  const world = await startWorld({ pace });
  try {
    const { exitCode, log } = await world.deploy({ inputs: { 'stack-secret': stackSecret } });
    assert.equal(exitCode, 0, log);
    await age(world);
    return world;
  } catch (error) {
    await world.stop();
    throw error;
  }
}

async function copy(from: string, pace: Pace): Promise<TestWorld> {
  const world = await startWorld({ pace, from });
  try {
    await answering(world);
    return world;
  } catch (error) {
    await world.stop();
    throw error;
  }
}

/** Waits until every pod of a started or restored world is ready again and ZITADEL answers from outside. */
export async function answering(world: TestWorld): Promise<void> {
  const ready = ['kubectl', 'wait', '--for=condition=Ready', 'pods', '--all', '-A', '--field-selector=status.phase=Running', '--timeout=60s'];
  const { exitCode, stderr } = await world.enter(ready, { timeout: 90_000 });
  assert.equal(exitCode, 0, stderr);
  const ask = ['curl', '-sS', '-f', '--max-time', '5', '--retry', '60', '--retry-delay', '1', '--retry-all-errors', '-o', '/dev/null', url];
  const answer = await world.enter(ask, { timeout: 90_000 });
  assert.equal(answer.exitCode, 0, answer.stderr);
}

/** Is it to this file to make the world? `npm test` says so to one from the start. */
async function ours(folder: string): Promise<boolean> {
  if (process.env['DEPLOYED_MAKER'] !== '1') return first(join(folder, 'making'));
  return !existsSync(join(folder, 'snapshot')) && !existsSync(join(folder, 'failed'));
}

/** Is this the first to make that folder? */
async function first(folder: string): Promise<boolean> {
  try {
    await mkdir(folder);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Waits for the snapshot of whoever was first; false where it failed or takes too long. */
async function left(shared: string): Promise<boolean> {
  for (const deadline = Date.now() + patience; Date.now() < deadline; await sleep(100)) {
    if (existsSync(join(shared, 'snapshot'))) return true;
    if (existsSync(join(shared, 'failed'))) return false;
  }
  return false;
}
