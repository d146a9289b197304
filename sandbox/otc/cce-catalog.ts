/** Owns what CCE sells: cluster flavors, versions, node images, add-on templates (API reference 6.1, 6.4, 6.5). Data only. */
import { stableUuid } from './compute-common.ts';

export interface ClusterFlavor {
  readonly masters: 1 | 3;
  readonly nodes: number;
}

export const clusterFlavors: Readonly<Record<string, ClusterFlavor>> = {
  'cce.s1.small': { masters: 1, nodes: 50 },
  'cce.s1.medium': { masters: 1, nodes: 200 },
  'cce.s2.small': { masters: 3, nodes: 50 },
  'cce.s2.medium': { masters: 3, nodes: 200 },
  'cce.s2.large': { masters: 3, nodes: 1000 },
  'cce.s2.xlarge': { masters: 3, nodes: 2000 },
};

/** Versions that can be ordered, newest first; v1.29 by API only. */
export const clusterVersions = ['v1.33', 'v1.32', 'v1.31', 'v1.30', 'v1.29'] as const;

/** The version an order means: `v1.33`, `v1.33.1`, `v1.33.1-r0`; the newest where none is given. Undefined where it is not offered. */
export function clusterVersion(ordered: string | undefined): string | undefined {
  if (ordered === undefined || ordered === '') return clusterVersions[0];
  const match = /^(v1\.\d+)(\.\d+)?(-r\d+)?$/.exec(ordered);
  return clusterVersions.some((version) => version === match?.[1]) ? ordered : undefined;
}

/** Node images; all offered versions carry them. */
export const nodeImages: Readonly<Record<string, string>> = {
  'HCE OS 2.0': stableUuid('image Standard_HCE_OS_2.0_latest'),
  'EulerOS 2.9': stableUuid('image Standard_EulerOS_2.9_latest'),
  'Ubuntu 22.04': stableUuid('image Standard_Ubuntu_22.04_latest'),
};

export interface AddonTemplate {
  readonly name: string;
  readonly description: string;
  /** Installed by CCE itself with every cluster. */
  readonly byDefault: boolean;
  readonly versions: readonly string[];
}

export const addonTemplates: readonly AddonTemplate[] = [
  { name: 'coredns', description: 'CoreDNS is a DNS server that chains plugins.', byDefault: true, versions: ['1.30.6'] },
  { name: 'everest', description: 'Container storage interface of the cloud.', byDefault: true, versions: ['2.4.134'] },
  {
    name: 'autoscaler',
    description: 'Resizes node pools to the demand.',
    byDefault: false,
    versions: ['1.33.8', '1.32.3', '1.31.18', '1.30.46', '1.29.79'],
  },
  { name: 'metrics-server', description: 'Resource metrics of pods and nodes.', byDefault: false, versions: ['1.3.90'] },
  { name: 'npd', description: 'Detects problems of nodes.', byDefault: false, versions: ['1.19.25'] },
  { name: 'nginx-ingress', description: 'Ingress controller on nginx.', byDefault: false, versions: ['3.0.31'] },
  { name: 'icagent', description: 'Collects logs and metrics.', byDefault: false, versions: ['1.0.0'] },
];

/** Autoscaler versions follow the cluster's minor version; the others fit all. */
export function fitting(template: AddonTemplate, version: string): string {
  if (template.name !== 'autoscaler') return 'v1.(29|30|31|32|33).*';
  return `v${version.split('.').slice(0, 2).join('.')}.*`;
}

export const addonFits = (template: AddonTemplate, version: string, cluster: string): boolean =>
  template.versions.includes(version) && new RegExp(`^${fitting(template, version)}$`).test(`${cluster}.`);

const input = (name: string): unknown => ({
  basic: { swr_addr: '100.125.7.25:20202', swr_user: 'hwofficial', image_version: 'latest' },
  parameters: {
    flavor1: { name: 'small', replicas: 1, resources: [{ name, limitsCpu: '500m', limitsMem: '500Mi', requestsCpu: '100m', requestsMem: '100Mi' }] },
  },
});

export const versionView = (template: AddonTemplate, version: string): unknown => ({
  version,
  input: input(template.name),
  stable: true,
  translate: {},
  supportVersions: [{ clusterType: 'VirtualMachine', clusterVersion: [fitting(template, version)] }],
  creationTimestamp: '2025-06-01T00:00:00Z',
  updateTimestamp: '2025-06-01T00:00:00Z',
});

export const templateView = (template: AddonTemplate): unknown => ({
  kind: 'Addon',
  apiVersion: 'v3',
  metadata: {
    uid: stableUuid(`addon ${template.name}`),
    name: template.name,
    creationTimestamp: '2025-06-01T00:00:00Z',
    updateTimestamp: '2025-06-01T00:00:00Z',
  },
  spec: {
    type: 'helm',
    require: template.byDefault,
    labels: ['Container'],
    logoURL: '',
    readmeURL: '',
    description: template.description,
    versions: template.versions.map((version) => versionView(template, version)),
  },
});
