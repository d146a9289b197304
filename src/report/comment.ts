/**
 * Owns the comment on a pull request: the job summary's text under a hidden marker, within what a comment may have. Pure.
 * Finding, writing and updating it is `github/`'s business.
 */
import { code, inline } from './escape.ts';
import { sectionsOf } from './markdown.ts';
import { type Mark, markLine } from './marker.ts';
import { cut, type Detail, fitting, link, signOf } from './parts.ts';
import { redacted } from './redacted.ts';
import type { Report } from './report.ts';

/** GitHub refuses the body of a comment or an issue above 65,536 characters. */
export const LONGEST_BODY = 65_535;

const details: readonly Detail[] = [
  { diffLines: 200, documentLines: 600, graph: true, rows: 400, message: 8000 },
  { diffLines: 40, documentLines: 150, graph: true, rows: 400, message: 2000 },
  { diffLines: 0, documentLines: 0, graph: true, rows: 400, message: 1000 },
  { diffLines: 0, documentLines: 0, graph: false, rows: 400, message: 300 },
];

/** Where a text comes from: commit and run, for its last line. */
export interface Origin {
  readonly commit?: string | undefined;
  /** URL of the workflow run. */
  readonly runUrl?: string | undefined;
}

/** The whole body, redacted, with its marker; never above `longest` characters, cut at a row with the count left out. */
export function renderComment(report: Report, mark: Mark, origin: Origin, longest = LONGEST_BODY): string {
  const clean = redacted(report);
  const frame = (middle: string): string => `${markLine(mark)}\n${middle}\n\n${originLine(origin)}\n`;
  const fits = (text: string): boolean => text.length <= longest;
  const whole = fitting(details, (detail) => frame(sectionsOf(clean, detail).filter(Boolean).join('\n\n')), fits);
  return whole ?? frame(`## ${signOf(clean)} ${inline(cut(clean.verdict, 300))}\n\nThe rest is too long for a comment; see the job summary.`);
}

export function originLine({ commit, runUrl }: Origin): string {
  const parts = [commit === undefined ? '' : `commit ${code(commit.slice(0, 12))}`, runUrl === undefined ? '' : `run ${link(runUrl)}`];
  return `<sub>${['zitadel-on-otc', ...parts].filter(Boolean).join(' · ')}</sub>`;
}
