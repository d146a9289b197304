/**
 * Owns the proof of the cloud's resources against the emulated services: from an empty project to a finished one, nothing
 * left to do afterwards, repaired behind our back, taken away; through crashes without doubles. Faults of the services are `faults.test.ts`'s.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MASTERKEY_TAG } from '../../../src/cloud/database-spec.ts';
import type { Outcome } from '../../../src/engine/outcome.ts';
import type { AnyResource } from '../../../src/engine/resource.ts';
import { unwalk } from '../../../src/engine/unwalk.ts';
import type { Graph } from '../../../src/graph.ts';
import { renderMarkdown } from '../../../src/report/markdown.ts';
import { planDigest } from '../../../src/report/plan-digest.ts';
import { makeReport } from '../../../src/report/report.ts';
import { lookAtGuarded, refusedIn } from '../../../src/run/plan.ts';
import { Secret } from '../../../src/secret.ts';
import type { Stack } from '../../../src/stack/stack.ts';
import { cloudWorld, inSync, served, settled, verdict } from './cloud-world.ts';
import { journal, pause, stack, verdicts } from './stack.ts';

const { deploy, empty, emulator, go, named, rows, writes } = cloudWorld();

test('from an empty project: a plan writes nothing, a deploy makes everything, a second one has nothing to do', async () => {
  const plan = await go({ write: false });
  assert.deepEqual(writes(), []);
  assert.ok(
    plan.outcomes.every(({ verdict: one }) => !['failed', 'blocked'].includes(one)),
    verdicts(plan.outcomes).join('\n'),
  );
  await deploy();
  const { outcomes, otc } = await go();
  inSync(outcomes);
  assert.deepEqual(
    writes().map((line) => line.split('/').at(-1)),
    ['clustercert'],
  );
  assert.ok(otc.calls <= 25, `${otc.calls} calls`);
  assert.deepEqual([emulator().oddities(), emulator().defects], [[], []]);
});

test('a plan of an empty project says what is bought, the same with and without secrets', async () => {
  const { outcomes } = await go({ write: false });
  const made = outcomes.filter(({ verdict: one }) => one === 'create');
  // They take the groups of what they stand on, and make nothing of their own.
  assert.deepEqual(
    made.filter(({ changes }) => changes.length === 0).map(({ id }) => id),
    ['cluster/node-groups'],
  );
  const fields = (id: string): unknown =>
    Object.fromEntries(made.find((one) => one.id === id)?.changes.map(({ field, after }) => [field, after]) ?? []);
  assert.deepEqual(fields('network/subnet-cluster'), {
    ...{ cidr: '10.20.0.0/20', gateway_ip: '10.20.0.1', dnsList: '100.125.4.25,100.125.129.199' },
  });
  assert.deepEqual(fields('database/instance'), {
    ...{ 'datastore.version': 'PostgreSQL 16', flavor_ref: 'rds.pg.n1.large.4.ha', port: 5432 },
    ...{ 'volume.type': 'CLOUDSSD', 'volume.size': 100, 'disk auto-expansion': 'up to 200 GB' },
    ...{ ha: 'Ha', 'ha.replication_mode': 'async', availability_zone: 'eu-de-01,eu-de-02' },
    ...{ 'backup_strategy.keep_days': 7, 'backup_strategy.start_time': '02:00-03:00' },
  });
  assert.deepEqual(fields('cluster/cluster'), {
    ...{ 'spec.version': 'v1.33', 'spec.flavor': 'cce.s2.small', 'spec.containerNetwork.mode': 'vpc-router' },
    ...{ 'spec.containerNetwork.cidrs': '172.16.0.0/16', 'spec.kubernetesSvcIpRange': '10.247.0.0/16', 'status.endpoints.external': 'a new EIP' },
  });
  assert.deepEqual(fields('cluster/node-pool-eu-de-01'), {
    ...{ initialNodeCount: 1, 'nodeTemplate.flavor': 's3.large.4', 'nodeTemplate.az': 'eu-de-01', 'nodeTemplate.os': 'HCE OS 2.0' },
    ...{ 'nodeTemplate.rootVolume': 'SSD 50', 'nodeTemplate.dataVolumes': 'SSD 100' },
  });
  assert.deepEqual(fields('dns/record'), { name: 'login.example.com.', records: 'known after load-balancer/load-balancer', ttl: 300 });
  const reader = await go({ write: false, connect: { reader: true, byPassword: true } });
  const other = await go({ write: false, masterkey: new Secret('another masterkey of 32 characters', 'masterkey') });
  const digest = (all: readonly Outcome[]): string => planDigest({ version: '1', stack: {}, charts: {}, outcomes: all });
  assert.deepEqual([digest(reader.outcomes), digest([...other.outcomes].reverse())], [digest(outcomes), digest(outcomes)]);
  const page = renderMarkdown(makeReport({ command: 'plan', outcomes, versions: {}, seconds: 1 }));
  assert.match(page, /RDS instance shop-db-\w+ \| 🟢.to.create \| datastore\.version: PostgreSQL 16, flavor_ref: rds\.pg\.n1\.large\.4\.ha, /);
  assert.match(page, /<details><summary>RDS instance shop-db-\w+: 11 fields<\/summary>\n\n```diff\n\+ datastore.version: PostgreSQL 16\n/);
  assert.doesNotMatch(page, /<summary>DNS zone/, 'its row says it all');
});

test('a user who may only read sees the same plan, without any secret', async () => {
  await deploy();
  const { outcomes } = await go({ write: false, connect: { reader: true, byPassword: true } });
  const unreadable = outcomes.filter(({ id }) => id !== 'cluster/kubeconfig' && id !== 'cluster/key-pair');
  inSync(unreadable);
});

test('the database is guarded: only nodes and pods on its port, nothing out, nothing wide', async () => {
  await deploy();
  const groups = rows<{ id: string; name: string }>('vpc.security-groups');
  const rules = rows<Record<string, unknown>>('vpc.security-group-rules');
  const id = (role: string): string => groups.find(({ name }) => name.startsWith(`shop-${role}`))?.id ?? '';
  const of = (role: string): unknown[] =>
    rules
      .filter((rule) => rule['security_group_id'] === id(role))
      .map((rule) => [
        rule['direction'],
        rule['protocol'],
        rule['port_range_min'],
        rule['port_range_max'],
        rule['remote_group_id'] ?? rule['remote_ip_prefix'],
      ]);
  assert.deepEqual(
    new Set(of('rds-instance').map(String)),
    new Set([`ingress,tcp,5432,5432,${id('rds-client')}`, 'ingress,tcp,5432,5432,172.16.0.0/16']),
  );
  assert.deepEqual(of('rds-client').map(String), [`egress,tcp,5432,5432,${id('rds-instance')}`]);
});

test('what was changed behind our back is told and repaired', async () => {
  await deploy();
  const rules = emulator().store.table<{ id: string; security_group_id: string; port_range_min: number | null }>('vpc.security-group-rules');
  const group = rows<{ id: string; name: string }>('vpc.security-groups').find(({ name }) => name.startsWith('shop-rds-instance'))?.id ?? '';
  const [one] = rules.where((rule) => rule.security_group_id === group);
  assert.ok(one);
  rules.insert({
    ...one,
    id: 'made-by-hand',
    port_range_min: 1,
    port_range_max: 65535,
    remote_group_id: null,
    remote_ip_prefix: '0.0.0.0/0',
  } as never);
  const plan = await go({ write: false });
  assert.equal(
    verdict(plan.outcomes, 'network/security-group-database'),
    'network/security-group-database | update | rule ingress tcp 1-65535 from 0.0.0.0/0',
  );
  settled((await go()).outcomes);
  assert.equal(rules.get('made-by-hand'), undefined);
  inSync((await go({ write: false })).outcomes);
});

test('changes that the services make in place', async () => {
  await deploy();
  const changed: Partial<Stack> = {
    database: {
      ...stack.database,
      storage: { ...stack.database.storage, size: 120 },
      backup: { keepDays: 14, window: '03:00-04:00' },
      passwordGeneration: { root: 2, user: 1 },
    },
    loadBalancer: { ...stack.loadBalancer, bandwidth: 200 },
    dns: { ...stack.dns, ttl: 120 },
    cluster: { ...stack.cluster, nodes: { ...stack.cluster.nodes, count: 4 } },
  };
  const { outcomes } = await go({ stack: changed });
  settled(outcomes);
  assert.deepEqual(
    outcomes
      .filter((one) => one.verdict === 'update')
      .map(({ id }) => id)
      .sort(),
    ['cluster/node-pool-eu-de-01', 'database/instance', 'dns/record', 'load-balancer/eip'],
  );
  inSync((await go({ write: false, stack: changed })).outcomes);
  assert.deepEqual(named('nova.keypairs'), []);
});

test('what would lose data or the running system is refused', async () => {
  await deploy();
  const { outcomes } = await go({
    stack: {
      database: { ...stack.database, version: '17' },
      cluster: { ...stack.cluster, containerNetwork: { mode: 'vpc-router', cidr: '172.18.0.0/16' } },
    },
  });
  assert.match(verdict(outcomes, 'database/instance'), /failed .*holds data: refused/);
  assert.match(verdict(outcomes, 'cluster/cluster'), /failed .*carries the running system: refused/);
});

test('another masterkey than the data was encrypted with stops the database, and forbids the first write beside it', async () => {
  await deploy();
  const { outcomes, cloud } = await go({ masterkey: new Secret('z'.repeat(32)) });
  assert.match(verdict(outcomes, 'database/instance'), /another masterkey/);
  assert.ok(JSON.stringify(rows('rds.instances')).includes(MASTERKEY_TAG));
  const options = { write: false, signal: new AbortController().signal, journal: journal(), pause };
  const refused = async (roots: readonly AnyResource[]): Promise<string | undefined> =>
    refusedIn(await lookAtGuarded({ roots } as unknown as Graph, options))?.message;
  assert.match((await refused(cloud.all)) ?? '', /another masterkey/);
  assert.equal(await refused((await go({ write: false })).cloud.all), undefined);
});

test('an undelegated zone stops after the zone, before database and cluster', async () => {
  const { outcomes } = await go({ delegation: served(['ns.registrar.test']) });
  assert.match(verdict(outcomes, 'dns/delegation'), /failed .*ns\.registrar\.test/);
  assert.match(verdict(outcomes, 'dns/zone'), /create/);
  assert.match(verdict(outcomes, 'database/instance'), /blocked/);
  assert.match(verdict(outcomes, 'cluster/cluster'), /blocked/);
  assert.deepEqual([rows('rds.instances'), rows('cce.clusters')], [[], []]);
});

test('a missing agency stops before anything is made, unless it may be made', async () => {
  const { outcomes } = await go({ stack: { consent: { agency: false } } });
  assert.match(verdict(outcomes, 'project/agency'), /failed .*cce_admin_trust is missing/);
  assert.deepEqual(writes(), []);
});

test('what the region does not offer is said before anything is made', async () => {
  const { outcomes } = await go({
    stack: {
      database: { ...stack.database, flavor: 'rds.pg.n1.huge.4.ha' },
      cluster: { ...stack.cluster, version: 'v1.99', nodes: { ...stack.cluster.nodes, flavor: 's99.large.4' } },
      loadBalancer: { ...stack.loadBalancer, l4Flavor: 'L4_flavor.elb.s9.small' },
    },
  });
  const said = verdict(outcomes, 'project/preflight');
  for (const word of ['rds.pg.n1.huge.4.ha', 'v1.99', 's99.large.4', 'L4_flavor.elb.s9.small']) assert.ok(said.includes(word), said);
  assert.deepEqual(writes(), []);
});

test('a crash after any write is continued by the next run', async () => {
  for (const crashAfter of [1, 5, 9, 14, 19, 24]) {
    empty();
    const stop = new AbortController();
    emulator().afterWrite = (count) => {
      if (count === crashAfter) stop.abort();
    };
    await go({ connect: { signal: stop.signal } });
    emulator().afterWrite = undefined;
    settled((await go()).outcomes);
    inSync((await go({ write: false })).outcomes);
  }
});

test('destroyed with consent, nothing of ours is left; without it the data and what it stands on stay', async () => {
  await deploy();
  const options = { write: true, signal: new AbortController().signal, journal: journal(), pause };
  const kept = await unwalk((await go({ write: false })).cloud.all, { ...options, mayDelete: () => false });
  assert.deepEqual(verdicts(kept.filter((one) => ['failed', 'blocked'].includes(one.verdict))), []);
  assert.equal(rows('rds.instances').length, 1);
  assert.equal(rows('cce.clusters').length, 0);
  assert.equal(named('vpc.vpcs').length, 1);
  const gone = await unwalk((await go({ write: false })).cloud.all, { ...options, mayDelete: () => true });
  assert.deepEqual(verdicts(gone.filter((one) => ['failed', 'blocked'].includes(one.verdict))), []);
  for (const table of [
    'vpc.vpcs',
    'vpc.subnets',
    'vpc.security-groups',
    'rds.instances',
    'elb.loadbalancers',
    'nat.gateways',
    'dns.zones',
  ] as const) {
    assert.deepEqual(named(table), [], table);
  }
});
