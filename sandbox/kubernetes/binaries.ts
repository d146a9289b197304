/**
 * Owns where the programs of a control plane come from: a folder the user has (`KUBEBUILDER_ASSETS`, the convention of
 * envtest), the cache, the official releases with their published checksums, or a build from Go modules, once. Must be asked
 * before the world is entered: inside there is no route out. What is done with them is `control-plane.ts`.
 */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const kubernetesVersion = 'v1.34.4';
export const etcdVersion = 'v3.6.5';

export interface ControlPlaneBinaries {
  readonly etcd: string;
  readonly 'kube-apiserver': string;
  readonly 'kube-controller-manager': string;
}

type Program = keyof ControlPlaneBinaries;
const programs: readonly Program[] = ['etcd', 'kube-apiserver', 'kube-controller-manager'];

const packages: Record<Program, string> = {
  etcd: 'go.etcd.io/etcd/server/v3',
  'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
  'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
};

const expected: Record<Program, string> = { etcd: 'half a minute', 'kube-apiserver': 'three minutes', 'kube-controller-manager': 'one minute' };

/** Says what is going on, a line a time. */
export type Progress = (line: string) => void;

/**
 * Paths of the three programs, made where they are missing.
 * @param cache shared by all worlds of this user; concurrent callers wait for the first
 * @throws Error that names what is missing on the machine and how to get it
 */
export async function controlPlaneBinaries(cache: string, progress: Progress, env: NodeJS.ProcessEnv = process.env): Promise<ControlPlaneBinaries> {
  const folder = join(cache, `control-plane-${kubernetesVersion}-etcd-${etcdVersion}-${process.arch}`);
  const given = env['KUBEBUILDER_ASSETS'];
  const place = (program: Program): string => {
    const own = given === undefined || given === '' ? undefined : join(given, program);
    return own !== undefined && existsSync(own) ? own : join(folder, program);
  };
  const missing = () => programs.filter((program) => !existsSync(place(program)));
  if (missing().length > 0) {
    await mkdir(folder, { recursive: true });
    const unlock = await lock(join(folder, 'lock'), progress);
    try {
      for (const program of missing()) await make(program, folder, progress, env);
    } finally {
      await unlock();
    }
  }
  return { etcd: place('etcd'), 'kube-apiserver': place('kube-apiserver'), 'kube-controller-manager': place('kube-controller-manager') };
}

async function make(program: Program, folder: string, progress: Progress, env: NodeJS.ProcessEnv): Promise<void> {
  const unfinished = join(folder, `${program}.unfinished`);
  await rm(unfinished, { force: true });
  const why = await download(program, unfinished);
  if (why !== undefined) {
    progress(`${program}: official release not reachable (${why}); building it with Go, once, about ${expected[program]} on two cores`);
    await build(program, unfinished, progress, env);
  } else progress(`${program}: official release downloaded, checksum verified`);
  await chmod(unfinished, 0o755);
  await rename(unfinished, join(folder, program));
}

/** Fetches the official release; says why not where it cannot be had. A wrong checksum is an error, never a reason to go on. */
async function download(program: Program, target: string): Promise<string | undefined> {
  const arch = process.arch === 'arm64' ? 'arm64' : 'amd64';
  // etcd's releases are archives; its build takes seconds.
  if (program === 'etcd') return 'its releases are archives';
  const url = `https://dl.k8s.io/${kubernetesVersion}/bin/linux/${arch}/${program}`;
  let sum: string;
  try {
    const response = await fetch(`${url}.sha256`, { signal: AbortSignal.timeout(4000) });
    if (!response.ok) return `HTTP ${response.status}`;
    sum = (await response.text()).trim();
  } catch (error) {
    return causeOf(error);
  }
  const response = await fetch(url, { signal: AbortSignal.timeout(300_000) });
  if (!response.ok) return `HTTP ${response.status}`;
  const bytes = Buffer.from(await response.arrayBuffer());
  const found = createHash('sha256').update(bytes).digest('hex');
  if (found !== sum) throw new Error(`${url}: sha256 is ${found}, published is ${sum}`);
  await writeFile(target, bytes);
  return undefined;
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}

async function build(program: Program, target: string, progress: Progress, env: NodeJS.ProcessEnv): Promise<void> {
  await requireGo(env);
  const [major = '', minor = ''] = kubernetesVersion.slice(1).split('.');
  // Without them the server calls itself v0.0.0-master, and every chart with a kubeVersion refuses it.
  const version = 'k8s.io/component-base/version';
  const flags = [`-X ${version}.gitVersion=${kubernetesVersion}`, `-X ${version}.gitMajor=${major}`, `-X ${version}.gitMinor=${minor}`];
  const module = join(dirname(fileURLToPath(import.meta.url)), 'control-plane');
  const started = Date.now();
  const ticking = setInterval(() => progress(`${program}: still building, ${Math.round((Date.now() - started) / 1000)} s`), 20_000);
  try {
    await new Promise<void>((resolve, reject) => {
      const args = ['build', '-mod=readonly', '-o', target, '-ldflags', ['-s -w', ...flags].join(' '), packages[program]];
      const child = spawn('go', args, { cwd: module, env: { ...env, GOWORK: 'off' }, stdio: ['ignore', 'ignore', 'pipe'] });
      let said = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        said = (said + text).slice(-4000);
      });
      child.on('error', reject);
      child.on('close', (code) =>
        code === 0 ? resolve() : reject(new Error(`go build ${packages[program]} failed with exit code ${code}:\n${said.trim()}`)),
      );
    });
  } finally {
    clearInterval(ticking);
  }
  progress(`${program}: built in ${Math.round((Date.now() - started) / 1000)} s`);
}

async function requireGo(env: NodeJS.ProcessEnv): Promise<void> {
  let text: string;
  try {
    text = (await promisify(execFile)('go', ['env', 'GOVERSION'], { env })).stdout.trim();
  } catch (error) {
    throw new Error(
      `Kubernetes' control plane has to be built, and Go is not installed: get Go 1.24 or newer from https://go.dev/dl/ (Debian, Ubuntu: apt install golang), or set KUBEBUILDER_ASSETS to a folder with ${programs.join(', ')}`,
      { cause: error },
    );
  }
  const found = /^go(\d+)\.(\d+)/.exec(text);
  if (found !== null && Number(found[1]) === 1 && Number(found[2]) < 21)
    throw new Error(`Go 1.21 or newer is needed to build Kubernetes' control plane, found ${text}: https://go.dev/dl/`);
}

/** One builder at a time; a lock whose process has died is taken over. */
async function lock(path: string, progress: Progress): Promise<() => Promise<void>> {
  for (let waits = 0; ; waits += 1) {
    try {
      await writeFile(path, String(process.pid), { flag: 'wx' });
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (await isStale(path)) await rm(path, { force: true });
    else {
      if (waits % 40 === 0) progress('another process is preparing the control plane; waiting for it');
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

/** Has the lock's owner died, or left it without its number for ten seconds? */
async function isStale(path: string): Promise<boolean> {
  try {
    const pid = Number(await readFile(path, 'utf8'));
    return pid > 0 ? !alive(pid) : Date.now() - (await stat(path)).mtimeMs > 10_000;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
