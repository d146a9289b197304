/**
 * What a deployment must have made in the cluster and the database, asserted on the objects as kubectl prints them and on
 * PostgreSQL's own catalogue. What is in the cloud around them is `cloud.ts`'s.
 */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { parse } from 'yaml';
import { deriveMasterkey, derivePassword } from '../../../src/stack/secrets.ts';
import { helmReleases, type Live, object, objects, query, secretData } from '../../harness/cluster.ts';
import type { TestWorld } from '../../harness/world.ts';
import type { CloudFacts } from './cloud.ts';

/** What the one secret of a stack becomes; published test vectors tie it down in the unit tests. */
export const secretsOf = (stackSecret: string) => ({
  masterkey: deriveMasterkey(stackSecret),
  root: derivePassword(stackSecret, 'database-root', 1),
  user: derivePassword(stackSecret, 'database-user', 1),
  admin: derivePassword(stackSecret, 'admin', 1),
});

/** Helm releases as they are stored: one revision each, deployed. */
export async function expectReleases(world: TestWorld, ingress: string): Promise<void> {
  const found = (await helmReleases(world)).map(({ namespace, name, version, info, chart }) =>
    [namespace, name, chart.metadata.name, version, info.status].join(' '),
  );
  assert.deepEqual(
    found.toSorted(),
    [
      'cert-manager acme-dns cert-manager-webhook-opentelekomcloud 1 deployed',
      'cert-manager cert-manager cert-manager 1 deployed',
      `${ingress} 1 deployed`,
      'zitadel zitadel zitadel 1 deployed',
    ].toSorted(),
  );
}

/** The ingress controller's Service is bound to the load balancer by id and class, and carries both addresses in its status. */
export async function expectIngress(world: TestWorld, { balancer, balancerEip }: CloudFacts, className: string): Promise<void> {
  const services = (await objects(world, 'services')).filter(({ spec }) => spec.type === 'LoadBalancer');
  assert.equal(services.length, 1);
  const annotations = services[0]?.metadata.annotations ?? {};
  assert.equal(annotations['kubernetes.io/elb.id'], balancer.id);
  assert.equal(annotations['kubernetes.io/elb.class'], 'performance');
  assert.ok(
    !Object.keys(annotations).some((name) => name.includes('autocreate')),
    'an id with autocreate would delete the load balancer with the Service',
  );
  const addresses = (live: Live | undefined): string[] => (live?.['status'].loadBalancer.ingress ?? []).map((entry: { ip: string }) => entry.ip);
  assert.deepEqual(addresses(services[0]).toSorted(), [balancer['vip_address'], balancerEip['public_ip_address']].toSorted());
  const ingresses = await objects(world, 'ingresses');
  assert.deepEqual(ingresses.map(({ metadata }) => metadata.name).toSorted(), ['zitadel', 'zitadel-login']);
  for (const ingress of ingresses) {
    assert.equal(ingress['spec'].ingressClassName, className);
    assert.deepEqual(
      ingress['spec'].rules.map((rule: { host: string }) => rule.host),
      ['login.example.com'],
    );
    assert.deepEqual(ingress['spec'].tls, [{ hosts: ['login.example.com'], secretName: 'zitadel-tls' }]);
    assert.ok(addresses(ingress).includes(balancerEip['public_ip_address']));
  }
}

/** Solver, issuers, and a certificate that the production issuer signed. */
export async function expectCertificates(world: TestWorld): Promise<void> {
  const solver = await secretData(world, 'cert-manager', 'cert-manager-webhook-opentelekomcloud-creds');
  assert.deepEqual(Object.keys(solver).toSorted(), ['accessKey', 'secretKey']);
  assert.equal(solver['accessKey'], world.env['OS_ACCESS_KEY']);
  assert.equal(solver['secretKey'], world.env['OS_SECRET_KEY']);
  const issuers = await objects(world, 'clusterissuers.cert-manager.io');
  const ready = (live: Live): string | undefined =>
    live['status'].conditions.find(({ type }: { type: string }) => type === 'Ready')?.status as string | undefined;
  assert.deepEqual(
    issuers.map((issuer) => [issuer.metadata.name, issuer['spec'].acme.server, ready(issuer)]).toSorted(),
    [
      ['opentelekomcloud-letsencrypt', 'https://acme-v02.api.letsencrypt.org/directory', 'True'],
      ['opentelekomcloud-letsencrypt-staging', 'https://acme-staging-v02.api.letsencrypt.org/directory', 'True'],
    ].toSorted(),
  );
  for (const issuer of issuers) {
    assert.equal(issuer['spec'].acme.email, 'platform@example.com');
    assert.equal(issuer['spec'].acme.solvers[0].dns01.webhook.solverName, 'opentelekomcloud');
  }
  const { 'tls.crt': chain = '', 'tls.key': key = '' } = await secretData(world, 'zitadel', 'zitadel-tls');
  const certificate = new X509Certificate(chain);
  assert.ok(certificate.checkHost('login.example.com'));
  assert.ok(new Date(certificate.validTo) > new Date());
  assert.match(key, /PRIVATE KEY/);
}

/** The Secrets that ZITADEL starts with, and nothing secret in the values. */
export async function expectSecrets(world: TestWorld, stackSecret: string): Promise<void> {
  const secrets = secretsOf(stackSecret);
  assert.deepEqual(await secretData(world, 'zitadel', 'zitadel-masterkey-ext'), { masterkey: secrets.masterkey });
  const { 'config-yaml': text = '', ...others } = await secretData(world, 'zitadel', 'zitadel-config-ext');
  assert.deepEqual(others, {});
  assert.deepEqual(parse(text), {
    Database: { Postgres: { Admin: { Password: secrets.root }, User: { Password: secrets.user } } },
    FirstInstance: { Org: { Human: { Password: secrets.admin } } },
  });
  const { 'ca.crt': ca = '', ...more } = await secretData(world, 'zitadel', 'zitadel-rds-ssl-cert');
  assert.deepEqual(more, {});
  assert.match(new X509Certificate(ca).subject, /OTC RDS CA/);
  assert.equal(new X509Certificate(ca).ca, true);
}

/** ZITADEL as production needs it: three replicas that run, spread, with resources, budgets and the login app. */
export async function expectZitadel(world: TestWorld, facts: CloudFacts): Promise<void> {
  const deployments = (await objects(world, 'deployments')).filter(({ metadata }) => metadata.namespace === 'zitadel');
  const byName = new Map(deployments.map((live) => [live.metadata.name, live]));
  assert.equal(byName.get('zitadel')?.['status'].readyReplicas, 3);
  assert.equal(byName.get('zitadel-login')?.['status'].readyReplicas, 2);
  for (const live of deployments) {
    const { containers, topologySpreadConstraints: spread } = live['spec'].template.spec;
    assert.ok(containers[0].resources.requests.cpu && containers[0].resources.requests.memory && containers[0].resources.limits.memory);
    assert.deepEqual(
      spread.map(({ topologyKey }: { topologyKey: string }) => topologyKey),
      ['topology.kubernetes.io/zone', 'kubernetes.io/hostname'],
    );
  }
  const pods = (await objects(world, 'pods')).filter(({ metadata }) => metadata.labels?.['app.kubernetes.io/component'] === 'start');
  assert.equal(new Set(pods.map(({ spec }) => spec.nodeName)).size, 3, 'one on each node');
  const budgets = (await objects(world, 'poddisruptionbudgets')).filter(({ metadata }) => metadata.namespace === 'zitadel');
  assert.deepEqual(budgets.map(({ metadata, spec }) => [metadata.name, spec.maxUnavailable]).toSorted(), [
    ['zitadel', 1],
    ['zitadel-login', 1],
  ]);
  const { data } = await object(world, 'configmap/zitadel-config-yaml', 'zitadel');
  const config = parse(data['zitadel-config-yaml']);
  assert.deepEqual([config.ExternalDomain, config.ExternalPort, config.ExternalSecure], ['login.example.com', 443, true]);
  assert.equal(config.TLS.Enabled, false);
  const { Postgres } = config.Database;
  const address = facts.tables['vpc.ports']?.find((port) => port['network_id'] === facts.database['subnet_id'] && port['name'] === 'VIP');
  assert.equal(Postgres.Host, address?.['fixed_ips'][0].ip_address);
  assert.deepEqual([Postgres.User.SSL.Mode, Postgres.Admin.SSL.Mode], ['verify-ca', 'verify-ca'], 'as strict as the certificate allows');
  const jobs = (await objects(world, 'jobs')).filter(({ metadata }) => metadata.namespace === 'zitadel');
  assert.deepEqual(jobs.map(({ metadata, status }) => [metadata.name, status.succeeded]).toSorted(), [
    ['zitadel-init', 1],
    ['zitadel-setup', 1],
  ]);
  const setup = jobs.find(({ metadata }) => metadata.name === 'zitadel-setup');
  assert.ok(setup !== undefined);
  const { containers, initContainers = [] } = setup['spec'].template.spec as Record<string, { readonly image: string }[]>;
  const images = [...(containers ?? []), ...initContainers].map(({ image }) => image);
  assert.ok(
    images.some((image) => /alpine\/k8s:1\.33\./.test(image)),
    `the kubectl image fits the cluster: ${images.join(', ')}`,
  );
}

/** What `init` and `setup` left in PostgreSQL: role, database, schemas, an instance for the domain. */
export async function expectSchema(world: TestWorld, facts: CloudFacts, stackSecret: string): Promise<void> {
  const { root, user } = secretsOf(stackSecret);
  const port = facts.tables['vpc.ports']?.find((one) => one['network_id'] === facts.database['subnet_id'] && one['name'] === 'VIP');
  const host = port?.['fixed_ips'][0].ip_address as string;
  const asRoot = { host, user: 'root', password: root, database: 'postgres' };
  assert.deepEqual(await query(world, asRoot, "SELECT rolsuper, rolcanlogin FROM pg_roles WHERE rolname = 'zitadel'"), [[false, true]]);
  const asUser = { host, user: 'zitadel', password: user, database: 'zitadel' };
  const schemas = await query(world, asUser, "SELECT nspname FROM pg_namespace WHERE nspname IN ('eventstore', 'projections', 'system') ORDER BY 1");
  assert.deepEqual(schemas, [['eventstore'], ['projections'], ['system']]);
  const domains = await query(world, asUser, 'SELECT domain FROM projections.instance_domains WHERE is_primary');
  assert.deepEqual(domains, [['login.example.com']]);
  const people = await query(world, asUser, "SELECT username, email FROM projections.users14 WHERE type = 'human'");
  assert.deepEqual(people, [['zitadel-admin', 'platform@example.com']], 'the first administrator and nobody else');
}

/** What people see from outside: discovery, login app, console, the certificate's name. */
export async function expectOutside(world: TestWorld, domain = 'login.example.com'): Promise<void> {
  const get = async (path: string, ...more: readonly string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await world.enter(['curl', '-sS', '--max-time', '5', ...more, `https://${domain}${path}`]);
    assert.equal(exitCode, 0, stderr);
    return stdout;
  };
  const discovery = JSON.parse(await get('/.well-known/openid-configuration')) as Record<string, string>;
  assert.equal(discovery['issuer'], `https://${domain}`);
  for (const page of ['/ui/console/', '/ui/v2/login/loginname']) {
    assert.match(await get(page, '-L', '-o', '/dev/null', '-w', '%{http_code}'), /^200$/, page);
  }
}
