/**
 * Owns what surrounds a step on the runner: the action's metadata, the job's environment and inputs, the files through which
 * a step talks back, processes it left behind. Running the step is `run.ts`'s.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { parseFileCommands } from './commands.ts';
import type { RunPlace, RunRequest } from './request.ts';

export interface ActionMetadata {
  readonly inputs: Readonly<Record<string, { readonly default?: string | boolean | number }>>;
  readonly main: string;
  readonly post: string | undefined;
}

/** Reads `action.yml`. */
export async function readMetadata(folder: string): Promise<ActionMetadata> {
  const parsed = parse(await readFile(join(folder, 'action.yml'), 'utf8')) as {
    readonly inputs?: ActionMetadata['inputs'];
    readonly runs: { readonly main: string; readonly post?: string };
  };
  return {
    inputs: parsed.inputs ?? {},
    main: join(folder, parsed.runs.main),
    post: parsed.runs.post === undefined ? undefined : join(folder, parsed.runs.post),
  };
}

/** Environment variable of an input: upper case, blanks become underscores, dashes stay. */
export const inputVariable = (name: string): string => `INPUT_${name.replaceAll(' ', '_').toUpperCase()}`;

/** Expressions in defaults: the few that actions use there. */
function evaluate(value: string, env: Readonly<Record<string, string>>): string {
  return value.replace(/\$\{\{\s*([\w.]+)\s*\}\}/g, (_, name: string) => {
    const found: Readonly<Record<string, string | undefined>> = {
      'github.token': env['SANDBOX_GITHUB_TOKEN'] ?? '',
      'github.workspace': env['GITHUB_WORKSPACE'],
      'github.repository': env['GITHUB_REPOSITORY'],
      'runner.temp': env['RUNNER_TEMP'],
    };
    const text = found[name];
    if (text === undefined) throw new Error(`action.yml: the sandbox's runner does not know the expression ${name}`);
    return text;
  });
}

/** The environment every step of the job has. */
export function jobEnvironment(request: RunRequest, place: RunPlace, job: string): Record<string, string> {
  const { repository, ref, runId, eventName, actor } = place.workflow;
  return {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    HOME: join(job, 'home'),
    LANG: 'C.UTF-8',
    CI: 'true',
    GITHUB_ACTIONS: 'true',
    GITHUB_WORKSPACE: join(job, 'workspace'),
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_API_URL: 'https://api.github.com',
    GITHUB_GRAPHQL_URL: 'https://api.github.com/graphql',
    GITHUB_REPOSITORY: repository,
    GITHUB_REPOSITORY_OWNER: repository.split('/')[0] ?? '',
    GITHUB_RUN_ID: runId,
    GITHUB_RUN_NUMBER: '1',
    GITHUB_RUN_ATTEMPT: '1',
    GITHUB_JOB: 'deploy',
    GITHUB_WORKFLOW: 'deploy',
    GITHUB_ACTION: '__self',
    GITHUB_ACTOR: actor,
    GITHUB_EVENT_NAME: eventName,
    GITHUB_REF: ref,
    GITHUB_REF_NAME: ref.replace('refs/heads/', ''),
    GITHUB_SHA: '0000000000000000000000000000000000000000',
    RUNNER_OS: 'Linux',
    RUNNER_ARCH: 'X64',
    RUNNER_NAME: 'sandbox',
    RUNNER_ENVIRONMENT: 'self-hosted',
    RUNNER_TEMP: join(job, 'temp'),
    RUNNER_TOOL_CACHE: place.toolCache,
    NODE_EXTRA_CA_CERTS: place.caFile,
    SSL_CERT_FILE: place.caFile,
    ...(request.debug === true ? { RUNNER_DEBUG: '1' } : {}),
    ...request.env,
  };
}

/** The step's inputs: those given over the defaults of `action.yml`. */
export function inputVariables(request: RunRequest, metadata: ActionMetadata, env: Readonly<Record<string, string>>): Record<string, string> {
  const defaults = Object.entries(metadata.inputs).map(([name, { default: value }]) => [
    inputVariable(name),
    value === undefined ? '' : evaluate(String(value), env),
  ]);
  return {
    ...Object.fromEntries(defaults),
    ...Object.fromEntries(Object.entries(request.inputs).map(([name, value]) => [inputVariable(name), value])),
  };
}

const fileCommands = {
  GITHUB_OUTPUT: 'output',
  GITHUB_STATE: 'state',
  GITHUB_ENV: 'env',
  GITHUB_PATH: 'path',
  GITHUB_STEP_SUMMARY: 'summary',
} as const;

/** Makes the files of one step, empty, and names them as the step finds them. */
export async function commandFiles(folder: string, phase: string): Promise<Record<string, string>> {
  const entries = Object.entries(fileCommands).map(([variable, name]) => [variable, join(folder, `${phase}-${name}`)] as const);
  for (const [, path] of entries) await writeFile(path, '');
  return Object.fromEntries(entries);
}

/** What a step wrote into its files. */
export async function readCommandFiles(folder: string, phase: string) {
  const text = (name: string): Promise<string> => readFile(join(folder, `${phase}-${name}`), 'utf8');
  return {
    outputs: parseFileCommands(await text('output')),
    state: parseFileCommands(await text('state')),
    env: parseFileCommands(await text('env')),
    summary: await text('summary'),
  };
}

/** Processes of the job that outlive its steps; the runner ends them, and says so, when the job ends. */
export async function endOrphans(trackingId: string): Promise<string[]> {
  const ended: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
    try {
      const environment = await readFile(`/proc/${pid}/environ`, 'utf8');
      if (!environment.split('\0').includes(`RUNNER_TRACKING_ID=${trackingId}`)) continue;
      const name = (await readFile(`/proc/${pid}/comm`, 'utf8')).trim();
      process.kill(Number(pid), 'SIGKILL');
      ended.push(name);
    } catch (error) {
      // A process that ended while we looked.
      if (!['ENOENT', 'ESRCH', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
  return ended;
}
