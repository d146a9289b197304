/**
 * Owns what `cluster.test.ts` looks at: run inside new namespaces, it makes clusters on a bare world, lets pods run in them
 * and writes what it saw, as JSON, to the file named by its argument. It judges nothing.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { kubeApi } from '../../../sandbox/kubernetes/api.ts';
import type { KubeObject, List, Node, Pod } from '../../../sandbox/kubernetes/objects.ts';
import { clusterRoom } from '../../../sandbox/kubernetes/room.ts';
import { apiCa, images } from './scenario-images.ts';
import { lookAtProgram, programs } from './scenario-program.ts';
import { addresses, defects, folder, node, spec, world } from './scenario-world.ts';

const seen: Record<string, unknown> = {};
const began = Date.now();
const room = clusterRoom(world, { images, programs, controllers: [] });
await room.create(spec('one', 1));
for (const zone of [1, 2, 3]) await room.addNode('one', node(1, zone, zone !== 3));
seen['secondsToNodes'] = (Date.now() - began) / 1000;

const credentials = await room.credentials('one', { user: 'operator', groups: ['system:masters'], days: 1 });
const access = { port: 5443, caPem: credentials.caPem, certPem: credentials.certPem, keyPem: credentials.keyPem };
const kube = kubeApi({ host: '203.0.113.1', ...access });
const path = (kind: string, group = 'api/v1') => `/${group}/namespaces/default/${kind}`;
const list = async <T extends KubeObject>(kind: string): Promise<readonly T[]> => (await kube.get<List<T>>(path(kind)))?.items ?? [];
const until = async (what: string, test: () => Promise<boolean>): Promise<void> => {
  const deadline = Date.now() + 20_000;
  while (!(await test())) {
    if (Date.now() > deadline)
      throw new Error(
        `${what} did not happen; pods: ${JSON.stringify((await list<Pod>('pods')).map(({ metadata, status: now }) => [metadata.name, now]))}; defects: ${defects.join('\n')}`,
      );
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};
const status = async (name: string) => (await kube.get<Pod>(path(`pods/${name}`)))?.status;
const waiting = async (name: string) => (await status(name))?.containerStatuses?.[0]?.state.waiting?.reason;
const pod = (name: string, image: string, more: Record<string, unknown> = {}, container: Record<string, unknown> = {}) => ({
  metadata: { name, labels: { app: name } },
  spec: { containers: [{ name: 'main', image, ...container }], terminationGracePeriodSeconds: 2, ...more },
});
const on = (zone: number) => ({ nodeSelector: { 'topology.kubernetes.io/zone': `eu-de-0${zone}` } });

// The default service account comes with the controllers.
await until('service account', async () => (await kube.get(path('serviceaccounts/default'))) !== undefined);
seen['secondsToUse'] = (Date.now() - began) / 1000;
seen['nodes'] = (await kube.get<List<Node>>('/api/v1/nodes'))?.items.map(({ metadata, spec: { taints } = {}, status: { conditions } = {} }) => ({
  zone: metadata.labels?.['topology.kubernetes.io/zone'],
  ready: conditions?.find(({ type }) => type === 'Ready')?.status,
  taints,
}));

// A service of two pods, its callers.
// Node ports follow the endpoints some moments later.
const visit = async (): Promise<string> => {
  let text = '';
  await until('node port', async () => {
    try {
      text = await (await fetch('http://10.1.1.3:30080/', { headers: { connection: 'close' } })).text();
    } catch (error) {
      if (error instanceof TypeError) return false;
      throw error;
    }
    return true;
  });
  return text;
};
const probe = { httpGet: { path: '/', port: 'http' }, periodSeconds: 5 };
await kube.send('POST', path('deployments', 'apis/apps/v1'), {
  metadata: { name: 'web' },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: {
        nodeSelector: { 'kubernetes.io/os': 'linux' },
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchExpressions: [{ key: 'topology.kubernetes.io/zone', operator: 'NotIn', values: ['eu-de-03'] }] }],
            },
          },
        },
        containers: [
          {
            ...{ name: 'web', image: 'ghcr.io/test/web:1', args: ['$(NAME)', '$$(NAME)'], readinessProbe: probe },
            env: [{ name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } }],
            ports: [{ name: 'http', containerPort: 8080 }],
          },
        ],
      },
    },
  },
});
await kube.send('POST', path('services'), {
  metadata: { name: 'web' },
  spec: { type: 'NodePort', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http', nodePort: 30080 }] },
});
const webReady = async () =>
  (await list<Pod>('pods')).filter(
    ({ metadata, status: now }) =>
      metadata.labels?.['app'] === 'web' && now?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True'),
  ).length === 2;
await until('web', webReady);
const webs = (await list<Pod>('pods')).map(({ metadata, spec: { nodeName } }) => ({ name: metadata.name, nodeName }));
seen['webNodes'] = webs.map(({ nodeName }) => nodeName).sort();
seen['nodePort'] = await visit();

// What is missing.
const conf = { volumes: [{ name: 'conf', configMap: { name: 'conf' } }] };
const key = {
  env: [{ name: 'KEY', valueFrom: { secretKeyRef: { name: 'keys', key: 'masterkey' } } }],
  volumeMounts: [{ name: 'conf', mountPath: '/etc/conf' }],
};
await kube.send('POST', path('configmaps'), { metadata: { name: 'conf' }, data: { a: 'content' } });
await kube.send('POST', path('secrets'), { metadata: { name: 'keys' }, stringData: { other: 'x' } });
await kube.send('POST', path('jobs', 'apis/batch/v1'), {
  metadata: { name: 'task' },
  spec: { template: { spec: { restartPolicy: 'Never', ...on(1), ...conf, containers: [{ name: 'main', image: 'test/task:1', ...key }] } } },
});
await kube.send('POST', path('pods'), pod('mount', 'test/web:1', { volumes: [{ name: 'ca', secret: { secretName: 'nope' } }], ...on(1) }));
await kube.send('POST', path('pods'), pod('unknown', 'quay.io/some/thing:1', on(1)));
await kube.send('POST', path('pods'), pod('inside', 'ghcr.io/test/web:1', on(3)));
await kube.send('POST', path('pods'), pod('nowhere', 'test/web:1', { nodeSelector: { disk: 'gold' } }));
await kube.send('POST', path('pods'), pod('huge', 'test/web:1', {}, { resources: { requests: { cpu: '30' } } }));
await kube.send('POST', path('pods'), pod('broken', 'test/fail:1', on(1)));
await kube.send('POST', path('pods'), pod('once', 'test/fail:1', { restartPolicy: 'Never', ...on(1) }));
const task = async () => (await list<Pod>('pods')).find(({ metadata }) => metadata.name.startsWith('task-'))?.metadata.name ?? '';
await until('task waits', async () => (await waiting(await task())) === 'CreateContainerConfigError');
await until('unknown waits', async () => (await waiting('unknown')) === 'ImagePullBackOff');
await until('inside waits', async () => (await waiting('inside')) === 'ImagePullBackOff');
await until('broken waits', async () => (await waiting('broken')) === 'CrashLoopBackOff');
await until('once ends', async () => (await status('once'))?.phase === 'Failed');
seen['mountWaits'] = await waiting('mount');
seen['broken'] = (await status('broken'))?.containerStatuses?.[0]?.lastState.terminated;
await kube.send('PATCH', path('secrets/keys'), { stringData: { masterkey: 'of thirty-two bytes' } });
await until('task ends', async () => (await status(await task()))?.phase === 'Succeeded');
const log = async (name: string, query = '') => (await kube.request<string>('GET', `${path(`pods/${name}/log`)}${query}`)).body;
seen['taskLog'] = await log(await task());
seen['taskMessage'] = (await status(await task()))?.containerStatuses?.[0]?.state.terminated?.message;
seen['webLog'] = await log(webs[0]?.name ?? '', '?tailLines=1');
await until('events', async () => (await list<KubeObject & { reason: string }>('events')).some(({ reason }) => reason === 'FailedMount'));
seen['events'] = (await list<KubeObject & { reason: string; message: string; involvedObject: { name: string } }>('events')).map(
  ({ reason, message, involvedObject }) => `${involvedObject.name} ${reason} ${message}`,
);
const exec = async (command: string): Promise<string[]> => {
  const query = new URLSearchParams({ command, stdout: 'true', stderr: 'true' });
  const options = { ca: credentials.caPem, cert: credentials.certPem, key: credentials.keyPem };
  const stream = new WebSocket(`wss://203.0.113.1:5443${path(`pods/${webs[0]?.name}/exec`)}?${query}`, 'v5.channel.k8s.io', options);
  const said: string[] = [];
  stream.on('message', (data: Buffer) => said.push(`${data[0]} ${data.subarray(1).toString('utf8')}`));
  await once(stream, 'close');
  return said;
};
seen['exec'] = [await exec('true'), await exec('false')];

// An API that a pod serves.
await kube.send('POST', path('pods'), pod('ext', 'test/extension:1', on(1)));
await kube.send('POST', path('services'), {
  metadata: { name: 'ext' },
  spec: { selector: { app: 'ext' }, ports: [{ port: 443, targetPort: 8443 }] },
});
await kube.send('POST', '/apis/apiregistration.k8s.io/v1/apiservices', {
  metadata: { name: 'v1.ext.example.com' },
  spec: {
    ...{ group: 'ext.example.com', version: 'v1', groupPriorityMinimum: 1000, versionPriority: 15 },
    ...{ service: { name: 'ext', namespace: 'default' }, caBundle: Buffer.from(apiCa.ca.certPem).toString('base64') },
  },
});
await until('extension', async () => (await kube.request('GET', '/apis/ext.example.com/v1')).status === 200);
seen['extension'] = (await kube.request('GET', '/apis/ext.example.com/v1')).body;

seen['program'] = await lookAtProgram(kube, path, until);

// Back to a saved state. (That a room can start from the files alone, each scenario shows that starts as a copy.)
const saved = join(folder, 'saved');
const saving = Date.now();
await room.save(saved);
seen['secondsToSave'] = (Date.now() - saving) / 1000;
await kube.send('DELETE', path('deployments/web', 'apis/apps/v1'));
await kube.send('POST', path('configmaps'), { metadata: { name: 'later' }, data: {} });
// One pod is gone by then, the other on its way.
const names = async () => (await list<Pod>('pods')).map(({ metadata }) => metadata.name).filter((name) => name.startsWith('web-'));
await until('web ends', async () =>
  (await list<Pod>('pods')).some(({ metadata }) => metadata.labels?.['app'] === 'web' && metadata.deletionTimestamp !== undefined),
);
await kube.send('DELETE', path(`pods/${webs[0]?.name}`), { gracePeriodSeconds: 0 });
const loading = Date.now();
await room.load(saved);
seen['secondsToLoad'] = (Date.now() - loading) / 1000;
await until('web is back', webReady);
await new Promise((resolve) => setTimeout(resolve, 2000));
seen['sameWebs'] =
  (await webReady()) &&
  [...(await names())].sort().join() ===
    webs
      .map(({ name }) => name)
      .sort()
      .join();
seen['laterIsThere'] = (await kube.get(path('configmaps/later'))) !== undefined;
seen['webAfterLoad'] = await visit();

// A second cluster in the same ranges; the public address moves; a node and a cluster go.
await room.create(spec('two', 2));
await room.addNode('two', node(2, 1));
const other = await room.credentials('two', { user: 'operator', groups: ['system:masters'], days: 1 });
const second = kubeApi({ host: '10.2.0.5', port: 5443, caPem: other.caPem, certPem: other.certPem, keyPem: other.keyPem });
await until('service account', async () => (await second.get(path('serviceaccounts/default'))) !== undefined);
await second.send('POST', path('services'), {
  metadata: { name: 'web' },
  spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
});
await second.send('POST', path('pods'), pod('web', 'test/web:1'));
await second.send('POST', path('configmaps'), { metadata: { name: 'conf' }, data: { a: 'content' } });
await second.send('POST', path('secrets'), { metadata: { name: 'keys' }, stringData: { masterkey: 'x' } });
await until('second web', async () => (await second.get<Pod>(path('pods/web')))?.status?.phase === 'Running');
await second.send('POST', path('pods'), pod('task', 'test/task:1', { restartPolicy: 'OnFailure', ...conf }, key));
await until('second task', async () => (await second.get<Pod>(path('pods/task')))?.status?.phase === 'Succeeded');
seen['secondLog'] = (await second.request('GET', path('pods/task/log'))).body;
await room.bindExternal('two', '198.51.100.200');
const moved = kubeApi({ host: '198.51.100.200', port: 5443, caPem: other.caPem, certPem: other.certPem, keyPem: other.keyPem });
await until('certificate', async () => {
  try {
    return (await moved.request('GET', '/version')).status === 200;
  } catch (error) {
    // The server takes new files up within a second.
    if ((error as NodeJS.ErrnoException).code === 'ERR_TLS_CERT_ALTNAME_INVALID') return false;
    throw error;
  }
});
await room.removeNode('one', '10.1.1.1');
await until('pods move', async () => (await list<Pod>('pods')).every(({ spec: { nodeName } }) => nodeName !== '10.1.1.1'));
for (const one of [kube, second, moved]) one.close();
await room.remove('two');
await room.close();
seen['addressesLeft'] = addresses.all();
seen['processesLeft'] = execFileSync('ps', ['-e', '-o', 'comm='], { encoding: 'utf8' })
  .split('\n')
  .filter((name) => /etcd|kube/.test(name));
seen['defects'] = defects;
writeFileSync(process.argv[2] ?? '/dev/stdout', JSON.stringify(seen, undefined, 2));
rmSync(folder, { recursive: true, force: true });
process.exit(0);
