/**
 * Owns one run after the sign-in: builds the graph, walks it as the command says, and tells what came of it. Loaded
 * lazily by `main.ts`. What a walk is stands in `engine/`, what is walked in `graph.ts`, how it looks in `report/`.
 */
import type { Door } from '../cloud/index.ts';
import { asFault, Cancelled, Fault } from '../engine/fault.ts';
import type { Journal, Outcome } from '../engine/outcome.ts';
import type { AnyResource, Run } from '../engine/resource.ts';
import { stopIfCancelled } from '../engine/until.ts';
import { unwalk } from '../engine/unwalk.ts';
import { onceBefore, type WalkOptions } from '../engine/visiting.ts';
import { type Walked, walk } from '../engine/walk.ts';
import { runnerJournal } from '../github/journal.ts';
import { tempOf } from '../github/runner.ts';
import { buildGraph, type Graph } from '../graph.ts';
import { planDigest } from '../report/plan-digest.ts';
import { isRefused, makeReport, type Report, unfinished } from '../report/report.ts';
import { type Toolbox, toolboxFor } from '../tools/toolbox.ts';
import { consoleUrlOf, firstPassword, urlOf } from '../zitadel/identity.ts';
import type { RunContext } from './context.ts';
import { doorNotice, doorOf, readMode, secondsToClose } from './door.ts';
import { holderOf, lockFor, type RunLock } from './lock.ts';
import { type Passing, passingOf } from './passing.ts';
import { comparePlan, lookAtGuarded, OtherPlan, planOf, refusedIn } from './plan.ts';
import { acmeKeyOf, externalDnsUserOf, handedOf, refuseWithoutSecrets, standsForDeploy } from './ready.ts';
import { bySecret, nextSteps, placed, supportOf, tell, versionsOf } from './report.ts';

/** Runs the command. @returns true where the step succeeded */
export async function run(given: Omit<RunContext, 'holder'>): Promise<boolean> {
  const context: RunContext = { ...given, holder: holderOf(given.runner, given.env) };
  const { runner, env, inputs, stack, notices, otc, signal } = context;
  const noticed: Fault[] = [];
  const notice = (fault: Fault): void => {
    noticed.push(fault);
    runner.annotate('warning', fault);
  };
  notices.forEach(notice);
  runner.line(`${inputs.command}: stack ${stack.name} in ${stack.region}, project ${otc.projectName} (${otc.projectId})`);
  const temp = tempOf(env);
  const toolbox = toolboxFor({
    inputs: { helm: inputs.helm, kubectl: inputs.kubectl },
    chartAccount: inputs.chartAccount,
    runnerTemp: temp,
    workspaceMade: (path) => runner.saveState('workspace', path),
  });
  const losing = new AbortController();
  // Work ends as well when the lock is lost; what is said at the end is not work.
  const working = AbortSignal.any([signal, losing.signal]);
  const work: RunContext = { ...context, otc: otc.withSignal(working), signal: working };
  const door = doorOf(context, async () => {
    await lock.take();
    otc.forget();
  });
  const madeByLock = new Set<string>();
  const handed = handedOf(inputs);
  const graphFor = (looksOnly: boolean): Graph =>
    buildGraph({
      ...work,
      toolbox,
      door,
      looksOnly,
      acme: acmeKeyOf(inputs),
      externalDns: externalDnsUserOf(inputs),
      handed,
      patient: inputs.command === 'deploy' && !looksOnly,
      checks: inputs.command === 'check',
      given: standsForDeploy(inputs, context.secrets) ? { acme: acmeKeyOf({ ...inputs, command: 'deploy' }) !== undefined } : undefined,
      madeByLock,
    });
  const graph = graphFor(['plan', 'drift', 'check'].includes(inputs.command));
  const lock = lockFor(work, graph, losing);
  const passing = passingOf(context, graph);
  const faults: Fault[] = [];
  let admitted: readonly string[] = [];
  const journal = remembering(runnerJournal(runner));
  let outcomes: readonly Outcome[] = [];
  let digest: string | undefined;
  let left: readonly Fault[] = [];
  try {
    const late = context.cancelled.then((): Found => ({ outcomes: journal.soFar() }));
    const found = await Promise.race([carryOut(work, graph, graphFor, journal, { lock, passing, toolbox, notice }), late]);
    outcomes = found.outcomes;
    digest = found.planned === undefined ? undefined : await digestOf(context, graph, found.planned);
  } catch (error) {
    // Why the work ended is said below.
    if (!(lock.lost !== undefined && error instanceof Cancelled)) faults.push(asFault(error));
    if (outcomes.length === 0) outcomes = error instanceof OtherPlan ? error.outcomes : journal.soFar();
  } finally {
    const seconds = secondsToClose(Date.now(), context.endBy());
    [left, admitted] = await Promise.all([passing.left(seconds), closing(toolbox, door, seconds, faults)]);
  }
  if (lock.lost !== undefined) faults.unshift(lock.lost);
  const warned = outcomes.flatMap(({ warnings = [] }) => warnings).map((fault) => placed(fault, context));
  for (const notice of [...warned, ...left]) runner.annotate('warning', notice);
  const report = reportOf(context, graph, {
    outcomes: bySecret(outcomes),
    faults,
    notices: [...noticed, ...warned, ...doorNotice(door?.mode === 'read' ? admitted : []), ...left],
    planDigest: digest,
  });
  return tell(context, report, factsOf(outcomes, graph));
}

type CameOut = Required<Pick<Parameters<typeof makeReport>[0], 'outcomes' | 'faults' | 'notices'>> & { readonly planDigest: string | undefined };

/** What came of the run, with what the reader needs besides. */
function reportOf(context: RunContext, graph: Graph, found: CameOut): Report {
  const { inputs, stack, secrets, otc, started, signal } = context;
  const { outcomes, faults } = found;
  return makeReport({
    ...found,
    command: inputs.command,
    ofDestroy: inputs.command === 'plan' && inputs.target === 'destroy',
    stack: { name: stack.name, region: stack.region, project: otc.projectName },
    cancelled: signal.aborted,
    ...(graph.runs(outcomes) ? { url: urlOf(stack), consoleUrl: consoleUrlOf(stack), login: loginOf(context, graph.login(outcomes)) } : {}),
    versions: versionsOf(stack, inputs),
    nextSteps: nextSteps({ ...inputs, stack, cancelled: signal.aborted, hasBastionKey: secrets.bastionKeySeed !== undefined }, outcomes, faults),
    support: supportOf(stack, Date.now()),
    seconds: (Date.now() - started) / 1000,
    apiCalls: otc.calls,
  });
}

interface RememberingJournal extends Journal {
  soFar(): readonly Outcome[];
}

/** Remembers outcomes, for the report of a run that must end before its walk does. */
function remembering(journal: Journal): RememberingJournal {
  const outcomes = new Map<string, Outcome>();
  return {
    begin: (resource) => journal.begin(resource),
    say: (resource, line) => journal.say(resource, line),
    end: (outcome) => {
      outcomes.set(outcome.id, outcome);
      journal.end(outcome);
    },
    soFar: () => [...outcomes.values()],
  };
}

/**
 * Nothing of a run outlives it: connections, files, the rule that let it in; what is not closed in time is left to the post step.
 * @returns the addresses that were let in until now
 */
async function closing(toolbox: Toolbox, door: Door | undefined, seconds: number, faults: Fault[]): Promise<readonly string[]> {
  const tools = toolbox.close();
  let admitted: readonly string[] = [];
  try {
    admitted = (await door?.close(seconds)) ?? [];
  } catch (error) {
    faults.push(
      new Fault(`the rule that let this run in could not be taken away: ${asFault(error).message}`, {
        hint: 'The post step tries once more, and so does the next deploy.',
        cause: error,
      }),
    );
  }
  await tools;
  return admitted;
}

interface Found {
  readonly outcomes: readonly Outcome[];
  /** The walk of a plan or a drift run, which a digest can be made of. */
  readonly planned?: Walked;
}

interface Tasks {
  readonly lock: RunLock;
  readonly passing: Passing;
  readonly toolbox: Toolbox;
  /** Tells something at once, and in the report. */
  readonly notice: (fault: Fault) => void;
}

async function carryOut(context: RunContext, graph: Graph, graphFor: (looksOnly: boolean) => Graph, journal: Journal, tasks: Tasks): Promise<Found> {
  const { inputs, signal } = context;
  const { door } = graph.cloudContext;
  if (door !== undefined) door.mode = readMode(context);
  const read: WalkOptions = { write: false, signal, journal };
  if (inputs.command === 'check') return walk(graph.readiness, read);
  if (inputs.command === 'destroy' || (inputs.command === 'plan' && inputs.target === 'destroy')) return takeAway(context, graph, read, tasks);
  if (inputs.command !== 'deploy') {
    const planned = await walk(graph.roots, { ...read, findings: inputs.command === 'drift' });
    return { outcomes: planned.outcomes, planned };
  }
  refuseWithoutSecrets(context.secrets);
  // As a plan looks.
  const looking = graphFor(true);
  const approved = await comparePlan(context, looking, read);
  if (door !== undefined) door.mode = 'write';
  const refusing = new AbortController();
  const stops = AbortSignal.any([signal, refusing.signal]);
  let refusal: Fault | undefined;
  const refuse = async (fault: Promise<Fault | undefined>): Promise<void> => {
    refusal = await fault;
    if (refusal !== undefined) refusing.abort(new Cancelled('nothing is written beside what is refused'));
    stopIfCancelled(stops);
  };
  const guarded = async (plan: readonly Outcome[] | undefined): Promise<Fault | undefined> => refusedIn(plan ?? (await lookAtGuarded(looking, read)));
  const first = onceBefore({
    async beforeFirstWrite() {
      await refuse(guarded(approved));
      await begin(context, tasks);
      // Another run may have written until the lock was this one's.
      await refuse(comparePlan(context, looking, read).then(guarded).catch(asFault));
    },
  });
  try {
    const lockedMeanwhile = (): boolean => tasks.lock.held;
    const { outcomes } = await walk(graph.roots, { ...read, signal: stops, write: true, beforeFirstWrite: first, lockedMeanwhile });
    if (refusal !== undefined) throw refusal;
    return { outcomes: await tasks.passing.end(outcomes, first, runOf(context)) };
  } finally {
    await tasks.lock.release();
  }
}

/** `destroy`, or a plan of it. @throws Fault where nobody has confirmed it, or the data could not be read any more */
async function takeAway(context: RunContext, graph: Graph, read: WalkOptions, tasks: Tasks): Promise<Found> {
  const { inputs, stack } = context;
  const write = inputs.command === 'destroy';
  if (write && inputs.confirmDestroy !== stack.name) {
    throw new Fault(`destroy of ${stack.name} is not confirmed`, {
      hint: `Give the input confirm-destroy the name of the stack: ${stack.name}.`,
      instead: `To destroy it, run destroy with confirm-destroy: ${stack.name}.`,
    });
  }
  const secret = await graph.secretAtDestroy(runOf(context));
  if (write && secret?.refuses === true) throw secret.notice;
  if (secret !== undefined) tasks.notice(secret.notice);
  const { door } = graph.cloudContext;
  if (write && door !== undefined) door.mode = 'write';
  const mayDelete = (resource: AnyResource): boolean => graph.consented(resource);
  try {
    return {
      outcomes: await unwalk([...graph.roots, ...graph.remains], { ...read, write, mayDelete, beforeFirstWrite: () => begin(context, tasks) }),
    };
  } finally {
    if (write) await tasks.lock.release();
  }
}

function runOf({ signal, runner }: RunContext): Run {
  return { signal, say: (line) => runner.line(line) };
}

/** What comes before the first write: tools that are what they should be, then the lock. */
async function begin(context: RunContext, { lock, passing, toolbox }: Tasks): Promise<void> {
  const deploys = context.inputs.command === 'deploy';
  if (deploys) await toolbox.prepare(runOf(context));
  await lock.take();
  // Until then another run may have written.
  context.otc.forget();
  if (deploys) passing.begin();
}

/**
 * A plan without its digest could not be carried out as approved, so it fails; what drifted shows without one as well. A run that could
 * not look at everything, or found what a deploy must refuse, has no plan that anybody could approve.
 */
async function digestOf({ inputs, stack, signal, runner }: RunContext, graph: Graph, planned: Walked): Promise<string | undefined> {
  if (unfinished(planned.outcomes) || isRefused(planned.outcomes)) return undefined;
  try {
    return planDigest(await planOf(stack, graph, planned, signal));
  } catch (error) {
    if (inputs.command === 'plan') throw error;
    runner.annotate('warning', asFault(error), 'The output plan-digest is left out');
    return undefined;
  }
}

/** By the name that ZITADEL was set up with, as its release knows it. */
function loginOf({ stack, inputs, secrets }: RunContext, name: string | undefined): Report['login'] {
  const from = inputs.secrets.adminPassword !== undefined ? 'admin-password' : secrets.adminPassword !== undefined ? 'stack-secret' : undefined;
  return name === undefined ? undefined : { name, passwordFrom: firstPassword(stack, from) };
}

/** Outputs that are facts of resources, by output name. */
function factsOf(outcomes: readonly Outcome[], graph: Graph): Record<string, string | undefined> {
  const fact = (resource: AnyResource, name: string): string | undefined => outcomes.find(({ id }) => id === resource.id)?.facts[name] || undefined;
  return Object.fromEntries(Object.entries(graph.outputs).map(([output, { resource, fact: name }]) => [output, fact(resource, name)]));
}
