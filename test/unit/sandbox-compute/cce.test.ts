/** CCE as the official Terraform provider and our own client meet it: call sequences, strict types, refusals, groups. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { iamTables } from '../../../sandbox/otc/tables/iam.ts';
import { networkTables } from '../../../sandbox/otc/tables/network.ts';
import { closeClean, eventually, iamHost } from '../sandbox-otc/cloud.ts';
import { type ComputeCloud, type Place, startClusterCloud } from './backends.ts';
import { clusterClient, type Patch } from './clusters.ts';

let cloud: ComputeCloud;
let place: Place;
beforeEach(async () => {
  ({ cloud, place } = await startClusterCloud());
});
afterEach(() => closeClean(cloud, 'strange requests'));

const { create, show, available, groupWith, turbo } = clusterClient(() => ({ cloud, place }));

test('a cluster from order to deletion, as the provider walks it', async () => {
  const made = await create();
  assert.equal(made.status, 201);
  assert.equal(made.body.status.phase, 'Creating');
  assert.equal(typeof made.body.status.jobID, 'string');
  const id = made.body.metadata.uid;
  const seen = await eventually(
    () => show(id),
    (row) => row.status.phase === 'Available',
    'cluster is Available',
  );
  assert.deepEqual(seen.spec.eniNetwork, {});
  assert.deepEqual(seen.spec.authentication, { mode: 'rbac', authenticatingProxy: {} });
  assert.ok(Object.values(seen.spec.extendParam).every((value) => typeof value === 'string'));
  assert.match(seen.metadata.creationTimestamp, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} \+0000 UTC$/);
  assert.match(seen.status.endpoints.internal, /^https:\/\/10\.20\.0\.\d+:5443$/);
  assert.equal(seen.status.endpoints.external, '');
  assert.equal(seen.status.endpoints.external_otc, `https://${id}.cce.eu-de.otc.t-systems.com`);
  const spec = cloud.notes.clusters.get(id);
  assert.deepEqual([spec?.mode, spec?.serviceCidr, spec?.containerCidr, spec?.version], ['vpc-router', '10.247.0.0/16', '172.20.0.0/16', 'v1.33']);
  const addons = (await cloud.get(`https://${id}.cce.eu-de.otc.t-systems.com/api/v3/addons?cluster_id=${id}`)).body.items;
  assert.deepEqual(
    addons.map((one: { metadata: { name: string } }) => one.metadata.name),
    ['coredns', 'everest'],
  );
  const control = groupWith('master port');
  const node = groupWith('for the node');
  assert.match(control.name, /^zitadel-cce-control-\w{5}$/);
  assert.match(node.name, /^zitadel-cce-node-\w{5}$/);
  assert.ok(control.description.includes(id) && node.description.includes(id));
  assert.equal(seen.spec.hostNetwork.SecurityGroup, node.id);
  const open = networkTables(cloud.store).rules.where((rule) => rule.security_group_id === control.id && rule.port_range_min === 5443);
  assert.deepEqual(
    open.map((rule) => rule.remote_ip_prefix),
    ['0.0.0.0/0'],
  );
  const gone = await cloud.send('DELETE', `${cloud.cce}/clusters/${id}`);
  assert.deepEqual([gone.status, gone.body.status.phase], [200, 'Deleting']);
  await eventually(
    async () => (await cloud.get(`${cloud.cce}/clusters/${id}`)).status,
    (status) => status === 404,
    'cluster is gone',
  );
  assert.equal(networkTables(cloud.store).ports.where((port) => port.device_id === id).length, 0);
  assert.deepEqual(
    networkTables(cloud.store).groups.where((row) => row.description.includes(id)),
    [],
  );
  assert.equal((await cloud.get(`${cloud.cce}/jobs/${gone.body.status.jobID}`)).body.status.phase, 'Success');
});

test('without the agency the tenant is told to authorize CCE, in `message` too', async () => {
  // First without its role, then without itself.
  const { agencies, assignments } = iamTables(cloud.store);
  const [agency] = agencies.all();
  for (const take of [() => assignments.find(({ to }) => to === agency?.id), () => agency]) {
    const row = take();
    assert.ok(row !== undefined);
    for (const table of [assignments, agencies]) table.remove(row.id);
    const answer = await create();
    assert.equal(answer.status, 400);
    assert.match(answer.body.message, /.+\sauthorize\sCCE.+/);
    assert.equal(answer.body.errorMessage, answer.body.message);
  }
});

test('whoever takes the given agency over finds CCE authorised before its roles are given again', async () => {
  const token = await cloud.token('admin', { domain: { id: cloud.tenant.domainId } });
  const agency = { name: 'cce_admin_trust', domain_id: cloud.tenant.domainId, trust_domain_name: 'op_svc_cce', duration: 'FOREVER' };
  const taken = await cloud.ask(`${iamHost}/v3.0/OS-AGENCY/agencies`, { method: 'POST', body: { agency }, headers: { 'x-auth-token': token } });
  assert.equal(taken.status, 201);
  const { assignments } = iamTables(cloud.store);
  assert.equal(
    assignments.find(({ to }) => to === taken.body.agency.id),
    undefined,
    'as the order says',
  );
  assert.equal((await create()).status, 201);
});

test('an order against each rule is refused with its code', async () => {
  const refusals: [Patch, number, string][] = [
    [{ name: 'Zitadel' }, 400, 'CCE.01400001'],
    [{ name: 'abc' }, 400, 'CCE.01400001'],
    [{ spec: { flavor: 'cce.s9.small' } }, 400, 'CCE.01400001'],
    [{ spec: { version: 'v1.27' } }, 400, 'CCE.01400015'],
    [{ spec: { hostNetwork: { vpc: place.vpc, subnet: place.subnet } } }, 400, 'CCE.01400002'],
    [{ spec: { hostNetwork: { vpc: 'none', subnet: place.network } } }, 400, 'CCE.01400001'],
    [{ spec: { hostNetwork: { vpc: place.vpc, subnet: place.network, SecurityGroup: 'none' } } }, 400, 'CCE.01400001'],
    [turbo({}, { category: 'CCE' }), 400, 'CCE.01400001'],
    [{ spec: { category: 'Turbo' } }, 400, 'CCE.01400001'],
    [turbo({ eniSubnetId: place.network }), 400, 'CCE.01400002'],
    [turbo({ eniSubnetCIDR: '10.20.1.0/24' }), 400, 'CCE.01400001'],
    [{ spec: { containerNetwork: { mode: 'vpc-router', cidrs: [{ cidr: '10.20.0.0/16' }] } } }, 400, 'CCE.01400005'],
    [{ spec: { containerNetwork: { mode: 'vpc-router', cidrs: [{ cidr: '172.20.0.0/24' }] } } }, 400, 'CCE.01400005'],
    [{ spec: { containerNetwork: { mode: 'vpc-router', cidrs: [{ cidr: '8.8.0.0/16' }] } } }, 400, 'CCE.01400005'],
    [{ spec: { kubernetesSvcIpRange: '10.20.0.0/16' } }, 400, 'CCE.01400005'],
    [{ spec: { kubernetesSvcIpRange: '172.20.0.0/16' } }, 400, 'CCE.01400005'],
    [{ spec: { masters: [{ availabilityZone: 'eu-de-01' }] } }, 400, 'CCE.01400001'],
    [{ spec: { extendParam: { clusterExternalIP: '203.0.113.77' } } }, 400, 'CCE.01400001'],
    [{ spec: { extendParam: { enterpriseProjectId: 0 } } }, 400, 'CCE.01400001'],
    [{ spec: { extendParam: { 'alpha.cce/fixPoolMask': '29' } } }, 400, 'CCE.01400001'],
  ];
  for (const [patch, status, code] of refusals) {
    const answer = await create(patch);
    assert.deepEqual([answer.status, answer.body.errorCode], [status, code], `${JSON.stringify(patch)} → ${JSON.stringify(answer.body)}`);
  }
  assert.deepEqual((await cloud.get(`${cloud.cce}/clusters`)).body, { kind: 'Cluster', apiVersion: 'v3', items: [] });
  assert.equal((await create()).status, 201);
  const twice = await create();
  assert.deepEqual([twice.status, twice.body.errorCode], [409, 'CCE.01409001']);
  networkTables(cloud.store).switches.insert({ id: 'quota:cce.cluster', value: 1 });
  assert.equal((await create({ name: 'second' })).body.errorCode, 'CCE.01400007');
});

test('a container range that another cluster of the VPC uses is replaced without a word', async () => {
  await available();
  const id = await available({ name: 'second' });
  assert.notEqual((await show(id)).spec.containerNetwork.cidr, '172.20.0.0/16');
});

test('kubeconfig: one context without EIP, three with one; verification only in the third', async () => {
  const eip = (
    await cloud.send('POST', `https://vpc.eu-de.otc.t-systems.com/v1/${cloud.project}/publicips`, {
      publicip: { type: '5_bgp', alias: 'api' },
      bandwidth: { name: 'api', size: 5, share_type: 'PER', charge_mode: 'traffic' },
    })
  ).body.publicip;
  const row = () => networkTables(cloud.store).publicIps.get(eip.id);
  await eventually(row, (seen) => seen?.status === 'DOWN', 'EIP is free');
  const id = await available({ spec: { extendParam: { clusterExternalIP: eip.public_ip_address } } });
  assert.deepEqual(row()?.bound_to, { kind: 'CCE', id });
  assert.equal(cloud.notes.clusters.get(id)?.externalAddress, eip.public_ip_address);
  const at = `${cloud.cce}/clusters/${id}`;
  const config = (await cloud.send('POST', `${at}/clustercert`, { duration: 1 })).body;
  assert.deepEqual(
    config.contexts.map((one: { name: string }) => one.name),
    ['internal', 'external', 'externalTLSVerify'],
  );
  assert.equal(config['current-context'], 'external');
  assert.equal(config.clusters[1].cluster['insecure-skip-tls-verify'], true);
  assert.equal(config.clusters[2].cluster['certificate-authority-data'], Buffer.from('CA').toString('base64'));
  assert.equal(config.users[0].user['client-certificate-data'], Buffer.from('CERT 1').toString('base64'));
  for (const duration of [0, 1826, -2]) assert.equal((await cloud.send('POST', `${at}/clustercert`, { duration })).status, 400);
  assert.equal((await cloud.get(`${at}/clustercert`)).status, 200);
  const bindTwice = await cloud.send('PUT', `${at}/mastereip`, { spec: { action: 'bind', spec: { id: eip.id } } });
  assert.equal(bindTwice.status, 400);
  const unbound = await cloud.send('PUT', `${at}/mastereip`, { spec: { action: 'unbind', spec: {}, elasticIp: '' } });
  assert.equal(unbound.status, 200);
  assert.equal(row()?.bound_to, null);
  await eventually(
    () => cloud.notes.asked,
    (asked) => asked.includes(`cluster external ${id} none`),
    'the server hears of it',
  );
  const inner = (await cloud.get(`${at}/clustercert`)).body;
  assert.deepEqual([inner['current-context'], inner.contexts.length], ['internal', 1]);
  const bound = (await cloud.send('PUT', `${at}/mastereip`, { spec: { action: 'bind', spec: { id: eip.id } } })).body;
  assert.equal(bound.status.publicEndpoint, `https://${eip.public_ip_address}:5443`);
  assert.equal(bound.spec.spec.eip.bandwidth.sharetype, 'PER');
});

test('deletion protection, leftovers, and what keeps a group alive', async () => {
  const id = await available({ spec: { deletionProtection: true } });
  const at = `${cloud.cce}/clusters/${id}`;
  assert.equal((await cloud.send('DELETE', at)).status, 403);
  assert.equal((await cloud.send('PUT', at, { spec: { deletionProtection: false, description: 'x' } })).body.spec.description, 'x');
  const control = groupWith('master port');
  const rule = { security_group_id: place.group, direction: 'ingress', remote_group_id: control.id };
  assert.equal(
    (await cloud.send('POST', 'https://vpc.eu-de.otc.t-systems.com/v2.0/security-group-rules', { security_group_rule: rule })).status,
    201,
  );
  const owner = { cluster_id: id, namespace: 'ingress', name: 'envoy' };
  cloud.store.table<{ id: string; owner: unknown }>('elb.listeners').insert({ id: 'listener', owner });
  await cloud.send('DELETE', `${at}?delete_net=false`);
  await eventually(
    async () => (await cloud.get(at)).status,
    (status) => status === 404,
    'cluster is gone',
  );
  assert.ok(cloud.store.table('elb.listeners').get('listener') !== undefined, 'left, as ordered');
  assert.ok(networkTables(cloud.store).groups.get(control.id) !== undefined, 'another group still names it');
});

test('add-ons: templates, install, twice, upgrade, and a deletion that answers bare text', async () => {
  const id = await available();
  const at = `https://${id}.cce.eu-de.otc.t-systems.com/api/v3`;
  const template = (await cloud.get(`${at}/addontemplates?addon_template_name=autoscaler`)).body.items[0];
  assert.equal(template.spec.versions[0].supportVersions[0].clusterVersion[0], 'v1.33.*');
  const body = (version: string) => ({
    kind: 'Addon',
    apiVersion: 'v3',
    metadata: { annotations: { 'addon.install/type': 'install' } },
    spec: { clusterID: id, version, addonTemplateName: 'autoscaler', values: { basic: {}, custom: {} } },
  });
  assert.equal((await cloud.send('POST', `${at}/addons`, body('1.32.3'))).status, 400, 'of another cluster version');
  const made = await cloud.send('POST', `${at}/addons`, body('1.33.8'));
  assert.deepEqual([made.status, made.body.status.status], [201, 'installing']);
  assert.equal((await cloud.send('POST', `${at}/addons`, body('1.33.8'))).body.errorCode, 'CCE.03409001');
  const addonAt = `${at}/addons/${made.body.metadata.uid}?cluster_id=${id}`;
  await eventually(
    async () => (await cloud.get(addonAt)).body.status.status,
    (status) => status === 'running',
    'add-on runs',
  );
  const gone = await cloud.send('DELETE', addonAt);
  assert.deepEqual([gone.status, gone.body], [200, 'success']);
  await eventually(
    async () => (await cloud.get(addonAt)).status,
    (status) => status === 404,
    'add-on is gone',
  );
});

test('resize, hibernation and tags', async () => {
  const id = await available();
  const at = `${cloud.cce}/clusters/${id}`;
  const phase = (wanted: string) =>
    eventually(
      async () => (await show(id)).status.phase,
      (seen) => seen === wanted,
      wanted,
    );
  assert.equal((await cloud.send('POST', `${at}/operation/resize`, { flavorResize: 'cce.s1.medium' })).status, 400);
  assert.equal((await cloud.send('POST', `${at}/operation/resize`, { flavorResize: 'cce.s2.medium' })).status, 201);
  await eventually(
    () => show(id),
    (row) => row.spec.flavor === 'cce.s2.medium' && row.status.phase === 'Available',
    'resized',
  );
  assert.equal((await cloud.send('POST', `${at}/operation/hibernate`)).status, 200);
  await phase('Hibernation');
  assert.equal((await cloud.send('POST', `${at}/clustercert`, { duration: 1 })).status, 400);
  assert.equal((await cloud.send('POST', `${at}/operation/awake`)).status, 200);
  await phase('Available');
  assert.equal((await cloud.send('POST', `${at}/tags/create`, { tags: [{ key: 'app', value: 'zitadel' }] })).status, 204);
  const tagsAt = `https://cce.eu-de.otc.t-systems.com/cce/v1/${cloud.project}/cce-cluster/${id}/tags`;
  assert.deepEqual((await cloud.get(tagsAt)).body, { tags: [{ key: 'app', value: 'zitadel' }], sys_tags: [] });
});

test('a control plane that does not start leaves the cluster in Error, with the reason', async () => {
  cloud.notes.failure = 'etcd broken';
  const id = String((await create()).body.metadata.uid);
  const row = await eventually(
    () => show(id),
    (seen) => seen.status.phase === 'Error',
    'creation fails',
  );
  assert.equal(row.status.message, 'etcd broken');
  cloud.log.length = 0;
});
