/**
 * Owns the digest of a plan: equal where a deploy would do the same, different for each single real change. What differs
 * by runner, by hour or by which secrets a run has is left out. Pure. When plans are compared is `run.ts`'s business.
 */
import { createHash } from 'node:crypto';
import type { Outcome, Verdict } from '../engine/outcome.ts';
import type { Change } from '../engine/resource.ts';

export interface PlanParts {
  /** Version of the action: another one may carry the same plan out otherwise. */
  readonly version: string;
  /** The validated stack; holds no secrets. */
  readonly stack: unknown;
  /** sha256 of chart archives by chart name, where they are known. */
  readonly charts?: Readonly<Record<string, string>>;
  readonly outcomes: readonly Outcome[];
}

/** 64 hexadecimal digits: sha256 over canonical JSON of the version, the stack, the charts and what would be written. */
export function planDigest({ version, stack, charts = {}, outcomes }: PlanParts): string {
  const plan = outcomes.flatMap(planned).sort((one, other) => (one.id < other.id ? -1 : 1));
  return createHash('sha256').update(canonical({ version, stack, charts, plan })).digest('hex');
}

interface Planned {
  readonly id: string;
  readonly verdict: Verdict;
  readonly changes: readonly string[];
}

/**
 * What of an outcome belongs to the plan. Observers write nothing; a difference that only a run with the secret sees would
 * make two digests of one plan; the order of a resource's changes follows the order of the service's answers.
 */
function planned({ id, verdict, changes, readsOnly, fault }: Outcome): Planned[] {
  if (verdict === 'absent' || readsOnly === true) return [];
  const comparable = changes.filter(({ secret }) => secret !== true);
  const only = verdict === 'update' && changes.length > 0 && comparable.length === 0;
  const texts = comparable.map(changeText);
  // What failed has no changes; why it failed tells two such plans apart.
  if (fault !== undefined) texts.push(canonical({ code: fault.code, message: fault.message }));
  return [{ id, verdict: only ? 'unchanged' : verdict, changes: texts.sort() }];
}

function changeText({ field, before, after, replace }: Change): string {
  return canonical({ field, before, after, replace: replace === true });
}

/** JSON with sorted keys, without what is undefined: the same text for the same value. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  entries.sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join(',')}}`;
}
