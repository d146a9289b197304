/**
 * A deploy under trouble that a cloud gives every day: throttling, services that are away for a moment, connections cut
 * before and after their work was done, answers cut short. It ends well, and what it makes is there once.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Act, Fault } from '../../sandbox/control/state.ts';
import { startWorld, type TestWorld } from '../harness/world.ts';
import * as cloud from './expect/cloud.ts';
import * as cluster from './expect/cluster.ts';

const stackSecret = Buffer.from('the one secret of a stack in bad weather').toString('base64');

const busy = (status: number, code: string, more: Partial<Extract<Act, { kind: 'answer' }>> = {}): Act => ({
  kind: 'answer',
  status,
  body: { error_code: code, error_msg: 'The throttling threshold has been reached: policy user over ratelimit' },
  ...more,
});
const throttled = busy(429, 'APIG.0308', { headers: { 'retry-after': '1' } });
const away: Act = { kind: 'answer', status: 503, body: { error_code: 'APIG.0201', error_msg: 'Backend unavailable' } };
const cutBefore: Act = { kind: 'reset', when: 'before' };
const cutAfter: Act = { kind: 'reset', when: 'after' };

/** One fault of each kind in each service that a deploy writes to, on writing calls and on reading ones. */
const weather: readonly Fault[] = [
  { service: 'iam', method: 'GET', path: '/v3/projects', act: throttled },
  { service: 'vpc', method: 'GET', path: '/v1/*/vpcs', act: away },
  { service: 'vpc', method: 'POST', path: '/v1/*/vpcs', act: throttled },
  { service: 'subnet', method: 'POST', path: '/v1/*/subnets', act: cutAfter },
  { service: 'subnet', method: 'GET', act: cutBefore, skip: 1 },
  { service: 'eip', method: 'POST', path: '/v1/*/publicips', act: throttled },
  { service: 'security-group', method: 'POST', path: '/v2.0/security-groups', act: throttled },
  { service: 'security-group', method: 'POST', path: '/v2.0/security-group-rules', skip: 1, act: cutAfter },
  { service: 'nat', method: 'POST', path: '/v2.0/nat_gateways', act: cutAfter },
  { service: 'nat', method: 'GET', path: '/v2.0/nat_gateways/*', act: away },
  { service: 'dns', method: 'POST', path: '/v2/zones', act: throttled },
  { service: 'dns', method: 'POST', path: '/v2/zones/*/recordsets', act: cutAfter },
  { service: 'rds', method: 'POST', path: '/v3/*/instances', act: throttled },
  { service: 'rds', method: 'GET', path: '/v3/*/instances', skip: 2, count: 2, act: away },
  { service: 'cce', method: 'POST', path: '/api/v3/projects/*/clusters', act: cutAfter },
  { service: 'cce', method: 'GET', path: '/api/v3/projects/*/clusters/*', count: 2, act: throttled },
  { service: 'cce', method: 'POST', path: '/api/v3/projects/*/clusters/*/nodepools', act: throttled },
  { service: 'cce', method: 'POST', path: '/api/v3/projects/*/clusters/*/clustercert', act: away },
  { service: 'elb', method: 'POST', path: '/v3/*/elb/loadbalancers', act: away },
  { service: 'elb', method: 'GET', path: '/v3/*/elb/loadbalancers/*', act: { kind: 'truncate', bytes: 20 } },
  { service: 'nova', method: 'POST', path: '/v2.1/*/os-keypairs', act: throttled },
  { service: 'rds-downloads', act: { kind: 'truncate', bytes: 100 } },
  { service: 'charts.zitadel.com', act: away },
];

describe('a deploy in bad weather', { timeout: 240_000 }, () => {
  let world: TestWorld;

  before(async () => {
    world = await startWorld({ pace: 'instant' });
  });
  after(async () => await world?.stop());

  it('ends well, and makes everything once', async () => {
    await world.control.faults(weather);
    const run = await world.deploy({ inputs: { 'stack-secret': stackSecret } });
    assert.equal(run.exitCode, 0, run.log);
    const struck = new Set((await world.control.requests()).filter(({ fault }) => fault !== undefined).map(({ service }) => service));
    for (const service of ['iam', 'vpc', 'subnet', 'eip', 'security-group', 'nat', 'dns', 'rds', 'cce', 'elb', 'nova', 'rds-downloads'])
      assert.ok(struck.has(service), `${service} was struck`);
    await world.control.faults([]);
    const facts = await cloud.cloudFacts(world);
    cloud.expectCloud(facts);
    await cluster.expectZitadel(world, facts);
    await cluster.expectOutside(world);
    const again = await world.deploy({ inputs: { 'stack-secret': stackSecret } });
    assert.equal(again.outputs['result'], 'unchanged', again.log);
  });
});
