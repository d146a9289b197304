/**
 * Owns the explanation of a failed rollout: conditions of Jobs, states of pods, last warnings, last log lines, all
 * redacted. Read when something has failed; what is watched meanwhile is `rollout.ts`'s.
 */
import { redact } from '../secret.ts';
import type { KubeApi, KubeObject } from '../tools/api.ts';
import { collection } from './paths.ts';
import { podState } from './pods.ts';

const EVENTS = 8;
const LOG_LINES = 20;
const LINE = 400;

/** Log tails by `pod/container`, kept from the time when the pod still was there. */
export type Tails = ReadonlyMap<string, string>;

/**
 * Lines that explain what is wrong in a namespace; empty where nothing is.
 * @param since events before this are of former attempts and left out
 */
export async function diagnose(api: KubeApi, namespace: string, tails: Tails, since: Date, signal: AbortSignal): Promise<string[]> {
  const [jobs, pods, events] = await Promise.all([
    api.list(collection('batch/v1', 'Job', namespace), signal),
    api.list(`/api/v1/namespaces/${namespace}/pods`, signal),
    api.list(`/api/v1/namespaces/${namespace}/events`, signal),
  ]);
  const logs = new Map(tails);
  for (const pod of pods) await addTails(api, namespace, pod, logs, signal);
  const lines = [
    ...jobs.flatMap(jobLines),
    ...pods.map(podState).flatMap((pod) => (pod.fine ? [] : [`pod ${pod.name}: ${pod.text}${pod.obstacle ? `: ${pod.obstacle.message}` : ''}`])),
    ...warnings(events.filter(concerns(pods, since)), since),
    ...logLines(logs),
  ];
  return lines.map((line) => redact(line).slice(0, LINE));
}

/** Reads the log tails of a pod's broken containers into `into`. */
export async function addTails(api: KubeApi, namespace: string, pod: KubeObject, into: Map<string, string>, signal: AbortSignal): Promise<void> {
  for (const { container } of podState(pod).broken) {
    const text = await api.log(namespace, pod.metadata.name, container, LOG_LINES, signal);
    if (text !== undefined && text.trim() !== '') into.set(`${pod.metadata.name}/${container}`, text);
  }
}

function jobLines(job: KubeObject): string[] {
  const status = (job['status'] ?? {}) as { conditions?: readonly { type: string; status: string; reason?: string; message?: string }[] };
  const failed = status.conditions?.find(({ type, status: value }) => type === 'Failed' && value === 'True');
  return failed === undefined ? [] : [`job ${job.metadata.name}: Failed (${failed.reason ?? 'no reason given'}): ${failed.message ?? ''}`];
}

/** Whether an event still matters: those of a former attempt's pod may go on until it is gone, and would explain the wrong thing. */
function concerns(pods: readonly KubeObject[], since: Date): (event: KubeObject) => boolean {
  const present = new Set(pods.map(({ metadata }) => metadata.name));
  return (event) => {
    const about = event['involvedObject'] as { kind?: string; name?: string } | undefined;
    const first = Date.parse(String(event['firstTimestamp'] ?? event.metadata.creationTimestamp ?? ''));
    return about?.kind !== 'Pod' || present.has(about.name ?? '') || !(first + 1000 < since.getTime());
  };
}

/** When an event last happened. */
function time(event: KubeObject): string {
  return String(event['lastTimestamp'] ?? event['eventTime'] ?? event.metadata.creationTimestamp ?? '');
}

/** Whether an event is of an earlier time; events count whole seconds. */
export function isBefore(event: KubeObject, since: Date): boolean {
  return Date.parse(time(event)) + 1000 < since.getTime();
}

/** The last warnings since a time. What only says that an address list is behind the pods is left out. */
export function warnings(events: readonly KubeObject[], since: Date): string[] {
  const lines = events
    .filter((event) => event['type'] === 'Warning' && !String(event['reason']).startsWith('FailedToUpdateEndpoint'))
    .filter((event) => !isBefore(event, since))
    .sort((a, b) => (time(a) < time(b) ? -1 : 1))
    .map((event) => {
      const about = event['involvedObject'] as { kind?: string; name?: string } | undefined;
      return `event ${about?.kind ?? ''} ${about?.name ?? ''}: ${String(event['reason'])}: ${String(event['message'])}`;
    });
  return [...new Set(lines)].slice(-EVENTS);
}

/** The log tails, each once: attempts of a Job mostly end alike, and a waiting program says the same again and again. */
export function logLines(logs: Tails): string[] {
  const pods = new Map<string, string[]>();
  for (const [name, text] of logs) {
    const shown = tail(text).join('\n');
    pods.set(shown, [...(pods.get(shown) ?? []), name]);
  }
  return [...pods].flatMap(([text, names]) => [`last log lines of ${names.join(' and ')}:`, ...text.split('\n').map((line) => `  ${line}`)]);
}

function tail(text: string): string[] {
  const lines: { readonly line: string; times: number }[] = [];
  for (const line of text.trimEnd().split('\n').slice(-LOG_LINES)) {
    const last = lines.at(-1);
    if (last?.line === line) last.times += 1;
    else lines.push({ line, times: 1 });
  }
  return lines.map(({ line, times }) => (times === 1 ? line : `${line} (${times} times)`));
}

/**
 * Next steps for causes that show in the lines, in the order in which they are looked for.
 * Texts: kubelet events; ZITADEL v4.13.1's own messages.
 */
export function adviceFor(lines: readonly string[]): string | undefined {
  const text = lines.join('\n');
  const found = ADVICE.find(([sign]) => sign.test(text));
  return found?.[1];
}

/** What a log says when a further attempt, minutes later, would end the same way: refused passwords, certificates and settings. */
const LASTING =
  /password authentication failed for user "[^"]*"|x509: certificate (is valid for|signed by unknown authority|has expired)|cannot validate certificate for \S+ because it doesn't contain any IP SANs|SQLSTATE 42501|PasswordComplexityPolicy|masterkey must be 32 bytes/;

/** The words of a log by which further attempts are in vain; undefined where they may help. */
export function lastingCause(log: string): string | undefined {
  return LASTING.exec(log)?.[0];
}

const ADVICE: readonly (readonly [RegExp, string])[] = [
  [/ImagePullBackOff|ErrImagePull/, 'The nodes cannot pull the image: check their egress (network.egress) and that the image exists.'],
  [
    /secrets? "?(?:[\w.-]+\/)?[\w.-]*login-client"? not found/,
    'ZITADEL makes the login app\'s token at the first setup only, and this database was set up without this cluster, with no copy of the token beside it: docs/secrets.md, "The login app\'s token", says how to make another one.',
  ],
  [
    /secrets? "?[\w./-]+"? not found|couldn't find key|references non-existent secret key/,
    'A Secret or a key in it is missing in the namespace; running again restores those that this action makes.',
  ],
  [/Unschedulable/, 'No node has room for the pod: add nodes or take larger ones (cluster.nodes).'],
  [/OOMKilled/, 'A container needs more memory than its limit: raise resources.limits.memory in the values file, and the nodes with it.'],
  [
    /password authentication failed for user "root"/,
    "The database refuses root's password: give the stack-secret (or database-password) the database was made with, or raise database.passwordGeneration.root.",
  ],
  [
    /password authentication failed/,
    "The database refuses the password of ZITADEL's role: somebody changed it there, or the database was set up with another secret. Raise database.passwordGeneration.user: deploy then sets it anew.",
  ],
  [
    /permission denied to create (role|database)|SQLSTATE 42501/,
    "The database's root lacks a right that init needs: it must have CREATEROLE and CREATEDB, as RDS makes it.",
  ],
  [
    /certificate is valid for .* not |not contain any IP SANs/,
    'The database certificate does not carry the address: set zitadel.tlsMode: verify-ca.',
  ],
  [
    /certificate signed by unknown authority|certificate verify failed/,
    'The database certificate is signed by another CA than the one in Secret zitadel-rds-ssl-cert: check the database CA.',
  ],
  [
    /certificate has expired or is not yet valid/,
    'The certificate of the database is over, or the clock of the nodes is wrong: renew it in the RDS console.',
  ],
  [
    /unable to read CA file|at least ssl root cert has to be set|root certificate file .* does not exist/,
    'The CA of the database is not mounted: its Secret zitadel-rds-ssl-cert lacks the key ca.crt, or the values file changed how it is mounted. Running again restores the Secret.',
  ],
  [
    /refused TLS connection|does not support SSL|no pg_hba\.conf entry/,
    'The database does not take this connection as it was asked for: check that SSL is on in the RDS console.',
  ],
  [
    /SQLSTATE 53300|too many (clients|connections)/,
    'The database has no connection left: lower MaxOpenConns or the replicas in the values file, or take a larger flavor.',
  ],
  [
    /dial tcp [\d.:]+: i\/o timeout|context deadline exceeded.*dial|no route to host|timeout expired/,
    'The database does not answer: check that its security group admits rds-client and, in a vpc-router cluster, the container network; running again restores the rules that this action makes.',
  ],
  [
    /hostname resolving error|could not translate host name/,
    "The pods cannot resolve the database's name: check the DNS servers of the cluster's subnet.",
  ],
  [/connection refused/i, 'The database does not take connections: check that the RDS instance is ACTIVE and its port.'],
  [/PasswordComplexityPolicy/, "The first admin's password does not meet ZITADEL's policy: give another admin-password."],
  [/masterkey must be 32 bytes/, 'The masterkey must have exactly 32 bytes.'],
  [
    /relation "[\w.]+" does not exist|schema "[\w.]+" does not exist|SQLSTATE (42P01|3F000|3D000)/,
    'The database lacks what init and setup make: it was emptied or replaced. Running again runs both; if the data should be there, restore a backup first.',
  ],
  [
    /unable to connect to database/,
    'Setup found no database it can use: init did not run to its end, or the database was replaced. Running again runs both.',
  ],
  [
    /Errors\.Token\.Invalid|AUTH-7fs1e/,
    'The login app\'s token belongs to another database: docs/secrets.md, "The login app\'s token", says how to make another one.',
  ],
  [/DeadlineExceeded/, 'A Job ran out of its time: look at what it waited for above; in most cases the database, or an image.'],
];
