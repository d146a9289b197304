/**
 * Owns one server's sshd: its own network namespace with the server's private address, an /etc as cloud-init leaves it, the
 * program as an ordinary user. When it runs and who reaches it from outside is `index.ts`'s.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { run } from '../world/commands.ts';
import { linkedNamespace } from '../world/linked-namespace.ts';
import type { Boot } from './cloud-init.ts';
import type { SshdProgram } from './program.ts';

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
  const network = await linkedNamespace(address);
  const environment = {
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    ...(program.libraries.length === 0 ? {} : { LD_LIBRARY_PATH: program.libraries.join(':') }),
  };
  const child = spawn(
    'nsenter',
    [
      // Its sessions are processes of their own and shall end with it.
      ...[`--net=/proc/${network.holder}/ns/net`, '--', 'unshare', '--mount', '--pid', '--fork', '--kill-child=SIGKILL', '--', '/bin/sh', '-c'],
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
      await Promise.all([end(child), network.close()]);
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

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGKILL');
  await gone;
}
