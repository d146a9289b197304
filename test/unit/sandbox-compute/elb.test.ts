/** ELB as the official Terraform provider and our own client meet it: which id goes where, conflicts, what deletion leaves. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { networkTables } from '../../../sandbox/otc/tables/network.ts';
import { closeClean } from '../sandbox-otc/cloud.ts';
import { startComputeCloud } from './backends.ts';

const cloud = await startComputeCloud();
const place = await cloud.network();
after(() => closeClean(cloud));

const order = (patch: Record<string, unknown> = {}) => ({
  loadbalancer: {
    name: 'zitadel',
    description: 'managed',
    vpc_id: place.vpc,
    vip_subnet_cidr_id: place.subnet,
    elb_virsubnet_ids: [place.network],
    availability_zone_list: ['eu-de-01', 'eu-de-02'],
    guaranteed: true,
    provider: 'vlb',
    admin_state_up: true,
    tags: [{ key: 'app', value: 'zitadel' }],
    ...patch,
  },
});
const inline = {
  publicip: {
    network_type: '5_bgp',
    ip_version: 4,
    description: 'zitadel',
    bandwidth: { name: 'zitadel-lb', size: 100, share_type: 'PER', charge_mode: 'traffic' },
  },
};
const at = () => `${cloud.elb}/loadbalancers`;
const create = (patch?: Record<string, unknown>) => cloud.send('POST', at(), order(patch));
const made = async (patch?: Record<string, unknown>) => {
  const answer = await create(patch);
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return answer.body.loadbalancer;
};
const eipV1 = (id: string) => `https://vpc.eu-de.otc.t-systems.com/v1/${cloud.project}/publicips/${id}`;

test('a dedicated balancer with an inline EIP, as the provider walks it', async () => {
  const answer = await create(inline);
  assert.equal(answer.status, 201);
  const row = answer.body.loadbalancer;
  assert.deepEqual(
    [row.vip_subnet_cidr_id, row.elb_virsubnet_ids, row.availability_zone_list, row.guaranteed, row.provisioning_status, row.operating_status],
    [place.subnet, [place.network], ['eu-de-01', 'eu-de-02'], true, 'ACTIVE', 'ONLINE'],
  );
  assert.match(row.vip_address, /^10\.20\.0\.\d+$/);
  assert.ok(cloud.addresses.has(row.vip_address), 'the address listens');
  assert.ok(row.l4_flavor_id !== null && row.l7_flavor_id !== null, 'default flavors');
  assert.deepEqual(row.tags, [{ key: 'app', value: 'zitadel' }]);
  const [eip] = row.publicips;
  assert.deepEqual(row.eips, [{ eip_id: eip.publicip_id, eip_address: eip.publicip_address, ip_version: 4 }]);
  const seen = (await cloud.get(eipV1(eip.publicip_id))).body.publicip;
  assert.equal(seen.status, 'ELB');
  assert.ok(!seen.port_id && !seen.private_ip_address, 'neither port nor address is shown for a dedicated balancer');
  assert.equal((await cloud.send('DELETE', eipV1(eip.publicip_id))).status, 500, 'VPC.0516 while bound');
  assert.equal((await cloud.get(`${at()}?name=zitadel&eips=eip_id=${eip.publicip_id}`)).body.loadbalancers.length, 1);
  assert.equal((await cloud.get(`${at()}?name=nothing`)).body.loadbalancers.length, 0);
  assert.equal((await cloud.send('DELETE', `${at()}/${row.id}`)).status, 204);
  assert.deepEqual([(await cloud.get(`${at()}/${row.id}`)).status, (await cloud.get(`${at()}/${row.id}`)).body.error_code], [404, 'ELB.8904']);
  assert.equal((await cloud.send('DELETE', eipV1(eip.publicip_id))).status, 204, 'released right after');
  assert.equal(networkTables(cloud.store).ports.where((port) => port.device_id === row.id).length, 0);
});

test('an order against each rule is refused', async () => {
  const l7 = (await cloud.get(`${cloud.elb}/flavors?type=L7`)).body.flavors[0];
  assert.ok(l7.name.startsWith('L7_') && 'qps' in l7.info);
  const refusals: [Record<string, unknown>, number][] = [
    [{ availability_zone_list: [] }, 400],
    [{ availability_zone_list: ['eu-de-09'] }, 400],
    [{ vip_subnet_cidr_id: place.network }, 404],
    [{ elb_virsubnet_ids: [place.subnet] }, 404],
    [{ vpc_id: 'none' }, 404],
    [{ vpc_id: undefined, vip_subnet_cidr_id: undefined }, 400],
    [{ vip_address: '10.99.0.1' }, 400],
    [{ vip_address: '10.20.0.1' }, 409],
    [{ l4_flavor_id: l7.id }, 404],
    [{ publicip_ids: ['none'] }, 404],
    [{ publicip_ids: ['a'], ...inline }, 400],
    [{ tags: [{ key: 'x'.repeat(37), value: '' }] }, 400],
    [{ guaranteed: false }, 400],
  ];
  for (const [patch, status] of refusals) {
    const answer = await create(patch);
    assert.deepEqual(
      [answer.status, typeof answer.body.error_code, typeof answer.body.request_id],
      [status, 'string', 'string'],
      JSON.stringify([patch, answer.body]),
    );
  }
  assert.deepEqual((await cloud.get(at())).body.loadbalancers, []);
  assert.deepEqual(networkTables(cloud.store).ports.all(), [], 'no port is left behind');
  networkTables(cloud.store).switches.insert({ id: 'quota:elb.loadbalancer', value: 0 });
  assert.deepEqual([(await create()).status, (await create()).body.error_code], [409, 'ELB.8905']);
  networkTables(cloud.store).switches.remove('quota:elb.loadbalancer');
});

test('children: a port once, layers need their flavor, conflicts on deletion, force takes all', async () => {
  const l4 = (await cloud.get(`${cloud.elb}/flavors?type=L4`)).body.flavors[0].id;
  const row = await made({ l4_flavor_id: l4 });
  assert.equal(row.l7_flavor_id, null);
  const listener = (patch: Record<string, unknown>) =>
    cloud.send('POST', `${cloud.elb}/listeners`, {
      listener: { loadbalancer_id: row.id, protocol: 'TCP', protocol_port: 443, name: 'https', ...patch },
    });
  assert.equal((await listener({ protocol: 'HTTP', protocol_port: 80 })).status, 400, 'no L7 flavor');
  const first = await listener({});
  assert.equal(first.status, 201);
  assert.deepEqual([(await listener({})).status, (await listener({})).body.error_code], [409, 'ELB.8907']);
  assert.equal((await listener({ protocol: 'UDP' })).status, 201, 'another transport');
  const pool = (
    await cloud.send('POST', `${cloud.elb}/pools`, { pool: { listener_id: first.body.listener.id, protocol: 'TCP', lb_algorithm: 'ROUND_ROBIN' } })
  ).body.pool;
  const members = `${cloud.elb}/pools/${pool.id}/members`;
  const member = (patch: Record<string, unknown>) =>
    cloud.send('POST', members, { member: { address: '10.20.0.9', protocol_port: 30443, subnet_cidr_id: place.subnet, ...patch } });
  assert.equal((await member({})).status, 201);
  assert.equal((await member({})).status, 409);
  assert.equal((await member({ address: '10.99.0.9' })).status, 400);
  assert.equal((await member({ subnet_cidr_id: undefined, address: '10.20.0.10' })).status, 400, 'only with ip_target_enable');
  const monitor = { healthmonitor: { pool_id: pool.id, type: 'TCP', delay: 5, timeout: 3, max_retries: 3 } };
  assert.equal((await cloud.send('POST', `${cloud.elb}/healthmonitors`, monitor)).status, 201);
  const seen = (await cloud.get(`${at()}/${row.id}`)).body.loadbalancer;
  assert.deepEqual([seen.listeners.length, seen.pools], [2, [{ id: pool.id }]]);
  const tree = (await cloud.get(`${at()}/${row.id}/statuses`)).body.statuses.loadbalancer;
  assert.equal(tree.listeners[0].pools[0].members[0].address, '10.20.0.9');
  for (const url of [`${at()}/${row.id}`, `${cloud.elb}/listeners/${first.body.listener.id}`, `${cloud.elb}/pools/${pool.id}`]) {
    const answer = await cloud.send('DELETE', url);
    assert.deepEqual([answer.status, answer.body.error_code], [409, 'ELB.8907'], url);
  }
  assert.equal(
    (await cloud.send('PUT', `${at()}/${row.id}`, { loadbalancer: { deletion_protection_enable: true, name: 'kept' } })).body.loadbalancer.name,
    'kept',
  );
  assert.equal((await cloud.send('DELETE', `${at()}/${row.id}/force-elb`)).status, 409);
  await cloud.send('PUT', `${at()}/${row.id}`, { loadbalancer: { deletion_protection_enable: false } });
  assert.equal((await cloud.send('DELETE', `${at()}/${row.id}/force-elb`)).status, 204);
  for (const name of ['listeners', 'pools', 'members', 'healthmonitors'] as const) assert.deepEqual(cloud.store.table(`elb.${name}`).all(), [], name);
});

test('lists page by marker, names may repeat', async () => {
  const ids: string[] = [];
  for (let count = 0; count < 3; count++) ids.push((await made({ name: 'same' })).id);
  const first = (await cloud.get(`${at()}?name=same&limit=2`)).body;
  assert.deepEqual([first.loadbalancers.length, first.page_info.next_marker, first.page_info.current_count], [2, ids[1], 2]);
  const rest = (await cloud.get(`${at()}?name=same&limit=2&marker=${ids[1]}`)).body;
  assert.deepEqual([rest.loadbalancers[0].id, rest.page_info.next_marker], [ids[2], undefined]);
  const zones = (await cloud.get(`${cloud.elb}/availability-zones`)).body.availability_zones;
  assert.deepEqual(
    zones[0].map((zone: { code: string }) => zone.code),
    ['eu-de-01', 'eu-de-02', 'eu-de-03'],
  );
  assert.equal((await cloud.get(`${cloud.elb}/quotas`)).body.quota.loadbalancer, 50);
  const details = (await cloud.get(`${cloud.elb}/quotas/details?quota_key=loadbalancer`)).body.quotas;
  assert.deepEqual(details, [{ quota_key: 'loadbalancer', used: 3, quota_limit: 50, unit: 'count' }]);
  for (const id of ids) await cloud.send('DELETE', `${at()}/${id}`);
});

test('a balancer made without EIP takes one by the port of its virtual address, and deletion unbinds it', async () => {
  const row = await made();
  const eip = (
    await cloud.send('POST', `https://vpc.eu-de.otc.t-systems.com/v1/${cloud.project}/publicips`, {
      publicip: { type: '5_bgp' },
      bandwidth: { name: 'x', size: 5, share_type: 'PER' },
    })
  ).body.publicip;
  networkTables(cloud.store).publicIps.update(eip.id, { status: 'DOWN' });
  assert.equal((await cloud.send('PUT', eipV1(eip.id), { publicip: { port_id: row.vip_port_id } })).status, 200);
  assert.deepEqual((await cloud.get(`${at()}/${row.id}`)).body.loadbalancer.publicips[0].publicip_address, eip.public_ip_address);
  assert.equal((await create({ publicip_ids: [eip.id] })).status, 409, 'bound already');
  await cloud.send('DELETE', `${at()}/${row.id}`);
  assert.equal(networkTables(cloud.store).publicIps.get(eip.id)?.bound_to, null);
});

test('shared balancers in Neutron’s style, tags of both kinds', async () => {
  const base = 'https://elb.eu-de.otc.t-systems.com/v2.0';
  const wrong = await cloud.send('POST', `${base}/lbaas/loadbalancers`, { loadbalancer: { vip_subnet_id: place.network } });
  assert.deepEqual([wrong.status, typeof wrong.body.NeutronError.message], [404, 'string']);
  const answer = await cloud.send('POST', `${base}/lbaas/loadbalancers`, { loadbalancer: { name: 'shared', vip_subnet_id: place.subnet } });
  assert.equal(answer.status, 201);
  const { id } = answer.body.loadbalancer;
  assert.equal((await cloud.get(`${at()}/${id}`)).status, 404, 'not a dedicated one');
  const tagsAt = `${base}/${cloud.project}/loadbalancers/${id}/tags`;
  assert.equal((await cloud.send('POST', `${tagsAt}/action`, { action: 'create', tags: [{ key: 'a', value: 'b' }] })).status, 204);
  assert.deepEqual((await cloud.get(tagsAt)).body, { tags: [{ key: 'a', value: 'b' }] });
  assert.deepEqual((await cloud.get(`${base}/lbaas/loadbalancers?name=shared`)).body.loadbalancers[0].tags, ['a=b']);
  assert.equal((await cloud.send('DELETE', `${base}/lbaas/loadbalancers/${id}`)).status, 204);
});
