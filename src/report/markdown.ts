/**
 * Owns the job summary: a report as Markdown that reads well on GitHub and in a terminal, never longer than a step's
 * summary may be. Pure; foreign text goes through `escape.ts`.
 */
import type { Fault } from '../engine/fault.ts';
import type { Outcome, Verdict } from '../engine/outcome.ts';
import { redact } from '../secret.ts';
import { code, fenced, inline } from './escape.ts';
import { graphOf } from './graph.ts';
import { durationText, type Report } from './report.ts';

/** GitHub discards a step's summary above 1 MiB as a whole; some room is left for what others append. */
export const LARGEST = 1_000_000;

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
const results: Record<Report['result'], string> = { unchanged: '✅', changed: '🟢', drifted: '🟠', failed: '❌' };
const past: Partial<Record<Verdict, string>> = { create: 'created', update: 'updated', replace: 'replaced', delete: 'deleted' };

interface Detail {
  /** Lines of a diff before it is cut; 0 leaves diffs out. */
  readonly diffLines: number;
  readonly graph: boolean;
  readonly rows: number;
  /** Characters of a message before it is cut. */
  readonly message: number;
}

/** From everything to the least; the first that fits is taken. */
const details: readonly Detail[] = [
  { diffLines: 400, graph: true, rows: 1000, message: 20_000 },
  { diffLines: 40, graph: true, rows: 1000, message: 4000 },
  { diffLines: 0, graph: true, rows: 400, message: 1000 },
  { diffLines: 0, graph: false, rows: 100, message: 300 },
];

/** The report as Markdown, at most `largest` bytes. */
export function renderMarkdown(report: Report, largest = LARGEST): string {
  for (const detail of details) {
    const text = redact(render(report, detail));
    if (Buffer.byteLength(text, 'utf8') <= largest) return text;
  }
  const verdict = redact(
    `## ${results[report.result]} ${inline(cut(report.verdict, 300))}\n\nThe full report is too long for this page; the output \`report\` names its file.\n`,
  );
  return Buffer.byteLength(verdict, 'utf8') <= largest ? verdict : '';
}

function render(report: Report, detail: Detail): string {
  const sections = [
    `## ${results[report.result]} ${inline(cut(report.verdict, detail.message))}`,
    facts(report),
    access(report),
    failures(report, detail),
    notices(report, detail),
    steps(report),
    table(report, detail),
    detail.graph && report.outcomes.some(({ verdict }) => verdict !== 'absent')
      ? fold('Graph', `\`\`\`mermaid\n${graphOf(report.outcomes)}\n\`\`\``, true)
      : '',
    ...report.outcomes.map((outcome) => diff(outcome, detail)),
    versions(report),
  ];
  return `${sections.filter(Boolean).join('\n\n')}\n`;
}

function facts(report: Report): string {
  const parts = [
    `\`${report.command}\`${where(report.stack)}`,
    durationText(report.seconds),
    report.apiCalls === undefined ? '' : `${report.apiCalls} API calls`,
    report.planDigest === undefined ? '' : `plan ${code(report.planDigest.slice(0, 12))}`,
  ];
  return parts.filter(Boolean).join(' · ');
}

function where(stack: Report['stack']): string {
  if (stack === undefined) return '';
  return ` in ${inline(stack.region)}${stack.project === undefined ? '' : `, project ${inline(stack.project)}`}`;
}

function access({ url, consoleUrl, login }: Report): string {
  const lines = [
    url === undefined ? '' : `- **URL:** ${link(url)}`,
    consoleUrl === undefined ? '' : `- **Console:** ${link(consoleUrl)}`,
    login === undefined ? '' : `- **First login:** ${code(login.name)}; password: ${inline(login.passwordFrom)}`,
  ];
  return lines.filter(Boolean).join('\n');
}

/** Our own URL; made of a checked host name, so it may be a link. */
function link(url: string): string {
  return /^https:\/\/[A-Za-z0-9.-]+(\/[A-Za-z0-9._~/-]*)?$/.test(url) ? `<${url}>` : code(url);
}

function failures(report: Report, detail: Detail): string {
  const failed = report.outcomes.filter((outcome) => outcome.fault !== undefined);
  const items = [
    ...failed.map((outcome) => failure(`${inline(outcome.title)}`, outcome.fault as Fault, detail)),
    ...report.faults.map((fault) => failure(fault.resource === undefined ? '' : inline(fault.resource), fault, detail)),
  ];
  return items.length === 0 ? '' : `### What failed\n\n${items.join('\n')}`;
}

function failure(title: string, fault: Fault, detail: Detail): string {
  const service = [fault.status, fault.code].filter((part) => part !== undefined).join(' ');
  const place = fault.place === undefined ? '' : `${code(`${fault.place.file}:${fault.place.line}:${fault.place.column}`)} `;
  const [first = '', ...more] = cut(fault.message, detail.message).split('\n');
  const lines = [
    `- ${place}${title === '' ? '' : `**${title}:** `}${inline(first)}`,
    service === '' && fault.requestId === undefined
      ? ''
      : `  - Service: ${[service === '' ? '' : inline(service), fault.requestId === undefined ? '' : `request id ${code(fault.requestId)}`].filter(Boolean).join(', ')}`,
    fault.hint === undefined ? '' : `  - **What to do:** ${inline(cut(fault.hint, detail.message))}`,
    more.length === 0 ? '' : `\n${fold(`${more.length} more ${more.length === 1 ? 'line' : 'lines'}`, fenced(more, 'text'))}\n`,
  ];
  return lines.filter(Boolean).join('\n');
}

function notices(report: Report, detail: Detail): string {
  return report.notices.map((fault) => `> ⚠️ ${inline(cut([fault.message, fault.hint].filter(Boolean).join('. '), detail.message))}`).join('\n>\n');
}

function steps({ nextSteps }: Report): string {
  if (nextSteps.length === 0) return '';
  return `### What to do next\n\n${nextSteps.map((step, index) => `${index + 1}. ${inline(step)}`).join('\n')}`;
}

/** What changed or failed first as in the graph, what is in sync folded away. */
function table({ outcomes }: Report, { rows }: Detail): string {
  const shown = outcomes.filter(({ verdict }) => verdict !== 'absent');
  const quiet = shown.filter(({ verdict, note }) => verdict === 'unchanged' && note === undefined);
  const loud = shown.filter((outcome) => !quiet.includes(outcome));
  const head = '| Resource | Verdict | What | Time |\n|---|---|---|---:|';
  const render = (list: readonly Outcome[]): string => {
    const left = list.length > rows ? `\n| … | | ${list.length - rows} more | |` : '';
    return `${head}\n${list.slice(0, rows).map(row).join('\n')}${left}`;
  };
  if (shown.length === 0) return '';
  const parts = [`### Resources`, loud.length === 0 ? '' : render(loud), quiet.length === 0 ? '' : fold(`${quiet.length} in sync`, render(quiet))];
  return parts.filter(Boolean).join('\n\n');
}

function row(outcome: Outcome): string {
  const verdict = outcome.done
    ? (past[outcome.verdict] ?? outcome.verdict)
    : PLANNED.has(outcome.verdict)
      ? `to ${outcome.verdict}`
      : outcome.verdict;
  const fields = outcome.changes.map(({ field }) => field);
  const what =
    outcome.note ??
    outcome.fault?.message.split('\n')[0] ??
    (fields.length > 0 && outcome.verdict !== 'create' ? fields.slice(0, 5).join(', ') : factText(outcome));
  const time = outcome.seconds >= 0.05 ? durationText(outcome.seconds) : '';
  return `| ${inline(outcome.title)} | ${together(`${icons[outcome.verdict]} ${verdict}`)} | ${inline(cut(what, 300))} | ${together(time)} |`;
}

const PLANNED = new Set<Verdict>(['create', 'update', 'replace', 'delete']);

function factText(outcome: Outcome): string {
  return Object.entries(outcome.facts)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

function diff(outcome: Outcome, { diffLines }: Detail): string {
  if (outcome.changes.length === 0 || diffLines === 0) return '';
  const lines = outcome.changes.flatMap(({ field, before, after, why, replace }) => [
    `# ${field}${why === undefined ? '' : `: ${why}`}${replace === true ? ' (needs replacement)' : ''}`,
    ...(before === undefined ? [] : [`- ${shown(before)}`]),
    ...(after === undefined ? [] : [`+ ${shown(after)}`]),
  ]);
  const rest = lines.length > diffLines ? [`# … ${lines.length - diffLines} more lines`] : [];
  return fold(
    `${inline(outcome.title)}: ${outcome.changes.length} ${outcome.changes.length === 1 ? 'change' : 'changes'}`,
    fenced([...lines.slice(0, diffLines), ...rest], 'diff'),
  );
}

function versions(report: Report): string {
  const entries = Object.entries(report.versions);
  if (entries.length === 0) return '';
  return fold('Versions', `| Part | Version |\n|---|---|\n${entries.map(([name, version]) => `| ${inline(name)} | ${code(version)} |`).join('\n')}`);
}

/** `summary` is Markdown that is safe already. */
function fold(summary: string, body: string, open = false): string {
  return `<details${open ? ' open' : ''}><summary>${summary}</summary>\n\n${body}\n\n</details>`;
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing');
}

/** Kept on one line of a table. */
function together(text: string): string {
  return text.replaceAll(' ', '\u00a0');
}

function cut(text: string, longest: number): string {
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}
