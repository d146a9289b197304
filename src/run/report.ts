/**
 * Owns the end of a run: the report from what the walk found, and everybody who is told of it (outputs, report file,
 * summary, annotations, comment, issue). What is walked stands in `run.ts`, how a report looks in `report/`.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asFault, Fault, type Place } from '../engine/fault.ts';
import type { Outcome } from '../engine/outcome.ts';
import type { Fetch } from '../github/api.ts';
import type { Command, Inputs } from '../github/inputs.ts';
import { publish } from '../github/publish.ts';
import { type Runner, tempOf } from '../github/runner.ts';
import type { Transport } from '../otc/transport.ts';
import { renderJson } from '../report/json.ts';
import { renderMarkdown } from '../report/markdown.ts';
import { changesKnown, hasChanges, isRefused, makeReport, type Report, unfinished } from '../report/report.ts';
import { type SupportFinding, supportFindings } from '../report/support.ts';
import type { Stack } from '../stack/stack.ts';
import { consoleUrlOf } from '../zitadel/identity.ts';
import { ingressChart } from '../zitadel/ingress.ts';

export interface Telling {
  readonly runner: Runner;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absent where they could not be read. */
  readonly inputs: Inputs | undefined;
  readonly transport: Transport;
  readonly signal: AbortSignal;
  /** The place in the stack file of a setting that a text names; absent where the file could not be read. */
  readonly placeOf?: ((text: string) => Place | undefined) | undefined;
}

/** Tells everybody. @returns true where the step succeeds */
export async function tell(telling: Telling, report: Report, facts: Readonly<Record<string, string | undefined>>): Promise<boolean> {
  const { runner, env, inputs, transport, signal } = telling;
  // A plan of a destroy in the same job is another report.
  const target = report.command === 'plan' && inputs?.target === 'destroy' ? inputs.target : undefined;
  const path = join(tempOf(env), `${['zitadel-on-otc', report.stack?.name ?? 'stack', report.command, target].filter(Boolean).join('-')}.json`);
  const written = keepReport(path, report, runner);
  const changed = report.outcomes.filter(
    ({ verdict, readsOnly }) => readsOnly !== true && ['create', 'update', 'replace', 'delete'].includes(verdict),
  );
  const changes = changed.map(({ id, verdict, changes }) => ({ resource: id, verdict, fields: changes.map(({ field }) => field) }));
  const leftOut = runner.setOutputs({
    result: report.result,
    'has-changes': changesKnown(report.outcomes),
    'drift-count': report.command === 'drift' ? String(report.findings.length) : undefined,
    changes: JSON.stringify(changes),
    'plan-digest': report.planDigest,
    url: report.url,
    'console-url': report.consoleUrl,
    'login-name': report.login?.name,
    ...facts,
    report: written ? path : undefined,
  });
  runner.summary(renderMarkdown(report));
  const faultOf = ({ fault, refused, note = '' }: Outcome): Fault | undefined =>
    report.command === 'plan' && refused === true ? new Fault(note, { hint: 'A deploy of this plan stops before its first write.' }) : fault;
  const ofResources = report.outcomes.flatMap((outcome) => {
    const fault = faultOf(outcome);
    return fault === undefined ? [] : [{ title: outcome.title, fault: placed(fault, telling) }];
  });
  runner.errors([...ofResources, ...report.faults.map((fault) => ({ fault: placed(fault, telling) }))]);
  runner.line(report.verdict);
  if (inputs !== undefined) await publish({ runner, env, inputs, fetch: fetchOver(transport), signal }, report);
  if (inputs?.failOnChanges === true && ['plan', 'drift'].includes(report.command ?? '') && ['changed', 'drifted'].includes(report.result)) {
    const hint = 'The step fails because the input fail-on-changes says so.';
    runner.annotate('error', new Fault(report.verdict, { hint }), 'There are changes');
    return false;
  }
  if (report.command === 'plan' && leftOut.includes('plan-digest')) {
    const hint = 'The deploy behind it would have nothing to hold itself to. Choose another secret: the masked word stands in the digest.';
    runner.annotate('error', new Fault('the plan has no digest that could be handed over', { hint }), 'The output plan-digest is left out');
    return false;
  }
  return report.result !== 'failed';
}

/** @returns whether the file is there; where it is not, that is said, and the other outputs must not be missing for it */
function keepReport(path: string, report: Report, runner: Runner): boolean {
  try {
    writeFileSync(path, renderJson(report), { mode: 0o600 });
    return true;
  } catch (error) {
    const hint = "Look at the runner's disk and at RUNNER_TEMP.";
    runner.annotate(
      'warning',
      new Fault(`the report could not be written: ${asFault(error).message}`, { hint, cause: error }),
      'The output report is left out',
    );
    return false;
  }
}

/** Where the database proves that the run has another stack-secret than the stack, what may come of that does: nothing else is to be mended. */
export function bySecret(outcomes: readonly Outcome[]): readonly Outcome[] {
  const proven = outcomes.find(({ fault, changes }) => fault?.finding === 'masterkey' || changes.some(({ field }) => field === 'masterkey'));
  if (proven === undefined) return outcomes;
  const hint = `First give the stack-secret that this stack was made with: ${proven.title} shows that this run has another. Delete nothing for this.`;
  return outcomes.map((outcome) => {
    const { fault } = outcome;
    return fault?.bySecret === true ? { ...outcome, fault: fault.with({ hint }) } : outcome;
  });
}

/** The same fault at its line of the stack file, where its cause is a setting. */
export function placed(fault: Fault, { placeOf }: Pick<Telling, 'placeOf'>): Fault {
  const place = fault.place ?? placeOf?.(fault.message);
  return place === fault.place ? fault : fault.with({ place });
}

/** `fetch` over the transport that honours proxies, as far as GitHub's client needs it. */
function fetchOver(transport: Transport): Fetch {
  return async (url, { method, headers, body, signal = new AbortController().signal }) => {
    const answer = await transport({ method, url, headers: { ...headers }, body, signal, timeoutSeconds: 30 });
    const empty = [204, 205, 304].includes(answer.status);
    return new Response(empty ? null : Buffer.from(answer.body), { status: answer.status, headers: { ...answer.headers } });
  };
}

/** Versions that run, or will, by part. */
export function versionsOf(stack: Stack, inputs: Pick<Inputs, 'helm' | 'kubectl'>): Record<string, string> {
  return {
    'ZITADEL chart': stack.zitadel.chart.version,
    'cert-manager chart': stack.certificates.certManager.version,
    'DNS01 solver chart': stack.certificates.solver.version,
    ...ingressVersionOf(stack),
    Kubernetes: stack.cluster.version,
    PostgreSQL: stack.database.version,
    Helm: inputs.helm.version,
    kubectl: inputs.kubectl.version,
  };
}

function ingressVersionOf(stack: Stack): Record<string, string> {
  const chart = ingressChart(stack);
  return chart === undefined ? {} : { [`${chart.name} chart`]: chart.version };
}

/** Which of the stack's own versions are near the end of their support; existing ones are their owners' business. */
export function supportOf(stack: Stack, now: number): SupportFinding[] {
  const { certificates, cluster, database } = stack;
  return supportFindings(
    {
      ...(cluster.existing === undefined ? { Kubernetes: cluster.version } : {}),
      ...(database.existing === undefined ? { PostgreSQL: database.version } : {}),
      ...(certificates.issuer === 'existing' ? {} : { 'cert-manager chart': certificates.certManager.version }),
      ...ingressVersionOf(stack),
    },
    now,
  );
}

export interface Finished extends Pick<Inputs, 'command' | 'target'> {
  readonly stack: Stack;
  readonly cancelled: boolean;
  /** Whether the run could sign in at the bastion. */
  readonly hasBastionKey: boolean;
}

export function nextSteps(
  { command, target, stack, cancelled, hasBastionKey }: Finished,
  outcomes: readonly Outcome[],
  faults: readonly Fault[],
): string[] {
  const writes = ['deploy', 'destroy'].includes(command);
  if (cancelled && !outcomes.some(({ verdict }) => verdict === 'failed'))
    return [writes ? 'Run again: it continues where it stopped and makes nothing twice.' : 'Run again.'];
  const instead = faults.flatMap((fault) => fault.instead ?? []);
  if (instead.length > 0) return instead;
  if (faults.length > 0 || unfinished(outcomes))
    return [`Mend what failed, then run the same command again${writes ? ': it goes on where this run stopped and makes nothing twice' : ''}.`];
  if (command === 'destroy')
    return outcomes.flatMap(({ title, done, note }) => (done && note !== undefined && !note.startsWith('goes with') ? [`${title}: ${note}.`] : []));
  if (command === 'plan' && target === 'destroy')
    return hasChanges(outcomes) ? ['Run destroy with confirm-destroy to take away what is listed for deletion.'] : [];
  if (command === 'plan' && isRefused(outcomes)) return ['Set back in the stack file what is refused: a deploy of it stops before its first write.'];
  if (command === 'check')
    return ['Run deploy. Whether its key may write shows at the first write; docs/permissions.md names the rights that it needs.'];
  if (command === 'plan' && hasChanges(outcomes)) return ['Run deploy, with plan-digest if exactly this plan is to be carried out.'];
  if (command === 'drift' && hasChanges(outcomes)) return ['Run deploy to bring everything back to what the stack file says.'];
  if ((command === 'plan' || command === 'drift') && changesKnown(outcomes) === 'unknown')
    return [`What is in the cluster was not looked at. To let this run look, ${waysIn(stack, hasBastionKey).join(', and ')}.`];
  if (command === 'deploy' && outcomes.some(({ id, verdict, done }) => id === 'zitadel/release' && verdict === 'create' && done)) {
    return [
      `Log in at ${consoleUrlOf(stack)} and change the password of the first administrator.`,
      'Keep stack-secret (or the masterkey) in a safe place outside GitHub: without it the data in the database cannot be read.',
      'Schedule this action with command drift, so that changes made by hand are seen.',
    ];
  }
  return [];
}

/** What a run that only looks lacks to come into the cluster, in the order in which it would be missed. */
function waysIn({ cluster: { access, bastion, allow, openForReads } }: Stack, hasBastionKey: boolean): string[] {
  const lacks: [boolean, string][] = [
    [access === 'bastion' && !bastion.keep, 'keep the bastion between deploys (cluster.bastion.keep: true in the stack file)'],
    [access !== 'private' && allow.includes('runner') && !openForReads, 'set cluster.openForReads: true in the stack file'],
    [access === 'bastion' && !hasBastionKey, 'give it the input bastion-key'],
  ];
  const found = lacks.flatMap(([missing, way]) => (missing ? [way] : []));
  return found.length > 0 ? found : ['see to what stands at "Credentials for the cluster" above'];
}

export interface EarlyEnd extends Telling {
  /** Undefined where the input is none. */
  readonly command: Command | undefined;
  readonly stack: Stack | undefined;
  readonly notices?: readonly Fault[];
  readonly faults: readonly Fault[];
  readonly started: number;
}

/** A run that ended before there was anything to walk: inputs, stack file, sign-in. @returns false */
export async function runFailed(end: EarlyEnd): Promise<boolean> {
  return tell(end, early(end, {}), {});
}

/** A `check` without credentials, such as on a fork's pull request: the stack file is in order, nothing else was looked at. */
export async function runFileOnly(end: EarlyEnd): Promise<boolean> {
  const { runner, notices = [] } = end;
  for (const notice of notices) runner.annotate('warning', notice);
  const alone = new Fault('no credentials were given: only the stack file was checked', {
    hint: 'Credentials, quotas, flavors and the delegation were not looked at. A pull request from a fork gets no secrets, and this is all that is safe there.',
  });
  runner.annotate('notice', alone);
  return tell(end, early({ ...end, notices: [...notices, alone] }, { fileOnly: true }), {});
}

function early({ command, stack, faults, notices = [], signal, started, inputs }: EarlyEnd, more: { fileOnly?: boolean }): Report {
  return makeReport({
    command,
    stack: stack === undefined ? undefined : { name: stack.name, region: stack.region },
    cancelled: signal.aborted,
    outcomes: [],
    faults,
    notices,
    versions: stack === undefined || inputs === undefined || faults.length > 0 ? {} : versionsOf(stack, inputs),
    support: stack === undefined || faults.length > 0 ? [] : supportOf(stack, Date.now()),
    seconds: (Date.now() - started) / 1000,
    ...more,
  });
}
