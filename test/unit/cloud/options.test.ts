/** Owns the proof of the other choices a stack can make: switched options, existing resources, who must not be touched. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { disassociate } from '../../../src/otc/eip.ts';
import { readStack } from '../../../src/stack/read.ts';
import type { Stack } from '../../../src/stack/stack.ts';
import { small } from '../stack/reading.ts';
import { cloudWorld, inSync, settled, verdict } from './cloud-world.ts';
import { stack } from './stack.ts';

const { deploy, emulator, empty: emptied, go, named, rows, writes } = cloudWorld();

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

test('a database that would have to move to another subnet is refused at the line that moves it', async () => {
  await deploy();
  const refused = async (subnets: string): Promise<(string | undefined)[]> => {
    const text = `${small}network:\n  subnets:\n    cluster: 10.20.0.0/20\n${subnets}`;
    const { stack: given, placeOf } = readStack({ text, file: 'zitadel.yaml', env: {}, readFile: () => '' });
    const { outcomes } = await go({ stack: { network: given.network } });
    return outcomes.flatMap(({ fault }) => (fault === undefined ? [] : [text.split('\n')[(placeOf(fault.message)?.line ?? 0) - 1]?.trim()]));
  };
  assert.deepEqual(await refused('    single: true\n'), ['single: true']);
  assert.deepEqual(await refused('    database: 10.20.32.0/24\n'), ['database: 10.20.32.0/24']);
});

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
