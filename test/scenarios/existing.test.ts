/**
 * A stack that moves into what is there: network, load balancer, zone and agency were made by others. They are read and
 * never changed; only what the stack needs besides is made, and ZITADEL runs as in a stack of its own. HAProxy lets it in, its
 * chart comes out of a registry that wants an account.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { parse, stringify } from 'yaml';
import { privateRegistry } from '../../sandbox/charts/registry.ts';
import type { Row } from '../../sandbox/otc/store.ts';
import type { RunResult } from '../../sandbox/runner/run.ts';
import type { DeployRequest } from '../../sandbox/runner/service.ts';
import { bastionIn } from '../harness/bastion.ts';
import { census, cloudCalls, grown, standing, twice, writes } from '../harness/census.ts';
import { type HelmRelease, helmReleases, object, objects } from '../harness/cluster.ts';
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

describe('a stack in an existing network', { timeout: 400_000 }, () => {
  let world: TestWorld;
  let there: Record<string, readonly Row[]>;
  let config: string;

  /** Without what moves by itself: a zone's serial number counts its records' changes. */
  const still = (rows: readonly Row[] = []): unknown[] => rows.map((row) => ({ ...row, serial: 0, updated_at: '' }));

  /** The same deploy by two workflow runs at the same time. */
  const atOnce = (request: DeployRequest): Promise<readonly RunResult[]> =>
    Promise.all(['1', '2'].map((id) => world.deploy({ ...request, env: { GITHUB_RUN_ID: id } })));

  before(async () => {
    world = await startWorld({ pace: 'instant' });
    // The landing zone of another team: what a stack makes before it finds its domain not delegated.
    await world.control.edit({ switches: { 'delegation:example.com': 'other' } });
    // Two runs make it at once: one waits for the other's lock, and what that has made by then is not made again.
    const landings = await atOnce({ inputs, config: stackFile({ name: 'landing', domain: 'www.example.com' }) });
    for (const { exitCode, log } of landings) assert.equal(exitCode, 1, log);
    for (const id of ['load-balancer/load-balancer', 'network/snat-rule'])
      assert.deepEqual(landings.map((landing) => verdictOf(landing, id)).sort(), ['create', 'unchanged'], id);
    assert.deepEqual(twice(await standing(world)), []);
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
    for (const { exitCode, log } of await atOnce({ inputs, config })) assert.equal(exitCode, 0, log);
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

  it('refuses a release that Helm 3 made, takes it over by consent, and leaves it client-side', async () => {
    const chart = ['cert-manager-webhook-opentelekomcloud', '--version=0.1.4'];
    const repository = '--repo=https://akyriako.github.io/cert-manager-webhook-opentelekomcloud/';
    const values = ['--set=certManager.namespace=cert-manager', '--set=certManager.serviceAccountName=cert-manager'];
    const helm = async (...args: string[]): Promise<void> => {
      const { exitCode, stderr } = await world.enter(['helm', ...args, '-n', 'cert-manager']);
      assert.equal(exitCode, 0, stderr);
    };
    await helm('uninstall', 'acme-dns', '--wait');
    // Helm 3 knew no other way to apply, and did not write down which.
    await helm('install', 'acme-dns', ...chart, repository, ...values, '--server-side=false', '--skip-schema-validation');
    const stored = async (): Promise<HelmRelease & { readonly apply_method?: string }> => {
      const found = (await helmReleases(world)).filter(({ name }) => name === 'acme-dns').toSorted((a, b) => b.version - a.version);
      assert.ok(found[0] !== undefined);
      return found[0];
    };
    const { apply_method: _, text: __, ...release } = await stored();
    const data = { release: Buffer.from(gzipSync(JSON.stringify(release)).toString('base64')).toString('base64') };
    const secret = 'secret/sh.helm.release.v1.acme-dns.v1';
    const patched = await world.enter(['kubectl', '-n', 'cert-manager', 'patch', secret, '-p', JSON.stringify({ data })]);
    assert.equal(patched.exitCode, 0, patched.stderr);
    assert.equal((await stored()).apply_method, undefined);

    const refused = await world.deploy({ inputs, config });
    assert.equal(refused.exitCode, 1, refused.log);
    assert.match(errorsOf(refused), /Helm release cert-manager\/acme-dns .* was not made by this action/);
    // Nobody reaches the cluster any more: the lock is elsewhere, so that the same deploy heals that too.
    const bastion = bastionIn(world);
    const closed = await bastion.entrances();
    await world.control.edit({ tables: { 'vpc.security-group-rules': { remove: closed.map(({ id }) => id) } } });
    const adopting = { inputs, config: `${config}adopt: { releases: true }\n` };
    const taken = await world.deploy(adopting);
    assert.equal(taken.exitCode, 0, taken.log);
    assert.equal(verdictOf(taken, 'bastion/security-group'), 'update');
    assert.deepEqual([closed.length, (await bastion.entrances()).length], [1, 1]);
    assert.equal(verdictOf(taken, 'certificates/solver'), 'update');
    const { version, info, apply_method: method } = await stored();
    assert.deepEqual([version, info.status, method], [2, 'deployed', 'csa']);
    const { metadata } = await object(world, 'secret/sh.helm.release.v1.acme-dns.v2', 'cert-manager');
    assert.ok(Object.values(metadata.labels ?? {}).includes('zitadel-sandbox'), 'it says whose it is');
    assert.equal((await world.deploy({ inputs, config })).outputs['result'], 'unchanged', 'consent is needed once');
  });

  it('lets no second stack into its cluster: that is said before the first write, and its destroy takes nothing of the first one', async () => {
    const [running] = await world.control.table<Row>('cce.clusters');
    assert.ok(running !== undefined);
    const second = {
      ...(parse(config) as Record<string, unknown>),
      ...{ name: 'bee', domain: 'bee.example.com', cluster: { existing: { id: running.id }, access: 'private' } },
      ...{ ingress: { controller: 'contour' }, adopt: { releases: true }, destroy: { zone: true } },
    };
    const request: DeployRequest = { runner: 'vpc', inputs: { ...inputs, 'confirm-destroy': 'bee' }, config: stringify(second) };
    const earlier = await census(world);
    const owned = async (): Promise<string[]> =>
      (await Promise.all(['namespaces', 'secrets'].map((kind) => objects(world, kind))))
        .flat()
        .map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name} ${metadata.labels?.['zitadel-on-otc/stack'] ?? ''}`)
        .sort();
    const before = await owned();
    for (const command of ['plan', 'deploy']) {
      await world.control.clearRequests();
      const run = await world.deploy({ ...request, command });
      assert.equal(run.exitCode, 1, run.log);
      assert.match(errorsOf(run), /The existing cluster zitadel-sandbox-cce-\w+ .* belongs to stack zitadel-sandbox/);
      if (command === 'plan') assert.match(errorsOf(run), /the cluster belongs to another stack already: zitadel-sandbox in namespace/);
      assert.deepEqual(writes(cloudCalls(await world.control.requests())), [], command);
    }
    await world.deploy({ ...request, command: 'destroy' });
    assert.deepEqual(grown(earlier, await census(world)), {});
    assert.deepEqual(await owned(), before);
    await cluster.expectOutside(world);
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
