/**
 * Owns what external-dns 0.21 decides (its documents "The TXT registry", "Sources", annotations reference): the endpoints that
 * Ingresses and Services ask for (routes: `external-dns-gateway.ts`), whose existing records are by their TXT records, and the changes between both. Pure; the
 * program around it is `external-dns.ts`, the provider that writes `external-dns-webhook.ts`.
 */
import { isIP } from 'node:net';
import type { KubeObject } from '../objects.ts';

/** An endpoint as it travels to the webhook. */
export interface Endpoint {
  readonly dnsName: string;
  readonly targets: readonly string[];
  readonly recordType: string;
  readonly recordTTL?: number;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface Changes {
  readonly create?: readonly Endpoint[];
  readonly updateOld?: readonly Endpoint[];
  readonly updateNew?: readonly Endpoint[];
  readonly delete?: readonly Endpoint[];
}

export interface Settings {
  readonly ownerId: string;
  readonly txtPrefix: string;
  readonly policy: string;
  readonly domainFilters: readonly string[];
  readonly managedTypes: readonly string[];
}

interface Address {
  readonly ip?: string;
  readonly hostname?: string;
}

export interface Source extends KubeObject {
  readonly spec?: {
    readonly type?: string;
    readonly rules?: readonly { readonly host?: string }[];
    readonly tls?: readonly { readonly hosts?: readonly string[] }[];
  };
  readonly status?: { readonly loadBalancer?: { readonly ingress?: readonly Address[] } };
}

function grouped<T>(list: readonly T[], by: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of list) groups.set(by(one), [...(groups.get(by(one)) ?? []), one]);
  return groups;
}

export const annotation = (source: KubeObject, name: string): string | undefined =>
  source.metadata.annotations?.[`external-dns.alpha.kubernetes.io/${name}`];
export const listed = (text: string | undefined): string[] => (text ?? '').split(',').flatMap((item) => (item.trim() === '' ? [] : [item.trim()]));
const plain = (name: string): string => name.toLowerCase().replace(/\.$/, '');

/** Whether another controller is named for an object. */
export function refused(source: KubeObject): boolean {
  const controller = annotation(source, 'controller');
  return controller !== undefined && controller !== 'dns-controller';
}

/** What one object asks for. The target annotation wins over the status, which lists every address of the load balancer. */
export function endpointsOf(kind: 'ingress' | 'service', source: Source): Endpoint[] {
  if (refused(source)) return [];
  const defined =
    kind === 'ingress'
      ? [...(source.spec?.rules ?? []).map(({ host }) => host), ...(source.spec?.tls ?? []).flatMap(({ hosts }) => hosts ?? [])]
      : [];
  if (kind === 'service' && source.spec?.type !== 'LoadBalancer') return [];
  const hosts = [...defined, ...listed(annotation(source, 'hostname'))].filter((host) => host !== undefined && host !== '');
  const named = listed(annotation(source, 'target'));
  const status = (source.status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }) => [ip, hostname]).filter((one) => one !== undefined);
  const targets = named.length > 0 ? named : status;
  const resource = `${kind}/${source.metadata.namespace}/${source.metadata.name}`;
  return [...new Set(hosts)].flatMap((host) => endpointsFor(String(host), targets, source, resource));
}

/** One endpoint for each type of target; the time to live is what `source` says. */
export function endpointsFor(host: string, targets: readonly string[], source: KubeObject, resource: string): Endpoint[] {
  const ttl = Number(annotation(source, 'ttl') ?? Number.NaN);
  return [...grouped(targets, typeOf)].map(([recordType, list]) => ({
    dnsName: plain(host),
    targets: [...new Set(list)].sort(),
    recordType,
    ...(Number.isInteger(ttl) && ttl > 0 ? { recordTTL: ttl } : {}),
    labels: { resource },
  }));
}

function typeOf(target: string): string {
  return { 4: 'A', 6: 'AAAA', 0: 'CNAME' }[isIP(target)] ?? 'CNAME';
}

export function matchesDomain(name: string, filters: readonly string[]): boolean {
  return filters.length === 0 || filters.some((filter) => plain(name) === plain(filter) || plain(name).endsWith(`.${plain(filter)}`));
}

/** Name of the TXT record that says whose a record is. */
export function ownerName({ txtPrefix }: Pick<Settings, 'txtPrefix'>, name: string, type: string): string {
  const kind = type.toLowerCase();
  return txtPrefix.includes('%{record_type}') ? `${txtPrefix.replaceAll('%{record_type}', kind)}${name}` : `${txtPrefix}${kind}-${name}`;
}

function labelsIn(text: string): Record<string, string> | undefined {
  const parts = text.replace(/^"|"$/g, '').split(',');
  if (!parts.includes('heritage=external-dns')) return undefined;
  return Object.fromEntries(
    parts.flatMap((part) => (part.startsWith('external-dns/') ? [part.slice('external-dns/'.length).split('=')] : [])) as [string, string][],
  );
}

const ownerText = (labels: Readonly<Record<string, string>>): string =>
  `"${[
    'heritage=external-dns',
    ...Object.keys(labels)
      .sort()
      .map((key) => `external-dns/${key}=${labels[key]}`),
  ].join(',')}"`;

interface Known {
  readonly records: readonly Endpoint[];
  /** Names of TXT records of the registry. */
  readonly marks: ReadonlySet<string>;
}

/** Existing records with the labels of their TXT records. */
export function withOwners(settings: Settings, records: readonly Endpoint[]): Known {
  const marks = new Map<string, Record<string, string>>();
  for (const { dnsName, recordType, targets } of records) {
    const labels = recordType === 'TXT' ? labelsIn(targets[0] ?? '') : undefined;
    if (labels !== undefined) marks.set(plain(dnsName), labels);
  }
  const owned = records.filter(({ recordType }) => recordType !== 'TXT');
  return {
    records: owned.map((record) => ({
      ...record,
      labels: { ...record.labels, ...marks.get(ownerName(settings, plain(record.dnsName), record.recordType)) },
    })),
    marks: new Set(marks.keys()),
  };
}

const less = (a: Endpoint, b: Endpoint): number => (a.targets.join() < b.targets.join() ? -1 : a.targets.join() > b.targets.join() ? 1 : 0);

/** The changes of one round, TXT records included; undefined where there is nothing to do. */
export function plan(settings: Settings, existing: readonly Endpoint[], wanted: readonly Endpoint[]): Changes | undefined {
  const known = withOwners(settings, existing);
  const relevant = ({ dnsName, recordType }: Endpoint): boolean =>
    settings.managedTypes.includes(recordType) && matchesDomain(dnsName, settings.domainFilters);
  const currents = grouped(known.records.filter(relevant), ({ dnsName }) => plain(dnsName));
  const candidates = grouped(wanted.filter(relevant), ({ dnsName }) => plain(dnsName));
  const mine = ({ labels }: Endpoint): boolean => labels?.['owner'] === settings.ownerId;
  const create: Endpoint[] = [];
  const updates: { before: Endpoint; after: Endpoint }[] = [];
  const remove: Endpoint[] = [];
  for (const name of new Set([...currents.keys(), ...candidates.keys()])) {
    const there = currents.get(name) ?? [];
    const asked = grouped(candidates.get(name) ?? [], ({ recordType }) => recordType);
    for (const current of there) if (!asked.has(current.recordType) && mine(current)) remove.push(current);
    for (const [type, list] of asked) {
      const current = there.find(({ recordType }) => recordType === type);
      const sorted = [...list].sort(less);
      const after = sorted.find(({ labels }) => labels?.['resource'] === current?.labels?.['resource']) ?? sorted[0];
      if (after === undefined) continue;
      // A name that somebody else has a record of is left alone.
      if (current === undefined && there.every(mine)) create.push({ ...after, labels: { ...after.labels, owner: settings.ownerId } });
      else if (current !== undefined && mine(current) && differs(current, after)) {
        updates.push({ before: current, after: { ...after, labels: { ...after.labels, owner: settings.ownerId } } });
      }
    }
  }
  const allowed = { update: settings.policy !== 'create-only', remove: settings.policy === 'sync' };
  const mark = (record: Endpoint): Endpoint => ({
    dnsName: ownerName(settings, plain(record.dnsName), record.recordType),
    recordType: 'TXT',
    targets: [ownerText(record.labels ?? {})],
  });
  const changes = {
    create: [...create, ...create.map(mark).filter(({ dnsName }) => !known.marks.has(dnsName))],
    updateOld: allowed.update ? updates.flatMap(({ before }) => [before, mark(before)]) : [],
    updateNew: allowed.update ? updates.flatMap(({ after }) => [after, mark(after)]) : [],
    delete: allowed.remove ? remove.flatMap((record) => [record, mark(record)]) : [],
  };
  return Object.values(changes).some((list) => list.length > 0) ? changes : undefined;
}

function differs(current: Endpoint, wanted: Endpoint): boolean {
  if ([...current.targets].sort().join() !== [...wanted.targets].sort().join()) return true;
  return wanted.recordTTL !== undefined && wanted.recordTTL !== current.recordTTL;
}
