/** Servers by Nova beyond ordering and reading: microversions, disks, flavors, power, metadata, groups, as `compute_instance_v2` uses them. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { closeClean, eventually } from '../sandbox-otc/cloud.ts';
import { type ComputeCloud, startComputeCloud } from './backends.ts';

let cloud: ComputeCloud;
let server: string;
before(async () => {
  cloud = await startComputeCloud();
  const place = await cloud.network();
  const images = await cloud.get('https://ims.eu-de.otc.t-systems.com/v2/cloudimages?name=Standard_Debian_12_latest');
  const group = await cloud.send('POST', `${cloud.nova}/os-server-groups`, { server_group: { name: 'spread', policies: ['anti-affinity'] } });
  assert.equal(group.status, 200);
  const made = await cloud.send('POST', `${cloud.nova}/os-volumes_boot`, {
    server: {
      name: 'nova',
      flavorRef: 's3.medium.2',
      networks: [{ uuid: place.network }],
      availability_zone: 'eu-de-02',
      metadata: { this: 'that', gone: 'soon' },
      block_device_mapping_v2: [
        { boot_index: 0, uuid: images.body.images[0].id, source_type: 'image', destination_type: 'volume', volume_size: 20, volume_type: 'SSD' },
        { boot_index: -1, source_type: 'blank', destination_type: 'volume', volume_size: 30, volume_type: 'SAS' },
      ],
    },
    'os:scheduler_hints': { group: group.body.server_group.id },
  });
  assert.equal(made.status, 202, JSON.stringify(made.body));
  assert.match(made.body.server.adminPass, /^.{8,}$/);
  assert.deepEqual(
    made.body.server.links.map(({ rel }: { rel: string }) => rel),
    ['self', 'bookmark'],
  );
  server = String(made.body.server.id);
  await until('ACTIVE');
});
after(() => closeClean(cloud));

const shown = async (headers: Record<string, string> = {}) => (await cloud.as('admin', `${cloud.nova}/servers/${server}`, { headers })).body.server;
const until = (status: string) =>
  eventually(
    () => shown(),
    (seen) => seen.status === status,
    status,
  );
const act = (body: Record<string, unknown>) => cloud.send('POST', `${cloud.nova}/servers/${server}/action`, body);

test('from microversion 2.47 on the flavor is told in full, without an id', async () => {
  const { flavor: plain, links } = await shown();
  assert.deepEqual([plain.id, plain.links[0].href], ['s3.medium.2', `${cloud.nova}/flavors/s3.medium.2`]);
  assert.deepEqual(links[0], { rel: 'self', href: `${cloud.nova}/servers/${server}` });
  for (const headers of [{ 'x-openstack-nova-api-version': '2.55' }, { 'openstack-api-version': 'compute 2.55' }]) {
    const { flavor, tags, description } = await shown(headers);
    assert.deepEqual([flavor.original_name, flavor.vcpus, flavor.ram, flavor.id], ['s3.medium.2', 1, 2048, undefined]);
    assert.deepEqual([tags, description], [[], '']);
  }
  const specs = await cloud.get(`${cloud.nova}/flavors/s3.medium.2/os-extra_specs`);
  assert.equal(specs.body.extra_specs.resource_type, 'IOoptimizedS3');
});

test('answers name their microversion; newer ones than there are are refused', async () => {
  const of = (version: string) =>
    cloud.as('admin', `${cloud.nova}/servers/${server}`, { headers: { 'openstack-api-version': `compute ${version}` } });
  for (const [asked, said] of [
    ['2.55', '2.55'],
    ['latest', '2.60'],
    ['2.1', '2.1'],
  ] as const) {
    const { headers } = await of(asked);
    assert.deepEqual([headers['openstack-api-version'], headers['x-openstack-nova-api-version']], [`compute ${said}`, said]);
  }
  const refused = await of('2.90');
  assert.deepEqual([refused.status, refused.body.computeFault.code], [406, 406]);
});

test('lists come in pages, with a link to the next one, and heed their filters', async () => {
  for (const list of ['flavors', 'flavors/detail']) {
    const all = (await cloud.get(`${cloud.nova}/${list}`)).body.flavors.map(({ id }: { id: string }) => id);
    const seen: string[] = [];
    let next: string | undefined = `${cloud.nova}/${list}?limit=5`;
    while (next !== undefined) {
      const { body } = await cloud.get(next);
      seen.push(...body.flavors.map(({ id }: { id: string }) => id));
      next = body.flavors_links?.[0].href;
    }
    assert.deepEqual(seen, all);
    assert.deepEqual((await cloud.get(`${cloud.nova}/${list}?marker=${all.at(-1)}`)).body, { flavors: [] });
  }
  const large = (await cloud.get(`${cloud.nova}/flavors/detail?minRam=8192`)).body.flavors;
  assert.ok(large.length > 0 && large.every(({ ram }: { ram: number }) => ram >= 8192));
  assert.equal((await cloud.get(`${cloud.nova}/servers?marker=nobody`)).status, 400);
  assert.equal((await cloud.get(`${cloud.nova}/servers?limit=many`)).status, 400);
  const found = async (query: string) => (await cloud.get(`${cloud.nova}/servers?${query}`)).body.servers.length;
  assert.deepEqual(
    [await found('flavor=s3.medium.2'), await found('flavor=s3.large.2'), await found('image=none'), await found('ip=10.99')],
    [1, 0, 0, 0],
  );
  for (const name of ['first', 'second']) await cloud.keyPair(name);
  const page = (await cloud.get(`${cloud.nova}/os-keypairs?limit=1`)).body;
  assert.deepEqual((await cloud.get(page.keypairs_links[0].href)).body.keypairs.length, 1);
});

test('a server has the disks of its order, and others come and go', async () => {
  const disks = async () => (await cloud.get(`${cloud.nova}/servers/${server}/os-volume_attachments`)).body.volumeAttachments;
  assert.deepEqual(
    (await disks()).map(({ device }: { device: string }) => device),
    ['/dev/vda', '/dev/vdb'],
  );
  const evs = `https://evs.eu-de.otc.t-systems.com/v2/${cloud.project}/volumes`;
  const far = await cloud.send('POST', evs, { volume: { name: 'far', size: 10, volume_type: 'SSD', availability_zone: 'eu-de-01' } });
  const near = await cloud.send('POST', evs, { volume: { name: 'near', size: 10, volume_type: 'SSD', availability_zone: 'eu-de-02' } });
  const volume = String(near.body.volume.id);
  const state = async () => (await cloud.get(`${evs}/${volume}`)).body.volume;
  await eventually(state, (seen) => seen.status === 'available', 'disk');
  const attach = (volumeId: string) =>
    cloud.send('POST', `${cloud.nova}/servers/${server}/os-volume_attachments`, { volumeAttachment: { volumeId } });
  assert.equal((await attach(String(far.body.volume.id))).status, 400, 'another zone');
  const attached = await attach(volume);
  assert.deepEqual([attached.status, attached.body.volumeAttachment.device], [200, '/dev/vdc']);
  assert.deepEqual([(await state()).status, (await state()).attachments[0].server_id], ['in-use', server]);
  assert.equal((await cloud.send('DELETE', `${evs}/${volume}`)).status, 400, 'attached disks stay');
  const one = `${cloud.nova}/servers/${server}/os-volume_attachments/${volume}`;
  assert.equal((await cloud.get(one)).body.volumeAttachment.id, volume);
  assert.equal((await cloud.send('DELETE', one)).status, 202);
  assert.deepEqual([(await state()).status, (await cloud.get(one)).status], ['available', 404]);
});

test('another flavor waits for its confirmation', async () => {
  assert.equal((await act({ confirmResize: null })).status, 409);
  assert.equal((await act({ resize: { flavorRef: 's3.medium.2' } })).status, 400, 'the same');
  assert.equal((await act({ resize: { flavorRef: 's3.large.2' } })).status, 202);
  const resized = await until('VERIFY_RESIZE');
  assert.deepEqual([resized['OS-EXT-STS:vm_state'], resized.flavor.id], ['resized', 's3.large.2']);
  assert.equal((await act({ revertResize: null })).status, 202);
  assert.equal((await until('ACTIVE')).flavor.id, 's3.medium.2');
  await act({ resize: { flavorRef: 's3.large.2' } });
  await until('VERIFY_RESIZE');
  assert.equal((await act({ confirmResize: null })).status, 204);
  assert.equal((await until('ACTIVE')).flavor.id, 's3.large.2');
});

test('actions whose words come with null are told apart', async () => {
  assert.equal((await act({ 'os-start': null })).status, 409, 'it runs already');
  assert.equal((await act({ 'os-stop': null })).status, 202);
  await until('SHUTOFF');
  assert.equal((await act({ 'os-start': null })).status, 202);
  await until('ACTIVE');
  assert.equal((await act({})).status, 400);
});

test('a group that there is none of cannot be added', async () => {
  const answer = await act({ addSecurityGroup: { name: 'nobody' } });
  assert.deepEqual([answer.status, answer.body.itemNotFound.code], [404, 404]);
});

test('metadata changes key by key', async () => {
  const at = `${cloud.nova}/servers/${server}/metadata`;
  const added = await cloud.send('POST', at, { metadata: { this: 'other' } });
  assert.deepEqual([added.status, added.body.metadata.this, added.body.metadata.gone], [200, 'other', 'soon']);
  assert.equal((await cloud.send('DELETE', `${at}/gone`)).status, 204);
  assert.equal((await cloud.get(`${at}/gone`)).status, 404);
  assert.deepEqual((await cloud.get(`${at}/this`)).body, { meta: { this: 'other' } });
});

test('a server group knows its servers', async () => {
  const groups = await cloud.get(`${cloud.nova}/os-server-groups`);
  assert.deepEqual(groups.body.server_groups[0].members, [server]);
  const wrong = await cloud.send('POST', `${cloud.nova}/os-server-groups`, { server_group: { name: 'near', policies: ['affinity'] } });
  assert.equal(wrong.status, 400);
  const at = `${cloud.nova}/os-server-groups/${groups.body.server_groups[0].id}`;
  assert.equal((await cloud.send('DELETE', at)).status, 204);
  assert.equal((await cloud.get(at)).status, 404);
});

test('quotas and limits, as `openstack quota show` and `openstack limits show` read them', async () => {
  const quotas = (project: string, headers: Record<string, string> = {}) => cloud.as('admin', `${cloud.nova}/os-quota-sets/${project}`, { headers });
  const { quota_set: all } = (await quotas(cloud.project)).body;
  assert.deepEqual([all.id, all.instances, all.cores, all.floating_ips, all.injected_files], [cloud.project, 200, 800, -1, 5]);
  const { quota_set: later } = (await quotas(cloud.project, { 'openstack-api-version': 'compute 2.60' })).body;
  assert.deepEqual([later.ram, 'floating_ips' in later, 'injected_files' in later], [all.ram, false, false]);
  assert.equal((await quotas('0'.repeat(32))).status, 403);
  await cloud.send('POST', `${cloud.nova}/os-server-groups`, { server_group: { name: 'counted', policies: ['anti-affinity'] } });
  const { limits } = (await cloud.get(`${cloud.nova}/limits`)).body;
  assert.deepEqual(limits.rate, []);
  const { maxTotalCores, totalServerGroupsUsed, totalInstancesUsed } = limits.absolute;
  const servers = (await cloud.get(`${cloud.nova}/servers`)).body.servers.length;
  assert.deepEqual([maxTotalCores, totalServerGroupsUsed, totalInstancesUsed], [800, 1, servers]);
});
