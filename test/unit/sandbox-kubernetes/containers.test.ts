import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { KubeApi } from '../../../sandbox/kubernetes/api.ts';
import { addressPool } from '../../../sandbox/kubernetes/kubelet/addresses.ts';
import { environment, expand } from '../../../sandbox/kubernetes/kubelet/env.ts';
import { containerFiles, mountsOf } from '../../../sandbox/kubernetes/kubelet/files.ts';
import { ContainerLog } from '../../../sandbox/kubernetes/kubelet/logs.ts';
import { podStatus } from '../../../sandbox/kubernetes/kubelet/pod-status.ts';
import { meant } from '../../../sandbox/kubernetes/kubelet/program.ts';
import { parseReference } from '../../../sandbox/kubernetes/kubelet/pull.ts';
import type { Sources } from '../../../sandbox/kubernetes/kubelet/sources.ts';
import { setUpVolume } from '../../../sandbox/kubernetes/kubelet/volumes.ts';
import type { Container, ContainerState, ContainerStatus, Pod, Service } from '../../../sandbox/kubernetes/objects.ts';
import { serviceNamed } from '../../../sandbox/kubernetes/services.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const sources: Sources = {
  secret: async (_, name) => (name === 'keys' ? { metadata: { name }, data: { masterkey: base64('m k'), other: base64('o') } } : undefined),
  configMap: async (_, name) => (name === 'conf' ? { metadata: { name }, data: { a: '1', b: '2' } } : undefined),
  onChange: () => () => true,
};
const facts = { podIP: '172.16.0.9', hostIP: '10.0.0.1', nodeName: 'n1' };
const podOf = (container: Partial<Container>, spec: Partial<Pod['spec']> = {}): Pod => ({
  metadata: { name: 'p', namespace: 'ns', uid: 'u', labels: { app: 'x' } },
  spec: { containers: [{ name: 'c', image: 'i', ...container }], ...spec },
});
const service = (namespace: string, name: string, clusterIP: string): Service => ({
  metadata: { name, namespace },
  spec: { clusterIP, ports: [{ name: 'http', port: 80 }] },
});

async function envOf(container: Partial<Container>, services: readonly Service[] = []): Promise<Record<string, string>> {
  const pod = podOf(container);
  return environment(pod, pod.spec.containers[0] as Container, sources, services, facts);
}

test('environment: references, order, expansion', async () => {
  const env = await envOf({
    envFrom: [{ prefix: 'P_', configMapRef: { name: 'conf' } }, { secretRef: { name: 'none', optional: true } }],
    env: [
      { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      { name: 'KEY', valueFrom: { secretKeyRef: { name: 'keys', key: 'masterkey' } } },
      { name: 'MADE', value: '$(IP):$(KEY) $$(IP) $(NONE) $(LATER)' },
      { name: 'LATER', value: 'x' },
      { name: 'LABEL', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
      { name: 'LIMIT', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
    ],
    resources: { limits: { memory: '512Mi' } },
  });
  assert.equal(env['P_a'], '1');
  assert.equal(env['MADE'], '172.16.0.9:m k $(IP) $(NONE) $(LATER)');
  assert.equal(env['LABEL'], 'x');
  assert.equal(env['LIMIT'], '512');
  assert.equal(expand('a$$b $(', {}), 'a$b $(');
});

test('environment: services of the namespace and the API server', async () => {
  const env = await envOf({}, [
    service('default', 'kubernetes', '10.247.0.1'),
    service('ns', 'my-db', '10.247.0.7'),
    service('other', 'far', '10.247.0.8'),
  ]);
  assert.equal(env['KUBERNETES_SERVICE_HOST'], '10.247.0.1');
  assert.equal(env['MY_DB_PORT_80_TCP_ADDR'], '10.247.0.7');
  assert.equal(env['MY_DB_SERVICE_PORT_HTTP'], '80');
  assert.equal(env['FAR_SERVICE_HOST'], undefined);
});

test('environment: what is missing is said in the kubelet’s words', async () => {
  const secret = (name: string, key: string) => envOf({ env: [{ name: 'X', valueFrom: { secretKeyRef: { name, key } } }] });
  await assert.rejects(secret('keys', 'nope'), /^Error: couldn't find key nope in Secret ns\/keys$/);
  await assert.rejects(secret('none', 'x'), /^Error: secret "none" not found$/);
  await assert.rejects(envOf({ envFrom: [{ configMapRef: { name: 'none' } }] }), /^Error: configmap "none" not found$/);
});

test('volumes: items, modes, changes, what is missing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'volumes-'));
  try {
    const kube = { request: async () => ({ status: 201, body: { status: { token: 'jwt' } } }) } as unknown as KubeApi;
    const context = { pod: podOf({}), facts, sources, kube, folder };
    await setUpVolume({ name: 's', secret: { secretName: 'keys', defaultMode: 0o440, items: [{ key: 'masterkey', path: 'sub/key' }] } }, context);
    assert.equal(await readFile(join(folder, 's/sub/key'), 'utf8'), 'm k');
    assert.equal((await stat(join(folder, 's/sub/key'))).mode & 0o777, 0o440);
    const token = { serviceAccountToken: { path: 'token' } };
    const projected = {
      sources: [token, { configMap: { name: 'conf', items: [{ key: 'a', path: 'x' }] } }, { secret: { name: 'none', optional: true } }],
    };
    await setUpVolume({ name: 'p', projected }, context);
    assert.equal(await readFile(join(folder, 'p/token'), 'utf8'), 'jwt');
    await setUpVolume({ name: 'p', projected: { sources: [token] } }, context);
    await assert.rejects(readFile(join(folder, 'p/x')), /ENOENT/);
    const missing = setUpVolume({ name: 's', secret: { secretName: 'keys', items: [{ key: 'nope', path: 'x' }] } }, context);
    await assert.rejects(missing, /^Error: references non-existent secret key: nope$/);
    await assert.rejects(setUpVolume({ name: 's', secret: { secretName: 'none' } }, context), /^Error: secret "none" not found$/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('files: mounts by their longest path, read-only Secrets, a private rest, errors with the container’s path', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'files-'));
  try {
    const kube = {} as KubeApi;
    const volumeMounts = [
      { name: 'e', mountPath: '/data' },
      { name: 's', mountPath: '/data/keys', readOnly: true },
      { name: 's', mountPath: '/etc/one', subPath: 'other' },
    ];
    const pod = podOf(
      { volumeMounts },
      {
        volumes: [
          { name: 'e', emptyDir: {} },
          { name: 's', secret: { secretName: 'keys' } },
        ],
      },
    );
    for (const volume of pod.spec.volumes ?? []) await setUpVolume(volume, { pod, facts, sources, kube, folder: join(folder, 'volumes') });
    const files = containerFiles(mountsOf(pod, pod.spec.containers[0] as Container, join(folder, 'volumes'), {}), join(folder, 'root'));
    assert.deepEqual((await files.list('/data/keys')).sort(), ['masterkey', 'other']);
    assert.equal(String(await files.read('/etc/one')), 'o');
    await files.write('/data/x', 'y');
    assert.equal(await readFile(join(folder, 'volumes/e/x'), 'utf8'), 'y');
    await files.write('/anywhere/z', 'own');
    assert.equal(String(await files.read('/anywhere/z')), 'own');
    await assert.rejects(files.write('/data/keys/x', 'y'), { code: 'EROFS' });
    await assert.rejects(files.read('/nope'), { code: 'ENOENT', message: 'open /nope: no such file or directory' });
    assert.equal(await files.exists('/data/../etc/one'), true);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

const state = (kind: 'wait' | 'run' | number): ContainerState =>
  kind === 'wait'
    ? { waiting: { reason: 'x' } }
    : kind === 'run'
      ? { running: { startedAt: '' } }
      : { terminated: { exitCode: kind, reason: '', startedAt: '', finishedAt: '', containerID: '' } };
const container = (kind: 'wait' | 'run' | number, last: ContainerState = {}): ContainerStatus => ({
  ...{ name: 'c', image: 'i', imageID: '', ready: kind === 'run', restartCount: 0, state: state(kind), lastState: last },
});

test('the phase of a pod follows its containers and its restart policy', () => {
  const phase = (restartPolicy: string, ...main: ContainerStatus[]) =>
    podStatus({ pod: podOf({}, { restartPolicy }), init: [], main, initialized: true, hostIP: '', podIP: '', startTime: '', now: '' }).phase;
  assert.equal(phase('Always', container('wait')), 'Pending');
  assert.equal(phase('Always', container('run'), container('wait', state(1))), 'Running');
  assert.equal(phase('Never', container(0), container('run')), 'Running');
  assert.equal(phase('Never', container(0), container(3)), 'Failed');
  assert.equal(phase('OnFailure', container(0), container(0)), 'Succeeded');
  assert.equal(phase('OnFailure', container('wait', state(1))), 'Running');
});

test('conditions keep their date while their status stays, and foreign ones stay', () => {
  const before = [
    { type: 'Ready', status: 'True', lastTransitionTime: 'then' },
    { type: 'example.com/gate', status: 'True' },
  ];
  const pod = { ...podOf({}, { readinessGates: [{ conditionType: 'example.com/gate' }] }), status: { conditions: before } };
  const { conditions = [] } = podStatus({
    pod,
    init: [],
    main: [container('run')],
    initialized: true,
    hostIP: '',
    podIP: 'x',
    startTime: '',
    now: 'now',
  });
  assert.equal(conditions.find(({ type }) => type === 'Ready')?.lastTransitionTime, 'then');
  assert.equal(conditions.find(({ type }) => type === 'Initialized')?.lastTransitionTime, 'now');
  assert.ok(conditions.some(({ type }) => type === 'example.com/gate'));
});

test('logs: the last lines, times, following to the end', () => {
  const log = new ContainerLog();
  log.write('one');
  log.write('two\nthree');
  assert.deepEqual(log.select({ tailLines: 2 }), ['two\n', 'three\n']);
  assert.match(log.select({ timestamps: true })[0] ?? '', /^\d{4}-\d\d-\d\dT[\d:.]+Z one\n$/);
  const heard: string[] = [];
  log.follow(
    false,
    (line) => heard.push(line),
    () => heard.push('end'),
  );
  log.write('four');
  log.end();
  assert.deepEqual(heard, ['four\n', 'end']);
});

test('image names, with and without registry, tag and digest', () => {
  assert.equal(parseReference('nginx').full, 'docker.io/library/nginx:latest');
  assert.equal(parseReference('test/task:1').full, 'docker.io/test/task:1');
  assert.equal(parseReference('ghcr.io/zitadel/zitadel:v4.13.0').repository, 'zitadel/zitadel');
  assert.equal(parseReference(`quay.io/a/b:1@sha256:${'0'.repeat(64)}`).full, `quay.io/a/b@sha256:${'0'.repeat(64)}`);
  assert.ok(meant('ghcr.io/zitadel/zitadel', 'ghcr.io/zitadel/zitadel:v4.13.0'));
  assert.ok(meant('zitadel/zitadel', 'ghcr.io/zitadel/zitadel:v4.13.0'));
  assert.ok(!meant('ghcr.io/zitadel/zitadel', 'ghcr.io/zitadel/zitadel-login:v4.13.0'));
});

test('service names by the search list', () => {
  assert.deepEqual(serviceNamed('web', 'ns'), { name: 'web', namespace: 'ns' });
  assert.deepEqual(serviceNamed('web.other.svc.cluster.local', 'ns'), { name: 'web', namespace: 'other' });
  assert.deepEqual(serviceNamed('web.other.svc', 'ns'), { name: 'web', namespace: 'other' });
  assert.equal(serviceNamed('login.example.com', 'ns'), undefined);
});

test('pod addresses: own one first, never one of another cluster, used again last', () => {
  const taken = new Set<string>();
  const one = addressPool('172.16.0.0/29', taken);
  const two = addressPool('172.16.0.0/29', taken);
  assert.equal(one.take('172.16.0.5'), '172.16.0.5');
  const [a, b] = [one.take(), two.take()];
  assert.notEqual(a, b);
  assert.equal(two.has(a), false);
  one.release(a);
  // Seven addresses less the first ones and the last: three were taken, two were never given out.
  assert.deepEqual([one.take(), one.take(), one.take()], ['172.16.0.4', '172.16.0.6', a]);
  assert.throws(() => two.take(), /no address is left/);
});
