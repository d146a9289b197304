/**
 * Owns the proof that what somebody opened by hand in the cloud is seen and closed by the next deploy: a node's groups and
 * addresses, the database's subnet led out. What is others' own is left alone.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TableName } from '../../../sandbox/otc/tables/names.ts';
import { findingsOf } from '../../../src/report/findings.ts';
import { cloudWorld, inSync, settled, verdict } from './cloud-world.ts';
import { stack } from './stack.ts';

const { deploy, emulator, go, rows } = cloudWorld();

type Row = { readonly id: string; readonly [field: string]: unknown };
type Port = Row & { readonly device_owner: string; readonly security_groups: readonly string[] };
type Eip = Row & { readonly alias: string; readonly status: string };

const table = <T extends { readonly id: string } = Row>(name: TableName) => emulator().store.table<T>(name);
const groupOf = (start: string): string =>
  rows<{ id: string; name: string }>('vpc.security-groups').find(({ name }) => name.startsWith(start))?.id ?? '';
const nodePort = (): Port => {
  const [port] = table<Port>('vpc.ports').where(({ security_groups }) => security_groups.includes(groupOf('shop-rds-client')));
  assert.ok(port);
  return port;
};
/** An address of somebody else, bound to a node. */
const bind = (alias: string): void => {
  const port = nodePort();
  const [like] = table<Eip>('vpc.publicips').where(() => true);
  assert.ok(like);
  const bound = { bound_to: { kind: 'PORT', id: port.id }, port_id: port.id, status: 'ACTIVE' };
  table('vpc.publicips').insert({ ...like, id: `eip-${alias}`, alias, public_ip_address: '203.0.113.77', ...bound });
};
/** A rule of our NAT gateway that leads a network, or a part of one, out. */
const lead = (id: string, network: { readonly network_id: string } | { readonly cidr: string }): void => {
  const [like] = table('nat.snat-rules').where(() => true);
  assert.ok(like);
  table('nat.snat-rules').insert({ ...like, id, network_id: '', cidr: '', ...network });
};
const drift = async (id: string, changed: Parameters<typeof go>[0] = {}): Promise<string> =>
  verdict((await go({ write: false, findings: true, ...changed })).outcomes, id);

test('a node that lost its group to the database, has one more, or a public address: each is seen as exposure, and undone', async () => {
  await deploy();
  const port = nodePort();
  table<Port>('vpc.ports').update(port.id, { security_groups: port.security_groups.filter((id) => id !== groupOf('shop-rds-client')) });
  assert.match(await drift('cluster/node-groups'), /\| update \| security group shop-rds-client-\w+ of node \S+$/);
  settled((await go()).outcomes);
  assert.deepEqual([...(table<Port>('vpc.ports').get(port.id)?.security_groups ?? [])].sort(), [...port.security_groups].sort());

  table('vpc.security-groups').insert({ ...(table('vpc.security-groups').get(groupOf('shop-rds-client')) as Row), id: 'wide', name: 'open-to-all' });
  table<Port>('vpc.ports').update(port.id, { security_groups: [...port.security_groups, 'wide'] });
  bind('by-hand');
  const { outcomes } = await go({ write: false, findings: true });
  assert.match(
    verdict(outcomes, 'cluster/node-groups'),
    /\| update \| security group open-to-all of node \S+ \| public address 203\.0\.113\.77 of node/,
  );
  assert.deepEqual(
    findingsOf(outcomes).map(({ id, stake, severity }) => [id, stake, severity]),
    Array.from({ length: 2 }, () => ['cluster/node-groups', 'exposure', 'high']),
  );
  settled((await go()).outcomes);
  assert.deepEqual([...(table<Port>('vpc.ports').get(port.id)?.security_groups ?? [])].sort(), [...port.security_groups].sort());
  assert.equal(table<Eip>('vpc.publicips').get('eip-by-hand')?.status, 'DOWN', 'unbound, and still its owner’s');
  inSync((await go({ write: false })).outcomes);
});

test('a second port of a node is looked at as well', async () => {
  await deploy();
  const port = nodePort();
  table<Port>('vpc.ports').insert({ ...port, id: 'second', security_groups: ['wide'] });
  assert.match(await drift('cluster/node-groups'), /security group wide of node /);
});

test('addresses of nodes are no difference where they are the stack’s way out, or the stack’s own gone astray', async () => {
  await deploy();
  bind(rows<Eip>('vpc.publicips').find(({ alias }) => alias.startsWith('shop-elb-'))?.alias ?? '');
  assert.match(await drift('cluster/node-groups'), /\| unchanged/);
  bind('by-hand');
  assert.match(await drift('cluster/node-groups', { stack: { network: { ...stack.network, egress: 'none' } } }), /\| unchanged/);
  assert.match(await drift('cluster/node-groups'), /\| update \| public address/);
});

test('nodes beside an existing database are looked at as well, and keep the group of the former one', async () => {
  await deploy();
  const existing = { database: { ...stack.database, existing: { id: rows<Row>('rds.instances')[0]?.id ?? '' } } };
  assert.match(await drift('cluster/node-groups', { stack: existing }), /\| unchanged/);
  bind('by-hand');
  assert.match(await drift('cluster/node-groups', { stack: existing }), /\| update \| public address/);
});

test('the database’s subnet led out, whole or in part, is seen and undone; another subnet’s rule is its owner’s', async () => {
  await deploy();
  const subnet = rows<Row & { name: string }>('vpc.subnets').find(({ name }) => name.startsWith('shop-database-'));
  assert.ok(subnet);
  lead('of-another', { network_id: 'a-subnet-of-another' });
  lead('of-others', { cidr: '10.20.64.0/24' });
  assert.match(await drift('network/snat-rule'), /\| unchanged/);
  lead('whole', { network_id: subnet.id });
  lead('part', { cidr: '10.20.16.7' });
  const { outcomes } = await go({ write: false, findings: true });
  assert.match(
    verdict(outcomes, 'network/snat-rule'),
    /\| update \| SNAT rule whole of the database's subnet \| SNAT rule part of the database's subnet/,
  );
  assert.deepEqual(
    findingsOf(outcomes).map(({ stake }) => stake),
    ['exposure', 'exposure'],
  );
  settled((await go()).outcomes);
  assert.deepEqual(
    rows<Row>('nat.snat-rules').flatMap(({ id }) => (/^(whole|part|of)/.test(id) ? [id] : [])),
    ['of-another', 'of-others'],
  );
  inSync((await go({ write: false })).outcomes);
});

test('our rule gone and the database’s there: both are named, and one deploy puts both right', async () => {
  await deploy();
  const subnet = rows<Row & { name: string }>('vpc.subnets').find(({ name }) => name.startsWith('shop-database-'));
  const [ours] = rows<Row>('nat.snat-rules');
  assert.ok(subnet && ours);
  table('nat.snat-rules').update(ours.id, { network_id: subnet.id });
  assert.match(await drift('network/snat-rule'), /\| update \| SNAT rule \S+ of the database's subnet \| SNAT rule$/);
  settled((await go()).outcomes);
  inSync((await go({ write: false })).outcomes);
});

test('rules that open a node or a master to everybody are seen and taken away; a healthy cluster has none', async () => {
  await deploy();
  assert.match(await drift('cluster/api-access'), /\| unchanged/);
  const [like] = table('vpc.security-group-rules').where((row) => row['security_group_id'] === groupOf('shop-cce') && row['protocol'] === 'tcp');
  assert.ok(like);
  for (const [id, start, port] of [
    ['kubelet', '-cce-node-', 10_250],
    ['masters', '-cce-control-', 9443],
  ] as const) {
    const group = rows<{ id: string; name: string }>('vpc.security-groups').find(({ name }) => name.includes(start));
    const open = { protocol: 'tcp', port_range_min: port, port_range_max: port, remote_ip_prefix: '0.0.0.0/0', remote_group_id: null };
    table('vpc.security-group-rules').insert({ ...like, ...open, id, security_group_id: group?.id, direction: 'ingress', description: '' });
  }
  const { outcomes } = await go({ write: false, findings: true });
  assert.deepEqual(
    findingsOf(outcomes).map(({ id, stake, severity }) => [id, stake, severity]),
    Array.from({ length: 2 }, () => ['cluster/api-access', 'exposure', 'critical']),
  );
  settled((await go()).outcomes);
  assert.deepEqual(
    rows<Row>('vpc.security-group-rules').filter(({ id }) => ['kubelet', 'masters'].includes(id)),
    [],
  );
  inSync((await go({ write: false })).outcomes);
});
