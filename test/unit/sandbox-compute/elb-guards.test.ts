/** What listeners are guarded with and how they forward: certificates, security policies, IP groups, forwarding policies; and what must go before what. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { closeClean } from '../sandbox-otc/cloud.ts';
import { type ComputeCloud, startComputeCloud } from './backends.ts';

let cloud: ComputeCloud;
let balancer: string;
let subnet: string;
let pem: { readonly certificate: string; readonly private_key: string };
before(async () => {
  cloud = await startComputeCloud();
  const place = await cloud.network();
  subnet = place.subnet;
  const text = execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', '/CN=login.example.com', '-keyout', '-'],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  ).toString();
  const split = text.indexOf('-----BEGIN CERTIFICATE');
  pem = { private_key: text.slice(0, split), certificate: text.slice(split) };
  const made = await post('loadbalancers', {
    loadbalancer: { vpc_id: place.vpc, vip_subnet_cidr_id: subnet, availability_zone_list: ['eu-de-01'], elb_virsubnet_ids: [place.network] },
  });
  balancer = made.body.loadbalancer.id;
});
after(() => closeClean(cloud));

const post = (path: string, body: unknown) => cloud.send('POST', `${cloud.elb}/${path}`, body);
const put = (path: string, body: unknown) => cloud.send('PUT', `${cloud.elb}/${path}`, body);
const get = async (path: string) => (await cloud.get(`${cloud.elb}/${path}`)).body;
const remove = async (path: string): Promise<number> => (await cloud.send('DELETE', `${cloud.elb}/${path}`)).status;
const listener = async (port: number, patch: Record<string, unknown>): Promise<string> => {
  const made = await post('listeners', { listener: { loadbalancer_id: balancer, protocol_port: port, ...patch } });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  return made.body.listener.id;
};
const pool = async (patch: Record<string, unknown> = {}): Promise<string> =>
  (await post('pools', { pool: { loadbalancer_id: balancer, protocol: 'HTTP', lb_algorithm: 'ROUND_ROBIN', ...patch } })).body.pool.id;

test('certificate, security policy and IP group stay while a listener uses them', async () => {
  const server = (await post('certificates', { certificate: { name: 'server', type: 'server', domain: 'login.example.com', ...pem } })).body
    .certificate;
  assert.match(server.expire_time, /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  const client = (await post('certificates', { certificate: { name: 'ca', type: 'client', certificate: pem.certificate } })).body.certificate;
  assert.deepEqual([client.private_key, client.domain], [null, null]);
  assert.equal((await post('certificates', { certificate: { certificate: 'none', private_key: pem.private_key } })).status, 400);
  assert.equal((await post('certificates', { certificate: { certificate: pem.certificate } })).status, 400, 'a server certificate has a key');
  const policy = (await post('security-policies', { security_policy: { name: 'strict', protocols: ['TLSv1.2'], ciphers: ['ECDHE-RSA-AES128-SHA'] } }))
    .body.security_policy;
  const group = (await post('ipgroups', { ipgroup: { name: 'offices', ip_list: [{ ip: '192.0.2.0/24', description: 'one' }] } })).body.ipgroup;
  const https = await listener(443, {
    protocol: 'HTTPS',
    default_tls_container_ref: server.id,
    client_ca_tls_container_ref: client.id,
    security_policy_id: policy.id,
    ipgroup: { ipgroup_id: group.id, enable_ipgroup: true },
    tags: [{ key: 'app', value: 'zitadel' }],
  });
  assert.deepEqual((await get(`listeners/${https}`)).listener.tags, [{ key: 'app', value: 'zitadel' }]);
  assert.deepEqual((await get(`ipgroups/${group.id}`)).ipgroup.listeners, [{ id: https }]);
  for (const path of [`certificates/${server.id}`, `certificates/${client.id}`, `security-policies/${policy.id}`, `ipgroups/${group.id}`])
    assert.equal(await remove(path), 409, path);
  const renamed = await put(`certificates/${server.id}`, { certificate: { name: 'other' } });
  assert.deepEqual([renamed.body.certificate.name, renamed.body.certificate.domain], ['other', 'login.example.com']);
  const added = await post(`ipgroups/${group.id}/iplist/create-or-update`, { ipgroup: { ip_list: [{ ip: '198.51.100.7' }] } });
  assert.deepEqual(
    added.body.ipgroup.ip_list.map(({ ip }: { ip: string }) => ip),
    ['192.0.2.0/24', '198.51.100.7'],
  );
  assert.equal(await remove(`listeners/${https}`), 204);
  for (const path of [`certificates/${server.id}`, `certificates/${client.id}`, `security-policies/${policy.id}`, `ipgroups/${group.id}`])
    assert.equal(await remove(path), 204, path);
  assert.equal((await cloud.get(`${cloud.elb}/certificates/${server.id}`)).status, 404);
});

test('forwarding policies hang on HTTP listeners, their pools stay as long as they do', async () => {
  const tcp = await listener(5000, { protocol: 'TCP' });
  const http = await listener(8080, { protocol: 'HTTP', enhance_l7policy_enable: true });
  const target = await pool();
  const policy = (patch: Record<string, unknown>) => post('l7policies', { l7policy: { listener_id: http, action: 'REDIRECT_TO_POOL', ...patch } });
  assert.equal((await policy({ listener_id: tcp, redirect_pool_id: target })).status, 400);
  const made = await policy({ redirect_pool_id: target, name: 'all', position: 37 });
  assert.deepEqual([made.status, made.body.l7policy.position, made.body.l7policy.rules], [201, 37, []]);
  const { id } = made.body.l7policy;
  assert.equal((await post(`l7policies/${id}/rules`, { rule: { type: 'HOST_NAME', compare_type: 'REGEX', value: '.*' } })).status, 400);
  const rule = (await post(`l7policies/${id}/rules`, { rule: { type: 'PATH', compare_type: 'REGEX', value: '^.+$' } })).body.rule;
  assert.equal((await put(`l7policies/${id}/rules/${rule.id}`, { rule: { value: '^/a.+$' } })).body.rule.value, '^/a.+$');
  assert.deepEqual((await get(`l7policies/${id}`)).l7policy.rules, [{ id: rule.id }]);
  const fixed = await policy({ action: 'FIXED_RESPONSE', fixed_response_config: { status_code: '200', message_body: 'hello' }, priority: 10 });
  assert.equal(fixed.body.l7policy.fixed_response_config.message_body, 'hello');
  assert.equal(await remove(`pools/${target}`), 409);
  assert.equal(await remove(`listeners/${http}`), 409);
  assert.equal(await remove(`l7policies/${id}`), 204);
  assert.equal(await remove(`l7policies/${fixed.body.l7policy.id}`), 204);
  assert.equal(await remove(`pools/${target}`), 204);
  assert.equal(await remove(`listeners/${http}`), 204);
  assert.equal(await remove(`listeners/${tcp}`), 204);
});

test('a listener goes before its default pool where that has no members any more', async () => {
  const own = await pool({ protocol: 'TCP', member_deletion_protection_enable: false });
  const tcp = await listener(5001, { protocol: 'TCP', default_pool_id: own });
  const member = (await post(`pools/${own}/members`, { member: { address: '10.20.0.9', protocol_port: 80, subnet_cidr_id: subnet } })).body.member;
  assert.equal(await remove(`listeners/${tcp}`), 409);
  assert.equal(await remove(`pools/${own}/members/${member.id}`), 204);
  assert.equal(await remove(`listeners/${tcp}`), 204);
  assert.equal(await remove(`pools/${own}`), 204);
});
