/**
 * Owns giving ZITADEL's database role another password: ZITADEL's init never changes the one of a role that exists (observed
 * with v4.13), and the database is private. So a short-lived Job in the cluster does it as root, over TLS that checks the CA.
 * What must happen before and after is decided by the configuration Secret (`release.ts`).
 */
import { randomBytes } from 'node:crypto';
import { Fault } from '../engine/fault.ts';
import type { Run } from '../engine/resource.ts';
import { until } from '../engine/until.ts';
import { conditionOf } from '../kube/applied.ts';
import { type DatabaseSeen, isOurs, type KubeContext, otherStack, ourLabels, refuseForeign } from '../kube/context.ts';
import { addTails, adviceFor, logLines } from '../kube/diagnosis.ts';
import { type Manifest, objectPath } from '../kube/paths.ts';
import { podState } from '../kube/pods.ts';
import { stuckReason, summary } from '../kube/rollout.ts';
import { redact } from '../secret.ts';
import type { Stack } from '../stack/stack.ts';
import type { KubeObject } from '../tools/api.ts';
import type { Cluster } from '../tools/toolbox.ts';
import { secretNames } from './identity.ts';
import { scramVerifier } from './scram.ts';
import { databaseTlsMode } from './values.ts';

/** Docker's official image, for its psql: a client of 17 speaks with every server that RDS offers (12 to 17). */
export const PSQL_IMAGE = 'docker.io/library/postgres:17.6-alpine3.22';
/** `postgres` in that image. */
const USER = 70;

/** Name of the Job and of its Secret. */
const NAME = 'zitadel-role-password';
/** Seconds for the whole: where the nodes are new as well, the Job waits for them. */
const DEADLINE = 1500;
const SCHEDULE = { firstSeconds: 0.5, mostSeconds: 3, deadlineSeconds: DEADLINE + 30, usualSeconds: 15 };

/**
 * Sets the password of the role where the role exists. Can be repeated: the same password set again is no difference. The Job
 * goes by itself after ten minutes, and its Secret with it, should this run not live to take them away.
 * @throws Fault with psql's own words where the database refuses it
 */
export async function setRolePassword(context: KubeContext, cluster: Cluster, database: DatabaseSeen, run: Run): Promise<void> {
  const { stack, secrets } = context;
  const { databaseRootPassword: root, databaseUserPassword: password } = secrets;
  const title = `password of the database role ${stack.database.user}`;
  if (root === undefined || password === undefined) {
    throw new Fault(`the ${title} must be set, but this run does not have it`, {
      resource: title,
      hint: 'Give stack-secret (or database-password and database-user-password).',
    });
  }
  const kubectl = await cluster.kubectl(run);
  const job = rolePasswordJob(stack, database);
  const secret: Manifest = { apiVersion: 'v1', kind: 'Secret', metadata: { name: NAME, namespace: stack.zitadel.namespace } };
  const remove = async (): Promise<void> => {
    for (const { kind, metadata } of [job, secret]) await kubectl.remove(kind.toLowerCase(), metadata.name, metadata.namespace, run.signal);
  };
  for (const object of [job, secret]) {
    const there = await cluster.api.get(objectPath(object), run.signal);
    if (there === undefined || isOurs(there.metadata.labels, stack)) continue;
    refuseForeign(`${object.kind} ${object.metadata.namespace}/${NAME}`, otherStack(there.metadata.labels, stack), stack, '');
  }
  run.say(`setting the ${title}`);
  // What a run left that died here.
  await remove();
  const made = await kubectl.add(job, run.signal);
  const owner = { apiVersion: 'batch/v1', kind: 'Job', name: NAME, uid: made.metadata.uid };
  const stringData = { password: root.open(), 'role.sql': rolePasswordSql(stack.database.user, scramVerifier(password.open(), randomBytes(16))) };
  const metadata = { ...secret.metadata, labels: ourLabels(stack), ownerReferences: [owner] };
  await kubectl.add({ ...secret, metadata, type: 'Opaque', stringData }, run.signal);
  try {
    await untilDone(cluster, job, title, run);
  } finally {
    // A cancelled run writes no more; both go with the Job's time to live.
    if (!run.signal.aborted) await remove();
  }
  run.say(`the ${title} is set`);
}

/** Nothing where the role does not exist: init then makes it, with the password that its configuration holds. */
export function rolePasswordSql(role: string, verifier: string): string {
  const name = `"${role.replaceAll('"', '""')}"`;
  const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;
  return [
    'DO $role$ BEGIN',
    `  IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = ${literal(role)}) THEN`,
    `    ALTER ROLE ${name} PASSWORD ${literal(verifier)};`,
    '  END IF;',
    'END $role$;',
    '',
  ].join('\n');
}

/** The Job, without anything secret. Its Secret comes after it, owned by it; the kubelet waits for that. */
export function rolePasswordJob(stack: Pick<Stack, 'name' | 'zitadel'>, { host, port }: Pick<DatabaseSeen, 'host' | 'port'>): Manifest {
  const { namespace, tlsMode } = stack.zitadel;
  const strict = databaseTlsMode(tlsMode, host) === 'verify-full' ? 'verify-full' : 'verify-ca';
  const plain = {
    PGHOST: host,
    PGPORT: String(port),
    PGUSER: 'root',
    PGDATABASE: 'postgres',
    PGSSLMODE: strict,
    PGSSLROOTCERT: '/ca/ca.crt',
    PGCONNECT_TIMEOUT: '20',
    PGAPPNAME: 'zitadel-on-otc',
  };
  const labels = ourLabels(stack);
  const psql = {
    name: 'psql',
    image: PSQL_IMAGE,
    command: ['psql', '--no-psqlrc', '--quiet', '--set=ON_ERROR_STOP=1', '--file=/sql/role.sql'],
    env: [
      ...Object.entries(plain).map(([name, value]) => ({ name, value })),
      { name: 'PGPASSWORD', valueFrom: { secretKeyRef: { name: NAME, key: 'password' } } },
    ],
    resources: { requests: { cpu: '50m', memory: '32Mi' }, limits: { memory: '128Mi' } },
    securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
    volumeMounts: [
      { name: 'sql', mountPath: '/sql', readOnly: true },
      { name: 'ca', mountPath: '/ca', readOnly: true },
    ],
  };
  const spec = {
    restartPolicy: 'Never',
    automountServiceAccountToken: false,
    securityContext: { runAsNonRoot: true, runAsUser: USER, runAsGroup: USER, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [psql],
    volumes: [
      { name: 'sql', secret: { secretName: NAME, items: [{ key: 'role.sql', path: 'role.sql' }] } },
      { name: 'ca', secret: { secretName: secretNames.databaseCa } },
    ],
  };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: NAME, namespace, labels },
    spec: { backoffLimit: 3, activeDeadlineSeconds: DEADLINE, ttlSecondsAfterFinished: 600, template: { metadata: { labels }, spec } },
  } as Manifest;
}

async function untilDone({ api }: Cluster, job: Manifest, title: string, run: Run): Promise<void> {
  const { namespace } = job.metadata;
  const tails = new Map<string, string>();
  const since = new Map<string, number>();
  await until(`the ${title} to be set`, SCHEDULE, run, async () => {
    const [now, pods] = await Promise.all([
      api.get(objectPath(job), run.signal),
      api.list(`/api/v1/namespaces/${namespace}/pods?labelSelector=${encodeURIComponent(`batch.kubernetes.io/job-name=${NAME}`)}`, run.signal),
    ]);
    if (now === undefined) throw failed(title, 'its Job was taken away', tails);
    if (isTrue(now, 'Complete')) return { done: true, value: undefined };
    for (const pod of pods) await addTails(api, namespace ?? '', pod, tails, run.signal);
    const states = pods.map(podState);
    if (isTrue(now, 'Failed')) throw failed(title, conditionOf(now, 'Failed')?.message ?? 'its Job failed', tails);
    // No room for it yet is no reason to give up: nodes may still be on their way.
    const obstacle = stuckReason(
      states.filter(({ obstacle: found }) => found?.reason !== 'Unschedulable'),
      since,
      {},
    );
    if (obstacle !== undefined) throw failed(title, obstacle, tails);
    return { done: false, state: states.length === 0 ? 'no pod yet' : summary(states) };
  });
}

function isTrue(object: KubeObject, type: string): boolean {
  return conditionOf(object, type)?.status === 'True';
}

function failed(title: string, reason: string, tails: ReadonlyMap<string, string>): Fault {
  const lines = logLines(tails).map(redact);
  return new Fault([`the ${title} could not be set: ${reason}`, ...lines].join('\n'), {
    resource: title,
    hint: `${adviceFor([reason, ...lines]) ?? `Look at Job ${NAME} in ZITADEL's namespace.`} ZITADEL goes on with the former one. Running again tries once more.`,
  });
}
