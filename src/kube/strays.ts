/**
 * Owns what somebody has added to an object of a release and what would change who runs, what runs or who gets in: a container, a variable,
 * a volume, an address, a subject. Helm leaves it in place, since another owns it; all else that others add is no difference. Pure.
 */
import { ADDED_BY_OTHERS, type Change } from '../engine/resource.ts';
import { isMap } from './compare.ts';
import type { Manifest } from './paths.ts';

/** Lists in which nothing may stand but what the manifest says, with what tells their elements apart. */
const CLOSED_LISTS: Readonly<Record<string, (item: unknown) => string>> = {
  containers: nameOf,
  initContainers: nameOf,
  volumes: nameOf,
  env: nameOf,
  envFrom: whole,
  volumeMounts: (item) => text(item, 'mountPath'),
  hostAliases: (item) => text(item, 'ip'),
  subjects: whole,
  externalIPs: whole,
  rules: (item) => text(item, 'host'),
};

/** Fields that must not be set where the manifest does not set them. */
const CLOSED_FIELDS = new Set(['hostNetwork', 'hostPID', 'hostIPC', 'shareProcessNamespace', 'privileged', 'command', 'args', 'nodeName']);

/** Where such things stand: the pods of a workload, a Service, an Ingress, a binding. */
function placesIn(kind: string): readonly string[] | undefined {
  if (/^(Deployment|DaemonSet|StatefulSet)$/.test(kind)) return ['spec', 'template', 'spec'];
  if (kind === 'Service' || kind === 'Ingress') return ['spec'];
  return /^(Cluster)?RoleBinding$/.test(kind) ? [] : undefined;
}

export interface Strays {
  readonly changes: readonly Change[];
  /** The live object without them. */
  readonly cleaned: object;
}

/** What was added to `live` by others. */
export function straysIn(wanted: Manifest, live: object): Strays {
  const place = placesIn(wanted.kind);
  const cleaned = structuredClone(live) as Record<string, unknown>;
  const changes: Change[] = [];
  if (place === undefined) return { changes, cleaned };
  const inWanted = at(wanted, place);
  const inLive = at(cleaned, place);
  if (!isMap(inLive)) return { changes, cleaned };
  const like = isMap(inWanted) ? inWanted : {};
  clean(like, inLive, place.join('.'), changes);
  if (wanted.kind === 'Service' && !isSet(like['type']) && isSet(inLive['type']) && inLive['type'] !== 'ClusterIP') {
    changes.push({ field: 'spec.type', before: inLive['type'], after: 'ClusterIP', why: ADDED_BY_OTHERS });
    inLive['type'] = 'ClusterIP';
  }
  return { changes, cleaned };
}

function clean(wanted: Record<string, unknown>, live: Record<string, unknown>, path: string, changes: Change[]): void {
  for (const [key, value] of Object.entries(live)) {
    const place = path === '' ? key : `${path}.${key}`;
    const identify = CLOSED_LISTS[key];
    if (identify !== undefined && Array.isArray(value)) live[key] = cleanList(wanted[key], value, identify, place, changes);
    else if (CLOSED_FIELDS.has(key) && !isSet(wanted[key]) && isSet(value)) {
      changes.push({ field: place, before: value, why: ADDED_BY_OTHERS });
      delete live[key];
    } else if (isMap(value) && key === 'securityContext') clean(isMap(wanted[key]) ? wanted[key] : {}, value, place, changes);
  }
}

function cleanList(wanted: unknown, live: readonly unknown[], identify: (item: unknown) => string, path: string, changes: Change[]): unknown[] {
  const known = new Map((Array.isArray(wanted) ? wanted : []).map((item: unknown) => [identify(item), item]));
  return live.filter((item) => {
    const id = identify(item);
    if (!known.has(id)) {
      changes.push({ field: `${path}[${id}]`, before: shown(item), why: ADDED_BY_OTHERS });
      return false;
    }
    const like = known.get(id);
    if (isMap(item) && isMap(like)) clean(like, item, `${path}[${id}]`, changes);
    return true;
  });
}

/** A variable may hold a secret: only that it is there is shown. */
function shown(item: unknown): unknown {
  return isMap(item) ? (typeof item['image'] === 'string' ? item['image'] : 'present') : item;
}

function at(object: object, path: readonly string[]): unknown {
  return path.reduce<unknown>((here, key) => (isMap(here) ? here[key] : undefined), object);
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false && !(Array.isArray(value) && value.length === 0);
}

function nameOf(item: unknown): string {
  return text(item, 'name');
}

function text(item: unknown, field: string): string {
  return isMap(item) ? String(item[field]) : String(item);
}

/** Of a subject what names it; defaults that the API server adds left out. */
function whole(item: unknown): string {
  if (!isMap(item)) return String(item);
  if (typeof item['kind'] === 'string') return [item['kind'], item['namespace'], item['name']].filter(isSet).join('/');
  return JSON.stringify(item);
}
