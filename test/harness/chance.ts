/** Owns chance that can be repeated: numbers, choices and subsets from a seed, which a test prints. */

export interface Chance {
  /** From 0 to less than 1. */
  next(): number;
  /** One of them. */
  one<T>(from: readonly T[]): T;
  /** So many of them, in their own order. */
  some<T>(from: readonly T[], count: number): T[];
}

/** The same seed gives the same chances (mulberry32, a 32-bit generator in the public domain). */
export function chance(seed: number): Chance {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const index = (length: number): number => Math.floor(next() * length);
  return {
    next,
    one(from) {
      const [found] = from.slice(index(from.length));
      if (found === undefined) throw new Error('there is nothing to choose from');
      return found;
    },
    some(from, count) {
      const left = from.map((_, at) => at);
      const taken = Array.from({ length: Math.min(count, from.length) }, () => left.splice(index(left.length), 1)[0] ?? 0);
      return from.filter((_, at) => taken.includes(at));
    },
  };
}

/** The seed that a person gave in `SEED`, or the default: runs are alike unless somebody asks for another one. */
export const seedOf = (usual: number): number => Number(process.env['SEED'] ?? usual);
