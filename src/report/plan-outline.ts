/**
 * Owns the outline that a plan's digest carries behind its sha256: who plans again can say in which fields the approved plan
 * and the present one differ. Pure. It only explains; whether two plans are the same is decided by the sha256 alone.
 */
import { createHash } from 'node:crypto';
import { redact } from '../secret.ts';
import { canonical } from './canonical.ts';

/** A resource's share of a plan, as it is compared. */
export interface Planned {
  readonly id: string;
  readonly verdict: string;
  readonly changes: readonly PlannedChange[];
}

export interface PlannedChange {
  readonly field: string;
  readonly before?: unknown;
  readonly after?: unknown;
  readonly replace: boolean;
}

export interface Outlined {
  /** Version of the action. */
  readonly version: string;
  /** The validated stack. */
  readonly stack: unknown;
  /** sha256 of chart archives by the release's id. */
  readonly charts: Readonly<Record<string, string>>;
  readonly plan: readonly Planned[];
}

/** Field, before, after; as text, shortened. */
type Line = readonly [string, string?, string?];

interface Outline {
  readonly v: string;
  /** Short hash of each setting of the stack file, two levels deep: `dns.ttl`. */
  readonly s: Readonly<Record<string, string>>;
  readonly c: Readonly<Record<string, string>>;
  /** What is not in sync: id, verdict, changes. */
  readonly p: readonly (readonly [string, string, readonly Line[]])[];
}

/** Characters of a value, and of a whole outline: it travels as an input, in an environment variable. */
const LONGEST_VALUE = 80;
const LONGEST = 24_000;
/** Hex digits that tell two hashes apart for a person. */
const SHORT = 12;
const SHORTER = 8;

/** The outline as base64url; the same text for the same plan on every machine. Of a very long plan only fields, or only verdicts. */
export function outlineOf(outlined: Outlined): string {
  const whole = outline(outlined, (change) => lineOf(change));
  const fields = (): Outline => outline(outlined, ({ field }) => [cut(field)]);
  const verdicts = (): Outline => outline(outlined, () => undefined);
  for (const made of [() => whole, fields, verdicts]) {
    const text = encode(made());
    if (text.length <= LONGEST) return text;
  }
  return '';
}

function outline({ version, stack, charts, plan }: Outlined, line: (change: PlannedChange) => Line | undefined): Outline {
  return {
    v: version,
    s: Object.fromEntries(settingsOf(stack).map(([key, value]) => [key, short(canonical(value)).slice(0, SHORTER)])),
    c: Object.fromEntries(entriesOf(charts).map(([id, digest]) => [id, String(digest).slice(0, SHORT)])),
    p: plan
      .filter(({ verdict }) => verdict !== 'unchanged')
      .map(({ id, verdict, changes }) => [id, verdict, changes.map(line).filter((one) => one !== undefined)]),
  };
}

function lineOf({ field, before, after, replace }: PlannedChange): Line {
  return [cut(replace ? `${field} (needs replacement)` : field), cut(shown(before)), cut(shown(after))];
}

function encode(value: Outline): string {
  return Buffer.from(redact(JSON.stringify(value)), 'utf8').toString('base64url');
}

/**
 * How the present plan differs from the approved one, a line each, and behind these what only one of the two could know;
 * undefined where the approved one's outline is missing or cannot be read.
 */
export function differencesFrom(approved: string, now: Outlined): string[] | undefined {
  const before = decode(approved);
  const after = decode(outlineOf(now));
  if (before === undefined || after === undefined) return undefined;
  const lines: string[] = [];
  if (before.v !== after.v) lines.push(`The action was ${before.v} and is ${after.v}.`);
  const settings = differing(before.s, after.s);
  if (settings.length > 0) lines.push(`The stack file differs in: ${settings.join(', ')}.`);
  for (const id of differing(before.c, after.c))
    lines.push(`${id}: the chart's sha256 was ${before.c[id] ?? 'not planned'} and is ${after.c[id] ?? 'not planned'} …`);
  const [then, current] = [before, after].map(({ p }) => new Map(p.map((entry) => [entry[0], entry])));
  const unknown = new Map<string, string[]>();
  for (const id of [...new Set([...(then?.keys() ?? []), ...(current?.keys() ?? [])])].sort()) {
    const [, wasVerdict, was] = then?.get(id) ?? [id, 'unchanged', []];
    const [, isVerdict, is] = current?.get(id) ?? [id, 'unchanged', []];
    if (wasVerdict === isVerdict) lines.push(...changedLines(id, was, is));
    else if (![wasVerdict, isVerdict].includes('unknown'))
      lines.push(`${id}: approved ${wasVerdict}, now ${isVerdict}`, ...changedLines(id, was, is));
    else {
      const kind = wasVerdict === 'unknown' ? `Not known when it was approved, now ${isVerdict}` : `Not known now, approved ${wasVerdict}`;
      unknown.set(kind, [...(unknown.get(kind) ?? []), id]);
    }
  }
  return [...lines, ...[...unknown].map(([kind, ids]) => `${kind}: ${ids.join(', ')}`)];
}

function changedLines(id: string, was: readonly Line[], is: readonly Line[]): string[] {
  const fields = [...new Set([...was, ...is].map(([field]) => field))].sort();
  return fields.flatMap((field) => {
    const [one, other] = [was, is].map((list) =>
      list
        .filter((line) => line[0] === field)
        .map(values)
        .sort()
        .join('; '),
    );
    return one === other ? [] : [`${id} ${field}: approved ${one || 'no change'}, now ${other || 'no change'}`];
  });
}

function values([, before, after]: Line): string {
  return before === undefined && after === undefined ? 'a change' : `${before || 'nothing'} → ${after || 'nothing'}`;
}

function differing(one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): string[] {
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].filter((key) => one[key] !== other[key]).sort();
}

/** What anybody may have written into an input: nothing of it is believed before its form is seen. */
function decode(text: string): Outline | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
  const { v, s, c, p } = (typeof value === 'object' && value !== null ? value : {}) as Partial<Record<keyof Outline, unknown>>;
  const lines = Array.isArray(p) && p.every(isEntry);
  return typeof v === 'string' && isTexts(s) && isTexts(c) && lines ? ({ v, s, c, p } as Outline) : undefined;
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  return typeof value === 'object' && value !== null && Object.values(value).every((one) => typeof one === 'string');
}

function isEntry(value: unknown): boolean {
  const text = (one: unknown): boolean => typeof one === 'string';
  if (!Array.isArray(value) || value.length !== 3 || !text(value[0]) || !text(value[1]) || !Array.isArray(value[2])) return false;
  return value[2].every((line: unknown) => Array.isArray(line) && line.length >= 1 && line.length <= 3 && line.every(text));
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)) : [];
}

function settingsOf(stack: unknown): [string, unknown][] {
  return entriesOf(stack).flatMap(([block, value]) => {
    const inner = Array.isArray(value) ? [] : entriesOf(value);
    return inner.length === 0 ? [[block, value] as [string, unknown]] : inner.map(([key, one]): [string, unknown] => [`${block}.${key}`, one]);
  });
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : value === undefined ? '' : canonical(value);
}

function cut(text: string): string {
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE - SHORT - 1)}…${short(text)}` : text;
}

function short(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, SHORT);
}
