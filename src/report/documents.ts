/**
 * Owns how whole texts of a resource (manifests, above all) are shown: a fold an object with the difference by lines, cut at
 * an object with the count left out. Pure. The changes field by field are `parts.ts`'s.
 */
import type { Outcome } from '../engine/outcome.ts';
import { fenced, inline } from './escape.ts';
import { lineDiff } from './line-diff.ts';

/** @param mostLines lines of all objects of the outcome together; 0 leaves them out */
export function documents({ title, documents: all = [] }: Pick<Outcome, 'title' | 'documents'>, mostLines: number): string {
  if (mostLines === 0) return '';
  const differing = all.map((document) => ({ document, lines: lineDiff(document.before, document.after) })).filter(({ lines }) => lines.length > 0);
  if (differing.length === 0) return '';
  const folds: string[] = [];
  let room = mostLines;
  for (const { document, lines } of differing) {
    if (folds.length > 0 && lines.length > room) break;
    const rest = lines.length > room ? [`# … ${lines.length - room} more lines`] : [];
    folds.push(fold(`${inline(document.title)} ${countOf(lines)}`, fenced([...lines.slice(0, room), ...rest], 'diff')));
    room -= lines.length;
  }
  const left = differing.length - folds.length;
  const more = left === 0 ? '' : `\n\n… and ${left} more ${left === 1 ? 'object' : 'objects'}`;
  const count = `${differing.length} ${differing.length === 1 ? 'object' : 'objects'}`;
  return fold(`${inline(title)}: manifests, ${count}`, `${folds.join('\n\n')}${more}`);
}

function countOf(lines: readonly string[]): string {
  const count = (sign: string): number => lines.filter((line) => line.startsWith(sign)).length;
  return `<code>+${count('+')} -${count('-')}</code>`;
}

function fold(summary: string, body: string): string {
  return `<details><summary>${summary}</summary>\n\n${body}\n\n</details>`;
}
