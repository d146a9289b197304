// Starts the sandbox (sandbox/main.ts) under Node 24 in namespaces of its own: network, mounts, processes, and users when
// not root. Checks what it needs and says how to get what is missing. When this process ends, however, the world ends.
// Where a world is up in the folder of --state already, it starts a run of the action in that one (sandbox/runner/visit.ts).
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { accessSync, constants, existsSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { node24, root } from './node24.mjs';
import { whenOrphaned } from './orphans.mjs';

const args = process.argv.slice(2);
const given = parseArgs({ args, options: { state: { type: 'string' } }, strict: false }).values.state;
const state = typeof given === 'string' ? resolve(given) : undefined;
process.env.PATH = `${process.env.PATH ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`;
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];

// npm, when killed, leaves its scripts alone; a shell that started us may rightly end. Tests that are killed cannot end their
// world: it goes with them, and so does its folder. Before there is a world, all there is notices itself that we are gone.
const ofTests = process.env.SANDBOX_ENDS_WITH_PARENT === '1';
let end = () => process.exit(143);
if (ofTests || process.env.npm_lifecycle_event !== undefined) whenOrphaned(() => end());

function missing(text) {
  console.error(`sandbox: ${text}`);
  process.exit(1);
}

function find(program) {
  for (const folder of process.env.PATH.split(delimiter)) {
    const path = join(folder, program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch (error) {
      if (!['ENOENT', 'ENOTDIR', 'EACCES'].includes(error.code)) throw error;
    }
  }
  return undefined;
}

/** Runs a program and says whether it succeeded, with what it printed when it did not. */
function tries(program, list) {
  try {
    execFileSync(program, list, { stdio: 'pipe' });
    return { worked: true, said: '' };
  } catch (error) {
    return { worked: false, said: String(error.stderr ?? error.message).trim() };
  }
}

if (process.platform !== 'linux' || process.arch !== 'x64') {
  missing(`needs Linux on x64, this is ${process.platform} on ${process.arch}. Run it in a virtual machine or on a hosted Linux runner.`);
}
const absent = [
  ['unshare', 'util-linux', 'util-linux'],
  ['nsenter', 'util-linux', 'util-linux'],
  ['mount', 'mount', 'util-linux'],
  ['ip', 'iproute2', 'iproute'],
  ['sh', 'dash', 'bash'],
  ...['cp', 'rm', 'sleep'].map((program) => [program, 'coreutils', 'coreutils']),
].filter(([program]) => find(program) === undefined);
if (absent.length > 0) {
  const what = absent.map(([program, deb, rpm]) => `  ${program}: apt-get install ${deb}, or dnf install ${rpm}`);
  missing(['these programs are not on PATH, nor in /usr/sbin or /sbin:', ...what].join('\n'));
}
if (!existsSync(node24)) missing('node_modules is incomplete: run "npm ci" first.');
if (!readFileSync('/proc/self/mounts', 'utf8').includes(' /proc ')) missing('/proc is not mounted.');

/** Does a world answer in the folder? */
const lives = (folder) =>
  new Promise((resolve) => {
    const socket = connect({ path: join(folder, 'control.sock') });
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
const visiting = state !== undefined && (await lives(state));
const isRoot = process.getuid() === 0;
const namespaces = ['--net', '--mount', '--pid', '--fork', '--mount-proc', '--kill-child=SIGKILL', '--', node24];
let prefix = [];
let users = isRoot ? [] : ['--user', '--map-root-user'];
const attempt = visiting ? { worked: true, said: '' } : tries('unshare', [...users, ...namespaces, '--version']);
if (/unrecogni[sz]ed option/.test(attempt.said)) missing(`needs util-linux 2.32 or newer (${attempt.said}).`);
if (!isRoot) {
  if (!attempt.worked) {
    if (find('sudo') !== undefined && tries('sudo', ['-n', node24, '--version']).worked) {
      console.error(`sandbox: this kernel keeps ordinary users from making namespaces (${attempt.said}); going on with sudo.`);
      prefix = ['sudo', '-n', '--preserve-env', '--'];
      users = [];
    } else {
      missing(
        [
          `this kernel keeps ordinary users from making namespaces (${attempt.said}). One of these helps:`,
          '  sudo npm run sandbox                                                     run it as root',
          '  sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0            allow it until the next start (Ubuntu 24.04 and later)',
          '  sudo sysctl -w kernel.unprivileged_userns_clone=1                        the same on older Debian kernels',
          '  sudo sysctl -w user.max_user_namespaces=15000                            where they were set to 0',
        ].join('\n'),
      );
    }
  }
} else if (!attempt.worked) {
  missing(`namespaces cannot be made here (${attempt.said}). In a container, start it with --privileged.`);
}

// What is built or fetched once is made out here: inside there is no route to anywhere.
if (!visiting && !args.includes('--help')) {
  const prepare = spawn(node24, ['--disable-warning=ExperimentalWarning', join(root, 'sandbox/prepare.ts')], {
    stdio: ['pipe', 'inherit', 'inherit'],
    detached: true,
  });
  const stop = () => prepare.stdin.destroy();
  for (const signal of signals) process.once(signal, stop);
  const code = await new Promise((resolve) => prepare.once('exit', (exit) => resolve(exit ?? 143)));
  for (const signal of signals) process.off(signal, stop);
  if (code !== 0) process.exit(code);
}

const command = [
  ...(visiting ? [node24] : [...prefix, 'unshare', ...users, ...namespaces]),
  '--disable-warning=ExperimentalWarning',
  join(root, visiting ? 'sandbox/runner/visit.ts' : 'sandbox/main.ts'),
  ...args,
];
// Only its name: the world's first process makes it, which takes it away again however we end.
const folder = state ?? join(tmpdir(), `zitadel-on-otc-${randomBytes(6).toString('hex')}`);
/** Takes away our own folder, and in a named one what a world left there that was killed: its socket, and nobody behind it. */
async function discard() {
  const names = JSON.parse(readFileSync(join(root, 'sandbox/world/written.json'), 'utf8'));
  const whole = state === undefined || (ofTests && orphaned);
  const left = !whole && existsSync(join(folder, 'control.sock')) && !(await lives(folder));
  const paths = whole ? [folder] : left ? names.map((name) => join(folder, name)) : [];
  if (prefix.length > 0 && paths.length > 0) execFileSync('sudo', ['-n', 'rm', '-rf', ...paths]);
  else for (const path of paths) rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
}
// Its standard input is how we talk to it, and how it notices that we are gone. A session of its own keeps Ctrl-C to us alone.
const child = spawn(command[0], command.slice(1), {
  stdio: ['pipe', 'inherit', 'inherit'],
  detached: true,
  env: { ...process.env, SANDBOX_FOLDER: folder },
});
const tell = (message) => {
  if (child.exitCode === null && child.stdin.writable) child.stdin.write(`${JSON.stringify(message)}\n`);
};
child.stdin.on('error', (error) => {
  if (error.code !== 'EPIPE') throw error;
});
child.on('error', (error) => missing(`could not be started: ${error.message}`));
child.on('exit', async (code, signal) => {
  await discard();
  process.exit(code ?? (signal === 'SIGINT' ? 130 : 143));
});
let orphaned = false;
end = () => {
  orphaned = true;
  child.stdin.end();
};
// One Ctrl-C under npm comes twice, from the terminal and from npm: what follows within a second is the same one.
let heard = 0;
for (const signal of signals) {
  process.on(signal, () => {
    if (Date.now() - heard < 1000) return;
    heard = Date.now();
    tell({ signal });
  });
}

/** Process id, in our namespace, of the world's first process: the one that is number 1 in its own. */
function firstProcess(parent) {
  const found = [];
  const walk = (pid) => {
    let children;
    try {
      children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(/\s+/).filter(Boolean);
      const ids = /^NSpid:\s*(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]?.split(/\s+/) ?? [];
      if (ids.length > 1 && ids.at(-1) === '1') found.push(Number(pid));
    } catch (error) {
      // A process that ended while we looked.
      if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error;
      return;
    }
    for (const next of children) walk(next);
  };
  walk(parent);
  return found[0];
}

const started = Date.now();
const look = setInterval(() => {
  if (visiting) return clearInterval(look);
  const pid = firstProcess(child.pid);
  if (pid !== undefined) {
    clearInterval(look);
    tell({ pid, user: isRoot || prefix.length > 0 ? 'root' : 'mapped' });
  } else if (Date.now() - started > 20_000) {
    clearInterval(look);
    console.error('sandbox: its first process could not be found in /proc.');
    child.stdin.end();
  }
}, 20);
