/**
 * Owns what an answer must hold so that the client can go on with it: the fields without which the code behind cannot tell what is there.
 * A list that is missing must never pass for an empty one, or what it would have told of is made a second time.
 */

/** `[shape, 'or null']` is a list in whose place null may come when it is empty; `or nothing`, one that may be left out as well. */
export type Shape = 'text' | 'number' | 'flag' | readonly [Shape] | readonly [Shape, 'or null' | 'or nothing'] | { readonly [field: string]: Shape };

const TYPES = { text: 'string', number: 'number', flag: 'boolean' } as const;

/** What is not as it must be, in words, for example `vpc.id is missing`; undefined where all is. */
export function misfit(value: unknown, shape: Shape, place = ''): string | undefined {
  const at = place === '' ? 'it' : place;
  if (isList(shape)) {
    const [each, or] = shape;
    if ((value === null && or !== undefined) || (value === undefined && or === 'or nothing')) return undefined;
    if (!Array.isArray(value)) return value === undefined ? `${at} is missing` : `${at} is no list`;
    return first(value, (one, index) => misfit(one, each, `${place}[${index}]`));
  }
  if (value === undefined || value === null) return `${at} is missing`;
  if (typeof shape === 'string') {
    const found = typeof value;
    return found === TYPES[shape] ? undefined : `${at} is a ${found} instead of a ${TYPES[shape]}`;
  }
  if (typeof value !== 'object' || Array.isArray(value)) return `${at} is no object`;
  return first(Object.entries(shape), ([field, inner]) =>
    misfit((value as Readonly<Record<string, unknown>>)[field], inner, place === '' ? field : `${place}.${field}`),
  );
}

function isList(shape: Shape): shape is readonly [Shape] | readonly [Shape, 'or null' | 'or nothing'] {
  return Array.isArray(shape);
}

function first<T>(all: readonly T[], problem: (one: T, index: number) => string | undefined): string | undefined {
  for (const [index, one] of all.entries()) {
    const found = problem(one, index);
    if (found !== undefined) return found;
  }
  return undefined;
}
