/** Shared load balancers with all that hangs on them, as the Terraform provider makes, changes and removes it. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { closeClean, eventually } from '../sandbox-otc/cloud.ts';
import { startComputeCloud } from './backends.ts';

const cloud = await startComputeCloud();
const place = await cloud.network();
after(() => closeClean(cloud));

const at = (path: string): string => `https://elb.eu-de.otc.t-systems.com/v2.0/lbaas/${path}`;
const send = (method: 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown) => cloud.send(method, at(path), body);
const made = async (path: string, name: string, body: Record<string, unknown>): Promise<Record<string, unknown> & { readonly id: string }> => {
  const answer = await send('POST', path, { [name]: body });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return answer.body[name];
};

test('listener, pool, member and monitor: made, read as told, changed, removed from the inside out', async () => {
  const balancer = await made('loadbalancers', 'loadbalancer', { name: 'shared', vip_subnet_id: place.subnet });
  const listener = await made('listeners', 'listener', { loadbalancer_id: balancer.id, protocol: 'HTTP', protocol_port: 8080, name: 'http' });
  assert.deepEqual([listener['loadbalancers'], listener['tags'], listener['admin_state_up']], [[{ id: balancer.id }], [], true]);
  const persistence = { type: 'APP_COOKIE', cookie_name: 'session' };
  const pool = await made('pools', 'pool', {
    listener_id: listener.id,
    protocol: 'HTTP',
    lb_algorithm: 'ROUND_ROBIN',
    session_persistence: persistence,
  });
  assert.deepEqual([pool['session_persistence'], pool['listeners']], [persistence, [{ id: listener.id }]]);
  const member = await made(`pools/${pool.id}/members`, 'member', { address: '10.20.0.9', protocol_port: 80, subnet_id: place.subnet });
  assert.deepEqual([member['subnet_id'], member['weight']], [place.subnet, 1]);
  const monitor = await made('healthmonitors', 'healthmonitor', {
    pool_id: pool.id,
    type: 'HTTP',
    delay: 20,
    timeout: 10,
    max_retries: 5,
    url_path: '/',
  });
  assert.deepEqual([monitor['url_path'], monitor['pools']], ['/', [{ id: pool.id }]]);
  const heavier = await send('PUT', `pools/${pool.id}/members/${member.id}`, { member: { weight: 7 } });
  assert.deepEqual([heavier.status, heavier.body.member.weight], [200, 7]);
  const slower = await send('PUT', `healthmonitors/${monitor.id}`, { healthmonitor: { timeout: 12 } });
  assert.deepEqual([slower.body.healthmonitor.timeout, slower.body.healthmonitor.url_path], [12, '/']);
  assert.equal((await send('PUT', `listeners/${listener.id}`, { listener: { name: 'other' } })).body.listener.name, 'other');
  assert.deepEqual(
    (await cloud.get(at(`pools/${pool.id}/members`))).body.members.map(({ id }: { id: string }) => id),
    [member.id],
  );
  const order: readonly (readonly [string, number])[] = [
    [`loadbalancers/${balancer.id}`, 409],
    [`listeners/${listener.id}`, 409],
    [`pools/${pool.id}`, 409],
    [`healthmonitors/${monitor.id}`, 204],
    [`pools/${pool.id}/members/${member.id}`, 204],
    [`pools/${pool.id}`, 204],
    [`listeners/${listener.id}`, 204],
    [`loadbalancers/${balancer.id}`, 204],
    [`listeners/${listener.id}`, 404],
  ];
  for (const [path, status] of order) assert.equal((await send('DELETE', path)).status, status, path);
});

test('an address at the virtual port of a shared one shows that port; at that of a dedicated one, none', async () => {
  const vpc = `https://vpc.eu-de.otc.t-systems.com/v1/${cloud.project}`;
  const shown = async (balancer: Record<string, unknown>) => {
    const order = { publicip: { type: '5_bgp' }, bandwidth: { name: 'b', size: 5, share_type: 'PER' } };
    const { id } = (await cloud.send('POST', `${vpc}/publicips`, order)).body.publicip;
    const state = async () => (await cloud.get(`${vpc}/publicips/${id}`)).body.publicip;
    await eventually(state, ({ status }) => status === 'DOWN');
    assert.equal((await cloud.send('PUT', `${vpc}/publicips/${id}`, { publicip: { port_id: balancer['vip_port_id'] } })).status, 200);
    const { status, port_id, private_ip_address } = await state();
    return { status, port_id, private_ip_address };
  };
  const shared = await made('loadbalancers', 'loadbalancer', { vip_subnet_id: place.subnet });
  assert.deepEqual(await shown(shared), { status: 'ELB', port_id: shared['vip_port_id'], private_ip_address: shared['vip_address'] });
  const order = { vip_subnet_cidr_id: place.subnet, availability_zone_list: ['eu-de-01'] };
  const dedicated = await cloud.send('POST', `https://elb.eu-de.otc.t-systems.com/v3/${cloud.project}/elb/loadbalancers`, { loadbalancer: order });
  assert.deepEqual(await shown(dedicated.body.loadbalancer), { status: 'ELB', port_id: undefined, private_ip_address: undefined });
});

test('what cannot be is refused in the words of Neutron', async () => {
  const balancer = await made('loadbalancers', 'loadbalancer', { vip_subnet_id: place.subnet });
  const listener = { loadbalancer_id: balancer.id, protocol: 'TCP', protocol_port: 443 };
  await made('listeners', 'listener', listener);
  const twice = await send('POST', 'listeners', { listener });
  assert.deepEqual([twice.status, twice.body.NeutronError.type], [409, 'EntityInUse']);
  assert.equal((await send('POST', 'listeners', { listener: { ...listener, protocol: 'QUIC', protocol_port: 1 } })).status, 400);
  assert.equal((await send('POST', 'pools', { pool: { loadbalancer_id: 'none', protocol: 'TCP', lb_algorithm: 'ROUND_ROBIN' } })).status, 404);
  const pool = await made('pools', 'pool', { loadbalancer_id: balancer.id, protocol: 'TCP', lb_algorithm: 'ROUND_ROBIN' });
  const outside = { address: '192.0.2.1', protocol_port: 80, subnet_id: place.subnet };
  assert.equal((await send('POST', `pools/${pool.id}/members`, { member: outside })).status, 400);
});
