/** Owns what the bench computes from what it saw: medians, waves of calls, the longest path through a report. Pure. */

/** A call as the cloud's request log has it. */
export interface Call {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  /** Milliseconds since the epoch when it had arrived. */
  readonly at: number;
  /** Milliseconds from arrival to answer. */
  readonly took: number;
}

/** A resource as the report (JSON) has it. */
export interface Step {
  readonly id: string;
  readonly needs: readonly string[];
  /** From the moment all its needs were done to its end. */
  readonly seconds: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low, high] = [sorted[middle - 1], sorted[middle]];
  if (high === undefined) throw new Error('there is no median of nothing');
  return sorted.length % 2 === 1 || low === undefined ? high : (low + high) / 2;
}

/**
 * How many calls had to wait for one another: the length of the longest chain in which each call arrived after the one
 * before was answered. Means something where answers take much longer than the caller's own work in between.
 */
export function waves(calls: readonly Call[]): number {
  let count = 0;
  let until = Number.NEGATIVE_INFINITY;
  // Taking the call that ends first, again and again, gives the longest chain of calls that do not overlap.
  for (const { at, took } of [...calls].sort((a, b) => a.at + a.took - (b.at + b.took))) {
    if (at < until) continue;
    count += 1;
    until = at + took;
  }
  return count;
}

/** True for a further page of a list whose first page was asked before. */
export function isFurtherPage({ query }: Pick<Call, 'query'>): boolean {
  const asked = new URLSearchParams(query);
  return (asked.get('marker') ?? '') !== '' || Number(asked.get('offset') ?? 0) > 0;
}

export interface Path {
  readonly seconds: number;
  /** From the first resource to the last. */
  readonly ids: readonly string[];
}

/** The chain of resources, each needed by the next, whose seconds add up to the most. @throws Error for an unknown need */
export function longestPath(steps: readonly Step[]): Path {
  const byId = new Map(steps.map((step) => [step.id, step]));
  const known = new Map<string, Path>();
  const pathTo = (id: string): Path => {
    const before = known.get(id);
    if (before !== undefined) return before;
    const step = byId.get(id);
    if (step === undefined) throw new Error(`the report names no resource ${id}`);
    const longest = step.needs.map(pathTo).reduce<Path>((one, other) => (other.seconds > one.seconds ? other : one), { seconds: 0, ids: [] });
    const path = { seconds: longest.seconds + step.seconds, ids: [...longest.ids, id] };
    known.set(id, path);
    return path;
  };
  return steps.map(({ id }) => pathTo(id)).reduce((one, other) => (other.seconds > one.seconds ? other : one), { seconds: 0, ids: [] });
}

/** One measured figure; `goal` where there is one. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly goal?: number;
  /** How it was measured, or what it is made of. */
  readonly note?: string;
}

/** The figures as a table in Markdown. */
export function renderFigures(figures: readonly Figure[]): string {
  const rows = figures.map(({ name, value, unit, goal, note = '' }) => {
    const aim = goal === undefined ? '' : `≤ ${shown(goal)}${unit === '' ? '' : ` ${unit}`} ${value <= goal ? '✓' : '✗'}`;
    return `| ${name} | ${shown(value)}${unit === '' ? '' : ` ${unit}`} | ${aim} | ${note} |`;
  });
  return ['| Figure | Measured | Goal | |', '| --- | ---: | ---: | --- |', ...rows].join('\n');
}

function shown(value: number): string {
  return Number.isInteger(value) ? value.toLocaleString('en') : value.toFixed(2);
}
