/**
 * Owns the proof of what happens to addresses and what they are bound to when somebody changes them by hand: each change is
 * seen alone, named right, and healed by a deploy or refused with the way out.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Outcome } from '../../../src/engine/outcome.ts';
import { bindMasterEip, unbindMasterEip } from '../../../src/otc/cce.ts';
import type { Otc } from '../../../src/otc/client.ts';
import { associateWithLoadBalancer, bindEip, createEip, deleteEip, disassociate } from '../../../src/otc/eip.ts';
import { deleteLoadBalancerWithAll } from '../../../src/otc/elb.ts';
import { createSnatRule, deleteNatGateway, deleteSnatRule } from '../../../src/otc/nat.ts';
import { cloudWorld, inSync, settled } from './cloud-world.ts';
import { verdicts } from './stack.ts';

const { deploy, emulator, go, rows } = cloudWorld();

interface Address {
  readonly id: string;
  readonly alias: string;
  readonly public_ip_address: string;
  readonly bandwidth_id: string;
}

const ours = (role: string): Address => {
  const found = rows<Address>('vpc.publicips').find(({ alias }) => alias.startsWith(`shop-${role}-`));
  assert.ok(found, role);
  return found;
};
const only = (table: Parameters<typeof rows>[0]): string => rows<{ id: string }>(table)[0]?.id ?? '';
const spare = async (otc: Otc): Promise<string> => {
  const { id } = await createEip(otc, { alias: 'by-hand', size: 5 });
  await new Promise((resolve) => setTimeout(resolve, 20));
  return id;
};
const nodePort = (): string =>
  rows<{ id: string; device_owner: string }>('vpc.ports').find(({ device_owner }) => device_owner.startsWith('compute:'))?.id ?? '';
const snatRule = (): string => only('nat.snat-rules');

/** What differs, with the fields. */
const differences = (outcomes: readonly Outcome[]): string[] =>
  verdicts(outcomes.filter(({ verdict }) => !['unchanged', 'absent', 'unknown'].includes(verdict)));

const healed: readonly { readonly what: string; readonly make: (otc: Otc) => Promise<void>; readonly seen: readonly string[] }[] = [
  {
    what: "the balancer's address is detached",
    make: (otc) => disassociate(otc, ours('elb').id),
    seen: ['load-balancer/load-balancer | update | publicips'],
  },
  {
    what: "the balancer's address is given up",
    make: async (otc) => {
      const { id } = ours('elb');
      await disassociate(otc, id);
      await deleteEip(otc, id);
    },
    seen: ['load-balancer/eip | create', 'load-balancer/load-balancer | update | publicips', 'dns/record | update | records'],
  },
  {
    what: 'another address is bound to the balancer',
    make: async (otc) => {
      await disassociate(otc, ours('elb').id);
      await associateWithLoadBalancer(otc, await spare(otc), only('elb.loadbalancers'));
    },
    seen: ['load-balancer/load-balancer | update | publicips'],
  },
  {
    what: "the balancer's address is bound to a server",
    make: async (otc) => {
      await disassociate(otc, ours('elb').id);
      await bindEip(otc, ours('elb').id, nodePort());
    },
    seen: ['load-balancer/load-balancer | update | publicips'],
  },
  {
    what: 'the balancer is deleted',
    make: (otc) => deleteLoadBalancerWithAll(otc, only('elb.loadbalancers')),
    seen: ['load-balancer/load-balancer | create'],
  },
  {
    what: 'the balancer is deleted and its address bound to a server',
    make: async (otc) => {
      await deleteLoadBalancerWithAll(otc, only('elb.loadbalancers'));
      await bindEip(otc, ours('elb').id, nodePort());
    },
    seen: ['load-balancer/load-balancer | create'],
  },
  {
    what: 'a bandwidth is changed',
    make: async () => void emulator().store.table<{ id: string; size: number }>('vpc.bandwidths').update(ours('elb').bandwidth_id, { size: 5 }),
    seen: ['load-balancer/eip | update | bandwidth.size'],
  },
  {
    what: 'the way out has another address',
    make: async (otc) => {
      const [gateway, network] = [only('nat.gateways'), rows<{ network_id: string }>('nat.snat-rules')[0]?.network_id ?? ''];
      await deleteSnatRule(otc, snatRule());
      await createSnatRule(otc, { nat_gateway_id: gateway, network_id: network, floating_ip_id: await spare(otc) });
      await new Promise((resolve) => setTimeout(resolve, 20));
    },
    seen: ['network/snat-rule | replace | floating_ip_id'],
  },
  {
    what: "the way out's rule is deleted and its address bound to a server",
    make: async (otc) => {
      await deleteSnatRule(otc, snatRule());
      await bindEip(otc, ours('nat').id, nodePort());
    },
    seen: ['network/snat-rule | create'],
  },
  {
    what: 'the gateway is deleted with its rule and its address',
    make: async (otc) => {
      await deleteSnatRule(otc, snatRule());
      await deleteNatGateway(otc, only('nat.gateways'));
      await deleteEip(otc, ours('nat').id);
    },
    seen: ['network/nat-eip | create', 'network/nat-gateway | create', 'network/snat-rule | create'],
  },
  {
    what: "the API server's address is taken away by CCE",
    make: (otc) => unbindMasterEip(otc, only('cce.clusters')),
    seen: ['cluster/cluster | update | status.endpoints.external'],
  },
  {
    what: "the API server's address is unbound behind CCE's back",
    make: (otc) => disassociate(otc, ours('api').id),
    seen: ['cluster/cluster | update | status.endpoints.external'],
  },
  {
    what: "the API server's address is given up",
    make: async (otc) => {
      await unbindMasterEip(otc, only('cce.clusters'));
      await deleteEip(otc, ours('api').id);
    },
    seen: ['cluster/eip | create', 'cluster/cluster | update | status.endpoints.external'],
  },
  {
    what: 'the API server has another address',
    make: async (otc) => {
      await unbindMasterEip(otc, only('cce.clusters'));
      await bindMasterEip(otc, only('cce.clusters'), await spare(otc));
    },
    seen: ['cluster/cluster | update | status.endpoints.external'],
  },
];

for (const { what, make, seen } of healed) {
  test(`seen alone and healed: ${what}`, async () => {
    await deploy();
    await make(await emulator().connect());
    assert.deepEqual(differences((await go({ write: false })).outcomes).sort(), [...seen].sort());
    settled((await go()).outcomes);
    inSync((await go({ write: false })).outcomes);
    const spares = rows<Address>('vpc.publicips').filter(({ alias }) => alias === 'by-hand');
    assert.ok(spares.length <= 1, 'what somebody else made is unbound, not deleted');
    assert.deepEqual([emulator().oddities(), emulator().defects], [[], []]);
  });
}

test('an address in a shared bandwidth is named, and the size of that bandwidth left alone', async () => {
  await deploy();
  const bandwidths = emulator().store.table<{ id: string; size: number; share_type: string }>('vpc.bandwidths');
  bandwidths.update(ours('elb').bandwidth_id, { share_type: 'WHOLE', size: 300 });
  const { outcomes } = await go();
  const one = outcomes.find(({ id }) => id === 'load-balancer/eip');
  assert.deepEqual([one?.verdict, one?.fault?.finding], ['failed', 'bandwidth']);
  assert.match(one?.fault?.hint ?? '', /Take it out of the shared bandwidth/);
  assert.equal(bandwidths.get(ours('elb').bandwidth_id)?.size, 300);
});

for (const [table, id] of [
  ['vpc.publicips', 'load-balancer/eip'],
  ['elb.loadbalancers', 'load-balancer/load-balancer'],
  ['nat.gateways', 'network/nat-gateway'],
] as const) {
  test(`two of one name are refused by their ids: ${table}`, async () => {
    await deploy();
    const all = emulator().store.table<{ id: string; name?: string; alias?: string }>(table);
    const one = all.find(({ name, alias }) => /^shop-(elb|nat)-/.test(alias ?? name ?? '') && (table !== 'vpc.publicips' || /elb/.test(alias ?? '')));
    assert.ok(one);
    all.insert({ ...one, id: 'the-second-one' });
    const found = (await go({ write: false })).outcomes.find((outcome) => outcome.id === id);
    assert.deepEqual([found?.verdict, found?.fault?.finding], ['failed', 'name']);
    assert.ok(found?.fault?.message.includes(one.id) && found.fault.message.includes('the-second-one'), found?.fault?.message);
  });
}

test('another gateway in the VPC that comes while the stack is made is named as what is in the way', async () => {
  await deploy();
  const gateways = emulator().store.table<{ id: string; name: string }>('nat.gateways');
  gateways.update(only('nat.gateways'), { name: 'by-hand' });
  // The preflight, which asks for it, is told of trouble.
  emulator().broken.push({ fits: /GET .*\/nat_gateways\?.*router_id/, status: 503 });
  const one = (await go()).outcomes.find(({ id }) => id === 'network/nat-gateway');
  assert.match(one?.fault?.message ?? '', /has another way out already/);
  assert.match(one?.fault?.hint ?? '', /network\.egress to none/);
});
