/**
 * Owns images that are real programs (`--image NAME=PROGRAM`): started in the pod's network namespace with a root of their
 * own, volumes at their mount paths, the pod's resolver; ended with SIGTERM and SIGKILL. The namespace is `pod-namespace.ts`.
 */
import { spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { run } from '../../world/commands.ts';
import type { ContainerContext, Image } from '../image.ts';
import { hostname } from './env.ts';
import { parseReference } from './pull.ts';

/**
 * Makes the container's root: the machine's own files below, its writes above (overlay), then the volumes; then becomes the
 * program. Arguments: folder, program, working folder, then its arguments after `--`; mounts stand in a file, a line each:
 * source, path, `ro` or `rw`, separated by tabs.
 */
const enter = `set -e
folder=$1; program=$2; workdir=$3; name=$4; shift 4
mount --make-rprivate /
mount -t tmpfs -o size=1g tmpfs "$folder/layers"
mkdir "$folder/layers/up" "$folder/layers/work" "$folder/layers/root"
root=$folder/layers/root
mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/layers/up,workdir=$folder/layers/work" "$root"
mkdir -p "$root/proc" "$root/sys" "$root/dev" "$root/tmp"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
put() {
  if [ -d "$1" ]; then mkdir -p "$2"; else mkdir -p "$(dirname "$2")"; [ -e "$2" ] || : > "$2"; fi
  mount --bind "$1" "$2"
  [ "$3" = rw ] || mount -o remount,bind,ro "$2"
}
put "$folder/resolv.conf" "$root/etc/resolv.conf" rw
put "$folder/hosts" "$root/etc/hosts" rw
put "$folder/nsswitch.conf" "$root/etc/nsswitch.conf" rw
put "$program" "$root/.program" ro
while IFS="$(printf '\\t')" read -r source path mode; do put "$source" "$root$path" "$mode"; done < "$folder/mounts"
hostname "$name" 2>/dev/null || true
mkdir -p "$root$workdir"
exec chroot "$root" /bin/sh -c 'cd "$1"; shift; exec "$@"' sh "$workdir" /.program "$@"
`;

/** An image that is a real program. @param name as given: with or without registry and tag */
export function programImage(name: string, program: string, dnsAddress: (clusterId: string) => Promise<string>): Image {
  return {
    matches: (reference) => meant(name, reference),
    run: (container) => start(container, program, dnsAddress),
    async exec(container, command) {
      const pid = running.get(container);
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

/** Process id of the program itself, in the world's PID namespace. */
const running = new WeakMap<ContainerContext, number>();

async function start(container: ContainerContext, program: string, dnsAddress: (clusterId: string) => Promise<string>): Promise<number> {
  const { pod, cluster, node } = container;
  if (container.networkHolder === undefined) throw new Error(`no network namespace for ${pod.metadata.name}: host network is not for real programs`);
  const folder = join(cluster.folder, 'programs', `${pod.metadata.uid}-${container.container.name}-${container.restartCount}`);
  await mkdir(join(folder, 'layers'), { recursive: true });
  const search = `${pod.metadata.namespace}.svc.cluster.local svc.cluster.local cluster.local`;
  const facts = { podIP: container.address, hostIP: node.address, nodeName: node.name };
  await writeFile(
    join(folder, 'resolv.conf'),
    `nameserver ${await dnsAddress(cluster.id)}\nsearch ${search}\noptions ndots:5 timeout:2 attempts:2\n`,
  );
  await writeFile(join(folder, 'hosts'), `127.0.0.1\tlocalhost\n${container.address}\t${hostname(pod, facts)}\n`);
  await writeFile(join(folder, 'nsswitch.conf'), 'passwd: files\ngroup: files\nhosts: files dns\n');
  // Outer paths first, so that inner ones are mounted into them.
  const mounts = [...container.mounts].reverse().map(({ source, path, readOnly }) => `${source}\t${path}\t${readOnly ? 'ro' : 'rw'}\n`);
  await writeFile(join(folder, 'mounts'), mounts.join(''));
  for (const { source } of container.mounts) await mkdir(dirname(source), { recursive: true });
  const args = container.command.length > 0 ? [...container.command.slice(1), ...container.args] : container.args;
  const workdir = container.container.workingDir ?? '/';
  const child = spawn(
    'nsenter',
    [
      ...[`--net=/proc/${container.networkHolder}/ns/net`, `--uts=/proc/${container.networkHolder}/ns/uts`, '--'],
      ...['unshare', '--mount', '--pid', '--fork', '--kill-child=SIGKILL', '--'],
      ...['/bin/sh', '-c', enter, 'sh', folder, program, workdir, hostname(pod, facts), ...args],
    ],
    { env: { ...container.env }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', (line) => container.log(line));
  const pid = child.pid ?? 0;
  const inner = async (): Promise<number | undefined> => {
    const [first] = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim().split(' ');
    return first === undefined || first === '' ? undefined : Number(first);
  };
  const signal = (name: NodeJS.Signals) => {
    inner()
      .then((program) => {
        if (program !== undefined) process.kill(program, name);
      })
      .catch((error: unknown) => container.log(`sandbox: ${name} did not reach the program: ${String(error)}`));
  };
  container.signal.addEventListener('abort', () => signal('SIGTERM'));
  container.killed.addEventListener('abort', () => child.kill('SIGKILL'));
  if (container.signal.aborted) signal('SIGTERM');
  child.once('spawn', () => {
    setTimeout(() => {
      inner()
        .then((program) => program !== undefined && running.set(container, program))
        .catch((error: unknown) => container.log(`sandbox: ${String(error)}`));
    }, 200);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, by) => resolve(code ?? (by === 'SIGKILL' ? 137 : 143)));
  });
}

/** Can programs be run on this machine? Says what is missing. */
export async function checkPrograms(): Promise<void> {
  for (const tool of ['nsenter', 'unshare', 'chroot']) await run('sh', ['-c', `command -v ${tool}`]);
}
