/**
 * Owns the digest of a plan: equal where a deploy would do the same, different for each single real change. What differs
 * by runner, by hour or by which secrets a run has is left out. Pure. When plans are compared is `run/plan.ts`'s business.
 */
import { createHash } from 'node:crypto';
import type { Outcome } from '../engine/outcome.ts';
import { redact } from '../secret.ts';
import { canonical } from './canonical.ts';
import { differencesFrom, type Outlined, outlineOf, type Planned, type PlannedChange } from './plan-outline.ts';

export interface PlanParts {
  /** Version of the action: another one may carry the same plan out otherwise. */
  readonly version: string;
  /** The validated stack; holds no secrets. */
  readonly stack: unknown;
  /** sha256 of chart archives by the release's id: what would be installed, pinned by the stack file or not. */
  readonly charts: Readonly<Record<string, string>>;
  readonly outcomes: readonly Outcome[];
}

/** Form of a digest: 64 hexadecimal digits, then, after a dot, the outline by which differences are named. */
export const DIGEST_FORM = /^[0-9a-f]{64}(\.[A-Za-z0-9_-]*)?$/;

/**
 * sha256 over canonical JSON of the version, the stack, the charts and what would be written; behind it the plan's outline, unless that
 * happens to spell a masked word: the runner would drop the output, and the sha256 alone decides.
 */
export function planDigest(parts: PlanParts): string {
  const plan = planOf(parts);
  const hash = createHash('sha256').update(canonical(plan)).digest('hex');
  const whole = `${hash}.${outlineOf(plan)}`;
  return redact(whole) === whole ? whole : hash;
}

/** Whether two digests are of the same plan. */
export function samePlan(one: string, other: string): boolean {
  return hashOf(one) === hashOf(other);
}

/** The first digits, by which people tell digests apart. */
export function shortDigest(digest: string): string {
  return hashOf(digest).slice(0, 12);
}

/** In which fields the plan differs from an approved one, a line each; undefined where the digest carries no outline. */
export function planDifferences(approved: string, parts: PlanParts): string[] | undefined {
  return differencesFrom(approved.split('.')[1] ?? '', planOf(parts));
}

function hashOf(digest: string): string {
  return digest.split('.')[0] ?? '';
}

function planOf({ version, stack, charts, outcomes }: PlanParts): Outlined {
  const plan = outcomes.flatMap(planned).sort((one, other) => (one.id < other.id ? -1 : 1));
  return { version, stack, charts, plan };
}

/**
 * What of an outcome belongs to the plan. Observers write nothing; a difference that only a run with the secret sees, or that follows
 * from such a one, would make two digests of one plan; the order of a resource's changes follows the order of the service's answers.
 */
function planned({ id, verdict, changes, readsOnly, consented, fault }: Outcome): Planned[] {
  if (verdict === 'absent' || readsOnly === true || consented === true) return [];
  const comparable = changes.filter(({ secret, following }) => secret !== true && following !== true);
  const only = verdict === 'update' && changes.length > 0 && comparable.length === 0;
  const parts: PlannedChange[] = comparable.map(({ field, before, after, replace }) => ({ field, before, after, replace: replace === true }));
  // What failed has no changes; why it failed tells two such plans apart.
  if (fault !== undefined) parts.push({ field: 'fault', after: { code: fault.code, message: fault.message }, replace: false });
  const text = new Map(parts.map((part) => [part, canonical(part)]));
  parts.sort((one, other) => ((text.get(one) ?? '') < (text.get(other) ?? '') ? -1 : 1));
  return [{ id, verdict: only ? 'unchanged' : verdict, changes: parts }];
}
