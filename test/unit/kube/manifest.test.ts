import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fault } from '../../../src/engine/fault.ts';
import { driftOf, objectsOf, removeStraysOf } from '../../../src/kube/manifest.ts';
import { objectPath } from '../../../src/kube/paths.ts';
import { type KubeObject, kubeApiOver } from '../../../src/tools/api.ts';
import type { StoredHook } from '../../../src/tools/helm.ts';
import { quiet } from './fakes.ts';

const manifest = `---
# Source: zitadel/templates/service.yaml
apiVersion: v1
kind: Service
metadata:
  name: zitadel
spec:
  ports:
    - port: 8080
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  annotations:
    helm.sh/resource-policy: keep
  name: certificates.cert-manager.io
spec: {this: "is : never ] parsed}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: zitadel}
spec: {template: {spec: {volumes: [{name: s, secret: {secretName: x, defaultMode: 0440}}]}}}
---
# only a comment
`;
const hook = (kind: string, name: string, more: Partial<StoredHook> = {}): StoredHook => ({
  name,
  kind,
  manifest: `apiVersion: ${kind === 'Job' ? 'batch/v1' : 'v1'}\nkind: ${kind}\nmetadata:\n  name: ${name}\n`,
  events: ['pre-install', 'pre-upgrade'],
  delete_policies: ['before-hook-creation'],
  ...more,
});
const release = {
  version: 1,
  manifest,
  hooks: [
    hook('ConfigMap', 'zitadel-config-yaml'),
    hook('Job', 'zitadel-init'),
    hook('ServiceAccount', 'cleanup', { events: ['post-delete'] }),
    hook('ServiceAccount', 'certgen', { delete_policies: ['before-hook-creation', 'hook-succeeded'] }),
  ],
};

test('manifest and lasting hooks, in YAML 1.1, definitions by name alone', () => {
  const objects = objectsOf(release);
  assert.deepEqual(
    objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`),
    ['Service zitadel', 'CustomResourceDefinition certificates.cert-manager.io', 'Deployment zitadel', 'ConfigMap zitadel-config-yaml'],
  );
  const spec = (objects[2] as unknown as { spec: { template: { spec: { volumes: { secret: { defaultMode: number } }[] } } } }).spec;
  assert.equal(spec.template.spec.volumes[0]?.secret.defaultMode, 0o440);
});

test('a hook that runs at the install alone is compared after the install alone: later revisions hold a copy that was never applied', () => {
  const drawn = hook('Secret', 'default-cert', { events: ['pre-install'] });
  const both = hook('ConfigMap', 'config');
  const names = (version: number): string[] => objectsOf({ version, manifest: '', hooks: [drawn, both] }).map(({ metadata }) => metadata.name);
  assert.deepEqual([names(1), names(2)], [['default-cert', 'config'], ['config']]);
});

test('drift: missing and changed objects, each with its name; unknown kinds are looked up', async () => {
  const asked: string[] = [];
  const answers: Record<string, unknown> = {
    '/api/v1/namespaces/zitadel/services/zitadel': {
      spec: { ports: [{ port: 9090 }] },
      metadata: { name: 'zitadel' },
      kind: 'Service',
      apiVersion: 'v1',
    },
    '/apis/projectcontour.io/v1': { resources: [{ name: 'httpproxies', kind: 'HTTPProxy', namespaced: true }] },
  };
  const api = kubeApiOver(async (_method, path) => {
    asked.push(path);
    return answers[path] === undefined ? { status: 404, body: '{}' } : { status: 200, body: JSON.stringify(answers[path]) };
  });
  const stored = {
    name: 'zitadel',
    namespace: 'zitadel',
    version: 1,
    info: { status: 'deployed' },
    chart: { metadata: { name: 'zitadel', version: '9.34.0' } },
    hooks: [],
    manifest: `${manifest.split('---')[1]}---\napiVersion: projectcontour.io/v1\nkind: HTTPProxy\nmetadata: {name: p}\n`,
  };
  const drift = await driftOf(stored, api, new AbortController().signal);
  assert.deepEqual(
    drift.changes.map(({ field }) => field),
    ['Service zitadel spec.ports[8080]', 'Service zitadel spec.ports[9090]', 'HTTPProxy p'],
  );
  assert.ok(asked.includes('/apis/projectcontour.io/v1/namespaces/zitadel/httpproxies/p'));
});

test('all kinds that may not be read are named at once, in one order, by the first object of each', async () => {
  const object = (kind: string, name: string): string => `apiVersion: admissionregistration.k8s.io/v1\nkind: ${kind}\nmetadata: {name: ${name}}\n`;
  const texts = [
    object('ValidatingWebhookConfiguration', 'b'),
    object('ValidatingWebhookConfiguration', 'a'),
    object('MutatingWebhookConfiguration', 'c'),
  ];
  const stored = (some: readonly string[]): Parameters<typeof driftOf>[0] => ({
    ...{ name: 'c', namespace: 'c', version: 1, info: { status: 'deployed' }, chart: { metadata: { name: 'c', version: '1' } }, hooks: [] },
    manifest: some.join('---\n'),
  });
  const told = async (some: readonly string[], status = 403): Promise<unknown> => {
    // The first to be asked is the last to be answered.
    let pause = 30;
    const api = kubeApiOver(async (_method, path) => {
      pause -= 10;
      await sleep(pause);
      return { status, body: JSON.stringify({ message: `${path.split('/').slice(-2).join(' ')} is forbidden`, reason: 'Forbidden' }) };
    });
    return driftOf(stored(some), api, new AbortController().signal).catch((error: unknown) => error);
  };
  const fault = await told(texts);
  assert.ok(fault instanceof Fault && fault.status === 403 && /read/.test(fault.hint ?? ''));
  assert.match(fault.message, /^2 kinds of objects may not be read:\n- .*: mutating\S+ c is forbidden\n- .*: validating\S+ a is forbidden$/);
  assert.deepEqual((await told(texts.toReversed())) as Fault, fault);
  assert.match(((await told(texts.slice(0, 1))) as Fault).message, /^GET .* b is forbidden$/);
  assert.match(((await told(texts, 400)) as Fault).message, /^GET /, 'what is no matter of rights is said as it is');
});

test('replicas scaled by hand are drift, those that an autoscaler owns are not', async () => {
  const drift = async (manager: string, subresource?: string): Promise<string[]> => {
    const managed = {
      manager,
      operation: 'Update',
      fieldsV1: { 'f:spec': { 'f:replicas': {} } },
      ...(subresource === undefined ? {} : { subresource }),
    };
    const live = {
      kind: 'Deployment',
      apiVersion: 'apps/v1',
      metadata: { name: 'zitadel', managedFields: [managed] },
      spec: { replicas: 7, paused: true },
    };
    const api = kubeApiOver(async () => ({ status: 200, body: JSON.stringify(live) }));
    const text = 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: zitadel}\nspec: {replicas: 3, paused: false}\n';
    const stored = { name: 'zitadel', namespace: 'zitadel', version: 1, info: { status: 'deployed' }, hooks: [], manifest: text };
    const chart = { metadata: { name: 'zitadel', version: '9.34.0' } };
    return (await driftOf({ ...stored, chart }, api, new AbortController().signal)).changes.map(({ field }) => field);
  };
  assert.deepEqual(await drift('kube-controller-manager', 'scale'), ['Deployment zitadel spec.paused']);
  assert.deepEqual(await drift('kubectl', 'scale'), ['Deployment zitadel spec.replicas', 'Deployment zitadel spec.paused']);
  assert.deepEqual(await drift('kube-controller-manager'), ['Deployment zitadel spec.replicas', 'Deployment zitadel spec.paused']);
});

test('paths of built-in kinds', () => {
  assert.equal(objectPath({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a' } }), '/api/v1/namespaces/a');
  assert.equal(
    objectPath({ apiVersion: 'cert-manager.io/v1', kind: 'Certificate', metadata: { name: 'c', namespace: 'n' } }),
    '/apis/cert-manager.io/v1/namespaces/n/certificates/c',
  );
});

test('what others added is taken away from the newest version, however often its controller writes meanwhile', async () => {
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'zitadel', namespace: 'zitadel' }, spec: { ports: [{ port: 80 }] } };
  const after = async (writes: number): Promise<{ puts: number; spec: unknown }> => {
    let version = 1;
    let puts = 0;
    let live: Record<string, unknown> = { ...service, spec: { ports: [{ port: 80 }, { port: 22 }] } };
    const shown = (): string => JSON.stringify({ ...live, metadata: { ...service.metadata, resourceVersion: String(version) } });
    const api = kubeApiOver(async (method, _path, body) => {
      if (method === 'GET') return { status: 200, body: shown() };
      puts += 1;
      const sent = JSON.parse(body ?? '') as typeof live & { metadata: { resourceVersion?: string } };
      if (puts <= writes) version += 1;
      if (sent.metadata.resourceVersion !== String(version)) return { status: 409, body: '{"reason":"Conflict","message":"changed meanwhile"}' };
      live = sent;
      return { status: 200, body: shown() };
    });
    await removeStraysOf(service, JSON.parse(shown()) as KubeObject, '/api/v1/namespaces/zitadel/services/zitadel', api, quiet);
    return { puts, spec: live['spec'] };
  };
  assert.deepEqual(await after(0), { puts: 1, spec: service.spec });
  assert.deepEqual(await after(2), { puts: 3, spec: service.spec });
  await assert.rejects(after(9), (error) => error instanceof Fault && error.status === 409);
});
