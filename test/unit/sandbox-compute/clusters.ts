/** Owns how the tests of CCE order clusters and look at them. The cloud they ask is in `backends.ts`. */
import assert from 'node:assert/strict';
import { networkTables, type SecurityGroupRow } from '../../../sandbox/otc/tables/network.ts';
import { eventually } from '../sandbox-otc/cloud.ts';
import type { ComputeCloud, Place } from './backends.ts';

export interface Patch {
  readonly name?: string;
  readonly spec?: Record<string, unknown>;
}

/** @param now the cloud and the network of the test that runs: each has its own */
export function clusterClient(now: () => { readonly cloud: ComputeCloud; readonly place: Place }) {
  function order({ name = 'zitadel', spec = {} }: Patch = {}) {
    const { place } = now();
    return {
      kind: 'Cluster',
      apiVersion: 'v3',
      metadata: { name, annotations: {}, labels: {} },
      spec: {
        category: 'CCE',
        type: 'VirtualMachine',
        flavor: 'cce.s2.small',
        version: 'v1.33',
        description: '',
        hostNetwork: { vpc: place.vpc, subnet: place.network },
        containerNetwork: { mode: 'vpc-router', cidrs: [{ cidr: '172.20.0.0/16' }] },
        kubernetesSvcIpRange: '10.247.0.0/16',
        kubeProxyMode: 'iptables',
        authentication: { mode: 'rbac' },
        masters: ['eu-de-01', 'eu-de-02', 'eu-de-03'].map((availabilityZone) => ({ availabilityZone })),
        deletionProtection: false,
        extendParam: { clusterAZ: 'multi_az' },
        ...spec,
      },
    };
  }
  const create = (patch?: Patch) => now().cloud.send('POST', `${now().cloud.cce}/clusters`, order(patch));
  const show = async (id: string) => (await now().cloud.get(`${now().cloud.cce}/clusters/${id}`)).body;
  const available = async (patch?: Patch): Promise<string> => {
    const made = await create(patch);
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const id = String(made.body.metadata.uid);
    await eventually(
      () => show(id),
      (row) => row.status.phase === 'Available',
      'cluster is Available',
    );
    return id;
  };
  const groupWith = (words: string): SecurityGroupRow => {
    const group = networkTables(now().cloud.store).groups.find((row) => row.description.includes(words));
    assert.ok(group !== undefined, `a group whose description holds ${words}`);
    return group;
  };

  /** An order of CCE Turbo. */
  const turbo = (eni = {}, spec = {}): Patch => ({
    spec: {
      category: undefined,
      containerNetwork: { mode: 'eni' },
      eniNetwork: { eniSubnetId: now().place.subnet, eniSubnetCIDR: '10.20.0.0/24', ...eni },
      ...spec,
    },
  });

  return { create, show, available, groupWith, turbo };
}
