/** Replays what the official Terraform provider does with VPC, subnet and groups, with its strictness about types, and the locking rules. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createPort, removePortsOf } from '../../../sandbox/otc/allocate.ts';
import { networkTables } from '../../../sandbox/otc/tables/network.ts';
import { closeClean, eventually, startCloud, vpcHost } from './cloud.ts';
import { networkClient } from './networks.ts';

const cloud = await startCloud();
after(() => closeClean(cloud));

const { v1, v2, tagsOf, post, put, get, del, network } = networkClient(cloud);

test('a VPC may have no name and no range', async () => {
  const made = await post(v1('/vpcs'), { vpc: {} });
  assert.deepEqual([made.status, made.body.vpc.name, made.body.vpc.cidr], [200, '', '']);
  assert.equal((await del(v1(`/vpcs/${made.body.vpc.id}`))).status, 204);
});

test('a page of VPCs holds 0 to 2000', async () => {
  for (const [limit, status] of [
    ['0', 200],
    ['2000', 200],
    ['2001', 400],
    ['-1', 400],
    ['many', 400],
  ] as const) {
    const { status: answered, body } = await get(v1(`/vpcs?limit=${limit}`));
    assert.deepEqual([answered, body.code], [status, status === 200 ? undefined : 'VPC.0101'], limit);
  }
});

test('vpc_v1: create, poll, tags, v3 read, update, delete', async () => {
  const made = await post(v1('/vpcs'), { vpc: { name: 'tf-vpc', cidr: '10.0.0.0/16', description: 'managed' } });
  assert.equal(made.status, 200);
  assert.equal(made.body.vpc.status, 'CREATING');
  const id = made.body.vpc.id;
  const read = await eventually(
    () => get(v1(`/vpcs/${id}`)),
    ({ body }) => body.vpc.status === 'OK',
  );
  const { created_at, updated_at, ...vpc } = read.body.vpc;
  assert.deepEqual(vpc, {
    id,
    name: 'tf-vpc',
    description: 'managed',
    cidr: '10.0.0.0/16',
    status: 'OK',
    routes: [],
    enable_shared_snat: false,
    enterprise_project_id: '0',
    tenant_id: cloud.project,
  });
  assert.match(created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/);
  assert.equal(typeof updated_at, 'string');
  assert.equal((await post(tagsOf('vpcs', id, '/action'), { action: 'create', tags: [{ key: 'app', value: 'zitadel' }] })).status, 204);
  assert.deepEqual((await get(tagsOf('vpcs', id))).body, { tags: [{ key: 'app', value: 'zitadel' }] });
  const v3 = await get(`${vpcHost}/v3/${cloud.project}/vpc/vpcs/${id}`);
  assert.deepEqual([v3.body.vpc.status, v3.body.vpc.extend_cidrs, v3.body.request_id], ['ACTIVE', [], v3.headers['x-request-id']]);
  assert.deepEqual((await get(`${vpcHost}/v3/${cloud.project}/vpc/vpcs?name=tf-vpc`)).body.page_info.current_count, 1);
  assert.deepEqual((await get(`${vpcHost}/v3/${cloud.project}/vpc/vpcs?name=tf`)).body.vpcs, [], 'the name filter is exact');
  assert.equal((await put(v1(`/vpcs/${id}`), { vpc: { name: 'tf-vpc', enable_shared_snat: true } })).body.vpc.enable_shared_snat, true);
  assert.deepEqual([(await post(v1('/vpcs'), { vpc: { name: 'tf-vpc', cidr: '10.1.0.0/16' } })).body.code], ['VPC.0115']);
  assert.equal((await post(v1('/vpcs'), { vpc: { name: 'wide', cidr: '11.0.0.0/16' } })).body.code, 'VPC.0101');
  assert.equal((await post(v1('/vpcs'), { vpc: { name: 'bits', cidr: '10.0.0.1/16' } })).body.code, 'VPC.0101');
  assert.equal((await del(v1(`/vpcs/${id}`))).status, 204);
  const gone = await get(v1(`/vpcs/${id}`));
  assert.deepEqual([gone.status, gone.body.code], [404, 'VPC.0003']);
});

test('vpc_subnet_v1: two ids, tags, conflicts, delete through the vpc path', async () => {
  const { vpcId, subnet, subnetUrl } = await network('subnets');
  assert.equal(subnet.neutron_network_id, subnet.id);
  assert.notEqual(subnet.neutron_subnet_id, subnet.id);
  assert.deepEqual(
    [subnet.dnsList, subnet.dhcp_enable, subnet.ipv6_enable, subnet.extra_dhcp_opts],
    [['100.125.4.25', '100.125.129.199'], true, false, []],
  );
  assert.deepEqual((await get(tagsOf('subnets', subnet.id))).body, { tags: [] });
  const wrong = async (cidr: string, gateway_ip: string) =>
    (await post(v1('/subnets'), { subnet: { name: 'x', cidr, gateway_ip, vpc_id: vpcId } })).body.code;
  assert.equal(await wrong('10.0.1.128/25', '10.0.1.129'), 'VPC.0204');
  assert.equal(await wrong('10.9.1.0/24', '10.9.1.1'), 'VPC.0203');
  assert.equal(await wrong('10.0.2.0/29', '10.0.2.1'), 'VPC.0212');
  for (const gateway of ['10.0.3.1', '10.0.2.0', '10.0.2.255']) assert.equal(await wrong('10.0.2.0/24', gateway), 'VPC.0201', gateway);
  const bare = (await post(v2('/networks'), { network: { name: 'bare' } })).body.network.id;
  for (const gateway_ip of ['10.0.2.0', '10.0.2.255'])
    assert.equal((await post(v2('/subnets'), { subnet: { network_id: bare, cidr: '10.0.2.0/24', gateway_ip } })).status, 400, gateway_ip);
  assert.deepEqual((await put(subnetUrl, { subnet: { name: 'renamed' } })).body, { subnet: { id: subnet.id, status: 'ACTIVE' } });
  const view = await get(v2(`/subnets/${subnet.neutron_subnet_id}`));
  assert.deepEqual([view.body.subnet.network_id, view.body.subnet.name], [subnet.id, 'renamed']);
  assert.deepEqual((await get(v2(`/networks/${subnet.id}`))).body.network.subnets, [subnet.neutron_subnet_id]);
  const early = await del(v1(`/vpcs/${vpcId}`));
  assert.deepEqual([early.status, early.body.code], [409, 'VPC.0104']);
  createPort(cloud.store, { networkId: subnet.id, deviceId: 'database', deviceOwner: 'network:rds' });
  const used = await del(subnetUrl);
  assert.deepEqual([used.status, used.body.code], [500, 'VPC.0208'], 'in use is a 500 here');
  removePortsOf(cloud.store, 'database');
  assert.equal((await del(subnetUrl)).status, 204);
  assert.equal((await get(v1(`/subnets/${subnet.id}`))).status, 404);
  assert.equal((await del(v1(`/vpcs/${vpcId}`))).status, 204);
});

test('networking_secgroup_v2 and its rules', async () => {
  const made = await post(v2('/security-groups'), { security_group: { name: 'tf', description: 'managed' } });
  assert.equal(made.status, 201);
  const group = made.body.security_group;
  assert.deepEqual(
    group.security_group_rules.map(({ direction, ethertype, remote_group_id, protocol }: Record<string, unknown>) => [
      direction,
      ethertype,
      remote_group_id,
      protocol,
    ]),
    [
      ['egress', 'IPv4', null, null],
      ['egress', 'IPv6', null, null],
    ],
  );
  for (const rule of group.security_group_rules) assert.equal((await del(v2(`/security-group-rules/${rule.id}`))).status, 204);
  const wanted = {
    security_group_id: group.id,
    direction: 'ingress',
    ethertype: 'IPv4',
    protocol: 'tcp',
    port_range_min: 5432,
    port_range_max: 5432,
    remote_ip_prefix: '0.0.0.0/0',
  };
  const rule = await post(v2('/security-group-rules'), { security_group_rule: { ...wanted, description: 'one' } });
  assert.equal(rule.status, 201);
  assert.deepEqual([rule.body.security_group_rule.port_range_min, rule.body.security_group_rule.tenant_id], [5432, cloud.project]);
  const again = await post(v2('/security-group-rules'), { security_group_rule: { ...wanted, remote_ip_prefix: '', description: 'two' } });
  assert.equal(again.status, 409);
  assert.deepEqual(again.body, {
    NeutronError: {
      message: `Security group rule already exists. Rule id is ${rule.body.security_group_rule.id}.`,
      type: 'SecurityGroupRuleExists',
      detail: '',
    },
  });
  const zero = await post(v2('/security-group-rules'), {
    security_group_rule: { security_group_id: group.id, direction: 'egress', protocol: 'tcp', port_range_min: 0, port_range_max: 0 },
  });
  assert.deepEqual([zero.status, zero.body.security_group_rule.port_range_min], [201, null], '0 means no port');
  const half = await post(v2('/security-group-rules'), {
    security_group_rule: { security_group_id: group.id, direction: 'ingress', protocol: 'tcp', port_range_min: 5 },
  });
  assert.deepEqual([half.status, half.body.NeutronError.type], [400, 'BadRequest']);
  assert.equal((await get(v2('/security-groups?name=tf'))).body.security_groups.length, 1);
  assert.equal((await get(v2('/security-groups?name=t'))).body.security_groups.length, 0);
  assert.equal(
    (await get(v2(`/security-group-rules?security_group_id=${group.id}&direction=ingress&port_range_min=5432`))).body.security_group_rules.length,
    1,
  );
  const other = (await post(v2('/security-groups'), { security_group: { name: 'tf' } })).body.security_group;
  await post(v2('/security-group-rules'), { security_group_rule: { security_group_id: other.id, direction: 'ingress', remote_group_id: group.id } });
  const used = await del(v2(`/security-groups/${group.id}`));
  assert.deepEqual([used.status, used.body.NeutronError.type], [409, 'SecurityGroupInUse']);
  assert.equal((await del(v2(`/security-groups/${other.id}`))).status, 204);
  assert.equal((await del(v2(`/security-groups/${group.id}`))).status, 204);
  const gone = await get(v2(`/security-groups/${group.id}`));
  assert.deepEqual([gone.status, gone.body.NeutronError.type], [404, 'SecurityGroupNotFound']);
});

test('default rules differ by API, the default group stays', async () => {
  const v1Group = await post(v1('/security-groups'), { security_group: { name: 'four' } });
  assert.deepEqual([v1Group.status, v1Group.body.security_group.security_group_rules.length], [200, 4]);
  const v3Group = await post(`${vpcHost}/v3/${cloud.project}/vpc/security-groups`, { security_group: { name: 'four' } });
  assert.deepEqual([v3Group.status, v3Group.body.security_group.security_group_rules.length], [201, 4]);
  const rule = await post(`${vpcHost}/v3/${cloud.project}/vpc/security-group-rules`, {
    security_group_rule: {
      security_group_id: v3Group.body.security_group.id,
      direction: 'ingress',
      protocol: 'tcp',
      multiport: '22,3389',
      remote_ip_prefix: '10.0.0.0/8',
    },
  });
  assert.deepEqual([rule.status, rule.body.security_group_rule.multiport], [201, '22,3389']);
  const [fallback] = (await get(v2('/security-groups?name=default'))).body.security_groups;
  assert.equal((await del(v2(`/security-groups/${fallback.id}`))).status, 409);
});

test('pages of Neutron lists are linked only where a limit was set', async () => {
  assert.equal((await get(v2('/security-groups'))).body.security_groups_links, undefined);
  const seen: string[] = [];
  let url: string | undefined = v2('/security-groups?limit=1');
  while (url !== undefined) {
    const { body }: { body: { security_groups: { id: string }[]; security_groups_links?: { rel: string; href: string }[] } } = await get(url);
    seen.push(...body.security_groups.map(({ id }) => id));
    url = body.security_groups_links?.find(({ rel }) => rel === 'next')?.href;
  }
  assert.equal(new Set(seen).size, 3);
});

test('ports: replaced lists, batches that always answer 200, filters', async () => {
  const { subnet } = await network('ports', '172.16.0.0/16', '172.16.1.0/24');
  const group = (await post(v2('/security-groups'), { security_group: { name: 'attached' } })).body.security_group;
  const port = createPort(cloud.store, { networkId: subnet.id, deviceId: 'server-1', deviceOwner: 'compute:eu-de-01' });
  assert.equal(port.fixed_ips[0]?.ip_address, '172.16.1.2', 'the gateway is not given out');
  assert.equal((await put(v2(`/ports/${port.id}`), { port: { security_groups: [group.id] } })).status, 200);
  const listed = await get(v2('/ports?device_id=server-1'));
  assert.deepEqual(
    [listed.body.ports.length, listed.body.ports[0].security_groups, listed.body.ports[0].fixed_ips[0].subnet_id],
    [1, [group.id], subnet.neutron_subnet_id],
  );
  assert.equal((await get(v2('/ports?fixed_ips=ip_address%3D172.16.1.2'))).body.ports.length, 1);
  const batch = await post(`${vpcHost}/v2.0/${cloud.project}/security-groups/${group.id}/instance/action`, {
    action: 'add',
    ports: [{ id: port.id }, { id: 'nobody' }],
  });
  assert.equal(batch.status, 200);
  assert.deepEqual(
    batch.body.fail.map(({ id, error_code }: Record<string, string>) => [id, error_code]),
    [['nobody', 'VPC.0607']],
  );
  assert.equal((await del(v2(`/security-groups/${group.id}`))).status, 409);
  const taken = await post(v2('/ports'), { port: { network_id: subnet.id, fixed_ips: [{ ip_address: '172.16.1.2' }] } });
  assert.deepEqual([taken.status, taken.body.NeutronError.type], [409, 'IpAddressInUse']);
  removePortsOf(cloud.store, 'server-1');
});

test('orders that no rule allows are refused: names that are taken, long descriptions, a shared bandwidth of no name', async () => {
  await network('taken', '10.70.0.0/16', '10.70.1.0/24');
  const twice = await post(v1('/vpcs'), { vpc: { name: 'taken', cidr: '10.71.0.0/16' } });
  assert.deepEqual([twice.status, twice.body], [400, { code: 'VPC.0115', message: 'The router name exists.' }]);
  const group = (await post(v2('/security-groups'), { security_group: { name: 'described' } })).body.security_group;
  const rule = { security_group_id: group.id, direction: 'ingress', description: 'd'.repeat(256) };
  assert.equal((await post(v2('/security-group-rules'), { security_group_rule: rule })).status, 400);
  assert.equal((await post(v2('/security-group-rules'), { security_group_rule: { ...rule, description: 'd'.repeat(255) } })).status, 201);
  const address = await post(v1('/publicips'), { publicip: { type: '5_bgp' }, bandwidth: { share_type: 'WHOLE' } });
  assert.deepEqual([address.status, address.body.code], [400, 'VPC.0501']);
});

test('quotas: shown, and refused beyond', async () => {
  const quotas = await get(v1('/quotas?type=publicIp'));
  assert.deepEqual(quotas.body.quotas.resources, [{ type: 'publicIp', used: 0, quota: 50, min: 0 }]);
  networkTables(cloud.store).switches.insert({ id: 'quota:securityGroup', value: 1 });
  const more = await post(v2('/security-groups'), { security_group: { name: 'more' } });
  assert.deepEqual([more.status, more.body.NeutronError.message], [409, "Quota exceeded for resources: ['security_group']"]);
  networkTables(cloud.store).switches.remove('quota:securityGroup');
});

test('resources are found by tag', async () => {
  const { subnet } = await network('tagged', '10.60.0.0/16', '10.60.1.0/24');
  await post(tagsOf('subnets', subnet.id), { tag: { key: 'app', value: 'zitadel' } });
  const query = `${vpcHost}/v2.0/${cloud.project}/subnets/resource_instances/action`;
  const found = await post(query, { action: 'filter', limit: 100, offset: 0, tags: [{ key: 'app', values: ['other', 'zitadel'] }] });
  assert.deepEqual(found.body, {
    resources: [{ resource_id: subnet.id, resource_name: subnet.name, resource_detail: null, tags: [{ key: 'app', value: 'zitadel' }] }],
    total_count: 1,
  });
  assert.deepEqual((await post(query, { action: 'count', tags: [{ key: 'app', values: ['other'] }] })).body, { total_count: 0 });
  for (const tag of [
    { key: 'k'.repeat(37), value: '' },
    { key: 'k', value: 'v'.repeat(44) },
    { key: 'a b', value: '' },
    { key: 'k', value: 'a b' },
  ])
    assert.equal((await post(tagsOf('subnets', subnet.id), { tag })).body.code, 'VPC.1801', JSON.stringify(tag));
  assert.equal((await del(tagsOf('subnets', subnet.id, '/app'))).status, 204);
});

test('the addresses of a network that are given out are counted', async () => {
  const { subnet } = await network('counted', '10.9.0.0/16', '10.9.1.0/24');
  const usage = async () => (await get(v2(`/network-ip-availabilities/${subnet.id}`))).body.network_ip_availability;
  const before = await usage();
  assert.deepEqual([before.network_id, before.total_ips, before.used_ips], [subnet.id, 251, 0]);
  assert.deepEqual(
    before.subnet_ip_availability.map((one: Record<string, unknown>) => [one['subnet_id'], one['cidr'], one['used_ips']]),
    [[subnet.neutron_subnet_id, '10.9.1.0/24', 0]],
  );
  const port = await post(v2('/ports'), { port: { network_id: subnet.id } });
  assert.equal((await usage()).used_ips, 1);
  assert.equal((await del(v2(`/ports/${port.body.port.id}`))).status, 204);
  assert.equal((await get(v2('/network-ip-availabilities/11111111-2222-3333-4444-555555555555'))).status, 404);
});
