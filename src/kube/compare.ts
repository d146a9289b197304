/**
 * Owns the comparison of a wanted Kubernetes object with the live one: every field that the manifest sets must be so,
 * everything else (defaults, status, what controllers add) is no difference. Pure.
 */
import type { Change } from '../engine/resource.ts';

/** Filled in by controllers (cert-manager's cainjector, certgen Jobs) even where a chart sets a placeholder. */
export const FOREIGN = new Set(['caBundle', 'status', 'creationTimestamp', 'managedFields']);

/** Fields by which Kubernetes tells elements of a list apart; the first that all wanted elements carry is taken. */
const LIST_KEYS = ['name', 'mountPath', 'containerPort', 'port', 'key', 'topologyKey', 'ip', 'type', 'host'];

/** Fields in which `wanted` is not fulfilled by `live`; values of Secrets are never shown. */
export function differences(wanted: object, live: object | undefined): Change[] {
  if (live === undefined) return [{ field: '(object)', before: 'missing', after: 'present' }];
  const found: Change[] = [];
  const prepared = withEncodedStrings(wanted);
  const secret = (wanted as { kind?: string }).kind === 'Secret';
  compare(prepared, live, '', (field, after, before) => {
    const hidden = secret && field.startsWith('data.');
    found.push(hidden ? { field, why: 'the content differs' } : { field, before: before ?? 'nothing', after });
  });
  return found;
}

type Report = (field: string, wanted: unknown, live: unknown) => void;

function compare(wanted: unknown, live: unknown, path: string, report: Report): void {
  if (unset(wanted)) return;
  if (Array.isArray(wanted)) {
    compareLists(wanted, Array.isArray(live) ? live : [], path, report);
    return;
  }
  if (isMap(wanted)) {
    const there = isMap(live) ? live : {};
    for (const [key, value] of Object.entries(wanted)) {
      if (!FOREIGN.has(key)) compare(value, there[key], path === '' ? key : `${path}.${key}`, report);
    }
    return;
  }
  if (!sameScalar(wanted, live)) report(path, wanted, live);
}

function compareLists(wanted: readonly unknown[], live: readonly unknown[], path: string, report: Report): void {
  const key = keyOf(wanted);
  if (key !== undefined) {
    for (const item of wanted.filter(isMap)) {
      const match = live.find((other) => isMap(other) && String(other[key]) === String(item[key]));
      const place = `${path}[${String(item[key])}]`;
      if (match === undefined) report(place, 'present', undefined);
      else compare(item, match, place, report);
    }
    return;
  }
  if (wanted.length !== live.length) {
    report(path, wanted, live);
    return;
  }
  wanted.forEach((item, index) => {
    compare(item, live[index], `${path}[${index}]`, report);
  });
}

/** The live object as far as the wanted one sets it, in its form: what a person compares with the manifest. */
export function asSeen(wanted: unknown, live: unknown): unknown {
  if (unset(wanted)) return wanted;
  if (Array.isArray(wanted)) return listAsSeen(wanted, Array.isArray(live) ? live : []);
  if (isMap(wanted)) {
    if (!isMap(live)) return live;
    const kept = Object.entries(wanted).map(([key, value]) => [key, FOREIGN.has(key) ? value : asSeen(value, live[key])] as const);
    return Object.fromEntries(kept.filter(([, value]) => value !== undefined));
  }
  return sameScalar(wanted, live) ? wanted : (live ?? undefined);
}

function listAsSeen(wanted: readonly unknown[], live: readonly unknown[]): unknown[] {
  const key = keyOf(wanted);
  if (key !== undefined) {
    return wanted.flatMap((item) => {
      const match = live.find((other) => isMap(other) && String(other[key]) === String((item as Record<string, unknown>)[key]));
      return match === undefined ? [] : [asSeen(item, match)];
    });
  }
  return wanted.length === live.length ? wanted.map((item, index) => asSeen(item, live[index])) : [...live];
}

/** The field that tells the elements of a list apart; undefined where none does. */
export function keyOf(list: readonly unknown[]): string | undefined {
  const maps = list.filter(isMap);
  const key = maps.length === list.length ? LIST_KEYS.find((name) => maps.every((item) => item[name] !== undefined)) : undefined;
  return key !== undefined && new Set(maps.map((item) => String(item[key]))).size === maps.length ? key : undefined;
}

/** Null, empty text and empty collections in a manifest set nothing: the API server drops or defaults them. */
function unset(value: unknown): boolean {
  if (value === null || value === undefined || value === '') return true;
  return typeof value === 'object' && !(value instanceof Date) && Object.keys(value).length === 0;
}

function sameScalar(wanted: unknown, live: unknown): boolean {
  if (live === undefined || live === null) return wanted === false || wanted === 0;
  if (wanted instanceof Date) return wanted.getTime() === new Date(String(live)).getTime();
  if (String(wanted) === String(live)) return true;
  const quantity = quantityOf(wanted);
  return quantity !== undefined && quantity === quantityOf(live);
}

const UNITS: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

/** A resource quantity as a number: the API server writes `0.5` back as `500m` (Kubernetes API conventions, Quantity). */
function quantityOf(value: unknown): number | undefined {
  const match = /^([+-]?[0-9]+(?:\.[0-9]+)?)([numkMGTP]?|[KMGTP]i)$/.exec(String(value));
  const unit = UNITS[match?.[2] ?? ' '];
  return match?.[1] === undefined || unit === undefined ? undefined : Math.round(Number(match[1]) * unit * 1e9) / 1e9;
}

/** A Secret's `stringData` becomes `data`, as the API server makes it. */
export function withEncodedStrings(object: object): object {
  const { stringData, data, ...rest } = object as { stringData?: Record<string, string>; data?: Record<string, string> };
  if (stringData === undefined) return object;
  const encoded = Object.entries(stringData).map(([key, text]) => [key, Buffer.from(text, 'utf8').toString('base64')]);
  return { ...rest, data: { ...data, ...Object.fromEntries(encoded) } };
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** JSON with sorted keys, for the comparison of values documents. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    isMap(item) ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1))) : item,
  );
}

/** Where two values documents differ, as changes with dotted paths; lists are compared as a whole. */
export function valueChanges(before: unknown, after: unknown, path = 'values'): Change[] {
  if (canonical(before) === canonical(after)) return [];
  if (isMap(before) && isMap(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    return keys.flatMap((key) => valueChanges(before[key], after[key], `${path}.${key}`));
  }
  return [{ field: path, before: before ?? 'nothing', after: after ?? 'nothing' }];
}
