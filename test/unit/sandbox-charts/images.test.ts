/** Checks the pure parts of the images: routes of ingress controllers, ZITADEL's configuration and answers, what a load balancer binds. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bindingOf, type Facts } from '../../../sandbox/kubernetes/controllers/binding.ts';
import { contourFlavour } from '../../../sandbox/kubernetes/images/contour.ts';
import type { Ingress, RoutedService } from '../../../sandbox/kubernetes/images/ingress/routes.ts';
import { ingressTable, match } from '../../../sandbox/kubernetes/images/ingress/routes.ts';
import { nginxFlavour } from '../../../sandbox/kubernetes/images/ingress-nginx.ts';
import { type Ask, answer, type Knowledge } from '../../../sandbox/kubernetes/images/zitadel/answers.ts';
import { readFlags, Settings } from '../../../sandbox/kubernetes/images/zitadel/configuration.ts';
import { checkPassword, seal } from '../../../sandbox/kubernetes/images/zitadel/instance.ts';
import type { Service } from '../../../sandbox/kubernetes/objects.ts';
import type { LoadBalancerRow } from '../../../sandbox/otc/tables/compute.ts';

const ingress = (name: string, path: string, service: string, port: number, annotations: Record<string, string> = {}): Ingress => ({
  metadata: { name, namespace: 'zitadel', annotations },
  spec: {
    ingressClassName: 'contour',
    tls: [{ hosts: ['id.example.org'], secretName: 'zitadel-tls' }],
    rules: [
      { host: 'id.example.org', http: { paths: [{ path, pathType: 'Prefix', backend: { service: { name: service, port: { number: port } } } }] } },
    ],
  },
});
const service = (port: object, annotations: Record<string, string> = {}): RoutedService => ({
  metadata: { name: 'zitadel', namespace: 'zitadel', annotations },
  spec: { ports: [{ port: 8080, name: 'http2-server', ...port }] },
});

describe('routes of ingress controllers', () => {
  const both = [ingress('zitadel', '/', 'zitadel', 8080), ingress('zitadel-login', '/ui/v2/login', 'zitadel-login', 3000)];
  const { routes, certificates } = ingressTable(both, new Map(), contourFlavour);

  it('the longest prefix wins, by whole path elements', () => {
    assert.equal(match(routes, 'id.example.org', '/ui/v2/login/healthy')?.service, 'zitadel-login');
    assert.equal(match(routes, 'ID.example.org:443', '/ui/v2/loginx')?.service, 'zitadel');
    assert.equal(match(routes, 'other.example.org', '/'), undefined);
    assert.deepEqual(certificates.get('id.example.org'), { namespace: 'zitadel', name: 'zitadel-tls' });
  });

  it('contour: the port’s appProtocol decides, and only without one the annotation', () => {
    const upstream = (one: RoutedService) => contourFlavour.upstream(both[0] as Ingress, one, 8080);
    const asked = { 'projectcontour.io/upstream-protocol.h2c': '8080' };
    assert.equal(upstream(service({})), 'http/1.1');
    assert.equal(upstream(service({}, asked)), 'h2c');
    assert.equal(upstream(service({ appProtocol: 'kubernetes.io/h2c' })), 'h2c');
    assert.equal(upstream(service({ appProtocol: 'http' }, asked)), 'http/1.1');
  });

  it('nginx: gRPC and redirects by the annotations of the Ingress', () => {
    const grpc = ingress('zitadel', '/', 'zitadel', 8080, { 'nginx.ingress.kubernetes.io/backend-protocol': 'GRPC' });
    assert.equal(nginxFlavour.upstream(grpc, undefined, 8080), 'h2c');
    assert.equal(nginxFlavour.redirect(grpc, true), 308);
    assert.equal(contourFlavour.redirect(grpc, true), undefined);
  });
});

describe('ZITADEL', () => {
  const knowledge: Knowledge = {
    externalDomain: 'id.example.org',
    version: 'v4.13.0',
    hasDomain: async (host) => host === 'id.example.org',
    databaseAnswers: async () => true,
    age: () => 5000,
    consoleClient: async () => ({ id: '42', redirectUris: ['https://id.example.org/ui/console/auth/callback'] }),
    webKeys: async () => [{ kty: 'RSA' }],
    knowsToken: async (token) => token === 'good',
  };
  const ask = (url: string, more: Partial<Ask> = {}) =>
    answer({ method: 'GET', url, host: 'id.example.org', headers: {}, protocol: 'h2', ...more }, knowledge);

  it('answers another host with 404, readiness with any', async () => {
    const other = await ask('/.well-known/openid-configuration', { host: '10.0.0.7:8080' });
    assert.equal(other.status, 404);
    assert.match(String(other.body), /ExternalDomain is id\.example\.org.*Instance not found/s);
    assert.deepEqual([(await ask('/debug/ready', { host: '10.0.0.7' })).status, (await ask('/debug/ready')).body], [200, '"ok"']);
  });

  it('believes the forwarded scheme only', async () => {
    const issuer = async (headers: Record<string, string>) =>
      (JSON.parse(String((await ask('/.well-known/openid-configuration', { headers })).body)) as { issuer: string }).issuer;
    assert.equal(await issuer({}), 'http://id.example.org');
    assert.equal(await issuer({ 'x-forwarded-proto': 'https' }), 'https://id.example.org');
  });

  it('authorizes the console’s own redirect address only', async () => {
    const authorize = (client: string, redirect: string) =>
      ask(`/oauth/v2/authorize?client_id=${client}&redirect_uri=${encodeURIComponent(redirect)}`);
    assert.match(
      (await authorize('42', 'https://id.example.org/ui/console/auth/callback')).headers['location'] ?? '',
      /^\/ui\/v2\/login\/login\?authRequest=V2_/,
    );
    assert.match(String((await authorize('42', 'https://id.example.org:8080/ui/console/auth/callback')).body), /redirect_uri is missing/);
    assert.match(String((await authorize('43', 'x')).body), /Errors\.App\.NotFound/);
  });

  it('speaks gRPC over HTTP/2 alone, gRPC-Web anywhere', async () => {
    const headers = { 'content-type': 'application/grpc' };
    const path = '/zitadel.admin.v1.AdminService/Healthz';
    assert.equal((await ask(path, { method: 'POST', headers })).trailers?.['grpc-status'], '0');
    assert.equal((await ask(path, { method: 'POST', headers, protocol: 'http/1.1' })).status, 505);
    const web = await ask(path, { method: 'POST', headers: { 'content-type': 'application/grpc-web+proto' }, protocol: 'http/1.1' });
    assert.match(String(web.body), /grpc-status: 0/);
  });

  it('asks for a known token', async () => {
    const call = (headers: Record<string, string>) => ask('/zitadel.settings.v2.SettingsService/GetGeneralSettings', { method: 'POST', headers });
    assert.deepEqual(JSON.parse(String((await call({})).body)), { code: 'unauthenticated', message: 'auth header missing' });
    assert.equal((await call({ authorization: 'Bearer bad' })).status, 401);
    assert.equal((await call({ authorization: 'Bearer good' })).status, 200);
  });

  it('reads flags, and environment variables above files', () => {
    const flags = readFlags(['setup', '--masterkeyFromEnv', '--config', '/a', '--steps', '/a', '--config=/b', '--init-projections=true']);
    assert.deepEqual([flags.command, flags.config, flags.steps, flags.masterkeyFromEnv], ['setup', ['/a', '/b'], ['/a'], true]);
    const settings = new Settings({ database: { postgres: { host: 'file' } } }, { ZITADEL_DATABASE_POSTGRES_HOST: 'env' });
    assert.equal(settings.text('Database.Postgres.Host'), 'env');
  });

  it('checks passwords as the policy says, and seals under any masterkey', () => {
    const settings = new Settings(
      { defaultinstance: { passwordcomplexitypolicy: { minlength: 8, haslowercase: true, hasuppercase: true, hasnumber: true, hassymbol: true } } },
      {},
    );
    assert.throws(() => checkPassword(settings, 'Aa1!'), /MinLength err\.id=COMMA-HuJf6/);
    assert.throws(() => checkPassword(settings, 'Password1'), /HasSymbol/);
    checkPassword(settings, 'Password1!');
    assert.notEqual(seal('a'.repeat(32), Buffer.from('x')), seal('b'.repeat(32), Buffer.from('x')));
  });
});

describe('what a load balancer service binds', () => {
  const balancer = { id: 'lb', kind: 'dedicated', vpc_id: 'vpc', l4_flavor_id: 'l4', vip_address: '10.0.0.5' } as LoadBalancerRow;
  const facts: Facts = { clusterId: 'c', vpcId: 'vpc', balancers: [balancer], listeners: [] };
  const of = (annotations: Record<string, string>, more: Partial<Facts> = {}) => {
    const asked: Service = { metadata: { name: 'envoy', namespace: 'contour', annotations }, spec: { type: 'LoadBalancer', ports: [{ port: 443 }] } };
    return bindingOf(asked, { ...facts, ...more });
  };
  const good = { 'kubernetes.io/elb.id': 'lb', 'kubernetes.io/elb.class': 'performance' };
  const cause = (binding: ReturnType<typeof of>) => (binding.kind === 'refused' ? binding.cause : binding.kind);

  it('binds by id with the right class', () => assert.equal(of(good).kind, 'bound'));
  it('refuses what CCE refuses', () => {
    assert.match(cause(of({ ...good, 'kubernetes.io/elb.id': 'gone' })), /ELB\.8904/);
    assert.match(cause(of({ 'kubernetes.io/elb.id': 'lb' })), /elb\.class is union/);
    assert.match(cause(of(good, { vpcId: 'other' })), /the cluster is in VPC other/);
    assert.match(cause(of({})), /neither/);
    assert.match(cause(of(good, { boundTo: 'former' })), /cannot be changed: .* bound to loadbalancer former/);
    assert.equal(of(good, { boundTo: 'lb' }).kind, 'bound');
    const listener = { id: 'x', name: 'web', loadbalancer_id: 'lb', protocol: 'TCP', protocol_port: 443 } as Facts['listeners'][number];
    assert.match(cause(of(good, { listeners: [listener] })), /ELB\.8907: port 443/);
  });
  it('warns of a balancer that would be deleted with the service', () => {
    const binding = of({ ...good, 'kubernetes.io/elb.autocreate': '{}' });
    assert.ok(binding.kind === 'bound' && binding.deletesBalancer && /deleted together/.test(binding.warning ?? ''));
  });
});
