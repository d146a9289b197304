/**
 * Owns the job summary: a report as Markdown that reads well on GitHub and in a terminal, never longer than a step's
 * summary may be. Pure. The comment and the issue are `comment.ts`'s and `issue.ts`'s, their common parts `parts.ts`'s.
 */
import { documents } from './documents.ts';
import { inline } from './escape.ts';
import { graphOf } from './graph.ts';
import { access, cut, type Detail, diff, facts, failures, findingTable, fitting, fold, notices, signOf, steps, table, versions } from './parts.ts';
import { redacted } from './redacted.ts';
import type { Report } from './report.ts';

/** GitHub discards a step's summary above 1 MiB as a whole; some room is left for what others append. */
export const LARGEST = 1_000_000;

/** From everything to the least; the first that fits is taken. */
const details: readonly Detail[] = [
  { diffLines: 400, documentLines: 3000, graph: true, rows: 1000, message: 20_000 },
  { diffLines: 40, documentLines: 200, graph: true, rows: 1000, message: 4000 },
  { diffLines: 0, documentLines: 0, graph: true, rows: 400, message: 1000 },
  { diffLines: 0, documentLines: 0, graph: false, rows: 100, message: 300 },
];

/** The report as Markdown, redacted, at most `largest` bytes. */
export function renderMarkdown(report: Report, largest = LARGEST): string {
  const clean = redacted(report);
  const fits = (text: string): boolean => Buffer.byteLength(text, 'utf8') <= largest;
  const whole = fitting(details, (detail) => `${sectionsOf(clean, detail).filter(Boolean).join('\n\n')}\n`, fits);
  if (whole !== undefined) return whole;
  const verdict = `## ${signOf(clean)} ${inline(cut(clean.verdict, 300))}\n\nThe full report is too long for this page; the output \`report\` names its file.\n`;
  return fits(verdict) ? verdict : '';
}

/** Open where something was done or went wrong: the way of it is what the graph shows best. */
function graph({ command, result, outcomes }: Report): string {
  if (outcomes.every(({ verdict }) => verdict === 'absent')) return '';
  const open = result === 'failed' || (result === 'changed' && ['deploy', 'destroy'].includes(command ?? ''));
  return fold('Graph', `\`\`\`mermaid\n${graphOf(outcomes)}\n\`\`\``, open);
}

/** The page's sections in their order; also the body of comments. */
export function sectionsOf(report: Report, detail: Detail): string[] {
  const drift = report.command === 'drift' && report.findings.length > 0;
  const resources = table(report, detail);
  return [
    `## ${signOf(report)} ${inline(cut(report.verdict, detail.message))}`,
    facts(report),
    access(report),
    failures(report, detail),
    notices(report, detail),
    drift ? `### What drifted\n\n${findingTable(report.findings, detail.rows)}` : '',
    steps(report),
    drift && resources !== '' ? fold('All resources', resources.replace(/^### Resources\n\n/, '')) : resources,
    ...report.outcomes.flatMap((outcome) => [diff(outcome, detail), documents(outcome, detail.documentLines)]),
    detail.graph ? graph(report) : '',
    versions(report),
  ];
}
