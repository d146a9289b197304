import assert from 'node:assert/strict';
import { test } from 'node:test';
import { differences } from '../../../src/kube/compare.ts';
import type { Manifest } from '../../../src/kube/paths.ts';
import { straysIn } from '../../../src/kube/strays.ts';

const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'zitadel' },
  spec: {
    template: {
      spec: {
        containers: [{ name: 'zitadel', image: 'zitadel:v4', args: ['start'], env: [{ name: 'POD_IP', value: '1' }], volumeMounts: [] }],
        volumes: [{ name: 'config', secret: { secretName: 'zitadel-config' } }],
      },
    },
  },
};

/** As the API server keeps it: with defaults and a status. */
function live(change: (pod: Record<string, unknown> & { containers: Record<string, unknown>[] }) => void = () => undefined): Manifest {
  const object = structuredClone(deployment) as unknown as {
    status: object;
    spec: { replicas: number; template: { spec: Record<string, unknown> & { containers: Record<string, unknown>[] } } };
  };
  object.status = { readyReplicas: 1 };
  object.spec.replicas = 1;
  const pod = object.spec.template.spec;
  Object.assign(pod, { dnsPolicy: 'ClusterFirst', securityContext: {}, hostNetwork: false });
  Object.assign(pod.containers[0] ?? {}, { terminationMessagePath: '/dev/termination-log', securityContext: { privileged: false } });
  change(pod);
  return object as unknown as Manifest;
}

test('defaults and status are nobody’s additions', () => {
  assert.deepEqual(straysIn(deployment, live()).changes, []);
});

test('containers, variables, mounts and rights that others added are named without their content, and taken away', () => {
  const taken = live((pod) => {
    pod.containers.push({ name: 'miner', image: 'docker.io/evil/miner:1' });
    const [own] = pod.containers;
    Object.assign(own ?? {}, {
      env: [
        { name: 'POD_IP', value: '1' },
        { name: 'ZITADEL_DATABASE_POSTGRES_ADMIN_USERNAME', value: 'evil-value' },
      ],
      envFrom: [{ secretRef: { name: 'x' } }],
      command: ['/bin/sh'],
      securityContext: { privileged: true },
    });
    Object.assign(pod, { hostNetwork: true, volumes: [...(pod['volumes'] as object[]), { name: 'host', hostPath: { path: '/' } }] });
  });
  assert.deepEqual(differences(deployment, taken), [], 'every field of the manifest is as it says');
  const { changes, cleaned } = straysIn(deployment, taken);
  const pod = 'spec.template.spec';
  assert.deepEqual(changes.map(({ field }) => field).sort(), [
    `${pod}.containers[miner]`,
    `${pod}.containers[zitadel].command[/bin/sh]`,
    `${pod}.containers[zitadel].envFrom[{"secretRef":{"name":"x"}}]`,
    `${pod}.containers[zitadel].env[ZITADEL_DATABASE_POSTGRES_ADMIN_USERNAME]`,
    `${pod}.containers[zitadel].securityContext.privileged`,
    `${pod}.hostNetwork`,
    `${pod}.volumes[host]`,
  ]);
  assert.doesNotMatch(JSON.stringify(changes), /evil-value/);
  assert.deepEqual(straysIn(deployment, cleaned).changes, []);
  assert.deepEqual(differences(deployment, cleaned), []);
  assert.match(JSON.stringify(cleaned), /ClusterFirst/, 'what the API server adds stays');
});

test('a Service with addresses or of another type, a host of an Ingress, a subject of a binding', () => {
  const service: Manifest = { apiVersion: 'v1', kind: 'Service', metadata: { name: 's' } };
  const exposed = { ...service, spec: { type: 'NodePort', externalIPs: ['203.0.113.9'], clusterIP: '10.0.0.1' } };
  const seen = straysIn(service, exposed);
  assert.deepEqual(
    seen.changes.map(({ field, before }) => [field, before]),
    [
      ['spec.type', 'NodePort'],
      ['spec.externalIPs[203.0.113.9]', '203.0.113.9'],
    ],
  );
  assert.deepEqual(seen.cleaned, { ...service, spec: { type: 'ClusterIP', externalIPs: [], clusterIP: '10.0.0.1' } });

  const ingress = { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name: 'i' }, spec: { rules: [{ host: 'login.example.com' }] } };
  const more = { ...ingress, spec: { rules: [{ host: 'login.example.com' }, { host: 'evil.example.com' }] } };
  assert.deepEqual(differences(ingress, more), []);
  assert.deepEqual(
    straysIn(ingress, more).changes.map(({ field }) => field),
    ['spec.rules[evil.example.com]'],
  );

  const ours = { kind: 'ServiceAccount', namespace: 'zitadel', name: 'zitadel' };
  const binding = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata: { name: 'b' }, subjects: [ours] };
  const bound = { ...binding, subjects: [ours, { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'eve' }] };
  assert.deepEqual(
    straysIn(binding, bound).changes.map(({ field }) => field),
    ['subjects[User/eve]'],
  );
});

/** Of a manifest and a live object all that differs, and that nothing is left of it once the manifest's own fields are put right. */
function found(wanted: object, live: object): string[] {
  const { changes, cleaned } = straysIn(wanted as Manifest, live);
  assert.deepEqual(straysIn(wanted as Manifest, cleaned).changes, [], 'cleaned once, nothing is left');
  return [...differences(wanted, live), ...changes].map(({ field }) => field);
}

const object = (apiVersion: string, kind: string, rest: object): object => ({ apiVersion, kind, metadata: { name: 'x' }, ...rest });

test('a list that the manifest sets holds nothing else, in every kind', () => {
  const gateway = (...listeners: object[]): object => object('gateway.networking.k8s.io/v1', 'Gateway', { spec: { listeners } });
  const https = (...names: string[]): object => ({ name: 'https', tls: { certificateRefs: names.map((name) => ({ kind: 'Secret', name })) } });
  assert.deepEqual(found(gateway(https('own')), gateway(https('own', 'stolen'), { name: 'tcp', port: 5432 })), [
    'spec.listeners[https].tls.certificateRefs[stolen]',
    'spec.listeners[tcp]',
  ]);
  const route = (rule: object, hostnames: string[]): object =>
    object('gateway.networking.k8s.io/v1', 'HTTPRoute', { spec: { hostnames, rules: [rule] } });
  const to = (...names: string[]): object => ({ backendRefs: names.map((name) => ({ name, port: 8080 })) });
  const defaulted = { matches: [{ path: { type: 'PathPrefix', value: '/' } }] };
  assert.deepEqual(found(route(to('zitadel'), ['a.example']), route({ ...to('zitadel'), ...defaulted }, ['a.example'])), []);
  const mirror = [{ type: 'RequestMirror', requestMirror: { backendRef: { name: 'evil' } } }];
  assert.deepEqual(found(route(to('zitadel'), ['a.example']), route({ ...to('zitadel', 'evil'), filters: mirror }, ['a.example', 'b.example'])), [
    'spec.hostnames',
    'spec.rules[0].backendRefs[evil]',
    `spec.rules[0].filters[${JSON.stringify(mirror[0])}]`,
  ]);
  const proxy = (...services: object[]): object => object('projectcontour.io/v1', 'HTTPProxy', { spec: { routes: [{ services }] } });
  const evil = { ...(proxy({ name: 'zitadel' }, { name: 'evil', mirror: true }) as { spec: object }) };
  assert.deepEqual(found(proxy({ name: 'zitadel' }), { ...evil, spec: { ...evil.spec, includes: [{ name: 'more' }] } }), [
    'spec.routes[0].services[evil]',
    'spec.includes[more]',
  ]);
  const hooks = (...webhooks: object[]): object => object('admissionregistration.k8s.io/v1', 'ValidatingWebhookConfiguration', { webhooks });
  const own = { name: 'check', clientConfig: { service: { name: 'w' } } };
  const injected = { ...own, clientConfig: { ...own.clientConfig, caBundle: 'x' }, namespaceSelector: {}, timeoutSeconds: 10 };
  assert.deepEqual(found(hooks(own), hooks(injected)), [], 'what cainjector and the API server write');
  assert.deepEqual(found(hooks(own), hooks({ ...injected, matchConditions: [{ name: 'never', expression: 'false' }] }, { name: 'spy' })), [
    'webhooks[check].matchConditions[never]',
    'webhooks[spy]',
  ]);
});

test('the same name twice is one too many, also where the manifest has it once', () => {
  const refs = (...ports: number[]): object =>
    object('gateway.networking.k8s.io/v1', 'HTTPRoute', { spec: { rules: [{ backendRefs: ports.map((port) => ({ name: 'zitadel', port })) }] } });
  assert.deepEqual(found(refs(8080), refs(8080, 9090)), ['spec.rules[0].backendRefs[zitadel]']);
  assert.deepEqual(found(refs(8080, 9090), refs(8080, 9090)), []);
});

test('rights: a verb, a resource or a rule added to a role; an aggregated role is its controller’s', () => {
  const role = (...rules: object[]): object => object('rbac.authorization.k8s.io/v1', 'ClusterRole', { rules });
  const rule = (verbs: string[], resources = ['pods'], more = {}): object => ({ apiGroups: [''], resources, verbs, ...more });
  assert.deepEqual(found(role(rule(['get'])), role(rule(['get']))), []);
  assert.deepEqual(found(role(rule(['get'])), role(rule(['get', 'delete']))), ['rules[0].verbs']);
  assert.deepEqual(found(role(rule(['get'])), role(rule(['get'], ['pods', 'secrets']))), ['rules[0].resources']);
  assert.deepEqual(found(role(rule(['get'])), role(rule(['get']), rule(['*']))), ['rules']);
  assert.deepEqual(found(role(rule(['get'])), role(rule(['get'], ['pods'], { nonResourceURLs: ['*'] }))), ['rules[0].nonResourceURLs[*]']);
  assert.deepEqual(found(role(), role(rule(['*']))), [`rules[${JSON.stringify(rule(['*']))}]`]);
  const aggregated = { ...role(), aggregationRule: { clusterRoleSelectors: [] } };
  assert.deepEqual(found(aggregated, { ...aggregated, rules: [rule(['*'])] }), []);
});

test('a network policy: rules, ports and whom it selects, also where it says nothing of them', () => {
  const policy = (spec: object): object => object('networking.k8s.io/v1', 'NetworkPolicy', { spec });
  const denied = { podSelector: {}, policyTypes: ['Ingress'] };
  assert.deepEqual(found(policy(denied), policy({ ...denied, podSelector: { matchLabels: { none: 'x' } }, ingress: [{}] })), [
    'spec.podSelector.matchLabels',
    'spec.ingress[{}]',
  ]);
  const open = (...ports: object[]): object => policy({ podSelector: { matchLabels: { app: 'z' } }, ingress: [{ ports }] });
  const wide = policy({
    podSelector: { matchLabels: { app: 'z', none: 'x' } },
    ingress: [{ ports: [{ port: 80, protocol: 'TCP', endPort: 90 }, { port: 22 }] }],
  });
  assert.deepEqual(found(open({ port: 80 }), wide), [
    'spec.podSelector.matchLabels.none',
    'spec.ingress[0].ports[80].endPort',
    'spec.ingress[0].ports[22]',
  ]);
});

test('keys of ConfigMaps and Secrets, by name alone; what a controller or a Job fills is theirs', () => {
  const map = (data: object, more = {}): object => object('v1', 'ConfigMap', { data, ...more });
  assert.deepEqual(found(map({ a: '1' }), map({ a: '1', b: '2' }, { binaryData: { c: 'AA==' } })), ['data.b', 'binaryData']);
  assert.deepEqual(found(map({ a: null, b: '1' }), map({ a: '', b: '1' })), []);
  assert.deepEqual(found(object('v1', 'ConfigMap', {}), map({ leader: 'pod-1' })), []);
  const secret = (fields: object): object => object('v1', 'Secret', fields);
  const seen = secret({ data: { a: Buffer.from('1').toString('base64'), key: 'ZXZpbA==' } });
  assert.deepEqual(found(secret({ stringData: { a: '1' } }), seen), ['data.key']);
  assert.doesNotMatch(JSON.stringify(straysIn(secret({ stringData: { a: '1' } }) as Manifest, seen).changes), /ZXZpbA/);
  assert.deepEqual(found(secret({ data: { 'tls.crt': '' } }), secret({ data: { 'tls.crt': 'AA==', 'ca.crt': 'AA==' } })), []);
});

test('labels of pods and selectors are the manifest’s, annotations and nodePorts are not', () => {
  const workload = (metadata: object): object => object('apps/v1', 'Deployment', { spec: { template: { metadata, spec: {} } } });
  assert.deepEqual(found(workload({ labels: { app: 'z' } }), workload({ labels: { app: 'z', rds: 'yes' }, annotations: { restartedAt: 'x' } })), [
    'spec.template.metadata.labels.rds',
  ]);
  const service = (spec: object): object => object('v1', 'Service', { spec });
  const wanted = { type: 'LoadBalancer', selector: { app: 'z' }, ports: [{ port: 443 }] };
  const bound = { ...wanted, clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1'], ipFamilies: ['IPv4'], ports: [{ port: 443, nodePort: 30000 }] };
  assert.deepEqual(found(service(wanted), { ...service(bound), status: { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } } }), []);
  assert.deepEqual(found(service(wanted), service({ ...bound, selector: { app: 'z', x: 'y' }, ports: [...bound.ports, { port: 22 }] })), [
    'spec.selector.x',
    'spec.ports[22]',
  ]);
});

test('a list whose elements were all replaced gets its own back: empty it would be refused', () => {
  const service = (...ports: number[]): object => object('v1', 'Service', { spec: { ports: ports.map((port) => ({ port })) } });
  assert.deepEqual(found(service(8080), service(9090)), ['spec.ports[8080]', 'spec.ports[9090]']);
  assert.deepEqual(straysIn(service(8080) as Manifest, service(9090)).cleaned, service(8080));
});

test('a listener of a Gateway opened for every namespace', () => {
  const gateway = (more: object): object => object('gateway.networking.k8s.io/v1', 'Gateway', { spec: { listeners: [{ name: 'https', ...more }] } });
  assert.deepEqual(found(gateway({}), gateway({ allowedRoutes: { namespaces: { from: 'Same' } } })), []);
  assert.deepEqual(found(gateway({}), gateway({ allowedRoutes: { namespaces: { from: 'All' } } })), [
    'spec.listeners[https].allowedRoutes.namespaces.from',
  ]);
});
