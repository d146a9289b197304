/**
 * Owns waiting for a certificate: the Certificate itself says little, its request, order and challenge say why it is not
 * there yet. What is asked for stands in `certificates.ts`. Conditions and fields: cert-manager v1.21 API.
 */
import { Fault } from '../engine/fault.ts';
import type { Run } from '../engine/resource.ts';
import { type Look, until } from '../engine/until.ts';
import { conditionOf } from '../kube/applied.ts';
import { collection, objectPath } from '../kube/paths.ts';
import type { KubeApi, KubeObject } from '../tools/api.ts';
import type { Cluster } from '../tools/toolbox.ts';

const SCHEDULE = { firstSeconds: 1, mostSeconds: 10, deadlineSeconds: 1200, usualSeconds: 120 };
/** Seconds that one and the same error of the solver is given: a new zone may need a minute, a refused key does not heal. */
const GRACE_SECONDS = { usual: 120, refused: 30 } as const;

/** cert-manager's `Ready` condition, for the generation that is wanted now. */
export function readiness(live: KubeObject): Look<KubeObject> {
  const ready = conditionOf(live, 'Ready');
  const current = ready?.observedGeneration === undefined || ready.observedGeneration === live.metadata.generation;
  if (ready?.status === 'True' && current) return { done: true, value: live };
  return { done: false, state: current ? (ready?.reason ?? 'not processed yet') : 'not processed yet', reason: ready?.message };
}

/** Ready for the generation that is wanted now, not over its end, and its renewal not overdue. */
export function certificateState(live: KubeObject, now: Date): Look<KubeObject> {
  const state = readiness(live);
  if (!state.done) {
    const issuing = conditionOf(live, 'Issuing');
    return { ...state, reason: issuing?.message ?? state.reason };
  }
  const { notAfter } = (live['status'] ?? {}) as { notAfter?: string };
  if (notAfter !== undefined && new Date(notAfter) <= now) return { done: false, state: 'expired', reason: `it ended at ${notAfter}` };
  const overdue = overdueSince(live, now);
  return overdue === undefined ? state : { done: false, state: 'renewal overdue', reason: `cert-manager should have renewed it at ${overdue}` };
}

/** The time at which it should have been renewed, where that is past by more than a tenth of its life. */
function overdueSince(live: KubeObject, now: Date): string | undefined {
  const { notBefore, notAfter, renewalTime } = (live['status'] ?? {}) as { notBefore?: string; notAfter?: string; renewalTime?: string };
  if (notBefore === undefined || notAfter === undefined || renewalTime === undefined) return undefined;
  const grace = (Date.parse(notAfter) - Date.parse(notBefore)) / 10;
  return now.getTime() > Date.parse(renewalTime) + grace ? renewalTime : undefined;
}

/**
 * Waits until a Certificate is issued. Where a former attempt failed, asks for a new one at once: cert-manager itself
 * would wait for an hour or more.
 * @throws Fault with the challenge's own reason when the attempt failed or its error stays
 */
export async function untilIssued(cluster: Cluster, certificate: { name: string; namespace: string }, run: Run): Promise<KubeObject> {
  const { api } = cluster;
  const { name, namespace } = certificate;
  const path = objectPath({ apiVersion: 'cert-manager.io/v1', kind: 'Certificate', metadata: certificate });
  const title = `Certificate ${namespace}/${name}`;
  const failedBefore = await tryAgain(api, path, run);
  let error = { text: '', since: 0 };
  return until(`${title} to be issued`, SCHEDULE, run, async () => {
    const live = await api.get(path, run.signal);
    if (live === undefined) return { done: false, state: 'missing' };
    const state = certificateState(live, new Date());
    if (state.done) return state;
    const steps = await orderSteps(api, namespace, name, run.signal);
    const text = steps.map(({ line }) => line).join('; ');
    if (failureTime(live) !== undefined && failureTime(live) !== failedBefore)
      throw notIssued(title, conditionOf(live, 'Issuing')?.message ?? text, text);
    const wrong = steps.find(({ lasting }) => lasting !== undefined)?.lasting ?? '';
    if (cause(wrong) !== error.text) error = { text: cause(wrong), since: Date.now() };
    const grace = REFUSED.test(wrong) ? GRACE_SECONDS.refused : GRACE_SECONDS.usual;
    if (wrong !== '' && Date.now() - error.since >= grace * 1000) throw notIssued(title, wrong, text);
    return { done: false, state: text === '' ? state.state : text, reason: state.reason };
  });
}

function notIssued(title: string, reason: string, steps: string): Fault {
  const advice = ADVICE.find(([sign]) => sign.test(`${reason} ${steps}`))?.[1] ?? 'Look at the challenge named above.';
  return new Fault(`${title} was not issued: ${reason}${steps === '' || steps.includes(reason) ? '' : ` (${steps})`}`, {
    resource: title,
    hint: `${advice} Running again starts a new attempt at once.`,
  });
}

/** How OTC's gateway and IAM say that a key is wrong or may not. */
const REFUSED = /APIGW\.03|APIG\.03|incorrect IAM|signature|authenticat|\b40[13]\b|Unauthorized|Forbidden/i;

/** Texts of the solver v0.1.3 and of the ACME server, and what they nearly always mean. */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [
    /found 0 while expecting 1|zone .*not found/i,
    'The DNS01 solver does not see the zone: its key must belong to the project that holds the zone, and be allowed to read it.',
  ],
  [REFUSED, 'The DNS01 solver is refused by OTC: check acme-access-key and acme-secret-key, a permanent key with DNS rights.'],
  [/rateLimited|too many/i, "Let's Encrypt's limit is reached: wait, or use certificates.issuer: letsencrypt-staging meanwhile."],
  [/NXDOMAIN|SERVFAIL|no TXT record|dns problem/i, 'The ACME server does not find the record: check the delegation of the zone.'],
];

/** What waiting heals: the record is on its way to the name servers, or a step has just begun. */
const PASSING = /propagat|waiting for|pending|in progress|not yet/i;

interface Step {
  readonly line: string;
  /** An error that lasts until somebody does something. */
  readonly lasting: string | undefined;
}

/** Challenge and order of a Certificate; the challenge knows best. */
async function orderSteps(api: KubeApi, namespace: string, certificate: string, signal: AbortSignal): Promise<Step[]> {
  const kinds = ['Challenge', 'Order'] as const;
  const lists = await Promise.all(kinds.map((kind) => api.list(collection('acme.cert-manager.io/v1', kind, namespace), signal)));
  return kinds.flatMap((kind, index) =>
    (lists[index] ?? []).filter(({ metadata }) => metadata.name.startsWith(`${certificate}-`)).map((object) => stepOf(kind, object)),
  );
}

/** One line for a step, and its error where it has one. */
export function stepOf(kind: string, object: KubeObject): Step {
  const { state = '', reason = '' } = (object['status'] ?? {}) as { state?: string; reason?: string };
  const line = `${kind} ${state === '' ? 'new' : state}${reason === '' ? '' : `: ${reason}`}`;
  const over = ['invalid', 'errored', 'expired'].includes(state);
  return { line, lasting: over || (reason !== '' && !PASSING.test(reason)) ? reason || line : undefined };
}

/** An error without what is new in each attempt: request ids, times. */
function cause(error: string): string {
  return error.replace(/\b[0-9a-f]{32}\b|\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b\d{4}-\d\d-\d\dT[\d:.]+Z?/g, '…');
}

function failureTime(certificate: KubeObject): string | undefined {
  return (certificate['status'] as { lastFailureTime?: string } | undefined)?.lastFailureTime;
}

/**
 * Ends the pause after a failed attempt, or begins an overdue renewal, as `cmctl renew` does it: by the condition `Issuing` in the Certificate's status.
 * @returns the time of that failure, if there was one
 */
async function tryAgain(api: KubeApi, path: string, run: Run): Promise<string | undefined> {
  const live = await api.get(path, run.signal);
  const failed = live === undefined ? undefined : failureTime(live);
  const overdue = live === undefined ? undefined : overdueSince(live, new Date());
  if (live === undefined || (failed === undefined && overdue === undefined) || conditionOf(live, 'Issuing')?.status === 'True') return failed;
  run.say(failed === undefined ? `its renewal is overdue since ${overdue}: starting it` : `the last attempt failed at ${failed}: starting a new one`);
  const status = (live['status'] ?? {}) as { conditions?: readonly { type: string }[] };
  const issuing = {
    type: 'Issuing',
    status: 'True',
    reason: 'ManuallyTriggered',
    message: 'Started again by zitadel-on-otc',
    lastTransitionTime: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
    observedGeneration: live.metadata.generation,
  };
  const conditions = [...(status.conditions ?? []).filter(({ type }) => type !== 'Issuing'), issuing];
  try {
    await api.send('PUT', `${path}/status`, { ...live, status: { ...status, conditions } }, run.signal);
  } catch (error) {
    // Written by cert-manager in between: it is at work already.
    if (!(error instanceof Fault) || error.status !== 409) throw error;
  }
  return failed;
}
