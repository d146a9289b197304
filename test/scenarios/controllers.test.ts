/**
 * One ingress controller in place of another on a living stack, Envoy Gateway and its routes for Contour and Ingresses: ZITADEL is
 * served through the same load balancer, a second deploy finds nothing to do, what the former one made is gone. Database and
 * masterkey stay untouched. (HAProxy and ingress-nginx from the start: `existing` and `blueprint`.)
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Row } from '../../sandbox/otc/store.ts';
import type { RunResult } from '../../sandbox/runner/run.ts';
import { objects, resourceVersions } from '../harness/cluster.ts';
import { answering, deployedWorld, stackSecret } from '../harness/deployed.ts';
import { stackFile } from '../harness/stack-file.ts';
import { verdictOf } from '../harness/telling.ts';
import type { TestWorld } from '../harness/world.ts';
import { expectOutside } from './expect/cluster.ts';

type Balancer = Row & { readonly vip_address: string };

const inputs = { 'stack-secret': stackSecret };
const configOf = (controller: string): string => stackFile({ ingress: { controller } });

describe('another ingress controller on a living stack', { timeout: 300_000 }, () => {
  let world: TestWorld;
  let data: unknown;
  let balancer: Balancer;

  const deploy = (controller: string): Promise<RunResult> => world.deploy({ inputs, config: configOf(controller) });
  /** What holds data, as it is now. */
  const dataNow = async (): Promise<unknown> => {
    const instances = await world.control.table('rds.instances');
    const [masterkey] = (await objects(world, 'secrets')).filter(({ metadata }) => metadata.name === 'zitadel-masterkey-ext');
    return { instances, masterkey: masterkey?.metadata.resourceVersion };
  };
  /** The one Service that the load balancer serves, and what stands on the balancer for it. */
  const expectBound = async (namespace: string): Promise<void> => {
    const services = (await objects(world, 'services')).filter(({ spec }) => spec.type === 'LoadBalancer');
    assert.deepEqual(
      services.map(({ metadata }) => metadata.namespace),
      [namespace],
    );
    const annotations = services[0]?.metadata.annotations ?? {};
    assert.equal(annotations['kubernetes.io/elb.id'], balancer.id);
    assert.equal(annotations['kubernetes.io/elb.class'], 'performance');
    const listeners = await world.control.table<Row & { readonly protocol: string; readonly protocol_port: number }>('elb.listeners');
    assert.deepEqual(listeners.map(({ protocol, protocol_port: port }) => `${protocol} ${port}`).toSorted(), ['TCP 443', 'TCP 80']);
  };
  const namespaces = async (): Promise<string[]> => (await objects(world, 'namespaces')).map(({ metadata }) => metadata.name);

  before(async () => {
    world = await deployedWorld();
    const [found] = await world.control.table<Balancer>('elb.loadbalancers');
    assert.ok(found !== undefined);
    balancer = found;
    data = await dataNow();
  });
  after(async () => await world?.stop());

  it('contour to envoy-gateway: routes in place of Ingresses, through the same load balancer', async () => {
    const run = await deploy('envoy-gateway');
    assert.equal(run.exitCode, 0, run.log);
    assert.equal(verdictOf(run, 'ingress/contour'), 'delete');
    assert.equal(verdictOf(run, 'ingress/gateway'), 'create');
    await expectBound('envoy-gateway-system');
    assert.deepEqual(await objects(world, 'ingresses'), []);
    assert.ok(!(await namespaces()).includes('contour'));
    const [gateway] = await objects(world, 'gateways.gateway.networking.k8s.io');
    assert.deepEqual(gateway?.['status'].addresses, [
      { type: 'IPAddress', value: run.outputs['public-ip'] },
      { type: 'IPAddress', value: balancer.vip_address },
    ]);
    const routes = await objects(world, 'httproutes.gateway.networking.k8s.io');
    assert.deepEqual(routes.map(({ metadata }) => metadata.name).toSorted(), ['zitadel', 'zitadel-login', 'zitadel-redirect']);
    for (const route of routes)
      for (const { type, status } of route['status'].parents[0].conditions) assert.equal(status, 'True', `${route.metadata.name} ${type}`);
    await expectOutside(world);
    const plain = await world.enter([
      'curl',
      '-sS',
      '--max-time',
      '5',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code} %{redirect_url}',
      'http://login.example.com/ui/console',
    ]);
    assert.equal(plain.stdout, '301 https://login.example.com/ui/console');
    const versions = await resourceVersions(world);
    const again = await deploy('envoy-gateway');
    assert.equal(again.outputs['result'], 'unchanged', again.log);
    assert.deepEqual(await resourceVersions(world), versions);
    assert.deepEqual(await dataNow(), data);
    assert.deepEqual(await world.control.oddities(), []);
    await world.control.snapshot('envoy-gateway');
  });

  it('drift sees a Gateway changed by hand, and the next deploy heals it', async () => {
    const patch = ['kubectl', 'patch', 'gateway.gateway.networking.k8s.io/zitadel', '-n', 'zitadel', '--type=json'];
    const change = JSON.stringify([{ op: 'replace', path: '/spec/listeners/1/tls/certificateRefs/0/name', value: 'another' }]);
    assert.equal((await world.enter([...patch, '-p', change])).exitCode, 0);
    const drift = await world.deploy({ command: 'drift', inputs, config: configOf('envoy-gateway') });
    assert.equal(drift.outputs['result'], 'drifted', drift.log);
    assert.match(drift.summary, /Gateway zitadel\/zitadel/);
    const healed = await deploy('envoy-gateway');
    assert.equal(healed.exitCode, 0, healed.log);
    assert.equal(verdictOf(healed, 'ingress/gateway'), 'update');
    await expectOutside(world);
  });

  it('and back to contour: the Gateway is gone before its ports are claimed, and nothing of it stays', async () => {
    const run = await deploy('contour');
    assert.equal(run.exitCode, 0, run.log);
    await expectBound('contour');
    assert.deepEqual([...new Set((await objects(world, 'ingresses')).map(({ spec }) => spec.ingressClassName))], ['contour']);
    for (const kind of ['gateways', 'gatewayclasses', 'httproutes'])
      assert.deepEqual(await objects(world, `${kind}.gateway.networking.k8s.io`), [], kind);
    assert.ok(!(await namespaces()).includes('envoy-gateway-system'));
    await expectOutside(world);
    assert.deepEqual(await dataNow(), data);
  });

  it('destroy takes envoy-gateway with its load balancer along, and the data stays', async () => {
    await world.control.restore('envoy-gateway');
    await answering(world);
    const run = await world.deploy({
      command: 'destroy',
      inputs: { ...inputs, 'confirm-destroy': 'zitadel-sandbox' },
      config: configOf('envoy-gateway'),
    });
    assert.equal(run.exitCode, 0, run.log);
    const rows = await world.control.resources();
    for (const table of ['cce.clusters', 'elb.loadbalancers', 'elb.listeners', 'elb.pools']) assert.deepEqual(rows[table] ?? [], [], table);
    assert.equal(rows['rds.instances']?.length, 1);
  });
});
