/** Proves that no snapshot is taken, and none brought back, in the middle of a transition: the cloud's memory alone. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Row, Store } from '../../../sandbox/otc/store.ts';

interface Cluster extends Row {
  readonly phase: string;
}

/** A store whose one cluster takes a while to be taken down once that has begun. */
function deleting(): { readonly store: Store; readonly clusters: () => readonly Cluster[]; readonly begun: () => boolean } {
  const store = new Store((error) => assert.fail(String(error)));
  store.pace = 'instant';
  const table = store.table<Cluster>('cce.clusters');
  table.insert({ id: 'one', phase: 'Deleting' });
  let begun = false;
  store.handle('cce.deleted', async ({ id }: { readonly id: string }) => {
    begun = true;
    await sleep(50);
    table.remove(id);
  });
  store.after(0, 'cce.deleted', { id: 'one' });
  return { store, clusters: () => table.all(), begun: () => begun };
}

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await sleep(1);
};

test('what is under way ends before a snapshot is taken, and would else be in none', async () => {
  const { store, clusters, begun } = deleting();
  await until(begun);
  const saved = await store.still(async () => store.save());
  await store.still(async () => store.load(saved));
  await sleep(100);
  assert.deepEqual(clusters(), []);
});

test('what comes due meanwhile begins afterwards, and not at all where a restore took it away', async () => {
  const { store, clusters, begun } = deleting();
  const empty = new Store((error) => assert.fail(String(error))).save();
  await store.still(async () => {
    await sleep(20);
    assert.equal(begun(), false);
  });
  await until(() => clusters().length === 0);
  const other = deleting();
  await other.store.still(async () => {
    await sleep(20);
    other.store.load(empty);
  });
  await sleep(20);
  assert.equal(other.begun(), false);
});
