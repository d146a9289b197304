/**
 * Mistakes that only show in a running cluster: a Secret's key missing, TLS stricter than the certificate, another CA, a load
 * balancer of another VPC. ZITADEL's release fails for the reason it fails in reality, the run says which, what is well
 * stays, and the next deploy goes on from there. At last the database changes under ZITADEL on purpose.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import { type Census, census, grown } from '../harness/census.ts';
import { helmReleases, object, query, secretData } from '../harness/cluster.ts';
import { deployedWorld, stackSecret } from '../harness/deployed.ts';
import { findLeaks, placesInCluster, placesOf, secretsInCluster } from '../harness/leaks.ts';
import { stackFile } from '../harness/stack-file.ts';
import { errorsOf, verdictOf } from '../harness/telling.ts';
import type { TestWorld } from '../harness/world.ts';
import * as cloud from './expect/cloud.ts';
import * as cluster from './expect/cluster.ts';

const inputs = { 'stack-secret': stackSecret };

describe('a mistake that shows in the cluster', { timeout: 400_000 }, () => {
  let world: TestWorld;
  let made: Census;

  before(async () => {
    world = await deployedWorld('instant');
  });
  after(async () => await world?.stop());

  it('a Secret without the key that a pod asks for: the kubelet’s own words, and everything else stands', async () => {
    const values = 'env:\n  - name: SMTP_USER\n    valueFrom: { secretKeyRef: { name: zitadel-config-ext, key: smtp-user } }\n';
    const run = await world.deploy({ inputs, config: stackFile({ zitadel: { values: 'values.yaml' } }), files: { 'values.yaml': values } });
    assert.equal(run.exitCode, 1, run.log);
    assert.match(errorsOf(run), /CreateContainerConfigError: couldn't find key smtp-user in Secret zitadel\/zitadel-config-ext/);
    assert.match(run.summary, /couldn't find key smtp-user/);
    assert.equal(verdictOf(run, 'zitadel/release'), 'failed');
    for (const id of ['certificates/certificate', 'ingress/contour', 'dns/record', 'database/instance'])
      assert.equal(verdictOf(run, id), 'unchanged', id);
    cloud.expectCloud(await cloud.cloudFacts(world));
    made = await census(world);

    const secrets = [
      { name: 'stack-secret', value: stackSecret },
      ...Object.entries(cluster.secretsOf(stackSecret)).map(([name, value]) => ({ name, value })),
      { name: 'secret-key', value: world.env['OS_SECRET_KEY'] ?? '' },
      ...(await secretsInCluster(world)),
    ];
    assert.deepEqual(findLeaks(secrets, [...placesOf(run), ...(await placesInCluster(world))]), [], 'no secret shows in failure either');
  });

  it('TLS that checks a name which RDS does not put into its certificate', async () => {
    const run = await world.deploy({ inputs, config: stackFile({ zitadel: { tlsMode: 'verify-full' } }) });
    assert.equal(run.exitCode, 1, run.log);
    assert.match(errorsOf(run), /x509: certificate is valid for/);
    assert.match(errorsOf(run), /set zitadel\.tlsMode: verify-ca/);
    assert.deepEqual(grown(made, await census(world)), {});
  });

  it('another authority than the one that signed the database’s certificate', async () => {
    const other = await readFile(world.env['OS_CACERT'] ?? '', 'utf8');
    await world.control.faults([{ service: 'rds-downloads', count: 0, act: { kind: 'answer', status: 200, body: other } }]);
    const run = await world.deploy({ inputs });
    await world.control.faults([]);
    assert.equal(run.exitCode, 1, run.log);
    assert.match(errorsOf(run), /x509: certificate signed by unknown authority/);
    assert.deepEqual(grown(made, await census(world)), {});
  });

  it('a load balancer of another VPC is refused before anything is bound to it', async () => {
    const { tables, balancer } = await cloud.cloudFacts(world);
    const foreign = {
      ...balancer,
      id: '00000000-0000-4000-8000-00000000e1b0',
      name: 'somebody-elses',
      vpc_id: '00000000-0000-4000-8000-000000000bad',
    };
    await world.control.edit({ tables: { 'elb.loadbalancers': { insert: [foreign] } } });
    const run = await world.deploy({ inputs, config: stackFile({ loadBalancer: { existing: { name: 'somebody-elses' } } }) });
    await world.control.edit({ tables: { 'elb.loadbalancers': { remove: [foreign.id] } } });
    assert.equal(run.exitCode, 1, run.log);
    assert.match(
      errorsOf(run),
      /the existing load balancer somebody-elses cannot be used: it is in VPC 00000000-0000-4000-8000-000000000bad, not in the cluster's/,
    );
    assert.equal(verdictOf(run, 'zitadel/release'), 'blocked');
    const listeners = (await world.control.table('elb.listeners')).length;
    assert.equal(listeners, (tables['elb.listeners'] ?? []).length);
    assert.deepEqual(grown(made, await census(world)), {});
  });

  it('another stack-secret than the one the database was set up with', async () => {
    const run = await world.deploy({ inputs: { 'stack-secret': Buffer.from('by mistake the secret of another stack').toString('base64') } });
    assert.equal(run.exitCode, 1, run.log);
    assert.match(errorsOf(run), /was encrypted with another masterkey than the one given/);
    assert.deepEqual(await secretData(world, 'zitadel', 'zitadel-masterkey-ext'), { masterkey: cluster.secretsOf(stackSecret).masterkey });
    assert.deepEqual(grown(made, await census(world)), {});
  });

  it('a deploy without the mistakes goes on from there, and makes nothing twice', async () => {
    const run = await world.deploy({ inputs });
    assert.equal(run.exitCode, 0, run.log);
    const facts = await cloud.cloudFacts(world);
    cloud.expectCloud(facts);
    await cluster.expectZitadel(world, facts);
    await cluster.expectSchema(world, facts, stackSecret);
    await cluster.expectOutside(world);
    assert.deepEqual(grown(made, await census(world)), {});
    const newest = (await helmReleases(world)).filter(({ name }) => name === 'zitadel').toSorted((a, b) => b.version - a.version)[0];
    assert.equal(newest?.info.status, 'deployed');
  });

  it('another port and another password of root change the living database, which ZITADEL follows; both are final', async () => {
    const request = { inputs: { ...inputs, 'database-password': 'Another-one-of-root-1' }, config: stackFile({ database: { port: 5433 } }) };
    const run = await world.deploy(request);
    assert.equal(run.exitCode, 0, run.log);
    const { data } = await object(world, 'configmap/zitadel-config-yaml', 'zitadel');
    const { Host: host, Port: port } = parse(data['zitadel-config-yaml']).Database.Postgres;
    assert.equal(port, 5433);
    await cluster.expectZitadel(world, await cloud.cloudFacts(world));
    await cluster.expectOutside(world);
    const asRoot = { host, port, user: 'root', password: request.inputs['database-password'], database: 'zitadel' };
    const asked = await query(world, asRoot, "SELECT usename, current_setting('port') FROM pg_stat_activity WHERE usename = 'zitadel' LIMIT 1");
    assert.deepEqual(asked, [['zitadel', '5433']], 'ZITADEL is connected there');
    await assert.rejects(query(world, { ...asRoot, password: cluster.secretsOf(stackSecret).root }, 'SELECT 1'), /password authentication failed/);
    const again = await world.deploy(request);
    assert.equal(again.outputs['result'], 'unchanged', again.log);
  });
});
