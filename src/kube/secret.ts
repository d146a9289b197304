/**
 * Owns Secrets that we make: compared by digest, never shown, written on stdin. Each carries the time of its last change
 * of content, by which workloads are restarted. A create-only Secret (the masterkey) is never overwritten.
 */
import { createHash } from 'node:crypto';
import { Fault } from '../engine/fault.ts';
import { ADDED_BY_OTHERS, type Change, type PartlySeen, type Resource, type Run, type SeenOf } from '../engine/resource.ts';
import type { Stack } from '../stack/stack.ts';
import type { KubeObject } from '../tools/api.ts';
import type { Kubeconfig } from '../tools/kubeconfig.ts';
import { FIELD_MANAGER } from '../tools/kubectl.ts';
import type { Cluster } from '../tools/toolbox.ts';
import type { NeedsCluster } from './applied.ts';
import { clusterIn, clusterOf, inCluster, isOurs, type KubeContext, keptFor, otherStack, ourLabels, refuseForeign } from './context.ts';
import { type FieldOwner, fieldOwners } from './field-owners.ts';
import { removeStraysOf } from './manifest.ts';
import { objectPath } from './paths.ts';

/** Annotation with the time (ISO 8601) at which we last changed the content. */
export const CHANGED = 'zitadel-on-otc/changed';

export interface SecretSpec {
  readonly cluster: Cluster;
  /** The content by key; undefined where it is not known in this run and therefore not compared. Opened only to hash or to write it. */
  readonly content: (() => Readonly<Record<string, string>>) | undefined;
  readonly ahead?: { readonly carryOut: (run: Run) => Promise<void>; readonly unseen: boolean } | undefined;
}

export interface SecretSeen {
  readonly cluster: Cluster;
  readonly ours: boolean;
  /** The other stack that it belongs to. */
  readonly owner: string | undefined;
  /** Why it is not this stack's to delete. */
  readonly keptFor: string | undefined;
  /** sha256 by key, in memory only. */
  readonly digests: Readonly<Record<string, string>>;
  readonly immutable: boolean;
  /** Who else wrote content into it since we last did, by the API server's own book-keeping. */
  readonly editors: readonly string[];
  /** sha256 of the parts that must be so elsewhere first ({@link SecretOptions.ahead}). */
  readonly ahead: Readonly<Record<string, string>>;
  /** Changes whenever we change the content: for pod annotations. */
  readonly changed: string;
}

export interface SecretOptions<N extends NeedsCluster> {
  readonly id: string;
  readonly needs: N;
  readonly wanted: boolean;
  readonly namespace: string;
  readonly name: string;
  /** Its keys, which every run knows. */
  readonly keys: readonly string[];
  readonly content: (needs: SeenOf<N>) => (() => Readonly<Record<string, string>>) | undefined;
  /** Asks whether the content is good for what it is given to, before it is written. @throws Fault where it is not */
  readonly prove?: () => Promise<void>;
  /** Inputs that give the content, named where it is missing. */
  readonly inputs: string;
  /** Said where this run should have been given the content and was not, and it would have to be written ({@link KubeContext.ungiven}). */
  readonly ungiven?: string | undefined;
  /** True where every run knows the content: a difference then belongs to the plan, whatever secrets the run has. */
  readonly known?: boolean;
  /** Never overwritten; a differing one is an error, which says this. */
  readonly createOnly?: string;
  /** What must be so elsewhere before it is so here: a password in the database before the Secret that hands it to pods. */
  readonly ahead?: {
    /** Such parts of the content, by a name for people. */
    readonly parts: Parts;
    /** Makes them so; can be repeated. A run that dies behind it leaves a Secret that differs, so that the next one does it again. */
    readonly carryOut: (needs: SeenOf<N>, run: Run) => Promise<void>;
    /** Whether it is needed where there is no Secret to compare with. */
    readonly unseen: (needs: SeenOf<N>) => boolean;
  };
}

/** Seen by every run, so that it belongs to every plan. */
const MISSING = { why: 'the key is missing' };

type Parts = (content: Readonly<Record<string, string>>) => Readonly<Record<string, string>>;

export function secretObject<N extends NeedsCluster>(context: KubeContext, options: SecretOptions<N>): Resource<N, SecretSpec, SecretSeen> {
  const { id, needs, wanted, namespace, name, createOnly, ahead, prove } = options;
  const title = `Secret ${namespace}/${name}`;
  const identity = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace } };
  const read = async (cluster: Cluster, signal: AbortSignal): Promise<SecretSeen | undefined> => {
    const live = await cluster.api.get(objectPath(identity), signal);
    return live === undefined ? undefined : seenOf(cluster, live, context.stack, ahead?.parts);
  };
  const differing = (content: Readonly<Record<string, string>>, seen: SecretSeen): Change[] =>
    Object.entries(content)
      .filter(([key, text]) => seen.digests[key] !== digest(Buffer.from(text, 'utf8')))
      .map(([key]) => ({
        field: `data.${key}`,
        ...(seen.digests[key] === undefined ? MISSING : { why: 'the content differs', ...(options.known === true ? {} : { secret: true }) }),
      }));
  const lacking = ({ digests }: SecretSeen): Change[] =>
    options.keys.filter((key) => digests[key] === undefined).map((key) => ({ field: `data.${key}`, ...MISSING }));
  /** Whatever key is in it goes to pods. An immutable one can be freed of none. */
  const added = ({ digests }: SecretSeen): Change[] =>
    Object.keys(createOnly === undefined ? digests : {})
      .filter((key) => !options.keys.includes(key))
      .sort()
      .map((key) => ({ field: `data.${key}`, before: 'present', why: ADDED_BY_OTHERS }));
  const refuseUngiven = (found: SecretSeen | undefined): void => {
    if (options.ungiven === undefined) return;
    // Somebody else's is refused as such, unless it is taken over.
    const written =
      found === undefined || (found.ours ? [...found.editors, ...lacking(found), ...added(found)].length > 0 : context.stack.adopt.releases);
    if (written) throw new Fault(`${title} must be written, but its content is not known. ${options.ungiven}`, { resource: title, forbids: true });
  };
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
    ...(options.ungiven === undefined ? {} : { lookedAtFirst: true }),
    want: (seen) => ({
      cluster: clusterOf(context, seen),
      content: options.content(seen),
      ahead: ahead === undefined ? undefined : { carryOut: (run) => ahead.carryOut(seen, run), unseen: ahead.unseen(seen) },
    }),
    madeWith: () => ({ keys: options.keys.join() }),
    observe: async (seen: PartlySeen<N>, run) => {
      const cluster = clusterIn(context, seen as { kubeconfig?: Kubeconfig });
      const found = cluster === undefined ? undefined : await read(cluster, run.signal);
      if (wanted && cluster !== undefined) refuseUngiven(found);
      return wanted || found?.ours === true ? found : undefined;
    },
    diff: ({ content }, seen) => {
      if (!seen.ours) refuseForeign(title, seen.owner, context.stack, '');
      const taken: Change[] = seen.ours ? [] : [{ field: 'owner', before: 'nobody', after: 'zitadel-on-otc', why: 'it is taken over by consent' }];
      const data = content?.() ?? {};
      const changes = [...(content === undefined ? lacking(seen) : differing(data, seen)), ...added(seen)];
      if (changes.length > 0 && createOnly !== undefined) throw refuse(changes);
      const edited = seen.ours && options.known !== true ? editedBy(seen.editors, changes) : [];
      const first = aheadOf(data, content === undefined ? undefined : ahead?.parts, seen).map(
        (field): Change => ({ field, why: 'another one, set there first', secret: true }),
      );
      return [...taken, ...first, ...(edited.length > 0 ? edited : changes)];
    },
    // Its content is never shown; but a plan tells what a deploy would refuse.
    ...(prove === undefined ? {} : { documents: () => prove().then(() => []) }),
    apply: async ({ cluster, content, ahead: first }, seen, _changes, run) => {
      if (content === undefined) {
        throw new Fault(`${title} must be written, but its content is not known`, { resource: title, hint: `Give ${options.inputs}.` });
      }
      await prove?.();
      const plain = content();
      if (first !== undefined && (seen === undefined ? first.unseen : aheadOf(plain, ahead?.parts, seen).length > 0)) await first.carryOut(run);
      const data = Object.fromEntries(Object.entries(plain).map(([key, text]) => [key, Buffer.from(text, 'utf8').toString('base64')]));
      const metadata = { ...identity.metadata, labels: ourLabels(context.stack), annotations: { [CHANGED]: new Date().toISOString() } };
      const object = { ...identity, metadata, type: 'Opaque', data, ...(createOnly === undefined ? {} : { immutable: true }) };
      const kubectl = await cluster.kubectl(run);
      if (seen !== undefined && added(seen).length > 0) {
        // Server-side apply leaves what it did not set, also where that was set under its own name.
        const live = await cluster.api.get(objectPath(identity), run.signal);
        if (live !== undefined) await removeStraysOf(object, live, objectPath(identity), cluster.api, run);
      }
      const after = (live: KubeObject): SecretSeen => seenOf(cluster, live, context.stack, ahead?.parts);
      if (createOnly === undefined) return after(await (seen === undefined ? kubectl.add(object, run.signal) : kubectl.apply(object, run.signal)));
      // Its content is right, else the difference had been refused: only the mark of its owner is missing.
      if (seen !== undefined) return after(await kubectl.apply({ ...identity, metadata }, run.signal));
      try {
        return after(await kubectl.create(object, run.signal));
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

/**
 * That somebody else wrote into it is seen by every run, whether it knows the content or not: so it is the one difference of an edited
 * Secret that plans and their digests hold. It is written anew even where its content is right again, since pods may have read it meanwhile.
 */
function editedBy(editors: readonly string[], changes: readonly Change[]): Change[] {
  if (editors.length === 0) return [];
  const keys = changes.map(({ field }) => field.slice('data.'.length));
  const what = keys.length === 0 ? '' : `; other content in ${keys.join(', ')}`;
  return [{ field: 'data', why: `written by ${editors.join(', ')}, not by this action${what}` }];
}

/**
 * Field managers, besides ours, that wrote content after us (Kubernetes API concepts, "Field management": `time` is when a manager last
 * changed one of its fields). Who wrote before us may own a field beside us for ever, and counts no more.
 */
function editorsOf(live: KubeObject): string[] {
  const owners = fieldOwners(live);
  const at = ({ time }: FieldOwner): number => (time === undefined ? Number.POSITIVE_INFINITY : Date.parse(time));
  const ours = Math.max(...owners.filter(({ manager }) => manager === FIELD_MANAGER).map(({ time = '' }) => Date.parse(time) || 0));
  const others = owners.filter((owner) => owner.manager !== FIELD_MANAGER && owner.fieldsV1?.['f:data'] !== undefined && at(owner) >= ours);
  return [...new Set(others.map(({ manager = 'somebody' }) => manager))].sort();
}

/** Names of the parts that are not so here, and therefore perhaps not elsewhere. */
function aheadOf(content: Readonly<Record<string, string>>, parts: Parts | undefined, seen: SecretSeen): string[] {
  return Object.entries(parts?.(content) ?? {})
    .filter(([part, text]) => seen.ahead[part] !== digest(Buffer.from(text, 'utf8')))
    .map(([part]) => part);
}

function digestsOf(data: Readonly<Record<string, string>>, parts: Parts | undefined): Record<string, string> {
  const plain = Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text, 'base64').toString('utf8')]));
  return Object.fromEntries(Object.entries(parts?.(plain) ?? {}).map(([part, text]) => [part, digest(Buffer.from(text, 'utf8'))]));
}

function seenOf(cluster: Cluster, live: KubeObject, stack: Pick<Stack, 'name'>, parts: Parts | undefined): SecretSeen {
  const data = (live['data'] ?? {}) as Readonly<Record<string, string>>;
  return {
    cluster,
    ours: isOurs(live.metadata.labels, stack),
    owner: otherStack(live.metadata.labels, stack),
    keptFor: keptFor(live.metadata.labels, stack),
    editors: editorsOf(live),
    ahead: digestsOf(data, parts),
    digests: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, digest(Buffer.from(text, 'base64'))])),
    immutable: live['immutable'] === true,
    changed: live.metadata.annotations?.[CHANGED] ?? live.metadata.resourceVersion ?? '',
  };
}

function digest(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
