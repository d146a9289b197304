/**
 * What somebody changes behind the action's back is seen by `drift`, under the right name and alone, and healed by the next
 * deploy; what healing would destroy, or nobody but a person can heal, is refused with the way out.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { RunResult } from '../../sandbox/runner/run.ts';
import { Secret } from '../../src/secret.ts';
import { deriveSecrets } from '../../src/stack/secrets.ts';
import { quietChanges } from '../harness/by-hand.ts';
import { exchangeCertificate, leavePending, loudChanges, rollBackRelease, stopCertManager, upgradeRelease } from '../harness/by-hand-loud.ts';
import { writes } from '../harness/census.ts';
import { deployedWorld, stackSecret } from '../harness/deployed.ts';
import { edited, type HandChange, kubectl, named, type Row, rowOf, update } from '../harness/hands.ts';
import { selfSignedFor } from '../harness/self-signed.ts';
import { stackFile } from '../harness/stack-file.ts';
import { errorsOf, type Found, findingsIn, reportOf } from '../harness/telling.ts';
import type { TestWorld } from '../harness/world.ts';

const ids = (found: readonly Found[]): string[] => [...new Set(found.map(({ id }) => id))].sort();
const told = (found: readonly Found[]): string => found.map(({ id, what }) => `${id} ${what}`).join('; ');

/** How many changes, each of another field, one drift run has to tell apart; each has a run of its own with `WHOLE=1`. */
const together = process.env['WHOLE'] === '1' ? 1 : 8;

function groupsOf(changes: readonly HandChange[]): HandChange[][] {
  const groups: HandChange[][] = [[]];
  for (const change of changes) {
    const last = groups.at(-1) ?? [];
    const mixed = last.some(({ id, also, field }) => also === change.id || (id === change.id && field.source === change.field.source));
    if (last.length === together || mixed) groups.push([change]);
    else last.push(change);
  }
  return groups;
}

describe('drift', { timeout: together === 1 ? 1_500_000 : 680_000 }, () => {
  let world: TestWorld;
  const deploy = (inputs: Readonly<Record<string, string>> = {}): Promise<RunResult> =>
    world.deploy({ inputs: { 'stack-secret': stackSecret, ...inputs } });
  const drift = async (
    inputs: Readonly<Record<string, string>> = { 'stack-secret': stackSecret },
  ): Promise<{ found: Found[]; result: RunResult }> => {
    const result = await world.deploy({ command: 'drift', inputs: { 'stack-secret': '', ...inputs } });
    return { found: result.outputs['result'] === 'failed' ? [] : findingsIn(result), result };
  };
  /** Makes the changes, some of different resources at a time; each drift run finds the new ones besides the former ones, and nothing else. */
  const inGroups = async (changes: readonly HandChange[]): Promise<void> => {
    let before: Found[] = [];
    for (const group of groupsOf(changes)) {
      for (const { make } of group) await make(world);
      const { found, result } = await drift();
      const whats = group.map(({ what }) => what).join(', ');
      assert.equal(result.outputs['result'], 'drifted', `${whats}: ${result.log}`);
      const fresh = found.filter((one) => !before.some(({ key }) => key === one.key));
      for (const { what, id, field, also } of group) {
        assert.ok(
          fresh.some((one) => one.id === id && field.test(one.what)),
          `${what}: found ${told(fresh)}`,
        );
        if (also !== undefined) assert.ok(ids(fresh).includes(also), `${what}: found ${told(fresh)}`);
      }
      const outside = group.some((change) => change.outside === true);
      const others = fresh.filter(({ id }) => !(group.some((one) => one.id === id || one.also === id) || (outside && id === 'zitadel/verification')));
      assert.deepEqual(others, [], `${whats}: found besides`);
      before = found;
    }
  };
  const healed = async (): Promise<void> => {
    const run = await deploy();
    assert.equal(run.exitCode, 0, run.log);
    assert.deepEqual((await drift()).found, []);
  };

  before(async () => {
    world = await deployedWorld();
  });
  after(async () => await world?.stop());

  it('after a deploy there is none, and looking writes nothing', async () => {
    await world.control.clearRequests();
    const { found, result } = await drift();
    assert.deepEqual([found, result.outputs['result'], result.exitCode], [[], 'unchanged', 0]);
    assert.deepEqual(writes(await world.control.requests()), []);
  });

  it('each change of a setting is found and named, and nothing besides; one deploy heals them all', async () => {
    await inGroups(quietChanges.filter(({ refused }) => refused === undefined));
    await healed();
  });

  it('each change that shows from outside as well, or in what runs, is found and named; one deploy heals them all', async () => {
    await inGroups(loudChanges);
    await healed();
  });

  it("ZITADEL's release rolled back, upgraded by others, left pending: each is found alone, and healed with discovery that does not answer", async () => {
    for (const [what, make] of [
      ['upgraded', () => upgradeRelease(world, 'replicaCount=2')],
      ['rolled back', () => rollBackRelease(world)],
      ['pending', () => leavePending(world)],
    ] as const) {
      await make();
      const { found, result } = await drift();
      assert.equal(result.outputs['result'], 'drifted', `${what}: ${result.log}`);
      assert.deepEqual(ids(found), ['zitadel/release'], `${what}: ${told(found)}`);
      const field = { upgraded: /^values\.replicaCount$/, 'rolled back': /./, pending: /^status$/ }[what];
      assert.match(found.map((one) => one.what).join('\n'), field, what);
    }
    await kubectl(world, ['delete', 'ingress', 'zitadel', '-n', 'zitadel']);
    const { found } = await drift();
    assert.deepEqual(ids(found), ['zitadel/release', 'zitadel/verification'], told(found));
    assert.match(JSON.stringify(found), /discovery/i);
    await healed();
  });

  it('a certificate past its renewal, then one that nobody trusts: found, and healed with cert-manager, which was stopped', async () => {
    await stopCertManager(world);
    const ago = (days: number): string => new Date(Date.now() - days * 86_400_000).toISOString().replace(/\.\d+/, '');
    const status = { notBefore: ago(85), renewalTime: ago(25), notAfter: ago(-5) };
    const patch = ['--subresource=status', '--type=merge', '-o', 'name', '-p', JSON.stringify({ status })];
    await kubectl(world, ['patch', 'certificate', 'zitadel-tls', '-n', 'zitadel', ...patch]);
    const overdue = await drift();
    assert.deepEqual(ids(overdue.found), ['certificates/cert-manager', 'certificates/certificate'], told(overdue.found));
    assert.match(JSON.stringify(overdue.found), /renew/);
    await exchangeCertificate(world, await selfSignedFor('login.example.com'));
    const { found } = await drift();
    assert.deepEqual(ids(found), ['certificates/cert-manager', 'certificates/certificate', 'zitadel/verification'], told(found));
    assert.match(JSON.stringify(found), /not trusted/);
    await healed();
  });

  it('versions that grow old are findings, with the date', async () => {
    const cce = await rowOf(world, 'cce.clusters');
    const [rds, spec] = [await rowOf(world, 'rds.instances'), cce['spec'] as object];
    await update(world, 'cce.clusters', cce.id, { spec: { ...spec, version: 'v1.30' } });
    await update(world, 'rds.instances', rds.id, { datastore: { type: 'PostgreSQL', version: '14', complete_version: '14.11' } });
    const config = stackFile({ cluster: { version: 'v1.30' }, database: { version: '14' } });
    const result = await world.deploy({ command: 'drift', config, inputs: { 'stack-secret': stackSecret } });
    const { findings } = reportOf(result) as unknown as { readonly findings: readonly Found[] };
    assert.deepEqual(
      ids(findings).filter((id) => id.startsWith('version/')),
      ['version/kubernetes', 'version/postgresql'],
      result.log,
    );
    assert.match(told(findings), /version\/kubernetes (supported until|support ended on) 2026-11-30/);
    assert.match(told(findings), /version\/postgresql support ended on 2026-11-12/);
    await update(world, 'cce.clusters', cce.id, { spec });
    await update(world, 'rds.instances', rds.id, { datastore: rds['datastore'] as object });
  });

  it('an edited Secret is seen without the secret, too: one plan, which is not the approved one of before', async () => {
    // Where there is a bastion, its key is what it takes to look into the cluster.
    const { bastionKeySeed } = deriveSecrets({ stackSecret: new Secret(stackSecret) }, { databaseRoot: 1, databaseUser: 1, admin: 1 });
    const keys = [{ 'stack-secret': '', 'bastion-key': bastionKeySeed?.open() ?? '' }, { 'stack-secret': stackSecret }];
    const plans = async (): Promise<{ digests: Set<string>; changed: string[] }> => {
      const runs = [];
      for (const inputs of keys) runs.push((await world.deploy({ command: 'plan', inputs })).outputs);
      const changed = runs.map(({ changes = '[]' }) =>
        JSON.parse(changes)
          .map(({ resource }: { resource: string }) => resource)
          .join(),
      );
      return { digests: new Set(runs.map((outputs) => outputs['plan-digest'] ?? '')), changed };
    };
    const healthy = await plans();
    // The key besides stays his for ever.
    const data = { 'config-yaml': Buffer.from('{}').toString('base64'), besides: '' };
    await kubectl(world, ['patch', 'secret', 'zitadel-config-ext', '-n', 'zitadel', '-p', JSON.stringify({ data })]);
    const { found } = await drift({ 'bastion-key': bastionKeySeed?.open() ?? '' });
    assert.deepEqual(told(found), 'zitadel/config data');
    const edited = await plans();
    assert.deepEqual(edited.changed, ['zitadel/config,zitadel/release', 'zitadel/config,zitadel/release']);
    assert.deepEqual([healthy.digests.size, edited.digests.size, new Set([...healthy.digests, ...edited.digests]).size], [1, 1, 2]);
    const stopped = await deploy({ 'plan-digest': [...healthy.digests].join() });
    assert.match(errorsOf(stopped), /zitadel\/config: approved unchanged, now update/);
    await kubectl(world, ['patch', 'secret', 'zitadel-config-ext', '-n', 'zitadel', '-p', JSON.stringify({ data: { 'config-yaml': null } })]);
    const without = await plans();
    assert.deepEqual(without.changed, edited.changed, 'nobody owns a key that was taken out');
    const approved = await deploy({ 'plan-digest': [...without.digests].join() });
    assert.equal(approved.exitCode, 0, approved.log);
    assert.deepEqual(await plans(), healthy);
  });

  it('what a deploy must not or cannot heal is a finding, and the deploy says the way out', async () => {
    const refused: HandChange[] = [
      ...quietChanges.filter((change) => change.refused !== undefined && change.outside !== true),
      {
        what: "another type of the database's disk",
        make: edited('rds.instances', named('-db-'), ({ volume }) => ({ volume: { ...(volume as object), type: 'ULTRAHIGH' } })),
        id: 'database/instance',
        field: /^volume\.type$/,
        refused: /would have to be replaced to change volume\.type .*holds data: refused/,
      },
    ];
    // Without its delegation a deploy does not come as far as the others.
    const delegation = quietChanges.filter((change) => change.refused !== undefined && change.outside === true);
    for (const group of [...groupsOf(refused), ...groupsOf(delegation)]) {
      const undo = [];
      for (const { make } of group) undo.push(await make(world));
      const whats = group.map(({ what }) => what).join(', ');
      const { found, result } = await drift();
      assert.equal(result.outputs['result'], 'drifted', whats);
      const run = await deploy();
      assert.equal(run.exitCode, 1, whats);
      for (const { what, id, field, refused: way } of group) {
        assert.ok(
          found.some((one) => one.id === id && field.test(one.what)),
          `${what}: ${told(found)}`,
        );
        assert.match(errorsOf(run), way ?? /^$/, what);
      }
      const outside = group.some((change) => change.outside === true);
      assert.ok(
        found.every(({ id }) => group.some((change) => change.id === id) || (outside && id === 'zitadel/verification')),
        `${whats}: ${told(found)}`,
      );
      for (const back of undo) await back();
    }

    const eip = await rowOf(world, 'vpc.publicips', named('-nat-'));
    const twin: Row = { ...eip, id: 'twin-of-nat', port_id: null, bound_to: null, public_ip_address: '203.0.113.99' };
    await world.control.edit({ tables: { 'vpc.publicips': { insert: [twin] } } });
    const { found, result } = await drift();
    assert.ok(
      found.some(({ id, what }) => id === 'network/nat-eip' && what === 'name'),
      told(found),
    );
    assert.equal(result.outputs['result'], 'drifted');
    assert.match((await deploy()).log, /there are 2 of EIP .*twin-of-nat/);
    await world.control.edit({ tables: { 'vpc.publicips': { remove: [twin.id] } } });
    assert.deepEqual((await drift()).found, []);
  });

  it('a service that does not answer is no drift', async () => {
    await world.control.faults([
      // Until it is taken back: the certificate controller asks DNS as well, and would use up a single one.
      { service: 'dns', method: 'GET', count: 0, act: { kind: 'answer', status: 400, body: { code: 'DNS.0005', message: 'no' } } },
    ]);
    const { result } = await drift();
    await world.control.faults([]);
    assert.equal(result.outputs['result'], 'failed');
    assert.notEqual(result.exitCode, 0);
    assert.equal(
      findingsIn(result).some(({ id }) => id === 'dns/zone'),
      false,
    );
  });
});
