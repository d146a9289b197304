/** Owns the proof that a load balancer's description spares the list of flavors, and hides no change of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tellingFlavors, toldFlavor } from '../../../src/cloud/load-balancer-flavors.ts';
import { listFlavors } from '../../../src/otc/elb.ts';
import { cloudWorld, inSync, settled, verdict } from './cloud-world.ts';
import { stack } from './stack.ts';

const { deploy, emulator, go, rows } = cloudWorld();

interface Row {
  readonly id: string;
  readonly description: string;
  readonly l4_flavor_id: string;
  readonly l7_flavor_id: string;
  readonly updated_at: string;
}

const balancer = (): Row => {
  const [row] = rows<Row>('elb.loadbalancers');
  assert.ok(row);
  return row;
};
const byHand = (patch: Partial<Row>): unknown => emulator().store.table<Row>('elb.loadbalancers').update(balancer().id, patch);
/** How often the list was asked for since the last question. */
const lists = (): number => {
  const count = emulator().requests.filter(({ url }) => new URL(url).pathname.endsWith('/elb/flavors')).length;
  emulator().requests.length = 0;
  return count;
};
const idOf = async (name: string): Promise<string> => {
  const found = (await listFlavors(await emulator().connect())).find((one) => one.name === name);
  assert.ok(found);
  lists();
  return found.id;
};

const ID = 'load-balancer/load-balancer';
const small = { id: '1a2b3c4d-0000', name: 'L4_flavor.elb.s1.small' };
const large = { id: '5e6f7a8b-0000', name: 'L7_flavor.elb.s2.large' };

test('a description tells of flavors where there is room, and of no other ids', () => {
  const text = tellingFlavors('Managed', [small, large]);
  assert.equal(text, 'Managed; L4_flavor.elb.s1.small=1a2b3c4d, L7_flavor.elb.s2.large=5e6f7a8b');
  assert.deepEqual([toldFlavor(text, small.id), toldFlavor(text, large.id)], [small.name, large.name]);
  assert.equal(toldFlavor(text, '1a2b3c4e-0000'), undefined);
  assert.equal(tellingFlavors(text, [large]), 'Managed; L7_flavor.elb.s2.large=5e6f7a8b', 'what was told before gives way');
  assert.equal(tellingFlavors(text, []), 'Managed');
  for (const edited of [`${text}.`, text.replace('=1a2b3c4d', ''), '', null, undefined]) assert.equal(toldFlavor(edited, small.id), undefined);
  const room = 255 - text.length + 'Managed'.length;
  assert.equal(tellingFlavors('x'.repeat(room), [small, large]).length, 255);
  assert.equal(tellingFlavors('x'.repeat(room + 1), [small, large]), 'x'.repeat(room + 1));
});

test('a run asks for the list of flavors to make the load balancer, and not again while it has them', async () => {
  settled((await go()).outcomes);
  assert.ok(lists() > 0);
  inSync((await go()).outcomes);
  assert.equal(lists(), 0);
  assert.match(balancer().description, /^Managed by zitadel-on-otc, stack shop; L4_flavor\.elb\.s1\.small=/);
});

test('a flavor that was changed by hand is named, and put back', async () => {
  await deploy();
  const before = balancer();
  byHand({ l4_flavor_id: await idOf('L4_flavor.elb.s2.large') });
  const { outcomes } = await go({ write: false });
  assert.equal(lists(), 1);
  const { changes } = outcomes.find(({ id }) => id === ID) ?? {};
  assert.deepEqual(changes, [{ field: 'l4_flavor_id', before: 'L4_flavor.elb.s2.large', after: 'L4_flavor.elb.s1.small' }]);
  settled((await go()).outcomes);
  assert.deepEqual(balancer(), { ...before, updated_at: balancer().updated_at });
});

test('an edited description is no drift: the list is asked again', async () => {
  await deploy();
  for (const description of ['Managed by zitadel-on-otc, stack shop', 'ours, see ticket 12', '']) {
    byHand({ description });
    inSync((await go()).outcomes);
    assert.deepEqual([lists(), balancer().description], [1, description]);
  }
});

test('other flavors in the stack file are taken in one call, and told of; what people wrote stays', async () => {
  await deploy();
  byHand({ description: 'ours, see ticket 12' });
  const changed = { stack: { loadBalancer: { ...stack.loadBalancer, l4Flavor: 'L4_flavor.elb.s1.medium', l7Flavor: 'L7_flavor.elb.s2.large' } } };
  const { outcomes } = await go(changed);
  assert.equal(verdict(outcomes, ID), `${ID} | update | l4_flavor_id | l7_flavor_id`);
  assert.equal(emulator().requests.filter(({ method, url }) => method === 'PUT' && url.includes('/elb/loadbalancers/')).length, 1);
  const [l4, l7] = [await idOf('L4_flavor.elb.s1.medium'), await idOf('L7_flavor.elb.s2.large')];
  const told = `L4_flavor.elb.s1.medium=${l4.slice(0, 8)}, L7_flavor.elb.s2.large=${l7.slice(0, 8)}`;
  assert.deepEqual([balancer().l4_flavor_id, balancer().l7_flavor_id, balancer().description], [l4, l7, `ours, see ticket 12; ${told}`]);
  inSync((await go(changed)).outcomes);
  assert.equal(lists(), 0);
  const { l4Flavor } = stack.loadBalancer;
  settled((await go({ stack: { loadBalancer: { ...changed.stack.loadBalancer, l4Flavor } } })).outcomes);
  assert.match(balancer().description, /^ours, see ticket 12; L4_flavor\.elb\.s1\.small=[0-9a-f]{8}, L7_flavor\.elb\.s2\.large=[0-9a-f]{8}$/);
});
