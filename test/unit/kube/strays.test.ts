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
    `${pod}.containers[zitadel].command`,
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
      ['spec.externalIPs[203.0.113.9]', '203.0.113.9'],
      ['spec.type', 'NodePort'],
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
