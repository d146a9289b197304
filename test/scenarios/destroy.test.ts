/**
 * `destroy` takes away what carries the stack's name and nothing else, keeps data unless the stack file consents, makes a last
 * backup before a database goes, does not need a living cluster, and can be run again. `plan` shows it first, and on an empty
 * project writes nothing.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { RunResult } from '../../sandbox/runner/run.ts';
import type { DeployRequest } from '../../sandbox/runner/service.ts';
import { derivePassword } from '../../src/stack/secrets.ts';
import { query, secretData } from '../harness/cluster.ts';
import { age, deployedWorld, stackSecret } from '../harness/deployed.ts';
import { named, rowOf } from '../harness/hands.ts';
import { stackFile } from '../harness/stack-file.ts';
import { reportOf } from '../harness/telling.ts';
import type { TestWorld } from '../harness/world.ts';
import * as cluster from './expect/cluster.ts';

type Row = { readonly id: string; readonly [field: string]: unknown };

const name = 'zitadel-sandbox';
const consenting = stackFile({ destroy: { database: true, zone: true } });

/** Tables in which everything of the stack carries its name, or stands under something that does. */
const tables = [
  ...['vpc.vpcs', 'vpc.subnets', 'vpc.security-groups', 'vpc.publicips', 'nat.gateways', 'nat.snat-rules', 'dns.zones', 'rds.instances'],
  ...['cce.clusters', 'cce.nodepools', 'cce.nodes', 'ecs.servers', 'elb.loadbalancers', 'elb.listeners', 'elb.pools', 'nova.keypairs'],
];

describe('destroy', { timeout: 540_000 }, () => {
  let world: TestWorld;
  const run = (command: string, more: DeployRequest = {}): Promise<RunResult> =>
    world.deploy({ command, ...more, inputs: { 'stack-secret': stackSecret, ...more.inputs } });
  const destroy = (more: DeployRequest = {}): Promise<RunResult> => run('destroy', { ...more, inputs: { 'confirm-destroy': name, ...more.inputs } });
  const left = async (): Promise<Record<string, string[]>> => {
    const all = await world.control.resources();
    const found = tables.map((table): [string, string[]] => [
      table,
      ((all[table] ?? []) as Row[]).map((row) => String(row['name'] ?? row['alias'] ?? row.id)).filter((one) => one !== 'default'),
    ]);
    return Object.fromEntries(found.filter(([, rows]) => rows.length > 0));
  };
  const without = (text: string): string => text.replace(/-[0-9a-f]{6}$/, '');
  const writes = async (): Promise<string[]> =>
    (await world.control.requests())
      .filter(({ method }) => method !== 'GET')
      .map(({ service, method, path }) => `${service} ${method} ${path.split('/').at(-1)}`);

  /** Puts things of others into the cluster's subnet and on the load balancer. @returns how to take them away */
  const inTheWay = async (): Promise<() => Promise<void>> => {
    const subnet = await rowOf(world, 'vpc.subnets', named('-nodes-'));
    const ports = await rowOf(world, 'vpc.ports', (row) => row['network_id'] === subnet.id);
    const port = { ...ports, id: 'port-by-hand', name: 'theirs', device_owner: '', device_id: '', security_groups: [] };
    const { owner: _, ...listeners } = await rowOf(world, 'elb.listeners');
    const listener = {
      ...listeners,
      id: 'listener-by-hand',
      name: 'theirs',
      description: '',
      protocol: 'TCP',
      protocol_port: 9443,
      default_pool_id: null,
    };
    await world.control.edit({ tables: { 'vpc.ports': { insert: [port] }, 'elb.listeners': { insert: [listener] } } });
    return () => world.control.edit({ tables: { 'vpc.ports': { remove: [port.id] }, 'elb.listeners': { remove: [listener.id] } } });
  };

  let token = '';
  const instance = async (): Promise<Row> => {
    const [found] = await world.control.table<Row>('rds.instances');
    assert.ok(found);
    return found;
  };
  /** Rows, asked as ZITADEL's role. */
  const ask = async (sql: string): Promise<unknown[][]> => {
    const { subnet_id: subnet } = await instance();
    const port = (await world.control.table<Row>('vpc.ports')).find((one) => one['network_id'] === subnet && one['name'] === 'VIP');
    const [address] = (port?.['fixed_ips'] ?? []) as { readonly ip_address: string }[];
    const password = derivePassword(stackSecret, 'database-user', 1);
    return query(world, { host: address?.ip_address ?? '', user: 'zitadel', password, database: 'zitadel' }, sql);
  };

  before(async () => {
    world = await deployedWorld();
    token = (await secretData(world, 'zitadel', 'login-client'))['pat'] ?? '';
    assert.notEqual(token, '');
    assert.ok(!JSON.stringify(await world.control.resources()).includes(token), 'kept beside the database, but sealed');
  });
  after(async () => await world?.stop());

  it('with another stack-secret: where the database goes too it is refused before anything is deleted, and its plan says so and tells of the last backup', async () => {
    const before = await left();
    await world.control.clearRequests();
    const other = { 'stack-secret': Buffer.from('the one secret of quite another stack').toString('base64') };
    const plan = await run('plan', { config: consenting, inputs: { ...other, target: 'destroy' } });
    assert.equal(plan.exitCode, 0, plan.log);
    assert.match(plan.summary, /a last manual backup [^|]*is made first and kept/);
    const refused = await destroy({ config: consenting, inputs: other });
    assert.equal(refused.exitCode, 1, refused.log);
    for (const { log, summary } of [plan, refused])
      for (const text of [log, summary]) assert.match(text, /is not the one that this stack was made with/);
    assert.deepEqual(
      (await writes()).filter((line) => !/ (tokens|clustercert)$/.test(line)),
      [],
    );
    assert.deepEqual(await left(), before);
  });

  it('unconfirmed it does nothing; planned it says what would go', async () => {
    const before = await left();
    await world.control.clearRequests();
    const refused = await run('destroy', { inputs: { 'confirm-destroy': 'something-else' } });
    assert.notEqual(refused.exitCode, 0);
    assert.match(refused.log, /destroy of zitadel-sandbox is not confirmed/);
    assert.match(refused.summary, /1\. To destroy it, run destroy with confirm-destroy: zitadel-sandbox\./);
    const away = await inTheWay();
    const [told, kept] = [await run('plan', { inputs: { target: 'destroy' } }), await destroy()];
    for (const { exitCode, log, summary } of [told, kept]) {
      assert.equal(exitCode, 1, log);
      assert.match(log, /Subnet \S+ cannot be deleted, because it is in use by port theirs port-by-hand/);
      assert.match(log, /Load balancer \S+ cannot be deleted, because it is in use by listener theirs \(listener-by-hand, TCP 9443\)/);
      for (const id of ['port-by-hand', 'listener-by-hand']) assert.ok(summary.includes(id), summary);
    }
    assert.match(told.summary, /CCE cluster .*to\sdelete/);
    await away();
    const plan = await run('plan', { inputs: { target: 'destroy' } });
    assert.equal(plan.exitCode, 0, plan.log);
    assert.match(plan.summary, /CCE cluster .*to\sdelete/);
    assert.match(plan.summary, /RDS instance .*kept/);
    assert.deepEqual(
      (await writes()).filter((line) => !/ (tokens|clustercert)$/.test(line)),
      [],
    );
    assert.deepEqual(await left(), before);
  });

  it('without consent the data and what it stands on stay, and nothing else', async () => {
    const gone = await destroy();
    assert.equal(gone.exitCode, 0, gone.log);
    const kept = Object.fromEntries(Object.entries(await left()).map(([table, rows]) => [table, rows.map(without).sort()]));
    assert.deepEqual(kept, {
      'vpc.vpcs': [`${name}-vpc`],
      'vpc.subnets': [`${name}-database`],
      'vpc.security-groups': [`${name}-rds-client`, `${name}-rds-instance`],
      'dns.zones': ['example.com.'],
      'rds.instances': [`${name}-db`],
    });
    for (const title of ['VPC', 'Subnet', 'Security group', 'DNS zone', 'RDS instance'])
      assert.match(gone.summary, new RegExp(`${title} [^|]*\\| [^|]*kept`));
    const again = await destroy();
    assert.equal(again.exitCode, 0, again.log);
    assert.doesNotMatch(again.summary, /deleted/);
  });

  it('the next deploy makes a new cluster for the kept data: nothing is lost, the login app has its token, people can log in', async () => {
    const kept = await instance();
    const found = async (): Promise<unknown> => ({
      people: await ask('SELECT id, username FROM projections.users14 ORDER BY id'),
      instance: await ask('SELECT id FROM projections.instances'),
      setUp: await ask("SELECT count(*) FROM eventstore.events2 WHERE event_type = 'instance.added'"),
    });
    const before = await found();
    const deployed = await run('deploy');
    assert.equal(deployed.exitCode, 0, deployed.log);
    assert.deepEqual(await found(), before);
    const { id, tags } = await instance();
    assert.deepEqual([id, tags], [kept.id, kept['tags']]);
    assert.equal((await secretData(world, 'zitadel', 'login-client'))['pat'], token, 'the token that the first setup made');
    await cluster.expectOutside(world);
    await cluster.expectSecrets(world, stackSecret);
    const drift = await run('drift');
    assert.equal(drift.outputs['result'], 'unchanged', drift.log);
  });

  it('a deleted login token is found by drift, and brought back by deploy', async () => {
    const { exitCode } = await world.enter(['kubectl', 'delete', 'secret', 'login-client', '-n', 'zitadel']);
    assert.equal(exitCode, 0);
    const drift = await run('drift');
    assert.match(drift.summary, /Secret zitadel\/login-client/);
    const healed = await run('deploy');
    assert.equal(healed.exitCode, 0, healed.log);
    assert.equal((await secretData(world, 'zitadel', 'login-client'))['pat'], token);
  });

  it('with consent all goes, even when the cluster does not answer any more; a last backup is kept and named', async () => {
    await age(world);
    // The rule that lets the runner in to the bastion is gone: the API server cannot be reached.
    const rules = await world.control.table<Row>('vpc.security-group-rules');
    const doors = rules.filter((rule) => rule['port_range_min'] === 22 && String(rule['remote_ip_prefix']).startsWith('192.0.2.'));
    assert.notEqual(doors.length, 0);
    await world.control.edit({ tables: { 'vpc.security-group-rules': { remove: doors.map(({ id }) => id) } } });
    // Something of somebody else in the cluster's subnet stands in the way.
    const [subnet] = (await world.control.table<Row>('vpc.subnets')).filter((row) => String(row['name']).includes('-nodes-'));
    const [like] = (await world.control.table<Row>('vpc.ports')).filter((row) => row['network_id'] === subnet?.id);
    assert.ok(subnet && like);
    const port = { ...like, id: 'port-of-another', name: 'another', device_id: 'another-server', security_groups: [] };
    await world.control.edit({ tables: { 'vpc.ports': { insert: [port] } } });
    const first = await destroy({ config: consenting });
    assert.notEqual(first.exitCode, 0);
    assert.match(first.log, /subnet zitadel-sandbox-nodes-\w+ cannot be deleted, because it is in use by port another port-of-another/);
    const backup = ((await world.control.resources())['rds.backups'] as Row[]).find((row) => String(row['name']).includes('-last-'));
    assert.ok(backup);
    assert.equal(backup['status'], 'COMPLETED');
    assert.ok(first.summary.includes(String(backup['name'])) && first.summary.includes(backup.id), first.summary);
    assert.deepEqual(Object.keys(await left()), ['vpc.vpcs', 'vpc.subnets']);
    await world.control.edit({ tables: { 'vpc.ports': { remove: ['port-of-another'] } } });
    const second = await destroy({ config: consenting });
    assert.equal(second.exitCode, 0, second.log);
    assert.deepEqual(await left(), {});
  });

  it('on an emptied project: there is nothing to destroy but the backup is named, and a plan writes nothing', async () => {
    await world.control.clearRequests();
    const nothing = await destroy({ config: consenting });
    assert.equal(nothing.exitCode, 0, nothing.log);
    // The backup of the database that went before, with all that it takes to bring it back.
    assert.match(nothing.summary, /nothing to do, 1 kept: /);
    assert.match(nothing.summary, /its last backup is kept: zitadel-sandbox-last-.*restore it in the RDS console .*The backup costs money/);
    const plan = await run('plan');
    assert.equal(plan.exitCode, 0, plan.log);
    const { outcomes } = reportOf(plan);
    const bare = outcomes.filter(({ verdict, changes }) => verdict === 'create' && changes.length === 0);
    // A plan of nothing says what is bought; these make nothing to review.
    const fine = /^(kube\/namespace-|cluster\/node-groups$|zitadel\/login-token$)/;
    assert.deepEqual(
      bare.filter(({ id }) => !fine.test(id)).map(({ id }) => id),
      [],
    );
    assert.deepEqual(
      (await writes()).filter((line) => !/ tokens$/.test(line)),
      [],
    );
    assert.deepEqual(await left(), {});
  });
});
