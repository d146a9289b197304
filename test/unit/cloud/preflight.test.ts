/** Owns the proof of the preflight: a question that is not answered is named and stops nothing, each real finding stops everything. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CloudContext } from '../../../src/cloud/context.ts';
import { preflight as preflightOf } from '../../../src/cloud/preflight.ts';
import { ifAnswered, TOLD_BY_ITS_CHECK } from '../../../src/cloud/preflight-answers.ts';
import { Cancelled } from '../../../src/engine/fault.ts';
import type { Outcome } from '../../../src/engine/outcome.ts';
import { walk } from '../../../src/engine/walk.ts';
import { createRecordSet, createZone } from '../../../src/otc/dns.ts';
import { ServiceFault } from '../../../src/otc/errors.ts';
import type { Stack } from '../../../src/stack/stack.ts';
import { cloudWorld, inSync, settled } from './cloud-world.ts';
import { journal, stack } from './stack.ts';

const { deploy, emulator, go, rows, writes } = cloudWorld();

const preflight = (outcomes: readonly Outcome[]): Outcome => {
  const found = outcomes.find(({ id }) => id === 'project/preflight');
  assert.ok(found);
  return found;
};
const set = (id: string, value: unknown): void => void emulator().store.table<{ id: string; value: unknown }>('world.switches').insert({ id, value });

const questions: readonly [RegExp, string][] = [
  [/vpc\..*\/v1\/[^/]+\/quotas/, 'network quotas'],
  [/rds\..*\/datastores\//, 'RDS versions'],
  [/rds\..*\/flavors\//, 'RDS flavors'],
  [/rds\..*\/storage-type\//, 'RDS storage types'],
  [/rds\..*\/quotas/, 'RDS quota'],
  [/cce\..*\/quotas/, 'CCE quota'],
  [/cce\..*\/addontemplates/, 'cluster version'],
  [/ecs\..*\/cloudservers\/flavors/, 'server flavors'],
  [/ecs\..*\/limits/, 'server quotas'],
  [/evs\..*\/os-quota-sets/, 'disk quotas'],
  [/elb\..*\/quotas/, 'load balancer quotas'],
  [/elb\..*\/availability-zones/, 'load balancer zones'],
];
for (const [status, word] of [
  [503, 'trouble'],
  [403, 'no permission'],
  [undefined, 'no answer'],
] as const) {
  test(`questions that get ${word}: each is named, none stops`, async () => {
    for (const [fits] of questions) emulator().broken.push({ fits, status });
    const outcome = preflight((await go({ write: false })).outcomes);
    assert.equal(outcome.verdict, 'unchanged', outcome.fault?.message);
    for (const [, name] of questions) assert.ok(outcome.note?.includes(`${name} (`), `${name}: ${outcome.note}`);
    if (status === 403) assert.match(outcome.note ?? '', /give its group the role "RDS Administrator"/);
    assert.equal(outcome.facts['checked'], 'load balancer flavors, records of the domain');
  });
}

test('a deploy goes on without the answers, and a finding besides them still stops it', async () => {
  for (const [fits] of questions) emulator().broken.push({ fits, status: 503 });
  const refused = await go({ stack: { loadBalancer: { ...stack.loadBalancer, l4Flavor: 'L4_flavor.none' } } });
  assert.match(preflight(refused.outcomes).fault?.message ?? '', /L4_flavor\.none is unknown; on offer: L4_flavor\.elb/);
  assert.deepEqual(writes(), []);
  const { outcomes, lines } = await go();
  settled(outcomes);
  assert.ok(
    lines.some((line) => /preflight: RDS flavors not checked: .*503/.test(line)),
    lines.join('\n'),
  );
  emulator().broken.length = 0;
  emulator().requests.length = 0;
  const again = preflight((await go()).outcomes);
  assert.deepEqual([again.note, again.facts['checked']], [undefined, 'nothing to be made']);
});

test('what the pods need and was not given is said before anything is made, and by a check always', async () => {
  const missingInputs = ['external-dns needs an IAM user.'];
  const refusal = async (more: Partial<CloudContext>): Promise<string | undefined> => {
    const { context } = await go({ write: false });
    const { outcomes } = await walk([preflightOf({ ...context, missingInputs, ...more })], {
      ...{ write: false, signal: new AbortController().signal, journal: journal() },
    });
    return preflight(outcomes).fault?.message;
  };
  assert.match((await refusal({})) ?? '', /external-dns needs an IAM user/);
  await deploy();
  assert.equal(await refusal({}), undefined, 'the cluster may have it');
  assert.match((await refusal({ checks: true })) ?? '', /external-dns needs an IAM user/);
});

test('a list that is not answered leaves out what it would count, and its own resource says so', async () => {
  await deploy();
  emulator().broken.push({ fits: /elb\..*\/loadbalancers\?/, status: 500 });
  const { outcomes } = await go({ write: false });
  assert.match(preflight(outcomes).note ?? '', /not checked: load balancers \(/);
  assert.equal(outcomes.find(({ id }) => id === 'load-balancer/load-balancer')?.verdict, 'failed');
  assert.equal(outcomes.find(({ id }) => id === 'network/vpc')?.verdict, 'unchanged');
});

const bastion: Partial<Stack> = { cluster: { ...stack.cluster, access: 'bastion', allow: ['198.51.100.0/24'] } };
for (const [fits, own, others] of [
  [/rds\..*\/datastores\//, 'RDS versions', ['RDS flavors', 'RDS storage types']],
  [/ecs\..*\/cloudservers\/flavors/, 'server flavors', ['server quotas']],
  [/ims\./, 'bastion image', ['disk quotas']],
] as const) {
  test(`what two checks ask for is told by one where it is not answered: ${own}`, async () => {
    emulator().broken.push({ fits, status: 403 });
    const { note, facts } = preflight((await go({ write: false, stack: bastion })).outcomes);
    // Once, and nothing else.
    assert.deepEqual(
      [...(note ?? '').matchAll(/(?:^not checked: |\); )([\w ]+) \(/g)].map(([, name]) => name),
      [own],
      note,
    );
    for (const other of others) assert.ok(facts['checked']?.includes(other), `${other}: ${facts['checked']}`);
  });
}

test('what is no matter of an answer is nobody’s to leave out', async () => {
  const fault = (status: number): ServiceFault => new ServiceFault('refused', 'rds', false, { status });
  assert.equal(await ifAnswered(Promise.resolve(7)), 7);
  assert.equal(await ifAnswered(Promise.reject(fault(403))), TOLD_BY_ITS_CHECK);
  assert.equal(await ifAnswered(Promise.reject(fault(503))), TOLD_BY_ITS_CHECK);
  for (const error of [fault(401), new Cancelled('cancelled'), new TypeError('a defect')])
    await assert.rejects(ifAnswered(Promise.reject(error)), (thrown) => thrown === error);
});

const findings: readonly { readonly what: string; readonly make: () => void; readonly stack?: Partial<Stack>; readonly said: RegExp }[] = [
  { what: 'VPCs', make: () => set('quota:vpc', 0), said: /quota for VPCs is used up: 0 of 0, and 1 more is needed/ },
  { what: 'subnets', make: () => set('quota:subnet', 1), said: /quota for subnets is used up: 0 of 1, and 2 more/ },
  { what: 'groups', make: () => set('quota:securityGroup', 3), said: /quota for security groups/ },
  { what: 'rules', make: () => set('quota:securityGroupRule', 3), said: /quota for security group rules/ },
  { what: 'addresses', make: () => set('quota:publicIp', 2), said: /quota for elastic IPs is used up: 0 of 2, and 3 more/ },
  {
    what: 'the bastion’s address',
    make: () => set('quota:publicIp', 2),
    stack: bastion,
    said: /quota for elastic IPs is used up: 0 of 2, and 3 more/,
  },
  { what: 'gateways', make: () => set('quota:natGateway', 0), said: /quota for NAT gateways/ },
  { what: 'databases', make: () => set('quota:rds.instance', 0), said: /quota for RDS instances/ },
  { what: 'clusters', make: () => set('quota:cce.cluster', 0), said: /quota for CCE clusters/ },
  { what: 'servers', make: () => set('quota:ecs.servers', 2), said: /quota for servers \(ECS\) is used up: 0 of 2, and 3 more/ },
  {
    what: 'servers with a bastion',
    make: () => set('quota:ecs.servers', 3),
    stack: bastion,
    said: /quota for servers \(ECS\) is used up: 0 of 3, and 4 more/,
  },
  { what: 'cores', make: () => set('quota:ecs.cores', 5), said: /quota for vCPUs \(ECS\) is used up: 0 of 5, and 6 more/ },
  { what: 'memory', make: () => set('quota:ecs.ram', 20_000), said: /quota for MB of memory \(ECS\)/ },
  { what: 'disks', make: () => set('quota:evs.volumes', 5), said: /quota for disks \(EVS\) is used up: 0 of 5, and 6 more/ },
  {
    what: 'gigabytes of disks',
    make: () => set('quota:evs.gigabytes', 449),
    said: /quota for GB of disks \(EVS\) is used up: 0 of 449, and 450 more/,
  },
  {
    what: 'gigabytes of disks with a bastion',
    make: () => set('quota:evs.gigabytes', 450),
    stack: bastion,
    said: /quota for GB of disks \(EVS\) is used up: 0 of 450, and 4\d\d more/,
  },
  {
    what: 'disks of a type',
    make: () => set('quota:evs.gigabytes_SSD', 100),
    said: /quota for GB of disks \(EVS, SSD\) is used up: 0 of 100, and 450 more/,
  },
  { what: 'balancers', make: () => set('quota:elb.loadbalancer', 0), said: /quota for load balancers/ },
  { what: 'listeners', make: () => set('quota:elb.listener', 1), said: /quota for listeners \(ELB\)/ },
  {
    what: 'a database flavor that is sold out',
    make: () => set('sold-out:rds.pg.n1.large.4.ha:eu-de-02', true),
    said: /RDS flavor rds\.pg\.n1\.large\.4\.ha is sold out in eu-de-02; on offer in eu-de-01 and eu-de-02: rds/,
  },
  {
    what: 'a node flavor that is sold out',
    make: () => set('sold-out:s3.large.4:eu-de-03', true),
    said: /Node flavor s3\.large\.4 is sold out or not offered in eu-de-03; of the same size there: /,
  },
  {
    what: 'a bastion flavor',
    make: () => set('sold-out:s3.medium.1:eu-de-01', true),
    stack: bastion,
    said: /Bastion flavor s3\.medium\.1 is sold out/,
  },
  {
    what: 'a bastion image',
    make: () => undefined,
    stack: { cluster: { ...stack.cluster, access: 'bastion', bastion: { ...stack.cluster.bastion, image: 'Nobody' } } },
    said: /no public image Nobody/,
  },
];
for (const { what, make, stack: changed = {}, said } of findings) {
  test(`said before anything is made: ${what}`, async () => {
    make();
    assert.match(preflight((await go({ stack: changed })).outcomes).fault?.message ?? '', said);
    assert.deepEqual([writes(), rows('vpc.vpcs')], [[], []]);
  });
}

for (const [type, record, description, said] of [
  [
    'A',
    '198.51.100.7',
    'old IdP',
    /login\.example\.com\. already leads to 198\.51\.100\.7, by a record \((\w+)\) that was not made by this action\. Delete/,
  ],
  [
    'A',
    '198.51.100.7',
    'Managed by zitadel-on-otc, stack twin in eu-de, project p',
    /by a record \((\w+)\) that was made by another stack .*stack twin/,
  ],
  ['CNAME', 'shop.example.net.', '', /already leads to shop\.example\.net\., by a record \((\w+)\)/],
  ['AAAA', '2001:db8::1', '', /login\.example\.com\. also has an AAAA record: .*2001:db8::1/],
] as const)
  test(`a record of others for the domain is said before anything is made: ${type} ${description}`, async () => {
    const otc = await emulator().connect();
    const zone = await createZone(otc, { name: 'example.com.', email: 'ops@example.com', ttl: 300, description: '' });
    const { id } = await createRecordSet(otc, zone.id, { name: 'login.example.com.', type, ttl: 300, records: [record], description });
    emulator().requests.length = 0;
    for (const write of [false, true]) {
      const message = preflight((await go({ write })).outcomes).fault?.message ?? '';
      assert.match(message, said);
      if (type !== 'AAAA') assert.ok(message.includes(id), message);
    }
    assert.deepEqual([writes(), rows('vpc.vpcs')], [[], []]);
    const elsewhere: Partial<Stack> = { dns: { ...stack.dns, records: 'existing' } };
    assert.equal(preflight((await go({ write: false, stack: elsewhere })).outcomes).verdict, 'unchanged');
  });

test('a second NAT gateway is said before anything is written, be the VPC the stack’s own or an existing one', async () => {
  await deploy();
  const gateways = emulator().store.table<{ id: string; name: string }>('nat.gateways');
  const [theirs] = gateways.where(() => true);
  const [vpc] = rows<{ id: string }>('vpc.vpcs');
  assert.ok(theirs && vpc);
  gateways.update(theirs.id, { name: 'by-hand' });
  for (const existing of [undefined, { id: vpc.id }])
    for (const write of [false, true]) {
      const network = existing === undefined ? stack.network : { ...stack.network, existing };
      const message = preflight((await go({ write, stack: { network } })).outcomes).fault?.message ?? '';
      assert.match(message, /has another way out already, the NAT gateway by-hand \(.*network\.egress to none/);
      assert.ok(message.includes(theirs.id) && message.includes(vpc.id), message);
    }
  assert.deepEqual(
    writes().filter((one) => !one.endsWith('/clustercert')),
    [],
  );
});

test('on a living stack only what is still to be made counts: more nodes, another flavor of the database', async () => {
  await deploy();
  set('quota:ecs.servers', 4);
  const more = await go({ stack: { cluster: { ...stack.cluster, nodes: { ...stack.cluster.nodes, count: 5 } } } });
  assert.match(preflight(more.outcomes).fault?.message ?? '', /quota for servers \(ECS\) is used up: 3 of 4, and 2 more/);
  const flavor = await go({ stack: { database: { ...stack.database, flavor: 'rds.pg.n1.huge.4.ha' } } });
  assert.match(preflight(flavor.outcomes).fault?.message ?? '', /RDS does not know the flavor rds\.pg\.n1\.huge\.4\.ha/);
  assert.equal(preflight((await go()).outcomes).facts['checked'], 'nothing to be made');
});

test('an agency that IAM does not tell of is named and stops nothing', async () => {
  emulator().broken.push({ fits: /OS-AGENCY/, status: 503 });
  const { outcomes } = await go({ write: false });
  const found = outcomes.find(({ id }) => id === 'project/agency');
  assert.deepEqual([found?.verdict, found?.note?.includes('CCE will say so')], ['unchanged', true]);
});

test('an agency that is gone under a living cluster is found; made again by consent, else refused with the way out', async () => {
  await deploy();
  const agencies = emulator().store.table<{ id: string; name: string }>('iam.agencies');
  const ours = (): { id: string; name: string }[] => agencies.where(({ name }) => name === 'cce_admin_trust');
  const outcome = async (settings: Parameters<typeof go>[0]): Promise<Outcome | undefined> =>
    (await go(settings)).outcomes.find(({ id }) => id === 'project/agency');
  for (const { id } of ours()) agencies.remove(id);
  const refused = await outcome({ stack: { consent: { agency: false } } });
  assert.match(
    `${refused?.fault?.message} ${refused?.fault?.hint}`,
    /cce_admin_trust is missing: CCE may not act in this tenant any more.*CCE console/,
  );
  assert.deepEqual(writes(), []);
  const drift = (await go({ write: false, findings: true, stack: { consent: { agency: false } } })).outcomes;
  assert.deepEqual(
    drift.filter(({ verdict }) => !['unchanged', 'absent'].includes(verdict)).map(({ id, verdict, changes }) => [id, verdict, changes[0]?.field]),
    [['project/agency', 'update', 'agency']],
    'a finding, and nothing hides behind it',
  );
  emulator().broken.push({ fits: /OS-AGENCY/, status: 403 });
  const untold = await outcome({ write: false });
  assert.deepEqual([untold?.verdict, untold?.note], ['unchanged', undefined], 'who may not ask cannot tell');
  emulator().broken.length = 0;
  assert.equal((await outcome({ write: false }))?.verdict, 'create');
  settled((await go()).outcomes);
  assert.equal(ours().length, 1);
  inSync((await go({ write: false })).outcomes);
});

test('a permission that is missing for a list is a finding, with the role that gives it', async () => {
  emulator().broken.push({ fits: /elb\..*\/loadbalancers\?/, status: 403 }, { fits: /nat\..*\/nat_gateways/, status: 403 });
  const { fault } = preflight((await go()).outcomes);
  assert.match(fault?.message ?? '', /role "ELB Administrator"/);
  assert.match(fault?.message ?? '', /role "NAT Gateway Administrator"/);
  assert.deepEqual(writes(), []);
});
