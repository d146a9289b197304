/**
 * A stack in a sub-project: its public zone must be in the region's own project, which is the only one that the DNS01 solver
 * sees. Where the credentials may not work there, the action says so before it makes anything. There external-dns makes the
 * record, from the first deploy on.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { RunResult } from '../../sandbox/runner/run.ts';
import type { DeployRequest } from '../../sandbox/runner/service.ts';
import { cloudCalls } from '../harness/census.ts';
import { object } from '../harness/cluster.ts';
import { stackFile } from '../harness/stack-file.ts';
import { startWorld, type TestWorld } from '../harness/world.ts';

const folder = process.env['ACTION_FOLDER'];
const action: Pick<DeployRequest, 'action'> = folder === undefined ? {} : { action: { folder } };
let world: TestWorld;
const run = (more: DeployRequest = {}): Promise<RunResult> =>
  world.deploy({
    ...action,
    config: stackFile({ dns: { records: 'external-dns' } }),
    ...more,
    inputs: {
      project: 'eu-de_zitadel',
      'external-dns-username': world.env['OS_USERNAME'] ?? '',
      'external-dns-password': world.env['OS_PASSWORD'] ?? '',
      'external-dns-domain-name': world.env['OS_USER_DOMAIN_NAME'] ?? '',
      ...more.inputs,
    },
  });

before(async () => {
  world = await startWorld();
});
after(async () => await world?.stop());

describe('a stack in a sub-project', { timeout: 240_000 }, () => {
  it('is refused before anything is made, where the credentials may not manage DNS in the region’s own project', async () => {
    const projects = await world.control.table<{ id: string; name: string }>('iam.projects');
    const assignments = await world.control.table<{ id: string; role_id: string; to: string; on: object }>('iam.assignments');
    const users = await world.control.table<{ id: string; name: string; groups: readonly string[] }>('iam.users');
    const admins = users.find(({ name }) => name === 'ci-user')?.groups[0] ?? '';
    const held = assignments.filter(({ to }) => to === admins);
    const only = projects.find(({ name }) => name === 'eu-de_zitadel')?.id;
    // Every right in the sub-project, none elsewhere.
    const narrowed = held.map((row) => ({ ...row, id: `narrow-${row.id}`, on: { project: only } }));
    await world.control.edit({ tables: { 'iam.assignments': { remove: held.map(({ id }) => id), insert: narrowed } } });
    const result = await run();
    await world.control.edit({ tables: { 'iam.assignments': { remove: narrowed.map(({ id }) => id), insert: held } } });
    assert.equal(result.exitCode, 1);
    assert.match(result.log, /public zone example\.com belongs into project eu-de, and these credentials cannot manage it there/);
    assert.match(result.log, /DNS Administrator in project eu-de; or bring a certificate of your own/);
    for (const name of ['vpc.vpcs', 'dns.zones', 'rds.instances', 'cce.clusters']) assert.deepEqual(await world.control.table(name), [], name);
  });

  it('gets its zone there and everything else in the sub-project, a record and a certificate', async () => {
    const result = await run();
    assert.equal(result.exitCode, 0, result.log);
    const projects = await world.control.table<{ id: string; name: string }>('iam.projects');
    const projectOf = (id: string): string | undefined => projects.find((one) => one.id === id)?.name;
    const [zone] = await world.control.table<{ id: string; project_id: string }>('dns.zones');
    const [vpc] = await world.control.table<{ id: string; tenant_id: string }>('vpc.vpcs');
    assert.deepEqual([projectOf(zone?.project_id ?? ''), projectOf(vpc?.tenant_id ?? '')], ['eu-de', 'eu-de_zitadel']);
    const records = await world.control.table<{ id: string; type: string; name: string; records: string[]; description: string }>('dns.recordsets');
    const [record] = records.filter(({ type }) => type === 'A');
    assert.deepEqual([record?.records, record?.description], [[result.outputs['public-ip']], ''], 'made by external-dns');
    assert.ok(records.some(({ type, name }) => type === 'TXT' && name === 'extdns-a.login.example.com.'));
    const { status } = await object(world, 'certificate/zitadel-tls', 'zitadel');
    assert.ok(status.conditions.some((one: { type: string; status: string }) => one.type === 'Ready' && one.status === 'True'));
  });

  it('finds nothing to do the next time, in as few calls', async () => {
    await world.control.clearRequests();
    const result = await run();
    assert.equal(result.outputs['result'], 'unchanged', result.summary);
    // The controller asks as well, from a node.
    const calls = cloudCalls(await world.control.requests()).filter(({ source }) => source.startsWith('192.0.2.10:'));
    assert.ok(
      calls.some(({ host }) => host.includes('.obs.')),
      'the download counts',
    );
    assert.ok(calls.length >= 15 && calls.length <= 25, `${calls.length} calls`);
  });
});
