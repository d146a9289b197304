/**
 * Owns the one issue about a stack's drift: what is to be done with it (pure), and doing it. Its texts are
 * `report/issue.ts`'s; the calls go through `api.ts`.
 */

import type { Outcome } from '../engine/outcome.ts';
import type { Origin } from '../report/comment.ts';
import {
  FORGOTTEN,
  issueTitle,
  type Remembered,
  readMemory,
  renderClosing,
  renderDelta,
  renderIssue,
  renderReopening,
  shownDigest,
} from '../report/issue.ts';
import { type Mark, readMark, sameThing } from '../report/marker.ts';
import type { Report } from '../report/report.ts';
import { type Author, type Github, GithubFault } from './api.ts';

export const DRIFT_LABEL = 'zitadel-drift';

/** What is known of the issue that is there. */
export interface KnownIssue {
  readonly state: 'open' | 'closed';
  /** Digest of the findings it shows; undefined where its marker was damaged. */
  readonly digest: string | undefined;
}

export type DriftAction = 'nothing' | 'open' | 'edit' | 'close' | 'reopen';

/**
 * What a drift run does with the issue. Pure. A failed run says nothing about drift and leaves the issue as it is; the same
 * set of differences is never told twice; while `kept` of what it shows could not be looked at, it stays open.
 */
export function decide(result: Report['result'], digest: string, known: KnownIssue | undefined, kept = 0): DriftAction {
  if (result === 'failed') return 'nothing';
  if (result !== 'drifted' && kept === 0) return known?.state === 'open' ? 'close' : 'nothing';
  if (known === undefined) return 'open';
  if (known.state === 'closed') return 'reopen';
  return known.digest === digest ? 'nothing' : 'edit';
}

/** Of what an open issue shows, what this run did not find and could not look at: it neither stands nor is gone. Pure. */
export function notLookedAt({ outcomes, findings }: Pick<Report, 'outcomes' | 'findings'>, shown: readonly Remembered[] | undefined): Remembered[] {
  const unseen = new Set(outcomes.filter(isUnseen).map(({ id }) => id));
  if (unseen.size === 0) return [];
  const found = new Set(findings.map(({ key }) => key));
  return (shown ?? [FORGOTTEN]).filter(({ key, id }) => !found.has(key) && (id === '' || unseen.has(id)));
}

/** Whether a resource was not looked at, or not at all of it: what is not wanted says so by a note alone, as what waits for others does. */
function isUnseen({ verdict, note }: Outcome): boolean {
  return verdict === 'unknown' || (verdict === 'absent' && note !== undefined) || note?.startsWith('the rest is ') === true;
}

interface Issue {
  readonly number: number;
  readonly state: 'open' | 'closed';
  readonly body: string | null;
  readonly user: Author | null;
  readonly labels?: readonly (string | { readonly name?: string })[];
  readonly pull_request?: unknown;
}

/** How far back issues without the label are looked through, open ones and closed ones: somebody may have taken it off. */
const PAGES_WITHOUT_LABEL = 5;

/** Brings the issue in line with the report. @throws Fault where GitHub refuses */
export async function driftIssue(github: Github, repository: string, report: Report, mark: Mark, origin: Origin): Promise<DriftAction> {
  const issues = `/repos/${repository}/issues`;
  if (report.result === 'failed') return 'nothing';
  // A closed one matters only where there is something to tell.
  const found = await find(github, issues, mark, report.result === 'drifted' ? ['open', 'closed'] : ['open']);
  const before: readonly Remembered[] | undefined = found === undefined ? undefined : readMemory(found.body ?? '');
  const kept = found?.state === 'open' ? notLookedAt(report, before) : [];
  const known = found === undefined ? undefined : { state: found.state, digest: readMark(found.body ?? '')?.digest };
  const action = decide(report.result, shownDigest(report.findings, kept), known, kept.length);
  const at = `${issues}/${found?.number ?? 0}`;
  const title = issueTitle(report);
  const body = renderIssue(report, mark, origin, kept);
  const say = (text: string): Promise<unknown> => github.call('POST', `${at}/comments`, { body: text });
  // The body, with the new digest, goes first: a run that dies in between says too little, never the same twice.
  switch (action) {
    case 'nothing':
      break;
    case 'open':
      await open(github, issues, { title, body, mark, repository });
      break;
    case 'edit': {
      await github.call('PATCH', at, { title, body });
      const told = renderDelta(report, before, origin, kept);
      // What only could not be looked at this time, or can again, is shown and not announced.
      if (told !== '') await say(told);
      break;
    }
    case 'reopen':
      await github.call('PATCH', at, { state: 'open', title, body });
      await say(renderReopening(report, origin));
      break;
    case 'close':
      await github.call('PATCH', at, { state: 'closed', state_reason: 'completed' });
      await say(renderClosing(origin));
      break;
  }
  if (found !== undefined && action !== 'nothing' && !labelled(found)) await github.call('POST', `${at}/labels`, { labels: [DRIFT_LABEL] });
  return action;
}

/** Ours by marker and author; an open one before a closed one, an older before a newer. */
async function find(github: Github, issues: string, mark: Mark, unlabelled: readonly Issue['state'][]): Promise<Issue | undefined> {
  const [labelled] = await ours(github, (await github.list(`${issues}?labels=${DRIFT_LABEL}&state=all&sort=created&direction=asc`)) as Issue[], mark);
  if (labelled !== undefined) return labelled;
  for (const state of unlabelled) {
    const listed = await github.list(`${issues}?state=${state}&sort=updated&direction=desc`, PAGES_WITHOUT_LABEL);
    const [found] = await ours(github, listed as Issue[], mark);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function ours(github: Github, issues: readonly Issue[], mark: Mark): Promise<Issue[]> {
  const marked = issues.filter(({ body, pull_request }) => {
    const found = readMark(body ?? '');
    return pull_request === undefined && found !== undefined && sameThing(mark, found);
  });
  const mine = await Promise.all(marked.map(({ user }) => github.mayBeOurs(user)));
  const rank = ({ state, number }: Issue): number => (state === 'open' ? 0 : 1e9) + number;
  return marked.filter((_, index) => mine[index]).sort((one, other) => rank(one) - rank(other));
}

interface NewIssue {
  readonly title: string;
  readonly body: string;
  readonly mark: Mark;
  readonly repository: string;
}

async function open(github: Github, issues: string, { title, body, mark, repository }: NewIssue): Promise<void> {
  await ensureLabel(github, repository);
  let made: Issue;
  try {
    made = (await github.call('POST', issues, { title, body, labels: [DRIFT_LABEL] })) as Issue;
  } catch (error) {
    if (!(error instanceof GithubFault) || !error.unclear) throw error;
    // It may be there although no answer came.
    if ((await find(github, issues, mark, ['open'])) !== undefined) return;
    made = (await github.call('POST', issues, { title, body, labels: [DRIFT_LABEL] })) as Issue;
  }
  // Two runs that looked at the same time both opened one: the older stays.
  const oldest = await find(github, issues, mark, ['open']);
  if (oldest !== undefined && oldest.number < made.number)
    await github.call('PATCH', `${issues}/${made.number}`, {
      state: 'closed',
      state_reason: 'not_planned',
      body: 'Opened twice at the same time; see the older one.',
    });
}

async function ensureLabel(github: Github, repository: string): Promise<void> {
  const label = { name: DRIFT_LABEL, color: 'd4c5f9', description: 'The cloud is not as the stack file says; kept by zitadel-on-otc' };
  try {
    await github.call('GET', `/repos/${repository}/labels/${DRIFT_LABEL}`);
  } catch (error) {
    if (!(error instanceof GithubFault) || error.status !== 404) throw error;
    try {
      await github.call('POST', `/repos/${repository}/labels`, label);
    } catch (refused) {
      // 422: somebody else made it meanwhile.
      if (!(refused instanceof GithubFault) || refused.status !== 422) throw refused;
    }
  }
}

function labelled({ labels = [] }: Issue): boolean {
  return labels.some((label) => (typeof label === 'string' ? label : label.name) === DRIFT_LABEL);
}
