/**
 * Owns what RDS for PostgreSQL sells: versions, flavors, storage types, templates (API reference 5.1). Shapes of the
 * catalogue calls' answers; who orders what is checked in `rds-order.ts`.
 */
import { soldOut, stableHex, stableUuid, zonesOf } from './compute-common.ts';
import type { Store } from './store.ts';

/** Major versions for new instances and the newest minor one of each, which the service chooses. */
export const versions: Readonly<Record<string, string>> = { '13': '13.20', '14': '14.17', '15': '15.12', '16': '16.8', '17': '17.4' };
export const storageTypes = ['CLOUDSSD', 'ESSD'] as const;

const sizes: Readonly<Record<string, number>> = { medium: 1, large: 2, xlarge: 4, '2xlarge': 8, '4xlarge': 16, '8xlarge': 32, '16xlarge': 64 };
const families = [
  { name: 'n1', group: 'general', sizes: ['medium', 'large', 'xlarge', '2xlarge', '4xlarge'] },
  { name: 'x1', group: 'dedicated', sizes: ['large', 'xlarge', '2xlarge', '4xlarge', '8xlarge', '16xlarge'] },
] as const;
const modes = [
  { suffix: '', mode: 'single' },
  { suffix: '.ha', mode: 'ha' },
  { suffix: '.rr', mode: 'replica' },
] as const;

export interface RdsFlavor {
  readonly id: string;
  readonly spec_code: string;
  readonly vcpus: number;
  /** GB */
  readonly ram: number;
  readonly mode: 'single' | 'ha' | 'replica';
  readonly group: string;
}

export const flavors: readonly RdsFlavor[] = families.flatMap((family) =>
  family.sizes.flatMap((size) =>
    [2, 4, 8].flatMap((ratio) =>
      modes.map(({ suffix, mode }) => {
        const code = `rds.pg.${family.name}.${size}.${ratio}${suffix}`;
        const vcpus = sizes[size] ?? 1;
        return { id: stableHex(code), spec_code: code, vcpus, ram: vcpus * ratio, mode, group: family.group };
      }),
    ),
  ),
);

export const flavorOf = (code: string): RdsFlavor | undefined => flavors.find((flavor) => flavor.spec_code === code);

/** Flavor as the list shows it: `vcpus` a string, `ram` an integer. */
export function flavorView(store: Store, region: string, flavor: RdsFlavor): unknown {
  return {
    id: flavor.id,
    vcpus: String(flavor.vcpus),
    ram: flavor.ram,
    spec_code: flavor.spec_code,
    version_name: Object.keys(versions),
    instance_mode: flavor.mode,
    group_type: flavor.group,
    az_status: zoneStatus(store, region, flavor.spec_code),
    az_desc: Object.fromEntries(zonesOf(region).map((zone, index) => [zone, `AZ${index + 1}`])),
  };
}

export const storageView = (region: string): unknown => ({
  storage_type: storageTypes.map((name) => ({
    name,
    az_status: Object.fromEntries(zonesOf(region).map((zone) => [zone, 'normal'])),
    support_compute_group_type: ['normal', 'general', 'dedicated'],
  })),
});

export const datastoreView = (): unknown => ({ dataStores: Object.keys(versions).map((name) => ({ id: stableUuid(`datastore-${name}`), name })) });

export interface Template {
  readonly id: string;
  readonly version: string;
}

/** The service's own parameter templates, one a version. */
export const templates: readonly Template[] = Object.keys(versions).map((version) => ({ id: `${stableHex(`template-${version}`)}pr03`, version }));

const zoneStatus = (store: Store, region: string, code: string): Record<string, string> =>
  Object.fromEntries(zonesOf(region).map((zone) => [zone, soldOut(store, code, zone) ? 'sellout' : 'normal']));
