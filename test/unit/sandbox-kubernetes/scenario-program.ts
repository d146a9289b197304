/**
 * Owns the part of `scenario.ts` that runs a real program for an image (`--image`): the program, its pods, and what is seen of
 * them. What is wrong with it is judged by `cluster.test.ts`.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, constants, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { KubeApi } from '../../../sandbox/kubernetes/api.ts';
import type { ContainerStatus, Pod } from '../../../sandbox/kubernetes/objects.ts';
import { folder } from './scenario-world.ts';

/** Node at a place that a container sees as well: /tmp, /var and /run are its own, and this repository may be cloned into one of them. */
function interpreter(): string {
  if (!/^\/(tmp|var|run)\//.test(process.execPath)) return process.execPath;
  const tools = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'zitadel-on-otc', 'test-tools');
  mkdirSync(tools, { recursive: true });
  const copy = join(tools, `node-${process.version}`);
  copyFileSync(process.execPath, copy, constants.COPYFILE_FICLONE);
  return copy;
}

/** Says over HTTP what it sees of its container; fails on demand; ends on SIGTERM with a code of its own. */
const source = `#!${interpreter()}
const fs = require('node:fs');
const { createServer } = require('node:http');
const { hostname, networkInterfaces } = require('node:os');
const args = process.argv.slice(2);
if (args[0] === 'fail') {
  console.error('cannot go on');
  process.exit(Number(args[1]));
}
const attempt = (work) => { try { return work(); } catch (error) { return error.code; } };
const starts = (Number(attempt(() => fs.readFileSync('/data/starts', 'utf8'))) || 0) + 1;
fs.writeFileSync('/data/starts', String(starts));
const began = Date.now();
let healthy = true;
const facts = (request) => ({
  args, starts, hostname: hostname(), pid: process.pid, cwd: process.cwd(), name: process.env.NAME, host: process.env.KUBERNETES_SERVICE_HOST,
  address: Object.entries(networkInterfaces()).filter(([link]) => link !== 'lo').map(([, all]) => all[0].address).join(),
  secret: attempt(() => fs.readFileSync('/etc/keys/masterkey', 'utf8')), one: attempt(() => fs.readFileSync('/etc/one', 'utf8')),
  writeSecret: attempt(() => fs.writeFileSync('/etc/keys/masterkey', 'x')), stopping: attempt(() => fs.readFileSync('/data/stopping', 'utf8').trim()),
  caller: request.socket.remoteAddress,
});
createServer(async (request, response) => {
  if (request.url === '/ready') return response.writeHead(Date.now() - began > 300 ? 200 : 503).end();
  if (request.url === '/live') return response.writeHead(healthy ? 200 : 500).end();
  if (request.url === '/break') healthy = false;
  const web = request.url === '/' ? await fetch('http://web/', { headers: { connection: 'close' } }).then((answer) => answer.text(), String) : '';
  response.setHeader('connection', 'close').end(JSON.stringify({ ...facts(request), web }));
}).listen(8080);
process.on('SIGTERM', () => {
  console.log('told to end');
  process.exit(7);
});
console.log('serving');
`;
const file = join(folder, 'program');
writeFileSync(file, source);
chmodSync(file, 0o755);

/** As `--image` hands them over. */
export const programs = { 'test/program': file };

export interface ProgramSeen {
  readonly first: Record<string, unknown>;
  readonly second: Record<string, unknown>;
  readonly podIP: string;
  readonly last: ContainerStatus['lastState'];
  readonly logs: readonly [before: string, now: string];
  readonly failed: { readonly phase: string | undefined; readonly exitCode: number | undefined; readonly log: string };
  readonly linksLeft: readonly string[];
}

/** @param visit asks a node port; @param until waits for something */
export async function lookAtProgram(
  kube: KubeApi,
  path: (kind: string) => string,
  until: (what: string, test: () => Promise<boolean>) => Promise<void>,
): Promise<ProgramSeen> {
  const status = async (name: string) => (await kube.get<Pod>(path(`pods/${name}`)))?.status;
  const main = async () => (await status('program'))?.containerStatuses?.[0];
  const log = async (name: string, query = '') => (await kube.request<string>('GET', `${path(`pods/${name}/log`)}${query}`)).body;
  await kube.send('POST', path('pods'), {
    metadata: { name: 'program', labels: { app: 'program' } },
    spec: {
      nodeSelector: { 'topology.kubernetes.io/zone': 'eu-de-01' },
      terminationGracePeriodSeconds: 5,
      volumes: [
        { name: 'data', emptyDir: {} },
        { name: 'keys', secret: { secretName: 'keys' } },
        { name: 'conf', configMap: { name: 'conf' } },
      ],
      containers: [
        {
          ...{ name: 'main', image: 'test/program:1', command: ['/not-looked-at', 'one'], args: ['$(NAME)', 'two'], workingDir: '/data' },
          env: [{ name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } }],
          ports: [{ name: 'http', containerPort: 8080 }],
          volumeMounts: [
            { name: 'data', mountPath: '/data' },
            { name: 'keys', mountPath: '/etc/keys', readOnly: true },
            { name: 'conf', mountPath: '/etc/one', subPath: 'a' },
          ],
          startupProbe: { exec: { command: ['/bin/sh', '-c', 'test -f /data/starts'] }, periodSeconds: 1, failureThreshold: 30 },
          readinessProbe: { httpGet: { path: '/ready', port: 'http' }, periodSeconds: 1 },
          livenessProbe: { httpGet: { path: '/live', port: 8080 }, periodSeconds: 1, failureThreshold: 2 },
          lifecycle: { preStop: { exec: { command: ['/bin/sh', '-c', 'echo asked > /data/stopping'] } } },
        },
      ],
    },
  });
  await kube.send('POST', path('services'), {
    metadata: { name: 'program' },
    spec: { type: 'NodePort', selector: { app: 'program' }, ports: [{ port: 80, targetPort: 'http', nodePort: 30081 }] },
  });
  const ask = async (url: string, starts: number): Promise<Record<string, unknown>> => {
    let facts: Record<string, unknown> = {};
    await until(`start ${starts} of the program`, async () => {
      if ((await main())?.ready !== true) return false;
      try {
        facts = (await (await fetch(`http://10.1.1.3:30081${url}`, { headers: { connection: 'close' } })).json()) as Record<string, unknown>;
      } catch (error) {
        // The node port follows the endpoints some moments later.
        if (error instanceof TypeError) return false;
        throw error;
      }
      return facts['starts'] === starts;
    });
    return facts;
  };
  const first = await ask('/', 1);
  await ask('/break', 1);
  const second = await ask('/', 2);
  const last = (await main())?.lastState ?? {};
  const logs = [await log('program', '?previous=true'), await log('program')] as const;
  await kube.send('POST', path('pods'), {
    metadata: { name: 'failing' },
    spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'docker.io/test/program:1', args: ['fail', '5'] }] },
  });
  await until('the failing program', async () => (await status('failing'))?.phase === 'Failed');
  const podIP = (await status('program'))?.podIP ?? '';
  const ended = (await status('failing'))?.containerStatuses?.[0]?.state.terminated;
  const failed = { phase: (await status('failing'))?.phase, exitCode: ended?.exitCode, log: await log('failing') };
  for (const name of ['program', 'failing']) await kube.send('DELETE', path(`pods/${name}`));
  await kube.send('DELETE', path('services/program'));
  await until('the programs are gone', async () => (await status('program')) === undefined && (await status('failing')) === undefined);
  const links = execFileSync('ip', ['-brief', 'link'], { encoding: 'utf8' });
  return { first, second, podIP, last, logs, failed, linksLeft: links.split('\n').filter((line) => line.startsWith('pod')) };
}
