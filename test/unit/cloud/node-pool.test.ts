/** Owns the proof that a pool which somebody lets grow by itself gets the number of nodes that the stack file says, and keeps it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byHand, type Row } from './by-hand.ts';
import { cloudWorld, inSync, settled } from './cloud-world.ts';

const { deploy, emulator, go, rows } = cloudWorld();
const { table } = byHand(emulator);

interface Pool extends Row {
  readonly name: string;
  readonly spec: { readonly initialNodeCount: number; readonly autoscaling: { readonly enable?: boolean } };
}

test('autoscaling that was switched on by hand is a difference, and is switched off with what it added', async () => {
  await deploy();
  const [pool] = rows<Pool>('cce.nodepools');
  assert.ok(pool);
  const autoscaling = { ...pool.spec.autoscaling, enable: true, minNodeCount: 1, maxNodeCount: 9 };
  table<Pool>('cce.nodepools').update(pool.id, { spec: { ...pool.spec, autoscaling } });
  const changesOf = ({ outcomes }: Awaited<ReturnType<typeof go>>) => outcomes.filter(({ changes }) => changes.length > 0);
  const [planned, ...rest] = changesOf(await go({ write: false }));
  assert.deepEqual([planned?.changes.map(({ field }) => field), rest], [['autoscaling.enable'], []]);
  settled((await go()).outcomes);
  const after = table<Pool>('cce.nodepools').get(pool.id)?.spec;
  assert.deepEqual([after?.initialNodeCount, after?.autoscaling.enable], [pool.spec.initialNodeCount, false]);
  inSync((await go({ write: false })).outcomes);
});

test('a load balancer that is switched off is a finding, and a deploy says that it cannot be healed', async () => {
  await deploy();
  const [balancer] = rows<Row>('elb.loadbalancers');
  assert.ok(balancer);
  table('elb.loadbalancers').update(balancer.id, { admin_state_up: false });
  const found = async (settings: Parameters<typeof go>[0]) => (await go(settings)).outcomes.find(({ id }) => id === 'load-balancer/load-balancer');
  assert.deepEqual(
    (await found({ write: false, findings: true }))?.changes.map(({ field }) => field),
    ['admin_state_up'],
  );
  const { fault } = (await found({})) ?? {};
  assert.match(`${fault?.message} ${fault?.hint}`, /is switched off, so that nothing is served .*OTC support/);
});
