/** Disks as the Terraform provider orders, reads, enlarges, tags and removes them, by Cinder's calls and by the cloud's own. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { networkTables } from '../../../sandbox/otc/tables/network.ts';
import { closeClean, eventually } from '../sandbox-otc/cloud.ts';
import { startComputeCloud } from './backends.ts';

const cloud = await startComputeCloud();
after(() => closeClean(cloud));

const at = (version: 'v1' | 'v2' | 'v3', path: string): string => `https://evs.eu-de.otc.t-systems.com/${version}/${cloud.project}${path}`;
const order = (patch: Record<string, unknown> = {}) => ({
  volume: { name: 'data', description: 'one', size: 20, volume_type: 'SSD', availability_zone: 'eu-de-01', ...patch },
});
const status = async (id: string): Promise<string> => (await cloud.get(at('v3', `/volumes/${id}`))).body.volume.status;

test('disk types say in which zones they are to be had', async () => {
  const { body } = await cloud.get(at('v3', '/types'));
  const ssd = body.volume_types.find((one: { name: string }) => one.name === 'SSD');
  assert.equal(ssd.extra_specs['RESKEY:availability_zones'], 'eu-de-01,eu-de-02,eu-de-03');
  assert.deepEqual((await cloud.get(at('v2', `/types/${ssd.id}`))).body.volume_type, ssd);
  assert.equal((await cloud.get(at('v2', '/types/none'))).status, 404);
});

test('evs_volume_v3: a job tells the id, tags and size change in place', async () => {
  const ordered = await cloud.send('POST', at('v3', '/cloudvolumes'), order({ multiattach: true }));
  assert.equal(ordered.status, 200);
  const job = await eventually(
    async () => (await cloud.get(at('v1', `/jobs/${ordered.body.job_id}`))).body,
    (seen) => seen.status === 'SUCCESS',
    'job',
  );
  assert.equal(job.job_type, 'createVolume');
  const id = String(job.entities.volume_id);
  const shown = (await cloud.get(at('v3', `/os-vendor-volumes/${id}`))).body.volume;
  assert.deepEqual([shown.status, shown.size, shown.multiattach, shown.tags, shown.bootable], ['available', 20, true, {}, 'false']);
  assert.match(shown.wwn, /^[0-9a-f]{32}$/);
  const tags = { action: 'create', tags: [{ key: 'app', value: 'zitadel' }] };
  assert.equal((await cloud.send('POST', at('v3', `/os-vendor-volumes/${id}/tags/action`), tags)).status, 204);
  assert.deepEqual((await cloud.get(at('v3', `/os-vendor-volumes/${id}/tags`))).body.tags, [{ key: 'app', value: 'zitadel' }]);
  const renamed = await cloud.send('PUT', at('v3', `/volumes/${id}`), { volume: { name: 'other', description: '' } });
  assert.deepEqual([renamed.status, renamed.body.volume.name, renamed.body.volume.description], [200, 'other', '']);
  assert.equal((await cloud.send('POST', at('v3', `/volumes/${id}/action`), { 'os-extend': { new_size: 20 } })).status, 400);
  assert.equal((await cloud.send('POST', at('v3', `/volumes/${id}/action`), { 'os-extend': { new_size: 40 } })).status, 202);
  await eventually(
    async () => (await cloud.get(at('v3', `/volumes/${id}`))).body.volume,
    (seen) => seen.status === 'available' && seen.size === 40,
    'larger disk',
  );
});

test('blockstorage_volume_v2: the answer is the disk, tags come as an object', async () => {
  const made = await cloud.send('POST', at('v2', '/volumes'), order());
  assert.equal(made.status, 202);
  const id = String(made.body.volume.id);
  await eventually(
    () => status(id),
    (seen) => seen === 'available',
    'disk',
  );
  const tagged = await cloud.send('POST', at('v2', `/os-vendor-tags/volumes/${id}`), { tags: { a: 'b' } });
  assert.deepEqual([tagged.status, tagged.body], [200, { tags: { a: 'b' } }]);
  assert.deepEqual((await cloud.get(at('v2', `/os-vendor-tags/volumes/${id}`))).body, { tags: { a: 'b' } });
  assert.equal((await cloud.send('DELETE', at('v2', `/volumes/${id}`))).status, 202);
  await eventually(
    async () => (await cloud.get(at('v2', `/volumes/${id}`))).status,
    (seen) => seen === 404,
    'gone',
  );
});

test('EVS counts the disks of all pages, Cinder does not: its client would take a count for another answer', async () => {
  await cloud.send('POST', at('v3', '/volumes'), order({ name: 'counted' }));
  const { body } = await cloud.get(at('v2', '/cloudvolumes/detail?limit=0'));
  assert.deepEqual([body.count > 0, body.volumes], [true, []]);
  assert.deepEqual(Object.keys((await cloud.get(at('v3', '/volumes/detail'))).body), ['volumes']);
});

test('what cannot be is refused in the form of EVS', async () => {
  for (const patch of [{ volume_type: 'SATA' }, { availability_zone: 'eu-de-09' }, { size: 5 }, { count: 0 }]) {
    const answer = await cloud.send('POST', at('v3', '/cloudvolumes'), order(patch));
    assert.equal(answer.status, 400, JSON.stringify(patch));
    assert.match(answer.body.error.code, /^EVS\.\d{4}$/);
  }
});

test('quotas are told as documented, and an order or a larger size that exceeds one is refused by each kind of call in its way', async () => {
  const { switches } = networkTables(cloud.store);
  const told = async () => (await cloud.get(at('v2', `/os-quota-sets/${cloud.project}?usage=True`))).body.quota_set;
  const made = await cloud.send('POST', at('v3', '/volumes'), order());
  await eventually(
    () => status(made.body.volume.id),
    (seen) => seen === 'available',
    'disk',
  );
  const { id, volumes, gigabytes, gigabytes_SSD: ssd, volumes_SAS: sas } = await told();
  assert.equal(id, cloud.project);
  assert.deepEqual([volumes.in_use > 0, gigabytes.in_use >= 20, ssd.in_use, ssd.limit, sas.in_use], [true, true, gigabytes.in_use, -1, 0]);
  assert.equal((await cloud.get(at('v2', `/os-quota-sets/${cloud.project}`))).status, 400);
  assert.equal((await cloud.get(at('v2', '/os-quota-sets/other?usage=True'))).status, 403);
  const refused = async (path: string, body: unknown): Promise<string> => {
    const answer = await cloud.send('POST', at('v3', path), body);
    return `${answer.status} ${answer.body.error?.code}`;
  };
  switches.insert({ id: 'quota:evs.volumes', value: volumes.in_use });
  assert.deepEqual([await refused('/cloudvolumes', order()), await refused('/volumes', order())], ['400 EVS.1034', '413 EVS.5413']);
  switches.remove('quota:evs.volumes');
  switches.insert({ id: 'quota:evs.gigabytes', value: gigabytes.in_use + 39 });
  assert.equal((await told()).gigabytes.limit, gigabytes.in_use + 39);
  assert.equal(await refused('/cloudvolumes', order({ count: 2 })), '400 EVS.1042');
  const larger = { 'os-extend': { new_size: 60 } };
  assert.equal(await refused(`/cloudvolumes/${made.body.volume.id}/action`, larger), '400 EVS.1042');
  assert.equal(await refused(`/volumes/${made.body.volume.id}/action`, larger), '413 EVS.5413');
  switches.remove('quota:evs.gigabytes');
  switches.insert({ id: 'quota:evs.gigabytes_SSD', value: ssd.in_use });
  assert.equal(await refused('/cloudvolumes', order()), '400 EVS.1042');
  assert.equal(await refused('/volumes', order({ volume_type: 'SAS' })), '202 undefined');
  switches.remove('quota:evs.gigabytes_SSD');
});
