/** Owns finding the setting that a message is about, by its name or by its value. Pure. */
import type { Path } from './document.ts';

/** A setting as messages name it. */
const NAME = /(?<![\w.-])[a-z][A-Za-z]*(?:\.[a-z][A-Za-z0-9]*)+(?![\w-])/g;
/** Blocks whose values stand in messages about anything. */
const EVERYWHERE = new Set(['name', 'region', 'domain', 'contact', 'format']);
/** Shorter values are found by chance. */
const SHORTEST = 4;

/** Path of the setting, or of the block around it where it is left to its default; the longest value that the text quotes wins. */
export function settingIn(text: string, file: Readonly<Record<string, unknown>>): Path | undefined {
  const named = [...text.matchAll(NAME)].map(([name]) => name.split('.')).find(([block = '']) => Object.hasOwn(file, block));
  if (named !== undefined) return named;
  // One that stands in no block is named where the text begins.
  const [, single] = /^([a-z]+) is /.exec(text) ?? [];
  if (single !== undefined && Object.hasOwn(file, single)) return [single];
  const quoted = values(file, []).filter(({ path, value }) => !EVERYWHERE.has(String(path[0])) && value.length >= SHORTEST && isWord(value, text));
  return quoted.sort((one, other) => other.value.length - one.value.length)[0]?.path;
}

function values(value: unknown, path: Path): { path: Path; value: string }[] {
  if (typeof value === 'string') return [{ path, value }];
  if (Array.isArray(value)) return value.flatMap((item, index) => values(item, [...path, index]));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => values(inner, [...path, key]));
}

/** Not as a part of a longer name. */
function isWord(value: string, text: string): boolean {
  const at = text.indexOf(value);
  return at >= 0 && !/[\w-]/.test(text[at - 1] ?? '') && !/[\w-]|\.\w/.test(text.slice(at + value.length, at + value.length + 2));
}
