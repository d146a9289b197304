/**
 * RDS as the official Terraform provider and our own client meet it: call sequences, strict types, every refusal.
 * Changes of a living instance are proved in `rds-change.test.ts`.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { strFromU8, unzipSync } from 'fflate';
import type { World } from '../../../sandbox/contract.ts';
import { certificateArchive } from '../../../sandbox/otc/rds-downloads.ts';
import { networkTables } from '../../../sandbox/otc/tables/network.ts';
import { closeClean, eventually } from '../sandbox-otc/cloud.ts';
import { startComputeCloud } from './backends.ts';
import { instanceClient } from './instances.ts';

const cloud = await startComputeCloud();
const place = await cloud.network();
after(() => closeClean(cloud, 'strange requests'));

const { order, single, create, show, active } = instanceClient(cloud, place);
const removed = async (id: string) => {
  assert.equal((await cloud.send('DELETE', `${cloud.rds}/instances/${id}`)).status, 202);
  await eventually(
    () => show(id),
    (row) => row === undefined,
    'instance is gone',
  );
  await eventually(
    () => networkTables(cloud.store).ports.where((port) => port.device_id === id).length,
    (count) => count === 0,
    'ports are gone',
  );
};

test('the catalogue: vcpus is a string, ram an integer, the engine spelled in any case', async () => {
  const flavors = (await cloud.get(`${cloud.rds}/flavors/postgresql?version_name=16&spec_code=rds.pg.x1.large.8.ha`)).body.flavors;
  assert.equal(flavors.length, 1);
  assert.deepEqual([flavors[0].vcpus, flavors[0].ram, flavors[0].instance_mode], ['2', 16, 'ha']);
  assert.deepEqual(flavors[0].az_status, { 'eu-de-01': 'normal', 'eu-de-02': 'normal', 'eu-de-03': 'normal' });
  const stores = (await cloud.get(`${cloud.rds}/datastores/PostgreSQL`)).body.dataStores;
  assert.deepEqual(
    stores.map((one: { name: string }) => one.name),
    ['13', '14', '15', '16', '17'],
  );
  assert.deepEqual((await cloud.get(`${cloud.rds}/quotas`)).body, { quotas: { resources: [{ type: 'instance', quota: 100, used: 0 }] } });
  assert.equal((await cloud.get(`${cloud.rds}/configurations`)).body.configurations[0].user_defined, false);
});

test('an instance from order to deletion, as the provider walks it', async () => {
  const made = await create(order());
  assert.equal(made.status, 202);
  assert.equal(made.body.instance.port, '5432', 'a string in the answer to the order');
  assert.equal(made.body.instance.status, 'BUILD');
  const { id } = made.body.instance;
  assert.match(id, /^[0-9a-f]{32}in03$/);
  const job = async () => (await cloud.get(`${cloud.rds}/jobs?id=${made.body.job_id}`)).body.job;
  await eventually(job, (seen) => seen.status === 'Completed', 'job completes');
  const tagged = await cloud.send('POST', `${cloud.rds}/instances/${id}/tags/action`, { action: 'create', tags: [{ key: 'app', value: 'zitadel' }] });
  assert.equal(tagged.status, 200);
  const row = await active(id);
  assert.deepEqual(
    [row.port, row.enable_ssl, row.type, row.db_user_name, row.datastore.version, row.cpu, row.mem, row.ha],
    [5432, true, 'Ha', 'root', '16', '2', '8', { replication_mode: 'async' }],
  );
  assert.deepEqual(
    row.nodes.map((node: { role: string; availability_zone: string }) => [node.role, node.availability_zone]),
    [
      ['master', 'eu-de-01'],
      ['slave', 'eu-de-02'],
    ],
  );
  assert.equal(row.private_ips.length, 1);
  assert.deepEqual(row.tags, [{ key: 'app', value: 'zitadel' }]);
  const spec = cloud.notes.databases.get(id);
  assert.deepEqual([spec?.address, spec?.port, spec?.rootPassword], [row.private_ips[0], 5432, 'Sup3r-secret_Pw']);
  assert.deepEqual(spec?.groups(), [place.group]);
  assert.equal((await cloud.get(`${cloud.rds}/backups?instance_id=${id}`)).body.backups[0].status, 'COMPLETED');
  assert.deepEqual((await cloud.get(`${cloud.rds}/instances/${id}/disk-auto-expansion`)).body, {
    switch_option: false,
    limit_size: 0,
    trigger_threshold: 0,
  });
  assert.equal((await cloud.get(`${cloud.rds}/instances/${id}`)).status, 404, 'there is no call for one instance');
  await removed(id);
  assert.equal((await cloud.get(`${cloud.rds}/instances?id=${id}`)).status, 200);
  assert.equal((await cloud.get(`${cloud.rds}/recycle-instances`)).body.instances[0].id, id);
});

test('an order against each rule is refused with its code', async () => {
  const refusals: [Record<string, unknown>, number, string][] = [
    [{ name: '1abc' }, 400, 'DBS.280001'],
    [{ datastore: { type: 'PostgreSQL', version: '9.6' } }, 400, 'DBS.280001'],
    [{ datastore: { type: 'MySQL', version: '8.0' } }, 400, 'DBS.280001'],
    [{ flavor_ref: 'rds.pg.n1.huge.4.ha' }, 400, 'DBS.200053'],
    [{ flavor_ref: 'rds.pg.n1.large.4' }, 400, 'DBS.280001'],
    [{ ha: { mode: 'Ha', replication_mode: 'semisync' } }, 400, 'DBS.280001'],
    [{ availability_zone: 'eu-de-01' }, 400, 'DBS.280001'],
    [{ availability_zone: 'eu-de-01,eu-de-09' }, 400, 'DBS.280001'],
    [{ volume: { type: 'FLOPPY', size: 40 } }, 400, 'DBS.280001'],
    [{ volume: { type: 'CLOUDSSD', size: 30 } }, 400, 'DBS.200023'],
    [{ volume: { type: 'CLOUDSSD', size: 45 } }, 400, 'DBS.200027'],
    [{ volume: { type: 'CLOUDSSD', size: '40' } }, 400, 'DBS.280001'],
    [{ password: 'short1A' }, 400, 'DBS.280246'],
    [{ password: 'alllowercase' }, 400, 'DBS.280246'],
    [{ password: 'With blank 1' }, 400, 'DBS.280246'],
    [{ password: 'Passw0rd123!' }, 400, 'DBS.280246'],
    [{ password: undefined }, 400, 'DBS.280001'],
    [{ port: '80' }, 400, 'DBS.280001'],
    [{ port: 5432 }, 400, 'DBS.280001'],
    [{ vpc_id: 'nowhere' }, 404, 'DBS.200503'],
    [{ subnet_id: place.subnet }, 404, 'DBS.200501'],
    [{ security_group_id: 'nobody' }, 404, 'DBS.200050'],
    [{ data_vip: '10.99.0.5' }, 400, 'DBS.280001'],
    [{ data_vip: '10.20.0.1' }, 400, 'DBS.280001'],
    [{ backup_strategy: { start_time: '02:00-04:00', keep_days: 7 } }, 400, 'DBS.280001'],
    [{ backup_strategy: { start_time: '02:00-03:00', keep_days: 900 } }, 400, 'DBS.280001'],
    [{ time_zone: 'CET' }, 400, 'DBS.280001'],
    [{ region: 'eu-nl' }, 400, 'DBS.280001'],
  ];
  for (const [patch, status, code] of refusals) {
    const answer = await create(order(patch));
    assert.deepEqual([answer.status, answer.body.error_code], [status, code], `${JSON.stringify(patch)} → ${JSON.stringify(answer.body)}`);
    assert.equal(typeof answer.body.error_msg, 'string');
  }
  assert.equal((await cloud.get(`${cloud.rds}/instances`)).body.total_count, 0, 'nothing was made');
});

test('sold out and over quota', async () => {
  const { switches } = networkTables(cloud.store);
  switches.insert({ id: 'sold-out:rds.pg.n1.large.4.ha:eu-de-02', value: true });
  assert.equal((await create(order())).body.error_code, 'DBS.280450');
  switches.remove('sold-out:rds.pg.n1.large.4.ha:eu-de-02');
  switches.insert({ id: 'quota:rds.instance', value: 0 });
  const answer = await create(order());
  assert.deepEqual([answer.status, answer.body.error_code], [413, 'DBS.200046']);
  switches.remove('quota:rds.instance');
});

test('a failed creation leaves the instance in CREATE FAIL with the reason in its job', async () => {
  cloud.notes.failure = 'disk broken';
  const made = await create(single({ name: 'broken' }));
  const { id } = made.body.instance;
  await eventually(
    () => show(id),
    (row) => row.status === 'CREATE FAIL',
    'creation fails',
  );
  const { job } = (await cloud.get(`${cloud.rds}/jobs?id=${made.body.job_id}`)).body;
  assert.deepEqual([job.status, job.fail_reason], ['Failed', 'disk broken']);
  await removed(id);
  cloud.log.length = 0;
});

test('backups, restore to a new instance and in place', async () => {
  const { id } = (await create(single({ name: 'source' }))).body.instance;
  await active(id);
  const backup = (await cloud.send('POST', `${cloud.rds}/backups`, { instance_id: id, name: 'before-upgrade' })).body.backup;
  assert.equal(backup.status, 'BUILDING');
  await active(id);
  const point = { instance_id: id, type: 'backup', backup_id: backup.id };
  const smaller = await create({
    ...single({ name: 'copy' }),
    datastore: undefined,
    volume: { type: 'CLOUDSSD', size: 40 },
    restore_point: { ...point, backup_id: 'none' },
  });
  assert.equal(smaller.status, 400);
  const copy = await create({ ...single({ name: 'copy' }), datastore: undefined, restore_point: point });
  assert.equal(copy.status, 202);
  await active(copy.body.instance.id);
  assert.ok(cloud.notes.asked.includes(`database restore ${copy.body.instance.id} ${backup.id}`));
  const back = await cloud.send('POST', `${cloud.rds}/instances/recovery`, { source: point, target: { instance_id: id } });
  assert.equal(back.status, 202);
  await active(id);
  assert.ok(cloud.notes.asked.includes(`database restore ${id} ${backup.id}`));
  await removed(copy.body.instance.id);
  await removed(id);
});

test('lists filter exactly, with a leading asterisk anywhere, and page by record', async () => {
  for (const name of ['list-a', 'list-b']) await create(single({ name }));
  const names = async (query: string) => (await cloud.get(`${cloud.rds}/instances?${query}`)).body.instances.map((one: { name: string }) => one.name);
  assert.deepEqual(await names('name=list-a'), ['list-a']);
  assert.deepEqual(await names('name=list'), []);
  assert.deepEqual(await names('name=*list'), ['list-a', 'list-b']);
  assert.deepEqual(await names('offset=1&limit=1&name=*list'), ['list-b']);
  assert.deepEqual(await names('datastore_type=postgresql'), [], 'case matters here');
  assert.equal((await cloud.get(`${cloud.rds}/instances?limit=101`)).status, 400);
  assert.equal((await cloud.get(`${cloud.rds}/jobs?id=none`)).body.error_code, 'DBS.200543');
  for (const { id } of (await cloud.get(`${cloud.rds}/instances`)).body.instances) {
    await active(id);
    await removed(id);
  }
});

test('the CA comes as a ZIP behind a link on a host of its own', async () => {
  const { id } = (await create(single({ name: 'with-ca' }))).body.instance;
  const info = (await cloud.get(`${cloud.rds}/instances/${id}/ssl-cert/download-link`)).body.cert_info_list;
  assert.equal(info[0].category, 'international');
  assert.match(info[0].download_link, /^https:\/\/[\w-]+\.obs\.eu-de\.otc\.t-systems\.com\/.*\.zip\?Expires=\d+&Signature=/);
  const archive = unzipSync(certificateArchive({ authority: { rdsCaPem: 'PEM TEXT' } } as unknown as World));
  assert.equal(strFromU8(archive['otc-ca-rds.pem'] ?? new Uint8Array()), 'PEM TEXT');
  await active(id);
  await removed(id);
});

test('no call of these tests sent what the reference does not know, but the missing ones', () => {
  const odd = networkTables(cloud.store)
    .oddities.where((row) => row.service === 'rds' && row.kind !== 'type')
    .map((row) => `${row.kind} ${row.path} ${row.detail}`);
  assert.deepEqual(
    odd.filter((line) => !line.startsWith('path ')),
    [],
  );
});
