/**
 * Owns reading YAML into plain values with the place of each of them. What is told of a text that is none is `syntax.ts`'s, what
 * `${VAR}` becomes in a scalar `variables.ts`'s, what the values mean `read.ts`'s and `values.ts`'s.
 */
import { type Alias, isAlias, isMap, isScalar, isSeq, Lexer, LineCounter, type Node, parseDocument, type Scalar, type YAMLMap } from 'yaml';
import { Fault, type Place } from '../engine/fault.ts';
import { NO_TAG, syntaxFaults } from './syntax.ts';
import { UNSEEN_HINT, unseenIn } from './unseen.ts';
import { filledIn, type Lookup, leftOut, unveiled, veiled } from './variables.ts';

export type Path = readonly (string | number)[];

/** Something wrong at a path of the file: what, and what would be right. */
export interface Problem {
  readonly path: Path;
  readonly message: string;
  readonly hint?: string | undefined;
  /** Point at the key and not at its value. */
  readonly atKey?: boolean;
  /** Settings of the stack file, besides the one at `path`, without which nobody can say whether this is wrong. */
  readonly reads?: readonly string[];
}

export interface Document {
  /** Plain data: maps, lists, text, numbers, booleans, null. */
  readonly value: unknown;
  /** Syntax errors, undefined variables; where there are any, the value is not complete. */
  readonly faults: readonly Fault[];
  /** Paths whose value could not be made out, because of a fault. */
  readonly unread: readonly Path[];
  /** Place of a value, or of its key; of the nearest thing around it where the path is not in the file. */
  place(path: Path, of?: 'key' | 'value'): Place;
}

/** Keys that mean something to JavaScript's own objects. */
const UNSAFE: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** What a file may have, far beyond any that was written for its purpose; values are counted with aliases followed. */
const MOST = { bytes: 256 * 1024, tokens: 50_000, aliases: 500, levels: 100, values: 50_000 } as const;

/** One byte more than a file may have: who reads one need not read on. */
export const ENOUGH_BYTES = MOST.bytes + 1;

/**
 * Reads a YAML document (YAML 1.2, one document, no duplicate keys; aliases and merge keys are followed). It never throws:
 * what is wrong with the text is in `faults`, each with its place.
 */
export function readDocument(text: string, file: string, lookup: Lookup): Document {
  const tooLarge = excess(text);
  if (tooLarge !== undefined) return refused(new Fault(tooLarge, { place: { file, line: 1, column: 1 }, hint: 'Shorten it.' }));
  return new Reading(text, file, lookup).document();
}

/** One reading of one text. */
class Reading {
  readonly #text: string;
  readonly #file: string;
  readonly #lookup: Lookup;
  readonly #lines = new LineCounter();
  readonly #parsed: ReturnType<typeof parseDocument>;
  readonly #places = new Map<string, { key?: number; value: number }>();
  readonly #faults: Fault[] = [];
  readonly #unread: Path[] = [];
  readonly #targets = new Map<Alias, Node | undefined>();
  #values = 0;

  constructor(text: string, file: string, lookup: Lookup) {
    this.#text = text;
    this.#file = file;
    this.#lookup = lookup;
    // Duplicate keys are found below, with the place of the first one.
    this.#parsed = parseDocument(veiled(text), { lineCounter: this.#lines, prettyErrors: false, merge: false, uniqueKeys: false });
  }

  document(): Document {
    for (const { offset, message, hint } of syntaxFaults(this.#parsed, this.#text))
      this.#faults.push(new Fault(`not valid YAML: ${message}`, { place: this.#at(offset), hint }));
    const readable = this.#parsed.errors.every(({ code }) => code === 'MULTIPLE_DOCS');
    const value = readable ? this.#convert(this.#parsed.contents, [], []) : undefined;
    return {
      value: value === leftOut || this.#values >= MOST.values ? undefined : value,
      faults: this.#faults,
      unread: this.#unread,
      place: (path, of = 'value') => this.#place(path, of),
    };
  }

  #place(path: Path, of: 'key' | 'value'): Place {
    for (let length = path.length; length >= 0; length -= 1) {
      const found = this.#places.get(key(path.slice(0, length)));
      if (found === undefined) continue;
      // Something that is missing is reported where it should stand: at the key of the block around it.
      return this.#at(of === 'key' || length < path.length ? (found.key ?? found.value) : found.value);
    }
    return this.#at(0);
  }

  #at(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.#file, line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  #report(path: Path, offset: number, message: string, hint?: string): null {
    if (path.length > 0) this.#unread.push(path);
    this.#faults.push(new Fault(`${pathText(path)}: ${message}`, { place: this.#at(offset), hint }));
    return null;
  }

  /** @param open what is being converted around it: an alias of one of them would have no end */
  #convert(node: Node | null | undefined, path: Path, open: readonly Node[]): unknown {
    if (node === null || node === undefined) return null;
    const offset = node.range?.[0] ?? 0;
    if (!this.#places.has(key(path))) this.#places.set(key(path), { value: offset });
    if (this.#full(path, offset)) return null;
    if (open.length > MOST.levels) return this.#report(path.slice(0, 3), offset, `more than ${MOST.levels} levels`, 'Nest less deeply.');
    if (isAlias(node)) {
      const target = this.#targetOf(node);
      if (target !== undefined && !open.includes(target)) return this.#convert(target, path, [...open, target]);
      const hint = `Name it above with &${node.source}, or put the text in quotes.`;
      return this.#report(path, offset, `the alias *${node.source} leads nowhere`, hint);
    }
    if (isScalar(node)) return this.#scalar(node, path);
    if (isSeq(node))
      return node.items.map((item, index) => this.#convert(item as Node, [...path, index], [...open, node])).filter((item) => item !== leftOut);
    if (!isMap(node)) return null;
    const entries = new Map<string, unknown>();
    this.#collect(node, path, [...open, node], entries);
    for (const [name, value] of entries) if (value === leftOut) entries.delete(name);
    return Object.fromEntries(entries);
  }

  #scalar(node: Scalar, path: Path): unknown {
    const offset = node.range?.[0] ?? 0;
    if (changes(node)) return this.#report(path, offset, `the number ${node.source} would not stay as it is written`, numberHint(node));
    if (typeof node.value === 'object' && node.value !== null) return this.#report(path, offset, 'the tag is not possible here', NO_TAG);
    if (typeof node.value !== 'string') return node.value;
    const filled = filledIn(unveiled(node.value), node.type !== 'PLAIN', this.#lookup, (message, hint) => this.#report(path, offset, message, hint));
    const unseen = typeof filled === 'string' ? unseenIn(filled) : undefined;
    return unseen === undefined ? filled : this.#report(path, offset, `${unseen} does not belong into a text`, UNSEEN_HINT);
  }

  /** What a map has of its own, then what its merge keys add to it. */
  #collect(map: YAMLMap, path: Path, open: readonly Node[], entries: Map<string, unknown>): void {
    if (this.#full(path, map.range?.[0] ?? 0)) return;
    const own = new Map<string, number>();
    for (const { key: keyNode, value } of map.items.filter((pair) => !isMergeKey(pair.key))) {
      const offset = (keyNode as Node | null)?.range?.[0] ?? map.range?.[0] ?? 0;
      const name = this.#keyText(keyNode, path, offset);
      if (name === undefined) continue;
      const inner = [...path, name];
      const first = own.get(name);
      if (UNSAFE.has(name)) this.#report(inner, offset, 'this key is not allowed', 'Remove it, or choose another name.');
      else if (first !== undefined) {
        const hint = `The first is on line ${this.#at(first).line}: keep one.`;
        this.#faults.push(new Fault(`${pathText(inner)}: this key is here a second time`, { place: this.#at(offset), hint }));
      } else if (!entries.has(name)) {
        const child = value as Node | null;
        this.#places.set(key(inner), { key: offset, value: child?.range?.[0] ?? offset });
        entries.set(name, this.#convert(child, inner, open));
      }
      own.set(name, first ?? offset);
    }
    for (const { key: keyNode, value } of map.items.filter((pair) => isMergeKey(pair.key))) this.#merge(keyNode as Node, value, path, open, entries);
  }

  /** A key as text; undefined, and reported, where it is none. */
  #keyText(node: unknown, path: Path, offset: number): string | undefined {
    if (!isScalar(node) || node.value === null || typeof node.value === 'object') {
      const template = this.#text.slice(offset - 1, offset + 1) === '{{';
      const hint = template ? 'Templates are not filled in here: write the value, or a variable.' : undefined;
      this.#report(path, offset, 'a key must be plain text', hint);
      return undefined;
    }
    if (changes(node)) this.#report([...path, node.source ?? ''], offset, 'the number would not stay as it is written', 'Put it in quotes.');
    const name = unveiled(String(node.value));
    const unseen = unseenIn(name);
    if (unseen === undefined) return name;
    this.#report(path, offset, `${unseen} does not belong into a key`, UNSEEN_HINT);
    return undefined;
  }

  #merge(keyNode: Node, value: unknown, path: Path, open: readonly Node[], entries: Map<string, unknown>): void {
    for (const one of isSeq(value) ? value.items : [value]) {
      const target = isAlias(one) ? this.#targetOf(one) : one;
      if (isMap(target) && !open.includes(target) && open.length <= MOST.levels) this.#collect(target, path, [...open, target], entries);
      else this.#report([...path, '<<'], keyNode.range?.[0] ?? 0, 'there is no block to merge', 'Write an alias of a block, such as "<<: *name".');
    }
  }

  /** The library looks through the whole document for each. */
  #targetOf(alias: Alias): Node | undefined {
    if (!this.#targets.has(alias)) this.#targets.set(alias, alias.resolve(this.#parsed));
    return this.#targets.get(alias);
  }

  #full(path: Path, offset: number): boolean {
    this.#values += 1;
    if (this.#values === MOST.values)
      this.#report(path.slice(0, 3), offset, `the aliases up to here stand for more than ${MOST.values} values`, 'Write out what is needed.');
    return this.#values >= MOST.values;
  }
}

/** Why a text is not even parsed; some are small and still cost a parser minutes. */
function excess(text: string): string | undefined {
  if (Buffer.byteLength(text) > MOST.bytes) return `the file is larger than ${MOST.bytes / 1024} KiB`;
  let [tokens, aliases] = [0, 0];
  for (const token of new Lexer().lex(text)) {
    tokens += 1;
    if (token.startsWith('*')) aliases += 1;
  }
  if (aliases > MOST.aliases) return `the file has more than ${MOST.aliases} aliases`;
  return tokens > MOST.tokens ? `the file has more than ${MOST.tokens} words and signs` : undefined;
}

function refused(fault: Fault): Document {
  return { value: undefined, faults: [fault], unread: [], place: () => fault.place ?? { file: '', line: 1, column: 1 } };
}

/** A version such as 4.10 would become 4.1, and what JSON has no number for (`.inf`, `1e400`) null. */
function changes({ value, source }: Scalar): boolean {
  return typeof value === 'number' && String(value) !== source?.replace('+', '');
}

/** Whether a number or text was meant, only its writer knows. */
function numberHint({ value }: Scalar): string {
  const exact = typeof value === 'number' && Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
  return exact ? `Write ${value} where a number is meant; put it in quotes where it is text.` : 'Put it in quotes.';
}

function isMergeKey(node: unknown): boolean {
  return isScalar(node) && node.value === '<<' && node.type === 'PLAIN';
}

/** A path as people write it: `cluster.nodes.zones[1]`. */
export function pathText(path: Path): string {
  if (path.length === 0) return 'the file';
  return path.map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`)).join('');
}

/** The same for `a.b: 1` and `a: { b: 1 }`, which are the same to ZITADEL. */
function key(path: Path): string {
  return path.join('.');
}
