/** CCE's node pools and nodes: who may join, what replaces which group, how they reach the internet. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { cceTables } from '../../../sandbox/otc/cce-tables.ts';
import { hasEgress } from '../../../sandbox/otc/egress.ts';
import { networkTables } from '../../../sandbox/otc/tables/network.ts';
import { closeClean, eventually } from '../sandbox-otc/cloud.ts';
import { type ComputeCloud, type Place, startClusterCloud } from './backends.ts';
import { clusterClient } from './clusters.ts';

let cloud: ComputeCloud;
let place: Place;
beforeEach(async () => {
  ({ cloud, place } = await startClusterCloud());
});
afterEach(() => closeClean(cloud, 'strange requests'));

const { create, available, groupWith } = clusterClient(() => ({ cloud, place }));
const pool = (patch: Record<string, unknown> = {}, template: Record<string, unknown> = {}) => ({
  kind: 'NodePool',
  apiVersion: 'v3',
  metadata: { name: 'zitadel-pool' },
  spec: {
    type: 'vm',
    initialNodeCount: 2,
    nodeTemplate: {
      flavor: 's3.large.4',
      az: 'eu-de-01',
      os: 'HCE OS 2.0',
      login: { sshKey: 'zitadel-nodes' },
      rootVolume: { volumetype: 'SSD', size: 50 },
      dataVolumes: [{ volumetype: 'SSD', size: 100 }],
      nodeNicSpec: { primaryNic: { subnetId: place.network } },
      runtime: { name: 'containerd' },
      userTags: [{ key: 'app', value: 'zitadel' }],
      extendParam: { maxPods: 110 },
      ...template,
    },
    ...patch,
  },
});
const nodes = (id: string) => cceTables(cloud.store).nodes.where((node) => node.cluster_id === id);

test('a pool waits for an idle cluster and a key pair that the caller sees', async () => {
  cloud.store.pace = 'real';
  const made = await create();
  const at = `${cloud.cce}/clusters/${made.body.metadata.uid}`;
  const busy = await cloud.send('POST', `${at}/nodepools`, pool());
  assert.equal(busy.status, 403);
  cceTables(cloud.store).clusters.update(made.body.metadata.uid, { phase: 'Available' });
  const blind = await cloud.send('POST', `${at}/nodepools`, pool());
  assert.deepEqual([blind.status, blind.body.errorCode], [400, 'CCE.01400001']);
  assert.match(blind.body.errorMessage, /zitadel-nodes/);
  await cloud.keyPair('zitadel-nodes');
  const { switches } = networkTables(cloud.store);
  switches.insert({ id: 'quota:evs.gigabytes', value: 299 });
  assert.equal((await cloud.send('POST', `${at}/nodepools`, pool())).body.errorCode, 'CCE.01400013');
  switches.update('quota:evs.gigabytes', { value: 300 });
  assert.equal((await cloud.send('POST', `${at}/nodepools`, pool())).status, 201);
  switches.remove('quota:evs.gigabytes');
  assert.equal((await cloud.send('POST', `${at}/nodepools`, pool())).body.errorCode, 'CCE.01409001');
});

test('nodes are servers that join, scale up and down, and go with the pool', async () => {
  const id = await available();
  await cloud.keyPair('zitadel-nodes');
  const at = `${cloud.cce}/clusters/${id}`;
  const made = await cloud.send('POST', `${at}/nodepools`, pool());
  assert.deepEqual([made.status, made.body.status.phase], [201, 'Synchronizing']);
  const poolAt = `${at}/nodepools/${made.body.metadata.uid}`;
  const settled = () =>
    eventually(
      async () => (await cloud.get(poolAt)).body,
      (row) => row.status.phase === '',
      'pool is normal',
    );
  const seen = await settled();
  assert.equal(seen.status.currentNode, 2);
  assert.deepEqual(seen.spec.nodeTemplate.extendParam, { maxPods: 110 });
  assert.deepEqual(seen.spec.nodeTemplate.userTags, [{ key: 'app', value: 'zitadel' }]);
  assert.deepEqual(seen.spec.nodeTemplate.login, { sshKey: 'zitadel-nodes' });
  const names = async (query: string) =>
    (await cloud.get(`${at}/nodepools${query}`)).body.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name);
  assert.deepEqual([await names(''), await names('?showDefaultNodePool=true')], [['zitadel-pool'], ['zitadel-pool', 'DefaultPool']]);
  const [first] = (await cloud.get(`${at}/nodes`)).body.items;
  assert.equal(first.status.phase, 'Active');
  const server = (await cloud.get(`${cloud.ecs}/cloudservers/${first.status.serverId}`)).body.server;
  assert.equal(server.status, 'ACTIVE');
  assert.deepEqual(
    server.security_groups.map((one: { id: string }) => one.id),
    [groupWith('for the node').id],
  );
  assert.ok(cloud.notes.nodes.has(first.status.privateIP));
  await cloud.send('PUT', poolAt, { metadata: { name: 'zitadel-pool' }, spec: { initialNodeCount: 3 } });
  await settled();
  assert.equal(cloud.notes.nodes.size, 3);
  await cloud.send('PUT', poolAt, { spec: { initialNodeCount: 1 } });
  await eventually(
    () => cloud.notes.nodes.size,
    (size) => size === 1,
    'nodes leave',
  );
  await settled();
  assert.equal((await cloud.send('PUT', poolAt, { spec: {} })).status, 400, 'initialNodeCount is mandatory');
  assert.equal((await cloud.send('DELETE', poolAt)).status, 200);
  await eventually(
    async () => (await cloud.get(poolAt)).status,
    (status) => status === 404,
    'pool is gone',
  );
  assert.equal(cloud.notes.nodes.size, 0);
  assert.equal((await cloud.get(`${cloud.ecs}/cloudservers/detail`)).body.count, 0);
});

test('own groups replace the node group: without it nodes never join, and say why, until a rule lets them', async () => {
  const id = await available();
  await cloud.keyPair('zitadel-nodes');
  const made = await cloud.send('POST', `${cloud.cce}/clusters/${id}/nodepools`, pool({ customSecurityGroups: [place.group], initialNodeCount: 1 }));
  const poolAt = `${cloud.cce}/clusters/${id}/nodepools/${made.body.metadata.uid}`;
  await eventually(
    async () => (await cloud.get(poolAt)).body.status.phase,
    (phase) => phase === 'Error',
    'the pool says so',
  );
  const [ill] = (await cloud.get(`${cloud.cce}/clusters/${id}/nodes`)).body.items;
  assert.equal(ill.status.phase, 'Abnormal');
  assert.match(ill.status.message, /10250/);
  assert.equal(cloud.notes.nodes.size, 0);
  const rule = {
    security_group_id: place.group,
    direction: 'ingress',
    protocol: 'tcp',
    port_range_min: 10250,
    port_range_max: 10250,
    remote_ip_prefix: '10.20.0.0/16',
  };
  assert.equal(
    (await cloud.send('POST', 'https://vpc.eu-de.otc.t-systems.com/v2.0/security-group-rules', { security_group_rule: rule })).status,
    201,
  );
  await eventually(
    () => nodes(id)[0]?.phase,
    (phase) => phase === 'Active',
    'the node joins now',
  );
  assert.equal((await cloud.get(poolAt)).body.status.phase, '');
});

test('sold out, and bad templates', async () => {
  const id = await available();
  await cloud.keyPair('zitadel-nodes');
  const at = `${cloud.cce}/clusters/${id}/nodepools`;
  const refusals: [Record<string, unknown>, Record<string, unknown>, string][] = [
    [{}, { flavor: 's3.medium.1' }, 'CCE.01400022'],
    [{}, { os: 'Windows' }, 'CCE.01400018'],
    [{}, { az: 'eu-de-07' }, 'CCE.01400001'],
    [{}, { rootVolume: { volumetype: 'SSD', size: 10 } }, 'CCE.01400001'],
    [{}, { rootVolume: { volumetype: 'SATA', size: 50 } }, 'CCE.01400016'],
    [{}, { nodeNicSpec: { primaryNic: { subnetId: place.subnet } } }, 'CCE.01400002'],
    [{ customSecurityGroups: ['nobody'] }, {}, 'CCE.01400001'],
    [{ initialNodeCount: 51 }, {}, 'CCE.01400001'],
  ];
  for (const [patch, template, code] of refusals) {
    const answer = await cloud.send('POST', at, pool(patch, template));
    assert.deepEqual([answer.status, answer.body.errorCode], [400, code], JSON.stringify([patch, template, answer.body]));
  }
  networkTables(cloud.store).switches.insert({ id: 'sold-out:s3.large.4:eu-de-01', value: true });
  const made = await cloud.send('POST', at, pool());
  await eventually(
    async () => (await cloud.get(`${at}/${made.body.metadata.uid}`)).body.status.phase,
    (phase) => phase === 'SoldOut',
    'sold out',
  );
});

test('nodes reach the internet by SNAT, EIP or not at all', async () => {
  const id = await available();
  await cloud.keyPair('zitadel-nodes');
  await cloud.send('POST', `${cloud.cce}/clusters/${id}/nodepools`, pool({ initialNodeCount: 1 }));
  const node = await eventually(
    () => nodes(id)[0],
    (seen) => seen?.phase === 'Active',
    'node is up',
  );
  const server = node?.server_id ?? '';
  assert.equal(hasEgress(cloud.store, server), false);
  assert.equal(cloud.notes.nodes.get(node?.private_ip ?? '')?.hasEgress(), false);
  const { natGateways, snatRules, subnets, rules } = networkTables(cloud.store);
  const common = { admin_state_up: true, tenant_id: cloud.project, created_at: '' } as const;
  natGateways.insert({
    ...common,
    id: 'nat',
    name: 'nat',
    description: '',
    spec: '1',
    router_id: place.vpc,
    internal_network_id: place.network,
    status: 'ACTIVE',
    tags: [],
  });
  snatRules.insert({
    ...common,
    id: 'snat',
    nat_gateway_id: 'nat',
    network_id: place.network,
    cidr: '',
    source_type: 0,
    floating_ip_id: '',
    description: '',
    floating_ip_address: '',
    status: 'ACTIVE',
  });
  assert.equal(hasEgress(cloud.store, server), true);
  subnets.update(place.network, { dnsList: [] });
  assert.equal(hasEgress(cloud.store, server), false, 'no name resolves');
  subnets.update(place.network, { dnsList: ['100.125.4.25'] });
  const group = groupWith('for the node').id;
  for (const rule of rules.where((one) => one.security_group_id === group && one.direction === 'egress')) rules.remove(rule.id);
  assert.equal(hasEgress(cloud.store, server), false, 'no rule lets it out');
});
