/**
 * `cluster.allow: [runner]`: the run's own address is admitted while a deploy or destroy needs it and never longer, whatever
 * ends the run. Plans and drift runs stay outside unless the stack file says otherwise, and say so.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { SecurityGroupRuleRow } from '../../sandbox/otc/tables/network.ts';
import { deployedWorld } from '../harness/deployed.ts';
import { stackFile } from '../harness/stack-file.ts';
import type { TestWorld } from '../harness/world.ts';

const config = stackFile({ cluster: { access: 'eip', allow: ['runner'] } });
const forReads = stackFile({ cluster: { access: 'eip', allow: ['runner'], openForReads: true } });
const runner = '192.0.2.10/32';

describe('cluster.allow: [runner]', { timeout: 400_000 }, () => {
  let world: TestWorld;

  before(async () => {
    world = await deployedWorld('instant');
    const { exitCode, log } = await world.deploy({ config });
    assert.equal(exitCode, 0, log);
    assert.match(log, /port 5443 is open for 192\.0\.2\.10, the address of this run/);
  });
  after(() => world?.stop());

  const admitted = async (): Promise<SecurityGroupRuleRow[]> =>
    (await world.control.table<SecurityGroupRuleRow>('vpc.security-group-rules')).filter(
      (rule) => rule.remote_ip_prefix === runner || rule.description?.includes(' door ') === true,
    );
  const writes = async (): Promise<string[]> =>
    (await world.control.requests())
      .filter(({ method, service, path }) => method !== 'GET' && service !== 'iam' && !path.endsWith('/clustercert'))
      .map(({ method, path }) => `${method} ${path.replace(/[0-9a-f-]{36}/, '{id}')}`);

  it('is closed after the deploy, to everybody outside', async () => {
    assert.deepEqual(await admitted(), []);
    const control = (await world.control.table<SecurityGroupRuleRow>('vpc.security-group-rules')).filter((rule) => rule.port_range_min === 5443);
    assert.deepEqual(control.map(({ remote_ip_prefix }) => remote_ip_prefix).sort(), ['10.20.0.0/16', '172.20.0.0/16']);
  });

  it('plan and drift write nothing, do not look into the cluster and say so; a deploy of that plan finds nothing to change, opening and closing its door only', async () => {
    await world.control.clearRequests();
    const plan = await world.deploy({ config, command: 'plan' });
    const drift = await world.deploy({ config, command: 'drift' });
    for (const { exitCode, log, summary, outputs } of [plan, drift]) {
      assert.equal(exitCode, 0, log);
      assert.equal(outputs['result'], 'unchanged');
      assert.match(log, /in sync where this run looked, \d+ not looked at/);
      assert.match(summary, /this run may not reach the API server/);
      assert.match(summary, /To let this run look, set cluster\.openForReads: true in the stack file\.\n/);
    }
    assert.deepEqual(await writes(), []);
    assert.equal(plan.outputs['plan-digest'], drift.outputs['plan-digest']);
    const approved = await world.deploy({ config, inputs: { 'plan-digest': plan.outputs['plan-digest'] ?? '' } });
    assert.deepEqual([approved.exitCode, approved.outputs['result']], [0, 'unchanged'], approved.log);
    assert.deepEqual(await writes(), ['POST /v2.0/security-group-rules', 'DELETE /v2.0/security-group-rules/{id}']);
    assert.equal(approved.state['doors'], '');
  });

  it('with openForReads a plan looks inside, and names the one thing it wrote', async () => {
    await world.control.clearRequests();
    const { exitCode, log, outputs, summary } = await world.deploy({ config: forReads, command: 'plan' });
    assert.equal(exitCode, 0, log);
    assert.equal(outputs['result'], 'unchanged');
    assert.match(log, /in sync, nothing to change/);
    assert.match(summary, /192\.0\.2\.10 was admitted to the cluster while it looked/);
    assert.deepEqual(await writes(), ['POST /v2.0/security-group-rules', 'DELETE /v2.0/security-group-rules/{id}']);
    assert.deepEqual(await admitted(), []);
  });

  it('with openForReads and a key that only reads, a plan says which right it lacks, and not that it wrote anything', async () => {
    const { exitCode, log, outputs, summary } = await world.deploy({ config: forReads, command: 'plan', credentials: 'reader' });
    assert.deepEqual([exitCode, outputs['has-changes'], outputs['plan-digest']], [1, 'unknown', undefined], log);
    assert.match(summary, /For cluster\.openForReads this key needs the right/);
    assert.doesNotMatch(summary, /let itself in/);
    assert.deepEqual(await admitted(), []);
  });

  it('a killed run is cleaned up by its post step, a plan that opened for its look as well', async () => {
    for (const [command, file] of [
      ['deploy', config],
      ['plan', forReads],
    ] as const) {
      const { signal, postExitCode, state, log } = await world.deploy({
        ...{ command, config: file },
        stop: { by: 'SIGKILL', at: { line: 'port 5443 is open' } },
      });
      assert.equal(signal, 'SIGKILL', log);
      assert.match(state['doors'] ?? '', /"group"/);
      assert.equal(postExitCode, 0, log);
      assert.deepEqual(await admitted(), [], command);
    }
  });

  it('a cancelled run closes its door itself, within seven seconds', async () => {
    const { exitCode, log, state, tookToEnd } = await world.deploy({ config, stop: { by: 'cancel', at: { line: 'port 5443 is open' } } });
    assert.equal(exitCode, 1, log);
    assert.equal(state['doors'], '');
    assert.deepEqual(await admitted(), []);
    assert.ok(tookToEnd !== null && tookToEnd <= 7000, `${tookToEnd} ms`);
  });

  it('a cancelled run at a gateway that is slow ends as soon, and leaves its door to the post step', async () => {
    await world.control.faults([{ service: 'security-group', method: 'DELETE', act: { kind: 'delay', milliseconds: 20_000 } }]);
    const run = await world.deploy({ config, stop: { by: 'cancel', at: { line: 'port 5443 is open' } } });
    await world.control.faults([]);
    assert.equal(run.exitCode, 1, run.log);
    assert.ok(run.tookToEnd !== null && run.tookToEnd <= 7000, `${run.tookToEnd} ms`);
    assert.match(run.log, /the rule that let this run in could not be taken away/);
    assert.match(run.state['doors'] ?? '', /"group"/);
    assert.equal(run.postExitCode, 0, run.log);
    assert.deepEqual(await admitted(), []);
  });

  it('what a run left that died with its machine, the next deploy closes, under the lock', async () => {
    const group = (await world.control.table<SecurityGroupRuleRow>('vpc.security-group-rules')).find((rule) => rule.port_range_min === 5443);
    assert.ok(group);
    const addresses = ['198.51.100.77/32', runner];
    const left = addresses.map((address, index) => ({
      ...group,
      id: `11111111-2222-4333-8444-55555555555${index}`,
      remote_ip_prefix: address,
      description: 'zitadel-on-otc door of stack zitadel-sandbox: octo/shop run 7 since 2026-01-01T10:00:00Z',
    }));
    await world.control.edit({ tables: { 'vpc.security-group-rules': { insert: left } } });
    const drift = await world.deploy({ config, command: 'drift' });
    assert.equal(drift.outputs['result'], 'unchanged', 'a door is no drift of the stack');
    const { exitCode, log } = await world.deploy({ config });
    assert.equal(exitCode, 0, log);
    for (const address of addresses) assert.ok(log.includes(`closed what a former run left open for ${address}`), log);
    assert.deepEqual(await admitted(), []);
  });

  it('an endpoint that does not tell the address is an error that says what to do, before anything is touched', async () => {
    await world.control.clearRequests();
    const { exitCode, annotations } = await world.deploy({ config, inputs: { 'address-endpoint': 'https://get.helm.sh' } });
    assert.equal(exitCode, 1);
    assert.match(annotations.map(({ message }) => message).join('\n'), /public address could not be found out[\s\S]*address-endpoint/);
    assert.deepEqual(await writes(), []);
  });

  it('destroy lets itself in, and leaves nothing', async () => {
    const { exitCode, log } = await world.deploy({ config, command: 'destroy', inputs: { 'confirm-destroy': 'zitadel-sandbox' } });
    assert.equal(exitCode, 0, log);
    assert.deepEqual(await admitted(), []);
  });
});
