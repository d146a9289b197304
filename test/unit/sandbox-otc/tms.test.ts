/** TMS, the tag query across services: whose token it takes, what it finds, sets and takes away. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { closeClean, startCloud } from './cloud.ts';
import { networkClient } from './networks.ts';

const cloud = await startCloud();
after(() => closeClean(cloud));

const { v1, post, tagsOf, get } = networkClient(cloud);
const host = 'https://tms.eu-de.otc.t-systems.com/v1.0';

test('tags are asked for and changed with a token of the domain, not of a project', async () => {
  const { id } = (await post(v1('/vpcs'), { vpc: { name: 'tagged', cidr: '10.0.0.0/16' } })).body.vpc;
  const token = await cloud.token('admin', { domain: { id: cloud.tenant.domainId } });
  const ask = (path: string, body: object, as = token) =>
    cloud.ask(`${host}${path}`, { method: 'POST', body: { project_id: cloud.project, ...body }, headers: { 'x-auth-token': as } });
  const change = { resources: [{ resource_id: id, resource_type: 'vpcs' }], tags: [{ key: 'app', value: 'zitadel' }] };
  const refused = await ask('/resource-tags/batch-create', change, await cloud.token('admin'));
  assert.deepEqual([refused.status, refused.body.error_code], [403, 'TMS.0004']);
  assert.deepEqual((await ask('/resource-tags/batch-create', change)).body, { failed_resources: [] });
  assert.deepEqual((await get(tagsOf('vpcs', id))).body, { tags: change.tags });
  const filter = { resource_types: ['vpcs', 'disk'], tags: [{ key: 'app', values: ['zitadel'] }] };
  const { body } = await ask('/resource-instances/filter', filter);
  assert.deepEqual(
    [body.total_count, body.resources[0].resource_id, body.resources[0].tags, body.errors[0].error_code],
    [1, id, change.tags, 'TMS.0012'],
  );
  assert.deepEqual((await ask('/resource-tags/batch-delete', change)).body, { failed_resources: [] });
  assert.equal((await ask('/resource-instances/filter', filter)).body.total_count, 0);
  const signed = await cloud.signed(`${host}/resource-instances/filter`, {
    method: 'POST',
    body: { project_id: cloud.project, ...filter },
    project: null,
  });
  assert.equal(signed.status, 200);
});
