/** Replays what the official Terraform provider does with EIPs and NAT gateways, with its strictness about types, and the locking rules. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createPort } from '../../../sandbox/otc/allocate.ts';
import { bindPublicIp, unbindPublicIp } from '../../../sandbox/otc/public-ip.ts';
import { closeClean, eventually, natHost, startCloud } from './cloud.ts';
import { networkClient } from './networks.ts';

const cloud = await startCloud();
after(() => closeClean(cloud));

const { v1, v2, tagsOf, post, put, get, del, network } = networkClient(cloud);

test('vpc_eip_v1: create, poll, bandwidth, tags, bind, locks, delete', async () => {
  const made = await post(v1('/publicips'), {
    publicip: { type: '5_bgp', ip_version: 4, alias: 'lb' },
    bandwidth: { name: 'lb-bw', size: 100, share_type: 'PER', charge_mode: 'traffic' },
  });
  assert.equal(made.status, 200);
  const { id, public_ip_address: address, create_time } = made.body.publicip;
  assert.deepEqual(
    [made.body.publicip.status, made.body.publicip.bandwidth_size, 'bandwidth_id' in made.body.publicip],
    ['PENDING_CREATE', 0, false],
  );
  assert.match(create_time, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  assert.ok(cloud.addresses.has(address));
  const read = await eventually(
    () => get(v1(`/publicips/${id}`)),
    ({ body }) => body.publicip.status === 'DOWN',
  );
  const eip = read.body.publicip;
  assert.deepEqual([eip.alias, eip.bandwidth_size, eip.bandwidth_share_type, eip.type, 'port_id' in eip], ['lb', 100, 'PER', '5_bgp', false]);
  const bandwidth = await get(v1(`/bandwidths/${eip.bandwidth_id}`));
  assert.deepEqual(
    [bandwidth.body.bandwidth.name, bandwidth.body.bandwidth.charge_mode, bandwidth.body.bandwidth.publicip_info[0].publicip_id],
    ['lb-bw', 'traffic', id],
  );
  assert.equal((await put(v1(`/bandwidths/${eip.bandwidth_id}`), { bandwidth: { size: 50 } })).body.bandwidth.size, 50);
  assert.deepEqual((await get(tagsOf('publicips', id))).body, { tags: [] });
  const { subnet } = await network('eips', '192.168.0.0/16', '192.168.1.0/24');
  const port = createPort(cloud.store, { networkId: subnet.id, deviceId: 'server-2', deviceOwner: 'compute:eu-de-01' });
  const bound = await put(v1(`/publicips/${id}`), { publicip: { port_id: port.id } });
  assert.deepEqual([bound.status, bound.body.publicip.status, bound.body.publicip.private_ip_address], [200, 'ACTIVE', '192.168.1.2']);
  assert.equal((await get(v2(`/floatingips?floating_ip_address=${address}`))).body.floatingips[0].id, id);
  const locked = await del(v1(`/publicips/${id}`));
  assert.deepEqual([locked.status, locked.body.code], [409, 'VPC.0517']);
  assert.equal((await put(v1(`/publicips/${id}`), { publicip: {} })).body.publicip.status, 'DOWN');
  bindPublicIp(cloud.store, id, { kind: 'ELB', id: 'balancer' });
  const balanced = await get(v1(`/publicips/${id}`));
  assert.deepEqual([balanced.body.publicip.status, 'port_id' in balanced.body.publicip], ['ELB', false]);
  const used = await del(v1(`/publicips/${id}`));
  assert.deepEqual([used.status, used.body.code], [500, 'VPC.0516']);
  unbindPublicIp(cloud.store, id);
  assert.equal((await del(v1(`/publicips/${id}`))).status, 204);
  assert.deepEqual([(await get(v1(`/publicips/${id}`))).body.code, cloud.addresses.has(address)], ['VPC.0504', false]);
  assert.equal((await get(v1(`/bandwidths/${eip.bandwidth_id}`))).status, 404, 'its own bandwidth goes with it');
  const gray = await post(v1('/publicips'), { publicip: { type: '5_gray' }, bandwidth: { name: 'x', size: 5, share_type: 'PER' } });
  assert.deepEqual([gray.status, gray.body.code], [400, 'VPC.0501']);
});

test('where time passes, an address that a client binds shows BINDING first; unbound meanwhile it is free', async () => {
  cloud.store.pace = 'fast';
  const { id } = (await post(v1('/publicips'), { publicip: {}, bandwidth: { name: 'b', size: 5, share_type: 'PER' } })).body.publicip;
  const status = async (): Promise<string> => (await get(v1(`/publicips/${id}`))).body.publicip.status;
  await eventually(status, (seen) => seen === 'DOWN');
  const { subnet } = await network('binding', '172.16.0.0/16', '172.16.1.0/24');
  const port = createPort(cloud.store, { networkId: subnet.id, deviceId: 'server-3', deviceOwner: 'compute:eu-de-01' });
  const bind = () => put(v1(`/publicips/${id}`), { publicip: { port_id: port.id } });
  assert.equal((await bind()).body.publicip.status, 'BINDING');
  await eventually(status, (seen) => seen === 'ACTIVE');
  const unbind = () => put(v1(`/publicips/${id}`), { publicip: {} });
  await unbind();
  cloud.store.pace = 'real';
  await bind();
  assert.equal(await status(), 'BINDING');
  assert.equal((await unbind()).body.publicip.status, 'DOWN');
  cloud.store.pace = 'instant';
  assert.equal((await bind()).body.publicip.status, 'ACTIVE');
  await unbind();
  assert.equal((await del(v1(`/publicips/${id}`))).status, 204);
});

test('NAT gateway: asynchronous, one a VPC, rules first, the EIP is held', async () => {
  const { vpcId, subnet, subnetUrl } = await network('nat', '10.50.0.0/16', '10.50.1.0/24');
  const wanted = { name: 'nat', spec: '1', router_id: vpcId, internal_network_id: subnet.id };
  const made = await post(`${natHost}/v2.0/nat_gateways`, { nat_gateway: wanted });
  assert.deepEqual([made.status, made.body.nat_gateway.status], [201, 'PENDING_CREATE']);
  const gateway = made.body.nat_gateway.id;
  assert.equal((await post(`${natHost}/v2.0/nat_gateways`, { nat_gateway: wanted })).body.code, 'VPC.2012');
  const eip = (await post(v1('/publicips'), { publicip: { type: '5_bgp' }, bandwidth: { name: 'nat', size: 5, share_type: 'PER' } })).body.publicip;
  await eventually(
    () => get(`${natHost}/v2.0/nat_gateways/${gateway}`),
    ({ body }) => body.nat_gateway.status === 'ACTIVE',
  );
  const rule = await post(`${natHost}/v2.0/snat_rules`, {
    snat_rule: { nat_gateway_id: gateway, network_id: subnet.id, source_type: 0, floating_ip_id: eip.id },
  });
  assert.deepEqual(
    [rule.status, rule.body.snat_rule.status, rule.body.snat_rule.floating_ip_address],
    [201, 'PENDING_CREATE', eip.public_ip_address],
  );
  assert.equal((await del(v1(`/publicips/${eip.id}`))).body.code, 'VPC.0517');
  const early = await del(`${natHost}/v2.0/nat_gateways/${gateway}`);
  assert.deepEqual([early.status, early.body.code], [400, 'VPC.2016']);
  assert.equal((await del(subnetUrl)).body.code, 'VPC.0210');
  assert.equal((await get(`${natHost}/v2.0/nat_gateways?name=nat&router_id=${vpcId}`)).body.nat_gateways.length, 1);
  assert.equal((await del(`${natHost}/v2.0/snat_rules/${rule.body.snat_rule.id}`)).status, 204);
  assert.equal((await del(`${natHost}/v2.0/nat_gateways/${gateway}`)).status, 204);
  assert.equal((await del(v1(`/publicips/${eip.id}`))).status, 204);
  assert.equal((await del(subnetUrl)).status, 204);
});
