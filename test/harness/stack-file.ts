/** Owns the stack file that scenarios start from, and changes to it; the same stack as `npm run sandbox` deploys. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';

type Tree = { readonly [key: string]: unknown };

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);

function laid(base: Tree, over: Tree): Tree {
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const before = result[key];
    if (value === undefined) delete result[key];
    else result[key] = isTree(before) && isTree(value) ? laid(before, value) : value;
  }
  return result;
}

/** The text of the sandbox's stack file with these settings laid over it; `undefined` takes a setting away. */
export function stackFile(over: Tree = {}): string {
  const base = parse(readFileSync(join(import.meta.dirname, '../../sandbox/stack/zitadel.yaml'), 'utf8')) as Tree;
  return stringify(laid(base, over));
}
