/** Owns the words and the place of what is no valid YAML: which of a parser's errors are told, where, what helps. Pure. */
import { type ErrorCode, type parseDocument, visit } from 'yaml';
import { unveiled } from './variables.ts';

type Parsed = ReturnType<typeof parseDocument>;

export interface SyntaxFault {
  readonly offset: number;
  readonly message: string;
  readonly hint: string;
}

/** How many are told; most of more follow from the first. */
const MOST = 20;

/** Where the library's own words would not help. */
const WORDS: Partial<Record<ErrorCode, string>> = {
  BLOCK_AS_IMPLICIT_KEY: 'a block begins inside a line',
  MULTILINE_IMPLICIT_KEY: 'this is neither "key: value" nor part of the value before it',
  MULTIPLE_DOCS: 'a second document begins here',
  RESOURCE_EXHAUSTION: 'the file is nested too deeply to be read',
};

export const NO_TAG = 'Remove the tag.';

/** What helps against each kind of syntax error. */
const HINTS: Partial<Record<ErrorCode, string>> = {
  BAD_INDENT: 'Indent all settings of a block by the same number of spaces; close what [ or { opened.',
  BAD_SCALAR_START: 'Put the value in quotes.',
  BLOCK_AS_IMPLICIT_KEY: 'Put text with a colon in it in quotes; else begin the block on the next line, indented.',
  MULTILINE_IMPLICIT_KEY: 'Write a space after the colon, "key: value", and indent all settings of a block by the same number of spaces.',
  MULTIPLE_DOCS: 'One file holds one document: remove the "---", or put what follows into a file of its own.',
  RESOURCE_EXHAUSTION: 'Nest less deeply.',
  TAB_AS_INDENT: 'Indent with spaces.',
  TAG_RESOLVE_FAILED: NO_TAG,
};

/** What is wrong with `text`, which was parsed veiled. */
export function syntaxFaults(parsed: Parsed, text: string): SyntaxFault[] {
  const all = [...parsed.errors, ...parsed.warnings];
  // Behind the first token that the parser cannot place, it places none; what else stands where an open quote ends follows from it.
  const same = (one: (typeof all)[number], other: (typeof all)[number]): boolean =>
    (one.code === other.code || isOpenQuote(other)) && (one.code === 'UNEXPECTED_TOKEN' || one.pos[0] === other.pos[0]);
  const errors = all.filter((one, index) => all.findIndex((other) => same(one, other)) === index).slice(0, MOST);
  return errors.map((error): SyntaxFault => {
    const [offset] = error.pos;
    // The library tells where the text ends for it, which mostly is the end of the file.
    if (isOpenQuote(error))
      return { offset: startOfTextTo(offset, parsed), message: 'this quote is not closed', hint: 'End the text with the same quote, or remove it.' };
    const end = text.indexOf('\n', offset);
    const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1, end === -1 ? undefined : end);
    const hint = line.includes('${')
      ? `A variable is written \${NAME}; inside [ ] and { }, put what else begins with $ in quotes.`
      : (HINTS[error.code] ?? 'Check indentation, quotes and colons around this place.');
    return { offset, message: WORDS[error.code] ?? unveiled(error.message.replaceAll('\n', ' ')), hint };
  });
}

function isOpenQuote({ code, message }: { readonly code: ErrorCode; readonly message: string }): boolean {
  return code === 'MISSING_CHAR' && message.startsWith('Missing closing');
}

function startOfTextTo(end: number, parsed: Parsed): number {
  let start = end;
  visit(parsed, {
    Scalar: (_, { range }) => {
      if (range?.[1] === end) start = range[0];
    },
  });
  return start;
}
