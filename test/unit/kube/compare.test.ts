import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonical, differences, valueChanges } from '../../../src/kube/compare.ts';

const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'zitadel', labels: { app: 'zitadel' } },
  spec: {
    replicas: 3,
    template: {
      spec: {
        containers: [
          {
            name: 'zitadel',
            image: 'ghcr.io/zitadel/zitadel:v4.13.0',
            resources: { requests: { cpu: '0.25', memory: '512Mi' }, limits: { cpu: 1 } },
            ports: [{ containerPort: 8080, name: 'http2-server' }],
            env: [{ name: 'A', value: '1' }],
            securityContext: { privileged: false },
            nodeSelector: {},
          },
        ],
        volumes: [{ name: 'config', configMap: { name: 'c', defaultMode: 288 } }],
      },
    },
  },
};

function live(change: (object: typeof deployment) => void = () => undefined): object {
  const copy = structuredClone(deployment);
  const container = copy.spec.template.spec.containers[0];
  // What the API server makes of it: canonical quantities, defaults, status, sidecars of other makers.
  Object.assign(container?.resources.requests ?? {}, { cpu: '250m' });
  Object.assign(container?.resources.limits ?? {}, { cpu: '1' });
  Object.assign(container ?? {}, { terminationMessagePath: '/dev/termination-log', imagePullPolicy: 'IfNotPresent' });
  if (container !== undefined) Reflect.deleteProperty(container.securityContext, 'privileged');
  copy.spec.template.spec.containers.push({ ...structuredClone(deployment.spec.template.spec.containers[0]), name: 'injected' } as never);
  Object.assign(copy, { status: { replicas: 3 } });
  change(copy);
  return copy;
}

test('what the API server adds and rewrites is no difference', () => {
  assert.deepEqual(differences(deployment, live()), []);
});

test('every field that the manifest sets is watched, with its place', () => {
  const changed = live((object) => {
    object.spec.replicas = 1;
    const container = object.spec.template.spec.containers[0];
    if (container === undefined) return;
    container.image = 'evil:1';
    container.resources.requests.cpu = '100m';
    container.env = [];
    Object.assign(container.securityContext, { privileged: true });
  });
  assert.deepEqual(differences(deployment, changed), [
    { field: 'spec.replicas', before: 1, after: 3 },
    { field: 'spec.template.spec.containers[zitadel].image', before: 'evil:1', after: 'ghcr.io/zitadel/zitadel:v4.13.0' },
    { field: 'spec.template.spec.containers[zitadel].resources.requests.cpu', before: '100m', after: '0.25' },
    { field: 'spec.template.spec.containers[zitadel].env[A]', before: 'nothing', after: 'present' },
    { field: 'spec.template.spec.containers[zitadel].securityContext.privileged', before: true, after: false },
  ]);
});

test('a missing object is one difference', () => {
  assert.deepEqual(differences(deployment, undefined), [{ field: '(object)', before: 'missing', after: 'present' }]);
});

test('values of Secrets are compared and never shown; what controllers fill in is left to them', () => {
  const secret = { kind: 'Secret', stringData: { pat: 'top-secret-value' } };
  const other = { kind: 'Secret', data: { pat: Buffer.from('another-value').toString('base64') } };
  assert.deepEqual(differences(secret, { kind: 'Secret', data: { pat: Buffer.from('top-secret-value').toString('base64') } }), []);
  const found = differences(secret, other);
  assert.deepEqual(found, [{ field: 'data.pat', why: 'the content differs' }]);
  assert.deepEqual(
    differences({ webhooks: [{ name: 'w', clientConfig: { caBundle: 'Cg==' } }] }, { webhooks: [{ name: 'w', clientConfig: { caBundle: 'LS0t' } }] }),
    [],
  );
});

test('lists without keys are compared as they stand', () => {
  assert.deepEqual(differences({ args: ['a', 'b'] }, { args: ['a', 'b'] }), []);
  assert.equal(differences({ args: ['a', 'b'] }, { args: ['b', 'a'] }).length, 2);
  assert.equal(differences({ args: ['a'] }, { args: ['a', 'b'] }).length, 1);
});

test('property: any object fulfils itself, also with more beside it; a changed leaf never goes unseen', () => {
  fc.assert(
    fc.property(fc.object({ maxDepth: 3 }), (object) => assert.deepEqual(differences(object, { ...structuredClone(object), extraField: 1 }), [])),
  );
  fc.assert(
    fc.property(
      fc.array(fc.stringMatching(/^[a-z]{1,8}$/), { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1 }),
      fc.integer({ min: 1 }),
      (path, one, two) => {
        fc.pre(one !== two);
        const nest = (leaf: number): object => path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), leaf) as object;
        fc.pre(!path.includes('status'));
        assert.equal(differences(nest(one), nest(two)).length, 1);
      },
    ),
  );
});

test('values documents: order of keys is no difference, places are named', () => {
  assert.equal(canonical({ b: 1, a: { d: null, c: [1] } }), '{"a":{"c":[1],"d":null},"b":1}');
  assert.deepEqual(valueChanges({ a: 1, b: { c: 2, d: 3 } }, { b: { d: 3, c: 4 }, e: null, a: 1 }), [
    { field: 'values.b.c', before: 2, after: 4 },
    { field: 'values.e', before: 'nothing', after: 'nothing' },
  ]);
  assert.deepEqual(valueChanges({ a: [1, 2] }, { a: [1, 2] }), []);
});
