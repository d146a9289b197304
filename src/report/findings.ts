/**
 * Owns what a drift run found, one entry for each difference, the gravest first: what threatens data, then what exposes
 * something, then what stops the service, then the rest. Pure; how it looks is the renderers' business.
 */
import { createHash } from 'node:crypto';
import type { Outcome } from '../engine/outcome.ts';
import { ADDED_BY_OTHERS, type Change } from '../engine/resource.ts';
import { canonical } from './canonical.ts';
import { type SupportFinding, supportText } from './support.ts';

/** What is at stake, the gravest first. */
export const stakes = ['data', 'exposure', 'availability', 'configuration', 'support'] as const;
export type Stake = (typeof stakes)[number];
export type Severity = 'critical' | 'high' | 'medium' | 'low';

export interface Finding {
  /** Id of the resource, for example `network/security-group-database`; `version/<part>` for versions. */
  readonly id: string;
  /** The resource for people. */
  readonly title: string;
  readonly stake: Stake;
  readonly severity: Severity;
  /** The field, or what happened to the resource as a whole. */
  readonly what: string;
  readonly before?: unknown;
  readonly after?: unknown;
  readonly why?: string;
  /** The same for the same finding in every run, 12 hexadecimal digits. */
  readonly key: string;
}

interface Judged {
  readonly stake: Stake;
  readonly severity: Severity;
}

const DIFFERS: ReadonlySet<string> = new Set(['create', 'update', 'replace', 'delete']);
const severities: readonly Severity[] = ['critical', 'high', 'medium', 'low'];

/** All findings of a walk and of the versions in use, the gravest first, in the order of the graph among equals. */
export function findingsOf(outcomes: readonly Outcome[], support: readonly SupportFinding[] = []): Finding[] {
  const found = [...outcomes.filter(({ verdict }) => DIFFERS.has(verdict)).flatMap(ofOutcome), ...support.map(ofVersion)];
  const rank = ({ severity, stake }: Finding): number => severities.indexOf(severity) * stakes.length + stakes.indexOf(stake);
  return found.sort((one, other) => rank(one) - rank(other));
}

/** The digest of a set of findings, whatever their order. */
export function findingsDigest(findings: readonly Pick<Finding, 'key'>[]): string {
  const keys = findings.map(({ key }) => key).sort();
  return createHash('sha256').update(keys.join()).digest('hex').slice(0, 16);
}

function ofOutcome(outcome: Outcome): Finding[] {
  const { id, title, verdict, changes, note, readsOnly } = outcome;
  if (verdict === 'create' || verdict === 'delete' || changes.length === 0) {
    const what = verdict === 'create' ? 'is not there' : verdict === 'delete' ? 'is there, but the stack file does not ask for it' : 'differs';
    return [{ id, title, ...judgeWhole(outcome), what, ...(note === undefined ? {} : { why: note }), key: keyOf([id, verdict]) }];
  }
  return changes.map((change) => {
    const { field, before, after, why } = change;
    // What an observer measured differs from hour to hour; that the check fails is the finding.
    const key = readsOnly === true ? keyOf([id, field]) : keyOf([id, field, before, after]);
    const values = { ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) };
    return { id, title, ...judge(id, change), what: field, ...values, ...(why === undefined ? {} : { why }), key };
  });
}

function ofVersion(support: SupportFinding): Finding {
  const { part, version, state, source } = support;
  const id = `version/${part.toLowerCase().replaceAll(' ', '-')}`;
  const title = `${part} ${version}`;
  return { id, title, stake: 'support', severity: 'low', what: supportText(support), why: `Source: ${source}`, key: keyOf([id, version, state]) };
}

function keyOf(parts: readonly unknown[]): string {
  return createHash('sha256').update(canonical(parts)).digest('hex').slice(0, 12);
}

/** A resource that is missing as a whole, or one too many. */
function judgeWhole({ id, verdict }: Outcome): Judged {
  // A public address, or a way in, that nobody asked for.
  if (verdict === 'delete' && /^(cluster\/(eip|former-access)|bastion\/)/.test(id)) return { stake: 'exposure', severity: 'high' };
  if (verdict === 'delete') return { stake: 'configuration', severity: 'low' };
  if (id === 'database/instance' || id === 'zitadel/masterkey') return { stake: 'data', severity: 'critical' };
  if (id === 'cluster/api-access' || id.startsWith('network/security-')) return { stake: 'exposure', severity: 'high' };
  // The login app has its token; it would be lost with the cluster.
  if (id === 'zitadel/login-token') return { stake: 'availability', severity: 'medium' };
  if (id === 'network/lock') return { stake: 'configuration', severity: 'low' };
  if (/^(dns|cluster|load-balancer|ingress|certificates|zitadel|network|project)\//.test(id)) return { stake: 'availability', severity: 'high' };
  return { stake: 'configuration', severity: 'medium' };
}

const VERIFICATION = 'zitadel/verification';

/** From the gravest to the least; the first rule that fits judges. */
const rules: readonly (Judged & { readonly fits: (id: string, change: Change) => boolean })[] = [
  { stake: 'data', severity: 'critical', fits: (id, { replace }) => id.startsWith('database/') && replace === true },
  { stake: 'data', severity: 'critical', fits: (id) => id === 'zitadel/masterkey' },
  // Two of them write into one database.
  { stake: 'data', severity: 'high', fits: (id) => id === 'zitadel/only-one' },
  { stake: 'data', severity: 'critical', fits: (_, { field }) => field.startsWith('backup_strategy') },
  { stake: 'data', severity: 'critical', fits: (_, { field }) => /^parameter (fsync|full_page_writes|synchronous_commit)$/.test(field) },
  { stake: 'data', severity: 'high', fits: (id, { field }) => id.startsWith('database/') && /auto-expansion|masterkey/.test(field) },
  { stake: 'exposure', severity: 'critical', fits: (id, { field }) => id.startsWith('database/') && /public_ips?/.test(field) },
  // It lets nobody in, and may keep out whom the stack lets in.
  { stake: 'availability', severity: 'high', fits: (_, { field }) => /^rule .*, deny( of |$)/.test(field) },
  { stake: 'exposure', severity: 'critical', fits: (_, change) => opens(change) && fromEverywhere(change) },
  { stake: 'exposure', severity: 'high', fits: (_, change) => opens(change) || joins(change) || publishes(change) },
  // Somebody else may be answering; that nobody answers, or that it ended, exposes nothing.
  { stake: 'exposure', severity: 'high', fits: (id, { before }) => id === VERIFICATION && /certificate(?! ended)/.test(String(before)) },
  // Two of one name: no deploy goes on before a person has said which is ours.
  { stake: 'availability', severity: 'high', fits: (_, { field, before }) => field === 'name' && /^there are /.test(String(before)) },
  { stake: 'availability', severity: 'high', fits: (id) => id === VERIFICATION || id === 'dns/delegation' || id === 'dns/record' },
  { stake: 'availability', severity: 'high', fits: (_, { field, before }) => field === 'status' && before === 'Terminating' },
  { stake: 'availability', severity: 'high', fits: (_, { field }) => field === 'admin_state_up' },
  // Without its token the login app's pods wait for ever.
  { stake: 'availability', severity: 'high', fits: (id, { field }) => id === 'zitadel/login-token' && field.startsWith('Secret ') },
  { stake: 'exposure', severity: 'high', fits: (id, { field }) => id.startsWith('database/') && /security_group|parameter|ssl/i.test(field) },
  { stake: 'exposure', severity: 'high', fits: (id) => /(^|\/)(config|solver-credentials|masterkey)$/.test(id) },
  { stake: 'configuration', severity: 'medium', fits: (_, { field, why }) => why === ADDED_BY_OTHERS && NOTED.test(field) },
  { stake: 'availability', severity: 'medium', fits: (_, { field }) => RUNNING.test(field) },
  { stake: 'exposure', severity: 'high', fits: (_, { why }) => why === ADDED_BY_OTHERS },
  {
    stake: 'exposure',
    severity: 'high',
    fits: (_, { field }) => /^((Ingress|HTTPRoute|Gateway) \S+ spec\.|Service \S+ spec\.type|\w*Role(Binding)? )/.test(field),
  },
  { stake: 'exposure', severity: 'high', fits: (_, { field }) => /(tls|securityContext|hostNetwork|\bimage\b)/i.test(field) },
  { stake: 'availability', severity: 'high', fits: (_, { field }) => field.startsWith('rule ') },
  // Who signs for the domain, and who proves that it is ours.
  { stake: 'exposure', severity: 'high', fits: (id, { field }) => /^certificates\/issuer-/.test(id) && /spec\.acme\.(server|solvers)/.test(field) },
  { stake: 'availability', severity: 'high', fits: (id) => id === 'certificates/certificate' },
  { stake: 'availability', severity: 'medium', fits: (id, { field }) => /node-pool/.test(id) || /replicas|status|phase|chart$/.test(field) },
  { stake: 'availability', severity: 'medium', fits: (id) => /^(database|load-balancer|cluster|dns|network|project)\//.test(id) },
];

/** A rule that should not be there, whichever way it lets through. */
function opens({ field, before, after }: Change): boolean {
  return field.startsWith('rule ') && before !== undefined && after === undefined;
}

/** From the whole internet, or a part of it that is as good as that; private ranges (RFC 1918, RFC 4193) are no part of it. */
function fromEverywhere({ field }: Change): boolean {
  const [, address = '', prefix] = /from ([\d.]+|[\da-f:]+)\/(\d+)/i.exec(field) ?? [];
  if (prefix === undefined || /^(10\.|f[cd])/i.test(address)) return false;
  return Number(prefix) <= (address.includes(':') ? 16 : 8);
}

/** The API server has a public address that it should not have. */
function publishes({ field, before, after }: Change): boolean {
  return field === 'status.endpoints.external' && before !== undefined && after === undefined;
}

/** A label or an annotation of an object through which nothing is served, and that lets nobody do more. */
const NOTED = /^(?!Ingress|HTTPRoute|HTTPProxy|Gateway|Service |Namespace)\w+ \S+ metadata\.(annotations|labels)\./;

/** How an object of the cluster is rolled out and balanced, which opens nothing and lets nobody in. */
const RUNNING =
  /^(Deployment \S+ spec\.(paused|strategy|minReadySeconds|progressDeadlineSeconds|revisionHistoryLimit)|Service \S+ spec\.sessionAffinity)\b/;

/** Carries a security group, whose rules let more through, that it should not. */
function joins({ field, before, after }: Change): boolean {
  const names = (value: unknown): string[] => String(value ?? '').split(/[,\s]+/);
  const wanted = names(after);
  return /security.?groups?/i.test(field) && before !== 'missing' && names(before).some((name) => name !== '' && !wanted.includes(name));
}

function judge(id: string, change: Change): Judged {
  const { stake, severity } = rules.find(({ fits }) => fits(id, change)) ?? { stake: 'configuration' as const, severity: 'medium' as const };
  return { stake, severity };
}
