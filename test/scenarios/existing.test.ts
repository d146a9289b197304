/**
 * A stack that moves into what is there: network, load balancer, zone and agency were made by others. They are read and
 * never changed; only what the stack needs besides is made, and ZITADEL runs as in a stack of its own. HAProxy lets it in, its
 * chart comes out of a registry that wants an account.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { privateRegistry } from '../../sandbox/charts/registry.ts';
import type { Row } from '../../sandbox/otc/store.ts';
import { census, cloudCalls, grown, writes } from '../harness/census.ts';
import { objects } from '../harness/cluster.ts';
import { stackFile } from '../harness/stack-file.ts';
import { errorsOf, verdictOf } from '../harness/telling.ts';
import { startWorld, type TestWorld } from '../harness/world.ts';
import * as cluster from './expect/cluster.ts';

type Named = Row & { readonly name: string; readonly cidr: string };

const withoutAccount = { 'stack-secret': Buffer.from('the one secret of a stack that moves in').toString('base64') };
const inputs = {
  ...withoutAccount,
  'chart-registry': privateRegistry.host,
  'chart-registry-username': privateRegistry.username,
  'chart-registry-password': privateRegistry.password,
};
/** Tables of what was there before, to be found as it was. */
const untouched = ['vpc.vpcs', 'vpc.subnets', 'nat.gateways', 'nat.snat-rules', 'elb.loadbalancers', 'dns.zones', 'iam.agencies'] as const;

describe('a stack in an existing network', { timeout: 240_000 }, () => {
  let world: TestWorld;
  let there: Record<string, readonly Row[]>;
  let config: string;

  /** Without what moves by itself: a zone's serial number counts its records' changes. */
  const still = (rows: readonly Row[] = []): unknown[] => rows.map((row) => ({ ...row, serial: 0, updated_at: '' }));

  before(async () => {
    world = await startWorld({ pace: 'instant' });
    // The landing zone of another team: what a stack makes before it finds its domain not delegated.
    await world.control.edit({ switches: { 'delegation:example.com': 'other' } });
    const landing = await world.deploy({ inputs, config: stackFile({ name: 'landing', domain: 'www.example.com' }) });
    assert.equal(landing.exitCode, 1, landing.log);
    assert.equal(verdictOf(landing, 'load-balancer/load-balancer'), 'create');
    assert.equal(verdictOf(landing, 'network/snat-rule'), 'create');
    await world.control.edit({ switches: { 'delegation:example.com': null } });
    there = (await world.control.resources()) as Record<string, readonly Row[]>;
    const one = (table: string, test: (row: Named) => boolean = () => true): { readonly id: string } => {
      const [row] = ((there[table] ?? []) as Named[]).filter(test);
      assert.ok(row !== undefined, table);
      return { id: row.id };
    };
    config = stackFile({
      consent: undefined,
      network: {
        existing: one('vpc.vpcs'),
        cidr: '10.20.0.0/16',
        subnets: {
          cluster: { cidr: '10.20.0.0/20', existing: one('vpc.subnets', ({ cidr }) => cidr === '10.20.0.0/20') },
          database: { cidr: '10.20.16.0/24', existing: one('vpc.subnets', ({ cidr }) => cidr === '10.20.16.0/24') },
        },
        egress: 'none',
      },
      loadBalancer: { existing: one('elb.loadbalancers') },
      ingress: { controller: 'haproxy', chart: { version: '1.52.1', repository: `oci://${privateRegistry.host}/mirror` } },
      dns: { existing: one('dns.zones') },
    });
  });
  after(async () => await world?.stop());

  it('says which account is missing, or refused, before anything is made', async () => {
    const without = await world.deploy({ command: 'plan', inputs: withoutAccount, config });
    assert.equal(without.exitCode, 1, without.log);
    assert.match(errorsOf(without), /kubernetes-ingress 1\.52\.1 of oci:\/\/registry\.example\.net\/mirror is not to be had without credentials/);
    const wrong = await world.deploy({ command: 'plan', inputs: { ...inputs, 'chart-registry-password': 'not-its-password' }, config });
    assert.equal(wrong.exitCode, 1, wrong.log);
    assert.match(errorsOf(wrong), /is not to be had as robot\$charts/);
    assert.doesNotMatch(wrong.log, /not-its-password/);
  });

  it('makes what is missing, and nothing of what is there', async () => {
    const earlier = await census(world);
    const run = await world.deploy({ inputs, config });
    assert.equal(run.exitCode, 0, run.log);
    const made = grown(earlier, await census(world));
    for (const table of ['vpc.vpcs', 'vpc.subnets', 'nat.gateways', 'elb.loadbalancers', 'dns.zones', 'iam.agencies'])
      assert.equal(made[table], undefined, table);
    assert.equal(made['rds.instances'], 1);
    assert.equal(made['cce.clusters'], 1);
    assert.equal(made['vpc.publicips'], 1, 'the bastion’s address; load balancer and way out have theirs');
    assert.equal(made['dns.recordsets'], 1);
  });

  it('changes nothing of what is there', async () => {
    const now = (await world.control.resources()) as Record<string, readonly Row[]>;
    for (const table of untouched) assert.deepEqual(still(now[table]), still(there[table]), table);
  });

  it('runs ZITADEL on the existing load balancer, behind HAProxy', async () => {
    assert.deepEqual([...new Set((await objects(world, 'ingresses')).map(({ spec }) => spec.ingressClassName))], ['haproxy']);
    const services = (await objects(world, 'services')).filter(({ spec }) => spec.type === 'LoadBalancer');
    assert.deepEqual(
      services.map(({ metadata }) => metadata.annotations?.['kubernetes.io/elb.id']),
      (there['elb.loadbalancers'] ?? []).map(({ id }) => id),
    );
    await cluster.expectCertificates(world);
    await cluster.expectOutside(world);
  });

  it('writes nothing in a second deploy', async () => {
    await world.control.clearRequests();
    const run = await world.deploy({ inputs, config });
    assert.equal(run.outputs['result'], 'unchanged', run.log);
    const requests = cloudCalls(await world.control.requests());
    assert.deepEqual(writes(requests), []);
    assert.ok(requests.length <= 25, `${requests.length} calls`);
  });

  it('names an existing resource that is not there, and makes none in its place', async () => {
    const earlier = await census(world);
    const run = await world.deploy({
      inputs,
      config: config.replace(/(loadBalancer:\s+existing:\s+id: )\S+/, '$100000000-0000-4000-8000-000000000000'),
    });
    assert.equal(run.exitCode, 1, run.log);
    assert.match(errorsOf(run), /00000000-0000-4000-8000-000000000000/);
    assert.deepEqual(grown(earlier, await census(world)), {});
  });
});
