/**
 * Owns Secrets that we make: compared by digest, never shown, written on stdin. Each carries the time of its last change
 * of content, by which workloads are restarted. A create-only Secret (the masterkey) is never overwritten.
 */
import { createHash } from 'node:crypto';
import { Fault } from '../engine/fault.ts';
import type { Change, PartlySeen, Resource, SeenOf } from '../engine/resource.ts';
import type { Stack } from '../stack/stack.ts';
import type { KubeObject } from '../tools/api.ts';
import type { Kubeconfig } from '../tools/kubeconfig.ts';
import { FIELD_MANAGER } from '../tools/kubectl.ts';
import type { Cluster } from '../tools/toolbox.ts';
import type { NeedsCluster } from './applied.ts';
import { clusterIn, inCluster, isOurs, type KubeContext, keptFor, ourLabels } from './context.ts';
import { objectPath } from './paths.ts';

/** Annotation with the time (ISO 8601) at which we last changed the content. */
export const CHANGED = 'zitadel-on-otc/changed';

export interface SecretSpec {
  readonly cluster: Cluster;
  /** The content by key; undefined where it is not known in this run and therefore not compared. Opened only to hash or to write it. */
  readonly content: (() => Readonly<Record<string, string>>) | undefined;
}

export interface SecretSeen {
  readonly cluster: Cluster;
  readonly ours: boolean;
  /** Why it is not this stack's to delete. */
  readonly keptFor: string | undefined;
  /** sha256 by key, in memory only. */
  readonly digests: Readonly<Record<string, string>>;
  readonly immutable: boolean;
  /** Who else wrote content into it, by the API server's own book-keeping. */
  readonly editors: readonly string[];
  /** sha256 of the parts that may not change ({@link SecretOptions.fixed}). */
  readonly fixed: Readonly<Record<string, string>>;
  /** Changes whenever we change the content: for pod annotations. */
  readonly changed: string;
}

export interface SecretOptions<N extends NeedsCluster> {
  readonly id: string;
  readonly needs: N;
  readonly wanted: boolean;
  readonly namespace: string;
  readonly name: string;
  readonly content: (needs: SeenOf<N>) => (() => Readonly<Record<string, string>>) | undefined;
  /** Inputs that give the content, named where it is missing. */
  readonly inputs: string;
  /** True where every run knows the content: a difference then belongs to the plan, whatever secrets the run has. */
  readonly known?: boolean;
  /** Never overwritten; a differing one is an error, which says this. */
  readonly createOnly?: string;
  /** Parts of the content that must not just be overwritten, by name, and what to say where they differ. */
  readonly fixed?: {
    readonly parts: (content: Readonly<Record<string, string>>) => Readonly<Record<string, string>>;
    readonly refusal: { readonly message: string; readonly hint: string };
  };
}

export function secretObject<N extends NeedsCluster>(context: KubeContext, options: SecretOptions<N>): Resource<N, SecretSpec, SecretSeen> {
  const { id, needs, wanted, namespace, name, createOnly } = options;
  const title = `Secret ${namespace}/${name}`;
  const identity = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace } };
  const read = async (cluster: Cluster, signal: AbortSignal): Promise<SecretSeen | undefined> => {
    const live = await cluster.api.get(objectPath(identity), signal);
    return live === undefined ? undefined : seenOf(cluster, live, context.stack, options.fixed);
  };
  const differing = (content: Readonly<Record<string, string>>, seen: SecretSeen): Change[] =>
    Object.entries(content)
      .filter(([key, text]) => seen.digests[key] !== digest(Buffer.from(text, 'utf8')))
      .map(([key]) => ({
        field: `data.${key}`,
        why: seen.digests[key] === undefined ? 'the key is missing' : 'the content differs',
        ...(options.known === true ? {} : { secret: true }),
      }));
  const refuse = (changes: readonly Change[]): Fault =>
    new Fault(`${title} holds another ${changes.map(({ field }) => field.slice('data.'.length)).join(', ')} than this run: ${createOnly}`, {
      resource: title,
      finding: changes.map(({ field }) => field).join(', '),
      hint: `Give the ${options.inputs} that this stack was made with. Nothing was changed.`,
    });
  return {
    id,
    title,
    needs,
    wanted,
    ...inCluster(context),
    want: (seen) => ({
      cluster: context.toolbox.cluster((seen as unknown as { kubeconfig: Kubeconfig }).kubeconfig),
      content: options.content(seen),
    }),
    observe: async (seen: PartlySeen<N>, run) => {
      const cluster = clusterIn(context, seen as { kubeconfig?: Kubeconfig });
      const found = cluster === undefined ? undefined : await read(cluster, run.signal);
      return wanted || found?.ours === true ? found : undefined;
    },
    diff: ({ content }, seen) => {
      if (content === undefined) return seen.ours ? editedBy(seen.editors) : [];
      const data = content();
      const changes = differing(data, seen);
      if (changes.length > 0 && createOnly !== undefined) throw refuse(changes);
      const fixed = Object.entries(options.fixed?.parts(data) ?? {}).filter(
        ([part, text]) => seen.fixed[part] !== undefined && seen.fixed[part] !== digest(Buffer.from(text, 'utf8')),
      );
      if (fixed.length > 0) {
        const { message, hint } = options.fixed?.refusal ?? { message: '', hint: '' };
        throw new Fault(`${title} ${message}`, { resource: title, finding: fixed.map(([part]) => part).join(', '), hint });
      }
      return changes;
    },
    apply: async ({ cluster, content }, _seen, _changes, run) => {
      if (content === undefined) {
        throw new Fault(`${title} must be written, but its content is not known`, { resource: title, hint: `Give ${options.inputs}.` });
      }
      const data = Object.fromEntries(Object.entries(content()).map(([key, text]) => [key, Buffer.from(text, 'utf8').toString('base64')]));
      const metadata = { ...identity.metadata, labels: ourLabels(context.stack), annotations: { [CHANGED]: new Date().toISOString() } };
      const object = { ...identity, metadata, type: 'Opaque', data, ...(createOnly === undefined ? {} : { immutable: true }) };
      const kubectl = await cluster.kubectl(run);
      if (createOnly === undefined) return seenOf(cluster, await kubectl.apply(object, run.signal), context.stack, options.fixed);
      try {
        return seenOf(cluster, await kubectl.create(object, run.signal), context.stack, options.fixed);
      } catch (error) {
        if (!(error instanceof Fault) || error.code !== 'AlreadyExists') throw error;
        // Somebody was faster; the same content is as good as ours.
        const found = await read(cluster, run.signal);
        const changes = found === undefined ? [] : differing(content(), found);
        if (found === undefined) throw error;
        if (changes.length > 0) throw refuse(changes);
        return found;
      }
    },
    keep: ({ keptFor: why }) => why,
    destroy: async ({ cluster, keptFor: why }, run) => {
      if (why !== undefined) return;
      const kubectl = await cluster.kubectl(run);
      await kubectl.remove('secret', name, namespace, run.signal);
    },
  };
}

/** Without the secret nothing can be compared; that somebody else wrote into it can be seen all the same. */
function editedBy(editors: readonly string[]): Change[] {
  return editors.map((editor) => ({ field: 'data', why: `written by ${editor}, not by this action`, secret: true }));
}

/** Field managers, besides ours, that own content (Kubernetes API concepts, "Field management"). */
function editorsOf({ metadata }: KubeObject): string[] {
  const { managedFields = [] } = metadata as { managedFields?: readonly { manager?: string; fieldsV1?: Readonly<Record<string, unknown>> }[] };
  const others = managedFields.filter(({ manager, fieldsV1 }) => manager !== FIELD_MANAGER && fieldsV1?.['f:data'] !== undefined);
  return [...new Set(others.map(({ manager = 'somebody' }) => manager))];
}

function fixedOf(data: Readonly<Record<string, string>>, fixed: SecretOptions<NeedsCluster>['fixed']): Record<string, string> {
  if (fixed === undefined) return {};
  const plain = Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text, 'base64').toString('utf8')]));
  return Object.fromEntries(Object.entries(fixed.parts(plain)).map(([part, text]) => [part, digest(Buffer.from(text, 'utf8'))]));
}

function seenOf(cluster: Cluster, live: KubeObject, stack: Pick<Stack, 'name'>, fixed: SecretOptions<NeedsCluster>['fixed']): SecretSeen {
  const data = (live['data'] ?? {}) as Readonly<Record<string, string>>;
  return {
    cluster,
    ours: isOurs(live.metadata.labels),
    keptFor: keptFor(live.metadata.labels, stack),
    editors: editorsOf(live),
    fixed: fixedOf(data, fixed),
    digests: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, digest(Buffer.from(text, 'base64'))])),
    immutable: live['immutable'] === true,
    changed: live.metadata.annotations?.[CHANGED] ?? live.metadata.resourceVersion ?? '',
  };
}

function digest(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
