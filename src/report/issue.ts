/**
 * Owns the issue about drift: its title, its body under a hidden marker, and the comments that say what is new and what
 * went. Pure. When it is opened, edited, closed and reopened is decided in `github/drift-issue.ts`.
 */
import { LONGEST_BODY, type Origin, originLine } from './comment.ts';
import { inline } from './escape.ts';
import { type Finding, findingsDigest } from './findings.ts';
import { type Mark, markLine } from './marker.ts';
import { cut, facts, findingTable, fitting, fold, steps, versions } from './parts.ts';
import { redacted } from './redacted.ts';
import type { Report } from './report.ts';

/** What an issue remembers of a finding, to say later that it went. */
export interface Remembered {
  readonly key: string;
  /** Id of the resource; empty, as the text, where there was no room for it. */
  readonly id: string;
  readonly text: string;
}

/** Stands for all that an issue showed whose memory somebody took away. */
export const FORGOTTEN: Remembered = {
  key: '0'.repeat(12),
  id: '',
  text: 'what this issue showed before: its hidden last line cannot be read',
};

const MEMORY = '<!-- zitadel-on-otc:findings ';
/** Characters of the memory: of the first findings it keeps key and text, of nine hundred more the key alone. */
const LONGEST_MEMORY = { texts: 12_000, all: 24_000 } as const;

export function issueTitle(report: Report): string {
  return `ZITADEL has drifted: ${report.stack?.name ?? ''} in ${report.stack?.region ?? ''}`;
}

/** Digest of what an issue shows: what was found, and what is shown still because this run could not look at it. */
export function shownDigest(findings: readonly Pick<Finding, 'key'>[], kept: readonly Remembered[]): string {
  return findingsDigest([...findings, ...kept.map(({ key }) => ({ key: `${key}?` }))]);
}

/**
 * The body of the issue, redacted; never above `longest` characters, cut at a row with the count left out.
 * @param kept what it showed before and this run could not look at
 */
export function renderIssue(report: Report, mark: Mark, origin: Origin, kept: readonly Remembered[] = [], longest = LONGEST_BODY): string {
  const clean = redacted(report);
  const { findings } = clean;
  const marked = markLine({ ...mark, digest: shownDigest(findings, kept) });
  // A finding that is not remembered is told twice, something kept that is not remembered never again.
  const memory = memoryOf([...kept, ...findings.map(remembered)]);
  const render = (rows: number): string =>
    [
      `${marked}\n${inline(clean.verdict)}.`,
      facts(clean),
      findingTable(findings, rows),
      kept.length === 0 ? '' : `${NOT_LOOKED_AT}\n\n${listed(textsOf(kept), rows)}`,
      steps(clean),
      fold('How this issue works', HOW),
      versions(clean),
      `${originLine(origin)}\n${memory}\n`,
    ]
      .filter(Boolean)
      .join('\n\n');
  const details = [{ diffLines: 0, documentLines: 0, graph: false, rows: 1000, message: 0 }];
  return (
    fitting(
      details,
      ({ rows }) => render(rows),
      (text) => text.length <= longest,
    ) ?? render(0)
  );
}

const NOT_LOOKED_AT = '**Found before; this run could not look at it, so it may be there still:**';

const HOW =
  'It is edited when the set of differences changes and closed when there are none; a comment says what is new and what went. ' +
  'What a run could not look at stays, and keeps the issue open. A run that fails (an API that does not answer) leaves it as it is. Its first line and its last are hidden marks: keep them, and the label.';

/** What is new and what went since the last edit; empty where that is nothing. */
export function renderDelta(report: Report, before: readonly Remembered[] | undefined, origin: Origin, kept: readonly Remembered[] = []): string {
  const { findings } = redacted(report);
  const keys = new Set([...findings, ...kept].map(({ key }) => key));
  const fresh = before === undefined ? findings : findings.filter(({ key }) => !before.some((one) => one.key === key));
  const gone = (before ?? []).filter(({ key }) => !keys.has(key));
  if (fresh.length === 0 && gone.length === 0) return '';
  const list = (title: string, texts: readonly string[]): string => (texts.length === 0 ? '' : `**${title}**\n\n${listed(texts)}`);
  const others = kept.length === 0 ? '' : `${kept.length} ${kept.length === 1 ? 'other stays' : 'others stay'}: not looked at in this run.`;
  const parts = [list('New', fresh.map(textOf)), list('Gone', textsOf(gone)), others, originLine(origin)];
  return `${parts.filter(Boolean).join('\n\n')}\n`;
}

const LISTED = 50;

/** A list of texts; what has none, or does not fit, is counted. */
function listed(texts: readonly string[], most = LISTED): string {
  const known = texts.filter((text) => text !== '').slice(0, Math.min(most, LISTED));
  const left = texts.length - known.length;
  return [...known.map((text) => `- ${inline(text)}`), ...(left > 0 ? [`- … and ${left} more`] : [])].join('\n');
}

export function renderClosing(origin: Origin): string {
  return `✅ No difference is left: everything is as the stack file says.\n\n${originLine(origin)}\n`;
}

export function renderReopening(report: Report, origin: Origin): string {
  const { findings } = redacted(report);
  return `It has drifted again:\n\n${listed(findings.map(textOf))}\n\n${originLine(origin)}\n`;
}

function textOf({ severity, title, what }: Finding): string {
  return cut(`${severity}: ${title}: ${what}`, 200);
}

function textsOf(known: readonly Remembered[]): string[] {
  return known.map(({ text }) => text);
}

function remembered(finding: Finding): Remembered {
  return { key: finding.key, id: finding.id, text: textOf(finding) };
}

/** The findings as the issue remembers them, in a hidden last line; encoded, so that no text can end the comment. */
function memoryOf(findings: readonly Remembered[]): string {
  const encoded = (text: string): string => encodeURIComponent(text).replaceAll('-', '%2D');
  const kept: string[] = [];
  let length = 0;
  for (const { key, id, text } of findings) {
    const whole = `${key}=${encoded(id)}=${encoded(text)}`;
    const entry = text !== '' && length + whole.length < LONGEST_MEMORY.texts ? whole : key;
    length += entry.length + 1;
    if (length > LONGEST_MEMORY.all) break;
    kept.push(entry);
  }
  return `${MEMORY}${kept.join('&')} -->`;
}

/** What the body of an issue remembers; undefined where somebody took the line away. */
export function readMemory(body: string): Remembered[] | undefined {
  const line = body.split(/\r?\n/).findLast((one) => one.startsWith(MEMORY) && one.endsWith(' -->'));
  if (line === undefined) return undefined;
  const entries = line.slice(MEMORY.length, -' -->'.length);
  return entries.split('&').flatMap((entry) => {
    const [, key, id = '', text = ''] = /^([0-9a-f]{12})(?:=([A-Za-z0-9%._~!*'()]*)=([A-Za-z0-9%._~!*'()]*))?$/.exec(entry) ?? [];
    return key === undefined ? [] : [{ key, id: decoded(id), text: decoded(text) }];
  });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    return text;
  }
}
