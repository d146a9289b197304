/**
 * A deployment's life under the trouble that a cloud gives every day: throttling, services that are away for a moment, connections cut
 * after their work was done, answers cut short. Every kind of call meets it twice; deploy, drift and destroy end as in fine weather.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Act, type Entry, type Fault, kindOf } from '../../sandbox/control/state.ts';
import type { RunResult } from '../../sandbox/runner/run.ts';
import type { DeployRequest } from '../../sandbox/runner/service.ts';
import { cloudCalls, standing, twice } from '../harness/census.ts';
import { stackFile } from '../harness/stack-file.ts';
import { startWorld, type TestWorld } from '../harness/world.ts';
import * as cloud from './expect/cloud.ts';
import * as cluster from './expect/cluster.ts';

const inputs = { 'stack-secret': Buffer.from('the one secret of a stack in bad weather').toString('base64') };
const config = stackFile({ destroy: { database: true, zone: true } });

const busy: Act = {
  kind: 'answer',
  status: 429,
  body: { error_code: 'APIG.0308', error_msg: 'The throttling threshold has been reached: policy user over ratelimit' },
};
const away: Act = { kind: 'answer', status: 503, body: { error_code: 'APIG.0201', error_msg: 'Backend unavailable' } };
const services = ['iam', 'vpc', 'subnet', 'eip', 'security-group', 'ports', 'nat', 'dns', 'rds', 'cce', 'elb', 'nova', 'ecs', 'ims', 'evs', 'tms'];
const everywhere = (fault: Omit<Fault, 'service'>): Fault[] => services.map((service) => ({ service, each: true, ...fault }));

/** Its first call throttled, its second lost after its work where it writes, refused where it reads. */
const weather: readonly Fault[] = [
  { service: 'rds-downloads', act: { kind: 'truncate', bytes: 100 } },
  { service: 'charts.zitadel.com', act: away },
  { service: 'elb', method: 'GET', path: '/v3/*/elb/loadbalancers/*', act: { kind: 'truncate', bytes: 20 } },
  { service: 'subnet', method: 'GET', act: { kind: 'reset', when: 'before' } },
  ...everywhere({ act: busy }),
  ...everywhere({ mutating: true, act: { kind: 'reset', when: 'after' } }),
  ...everywhere({ method: 'GET', act: away }),
];

describe('in bad weather', { timeout: 680_000 }, () => {
  let world: TestWorld;

  before(async () => {
    world = await startWorld({ pace: 'instant' });
  });
  after(async () => await world?.stop());

  const run = (request: DeployRequest): Promise<RunResult> => world.deploy({ config, ...request, inputs: { ...inputs, ...request.inputs } });

  /** A run in which no kind of call is spared. @returns its calls */
  const struck = async (request: DeployRequest): Promise<{ readonly result: RunResult; readonly calls: Entry[] }> => {
    await world.control.clearRequests();
    await world.control.faults(weather);
    const result = await run(request);
    await world.control.faults([]);
    assert.equal(result.exitCode, 0, result.log);
    const calls = cloudCalls(await world.control.requests());
    const kinds = (of: readonly Entry[]): string[] => [...new Set(of.map(kindOf))].sort();
    assert.deepEqual(kinds(calls.filter(({ fault }) => fault !== undefined)), kinds(calls), 'no kind of call was spared');
    const writing = calls.filter(({ method }) => method !== 'GET');
    assert.deepEqual(kinds(writing.filter(({ fault }) => fault === 'reset')), kinds(writing), 'each kind of write lost an answer');
    return { result, calls };
  };

  it('a deploy makes everything, once', async () => {
    const { calls } = await struck({});
    assert.ok(new Set(calls.map(kindOf)).size > 60);
    assert.deepEqual(twice(await standing(world)), []);
    const facts = await cloud.cloudFacts(world);
    cloud.expectCloud(facts);
    await cluster.expectZitadel(world, facts);
    await cluster.expectOutside(world);
  });

  it('a drift run finds nothing', async () => {
    const { result } = await struck({ command: 'drift' });
    assert.deepEqual([result.outputs['result'], result.outputs['drift-count']], ['unchanged', '0'], result.log);
  });

  it('a destroy takes everything away', async () => {
    const destroy: DeployRequest = { command: 'destroy', inputs: { 'confirm-destroy': 'zitadel-sandbox' } };
    await struck(destroy);
    assert.deepEqual(await standing(world), {});
  });
});
