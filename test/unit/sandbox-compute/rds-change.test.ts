/** Changes of a living RDS instance: what is answered before it begins, how long others wait, and what is refused or ignored. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { paces } from '../../../sandbox/otc/store.ts';
import { closeClean, eventually } from '../sandbox-otc/cloud.ts';
import { startComputeCloud } from './backends.ts';
import { instanceClient } from './instances.ts';

const cloud = await startComputeCloud();
const place = await cloud.network();
after(() => closeClean(cloud));

const { single, create, show, active } = instanceClient(cloud, place);
/** A single instance that serves. */
async function made(name: string): Promise<{ readonly id: string; readonly at: string }> {
  const { id } = (await create(single({ name }))).body.instance;
  await active(id);
  return { id, at: `${cloud.rds}/instances/${id}` };
}

/** What is still to come happens at the pace `fast` from here on. */
function hurry(): void {
  const { timed, ...rest } = JSON.parse(cloud.store.save()) as { timed: { inMilliseconds: number }[] };
  cloud.store.load(JSON.stringify({ ...rest, timed: timed.map((one) => ({ ...one, inMilliseconds: one.inMilliseconds * paces.fast })) }));
}

test('changes keep the instance busy, and while it is busy others wait', async () => {
  const { id, at } = await made('changing');
  cloud.store.pace = 'real';
  assert.equal((await cloud.send('PUT', `${at}/port`, { port: 5433 })).status, 200);
  assert.equal((await show(id)).status, 'ACTIVE', 'it is only queued');
  const busy = await cloud.send('POST', `${at}/action`, { restart: {} });
  assert.deepEqual([busy.status, busy.body.error_code], [409, 'DBS.200019']);
  assert.equal((await cloud.send('DELETE', at)).status, 409);
  hurry();
  const working = await eventually(
    () => show(id),
    ({ status }) => status !== 'ACTIVE',
    'it begins',
  );
  assert.deepEqual([working.status, working.port], ['MODIFYING DATABASE PORT', 5432]);
  cloud.store.pace = 'instant';
  const moved = await active(id);
  assert.equal(moved.port, 5433);
  assert.ok(cloud.notes.asked.includes(`database move ${id} ${moved.private_ips[0]}:5433`));

  assert.equal((await cloud.send('POST', `${at}/action`, { enlarge_volume: { size: 30 } })).body.error_code, 'DBS.200023');
  assert.equal((await cloud.send('POST', `${at}/action`, { enlarge_volume: { size: 60 } })).status, 202);
  assert.equal((await active(id)).volume.size, 60);
  assert.equal((await cloud.send('POST', `${at}/action`, { resize_flavor: { spec_code: 'rds.pg.n1.xlarge.4' } })).status, 202);
  assert.equal((await active(id)).flavor_ref, 'rds.pg.n1.xlarge.4');
  assert.ok(cloud.notes.asked.includes(`database restart ${id}`));
  assert.equal((await cloud.send('POST', `${at}/action`, { single_to_ha: { az_code_new_node: 'eu-de-02' } })).status, 202);
  assert.equal((await active(id)).nodes.length, 2);
  assert.equal(
    (await cloud.send('PUT', `${at}/backups/policy`, { backup_policy: { keep_days: 14, start_time: '03:00-04:00', period: '1,2,3' } })).status,
    200,
  );
  assert.deepEqual((await cloud.get(`${at}/backups/policy`)).body, { backup_policy: { keep_days: 14, start_time: '03:00-04:00', period: '1,2,3' } });
  assert.equal((await cloud.send('PUT', `${at}/ops-window`, { start_time: '22:00', end_time: '02:00' })).status, 200);
  assert.equal((await cloud.send('PUT', `${at}/ops-window`, { start_time: '22:00', end_time: '01:00' })).status, 400);
  assert.equal((await cloud.send('PUT', `${at}/disk-auto-expansion`, { switch_option: true, limit_size: 200, trigger_threshold: 10 })).status, 200);
  assert.deepEqual((await cloud.get(`${at}/disk-auto-expansion`)).body, { switch_option: true, limit_size: 200, trigger_threshold: 10 });
  assert.equal((await cloud.send('POST', `${at}/password`, { db_user_pwd: 'An0ther-Passw' })).status, 200);
  assert.equal((await cloud.send('POST', `${at}/password`, { db_user_pwd: 'weak' })).body.error_code, 'DBS.280246');
  assert.equal((await cloud.send('PUT', `${at}/ssl`, { ssl_option: false })).status, 400);
  const group = await cloud.send('POST', 'https://vpc.eu-de.otc.t-systems.com/v2.0/security-groups', { security_group: { name: 'other' } });
  cloud.store.pace = 'fast';
  assert.equal((await cloud.send('PUT', `${at}/security-group`, { security_group_id: group.body.security_group.id })).status, 200);
  assert.deepEqual((await cloud.send('PUT', `${at}/port`, { port: 5434 })).status, 409, 'it is busy, whatever its status says');
  assert.notEqual((await show(id)).security_group_id, group.body.security_group.id);
  cloud.store.pace = 'instant';
  await eventually(
    () => show(id),
    (seen) => seen.security_group_id === group.body.security_group.id,
    'the group arrives',
  );
  assert.deepEqual(cloud.notes.databases.get(id)?.groups(), [group.body.security_group.id]);
});

test('parameters arrive some time after the answer; what is unknown or read-only is ignored and named', async () => {
  const { at } = await made('parameters');
  const set = await cloud.send('PUT', `${at}/configurations`, { values: { password_encryption: 'md5', ssl: 'off', nonsense: '1' } });
  assert.deepEqual([set.body.restart_required, set.body.ignored_params], [false, ['ssl', 'nonsense']]);
  const value = async (name: string): Promise<string> =>
    (await cloud.get(`${at}/configurations`)).body.configuration_parameters.find((one: { name: string }) => one.name === name).value;
  await eventually(
    () => value('password_encryption'),
    (now) => now === 'md5',
    'the parameter arrives',
  );
  const wrong = await cloud.send('PUT', `${at}/configurations`, { values: { password_encryption: 'none' } });
  assert.deepEqual([wrong.status, wrong.body.error_code, await value('ssl')], [400, 'DBS.280271', 'on']);
});
