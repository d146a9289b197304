/** Single CCE nodes as the Terraform provider orders them: field names of any case, jobs below jobs, addresses, names; and jobs that end. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { cceTables } from '../../../sandbox/otc/cce-tables.ts';
import { networkTables } from '../../../sandbox/otc/tables/network.ts';
import { closeClean, eventually } from '../sandbox-otc/cloud.ts';
import { type ComputeCloud, type Place, startClusterCloud } from './backends.ts';

let cloud: ComputeCloud;
let place: Place;
let cluster: string;
before(async () => {
  ({ cloud, place } = await startClusterCloud());
  await cloud.keyPair('nodes');
  const made = await cloud.send('POST', `${cloud.cce}/clusters`, {
    kind: 'Cluster',
    // As the official SDK spells it.
    apiversion: 'v3',
    metadata: { name: 'jobs' },
    spec: {
      type: 'VirtualMachine',
      flavor: 'cce.s1.small',
      version: 'v1.33',
      hostNetwork: { vpc: place.vpc, subnet: place.network },
      containerNetwork: { mode: 'vpc-router', cidr: '172.20.0.0/16' },
    },
  });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  cluster = String(made.body.metadata.uid);
  await eventually(
    () => show(''),
    (row) => row.status.phase === 'Available',
    'cluster',
  );
});
after(() => closeClean(cloud));

const at = (rest: string): string => `${cloud.cce}/clusters/${cluster}${rest}`;
const show = async (rest: string) => (await cloud.get(at(rest))).body;
const job = async (id: string) => (await cloud.get(`${cloud.cce}/jobs/${id}`)).body;
const order = (spec: Record<string, unknown> = {}) => ({
  kind: 'Node',
  apiVersion: 'v3',
  metadata: { name: 'loose' },
  spec: {
    flavor: 's3.large.4',
    az: 'eu-de-02',
    os: 'HCE OS 2.0',
    login: { sshKey: 'nodes' },
    rootVolume: { volumetype: 'SSD', size: 50 },
    dataVolumes: [{ volumetype: 'SSD', size: 100 }],
    count: 1,
    ...spec,
  },
});
const active = (id: string) =>
  eventually(
    () => show(`/nodes/${id}`),
    (node) => node.status.phase === 'Active',
    'node',
  );

test('the job of a node has a job below it that runs long enough to be seen, and names the node', async () => {
  const made = await cloud.send('POST', at('/nodes'), order());
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const parent = await job(made.body.status.jobID);
  assert.equal(parent.spec.type, 'CreateNode');
  const below = await job(parent.spec.subJobs[0].metadata.uid);
  assert.equal(below.status.phase, 'Running');
  const vm = below.spec.subJobs.find((one: { spec: { type: string } }) => one.spec.type === 'CreateNodeVM');
  assert.equal(vm.spec.resourceID, made.body.metadata.uid);
  await active(made.body.metadata.uid);
  assert.equal((await job(below.metadata.uid)).status.phase, 'Running', 'it is still young');
  cceTables(cloud.store).jobs.update(made.body.status.jobID, { opened: Date.now() - 60_000 });
  assert.equal((await job(below.metadata.uid)).status.phase, 'Success');
  assert.equal((await job(parent.metadata.uid)).status.phase, 'Success');
});

test('a node gets the address and the EIP of its order, its name changes, and its own EIP goes with it', async () => {
  const eip = { iptype: '5_bgp', bandwidth: { size: 10, sharetype: 'PER', chargemode: 'traffic' } };
  const nic = { primaryNic: { subnetId: place.network, fixedIps: ['10.20.0.77'] } };
  const made = await cloud.send('POST', at('/nodes'), order({ publicIP: { count: 1, eip }, nodeNicSpec: nic }));
  const id = String(made.body.metadata.uid);
  const node = await active(id);
  assert.equal(node.status.privateIP, '10.20.0.77');
  const address = networkTables(cloud.store).publicIps.find((row) => row.public_ip_address === node.status.publicIP);
  assert.equal(address?.private_ip_address, '10.20.0.77');
  const renamed = await cloud.send('PUT', at(`/nodes/${id}`), { metadata: { name: 'other' } });
  assert.deepEqual([renamed.status, renamed.body.metadata.name], [200, 'other']);
  assert.equal((await cloud.get(`${cloud.ecs}/cloudservers/${node.status.serverId}`)).body.server.name, 'other');
  const gone = await cloud.send('DELETE', at(`/nodes/${id}`));
  await eventually(
    async () => (await job(gone.body.status.jobID)).status.phase,
    (phase) => phase === 'Success',
    'removal',
  );
  assert.equal(networkTables(cloud.store).publicIps.get(address?.id ?? ''), undefined);
});

test('jobs of node pools end with what became of the pool', async () => {
  const pool = { kind: 'NodePool', apiVersion: 'v3', metadata: { name: 'pool' }, spec: { initialNodeCount: 1, nodeTemplate: order().spec } };
  const made = await cloud.send('POST', at('/nodepools'), pool);
  assert.equal(made.status, 201, JSON.stringify(made.body));
  await eventually(
    async () => (await job(made.body.status.jobId)).status.phase,
    (phase) => phase === 'Success',
    'pool',
  );
  const gone = await cloud.send('DELETE', at(`/nodepools/${made.body.metadata.uid}`));
  await eventually(
    async () => (await job(gone.body.status.jobId)).status.phase,
    (phase) => phase === 'Success',
    'removal',
  );
});
