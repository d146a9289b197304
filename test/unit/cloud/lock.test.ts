/** Owns the proof of how the lock of the VPC is taken: a write that comes late never makes a second holder, and a cancel leaves no lock. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CloudContext, takeLock } from '../../../src/cloud/index.ts';
import { lockIn } from '../../../src/cloud/lock.ts';
import { Cancelled, Fault } from '../../../src/engine/fault.ts';
import { LOCKED } from '../../../src/engine/proof.ts';
import { pauseFor } from '../../../src/engine/until.ts';
import { getVpc, updateVpc } from '../../../src/otc/vpc.ts';
import { cloudWorld } from './cloud-world.ts';
import { contextFor, run } from './stack.ts';

const { emulator, rows } = cloudWorld();

interface VpcRow {
  readonly id: string;
  readonly description: string;
}

const vpc = (): VpcRow => rows<VpcRow>('vpc.vpcs').find(({ description }) => description.startsWith('Managed by')) ?? assert.fail('no VPC');
const context = async (signal?: AbortSignal): Promise<CloudContext> => contextFor(await emulator().connect(signal === undefined ? {} : { signal }));
const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));

/** A run whose first write of the lock is said to take `seconds`; what it waited for, beside its renewals. */
function slowly(name: string, seconds: number, meanwhile: () => Promise<void> = async () => undefined) {
  const pauses: number[] = [];
  let ahead = 0;
  const wrote = emulator();
  wrote.afterWrite = () => {
    if (lockIn(vpc().description)?.holder !== name) return;
    ahead = seconds * 1000;
    wrote.afterWrite = undefined;
  };
  const pause = async (length: number, signal: AbortSignal): Promise<void> => {
    if (length === 30) return untilAborted(signal);
    pauses.push(length);
    await meanwhile();
  };
  return { pauses, given: { holder: name, now: () => Date.now() + ahead, pause } };
}

/** The VPC, so that the run under test writes its lock into it and makes none. */
async function madeBefore(): Promise<void> {
  const first = await takeLock(
    await context(),
    { holder: 'first', now: Date.now, pause: async (s, signal) => (s < 10 ? undefined : untilAborted(signal)) },
    run,
  );
  await first?.release();
}

test('a lock that was written at once is settled after a moment', async () => {
  await madeBefore();
  const { pauses, given } = slowly('quick', 0);
  const lock = await takeLock(await context(), given, run);
  await lock?.release();
  assert.deepEqual(pauses, [2]);
});

test('a lock whose write came late is held only when a run that it overwrote has lost its own', async () => {
  await madeBefore();
  const said: string[] = [];
  const { pauses, given } = slowly('late', 200);
  const lock = await takeLock(await context(), given, { ...run, say: (line) => said.push(line) });
  assert.equal(lockIn(vpc().description)?.holder, 'late');
  await lock?.release();
  assert.deepEqual(pauses, [120]);
  assert.match(said.join(), /took 200 s to write; waiting 120 s for a run it may have overtaken/);
});

test('a lock whose write came late yields to a run that shows meanwhile, and leaves its lock alone', async () => {
  await madeBefore();
  const { given } = slowly('late', 20, async () => {
    const { otc } = await context();
    const text = (await getVpc(otc, vpc().id)).description ?? '';
    await updateVpc(otc, vpc().id, { description: text.replace('locked by late', 'locked by settled') });
  });
  await assert.rejects(
    takeLock(await context(), given, run),
    (error) => error instanceof Fault && error.code === LOCKED && /settled/.test(error.message),
  );
  assert.equal(lockIn(vpc().description)?.holder, 'settled');
  await updateVpc((await context()).otc, vpc().id, { description: 'Managed by zitadel-on-otc' });
});

test('a cancel while the lock settles gives it back', async () => {
  await madeBefore();
  const stop = new AbortController();
  let seen: string | undefined;
  const pause = async (seconds: number, signal: AbortSignal): Promise<void> => {
    if (seconds === 30) return untilAborted(signal);
    seen = lockIn(vpc().description)?.holder;
    stop.abort(new Cancelled('the run was cancelled'));
    await pauseFor(seconds, signal);
  };
  const taking = takeLock(await context(stop.signal), { holder: 'stopped', now: Date.now, pause }, { ...run, signal: stop.signal });
  await assert.rejects(taking, Cancelled);
  assert.deepEqual([seen, lockIn(vpc().description)], ['stopped', undefined]);
});

test('what an earlier attempt of the same job holds is nobody’s; another step of the same attempt is another run', async () => {
  await madeBefore();
  const pause = async (s: number, signal: AbortSignal): Promise<void> => (s < 10 ? undefined : untilAborted(signal));
  const take = async (holder: string) => takeLock(await context(), { holder, now: Date.now, pause }, run);
  await take('octo/shop run 42 attempt 1 job deploy step 11111111');
  for (const other of ['attempt 1 job deploy step 22222222', 'attempt 2 job other step 22222222'])
    await assert.rejects(
      take(`octo/shop run 42 ${other}`),
      /another run is changing this stack: octo\/shop run 42 attempt 1 job deploy step 11111111/,
    );
  await assert.rejects(take('octo/shop run 43 attempt 2 job deploy step 22222222'), /another run/);
  await (await take('octo/shop run 42 attempt 2 job deploy step 22222222'))?.release();
  assert.equal(lockIn(vpc().description), undefined);
});
