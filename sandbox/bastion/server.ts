/**
 * Owns one server's sshd: its own network namespace with the server's private address, an /etc as cloud-init leaves it, the
 * program as an ordinary user. When it runs and who reaches it from outside is `index.ts`'s.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readlink, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../world/commands.ts';
import type { Boot } from './cloud-init.ts';
import type { SshdProgram } from './program.ts';

/** A link-local gateway; every namespace may use the same. */
const gateway = '169.254.1.1';
let counter = 0;

/** As Debian 12 ships it, without PAM, which an ordinary user cannot use. */
const sshdConfig = `Include /etc/ssh/sshd_config.d/*.conf
KbdInteractiveAuthentication no
UsePAM no
X11Forwarding yes
PrintMotd no
AcceptEnv LANG LC_*
Subsystem sftp /usr/lib/openssh/sftp-server
`;

export interface SshServer {
  close(): Promise<void>;
}

export interface SshServerOptions {
  readonly program: SshdProgram;
  readonly boot: Boot;
  /** Private address of the server. */
  readonly address: string;
  /** Empty, for this server alone. */
  readonly folder: string;
  readonly log: (line: string) => void;
}

export async function startSshServer(options: SshServerOptions): Promise<SshServer> {
  const { program, address, folder, log } = options;
  await rm(folder, { recursive: true, force: true });
  await furnish(options);
  const { child: holder, pid } = await namespaceOf(address);
  const environment = {
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    ...(program.libraries.length === 0 ? {} : { LD_LIBRARY_PATH: program.libraries.join(':') }),
  };
  const child = spawn(
    'nsenter',
    [
      // Its sessions are processes of their own and shall end with it.
      ...[`--net=/proc/${pid}/ns/net`, '--', 'unshare', '--mount', '--pid', '--fork', '--kill-child=SIGKILL', '--', '/bin/sh', '-c'],
      // Everybody in a world is root, and sshd as root would change users, which a user namespace does not let it.
      'echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start && mount --make-rprivate / && case $1 in /run/*) ;; *) mount -t tmpfs -o size=64k tmpfs /run;; esac && mount --bind "$1/etc" /etc && cd "$1" && shift && exec unshare --user --map-user=1000 --map-group=1000 -- sh -c \'sh ./runcmd 1>&2; exec "$@"\' sh "$@"',
      ...['sh', folder, program.path, '-D', '-e', '-f', '/etc/ssh/sshd_config', '-o', 'PidFile=none', '-o', 'Port=22'],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'], env: environment },
  );
  createInterface({ input: child.stderr }).on('line', log);
  child.once('exit', (code, signal) => log(`sshd ended (${code ?? signal})`));
  return {
    async close() {
      await Promise.all([end(child), end(holder)]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** /etc and the homes, as the first boot leaves them, and what it ran at its end. */
async function furnish({ boot, folder, program }: SshServerOptions): Promise<void> {
  const etc = join(folder, 'etc');
  await mkdir(join(etc, 'ssh/sshd_config.d'), { recursive: true });
  const put = async (path: string, content: string, mode: number): Promise<void> => {
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
    await writeFile(path, content, { mode });
  };
  // Every account has the one id that its sshd runs under; who may log in is decided by name and key.
  const passwd = boot.accounts.map(({ name, shell }) => {
    return `${name}:x:1000:1000::${join(folder, 'home', name)}:${shell.endsWith('nologin') ? shellThatRefuses() : shell}`;
  });
  await put(join(etc, 'passwd'), [...passwd, 'root:x:0:0:root:/root:/bin/sh', ''].join('\n'), 0o644);
  await put(join(etc, 'group'), 'users:x:1000:\nroot:x:0:\n', 0o644);
  await put(join(etc, 'nsswitch.conf'), 'passwd: files\ngroup: files\nshadow: files\nhosts: files\n', 0o644);
  await put(join(etc, 'ssh/sshd_config'), sshdConfig, 0o644);
  for (const [name, content] of Object.entries(boot.hostKeys)) await put(join(etc, 'ssh', name), content, name.endsWith('.pub') ? 0o644 : 0o600);
  if (Object.keys(boot.hostKeys).length === 0)
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(etc, 'ssh/ssh_host_ed25519_key')]);
  for (const { name, authorizedKeys } of boot.accounts) {
    const home = join(folder, 'home', name);
    await mkdir(join(home, '.ssh'), { recursive: true, mode: 0o700 });
    await put(join(home, '.ssh/authorized_keys'), `${authorizedKeys.join('\n')}\n`, 0o600);
  }
  for (const { path, content, mode } of boot.files) await put(join(folder, path), content, mode);
  // The server's sshd starts after its commands, which therefore have no service to restart.
  const sshd = join(folder, 'bin/sshd');
  await put(sshd, `#!/bin/sh\nexec ${program.path} "$@"\n`, 0o755);
  await put(join(folder, 'bin/systemctl'), '#!/bin/sh\nexit 0\n', 0o755);
  const quoted = boot.commands.map((command) => command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' '));
  await put(join(folder, 'runcmd'), [`PATH='${dirname(sshd)}':"$PATH"`, ...quoted, ''].join('\n'), 0o600);
}

/** Distributions keep it in different places; sshd lets nobody in whose shell does not exist. */
function shellThatRefuses(): string {
  return ['/usr/sbin/nologin', '/sbin/nologin', '/bin/false', '/usr/bin/false'].find((path) => existsSync(path)) ?? '/bin/false';
}

/** A network namespace with the server's address, and a way from it to all that the world listens on. */
async function namespaceOf(address: string): Promise<{ readonly child: ChildProcess; readonly pid: number }> {
  const child = spawn('unshare', ['--net', 'sleep', 'infinity'], { stdio: 'ignore' });
  const pid = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('spawn', () => resolve(child.pid as number));
  });
  const ours = await readlink('/proc/self/ns/net');
  for (let tries = 0; (await readlink(`/proc/${pid}/ns/net`)) === ours; tries += 1) {
    if (tries > 1000) throw new Error('a network namespace was not made within five seconds');
    await sleep(5);
  }
  counter += 1;
  const outer = `srv${counter}`;
  await run('ip', ['-batch', '-'], {
    input: [
      `link add ${outer} type veth peer name eth0 netns ${pid}`,
      `link set ${outer} up`,
      `address add ${gateway}/32 dev ${outer}`,
      `route replace ${address}/32 dev ${outer}`,
      '',
    ].join('\n'),
  });
  await run('nsenter', [`--net=/proc/${pid}/ns/net`, 'ip', '-batch', '-'], {
    input: [
      'link set lo up',
      `address add ${address}/32 dev eth0`,
      'link set eth0 up',
      `route add ${gateway}/32 dev eth0 scope link`,
      `route add default via ${gateway} dev eth0 src ${address}`,
      '',
    ].join('\n'),
  });
  return { child, pid };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGKILL');
  await gone;
}
