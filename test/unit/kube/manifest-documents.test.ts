/** Manifests as texts: what changes, nothing of a Secret's content. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { liveDocument, renderedDocuments } from '../../../src/kube/manifest-documents.ts';

const deployment = (replicas: number, image = 'zitadel:v4.12.0'): string => `apiVersion: apps/v1
kind: Deployment
metadata:
  name: zitadel
spec:
  replicas: ${replicas}
  template:
    spec:
      containers:
        - name: zitadel
          image: ${image}
          resources: { requests: { cpu: 0.5 } }
`;
const secret = (value: string): string => `apiVersion: v1\nkind: Secret\nmetadata: { name: keys }\ndata: { same: YWJj, key: ${value} }\n`;
const hook = { name: 'setup', kind: 'Job', manifest: 'apiVersion: batch/v1\nkind: Job\nmetadata: { name: setup }\n', events: ['pre-install'] };

test('from what is stored to what is rendered: changed, new and gone objects, and no others', () => {
  const service = (name: string): string => `apiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\n`;
  const stored = { manifest: [deployment(2), service('old'), service('same')].join('---\n'), hooks: [hook] };
  const rendered = [deployment(3), service('same'), service('new'), hook.manifest].join('---\n');
  const found = renderedDocuments(stored, rendered);
  assert.deepEqual(
    found.map(({ title, before, after }) => [title, before === '', after === '']),
    [
      ['Deployment zitadel: stored → rendered', false, false],
      ['Service old: stored → rendered', false, true],
      ['Service new: stored → rendered', true, false],
    ],
  );
  assert.match(found[0]?.before ?? '', /replicas: 2/);
  assert.match(found[0]?.after ?? '', /replicas: 3/);
});

test('of a Secret only the keys that differ are named', () => {
  const [found] = renderedDocuments({ manifest: secret('cGxhbnRlZC1vbmU='), hooks: null }, secret('cGxhbnRlZC10d28='));
  assert.match(found?.before ?? '', /same: hidden\n {2}key: hidden/);
  assert.match(found?.after ?? '', /same: hidden\n {2}key: changed/);
  const plain = `apiVersion: v1\nkind: Secret\nmetadata: { name: keys }\nstringData: { key: planted }\n`;
  const texts = JSON.stringify([found, renderedDocuments(undefined, plain), renderedDocuments({ manifest: plain }, '')]);
  assert.ok(!/cGxhbnRlZC|planted/.test(texts), texts);
});

test('a live object is shown as far as the manifest sets it', () => {
  const wanted = {
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'zitadel' } },
    spec: { replicas: 3, template: { spec: { containers: [{ name: 'zitadel', image: 'zitadel:v4', resources: { requests: { cpu: 0.5 } } }] } } },
  };
  const live = {
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'zitadel', uid: 'u' } },
    spec: {
      ...{ replicas: 1, revisionHistoryLimit: 10 },
      template: {
        spec: {
          containers: [
            { name: 'sidecar', image: 'other' },
            { name: 'zitadel', image: 'evil:v4', imagePullPolicy: 'Always', resources: { requests: { cpu: '500m' } } },
          ],
        },
      },
    },
  };
  const { before, after } = liveDocument(wanted, live);
  assert.equal(before, after.replace('replicas: 3', 'replicas: 1').replace('image: zitadel:v4', 'image: evil:v4'));
  assert.equal(liveDocument(wanted, undefined).before, '');
});
