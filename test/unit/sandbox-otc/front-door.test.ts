/** What every service has in common, as a foreign client meets it: who may call, what is refused, what is recorded. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { networkTables } from '../../../sandbox/otc/tables/network.ts';
import { closeClean, startCloud, vpcHost } from './cloud.ts';

const cloud = await startCloud();
after(() => closeClean(cloud, 'strange requests'));
const vpcs = () => `${vpcHost}/v1/${cloud.project}/vpcs`;

test('a token and both signature variants open the door', async () => {
  assert.deepEqual((await cloud.as('admin', vpcs())).body, { vpcs: [] });
  for (const variant of [1, 2] as const) assert.equal((await cloud.signed(vpcs(), { variant })).status, 200);
  assert.equal(
    (await cloud.signed(`${vpcs()}?limit=2`, { variant: 2, project: null })).status,
    200,
    'the project of the path serves where no header names one',
  );
});

test('without credentials, and with wrong ones, the gateway answers', async () => {
  const none = await cloud.ask(vpcs());
  assert.equal(none.status, 401);
  assert.equal(none.body.error_code, 'APIG.0301');
  assert.equal(none.body.request_id, none.headers['x-request-id']);
  assert.match(String(none.headers['date']), /GMT$/);
  const wrong = await cloud.as('admin', vpcs(), { headers: { 'x-auth-token': 'nonsense' } });
  assert.deepEqual([wrong.status, wrong.body.error_code], [401, 'APIG.0301']);
});

test('an expired token must be updated', async () => {
  const token = await cloud.token('admin');
  const table = cloud.store.table<{ id: string; issued: number; expires: number }>('iam.tokens');
  const last = table.all().at(-1);
  assert.ok(last !== undefined);
  table.update(last.id, { expires: Date.now() - 1 });
  const answer = await cloud.ask(vpcs(), { headers: { 'x-auth-token': token } });
  assert.deepEqual([answer.status, answer.body.error_code], [401, 'APIG.0307']);
});

test('the clock may be wrong by 15 minutes, not more', async () => {
  const minutes = (count: number) => new Date(Date.now() + count * 60_000);
  assert.equal((await cloud.signed(vpcs(), { date: minutes(-14) })).status, 200);
  assert.equal((await cloud.signed(vpcs(), { date: minutes(14) })).status, 200);
  const late = await cloud.signed(vpcs(), { date: minutes(-16) });
  assert.deepEqual([late.status, late.body.error_code], [401, 'APIG.0301']);
});

test('six wrong signatures lock the access key, also for right ones', async () => {
  const { accessKey, secretKey } = cloud.tenant.reader;
  for (let count = 0; count < 6; count++) {
    const answer = await cloud.signed(vpcs(), { accessKey, secretKey: 'wrong' });
    assert.match(answer.body.error_msg, /verify aksk signature fail/);
  }
  const locked = await cloud.signed(vpcs(), { accessKey, secretKey });
  assert.equal(locked.status, 401);
  assert.match(locked.body.error_msg, /AK access failed to reach the limit,forbidden/);
  cloud.store.table<{ id: string; until: number }>('iam.lockouts').update(`key:${accessKey}`, { until: Date.now() - 1 });
  assert.equal((await cloud.signed(vpcs(), { accessKey, secretKey })).status, 200);
});

test('an unknown access key is named', async () => {
  const answer = await cloud.signed(vpcs(), { accessKey: 'AKNOBODY' });
  assert.match(answer.body.error_msg, /ak:AKNOBODY/);
});

test('read credentials read and write nothing', async () => {
  assert.equal((await cloud.as('reader', vpcs())).status, 200);
  const write = await cloud.as('reader', vpcs(), { method: 'POST', body: { vpc: { name: 'x', cidr: '10.0.0.0/16' } } });
  assert.deepEqual([write.status, write.body.code], [403, 'VPC.2201']);
  const neutron = await cloud.as('reader', `${vpcHost}/v2.0/security-groups`, { method: 'POST', body: { security_group: { name: 'x' } } });
  assert.deepEqual([neutron.status, neutron.body.NeutronError.type], [403, 'Forbidden']);
  const query = await cloud.as('reader', `${vpcHost}/v2.0/${cloud.project}/vpcs/resource_instances/action`, {
    method: 'POST',
    body: { action: 'count' },
  });
  assert.deepEqual([query.status, query.body], [200, { total_count: 0 }]);
});

test('the project in the path must be the own one, and of the region', async () => {
  const other = cloud.tenant.projects.find(({ region }) => region === 'eu-nl')?.id ?? '';
  assert.equal((await cloud.as('admin', `${vpcHost}/v1/${other}/vpcs`)).status, 403);
  assert.equal((await cloud.as('admin', `https://vpc.eu-nl.otc.t-systems.com/v1/${cloud.project}/vpcs`)).status, 403);
  const token = await cloud.token('admin', { domain: { name: cloud.tenant.domainName } });
  assert.equal((await cloud.ask(vpcs(), { headers: { 'x-auth-token': token } })).status, 403, 'a domain token opens no regional service');
});

test('unknown paths, hosts, fields and parameters are answered and recorded', async () => {
  const path = await cloud.as('admin', `${vpcHost}/v1/${cloud.project}/unheard-of`);
  assert.deepEqual([path.status, path.body.error_code], [404, 'APIG.0101']);
  assert.equal((await cloud.as('admin', `https://swr.eu-de.otc.t-systems.com/v2/x`)).status, 404);
  assert.equal((await cloud.as('admin', `${vpcs()}?colour=red`)).status, 200);
  const made = await cloud.as('admin', vpcs(), { method: 'POST', body: { vpc: { name: 'odd', cidr: '10.0.0.0/16', colour: 'red' } } });
  assert.equal(made.status, 200);
  const seen = networkTables(cloud.store).oddities.all();
  assert.deepEqual(
    seen.map(({ kind, detail }) => `${kind} ${detail}`),
    ['path vpc.eu-de.otc.t-systems.com', 'host swr.eu-de.otc.t-systems.com', 'query colour', 'field vpc.colour'],
  );
  await cloud.as('admin', `${vpcs()}?colour=blue`);
  assert.equal(networkTables(cloud.store).oddities.find(({ kind }) => kind === 'query')?.count, 2);
});

test('wrong types and broken JSON are refused in the shape of the service', async () => {
  const wrong = await cloud.as('admin', vpcs(), { method: 'POST', body: { vpc: { name: 5, cidr: '10.0.0.0/16' } } });
  assert.deepEqual([wrong.status, wrong.body.code], [400, 'VPC.0101']);
  assert.match(wrong.body.message, /vpc\.name must be a string, not the number 5/);
  for (const body of [undefined, {}, { vpc: null }]) {
    const empty = await cloud.as('admin', vpcs(), { method: 'POST', ...(body === undefined ? {} : { body }) });
    assert.deepEqual([empty.status, empty.body.code], [400, 'VPC.0101'], JSON.stringify(body));
  }
  const broken = await cloud.as('admin', vpcs(), { method: 'POST', raw: '{"vpc":' });
  assert.deepEqual([broken.status, broken.body.code], [400, 'VPC.0101']);
  const neutron = await cloud.as('admin', `${vpcHost}/v2.0/security-groups`, { method: 'POST', body: {} });
  assert.deepEqual([neutron.status, neutron.body.NeutronError.type], [400, 'BadRequest']);
});

test('a body of more than 12 MB is answered by the gateway', async () => {
  const answer = await cloud.as('admin', `${vpcHost}/v1/${cloud.project}/vpcs`, { method: 'POST', raw: ' '.repeat(12 * 1024 * 1024 + 1) });
  assert.deepEqual([answer.status, answer.body.error_code], [413, 'APIG.0201']);
});

test('every request is in the log, with who called and how', async () => {
  cloud.control.clearRequests();
  await cloud.signed(`${vpcs()}?limit=1`);
  await cloud.ask(vpcs());
  assert.deepEqual(
    cloud.control.requests().map(({ service, method, path, query, status, via }) => ({ service, method, path, query, status, via })),
    [
      { service: 'vpc', method: 'GET', path: `/v1/${cloud.project}/vpcs`, query: 'limit=1', status: 200, via: 'signature' },
      { service: 'vpc', method: 'GET', path: `/v1/${cloud.project}/vpcs`, query: '', status: 401, via: undefined },
    ],
  );
});

test('faults: an answer in place of the work, one after it, a cut connection', async () => {
  const post = (name: string) => cloud.as('admin', vpcs(), { method: 'POST', body: { vpc: { name, cidr: '10.0.0.0/16' } } });
  const names = async () => (await cloud.as('admin', vpcs())).body.vpcs.map((row: { name: string }) => row.name);
  cloud.control.setFaults([{ service: 'vpc', method: 'POST', act: { kind: 'answer', status: 429, body: { error_code: 'APIG.0308' } } }]);
  assert.deepEqual([(await post('lost')).status, (await names()).includes('lost')], [429, false]);
  cloud.control.setFaults([{ service: 'vpc', method: 'POST', act: { kind: 'answer', status: 502, effect: 'after' } }]);
  assert.deepEqual([(await post('made')).status, (await names()).includes('made')], [502, true]);
  for (const [body, type] of [
    [{ error_code: 'APIG.0202' }, 'application/json'],
    ['{"error_code":"APIG.0202"}', 'application/json'],
    ['upstream connect error', 'text/plain'],
    ['<html><body>502 Bad Gateway</body></html>', 'text/html'],
  ] as const) {
    cloud.control.setFaults([{ service: 'vpc', method: 'GET', act: { kind: 'answer', status: 502, body } }]);
    assert.equal((await cloud.as('admin', vpcs())).headers['content-type'], type);
  }
  cloud.control.setFaults([{ service: 'vpc', method: 'POST', act: { kind: 'reset', when: 'after' } }]);
  await assert.rejects(post('cut'), { code: 'ECONNRESET' });
  assert.ok((await names()).includes('cut'));
  cloud.control.setFaults([]);
});
