/**
 * The guide's own choices, carried out by the action: one subnet, a cluster without HA, ingress-nginx bound by `elb.id`, the
 * guide's `values.yaml.tpl` as it stands, its issuer, an A record. It ends with what the guide's sections "Verifying
 * Installation" and "Accessing ZITADEL" check. The promises beyond the guide are the other scenarios' subject.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse } from 'yaml';
import type { Row } from '../../sandbox/otc/store.ts';
import type { RunResult } from '../../sandbox/runner/run.ts';
import { helmReleases, object, objects, query, secretData } from '../harness/cluster.ts';
import { startWorld, type TestWorld } from '../harness/world.ts';

const here = (name: string): string => readFileSync(join(import.meta.dirname, 'blueprint', name), 'utf8');
const folder = process.env['ACTION_FOLDER'];
const domain = 'zitadel.example.com';
const secrets = {
  ZITADEL_MASTERKEY: 'Masterkey0Masterkey1Masterkey2Ma',
  // Of the guide's alphabet, with what would break unquoted YAML and SQL.
  ZITADEL_FIRSTINSTANCE_ORG_HUMAN_PASSWORD: '*&a: B#1!@%^_+-=cdefghijklmnopqr',
  ZITADEL_RDS_ROOT_PASSWORD: 'Root-password_of~the^database1',
};
type Found = Row & Readonly<Record<string, unknown>>;
let world: TestWorld;
let run: RunResult;
let address: string;
const table = (name: string): Promise<Found[]> => world.control.table<Found>(name);

before(async () => {
  world = await startWorld();
  run = await world.deploy({
    config: here('zitadel.yaml'),
    files: { 'values.yaml.tpl': here('values.yaml.tpl') },
    env: secrets,
    ...(folder === undefined ? {} : { action: { folder } }),
  });
  assert.equal(run.exitCode, 0, run.log);
  address = run.outputs['public-ip'] ?? '';
});
after(async () => await world?.stop());

describe('what the guide makes by hand', { timeout: 180_000 }, () => {
  it('one subnet for nodes, load balancer and database', async () => {
    const [subnet, ...more] = await table('vpc.subnets');
    assert.equal(more.length, 0);
    const [database] = await table('rds.instances');
    const [balancer] = await table('elb.loadbalancers');
    const [cluster] = await table('cce.clusters');
    assert.equal(database?.['subnet_id'], subnet?.id);
    assert.match(JSON.stringify(cluster), new RegExp(String(subnet?.id)));
    assert.match(JSON.stringify(balancer), new RegExp(String(subnet?.['neutron_subnet_id'] ?? subnet?.id)));
  });

  it('a cluster with one master, and rds-client on each node', async () => {
    const [cluster] = await table('cce.clusters');
    assert.match(JSON.stringify(cluster), /cce\.s1\.small/);
    const client = (await table('vpc.security-groups')).find(({ name }) => String(name).includes('-rds-client-'));
    const nodes = (await table('vpc.ports')).filter(({ device_owner: owner }) => String(owner).startsWith('compute:'));
    assert.ok(nodes.length >= 3);
    for (const { security_groups: groups } of nodes)
      assert.ok((groups as string[]).includes(String(client?.id)), 'rds-client besides the node’s own group');
  });

  it('ingress-nginx bound to the load balancer by its id', async () => {
    const [balancer] = await table('elb.loadbalancers');
    const service = await object(world, 'service/nginx-ingress-ingress-nginx-controller', 'nginx-system');
    assert.equal(service.metadata.annotations?.['kubernetes.io/elb.id'], balancer?.id);
    assert.equal(service['spec'].externalTrafficPolicy, 'Cluster');
    assert.match(run.log, /ingress-nginx is retired upstream/);
  });

  it('the issuer of the guide signs the certificate that the Ingress names', async () => {
    const issuer = await object(world, 'clusterissuer/opentelekomcloud-letsencrypt');
    assert.equal(issuer['spec'].acme.server, 'https://acme-v02.api.letsencrypt.org/directory');
    const secret = await object(world, 'secret/zitadel-otc-certificate-tls', 'zitadel');
    assert.equal(secret.metadata.annotations?.['cert-manager.io/issuer-name'], 'opentelekomcloud-letsencrypt');
    const ingress = await object(world, 'ingress/zitadel', 'zitadel');
    assert.equal(ingress['spec'].tls[0].secretName, 'zitadel-otc-certificate-tls');
    assert.equal(ingress.metadata.annotations?.['kubernetes.io/elb.http2-enable'], 'true');
  });

  it('the A record', async () => {
    const records = (await table('dns.recordsets')).filter(({ type }) => type === 'A');
    assert.deepEqual(
      records.map(({ name, records: values }) => [name, values]),
      [[`${domain}.`, [address]]],
    );
  });

  it('the template’s values, but for the secrets, which Helm never sees', async () => {
    const releases = await helmReleases(world);
    const release = releases.find(({ name }) => name === 'zitadel');
    assert.ok(release !== undefined);
    assert.partialDeepStrictEqual((release.config['zitadel'] as Record<string, unknown>)['configmapConfig'], {
      ExternalSecure: true,
      ExternalDomain: domain,
      Database: { Postgres: { MaxOpenConns: 20, MaxIdleConns: 10, User: { SSL: { Mode: 'verify-ca' } } } },
      FirstInstance: { Org: { Human: { NickName: 'zitadel-admin', PasswordChangeRequired: false } } },
    });
    const configMap = await object(world, 'configmap/zitadel-config-yaml', 'zitadel');
    for (const value of Object.values(secrets)) {
      assert.ok(!releases.some(({ text }) => text.includes(JSON.stringify(value).slice(1, -1))), 'in a Helm release');
      assert.ok(!JSON.stringify(configMap).includes(JSON.stringify(value).slice(1, -1)), 'in a ConfigMap');
      assert.ok(!run.log.includes(value) && !run.summary.includes(value), 'in what people see');
    }
    assert.deepEqual(await secretData(world, 'zitadel', 'zitadel-masterkey-ext'), { masterkey: secrets.ZITADEL_MASTERKEY });
  });
});

describe('what the guide checks at its end', { timeout: 180_000 }, () => {
  it('init and setup are completed, and three pods of ZITADEL run', async () => {
    for (const name of ['zitadel-init', 'zitadel-setup']) {
      const { status } = await object(world, `job/${name}`, 'zitadel');
      assert.ok(
        status.conditions.some((one: { type: string; status: string }) => one.type === 'Complete' && one.status === 'True'),
        name,
      );
    }
    const pods = (await objects(world, 'pods')).filter(({ metadata }) => metadata.labels?.['app.kubernetes.io/component'] === 'start');
    assert.deepEqual(
      pods.map(({ status }) => status.phase),
      ['Running', 'Running', 'Running'],
    );
  });

  it('the Ingress has the load balancer’s public address, and the domain leads there', async () => {
    const { status } = await object(world, 'ingress/zitadel', 'zitadel');
    assert.ok(status.loadBalancer.ingress.some(({ ip }: { ip: string }) => ip === address));
    const { stdout } = await world.enter(['getent', 'ahostsv4', domain]);
    assert.match(stdout, new RegExp(`^${address.replaceAll('.', '\\.')}\\s`));
  });

  it('the URL leads to the login page under a trusted certificate', async () => {
    const page = ['curl', '-sSL', '--max-time', '10', '-o', '/dev/null', '-w', '%{http_code} %{ssl_verify_result}'];
    assert.equal((await world.enter([...page, `https://${domain}/ui/console/`])).stdout, '200 0');
    assert.equal((await world.enter([...page, `https://${domain}/ui/v2/login/loginname`])).stdout, '200 0');
    const plain = await world.enter([
      'curl',
      '-sS',
      '--max-time',
      '10',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code} %{redirect_url}',
      `http://${domain}/`,
    ]);
    assert.match(plain.stdout, new RegExp(`^30[18] https://${domain.replaceAll('.', '\\.')}`));
  });

  it('the first administrator is the template’s, with its address and password', async () => {
    const port = (await table('vpc.ports')).find(({ name }) => name === 'VIP');
    const [fixed] = (port?.['fixed_ips'] ?? []) as { ip_address: string }[];
    const login = { host: fixed?.ip_address ?? '', user: 'zitadel', password: secrets.ZITADEL_RDS_ROOT_PASSWORD, database: 'zitadel' };
    const people = await query(world, login, "SELECT username, email FROM projections.users14 WHERE type = 'human'");
    assert.deepEqual(people, [['zitadel-admin', 'zitadel-admin@example.com']]);
    const { 'config-yaml': config = '' } = await secretData(world, 'zitadel', 'zitadel-config-ext');
    assert.equal(parse(config).FirstInstance.Org.Human.Password, secrets.ZITADEL_FIRSTINSTANCE_ORG_HUMAN_PASSWORD);
    assert.equal(run.outputs['login-name'], `zitadel-admin@zitadel.${domain}`);
  });

  it('nothing is left to do, and nothing was asked that the cloud does not know', async () => {
    const again = await world.deploy({
      config: here('zitadel.yaml'),
      files: { 'values.yaml.tpl': here('values.yaml.tpl') },
      env: secrets,
      ...(folder === undefined ? {} : { action: { folder } }),
    });
    assert.equal(again.outputs['result'], 'unchanged', again.summary);
    assert.deepEqual(await world.control.oddities(), []);
  });
});
