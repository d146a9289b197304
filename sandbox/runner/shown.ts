/** Owns what a person at the command line gives to a run of the action and sees of it: lines, the summary, how to cancel. */
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { regionOf } from '../otc/hosts.ts';
import { projectIn } from '../otc/seed.ts';
import type { Options } from '../world/options.ts';
import type { Outer } from '../world/outer.ts';
import type { RunResult } from './run.ts';
import { type DeployRequest, defaultStack } from './service.ts';
import { renderSummary } from './summary.ts';

export const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

/** What the world must know of the stack file; the action says what is wrong with one that cannot be read. */
export async function stackOf({ config }: Pick<Options, 'config'>): Promise<{ readonly name?: unknown; readonly region?: unknown }> {
  const documents = parseAllDocuments(await readFile(config ?? defaultStack, 'utf8'), { logLevel: 'silent' });
  const stack: unknown = 'empty' in documents ? undefined : documents[0]?.toJS();
  return typeof stack === 'object' && stack !== null ? stack : {};
}

/**
 * The run that the options ask for; the job's repository holds the YAML files beside the named stack file. The project is the
 * one that `DIR/env` names, or its like in the stack's region: OpenStack clients then show what was deployed.
 */
export async function requestOf({ command, config, confirm, target, inputs: given }: Options): Promise<DeployRequest> {
  const { region } = await stackOf({ config });
  const inputs = {
    ...(typeof region === 'string' && regionOf(region) !== undefined ? { project: projectIn(region) } : {}),
    ...(target === undefined ? {} : { target }),
    ...(confirm === undefined ? {} : { 'confirm-destroy': confirm }),
    ...given,
  };
  if (config === undefined) return { command, inputs };
  const path = resolve(config);
  const file = basename(path);
  const names = (await readdir(dirname(path))).filter((name) => name === file || /\.(ya?ml|tpl|pem)$/.test(name));
  const files = await Promise.all(names.map(async (name) => [name, await readFile(join(dirname(path), name), 'utf8')] as const));
  // Errors then name the file as it is called.
  return { command, inputs: { ...inputs, config: file }, files: Object.fromEntries(files) };
}

/** The first Ctrl-C cancels the run as the runner does; the second ends it at once. */
export function cancelOnSignal(outer: Outer, work: { cancel(): void }): { stop(): void; stopped(): boolean } {
  let [over, stopped] = [false, false];
  const listen = async (): Promise<void> => {
    for (let count = 1; !over; count += 1) {
      const signal = await outer.signal();
      if (over) {
        // It came after the run: whoever waits next is to hear of it.
        outer.putBack(signal);
        return;
      }
      stopped = true;
      say(`sandbox: ${signal}: ${count === 1 ? 'cancelling the run; once more ends everything at once' : 'ending'}`);
      if (count === 1) work.cancel();
      else outer.end();
    }
  };
  void listen();
  return {
    stop() {
      over = true;
    },
    stopped: () => stopped,
  };
}

export function show(result: RunResult, { command, confirm }: Options): void {
  const rule = '─'.repeat(Math.min(process.stdout.columns ?? 80, 100));
  if (result.summary.trim() !== '') {
    const colour = process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined;
    say(`${rule}\n${renderSummary(result.summary, { columns: process.stdout.columns ?? 160, colour })}\n${rule}`);
  }
  const url = result.outputs['url'];
  if (url !== undefined && url !== '') say(`sandbox: ZITADEL is at ${url} (inside this world)`);
  const digest = result.outputs['plan-digest'];
  if (command === 'plan' && digest !== undefined && digest !== '') say(`sandbox: the output plan-digest: ${digest}`);
  if (command === 'destroy' && confirm === undefined) say('sandbox: the input confirm-destroy is given here with --confirm NAME');
  if (result.orphans.length > 0) say(`sandbox: processes left behind by the action: ${result.orphans.join(', ')}`);
}
