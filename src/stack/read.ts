/**
 * Owns the way from the text of `zitadel.yaml` to a `Stack`: reads it, validates it, completes and checks it, reads the
 * values file that it names, and gathers every problem with its place. The rules themselves are its neighbours'.
 */
import * as v from 'valibot';
import { Fault, Faults } from '../engine/fault.ts';
import { completeStack } from './defaults.ts';
import { type Document, type Path, type Problem, pathText, readDocument } from './document.ts';
import { noticesOf, problemsOf } from './rules.ts';
import { type StackFile, stackSchema } from './schema.ts';
import type { Stack } from './stack.ts';
import { nearest } from './suggest.ts';
import { blueprintVariables, conflicts, type LiftedSecrets, liftSecrets } from './values.ts';

export interface StackSource {
  readonly text: string;
  /** Path of the file, as the user gave it; it appears in messages and annotations. */
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Reads a file named in the stack file; its path is relative to the stack file's folder, joined already. Throws as `readFileSync` does. */
  readonly readFile: (path: string) => string;
}

export interface ReadStack {
  readonly stack: Stack;
  /** Secrets found in the user's values file; hand them to `deriveSecrets` as `overriding`. */
  readonly lifted: LiftedSecrets;
  /** What is allowed and still deserves a word, with its place; to be shown as warnings. */
  readonly notices: readonly Fault[];
}

/**
 * Reads a stack file.
 * @throws Faults with all problems, each with file, line and column, what is wrong and what would be right
 */
export function readStack(source: StackSource): ReadStack {
  const document = readDocument(source.text, source.file, (name) => source.env[name] || undefined);
  // A file that is not YAML, or lacks a variable, would only give errors that follow from that.
  if (document.value === undefined || (document.value === null && document.faults.length > 0)) throw new Faults(document.faults);
  if (document.value === null || typeof document.value !== 'object' || Array.isArray(document.value)) {
    throw new Faults([
      new Fault('the stack file is not a map of settings', {
        place: document.place([]),
        hint: 'Start with "name:", "region:", "domain:" and "contact:".',
      }),
    ]);
  }
  const checked = v.safeParse(stackSchema, document.value, { abortEarly: false });
  const problems = [...unknownKeys(stackSchema, document.value, []), ...(checked.issues?.flatMap((issue) => schemaProblems(issue)) ?? [])];
  const faults = [...document.faults, ...toFaults(problems, document, document.faults)];
  if (!checked.success) throw new Faults(inOrder(faults));
  const bare = completeStack(checked.output, {});
  faults.push(...toFaults(problemsOf(checked.output, bare), document, []));
  const { values, lifted, faults: inValues } = readValues(checked.output, bare, document, source);
  faults.push(...inValues);
  if (faults.length > 0) throw new Faults(inOrder(faults));
  return { stack: { ...bare, zitadel: { ...bare.zitadel, values } }, lifted, notices: toFaults(noticesOf(bare), document, []) };
}

function readValues(
  file: StackFile,
  stack: Stack,
  document: Document,
  source: StackSource,
): { values: Stack['zitadel']['values']; lifted: LiftedSecrets; faults: Fault[] } {
  const none = { values: {}, lifted: { configuration: {} } };
  const { values: named } = file.zitadel;
  if (named === undefined) return { ...none, faults: [] };
  const path = joinPath(source.file, named);
  let text: string;
  try {
    text = source.readFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const fault = new Fault(`zitadel.values: ${path} cannot be read: ${reason}`, {
      place: document.place(['zitadel', 'values']),
      hint: 'The path is relative to the stack file.',
      cause: error,
    });
    return { ...none, faults: [fault] };
  }
  const known = blueprintVariables(stack);
  const read = readDocument(text, path, (name) => source.env[name] || (Object.hasOwn(known, name) ? known[name] : undefined));
  if (read.faults.length > 0) return { ...none, faults: [...read.faults] };
  if (read.value === null) return { ...none, faults: [] };
  if (typeof read.value !== 'object' || Array.isArray(read.value))
    return { ...none, faults: [new Fault('the values file is not a map', { place: read.place([]) })] };
  const given = read.value as Record<string, unknown>;
  const { values, secrets, problems } = liftSecrets(given);
  return { values, lifted: secrets, faults: toFaults([...problems, ...conflicts(given, stack)], read, []) };
}

/** `values.yaml` beside `deploy/zitadel.yaml` is `deploy/values.yaml`. */
function joinPath(file: string, named: string): string {
  if (named.startsWith('/')) return named;
  const folder = file.includes('/') ? file.slice(0, file.lastIndexOf('/') + 1) : '';
  return folder + named.replace(/^(\.\/)+/, '');
}

function toFaults(problems: readonly Problem[], document: Document, known: readonly Fault[]): Fault[] {
  const faults = problems.map(
    ({ path, message, hint, atKey }) =>
      new Fault(`${pathText(path)}: ${message}`, { place: document.place(path, atKey === true ? 'key' : 'value'), hint }),
  );
  // Where a variable is not set, what is wrong with the empty text that is left there says nothing new.
  return faults.filter(({ place }) => !known.some((one) => one.place?.line === place?.line && one.place?.column === place?.column));
}

function inOrder(faults: readonly Fault[]): Fault[] {
  const compare = (one: Fault, other: Fault): number => {
    if (one.place?.file !== other.place?.file) return 0;
    return (one.place?.line ?? 0) - (other.place?.line ?? 0) || (one.place?.column ?? 0) - (other.place?.column ?? 0);
  };
  return [...faults].sort(compare);
}

type AnySchema = v.GenericSchema & {
  entries?: Record<string, AnySchema>;
  wrapped?: AnySchema;
  item?: AnySchema;
  options?: readonly unknown[];
  pipe?: readonly unknown[];
};

function bare(schema: AnySchema): AnySchema {
  return schema.wrapped === undefined ? schema : bare(schema.wrapped);
}

/** Keys that the schema does not know; valibot itself would name the first of a block only. */
function unknownKeys(schema: AnySchema, value: unknown, path: Path): Problem[] {
  const inner = bare(schema);
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return [];
  const entries = inner.entries ?? (inner.options as AnySchema[] | undefined)?.map(bare).find((option) => option.entries !== undefined)?.entries;
  if (entries === undefined) return [];
  return Object.entries(value).flatMap(([key, child]): Problem[] => {
    const entry = Object.hasOwn(entries, key) ? entries[key] : undefined;
    if (entry !== undefined) return unknownKeys(entry, child, [...path, key]);
    const known = Object.keys(entries).filter((name) => name !== '$schema');
    const near = nearest(key, known);
    const hint = near === undefined ? `Known here: ${known.join(', ')}.` : `Did you mean "${near}"?`;
    return [{ path: [...path, key], message: 'unknown key', hint, atKey: true }];
  });
}

function schemaProblems(issue: v.BaseIssue<unknown>, before: Path = []): Problem[] {
  const path = [...before, ...(issue.path ?? []).map(({ key }) => key as string | number)];
  const at = { path, message: '', hint: undefined };
  if (issue.type === 'strict_object' && issue.received === 'undefined') return [{ ...at, message: `missing${hintFor(path)}` }];
  if (issue.type === 'strict_object' && issue.expected === 'never') return [];
  if (issue.type === 'union') {
    const fitting = (issue.issues ?? []).filter(
      (inner) => (typeof issue.input === 'object') === (inner.type === 'strict_object' || (inner.path ?? []).length > 0),
    );
    if (fitting.length > 0 && !(fitting.length === 1 && fitting[0]?.kind === 'schema' && (fitting[0].path ?? []).length === 0)) {
      return fitting.flatMap((inner) => schemaProblems(inner, path));
    }
    return [{ ...at, message: `${shown(issue.input)} is not possible here`, hint: expectation(path) }];
  }
  if (issue.type === 'picklist') {
    const options = [...new Set((issue as unknown as { expected: string }).expected.replace(/[()"]/g, '').split(' | '))];
    const near = nearest(String(issue.input), options);
    return [
      {
        ...at,
        message: `${shown(issue.input)} is not possible`,
        hint: `${near === undefined ? '' : `Did you mean "${near}"? `}Right would be ${list(options)}.`,
      },
    ];
  }
  if (issue.kind === 'validation') return [{ ...at, message: `${shown(issue.input)} is not right`, hint: `Right would be ${issue.message}.` }];
  return [{ ...at, message: `${shown(issue.input)} is ${kindOf(issue.input)}, not ${wanted(issue.expected)}`, hint: expectation(path) }];
}

/** What would be right at a path, from the schema's own patterns. */
function expectation(path: Path): string | undefined {
  let schema: AnySchema | undefined = stackSchema as unknown as AnySchema;
  for (const part of path) {
    const inner: AnySchema | undefined = schema === undefined ? undefined : bare(schema);
    schema = typeof part === 'number' ? inner?.item : inner?.entries?.[part];
  }
  if (schema === undefined) return undefined;
  const inner = bare(schema);
  const candidates = [inner, ...((inner.options ?? []) as AnySchema[])];
  for (const { pipe } of candidates.filter((one) => typeof one === 'object')) {
    const pattern = (pipe ?? []).find((part) => (part as { kind?: string }).kind === 'validation') as { message?: unknown } | undefined;
    if (typeof pattern?.message === 'string') return `Right would be ${pattern.message}.`;
  }
  return undefined;
}

function hintFor(path: Path): string {
  const right = expectation(path);
  return right === undefined ? '' : `; ${right.charAt(0).toLowerCase()}${right.slice(1, -1)}`;
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? `"${value}"` : (JSON.stringify(value) ?? 'nothing');
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

function kindOf(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  const kinds: Record<string, string> = { string: 'text', number: 'a number', boolean: 'true or false', object: 'a block' };
  return kinds[typeof value] ?? 'something else';
}

function wanted(expected: string | null): string {
  const kinds: Record<string, string> = {
    string: 'text (put it in quotes)',
    number: 'a number',
    boolean: 'true or false',
    Array: 'a list',
    Object: 'a block',
  };
  return kinds[expected ?? ''] ?? 'what is expected here';
}

function list(options: readonly string[]): string {
  return options.length < 2 ? options.join('') : `${options.slice(0, -1).join(', ')} or ${options.at(-1)}`;
}
