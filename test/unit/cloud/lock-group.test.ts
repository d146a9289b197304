/**
 * Owns the proof of the lock of a stack in an existing VPC, which is never changed: a security group of the stack's own carries it,
 * whatever state the cluster and the ways into it are in. How a lock is taken and kept is proved in `lock.test.ts`.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { type CloudContext, cloudResources, takeLock } from '../../../src/cloud/index.ts';
import { lockIn } from '../../../src/cloud/lock.ts';
import { Fault } from '../../../src/engine/fault.ts';
import { LOCKED } from '../../../src/engine/proof.ts';
import { pauseFor } from '../../../src/engine/until.ts';
import { unwalk } from '../../../src/engine/unwalk.ts';
import { walk } from '../../../src/engine/walk.ts';
import { createVpc } from '../../../src/otc/vpc.ts';
import { Secret } from '../../../src/secret.ts';
import type { Stack } from '../../../src/stack/stack.ts';
import { cloudWorld, inSync, OTC_SERVERS, served, settled } from './cloud-world.ts';
import { contextFor, journal, pause, run, secrets, stack } from './stack.ts';

const { emulator, rows, writes } = cloudWorld();
const bastionKeySeed = new Secret(randomBytes(32).toString('base64url'));

interface Row {
  readonly id: string;
  readonly name: string;
  readonly description: string;
}

/** Its VPC is somebody else's. */
async function movesIn(): Promise<Partial<Stack>> {
  const { id } = await createVpc(await emulator().connect(), { name: 'theirs', cidr: stack.network.cidr, description: 'hands off' });
  return { network: { ...stack.network, existing: { id } }, cluster: { ...stack.cluster, access: 'bastion' } };
}

const contextOf = async (changed: Partial<Stack>): Promise<CloudContext> => ({
  ...contextFor(await emulator().connect(), changed),
  secrets: { ...secrets, bastionKeySeed },
});
/** What waits for seconds waits for no time; renewals, 30 s apart, do not come up. */
const quick = (seconds: number, signal: AbortSignal): Promise<void> => (seconds < 30 ? pause(seconds, signal) : pauseFor(seconds, signal));
const holder = (name: string): Parameters<typeof takeLock>[1] => ({ holder: name, now: Date.now, pause: quick });
const groups = (): Row[] => rows<Row>('vpc.security-groups').filter(({ name }) => name.startsWith('shop-lock-'));
const holders = (): (string | undefined)[] => groups().map(({ description }) => lockIn(description)?.holder);

test('a group of its own carries the lock, keeps others out and is given back; the VPC of others stays as it is', async () => {
  const changed = await movesIn();
  const first = await takeLock(await contextOf(changed), holder('octo/shop run 1'), run);
  assert.deepEqual(holders(), ['octo/shop run 1']);
  await assert.rejects(
    takeLock(await contextOf(changed), holder('octo/shop run 2'), run),
    (error) => error instanceof Fault && error.code === LOCKED && /octo\/shop run 1/.test(error.message),
  );
  await first?.release();
  const second = await takeLock(await contextOf(changed), { ...holder('octo/shop run 2'), make: false }, run);
  assert.deepEqual(holders(), ['octo/shop run 2']);
  await second?.release();
  assert.deepEqual(holders(), [undefined]);
  assert.ok(rows<Row>('vpc.vpcs').some(({ name, description }) => name === 'theirs' && description === 'hands off'));
});

test('a destroy makes no group just for its lock', async () => {
  assert.equal(await takeLock(await contextOf(await movesIn()), { ...holder('run 1'), make: false }, run), undefined);
  assert.deepEqual(groups(), []);
});

test('of many that begin at once there is never more than one that writes, whoever made which group, and each has its turn', async () => {
  const changed = await movesIn();
  const names = ['a', 'b', 'c', 'd'];
  // All have looked before the first of them makes a group.
  let go = (): void => undefined;
  const looked = new Promise<void>((resolve) => {
    go = resolve;
  });
  let looking = names.length;
  emulator().strike = async ({ asked }, ask) => {
    const answer = await ask();
    if (asked.method !== 'GET' || !/security-groups\?/.test(asked.url) || looking === 0) return answer;
    looking -= 1;
    if (looking === 0) go();
    await looked;
    return answer;
  };
  const settling = (seconds: number, signal: AbortSignal): Promise<void> => pauseFor(seconds < 30 ? 0.2 : seconds, signal);
  const writing = new Set<string>();
  const had: string[] = [];
  const turn = async (name: string): Promise<void> => {
    for (let attempt = 1; attempt < 200; attempt += 1) {
      try {
        const lock = await takeLock(await contextOf(changed), { ...holder(name), pause: settling }, run);
        writing.add(name);
        assert.deepEqual([...writing], [name], 'alone');
        await pauseFor(0.02, run.signal);
        writing.delete(name);
        had.push(name);
        return await lock?.release();
      } catch (error) {
        if (!(error instanceof Fault) || error.code !== LOCKED) throw error;
        await pauseFor(0.01 + Math.random() / 10, run.signal);
      }
    }
  };
  await Promise.all(names.map(turn));
  assert.equal(groups().length, names.length, 'each had made a group');
  assert.deepEqual(had.toSorted(), names);
});

test('a lock in any group of the name is one', async () => {
  const changed = await movesIn();
  const first = await takeLock(await contextOf(changed), holder('run 1'), run);
  const [group] = groups();
  assert.ok(group);
  // Made at the same moment by a run that yielded; it would be the first that the next run finds.
  const table = emulator().store.table<Row>('vpc.security-groups');
  table.insert({ ...group, id: '00000000-0000-4000-8000-000000000000', description: '' });
  await assert.rejects(takeLock(await contextOf(changed), holder('run 2'), run), /another run is changing this stack: run 1/);
  await first?.release();
});

test('a run whose group is deleted by hand stops, since the next run makes another one', async () => {
  const changed = await movesIn();
  const faults: Fault[] = [];
  let wake = (): void => undefined;
  const sleepy = (seconds: number, signal: AbortSignal): Promise<void> =>
    seconds < 30
      ? pause(seconds, signal)
      : new Promise((resolve) => {
          wake = resolve;
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
  const lock = await takeLock(await contextOf(changed), { ...holder('run 1'), pause: sleepy, lost: (fault) => void faults.push(fault) }, run);
  emulator()
    .store.table('vpc.security-groups')
    .remove(groups()[0]?.id ?? '');
  wake();
  for (let turn = 0; turn < 200 && faults.length === 0; turn += 1) await pauseFor(0.01, run.signal);
  assert.match(faults[0]?.message ?? '', /lock was lost: its security group shop-lock-\w+ was deleted/);
  await lock?.release();
});

test('a deploy under the lock heals the bastion’s rule that was taken away, and a destroy takes the group last', async () => {
  const changed = await movesIn();
  const rules = emulator().store.table<{ id: string; port_range_min: number | null; direction: string }>('vpc.security-group-rules');
  const entrances = () => rules.where((rule) => rule.direction === 'ingress' && rule.port_range_min === 22);
  const go = async (write: boolean) => {
    const context: CloudContext = {
      ...(await contextOf(changed)),
      looksOnly: !write,
      reach: async () => {
        if (entrances().length === 0) throw new Fault('nobody answers');
      },
    };
    const { all } = cloudResources(context, { delegation: served(OTC_SERVERS) });
    let lock: Awaited<ReturnType<typeof takeLock>>;
    const options = { write, signal: run.signal, journal: journal(), pause };
    const beforeFirstWrite = async (): Promise<void> => {
      lock = await takeLock(context, holder('run'), run);
      assert.deepEqual(holders(), ['run']);
    };
    const { outcomes } = await walk(all, { ...options, beforeFirstWrite });
    await lock?.release();
    return { outcomes, all, options };
  };
  settled((await go(true)).outcomes);
  inSync((await go(false)).outcomes);
  for (const { id } of entrances()) rules.remove(id);
  const { outcomes } = await go(true);
  settled(outcomes);
  assert.deepEqual([entrances().length, outcomes.find(({ id }) => id === 'bastion/security-group')?.verdict], [1, 'update']);

  const { all, options } = await go(false);
  const kept = await unwalk(all, { ...options, mayDelete: () => false });
  assert.equal(kept.find(({ id }) => id === 'network/lock')?.verdict, 'kept', 'while data stands, a run can come');
  emulator().requests.length = 0;
  const [{ id } = { id: '' }] = groups();
  await unwalk(all, { ...options, write: true, mayDelete: () => true });
  assert.deepEqual([groups(), writes().at(-1)], [[], `DELETE /v2.0/security-groups/${id}`]);
});
