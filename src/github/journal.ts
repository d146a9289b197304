/**
 * Owns the log of a walk as the runner shows it: one group a resource, in the order in which they end, never
 * interleaved; while something takes long, one line of progress at a time outside the groups.
 */
import type { Journal, Outcome, Verdict } from '../engine/outcome.ts';
import type { AnyResource, Change } from '../engine/resource.ts';
import { faultText, type Runner } from './runner.ts';

/** Seconds after which a resource's progress is shown while it goes on. */
const LONG = 5;

const done: Partial<Record<Verdict, string>> = { create: 'created', update: 'updated', replace: 'replaced', delete: 'deleted' };
const planned: Partial<Record<Verdict, string>> = { create: 'to create', update: 'to update', replace: 'to replace', delete: 'to delete' };
/** What only observes has nothing to do: it does not pass. */
const failing: Partial<Record<Verdict, string>> = { update: 'does not pass', create: 'does not pass' };
const marks: Record<Verdict, string> = {
  unchanged: '✓',
  create: '+',
  update: '~',
  replace: '±',
  delete: '-',
  blocked: '◌',
  unknown: '?',
  failed: '✗',
  kept: '■',
  absent: '·',
};

/** A journal that writes to the runner's log. `now` gives milliseconds. */
export function runnerJournal(runner: Runner, now: () => number = Date.now): Journal {
  const open = new Map<string, { since: number; lines: string[] }>();
  return {
    begin: ({ id }) => {
      if (!open.has(id)) open.set(id, { since: now(), lines: [] });
    },
    say: (resource: AnyResource, line: string) => {
      const entry = open.get(resource.id) ?? { since: now(), lines: [] };
      open.set(resource.id, entry);
      const seconds = Math.round((now() - entry.since) / 1000);
      entry.lines.push(`[${seconds} s] ${line}`);
      // A wait tells its own time.
      if (seconds >= LONG) runner.line(`… ${resource.title}: ${line}${/\(after \d/.test(line) ? '' : ` [${seconds} s]`}`);
    },
    end: (outcome) => {
      const lines = [...(open.get(outcome.id)?.lines ?? []), ...linesOf(outcome)];
      open.delete(outcome.id);
      const title = titleOf(outcome);
      if (lines.length > 0) runner.group(title, lines);
      // What another choice of options would make is of no interest as long as it is not there.
      else if (outcome.verdict === 'absent') runner.debug(title);
      else runner.line(title);
    },
  };
}

function titleOf(outcome: Outcome): string {
  const words = outcome.readsOnly === true ? failing : outcome.done ? done : planned;
  const verdict = words[outcome.verdict] ?? outcome.verdict;
  const seconds = outcome.seconds >= 0.5 ? ` (${Math.round(outcome.seconds)} s)` : '';
  return `${marks[outcome.verdict]} ${outcome.title}: ${verdict}${outcome.note === undefined ? '' : `, ${outcome.note}`}${seconds}`;
}

function linesOf(outcome: Outcome): string[] {
  const told = outcome.verdict === 'create' ? made : difference;
  const lines = outcome.changes.map((change) => `${change.field}: ${told(change)}${change.why === undefined ? '' : ` (${change.why})`}`);
  if (outcome.fault !== undefined) lines.push(...faultText(outcome.fault).split('\n'));
  return lines;
}

/** Of something new, its value; a rule is named by its field. */
function made({ field, after }: Change): string {
  return field.endsWith(shown(after)) ? 'added' : shown(after);
}

/** A secret's change has no values; what is in a set or not, a rule say, is named by its field. */
function difference({ field, before, after }: Change): string {
  if (before === undefined && after === undefined) return 'changed';
  if (after === undefined && field.endsWith(shown(before))) return 'removed';
  if (before === undefined && field.endsWith(shown(after))) return 'added';
  return `${shown(before)} → ${shown(after)}`;
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing');
}
