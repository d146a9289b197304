/** Servers by ECS v1 and Nova, key pairs, images, disks: call sequences of the Terraform provider, strict types, refusals. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { networkTables } from '../../../sandbox/otc/tables/network.ts';
import { closeClean, eventually } from '../sandbox-otc/cloud.ts';
import { type ComputeCloud, type Place, startComputeCloud } from './backends.ts';

let cloud: ComputeCloud;
let place: Place;
let image: string;
before(async () => {
  cloud = await startComputeCloud();
  place = await cloud.network();
  await cloud.keyPair('bastion');
  const found = await cloud.get(
    'https://ims.eu-de.otc.t-systems.com/v2/cloudimages?__imagetype=gold&__platform=Ubuntu&name=Standard_Ubuntu_22.04_latest',
  );
  assert.equal(found.body.images.length, 1);
  image = found.body.images[0].id;
});
after(() => closeClean(cloud));

const order = (patch: Record<string, unknown> = {}) => ({
  server: {
    name: 'zitadel-bastion',
    imageRef: image,
    flavorRef: 's3.medium.2',
    key_name: 'bastion',
    vpcid: place.vpc,
    nics: [{ subnet_id: place.network, ip_address: '10.20.0.10' }],
    security_groups: [{ id: place.group }],
    availability_zone: 'eu-de-01',
    root_volume: { volumetype: 'SSD', size: 20 },
    server_tags: [{ key: 'app', value: 'zitadel' }],
    ...patch,
  },
});
const servers = () => `${cloud.ecs}/cloudservers`;
const job = (id: string) =>
  eventually(
    async () => (await cloud.get(`${cloud.ecs}/jobs/${id}`)).body,
    (seen) => seen.status === 'SUCCESS',
    'job succeeds',
  );

test('a bastion with its EIP, as the provider walks it', async () => {
  const eip = (
    await cloud.send('POST', `https://vpc.eu-de.otc.t-systems.com/v1/${cloud.project}/publicips`, {
      publicip: { type: '5_bgp' },
      bandwidth: { name: 'b', size: 5, share_type: 'PER' },
    })
  ).body.publicip;
  const address = () => networkTables(cloud.store).publicIps.get(eip.id);
  await eventually(address, (row) => row?.status === 'DOWN', 'EIP is free');
  assert.equal((await cloud.send('POST', servers(), { dry_run: true, ...order() })).status, 202);
  cloud.store.pace = 'fast';
  const made = await cloud.send('POST', servers(), order({ publicip: { id: eip.id } }));
  assert.equal(made.status, 200);
  assert.equal(made.body.serverIds.length, 1);
  assert.equal((await cloud.get(`${servers()}/${made.body.serverIds[0]}`)).status, 404, 'not there yet');
  cloud.store.pace = 'instant';
  const done = await job(made.body.job_id);
  const id = done.entities.sub_jobs[0].entities.server_id;
  assert.equal(id, made.body.serverIds[0]);
  const { server } = (await cloud.get(`${servers()}/${id}`)).body;
  assert.deepEqual(
    [server.status, server.key_name, server.image.id, server.flavor.id, server.metadata.vpc_id],
    ['ACTIVE', 'bastion', image, 's3.medium.2', place.vpc],
  );
  assert.deepEqual([server.flavor.vcpus, server.flavor.ram], ['1', '2048']);
  assert.match(server.created, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  const addresses = server.addresses[place.vpc];
  assert.deepEqual(
    addresses.map((one: { addr: string; version: string }) => [one.addr, one.version]),
    [
      ['10.20.0.10', '4'],
      [eip.public_ip_address, '4'],
    ],
  );
  assert.deepEqual(
    server.security_groups.map((one: { id: string }) => one.id),
    [place.group],
  );
  const [volume] = server['os-extended-volumes:volumes_attached'];
  assert.deepEqual([volume.bootIndex, volume.delete_on_termination], ['0', 'true']);
  const disk = (await cloud.get(`https://evs.eu-de.otc.t-systems.com/v3/${cloud.project}/volumes/${volume.id}`)).body.volume;
  assert.deepEqual([disk.bootable, disk.size, disk.status, disk.attachments[0].server_id], ['true', 20, 'in-use', id]);
  assert.deepEqual((await cloud.get(`${servers()}/${id}/tags`)).body, { tags: [{ key: 'app', value: 'zitadel' }] });
  assert.deepEqual((await cloud.get(`${servers()}/${id}/autorecovery`)).body, { support_auto_recovery: 'true' });
  const gone = await cloud.send('POST', `${servers()}/delete`, { servers: [{ id }], delete_publicip: false, delete_volume: true });
  assert.equal(gone.status, 200);
  await job(gone.body.job_id);
  assert.equal((await cloud.get(`${servers()}/${id}`)).status, 404);
  assert.equal(address()?.bound_to, null, 'unbound, and kept');
  assert.equal((await cloud.get(`https://evs.eu-de.otc.t-systems.com/v2/${cloud.project}/cloudvolumes/detail`)).body.volumes.length, 0);
});

test('an order against each rule is refused with its code', async () => {
  const bandwidth = { name: 'b', size: 5, share_type: 'PER' };
  const free = await cloud.send('POST', `https://vpc.eu-de.otc.t-systems.com/v1/${cloud.project}/publicips`, { publicip: {}, bandwidth });
  const both = { id: free.body.publicip.id, eip: { iptype: '5_bgp', bandwidth: { size: 5, sharetype: 'PER' } } };
  const refusals: [Record<string, unknown>, string][] = [
    [{ name: 'with blank' }, 'Ecs.0005'],
    [{ flavorRef: 'none' }, 'Ecs.0029'],
    [{ imageRef: 'none' }, 'Ecs.0031'],
    [{ key_name: 'nobody' }, 'Ecs.0005'],
    [{ adminPass: 'x' }, 'Ecs.0005'],
    [{ key_name: undefined }, 'Ecs.0005'],
    [{ vpcid: 'none' }, 'Ecs.0014'],
    [{ nics: [{ subnet_id: place.subnet }] }, 'Ecs.0064'],
    [{ nics: [{ subnet_id: place.network, ip_address: '10.20.0.1' }] }, 'Ecs.0010'],
    [{ security_groups: [{ id: 'none' }] }, 'Ecs.0005'],
    [{ root_volume: { volumetype: 'SATA' } }, 'Ecs.0043'],
    [{ root_volume: { volumetype: 'SSD', size: 2 } }, 'Ecs.0005'],
    [{ publicip: { id: 'none' } }, 'Ecs.0005'],
    [{ publicip: both }, 'Ecs.0005'],
    [{ availability_zone: 'eu-de-09' }, 'Ecs.0005'],
  ];
  for (const [patch, code] of refusals) {
    const answer = await cloud.send('POST', servers(), order(patch));
    assert.deepEqual([answer.status, answer.body.error?.code], [400, code], JSON.stringify([patch, answer.body]));
  }
  networkTables(cloud.store).switches.insert({ id: 'quota:ecs.servers', value: 0 });
  assert.equal((await cloud.send('POST', servers(), order())).body.error.code, 'Ecs.0001');
  networkTables(cloud.store).switches.remove('quota:ecs.servers');
  networkTables(cloud.store).switches.insert({ id: 'quota:evs.volumes', value: 0 });
  assert.equal((await cloud.send('POST', servers(), order())).body.error.code, 'Ecs.0021');
  networkTables(cloud.store).switches.remove('quota:evs.volumes');
  assert.equal((await cloud.get(`${servers()}/detail`)).body.count, 0);
});

test('lists: offset is a page number, a dot in a name matches any character', async () => {
  for (const name of ['web.1', 'web-1', 'other'])
    await job((await cloud.send('POST', servers(), order({ name, nics: [{ subnet_id: place.network }] }))).body.job_id);
  const names = async (query: string) => (await cloud.get(`${servers()}/detail?${query}`)).body.servers.map((one: { name: string }) => one.name);
  assert.deepEqual(await names('name=web.1'), ['web.1', 'web-1']);
  assert.deepEqual(await names('limit=1&offset=2'), ['web-1']);
  assert.deepEqual(await names('tags=app=zitadel&limit=1'), ['web.1']);
  const [{ id }] = (await cloud.get(`${servers()}/detail?name=other`)).body.servers;
  await job((await cloud.send('POST', `${servers()}/action`, { 'os-stop': { type: 'SOFT', servers: [{ id }] } })).body.job_id);
  assert.equal((await cloud.get(`${servers()}/${id}`)).body.server.status, 'SHUTOFF');
  assert.equal((await cloud.send('POST', `${servers()}/action`, { 'os-stop': { servers: [{ id }] } })).body.error.code, 'Ecs.0100');
  const limits = (await cloud.get(`${servers()}/limits`)).body.absolute;
  assert.deepEqual([limits.totalInstancesUsed, limits.totalCoresUsed], [3, 3]);
  const flavors = (await cloud.get(`${servers()}/flavors?availability_zone=eu-de-01`)).body.flavors;
  assert.deepEqual(
    [typeof flavors[0].vcpus, typeof flavors[0].ram, flavors[0].os_extra_specs['cond:operation:az']],
    ['string', 'number', 'eu-de-01(normal),eu-de-02(normal),eu-de-03(normal)'],
  );
});

test('Nova: order, interfaces, groups by name or id, deletion, its own error shape', async () => {
  const body = {
    server: {
      name: 'nova-server',
      imageRef: image,
      flavorRef: 's3.medium.2',
      key_name: 'bastion',
      networks: [{ uuid: place.network }],
      security_groups: [{ name: 'rds-instances' }],
      block_device_mapping_v2: [
        {
          boot_index: '0',
          uuid: image,
          source_type: 'image',
          destination_type: 'volume',
          volume_size: '20',
          volume_type: 'SSD',
          delete_on_termination: true,
        },
      ],
    },
  };
  const made = await cloud.send('POST', `${cloud.nova}/servers`, body);
  assert.equal(made.status, 202);
  const at = `${cloud.nova}/servers/${made.body.server.id}`;
  const { server } = await eventually(
    async () => (await cloud.get(at)).body,
    (seen) => seen.server.status === 'ACTIVE',
    'server is up',
  );
  assert.deepEqual(server.security_groups, [{ name: 'rds-instances' }]);
  assert.equal(Object.values<{ version: number }[]>(server.addresses)[0]?.[0]?.version, 4);
  const attached = (await cloud.get(`${at}/os-interface`)).body.interfaceAttachments;
  assert.equal(attached[0].net_id, place.network);
  assert.equal((await cloud.send('POST', `${at}/action`, { addSecurityGroup: { name: 'default' } })).status, 202);
  const groups = (await cloud.get(`${at}/os-security-groups`)).body.security_groups.map((one: { name: string }) => one.name);
  assert.deepEqual(groups, ['rds-instances', 'default']);
  assert.equal((await cloud.send('POST', `${at}/action`, { removeSecurityGroup: { name: place.group } })).status, 202);
  assert.deepEqual((await cloud.get(at)).body.server.security_groups, [{ name: 'default' }]);
  assert.deepEqual((await cloud.get(`${at}/os-server-password`)).body, { password: '' });
  assert.equal(typeof (await cloud.get(`${cloud.nova}/flavors/s3.medium.2`)).body.flavor.vcpus, 'number');
  const wrong = await cloud.send('POST', `${cloud.nova}/servers`, { server: { ...body.server, flavorRef: 'none' } });
  assert.deepEqual([wrong.status, wrong.body.badRequest.code], [400, 400]);
  const missing = await cloud.get(`${cloud.nova}/servers/none`);
  assert.deepEqual([missing.status, missing.body.itemNotFound.code], [404, 404]);
  assert.equal((await cloud.send('DELETE', at)).status, 204);
  await eventually(
    async () => (await cloud.get(at)).status,
    (status) => status === 404,
    'server is gone',
  );
  assert.equal((await cloud.get(`${cloud.nova}/os-availability-zone`)).body.availabilityZoneInfo[0].zoneState.available, true);
});

test('a key pair belongs to its user; a generated one shows its private half once', async () => {
  const at = `${cloud.nova}/os-keypairs`;
  const { keypair } = (await cloud.send('POST', at, { keypair: { name: 'generated' } })).body;
  assert.match(keypair.private_key, /^-----BEGIN RSA PRIVATE KEY-----/);
  assert.match(keypair.public_key, /^ssh-rsa AAAAB3NzaC1yc2E/);
  assert.match(keypair.fingerprint, /^([0-9a-f]{2}:){15}[0-9a-f]{2}$/);
  assert.equal((await cloud.get(`${at}/generated`)).body.keypair.private_key, undefined);
  assert.equal((await cloud.as('reader', `${at}/generated`)).status, 404);
  const twice = await cloud.send('POST', at, { keypair: { name: 'generated' } });
  assert.deepEqual([twice.status, twice.body.conflictingRequest.code], [409, 409]);
  const imported = await cloud.send('POST', at, { keypair: { name: 'imported', public_key: keypair.public_key } });
  assert.deepEqual([imported.status, imported.body.keypair.fingerprint, imported.body.keypair.private_key], [200, keypair.fingerprint, undefined]);
  assert.equal((await cloud.send('POST', at, { keypair: { name: 'bad', public_key: 'ssh-rsa nonsense' } })).status, 400);
  assert.equal((await cloud.send('DELETE', `${at}/generated`)).status, 202);
  assert.equal((await cloud.get(`${at}/generated`)).status, 404);
});

test('disks of their own', async () => {
  const at = `https://evs.eu-de.otc.t-systems.com/v2/${cloud.project}/volumes`;
  const made = await cloud.send('POST', at, { volume: { name: 'data', size: 10, volume_type: 'SSD', availability_zone: 'eu-de-01' } });
  assert.equal(made.status, 202);
  const one = `${at}/${made.body.volume.id}`;
  await eventually(
    async () => (await cloud.get(one)).body.volume.status,
    (status) => status === 'available',
    'disk is there',
  );
  assert.equal((await cloud.send('DELETE', one)).status, 202);
  await eventually(
    async () => (await cloud.get(one)).status,
    (status) => status === 404,
    'disk is gone',
  );
});
