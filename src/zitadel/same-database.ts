/**
 * Owns that a living ZITADEL stays on its database: under another name its init makes an empty one and serves that (chart 9.34.0,
 * init Job; ZITADEL v4 "cmd/initialise"). What it uses stands in the values of its release. Pure.
 */
import { Fault } from '../engine/fault.ts';
import { find } from '../stack/values.ts';

type Values = Readonly<Record<string, unknown>>;

const POSTGRES = ['zitadel', 'configmapConfig', 'Database', 'Postgres'];
const SETTINGS: readonly { readonly setting: string; readonly path: readonly string[] }[] = [
  { setting: 'database.name', path: ['Database'] },
  { setting: 'database.user', path: ['User', 'Username'] },
];

/**
 * On another host the names may be others: the data was moved there.
 * @throws Fault that names the former value, where ZITADEL would go on with another database or as another role
 */
export function refuseOtherDatabase(release: string, before: Values, wanted: Values): void {
  const both = (path: readonly string[]): readonly unknown[] => [before, wanted].map((values) => find(values, [...POSTGRES, ...path])?.value);
  const [host, nextHost] = both(['Host']);
  if (host !== nextHost) return;
  for (const { setting, path } of SETTINGS) {
    const [former, next] = both(path);
    if (former === undefined || former === next) continue;
    throw new Fault(
      `${release} uses "${String(former)}" and ${setting} is now "${String(next)}": ZITADEL would start on an empty database or lose its rights on the full one; refused`,
      {
        resource: release,
        finding: setting,
        hint: `Set "${setting}: ${String(former)}" again in the stack file. Where nothing is in that database yet, as after a first deploy that failed, remove the release by helm uninstall and deploy again.`,
      },
    );
  }
}
