/**
 * Owns the proof of what `destroy` does to the cloud beyond deleting: what CCE left behind goes, what is somebody else's is
 * named, a database leaves a backup; and of groups that nodes lost.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { upgradeBackupName } from '../../../src/cloud/backup.ts';
import { clusterOf } from '../../../src/cloud/cluster-leftovers.ts';
import { nodeGroupChanges } from '../../../src/cloud/node-groups.ts';
import { unwalk } from '../../../src/engine/unwalk.ts';
import { cloudWorld, inSync, settled, verdict } from './cloud-world.ts';
import { journal, pause, verdicts } from './stack.ts';

const { deploy, emulator, go, rows } = cloudWorld();
const destroying = { write: true, signal: new AbortController().signal, pause, mayDelete: () => true };

test('listeners that a dead cluster left on the load balancer go with it; those of a living one, or of nobody, are named', async () => {
  await deploy();
  const [balancer] = rows<{ id: string; project_id: string }>('elb.loadbalancers');
  assert.ok(balancer);
  const listener = (id: string, description: string): object => ({
    ...{ id, name: id, description, loadbalancer_id: balancer.id, project_id: balancer.project_id, protocol: 'TCP', protocol_port: 443 },
    ...{ default_pool_id: null, tags: [], created_at: '', updated_at: '' },
  });
  const table = emulator().store.table<{ id: string }>('elb.listeners');
  table.insert(listener('left-behind', JSON.stringify({ cluster_id: 'a-dead-cluster' })) as never);
  table.insert(listener('by-hand', 'mine') as never);
  const { cloud } = await go({ write: false });
  const first = await unwalk(cloud.all, { ...destroying, journal: journal() });
  assert.match(verdict(first, 'load-balancer/load-balancer'), /failed .*not the stack's: by-hand \(by-hand, TCP 443\)/);
  table.remove('by-hand');
  const second = await unwalk((await go({ write: false })).cloud.all, { ...destroying, journal: journal() });
  assert.deepEqual(verdicts(second.filter((one) => ['failed', 'blocked'].includes(one.verdict))), []);
  assert.deepEqual([rows('elb.loadbalancers'), rows('elb.listeners')], [[], []]);
});

test('a database that goes leaves a complete backup, named in what is said of it', async () => {
  await deploy();
  const outcomes = await unwalk((await go({ write: false })).cloud.all, { ...destroying, journal: journal() });
  const [backup] = rows<{ id: string; name: string; status: string; type: string }>('rds.backups').filter(
    ({ type, name }) => type === 'manual' && name.includes('-last-'),
  );
  assert.equal(backup?.status, 'COMPLETED');
  const note = outcomes.find(({ id }) => id === 'database/instance')?.note ?? '';
  for (const word of [backup?.id ?? '-', backup?.name ?? '-', 'PostgreSQL 16', 'database.existing', 'stack-secret'])
    assert.ok(note.includes(word), note);
});

test('somebody else’s record of the domain and another stack’s zone stay', async () => {
  await deploy();
  const records = emulator().store.table<{ id: string; description: string }>('dns.recordsets');
  const [record] = rows<{ id: string; type: string; name: string }>('dns.recordsets').filter(
    ({ type, name }) => type === 'A' && name.startsWith('login.'),
  );
  const zones = emulator().store.table<{ id: string; description: string }>('dns.zones');
  const [zone] = zones.where(() => true);
  assert.ok(record && zone);
  records.update(record.id, { description: 'mine' });
  zones.update(zone.id, { description: 'Managed by zitadel-on-otc, stack other' });
  const outcomes = await unwalk((await go({ write: false })).cloud.all, { ...destroying, journal: journal() });
  for (const id of ['dns/record', 'dns/zone']) assert.match(verdict(outcomes, id), /\| kept/);
  assert.ok(records.get(record.id) && zones.get(zone.id));
});

test('an old backup is no last one: a database of which none can be made now is not deleted', async () => {
  await deploy();
  const instances = emulator().store.table<{ id: string; status: string; project_id: string; name: string }>('rds.instances');
  const [instance] = instances.where(() => true);
  assert.ok(instance);
  const name = `${instance.name.replace('-db-', '-last-')}-20250101-000000`;
  const old = {
    id: 'old-backup',
    name,
    description: '',
    instance_id: instance.id,
    project_id: instance.project_id,
    type: 'manual',
    size: 1,
    status: 'COMPLETED',
  };
  emulator()
    .store.table<{ id: string }>('rds.backups')
    .insert({
      ...old,
      begin_time: '2025-01-01T00:00:00+0000',
      end_time: '2025-01-01T00:10:00+0000',
      datastore: { type: 'PostgreSQL', version: '16' },
    } as never);
  instances.update(instance.id, { status: 'STORAGE FULL' });
  const outcomes = await unwalk((await go({ write: false })).cloud.all, { ...destroying, journal: journal() });
  assert.match(verdict(outcomes, 'database/instance'), /failed .*without a last backup it is not deleted/);
  assert.ok(instances.get(instance.id));
});

test('a cluster that a dead run left in the making is waited for before it is deleted', async () => {
  await deploy();
  const clusters = emulator().store.table<{ id: string; phase: string }>('cce.clusters');
  const [cluster] = clusters.where(() => true);
  assert.ok(cluster);
  clusters.update(cluster.id, { phase: 'Creating' });
  const { cloud } = await go({ write: false });
  const made = async (...given: Parameters<typeof pause>): Promise<void> => {
    if (clusters.get(cluster.id)?.phase === 'Creating') clusters.update(cluster.id, { phase: 'Available' });
    await pause(...given);
  };
  const outcomes = await unwalk(cloud.all, { ...destroying, pause: made, journal: journal() });
  assert.deepEqual(verdicts(outcomes.filter((one) => ['failed', 'blocked'].includes(one.verdict))), []);
  assert.deepEqual(rows('cce.clusters'), []);
});

test('a node that lost its group to the database is seen and gets it back', async () => {
  await deploy();
  const group = rows<{ id: string; name: string }>('vpc.security-groups').find(({ name }) => name.startsWith('shop-rds-client'))?.id ?? '';
  const ports = emulator().store.table<{ id: string; security_groups: readonly string[] }>('vpc.ports');
  const [port] = ports.where(({ security_groups }) => security_groups.includes(group));
  assert.ok(port);
  ports.update(port.id, { security_groups: port.security_groups.filter((id) => id !== group) });
  assert.match(verdict((await go({ write: false })).outcomes, 'cluster/node-groups'), /update .*security group shop-rds-client-\w+ of node /);
  settled((await go()).outcomes);
  assert.ok(ports.get(port.id)?.security_groups.includes(group));
  inSync((await go({ write: false })).outcomes);
});

test('more groups than its own are no difference', () => {
  const port = {
    id: 'p',
    name: '',
    network_id: 'n',
    device_id: 'd',
    device_owner: 'compute:eu-de-01',
    fixed_ips: [],
    security_groups: ['a', 'b', 'more'],
  };
  assert.deepEqual(
    nodeGroupChanges(
      {
        groups: [
          { id: 'a', name: 'a' },
          { id: 'b', name: 'b' },
        ],
      },
      { nodes: [{ name: 'one', port }] },
    ),
    [],
  );
});

test('whose listener it is, by its description', () => {
  assert.equal(clusterOf({ description: '{"cluster_id":"c1","service":"x"}' }), 'c1');
  for (const description of ['', 'made by hand', '{"cluster_id":7}', '{broken', '{}'])
    assert.equal(clusterOf({ description }), undefined, description);
});

test('names of backups are what RDS takes', () => {
  const name = upgradeBackupName(`${'x'.repeat(60)}`, { to: '10.0.0-rc.1', revision: 12 });
  assert.match(name, /^[A-Za-z][A-Za-z0-9_-]{3,63}$/);
  assert.ok(name.endsWith('-r12-10-0-0-rc-1'));
});
