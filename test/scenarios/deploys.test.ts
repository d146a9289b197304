/**
 * The main job, four promises in one world: a first deploy makes everything as asked, a second one writes nothing, changed
 * values change ZITADEL's release alone, raised generations rotate the database's passwords. Asserted on the cloud's records, the cluster's objects and the database, not on
 * what the action says about itself; and nothing secret shows anywhere meanwhile.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { RunResult } from '../../sandbox/runner/run.ts';
import { derivePassword } from '../../src/stack/secrets.ts';
import { type Census, census, cloudCalls, grown, writes } from '../harness/census.ts';
import { helmReleases, helmRevisions, object, objects, query, resourceVersions, secretData } from '../harness/cluster.ts';
import { shared, stackSecret } from '../harness/deployed.ts';
import { findLeaks, forms, placesInCluster, placesOf, type Secret, secretsInCluster } from '../harness/leaks.ts';
import { type Observed, observed } from '../harness/observer.ts';
import { stackFile } from '../harness/stack-file.ts';
import { startWorld, type TestWorld } from '../harness/world.ts';
import * as cloud from './expect/cloud.ts';
import * as cluster from './expect/cluster.ts';

const inputs = { 'stack-secret': stackSecret };
const files = { 'values.yaml': 'replicaCount: 2\nzitadel:\n  configmapConfig:\n    Log:\n      Level: warn\n' };
let world: TestWorld;
let facts: cloud.CloudFacts;

before(async () => {
  world = await startWorld();
});
after(async () => await world?.stop());

describe('a first deploy', { timeout: 180_000 }, () => {
  let run: RunResult;
  let seen: Observed;

  before(async () => {
    await shared(world, async () => {
      ({ result: run, seen } = await observed(world, () => world.deploy({ inputs })));
      assert.equal(run.exitCode, 0, run.log);
    });
    facts = await cloud.cloudFacts(world);
  });

  it('makes VPC, subnets, and the way out for the nodes', () => cloud.expectNetwork(facts));
  it('lets nothing but the cluster reach the database', () => cloud.expectSecurityGroups(facts));
  it('makes the database: highly available, backed up, private', () => cloud.expectDatabase(facts));
  it('makes cluster and nodes in three zones, with rds-client besides their own group', () => cloud.expectCluster(facts));
  it('lets only the stack file’s networks reach the API server, and nobody the nodes’ SSH', () => cloud.expectApiAccess(facts));
  it('makes the load balancer with its address', () => cloud.expectLoadBalancer(facts));
  it('makes the zone and the record, and leaves no challenge behind', () => cloud.expectDns(facts));
  it('makes the agency, by consent', () => cloud.expectAgency(facts));
  it('installs each release once', () => cluster.expectReleases(world, 'contour contour contour'));
  it('binds the ingress controller to the load balancer', () => cluster.expectIngress(world, facts, 'contour'));
  it('gets a certificate by DNS01', () => cluster.expectCertificates(world));
  it('hands masterkey, passwords and the database’s CA over in Secrets', () => cluster.expectSecrets(world, stackSecret));
  it('runs ZITADEL as production needs it', () => cluster.expectZitadel(world, facts));
  it('sets the database up', () => cluster.expectSchema(world, facts, stackSecret));
  it('is reachable from outside', () => cluster.expectOutside(world));

  it('meets no call or field that the cloud does not know', async () => assert.deepEqual(await world.control.oddities(), []));

  it('tells what it made: outputs, summary, first login without the password', () => {
    const { outputs } = run;
    const address = facts.balancerEip['public_ip_address'];
    assert.deepEqual(run.droppedOutputs, []);
    assert.equal(outputs['result'], 'changed');
    assert.equal(outputs['has-changes'], 'true');
    assert.equal(outputs['url'], 'https://login.example.com');
    assert.equal(outputs['console-url'], 'https://login.example.com/ui/console');
    assert.equal(outputs['login-name'], 'zitadel-admin@zitadel.login.example.com');
    assert.equal(outputs['public-ip'], address);
    assert.equal(outputs['load-balancer-id'], facts.balancer.id);
    assert.equal(outputs['cluster-id'], facts.cluster.id);
    assert.equal(outputs['database-id'], facts.database.id);
    assert.match(outputs['database-host'] ?? '', /^10\.20\.16\.\d+$/);
    const changes = JSON.parse(outputs['changes'] ?? '[]') as { readonly resource: string; readonly verdict: string }[];
    for (const id of ['network/vpc', 'database/instance', 'cluster/cluster', 'load-balancer/load-balancer', 'zitadel/release'])
      assert.ok(
        changes.some(({ resource, verdict }) => resource === id && verdict === 'create'),
        id,
      );
    assert.match(run.summary, /https:\/\/login\.example\.com/);
    assert.match(run.summary, /zitadel-admin@zitadel\.login\.example\.com.*derived from stack-secret, label "admin", generation 1/);
    assert.match(run.summary, /```mermaid\nflowchart/);
    assert.match(run.summary, new RegExp(address.replaceAll('.', '\\.')));
  });

  it('keeps its files to itself, and leaves nothing but the report', () => {
    assert.equal(run.postExitCode, 0);
    assert.deepEqual(Object.keys(run.leftovers), ['zitadel-on-otc-zitadel-sandbox-deploy.json']);
    assert.deepEqual(run.orphans, []);
    const own = seen.files.filter(({ path }) => path.startsWith('temp/'));
    assert.ok(
      own.some(({ path }) => /kubeconfig/.test(path)),
      'the watch saw the kubeconfig file',
    );
    for (const { path, mode, directory } of own) {
      const open = mode & 0o077;
      // What stands in the private folder is shielded by it; its own modes still matter for files with secrets.
      if (path === 'temp/zitadel-on-otc-…' || /kubeconfig/.test(path) || /^temp\/[^/]+\.json$/.test(path))
        assert.equal(open, 0, `${path} has mode ${mode.toString(8)}`);
      assert.ok(directory || path.startsWith('temp/zitadel-on-otc-'), path);
    }
    const elsewhere = seen.files.filter(({ path, directory }) => !directory && /^(workspace|home)\//.test(path) && path !== 'workspace/zitadel.yaml');
    assert.deepEqual(
      elsewhere.map(({ path }) => path),
      [],
      'nothing is written outside RUNNER_TEMP',
    );
  });

  it('shows no secret: not in log, summary, outputs, report, Helm releases, cluster objects, arguments, environments of children, other files', async () => {
    const secrets: Secret[] = [
      { name: 'stack-secret', value: stackSecret },
      ...Object.entries(cluster.secretsOf(stackSecret)).map(([name, value]) => ({ name, value })),
      { name: 'secret-key', value: world.env['OS_SECRET_KEY'] ?? '' },
      ...(await secretsInCluster(world)),
    ];
    assert.ok(secrets.length >= 12 && secrets.every(({ value }) => value.length >= 8));
    const files = seen.files.filter(({ path }) => !path.startsWith('temp/zitadel-on-otc-…')).map(({ path, text }) => ({ where: path, text }));
    const places = [...placesOf(run), ...(await placesInCluster(world)), ...seen.places, ...files];
    for (const program of ['helm', 'kubectl']) assert.ok(seen.programs.has(program), `the watch saw ${program}`);
    assert.deepEqual(findLeaks(secrets, places), []);

    // The hunt must find what is planted, in every place and form, or it proves nothing.
    const [secret] = secrets.filter(({ name }) => name === 'root');
    assert.ok(secret !== undefined);
    for (const form of forms(secret.value)) {
      for (const { where, text } of places) {
        const planted = { where, text: `${text.slice(0, text.length / 2)}${form}${text.slice(text.length / 2)}` };
        assert.deepEqual(findLeaks([secret], [planted]), [`root in ${where}`]);
      }
    }
  });
});

describe('a second deploy', { timeout: 60_000 }, () => {
  let run: RunResult;
  let made: Census;
  let versions: Record<string, string>;
  let requests: Awaited<ReturnType<TestWorld['control']['requests']>>;

  before(async () => {
    made = await census(world);
    versions = await resourceVersions(world);
    await world.control.clearRequests();
    run = await world.deploy({ inputs });
    assert.equal(run.exitCode, 0, run.log);
    requests = await world.control.requests();
  });

  it('calls nothing that writes, in the cloud', async () => {
    assert.deepEqual(writes(requests), []);
    assert.deepEqual(grown(made, await census(world)), {});
  });
  it('writes nothing in the cluster: no Helm revision, no object', async () => assert.deepEqual(await resourceVersions(world), versions));
  it('needs at most 25 calls, the download of the database’s authority among them', () => {
    const hosts = cloudCalls(requests).map(({ host }) => host);
    assert.equal(hosts.filter((host) => host.includes('.obs.')).length, 1);
    assert.ok(hosts.length <= 25, `${hosts.length} calls`);
  });
  it('downloads neither helm nor kubectl nor charts', () => {
    const others = requests.filter(({ service }) => /helm|k8s|charts|github\.io/.test(service)).map(({ service, path }) => `${service}${path}`);
    assert.deepEqual(others, []);
  });
  it('says so', () => {
    assert.equal(run.outputs['result'], 'unchanged');
    assert.equal(run.outputs['has-changes'], 'false');
    assert.equal(run.outputs['changes'], '[]');
    assert.equal(run.outputs['url'], 'https://login.example.com');
  });
});

describe('a deploy with changed values', { timeout: 90_000 }, () => {
  let run: RunResult;
  let made: Census;
  let earlier: Record<string, string>;

  before(async () => {
    made = await census(world);
    earlier = await resourceVersions(world);
    await world.control.clearRequests();
    run = await world.deploy({ inputs, config: stackFile({ zitadel: { values: 'values.yaml' } }), files });
    assert.equal(run.exitCode, 0, run.log);
  });

  it('upgrades ZITADEL’s release, and only it', async () => {
    const revisions = await helmRevisions(world);
    assert.deepEqual(revisions, { 'cert-manager/acme-dns': 1, 'cert-manager/cert-manager': 1, 'contour/contour': 1, 'zitadel/zitadel': 2 });
    const changes = JSON.parse(run.outputs['changes'] ?? '[]') as { readonly resource: string }[];
    assert.deepEqual(
      changes.map(({ resource }) => resource),
      ['zitadel/release'],
    );
  });
  it('carries the values out', async () => {
    const deployment = await object(world, 'deployment/zitadel', 'zitadel');
    assert.equal(deployment['spec'].replicas, 2);
    assert.equal(deployment['status'].readyReplicas, 2);
    const { data } = await object(world, 'configmap/zitadel-config-yaml', 'zitadel');
    assert.match(data['zitadel-config-yaml'], /Level: warn/);
    const statuses = (await helmReleases(world)).filter(({ name }) => name === 'zitadel').map(({ version, info }) => `${version} ${info.status}`);
    assert.deepEqual(statuses.toSorted(), ['1 superseded', '2 deployed']);
  });
  it('leaves the cloud alone, but for the lock', async () => {
    assert.deepEqual(grown(made, await census(world)), {});
    const others = writes(await world.control.requests()).filter((call) => !/^PUT \/v1\/[^/]+\/vpcs\/[^/]+$/.test(call));
    assert.deepEqual(others, []);
    const [vpc] = await world.control.table<{ readonly id: string; readonly description: string }>('vpc.vpcs');
    assert.doesNotMatch(vpc?.description ?? '', /locked/);
  });
  it('leaves everything else in the cluster alone', async () => {
    const now = await resourceVersions(world);
    const changed = Object.keys({ ...earlier, ...now }).filter((name) => earlier[name] !== now[name]);
    const others = changed.filter((name) => !/ zitadel\/(zitadel|sh\.helm\.release\.v1\.zitadel)/.test(name));
    assert.deepEqual(others, []);
    const secrets = changed.filter((name) => name.startsWith('Secret ') && !name.includes('sh.helm.release'));
    assert.deepEqual(secrets, []);
    assert.equal((await objects(world, 'secrets')).filter(({ metadata }) => metadata.name === 'zitadel-masterkey-ext').length, 1);
  });
});

describe('a deploy with raised generations of the database’s passwords', { timeout: 240_000 }, () => {
  const stack = { zitadel: { values: 'values.yaml' }, database: { passwordGeneration: { root: 2, user: 2 } } };
  const request = { inputs, files, config: stackFile(stack), env: { GITHUB_RUN_ID: '77' } };
  const deployment = () => object(world, 'deployment/zitadel', 'zitadel');
  const password = (generation: number, label = 'database-user'): string => derivePassword(stackSecret, label, generation);
  /** Whether ZITADEL's role gets in with the password of a generation. */
  const isIn = async (generation: number): Promise<boolean> => {
    const port = facts.tables['vpc.ports']?.find((one) => one['network_id'] === facts.database['subnet_id'] && one['name'] === 'VIP');
    const login = { host: port?.['fixed_ips'][0].ip_address as string, user: 'zitadel', password: password(generation), database: 'zitadel' };
    try {
      return (await query(world, login, 'SELECT 1')).length === 1;
    } catch (error) {
      assert.match(String(error), /password authentication failed/);
      return false;
    }
  };

  it('killed before the release rolls, it leaves a ZITADEL that is up, and a database that takes the new one alone', async () => {
    const { template } = (await deployment())['spec'];
    const former = await object(world, 'secret/zitadel-config-ext', 'zitadel');
    const killed = await world.deploy({ ...request, stop: { by: 'SIGKILL', at: { line: 'Secret zitadel/zitadel-config-ext: updated' } } });
    assert.equal(killed.signal, 'SIGKILL', killed.log);
    const live = await deployment();
    assert.deepEqual([live['spec'].template, live['status'].readyReplicas], [template, 2], 'not rolled yet, and up');
    assert.deepEqual([await isIn(1), await isIn(2)], [false, true]);
    await cluster.expectOutside(world);
    // As a run leaves it that dies after the database has the new one and before the Secret has.
    const back = await world.enter([
      'kubectl',
      '-n',
      'zitadel',
      'patch',
      'secret',
      'zitadel-config-ext',
      '-p',
      JSON.stringify({ data: former['data'] }),
    ]);
    assert.equal(back.exitCode, 0, back.stderr);
  });
  it('the next run ends it: Secret and pods have the new one, the old one is of no use, nothing stays behind', async () => {
    const { template } = (await deployment())['spec'];
    const run = await world.deploy(request);
    assert.equal(run.exitCode, 0, run.log);
    const { 'config-yaml': text = '' } = await secretData(world, 'zitadel', 'zitadel-config-ext');
    for (const label of ['database-user', 'database-root']) assert.ok(text.includes(password(2, label)) && !text.includes(password(1, label)), label);
    const live = await deployment();
    assert.notDeepEqual(live['spec'].template, template, 'the pods were rolled');
    assert.deepEqual([live['status'].readyReplicas, await isIn(1), await isIn(2)], [2, false, true]);
    await cluster.expectOutside(world);
    const left = (await objects(world, 'jobs', 'secrets')).filter(({ metadata }) => metadata.name === 'zitadel-role-password');
    assert.deepEqual(left, []);
    const secrets = ['database-user', 'database-root'].map((name) => ({ name, value: password(2, name) }));
    assert.deepEqual(findLeaks(secrets, [...placesOf(run), ...(await placesInCluster(world))]), []);
    assert.deepEqual(await world.control.oddities(), []);
    const again = await world.deploy(request);
    assert.equal(again.outputs['result'], 'unchanged', again.log);
  });
  it("refuses to overwrite somebody else's Secret of its name, and takes it over by consent", async () => {
    const kubectl = async (...args: string[]): Promise<void> => {
      const { exitCode, stderr } = await world.enter(['kubectl', '-n', 'zitadel', ...args]);
      assert.equal(exitCode, 0, stderr);
    };
    await kubectl('delete', 'secret', 'zitadel-config-ext');
    await kubectl('create', 'secret', 'generic', 'zitadel-config-ext', '--from-literal=config-yaml=theirs: true');
    const refused = await world.deploy(request);
    assert.equal(refused.exitCode, 1, refused.log);
    assert.match(refused.log, /Secret zitadel\/zitadel-config-ext is in the cluster already and was not made by this action/);
    assert.deepEqual(await secretData(world, 'zitadel', 'zitadel-config-ext'), { 'config-yaml': 'theirs: true' });
    const taken = await world.deploy({ ...request, config: stackFile({ ...stack, adopt: { releases: true } }) });
    assert.equal(taken.exitCode, 0, taken.log);
    assert.ok((await secretData(world, 'zitadel', 'zitadel-config-ext'))['config-yaml']?.includes(password(2)));
  });
});
