/**
 * Owns until when the versions of a stack are supported by their makers: dates with their source, and what is to be said
 * of a version near or past its end. Pure. What a stack runs is told by `run.ts`. ZITADEL, its chart, the DNS01 solver, Contour and
 * HAProxy are not in it: their makers publish no dates.
 */

export interface Support {
  /** As in a report's `versions`. */
  readonly part: 'Kubernetes' | 'PostgreSQL' | 'cert-manager chart' | 'ingress-nginx chart' | 'gateway-helm chart';
  readonly version: string;
  /** Last day with support, `YYYY-MM-DD`: a month's where only that is given, else the day that the maker names. */
  readonly ends: string;
  readonly source: string;
}

const CCE = 'Open Telekom Cloud, CCE user guide, "Kubernetes version support mechanism"';
const POSTGRESQL = 'https://www.postgresql.org/support/versioning/';
const CERT_MANAGER =
  'https://cert-manager.io/docs/releases/ (a release ends with the next but one: v1.19 on 2025-10-07, v1.20 on 2026-03-10, v1.21 on 2026-07-08)';
const INGRESS_NGINX = 'https://kubernetes.io/blog/2025/11/11/ingress-nginx-retirement/';
const ENVOY_GATEWAY = 'https://gateway.envoyproxy.io/news/releases/matrix/';

/** As published in November 2026. */
export const supportTable: readonly Support[] = [
  { part: 'Kubernetes', version: 'v1.28', ends: '2025-12-31', source: CCE },
  { part: 'Kubernetes', version: 'v1.29', ends: '2026-06-30', source: CCE },
  { part: 'Kubernetes', version: 'v1.30', ends: '2026-11-30', source: CCE },
  { part: 'Kubernetes', version: 'v1.31', ends: '2027-06-30', source: CCE },
  { part: 'Kubernetes', version: 'v1.32', ends: '2027-10-31', source: CCE },
  { part: 'Kubernetes', version: 'v1.33', ends: '2028-03-31', source: CCE },
  { part: 'PostgreSQL', version: '13', ends: '2025-11-13', source: POSTGRESQL },
  { part: 'PostgreSQL', version: '14', ends: '2026-11-12', source: POSTGRESQL },
  { part: 'PostgreSQL', version: '15', ends: '2027-11-11', source: POSTGRESQL },
  { part: 'PostgreSQL', version: '16', ends: '2028-11-09', source: POSTGRESQL },
  { part: 'PostgreSQL', version: '17', ends: '2029-11-08', source: POSTGRESQL },
  { part: 'cert-manager chart', version: 'v1.17', ends: '2025-10-07', source: CERT_MANAGER },
  { part: 'cert-manager chart', version: 'v1.18', ends: '2026-03-10', source: CERT_MANAGER },
  { part: 'cert-manager chart', version: 'v1.19', ends: '2026-07-08', source: CERT_MANAGER },
  { part: 'ingress-nginx chart', version: '4', ends: '2026-03-31', source: INGRESS_NGINX },
  { part: 'gateway-helm chart', version: 'v1.6', ends: '2026-05-13', source: ENVOY_GATEWAY },
  { part: 'gateway-helm chart', version: 'v1.7', ends: '2026-08-05', source: ENVOY_GATEWAY },
  { part: 'gateway-helm chart', version: 'v1.8', ends: '2026-11-08', source: ENVOY_GATEWAY },
  { part: 'gateway-helm chart', version: 'v1.9', ends: '2027-02-14', source: ENVOY_GATEWAY },
];

/** Days before the end from which it is worth a word. */
export const NEAR_DAYS = 180;

export interface SupportFinding extends Support {
  readonly state: 'ended' | 'near';
  /** Days from `now` to the end of that day; negative past it. */
  readonly days: number;
}

/**
 * The versions near their end or past it.
 * @param versions by part, as a report lists them; `v1.33.4-r0` counts as `v1.33`, `16.8` as `16`
 * @param now milliseconds since the epoch
 */
export function supportFindings(versions: Readonly<Record<string, string>>, now: number): SupportFinding[] {
  return Object.entries(versions).flatMap(([part, version]) => {
    const found = supportTable.find((one) => one.part === part && (version === one.version || startsAt(version, one.version)));
    if (found === undefined) return [];
    const days = Math.floor((Date.parse(`${found.ends}T24:00:00Z`) - now) / 86_400_000);
    return days > NEAR_DAYS ? [] : [{ ...found, state: days < 0 ? ('ended' as const) : ('near' as const), days }];
  });
}

function startsAt(version: string, prefix: string): boolean {
  return version.startsWith(`${prefix}.`) || version.startsWith(`${prefix}-`);
}

/** What is to be said of a version, without its name. */
export function supportText({ ends, state }: SupportFinding): string {
  return state === 'ended' ? `support ended on ${ends}` : `supported until ${ends}`;
}
