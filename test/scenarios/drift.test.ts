/**
 * What somebody changes behind the action's back is seen by `drift`, under the right name and alone, and healed by the next
 * deploy; what healing would destroy, or nobody but a person can heal, is refused with the way out.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { RunResult } from '../../sandbox/runner/run.ts';
import { stackFile } from '../harness/stack-file.ts';
import { startWorld, type TestWorld } from '../harness/world.ts';

interface Found {
  readonly id: string;
  readonly what: string;
}

type Row = { readonly id: string; readonly [field: string]: unknown };

const stackSecret = Buffer.from('the one secret of a stack that drifts').toString('base64');

describe('drift', { timeout: 400_000 }, () => {
  let world: TestWorld;
  // Where there is a bastion, nobody looks into the cluster without the stack's secret.
  const config = stackFile({ cluster: { access: 'eip' } });
  const run = (command: string): Promise<RunResult> => world.deploy({ command, config, inputs: { 'stack-secret': stackSecret } });
  const drift = async (
    inputs: Readonly<Record<string, string>> = { 'stack-secret': stackSecret },
  ): Promise<{ found: Found[]; result: RunResult }> => {
    const result = await world.deploy({ command: 'drift', config, inputs: { 'stack-secret': '', ...inputs } });
    const [, text = '{}'] = Object.entries(result.leftovers).find(([name]) => name.endsWith('-drift.json')) ?? [];
    const { findings = [] } = JSON.parse(text) as { findings?: Found[] };
    return { found: findings.filter(({ id }) => !id.startsWith('version/')), result };
  };
  const ids = (found: readonly Found[]): string[] => [...new Set(found.map(({ id }) => id))].sort();
  const kubectl = async (...args: readonly string[]): Promise<void> => {
    const { exitCode, stderr } = await world.enter(['kubectl', ...args]);
    assert.equal(exitCode, 0, stderr);
  };
  const one = async (table: string, fits: (row: Row) => boolean): Promise<Row> => {
    const row = (await world.control.table<Row>(table)).find(fits);
    assert.ok(row, `nothing in ${table}`);
    return row;
  };
  const change = (table: string, id: string, fields: object): Promise<void> =>
    world.control.edit({ tables: { [table]: { update: { [id]: fields } } } });
  const named = (part: string) => (row: Row) => String(row['name']).includes(part);
  const openRule = async (group: string, ports: readonly [number, number], id: string): Promise<void> => {
    const { id: groupId } = await one('vpc.security-groups', named(group));
    const like = await one('vpc.security-group-rules', (rule) => rule['security_group_id'] === groupId && rule['direction'] === 'ingress');
    const rule = {
      ...like,
      id,
      protocol: 'tcp',
      port_range_min: ports[0],
      port_range_max: ports[1],
      remote_ip_prefix: '0.0.0.0/0',
      remote_group_id: null,
    };
    await world.control.edit({ tables: { 'vpc.security-group-rules': { insert: [rule] } } });
  };

  before(async () => {
    world = await startWorld();
    const result = await run('deploy');
    assert.equal(result.exitCode, 0, result.log);
  });
  after(async () => await world?.stop());

  it('after a deploy there is none, and looking writes nothing', async () => {
    await world.control.clearRequests();
    const { found, result } = await drift();
    assert.deepEqual([found, result.outputs['result'], result.exitCode], [[], 'unchanged', 0]);
    const writes = (await world.control.requests()).filter(
      ({ method, path }) => method !== 'GET' && !/clustercert$/.test(path) && !/auth\/tokens$/.test(path),
    );
    assert.deepEqual(
      writes.map(({ service, method, path }) => `${service} ${method} ${path}`),
      [],
    );
  });

  const changes: readonly { readonly what: string; readonly make: () => Promise<void>; readonly seen: readonly string[]; readonly field: RegExp }[] =
    [
      {
        what: 'the database opened to the world',
        make: () => openRule('rds-instance', [5432, 5432], 'wide-database'),
        seen: ['network/security-group-database'],
        field: /rule ingress tcp 5432 from 0\.0\.0\.0\/0/,
      },
      {
        what: 'a wide rule that covers the API port',
        make: () => openRule('-cce-control-', [1, 65_535], 'wide-api'),
        seen: ['cluster/api-access'],
        field: /rule ingress tcp 1-65535 from 0\.0\.0\.0\/0/,
      },
      {
        what: 'a node without the group that may reach the database',
        make: async () => {
          const { id: group } = await one('vpc.security-groups', named('rds-client'));
          const port = await one('vpc.ports', (row) => (row['security_groups'] as string[]).includes(group));
          await change('vpc.ports', port.id, { security_groups: (port['security_groups'] as string[]).filter((other) => other !== group) });
        },
        seen: ['cluster/node-groups'],
        field: /security group .*rds-client.* of node /,
      },
      {
        what: 'backups kept for a shorter time',
        make: async () => {
          const { id, backup_strategy: strategy } = await one('rds.instances', named('-db-'));
          await change('rds.instances', id, { backup_strategy: { ...(strategy as object), keep_days: 1 } });
        },
        seen: ['database/instance'],
        field: /backup_strategy\.keep_days/,
      },
      {
        what: 'ZITADEL scaled by hand',
        make: () => kubectl('scale', 'deployment/zitadel', '-n', 'zitadel', '--replicas=1'),
        seen: ['zitadel/release'],
        field: /Deployment zitadel spec\.replicas/,
      },
      {
        what: "another image for the controller's pods",
        make: () => kubectl('set', 'image', 'deployment/cert-manager', '-n', 'cert-manager', '*=quay.io/jetstack/cert-manager-controller:v1.0.0'),
        seen: ['certificates/cert-manager'],
        field: /Deployment cert-manager .*image/,
      },
      {
        what: 'an issuer taken away',
        make: () => kubectl('delete', 'clusterissuer', 'opentelekomcloud-letsencrypt'),
        seen: ['certificates/issuer-production'],
        field: /is not there/,
      },
      {
        what: 'the Secret with the database authority edited',
        make: () =>
          kubectl(
            'patch',
            'secret',
            'zitadel-rds-ssl-cert',
            '-n',
            'zitadel',
            '-p',
            JSON.stringify({ data: { 'ca.crt': Buffer.from('nothing').toString('base64') } }),
          ),
        seen: ['zitadel/database-ca'],
        field: /data\.ca\.crt/,
      },
      {
        what: 'the A record led elsewhere',
        make: async () => {
          const { id } = await one('dns.recordsets', (row) => row['name'] === 'login.example.com.' && row['type'] === 'A');
          await change('dns.recordsets', id, { records: ['192.0.2.66'] });
        },
        seen: ['dns/record', 'zitadel/verification'],
        field: /^records$/,
      },
    ];

  it('each change is found alone and named; one deploy heals them all', async () => {
    let before: string[] = [];
    for (const { what, make, seen, field } of changes) {
      await make();
      const { found, result } = await drift();
      assert.equal(result.outputs['result'], 'drifted', what);
      const all = ids(found);
      const more = all.filter((id) => !before.includes(id));
      assert.ok(
        seen.filter((id) => !before.includes(id)).every((id) => more.includes(id)) &&
          more.every((id) => seen.includes(id) || id === 'zitadel/verification'),
        `${what}: found ${more.join(', ')}`,
      );
      assert.ok(
        found.some((finding) => finding.id === seen[0] && field.test(finding.what)),
        `${what}: ${found.map((finding) => `${finding.id} ${finding.what}`).join('; ')}`,
      );
      before = all;
    }
    const healed = await run('deploy');
    assert.equal(healed.exitCode, 0, healed.log);
    assert.deepEqual((await drift()).found, []);
  });

  it('an edited Secret is seen without the secret, too', async () => {
    await kubectl(
      'patch',
      'secret',
      'zitadel-config-ext',
      '-n',
      'zitadel',
      '-p',
      JSON.stringify({ data: { 'config-yaml': Buffer.from('{}').toString('base64') } }),
    );
    const { found } = await drift({});
    assert.deepEqual(
      found.map(({ id, what }) => `${id} ${what}`),
      ['zitadel/config data'],
    );
    const healed = await run('deploy');
    assert.equal(healed.exitCode, 0, healed.log);
    assert.deepEqual((await drift()).found, []);
  });

  it('what a deploy must not or cannot heal is a finding, and the deploy says the way out', async () => {
    const database = await one('rds.instances', named('-db-'));
    await change('rds.instances', database.id, { volume: { ...(database['volume'] as object), type: 'ULTRAHIGH' } });
    const moved = await drift();
    assert.deepEqual(ids(moved.found), ['database/instance']);
    assert.match((await run('deploy')).log, /would have to be replaced to change volume\.type .*holds data: refused/);
    await change('rds.instances', database.id, { volume: database['volume'] as object });

    const eip = await one('vpc.publicips', (row) => String(row['alias']).includes('-nat-'));
    await world.control.edit({
      tables: { 'vpc.publicips': { insert: [{ ...eip, id: 'twin-of-nat', port_id: null, bound_to: null, public_ip_address: '203.0.113.99' }] } },
    });
    const twins = await drift();
    assert.ok(
      twins.found.some(({ id, what }) => id === 'network/nat-eip' && what === 'name'),
      JSON.stringify(twins.found),
    );
    assert.equal(twins.result.outputs['result'], 'drifted');
    assert.match((await run('deploy')).log, /there are 2 of EIP .*twin-of-nat/);
    await world.control.edit({ tables: { 'vpc.publicips': { remove: ['twin-of-nat'] } } });

    await world.control.edit({ switches: { 'delegation:example.com': false } });
    const lost = await drift();
    assert.ok(ids(lost.found).includes('dns/delegation'), JSON.stringify(lost.found));
    assert.equal(lost.result.outputs['result'], 'drifted');
    await world.control.edit({ switches: { 'delegation:example.com': null } });
    assert.deepEqual((await drift()).found, []);
  });

  it('a service that does not answer is no drift', async () => {
    await world.control.faults([{ service: 'dns', method: 'GET', act: { kind: 'answer', status: 400, body: { code: 'DNS.0005', message: 'no' } } }]);
    const { found, result } = await drift();
    await world.control.faults([]);
    assert.equal(result.outputs['result'], 'failed');
    assert.notEqual(result.exitCode, 0);
    assert.equal(
      found.some(({ id }) => id === 'dns/zone'),
      false,
    );
  });
});
