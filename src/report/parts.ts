/**
 * Owns the parts that summary, comment and issue have in common: tables, folds, failures, differences, in Markdown. Pure;
 * foreign text goes through `escape.ts`. What a page is made of is said in `markdown.ts`, `comment.ts` and `issue.ts`.
 */
import { type Fault, unsaid } from '../engine/fault.ts';
import type { Outcome, Verdict } from '../engine/outcome.ts';
import type { Change } from '../engine/resource.ts';
import { code, fenced, inline, prose } from './escape.ts';
import type { Finding, Severity } from './findings.ts';
import { shortDigest } from './plan-digest.ts';
import { durationText, isRefused, type Report, unfinished } from './report.ts';
import { supportText } from './support.ts';

const icons: Record<Verdict, string> = {
  unchanged: '✅',
  create: '🟢',
  update: '🔵',
  replace: '🟠',
  delete: '🔴',
  blocked: '⏸️',
  unknown: '❔',
  failed: '❌',
  kept: '🔒',
  absent: '➖',
};
/** The sign before the verdict; a plan that a deploy refuses is no green one. */
export function signOf({ command, result, outcomes }: Pick<Report, 'command' | 'result' | 'outcomes'>): string {
  return command === 'plan' && isRefused(outcomes) && !unfinished(outcomes) ? REFUSED : results[result];
}

const REFUSED = '⛔';
const results: Record<Report['result'], string> = { unchanged: '✅', changed: '🟢', drifted: '🟠', failed: '❌' };
const past: Partial<Record<Verdict, string>> = { create: 'created', update: 'updated', replace: 'replaced', delete: 'deleted' };
const severityIcons: Record<Severity, string> = { critical: '🔴', high: '🟠', medium: '🟡', low: '⚪' };
/** Lines of a message that are shown at once; more are folded away. */
const SHORT_LIST = 12;
const PLANNED = new Set<Verdict>(['create', 'update', 'replace', 'delete']);

/** How much of a report is shown. */
export interface Detail {
  /** Lines of a diff before it is cut; 0 leaves diffs out. */
  readonly diffLines: number;
  /** Lines of the manifests of one resource before an object is left out; 0 leaves them out. */
  readonly documentLines: number;
  readonly graph: boolean;
  readonly rows: number;
  /** Characters of a message before it is cut. */
  readonly message: number;
}

export function facts(report: Report): string {
  const parts = [
    `${report.command === undefined ? '' : `\`${report.command}\``}${where(report.stack)}`,
    durationText(report.seconds),
    report.apiCalls === undefined ? '' : `${report.apiCalls} API calls`,
    report.planDigest === undefined ? '' : `plan ${code(shortDigest(report.planDigest))}`,
  ];
  return parts.filter(Boolean).join(' · ');
}

function where(stack: Report['stack']): string {
  if (stack === undefined) return '';
  return ` in ${inline(stack.region)}${stack.project === undefined ? '' : `, project ${inline(stack.project)}`}`;
}

export function access({ command, url, consoleUrl, login }: Report): string {
  const lines = [
    url === undefined ? '' : `- **URL:** ${link(url)}`,
    consoleUrl === undefined ? '' : `- **Console:** ${link(consoleUrl)}`,
    login === undefined || command !== 'deploy' ? '' : `- **First login:** ${code(login.name)}; password: ${inline(login.passwordFrom)}`,
  ];
  return lines.filter(Boolean).join('\n');
}

/** Our own URL; made of a checked host name, so it may be a link. */
export function link(url: string): string {
  return /^https:\/\/[A-Za-z0-9.-]+(:\d+)?(\/[A-Za-z0-9._~/-]*)?$/.test(url) ? `<${url}>` : code(url);
}

export function failures(report: Report, detail: Detail): string {
  const failed = report.outcomes.filter((outcome) => outcome.fault !== undefined);
  const items = [
    ...failed.map((outcome) => failure(outcome.title, outcome.fault as Fault, detail)),
    ...report.faults.map((fault) => failure(fault.resource ?? '', fault, detail)),
  ];
  const left = items.length > detail.rows ? `\n- … and ${items.length - detail.rows} more` : '';
  return items.length === 0 ? '' : `### What failed\n\n${items.slice(0, detail.rows).join('\n')}${left}`;
}

function failure(title: string, fault: Fault, detail: Detail): string {
  const { service, requestId } = unsaid(fault);
  const place = fault.place === undefined ? '' : `${code(`${fault.place.file}:${fault.place.line}:${fault.place.column}`)} `;
  const [first = '', ...more] = cut(untitled(fault, title), detail.message).split('\n');
  const lines = [
    `- ${place}${title === '' ? '' : `**${prose(title)}:** `}${prose(first)}`,
    service === '' && requestId === undefined
      ? ''
      : `  - Service: ${[service === '' ? '' : inline(service), requestId === undefined ? '' : `request id ${code(requestId)}`].filter(Boolean).join(', ')}`,
    fault.hint === undefined ? '' : `  - **What to do:** ${prose(cut(fault.hint, detail.message))}`,
    more.length === 0 ? '' : `\n${inItem(fold(linesText(more.length), fenced(more, 'text'), more.length <= SHORT_LIST))}\n`,
  ];
  return lines.filter(Boolean).join('\n');
}

/** What a fault says beside its resource's title, which is not said twice. */
function untitled({ message }: Fault, title: string): string {
  return title !== '' && message.startsWith(`${title} `) ? message.slice(title.length + 1) : message;
}

function linesText(count: number): string {
  return `${count} more ${count === 1 ? 'line' : 'lines'}`;
}

/** A block as part of the list's item before it. */
function inItem(block: string): string {
  return block.replace(/^(?=.)/gm, '  ');
}

export function notices(report: Report, detail: Detail): string {
  return report.notices.map((fault) => `> ⚠️ ${prose(cut([fault.message, fault.hint].filter(Boolean).join('. '), detail.message))}`).join('\n>\n');
}

export function steps({ nextSteps }: Report): string {
  if (nextSteps.length === 0) return '';
  return `### What to do next\n\n${nextSteps.map((step, index) => `${index + 1}. ${prose(step)}`).join('\n')}`;
}

/** What changed or failed as in the graph (what a destroy left first of all), what is in sync folded away. */
export function table({ command, outcomes }: Report, { rows }: Pick<Detail, 'rows'>): string {
  const shown = outcomes.filter(({ verdict }) => verdict !== 'absent');
  const quiet = shown.filter(({ verdict, note }) => verdict === 'unchanged' && note === undefined);
  const rest = shown.filter((outcome) => !quiet.includes(outcome));
  const stays = ({ verdict }: Outcome): boolean => command === 'destroy' && ['failed', 'blocked', 'kept'].includes(verdict);
  const loud = [...rest.filter(stays), ...rest.filter((outcome) => !stays(outcome))];
  const head = '| Resource | Verdict | What | Time |\n|---|---|---|---:|';
  const render = (list: readonly Outcome[], most: number): string => {
    const left = list.length > most ? `\n| … | | ${list.length - most} more | |` : '';
    return `${head}\n${list.slice(0, most).map(row).join('\n')}${left}`;
  };
  if (shown.length === 0) return '';
  const room = Math.max(0, rows - loud.length);
  const inSync = quiet.length === 0 ? '' : room === 0 ? `${quiet.length} in sync` : fold(`${quiet.length} in sync`, render(quiet, room));
  return ['### Resources', loud.length === 0 ? '' : render(loud, rows), inSync].filter(Boolean).join('\n\n');
}

/** `created`, `to update`, `does not pass`: the verdict of a resource in words. */
export function verdictWords({ verdict, done, readsOnly, refused }: Outcome): string {
  if (refused === true) return 'refused';
  if (!PLANNED.has(verdict)) return verdict;
  if (readsOnly === true) return 'does not pass';
  return done ? (past[verdict] ?? verdict) : `to ${verdict}`;
}

/** Fields that a row names. */
const MOST_FIELDS = 5;
/** Characters of a row. */
const ROW = 300;
/** Characters of a row that says what stays behind, and how data is brought back. */
const FAREWELL = 900;

function row(outcome: Outcome): string {
  const unwell = outcome.readsOnly === true && PLANNED.has(outcome.verdict);
  const icon = outcome.refused === true ? REFUSED : unwell ? '⚠️' : icons[outcome.verdict];
  const time = outcome.seconds >= 0.05 ? durationText(outcome.seconds) : '';
  return `| ${prose(outcome.title)} | ${together(`${icon} ${verdictWords(outcome)}`)} | ${prose(cut(whatOf(outcome), outcome.verdict === 'kept' || outcome.verdict === 'delete' ? FAREWELL : ROW))} | ${together(time)} |`;
}

function whatOf(outcome: Outcome): string {
  const { note, fault, verdict, changes } = outcome;
  const fields = changes.map(verdict === 'create' ? fieldOf : brief);
  const some = fields.length > MOST_FIELDS ? `${fields.slice(0, 4).join(', ')} and ${fields.length - 4} more` : fields.join(', ');
  const said = note === undefined ? '' : shortList(note);
  if (verdict === 'create' && some !== '') return [some, said.replace(/^known after /, 'the rest is known after ')].filter(Boolean).join('; ');
  if (note !== undefined) return said;
  if (fault !== undefined) return untitled(fault, outcome.title).split('\n')[0] ?? '';
  return some === '' ? factText(outcome) : some;
}

/** `volume.size 100 → 200`; values that are long, or no single values, are left to the differences below. */
function brief({ field, before, after }: Change): string {
  const texts = [before, after].map((value) => (['string', 'number', 'boolean'].includes(typeof value) ? String(value) : ''));
  return texts.every((text) => text !== '' && text.length <= 40 && !text.includes('\n')) ? `${field} ${texts.join(' → ')}` : field;
}

/** `waits for a, b, c, d` names the first two; the graph shows the rest. */
function shortList(note: string): string {
  const [, lead, list] = /^(waits for|known after) (\S+(?:, \S+)+)$/.exec(note) ?? [];
  if (lead === undefined || list === undefined) return note;
  const ids = list.split(', ');
  return ids.length <= 2 ? note : `${lead} ${ids.slice(0, 2).join(', ')} and ${ids.length - 2} more`;
}

function factText({ facts: all }: Outcome): string {
  return Object.entries(all)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

/** The differences of a drift run, the gravest first. */
export function findingTable(findings: readonly Finding[], rows: number): string {
  if (findings.length === 0) return '';
  const left = findings.length > rows ? `\n| … | | ${findings.length - rows} more | |` : '';
  const lines = findings.slice(0, rows).map(({ severity, stake, title, what, before, after, why }) => {
    const values = before === undefined && after === undefined ? '' : `${code(cut(shown(before), 240))} → ${code(cut(shown(after), 240))}`;
    const details = [values, why === undefined ? '' : prose(cut(why, 200))].filter(Boolean).join('; ');
    return `| ${together(`${severityIcons[severity]} ${severity}`)}<br>${together(stake)} | ${prose(title)} | ${prose(cut(what, 200))} | ${details} |`;
  });
  return `| Severity | Resource | What drifted | Found → wanted |\n|---|---|---|---|\n${lines.join('\n')}${left}`;
}

export function diff(outcome: Outcome, { diffLines }: Pick<Detail, 'diffLines'>): string {
  const { changes, title, verdict } = outcome;
  // Of an empty project's plan they would fill the page.
  const made = verdict === 'create';
  if (changes.length === 0 || diffLines === 0 || (made && saysAll(outcome))) return '';
  const lines = made ? changes.map((change) => `+ ${fieldOf(change)}`) : changes.flatMap(diffOf);
  const rest = lines.length > diffLines ? [`# … ${lines.length - diffLines} more lines`] : [];
  const short = !made && lines.length <= SHORT_LIST;
  const what = made ? 'field' : 'change';
  return fold(
    `${inline(title)}: ${changes.length} ${changes.length === 1 ? what : `${what}s`}`,
    fenced([...lines.slice(0, diffLines), ...rest], 'diff'),
    short,
  );
}

/** Whether its row in the table names all that something new is made with. */
function saysAll(outcome: Outcome): boolean {
  return outcome.changes.length <= MOST_FIELDS && whatOf(outcome).length <= ROW;
}

/** A field of something new; a rule is named by its field. */
function fieldOf({ field, after }: Change): string {
  return field.endsWith(shown(after)) ? field : `${field}: ${shown(after)}`;
}

/** A change as lines of a diff; long texts (a manifest, a values file) line by line. */
function diffOf({ field, before, after, why, replace }: Change): string[] {
  const signed = (sign: string, value: unknown): string[] =>
    value === undefined
      ? []
      : shown(value)
          .split('\n')
          .map((line) => `${sign} ${line}`);
  const head = `# ${field}${why === undefined ? '' : `: ${why}`}${replace === true ? ' (needs replacement)' : ''}`;
  return [head, ...signed('-', before), ...signed('+', after)];
}

export function versions(report: Report): string {
  const entries = Object.entries(report.versions);
  if (entries.length === 0) return '';
  const note = (part: string): string => {
    const found = report.support.find((one) => one.part === part);
    return found === undefined ? '' : `${found.state === 'ended' ? '⚠️ ' : ''}${supportText(found)}`;
  };
  const noted = report.support.length > 0;
  const rows = entries.map(([name, version]) => `| ${inline(name)} | ${code(version)} |${noted ? ` ${note(name)} |` : ''}`);
  const head = noted ? '| Part | Version | Support |\n|---|---|---|' : '| Part | Version |\n|---|---|';
  return fold('Versions', `${head}\n${rows.join('\n')}`, noted);
}

/** `summary` is Markdown that is safe already. */
export function fold(summary: string, body: string, open = false): string {
  return `<details${open ? ' open' : ''}><summary>${summary}</summary>\n\n${body}\n\n</details>`;
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing');
}

/** Kept on one line of a table. */
function together(text: string): string {
  return text.replaceAll(' ', '\u00a0');
}

/** Never in the middle of a character. */
export function cut(text: string, longest: number): string {
  return text.length > longest ? `${text.slice(0, longest).replace(/\p{Surrogate}$/u, '')}…` : text;
}

/**
 * The longest of `renderings` that fits, from everything to the least; where even the least is too long, its rows are cut
 * until it fits. @returns undefined where not even one row fits
 */
export function fitting(details: readonly Detail[], render: (detail: Detail) => string, fits: (text: string) => boolean): string | undefined {
  for (const detail of details) {
    const text = render(detail);
    if (fits(text)) return text;
  }
  const least = details.at(-1);
  if (least === undefined) return undefined;
  let [low, high, best] = [0, least.rows, undefined as string | undefined];
  while (low <= high) {
    const rows = Math.floor((low + high) / 2);
    const text = render({ ...least, rows });
    if (fits(text)) [low, best] = [rows + 1, text];
    else high = rows - 1;
  }
  return best;
}
