/**
 * Owns the way in that makes no world: a run of the action in one that is up already, asked for over its control from
 * outside its namespaces. `scripts/sandbox.mjs` starts it where a world answers in the folder that `--state` names.
 */
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { lines } from '../control/server.ts';
import { type Options, readOptions, usage } from '../world/options.ts';
import { Outer } from '../world/outer.ts';
import type { RunResult } from './run.ts';
import { cancelOnSignal, requestOf, say, show } from './shown.ts';

type Told = { readonly line: string } | { readonly result: RunResult } | { readonly error: string };

/** The options of a new world: one that is up stays as it was made. */
function shaping(options: Options): string[] {
  const given: Readonly<Record<string, boolean>> = {
    '--cloud-only': options.cloudOnly,
    '--keep': options.keep,
    '--from': options.from !== undefined,
    '--charts': options.charts !== undefined,
    '--image': Object.keys(options.programs).length > 0,
    '--latency': options.latency !== undefined,
    '--undelegated': options.undelegated,
    '--no-agency': options.noAgency,
  };
  return Object.keys(given).filter((name) => given[name] === true);
}

/** Opens a call to the control of the world in a folder. */
function call(folder: string, method: string, answered: (answer: IncomingMessage) => void): ClientRequest {
  return request({ socketPath: join(folder, 'control.sock'), method, path: '/run', agent: false, headers: { accept: lines } }, answered);
}

/** Runs what is asked for and shows its lines as they come. @throws Error where the world ends before the run does */
async function run(folder: string, body: string): Promise<RunResult> {
  const ended = new Error(`the world in ${folder} ended before the run did`);
  const answer = await new Promise<IncomingMessage>((taken, failed) => {
    call(folder, 'POST', taken)
      .once('error', (error) => failed(new Error(ended.message, { cause: error })))
      .end(body);
  });
  // The end of the lines says it as well.
  answer.on('error', () => undefined);
  for await (const text of createInterface({ input: answer })) {
    const told = JSON.parse(text) as Told;
    if ('result' in told) return told.result;
    if ('error' in told) throw new Error(told.error);
    say(told.line);
  }
  throw ended;
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(usage);
    return 0;
  }
  const folder = resolve(options.state ?? '');
  const shapes = shaping(options);
  if (shapes.length > 0)
    throw new Error(
      `a world is running in ${folder} already, and ${shapes.join(', ')} would be for a new one: leave that out to run a command in this world, end this world first, or use another folder`,
    );
  const outer = new Outer(process.stdin);
  const body = JSON.stringify(await requestOf(options));
  say(`sandbox: running "${options.command}" in the world that is up in ${folder}`);
  const watching = cancelOnSignal(outer, {
    cancel: () =>
      void call(folder, 'DELETE', (answer) => answer.resume())
        .once('error', () => say('sandbox: the world is gone'))
        .end(),
  });
  const result = await run(folder, body);
  watching.stop();
  show(result, options);
  say(`sandbox: "${options.command}" ended with exit code ${result.exitCode} after ${(result.took / 1000).toFixed(1)} s; the world stays up`);
  return result.exitCode;
}

try {
  process.exit(await main());
} catch (error) {
  process.stderr.write(`sandbox: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
