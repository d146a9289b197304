/**
 * Owns the hidden marker by which a comment or an issue of ours is found again: an HTML comment on the first line, which
 * GitHub keeps and does not show. Pure. Whether an author may be believed is `github/`'s business.
 */

export interface Mark {
  readonly kind: 'comment' | 'drift';
  readonly command: string;
  /** Name, region and project of the stack; empty where the stack file could not be read. */
  readonly stack: string;
  /** Path of the stack file. */
  readonly config: string;
  /** Digest of the findings, on an issue. */
  readonly digest?: string;
}

/** The marker's line. */
export function markLine(mark: Mark): string {
  const { kind, ...rest } = mark;
  const fields = new URLSearchParams(Object.entries(rest).filter(([, value]) => value !== undefined));
  return `<!-- zitadel-on-otc:${kind}?${fields.toString()} -->`;
}

/** The marker of a body; undefined where its first line is none. */
export function readMark(body: string): Mark | undefined {
  const [, kind, fields] = /^<!-- zitadel-on-otc:(comment|drift)\?(\S*) -->(?:\r?\n|$)/.exec(body) ?? [];
  if ((kind !== 'comment' && kind !== 'drift') || fields === undefined) return undefined;
  const found = new URLSearchParams(fields);
  const text = (name: string): string => found.get(name) ?? '';
  const digest = found.get('digest');
  return { kind, command: text('command'), stack: text('stack'), config: text('config'), ...(digest === null ? {} : { digest }) };
}

/**
 * Whether a marked text is about the same thing. A stack file that cannot be read names no stack: then its path decides, so
 * that the comment on a broken file is the one that later shows the plan.
 */
export function sameThing(wanted: Mark, found: Mark): boolean {
  if (wanted.kind !== found.kind || wanted.command !== found.command) return false;
  return wanted.stack !== '' && found.stack !== '' ? wanted.stack === found.stack : wanted.config === found.config;
}
