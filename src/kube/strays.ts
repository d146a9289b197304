/**
 * Owns what somebody has added to an object that a manifest describes: an element of a list that the manifest sets, a container, a
 * listener, a key of a Secret. Helm and server-side apply leave it in place, since another owns it. What the API server defaults and
 * controllers write (fields besides those below, metadata, status) is no difference. Pure; whether the manifest's own fields are as it
 * says, and lists without names by their length, is `compare.ts`'s.
 */
import { ADDED_BY_OTHERS, type Change } from '../engine/resource.ts';
import { FOREIGN, isMap, keyOf, withEncodedStrings } from './compare.ts';
import { setByHand } from './hands.ts';
import type { Manifest } from './paths.ts';

type Fields = Record<string, unknown>;

const under = (places: readonly string[], paths: readonly string[]): string[] => places.flatMap((place) => paths.map((path) => `${place}.${path}`));

const CONTAINER = [
  'env',
  'envFrom',
  'volumeMounts',
  'command',
  'args',
  'lifecycle',
  'securityContext.privileged',
  'securityContext.capabilities.add',
];

const POD = [
  ...['containers', 'initContainers', 'volumes', 'hostAliases', 'nodeName', 'hostNetwork', 'hostPID', 'hostIPC', 'shareProcessNamespace'],
  ...under(['containers[]', 'initContainers[]'], CONTAINER),
];

const WORKLOAD = ['spec.template.metadata.labels', ...under(['spec.template.spec'], POD)];
const ROUTE = ['spec.hostnames', ...under(['spec.rules[]'], ['filters', 'backendRefs', 'backendRefs[].filters'])];
const WEBHOOKS = ['webhooks[].matchConditions'];

/**
 * By kind: lists, maps and fields that are the manifest's also where it sets nothing there. None of them is defaulted by the API server
 * (Kubernetes 1.33, Gateway API 1.4 and Contour 1.33 API references). A list that the manifest does set is its own in every kind.
 */
const OWNED: Readonly<Record<string, readonly string[]>> = {
  Deployment: WORKLOAD,
  DaemonSet: WORKLOAD,
  StatefulSet: WORKLOAD,
  CronJob: under(['spec.jobTemplate'], WORKLOAD),
  Service: ['spec.externalIPs', 'spec.selector'],
  Ingress: ['spec.rules', 'spec.tls', 'spec.defaultBackend'],
  Role: ['rules'],
  ClusterRole: ['rules', 'rules[].nonResourceURLs'],
  RoleBinding: ['subjects'],
  ClusterRoleBinding: ['subjects'],
  NetworkPolicy: ['spec.ingress', 'spec.egress', 'spec.podSelector', ...under(['spec.ingress[]', 'spec.egress[]'], ['ports[].endPort'])],
  ValidatingWebhookConfiguration: WEBHOOKS,
  MutatingWebhookConfiguration: WEBHOOKS,
  ConfigMap: ['data', 'binaryData'],
  Secret: ['data'],
  Gateway: ['spec.addresses'],
  HTTPRoute: ROUTE,
  GRPCRoute: ROUTE,
  HTTPProxy: ['spec.routes', 'spec.includes', 'spec.tcpproxy'],
};

/** By kind: fields that the API server defaults, and to what; another value is somebody's where the manifest sets none. */
const DEFAULTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Service: { 'spec.type': 'ClusterIP' },
  Gateway: { 'spec.listeners[].allowedRoutes.namespaces.from': 'Same' },
};

/** What a controller fills, and the manifest only makes: an aggregated role, an empty ConfigMap, a placeholder of a Secret, tokens. */
function isFilledByOthers(wanted: Manifest): boolean {
  const { kind, aggregationRule, data, binaryData } = wanted as Manifest & { aggregationRule?: object; data?: object; binaryData?: object };
  if (kind === 'ConfigMap' || kind === 'Secret') return !Object.values({ ...data, ...binaryData }).some((value) => isSet(value) && value !== '');
  return kind === 'ServiceAccount' || aggregationRule !== undefined;
}

export interface Strays {
  readonly changes: readonly Change[];
  /** The live object without them. */
  readonly cleaned: object;
}

/** What was added to `live` by others. */
export function straysIn(manifest: Manifest, live: object): Strays {
  const wanted = withEncodedStrings(manifest) as Manifest;
  const { metadata, ...cleaned } = structuredClone(live) as Fields;
  const walk = new Cleaning(wanted.kind);
  if (!isFilledByOthers(wanted)) walk.map(wanted as unknown as Fields, cleaned, { path: '', pattern: '' });
  const whole = { ...cleaned, metadata };
  for (const { field, value, remove } of setByHand(wanted, whole)) {
    walk.tell(field, value);
    remove();
  }
  return { changes: walk.changes, cleaned: whole };
}

/** Where the walk is: for people, and as the tables say it, with `[]` for any element. */
interface Place {
  readonly path: string;
  readonly pattern: string;
}

class Cleaning {
  readonly changes: Change[] = [];
  readonly #owned: ReadonlySet<string>;
  readonly #defaults: Readonly<Record<string, string>>;
  readonly #secret: boolean;

  constructor(kind: string) {
    this.#owned = new Set(OWNED[kind]);
    this.#defaults = DEFAULTS[kind] ?? {};
    this.#secret = kind === 'Secret';
  }

  /** @param closed whether the map has no other keys than the wanted ones */
  map(wanted: Fields, live: Fields, at: Place, closed = false): void {
    for (const [key, value] of Object.entries(live)) {
      if (FOREIGN.has(key)) continue;
      const like = wanted[key];
      const here = { path: join(at.path, key), pattern: join(at.pattern, key) };
      const owned = this.#owned.has(here.pattern);
      const byDefault = this.#defaults[here.pattern];
      if (Array.isArray(value)) {
        if (owned || isSet(like)) live[key] = this.#list(Array.isArray(like) ? like : [], value, here);
      } else if ((closed && !(key in wanted)) || (owned && !isSet(like) && isSet(value))) {
        this.tell(here.path, value);
        delete live[key];
      } else if (isMap(value)) {
        this.map(isMap(like) ? like : {}, value, here, isMap(like) && (owned || key === 'matchLabels'));
      } else if (byDefault !== undefined && !isSet(like) && value !== byDefault) {
        this.changes.push({ field: here.path, before: value, after: byDefault, why: ADDED_BY_OTHERS });
        live[key] = byDefault;
      }
    }
  }

  #list(wanted: readonly unknown[], live: readonly unknown[], { path, pattern }: Place): unknown[] {
    const identify = wanted.length === 0 || pattern === 'subjects' ? nameOf : identifierOf(wanted);
    const left = wanted.map((item, index) => ({ item, id: identify?.(item) ?? String(index) }));
    // Without names it is only known whether there are as many; where not, the whole list is a difference already.
    if (identify === undefined && wanted.length !== live.length) return [...live];
    const kept = live.filter((item, index) => {
      const id = identify?.(item) ?? String(index);
      const match = left.findIndex((other) => other.id === id);
      const place = `${path}[${id}]`;
      if (match < 0) {
        this.tell(place, item);
        return false;
      }
      const [like] = left.splice(match, 1);
      if (isMap(item) && isMap(like?.item)) this.map(like.item, item, { path: place, pattern: `${pattern}[]` });
      return true;
    });
    // A Service without ports or a Gateway without listeners would be refused.
    return kept.length === 0 ? structuredClone([...wanted]) : kept;
  }

  /** A map may hold a secret, and so may what a key of a Secret says: only that it is there is shown. */
  tell(field: string, value: unknown): void {
    const image = isMap(value) ? value['image'] : undefined;
    const before = typeof image === 'string' ? image : typeof value === 'object' || this.#secret ? 'present' : value;
    this.changes.push({ field, before, why: ADDED_BY_OTHERS });
  }
}

function identifierOf(list: readonly unknown[]): ((item: unknown) => string) | undefined {
  const key = keyOf(list);
  return key === undefined ? undefined : (item) => String(isMap(item) ? item[key] : item);
}

/** Of a subject all that tells it apart, defaults that the API server adds left out; of what nobody named its text. */
function nameOf(item: unknown): string {
  if (!isMap(item)) return String(item);
  if (typeof item['kind'] === 'string') return [item['kind'], item['namespace'], item['name']].filter(isSet).join('/');
  return String(item['name'] ?? item['host'] ?? item['ip'] ?? JSON.stringify(item));
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false && !(Array.isArray(value) && value.length === 0);
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}
