/**
 * Owns the main way in: a world, the built action run in it, its summary shown, the end. Lines of the action come as the
 * runner shows them; our own start with `sandbox:`.
 */
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { type OpenedWorld, openWorld, type Start } from '../world/state-folder.ts';
import type { RunResult } from './run.ts';
import { type DeployRequest, type Jobs, jobs } from './service.ts';
import { renderSummary } from './summary.ts';

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

/** @returns the action's exit code */
export async function deployOnce(start: Start): Promise<number> {
  const { options, folder, outer } = start;
  const begun = performance.now();
  const { opened, work } = await open(start);
  const seconds = (): string => ((performance.now() - begun) / 1000).toFixed(1);
  say(`sandbox: an Open Telekom Cloud is up after ${seconds()} s; running "${options.command}" in it`);
  const watching = cancelOnSignal(outer, work);
  try {
    const result = await work.run({ command: options.command, ...(await repositoryOf(options.config)) }, say);
    watching.stop();
    show(result);
    say(`sandbox: "${options.command}" ended with exit code ${result.exitCode} after ${(result.took / 1000).toFixed(1)} s (${seconds()} s in all)`);
    if (options.keep && !watching.stopped()) {
      say(keepText(folder));
      await outer.signal();
    }
    return result.exitCode;
  } finally {
    await opened.close();
  }
}

/** The way in `--cloud-only`: a world until somebody ends it. */
export async function cloudOnly(start: Start): Promise<number> {
  const { opened } = await open(start);
  say(`sandbox: ready. Run commands in it with ${join(start.folder, 'enter')} COMMAND …; end it with Ctrl-C or SIGTERM.`);
  await start.outer.signal();
  await opened.close();
  return 0;
}

/** A world whose control also takes `POST /run`: a run of the action with what the body says, answered with its result. */
async function open(start: Start): Promise<{ readonly opened: OpenedWorld; readonly work: Jobs }> {
  let work: Jobs | undefined;
  const opened = await openWorld({
    ...start,
    prepare(world) {
      const made = jobs(world, { folder: join(start.folder, 'world'), caFile: join(start.folder, 'ca.pem') });
      world.routes['POST /run'] = (body) => made.run((body ?? {}) as DeployRequest, () => undefined);
      work = made;
    },
  });
  if (work === undefined) throw new Error('the world was opened without its jobs');
  return { opened, work };
}

/** The stack file that the user named, with the values file beside it: the job's repository holds that folder's YAML files. */
async function repositoryOf(config: string | undefined): Promise<{ config?: string; files?: Record<string, string> }> {
  if (config === undefined) return {};
  const path = resolve(config);
  const beside = (await readdir(dirname(path))).filter((name) => /\.(ya?ml|tpl|pem)$/.test(name) && name !== basename(path));
  const files = await Promise.all(beside.map(async (name) => [name, await readFile(join(dirname(path), name), 'utf8')] as const));
  return { config: await readFile(path, 'utf8'), files: Object.fromEntries(files) };
}

/** The first Ctrl-C cancels the run as the runner does; the second ends it at once, and the world with it. */
function cancelOnSignal(outer: Start['outer'], work: Jobs): { stop(): void; stopped(): boolean } {
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
      else await outer.end();
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

function show(result: RunResult): void {
  const rule = '─'.repeat(Math.min(process.stdout.columns ?? 80, 100));
  if (result.summary.trim() !== '') {
    const colour = process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined;
    say(`${rule}\n${renderSummary(result.summary, { columns: process.stdout.columns ?? 160, colour })}\n${rule}`);
  }
  const url = result.outputs['url'];
  if (url !== undefined && url !== '') say(`sandbox: ZITADEL is at ${url} (inside this world)`);
  if (result.orphans.length > 0) say(`sandbox: processes left behind by the action: ${result.orphans.join(', ')}`);
}

const keepText = (folder: string): string => {
  const enter = join(folder, 'enter');
  const inside = join(folder, 'inside');
  return [
    'sandbox: the world stays up until Ctrl-C. To look around, from another terminal:',
    `  ${enter} kubectl get pods -A                                  the cluster, past its groups and its bastion`,
    `  ${enter} helm list -A`,
    `  ${enter} curl -s https://login.example.com/.well-known/openid-configuration`,
    `  ${enter} sh -c 'curl -s $CONTROL_URL/requests'                every API call; /resources, /oddities likewise`,
    `  ${inside} psql "host=ADDRESS user=root dbname=postgres"       the database, from inside the VPC`,
    `  . ${join(folder, 'env')}                                      what OpenStack clients and Terraform read`,
    `  ${join(folder, 'world.log')}                                  what the cloud's parts said`,
  ].join('\n');
};
