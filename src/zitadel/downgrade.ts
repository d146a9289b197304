/**
 * Owns what is said where ZITADEL would go back to an older version. Its `setup` Job, which runs at each upgrade, carries the database
 * forward, and a rollback of the release leaves that as it is (chart 9.34.0, its hooks). Pure.
 */
import { Fault } from '../engine/fault.ts';
import { sameVersion } from '../kube/chart-digest.ts';
import type { ReleaseSeen } from '../kube/release-state.ts';
import { find } from '../stack/values.ts';

interface Wanted {
  /** Of the chart. */
  readonly version: string;
  readonly values: Readonly<Record<string, unknown>>;
}

/** By the server's own version where both are known, else by the chart's: what another chart brings is known only with its archive. */
export function downgradeWarnings(seen: Pick<ReleaseSeen, 'chartVersion' | 'appVersion' | 'values'>, { version, values }: Wanted): Fault[] {
  const from = tagIn(seen.values) ?? seen.appVersion;
  const to = tagIn(values) ?? (sameVersion(seen.chartVersion, version) ? seen.appVersion : '');
  const byServer = numbersOf(from) !== undefined && numbersOf(to) !== undefined;
  if (!(byServer ? isOlder(to, from) : isOlder(version, seen.chartVersion))) return [];
  const running = from === '' ? '' : ` (ZITADEL ${from})`;
  const what = byServer ? `zitadel.values asks for ZITADEL ${to} and ${from}` : `zitadel.chart is ${version} and ${seen.chartVersion}${running}`;
  return [
    new Fault(`${what} is in place: what a newer ZITADEL changed in the database is not undone, and an older one may not run on it`, {
      hint:
        'The only way back to older data is a backup: restore the one made before the upgrade to a new instance (RDS console), and name that one under database.existing; ' +
        'what was written since is lost. Else keep the newer version, unless the release notes of ZITADEL say that it can go back.',
    }),
  ];
}

function tagIn(values: Wanted['values']): string | undefined {
  const tag = find(values, ['image', 'tag'])?.value;
  return typeof tag === 'string' && tag !== '' ? tag : undefined;
}

/** Major, minor, patch; undefined where it is no semantic version. */
function numbersOf(version: string): { readonly numbers: readonly number[]; readonly pre: string } | undefined {
  const [, core, pre = ''] = /^v?(\d+\.\d+\.\d+)(?:-([\w.-]+))?(?:\+.*)?$/.exec(version) ?? [];
  return core === undefined ? undefined : { numbers: core.split('.').map(Number), pre };
}

/** A release comes after those before it (Semantic Versioning 2.0, 11); what is no version is not older. */
function isOlder(one: string, other: string): boolean {
  const [a, b] = [numbersOf(one), numbersOf(other)];
  if (a === undefined || b === undefined) return false;
  const at = a.numbers.findIndex((number, index) => number !== b.numbers[index]);
  if (at >= 0) return (a.numbers[at] ?? 0) < (b.numbers[at] ?? 0);
  return a.pre !== b.pre && (b.pre === '' || (a.pre !== '' && a.pre.localeCompare(b.pre, 'en', { numeric: true }) < 0));
}
