// Runs the tests with node's test runner under Node 24. `unit` alone skips the scenarios; any other argument is a file or an option.
// Each room of units and each scenario file is a job; jobs run in lanes, the longest first. A scenario file that fails is run
// once more, alone: worlds are real processes with real time-outs, and a busy machine can be too slow. That it was needed is said
// at the end; a second failure is final.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { node24, root, runNode24 } from './node24.mjs';
import { whenOrphaned } from './orphans.mjs';

const args = process.argv.slice(2);
// What we start notices that we are gone.
process.env.TESTS_PID = `${process.pid}`;
if (process.env.npm_lifecycle_event !== undefined) whenOrphaned(() => process.exit(143));
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

const cores = availableParallelism();
// Node's own default leaves a core free: on two cores one file would follow the other.
const testing = [`--import=${join(root, 'scripts/orphans.mjs')}`, '--test', '--test-reporter=spec', `--test-concurrency=${cores}`, ...options];
if (named.length > 0) process.exit(await runNode24([...testing, ...named]));

/** Files whose hooks around each test stand outside of every suite: in a process with others those would be around the others' tests too. */
const hooked = (file) => /^(before|after)Each\(/m.test(readFileSync(join(root, file), 'utf8'));

/** The units as jobs: the files of a folder share a process, which is started and loaded once, and those with hooks of their own do not. */
function unitJobs() {
  const files = find('test/unit');
  const alone = files.filter(hooked);
  const together = files.filter((file) => !alone.includes(file));
  const rooms = [...new Set(together.map(dirname))];
  return [
    { name: 'units with hooks of their own', files: alone, options: [] },
    ...rooms.map((name) => ({ name, files: together.filter((file) => dirname(file) === name), options: ['--test-isolation=none'] })),
  ];
}

/** Where the file that tests the first deploy leaves its world for those that need a deployed one (`test/harness/deployed.ts`). */
const deployed = mkdtempSync(join(tmpdir(), 'zoo-deployed-'));
const maker = join('test/scenarios', 'deploys.test.ts');
if (!unitOnly) mkdirSync(join(deployed, 'making'));
process.on('exit', () => rmSync(deployed, { recursive: true, force: true }));
const running = new Set();
let stopped = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    stopped = true;
    for (const child of running) child.kill(signal);
  });
}

/** Runs the files of a job, prints its output as a whole, and says what came of it. */
function run(job) {
  const started = Date.now();
  return new Promise((resolve) => {
    const child = spawn(node24, ['--disable-warning=ExperimentalWarning', ...testing, '--test-timeout=600000', ...job.options, ...job.files], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, DEPLOYED_FOLDER: deployed, ...(job.name === maker ? { DEPLOYED_MAKER: '1' } : {}) },
    });
    running.add(child);
    const output = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output.push(chunk));
    child.on('close', (code) => {
      running.delete(child);
      // However it ended: who waits for its world then makes one.
      if (job.name === maker && !stopped && !existsSync(join(deployed, 'snapshot'))) writeFileSync(join(deployed, 'failed'), '');
      const text = Buffer.concat(output).toString('utf8');
      console.log(`\n== ${job.name} (${Math.round((Date.now() - started) / 1000)} s)\n${text}`);
      const count = (word) => Number(new RegExp(`^ℹ ${word} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
      resolve({ ...job, ok: code === 0, passed: count('pass'), failed: count('fail') + count('cancelled') });
    });
  });
}

/** First the file that makes the deployed world and those that need none; then the longest, so that the lanes end together. */
const longest = [
  'deploys',
  'mistakes-network',
  'crashes',
  'faults',
  'existing',
  'drift',
  'access-changes',
  'mistakes-inside',
  'half-made',
  'destroy',
  'dns-hands',
  'controllers',
  'nights',
  'access-bastion',
  'plans',
];
const rank = ({ name }) => (longest.findIndex((one) => name.includes(`/${one}.`)) + longest.length + 1) % (longest.length + 1);
const scenarios = find('test/scenarios').map((file) => ({ name: file, files: [file], options: [], scenario: true }));
const queue = [...(unitOnly ? [] : scenarios.sort((one, other) => rank(one) - rank(other))), ...unitJobs()];
const results = [];
const lane = async () => {
  for (let job = queue.shift(); job !== undefined && !stopped; job = queue.shift()) results.push(await run(job));
};
// Scenarios wait as much as they work.
await Promise.all(Array.from({ length: cores === 1 ? 1 : Math.min(5, cores + 3) }, lane));
const again = [];
for (const job of results.filter(({ ok, scenario }) => !ok && !stopped && scenario)) again.push(await run(job));
const final = results.map((result) => again.find(({ name }) => name === result.name) ?? result);
const flaky = again.filter(({ ok }) => ok).map(({ name }) => name);
const failed = final.filter(({ ok }) => !ok).map(({ name }) => name);
if (flaky.length > 0) console.log(`passed at the second attempt only: ${flaky.join(', ')}`);
if (failed.length > 0) console.log(`failed: ${failed.join(', ')}`);
if (stopped) console.log('stopped before the end');
const sum = (key) => final.reduce((total, result) => total + result[key], 0);
console.log(`tests: ${sum('passed')} passed, ${sum('failed')} failed (${Math.round(process.uptime())} s)`);
process.exit(failed.length === 0 && !stopped ? 0 : 1);
