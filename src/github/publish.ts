/**
 * Owns what a run writes on GitHub beside its summary: the comment on the pull request, the issue about drift. A refusal is
 * a warning that names the missing permission; it never fails the run, whose work is done by then.
 */
import { asFault, Cancelled, Fault } from '../engine/fault.ts';
import { renderComment } from '../report/comment.ts';
import type { Mark } from '../report/marker.ts';
import type { Report } from '../report/report.ts';
import type { Secret } from '../secret.ts';
import { type Fetch, type Github, type GithubOptions, github } from './api.ts';
import { driftIssue } from './drift-issue.ts';
import type { Inputs } from './inputs.ts';
import type { Runner } from './runner.ts';
import { pullRequestOf, stickyComment } from './sticky-comment.ts';

export interface Publishing {
  readonly runner: Runner;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly inputs: {
    readonly githubToken?: Secret | undefined;
    readonly comment: boolean;
    readonly driftIssue: boolean;
    readonly config: string;
    readonly target: Inputs['target'];
    readonly project?: string | undefined;
  };
  readonly fetch: Fetch;
  readonly signal: AbortSignal;
  /** The client; tests hand in theirs. */
  readonly connect?: (options: GithubOptions) => Promise<Github>;
}

/** Writes the comment and the issue that the inputs ask for. Never throws. */
export async function publish(publishing: Publishing, report: Report): Promise<void> {
  const { runner, env, inputs, fetch, signal, connect = github } = publishing;
  const wanted = { comment: inputs.comment, issue: inputs.driftIssue && report.command === 'drift' };
  if ((!wanted.comment && !wanted.issue) || signal.aborted) return;
  const repository = env['GITHUB_REPOSITORY'];
  if (inputs.githubToken === undefined || repository === undefined) {
    const [lack, hint] =
      repository === undefined
        ? ['GITHUB_REPOSITORY is not set', 'The runner of GitHub Actions sets it; outside of one, set comment and drift-issue to false.']
        : ['the input github-token is empty', 'Give it, or leave it out: its default is the token of the job.'];
    runner.annotate('warning', new Fault(`nothing is written on GitHub: ${lack}`, { hint }));
    return;
  }
  const apiUrl = (env['GITHUB_API_URL'] ?? 'https://api.github.com').replace(/\/+$/, '');
  const origin = originOf(env);
  const attempt = async (what: string, work: (client: Github) => Promise<string>): Promise<void> => {
    try {
      const client = await connect({ apiUrl, token: inputs.githubToken as Secret, fetch, signal, say: (line) => runner.line(line) });
      runner.line(`${what}: ${await work(client)}`);
    } catch (error) {
      if (error instanceof Cancelled) runner.line(`${what}: left, the run was cancelled`);
      else runner.annotate('warning', asFault(error), `${what} was not written`);
    }
  };
  if (wanted.comment) {
    const pull = pullRequestOf(env);
    if (pull === undefined) runner.line('Comment: this run belongs to no pull request');
    else {
      const mark = markOf('comment', publishing, report);
      await attempt('Comment', (client) => stickyComment(client, pull, mark, renderComment(report, mark, origin)));
    }
  }
  if (wanted.issue) await attempt('Drift issue', (client) => driftIssue(client, repository, report, markOf('drift', publishing, report), origin));
}

/** A stack in a repository: its name, region and project; unknown where the stack file could not be read. A plan of a destroy is another thing. */
function markOf(kind: Mark['kind'], { inputs }: Publishing, { command = '', stack }: Report): Mark {
  const identity = stack === undefined ? '' : [stack.name, stack.region, inputs.project ?? ''].join('/');
  const what = command === 'plan' && inputs.target === 'destroy' ? 'plan-destroy' : command;
  return { kind, command: what, stack: identity, config: inputs.config };
}

function originOf(env: Publishing['env']): { commit: string | undefined; runUrl: string | undefined } {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository, GITHUB_RUN_ID: run, GITHUB_SHA: commit } = env;
  return { commit, runUrl: server === undefined || run === undefined ? undefined : `${server}/${repository}/actions/runs/${run}` };
}
