/**
 * A run may end at any moment: cancelled by people, killed by the machine. Cancelled, it ends within seconds and says what
 * exists. However it ended, the next run goes on from there, and what comes of it is the deployment as if nothing had
 * happened, nothing twice. `WHOLE=1` kills after every writing call in turn, for as long as `WHOLE_MINUTES` (30) allow.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { kindOf } from '../../sandbox/control/state.ts';
import type { RunResult } from '../../sandbox/runner/run.ts';
import type { DeployRequest, Stop } from '../../sandbox/runner/service.ts';
import { census, standing, unlisted, writes } from '../harness/census.ts';
import { helmReleases, helmRevisions } from '../harness/cluster.ts';
import { startWorld, type TestWorld } from '../harness/world.ts';
import * as cloud from './expect/cloud.ts';
import * as cluster from './expect/cluster.ts';

const stackSecret = Buffer.from('the one secret of a stack that crashes').toString('base64');
/** Attempts of one workflow run: the lock is theirs, whoever of them took it. */
const request: DeployRequest = { inputs: { 'stack-secret': stackSecret }, env: { GITHUB_RUN_ID: '4711' } };
const all = process.env['WHOLE'] === '1';
const minutes = all ? Number(process.env['WHOLE_MINUTES'] ?? '30') : 5;
/** Seconds in which a cancelled run has ended: the runner waits for 7.5 before it gets harder. */
const endsWithin = 7;

describe('a deploy that is stopped on its way', { timeout: minutes * 60_000 + 120_000 }, () => {
  let world: TestWorld;

  before(async () => {
    world = await startWorld();
    await world.control.snapshot('empty');
  });
  after(async () => await world?.stop());

  /** Kills the run after one more writing call than the last time; calls that every run repeats do not count. */
  const kill = async (skip: number): Promise<RunResult> => {
    const pass = { kind: 'delay', milliseconds: 0 } as const;
    await world.control.faults([
      // The lock of the run, taken by each: dying there for ever would be no progress.
      { service: 'vpc', method: 'PUT', path: '/v1/*/vpcs/*', count: 0, act: pass },
      { service: 'cce', method: 'POST', path: '/api/v3/projects/*/clusters/*/clustercert', count: 0, act: pass },
      // Asked by the cluster, not by the run.
      { service: 'acme', count: 0, act: pass },
      { mutating: true, skip, act: { kind: 'kill', when: 'after', signal: 'SIGKILL' } },
    ]);
    // A run that comes to a standstill is cancelled, so that its log tells where.
    const run = await world.deploy({ ...request, stop: { by: 'cancel', at: { milliseconds: 120_000 } } });
    await world.control.faults([]);
    return run;
  };

  const stopped = async (stop: Stop): Promise<{ readonly run: RunResult; readonly seconds: number }> => {
    const run = await world.deploy({ ...request, stop });
    assert.match(run.log, /SIGINT: no new write starts/);
    assert.ok(run.tookToEnd !== null);
    return { run, seconds: run.tookToEnd / 1000 };
  };

  it('killed after one writing call and the next, over and over, it comes to its end', async (test) => {
    const deadline = Date.now() + minutes * 60_000;
    let killed = 0;
    let nothingLeft = false;
    let skip = 0;
    let last = '';
    const kinds = new Set<string>();
    for (let round = 0; Date.now() < deadline; round += 1) {
      // Each run does a little more than the one before; a sample of the calls, unless all are asked for.
      await world.control.clearRequests();
      const run = await kill(all ? skip : ([0, 1, 2, 3][round % 4] ?? 0));
      const struck =
        (await world.control.requests())
          .filter(({ fault }) => fault === 'kill')
          .map(kindOf)
          .at(-1) ?? '';
      // A call that every run makes anew (the key pair for new nodes) is let through the next time: dying there again would be no progress.
      skip = struck === last ? skip + 1 : 0;
      last = struck;
      if (run.signal === null) {
        assert.equal(run.exitCode, 0, run.log);
        nothingLeft = run.outputs['result'] === 'unchanged';
        break;
      }
      assert.equal(run.signal, 'SIGKILL');
      assert.equal(run.postExitCode, 0);
      assert.deepEqual(run.leftovers, {}, 'the post step removed what the dead run left');
      kinds.add(struck);
      killed += 1;
    }
    test.diagnostic(`killed ${killed} times, after ${kinds.size} kinds of calls: ${[...kinds].join(', ')}`);
    assert.ok(killed >= 6, `killed ${killed} times`);
    const found = await cloud.cloudFacts(world);
    // Killed after its very last write, a run leaves its lock to end by itself: who finds nothing to write takes none.
    const unlocked = { ...found.vpc, description: found.vpc['description'].replace(/; locked by .*$/, '') };
    const facts = nothingLeft ? { ...found, vpc: unlocked } : found;
    cloud.expectCloud(facts);
    cloud.expectAgency(facts);
    await cluster.expectZitadel(world, facts);
    await cluster.expectCertificates(world);
    await cluster.expectSecrets(world, stackSecret);
    await cluster.expectSchema(world, facts, stackSecret);
    await cluster.expectOutside(world);
    const again = await world.deploy(request);
    assert.equal(again.outputs['result'], 'unchanged', again.log);
  });

  it('cancelled while helm works, it stops helm, and the next run recovers the release', async () => {
    const { exitCode, stderr } = await world.enter(['helm', 'uninstall', 'zitadel', '-n', 'zitadel', '--no-hooks'], { timeout: 90_000 });
    assert.equal(exitCode, 0, stderr);
    const { run, seconds } = await stopped({ by: 'cancel', at: { line: 'job zitadel-init' } });
    assert.equal(run.exitCode, 1);
    assert.ok(seconds <= endsWithin, `${seconds} s`);
    assert.deepEqual(run.orphans, []);
    assert.match(run.summary, /cancelled/i);
  });

  it('killed while helm works, another run recovers the release as well', async () => {
    const run = await world.deploy({ ...request, stop: { by: 'SIGKILL', at: { line: 'job zitadel-init' } } });
    assert.equal(run.signal, 'SIGKILL');
    assert.deepEqual(run.leftovers, {});
    const made = await census(world);
    const last = await world.deploy(request);
    assert.equal(last.exitCode, 0, last.log);
    const facts = await cloud.cloudFacts(world);
    cloud.expectCloud(facts);
    await cluster.expectZitadel(world, facts);
    await cluster.expectOutside(world);
    const now = await census(world);
    for (const table of ['vpc.vpcs', 'rds.instances', 'cce.clusters', 'ecs.servers', 'vpc.publicips'])
      assert.deepEqual(now[table], made[table], table);
    // Only the newest revision counts: one that was rolled back from keeps the state in which its helm died.
    const newest = await helmRevisions(world);
    const stuck = (await helmReleases(world)).filter(
      ({ namespace, name, version, info }) => version === newest[`${namespace}/${name}`] && info.status.startsWith('pending'),
    );
    assert.deepEqual(
      stuck.map(({ namespace, name, version, info }) => `${namespace}/${name} ${version} ${info.status}`),
      [],
    );
  });

  it('cancelled in a long wait, it ends within seconds, gives the lock back and says what exists; a plan from there writes nothing, a destroy leaves only what it lists', async () => {
    await world.control.restore('empty');
    await world.control.latency('real');
    const { run, seconds } = await stopped({ by: 'cancel', at: { line: 'DNS zone example.com: created' } });
    await world.control.latency('fast');
    assert.equal(run.exitCode, 1);
    assert.ok(seconds <= endsWithin, `${seconds} s`);
    assert.match(run.summary, /cancelled/i);
    assert.match(run.summary, /DNS zone example\.com/);
    assert.equal(run.outputs['result'], 'failed');
    const [vpc] = await world.control.table<{ readonly id: string; readonly description: string }>('vpc.vpcs');
    assert.doesNotMatch(vpc?.description ?? '', /locked/);

    await world.control.clearRequests();
    const plan = await world.deploy({ ...request, command: 'plan' });
    assert.equal(plan.exitCode, 0, plan.log);
    assert.deepEqual(writes(await world.control.requests()), [], 'the plan writes nothing');
    const inputs = { ...request.inputs, 'confirm-destroy': 'zitadel-sandbox' };
    const destroyed = await world.deploy({ ...request, command: 'destroy', inputs });
    assert.equal(destroyed.exitCode, 0, destroyed.log);
    assert.deepEqual(unlisted(await standing(world), destroyed.summary), [], destroyed.summary);
  });
});
