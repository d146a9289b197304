/** Owns the proof of a stack that moves to another load balancer and back: its own one goes with its address, and comes again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { associateWithLoadBalancer, createEip } from '../../../src/otc/eip.ts';
import { createLoadBalancer, listFlavors } from '../../../src/otc/elb.ts';
import type { Stack } from '../../../src/stack/stack.ts';
import { cloudWorld, inSync, settled } from './cloud-world.ts';
import { stack } from './stack.ts';

const { deploy, emulator, go, named, rows } = cloudWorld();

const changed: Partial<Stack> = { loadBalancer: { ...stack.loadBalancer, existing: { name: 'theirs' } } };

/** Another one in the stack's VPC, with an address. */
async function theirs(): Promise<string> {
  const otc = await emulator().connect();
  const [like] = rows<{ vpc_id: string; vip_subnet_cidr_id: string; elb_virsubnet_ids: string[] }>('elb.loadbalancers');
  assert.ok(like);
  const flavors = await listFlavors(otc);
  const flavor = (name: string): string => flavors.find((one) => one.name === name)?.id ?? '';
  const { id } = await createLoadBalancer(otc, {
    name: 'theirs',
    description: '',
    vpc_id: like.vpc_id,
    vip_subnet_cidr_id: like.vip_subnet_cidr_id,
    elb_virsubnet_ids: like.elb_virsubnet_ids,
    availability_zone_list: ['eu-de-01'],
    l4_flavor_id: flavor(stack.loadBalancer.l4Flavor),
    l7_flavor_id: flavor(stack.loadBalancer.l7Flavor),
    guaranteed: true,
    provider: 'vlb',
    admin_state_up: true,
    publicip_ids: [],
  });
  const eip = await createEip(otc, { alias: 'theirs', size: 5 });
  await new Promise((resolve) => setTimeout(resolve, 20));
  await associateWithLoadBalancer(otc, eip.id, id);
  return eip.public_ip_address;
}

test('to another load balancer and back: the record follows, the own one goes with its address and comes again', async () => {
  await deploy();
  const address = await theirs();
  const plan = await go({ write: false, stack: changed });
  const planned = plan.outcomes.filter(({ verdict }) => !['unchanged', 'absent'].includes(verdict)).map(({ id, verdict }) => `${verdict} ${id}`);
  assert.deepEqual(planned.sort(), ['delete load-balancer/eip', 'delete load-balancer/former', 'update dns/record']);
  settled((await go({ stack: changed })).outcomes);
  assert.deepEqual([named('elb.loadbalancers'), named('vpc.publicips').filter((name) => name.includes('-elb-'))], [[], []]);
  assert.ok(rows<{ type: string; records: string[] }>('dns.recordsets').some(({ type, records }) => type === 'A' && records.join() === address));
  inSync((await go({ write: false, stack: changed })).outcomes);
  settled((await go()).outcomes);
  inSync((await go({ write: false })).outcomes);
  assert.equal(rows<{ name: string }>('elb.loadbalancers').filter(({ name }) => name === 'theirs').length, 1);
});
