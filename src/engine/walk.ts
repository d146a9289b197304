/**
 * Owns the walk: one pass over the graph that observes, compares and, when writing, applies. `plan` and `drift` walk
 * without writing, `deploy` writes; `destroy` (`unwalk.ts`) goes the arrows backwards. Order and parallelism come from
 * the promises: each resource starts as soon as its needs are done.
 */
import { asFault, Cancelled, Fault, NotLooked } from './fault.ts';
import { following, inOne, inOrder, needed } from './order.ts';
import type { Journal, Outcome, Verdict } from './outcome.ts';
import type { AnyResource, Change, Maybe, Needs, Run } from './resource.ts';
import { stopIfCancelled, whyStopped } from './until.ts';
import { leftBehind, removeUnwanted } from './unwanted.ts';
import { creation, onceBefore, outcomeOf, runFor, type WalkOptions } from './visiting.ts';

export interface Walked {
  /** In the order of the graph. */
  readonly outcomes: readonly Outcome[];
  /** What exists after the walk, by resource. */
  seen(resource: AnyResource): unknown;
}

interface Visit {
  readonly outcome: Outcome;
  /** What exists now; dependents observe with it. */
  readonly seen: unknown;
  /** What dependents may build on: as `seen`, but nothing where the stack does not ask for it any more. */
  readonly offered: unknown;
  /** Why this run rightly did not look; so it looks at nothing that stands on it either. */
  readonly hides?: string;
  /** True where the look itself failed: who is in the same place need not try. */
  readonly unseen?: boolean;
  /** True where nobody can tell what exists: what needs it cannot be compared, and is not missing either. */
  readonly obscure?: boolean;
}

/**
 * Walks the graph. Never throws for a resource's fault: that is its outcome; independent branches finish.
 *
 * Until this run has the lock another one may write. Only what is to be written takes the lock, so the walk then begins anew: what
 * seemed as it should be may be so no more, and what stands on it was seen with it.
 */
export async function walk(roots: readonly AnyResource[], options: WalkOptions): Promise<Walked> {
  const order = inOrder(roots);
  const { signal, journal, beforeFirstWrite, lockedMeanwhile } = options;
  if (beforeFirstWrite === undefined) return pass(order, options, onceBefore(options));
  const locked = new AbortController();
  let begun = false;
  const lock = onceBefore({
    async beforeFirstWrite() {
      begun = true;
      await beforeFirstWrite();
      locked.abort(new Cancelled('it is looked at again under the lock'));
    },
  });
  const told = new Map<string, Verdict>();
  const first: Journal = {
    begin: (resource) => journal.begin(resource),
    say: (resource, line) => journal.say(resource, line),
    end: (outcome) => {
      if (locked.signal.aborted) return;
      told.set(outcome.id, outcome.verdict);
      journal.end(outcome);
    },
  };
  const walked = await pass(order, { ...options, signal: AbortSignal.any([signal, locked.signal]), journal: first }, lock);
  if (!locked.signal.aborted && (begun || lockedMeanwhile?.() !== true)) return walked;
  // What is still as it was told, and no work, is not told twice.
  const quiet = ({ id, verdict }: Outcome): boolean => told.get(id) === verdict && ['unchanged', 'absent', 'kept'].includes(verdict);
  const second: Journal = { ...first, end: (outcome) => (quiet(outcome) ? undefined : journal.end(outcome)) };
  return pass(order, { ...options, journal: second }, lock);
}

/** @param writes comes before every write */
async function pass(order: readonly AnyResource[], options: WalkOptions, writes: () => Promise<void>): Promise<Walked> {
  const visits = new Map<AnyResource, Promise<Visit>>();
  // Whether a prefetch failed shows where the resource is observed; here it must only not go unhandled.
  void Promise.allSettled(order.map((resource) => resource.prefetch?.(runFor(resource, options))));
  const visit = (resource: AnyResource): Promise<Visit> => {
    let promise = visits.get(resource);
    if (promise === undefined) {
      promise = visitOne(resource, (need) => visit(needed(need)), options, writes);
      visits.set(resource, promise);
    }
    return promise;
  };
  const found = await Promise.all(order.map(visit));
  const seen = new Map(order.map((resource, index) => [resource, found[index]?.seen]));
  const outcomes = found.map(({ outcome }) => outcome);
  await removeUnwanted(order, found, outcomes, options, writes);
  return { outcomes, seen: (resource) => seen.get(resource) };
}

/** Ends a visit with a verdict, and tells the journal. */
type End = (verdict: Verdict, seen: unknown, more?: Partial<Outcome>) => Visit;

async function visitOne(
  resource: AnyResource,
  visitNeed: (need: AnyResource | Maybe<AnyResource>) => Promise<Visit>,
  options: WalkOptions,
  writes: () => Promise<void>,
): Promise<Visit> {
  const needs = Object.entries(resource.needs as Needs);
  const visits = await Promise.all(needs.map(([, need]) => visitNeed(need)));
  options.journal.begin(resource);
  const started = Date.now();
  const run = runFor(resource, options);
  const offered = (): Record<string, unknown> => Object.fromEntries(needs.map(([name], index) => [name, visits[index]?.offered]));
  const end: End = (verdict, seen, more = {}) => {
    const plan = verdict === 'create' && !options.write && options.findings !== true ? creation(resource, offered(), more.note) : {};
    const outcome = outcomeOf(resource, verdict, (Date.now() - started) / 1000, seen, { ...more, ...plan });
    options.journal.end(outcome);
    // A run that only looks goes on behind what is wrong, so that nothing stays hidden behind it.
    const usable = options.write && isBroken(outcome) ? undefined : seen;
    return { outcome, seen: usable, offered: resource.wanted ? usable : undefined };
  };
  let seen: unknown;
  let looked = false;
  try {
    const outcomes = visits.map(({ outcome }) => outcome);
    const broken = brokenOf(visits);
    const unlooked = withoutLook(resource, visits, broken, options, end);
    if (unlooked !== undefined) return unlooked;
    stopIfCancelled(options.signal);
    seen = await resource.observe(Object.fromEntries(needs.map(([name], index) => [name, visits[index]?.seen])), run);
    looked = true;
    if (!resource.wanted) return end(...leftBehind(resource, seen));
    const lacks = (need: AnyResource | Maybe<AnyResource>, { offered, obscure }: Visit): boolean =>
      obscure === true || (!('maybe' in need) && offered === undefined);
    const missing = needs.flatMap(([, need], index) => (lacks(need, visits[index] as Visit) ? [needed(need).id] : []));
    if (missing.length > 0) return withoutNeeds(resource, seen, { missing, broken, obscure: obscureOf(visits) }, options, end);
    if (broken.length > 0 && seen === undefined) return end('blocked', seen, waitsFor(broken));
    if (seen === undefined && !canBeMade(resource)) return end('unknown', undefined, { note: 'not there yet' });
    const spec: unknown = resource.want(offered());
    const follows = options.write || options.findings === true ? [] : following(resource, outcomes);
    return await madeSo(resource, spec, seen, { options, writes, run, end, visit: visitNeed, follows });
  } catch (error) {
    // What is not wanted waits for nothing: it is looked for another time.
    if (error instanceof Cancelled && !resource.wanted && options.signal.aborted) return end('absent', undefined);
    if (error instanceof Cancelled) return end('blocked', undefined, { note: whyStopped(options.signal) });
    if (error instanceof NotLooked)
      return { ...end(resource.wanted ? 'unknown' : 'absent', undefined, { note: error.message }), hides: error.message };
    const fault = asFault(error);
    if (options.findings === true && fault.finding !== undefined)
      return { ...end('update', seen, { changes: [findingOf(fault)], refused: true }), obscure: !looked && fault.obscures === true };
    return {
      ...end('failed', options.write ? undefined : seen, { fault }),
      unseen: !looked,
      obscure: !looked && fault.obscures === true,
    };
  }
}

/** The end of what this run does not look at, because of what it stands on; undefined where it looks. */
function withoutLook(
  resource: AnyResource,
  visits: readonly Visit[],
  broken: readonly string[],
  { write }: WalkOptions,
  end: End,
): Visit | undefined {
  const needs = Object.values(resource.needs as Needs);
  // What is not wanted is looked for another time, when all it stands on is well.
  if (broken.length > 0 && write) return resource.wanted ? end('blocked', undefined, waitsFor(broken)) : end('absent', undefined);
  const obscure = obscureOf(visits);
  // A check of what nobody could look at would only find that it is not known, unless it can do without.
  const idle = obscure.length > 0 && !canBeMade(resource) && resource.diffAlone === undefined;
  if (idle || needs.some((need, index) => visits[index]?.unseen === true && inOne(resource, needed(need)))) {
    const verdict = broken.length > 0 ? 'blocked' : 'unknown';
    return {
      ...end(resource.wanted ? verdict : 'absent', undefined, waitsFor(broken.length > 0 ? broken : obscure)),
      ...{ unseen: broken.length > 0, obscure: true },
    };
  }
  const hidden = visits.find(({ hides }) => hides !== undefined)?.hides;
  if (hidden === undefined) return undefined;
  return { ...end(resource.wanted ? 'unknown' : 'absent', undefined, { note: hidden }), hides: hidden };
}

/** What can be said of something while needs of it are still to be made. */
function withoutNeeds(
  resource: AnyResource,
  seen: unknown,
  { missing, broken, obscure }: Readonly<Record<'missing' | 'broken' | 'obscure', readonly string[]>>,
  { write }: WalkOptions,
  end: End,
): Visit {
  // A check that has found out what it looks for says so, whatever is still to be made.
  if (!write && !canBeMade(resource) && seen !== undefined && resource.diffAlone !== undefined) {
    const changes = resource.diffAlone(seen);
    return end(changes.length === 0 ? 'unchanged' : 'update', seen, { changes });
  }
  // In a deploy all needs had their turn: what still lacks one cannot be made, and must not pass for done.
  if (broken.length > 0 || write) return end('blocked', seen, waitsFor(broken.length > 0 ? broken : missing));
  if (obscure.length > 0 && seen === undefined) return { ...end('unknown', undefined, waitsFor(obscure)), obscure: true };
  const later = `known after ${missing.join(', ')}`;
  if (!canBeMade(resource)) return end('unknown', undefined, { note: later });
  if (seen === undefined) return end('create', undefined, { note: later });
  const changes = resource.diffAlone?.(seen) ?? [];
  return changes.length === 0 ? end('unknown', seen, { note: later }) : end('update', seen, { changes, note: `the rest is ${later}` });
}

function waitsFor(ids: readonly string[]): { readonly note: string } {
  return { note: `waits for ${ids.join(', ')}` };
}

interface Writing {
  readonly options: WalkOptions;
  readonly writes: () => Promise<void>;
  readonly run: Run;
  readonly end: End;
  readonly visit: (resource: AnyResource) => Promise<Visit>;
  /** What only a plan lists: the deploy finds it when it comes there. */
  readonly follows: readonly Change[];
}

/** Makes something as it is wanted, or says what that would change. @throws Fault, Cancelled */
async function madeSo(resource: AnyResource, spec: unknown, seen: unknown, writing: Writing): Promise<Visit> {
  const { options, writes, run, follows } = writing;
  const changes: Change[] = seen === undefined ? [] : [...resource.diff(spec, seen), ...follows];
  const warnings = seen === undefined ? [] : (resource.warnings?.(spec, seen) ?? []);
  const end: End = (verdict, now, more) => writing.end(verdict, now, warnings.length === 0 ? more : { ...more, warnings });
  const unhealed = seen === undefined ? undefined : resource.unhealed?.(spec, seen);
  if (unhealed !== undefined && changes.length === 0) throw unhealed;
  if (unhealed !== undefined && options.findings === true) changes.push(findingOf(unhealed));
  if (seen !== undefined && changes.length === 0) return end('unchanged', seen);
  const verdict: Verdict = seen === undefined ? 'create' : changes.some(({ replace }) => replace === true) ? 'replace' : 'update';
  const refusal = verdict === 'replace' ? refusalOf(resource, changes) : undefined;
  if (refusal !== undefined && options.write) throw refusal;
  if (refusal !== undefined) return end(verdict, seen, { changes, note: `${refusal.message}. ${refusal.hint}`, refused: true });
  if (!options.write || !canBeMade(resource)) {
    const documents = (await resource.documents?.(spec, seen, changes, run)) ?? [];
    // A plan that passed would be one that the deploy refuses.
    if (unhealed !== undefined && options.findings !== true) return end('failed', seen, { changes, fault: unhealed });
    return end(verdict, verdict === 'update' ? seen : undefined, { changes, ...(documents.length === 0 ? {} : { documents }) });
  }
  const first = seen === undefined ? [] : await Promise.all((resource.changedAfter?.(spec, seen) ?? []).map(writing.visit));
  const broken = brokenOf(first);
  if (broken.length > 0) return end('blocked', seen, waitsFor(broken));
  await writes();
  stopIfCancelled(options.signal);
  if (verdict === 'replace') await resource.destroy(seen, run);
  const after: unknown = await resource.apply(spec, verdict === 'replace' ? undefined : seen, changes, run);
  if (unhealed !== undefined) return end('failed', after, { changes, fault: unhealed });
  return end(verdict, after, { changes, done: true });
}

/** Ids of what failed or could not be tried. */
function brokenOf(visits: readonly Visit[]): string[] {
  return visits.flatMap(({ outcome }) => (isBroken(outcome) ? [outcome.id] : []));
}

/** Ids of what nobody can tell of whether it exists. */
function obscureOf(visits: readonly Visit[]): string[] {
  return visits.flatMap(({ outcome, obscure }) => (obscure === true ? [outcome.id] : []));
}

function isBroken({ verdict }: Outcome): boolean {
  return verdict === 'failed' || verdict === 'blocked';
}

/** What a deploy could not heal, as a difference. */
function findingOf({ finding = 'state', message, hint }: Fault): Change {
  return { field: finding, before: message, after: 'as the stack file says', ...(hint === undefined ? {} : { why: hint }) };
}

function canBeMade({ readsOnly }: AnyResource): boolean {
  return readsOnly !== true;
}

/** Why a replacement is refused; undefined where it may be done. */
function refusalOf(resource: AnyResource, changes: readonly Change[]): Fault | undefined {
  if (resource.protect === undefined) return undefined;
  const fields = changes
    .filter(({ replace }) => replace === true)
    .map(({ field, before, after, why }) => `${field} (${show(before)} → ${show(after)}${why === undefined ? '' : `; ${why}`})`);
  const what = resource.protect === 'data' ? 'holds data' : 'carries the running system';
  return new Fault(`${resource.title} would have to be replaced to change ${fields.join(', ')}, and it ${what}: refused`, {
    resource: resource.title,
    hint: resource.wayOut ?? 'Set the former value in the stack file. To move to another one, deploy a second stack beside this one and migrate.',
  });
}

function show(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing');
}
