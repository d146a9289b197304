/**
 * Owns what a run found, as data: the verdict, the counts, the digest of a plan. Pure. How it looks is the business of
 * its renderers: `markdown.ts`, `graph.ts`, `json.ts`, `text.ts`.
 */
import { createHash } from 'node:crypto';
import type { Fault } from '../engine/fault.ts';
import type { Outcome, Verdict } from '../engine/outcome.ts';

export type Result = 'unchanged' | 'changed' | 'drifted' | 'failed';

export interface Report {
  /** The command of the run: `deploy`, `plan`, `drift`, `destroy`, `check`. */
  readonly command: string;
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
}

/** The first login: a name and where the password comes from, never the password. */
export interface Login {
  readonly name: string;
  readonly passwordFrom: string;
}

export type ReportParts = Omit<Report, 'result' | 'verdict' | 'cancelled' | 'faults' | 'notices' | 'nextSteps'> &
  Partial<Pick<Report, 'cancelled' | 'faults' | 'notices' | 'nextSteps'>>;

/** Completes a report: the result and the verdict line follow from the outcomes. */
export function makeReport(parts: ReportParts): Report {
  const complete = { cancelled: false, faults: [], notices: [], nextSteps: [], ...parts };
  return { ...complete, result: resultOf(complete), verdict: verdictOf(complete) };
}

const PLANNED: readonly Verdict[] = ['create', 'update', 'replace', 'delete'];
/** A resource that only observes and does not pass says so by `update` or `create`; so does anything still to be done. */
const counts = (outcomes: readonly Outcome[], verdict: Verdict): number => outcomes.filter((one) => one.verdict === verdict).length;

/** True where the plan, drift or deploy found something to write. */
export function hasChanges(outcomes: readonly Outcome[]): boolean {
  return outcomes.some(({ verdict }) => PLANNED.includes(verdict));
}

type Finding = Pick<Report, 'command' | 'outcomes' | 'faults' | 'cancelled' | 'stack' | 'seconds'>;

function resultOf({ command, outcomes, faults, cancelled }: Finding): Result {
  if (cancelled || faults.length > 0 || outcomes.some(({ verdict }) => verdict === 'failed' || verdict === 'blocked')) return 'failed';
  if (!hasChanges(outcomes)) return 'unchanged';
  return command === 'drift' ? 'drifted' : 'changed';
}

function verdictOf(report: Finding): string {
  const { stack } = report;
  return `${stack === undefined ? '' : `${stack.name}: `}${sentenceOf(report)}`;
}

function sentenceOf({ command, outcomes, faults, cancelled }: Finding): string {
  const tally = tallyOf(outcomes);
  if (cancelled) return `cancelled${tally === '' ? '' : `: ${tally}`}`;
  const failed = outcomes.filter(({ verdict }) => verdict === 'failed');
  if (failed.length > 0) return `${command} failed at ${namesOf(failed)}${tally === '' ? '' : `: ${tally}`}`;
  if (faults.length > 0) return `${command} failed${faults.length > 1 ? ` with ${faults.length} errors` : ''}`;
  if (counts(outcomes, 'blocked') > 0) return `${command} did not finish: ${tally}`;
  if (command === 'check') return `ready to deploy`;
  if (!hasChanges(outcomes)) return command === 'destroy' ? `nothing left to take away` : `in sync, nothing to change`;
  const words: Record<string, string> = { deploy: 'deployed', plan: 'plan', drift: 'drifted', destroy: 'destroyed' };
  return `${words[command] ?? command}: ${tally}`;
}

/** `3 created, 1 updated, 20 unchanged`; planned ones read `3 to create`. */
export function tallyOf(outcomes: readonly Outcome[]): string {
  const past: Record<string, string> = { create: 'created', update: 'updated', replace: 'replaced', delete: 'deleted' };
  const parts = PLANNED.flatMap((verdict) => {
    const all = outcomes.filter((one) => one.verdict === verdict);
    const done = all.filter((one) => one.done).length;
    return [done > 0 ? `${done} ${past[verdict]}` : '', all.length > done ? `${all.length - done} to ${verdict}` : ''];
  });
  const rest: readonly Verdict[] = ['failed', 'blocked', 'unknown', 'kept', 'unchanged'];
  return [...parts, ...rest.map((verdict) => (counts(outcomes, verdict) > 0 ? `${counts(outcomes, verdict)} ${verdict}` : ''))]
    .filter(Boolean)
    .join(', ');
}

function namesOf(outcomes: readonly Outcome[]): string {
  const shown = outcomes.slice(0, 3).map(({ title }) => title);
  return outcomes.length > 3 ? `${shown.join(', ')} and ${outcomes.length - 3} more` : shown.join(', ');
}

/**
 * The digest of a plan: over the action's version, the stack, and each resource's verdict and changes, without what
 * differs from run to run (durations, facts, notes). 64 hexadecimal digits.
 */
export function planDigest(version: string, stack: unknown, outcomes: readonly Outcome[]): string {
  const plan = outcomes.filter(({ verdict }) => verdict !== 'absent').map(({ id, verdict, changes }) => ({ id, verdict, changes }));
  return createHash('sha256').update(canonical({ version, stack, plan })).digest('hex');
}

/** JSON with sorted keys. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  entries.sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join(',')}}`;
}

/** `12 min 3 s`, `3 s`, `0.4 s`. */
export function durationText(seconds: number): string {
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`;
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  return minutes === 0 ? `${whole} s` : `${minutes} min${whole % 60 === 0 ? '' : ` ${whole % 60} s`}`;
}
