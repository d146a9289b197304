/** Owns the proof of what comes before a `destroy` of the database: a last backup, and a secret by which it could be read again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { upgradeBackupName } from '../../../src/cloud/backup.ts';
import type { ClusterResource } from '../../../src/cloud/cluster.ts';
import type { DatabaseResource } from '../../../src/cloud/database.ts';
import { secretAtDestroy } from '../../../src/cloud/database-farewell.ts';
import { Fault } from '../../../src/engine/fault.ts';
import { leftover } from '../../../src/engine/resource.ts';
import { unwalk } from '../../../src/engine/unwalk.ts';
import { Secret } from '../../../src/secret.ts';
import { destroying } from './by-hand.ts';
import { cloudWorld, verdict } from './cloud-world.ts';
import { journal, run } from './stack.ts';

const { deploy, emulator, go, rows } = cloudWorld();

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

test('a destroy that was killed behind its last backup goes on with that one; where ZITADEL ran until now, or may have since, another is made', async () => {
  const minutesAgo = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString();
  for (const [what, begun, clusterGone, made] of [
    ['killed, the cluster gone', minutesAgo(5), true, 0],
    ['the cluster still there', minutesAgo(5), false, 1],
    ['time enough for a deploy in between', minutesAgo(20), true, 1],
  ] as const) {
    await deploy();
    const instance = rows<{ id: string; project_id: string; name: string }>('rds.instances')[0];
    assert.ok(instance);
    const former = {
      ...{
        id: 'former',
        name: `${instance.name.replace('-db-', '-last-')}-20260102-030405`,
        description: '',
        type: 'manual',
        size: 1,
        status: 'COMPLETED',
      },
      ...{ instance_id: instance.id, project_id: instance.project_id, begin_time: begun, end_time: begun },
      datastore: { type: 'PostgreSQL', version: '16' },
    };
    emulator()
      .store.table<{ id: string }>('rds.backups')
      .insert(former as never);
    const { cloud } = await go({ write: false });
    if (clusterGone) {
      const seen = await cloud.cluster.observe({}, run);
      assert.ok(seen);
      await cloud.cluster.destroy(seen, run);
    }
    const { cloud: now } = await go({ write: false });
    const zitadel = leftover<{ cluster: ClusterResource; database: DatabaseResource }, true>({
      ...{ id: 'zitadel/release', title: 'Release zitadel', needs: { cluster: now.cluster, database: now.database }, within: now.cluster },
      observe: async ({ cluster }) => (cluster === undefined ? undefined : true),
      destroy: async () => undefined,
    });
    const outcomes = await unwalk([...now.all, zitadel], { ...destroying, journal: journal() });
    const one = outcomes.find(({ id }) => id === 'database/instance');
    assert.equal(one?.done, true, what);
    const others = rows<{ id: string; type: string; name: string }>('rds.backups').filter(
      ({ id, type, name }) => id !== 'former' && type === 'manual' && name.includes('-last-'),
    );
    assert.equal(others.length, made, what);
    assert.equal(one.note?.includes('(former, begun'), made === 0, one.note);
  }
});

test('names of backups are what RDS takes', () => {
  const name = upgradeBackupName(`${'x'.repeat(60)}`, { to: '10.0.0-rc.1', revision: 12 });
  assert.match(name, /^[A-Za-z][A-Za-z0-9_-]{3,63}$/);
  assert.ok(name.endsWith('-r12-10-0-0-rc-1'));
});

test('a plan of destroy tells of the last backup that is made and kept', async () => {
  await deploy();
  const outcomes = await unwalk((await go({ write: false })).cloud.all, { ...destroying, write: false, journal: journal() });
  const one = outcomes.find(({ id }) => id === 'database/instance');
  assert.equal(one?.verdict, 'delete');
  assert.match(one?.note ?? '', /a last manual backup \(shop-last-\w+-…\) is made first and kept; .*needs the same stack-secret/);
});

for (const [what, given, deletes, says, refuses] of [
  ['the right one', {}, true, undefined, false],
  [
    'another, the database goes',
    { masterkey: new Secret('x'.repeat(32)) },
    true,
    /not the one .*made with.*\n.*refuses this before anything is deleted/,
    true,
  ],
  ['another, the database stays', { masterkey: new Secret('x'.repeat(32)) }, false, /not the one .*made with.*\n.*goes on/, false],
  ['none, the database goes', { masterkey: undefined }, true, /no stack-secret was given/, false],
  ['none, the database stays', { masterkey: undefined }, false, undefined, false],
] as const) {
  test(`the secret at a destroy: ${what}`, async () => {
    await deploy();
    const { cloud, context } = await go({ write: false });
    const stack = { ...context.stack, destroy: { ...context.stack.destroy, database: deletes } };
    const found = await secretAtDestroy({ stack, secrets: { ...context.secrets, ...given } }, [cloud.database, cloud.formerDatabase], run);
    assert.equal(found?.refuses ?? false, refuses);
    const text = found === undefined ? undefined : `${found.notice.message}\n${found.notice.hint}`;
    if (says === undefined) assert.equal(text, undefined);
    else assert.match(text ?? '', says);
  });
}

test('an instance that cannot be looked at keeps destroy from beginning only where it would be deleted', async () => {
  await deploy();
  const { cloud, context } = await go({ write: false });
  const former = { ...cloud.formerDatabase };
  const database = { ...cloud.database, observe: () => Promise.reject(new Fault('the list of instances is forbidden')) };
  const asked = (deletes: boolean) =>
    secretAtDestroy({ ...context, stack: { ...context.stack, destroy: { ...context.stack.destroy, database: deletes } } }, [database, former], run);
  assert.equal(await asked(false), undefined);
  await assert.rejects(asked(true), /forbidden/);
});
