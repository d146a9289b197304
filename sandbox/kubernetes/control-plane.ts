/**
 * Owns one cluster's control plane: its files, etcd, kube-apiserver and kube-controller-manager as child processes, its
 * certificates. Nodes and pods are `kubelet/`, what a client may reach from outside is `index.ts` (the gate), saved data is
 * `etcd-data.ts`.
 */
import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type KubeApi, kubeApi } from './api.ts';
import type { ControlPlaneBinaries } from './binaries.ts';
import { type EtcdData, etcdData } from './etcd-data.ts';
import { type ClusterAuthority, clusterAuthority, makeCa, makeSigningKey, type Pair } from './pki.ts';
import { type Daemon, daemon } from './process.ts';

export interface ControlPlaneOptions {
  readonly id: string;
  readonly folder: string;
  readonly binaries: ControlPlaneBinaries;
  readonly internalAddress: string;
  readonly externalAddress: string | undefined;
  readonly serviceCidr: string;
  /** First address of the service network: the service `kubernetes`. */
  readonly serviceAddress: string;
  readonly containerCidr: string;
  /** Called when a part of it ends by itself: a defect, or the machine is out of memory. */
  readonly died: (message: string) => void;
}

export interface ControlPlane {
  /** The API server's port on 127.0.0.1. */
  readonly port: number;
  readonly authority: ClusterAuthority;
  /** The API with cluster-admin rights. */
  readonly kube: KubeApi;
  /** What the API server proves itself with to kubelets. */
  readonly kubeletClientCaPem: string;
  readonly etcd: EtcdData;
  /** A new serving certificate that is good for the external address as well; taken up without a restart. */
  serve(externalAddress: string | undefined): Promise<void>;
  /** Runs `work` without controllers; they start anew afterwards, with no memory of what was before. */
  quiet<T>(work: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Controllers that have no work here: the stand-ins do it (nodes, load balancers), or nothing does (volumes). */
const without = [
  'node-lifecycle-controller',
  'node-ipam-controller',
  'node-route-controller',
  'cloud-node-lifecycle-controller',
  'service-lb-controller',
  'persistentvolume-attach-detach-controller',
  'persistentvolume-expander-controller',
  'ephemeral-volume-controller',
  'legacy-serviceaccount-token-cleaner-controller',
];

const MOST_REVIVALS = 5;

/**
 * Starts a control plane and resolves when its API answers. Where the folder holds one already (certificates), it keeps its identity.
 * @param prepare runs when etcd answers and the API server is not started yet: the place to bring saved data back
 */
export async function startControlPlane(options: ControlPlaneOptions, prepare?: (etcd: EtcdData) => Promise<void>): Promise<ControlPlane> {
  const pki = join(options.folder, 'pki');
  const logs = join(options.folder, 'logs');
  const file = (name: string) => join(pki, name);
  await mkdir(pki, { recursive: true, mode: 0o700 });
  await mkdir(logs, { recursive: true });
  const [clientPort, peerPort, port] = await freePorts(3);
  const [ca, frontCa, kubeletCa] = await Promise.all([
    kept(file('ca'), () => makeCa('CCE Cluster CA')),
    kept(file('front-proxy-ca'), () => makeCa('front-proxy-ca')),
    kept(file('kubelet-client-ca'), () => makeCa('kubelet-client-ca')),
  ]);
  await ensureText(file('sa.key'), makeSigningKey);
  const [authority, frontAuthority, kubeletAuthority] = await Promise.all(
    [ca, frontCa, kubeletCa].map(clusterAuthority) as [Promise<ClusterAuthority>, Promise<ClusterAuthority>, Promise<ClusterAuthority>],
  );
  const serve = async (externalAddress: string | undefined): Promise<void> => {
    const names = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local', 'localhost'];
    const addresses = [options.internalAddress, ...(externalAddress === undefined ? [] : [externalAddress]), options.serviceAddress, '127.0.0.1'];
    await writePair(file('apiserver'), await authority.server({ name: 'kube-apiserver', names, addresses }));
  };
  const admin = await authority.client({ user: 'sandbox-admin', groups: ['system:masters'], days: 3650 });
  await Promise.all([
    serve(options.externalAddress),
    writePair(file('front-proxy'), await frontAuthority.client({ user: 'front-proxy-client', groups: [], days: 3650 })),
    writePair(
      file('kubelet-client'),
      await kubeletAuthority.client({ user: 'kube-apiserver-kubelet-client', groups: ['system:masters'], days: 3650 }),
    ),
    writeFile(file('controller-manager.json'), kubeconfig(port, ca.certPem, admin), { mode: 0o600 }),
  ]);

  const daemons: Daemon[] = [];
  const start = async (name: keyof ControlPlaneBinaries, args: readonly string[], died = options.died): Promise<Daemon> => {
    const started = await daemon({
      name: `${name} of cluster ${options.id}`,
      program: options.binaries[name],
      args,
      logFile: join(logs, `${name}.log`),
      // Two clusters share two cores with everything else: fewer threads; memory is spent to save garbage collection, a fifth of the API server's time.
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: options.folder, GOMAXPROCS: '2', GOGC: '300' },
      died,
    });
    daemons.push(started);
    return started;
  };
  /** The controller manager gives up where the API server is not healthy within 10 s, as on a busy machine: it is started again, as a kubelet would. */
  const startManager = async (revivals = 0): Promise<void> => {
    manager = await start('kube-controller-manager', managerArgs, (message) => {
      const ended = daemons.findIndex((one) => one.name.startsWith('kube-controller-manager') && !one.running());
      if (ended >= 0) daemons.splice(ended, 1);
      if (revivals >= MOST_REVIVALS) return options.died(message);
      startManager(revivals + 1).catch((error: unknown) => options.died(String(error)));
    });
  };
  let manager: Daemon;
  let managerArgs: readonly string[];
  const etcd = etcdData(clientPort);
  const kube = kubeApi({ host: '127.0.0.1', port, caPem: ca.certPem, certPem: admin.certPem, keyPem: admin.keyPem });
  try {
    const store = await start('etcd', [
      ...['--name=default', `--data-dir=${join(options.folder, 'etcd')}`, '--unsafe-no-fsync', '--log-level=warn', '--max-request-bytes=134217728'],
      ...['--max-txn-ops=100000', '--auto-compaction-mode=revision', '--auto-compaction-retention=20000'],
      ...[`--listen-client-urls=http://127.0.0.1:${clientPort}`, `--advertise-client-urls=http://127.0.0.1:${clientPort}`],
      ...[`--listen-peer-urls=http://127.0.0.1:${peerPort}`, `--initial-advertise-peer-urls=http://127.0.0.1:${peerPort}`],
      `--initial-cluster=default=http://127.0.0.1:${peerPort}`,
    ]);
    await until(store, () => etcd.ready());
    if (prepare !== undefined) await prepare(etcd);
    const server = await start('kube-apiserver', [
      ...[`--etcd-servers=http://127.0.0.1:${clientPort}`, '--bind-address=127.0.0.1', `--secure-port=${port}`],
      ...[`--advertise-address=${options.internalAddress}`, '--endpoint-reconciler-type=none', `--service-cluster-ip-range=${options.serviceCidr}`],
      ...['--authorization-mode=Node,RBAC', '--allow-privileged=true', '--enable-admission-plugins=NodeRestriction'],
      ...[`--client-ca-file=${file('ca.crt')}`, `--tls-cert-file=${file('apiserver.crt')}`, `--tls-private-key-file=${file('apiserver.key')}`],
      ...['--service-account-issuer=https://kubernetes.default.svc.cluster.local', `--service-account-key-file=${file('sa.key')}`],
      `--service-account-signing-key-file=${file('sa.key')}`,
      ...[`--requestheader-client-ca-file=${file('front-proxy-ca.crt')}`, '--requestheader-allowed-names=front-proxy-client'],
      ...['--requestheader-username-headers=X-Remote-User', '--requestheader-group-headers=X-Remote-Group'],
      ...['--requestheader-extra-headers-prefix=X-Remote-Extra-', '--enable-aggregator-routing=true'],
      ...[`--proxy-client-cert-file=${file('front-proxy.crt')}`, `--proxy-client-key-file=${file('front-proxy.key')}`],
      ...[`--kubelet-client-certificate=${file('kubelet-client.crt')}`, `--kubelet-client-key=${file('kubelet-client.key')}`],
      ...['--kubelet-preferred-address-types=InternalIP', '--profiling=false', '--event-ttl=3h', '--shutdown-delay-duration=0s'],
      // Lets upgraded streams through to the kubelet as they are; it speaks WebSocket only.
      '--feature-gates=TranslateStreamCloseWebsocketRequests=false,PortForwardWebsockets=false',
    ]);
    managerArgs = [
      ...[`--kubeconfig=${file('controller-manager.json')}`, '--bind-address=127.0.0.1', `--secure-port=0`, '--leader-elect=false'],
      ...[`--root-ca-file=${file('ca.crt')}`, `--service-account-private-key-file=${file('sa.key')}`],
      ...[`--cluster-signing-cert-file=${file('ca.crt')}`, `--cluster-signing-key-file=${file('ca.key')}`],
      ...[`--cluster-cidr=${options.containerCidr}`, `--service-cluster-ip-range=${options.serviceCidr}`, '--allocate-node-cidrs=false'],
      ...['--kube-api-qps=300', '--kube-api-burst=600', '--profiling=false', `--controllers=*,${without.map((name) => `-${name}`).join(',')}`],
    ];
    const starting = startManager();
    await until(server, async () => (await kube.request('GET', '/readyz')).status === 200);
    await starting;
  } catch (error) {
    await Promise.all(daemons.map((one) => one.stop(500)));
    throw error;
  }
  return {
    port,
    authority,
    kube,
    kubeletClientCaPem: kubeletCa.certPem,
    etcd,
    serve,
    async quiet(work) {
      await manager.stop(0);
      daemons.splice(daemons.indexOf(manager), 1);
      try {
        return await work();
      } finally {
        await startManager();
      }
    },
    async close() {
      kube.close();
      for (const one of [...daemons].reverse()) await one.stop(one.name.startsWith('etcd') ? 1000 : 300);
    },
  };
}

/** Asks every 50 ms for at most two minutes; ends early when the process has ended. */
async function until(process: Daemon, ready: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 120_000;
  for (;;) {
    try {
      if (await ready()) return;
    } catch (error) {
      // Not listening yet: everything else is a defect.
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== 'ECONNREFUSED' && code !== 'ECONNRESET') throw error;
    }
    if (!process.running()) throw new Error(`${process.name} ended at its start:\n${process.tail()}`);
    if (Date.now() > deadline) throw new Error(`${process.name} was not ready within two minutes:\n${process.tail()}`);
    await sleep(50);
  }
}

async function freePorts(count: number): Promise<[number, number, number]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(0, '127.0.0.1', resolve);
      });
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports as [number, number, number];
}

function kubeconfig(port: number, caPem: string, client: Pair): string {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const name = 'sandbox';
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    clusters: [{ name, cluster: { server: `https://127.0.0.1:${port}`, 'certificate-authority-data': base64(caPem) } }],
    users: [{ name, user: { 'client-certificate-data': base64(client.certPem), 'client-key-data': base64(client.keyPem) } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
  });
}

async function kept(path: string, make: () => Promise<Pair>): Promise<Pair> {
  const keyPem = await readIfThere(`${path}.key`);
  const certPem = await readIfThere(`${path}.crt`);
  if (keyPem !== undefined && certPem !== undefined) return { keyPem, certPem };
  const pair = await make();
  await writePair(path, pair);
  return pair;
}

async function ensureText(path: string, make: () => Promise<string>): Promise<void> {
  if ((await readIfThere(path)) === undefined) await writeFile(path, await make(), { mode: 0o600 });
}

/** Both files change together, as closely as a reader that watches them needs it. */
async function writePair(path: string, pair: Pair): Promise<void> {
  const suffix = randomUUID();
  await writeFile(`${path}.key.${suffix}`, pair.keyPem, { mode: 0o600 });
  await writeFile(`${path}.crt.${suffix}`, pair.certPem, { mode: 0o600 });
  await rename(`${path}.key.${suffix}`, `${path}.key`);
  await rename(`${path}.crt.${suffix}`, `${path}.crt`);
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

const identity = ['ca.crt', 'ca.key', 'front-proxy-ca.crt', 'front-proxy-ca.key', 'kubelet-client-ca.crt', 'kubelet-client-ca.key', 'sa.key'];

/** Copies what makes a cluster the same one after a restore: its authorities and the key of its tokens. */
export async function copyIdentity(from: string, to: string): Promise<void> {
  await mkdir(join(to, 'pki'), { recursive: true, mode: 0o700 });
  for (const name of identity) await copyFile(join(from, 'pki', name), join(to, 'pki', name));
}

/** Takes away all files of a control plane that has ended. */
export async function removeFiles(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}
