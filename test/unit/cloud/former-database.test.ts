/**
 * Owns the proof that a stack whose database becomes another one (`database.existing`, for example restored from a backup)
 * tears nothing away: its own instance and all that this stands on stay, said so, until destroy with consent.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unwalk } from '../../../src/engine/unwalk.ts';
import { createInstance } from '../../../src/otc/rds.ts';
import { listSecurityGroups } from '../../../src/otc/security-group.ts';
import { createSubnet, createVpc } from '../../../src/otc/vpc.ts';
import type { Stack } from '../../../src/stack/stack.ts';
import { cloudWorld, inSync, settled } from './cloud-world.ts';
import { journal, stack, verdicts } from './stack.ts';

const { deploy, emulator, go, named, rows, writes } = cloudWorld();

const changed: Partial<Stack> = { database: { ...stack.database, existing: { name: 'restored' } } };
const KEPT = ['database/former', 'network/security-group-client', 'network/security-group-database', 'network/security-rules-client'];

const moment = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

/** An instance that somebody made, in a network of its own. */
async function restored(): Promise<void> {
  const otc = await emulator().connect();
  const vpc = await createVpc(otc, { name: 'theirs', cidr: '192.168.0.0/16', description: '' });
  await moment();
  const dns = { dhcp_enable: true, primary_dns: '100.125.4.25', dnsList: ['100.125.4.25'] } as const;
  const place = { name: 'theirs', description: '', cidr: '192.168.1.0/24', gateway_ip: '192.168.1.1', vpc_id: vpc.id };
  const { id: subnet_id } = await createSubnet(otc, { ...place, ...dns });
  await moment();
  const group = (await listSecurityGroups(otc)).find(({ name }) => name === 'default')?.id ?? '';
  await createInstance(otc, {
    name: 'restored',
    datastore: { type: 'PostgreSQL', version: '16' },
    flavor_ref: 'rds.pg.n1.large.4',
    volume: { type: 'CLOUDSSD', size: 100 },
    region: 'eu-de',
    availability_zone: 'eu-de-01',
    vpc_id: vpc.id,
    subnet_id,
    security_group_id: group,
    port: '5432',
    password: 'Root-Password-123',
    backup_strategy: { start_time: '02:00-03:00', keep_days: 7 },
    charge_info: { charge_mode: 'postPaid' },
  });
  for (let turn = 0; turn < 200; turn += 1) {
    if (rows<{ name: string; status: string }>('rds.instances').find(({ name }) => name === 'restored')?.status === 'ACTIVE') break;
    await moment();
  }
  emulator().requests.length = 0;
}

/** What nodes, groups and instances are, whatever the time. */
const standing = (): unknown => [
  rows<{ id: string; name: string }>('vpc.security-groups').map(({ id, name }) => [id, name]),
  rows<{ id: string; security_group_id: string }>('vpc.security-group-rules').map(({ id, security_group_id: group }) => [id, group]),
  rows<{ id: string; security_groups: string[] }>('vpc.ports').map(({ id, security_groups: groups }) => [id, groups]),
  rows<{ id: string; name: string; security_group_id: string }>('rds.instances').map(({ id, security_group_id: group }) => [id, group]),
];

const OPEN = new Set(['failed', 'blocked', 'replace', 'delete', 'create', 'update']);

test('another database on a living stack: nothing is torn away, and what stays is said', async () => {
  await deploy();
  await restored();
  const before = standing();
  for (const write of [false, true, true]) {
    const { outcomes } = await go({ write, stack: changed });
    assert.deepEqual(verdicts(outcomes.filter(({ verdict }) => OPEN.has(verdict))), []);
    const kept = outcomes.filter(({ verdict }) => verdict === 'kept');
    assert.deepEqual(kept.map(({ id }) => id).sort(), KEPT);
    assert.match(kept.find(({ id }) => id === 'database/former')?.note ?? '', /holds data/);
    assert.ok(kept.every(({ note }) => note !== undefined));
  }
  assert.deepEqual(standing(), before);
  assert.ok(
    writes().every((line) => line.endsWith('/clustercert')),
    writes().join(),
  );
  inSync((await go({ write: false })).outcomes);
});

test('where the former instance is gone, the groups that nodes still carry stay as well', async () => {
  await deploy();
  await restored();
  const instances = emulator().store.table<{ id: string; name: string }>('rds.instances');
  const own = instances.find(({ name }) => name.startsWith('shop-'));
  instances.remove(own?.id ?? '');
  const { outcomes } = await go({ stack: changed });
  settled(outcomes);
  assert.deepEqual(
    outcomes
      .filter(({ verdict }) => verdict === 'kept')
      .map(({ id }) => id)
      .sort(),
    KEPT.slice(1),
  );
  assert.equal(named('vpc.security-groups').filter((name) => /rds-(client|instance)/.test(name)).length, 2);
});

test('destroy keeps the former instance with what it stands on; with consent it takes a last backup and goes, the other stays', async () => {
  await deploy();
  await restored();
  const options = { write: true, signal: new AbortController().signal, journal: journal() };
  const kept = await unwalk((await go({ write: false, stack: changed })).cloud.all, { ...options, mayDelete: () => false });
  assert.deepEqual(verdicts(kept.filter(({ verdict }) => ['failed', 'blocked'].includes(verdict))), []);
  assert.equal(rows('cce.clusters').length, 0);
  assert.equal(kept.find(({ id }) => id === 'database/former')?.verdict, 'kept');
  assert.deepEqual([named('rds.instances').length, named('vpc.subnets').length, named('vpc.vpcs').length], [1, 2, 1]);
  assert.equal(named('vpc.security-groups').filter((name) => /rds-(client|instance)/.test(name)).length, 2);
  const gone = await unwalk((await go({ write: false, stack: changed })).cloud.all, { ...options, mayDelete: () => true });
  assert.deepEqual(verdicts(gone.filter(({ verdict }) => ['failed', 'blocked'].includes(verdict))), []);
  assert.match(gone.find(({ id }) => id === 'database/former')?.note ?? '', /its last backup is kept/);
  assert.deepEqual(
    rows<{ name: string }>('rds.instances').map(({ name }) => name),
    ['restored'],
  );
  assert.deepEqual([named('vpc.security-groups'), named('vpc.vpcs')], [[], []]);
});
