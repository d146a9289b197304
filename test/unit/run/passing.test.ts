/** A bastion that is there only while a deploy needs it: taken away at the end, named where it stayed, no part of a plan's digest. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CloudContext, cloudResources, takeLock } from '../../../src/cloud/index.ts';
import { Fault } from '../../../src/engine/fault.ts';
import type { Outcome } from '../../../src/engine/outcome.ts';
import { LOCKED } from '../../../src/engine/proof.ts';
import type { Run } from '../../../src/engine/resource.ts';
import { pauseFor } from '../../../src/engine/until.ts';
import { walk } from '../../../src/engine/walk.ts';
import { Runner } from '../../../src/github/runner.ts';
import type { Graph } from '../../../src/graph.ts';
import type { Otc } from '../../../src/otc/client.ts';
import { createVpc } from '../../../src/otc/vpc.ts';
import { findingsOf } from '../../../src/report/findings.ts';
import { planDigest } from '../../../src/report/plan-digest.ts';
import type { RunContext } from '../../../src/run/context.ts';
import { takeUnderLock } from '../../../src/run/left-behind.ts';
import { type Passing, passingOf } from '../../../src/run/passing.ts';
import { Secret } from '../../../src/secret.ts';
import type { Stack } from '../../../src/stack/stack.ts';
import { cloudWorld, OTC_SERVERS, served, settled, verdict } from '../cloud/cloud-world.ts';
import { contextFor, journal, pause, run, secrets, stack } from '../cloud/stack.ts';

const { emulator, rows, writes } = cloudWorld();
let passing: Partial<Stack> = { cluster: { ...stack.cluster, access: 'bastion', bastion: { ...stack.cluster.bastion, keep: false } } };
const bastionKeySeed = new Secret(Buffer.alloc(32, 5).toString('base64url'));
const delegation = served(OTC_SERVERS);

const contextOf = (otc: Otc, looksOnly: boolean): CloudContext => ({
  ...contextFor(otc, passing),
  secrets: { ...secrets, bastionKeySeed },
  looksOnly,
});
const walked = async (write: boolean): Promise<readonly Outcome[]> => {
  const { all } = cloudResources(contextOf(await emulator().connect(), !write), { delegation });
  return (await walk(all, { write, signal: run.signal, journal: journal(), pause })).outcomes;
};
const digestOf = (outcomes: readonly Outcome[]): string => planDigest({ version: '1', stack: {}, charts: {}, outcomes });
const servers = (): number => rows<{ name: string }>('ecs.servers').filter(({ name }) => name.includes('-bastion-')).length;
const addresses = (): number => rows<{ alias: string }>('vpc.publicips').filter(({ alias }) => alias.includes('-bastion-')).length;

/** A run that has begun to write, what it kept for its post step, and how its end goes. */
async function begun(signal = run.signal): Promise<{ readonly end: Passing; readonly state: string[]; readonly running: Run }> {
  const otc = await emulator().connect();
  const state: string[] = [];
  const runner = new Runner({ command: () => undefined, line: () => undefined, file: (_name, text) => state.push(text.split('\n')[1] ?? '') }, {});
  const cloudContext = contextOf(otc, false);
  const graph = { cloudContext, passing: cloudResources(cloudContext).passing } as unknown as Graph;
  const end = passingOf({ runner, otc } as unknown as RunContext, graph);
  end.begin();
  return { end, state, running: { ...run, signal } };
}

test('taken away at the end, under the lock; then nothing is left to the post step', async () => {
  settled(await walked(true));
  const { end, state, running } = await begun();
  assert.equal((await end.left(5)).length, 1);
  const events: string[] = [];
  const outcomes = await end.end(await walked(true), async () => void events.push(`lock ${servers()}`), running);
  assert.equal(events[0], 'lock 1', 'before the first write');
  assert.deepEqual([servers(), addresses()], [0, 0]);
  assert.equal(verdict(outcomes, 'bastion/server'), 'bastion/server | absent');
  assert.deepEqual([await end.left(5), state], [[], ['true', '']]);
});

test('a cancelled run leaves it, says so with what it costs, and keeps the state for the post step', async () => {
  settled(await walked(true));
  emulator().requests.length = 0;
  const { end, state, running } = await begun(AbortSignal.abort());
  const before: Outcome[] = [];
  assert.deepEqual(await end.end(before, async () => assert.fail('no write'), running), before);
  assert.deepEqual([writes(), state], [[], ['true']]);
  const [left] = await end.left(5);
  assert.match(
    left?.message ?? '',
    /is still there and costs money: Bastion shop-bastion-\w+ .*, EIP shop-bastion-\w+, Security group shop-bastion-/,
  );
  assert.match(left?.hint ?? '', /post step of this job takes it away.*next deploy or destroy/);
  emulator().broken.push({ fits: /publicips/, status: 403 });
  assert.match((await end.left(5))[0]?.message ?? '', /may still be there, which costs money: .*not today/);
});

test('where the server stays, its address is not tried, and the report says which failed', async () => {
  const deployed = await walked(true);
  emulator().broken.push({ fits: /cloudservers\/delete/, status: 400 });
  const { end, state, running } = await begun();
  const outcomes = await end.end(deployed, async () => undefined, running);
  assert.match(verdict(outcomes, 'bastion/server'), /failed \| ECS: not today/);
  assert.deepEqual([verdict(outcomes, 'bastion/eip'), addresses(), state], ['bastion/eip | create', 1, ['true']]);
});

test('plan and drift name what is left, the digest of the plan is the same without it', async () => {
  settled(await walked(true));
  const with_ = await walked(false);
  const server = with_.find(({ id }) => id === 'bastion/server');
  assert.equal(server?.verdict, 'delete');
  assert.match(server?.note ?? '', /left by a deploy that was cancelled or killed.*costs money until the next deploy or destroy/);
  assert.ok(findingsOf(with_).some(({ id, why }) => id === 'bastion/server' && why === server?.note));
  const { end, running } = await begun();
  await end.end([], async () => undefined, running);
  const without = await walked(false);
  assert.equal(verdict(without, 'bastion/server'), 'bastion/server | absent');
  assert.equal(digestOf(with_), digestOf(without));
});

const underLock = async (): Promise<void> => {
  settled(await walked(true));
  const context = contextOf(await emulator().connect(), false);
  // Renewals, 30 s apart, do not come up in a test; what waits for seconds waits for no time.
  const quick = (seconds: number, signal: AbortSignal): Promise<void> => (seconds < 30 ? pause(seconds, signal) : pauseFor(seconds, signal));
  const running: Run = { ...run, pause: quick };
  const lock = await takeLock(context, { holder: 'octo/shop run 2', now: Date.now, pause: quick }, running);
  await assert.rejects(
    takeUnderLock(context, 'octo/shop run 1', running),
    (error) => error instanceof Fault && error.code === LOCKED && /octo\/shop run 2/.test(error.message),
  );
  assert.deepEqual([servers(), addresses()], [1, 1]);
  await lock?.release();
  await takeUnderLock(context, 'octo/shop run 1', running);
  assert.deepEqual([servers(), addresses()], [0, 0]);
  const carriers = [
    ...rows<{ name: string; description: string }>('vpc.vpcs'),
    ...rows<{ name: string; description: string }>('vpc.security-groups'),
  ];
  const described = carriers.filter(({ name }) => /^shop-(vpc|lock)-/.test(name)).map(({ description }) => description);
  assert.deepEqual(described, ['Managed by zitadel-on-otc, stack shop'], 'given back');
};

test('the post step takes it away under the lock, and leaves it to a run that holds that', underLock);

test('so it does in an existing VPC', async () => {
  const former = passing;
  const { id } = await createVpc(await emulator().connect(), { name: 'theirs', cidr: stack.network.cidr, description: '' });
  passing = { ...former, network: { ...stack.network, existing: { id } } };
  try {
    await underLock();
  } finally {
    passing = former;
  }
});
