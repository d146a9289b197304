/** Checks the pure parts of Envoy Gateway's stand-in: names, which listener takes which route, what is served, what each status says. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { infraObjects } from '../../../sandbox/kubernetes/images/envoy-gateway/infra.ts';
import type { Gateway, GatewayClass, HttpRoute } from '../../../sandbox/kubernetes/images/envoy-gateway/objects.ts';
import { infraName } from '../../../sandbox/kubernetes/images/envoy-gateway/objects.ts';
import { gatewayTable, type Known, takenBy } from '../../../sandbox/kubernetes/images/envoy-gateway/routing.ts';
import { gatewayStatus, routeStatus } from '../../../sandbox/kubernetes/images/envoy-gateway/status.ts';
import type { RoutedService } from '../../../sandbox/kubernetes/images/ingress/routes.ts';
import { match } from '../../../sandbox/kubernetes/images/ingress/routes.ts';
import type { Secret, Service } from '../../../sandbox/kubernetes/objects.ts';
import { clusterAuthority, makeCa } from '../../../sandbox/kubernetes/pki.ts';

const host = 'id.example.org';
const gateway: Gateway = {
  metadata: { name: 'zitadel', namespace: 'zitadel', generation: 3 },
  spec: {
    gatewayClassName: 'envoy-gateway',
    listeners: [
      { name: 'http', port: 80, protocol: 'HTTP', hostname: host },
      { name: 'https', port: 443, protocol: 'HTTPS', hostname: host, tls: { certificateRefs: [{ name: 'tls' }] } },
    ],
  },
};
const route = (name: string, sectionName: string, path: string, more: object = {}, namespace = 'zitadel'): HttpRoute => ({
  metadata: { name, namespace, generation: 1 },
  spec: {
    parentRefs: [{ name: 'zitadel', namespace: 'zitadel', sectionName }],
    hostnames: [host],
    rules: [{ matches: [{ path: { type: 'PathPrefix', value: path } }], ...more }],
  },
});
const to = (name: string, port: number): object => ({ backendRefs: [{ name, port }] });
const redirect = { filters: [{ type: 'RequestRedirect', requestRedirect: { scheme: 'https', statusCode: 301 } }] };
const service = (name: string, port: number, appProtocol: string): [string, RoutedService] => [
  `zitadel/${name}`,
  { metadata: { name, namespace: 'zitadel' }, spec: { ports: [{ port, appProtocol }] } },
];
const services = new Map([service('zitadel', 8080, 'kubernetes.io/h2c'), service('zitadel-login', 3000, 'kubernetes.io/http')]);
const routes = [
  route('zitadel', 'https', '/', to('zitadel', 8080)),
  route('zitadel-login', 'https', '/ui/v2/login', to('zitadel-login', 3000)),
  route('redirect', 'http', '/', redirect),
];

async function known(): Promise<Known> {
  const authority = await clusterAuthority(await makeCa('test'));
  const { certPem, keyPem } = await authority.server({ name: host, names: [host], addresses: [] });
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const secret: Secret = { metadata: { name: 'tls', namespace: 'zitadel' }, data: { 'tls.crt': base64(certPem), 'tls.key': base64(keyPem) } };
  return { services, routes, secrets: new Map([['zitadel/tls', secret]]) };
}

describe("Envoy Gateway's stand-in", () => {
  it('names what it makes as the real one does', () => {
    // From the project's own test data.
    assert.equal(infraName('envoy-gateway/gateway-1'), 'envoy-envoy-gateway-gateway-1-196ae069');
    assert.ok(infraName(`zitadel/${'x'.repeat(80)}`).length <= 63);
  });

  it('serves routes on their own listener, h2c by appProtocol, and certificates by name', async () => {
    const table = gatewayTable(gateway, await known());
    const find = (only: 'http' | 'https', path: string) =>
      match(
        table.routes.filter((one) => one.only === only),
        host,
        path,
      );
    assert.deepEqual(
      [find('https', '/oauth/v2/keys'), find('https', '/ui/v2/login/loginname')].map((found) => [found?.service, found?.upstream]),
      [
        ['zitadel', 'h2c'],
        ['zitadel-login', 'http/1.1'],
      ],
    );
    assert.equal(find('http', '/ui/v2/login')?.redirect, 301);
    assert.deepEqual([...table.certificates], [[host, { namespace: 'zitadel', name: 'tls' }]]);
  });

  it('takes no route of another namespace or host name, and serves no listener without its certificate', async () => {
    assert.deepEqual(takenBy(gateway, route('foreign', 'https', '/', to('zitadel', 8080), 'other')), []);
    const elsewhere = route('elsewhere', 'https', '/', to('zitadel', 8080));
    assert.deepEqual(takenBy(gateway, { ...elsewhere, spec: { ...elsewhere.spec, hostnames: ['www.example.org'] } }), []);
    const bare = { ...(await known()), secrets: new Map() };
    assert.deepEqual([...new Set(gatewayTable(gateway, bare).routes.map(({ only }) => only))], ['http']);
    const { listeners } = gatewayStatus(gateway, bare, { service: undefined, replicas: 0, available: 0, fault: undefined }) as {
      listeners: { name: string; conditions: { type: string; reason: string; message: string }[] }[];
    };
    assert.deepEqual(
      listeners[1]?.conditions.map(({ type, reason }) => `${type} ${reason}`),
      ['ResolvedRefs InvalidCertificateRef', 'Accepted Accepted', 'Programmed Invalid'],
    );
    assert.match(listeners[1]?.conditions[0]?.message ?? '', /Secret zitadel\/tls does not exist/);
  });

  it('is programmed once its Service has addresses and an Envoy runs; a missing backend shows on the route', async () => {
    const all = await known();
    const bound = {
      metadata: { name: 'x' },
      spec: {},
      status: { loadBalancer: { ingress: [{ ip: '203.0.113.9' }, { ip: '10.0.0.5' }] } },
    } as Service;
    const reason = (infrastructure: { service: Service | undefined; available: number }): string => {
      const status = gatewayStatus(gateway, all, { ...infrastructure, replicas: 2, fault: undefined }) as {
        conditions: { type: string; reason: string; observedGeneration: number }[];
      };
      const found = status.conditions.find(({ type }) => type === 'Programmed');
      assert.equal(found?.observedGeneration, 3);
      return found?.reason ?? '';
    };
    assert.equal(reason({ service: undefined, available: 2 }), 'AddressNotAssigned');
    assert.equal(reason({ service: bound, available: 0 }), 'NoResources');
    assert.equal(reason({ service: bound, available: 1 }), 'Programmed');
    const status = routeStatus(route('broken', 'https', '/', to('nobody', 80)), gateway, all) as { parents: { conditions: { reason: string }[] }[] };
    assert.deepEqual(
      status.parents[0]?.conditions.map((one) => one.reason),
      ['Accepted', 'BackendNotFound'],
    );
  });

  it('makes Envoys and a Service with the ports of the listeners that can be served, as the EnvoyProxy asks', () => {
    const gatewayClass: GatewayClass = { metadata: { name: 'envoy-gateway', uid: 'u' }, spec: { controllerName: 'c' } };
    const annotations = { 'kubernetes.io/elb.id': 'lb' };
    const proxy = {
      metadata: { name: 'zitadel', namespace: 'zitadel' },
      spec: { provider: { kubernetes: { envoyService: { externalTrafficPolicy: 'Cluster', annotations }, envoyDeployment: { replicas: 2 } } } },
    };
    const infra = {
      namespace: 'egs',
      gatewayClass,
      gateway,
      listeners: gateway.spec.listeners.slice(0, 1),
      shutdownImage: 'docker.io/envoyproxy/gateway:v1.9.0',
    };
    const made = infraObjects({ ...infra, proxy });
    const name = infraName('zitadel/zitadel');
    const asked = made.get(`/api/v1/namespaces/egs/services/${name}`) as unknown as {
      metadata: object;
      spec: { type: string; externalTrafficPolicy: string; ports: { port: number; targetPort: number }[] };
    };
    assert.deepEqual([asked.spec.type, asked.spec.externalTrafficPolicy], ['LoadBalancer', 'Cluster']);
    assert.deepEqual(
      asked.spec.ports.map(({ port, targetPort }) => [port, targetPort]),
      [[80, 10_080]],
    );
    assert.ok(JSON.stringify(asked.metadata).includes('"kubernetes.io/elb.id":"lb"'));
    const plain = infraObjects({ ...infra, proxy: undefined }).get(`/api/v1/namespaces/egs/services/${name}`) as unknown as typeof asked;
    assert.equal(plain.spec.externalTrafficPolicy, 'Local', 'the default of Envoy Gateway');
  });
});
