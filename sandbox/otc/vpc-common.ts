/** Owns what the services on the VPC host share: error shapes by path, marker paging, quotas, name rules. No routes. */
import { type Call, Refusal } from './service.ts';
import type { Store } from './store.ts';
import { networkTables } from './tables/network.ts';

interface ErrorParts {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly requestId: string;
}

type Dialect = 'v1' | 'neutron' | 'v3';

/** `/v2.0/{project_id}/…` (tags, batch attach) speaks like v1; the rest of `/v2.0` is Neutron. */
function dialectOf(path: string): Dialect {
  if (path.startsWith('/v3/')) return 'v3';
  return path.startsWith('/v2.0/') && !/^\/v2\.0\/[0-9a-f]{32}\//.test(path) ? 'neutron' : 'v1';
}

export function vpcError(path: string, { code, message, requestId }: ErrorParts): unknown {
  const dialect = dialectOf(path);
  if (dialect === 'neutron') return { NeutronError: { type: code, message, detail: '' } };
  return dialect === 'v3' ? { error_code: code, error_msg: message, request_id: requestId } : { code, message };
}

/** Codes for the front door; `invalid` is the chapter's parameter error in v1. */
export const vpcCodes =
  (invalid: string) =>
  (path: string): { readonly invalid: string; readonly forbidden: string } =>
    dialectOf(path) === 'neutron' ? { invalid: 'BadRequest', forbidden: 'Forbidden' } : { invalid, forbidden: 'VPC.2201' };

export const projectOfCall = (call: Call): string => call.caller?.projectId ?? '';

/** Rows after `marker`, at most `limit` (default 2000, and no more at once). An unknown marker gives an empty page. @param most what is refused above */
export function page<T extends { readonly id: string }>(
  call: Call,
  rows: readonly T[],
  code: string,
  most = Number.POSITIVE_INFINITY,
): { readonly rows: readonly T[]; readonly more: boolean } {
  const text = call.query.get('limit');
  const limit = text === null ? 2000 : Number(text);
  if (!Number.isInteger(limit) || limit < 0 || limit > most) throw new Refusal(400, code, `Invalid limit ${text ?? ''}.`);
  const marker = call.query.get('marker');
  const start = marker === null || marker === '' ? 0 : rows.findIndex((row) => row.id === marker) + 1;
  if (start === 0 && marker !== null && marker !== '') return { rows: [], more: false };
  const shown = rows.slice(start, start + Math.min(limit, 2000));
  return { rows: shown, more: start + shown.length < rows.length };
}

/** `<collection>_links` of Neutron lists: `next` only where a limit was set and more rows exist. */
export function neutronLinks(
  call: Call,
  collection: string,
  shown: { readonly rows: readonly { readonly id: string }[]; readonly more: boolean },
): Record<string, unknown> {
  const last = shown.rows.at(-1);
  if (!shown.more || last === undefined || call.query.get('limit') === null) return {};
  const query = new URLSearchParams(call.query);
  query.set('marker', last.id);
  return { [`${collection}_links`]: [{ rel: 'next', href: `https://${call.host}${call.path}?${query}` }] };
}

/** Exact, repeatable filters: each named parameter that is given must equal one of its values. */
export function filtered<T>(call: Call, rows: readonly T[], fields: Readonly<Record<string, (row: T) => unknown>>): T[] {
  return rows.filter((row) =>
    Object.entries(fields).every(([name, value]) => {
      const wanted = call.query.getAll(name);
      const here = value(row);
      return wanted.length === 0 || (Array.isArray(here) ? here.some((one) => wanted.includes(String(one))) : wanted.includes(String(here ?? '')));
    }),
  );
}

/** Shown by the VPC service's quota call. */
const vpcQuotas = {
  vpc: 20,
  subnet: 100,
  securityGroup: 100,
  securityGroupRule: 5000,
  publicIp: 50,
  natGateway: 20,
  shareBandwidth: 20,
  loadbalancer: 50,
  listener: 500,
} as const;
const quotas = { ...vpcQuotas, zone: 50, recordSet: 500 } as const;
export type VpcQuotaType = keyof typeof vpcQuotas;
export const quotaTypes = Object.keys(vpcQuotas) as VpcQuotaType[];

/** A project's limit; the switch `quota:<type>` changes it. */
export function quotaOf(store: Store, type: keyof typeof quotas): number {
  const value = networkTables(store).switches.get(`quota:${type}`)?.value;
  return typeof value === 'number' ? value : quotas[type];
}

/** Names of VPCs and subnets: 1 to 64 letters, digits, `_`, `-`, `.`. */
export const isName = (name: string): boolean => /^[\p{L}\p{N}_.-]{1,64}$/u.test(name);
export const isDescription = (text: string): boolean => text.length <= 255 && !/[<>]/.test(text);
