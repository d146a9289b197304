/**
 * Owns the proof that what is changed on a living database is awaited until the instance shows it, on a cloud whose
 * transitions take their time: RDS answers before it begins, and refuses what comes while it works.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planDigest } from '../../../src/report/plan-digest.ts';
import { Secret } from '../../../src/secret.ts';
import type { Stack } from '../../../src/stack/stack.ts';
import { cloudWorld, inSync, type Ran, settled, verdict } from './cloud-world.ts';
import { stack } from './stack.ts';

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
