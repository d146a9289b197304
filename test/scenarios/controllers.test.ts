/**
 * One ingress controller in place of another on a living stack, Envoy Gateway and its routes for Contour and Ingresses: ZITADEL is
 * served through the same load balancer, a second deploy finds nothing to do, what the former one made is gone. Database and
 * masterkey stay untouched, and external-dns keeps the record meanwhile, by whatever it finds it. (HAProxy and ingress-nginx from the start: `existing` and `blueprint`.)
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Row } from '../../sandbox/otc/store.ts';
import type { RunResult } from '../../sandbox/runner/run.ts';
import { answersDuring } from '../harness/answers.ts';
import { objects, resourceVersions } from '../harness/cluster.ts';
import { answering, deployedWorld, stackSecret } from '../harness/deployed.ts';
import { stackFile } from '../harness/stack-file.ts';
import { verdictOf } from '../harness/telling.ts';
import type { TestWorld } from '../harness/world.ts';
import { expectOutside } from './expect/cluster.ts';

interface RecordRow {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly records: readonly string[];
  readonly status: string;
}
type Balancer = Row & { readonly vip_address: string };

const inputs = { 'stack-secret': stackSecret };
const configOf = (controller: string, records = 'direct'): string => stackFile({ ingress: { controller }, dns: { records } });

describe('another ingress controller on a living stack', { timeout: 400_000 }, () => {
  let world: TestWorld;
  let data: unknown;
  let balancer: Balancer;

  const deploy = (controller: string, records?: string): Promise<RunResult> =>
    world.deploy({ inputs: { ...inputs, ...dnsUser() }, config: configOf(controller, records) });
  const dnsUser = (): Record<string, string> => ({
    'external-dns-username': world.env['OS_USERNAME'] ?? '',
    'external-dns-password': world.env['OS_PASSWORD'] ?? '',
    'external-dns-domain-name': world.env['OS_USER_DOMAIN_NAME'] ?? '',
  });
  const recordsOf = async (type: string): Promise<RecordRow[]> =>
    (await world.control.table<RecordRow>('dns.recordsets')).filter((row) => row.type === type && row.name.endsWith('login.example.com.'));
  /** Asks for the domain all the while: nothing but the load balancer's address is ever answered. */
  const neverMissing = async (work: () => Promise<RunResult>): Promise<void> => {
    let run: RunResult | undefined;
    const [before] = await recordsOf('A');
    const { asked, seen } = await answersDuring(world, 'login.example.com', async () => {
      run = await work();
      // Several rounds of external-dns on top.
      await sleep(8000);
    });
    assert.equal(run?.exitCode, 0, run?.log);
    assert.deepEqual(seen, { [run?.outputs['public-ip'] ?? '']: asked });
    assert.equal((await recordsOf('A'))[0]?.id, before?.id, 'the same record set');
  };
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
    // The chart's Job for certificates goes by its time to live, half a minute after its end, whenever that is.
    const versions = async (): Promise<object> =>
      Object.fromEntries(Object.entries(await resourceVersions(world)).filter(([name]) => !/^Job .*-certgen$/.test(name)));
    const before = await versions();
    const again = await deploy('envoy-gateway');
    assert.equal(again.outputs['result'], 'unchanged', again.log);
    assert.deepEqual(await versions(), before);
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

  it('external-dns takes the record over by the routes, and mends it by the target that stands on the Gateway', async () => {
    await neverMissing(() => deploy('envoy-gateway', 'external-dns'));
    const [mark] = await recordsOf('TXT');
    assert.match(mark?.records[0] ?? '', /external-dns\/resource=httproute\/zitadel\/zitadel"$/);
    const [record] = await recordsOf('A');
    const wrong = { records: ['192.0.2.99'], served: { ttl: 300, records: ['192.0.2.99'] } };
    await world.control.edit({ tables: { 'dns.recordsets': { update: { [record?.id ?? '']: wrong } } } });
    const mended = async (): Promise<boolean> => {
      const [now] = await recordsOf('A');
      return now?.status === 'ACTIVE' && now.records.join() === record?.records.join();
    };
    for (const deadline = Date.now() + 30_000; !(await mended()); await sleep(200)) assert.ok(Date.now() < deadline, 'not mended within 30 s');
    const again = await deploy('envoy-gateway', 'external-dns');
    assert.equal(again.outputs['result'], 'unchanged', again.log);
  });

  it('and back to contour: the Gateway is gone before its ports are claimed, the record never, and nothing of the Gateway stays', async () => {
    await neverMissing(() => deploy('contour', 'external-dns'));
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
