/** The stand-in of external-dns decides as the real one does: targets, owners, policies. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Gateway, HttpRoute } from '../../../sandbox/kubernetes/images/envoy-gateway/objects.ts';
import { routeEndpoints } from '../../../sandbox/kubernetes/images/external-dns-gateway.ts';
import { type Endpoint, endpointsOf, ownerName, plan, type Settings, type Source } from '../../../sandbox/kubernetes/images/external-dns-plan.ts';

const settings: Settings = {
  ownerId: 'me',
  txtPrefix: 'extdns-%{record_type}.',
  policy: 'upsert-only',
  domainFilters: ['login.example.com'],
  managedTypes: ['A'],
};
const ingress = (annotations: Record<string, string> = {}, host = 'login.example.com'): Source => ({
  metadata: {
    name: 'zitadel',
    namespace: 'zitadel',
    annotations: Object.fromEntries(Object.entries(annotations).map(([key, value]) => [`external-dns.alpha.kubernetes.io/${key}`, value])),
  },
  spec: { rules: [{ host }], tls: [{ hosts: [host] }] },
  status: { loadBalancer: { ingress: [{ ip: '203.0.113.9' }, { ip: '10.20.0.7' }] } },
});
const a = (targets: string[], more: Partial<Endpoint> = {}): Endpoint => ({
  dnsName: 'login.example.com',
  recordType: 'A',
  recordTTL: 300,
  targets,
  ...more,
});
const mark = (owner: string): Endpoint => ({
  dnsName: 'extdns-a.login.example.com',
  recordType: 'TXT',
  targets: [`"heritage=external-dns,external-dns/owner=${owner},external-dns/resource=ingress/zitadel/zitadel"`],
});

test('without a target annotation it publishes every address of the status, the private one too', () => {
  assert.deepEqual(endpointsOf('ingress', ingress())[0]?.targets, ['10.20.0.7', '203.0.113.9']);
  assert.deepEqual(endpointsOf('ingress', ingress({ target: '203.0.113.9', ttl: '300' })), [
    { dnsName: 'login.example.com', recordType: 'A', recordTTL: 300, targets: ['203.0.113.9'], labels: { resource: 'ingress/zitadel/zitadel' } },
  ]);
  assert.deepEqual(endpointsOf('ingress', ingress({ controller: 'other' })), []);
});

test('a Service counts by its hostname annotation, and only as a LoadBalancer', () => {
  const service: Source = { ...ingress({ hostname: 'a.example.com, b.example.com' }), spec: { type: 'LoadBalancer' } };
  assert.deepEqual(
    endpointsOf('service', service).map(({ dnsName }) => dnsName),
    ['a.example.com', 'b.example.com'],
  );
  assert.deepEqual(endpointsOf('service', { ...service, spec: { type: 'ClusterIP' } }), []);
});

const gateway = (annotations: Record<string, string> = {}, from = 'Same'): Gateway => ({
  metadata: { name: 'zitadel', namespace: 'zitadel', annotations },
  spec: {
    gatewayClassName: 'envoy-gateway',
    listeners: [
      { name: 'http', port: 80, protocol: 'HTTP', hostname: 'login.example.com', allowedRoutes: { namespaces: { from } } },
      { name: 'https', port: 443, protocol: 'HTTPS', hostname: 'login.example.com', allowedRoutes: { namespaces: { from } } },
    ],
  },
  status: { addresses: [{ value: '203.0.113.9' }, { value: '10.20.0.7' }] },
});
const route = (
  annotations: Record<string, string> = {},
  more: { host?: string; status?: 'True' | 'False'; sectionName?: string } = {},
): HttpRoute => {
  const parentRef = { name: 'zitadel', sectionName: more.sectionName ?? 'https' };
  const conditions = [{ type: 'Accepted', status: more.status ?? 'True', reason: 'Accepted', message: '' }];
  return {
    metadata: { name: 'zitadel', namespace: 'zitadel', annotations },
    spec: { parentRefs: [parentRef], hostnames: [more.host ?? 'login.example.com'] },
    status: { parents: [{ parentRef, conditions }] },
  };
};
const target = { 'external-dns.alpha.kubernetes.io/target': '203.0.113.9' };
const ofRoutes = (routes: HttpRoute[], gateways: Gateway[]): Endpoint[] => routeEndpoints({ routes, gateways, namespaces: [] });

test('of a route it takes the time to live, of its Gateway the target; the other way round neither counts', () => {
  const expected = { dnsName: 'login.example.com', recordType: 'A', labels: { resource: 'httproute/zitadel/zitadel' } };
  const ttl = { 'external-dns.alpha.kubernetes.io/ttl': '300' };
  assert.deepEqual(ofRoutes([route(ttl)], [gateway(target)]), [{ ...expected, recordTTL: 300, targets: ['203.0.113.9'] }]);
  assert.deepEqual(ofRoutes([route(target)], [gateway(ttl)]), [{ ...expected, targets: ['10.20.0.7', '203.0.113.9'] }]);
});

test('a route counts where its Gateway is seen and has accepted it, on a listener that serves its name and admits it', () => {
  const none = (routes: HttpRoute[], gateways: Gateway[]): void => assert.deepEqual(ofRoutes(routes, gateways), []);
  none([route()], []);
  none([route({}, { status: 'False' })], [gateway(target)]);
  none([route({}, { host: 'www.example.com' })], [gateway(target)]);
  none([route({}, { sectionName: 'other' })], [gateway(target)]);
  none([route()], [gateway(target, 'Selector')]);
  none([{ ...route(), status: { parents: [] } }], [gateway(target)]);
  assert.equal(ofRoutes([route()], [gateway(target, 'All')]).length, 1);
});

test('the record and its TXT record are made together', () => {
  const changes = plan(settings, [], endpointsOf('ingress', ingress({ target: '203.0.113.9' })));
  assert.deepEqual(
    changes?.create?.map(({ dnsName, recordType, targets }) => [dnsName, recordType, targets[0]]),
    [
      ['login.example.com', 'A', '203.0.113.9'],
      ['extdns-a.login.example.com', 'TXT', mark('me').targets[0]],
    ],
  );
  assert.equal(ownerName({ txtPrefix: 'extdns-' }, 'login.example.com', 'A'), 'extdns-a-login.example.com');
});

test('a record without its own TXT record is never touched, one with it is kept', () => {
  const wanted = endpointsOf('ingress', ingress({ target: '203.0.113.9', ttl: '300' }));
  assert.equal(plan(settings, [a(['192.0.2.1'])], wanted), undefined);
  assert.equal(plan(settings, [a(['192.0.2.1']), mark('other')], wanted), undefined);
  assert.equal(plan(settings, [a(['203.0.113.9']), mark('me')], wanted), undefined);
  const changes = plan(settings, [a(['192.0.2.1']), mark('me')], wanted);
  assert.deepEqual([changes?.updateOld?.[0]?.targets, changes?.updateNew?.[0]?.targets], [['192.0.2.1'], ['203.0.113.9']]);
});

test('only sync deletes, and only in the domains of the filter', () => {
  const there = [a(['203.0.113.9']), mark('me'), { dnsName: 'www.example.com', recordType: 'A', targets: ['192.0.2.1'] }];
  assert.equal(plan(settings, there, []), undefined);
  assert.deepEqual(
    plan({ ...settings, policy: 'sync' }, there, [])?.delete?.map(({ dnsName }) => dnsName),
    ['login.example.com', 'extdns-a.login.example.com'],
  );
  assert.equal(plan(settings, [], endpointsOf('ingress', ingress({}, 'www.example.com'))), undefined);
});
