/**
 * Owns the proof that what is changed on a living database is awaited until the instance shows it, on a cloud whose
 * transitions take their time: RDS answers before it begins, and refuses what comes while it works.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DatabaseResource } from '../../../src/cloud/database.ts';
import { cloudResources } from '../../../src/cloud/index.ts';
import { Fault } from '../../../src/engine/fault.ts';
import type { Outcome } from '../../../src/engine/outcome.ts';
import { resource } from '../../../src/engine/resource.ts';
import { walk } from '../../../src/engine/walk.ts';
import { planDigest } from '../../../src/report/plan-digest.ts';
import { Secret } from '../../../src/secret.ts';
import type { Stack } from '../../../src/stack/stack.ts';
import { cloudWorld, inSync, OTC_SERVERS, type Ran, served, settled, verdict } from './cloud-world.ts';
import { contextFor, journal, pause, run, stack } from './stack.ts';

const { deploy, emulator, go, rows } = cloudWorld();

interface InstanceRow {
  readonly id: string;
  readonly status: string;
  readonly port: number;
  readonly tags: readonly { readonly key: string; readonly value: string }[];
  readonly security_group_id: string;
  readonly flavor_ref: string;
  readonly volume: { readonly type: string; readonly size: number };
  readonly backup_strategy: { readonly start_time: string; readonly keep_days: number };
  readonly backup_period: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly disk_auto_expansion: { readonly switch_option: boolean; readonly limit_size: number };
}

const instance = (): InstanceRow => {
  const [found] = rows<InstanceRow>('rds.instances');
  assert.ok(found);
  return found;
};
const edit = (patch: Partial<InstanceRow>): void => void emulator().store.table<InstanceRow>('rds.instances').update(instance().id, patch);
const refusals = (): string[] =>
  emulator()
    .requests.filter(({ url, status }) => url.includes('//rds.') && status >= 400)
    .map(({ method, url, status }) => `${method} ${url} ${status}`);

/** Fields that differ, of the instance alone. */
const seen = async (changed: Partial<Stack> = {}): Promise<string> =>
  verdict((await go({ write: false, stack: changed })).outcomes, 'database/instance');

test('each change has arrived before the next one begins and before anything goes on', async () => {
  await deploy();
  const groupId = instance().security_group_id;
  const other = rows<{ id: string; name: string }>('vpc.security-groups').find(({ name }) => name === 'default')?.id ?? '';
  edit({
    security_group_id: other,
    backup_period: '1',
    parameters: { password_encryption: 'md5', ssl_min_protocol_version: 'TLSv1', max_connections: '900' },
    disk_auto_expansion: { switch_option: false, limit_size: 0 },
  });
  const database = {
    ...stack.database,
    port: 5433,
    flavor: 'rds.pg.n1.xlarge.4.ha',
    storage: { ...stack.database.storage, size: 120 },
    backup: { keepDays: 14, window: '03:00-04:00' },
    passwordGeneration: { root: 2, user: 1 },
  };
  emulator().store.pace = 'fast';
  emulator().requests.length = 0;
  const { outcomes } = await go({ stack: { database } });
  settled(outcomes);
  assert.deepEqual(refusals(), [], 'nothing was asked while another change was under way');
  const { port, security_group_id, flavor_ref, volume, backup_strategy, backup_period, parameters } = instance();
  assert.deepEqual(
    { port, security_group_id, flavor_ref, volume, backup_strategy, backup_period, parameters },
    {
      port: 5433,
      security_group_id: groupId,
      flavor_ref: 'rds.pg.n1.xlarge.4.ha',
      volume: { type: 'CLOUDSSD', size: 120 },
      backup_strategy: { start_time: '03:00-04:00', keep_days: 14 },
      backup_period: '1,2,3,4,5,6,7',
      parameters: { password_encryption: 'scram-sha-256', ssl_min_protocol_version: 'TLSv1.2', max_connections: '900' },
    },
  );
  assert.equal(outcomes.find(({ id }) => id === 'database/instance')?.facts['port'], '5433');
  const policies = emulator().requests.filter(({ method, url }) => method === 'PUT' && /backups\/policy$|configurations$/.test(url));
  assert.equal(policies.length, 2, 'one call for all parts of a policy');
  inSync((await go({ write: false, stack: { database } })).outcomes);
  assert.deepEqual([emulator().oddities(), emulator().defects], [[], []]);
});

test('another port: its rules come first, those of the former one go when all that stands on the database is well', async () => {
  await deploy();
  const database = { ...stack.database, port: 5433 };
  const ports = (): string => {
    const open = rows<{ port_range_min: number | null }>('vpc.security-group-rules').map(({ port_range_min: port }) => port);
    return [5432, 5433].map((one) => `${open.filter((port) => port === one).length} at ${one}`).join();
  };
  const plan = await go({ write: false, stack: { database } });
  const port = plan.outcomes.find(({ id }) => id === 'database/instance')?.changes.find(({ field }) => field === 'port');
  assert.match(port?.why ?? '', /connections break/);
  assert.doesNotMatch(verdict(plan.outcomes, 'network/security-group-database'), /5432/);
  assert.match(verdict(plan.outcomes, 'network/former-security-rules'), /delete/);
  const deployed = async (release: 'fails' | 'runs'): Promise<readonly Outcome[]> => {
    const cloud = cloudResources(contextFor(await emulator().connect(), { database }), { delegation: served(OTC_SERVERS) });
    const standing = resource<{ database: DatabaseResource }, null, string>({
      id: 'zitadel/release',
      title: 'release',
      needs: { database: cloud.database },
      wanted: true,
      want: () => null,
      observe: async () => undefined,
      diff: () => [],
      apply: async () => {
        assert.deepEqual([instance().port, ports()], [5433, '3 at 5432,3 at 5433']);
        if (release === 'fails') throw new Fault('not today');
        return '';
      },
      destroy: async () => undefined,
    });
    const options = { write: true, signal: run.signal, journal: journal(), pause };
    return (await walk([...cloud.all, standing], options)).outcomes;
  };
  const state = emulator().store.save();
  const failed = await deployed('fails');
  assert.match(verdict(failed, 'zitadel/release'), /not today/);
  assert.deepEqual([verdict(failed, 'network/former-security-rules').includes('blocked'), ports()], [true, '3 at 5432,3 at 5433']);
  emulator().store.load(state);
  settled(await deployed('runs'));
  assert.equal(ports(), '0 at 5432,3 at 5433');
  inSync((await go({ write: false, stack: { database } })).outcomes);
});

test('a password that was set before its run died is set once more, and once only', async () => {
  await deploy();
  const database = { ...stack.database, passwordGeneration: { root: 2, user: 1 } };
  const stop = new AbortController();
  emulator().afterWrite = (count) => {
    if (count === 1) stop.abort();
  };
  await go({ stack: { database }, connect: { signal: stop.signal } });
  emulator().afterWrite = undefined;
  assert.match(await seen({ database }), /generation of root's password/);
  settled((await go({ stack: { database } })).outcomes);
  emulator().requests.length = 0;
  settled((await go({ stack: { database } })).outcomes);
  assert.deepEqual(
    emulator().requests.filter(({ method, url }) => method !== 'GET' && url.includes('//rds.')),
    [],
  );
});

test('another root password than RDS was given is planned, set there once, and in no digest', async () => {
  await deploy();
  const rootPassword = new Secret('Abcdefgh1234-xyz');
  const plan = await go({ write: false, rootPassword });
  const changed = plan.outcomes.find(({ id }) => id === 'database/instance');
  assert.deepEqual([changed?.verdict, changed?.changes], ['update', [{ field: "root's password", why: 'RDS has another one', secret: true }]]);
  const digest = ({ outcomes }: Ran): string => planDigest({ version: '1', stack: {}, charts: {}, outcomes });
  assert.equal(digest(plan), digest(await go({ write: false })));
  const asked = (): object[] => emulator().requests.filter(({ method, url }) => method !== 'GET' && url.includes('//rds.'));
  emulator().requests.length = 0;
  settled((await go({ rootPassword })).outcomes);
  assert.deepEqual(
    emulator()
      .requests.filter(({ method, url }) => method === 'POST' && url.endsWith(`/${instance().id}/password`))
      .map(({ status }) => status),
    [200],
  );
  emulator().requests.length = 0;
  inSync((await go({ rootPassword })).outcomes);
  assert.deepEqual(asked(), [], 'set once');
  assert.equal(await seen(), "database/instance | update | root's password", 'the former one is another one now');
});

test('a root password of which the instance tells only the generation is set once', async () => {
  await deploy();
  const { tags } = instance();
  edit({ tags: tags.map(({ key, value }) => ({ key, value: value.replace(/^1-.*/, '1') })) });
  assert.equal(await seen(), "database/instance | update | root's password");
  settled((await go()).outcomes);
  const values = (list: typeof tags): string[] => list.map(({ value }) => value).sort();
  assert.deepEqual(values(instance().tags), values(tags));
});

for (const [name, value] of Object.entries({ password_encryption: 'md5', ssl_min_protocol_version: 'TLSv1', fsync: 'off' })) {
  test(`a loosened parameter is seen alone, and set back: ${name}`, async () => {
    await deploy();
    edit({ parameters: { [name]: value } });
    assert.equal(await seen(), `database/instance | update | parameter ${name}`);
    settled((await go()).outcomes);
    inSync((await go({ write: false })).outcomes);
  });
}
