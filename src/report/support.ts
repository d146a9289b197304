/**
 * Owns until when the versions of a stack are supported by their makers: dates with their source, and what is to be said
 * of a version near or past its end. Pure. What a stack runs is told by `run.ts`. ZITADEL and its chart
 * are not in it: their makers publish no dates.
 */

export interface Support {
  /** As in a report's `versions`. */
  readonly part: 'Kubernetes' | 'PostgreSQL';
  readonly version: string;
  /** First day without support, `YYYY-MM-DD`. */
  readonly ends: string;
  readonly source: string;
}

const CCE = 'Open Telekom Cloud, CCE user guide, "Kubernetes version support mechanism" (an end given by month is its last day)';
const POSTGRESQL = 'https://www.postgresql.org/support/versioning/';

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
];

/** Days before the end from which it is worth a word. */
export const NEAR_DAYS = 180;

export interface SupportFinding extends Support {
  readonly state: 'ended' | 'near';
  /** Days from `now` to the end; negative past it. */
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
    const days = Math.floor((Date.parse(`${found.ends}T00:00:00Z`) - now) / 86_400_000);
    return days > NEAR_DAYS ? [] : [{ ...found, state: days < 0 ? ('ended' as const) : ('near' as const), days }];
  });
}

function startsAt(version: string, prefix: string): boolean {
  return version.startsWith(`${prefix}.`) || version.startsWith(`${prefix}-`);
}

/** What is to be said of a version, without its name. */
export function supportText({ ends, state }: SupportFinding): string {
  return state === 'ended' ? `out of support since ${ends}` : `supported until ${ends}`;
}
