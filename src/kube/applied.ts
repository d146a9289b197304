/**
 * Owns the common form of an object that we apply whole: read, compare the fields that we set, take away what others added, apply
 * server-side, wait until it is usable. Namespaces, issuers and the Certificate are such; Secrets have rules of their own (`secret.ts`).
 */
import { Fault } from '../engine/fault.ts';
import type { AnyResource, Change, Needs, PartlySeen, Resource, Run, SeenOf } from '../engine/resource.ts';
import { type Look, type Schedule, schedules, until } from '../engine/until.ts';
import type { KubeObject } from '../tools/api.ts';
import type { Kubeconfig } from '../tools/kubeconfig.ts';
import type { Cluster } from '../tools/toolbox.ts';
import { differences } from './compare.ts';
import { clusterIn, clusterOf, type Giving, inCluster, isOurs, type KubeContext, keptFor, otherStack, refuseForeign } from './context.ts';
import { removeStraysOf } from './manifest.ts';
import { type Manifest, objectPath } from './paths.ts';
import { remove } from './removal.ts';
import { straysIn } from './strays.ts';

export interface AppliedSpec {
  readonly cluster: Cluster;
  readonly object: Manifest;
}

export interface AppliedSeen {
  readonly cluster: Cluster;
  readonly live: KubeObject;
}

export type NeedsCluster = Needs & { readonly kubeconfig: Giving<Kubeconfig> };

export interface Applied<N extends NeedsCluster> {
  readonly id: string;
  readonly title: string;
  readonly needs: N;
  readonly wanted: boolean;
  /** What identifies the object, for reading it. */
  readonly identity: Manifest;
  /** The resource in kubectl's words, for deleting it. */
  readonly resource: string;
  /** The fields that we set, besides the identity. */
  readonly fields: (needs: SeenOf<N>) => object;
  /** Those of them that people review before it is made. */
  readonly madeWith?: Readonly<Record<string, unknown>>;
  /** What keeps a live object from being usable, beyond the fields; `done` where nothing does. */
  readonly usable?: (live: KubeObject) => Look<KubeObject>;
  readonly schedule?: Schedule;
  /** Waits in its own way until what was applied is usable, where looking at the object alone does not tell enough. */
  readonly settle?: (cluster: Cluster, run: Run) => Promise<KubeObject>;
  /** What must be well before what is there is changed. */
  readonly changedAfter?: (live: KubeObject, object: Manifest) => readonly AnyResource[];
  /** True where an object of another maker is fine as it is; others are changed by consent only. */
  readonly foreignIsFine?: boolean;
  /** True where something outside the cluster would stay behind, if it just went with it. */
  readonly leavesBehind?: (cluster: Cluster, run: Run) => Promise<boolean>;
  /** Waits, when it is gone, until that is gone as well. @returns what of it stays on purpose, for the report */
  readonly afterRemoval?: (cluster: Cluster, run: Run) => Promise<string | undefined>;
  readonly facts?: (live: KubeObject) => Readonly<Record<string, string>>;
}

export function applied<N extends NeedsCluster>(context: KubeContext, definition: Applied<N>): Resource<N, AppliedSpec, AppliedSeen> {
  const { id, title, needs, wanted, identity, resource, usable, foreignIsFine = false, facts, leavesBehind, changedAfter } = definition;
  const path = objectPath(identity);
  return {
    id,
    title,
    needs,
    wanted,
    ...inCluster(context),
    want: (seen) => ({
      cluster: clusterOf(context, seen),
      object: merged(identity, definition.fields(seen)),
    }),
    madeWith: () => definition.madeWith ?? {},
    observe: async (seen: PartlySeen<N>, run) => {
      const cluster = clusterIn(context, seen as { kubeconfig?: Kubeconfig });
      const live = await cluster?.api.get(path, run.signal);
      if (cluster === undefined || live === undefined) return undefined;
      return wanted || isOurs(live.metadata.labels, context.stack) ? { cluster, live } : undefined;
    },
    diff: ({ object }, { live }) => {
      const { labels } = live.metadata;
      if (!isOurs(labels, context.stack)) {
        const other = otherStack(labels, context.stack);
        if (foreignIsFine && other === undefined) return [];
        refuseForeign(title, other, context.stack);
      }
      const changes = [...differences(object, live), ...straysIn(object, live).changes];
      const state = changes.length > 0 ? undefined : usable?.(live);
      return state === undefined || state.done ? changes : [unusable(state)];
    },
    ...(changedAfter === undefined ? {} : { changedAfter: ({ object }: AppliedSpec, { live }: AppliedSeen) => changedAfter(live, object) }),
    apply: async ({ cluster, object }, seen, _changes, run) => {
      if (seen !== undefined) await untilAdmitted(title, run, () => removeStraysOf(object, seen.live, path, cluster.api, run));
      const kubectl = await cluster.kubectl(run);
      const write = (): Promise<KubeObject> => (seen === undefined ? kubectl.add(object, run.signal) : kubectl.apply(object, run.signal));
      const first = await untilAdmitted(title, run, write);
      if (definition.settle !== undefined) return { cluster, live: await definition.settle(cluster, run) };
      if (usable === undefined) return { cluster, live: first };
      const live = await until(`${title} to become usable`, definition.schedule ?? schedules.medium, run, async () => {
        const now = await cluster.api.get(path, run.signal);
        return now === undefined ? { done: false, state: 'missing' } : usable(now);
      });
      return { cluster, live };
    },
    keep: ({ live }) => keptFor(live.metadata.labels, context.stack),
    ...(leavesBehind === undefined ? {} : { leavesBehind: ({ cluster }: AppliedSeen, run: Run) => leavesBehind(cluster, run) }),
    destroy: async ({ cluster, live }, run) => {
      // What somebody else made stays.
      if (keptFor(live.metadata.labels, context.stack) !== undefined) return undefined;
      await remove(cluster, resource, identity, run);
      return definition.afterRemoval?.(cluster, run);
    },
    ...(facts === undefined ? {} : { facts: ({ live }: AppliedSeen) => facts(live) }),
  };
}

function unusable(state: Extract<Look<KubeObject>, { done: false }>): Change {
  const why = state.reason === undefined ? {} : { why: state.reason };
  return { field: 'status', before: state.state, after: 'usable', ...why };
}

function merged(identity: Manifest, fields: object): Manifest {
  const { metadata, ...rest } = fields as { metadata?: object };
  return { ...identity, ...rest, metadata: { ...identity.metadata, ...metadata } };
}

/** Errors while a webhook or a kind has just been installed and is not answering yet (cert-manager v1.21). */
const NOT_YET = /failed calling webhook|no matches for kind|could not find the requested resource|no endpoints available/;

/** Repeats a write that is refused only because what admits it is still starting. */
export function untilAdmitted<T>(title: string, run: Run, write: () => Promise<T>): Promise<T> {
  const schedule = { firstSeconds: 0.5, mostSeconds: 5, deadlineSeconds: 180 };
  return until(`${title} to be admitted`, schedule, run, async () => {
    try {
      return { done: true, value: await write() };
    } catch (error) {
      if (error instanceof Fault && NOT_YET.test(error.message))
        return { done: false, state: `refused for now (${error.message.slice(0, 200)})`, reason: error.message };
      throw error;
    }
  });
}

/** A condition of an object's status, by type. */
export function conditionOf(
  object: KubeObject,
  type: string,
): { status: string; reason?: string; message?: string; observedGeneration?: number } | undefined {
  const status = object['status'] as { conditions?: { type: string; status: string; reason?: string; message?: string }[] } | undefined;
  return status?.conditions?.find((condition) => condition.type === type);
}
