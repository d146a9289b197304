/** Owns what a walk says about each resource. Plain data: `report/` renders it, nothing here decides. */
import type { Fault } from './fault.ts';
import type { AnyResource, Change, Document } from './resource.ts';

/**
 * `unchanged` in sync · `create`, `update`, `replace`, `delete` to be done or (when writing) done · `blocked` a need
 * failed or the run was cancelled · `unknown` cannot be compared before a need exists · `failed` · `kept` survives destroy ·
 * `absent` not wanted and not there
 */
export type Verdict = 'unchanged' | 'create' | 'update' | 'replace' | 'delete' | 'blocked' | 'unknown' | 'failed' | 'kept' | 'absent';

export interface Outcome {
  readonly id: string;
  readonly title: string;
  /** Ids of the resources it stands on. */
  readonly needs: readonly string[];
  readonly verdict: Verdict;
  readonly changes: readonly Change[];
  /** What the changes come to, in full, where a plan shows it. */
  readonly documents?: readonly Document[];
  /** Why it is blocked, unknown or kept, or what should be known about it; one sentence. */
  readonly note?: string;
  readonly fault?: Fault;
  /** What of the stack file holds otherwise than it reads there. */
  readonly warnings?: readonly Fault[];
  readonly facts: Readonly<Record<string, string>>;
  readonly seconds: number;
  /** True where the verdict was carried out, false where it only is a plan. */
  readonly done: boolean;
  /** True for what only observes (preflight, delegation, verification): its verdict is a finding, nothing that deploy writes. */
  readonly readsOnly?: boolean;
  /** True where it would have to be replaced and must not be: a deploy refuses it before its first write. */
  readonly refused?: boolean;
  /** True where the stack file says all there is to it; not part of the plan digest. */
  readonly consented?: boolean;
}

/** Hears of the walk as it happens; the runner's log groups and progress lines are one implementation. */
export interface Journal {
  begin(resource: AnyResource): void;
  say(resource: AnyResource, line: string): void;
  end(outcome: Outcome): void;
}
