/**
 * Owns the way from the text of `zitadel.yaml` to a `Stack`: reads it, validates it, completes and checks it, reads the
 * values file that it names, and gathers every problem with its place. The rules themselves are its neighbours'.
 */
import { asFault, Fault, Faults, type Place } from '../engine/fault.ts';
import { conflicts } from './conflicts.ts';
import { completeStack } from './defaults.ts';
import { type Document, type Path, type Problem, pathText, readDocument } from './document.ts';
import { validate } from './repair.ts';
import { noticesOf, problemsOf } from './rules.ts';
import type { StackFile } from './schema.ts';
import type { Values } from './secret-keys.ts';
import { settingIn } from './setting.ts';
import type { Stack } from './stack.ts';
import { adoptValues, blueprintVariables, type LiftedSecrets, liftSecrets, nested } from './values.ts';

export interface StackSource {
  readonly text: string;
  /** Path of the file, as the user gave it; it appears in messages and annotations. */
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Reads a file named in the stack file; its path is relative to the stack file's folder, joined already. Throws where it cannot. */
  readonly readFile: (path: string) => string;
}

export interface ReadStack {
  readonly stack: Stack;
  /** Secrets found in the user's values file; hand them to `deriveSecrets` as `overriding`. */
  readonly lifted: LiftedSecrets;
  /** What of the lifted configuration is no secret, for the plan digest. */
  readonly told: Values;
  /** What is allowed and still deserves a word, with its place; to be shown as warnings. What only they need is loaded then. */
  readonly notices: () => Promise<readonly Fault[]>;
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
  // A file that is not YAML would only give errors that follow from that.
  if (document.value === undefined || (document.value === null && document.faults.length > 0)) throw new Faults(document.faults);
  if (document.value === null || typeof document.value !== 'object' || Array.isArray(document.value)) {
    const message = document.value === null ? 'the stack file is empty' : 'the stack file is not a map of settings';
    const hint = 'Start with "name:", "region:", "domain:" and "contact:", each with its value on the same line.';
    throw new Faults([...document.faults, new Fault(message, { place: document.place([]), hint })]);
  }
  const { output, problems, spoiled, counts } = validate(document.value, document.unread);
  const bare = completeStack(output, {});
  const faults = [...document.faults, ...toFaults([...problems, ...problemsOf(output, bare).filter(counts)], document)];
  const fromValues = readValues(output, bare, document, source, spoiled);
  faults.push(...fromValues.faults);
  if (faults.length > 0) throw new Faults(inOrder(faults));
  return {
    stack: adoptValues(bare, fromValues.values),
    lifted: fromValues.lifted,
    told: fromValues.told,
    notices: async () => [...toFaults(noticesOf(bare), document), ...(await fromValues.notices())],
    placeOf: (text) => {
      const path = settingIn(text, document.value as Readonly<Record<string, unknown>>);
      return path === undefined ? undefined : document.place(path, 'key');
    },
  };
}

function readValues(
  file: StackFile,
  stack: Stack,
  document: Document,
  source: StackSource,
  spoiled: (setting: string) => boolean,
): Pick<ReadStack, 'lifted' | 'told' | 'notices'> & { values: Stack['zitadel']['values']; faults: Fault[] } {
  const none = { values: {}, lifted: { configuration: {} }, told: {}, notices: async () => [] };
  const { values: named } = file.zitadel;
  if (named === undefined) return { ...none, faults: [] };
  const path = joinPath(source.file, named);
  let text: string;
  try {
    text = source.readFile(path);
  } catch (error) {
    const { message, hint = 'The path is relative to the stack file.' } = asFault(error);
    const fault = new Fault(`zitadel.values: ${message}`, { place: document.place(['zitadel', 'values']), hint, cause: error });
    return { ...none, faults: [fault] };
  }
  const known = blueprintVariables(stack);
  const read = readDocument(text, path, (name) => source.env[name] || (Object.hasOwn(known, name) ? known[name] : undefined));
  if (read.value === null || read.value === undefined) return { ...none, faults: [...read.faults] };
  if (typeof read.value !== 'object' || Array.isArray(read.value)) {
    const hint = 'Write it as the values.yaml of ZITADEL’s chart: "zitadel:" and what belongs to it.';
    return { ...none, faults: [...read.faults, new Fault('the values file is not a map', { place: read.place([]), hint })] };
  }
  const given = nested(read.value as Record<string, unknown>);
  const { values, secrets, told, problems } = liftSecrets(given);
  const sound = conflicts(given, stack).filter(({ reads = [] }) => !reads.some(spoiled));
  const reported = (path: Path): boolean => read.unread.some((other) => other.every((part, index) => part === path[index]));
  const found = [...problems, ...sound].filter(({ path }) => !reported(path));
  const notices = async (): Promise<Fault[]> => inOrder(toFaults((await import('./chart-keys.ts')).misspelled(values), read));
  return { values, lifted: secrets, told, notices, faults: [...read.faults, ...toFaults(found, read)] };
}

/** `values.yaml` beside `deploy/zitadel.yaml` is `deploy/values.yaml`. */
function joinPath(file: string, named: string): string {
  if (named.startsWith('/')) return named;
  // Where `..` leads is for the reader to judge.
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
