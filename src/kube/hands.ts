/**
 * Owns finding the fields of an object that somebody has set besides its manifest, by the API server's own record of who set what
 * (`managedFields`; Kubernetes concepts "Server-Side Apply", API reference FieldsV1). It knows what no table can: that a field whose
 * value could be a default was set by a person. What controllers set is theirs. Pure; lists and maps that are the manifest's whoever
 * wrote to them are `strays.ts`'s.
 */
import { FIELD_MANAGER } from '../tools/kubectl.ts';
import { FOREIGN, isMap } from './compare.ts';
import { fieldOwners } from './field-owners.ts';
import type { Manifest } from './paths.ts';

type Fields = Record<string, unknown>;

/** Helm and this action: what they set, the manifest says. */
const OURS = new Set(['helm', 'Helm', FIELD_MANAGER]);

/** Programs that keep objects going, by the names that they give themselves; a restored backup is as it was. */
const CONTROLLER =
  /controller|manager|operator|autoscaler|scheduler|cainjector|webhook|kubelet|kube-apiserver|certgen|contour|envoy|haproxy|external-dns|velero|cce|everest/i;

/** Tools in people's hands. Annotations and labels count where one of these set them: other programs leave notes of their own there. */
const TOOL = /^(kubectl|k9s|node-fetch|lens|openlens|freelens|headlamp|curl|terraform|hashicorp|mozilla|okhttp|python|openapi)/i;

/** Notes that kubectl and the deployment controller leave for themselves. */
const NOTE = /^((kubectl|deployment)\.kubernetes\.io\/|kubernetes\.io\/change-cause$)/;

/** Told with its place, the value that it has, and how to take it out of the object it was found in. */
export interface ByHand {
  readonly field: string;
  readonly value: unknown;
  remove(): void;
}

/**
 * What is set in `live`, by others than controllers, that `manifest` leaves open. Removing it lets the API server fill in its default.
 * Of a definition of custom resources only the identity is known, so that nothing can be told of it.
 */
export function setByHand(manifest: Manifest, live: object): ByHand[] {
  if (manifest.kind === 'CustomResourceDefinition') return [];
  const { metadata = {} } = live as { readonly metadata?: { readonly creationTimestamp?: string } };
  const found = new Map<string, ByHand>();
  for (const { manager = '', subresource, time, fieldsV1 } of fieldOwners(live)) {
    // Who made the object as a whole (again) is said to have set each default, too.
    if (time !== undefined && time === metadata.creationTimestamp) continue;
    if (subresource !== undefined || fieldsV1 === undefined || OURS.has(manager) || CONTROLLER.test(manager)) continue;
    const { 'f:metadata': noted, 'f:status': _status, 'f:apiVersion': _version, 'f:kind': _kind, ...rest } = fieldsV1;
    const told = (one: ByHand): unknown => found.has(one.field) || found.set(one.field, one);
    inMap(rest, manifest as unknown as Fields, live as Fields, '', told);
    if (!TOOL.test(manager) || !isMap(noted)) continue;
    for (const name of ['annotations', 'labels'] as const) {
      const fields = ofNamespace(manifest, noted[`f:${name}`]);
      const values = (metadata as Fields)[name];
      if (isMap(fields) && isMap(values)) inMap(fields, (manifest.metadata as Fields)[name], values, `metadata.${name}`, told);
    }
  }
  return [...found.values()];
}

/** Teams label namespaces as they like; what a pod in it may do is the exception (Kubernetes concepts, "Pod Security Admission"). */
function ofNamespace({ kind }: Manifest, fields: unknown): unknown {
  if (kind !== 'Namespace' || !isMap(fields)) return fields;
  return Object.fromEntries(Object.entries(fields).filter(([name]) => name.startsWith('f:pod-security.kubernetes.io/')));
}

type Tell = (one: ByHand) => unknown;

/** @param owned FieldsV1: `f:<name>` is a field, whose own fields stand in it; none in it, and it is set as a whole */
function inMap(owned: Fields, wanted: unknown, live: Fields, path: string, tell: Tell): void {
  for (const [key, inner] of Object.entries(owned)) {
    const name = key.startsWith('f:') ? key.slice(2) : undefined;
    if (name === undefined || !(name in live) || FOREIGN.has(name) || NOTE.test(name)) continue;
    const like = isMap(wanted) ? wanted[name] : undefined;
    const field = path === '' ? name : `${path}.${name}`;
    const value = live[name];
    const remove = (): void => {
      delete live[name];
    };
    if (!isMap(inner) || Object.keys(inner).every((one) => one === '.')) {
      if (!isSet(like)) tell({ field, value, remove });
    } else {
      // A map or list that the manifest lacks goes when all that was set in it has gone.
      const pruned = (one: ByHand): unknown =>
        tell({
          ...one,
          remove: () => {
            one.remove();
            if (!isSet(like) && Object.keys(value as object).length === 0) remove();
          },
        });
      if (Array.isArray(value)) inList(inner, Array.isArray(like) ? like : [], value, field, pruned);
      else if (isMap(value)) inMap(inner, like, value, field, pruned);
    }
  }
}

/** `k:{…}` is the element with these fields, `v:…` the one that is this value. */
function inList(owned: Fields, wanted: readonly unknown[], live: unknown[], path: string, tell: Tell): void {
  for (const [key, inner] of Object.entries(owned)) {
    const said: unknown = key.startsWith('k:') || key.startsWith('v:') ? JSON.parse(key.slice(2)) : undefined;
    if (said === undefined) continue;
    const fits = (item: unknown, open: boolean): boolean =>
      isMap(said) && isMap(item)
        ? Object.entries(said).every(([name, value]) => item[name] === value || (open && item[name] === undefined))
        : item === said;
    const there = live.find((item) => fits(item, false));
    if (there === undefined) continue;
    const like = wanted.find((item) => fits(item, true));
    const field = `${path}[${isMap(said) ? Object.values(said).join('/') : String(said)}]`;
    if (like === undefined) tell({ field, value: there, remove: () => live.splice(live.indexOf(there), 1) });
    else if (isMap(inner) && isMap(there)) inMap(inner, like, there, field, tell);
  }
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null;
}
