/**
 * Plans as teams use them: with a key that only reads, by the ready-made policy and role; and as a gate, which stops a deploy
 * before its first write and says in which fields it differs.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { RunResult } from '../../sandbox/runner/run.ts';
import type { DeployRequest } from '../../sandbox/runner/service.ts';
import { bastionKeySeed } from '../harness/bastion.ts';
import { cloudCalls, writes } from '../harness/census.ts';
import { deployedWorld, stackSecret } from '../harness/deployed.ts';
import { stackFile } from '../harness/stack-file.ts';
import { errorsOf, reportOf } from '../harness/telling.ts';
import type { TestWorld } from '../harness/world.ts';

type Row = { readonly id: string; readonly [field: string]: unknown };

const example = (name: string): string => readFileSync(join(import.meta.dirname, '../../examples', name), 'utf8');

describe('plans', { timeout: 300_000 }, () => {
  let world: TestWorld;
  let readerId: string;
  const kubectl = async (args: readonly string[], input = ''): Promise<void> => {
    const { exitCode, stderr } = await world.enter(['kubectl', ...args], { input });
    assert.equal(exitCode, 0, stderr);
  };
  const role = (change: (text: string) => string = (text) => text): Promise<void> =>
    kubectl(['apply', '-f', '-'], change(example('read-only-role.yaml').replace('ID_OF_THE_IAM_USER', readerId)));
  const read = (request: DeployRequest): Promise<RunResult> =>
    world.deploy({
      credentials: 'reader',
      ...request,
      inputs: { 'stack-secret': '', 'bastion-key': bastionKeySeed(stackSecret), ...request.inputs },
    });
  const bigger = stackFile({ zitadel: { replicas: 2 } });

  before(async () => {
    world = await deployedWorld();
    const rows = (table: string): Promise<Row[]> => world.control.table<Row>(table);
    const readers = (await rows('iam.groups')).find((row) => row['name'] === 'readers');
    const reader = (await rows('iam.users')).find((row) => row['name'] === 'ci-reader');
    assert.ok(readers !== undefined && reader !== undefined);
    readerId = reader.id;
    const policy = {
      id: 'reads',
      name: 'custom_policy',
      display_name: 'reads',
      description: '',
      type: 'XA',
      policy: JSON.parse(example('read-only-policy.json')),
    };
    const projects = (await rows('iam.projects')).filter((row) => ['eu-de', 'eu-de_zitadel'].includes(String(row['name'])));
    const held = (await rows('iam.assignments')).filter((row) => row['to'] === readers.id);
    await world.control.edit({
      tables: {
        'iam.roles': { insert: [policy] },
        'iam.assignments': {
          remove: held.map(({ id }) => id),
          insert: projects.map(({ id }) => ({ id: `reads-${id}`, to: readers.id, role_id: policy.id, on: { project: id } })),
        },
      },
    });
    await role();
  });
  after(async () => await world?.stop());

  it('a change that must be refused stops a deploy before it writes anything beside it, and a plan says so first', async () => {
    // The pods' range would not be let in to the database any more, and the cluster would have to be another one.
    const config = stackFile({ cluster: { containerNetwork: { mode: 'overlay_l2' } } });
    const plan = await world.deploy({ command: 'plan', config });
    assert.deepEqual([plan.exitCode, plan.outputs['result'], plan.outputs['plan-digest']], [1, 'failed', undefined], 'nothing to approve');
    assert.match(errorsOf(plan), /CCE cluster .* would have to be replaced to change .*: refused/);
    assert.match(plan.summary, /^## ⛔ .*plan: 1 refused/m);
    await world.control.clearRequests();
    const refused = await world.deploy({ config });
    assert.equal(refused.exitCode, 1, refused.log);
    assert.match(errorsOf(refused), /CCE cluster .* would have to be replaced to change .*: refused/);
    const written = writes(cloudCalls(await world.control.requests())).filter((call) => !/clustercert/.test(JSON.stringify(call)));
    assert.deepEqual(written, []);
  });

  it('sees everything with the ready-made policy and role alone, and writes nothing', async () => {
    await world.control.clearRequests();
    const [plan, drift] = [await read({ command: 'plan' }), await read({ command: 'drift' })];
    assert.deepEqual([plan.exitCode, plan.outputs['result'], plan.outputs['has-changes']], [0, 'unchanged', 'false'], plan.log);
    assert.deepEqual([drift.exitCode, drift.outputs['result']], [0, 'unchanged'], drift.log);
    assert.ok(!reportOf(plan).outcomes.some(({ verdict }) => ['failed', 'unknown', 'blocked'].includes(verdict)), plan.log);
    const written = writes(cloudCalls(await world.control.requests())).filter((call) => !/clustercert/.test(JSON.stringify(call)));
    assert.deepEqual(written, []);
    const full = await world.deploy({ command: 'plan', inputs: { 'stack-secret': stackSecret } });
    assert.equal(plan.outputs['plan-digest'], full.outputs['plan-digest'], 'the same plan with every right and secret');
  });

  for (const [what, change] of [
    ['secrets', (text: string) => text.replace('namespaces, secrets, ', 'namespaces, ')],
    ['namespaces', (text: string) => text.replace('namespaces, secrets, ', 'secrets, ')],
    ['certificates', (text: string) => text.replace('[cert-manager.io,', '[')],
    // Without their groups no kind of these may be read: the role is mended at one go.
    [
      'deployments, mutatingwebhookconfigurations and validatingwebhookconfigurations',
      (text: string) => text.replace('[apps, batch,', '[batch,').replace('[admissionregistration.k8s.io,', '['),
    ],
  ] as const) {
    it(`fails, and names it, where the role lacks ${what}`, async () => {
      await role(change);
      try {
        const run = await read({ command: 'drift' });
        assert.equal(run.exitCode, 1, run.log);
        for (const kind of what.split(/, | and /)) assert.match(errorsOf(run), new RegExp(`${kind}\\S*( "[^"]+")? is forbidden.*cannot (get|list)`));
        assert.deepEqual(
          [run.outputs['has-changes'], run.outputs['plan-digest']],
          ['unknown', undefined],
          'what it could not see it does not vouch for',
        );
      } finally {
        await role();
      }
    });
  }

  it('stops a deploy whose plan is not the approved one before its first write, names the fields, and carries out the one that is', async () => {
    const inPullRequest: DeployRequest = {
      command: 'plan',
      inputs: { comment: 'true', 'fail-on-changes': 'true' },
      env: { GITHUB_REF: 'refs/pull/1/merge', GITHUB_EVENT_NAME: 'pull_request' },
    };
    const comment = async (): Promise<string> => {
      const [only, ...others] = await world.control.table<Row>('github.comments');
      assert.deepEqual(others, [], 'never a second one');
      return String(only?.['body']);
    };
    const approved = await read({ ...inPullRequest, config: bigger });
    assert.equal(approved.exitCode, 1, 'fail-on-changes');
    assert.match(errorsOf(approved), /^There are changes\n/);
    assert.equal(approved.outputs['result'], 'changed');
    assert.match(await comment(), /^- {2}replicas: 3\n\+ {2}replicas: 2$/m);
    // What helm would render, beside what it stored: the changed line, folded, with its neighbours.
    const rendered = foldIn(approved.summary, 'Deployment zitadel: stored → rendered');
    assert.deepEqual(rendered.match(/^[-+].*/gm), ['-  replicas: 3', '+  replicas: 2']);
    await kubectl(['-n', 'zitadel', 'scale', 'deployment/zitadel', '--replicas=1']);
    const drifted = await read(inPullRequest);
    assert.match(await comment(), /^- {2}replicas: 1\n\+ {2}replicas: 3$/m);
    assert.match(foldIn(drifted.summary, 'Deployment zitadel: live → stored'), /^- {2}replicas: 1\n\+ {2}replicas: 3$/m);
    await world.control.clearRequests();
    const deploy = await world.deploy({
      command: 'deploy',
      config: bigger,
      inputs: { 'stack-secret': stackSecret, 'plan-digest': approved.outputs['plan-digest'] ?? '' },
    });
    assert.equal(deploy.exitCode, 1, deploy.log);
    assert.match(errorsOf(deploy), /zitadel\/release Deployment zitadel spec\.replicas: approved no change, now 1 → \d/);
    assert.match(deploy.summary, /now 1 → \d/);
    assert.match(deploy.summary, /1\. Plan again, have that plan approved/);
    assert.doesNotMatch(deploy.summary, /run the same command again/);
    assert.equal(deploy.outputs['result'], 'failed');
    const written = writes(cloudCalls(await world.control.requests())).filter((call) => !/clustercert/.test(JSON.stringify(call)));
    assert.deepEqual(written, []);

    const again = await read({ command: 'plan', config: bigger });
    assert.notEqual(again.outputs['plan-digest'], approved.outputs['plan-digest']);
    const done = await world.deploy({
      command: 'deploy',
      config: bigger,
      inputs: { 'stack-secret': stackSecret, 'plan-digest': again.outputs['plan-digest'] ?? '' },
    });
    assert.deepEqual([done.exitCode, done.outputs['result']], [0, 'changed'], done.log);
    assert.deepEqual(changed(done), changed(again), 'what was approved, and nothing else');
    const last = await read({ ...inPullRequest, config: bigger });
    assert.deepEqual([last.exitCode, last.outputs['result']], [0, 'unchanged'], last.log);
    assert.match(await comment(), /in sync, nothing to change/);
  });
});

/** What a run changes, as it says to the steps behind it. */
const changed = ({ outputs }: RunResult): string[] =>
  (JSON.parse(outputs['changes'] ?? '[]') as { readonly resource: string; readonly verdict: string }[]).map(
    ({ resource, verdict }) => `${resource} ${verdict}`,
  );

/** The body of a fold of a summary. */
function foldIn(summary: string, title: string): string {
  const [, after = ''] = summary.split(`<summary>${title}`);
  assert.notEqual(after, '', `${title} is not folded in:\n${summary}`);
  return after.split('</details>')[0] ?? '';
}
