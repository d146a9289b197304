// Runs the tests with node's test runner under Node 24. `unit` alone skips the scenarios; any other argument is a file or an option.
// Scenario files have a world each and run two at a time. One that fails is run once more, alone: worlds are real processes
// with real time-outs, and a busy machine can be too slow. That it was needed is said at the end; a second failure is final.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { node24, root, runNode24 } from './node24.mjs';

const args = process.argv.slice(2);
const unitOnly = args.includes('unit');
const options = args.filter((arg) => arg.startsWith('--'));
const named = args.filter((arg) => arg !== 'unit' && !arg.startsWith('--'));
const find = (folder) =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder), { recursive: true })
        .filter((name) => name.endsWith('.test.ts'))
        .map((name) => join(folder, name))
        .sort()
    : [];

const testing = ['--test', '--test-reporter=spec', ...options];
if (named.length > 0) process.exit(await runNode24([...testing, ...named]));
const unitCode = await runNode24([...testing, ...find('test/unit')]);
if (unitOnly || unitCode !== 0) process.exit(unitCode);

const running = new Set();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    for (const child of running) child.kill(signal);
  });
}

/** Runs one file and prints its output as a whole. */
function scenario(file) {
  const started = Date.now();
  return new Promise((resolve) => {
    const child = spawn(node24, ['--disable-warning=ExperimentalWarning', ...testing, '--test-timeout=600000', file], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    const output = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output.push(chunk));
    child.on('close', (code) => {
      running.delete(child);
      console.log(`\n== ${file} (${Math.round((Date.now() - started) / 1000)} s)\n${Buffer.concat(output).toString('utf8')}`);
      resolve({ file, ok: code === 0 });
    });
  });
}

/** The longest first, so that the two lanes end together. */
const longest = ['access-bastion', 'mistakes-network', 'mistakes-inside', 'destroy', 'crashes', 'dns-hands', 'drift', 'deploys'];
const rank = (file) => (longest.findIndex((name) => file.includes(`/${name}.`)) + longest.length + 1) % (longest.length + 1);
const queue = find('test/scenarios').sort((one, other) => rank(one) - rank(other));
const results = [];
const lane = async () => {
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) results.push(await scenario(file));
};
await Promise.all(Array.from({ length: Math.max(1, Math.min(2, availableParallelism())) }, lane));
const again = [];
for (const { file } of results.filter(({ ok }) => !ok)) again.push(await scenario(file));
const failed = again.filter(({ ok }) => !ok).map(({ file }) => file);
const flaky = again.filter(({ ok }) => ok).map(({ file }) => file);
if (flaky.length > 0) console.log(`passed at the second attempt only: ${flaky.join(', ')}`);
if (failed.length > 0) console.log(`failed twice: ${failed.join(', ')}`);
console.log(`scenario files: ${results.length - failed.length} passed, ${failed.length} failed`);
process.exit(failed.length === 0 ? 0 : 1);
