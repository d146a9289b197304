/**
 * Owns images that are real programs (`--image NAME=PROGRAM`): started in the pod's network namespace with a root of their
 * own, volumes at their mount paths, the pod's resolver; ended with SIGTERM and SIGKILL. The namespace is `world/linked-namespace.ts`.
 */
import { spawn } from 'node:child_process';
import { mkdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../../world/commands.ts';
import type { ContainerContext, Image } from '../image.ts';
import { hostname } from './env.ts';
import { parseReference } from './pull.ts';

/**
 * Makes the container's root: the machine's folders (an overlay over all of them is refused to ordinary users), but its own
 * /etc (a copy), /run, /tmp and /var; mounts the volumes from inside, so that links such as /var/run lead to the container's
 * own folders; then becomes the program. Arguments: the cluster's folder,
 * the container's below it, program, working folder, host name, then the program's arguments. Mounts stand in a file, a line
 * each: source below the cluster's folder, path, `ro` or `rw`, separated by tabs.
 */
const enter = `set -e
cluster=$1; own=$2; program=$3; workdir=$4; name=$5; shift 5
mount --make-rprivate /
root=$cluster/$own/root
mount -t tmpfs -o size=1g tmpfs "$root"
for entry in /*; do
  at=$root$entry
  case $entry in
    /proc|/sys|/run|/tmp|/var|/etc) mkdir "$at"; continue ;;
  esac
  if [ -L "$entry" ]; then cp -P "$entry" "$at"
  elif [ -d "$entry" ]; then
    mkdir "$at"
    mount --rbind "$entry" "$at"
    # Flags that an ordinary user may not take away make this fail; the files are protected from such a user anyway.
    [ "$entry" = /dev ] || mount -o remount,bind,ro "$at" 2>/dev/null || true
  fi
done
# Files that an ordinary user may not read stay behind.
cp -RP /etc/. "$root/etc/" 2>/dev/null || true
rm -f "$root/etc/resolv.conf" "$root/etc/hosts" "$root/etc/nsswitch.conf"
mkdir "$root/var/tmp" "$root/var/log" "$root/var/lib" "$root/.cluster"
ln -s /run "$root/var/run"
mount -t proc proc "$root/proc"
: > "$root/.program"
mount --bind "$program" "$root/.program"
mount --bind "$cluster" "$root/.cluster"
hostname "$name" 2>/dev/null || true
exec chroot "$root" /bin/sh -c '
set -e
own=/.cluster/$1; workdir=$2; shift 2
put() {
  if [ -d "$1" ]; then mkdir -p "$2"; else mkdir -p "$(dirname "$2")"; [ -e "$2" ] || : > "$2"; fi
  mount --bind "$1" "$2"
  [ "$3" = rw ] || mount -o remount,bind,ro "$2"
}
put "$own/resolv.conf" /etc/resolv.conf rw
put "$own/hosts" /etc/hosts rw
put "$own/nsswitch.conf" /etc/nsswitch.conf rw
while IFS="$(printf "\\t")" read -r source path mode; do put "/.cluster/$source" "$path" "$mode"; done < "$own/mounts"
umount /.cluster
mkdir -p "$workdir"
cd "$workdir"
exec /.program "$@"' sh "$own" "$workdir" "$@"
`;

/** An image that is a real program. @param name as given: with or without registry and tag */
export function programImage(name: string, program: string, dnsAddress: (clusterId: string) => Promise<string>): Image {
  return {
    matches: (reference) => meant(name, reference),
    run: (container) => start(container, program, dnsAddress),
    async exec(container, command) {
      const pid = await programOf(container);
      if (pid === undefined) return { exitCode: 126, stdout: '', stderr: 'the container is not running' };
      return new Promise((resolve) => {
        const child = spawn('nsenter', [`--target=${pid}`, '--mount', '--net', '--uts', '--pid', '--root', '--', ...command], {
          env: { ...container.env },
        });
        let stdout = '';
        let stderr = '';
        child.stdout.setEncoding('utf8').on('data', (text: string) => {
          stdout += text;
        });
        child.stderr.setEncoding('utf8').on('data', (text: string) => {
          stderr += text;
        });
        child.on('error', (error) => resolve({ exitCode: 126, stdout, stderr: error.message }));
        child.on('close', (code) => resolve({ exitCode: code ?? 137, stdout, stderr }));
      });
    },
  };
}

/** Does the name given on the command line mean this image? */
export function meant(name: string, reference: string): boolean {
  const image = parseReference(reference);
  const bare = `${image.registry}/${image.repository}`;
  return [image.full, bare, image.repository, `${image.repository}:${image.tag}`, image.repository.split('/').at(-1)].includes(name);
}

/** Process whose child is the program, in the world's PID namespace. */
const running = new WeakMap<ContainerContext, number>();

/** The container's program, once it has its own root; waits for that at most two seconds. */
async function programOf(container: ContainerContext): Promise<number | undefined> {
  for (let tries = 0; tries < 40; tries += 1) {
    const outer = running.get(container);
    const pid = outer === undefined ? undefined : await childOf(outer);
    if (pid !== undefined && (await hasOwnRoot(pid))) return pid;
    await sleep(50);
  }
  return undefined;
}

async function hasOwnRoot(pid: number): Promise<boolean> {
  try {
    return (await readlink(`/proc/${pid}/root`)) !== '/';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** The program of such a process; undefined until it is there. */
async function childOf(pid: number): Promise<number | undefined> {
  try {
    const [first = ''] = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ');
    return first === '' ? undefined : Number(first);
  } catch (error) {
    // Ended meanwhile.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function start(container: ContainerContext, program: string, dnsAddress: (clusterId: string) => Promise<string>): Promise<number> {
  const { pod, cluster, node } = container;
  if (container.networkHolder === undefined) throw new Error(`no network namespace for ${pod.metadata.name}: host network is not for real programs`);
  const own = join('programs', `${pod.metadata.uid}-${container.container.name}-${container.restartCount}`);
  const folder = join(cluster.folder, own);
  await mkdir(join(folder, 'root'), { recursive: true });
  const search = `${pod.metadata.namespace}.svc.cluster.local svc.cluster.local cluster.local`;
  const facts = { podIP: container.address, hostIP: node.address, nodeName: node.name };
  await writeFile(
    join(folder, 'resolv.conf'),
    `nameserver ${await dnsAddress(cluster.id)}\nsearch ${search}\noptions ndots:5 timeout:2 attempts:2\n`,
  );
  await writeFile(join(folder, 'hosts'), `127.0.0.1\tlocalhost\n${container.address}\t${hostname(pod, facts)}\n`);
  await writeFile(join(folder, 'nsswitch.conf'), 'passwd: files\ngroup: files\nhosts: files dns\n');
  // Outer paths first, so that inner ones are mounted into them.
  const mounts = [...container.mounts]
    .reverse()
    .map(({ source, path, readOnly }) => `${relative(cluster.folder, source)}\t${path}\t${readOnly ? 'ro' : 'rw'}\n`);
  await writeFile(join(folder, 'mounts'), mounts.join(''));
  const args = container.command.length > 0 ? [...container.command.slice(1), ...container.args] : container.args;
  const workdir = container.container.workingDir ?? '/';
  const child = spawn(
    'nsenter',
    [
      ...[`--net=/proc/${container.networkHolder}/ns/net`, `--uts=/proc/${container.networkHolder}/ns/uts`, '--'],
      ...['unshare', '--mount', '--pid', '--fork', '--kill-child=SIGKILL', '--'],
      ...['/bin/sh', '-c', enter, 'sh', cluster.folder, own, program, workdir, hostname(pod, facts), ...args],
    ],
    { env: { ...container.env }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', (line) => container.log(line));
  const pid = child.pid ?? 0;
  const signal = (name: NodeJS.Signals) => {
    childOf(pid)
      .then((program) => {
        if (program !== undefined) process.kill(program, name);
      })
      .catch((error: unknown) => container.log(`sandbox: ${name} did not reach the program: ${String(error)}`));
  };
  container.signal.addEventListener('abort', () => signal('SIGTERM'));
  container.killed.addEventListener('abort', () => child.kill('SIGKILL'));
  if (container.signal.aborted) signal('SIGTERM');
  running.set(container, pid);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, by) => resolve(code ?? (by === 'SIGKILL' ? 137 : 143)));
  });
}

/** Can programs be run on this machine? Says what is missing. */
export async function checkPrograms(): Promise<void> {
  for (const tool of ['nsenter', 'unshare', 'chroot']) await run('sh', ['-c', `command -v ${tool}`]);
}
