/**
 * Owns making foreign text harmless in GitHub's Markdown: it cannot break out of its cell, mention people, link, or close
 * a fold. Pure.
 */

/** An invisible space that keeps GitHub from linking what stands around it. */
const BREAK = '\u200b';

/** Foreign text for a line, a table cell or the title of a fold: one line, no markup. */
export function inline(text: string): string {
  return plain(oneLine(text).trim());
}

/** Foreign text for a line or a table cell, as `inline`, with its addresses and commits' hashes as code: nothing links, and they can be copied as they are. */
export function prose(text: string): string {
  const parts = oneLine(text)
    .trim()
    .split(/(https?:\/\/[^\s"'<>`|]*[^\s"'<>`|.,;:!?)\]]|\b[0-9a-f]{40}\b)/i);
  return parts.map((part, index) => (index % 2 === 1 ? code(part) : plain(part, index === 0))).join('');
}

function plain(text: string, atStart = true): string {
  const words = breakLinks(text).replace(/[&<>|`*~[\]\\$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])/g, entity);
  return atStart ? words.replace(/^[#+=-]|^\d+[.)]/, (start) => start.replace(/[^\d]/, entity)) : words;
}

/** Foreign text as code, in one line; it can be copied as it is. */
export function code(text: string): string {
  const line = oneLine(text).trim();
  if (line === '') return '';
  return /[`|]/.test(line) ? `<code>${inline(line)}</code>` : `\`${line}\``;
}

function entity(character: string): string {
  return `&#${character.charCodeAt(0)};`;
}

/** A fenced block whose fence no line of the text can close. */
export function fenced(lines: readonly string[], language = ''): string {
  const text = lines.map(oneLine).join('\n');
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${text}\n${fence}`;
}

/** Foreign text for a Mermaid label. */
export function mermaidLabel(text: string): string {
  return oneLine(text)
    .replace(/[^A-Za-z0-9 ._/:-]/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
}

/** Control characters and line breaks become spaces; characters that reverse or hide text go. */
function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is taken out
  return text.replace(/[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g, '').replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ');
}

/** GitHub links people, issues, commits and addresses in plain text; a break inside each keeps it text. */
function breakLinks(text: string): string {
  return text
    .replaceAll('@', `@${BREAK}`)
    .replaceAll('://', `:${BREAK}//`)
    .replace(/(www)\./gi, `$1${BREAK}.`)
    .replace(/#(?=\d)/g, `#${BREAK}`)
    .replace(/\b(gh-)(?=\d)/gi, `$1${BREAK}`)
    .replace(/\b([0-9a-f]{20})(?=[0-9a-f]{20}\b)/gi, `$1${BREAK}`);
}
