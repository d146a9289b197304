/**
 * Owns a Helm release as a resource: in sync when status, chart digest, values and live objects agree, else helm is run
 * once, from a checked file, and its failure explained. What is read is `release-state.ts`'s, how it is watched `rollout.ts`'s.
 */
import { Cancelled, Fault } from '../engine/fault.ts';
import { ADDED_BY_OTHERS, type AnyResource, type Change, type PartlySeen, type Resource, type Run, type SeenOf } from '../engine/resource.ts';
import type { ChartSource } from '../tools/charts.ts';
import { type Helm, TUNNEL_CUT, type Upgrade } from '../tools/helm.ts';
import type { Kubeconfig } from '../tools/kubeconfig.ts';
import type { Cluster } from '../tools/toolbox.ts';
import { type NeedsCluster, untilAdmitted } from './applied.ts';
import { sameVersion } from './chart-digest.ts';
import { valueChanges } from './compare.ts';
import { clusterIn, inCluster, type KubeContext, refuseForeign, STACK_LABEL, type VersionChange } from './context.ts';
import { adviceFor, diagnose } from './diagnosis.ts';
import { removeStrays } from './manifest.ts';
import { type Manifest, objectPath } from './paths.ts';
import { releaseDocuments } from './release-documents.ts';
import { DIGEST_LABEL, DIGEST_LENGTH, lastGood, type ReleaseSeen, releaseState, STAMP } from './release-state.ts';
import { uninstall } from './removal.ts';
import type { Rival } from './rivals.ts';
import { type JobLimit, watched } from './rollout.ts';

export interface ReleaseSpec {
  readonly cluster: Cluster;
  readonly values: Values;
  /** Restarts the workload when it changes; undefined: not compared. */
  readonly stamp: string | undefined;
  /** Done whenever helm is about to run; told whether an installed release is changed. */
  readonly before?: ((installed: boolean, run: Run) => Promise<void>) | undefined;
  /** Done before an installed release gets another chart version. */
  readonly beforeVersion?: ((change: VersionChange, run: Run) => Promise<void>) | undefined;
}

type Values = Readonly<Record<string, unknown>>;

export interface ReleaseOptions<N extends NeedsCluster> {
  readonly id: string;
  readonly needs: N;
  readonly wanted: boolean;
  readonly namespace: string;
  readonly release: string;
  readonly source: ChartSource;
  /** The complete values, without secrets. */
  readonly values: (needs: SeenOf<N>) => Values;
  /** A Deployment of the chart that reads a Secret only when it starts, and what the Secret's last change is. */
  readonly restart?: { readonly deployment: string; readonly stamp: (needs: SeenOf<N>) => string };
  /** Secrets that the workloads read only when they start: each change of one restarts them. */
  readonly restartsFor?: readonly (keyof N & string)[];
  /** Done and awaited whenever helm is about to run: what the workloads need and the chart does not make. */
  readonly before?: (needs: SeenOf<N>, at: { readonly cluster: Cluster; readonly installed: boolean }, run: Run) => Promise<void>;
  /** Objects that helm would delete without asking whose they are, since they belong to hooks: looked for before a first install. */
  readonly hookObjects?: readonly Manifest[];
  /** Compares an installed release's values with the wanted ones. @throws Fault where the change must not be made */
  readonly refuse?: (before: Values, wanted: Values) => void;
  /** Values that hold from the first time on that the release was in place, whatever the stack file says, and what people are told of that. */
  readonly settled?: {
    readonly keep: (before: Values, wanted: Values) => Values;
    readonly warnings: (before: ReleaseSeen, wanted: Values) => readonly Fault[];
  };
  readonly facts?: (values: Values) => Readonly<Record<string, string>>;
  /** What must be well before an installed release gets these values. */
  readonly changedAfter?: (before: Values, wanted: Values) => readonly AnyResource[];
  /** Done and awaited before an installed release gets another chart version. */
  readonly beforeVersion?: (needs: SeenOf<N>, change: VersionChange, run: Run) => Promise<void>;
  /** Seconds for a single hook, or for the workloads to become ready. */
  readonly timeoutSeconds: number;
  readonly jobLimits?: Readonly<Record<string, JobLimit>>;
  /** What cannot stand beside this release: taken away first. */
  readonly rivals?: readonly Rival[];
  readonly usualSeconds?: number;
  /** True where it makes something outside the cluster that does not go with it, as a load balancer's listeners. */
  readonly leavesBehind?: boolean;
  /** Said whenever it is installed or upgraded. */
  readonly notice?: string;
}

/** With the chart that it is installed from. */
export type ReleaseResource<N extends NeedsCluster> = Resource<N, ReleaseSpec, ReleaseSeen> & { readonly source: ChartSource };

export function chartRelease<N extends NeedsCluster>(context: KubeContext, options: ReleaseOptions<N>): ReleaseResource<N> {
  const { id, needs, wanted, namespace, release, source, restart } = options;
  const title = `Helm release ${namespace}/${release} (${source.name} ${source.version})`;
  const clusterOf = (seen: SeenOf<N>): Cluster => context.toolbox.cluster((seen as unknown as { kubeconfig: Kubeconfig }).kubeconfig);
  const read = (cluster: Cluster, signal: AbortSignal): Promise<ReleaseSeen | undefined> =>
    releaseState(cluster, namespace, release, restart, context.stack, signal);
  const { settled } = options;
  const settle = (spec: ReleaseSpec, seen: ReleaseSeen | undefined): ReleaseSpec =>
    settled === undefined || seen?.proven !== true ? spec : { ...spec, values: settled.keep(seen.values, spec.values) };
  return {
    id,
    title,
    needs,
    wanted,
    source,
    ...inCluster(context),
    ...(options.restartsFor === undefined ? {} : { follows: { restart: options.restartsFor } }),
    ...(options.usualSeconds === undefined ? {} : { usualSeconds: options.usualSeconds }),
    want: (seen) => ({
      cluster: clusterOf(seen),
      values: options.values(seen),
      stamp: restart?.stamp(seen),
      before: (installed, run) => options.before?.(seen, { cluster: clusterOf(seen), installed }, run) ?? Promise.resolve(),
      beforeVersion:
        options.beforeVersion === undefined ? undefined : (change, run) => options.beforeVersion?.(seen, change, run) ?? Promise.resolve(),
    }),
    madeWith: () => ({ chart: `${source.name} ${source.version}`, 'chart.digest': source.digest }),
    observe: async (seen: PartlySeen<N>, run) => {
      const cluster = clusterIn(context, seen as { kubeconfig?: Kubeconfig });
      const found = cluster === undefined ? undefined : await read(cluster, run.signal);
      // A release of somebody else is left alone where ours is not wanted.
      return wanted || found?.ours === true ? found : undefined;
    },
    diff: (spec, seen) => {
      // Helm puts our labels on a revision before it makes anything: also what a killed first install left is known as ours.
      if (!seen.ours)
        refuseForeign(`Helm release ${namespace}/${release} (chart version ${seen.chartVersion}, ${seen.status})`, seen.owner, context.stack);
      options.refuse?.(seen.values, spec.values);
      return releaseChanges(settle(spec, seen), seen, source);
    },
    warnings: (spec, seen) => (seen.proven ? (settled?.warnings(seen, spec.values) ?? []) : []),
    diffAlone: (seen) => (seen.ours ? [...statusChange(seen), ...seen.drift] : []),
    changedAfter: (spec, seen) => options.changedAfter?.(seen.values, spec.values) ?? [],
    documents: (spec, seen, changes, run) => releaseDocuments(options, settle(spec, seen), seen, changes, run),
    apply: async (spec, seen, changes, run) => {
      const { cluster } = spec;
      if (seen === undefined || changes.some(({ field }) => field !== 'restart'))
        await upgrade(context, options, title, settle(spec, seen), seen, run);
      if (restart !== undefined && spec.stamp !== undefined) await stamp(cluster, namespace, restart.deployment, spec.stamp, run);
      const after = await read(cluster, run.signal);
      if (after === undefined) throw new Fault(`${title} is gone right after it was installed`, { resource: title });
      return after;
    },
    keep: ({ owner }) =>
      owner === undefined ? 'was not made by this action' : owner === context.stack.name ? undefined : `belongs to stack ${owner}`,
    ...(options.leavesBehind === true ? { leavesBehind: async () => true } : {}),
    destroy: async ({ cluster }, run) => {
      await uninstall(cluster, { release, namespace }, true, run);
    },
    facts: ({ revision, chartVersion, appVersion, status, values }) => ({
      ...{ revision: String(revision), chart: chartVersion, version: appVersion, status },
      ...options.facts?.(values),
    }),
  };
}

/** What keeps a release from being as wanted. Pure. */
export function releaseChanges(spec: Pick<ReleaseSpec, 'values' | 'stamp'>, seen: ReleaseSeen, source: ChartSource): Change[] {
  const changes = statusChange(seen);
  if (!sameVersion(seen.chartVersion, source.version)) changes.push({ field: 'chart', before: seen.chartVersion, after: source.version });
  if (!seen.ours)
    changes.push({ field: 'owner', before: 'nobody', after: 'zitadel-on-otc', why: 'the release was made otherwise and is taken over by consent' });
  const pinned = source.digest?.replace(/^sha256:/, '').toLowerCase();
  if (seen.ours && pinned !== undefined && seen.digest !== pinned.slice(0, DIGEST_LENGTH)) {
    changes.push({ field: 'chart.digest', before: seen.digest ?? 'unknown', after: pinned });
  }
  // Values of a release that somebody else made may hold secrets: only the places are named.
  const values = valueChanges(seen.values, spec.values);
  changes.push(...(seen.ours ? values : values.map(({ field }) => ({ field, why: 'differs' }))));
  changes.push(...seen.drift);
  if (spec.stamp !== undefined && seen.stamp !== spec.stamp)
    changes.push({ field: 'restart', why: 'a Secret that it reads at its start has changed' });
  // A rollback to what is wanted is none: it says why the rest differs.
  const back = seen.status === 'deployed' && changes.length > 0 ? /^Rollback to (\d+)$/.exec(seen.description ?? '')?.[1] : undefined;
  return back === undefined ? changes : [{ field: 'revision', before: `${seen.revision}, rolled back to ${back}`, after: 'a new one' }, ...changes];
}

function statusChange(seen: ReleaseSeen): Change[] {
  return seen.status === 'deployed' ? [] : [{ field: 'status', before: seen.status, after: 'deployed', ...whyOf(seen) }];
}

function whyOf({ status }: ReleaseSeen): { readonly why?: string } {
  if (status.startsWith('pending-') || status === 'uninstalling') return { why: 'helm is at work, or was killed at it' };
  return status === 'failed' ? { why: 'the last rollout did not end well' } : {};
}

async function upgrade<N extends NeedsCluster>(
  context: KubeContext,
  options: ReleaseOptions<N>,
  title: string,
  spec: ReleaseSpec,
  seen: ReleaseSeen | undefined,
  run: Run,
): Promise<void> {
  const { namespace, release, source, notice } = options;
  const { cluster } = spec;
  const [helm, chart] = await Promise.all([cluster.helm(run), cluster.charts.pull(source, run.signal)]);
  refuseOtherBytes(title, source, seen, chart.digest);
  if (notice !== undefined) run.say(notice);
  if (seen !== undefined && !sameVersion(seen.chartVersion, source.version)) {
    await spec.beforeVersion?.({ from: seen.chartVersion, to: source.version, revision: seen.revision }, run);
  }
  if (seen === undefined) await refuseForeignHooks(cluster, context, options, run);
  const fresh = seen === undefined ? false : await recover(helm, namespace, release, seen, run);
  for (const rival of options.rivals ?? []) await rival(cluster, run);
  await spec.before?.(seen !== undefined && !fresh, run);
  const labels = { [STACK_LABEL]: context.stack.name, [DIGEST_LABEL]: chart.digest.slice(0, DIGEST_LENGTH) };
  const request = {
    release,
    namespace,
    chart: chart.file,
    values: spec.values,
    labels,
    timeoutSeconds: options.timeoutSeconds,
    forceConflicts: !fresh && seen?.serverSide === true,
  };
  const { api } = cluster;
  // What was compared already, and has none, is not read again.
  const compared = seen?.status === 'deployed' && !seen.drift.some(({ why }) => why === ADDED_BY_OTHERS);
  if (seen !== undefined && !fresh && !compared) await removeStrays({ ...seen.stored, version: seen.revision, namespace }, api, run);
  const started = new Date();
  const limits = options.jobLimits === undefined ? {} : { jobLimits: options.jobLimits };
  const attempt = (upgrade: Upgrade): ReturnType<typeof watched> =>
    watched({ api, namespace, run, ...limits }, (signal) => untilAdmitted(title, { ...run, signal }, () => helm.upgrade(upgrade, signal)));
  let { error, watched: what } = await attempt(request);
  if (error instanceof Fault && error.code === TUNNEL_CUT && !run.signal.aborted) {
    run.say(`${error.message}; once more, from what it left`);
    const left = await releaseState(cluster, namespace, release, undefined, context.stack, run.signal);
    const gone = left === undefined || (await recover(helm, namespace, release, left, run));
    ({ error, watched: what } = await attempt({ ...request, forceConflicts: !gone && left.serverSide }));
  }
  if (error === undefined) return;
  if (run.signal.aborted || !(error instanceof Fault || (error instanceof Cancelled && what.stuck !== undefined))) throw error;
  const lines = await diagnose(api, namespace, what.tails, started, run.signal);
  const reason = what.stuck ?? (error instanceof Error ? error.message : String(error));
  throw new Fault([`${title} failed: ${reason}`, ...lines].join('\n'), {
    resource: title,
    hint: `${adviceFor([reason, ...lines]) ?? 'Look at the pods named above.'} Running again continues where this run stopped.`,
    cause: error,
  });
}

/** Hook objects of a former release carry Helm's labels, and stay behind an uninstall; others are somebody else's. */
async function refuseForeignHooks<N extends NeedsCluster>(
  cluster: Cluster,
  { stack }: KubeContext,
  options: ReleaseOptions<N>,
  run: Run,
): Promise<void> {
  const { hookObjects = [], release, namespace } = options;
  const found = await Promise.all(hookObjects.map(async (object) => ({ object, live: await cluster.api.get(objectPath(object), run.signal) })));
  for (const { object, live } of found) {
    const { 'app.kubernetes.io/managed-by': manager, 'app.kubernetes.io/instance': instance } = live?.metadata.labels ?? {};
    if (live !== undefined && (manager !== 'Helm' || instance !== release)) {
      refuseForeign(`${object.kind} ${namespace}/${object.metadata.name}, which the chart would replace,`, undefined, stack, '');
    }
  }
}

/** Unpinned, the same version must have the bytes that were installed before. */
function refuseOtherBytes(title: string, source: ChartSource, seen: ReleaseSeen | undefined, digest: string): void {
  if (source.digest !== undefined || seen?.digest === undefined || !sameVersion(seen.chartVersion, source.version)) return;
  if (digest.startsWith(seen.digest)) return;
  throw new Fault(`${title}: the repository now serves other bytes (sha256 ${digest}) than those installed (${seen.digest}…); refused`, {
    resource: title,
    hint: 'Find out why the chart changed under its version. To accept the new bytes, pin them with digest: in the stack file.',
  });
}

/**
 * Frees a release that a killed run left in `pending-*`, which helm refuses to touch (observed with helm 4.1.4). Hooks
 * stay off: ZITADEL's post-delete hook would delete the login client's Secret.
 * @returns true where the release is gone after it
 */
async function recover(helm: Helm, namespace: string, release: string, seen: ReleaseSeen, run: Run): Promise<boolean> {
  const { status, revision, cluster } = seen;
  if (!status.startsWith('pending-') && status !== 'uninstalling') return false;
  const good = status === 'pending-upgrade' || status === 'pending-rollback' ? await lastGood(cluster, namespace, release, run.signal) : undefined;
  if (good !== undefined) {
    run.say(`revision ${revision} was left ${status} by a helm that was ended: rolling back to revision ${good}`);
    await helm.rollback(release, namespace, good, run.signal);
    return false;
  }
  run.say(`revision ${revision} was left ${status} by a helm that was ended: removing it before installing again`);
  await uninstall(cluster, { release, namespace }, false, run);
  return true;
}

/** Restarts a Deployment by an annotation of its pod template, which we own as a field: the same stamp restarts nothing. */
async function stamp(cluster: Cluster, namespace: string, name: string, value: string, run: Run): Promise<void> {
  const kubectl = await cluster.kubectl(run);
  await kubectl.apply(
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace },
      spec: { template: { metadata: { annotations: { [STAMP]: value } } } },
    },
    run.signal,
  );
}
