/** Owns the proof of the other choices a stack can make: switched options, existing resources, the lock, who must not be touched. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CloudContext, cloudResources, takeLock } from '../../../src/cloud/index.ts';
import { lockIn } from '../../../src/cloud/lock.ts';
import { Fault } from '../../../src/engine/fault.ts';
import { pauseFor } from '../../../src/engine/until.ts';
import { walk } from '../../../src/engine/walk.ts';
import { disassociate } from '../../../src/otc/eip.ts';
import { readStack } from '../../../src/stack/read.ts';
import type { Stack } from '../../../src/stack/stack.ts';
import { small } from '../stack/reading.ts';
import { cloudWorld, inSync, OTC_SERVERS, served, settled, verdict } from './cloud-world.ts';
import { contextFor, journal, run, stack } from './stack.ts';

const { deploy, emulator, empty: emptied, go, named, rows, writes } = cloudWorld();

interface VpcRow {
  readonly id: string;
  readonly name: string;
  readonly description: string;
}

const options: [string, Partial<Stack>][] = [
  [
    'one subnet for both',
    { network: { ...stack.network, subnets: { cluster: { cidr: '10.20.0.0/20' }, database: { cidr: '10.20.0.0/20' }, single: true } } },
  ],
  [
    'a single database, an overlay network, one master',
    {
      database: {
        ...stack.database,
        ha: false,
        flavor: 'rds.pg.n1.large.4',
        zones: ['eu-de-01'],
        storage: { ...stack.database.storage, autoExpandTo: 0 },
      },
      cluster: { ...stack.cluster, flavor: 'cce.s1.small', containerNetwork: { mode: 'overlay_l2', cidr: '172.16.0.0/16' } },
    },
  ],
  [
    'shared SNAT, a private API server, records elsewhere',
    {
      network: { ...stack.network, egress: 'shared-snat' },
      cluster: { ...stack.cluster, access: 'private' },
      dns: { ...stack.dns, records: 'existing' },
    },
  ],
];
for (const [name, changed] of options) {
  test(`made and in sync: ${name}`, async () => {
    settled((await go({ stack: changed })).outcomes);
    inSync((await go({ stack: changed, write: false })).outcomes);
    assert.deepEqual([emulator().oddities(), emulator().defects], [[], []]);
  });
}

test('what a former choice made is taken away, and comes back', async () => {
  await deploy();
  const changed: Partial<Stack> = {
    network: { ...stack.network, egress: 'shared-snat' },
    cluster: { ...stack.cluster, access: 'private' },
    dns: { ...stack.dns, records: 'external-dns' },
  };
  const { outcomes } = await go({ stack: changed });
  settled(outcomes);
  assert.deepEqual(
    outcomes
      .filter((one) => one.verdict === 'delete' && one.done)
      .map(({ id }) => id)
      .sort(),
    ['cluster/eip', 'network/nat-eip', 'network/nat-gateway', 'network/snat-rule'],
  );
  assert.deepEqual([named('nat.gateways'), rows('vpc.publicips').length], [[], 1]);
  inSync((await go({ stack: changed, write: false })).outcomes);
  settled((await go()).outcomes);
  inSync((await go({ write: false })).outcomes);
});

test('existing resources are used and never changed', async () => {
  await deploy();
  const id = (table: Parameters<typeof rows>[0]): string =>
    rows<{ id: string; name: string }>(table).find(({ name }) => name.startsWith('shop-'))?.id ?? '';
  const subnets = rows<{ id: string; cidr: string }>('vpc.subnets');
  const subnet = (range: string): { existing: { id: string }; cidr: string } => ({
    existing: { id: subnets.find(({ cidr }) => cidr === range)?.id ?? '' },
    cidr: range,
  });
  const changed: Partial<Stack> = {
    name: 'other',
    network: {
      ...stack.network,
      existing: { id: id('vpc.vpcs') },
      subnets: { cluster: subnet('10.20.0.0/20'), database: subnet('10.20.16.0/24'), single: false },
      egress: 'none',
    },
    database: { ...stack.database, existing: { name: named('rds.instances')[0] ?? '' } },
    cluster: { ...stack.cluster, existing: { name: 'theirs' } },
    loadBalancer: { ...stack.loadBalancer, existing: { id: id('elb.loadbalancers') } },
  };
  // By its name it would be the cluster of stack shop, which no other takes.
  emulator().store.table<{ id: string; name: string }>('cce.clusters').update(id('cce.clusters'), { name: 'theirs' });
  const { outcomes, cloud } = await go({ stack: changed });
  inSync(outcomes.filter(({ id }) => id !== 'network/lock'));
  assert.deepEqual(
    writes()
      .map((line) => line.split('/').at(-1))
      .sort(),
    ['clustercert', 'security-groups'],
    'nothing but the group that carries the lock',
  );
  assert.ok(cloud.loadBalancer.readsOnly && cloud.vpc.readsOnly && cloud.database.readsOnly && cloud.cluster.readsOnly);
});

test('an existing load balancer of another network is refused, and a missing one named', async () => {
  await deploy();
  const balancer = named('elb.loadbalancers')[0] ?? '';
  emulator()
    .store.table<{ id: string; name: string; vpc_id: string }>('elb.loadbalancers')
    .update(rows<{ id: string }>('elb.loadbalancers')[0]?.id ?? '', { vpc_id: 'elsewhere' });
  const wrong = await go({ write: false, stack: { loadBalancer: { ...stack.loadBalancer, existing: { name: balancer } } } });
  assert.match(verdict(wrong.outcomes, 'load-balancer/load-balancer'), /is in VPC elsewhere/);
  const missing = await go({ write: false, stack: { loadBalancer: { ...stack.loadBalancer, existing: { name: 'nobody' } } } });
  assert.match(verdict(missing.outcomes, 'load-balancer/load-balancer'), /nobody was not found/);
});

test('the address of the load balancer is bound again where it was taken away', async () => {
  await deploy();
  const otc = await emulator().connect();
  const eip = rows<{ id: string; alias: string }>('vpc.publicips').find(({ alias }) => alias.startsWith('shop-elb'))?.id ?? '';
  await disassociate(otc, eip);
  const { outcomes } = await go();
  assert.equal(verdict(outcomes, 'load-balancer/load-balancer'), 'load-balancer/load-balancer | update | publicips');
  inSync((await go({ write: false })).outcomes);
});

test('a single database becomes larger and HA', async () => {
  const single = { ...stack.database, ha: false as const, flavor: 'rds.pg.n1.large.4', zones: ['eu-de-01'] };
  settled((await go({ stack: { database: single } })).outcomes);
  const larger = { ...single, flavor: 'rds.pg.n1.xlarge.4', port: 5433 };
  settled((await go({ stack: { database: larger } })).outcomes);
  inSync((await go({ stack: { database: larger }, write: false })).outcomes);
  const ha = { ...stack.database, flavor: 'rds.pg.n1.xlarge.4.ha', port: 5433 };
  const { outcomes } = await go({ stack: { database: ha } });
  assert.equal(verdict(outcomes, 'database/instance'), 'database/instance | update | ha');
  inSync((await go({ stack: { database: ha }, write: false })).outcomes);
});

test('other zones of the nodes move nodes alone: what the file gives no zones stays where it is, and follows only at its creation', async () => {
  const fileStack = (zones: string, more = ''): Stack =>
    readStack({
      text: `${small}consent: { agency: true }\nnetwork: { dns: [100.125.4.25, 100.125.129.199] }\ncluster: { access: eip, allow: [198.51.100.0/24], nodes: { zones: [${zones}] } }\n${more}`,
      file: 'zitadel.yaml',
      env: {},
      readFile: () => '',
    }).stack;
  settled((await go({ stack: fileStack('eu-de-01, eu-de-02') })).outcomes);
  const moved = fileStack('eu-de-02, eu-de-03');
  const planned = (await go({ stack: moved, write: false })).outcomes.filter(({ verdict: one }) => !['unchanged', 'absent', 'unknown'].includes(one));
  assert.deepEqual(
    planned.map(({ id, verdict: one }) => `${id} ${one}`),
    ['cluster/node-pool-eu-de-01 delete', 'cluster/node-pool-eu-de-02 update', 'cluster/node-pool-eu-de-03 create'],
  );
  const said = fileStack('eu-de-02, eu-de-03', 'database: { zones: [eu-de-02, eu-de-03] }\nloadBalancer: { zones: [eu-de-02, eu-de-03] }\n');
  const { outcomes } = await go({ stack: said, write: false });
  assert.deepEqual(
    outcomes.filter(({ refused }) => refused === true).map(({ id }) => id),
    ['database/instance', 'load-balancer/load-balancer'],
  );
  emptied();
  settled((await go({ stack: moved })).outcomes);
  const [balancer] = rows<{ availability_zone_list: string[] }>('elb.loadbalancers');
  assert.deepEqual(balancer?.availability_zone_list, ['eu-de-02', 'eu-de-03']);
});

test('a tenant with a hundred times as much costs pages, not calls for each', async () => {
  await deploy();
  const { otc } = await go({ write: false });
  for (const table of [
    'vpc.vpcs',
    'vpc.subnets',
    'vpc.security-groups',
    'vpc.publicips',
    'rds.instances',
    'elb.loadbalancers',
    'nat.gateways',
  ] as const) {
    const all = emulator().store.table<{ id: string; name?: string; alias?: string }>(table);
    const one = all.find(({ name, alias }) => (name ?? alias ?? '').startsWith('shop-'));
    assert.ok(one);
    for (let index = 0; index < 2500; index += 1)
      all.insert({ ...one, id: `${table}-${index}`, name: `other-${index}`, alias: `other-${index}` } as never);
  }
  const more = await go({ write: false });
  inSync(more.outcomes);
  // Four of the lists cannot be filtered by name; their pages hold 2000.
  assert.equal(more.otc.calls, otc.calls + 4);
});

test('two of our name are an error that lists both', async () => {
  await deploy();
  const instances = emulator().store.table<{ id: string }>('rds.instances');
  const [one] = instances.all();
  assert.ok(one);
  instances.insert({ ...one, id: 'twinin03' });
  const { outcomes } = await go({ write: false });
  const said = verdict(outcomes, 'database/instance');
  assert.ok(said.includes(one.id) && said.includes('twinin03'), said);
});

test('a read-only user who deploys is told which role is missing, and makes nothing', async () => {
  const { outcomes } = await go({ connect: { reader: true }, stack: { consent: { agency: true } } });
  const hints = outcomes.flatMap(({ fault }) => fault?.hint ?? []);
  assert.ok(
    hints.some((hint) => /Security Administrator|Administrator/.test(hint)),
    hints.join(),
  );
  assert.deepEqual([rows('vpc.vpcs'), rows('rds.instances'), rows('cce.clusters')], [[], [], []]);
});

const holder = (name: string): Parameters<typeof takeLock>[1] => ({
  holder: name,
  now: Date.now,
  pause: async (seconds, signal) => waitFor(seconds, signal),
});

/** Short pauses pass at once; the long ones between renewals last until the lock is given back. */
async function waitFor(seconds: number, signal: AbortSignal): Promise<void> {
  if (seconds < 10) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

const lockOf = (): ReturnType<typeof lockIn> => lockIn(rows<VpcRow>('vpc.vpcs').find(({ name }) => name.startsWith('shop-'))?.description);
const context = async (): Promise<CloudContext> => contextFor(await emulator().connect());

test('the lock makes the VPC where there is none, keeps others out, and is given back', async () => {
  const first = await takeLock(await context(), holder('octo/shop run 1'), run);
  assert.equal(lockOf()?.holder, 'octo/shop run 1');
  await assert.rejects(
    takeLock(await context(), holder('octo/shop run 2'), run),
    (error) => error instanceof Fault && /octo\/shop run 1/.test(error.message),
  );
  await first?.release();
  assert.equal(lockOf(), undefined);
  const second = await takeLock(await context(), holder('octo/shop run 2'), run);
  assert.equal(lockOf()?.holder, 'octo/shop run 2');
  await second?.release();
  assert.equal(named('vpc.vpcs').length, 1);
  inSync((await go({ write: false })).outcomes.filter(({ id }) => id === 'network/vpc'));
});

test('a deploy under the lock takes the VPC that the lock made', async () => {
  const surroundings = await context();
  let lock: Awaited<ReturnType<typeof takeLock>>;
  const options = { write: true, signal: run.signal, journal: journal() };
  const locked = async (): Promise<void> => {
    lock = await takeLock(surroundings, holder('run 7'), run);
  };
  const { all } = cloudResources(surroundings, { delegation: served(OTC_SERVERS) });
  settled((await walk(all, { ...options, beforeFirstWrite: locked })).outcomes);
  assert.equal(lockOf()?.holder, 'run 7');
  await lock?.release();
  assert.deepEqual([lockOf(), named('vpc.vpcs').length], [undefined, 1]);
  inSync((await go({ write: false })).outcomes);
});

test('a lock that nobody renewed is taken over', async () => {
  const dead = (seconds: number): Promise<void> => (seconds < 10 ? Promise.resolve() : new Promise(() => undefined));
  await takeLock(await context(), { ...holder('dead run'), now: () => Date.now() - 3_600_000, pause: dead }, run);
  const next = await takeLock(await context(), holder('next run'), run);
  assert.equal(lockOf()?.holder, 'next run');
  await next?.release();
});

test('a run that was silent for too long does not take its lock back', async () => {
  const faults: Fault[] = [];
  let wake = (): void => undefined;
  const sleepy = (seconds: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      if (seconds < 10) return resolve();
      wake = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  const first = await takeLock(await context(), { ...holder('run 1'), pause: sleepy, lost: (fault) => void faults.push(fault) }, run);
  const heir = await takeLock(await context(), { ...holder('run 2'), now: () => Date.now() + 3_600_000 }, run);
  wake();
  for (let turn = 0; turn < 200 && faults.length === 0; turn += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.match(faults[0]?.message ?? '', /taken over by run 2/);
  await first?.release();
  assert.equal(lockOf()?.holder, 'run 2');
  await heir?.release();
});

test('a lock that cannot be renewed is tried again while there is time, then lost, with the reason', async () => {
  const faults: Fault[] = [];
  const said: string[] = [];
  let ahead = 0;
  const often = (seconds: number, signal: AbortSignal): Promise<void> => (seconds < 10 ? Promise.resolve() : pauseFor(0.02, signal));
  const given = { ...holder('run 1'), now: () => Date.now() + ahead, pause: often, lost: (fault: Fault) => void faults.push(fault) };
  const lock = await takeLock(await context(), given, { ...run, say: (line) => said.push(line) });
  const wait = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 400));
  emulator().broken.push({ fits: /PUT .*\/vpcs\//, status: 403 });
  await wait();
  ahead = 100_000;
  await wait();
  assert.equal(faults.length, 0, 'there is time left');
  assert.match(said[0] ?? '', /could not be renewed and will be tried again: .*not today/);
  emulator().broken.length = 0;
  await wait();
  ahead = 200_000;
  await wait();
  assert.equal(faults.length, 0, 'renewed in time');
  emulator().broken.push({ fits: /GET .*\/vpcs\//, status: 403 });
  ahead = 315_000;
  for (let turn = 0; turn < 200 && faults.length === 0; turn += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  const count = said.length;
  await wait();
  assert.deepEqual([faults.length, said.length], [1, count], 'told once, and not renewed any more');
  assert.match(faults[0]?.message ?? '', /lock could not be renewed in time: .*not today/);
  emulator().broken.length = 0;
  await lock?.release();
  assert.equal(lockOf(), undefined);
});

test('of two that start at once, one writes', async () => {
  const both = await Promise.allSettled([takeLock(await context(), holder('a'), run), takeLock(await context(), holder('b'), run)]);
  assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  for (const one of both) if (one.status === 'fulfilled') await one.value?.release();
  assert.equal(named('vpc.vpcs').length, 1);
});
