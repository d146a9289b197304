/** Owns the proof that what somebody set besides a manifest is told by the API server's record of who set what, and nothing else is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setByHand } from '../../../src/kube/hands.ts';
import type { Manifest } from '../../../src/kube/paths.ts';
import { straysIn } from '../../../src/kube/strays.ts';

const manifest = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'zitadel', namespace: 'zitadel', labels: { app: 'zitadel' } },
  spec: {
    selector: { matchLabels: { app: 'zitadel' } },
    template: { spec: { nodeSelector: { pool: 'a' }, containers: [{ name: 'zitadel', image: 'zitadel:v4', ports: [{ containerPort: 8080 }] }] } },
  },
} as unknown as Manifest;

const CREATED = '2026-01-01T00:00:00Z';
const LATER = '2026-01-02T00:00:00Z';

/** The live object with a person's changes, and the record of them. */
function edited(
  change: (spec: { [field: string]: unknown }, metadata: { [field: string]: unknown }) => void,
  fieldsV1: object,
  who = 'kubectl-patch',
): object {
  const live = structuredClone(manifest) as unknown as { spec: { [field: string]: unknown }; metadata: { [field: string]: unknown } };
  live.spec['replicas'] = 1;
  Object.assign(live.metadata, {
    creationTimestamp: CREATED,
    managedFields: [
      { manager: 'helm', operation: 'Apply', time: CREATED, fieldsV1: { 'f:spec': { 'f:template': {} } } },
      { manager: 'kube-controller-manager', operation: 'Update', subresource: 'status', time: LATER, fieldsV1: { 'f:status': { 'f:replicas': {} } } },
      { manager: who, operation: 'Update', time: LATER, fieldsV1 },
    ],
  });
  change(live.spec, live.metadata);
  return live;
}

const pod = (spec: { [field: string]: unknown }): { [field: string]: unknown; containers: { [field: string]: unknown }[] } =>
  (spec['template'] as { spec: { [field: string]: unknown; containers: { [field: string]: unknown }[] } }).spec;
const container = (fields: object): object => ({ 'f:spec': { 'f:template': { 'f:spec': { 'f:containers': { 'k:{"name":"zitadel"}': fields } } } } });

const cases: readonly [string, object, string][] = [
  ['paused', edited((spec) => Object.assign(spec, { paused: true }), { 'f:spec': { 'f:paused': {} } }), 'spec.paused'],
  [
    'a probe of a container',
    edited(
      (spec) => Object.assign(pod(spec).containers[0] ?? {}, { livenessProbe: { exec: { command: ['true'] } } }),
      container({ 'f:livenessProbe': { 'f:exec': { 'f:command': {} } } }),
    ),
    'spec.template.spec.containers[zitadel].livenessProbe.exec.command',
  ],
  [
    'a key of a map that the manifest sets',
    edited((spec) => Object.assign(pod(spec)['nodeSelector'] as object, { disk: 'none' }), {
      'f:spec': { 'f:template': { 'f:spec': { 'f:nodeSelector': { 'f:disk': {} } } } },
    }),
    'spec.template.spec.nodeSelector.disk',
  ],
  [
    'a user of the pod',
    edited((spec) => Object.assign(pod(spec), { securityContext: { runAsUser: 0 } }), {
      'f:spec': { 'f:template': { 'f:spec': { 'f:securityContext': { 'f:runAsUser': {} } } } },
    }),
    'spec.template.spec.securityContext.runAsUser',
  ],
  [
    'a pull secret',
    edited((spec) => Object.assign(pod(spec), { imagePullSecrets: [{ name: 'evil' }] }), {
      'f:spec': { 'f:template': { 'f:spec': { 'f:imagePullSecrets': { '.': {}, 'k:{"name":"evil"}': {} } } } },
    }),
    'spec.template.spec.imagePullSecrets[evil]',
  ],
  [
    'an annotation',
    edited((_spec, metadata) => Object.assign(metadata, { annotations: { 'a.b/c': 'd' } }), {
      'f:metadata': { 'f:annotations': { '.': {}, 'f:a.b/c': {} } },
    }),
    'metadata.annotations.a.b/c',
  ],
  [
    'a label',
    edited((_spec, metadata) => Object.assign(metadata['labels'] as object, { tier: 'x' }), { 'f:metadata': { 'f:labels': { 'f:tier': {} } } }),
    'metadata.labels.tier',
  ],
];

for (const [what, live, field] of cases) {
  test(`${what} is told with its place, and taken away without a trace`, () => {
    const { changes, cleaned } = straysIn(manifest, live);
    assert.deepEqual(
      changes.map((change) => change.field),
      [field],
    );
    assert.deepEqual(straysIn(manifest, cleaned).changes, []);
    const { spec } = cleaned as { spec: object };
    assert.deepEqual(spec, { ...(manifest as unknown as { spec: object }).spec, replicas: 1 });
  });
}

test('what the manifest sets itself, what is not there any more, and the notes that kubectl leaves are not told', () => {
  const image = edited((spec) => Object.assign(pod(spec).containers[0] ?? {}, { image: 'other' }), container({ 'f:image': {} }));
  assert.deepEqual(setByHand(manifest, image), []);
  const gone = edited(() => undefined, { 'f:spec': { 'f:paused': {} } });
  assert.deepEqual(setByHand(manifest, gone), []);
  const restarted = edited(
    (spec) => Object.assign(spec['template'] as object, { metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': LATER } } }),
    { 'f:spec': { 'f:template': { 'f:metadata': { 'f:annotations': { 'f:kubectl.kubernetes.io/restartedAt': {} } } } } },
  );
  assert.deepEqual(setByHand(manifest, restarted), []);
});

test('what controllers, helm or this action set is theirs; so are annotations of programs nobody knows', () => {
  const paused = { 'f:spec': { 'f:paused': {} } };
  for (const who of [
    'kube-controller-manager',
    'cce-network-operator',
    'helm',
    'zitadel-on-otc',
    'vpa-updater-autoscaler',
    'cert-manager-cainjector',
  ])
    assert.deepEqual(
      setByHand(
        manifest,
        edited((spec) => Object.assign(spec, { paused: true }), paused, who),
      ),
      [],
      who,
    );
  const noted = { 'f:metadata': { 'f:annotations': { 'f:a': {} } } };
  const annotated = edited((_spec, metadata) => Object.assign(metadata, { annotations: { a: 'b' } }), noted, 'some-program');
  assert.deepEqual(setByHand(manifest, annotated), []);
  assert.equal(
    setByHand(
      manifest,
      edited((spec) => Object.assign(spec, { paused: true }), paused, 'some-program'),
    ).length,
    1,
  );
});

test('an object that somebody made again as a whole shows no defaults as settings', () => {
  const live = edited((spec) => Object.assign(spec, { paused: false }), { 'f:spec': { 'f:paused': {} } }, 'kubectl-create') as {
    metadata: { managedFields: { time: string }[] };
  };
  for (const entry of live.metadata.managedFields) entry.time = CREATED;
  assert.deepEqual(setByHand(manifest, live), []);
});

test('of a namespace only what pods in it may do counts; of a definition of custom resources nothing', () => {
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'zitadel' } } as Manifest;
  const labels = { team: 'x', 'pod-security.kubernetes.io/enforce': 'privileged' };
  const managedFields = [
    {
      manager: 'kubectl-label',
      time: LATER,
      fieldsV1: { 'f:metadata': { 'f:labels': { 'f:team': {}, 'f:pod-security.kubernetes.io/enforce': {} } } },
    },
  ];
  const live = { ...namespace, metadata: { ...namespace.metadata, labels, managedFields } };
  assert.deepEqual(
    setByHand(namespace, live).map(({ field }) => field),
    ['metadata.labels.pod-security.kubernetes.io/enforce'],
  );
  const definition = { ...namespace, kind: 'CustomResourceDefinition' } as Manifest;
  assert.deepEqual(setByHand(definition, { ...live, kind: 'CustomResourceDefinition' }), []);
});
