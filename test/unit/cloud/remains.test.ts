/**
 * Owns the proof that destroy ends with nothing but what it names, also where a former one was stopped late: what CCE left, disks of
 * claims, the last backup.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TableName } from '../../../sandbox/otc/tables/names.ts';
import { remainsOf } from '../../../src/cloud/remains.ts';
import type { Outcome } from '../../../src/engine/outcome.ts';
import { unwalk } from '../../../src/engine/unwalk.ts';
import { cloudWorld, verdict } from './cloud-world.ts';
import { journal, pause, stack } from './stack.ts';

const { deploy, emulator, go, rows } = cloudWorld();
type Row = { readonly id: string; readonly [field: string]: unknown };
const table = (name: TableName) => emulator().store.table<Row>(name);
const first = (name: TableName, fits: (row: Row) => boolean = () => true): Row => {
  const [row] = table(name).where(fits);
  assert.ok(row, name);
  return row;
};
const destroy = async (changed: Parameters<typeof go>[0] = {}): Promise<readonly Outcome[]> => {
  const { cloud, context } = await go({ ...changed, write: false });
  const options = { write: true, signal: new AbortController().signal, pause, mayDelete: () => true, journal: journal() };
  return unwalk([...cloud.all, ...remainsOf(context)], options);
};
const noteOf = (outcomes: readonly Outcome[], id: string): string => outcomes.find((one) => one.id === id)?.note ?? '';
const disk = (id: string, of: Readonly<Record<string, unknown>> = {}): void => {
  const { project_id } = first('rds.instances');
  const like = { size: 10, volume_type: 'SSD', description: '', availability_zone: 'eu-de-01', bootable: false, encrypted: false, attachments: [] };
  const more = { name: `pvc-${id}`, status: 'available', metadata: {}, tags: [], user_id: '', created_at: '', ...like, project_id };
  table('evs.volumes').insert({ ...more, id, ...of });
};
test('disks of claims of a cluster that nobody could look into are named with their ids, in that run and in each after it', async () => {
  await deploy();
  const cluster = first('cce.clusters');
  disk('by-metadata', { metadata: { cluster_id: cluster.id } });
  disk('by-tag', { name: 'custom', status: 'in-use', tags: [{ key: 'CCE-Cluster-Name', value: cluster['name'] }] });
  disk('unclear');
  disk('of-server', { name: 'data' });
  disk('in-use-elsewhere', { status: 'in-use' });
  const note = noteOf(await destroy(), 'cluster/cluster');
  assert.match(note, /disks of its claims are left: pvc-by-metadata \(by-metadata, 10 GB\), custom \(by-tag, 10 GB\)/);
  assert.match(note, /its own or another cluster's: pvc-unclear \(unclear, 10 GB\)\. They may hold data/);
  assert.doesNotMatch(note, /of-server|elsewhere/);
  const again = await destroy();
  assert.match(verdict(again, 'cluster/disks'), /\| kept/);
  assert.match(noteOf(again, 'cluster/disks'), /custom \(by-tag.*pvc-by-metadata.*pvc-unclear/);
  assert.equal(rows('evs.volumes').filter((row) => /pvc|custom/.test(String((row as Row)['name']))).length, 4, 'and none is deleted');
});

test('where disks may not be listed, destroy ends and says where to look; without any nothing is said', async () => {
  await deploy();
  assert.equal(noteOf(await destroy(), 'cluster/cluster'), '');
  await deploy();
  emulator().broken.push({ fits: /GET .*\/cloudvolumes\/detail/, status: 403 });
  assert.match(noteOf(await destroy(), 'cluster/cluster'), /could not be told \(.*not today.*\): look in the EVS console/s);
});

test('groups and listeners that CCE left are taken away also where a former destroy deleted the cluster', async () => {
  await deploy();
  const [cluster, balancer] = [first('cce.clusters'), first('elb.loadbalancers')];
  const left = table('vpc.security-groups').where(({ name }) => /-cce-(control|node)-/.test(String(name)));
  assert.equal(left.length, 2);
  await destroy();
  for (const group of left) table('vpc.security-groups').insert(group);
  table('elb.loadbalancers').insert(balancer);
  const of = { loadbalancer_id: balancer.id, project_id: balancer['project_id'], protocol: 'TCP', protocol_port: 443, default_pool_id: null };
  const listener = (id: string, cluster_id: string): void =>
    void table('elb.listeners').insert({
      ...of,
      tags: [],
      created_at: '',
      updated_at: '',
      id,
      name: id,
      description: JSON.stringify({ cluster_id }),
    });
  listener('left', cluster.id);
  listener('older', 'a-dead-cluster');
  const changed = { stack: { loadBalancer: { ...stack.loadBalancer, existing: { id: balancer.id } } } };
  const outcomes = await destroy(changed);
  assert.match(verdict(outcomes, 'cluster/leftovers'), /\| delete/);
  assert.deepEqual(
    rows<Row>('vpc.security-groups').filter(({ name }) => String(name).includes('-cce-')),
    [],
  );
  assert.deepEqual(
    rows<Row>('elb.listeners').map(({ id }) => id),
    ['older'],
  );
  assert.match(noteOf(outcomes, 'load-balancer/listeners'), /listener older \(older, TCP 443\)/);
  assert.match(verdict(await destroy(changed), 'cluster/leftovers'), /\| absent/);
});

test('a destroy after the database went names its last backup, and so does each after it', async () => {
  await deploy();
  await destroy();
  const [last] = rows<Row>('rds.backups').filter(({ name }) => String(name).includes('-last-'));
  assert.ok(last);
  const times = { begin_time: '2025-01-02T00:00:00+0000', end_time: '2025-01-02T00:10:00+0000' };
  table('rds.backups').insert({ ...last, ...times, id: 'before', name: String(last['name']).replace(/-\d+-\d+$/, '-20250102-000000') });
  table('rds.backups').insert({ ...last, id: 'of-another', name: 'other-last-123456-20260102-000000' });
  for (const round of [1, 2]) {
    const outcomes = await destroy();
    assert.match(verdict(outcomes, 'database/last-backup'), /\| kept/, `${round}`);
    const note = noteOf(outcomes, 'database/last-backup');
    assert.ok(note.startsWith(`its last backup is kept: ${String(last['name'])} (${last.id}, begun`), note);
    assert.match(note, /PostgreSQL 16.*100 GB, port 5432.*stack-secret.*an older one is \S+ \(before\)/);
    assert.doesNotMatch(note, /of-another/);
  }
  emulator().broken.push({ fits: /GET .*\/backups\?/, status: 400 });
  assert.match(noteOf(await destroy(), 'database/last-backup'), /could not be told.*backups named shop-last-\w+-…/s);
});
