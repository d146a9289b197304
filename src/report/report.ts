/**
 * Owns what a run found, as data: the verdict and the counts. Pure. How it looks is the business of its renderers:
 * `markdown.ts`, `comment.ts`, `issue.ts`, `graph.ts`, `json.ts`; single differences are judged in `findings.ts`.
 */
import type { Fault } from '../engine/fault.ts';
import type { Outcome, Verdict } from '../engine/outcome.ts';
import { type Finding, findingsOf } from './findings.ts';
import type { SupportFinding } from './support.ts';

export type Result = 'unchanged' | 'changed' | 'drifted' | 'failed';

export interface Report {
  /** The command of the run: `deploy`, `plan`, `drift`, `destroy`, `check`; absent where the input is none of them. */
  readonly command?: string | undefined;
  /** Absent where the run failed before the stack was known. */
  readonly stack?: { readonly name: string; readonly region: string; readonly project?: string | undefined } | undefined;
  readonly result: Result;
  /** One line without markup: what came of it. */
  readonly verdict: string;
  /** True where the run was cancelled: what is there stays, and the next run goes on. */
  readonly cancelled: boolean;
  /** In the order of the graph. */
  readonly outcomes: readonly Outcome[];
  /** What failed outside any resource: inputs, sign-in, the lock. */
  readonly faults: readonly Fault[];
  /** What is allowed and still deserves a word. */
  readonly notices: readonly Fault[];
  readonly url?: string | undefined;
  readonly consoleUrl?: string | undefined;
  readonly login?: Login | undefined;
  /** Name and version of what runs, for example `ZITADEL` and `v4.13.0`. */
  readonly versions: Readonly<Record<string, string>>;
  /** Whole sentences, in the order in which to do them; plain text. */
  readonly nextSteps: readonly string[];
  readonly seconds: number;
  readonly apiCalls?: number | undefined;
  readonly planDigest?: string | undefined;
  /** Versions near the end of their support or past it. */
  readonly support: readonly SupportFinding[];
  /** What drifted, the gravest first; empty for other commands. */
  readonly findings: readonly Finding[];
  /** True for a `check` without credentials: nothing but the stack file was read. */
  readonly fileOnly?: boolean | undefined;
}

/** The first login: a name and where the password comes from, never the password. */
export interface Login {
  readonly name: string;
  readonly passwordFrom: string;
}

export type ReportParts = Omit<Report, 'result' | 'verdict' | 'findings' | 'cancelled' | 'faults' | 'notices' | 'nextSteps' | 'support'> &
  Partial<Pick<Report, 'cancelled' | 'faults' | 'notices' | 'nextSteps' | 'support'>> & {
    /** True for a plan of what `destroy` would take away. */
    readonly ofDestroy?: boolean;
  };

/** Completes a report: result, findings and the verdict line follow from the outcomes. */
export function makeReport({ ofDestroy = false, ...parts }: ReportParts): Report {
  const complete = { cancelled: false, faults: [], notices: [], nextSteps: [], support: [], ...parts };
  const findings = parts.command === 'drift' ? findingsOf(complete.outcomes, complete.support) : [];
  const found = { ...complete, findings };
  return { ...found, result: resultOf(found), verdict: verdictOf(found, ofDestroy) };
}

const PLANNED: readonly Verdict[] = ['create', 'update', 'replace', 'delete'];
const counts = (outcomes: readonly Outcome[], verdict: Verdict): number => outcomes.filter((one) => one.verdict === verdict).length;

/** True where a plan, drift or deploy found something to write; what only observes is never written. */
export function hasChanges(outcomes: readonly Outcome[]): boolean {
  return outcomes.some(({ verdict, readsOnly }) => readsOnly !== true && PLANNED.includes(verdict));
}

/** True where a run could not do, or not even look at, all that it should. */
export function unfinished(outcomes: readonly Outcome[]): boolean {
  return outcomes.some(({ verdict }) => verdict === 'failed' || verdict === 'blocked');
}

/** True where a deploy would stop before its first write: what must not be replaced would have to be. */
export function isRefused(outcomes: readonly Outcome[]): boolean {
  return outcomes.some(({ refused }) => refused === true);
}

/** The output `has-changes`: `unknown` where nothing was found to write, and something that could be written was not or could not be looked at. */
export function changesKnown(outcomes: readonly Outcome[]): 'true' | 'false' | 'unknown' {
  if (hasChanges(outcomes)) return 'true';
  // A run that ended before it looked at anything.
  if (outcomes.length === 0) return 'unknown';
  const unseen: readonly Verdict[] = ['unknown', 'failed', 'blocked'];
  return outcomes.some(({ verdict, readsOnly }) => unseen.includes(verdict) && readsOnly !== true) ? 'unknown' : 'false';
}

/** What only observes and does not pass: a broken certificate, a host name that leads elsewhere. */
export function notPassing(outcomes: readonly Outcome[]): Outcome[] {
  return outcomes.filter(({ verdict, readsOnly }) => readsOnly === true && PLANNED.includes(verdict));
}

type Found = Pick<Report, 'command' | 'outcomes' | 'faults' | 'findings' | 'cancelled' | 'stack' | 'seconds' | 'fileOnly'>;

function resultOf({ command, outcomes, faults, findings, cancelled }: Found): Result {
  if (cancelled || faults.length > 0 || unfinished(outcomes)) return 'failed';
  // Nobody can carry it out, so nobody should approve it.
  if (command === 'plan' && isRefused(outcomes)) return 'failed';
  if (command === 'drift') return findings.length > 0 ? 'drifted' : 'unchanged';
  return hasChanges(outcomes) ? 'changed' : 'unchanged';
}

function verdictOf(report: Found, ofDestroy: boolean): string {
  const { stack } = report;
  return `${stack === undefined ? '' : `${stack.name}: `}${sentenceOf(report, ofDestroy)}`;
}

function sentenceOf({ command = 'the run', outcomes, faults, findings, cancelled, fileOnly }: Found, ofDestroy: boolean): string {
  const tally = tallyOf(outcomes);
  if (cancelled) return `cancelled${tally === '' ? '' : `: ${tally}`}`;
  const failed = outcomes.filter(({ verdict }) => verdict === 'failed');
  if (failed.length > 0) return `${command} failed at ${namesOf(failed)}${tally === '' ? '' : `: ${tally}`}`;
  if (faults.length > 0) return `${command} failed${faults.length > 1 ? ` with ${faults.length} errors` : ''}`;
  if (counts(outcomes, 'blocked') > 0) return `${command} did not finish: ${tally}`;
  if (fileOnly === true) return 'the stack file is in order; without credentials nothing else was checked';
  const unwell = notPassing(outcomes).map(({ title }) => title);
  const also = unwell.length === 0 ? '' : `; does not pass: ${unwell.join(', ')}`;
  if (command === 'check') return unwell.length === 0 ? 'ready to deploy' : `not ready to deploy${also}`;
  if (command === 'drift' && findings.length > 0) return driftSentence(findings);
  if (!hasChanges(outcomes) && (command === 'destroy' || ofDestroy)) return destroyed(outcomes);
  const unknown = counts(outcomes, 'unknown');
  if (!hasChanges(outcomes))
    return `${unknown === 0 ? 'in sync, nothing to change' : `in sync where this run looked, ${unknown} not looked at`}${also}`;
  const words: Record<string, string> = { deploy: 'deployed', plan: ofDestroy ? 'plan of destroy' : 'plan', destroy: 'destroyed' };
  return `${words[command] ?? command}: ${tally}${also}`;
}

function destroyed(outcomes: readonly Outcome[]): string {
  const kept = outcomes.filter(({ verdict }) => verdict === 'kept');
  return `nothing to do${kept.length === 0 ? '' : `, ${kept.length} kept: ${namesOf(kept)}`}`;
}

/** `drifted: 3 differences (1 critical, 2 low)` */
function driftSentence(findings: readonly Finding[]): string {
  const bySeverity = new Map<string, number>();
  for (const { severity } of findings) bySeverity.set(severity, (bySeverity.get(severity) ?? 0) + 1);
  const parts = [...bySeverity].map(([severity, count]) => `${count} ${severity}`);
  return `drifted: ${findings.length} ${findings.length === 1 ? 'difference' : 'differences'} (${parts.join(', ')})`;
}

/** `3 created, 1 updated, 20 unchanged`; planned ones read `3 to create`. */
export function tallyOf(outcomes: readonly Outcome[]): string {
  const past: Record<string, string> = { create: 'created', update: 'updated', replace: 'replaced', delete: 'deleted' };
  const parts = PLANNED.flatMap((verdict) => {
    const all = outcomes.filter((one) => one.verdict === verdict && one.readsOnly !== true && one.refused !== true);
    const done = all.filter((one) => one.done).length;
    return [done > 0 ? `${done} ${past[verdict]}` : '', all.length > done ? `${all.length - done} to ${verdict}` : ''];
  });
  const rest: readonly Verdict[] = ['failed', 'blocked', 'unknown', 'kept', 'unchanged'];
  const refused = outcomes.filter((one) => one.refused === true).length;
  return [
    refused > 0 ? `${refused} refused` : '',
    ...parts,
    ...rest.map((verdict) => (counts(outcomes, verdict) > 0 ? `${counts(outcomes, verdict)} ${verdict}` : '')),
  ]
    .filter(Boolean)
    .join(', ');
}

function namesOf(outcomes: readonly Outcome[]): string {
  const shown = outcomes.slice(0, 3).map(({ title }) => title);
  return outcomes.length > 3 ? `${shown.join(', ')} and ${outcomes.length - 3} more` : shown.join(', ');
}

/** `12 min 3 s`, `3 s`, `0.4 s`. */
export function durationText(seconds: number): string {
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`;
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  return minutes === 0 ? `${whole} s` : `${minutes} min${whole % 60 === 0 ? '' : ` ${whole % 60} s`}`;
}
