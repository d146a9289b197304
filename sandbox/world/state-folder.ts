/**
 * Owns the folder through which programs outside reach a world: `env` (shell lines, written last: the world is ready),
 * `enter` and `inside` (run a command in it), `kubeconfig`, `ca.pem`, `control.sock`, `world.log`.
 */
import { createWriteStream, existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { chmod, rename, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { tools } from '../downloads/index.ts';
import { hostOf } from '../otc/hosts.ts';
import { servicesFile } from '../postgres/index.ts';
import { watchKubeconfig } from './kubeconfig.ts';
import type { Options } from './options.ts';
import type { Outer } from './outer.ts';
import { places } from './places.ts';
import { visitors } from './visitors.ts';
import { type RunningWorld, startWorld } from './world.ts';
import written from './written.json' with { type: 'json' };

export interface Start {
  readonly folder: string;
  readonly cache: string;
  readonly options: Options;
  readonly outer: Outer;
  /** Last touches before `env` says that the world is ready. */
  readonly prepare?: (world: RunningWorld) => void;
}

export interface OpenedWorld {
  readonly world: RunningWorld;
  /** What clients read from their environment. */
  readonly environment: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** Longest folder name: unix sockets below it have paths of at most 107 bytes. */
const longest = 70;

/** Takes away everything that a world writes into its folder but the log, which stays for whoever wants to know what happened. */
export function clear(folder: string): void {
  for (const name of written) rmSync(join(folder, name), { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
}

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** Makes a folder and those above it. `mkdir` of Node with `recursive` never ends where nothing can be made, as in `/proc`. */
function make(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false }) !== undefined) return;
  if (dirname(folder) !== folder) make(dirname(folder));
  mkdirSync(folder, { mode: 0o700 });
}

/** Makes a folder ready for a new world. @throws Error where another world is up in it, it holds files of somebody else, its path is too long, or nothing can be written there */
export async function claim(folder: string): Promise<void> {
  if (folder.length > longest) throw new Error(`${folder} is too long for the sockets in it: use a path of at most ${longest} characters`);
  await refuseOccupied(folder);
  const there = written.filter((name) => existsSync(join(folder, name)));
  const log = join(folder, 'world.log');
  // The log outlives its world.
  if (there.length > 0 && !existsSync(log))
    throw new Error(`${folder} holds ${there.join(', ')}, which no world wrote and a new one would replace; use another folder`);
  try {
    make(folder);
    // Changes nothing, and shows that files can be written here.
    writeFileSync(log, '', { flag: 'a', mode: 0o600 });
  } catch (error) {
    throw new Error(`${folder} cannot be the world's folder (${(error as Error).message}); name another one with --state`);
  }
  clear(folder);
}

/** Brings a world up in a folder that was claimed and writes everything callers need; `env` last. */
export async function openWorld({ folder, cache, options, outer, prepare }: Start): Promise<OpenedWorld> {
  const file = (name: string): string => join(folder, name);
  const log = createWriteStream(file('world.log'), { flags: 'w', mode: 0o600 });
  const world = await startWorld({
    folder: file('world'),
    cache,
    pace: options.latency ?? 'fast',
    undelegated: options.undelegated,
    noAgency: options.noAgency,
    programs: options.programs,
    ...(options.charts === undefined ? {} : { charts: options.charts }),
    ...(options.from === undefined ? {} : { from: resolve(options.from) }),
    log: (room, line) => log.write(`${new Date().toISOString()} ${room}: ${line}\n`),
    progress: (line) => process.stderr.write(`sandbox: ${line}\n`),
  });
  await world.control.listen({ path: file('control.sock') });
  await writeFile(file('ca.pem'), world.authority.publicCaPem);
  const way = await visitors(world, { host: places.visitors, port: 3128 });
  const stopWatching = await watchKubeconfig(world, file('kubeconfig'), way.url);
  const environment = environmentOf(world, folder);
  const outside = await outer.outside();
  const { bin } = await tools(cache, (line) => world.log('downloads', line));
  for (const [name, holder] of [
    ['enter', world.runner.holder],
    ['inside', world.console.holder],
  ] as const) {
    await writeFile(file(name), enterScript({ folder, holder, bin, ...outside }));
    await chmod(file(name), 0o755);
  }
  prepare?.(world);
  const lines = Object.entries({ ...environment, WORLD_PID: String(outside.pid) }).map(([key, value]) => `${key}=${quote(value)}`);
  await writeFile(file('env.new'), `${lines.join('\n')}\n`, { mode: 0o600 });
  await rename(file('env.new'), file('env'));
  return {
    world,
    environment,
    async close() {
      await rm(file('env'), { force: true });
      stopWatching();
      await way.close();
      await world.close();
      await new Promise<void>((resolve) => log.end(resolve));
      clear(folder);
    },
  };
}

/** What OpenStack clients, Terraform, Node, OpenSSL and our own tests read. */
function environmentOf(world: RunningWorld, folder: string): Record<string, string> {
  const { tenant } = world;
  const project = tenant.projects.find(({ region }) => region === 'eu-de');
  if (project === undefined) throw new Error('the tenant has no project in eu-de');
  const ca = join(folder, 'ca.pem');
  return {
    OS_AUTH_URL: `https://${hostOf('iam', project.region)}/v3`,
    OS_IDENTITY_API_VERSION: '3',
    OS_ACCESS_KEY: tenant.admin.accessKey,
    OS_SECRET_KEY: tenant.admin.secretKey,
    OS_USERNAME: tenant.admin.name,
    OS_PASSWORD: tenant.admin.password,
    OS_DOMAIN_NAME: tenant.domainName,
    OS_USER_DOMAIN_NAME: tenant.domainName,
    OS_PROJECT_DOMAIN_NAME: tenant.domainName,
    OS_PROJECT_NAME: project.name,
    OS_REGION_NAME: project.region,
    OS_CACERT: ca,
    READER_USERNAME: tenant.reader.name,
    READER_PASSWORD: tenant.reader.password,
    READER_ACCESS_KEY: tenant.reader.accessKey,
    READER_SECRET_KEY: tenant.reader.secretKey,
    NODE_EXTRA_CA_CERTS: ca,
    SSL_CERT_FILE: ca,
    CURL_CA_BUNDLE: ca,
    REQUESTS_CA_BUNDLE: ca,
    CONTROL_URL: `http://${places.control}`,
    KUBECONFIG: join(folder, 'kubeconfig'),
    PGSERVICEFILE: servicesFile(join(folder, 'world')),
  };
}

/** A shell script that joins the world's namespaces and runs a command there with its environment, in the caller's folder. */
function enterScript(world: {
  readonly folder: string;
  readonly pid: number;
  readonly user: 'root' | 'mapped';
  /** Process whose network namespace the command gets. */
  readonly holder: number;
  readonly bin: string;
}): string {
  const users = world.user === 'mapped' ? ' --user --preserve-credentials' : '';
  const inner = `set -a; . ${quote(join(world.folder, 'env'))}; set +a; PATH=${quote(world.bin)}:"$PATH"; unset HTTP_PROXY HTTPS_PROXY ALL_PROXY http_proxy https_proxy all_proxy; cd -- "$1" || exit 1; shift; exec "$@"`;
  return `#!/bin/sh
# Runs a command in the sandbox's world: ${world.folder}
[ $# -gt 0 ] || set -- "\${SHELL:-/bin/sh}"
exec nsenter --target ${world.pid}${users} --mount --net --pid -- \\
  nsenter --net=/proc/${world.holder}/ns/net -- /bin/sh -c ${quote(inner)} enter "$PWD" "$@"
`;
}

/** A folder serves one world at a time. */
async function refuseOccupied(folder: string): Promise<void> {
  // Processes outside cannot be seen from here; a socket that answers shows that the world lives.
  const alive = await new Promise<boolean>((resolve) => {
    const socket = connect({ path: join(folder, 'control.sock') });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
  if (alive) throw new Error(`a world is running in ${folder} already; end it first, or use another folder`);
}
