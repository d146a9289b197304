/**
 * Owns reading YAML into plain values with the place of each of them, and `${VAR}`: it is substituted in parsed scalars,
 * never in text, so that no value can change the document around it. What the values mean is `read.ts`'s and `values.ts`'s.
 */
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type Scalar } from 'yaml';
import { Fault, type Place } from '../engine/fault.ts';

export type Path = readonly (string | number)[];

/** Something wrong at a path of the file: what, and what would be right. */
export interface Problem {
  readonly path: Path;
  readonly message: string;
  readonly hint?: string | undefined;
  /** Point at the key and not at its value. */
  readonly atKey?: boolean;
}

/** What a variable stands for: text, nothing known (`undefined`: an error), or `leftOut`: its key is dropped. */
export type Lookup = (name: string) => string | undefined | typeof leftOut;
export const leftOut: unique symbol = Symbol('left out');

export interface Document {
  /** Plain data: maps, lists, text, numbers, booleans, null. */
  readonly value: unknown;
  /** Syntax errors, undefined variables; where there are any, the value is not complete. */
  readonly faults: readonly Fault[];
  /** Paths whose text could not be completed, because a variable in it is not set. */
  readonly unset: readonly Path[];
  /** Place of a value, or of its key; of the nearest thing around it where the path is not in the file. */
  place(path: Path, of?: 'key' | 'value'): Place;
}

/** Keys that mean something to JavaScript's own objects. */
const UNSAFE: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** Reads a YAML document (YAML 1.2, one document, no duplicate keys). */
export function readDocument(text: string, file: string, lookup: Lookup): Document {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: false });
  const places = new Map<string, { key?: number; value: number }>();
  const faults: Fault[] = [];
  const unset: Path[] = [];
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  for (const error of [...document.errors, ...document.warnings]) {
    const place = at(error.pos[0]);
    const quote = text.split('\n')[place.line - 1]?.includes('${') === true;
    const hint = quote ? `Inside [ ] and { }, write a variable in quotes: "\${NAME}".` : 'Check indentation, quotes and colons around this place.';
    faults.push(new Fault(`not valid YAML: ${error.message.replaceAll('\n', ' ')}`, { place, hint }));
  }

  const scalar = (node: Scalar, path: Path): unknown => {
    if (typeof node.value !== 'string') return typeof node.value === 'bigint' ? node.value.toString() : node.value;
    const place = at(node.range?.[0] ?? 0);
    const result = substitute(node.value, lookup, (message, hint) => {
      unset.push(path);
      faults.push(new Fault(`${pathText(path)}: ${message}`, { place, hint }));
    });
    return node.type === 'PLAIN' && typeof result === 'string' && WHOLE.test(node.value) ? typed(result) : result;
  };
  const convert = (node: Node | null | undefined, path: Path, open: readonly Node[]): unknown => {
    if (node === null || node === undefined) return null;
    if (!places.has(key(path))) places.set(key(path), { value: node.range?.[0] ?? 0 });
    if (isAlias(node)) {
      const target = node.resolve(document);
      if (target === undefined || open.includes(target)) {
        faults.push(new Fault(`${pathText(path)}: the alias *${node.source} leads nowhere`, { place: at(node.range?.[0] ?? 0) }));
        return null;
      }
      return convert(target, path, [...open, target]);
    }
    if (isScalar(node)) return scalar(node, path);
    if (isSeq(node))
      return node.items.map((item, index) => convert(item as Node, [...path, index], [...open, node])).filter((item) => item !== leftOut);
    if (!isMap(node)) return null;
    const entries: [string, unknown][] = [];
    for (const { key: keyNode, value } of node.items) {
      const offset = (keyNode as Node | null)?.range?.[0] ?? node.range?.[0] ?? 0;
      if (!isScalar(keyNode) || keyNode.value === null || typeof keyNode.value === 'object') {
        faults.push(new Fault(`${pathText(path)}: a key must be plain text`, { place: at(offset) }));
        continue;
      }
      const name = String(keyNode.value);
      const inner = [...path, name];
      if (UNSAFE.has(name)) {
        faults.push(new Fault(`${pathText(inner)}: this key is not allowed`, { place: at(offset), hint: 'Remove it, or choose another name.' }));
        continue;
      }
      const child = value as Node | null;
      places.set(key(inner), { key: offset, value: child?.range?.[0] ?? offset });
      const converted = convert(child, inner, [...open, node]);
      if (converted !== leftOut) entries.push([name, converted]);
    }
    return Object.fromEntries(entries);
  };

  const value = document.errors.length > 0 ? undefined : convert(document.contents, [], []);
  return {
    value: value === leftOut ? undefined : value,
    faults,
    unset,
    place: (path, of = 'value') => {
      for (let length = path.length; length >= 0; length -= 1) {
        const found = places.get(key(path.slice(0, length)));
        if (found === undefined) continue;
        // Something that is missing is reported where it should stand: at the key of the block around it.
        return at(of === 'key' || length < path.length ? (found.key ?? found.value) : found.value);
      }
      return at(0);
    },
  };
}

/** A path as people write it: `cluster.nodes.zones[1]`. */
export function pathText(path: Path): string {
  if (path.length === 0) return 'the file';
  return path.map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`)).join('');
}

const WHOLE = /^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/;

function substitute(text: string, lookup: Lookup, report: (message: string, hint: string) => void): string | typeof leftOut {
  let out: string | typeof leftOut = '';
  let last = 0;
  const add = (part: string): void => {
    if (out !== leftOut) out += part;
  };
  for (const match of text.matchAll(/\$\$\{|\$\{([^}]*)(\}?)/g)) {
    add(text.slice(last, match.index));
    last = match.index + match[0].length;
    const name = match[1];
    if (name === undefined) {
      add('${');
      continue;
    }
    if (match[2] === '' || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      report(`"${match[0]}" is not a variable`, `Write \${NAME} for the environment variable NAME, or $\${ for a literal \${.`);
      continue;
    }
    const found = lookup(name);
    if (found === leftOut && WHOLE.test(text)) out = leftOut;
    else if (found === undefined || found === leftOut)
      report(`the variable ${name} is not set`, `Set it under "env:" of the step, or write the value here. Secrets do not belong here.`);
    else add(found);
  }
  add(text.slice(last));
  return out;
}

/** An unquoted `${VAR}` takes the type that YAML would give it, as far as nothing of the text is lost. */
function typed(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  const number = Number(text);
  return /^-?\d+$/.test(text) && Number.isSafeInteger(number) && String(number) === text ? number : text;
}

function key(path: Path): string {
  return JSON.stringify(path);
}
