import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../../src/engine/fault.ts';
import { heldBy, takeLease } from '../../../src/kube/lease-lock.ts';
import type { KubeApi, KubeObject } from '../../../src/tools/api.ts';
import { fakeCluster, quiet } from './fakes.ts';

const lost = (): void => undefined;

test('one holder at a time; released, another one takes it', async () => {
  const { api, objects } = fakeCluster();
  const first = await takeLease({ api, stack: 's', holder: 'run 1', lost }, quiet);
  await assert.rejects(takeLease({ api, stack: 's', holder: 'run 2', lost }, quiet), /stack s is being written by run 1/);
  await first.release();
  assert.equal(objects.size, 0);
  const second = await takeLease({ api, stack: 's', holder: 'run 2', lost }, quiet);
  await second.release();
});

test('a lock that nobody renews is taken over, and its former holder does not release it', async () => {
  const { api, objects } = fakeCluster();
  const dead = await takeLease({ api, stack: 's', holder: 'dead', lost, now: () => Date.now() - 61_000 }, quiet);
  const said: string[] = [];
  const heir = await takeLease({ api, stack: 's', holder: 'heir', lost }, { ...quiet, say: (line) => said.push(line) });
  assert.deepEqual(said, ['taking over the lock that dead left behind']);
  await dead.release();
  assert.equal(objects.size, 1);
  await heir.release();
  assert.equal(objects.size, 0);
});

test('a sign of life whose answer was lost does not cost the lock; another holder does', async () => {
  const { api, objects } = fakeCluster();
  let cut = 1;
  const shaky: KubeApi = {
    ...api,
    send: async (method, path, body, signal) => {
      const answer = await api.send(method, path, body, signal);
      if (method === 'PUT' && cut-- > 0) throw new Fault('socket hang up', { code: 'ECONNRESET' });
      return answer;
    },
  };
  const faults: Fault[] = [];
  const said: string[] = [];
  const run = { ...quiet, say: (line: string) => said.push(line) };
  const lock = await takeLease({ api: shaky, stack: 's', holder: 'run 1', renewEvery: 0.01, lost: (fault) => faults.push(fault) }, run);
  const [path = '', first] = [...objects][0] ?? [];
  await eventually(() => said.length > 0 && Number(objects.get(path)?.metadata.resourceVersion) > Number(first?.metadata.resourceVersion) + 3);
  assert.equal(faults.length, 0);
  const taken = objects.get(path) as KubeObject;
  objects.set(path, {
    ...taken,
    metadata: { ...taken.metadata, resourceVersion: 'x' },
    spec: { ...(taken['spec'] as object), holderIdentity: 'run 2' },
  });
  await eventually(() => faults.length > 0);
  assert.match(faults[0]?.message ?? '', /stack s was taken by run 2/);
  await lock.release();
  assert.equal(objects.size, 1, 'what another run holds is not given back');
});

test('failures with time left only repeat; a lock that was not renewed for its duration is lost, once, with the reason', async () => {
  const { api, objects } = fakeCluster();
  const refusing = (): KubeApi['send'] => async () => {
    throw new Fault('leases is forbidden', { status: 403 });
  };
  let refused = true;
  const shaky: KubeApi = { ...api, send: (...call) => (refused && call[0] === 'PUT' ? refusing()(...call) : api.send(...call)) };
  const faults: Fault[] = [];
  const said: string[] = [];
  let ahead = 0;
  const now = (): number => Date.now() + ahead;
  const run = { ...quiet, say: (line: string) => said.push(line) };
  const lock = await takeLease({ api: shaky, stack: 's', holder: 'run 1', renewEvery: 0.02, now, lost: (fault) => faults.push(fault) }, run);
  await eventually(() => said.length > 2);
  ahead = 45_000;
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.equal(faults.length, 0, 'there is time left');
  refused = false;
  const renewTime = (): string => [...objects.values()].map(({ spec }) => (spec as { renewTime: string }).renewTime).join();
  await eventually(() => renewTime() > new Date(Date.now() + 40_000).toISOString());
  ahead = 90_000;
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.equal(faults.length, 0, 'renewed in time');
  refused = true;
  ahead += 55_000;
  await eventually(() => faults.length > 0);
  const count = said.length;
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.deepEqual([faults.length, said.length], [1, count], 'told once, and not renewed any more');
  assert.match(faults[0]?.message ?? '', /could not be renewed in time: leases is forbidden/);
  assert.match(faults[0]?.hint ?? '', /No new write was started/);
  await lock.release();
});

test('a lock that somebody took away is lost', async () => {
  const { api, objects } = fakeCluster();
  const faults: Fault[] = [];
  const lock = await takeLease({ api, stack: 's', holder: 'run 1', renewEvery: 0.02, lost: (fault) => faults.push(fault) }, quiet);
  objects.clear();
  await eventually(() => faults.length > 0);
  assert.match(faults[0]?.message ?? '', /stack s was taken away/);
  await lock.release();
});

async function eventually(check: () => boolean): Promise<void> {
  for (let turn = 0; turn < 500 && !check(); turn += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(check());
}

test('a lock that cannot be given back is no failure of the run', async () => {
  const { api } = fakeCluster();
  const said: string[] = [];
  const lock = await takeLease({ api, stack: 's', holder: 'run 1', lost }, { ...quiet, say: (line) => said.push(line) });
  api.get = async () => {
    throw new Fault('no answer');
  };
  await lock.release();
  assert.match(said.join(), /ends by itself after 60 s: no answer/);
});

test('two stacks do not meet', async () => {
  const { api } = fakeCluster();
  const one = await takeLease({ api, stack: 'a', holder: 'run', lost }, quiet);
  const other = await takeLease({ api, stack: 'b', holder: 'other', lost }, quiet);
  await Promise.all([one.release(), other.release()]);
});

test('who holds a lease', () => {
  const lease = (spec: object): KubeObject => ({ metadata: { name: 'l' }, spec }) as KubeObject;
  const now = Date.parse('2026-11-23T18:00:30Z');
  const fresh = { holderIdentity: 'run 1', leaseDurationSeconds: 60, renewTime: '2026-11-23T18:00:00.000000Z' };
  assert.equal(heldBy(lease(fresh), 'run 2', now), 'run 1');
  assert.equal(heldBy(lease(fresh), 'run 1', now), undefined);
  assert.equal(heldBy(lease(fresh), 'run 2', now + 31_000), undefined);
  assert.equal(heldBy(lease({ ...fresh, renewTime: undefined }), 'run 2', now), undefined);
});
