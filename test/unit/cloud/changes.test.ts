/** Owns the proof of the pure comparisons: in sync means no change, each difference is told, and what cannot be changed in place says so. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ClusterSeen, type ClusterSpec, clusterChanges, endpointsOf, newCluster } from '../../../src/cloud/cluster-spec.ts';
import { ownershipChanges } from '../../../src/cloud/dns-ownership.ts';
import { recordChanges } from '../../../src/cloud/dns-record.ts';
import { eipChanges } from '../../../src/cloud/eip.ts';
import { loadBalancerChanges, switchedOff } from '../../../src/cloud/load-balancer.ts';
import { countsByZone, nodePoolChanges } from '../../../src/cloud/node-pool-spec.ts';
import { firstHost, subnetChanges } from '../../../src/cloud/subnet.ts';
import { Fault } from '../../../src/engine/fault.ts';
import type { Change } from '../../../src/engine/resource.ts';

const fields = (changes: readonly Change[]): string[] => changes.map(({ field, replace }) => (replace === true ? `${field} !` : field));

const clusterSpec: ClusterSpec = {
  name: 'c',
  flavor: 'cce.s2.small',
  version: 'v1.33',
  vpcId: 'v',
  subnetId: 's',
  containerNetwork: { mode: 'vpc-router', cidr: '172.16.0.0/16' },
  serviceCidr: '10.247.0.0/16',
  address: '80.158.0.9',
};

function clusterSeen(more: Partial<ClusterSeen['spec']> = {}, status: Partial<ClusterSeen['status']> = {}): ClusterSeen {
  const spec = {
    flavor: 'cce.s2.small',
    version: 'v1.33.2-r0',
    hostNetwork: { vpc: 'v', subnet: 's', SecurityGroup: 'n' },
    containerNetwork: { mode: 'vpc-router', cidr: '172.16.0.0/16', cidrs: [{ cidr: '172.16.0.0/16' }] },
    kubernetesSvcIpRange: '10.247.0.0/16',
    ...more,
  };
  const endpoints = { internal: 'https://10.0.1.10:5443', external: 'https://80.158.0.9:5443' };
  return {
    metadata: { name: 'c', uid: 'u' },
    spec,
    status: { phase: 'Available', ...status },
    id: 'u',
    name: 'c',
    version: spec.version,
    nodeGroupId: 'n',
    endpoints,
  };
}

test('a cluster as asked for is in sync, whatever its patch version', () => assert.deepEqual(clusterChanges(clusterSpec, clusterSeen()), []));

const clusterCases: [string, ClusterSeen, Partial<ClusterSpec>, string[]][] = [
  ['an older version', clusterSeen({ version: 'v1.32' }), {}, ['spec.version !']],
  ['a size upwards', clusterSeen(), { flavor: 'cce.s2.medium' }, ['spec.flavor']],
  ['a size downwards', clusterSeen({ flavor: 'cce.s2.medium' }), {}, ['spec.flavor !']],
  ['another number of masters', clusterSeen({ flavor: 'cce.s1.small' }), { flavor: 'cce.s2.medium' }, ['spec.flavor !']],
  [
    'another container range',
    clusterSeen({ containerNetwork: { mode: 'vpc-router', cidrs: [{ cidr: '10.0.0.0/12' }] } }),
    {},
    ['spec.containerNetwork.cidrs !'],
  ],
  ['no public address any more', clusterSeen(), { address: undefined }, ['status.endpoints.external']],
  ['still being made', clusterSeen({}, { phase: 'Creating' }), {}, ['status.phase']],
];
for (const [name, seen, spec, expected] of clusterCases) {
  test(`cluster: ${name}`, () => assert.deepEqual(fields(clusterChanges({ ...clusterSpec, ...spec }, seen)), expected));
}

test('a cluster that failed or sleeps is explained', () => {
  assert.throws(() => clusterChanges(clusterSpec, clusterSeen({}, { phase: 'Error', reason: 'no quota' })), /Error: no quota/);
  assert.throws(
    () => clusterChanges(clusterSpec, clusterSeen({}, { phase: 'Hibernation' })),
    (error) => error instanceof Fault && /Wake it/.test(error.hint ?? ''),
  );
});

test('endpoints are read in every shape that CCE answers with', () => {
  const expected = { internal: 'https://i:5443', external: 'https://e:5443' };
  assert.deepEqual(endpointsOf({ internal: 'https://i:5443', external: 'https://e:5443', external_otc: 'x' }), expected);
  assert.deepEqual(endpointsOf([{ Internal: 'https://i:5443' }, { External: 'https://e:5443' }]), expected);
  assert.deepEqual(
    endpointsOf([
      { type: 'Internal', url: 'https://i:5443' },
      { type: 'External', url: 'https://e:5443' },
    ]),
    expected,
  );
  assert.deepEqual(endpointsOf({ internal: 'https://i:5443', external: '' }), { internal: 'https://i:5443', external: undefined });
  assert.deepEqual(endpointsOf(undefined), { internal: undefined, external: undefined });
});

test('the address goes into the creation as text, three masters are spread', () => {
  assert.deepEqual(newCluster(clusterSpec, 'd')['extendParam'], { clusterAZ: 'multi_az', clusterExternalIP: '80.158.0.9' });
  assert.deepEqual(newCluster({ ...clusterSpec, flavor: 'cce.s1.small', address: undefined }, 'd')['extendParam'], {});
});

test('nodes are spread evenly over the zones', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 3 }), (count, zones) => {
      const counts = [...countsByZone(count, ['a', 'b', 'c'].slice(0, zones)).values()];
      assert.equal(
        counts.reduce((sum, one) => sum + one, 0),
        count,
      );
      assert.ok(Math.max(...counts) - Math.min(...counts) <= 1);
    }),
  );
});

test('node pools: the count changes in place, the rest does not; a sold out flavor is named', () => {
  const volume = { type: 'SSD', size: 50 } as const;
  const spec = {
    name: 'p',
    clusterId: 'c',
    count: 2,
    flavor: 'f',
    zone: 'z',
    os: 'o',
    rootVolume: volume,
    dataVolume: { ...volume, size: 100 },
    subnetId: 's',
    securityGroups: ['n', 'r'],
  };
  const nodeTemplate = {
    flavor: 'f',
    az: 'z',
    os: 'o',
    rootVolume: { volumetype: 'SSD', size: 50 },
    dataVolumes: [{ volumetype: 'SSD', size: 100 }],
  };
  const seen = {
    clusterId: 'c',
    metadata: { name: 'p', uid: 'u' },
    spec: { initialNodeCount: 2, customSecurityGroups: ['r', 'n'], nodeTemplate },
    status: { phase: '', currentNode: 2 },
  };
  assert.deepEqual(nodePoolChanges(spec, seen), []);
  assert.deepEqual(nodePoolChanges({ ...spec, securityGroups: ['n'] }, seen), [], 'a group of a former choice');
  assert.deepEqual(fields(nodePoolChanges({ ...spec, count: 3, flavor: 'g', securityGroups: ['n', 'r', 'x'] }, seen)), [
    'nodeTemplate.flavor !',
    'customSecurityGroups !',
    'initialNodeCount',
  ]);
  const growing = nodePoolChanges({ ...spec, count: 3 }, { ...seen, spec: { ...seen.spec, autoscaling: { enable: true, maxNodeCount: 9 } } });
  assert.deepEqual(fields(growing), ['autoscaling.enable', 'initialNodeCount']);
  assert.match(growing[0]?.why ?? '', /to up to 9 nodes, which cost money/);
  assert.throws(() => nodePoolChanges(spec, { ...seen, status: { phase: 'SoldOut' } }), /flavor f is sold out in z/);
});

const spellings: [string, Record<string, unknown>, string[]][] = [
  ['the vendor in the name of the system', { os: 'Huawei Cloud EulerOS 2.0' }, []],
  ['the architecture behind it', { os: 'HCE OS 2.0 64bit' }, []],
  ['a name that nobody knows', { os: 'Public image' }, []],
  ['another system', { os: 'EulerOS 2.9' }, ['nodeTemplate.os !']],
  ['another release', { os: 'Huawei Cloud EulerOS 1.1' }, ['nodeTemplate.os !']],
  ['volumes in small letters', { rootVolume: { volumetype: 'ssd', size: 50 } }, []],
  ['another volume', { rootVolume: { volumetype: 'SAS', size: 50 } }, ['nodeTemplate.rootVolume !']],
  ['one volume more', { dataVolumes: [100, 200].map((size) => ({ volumetype: 'SSD', size })) }, []],
  ['no list of data volumes', { dataVolumes: null }, []],
  ['a flavor in capitals', { flavor: 'F' }, []],
];
for (const [name, template, expected] of spellings) {
  test(`node pools: ${name}`, () => {
    const volume = { type: 'SSD', size: 50 } as const;
    const rest = { subnetId: 's', securityGroups: ['n'], rootVolume: volume, dataVolume: { ...volume, size: 100 } };
    const nodeTemplate = {
      ...{ flavor: 'f', az: 'z', os: 'HCE OS 2.0', rootVolume: { volumetype: 'SSD', size: 50 }, dataVolumes: [{ volumetype: 'SSD', size: 100 }] },
      ...template,
    };
    const seen = {
      ...{ clusterId: 'c', metadata: { name: 'p', uid: 'u' }, status: { phase: '', currentNode: 1 } },
      spec: { initialNodeCount: 1, customSecurityGroups: ['n'], nodeTemplate },
    };
    const spec = { ...rest, name: 'p', clusterId: 'c', count: 1, flavor: 'f', zone: 'z', os: 'HCE OS 2.0' };
    assert.deepEqual(fields(nodePoolChanges(spec, seen)), expected);
  });
}

test('subnets: name servers change in place, the range does not; the gateway is the first host', () => {
  const seen = {
    id: 'n',
    name: 's',
    cidr: '10.0.0.0/24',
    gateway_ip: '10.0.0.1',
    vpc_id: 'v',
    status: 'ACTIVE',
    dnsList: ['1.1.1.1'],
    neutron_subnet_id: 'x',
  };
  const spec = { name: 's', vpcId: 'v', cidr: '10.0.0.0/24', dns: ['1.1.1.1'] };
  assert.deepEqual(subnetChanges(spec, seen), []);
  assert.deepEqual(fields(subnetChanges({ ...spec, dns: ['9.9.9.9'], cidr: '10.0.1.0/24' }, seen)), ['cidr !', 'dnsList']);
  assert.equal(firstHost('10.20.16.0/24'), '10.20.16.1');
});

test('load balancers: address and flavors change in place, network and class do not', () => {
  const spec = {
    name: 'l',
    vpcId: 'v',
    frontSubnetId: 'S',
    backSubnetId: 'N',
    zones: ['a', 'b'],
    l4Flavor: 'L4.s',
    l7Flavor: 'L7.s',
    eip: { id: 'e', address: '80.158.0.2' },
  };
  const seen = {
    id: 'i',
    name: 'l',
    vpc_id: 'v',
    vip_address: '10.0.0.9',
    vip_port_id: 'p',
    vip_subnet_cidr_id: 'S',
    elb_virsubnet_ids: ['N'],
    provisioning_status: 'ACTIVE',
    operating_status: 'ONLINE',
    guaranteed: true,
    availability_zone_list: ['b', 'a'],
    publicips: [{ publicip_id: 'e', publicip_address: '80.158.0.2' }],
    eipAddress: '80.158.0.2',
    l4_flavor_id: 'four',
    l7_flavor_id: 'seven',
    l4Flavor: 'L4.s',
    l7Flavor: 'L7.s',
  };
  assert.deepEqual(loadBalancerChanges(spec, seen), []);
  assert.deepEqual(fields(loadBalancerChanges(spec, { ...seen, publicips: [], l4Flavor: 'L4.m' })), ['l4_flavor_id', 'publicips']);
  const another = { publicip_id: 'x', publicip_address: '80.158.0.9' };
  assert.deepEqual(loadBalancerChanges(spec, { ...seen, publicips: [another] }).at(-1), {
    field: 'publicips',
    before: '80.158.0.9',
    after: '80.158.0.2',
  });
  assert.deepEqual(loadBalancerChanges({ ...spec, l4Flavor: 'four' }, seen), [], 'a flavor by its id');
  assert.deepEqual(loadBalancerChanges(spec, { ...seen, l4Flavor: undefined }), [], 'a flavor that is not listed any more');
  assert.deepEqual(fields(loadBalancerChanges(spec, { ...seen, l7_flavor_id: null, l7Flavor: undefined })), ['l7_flavor_id !']);
  assert.deepEqual(fields(loadBalancerChanges(spec, { ...seen, vpc_id: 'x', guaranteed: false })), ['vpc_id !', 'guaranteed !']);
  assert.throws(() => loadBalancerChanges(spec, { ...seen, operating_status: 'FROZEN' }), /FROZEN/);
  assert.equal(switchedOff(spec, { ...seen, admin_state_up: true }), undefined);
  const off = switchedOff(spec, { ...seen, admin_state_up: false });
  assert.deepEqual([off?.finding, off?.resource], ['admin_state_up', 'i']);
});

test('records: a foreign one is never overwritten', () => {
  const spec = { name: 'login.example.com.', zoneId: 'z', address: '80.158.0.2', ttl: 300, owner: 'shop-dns-1a2b3c', mark: 'this stack' };
  const ours = {
    id: 'r',
    name: spec.name,
    type: 'A',
    ttl: 300,
    records: ['80.158.0.2'],
    status: 'ACTIVE',
    description: spec.mark,
  };
  assert.deepEqual(recordChanges(spec, ours), []);
  assert.deepEqual(fields(recordChanges(spec, { ...ours, records: ['1.2.3.4'], ttl: 60 })), ['records', 'ttl']);
  assert.deepEqual(recordChanges(spec, { ...ours, ttl: 60, description: null }), []);
  assert.throws(
    () => recordChanges(spec, { ...ours, records: ['1.2.3.4'], description: 'mail' }),
    /already leads to 1\.2\.3\.4, by a record \(r\) that was not made by this action/,
  );
  const twin = { ...ours, records: ['1.2.3.4'], description: 'Managed by zitadel-on-otc, stack twin in eu-de, project p' };
  assert.throws(
    () => recordChanges(spec, twin),
    /\(r\) that was made by another stack \("Managed by zitadel-on-otc, stack twin in eu-de, project p"\)/,
  );
  const kept = { id: 't', by: spec.owner, status: 'ACTIVE' };
  assert.deepEqual(fields(recordChanges(spec, { ...ours, description: '', owner: kept })), ['owner'], 'taken back from our external-dns');
  const other = { ...ours, records: ['1.2.3.4'], description: '', owner: { ...kept, by: 'theirs' } };
  assert.throws(() => recordChanges(spec, other), /external-dns with the owner id theirs/);
});

test('ownership: a record of ours is handed over, one that external-dns keeps is its own to correct', () => {
  const spec = { name: 'login.example.com.', address: '80.158.0.2', owner: 'shop-dns-1a2b3c', mark: 'this stack' };
  const made = { id: 'r', zoneId: 'z', name: spec.name, type: 'A', ttl: 300, records: ['80.158.0.2'], status: 'ACTIVE', description: null };
  const owner = { id: 't', by: spec.owner, status: 'ACTIVE' };
  assert.deepEqual(fields(ownershipChanges(spec, { ...made, description: spec.mark })), ['owner']);
  assert.deepEqual(ownershipChanges(spec, { ...made, owner }), []);
  assert.deepEqual(fields(ownershipChanges(spec, { ...made, records: ['1.2.3.4'], owner })), ['records']);
  assert.deepEqual(ownershipChanges(spec, made), [], 'somebody else’s that leads to us is fine');
  assert.throws(() => ownershipChanges(spec, { ...made, records: ['1.2.3.4'] }), /already leads to 1\.2\.3\.4/);
  assert.throws(() => ownershipChanges(spec, { ...made, records: ['1.2.3.4'], owner: { ...owner, by: 'theirs' } }), /owner id theirs/);
});

test('addresses: a frozen one is explained, a pending one waited for', () => {
  const seen = { id: 'e', status: 'ELB', public_ip_address: '80.158.0.2', bandwidth_size: 100 };
  assert.deepEqual(eipChanges({ alias: 'a', bandwidth: 100 }, seen), []);
  assert.deepEqual(fields(eipChanges({ alias: 'a', bandwidth: 50 }, seen)), ['bandwidth.size']);
  assert.deepEqual(fields(eipChanges({ alias: 'a', bandwidth: 100 }, { ...seen, status: 'PENDING_CREATE', bandwidth_size: 0 })), ['status']);
  assert.throws(() => eipChanges({ alias: 'a', bandwidth: 100 }, { ...seen, status: 'FREEZED' }), /FREEZED/);
});
