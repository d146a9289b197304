/**
 * Owns the words for what the schema refuses: what is wrong, what would be right, "did you mean". What is checked is
 * `schema.ts`'s, where it stands in the file `document.ts`'s business.
 */
import { domainToASCII } from 'node:url';
import type * as v from 'valibot';
import type { Path, Problem } from './document.ts';
import { stackSchema } from './schema.ts';
import { nearest } from './suggest.ts';

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

/** Where people look for secrets in the stack file, and the inputs that take them. */
const SECRET_INPUTS: readonly (readonly [RegExp, string])[] = [
  [/master[-_]?key$/i, 'masterkey'],
  [/stack[-_]?secret$/i, 'stack-secret'],
  [/admin[-_.]?(password|pwd)$/i, 'admin-password'],
  [/database.*user[-_.]?(password|pwd)$/i, 'database-user-password'],
  [/database.*(password|pwd)$/i, 'database-password'],
  [/bastion.*key$/i, 'bastion-key'],
  [/access[-_]?key$/i, 'access-key'],
  [/secret[-_]?key$/i, 'secret-key'],
];

export interface UnknownKey extends Problem {
  /** The setting that was most likely meant. */
  readonly meant: Path | undefined;
}

/** Keys that the schema does not know, of which valibot itself would name the first of a block only; and lists, which it takes for blocks. */
export function unknownKeys(value: unknown, path: Path = [], schema: AnySchema = stackSchema as unknown as AnySchema): UnknownKey[] {
  const inner = bare(schema);
  if (typeof value !== 'object' || value === null) return [];
  const entries = inner.entries ?? (inner.options as AnySchema[] | undefined)?.map(bare).find((option) => option.entries !== undefined)?.entries;
  if (entries === undefined) return [];
  if (Array.isArray(value)) {
    const hint = `Write its settings without "-" and without [ ]; known here: ${Object.keys(entries).join(', ')}.`;
    return [{ path, message: `${shown(value)} is a list, not a block`, hint, meant: undefined }];
  }
  return Object.entries(value).flatMap(([key, child]): UnknownKey[] => {
    const entry = Object.hasOwn(entries, key) ? entries[key] : undefined;
    if (entry !== undefined) return unknownKeys(child, [...path, key], entry);
    const known = Object.keys(entries).filter((name) => name !== '$schema');
    const input = SECRET_INPUTS.find(([pattern]) => pattern.test([...path, key].join('.')))?.[1];
    if (input !== undefined)
      return [
        {
          path: [...path, key],
          message: 'unknown key',
          hint: `Secrets are inputs of the step: give the input ${input}.`,
          atKey: true,
          meant: undefined,
        },
      ];
    const near = nearest(key, known);
    const hint = near === undefined ? `Known here: ${known.join(', ')}.` : `Did you mean "${near}"?`;
    return [{ path: [...path, key], message: 'unknown key', hint, atKey: true, meant: near === undefined ? undefined : [...path, near] }];
  });
}

/** What is wrong by one issue of valibot, in our words; `before` is the path of what holds it. */
export function schemaProblems(issue: v.BaseIssue<unknown>, before: Path = []): Problem[] {
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
    const near = typeof issue.input === 'string' ? nearest(issue.input, options) : undefined;
    return [
      {
        ...at,
        message: `${shown(issue.input)} is not possible`,
        hint: `${near === undefined ? '' : `Did you mean "${near}"? `}Right would be ${list(options)}.`,
      },
    ];
  }
  if (issue.input === null) {
    const block = issue.expected === 'Object';
    const right = block
      ? 'Write its settings below it, indented, or remove the line.'
      : `${expectation(path) ?? 'Give a value.'} Or remove the line.`;
    return [{ ...at, message: `nothing is given here${block ? ', where a block should be' : ''}`, hint: right }];
  }
  if (issue.kind === 'validation') {
    const ascii = inDns(issue);
    const hint = ascii === undefined ? `Right would be ${issue.message}.` : `In DNS it is written "${ascii}".`;
    return [{ ...at, message: `${shown(issue.input)} is not right`, hint }];
  }
  return [
    {
      ...at,
      message: `${shown(issue.input)} is ${kindOf(issue.input)}, not ${wanted(issue.expected)}`,
      hint: issue.expected === 'Array' ? 'Write a list, such as [a, b].' : expectation(path),
    },
  ];
}

/** A name or address with letters outside ASCII as DNS has it, where that would be right (RFC 5891). */
function inDns({ input, requirement }: v.BaseIssue<unknown> & { readonly requirement?: unknown }): string | undefined {
  if (typeof input !== 'string' || !/[^ -~]/.test(input) || !(requirement instanceof RegExp)) return undefined;
  const host = input.slice(input.lastIndexOf('@') + 1);
  const ascii = input.slice(0, input.length - host.length) + domainToASCII(host);
  return host.includes('.') && requirement.test(ascii) ? ascii : undefined;
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
  const kinds = candidates.flatMap((one) => (one.type === 'boolean' ? ['true', 'false'] : one.entries === undefined ? [] : [blockOf(one.entries)]));
  return kinds.length < 2 ? undefined : `Right would be ${list(kinds)}.`;
}

function blockOf(entries: Readonly<Record<string, AnySchema>>): string {
  return `{ ${Object.keys(entries)
    .map((name) => `${name}: …`)
    .join(', ')} }`;
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
