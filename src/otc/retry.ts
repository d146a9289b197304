/**
 * Owns the decision to repeat a request, as a table over (service, method, path, status, code): OTC's codes do not follow
 * their classes. Sources are the error tables of each service's API reference. How a request is sent is `client.ts`'s.
 */
import type { Service } from './endpoints.ts';
import { CCE_AT_WORK, CCE_FORBIDDEN, type ErrorText } from './errors.ts';
import type { TransportFailure } from './transport.ts';

export interface RetryRow {
  readonly why: string;
  readonly service?: Service;
  readonly method?: RegExp;
  readonly path?: RegExp;
  readonly status: readonly number[];
  readonly code?: RegExp;
  /** Of the service's words, where a code alone does not tell. */
  readonly message?: RegExp;
  /** Seconds after which this cause is not waited for any longer. */
  readonly budget: number;
  /** Seconds of the first pause; it doubles up to `most`, and each is drawn at random from nothing to that ("full jitter"). */
  readonly first: number;
  readonly most: number;
}

const brief = { budget: 90, first: 0.5, most: 8 };
const throttled = { budget: 300, first: 2, most: 30 };
/** Also said of deletion protection (`errors.ts`), which ends only when a person switches it off. */
const NOT_PROTECTED = /^(?!.*deletion ?protection)/i;
/** Another thing must be gone first, for example the ports that a deleted database keeps for minutes. */
const inUse = { budget: 900, first: 1, most: 15 };

/**
 * A row may only name answers that mean "nothing was done", except for methods that can be repeated safely: a `POST`
 * whose end is unclear is never in this table.
 */
export const retryTable: readonly RetryRow[] = [
  { why: 'throttled', status: [429], ...throttled },
  { why: 'throttled (DNS says 403)', service: 'dns', status: [403], code: /^DNS\.0014$/, ...throttled },
  { why: 'subnet in use (VPC says 500)', service: 'vpc', method: /^DELETE$/, path: /\/subnets\//, status: [500, 409], ...inUse },
  { why: 'VPC not active yet', service: 'vpc', method: /^POST$/, path: /\/subnets$/, status: [400], code: /^VPC\.0004$/, ...brief },
  { why: 'VPC still has contents', service: 'vpc', method: /^DELETE$/, path: /\/vpcs\/[^/]+$/, status: [409], ...inUse },
  { why: 'EIP in use (VPC says 500)', service: 'vpc', method: /^DELETE$/, path: /\/publicips\//, status: [409, 500], ...inUse, budget: 300 },
  { why: 'security group in use', service: 'vpc', method: /^DELETE$/, path: /\/security-groups\//, status: [409], ...inUse },
  {
    why: 'rules of the gateway are still there (NAT says 400)',
    service: 'nat',
    method: /^DELETE$/,
    status: [400],
    code: /^VPC\.2016$/,
    ...inUse,
    budget: 180,
  },
  { why: 'gateway not ready (NAT says 400)', service: 'nat', status: [400], code: /^VPC\.(2004|2030|2050)$/, ...brief },
  {
    why: 'listeners of the load balancer are still there',
    service: 'elb',
    method: /^DELETE$/,
    status: [409],
    code: /^ELB\.8907$/,
    message: NOT_PROTECTED,
    ...inUse,
    budget: 180,
  },
  {
    why: 'cluster busy (CCE says 403)',
    service: 'cce',
    method: /^POST$/,
    path: /\/nodepools/,
    status: [403],
    code: CCE_FORBIDDEN,
    message: CCE_AT_WORK,
    ...inUse,
    budget: 180,
  },
  { why: 'cluster busy', service: 'cce', status: [409], code: /^CCE\.01409002$/, ...brief },
  {
    why: 'another operation runs on the instance',
    service: 'rds',
    status: [409],
    code: /^DBS\.(200011|200018|200019|200047|200080|200463|200611|201015|201202|201205|201206|212006|280011|280343|280816)$/,
    ...inUse,
  },
  { why: 'another operation runs on the instance', service: 'rds', status: [403], code: /^DBS\.212033$/, ...inUse },
  // Also said where the status will never allow it, so not for as long.
  {
    why: 'not allowed in this status (RDS says 400)',
    service: 'rds',
    method: /^(POST|PUT|DELETE)$/,
    path: /\/instances\/[^/]+/,
    status: [400],
    code: /^DBS\.(200086|201014|212010)$/,
    ...inUse,
    budget: 180,
  },
  { why: 'job not visible yet', service: 'rds', method: /^GET$/, status: [400, 404], code: /^DBS\.200543$/, ...brief },
  { why: 'zone or record locked', service: 'dns', status: [409], code: /^DNS\.0021$/, ...brief },
  { why: 'zone or record not ACTIVE yet', service: 'dns', status: [400, 409], code: /^DNS\.(0314|0209)$/, ...brief },
  { why: 'service trouble', method: /^(GET|HEAD)$/, status: [500, 502, 503, 504], ...brief },
  { why: 'service trouble', method: /^(PUT|PATCH|DELETE)$/, status: [502, 503, 504], ...brief },
];

/** 404 for something that this run was told is made: nothing was done, whatever was asked. */
export const notKnownYet: RetryRow = { why: 'made a moment ago and not known everywhere yet', status: [404], ...brief, budget: 60 };

/** No answer came; safe to repeat for methods that may be sent twice, and for requests that never left. */
export const connectionRow: RetryRow = { why: 'no answer', status: [], ...brief };

const notKnown: RetryRow = { ...connectionRow, why: 'unknown host', budget: 10 };
const noProxy: RetryRow = { ...connectionRow, why: 'no way through the proxy', budget: 10 };

/** How long to try again after no answer came, by Node's error code; undefined where time heals nothing: certificates, a proxy that refuses. */
export function connectionRowFor({ code, ofProxy }: Pick<TransportFailure, 'code' | 'ofProxy'>): RetryRow | undefined {
  if (ofProxy && /^4\d\d$/.test(code)) return undefined;
  if (/CERT|SIGNATURE|SELF_SIGNED/.test(code)) return undefined;
  if (ofProxy) return noProxy;
  return code === 'ENOTFOUND' ? notKnown : connectionRow;
}

/** The row that says to repeat this answer, or undefined. */
export function retryRow(
  service: Service,
  method: string,
  path: string,
  status: number,
  { code, message }: Pick<ErrorText, 'code' | 'message'>,
): RetryRow | undefined {
  return retryTable.find(
    (row) =>
      row.status.includes(status) &&
      (row.service === undefined || row.service === service) &&
      (row.method === undefined || row.method.test(method)) &&
      (row.path === undefined || row.path.test(path)) &&
      (row.code === undefined || row.code.test(code ?? '')) &&
      (row.message === undefined || row.message.test(message ?? '')),
  );
}

/** True where the service may have acted although no usable answer came: a `POST` that ended in 502, 503, 504, or any other 5xx without a body. */
export function endIsUnclear(method: string, status: number, hasBody: boolean): boolean {
  return method === 'POST' && status >= 500 && ([502, 503, 504].includes(status) || !hasBody);
}

/** Seconds to wait before try number `attempt` (from 1) is repeated; `random` gives numbers from 0 to 1. */
export function pauseBefore(row: RetryRow, attempt: number, random: () => number): number {
  return random() * Math.min(row.most, row.first * 2 ** (attempt - 1));
}
