/**
 * Half-made worlds: first deploys that died, destroys that died, hands that took things away, each at a place that chance
 * chose. From each of them a plan writes nothing and tells what is missing, a deploy ends well, makes nothing twice and loses
 * no data, the next plan is empty; and a destroy leaves only what it lists. Twenty worlds with `WHOLE=1`, else two of them, a
 * destroy that died and a world that hands reached into (first deploys die in `crashes`); `SEED` chooses other ones.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { RunResult } from '../../sandbox/runner/run.ts';
import type { DeployRequest } from '../../sandbox/runner/service.ts';
import { quietChanges } from '../harness/by-hand.ts';
import { standing, twice, unlisted, writes } from '../harness/census.ts';
import { type Chance, chance, seedOf } from '../harness/chance.ts';
import { query } from '../harness/cluster.ts';
import { answering, deployedWorld, stackSecret } from '../harness/deployed.ts';
import { type Row, rowOf } from '../harness/hands.ts';
import { stackFile } from '../harness/stack-file.ts';
import type { TestWorld } from '../harness/world.ts';
import * as cloud from './expect/cloud.ts';
import * as cluster from './expect/cluster.ts';

const all = process.env['WHOLE'] === '1';
/** The worlds of a seed, by number: what is done to each follows from its number. */
const worlds = all ? Array.from({ length: 20 }, (_, world) => world) : [1, 2];
const name = 'zitadel-sandbox';
/** Attempts of one workflow run: the lock that a dead one left is theirs. */
const attempt = { GITHUB_RUN_ID: '4712' };

/** What hands take away in the cluster. */
const gone: readonly (readonly string[])[] = [
  ['helm', 'uninstall', 'zitadel', '-n', 'zitadel', '--no-hooks'],
  ['helm', 'uninstall', 'contour', '-n', 'contour', '--no-hooks'],
  ['helm', 'uninstall', 'acme-dns', '-n', 'cert-manager', '--no-hooks'],
  ['kubectl', 'delete', 'namespace', 'zitadel'],
  ['kubectl', 'delete', 'secret', 'zitadel-config-ext', '-n', 'zitadel', '--ignore-not-found'],
  ['kubectl', 'delete', 'secret', 'zitadel-masterkey-ext', '-n', 'zitadel', '--ignore-not-found'],
  ['kubectl', 'delete', 'certificate,secret', 'zitadel-tls', '-n', 'zitadel', '--ignore-not-found'],
  ['kubectl', 'delete', 'clusterissuer', '--all'],
  ['kubectl', 'delete', 'jobs,deployments', '--all', '-n', 'zitadel'],
];

describe('from a half-made world', { timeout: all ? 3_600_000 : 400_000 }, () => {
  let world: TestWorld;
  const run = (command: string, more: DeployRequest = {}): Promise<RunResult> =>
    world.deploy({ command, env: attempt, ...more, inputs: { 'stack-secret': stackSecret, ...more.inputs } });

  /** Runs a command that is killed after so many writing calls, where it makes as many. */
  const killed = async (command: string, writing: number, more: DeployRequest = {}): Promise<void> => {
    await world.control.faults([{ mutating: true, skip: writing, act: { kind: 'kill', when: 'after', signal: 'SIGKILL' } }]);
    const { signal, exitCode, log } = await run(command, more);
    await world.control.faults([]);
    assert.ok(signal === 'SIGKILL' || exitCode === 0, log);
  };
  const identity = async (): Promise<unknown> => {
    const { id } = await rowOf(world, 'rds.instances');
    const port = await rowOf(world, 'vpc.ports', (row) => row['name'] === 'VIP');
    const [address] = port['fixed_ips'] as { readonly ip_address: string }[];
    const login = { host: address?.ip_address ?? '', user: 'zitadel', password: cluster.secretsOf(stackSecret).user, database: 'zitadel' };
    return [id, await query(world, login, 'SELECT id, console_client_id FROM projections.instances')];
  };

  /** The snapshot that the world is as of, where nothing has happened to it since. */
  let stands: string | undefined;
  const as = async (snapshot: string): Promise<void> => {
    if (stands !== snapshot) await world.control.restore(snapshot);
    stands = undefined;
  };

  /** Makes a world half; says how. */
  const kinds: readonly ((chances: Chance) => Promise<string>)[] = [
    async ({ next }) => {
      await as('empty');
      const writing = Math.floor(next() * 60);
      await killed('deploy', writing);
      return `first deploy killed after ${writing + 1} writing calls`;
    },
    async ({ next }) => {
      await as('deployed');
      const writing = Math.floor(next() * 30);
      await killed('destroy', writing, { inputs: { 'confirm-destroy': name } });
      return `destroy killed after ${writing + 1} writing calls`;
    },
    async ({ some, next }) => {
      await as('deployed');
      const [taken, changed] = [some(gone, 1 + Math.floor(next() * 3)), some(quietChanges, Math.floor(next() * 4))];
      for (const change of changed) if (change.refused === undefined) await change.make(world);
      for (const command of taken) {
        const { exitCode, stderr } = await world.enter(command, { timeout: 90_000 });
        assert.equal(exitCode, 0, `${command.join(' ')}: ${stderr}`);
      }
      return [...changed.map(({ what }) => what), ...taken.map((command) => command.join(' '))].join('; ');
    },
  ];

  before(async () => {
    world = await deployedWorld('instant');
    await world.control.snapshot('deployed');
    stands = 'deployed';
    if (!worlds.some((number) => number % kinds.length === 0)) return;
    // The same tenant before its first deploy: destroyed with consent, which another scenario looks at.
    const consent = stackFile({ destroy: { database: true, zone: true } });
    const emptied = await run('destroy', { config: consent, inputs: { 'confirm-destroy': name } });
    assert.equal(emptied.exitCode, 0, emptied.log);
    assert.deepEqual(await standing(world), {});
    await world.control.snapshot('empty');
    await world.control.restore('deployed');
    await answering(world);
  });
  after(async () => await world?.stop());

  it('plan, deploy, an empty plan; destroy leaves what it lists', async (test) => {
    const seed = seedOf(20_261_127);
    test.diagnostic(`seed ${seed}`);
    const made = await identity();
    for (const tried of worlds) {
      // A chance of its own for each world: it can be tried alone.
      const chances = chance(seed + tried);
      const how = await kinds[tried % kinds.length]?.(chances);
      const which = `seed ${seed}, world ${tried}: ${how}`;
      test.diagnostic(which);
      const hadData = (await world.control.table('rds.instances')).length > 0 && tried % kinds.length > 0;
      await world.control.snapshot('half');

      await world.control.clearRequests();
      const plan = await run('plan');
      assert.equal(plan.exitCode, 0, `${which}\n${plan.log}`);
      assert.deepEqual(writes(await world.control.requests()), [], `${which}: the plan writes nothing`);
      const deployed = await run('deploy');
      assert.equal(deployed.exitCode, 0, `${which}\n${deployed.log}`);
      assert.deepEqual(twice(await standing(world)), [], which);
      cloud.expectCloud(await cloud.cloudFacts(world));
      await cluster.expectOutside(world);
      if (hadData) assert.deepEqual(await identity(), made, `${which}: the data is what it was`);
      const empty = await run('plan');
      assert.equal(empty.outputs['result'], 'unchanged', `${which}\n${empty.log}`);

      await world.control.restore('half');
      const destroyed = await run('destroy', { inputs: { 'confirm-destroy': name } });
      assert.equal(destroyed.exitCode, 0, `${which}\n${destroyed.log}`);
      assert.deepEqual(unlisted(await standing(world), destroyed.summary), [], `${which}: left and not listed\n${destroyed.summary}`);
      if (hadData) assert.equal((await world.control.table<Row>('rds.instances')).length, 1, `${which}: the database stays`);
      assert.deepEqual(await world.control.oddities(), [], which);
    }
  });
});
