/** Owns what ECS sells: flavors with their zones, disk types, public images. Data only, shared by ECS, Nova, CCE, IMS, EVS. */
import { soldOut, stableUuid, zonesOf } from './compute-common.ts';
import type { Store } from './store.ts';

export interface EcsFlavor {
  readonly id: string;
  readonly vcpus: number;
  /** MiB */
  readonly ram: number;
}

const sizes: Readonly<Record<string, number>> = { medium: 1, large: 2, xlarge: 4, '2xlarge': 8, '4xlarge': 16 };
const families = ['s2', 's3', 's7n', 'c3', 'c4', 'c7n', 'm3', 'm4', 'm7n'] as const;

export const ecsFlavors: readonly EcsFlavor[] = families.flatMap((family) =>
  Object.entries(sizes).flatMap(([size, vcpus]) =>
    (family.startsWith('m') ? [8] : [1, 2, 4]).map((ratio) => ({ id: `${family}.${size}.${ratio}`, vcpus, ram: vcpus * ratio * 1024 })),
  ),
);

export const ecsFlavorOf = (id: string): EcsFlavor | undefined => ecsFlavors.find((flavor) => flavor.id === id);

/** What a flavor says of itself besides its size; `resource_type` of families other than those in the reference's samples is unverified. */
export const extraSpecs = (id: string): Record<string, string> => ({
  'ecs:performancetype': id.startsWith('s') ? 'normal' : 'computingv3',
  resource_type: `IOoptimized${(id.split('.')[0] ?? '').toUpperCase()}`,
});

/** `eu-de-01(normal),eu-de-02(sellout)` */
export const zoneText = (store: Store, region: string, flavor: string): string =>
  zonesOf(region)
    .map((zone) => `${zone}(${soldOut(store, flavor, zone) ? 'sellout' : 'normal'})`)
    .join(',');

/** Disk types that can be ordered; SATA is of old servers only. */
export const volumeTypes = ['SAS', 'SSD', 'GPSSD', 'ESSD'] as const;

export interface Image {
  readonly id: string;
  readonly name: string;
  readonly platform: string;
  readonly version: string;
  /** GB */
  readonly min_disk: number;
}

const image = (name: string, platform: string, version: string, minDisk: number): Image => ({
  id: stableUuid(`image ${name}`),
  name,
  platform,
  version,
  min_disk: minDisk,
});

/** Public images; names as the image factory gives them. */
export const images: readonly Image[] = [
  image('Standard_Ubuntu_22.04_latest', 'Ubuntu', 'Ubuntu 22.04 server 64bit', 8),
  image('Standard_Ubuntu_24.04_latest', 'Ubuntu', 'Ubuntu 24.04 server 64bit', 8),
  image('Standard_Debian_11_latest', 'Debian', 'Debian GNU/Linux 11.0.0 64bit', 8),
  image('Standard_Debian_12_latest', 'Debian', 'Debian GNU/Linux 12.0.0 64bit', 8),
  image('Standard_EulerOS_2.9_latest', 'EulerOS', 'EulerOS 2.9 64bit', 10),
  image('Standard_HCE_OS_2.0_latest', 'Huawei Cloud EulerOS', 'Huawei Cloud EulerOS 2.0 64bit', 10),
];

export const imageOf = (id: string): Image | undefined => images.find((one) => one.id === id);
