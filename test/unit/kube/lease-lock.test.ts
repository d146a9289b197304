import assert from 'node:assert/strict';
import { test } from 'node:test';
import { heldBy, takeLease } from '../../../src/kube/lease-lock.ts';
import type { KubeObject } from '../../../src/tools/api.ts';
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
