/** Owns the cloud's host names (API reference 0.1): which region and which service a name means, and which name a service has. */

export interface Region {
  readonly id: string;
  /** What follows the service's label. */
  readonly suffix: string;
  readonly zones: readonly string[];
}

export const regions: readonly Region[] = [
  { id: 'eu-de', suffix: 'eu-de.otc.t-systems.com', zones: ['eu-de-01', 'eu-de-02', 'eu-de-03'] },
  { id: 'eu-nl', suffix: 'eu-nl.otc.t-systems.com', zones: ['eu-nl-01', 'eu-nl-02', 'eu-nl-03'] },
  { id: 'eu-ch2', suffix: 'eu-ch2.sc.otc.t-systems.com', zones: ['eu-ch2a', 'eu-ch2b'] },
];

export const regionOf = (id: string): Region | undefined => regions.find((region) => region.id === id);

/** `vpc.eu-de.otc.t-systems.com`; IAM of eu-ch2 alone is called `iam-pub`. */
export function hostOf(prefix: string, region: string): string {
  const suffix = regionOf(region)?.suffix ?? `${region}.otc.t-systems.com`;
  return `${prefix === 'iam' && region === 'eu-ch2' ? 'iam-pub' : prefix}.${suffix}`;
}

export interface Place {
  readonly region: Region;
  /** Service label: `vpc`, `cce`, `iam`. */
  readonly prefix: string;
  /** Set for `<cluster id>.cce.…`. */
  readonly clusterId?: string;
}

/** The region and service of a host name (port and case do not matter); undefined for names nobody has. */
export function placeOf(host: string): Place | undefined {
  const name = host.toLowerCase().replace(/:\d+$/, '');
  const region = regions.find(({ suffix }) => name.endsWith(`.${suffix}`));
  if (region === undefined) return undefined;
  const labels = name.slice(0, -region.suffix.length - 1).split('.');
  const prefix = labels.at(-1) ?? '';
  if (labels.length === 2 && prefix === 'cce' && labels[0] !== undefined) return { region, prefix, clusterId: labels[0] };
  if (labels.length !== 1) return undefined;
  if (prefix === 'iam-pub' || prefix === 'iam') return (prefix === 'iam-pub') === (region.id === 'eu-ch2') ? { region, prefix: 'iam' } : undefined;
  return { region, prefix };
}
