/** Owns `--input NAME=VALUE` of the command line: the inputs of the action's `action.yml`, and which of them were said. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

/** These have options of their own. */
const options: Readonly<Record<string, string>> = { command: '--command', config: '--config', target: '--target', 'confirm-destroy': '--confirm' };

/** @throws Error for a pair that is none, an input that the action does not know, or one that has an option of its own */
export function readInputs(pairs: readonly string[]): Readonly<Record<string, string>> {
  if (pairs.length === 0) return {};
  const action = parse(readFileSync(join(import.meta.dirname, '../../action.yml'), 'utf8')) as { readonly inputs: Readonly<Record<string, unknown>> };
  const known = Object.keys(action.inputs);
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      // The value may be a secret.
      const name = at < 0 ? pair : pair.slice(0, at);
      if (at < 1) throw new Error(`--input ${name}: write NAME=VALUE`);
      if (!known.includes(name)) {
        const [near = ''] = [...known].sort((one, other) => edits(name, one) - edits(name, other));
        const meant = edits(name, near) <= Math.max(2, near.length / 4) ? `did you mean ${near}?` : `there are ${known.join(', ')}`;
        throw new Error(`--input ${name}: the action has no such input; ${meant}`);
      }
      const option = options[name];
      if (option !== undefined) throw new Error(`--input ${name}: say it with ${option}`);
      return [name, pair.slice(at + 1)] as const;
    }),
  );
}

/** Letters to add, drop or replace between two words (Levenshtein). */
function edits(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...one].entries()) {
    const next = [index + 1];
    for (const [place, wanted] of [...other].entries())
      next.push(Math.min((next[place] ?? 0) + 1, (row[place + 1] ?? 0) + 1, (row[place] ?? 0) + (letter === wanted ? 0 : 1)));
    row = next;
  }
  return row.at(-1) ?? 0;
}
