/**
 * Owns the way from the text of `zitadel.yaml` to a `Stack`: reads it, validates it, completes and checks it, reads the
 * values file that it names, and gathers every problem with its place. The rules themselves are its neighbours'.
 */
import * as v from 'valibot';
import { Fault, Faults, type Place } from '../engine/fault.ts';
import { conflicts } from './conflicts.ts';
import { completeStack } from './defaults.ts';
import { type Document, type Path, type Problem, pathText, readDocument } from './document.ts';
import { schemaProblems, unknownKeys } from './explain.ts';
import { noticesOf, problemsOf } from './rules.ts';
import { type StackFile, stackSchema } from './schema.ts';
import { settingIn } from './setting.ts';
import type { Stack } from './stack.ts';
import { adoptValues, blueprintVariables, type LiftedSecrets, liftSecrets } from './values.ts';

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
  /**
   * The place of the setting that a text is about: named, such as `database.flavor`, or quoted by its value, such as
   * `s3.large.4`; undefined where the file has nothing of it.
   */
  placeOf(text: string): Place | undefined;
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
  const { output, problems, failed } = validate(document.value, document.unset);
  const faults = [...document.faults, ...toFaults(problems, document)];
  if (output === undefined) throw new Faults(inOrder(faults));
  const bare = completeStack(output, {});
  // Where a block is broken, rules about it would only repeat that.
  const broken = brokenBlocks(failed);
  faults.push(
    ...toFaults(
      problemsOf(output, bare).filter(({ path }) => !broken.has(String(path[0]))),
      document,
    ),
  );
  const fromValues = readValues(output, bare, document, source, broken);
  faults.push(...fromValues.faults);
  if (faults.length > 0) throw new Faults(inOrder(faults));
  return {
    stack: adoptValues(bare, fromValues.values),
    lifted: fromValues.lifted,
    notices: toFaults(noticesOf(bare), document),
    placeOf: (text) => {
      const path = settingIn(text, document.value as Readonly<Record<string, unknown>>);
      return path === undefined ? undefined : document.place(path, 'key');
    },
  };
}

/**
 * Validates against the schema. Where something is wrong, it is taken out and the rest validated again, so that the
 * rules between settings still find their own problems; `failed` names what was taken out.
 */
function validate(value: unknown, unset: readonly Path[]): { output?: StackFile; problems: Problem[]; failed: readonly Path[] } {
  const checked = v.safeParse(stackSchema, value);
  const known = new Set(unset.map((path) => JSON.stringify(path)));
  const found = [...unknownKeys(value), ...(checked.issues ?? []).flatMap((issue) => schemaProblems(issue))];
  const problems = found.filter(({ path }) => !known.has(JSON.stringify(path)));
  const failed = [...found.map(({ path }) => path), ...unset];
  if (checked.success && failed.length === 0) return { output: checked.output, problems, failed };
  const repaired = structuredClone(value) as Record<string, unknown>;
  for (const path of failed) remove(repaired, path);
  const again = v.safeParse(stackSchema, {
    name: 'stack',
    region: 'eu-de',
    domain: 'login.example.com',
    contact: 'contact@example.com',
    ...repaired,
  });
  return again.success ? { output: again.output, problems, failed } : { problems, failed };
}

/** Blocks that a broken setting makes unfit for rules: its own, and those whose rules look at it. */
function brokenBlocks(failed: readonly Path[]): Set<string> {
  const lookedAtBy = new Map<string, readonly string[]>([
    ['region', ['database', 'cluster', 'loadBalancer', 'network']],
    ['domain', ['dns']],
    ['dns', ['domain']],
    ['network', ['cluster']],
    ['cluster', ['loadBalancer', 'database']],
  ]);
  return new Set(failed.flatMap(([block]) => [String(block), ...(lookedAtBy.get(String(block)) ?? [])]));
}

/** Takes a setting out; of a list, the whole list. */
function remove(from: Record<string, unknown>, path: Path): void {
  const end = path.findIndex((part) => typeof part === 'number');
  const keys = (end === -1 ? path : path.slice(0, end)).map(String);
  const last = keys.pop();
  let at: unknown = from;
  for (const key of keys) at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[key] : undefined;
  if (last !== undefined && typeof at === 'object' && at !== null) delete (at as Record<string, unknown>)[last];
}

function readValues(
  file: StackFile,
  stack: Stack,
  document: Document,
  source: StackSource,
  broken: ReadonlySet<string>,
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
  return { values, lifted: secrets, faults: toFaults([...problems, ...(broken.size === 0 ? conflicts(given, stack) : [])], read) };
}

/** `values.yaml` beside `deploy/zitadel.yaml` is `deploy/values.yaml`. */
function joinPath(file: string, named: string): string {
  if (named.startsWith('/')) return named;
  const folder = file.includes('/') ? file.slice(0, file.lastIndexOf('/') + 1) : '';
  return folder + named.replace(/^(\.\/)+/, '');
}

function toFaults(problems: readonly Problem[], document: Document): Fault[] {
  return problems.map(
    ({ path, message, hint, atKey }) =>
      new Fault(`${pathText(path)}: ${message}`, { place: document.place(path, atKey === true ? 'key' : 'value'), hint }),
  );
}

function inOrder(faults: readonly Fault[]): Fault[] {
  const compare = (one: Fault, other: Fault): number => {
    if (one.place?.file !== other.place?.file) return 0;
    return (one.place?.line ?? 0) - (other.place?.line ?? 0) || (one.place?.column ?? 0) - (other.place?.column ?? 0);
  };
  return [...faults].sort(compare);
}
