import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { Secret } from '../../../src/secret.ts';
import { readStack } from '../../../src/stack/read.ts';
import type { Stack } from '../../../src/stack/stack.ts';
import { configDocument, merge } from '../../../src/zitadel/config.ts';
import { firstPassword, fullName, organizationDomain, tlsSecretName } from '../../../src/zitadel/identity.ts';
import { controllers, loadBalancerAnnotations } from '../../../src/zitadel/ingress.ts';
import { databaseTlsMode, SECRETS_ANNOTATION, zitadelValues } from '../../../src/zitadel/values.ts';

const base = 'name: zitadel-prod\nregion: eu-de\ndomain: login.example.com\ncontact: ops@example.com\ncluster: { allow: [198.51.100.0/24] }\n';
function stackOf(more = '', values?: string): Stack {
  const text = base + more + (values === undefined ? '' : 'zitadel: { values: v.yaml }\n');
  return readStack({ text, file: 'zitadel.yaml', env: {}, readFile: () => values ?? '' }).stack;
}
// biome-ignore lint/suspicious/noExplicitAny: values are a free document
function valuesOf(stack: Stack, clusterVersion = 'v1.33'): any {
  return zitadelValues({ stack, database: { host: '10.20.16.5', port: 5432 }, address: '203.0.113.9', clusterVersion, secretsChanged: ['t1', 't2'] });
}

test('the defaults of a production ZITADEL', () => {
  const values = valuesOf(stackOf());
  assert.equal(values.replicaCount, 3);
  assert.deepEqual(values.pdb, { enabled: true, maxUnavailable: 1 });
  assert.deepEqual(values.podAnnotations, { [SECRETS_ANNOTATION]: 't1 t2' });
  assert.deepEqual(values.login.podAnnotations, values.podAnnotations);
  assert.equal(values.tools.kubectl.image.tag, '1.33.4');
  assert.deepEqual(values.cleanupJob, { enabled: false });
  const config = values.zitadel.configmapConfig;
  assert.deepEqual([config.ExternalDomain, config.ExternalPort, config.ExternalSecure], ['login.example.com', 443, true]);
  assert.deepEqual(config.TLS, { Enabled: false });
  assert.deepEqual(config.ServicePing, { Enabled: false });
  assert.equal(config.Machine.Identification.Webhook.Enabled, false);
  assert.equal(config.FirstInstance.Org.Machine, null, 'null takes the chart’s second administrator away');
  assert.deepEqual(config.Database.Postgres.User, { Username: 'zitadel', SSL: { Mode: 'verify-ca' } });
  assert.equal(config.Database.Postgres.Admin.ExistingDatabase, 'postgres');
  assert.equal(values.ingress.className, 'contour');
  assert.deepEqual(values.service.annotations, { 'projectcontour.io/upstream-protocol.h2c': '8080' });
  assert.deepEqual(values.login.ingress.hosts[0].paths, [{ path: '/ui/v2/login', pathType: 'Prefix' }]);
  assert.deepEqual(
    values.topologySpreadConstraints.map((one: { topologyKey: string }) => one.topologyKey),
    ['topology.kubernetes.io/zone', 'kubernetes.io/hostname'],
  );
  assert.doesNotMatch(JSON.stringify(values), /[Pp]assword":|masterkey":/);
});

test('the database’s port is the stack file’s, whatever somebody changed it to; that of an existing one is its own', () => {
  const port = (stack: Stack): number => {
    const values = zitadelValues({
      stack,
      database: { host: '10.20.16.5', port: 5433 },
      address: '203.0.113.9',
      clusterVersion: 'v1.33',
      secretsChanged: [],
    });
    // biome-ignore lint/suspicious/noExplicitAny: values are a free document
    return (values as any).zitadel.configmapConfig.Database.Postgres.Port;
  };
  assert.equal(port(stackOf()), 5432);
  assert.equal(port(stackOf('database: { existing: { name: shared } }\n')), 5433);
});

test('the login app’s token outlives the chart’s 2029 (chart 9.34.0), and the user’s own date wins', () => {
  const pat = (stack: Stack): string => valuesOf(stack).zitadel.configmapConfig.FirstInstance.Org.LoginClient.Pat.ExpirationDate;
  assert.equal(pat(stackOf()), '2099-01-01T00:00:00Z');
  const own = 'zitadel: {configmapConfig: {FirstInstance: {Org: {LoginClient: {Pat: {ExpirationDate: 2031-05-01T00:00:00Z}}}}}}\n';
  assert.equal(new Date(pat(stackOf('', own))).getUTCFullYear(), 2031);
});

test('each controller is told how to reach the pods', () => {
  const nginx = valuesOf(stackOf('ingress: { controller: nginx }\n'));
  assert.equal(nginx.ingress.controller, 'nginx');
  assert.equal(nginx.ingress.className, 'nginx');
  assert.deepEqual(valuesOf(stackOf('ingress: { controller: haproxy }\n')).service.annotations, { 'haproxy.org/server-proto': 'h2' });
  const gateway = valuesOf(stackOf('ingress: { controller: envoy-gateway }\n'));
  const route = {
    annotations: { 'external-dns.alpha.kubernetes.io/ttl': '300' },
    enabled: true,
    parentRefs: [{ name: 'zitadel', sectionName: 'https' }],
    hostnames: ['login.example.com'],
  };
  assert.deepEqual(gateway.ingress, { enabled: false });
  assert.deepEqual(gateway.login.ingress, { enabled: false });
  assert.deepEqual(gateway.gateway, { httpRoute: { ...route, paths: [{ path: '/', pathType: 'PathPrefix' }] } });
  assert.deepEqual(gateway.login.gateway, { httpRoute: { ...route, paths: [{ path: '/ui/v2/login', pathType: 'PathPrefix' }] } });
  assert.deepEqual(gateway.service.annotations, {}, 'h2c by the appProtocol that the chart sets');
});

test('of a retired controller it is said so whenever it is installed', () => {
  assert.match(controllers.nginx.notice ?? '', /retired upstream.*Move to ingress\.controller: contour/);
  assert.deepEqual(
    Object.entries(controllers).flatMap(([name, { notice }]) => (notice === undefined ? [] : [name])),
    ['nginx'],
  );
});

test('each cluster version gets an image that is known to be there', () => {
  const tagOf = (version: string): string => valuesOf(stackOf(), version).tools.kubectl.image.tag;
  assert.deepEqual(['v1.30.14-r2', 'v1.34.3-r0', 'v1.36'].map(tagOf), ['1.31.4', '1.34.1', '1.34.1']);
});

test('the user’s values win; ZITADEL’s own configuration merges without regard to case', () => {
  const stack = stackOf(
    '',
    'replicaCount: 5\nresources: {limits: {memory: 2Gi}}\nzitadel: {configmapConfig: {database: {postgres: {maxOpenConns: 20}}, Log: {Level: debug}}}\n',
  );
  const values = valuesOf(stack);
  assert.equal(values.replicaCount, 5);
  assert.deepEqual(values.resources, { requests: { cpu: '250m', memory: '512Mi' }, limits: { memory: '2Gi' } });
  const config = values.zitadel.configmapConfig;
  assert.deepEqual(config.Log, { Level: 'debug' });
  assert.equal(config.Database, undefined, 'one spelling remains');
  assert.equal(config.database.postgres.maxOpenConns, 20);
  assert.equal(config.database.postgres.MaxOpenConns, undefined);
  assert.equal(config.database.postgres.Host, '10.20.16.5');
  assert.equal(values.zitadel.masterkeySecretName, 'zitadel-masterkey-ext');
});

test('equal input gives equal values', () => {
  assert.equal(JSON.stringify(valuesOf(stackOf())), JSON.stringify(valuesOf(stackOf())));
});

test('how strictly the database’s certificate is checked', () => {
  assert.equal(databaseTlsMode('auto', '10.20.16.5'), 'verify-ca');
  assert.equal(databaseTlsMode('auto', 'db.example.com'), 'verify-full');
  assert.equal(databaseTlsMode('require', 'db.example.com'), 'require');
});

test('the configuration Secret is made from an object: no password changes the document', () => {
  const nasty = 'a: b #c\n"\'*&!%@|>-{}[]';
  const secrets = {
    databaseRootPassword: new Secret(nasty),
    databaseUserPassword: new Secret('User-Password-1'),
    adminPassword: new Secret('Admin-Password-1'),
  };
  const document = configDocument(secrets, { smtp: { Password: new Secret('Smtp-Password-1') }, database: { postgres: { dsn: 'x' } } });
  assert.ok(document !== undefined);
  assert.deepEqual(parse(document()), {
    smtp: { Password: 'Smtp-Password-1' },
    Database: { Postgres: { dsn: 'x', User: { Password: 'User-Password-1' }, Admin: { Password: nasty } } },
    FirstInstance: { Org: { Human: { Password: 'Admin-Password-1' } } },
  });
  assert.equal(document(), document());
  assert.equal(configDocument({ ...secrets, adminPassword: undefined }, {}), undefined);
});

test('merge: maps merge, everything else is replaced', () => {
  assert.deepEqual(merge({ a: { b: 1, c: [1, 2] } }, { a: { c: [3], d: null } }), { a: { b: 1, c: [3], d: null } });
  assert.deepEqual(merge({ a: 1 }, { A: 2 }, false), { a: 1, A: 2 });
});

test('first login: where the password comes from, and the ending of the name', () => {
  const stack = stackOf();
  assert.match(firstPassword(stack, 'stack-secret'), /derived from stack-secret.*, to be changed at the first login$/);
  const kept = { ...stack, zitadel: { ...stack.zitadel, admin: { ...stack.zitadel.admin, changePassword: false } } };
  assert.equal(firstPassword(kept, 'admin-password'), 'the one given as admin-password');
  assert.equal(organizationDomain('My Company, Inc.', 'id.example.com'), 'my-company-inc.id.example.com');
  assert.equal(organizationDomain('-a-', 'id.example.com'), 'a.id.example.com');
  assert.equal(organizationDomain('x'.repeat(80), 'id.example.com').split('.')[0]?.length, 63);
});

test('names as the chart makes them', () => {
  assert.equal(fullName('zitadel'), 'zitadel');
  assert.equal(fullName('my-zitadel'), 'my-zitadel');
  assert.equal(fullName('login'), 'login-zitadel');
  assert.equal(tlsSecretName(stackOf('certificates: { issuer: letsencrypt-staging }\n')), 'zitadel-tls-staging');
  assert.equal(tlsSecretName(stackOf('certificates: { issuer: existing, secret: mine }\n')), 'mine');
});

test('controllers are sized, spread and kept up as production needs it', () => {
  // biome-ignore lint/suspicious/noExplicitAny: values are a free document
  const valuesFor = (name: keyof typeof controllers, more = ''): any => controllers[name].values(stackOf(more), {});
  const { contour, envoy } = valuesFor('contour');
  assert.equal(contour.certgen.certificateLifetime, 3650);
  for (const { resources } of [contour, envoy]) {
    assert.ok(resources.limits.memory !== undefined && resources.limits.cpu === undefined, 'no throttling');
  }
  // Labels as the charts put them on the pods.
  const labels = { nginx: 'ingress-nginx', haproxy: 'kubernetes-ingress' } as const;
  for (const name of ['nginx', 'haproxy'] as const) {
    const [zone] = valuesFor(name).controller.topologySpreadConstraints;
    assert.equal(zone.topologyKey, 'topology.kubernetes.io/zone');
    assert.equal(zone.labelSelector.matchLabels['app.kubernetes.io/name'], labels[name]);
    assert.equal(zone.labelSelector.matchLabels['app.kubernetes.io/instance'], controllers[name].release);
  }
  assert.deepEqual(valuesFor('nginx').controller.config, { 'proxy-buffer-size': '16k', 'grpc-buffer-size-kb': '16' });
  assert.deepEqual(valuesFor('haproxy').controller.PodDisruptionBudget, { enable: true, maxUnavailable: 1 });
  assert.deepEqual(valuesFor('haproxy', 'ingress: { replicas: 1 }\n').controller.PodDisruptionBudget, { enable: false });
});

test('controllers are bound to the load balancer by id and class, never autocreated', () => {
  assert.deepEqual(loadBalancerAnnotations({ id: 'lb1', guaranteed: true }), {
    'kubernetes.io/elb.id': 'lb1',
    'kubernetes.io/elb.class': 'performance',
  });
  assert.equal(loadBalancerAnnotations({ id: 'lb1', guaranteed: false })['kubernetes.io/elb.class'], 'union');
  for (const [name, { values }] of Object.entries(controllers)) {
    // Envoy Gateway's Service is the Gateway's: its annotations are the EnvoyProxy's.
    if (name === 'envoy-gateway') continue;
    const text = JSON.stringify(values(stackOf(), loadBalancerAnnotations({ id: 'lb1', guaranteed: true })));
    assert.match(text, /"kubernetes\.io\/elb\.id":"lb1"/);
    assert.doesNotMatch(text, /autocreate/);
  }
});
