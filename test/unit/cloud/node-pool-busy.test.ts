/** Owns the proof that an order for nodes which CCE forbids without saying why is given again only while CCE is at work on the cluster. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HttpResponse } from '../../../src/otc/transport.ts';
import { cloudWorld, settled } from './cloud-world.ts';

const { emulator, go, named } = cloudWorld();

const answer = (status: number, body: unknown): HttpResponse => ({ status, headers: {}, body: Buffer.from(JSON.stringify(body)) });
const forbidden = (more = {}): HttpResponse => answer(403, { errorCode: 'CCE.01403001', errorMessage: 'Forbidden.', ...more });
const isOrder = ({ method, url }: { readonly method: string; readonly url: string }): boolean => method === 'POST' && /\/nodepools$/.test(url);

/** Each order of nodes is refused so often; meanwhile, and for two looks more, the cluster is shown in this phase. */
function refuse(times: number, phase: string, more = {}): { orders: () => number; looks: () => number } {
  let orders = 0;
  let looks = 0;
  let shown = 0;
  emulator().strike = async ({ asked }, ask) => {
    if (isOrder(asked)) {
      orders += 1;
      if (orders > times) return ask();
      shown = 2;
      return forbidden(more);
    }
    const real = await ask();
    if (asked.method !== 'GET' || !/\/clusters\/[^/]+$/.test(asked.url) || orders === 0 || shown === 0) return real;
    looks += 1;
    shown -= 1;
    return { ...real, body: Buffer.from(Buffer.from(real.body).toString().replace('"phase":"Available"', `"phase":"${phase}"`)) };
  };
  return { orders: () => orders, looks: () => looks };
}

/** A deploy with one pool. */
async function oneZone(): ReturnType<typeof go> {
  const { cluster } = (await go({ write: false })).context.stack;
  return go({ stack: { cluster: { ...cluster, nodes: { ...cluster.nodes, count: 1, zones: ['eu-de-01'] } } } });
}

test('a bare "Forbidden." while the cluster is worked on: the order is given again when it is Available', async () => {
  const { orders, looks } = refuse(1, 'Upgrading');
  settled((await oneZone()).outcomes);
  assert.deepEqual([orders(), looks()], [2, 2]);
  assert.equal(named('cce.nodepools').length, 1);
});

test('a bare "Forbidden." from a cluster that takes orders is a permission: one order more, and no waiting', async () => {
  const { orders } = refuse(9, 'Available');
  const { outcomes } = await oneZone();
  const [fault] = outcomes.flatMap((outcome) => (outcome.id.startsWith('cluster/node-pool') ? (outcome.fault ?? []) : []));
  assert.equal(orders(), 2);
  assert.match(fault?.message ?? '', /CCE: Forbidden\. \(403, CCE\.01403001; POST /);
  assert.match(fault?.hint ?? '', /lacks a permission.*"CCE Administrator"/);
});

test('what CCE says beside the class of the error decides, and is told', async () => {
  const busy = refuse(1, 'Available', { message: 'The cluster is busy, try again later.' });
  settled((await oneZone()).outcomes);
  assert.deepEqual([busy.orders(), busy.looks()], [2, 0]);
});

test('a missing permission that CCE names is not asked for again', async () => {
  const denied = refuse(9, 'Upgrading', { message: "Policy doesn't allow cce:nodepool:create to be performed." });
  const { outcomes } = await oneZone();
  assert.equal(denied.orders(), 1);
  assert.ok(outcomes.some(({ fault }) => /Forbidden\. Policy doesn't allow cce:nodepool:create/.test(fault?.message ?? '')));
});
