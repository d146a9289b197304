/**
 * Owns the gate between a plan and the deploy that carries it out: the digest of a run's plan, and the comparison with the
 * approved one before the first write. What a digest is made of stands in `report/plan-digest.ts`.
 */
import { Fault } from '../engine/fault.ts';
import { inOrder } from '../engine/order.ts';
import type { Journal, Outcome } from '../engine/outcome.ts';
import type { WalkOptions } from '../engine/visiting.ts';
import { type Walked, walk } from '../engine/walk.ts';
import type { Graph } from '../graph.ts';
import { type PlanParts, planDifferences, planDigest, samePlan, shortDigest } from '../report/plan-digest.ts';
import type { Stack } from '../stack/stack.ts';
import type { RunContext } from './context.ts';

/** Version in plan digests: a newer action may plan otherwise. */
export const ACTION_VERSION = '1.0.0';

/** Lines of differences in the message; the rest is counted. */
const LISTED = 40;

/**
 * The plan that a walk without writing found.
 * @throws Fault where it cannot be known which bytes of a chart would be installed
 */
export async function planOf(stack: Stack, graph: Graph, walked: Walked, signal: AbortSignal): Promise<PlanParts> {
  const charts = await graph.chartDigests(walked, signal);
  const { told } = graph;
  const whole = Object.keys(told).length === 0 ? stack : { ...stack, 'values beside secrets': told };
  return { version: ACTION_VERSION, stack: whole, charts, outcomes: walked.outcomes };
}

/**
 * A plan that had no way into the cluster (no bastion's key, say) is the same as one that looked there and is else alike: what
 * a deploy does in the cluster follows from the stack file and the charts, and both are in the digest.
 * @param wayIn id of the resource behind which such a plan sees nothing
 * @throws OtherPlan where the plan is not the approved one
 */
export function refuseOtherPlan(approved: string, parts: PlanParts, wayIn: string): void {
  const now = planDigest(parts);
  if (samePlan(approved, now) || samePlan(approved, planDigest(withoutCluster(parts, wayIn)))) return;
  throw new OtherPlan(approved, now, parts);
}

/** The plan as a run would have found it that could not look behind `wayIn`; outcomes come after those they need. Pure. */
export function withoutCluster(parts: PlanParts, wayIn: string): PlanParts {
  const behind = new Set([wayIn]);
  const outcomes = parts.outcomes.map((outcome): Outcome => {
    const { id, needs, verdict, fault: _unseen, ...rest } = outcome;
    if (id !== wayIn && !needs.some((need) => behind.has(need))) return outcome;
    behind.add(id);
    // What is not wanted shows only where somebody looks.
    return { ...rest, id, needs, verdict: verdict === 'delete' || verdict === 'absent' ? 'absent' : 'unknown', changes: [] };
  });
  return { ...parts, outcomes };
}

/** Of a walk that only compares, nothing is told. */
export const SILENT: Journal = { begin: () => undefined, say: () => undefined, end: () => undefined };

/** With `plan-digest`, `deploy` does exactly what was planned, or stops before its first write. @returns that plan */
export async function comparePlan({ inputs, stack, signal }: RunContext, graph: Graph, read: WalkOptions): Promise<readonly Outcome[] | undefined> {
  if (inputs.planDigest === undefined) return undefined;
  const walked = await walk(graph.roots, { ...read, journal: SILENT });
  // Whatever was approved: told as what it is, not as another plan.
  const forbidden = forbiddenIn(walked.outcomes);
  if (forbidden !== undefined) throw forbidden;
  refuseOtherPlan(inputs.planDigest, await planOf(stack, graph, walked, signal), graph.wayIn);
  return walked.outcomes;
}

/** A look at what may forbid the whole run: what must not be replaced in the cloud, and what says so of itself; and at what they stand on. */
export async function lookAtGuarded(graph: Graph, read: WalkOptions): Promise<readonly Outcome[]> {
  const guarded = inOrder(graph.roots).filter(
    ({ protect, within, wanted, lookedAtFirst }) => wanted && (lookedAtFirst === true || (protect !== undefined && within === undefined)),
  );
  return (await walk(guarded, { ...read, journal: SILENT })).outcomes;
}

/** What forbids every write. */
export function forbiddenIn(outcomes: readonly Outcome[]): Fault | undefined {
  return outcomes.find(({ fault }) => fault?.forbids === true)?.fault;
}

/**
 * What forbids every write; else what must not be replaced and would have to be, in one fault: what is safe to write beside it would serve
 * no stack that there can be.
 */
export function refusedIn(outcomes: readonly Outcome[]): Fault | undefined {
  const forbidding = forbiddenIn(outcomes);
  if (forbidding !== undefined) return forbidding;
  const refused = outcomes.filter((outcome) => outcome.refused === true);
  const all = refused.map(({ note, title }) => note ?? title);
  if (all.length === 0) return undefined;
  const [one] = refused;
  const message = all.length === 1 ? all.join() : `${all.length} changes are refused:\n${all.join('\n')}`;
  return new Fault(message, { resource: all.length === 1 ? one?.title : undefined, hint: 'Nothing was written.' });
}

/** The plan is not the approved one; what it is now is the report of this run. */
export class OtherPlan extends Fault {
  readonly outcomes: readonly Outcome[];
  constructor(approved: string, now: string, parts: PlanParts) {
    const differences = planDifferences(approved, parts) ?? whatIsPlanned(parts);
    const left = differences.length > LISTED ? [`… and ${differences.length - LISTED} more`] : [];
    const head = `the plan is not the approved one any more: ${shortDigest(approved)} was approved, now it is ${shortDigest(now)}`;
    super([head, ...differences.slice(0, LISTED), ...left].join('\n'), {
      hint: 'Nothing was written. Plan again, and have that plan approved.',
      instead: 'Plan again, have that plan approved, and give deploy its digest: with the digest of this run it stops again.',
    });
    this.outcomes = parts.outcomes;
  }
}

/** Where the approved digest carries no outline, only the present plan can be shown. */
function whatIsPlanned({ outcomes }: PlanParts): string[] {
  const lines = outcomes
    .filter(({ verdict, readsOnly }) => readsOnly !== true && !['unchanged', 'absent'].includes(verdict))
    .map(({ id, verdict, changes }) => `${id}: now ${verdict} ${changes.map(({ field }) => field).join(', ')}`.trim());
  return lines.length === 0 ? ['Now there is nothing to change.'] : lines;
}
