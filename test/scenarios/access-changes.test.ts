/**
 * A bastion on a living stack: it dies, its tunnel is cut, another way in takes its place and gives it back, it is made only
 * for a deploy, it goes with the stack. ZITADEL does not notice, and nothing is left behind.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PublicIpRow } from '../../sandbox/otc/tables/network.ts';
import type { RunResult } from '../../sandbox/runner/run.ts';
import type { DeployRequest } from '../../sandbox/runner/service.ts';
import { type Bastion, bastionIn } from '../harness/bastion.ts';
import { helmReleases } from '../harness/cluster.ts';
import { age, deployedWorld, stackSecret } from '../harness/deployed.ts';
import { stackFile } from '../harness/stack-file.ts';
import { errorsOf, reportOf } from '../harness/telling.ts';
import type { TestWorld } from '../harness/world.ts';

describe('access on a living stack', { timeout: 400_000 }, () => {
  let world: TestWorld;
  let bastion: Bastion;

  const deploy = (request: DeployRequest = {}): Promise<RunResult> =>
    world.deploy({ ...request, inputs: { 'stack-secret': stackSecret, ...request.inputs } });
  /** Kind, name and generation of all that ZITADEL is made of. */
  const zitadel = async (): Promise<string> => {
    const { exitCode, stdout, stderr } = await world.enter([
      ...['kubectl', 'get', 'deployments,statefulsets,services,secrets,configmaps,jobs', '-n', 'zitadel', '-o'],
      'jsonpath={range .items[*]}{.kind} {.metadata.name} {.metadata.uid} {.metadata.generation}{"\\n"}{end}',
    ]);
    assert.equal(exitCode, 0, stderr);
    return stdout;
  };

  before(async () => {
    world = await deployedWorld('instant');
    bastion = bastionIn(world);
  });
  after(() => world?.stop());

  it('deleted by hand, it is missed by plan and drift and made anew, and ZITADEL does not notice', async () => {
    const before = await zitadel();
    const { id, port_ids } = await bastion.server();
    const eip = await bastion.publicIp();
    await world.control.edit({
      tables: {
        'ecs.servers': { remove: [id] },
        'vpc.ports': { remove: port_ids },
        'vpc.publicips': { update: { [eip.id]: { bound_to: null, port_id: null, private_ip_address: null, status: 'DOWN' } } },
      },
    });
    const plan = await deploy({ command: 'plan' });
    assert.equal(plan.exitCode, 0, plan.log);
    assert.match(plan.summary, /the bastion that leads to the cluster is not there/);
    assert.match(plan.outputs['changes'] ?? '', /bastion\/server/);
    const drift = await deploy({ command: 'drift' });
    assert.equal(drift.outputs['result'], 'drifted', drift.log);
    const { exitCode, log } = await deploy({ inputs: { 'plan-digest': plan.outputs['plan-digest'] ?? '' } });
    assert.equal(exitCode, 0, log);
    assert.equal(await zitadel(), before);
    assert.equal((await bastion.publicIp()).public_ip_address, eip.public_ip_address, 'the address stays');
    await age(world);
  });

  it('stopped by hand, or its entrance closed by hand: plan and drift name that and do not fail, and the deploy of that plan heals it', async () => {
    const stopped = async (): Promise<void> => bastion.set({ status: 'SHUTOFF' });
    const closed = async (): Promise<void> => {
      const remove = (await bastion.entrances()).map(({ id }) => id);
      await world.control.edit({ tables: { 'vpc.security-group-rules': { remove } } });
    };
    for (const [change, resource, why] of [
      [stopped, 'bastion/server', /leads to the cluster is SHUTOFF; a deploy starts it/],
      [closed, 'bastion/security-group', /does not answer at [\d.]+:22.*not in place \(rule ingress tcp 22 from 192\.0\.2\.0\/24\)/],
    ] as const) {
      await change();
      const [plan, drift] = await Promise.all([deploy({ command: 'plan' }), deploy({ command: 'drift' })]);
      assert.deepEqual([plan.exitCode, plan.outputs['result']], [0, 'changed'], plan.log);
      assert.match(JSON.stringify(reportOf(plan)), why);
      assert.deepEqual(
        (JSON.parse(plan.outputs['changes'] ?? '[]') as { readonly resource: string }[]).map((one) => one.resource),
        [resource],
      );
      assert.deepEqual([drift.exitCode, drift.outputs['result'], drift.outputs['drift-count']], [0, 'drifted', '1'], drift.log);
      const healed = await deploy({ inputs: { 'plan-digest': plan.outputs['plan-digest'] ?? '' } });
      assert.equal(healed.exitCode, 0, healed.log);
    }
    assert.equal((await deploy({ command: 'drift' })).outputs['result'], 'unchanged');
  });

  it('a killed run leaves nothing behind: no process, no file, no open port', async () => {
    const { signal, leftovers, orphans } = await deploy({ stop: { by: 'SIGKILL', at: { line: 'Credentials for the cluster' } } });
    assert.equal(signal, 'SIGKILL');
    assert.deepEqual([leftovers, orphans], [{}, []]);
  });

  it('keep: false has it only while a deploy needs it, which plan and drift find right', async () => {
    const config = stackFile({ cluster: { bastion: { keep: false } } });
    const { exitCode, log, outputs } = await deploy({ config });
    assert.equal(exitCode, 0, log);
    assert.equal(outputs['result'], 'unchanged', log);
    assert.equal(await bastion.count(), 0, 'neither server nor address');
    const plan = await deploy({ config, command: 'plan' });
    const drift = await deploy({ config, command: 'drift' });
    for (const { log, summary, outputs } of [plan, drift]) {
      assert.equal(outputs['result'], 'unchanged', log);
      assert.match(summary, /is there only while a deploy needs it/);
    }
    const approved = await deploy({ config, inputs: { 'plan-digest': plan.outputs['plan-digest'] ?? '' } });
    assert.deepEqual([approved.exitCode, approved.outputs['result']], [0, 'unchanged'], approved.log);
    assert.equal(await bastion.count(), 0, 'made and taken away again');
  });

  it('keep: false, cancelled: the run says what still costs, its post step takes it away; killed: the same post step', async () => {
    const config = stackFile({ cluster: { bastion: { keep: false } } });
    const cancelled = await deploy({ config, stop: { by: 'cancel', at: { line: 'Credentials for the cluster' } } });
    assert.equal(cancelled.exitCode, 1, cancelled.log);
    assert.ok(cancelled.tookToEnd !== null && cancelled.tookToEnd <= 7000, `${cancelled.tookToEnd} ms`);
    for (const text of [cancelled.log, cancelled.summary]) assert.match(text, /is still there and costs money: Bastion zitadel-sandbox-bastion-/);
    const killed = await deploy({ config, stop: { by: 'SIGKILL', at: { line: 'Credentials for the cluster' } } });
    for (const { state, postExitCode, log } of [cancelled, killed]) {
      assert.equal(state['passing'], 'true');
      assert.equal(postExitCode, 0, log);
      assert.match(log, /Took away the bastion, which was there for the deploy alone/);
    }
    assert.equal(await bastion.count(), 0, 'neither server nor address');
    assert.equal((await deploy({ config, command: 'drift' })).outputs['result'], 'unchanged');
  });

  it('keep: false, and another run has the lock: the post step leaves the bastion to it, drift names it', async () => {
    const config = stackFile({ cluster: { bastion: { keep: false } } });
    const vpc = (await world.control.table<{ id: string; description: string }>('vpc.vpcs'))[0];
    assert.ok(vpc);
    const running = deploy({ config, stop: { by: 'SIGKILL', at: { line: 'Credentials for the cluster' } } });
    await waitFor(async () => (await bastion.count()) === 2);
    const until = new Date(Date.now() + 120_000).toISOString().slice(0, 19);
    const locked = `${vpc.description.replace(/; locked by .*/, '')}; locked by octo/other run 7 until ${until}Z`;
    await world.control.edit({ tables: { 'vpc.vpcs': { update: { [vpc.id]: { description: locked } } } } });
    const { log, postExitCode } = await running;
    assert.equal(postExitCode, 0, log);
    assert.match(log, /left to the run that is at work[\s\S]*octo\/other run 7/);
    assert.equal(await bastion.count(), 2);
    const drift = await deploy({ config, command: 'drift' });
    assert.equal(drift.outputs['result'], 'drifted', drift.log);
    assert.match(drift.summary, /Bastion zitadel-sandbox-bastion-[\s\S]*costs money until the next deploy or destroy takes it away/);
    await world.control.edit({ tables: { 'vpc.vpcs': { update: { [vpc.id]: { description: vpc.description } } } } });
    assert.equal((await deploy({ config })).exitCode, 0);
    assert.equal(await bastion.count(), 0);
  });

  it('to an address of its own and back, without touching ZITADEL; the certificate is waited for', async () => {
    const before = await zitadel();
    const eip = stackFile({ cluster: { access: 'eip' } });
    const there = await deploy({ config: eip });
    assert.equal(there.exitCode, 0, there.log);
    assert.equal(await bastion.count(), 0);
    assert.equal((await deploy({ config: eip })).outputs['result'], 'unchanged');
    const back = await deploy();
    assert.equal(back.exitCode, 0, back.log);
    assert.equal((await deploy()).outputs['result'], 'unchanged');
    assert.equal(await zitadel(), before);
    assert.deepEqual((await world.control.table<PublicIpRow>('vpc.publicips')).map(({ alias }) => alias.split('-')[2]).sort(), [
      'bastion',
      'elb',
      'nat',
    ]);
  });

  it('private: from outside plan and deploy say what is wrong, and the bastion stays until the new way in is proven', async () => {
    const config = stackFile({ cluster: { access: 'private' } });
    const plan = await deploy({ command: 'plan', config });
    assert.equal(plan.exitCode, 0, plan.log);
    assert.match(JSON.stringify(reportOf(plan)), /cannot be reached at its private address 10\.20\.[\d.]+:5443.*This run must be in the VPC/);
    assert.ok(plan.took < 40_000, `${plan.took} ms`);
    const before = (await bastion.server()).id;
    const result = await deploy({ config });
    assert.equal(result.exitCode, 1);
    assert.match(errorsOf(result), /cannot be reached at its private address 10\.20\.[\d.]+:5443[\s\S]*self-hosted runner/);
    assert.equal((await bastion.server()).id, before);
  });

  it('private: from a runner in the VPC the bastion goes, ZITADEL does not notice, and there is a way back', async () => {
    const before = await zitadel();
    const inside = { runner: 'vpc', config: stackFile({ cluster: { access: 'private' } }) } as const;
    const result = await deploy(inside);
    assert.equal(result.exitCode, 0, result.log);
    const addresses = (await world.control.table<PublicIpRow>('vpc.publicips')).map(({ alias }) => alias.split('-')[2]);
    assert.deepEqual(addresses.sort(), ['elb', 'nat'], 'the bastion’s went with it');
    assert.equal((await deploy({ ...inside, command: 'plan' })).outputs['result'], 'unchanged');
    assert.equal(await zitadel(), before);
    const back = await deploy();
    assert.equal(back.exitCode, 0, back.log);
  });

  it('a tunnel cut in the middle of "helm upgrade --wait" is mended, and the upgrade comes to its end in the same run', async () => {
    await age(world);
    const config = stackFile({ zitadel: { replicas: 2 } });
    const running = deploy({ config });
    await waitFor(async () => (await world.enter(['kubectl', 'get', 'secrets', '-n', 'zitadel', '-o', 'name'])).stdout.includes('zitadel.v2'));
    await bastion.set({ status: 'SHUTOFF' });
    await bastion.set({ status: 'ACTIVE' });
    const { exitCode, log } = await running;
    assert.equal(exitCode, 0, log);
    const unsettled = (await helmReleases(world)).filter(({ info }) => !['deployed', 'superseded'].includes(info.status));
    assert.deepEqual(
      unsettled.filter(({ info }) => info.status !== 'failed').map(({ name, info }) => `${name} ${info.status}`),
      [],
    );
    const again = await deploy({ config });
    assert.equal(again.outputs['result'], 'unchanged', again.log);
  });

  it('destroy goes through the tunnel, and takes the bastion away last', async () => {
    const { exitCode, log } = await deploy({ command: 'destroy', inputs: { 'confirm-destroy': 'zitadel-sandbox' } });
    assert.equal(exitCode, 0, log);
    assert.deepEqual(await world.control.table('ecs.servers'), []);
    assert.deepEqual(await world.control.table('vpc.publicips'), []);
  });
});

async function waitFor(what: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    if (await what()) return;
    await sleep(100);
  }
  throw new Error('waited a minute in vain');
}
