/**
 * Owns `npm run fidelity`: clients that were not written here (python-openstackclient with otcextensions) list, create, show
 * and delete in every service they know, against a world of its own. Prints a table; fails where a client fails or asks for
 * a path that the sandbox does not know.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startWorld } from '../harness/world.ts';
import { plan } from './plan.ts';

const here = dirname(fileURLToPath(import.meta.url));
const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'zitadel-on-otc');
const run = promisify(execFile);

interface Result {
  readonly service: string;
  readonly what: string;
  readonly ok: boolean;
  readonly text: string;
  readonly milliseconds: number;
}

/** The clients in a virtual environment of the cache, made anew when the wanted versions change. */
async function clients(): Promise<string> {
  const folder = join(cache, 'fidelity-clients');
  const python = join(folder, 'bin/python');
  const stamp = join(folder, 'requirements.txt');
  const wanted = await readFile(join(here, 'requirements.txt'), 'utf8');
  if (existsSync(stamp) && (await readFile(stamp, 'utf8')) === wanted) return python;
  console.log('fidelity: installing python-openstackclient and otcextensions (once) …');
  await mkdir(cache, { recursive: true });
  await run('python3', ['-m', 'venv', '--clear', folder]);
  await run(python, ['-m', 'pip', 'install', '--quiet', '--no-input', '--disable-pip-version-check', '-r', join(here, 'requirements.txt')], {
    maxBuffer: 1 << 26,
  });
  await writeFile(stamp, wanted);
  return python;
}

async function main(): Promise<number> {
  const only = process.argv.slice(2);
  const python = await clients();
  const world = await startWorld({ pace: 'fast', agency: true });
  try {
    const steps = only.length === 0 ? plan : plan.filter(({ service }) => ['vpc', 'subnet', 'security group', ...only].includes(service));
    const { stdout, stderr } = await world.enter([python, join(here, 'drive.py')], { input: JSON.stringify(steps), timeout: 1_200_000 });
    const results = stdout
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Result);
    for (const { service, what, ok, text, milliseconds } of results)
      console.log(
        `${ok ? 'ok  ' : 'FAIL'}  ${service.padEnd(15)} ${what.padEnd(40)} ${String(milliseconds).padStart(6)} ms${text === '' ? '' : `\n        ${text}`}`,
      );
    const oddities = await world.control.oddities();
    for (const { service, kind, method, path, detail, count } of oddities)
      console.log(`note  ${service.padEnd(15)} unknown ${kind}: ${method} ${path} ${detail} (${count} times)`);
    const failed = results.filter(({ ok }) => !ok).length + (steps.length - results.length);
    const unknown = oddities.filter(({ kind }) => kind === 'path' || kind === 'type' || kind === 'host').length;
    if (results.length < steps.length) console.log(`fidelity: the clients stopped early: ${stderr.trim().split('\n').at(-1) ?? ''}`);
    console.log(
      `fidelity: ${results.length - results.filter(({ ok }) => !ok).length} of ${steps.length} steps succeeded, ${unknown} calls were unknown to the sandbox.`,
    );
    return failed === 0 && unknown === 0 ? 0 : 1;
  } finally {
    await world.stop();
  }
}

process.exitCode = await main();
