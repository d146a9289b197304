/** Proves what drift says of a second thing of our name: that, and nothing about what it hides. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { TableName } from '../../../sandbox/otc/tables/names.ts';
import { findingsOf } from '../../../src/report/findings.ts';
import { cloudWorld } from './cloud-world.ts';

const { deploy, emulator, go, rows } = cloudWorld();

const kinds: readonly (readonly [TableName, string])[] = [
  ['vpc.vpcs', 'network/vpc'],
  ['rds.instances', 'database/instance'],
  ['cce.clusters', 'cluster/cluster'],
  ['elb.loadbalancers', 'load-balancer/load-balancer'],
  ['vpc.security-groups', 'network/security-group-database'],
];

for (const [table, id] of kinds)
  test(`a second one of ${id} is the only finding; what it hides is unknown`, async () => {
    await deploy();
    const named = rows<{ id: string; name?: string; metadata?: { name: string; uid: string } }>(table);
    const ours = named.find(({ name, metadata }) =>
      (name ?? metadata?.name ?? '').startsWith(id.endsWith('group-database') ? 'shop-rds-instance' : 'shop'),
    );
    assert.ok(ours, named.map(({ name }) => name).join());
    const copy = '11111111-2222-4222-8222-111111111111';
    emulator()
      .store.table<{ id: string }>(table)
      .insert({ ...structuredClone(ours), id: copy });
    const { outcomes } = await go({ write: false, findings: true });
    const found = findingsOf(outcomes);
    assert.deepEqual(
      found.map((one) => [one.id, one.what, one.severity]),
      [[id, 'name', 'high']],
    );
    assert.match(String(found[0]?.before), new RegExp(`there are 2 of .*${copy}`));
    assert.deepEqual(
      outcomes.filter(({ verdict }) => verdict === 'failed' || verdict === 'blocked').map((one) => one.id),
      [],
    );
  });
