/** Owns reading a release's stored manifest, hooks included, and comparing it with what lives in the cluster. */
import { parse } from 'yaml';
import { Fault } from '../engine/fault.ts';
import type { Change, Document, Run } from '../engine/resource.ts';
import type { KubeApi, KubeObject } from '../tools/api.ts';
import type { StoredRelease } from '../tools/helm.ts';
import { differences } from './compare.ts';
import { fieldOwners } from './field-owners.ts';
import { liveDocument } from './manifest-documents.ts';
import { discoverPath, type Manifest } from './paths.ts';
import { straysIn } from './strays.ts';

/**
 * Hooks that ran when a revision was made. One that runs at the install alone is stored anew with each revision, but not applied: a
 * certificate that its template draws (kubernetes-ingress 1.52.1, `…-default-cert`) is then another one than the cluster's.
 */
const hooksOf = (revision: number): ReadonlySet<string> =>
  new Set(revision === 1 ? ['pre-install', 'post-install'] : ['pre-upgrade', 'post-upgrade']);

/**
 * The objects that should be in the cluster while the release is deployed. Custom resource definitions carry only their
 * identity: they are large, and the API server rewrites them.
 */
export function objectsOf(release: Pick<StoredRelease, 'manifest' | 'hooks' | 'version'>): Manifest[] {
  const ran = hooksOf(release.version);
  // Jobs come and go, and so does what a successful hook takes away.
  const lasting = (release.hooks ?? []).filter(
    ({ kind, events, delete_policies: policies }) =>
      kind !== 'Job' && kind !== 'Pod' && (events ?? []).some((event) => ran.has(event)) && !(policies ?? []).includes('hook-succeeded'),
  );
  const texts = [release.manifest, ...lasting.map(({ manifest }) => manifest)].flatMap((text) => text.split(/^---.*$/m));
  return texts.map(objectIn).filter((object): object is Manifest => object !== undefined);
}

function objectIn(text: string): Manifest | undefined {
  if (/^kind: *CustomResourceDefinition *$/m.test(text)) {
    const name = /^metadata:\n(?: {2,}.*\n)*? {2}name: *"?([\w.-]+)"? *$/m.exec(text)?.[1];
    if (name !== undefined) return { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name } };
  }
  // Helm reads YAML 1.1, where `0440` is octal. What it has installed is in order: no check of keys, no places for errors.
  const object = parse(text, { version: '1.1', prettyErrors: false, uniqueKeys: false }) as Partial<Manifest> | null;
  return object?.kind === undefined || object.apiVersion === undefined || object.metadata === undefined ? undefined : (object as Manifest);
}

/**
 * What differs between the release's manifest and the cluster: each field prefixed with its object, each object as texts.
 * @throws Fault that names every kind of object which these rights do not let be read, the same on every run
 */
export async function driftOf(release: StoredRelease, api: KubeApi, signal: AbortSignal): Promise<{ changes: Change[]; documents: Document[] }> {
  const refused = new Map<string, Fault>();
  const found = await Promise.all(
    objectsOf(release).map(async (object) => {
      const { live } = await located(object, release.namespace, api, signal).catch((error: unknown) => {
        if (!(error instanceof Fault) || error.status !== 403) throw error;
        refused.set(`${object.kind} ${object.metadata.name}`, error);
        return { live: undefined };
      });
      const name = `${object.kind} ${object.metadata.name}`;
      const found = differences(object, live).filter(({ field }) => !(field === 'spec.replicas' && live !== undefined && isAutoscaled(live)));
      const strays = live === undefined ? [] : straysIn(object, live).changes;
      const changes = [...found, ...strays].map((change) => ({ ...change, field: change.field === '(object)' ? name : `${name} ${change.field}` }));
      return { changes, documents: changes.length === 0 ? [] : [liveDocument(object, live)] };
    }),
  );
  refuseUnreadable(refused);
  return { changes: found.flatMap(({ changes }) => changes), documents: found.flatMap(({ documents }) => documents) };
}

/** Takes away what others have added to a release's objects: helm leaves it, and it may keep the rollout from its end. */
export async function removeStrays(
  release: Pick<StoredRelease, 'manifest' | 'hooks' | 'version' | 'namespace'>,
  api: KubeApi,
  run: Run,
): Promise<void> {
  const takeAway = async (object: Manifest): Promise<void> => {
    const { path, live } = await located(object, release.namespace, api, run.signal);
    if (path !== undefined && live !== undefined) await removeStraysOf(object, live, path, api, run);
  };
  await Promise.all(objectsOf(release).map(takeAway));
}

/** How often it is read again where its controller wrote to it meanwhile. */
const TURNS = 5;

/** The same of one object that was read. @throws Fault with status 409 where others write to it without a pause */
export async function removeStraysOf(object: Manifest, read: KubeObject, path: string, api: KubeApi, run: Run): Promise<void> {
  let live: KubeObject | undefined = read;
  for (let turn = 1; live !== undefined; turn += 1) {
    const { changes, cleaned } = straysIn(object, live);
    if (changes.length === 0) return;
    if (turn === 1) run.say(`${object.kind} ${object.metadata.name}: taking away ${changes.map(({ field }) => field).join(', ')}`);
    try {
      // With the version that was read: of a custom resource the API server takes no replacement without.
      await api.send('PUT', path, cleaned, run.signal);
      return;
    } catch (error) {
      if (!(error instanceof Fault) || error.status !== 409 || turn === TURNS) throw error;
      live = await api.get(path, run.signal);
    }
  }
}

/** Where an object is and what it is there; no path for a kind that the cluster does not have. */
async function located(
  object: Manifest,
  namespace: string,
  api: KubeApi,
  signal: AbortSignal,
): Promise<{ readonly path?: string; readonly live?: KubeObject | undefined }> {
  const path = await discoverPath(object, namespace, api, signal);
  return path === undefined ? {} : { path, live: await api.get(path, signal) };
}

/** @throws Fault with the refusal of each kind, by the first of its objects: a role is mended at one go */
function refuseUnreadable(refused: ReadonlyMap<string, Fault>): void {
  const sorted = [...refused].sort(([one], [other]) => (one < other ? -1 : 1));
  const kinds = [...new Map(sorted.toReversed().map(([name, fault]) => [name.split(' ')[0], fault])).values()].reverse();
  const [first] = kinds;
  if (first === undefined) return;
  if (kinds.length === 1) throw first;
  const { status, code, hint } = first;
  const list = kinds.map(({ message }) => `- ${message}`).join('\n');
  throw new Fault(`${kinds.length} kinds of objects may not be read:\n${list}`, { status, code, hint, cause: first });
}

/**
 * Whether an autoscaler sets the number of replicas: the controller manager owns the field, by the subresource `scale`. Whoever
 * scales by hand owns it under a name of their own (Kubernetes API concepts, "Field management").
 */
function isAutoscaled(live: KubeObject): boolean {
  return fieldOwners(live).some(
    ({ manager, subresource, fieldsV1 }) =>
      manager === 'kube-controller-manager' && subresource === 'scale' && 'f:replicas' in ((fieldsV1?.['f:spec'] as object | undefined) ?? {}),
  );
}
