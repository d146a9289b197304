/** Owns the proof of `cluster.existing` on a living stack: refused before anything is written, and destroy still takes the own cluster. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CceClusterRow } from '../../../sandbox/otc/tables/compute.ts';
import { unwalk } from '../../../src/engine/unwalk.ts';
import type { Stack } from '../../../src/stack/stack.ts';
import { cloudWorld, verdict } from './cloud-world.ts';
import { journal, stack, verdicts } from './stack.ts';

const { deploy, emulator, go, named, rows, writes } = cloudWorld();

const changed: Partial<Stack> = { cluster: { ...stack.cluster, existing: { name: 'theirs' } } };
const THEIRS = '11111111-2222-4333-8444-555555555555';

/** Another cluster in the stack's VPC. */
async function livingStackAndTheirs(): Promise<void> {
  await deploy();
  const clusters = emulator().store.table<CceClusterRow>('cce.clusters');
  const [own] = clusters.all();
  assert.ok(own);
  clusters.insert({ ...own, id: THEIRS, name: 'theirs' });
}

test('refused before anything is written, with the way out; what would be left is kept', async () => {
  await livingStackAndTheirs();
  for (const write of [false, true]) {
    const { outcomes } = await go({ write, stack: changed });
    assert.match(
      verdict(outcomes, 'project/preflight'),
      /failed \| The stack has a cluster of its own, shop-cce-\w+ .*Take cluster\.existing out again; or destroy/,
    );
    if (!write) assert.match(verdict(outcomes, 'cluster/former'), /kept/);
    assert.ok(!outcomes.some(({ id, verdict }) => id.startsWith('cluster/') && verdict === 'delete'), verdicts(outcomes).join('\n'));
  }
  assert.deepEqual(
    writes().filter((line) => !line.endsWith('/clustercert')),
    [],
  );
  const own = { ...stack.cluster, existing: { name: named('cce.clusters')[0] ?? '' } };
  const byName = await go({ write: false, stack: { cluster: own } });
  assert.doesNotMatch(verdict(byName.outcomes, 'project/preflight'), /failed/, 'its own, named by hand, is no former one');
});

test('the cluster of another stack is refused before anything is written, by name and by id; destroy of the second leaves it', async () => {
  await deploy();
  const [cluster] = rows<CceClusterRow>('cce.clusters');
  assert.ok(cluster);
  for (const existing of [{ name: cluster.name }, { id: cluster.id }])
    for (const write of [false, true]) {
      const { outcomes } = await go({ write, stack: { name: 'bee', domain: 'bee.example.com', cluster: { ...stack.cluster, existing } } });
      const said = verdict(outcomes, 'project/preflight');
      assert.match(said, /failed \| The existing cluster shop-cce-\w+ \(.*belongs to stack shop, .*one cluster takes one stack/);
    }
  assert.deepEqual(
    writes().filter((line) => !line.endsWith('/clustercert')),
    [],
  );
  const { cloud } = await go({ write: false, stack: { name: 'bee', cluster: { ...stack.cluster, existing: { id: cluster.id } } } });
  await unwalk(cloud.all, { write: true, signal: new AbortController().signal, journal: journal(), mayDelete: () => true });
  assert.equal(rows('cce.clusters').length, 1);
});

test('destroy takes the own cluster with its address, and leaves the other one', async () => {
  await livingStackAndTheirs();
  const options = { write: true, signal: new AbortController().signal, journal: journal(), mayDelete: () => false };
  const outcomes = await unwalk((await go({ write: false, stack: changed })).cloud.all, options);
  assert.deepEqual(verdicts(outcomes.filter(({ verdict }) => ['failed', 'blocked'].includes(verdict))), []);
  assert.equal(verdict(outcomes, 'cluster/former'), 'cluster/former | delete');
  assert.deepEqual(
    rows<{ name: string }>('cce.clusters').map(({ name }) => name),
    ['theirs'],
  );
  assert.deepEqual([named('vpc.publicips'), rows('cce.nodes')], [[], []]);
});
