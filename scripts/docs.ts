/**
 * Owns the generated parts of the documentation: the JSON Schema and the reference of the stack file from its schema, the
 * tables of inputs and outputs in README from action.yml. `node scripts/node24.mjs scripts/docs.ts` writes them; a unit
 * test checks that they are up to date.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toJsonSchema } from '@valibot/to-json-schema';
import { parse } from 'yaml';
import { stackSchema } from '../src/stack/schema.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

interface Schema {
  type?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  anyOf?: Schema[];
  enum?: unknown[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
  multipleOf?: number;
  default?: unknown;
  description?: string;
  [key: string]: unknown;
}

interface Action {
  inputs: Record<string, { description: string; default?: string }>;
  outputs: Record<string, { description: string }>;
}

/** Each generated file by its path from the root, as it should be. */
export function generated(): Record<string, string> {
  const schema = toJsonSchema(stackSchema, { typeMode: 'input' }) as Schema;
  const action = parse(readFileSync(join(root, 'action.yml'), 'utf8')) as Action;
  return {
    'docs/zitadel.schema.json': formatted('x.json', JSON.stringify({ title: 'Stack file of zitadel-on-otc', ...withVariables(schema) })),
    'docs/stack-file.md': between('docs/stack-file.md', { reference: reference(schema) }),
    'README.md': between('README.md', {
      inputs: table(
        ['Input', 'Default', 'Description'],
        Object.entries(action.inputs).map(([name, input]) => [
          `\`${name}\``,
          input.default === undefined ? '' : `\`${input.default}\``,
          cell(input.description),
        ]),
      ),
      outputs: table(
        ['Output', 'Description'],
        Object.entries(action.outputs).map(([name, output]) => [`\`${name}\``, cell(output.description)]),
      ),
    }),
  };
}

/** Editors must accept `${VAR}` wherever a value may stand. */
function withVariables(schema: Schema): Schema {
  const inner: Schema = { ...schema };
  if (schema.properties !== undefined)
    inner.properties = Object.fromEntries(Object.entries(schema.properties).map(([key, one]) => [key, withVariables(one)]));
  if (schema.items !== undefined) inner.items = withVariables(schema.items);
  if (schema.anyOf !== undefined) inner.anyOf = schema.anyOf.map(withVariables);
  const scalar = schema.enum !== undefined || ['number', 'integer', 'boolean'].includes(schema.type ?? '') || schema.pattern !== undefined;
  if (!scalar) return inner;
  const { description, default: fallback, ...limits } = inner;
  return {
    ...(description === undefined ? {} : { description }),
    ...(fallback === undefined ? {} : { default: fallback }),
    anyOf: [limits, { type: 'string', pattern: '\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}' }],
  };
}

/** One row a setting. */
function reference(schema: Schema): string {
  const rows: string[][] = [];
  const add = (of: Schema, path: string): void => {
    for (const [key, one] of Object.entries(of.properties ?? {})) {
      if (key === '$schema' || key === 'existing') continue;
      const name = path === '' ? key : `${path}.${key}`;
      const options = one.anyOf ?? [one];
      const block = options.find((option) => option.properties !== undefined);
      const description = one.description ?? options.map((option) => option.description).find((text) => text !== undefined) ?? '';
      const isBlock = block !== undefined && options.length === 1;
      if (!isBlock) rows.push([`\`${name}\``, kind(one), (of.required ?? []).includes(key) ? '**required**' : shown(one.default), cell(description)]);
      if (isBlock) add(block, name);
    }
  };
  add(schema, '');
  return table(['Setting', 'Values', 'Default', 'Meaning'], rows);
}

function kind(schema: Schema): string {
  if (schema.enum !== undefined) return [...new Set(schema.enum.map(String))].map((one) => `\`${one}\``).join(', ');
  if (schema.anyOf !== undefined)
    return [...new Set(schema.anyOf.map((one) => (one.properties === undefined ? kind(one) : `{ ${Object.keys(one.properties).join(', ')} }`)))].join(
      ' or ',
    );
  if (schema.type === 'array') return 'list';
  if (schema.type === 'boolean') return '`true`, `false`';
  if (schema.type === 'number' || schema.type === 'integer')
    return `${schema.minimum} to ${schema.maximum}${schema.multipleOf === undefined ? '' : `, step ${schema.multipleOf}`}`;
  return 'text';
}

function shown(value: unknown): string {
  if (value === undefined) return '';
  return `\`${Array.isArray(value) ? `[${value.join(', ')}]` : String(value)}\``;
}

function cell(text: string): string {
  return text.replaceAll('\n', ' ').replaceAll('|', '\\|').trim();
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

/** A page with what stands between its markers replaced. */
function between(file: string, parts: Record<string, string>): string {
  let text = readFileSync(join(root, file), 'utf8');
  for (const [name, content] of Object.entries(parts)) {
    const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
    if (!text.includes(start) || !text.includes(end)) throw new Error(`${file} lacks the markers ${start} … ${end}`);
    text = `${text.slice(0, text.indexOf(start) + start.length)}\n\n${content}\n\n${text.slice(text.indexOf(end))}`;
  }
  return formatted(file, text);
}

/** JSON as the formatter wants it; Markdown is written as it shall stand. */
function formatted(name: string, text: string): string {
  if (!name.endsWith('.json')) return text;
  return execFileSync(join(root, 'node_modules/.bin/biome'), ['format', `--stdin-file-path=${name}`], { cwd: root, input: text, encoding: 'utf8' });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [file, content] of Object.entries(generated())) writeFileSync(join(root, file), content);
}
