/** Owns the proof of what a reader is told to do after a run: cancelled, failed, or the one that installed ZITADEL. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../../src/engine/fault.ts';
import type { Outcome, Verdict } from '../../../src/engine/outcome.ts';
import { OtherPlan } from '../../../src/run/plan.ts';
import { bySecret, type Finished, nextSteps } from '../../../src/run/report.ts';
import type { Stack } from '../../../src/stack/stack.ts';
import { stack } from '../cloud/stack.ts';

const outcome = (verdict: Verdict): Outcome => ({ id: verdict, title: verdict, needs: [], verdict, changes: [], facts: {}, seconds: 0, done: false });

const finished = (more: Partial<Finished>): Finished => ({
  ...{ command: 'plan', target: 'deploy', stack, cancelled: false, hasBastionKey: true, ...more },
});

test('after a cancel nothing is to be mended, unless something failed', () => {
  const steps = (command: 'deploy' | 'destroy' | 'plan', cancelled: boolean, ...verdicts: Verdict[]): string[] =>
    nextSteps(finished({ command, cancelled }), verdicts.map(outcome), cancelled ? [new Fault('the run was cancelled')] : []);
  const again = ['Run again: it continues where it stopped and makes nothing twice.'];
  assert.deepEqual(steps('deploy', true, 'unchanged', 'blocked'), again);
  assert.deepEqual(steps('destroy', true), again);
  assert.deepEqual(steps('plan', true, 'blocked'), ['Run again.']);
  assert.match(steps('deploy', true, 'failed', 'blocked').join(), /^Mend what failed, then run the same command again/);
  assert.match(steps('deploy', false, 'blocked').join(), /^Mend what failed, then run the same command again: it goes on/);
  assert.deepEqual(steps('plan', false, 'failed'), ['Mend what failed, then run the same command again.']);
});

test('the first password is to be changed after the deploy that installed ZITADEL, not after each that makes something', () => {
  const stepsAfter = (...ids: string[]): string =>
    nextSteps(
      finished({ command: 'deploy' }),
      ids.map((id) => ({ ...outcome('create'), id, done: true })),
      [],
    ).join();
  assert.equal(stepsAfter('bastion/server', 'ingress/contour'), '');
  assert.match(stepsAfter('network/vpc', 'zitadel/release'), /change the password of the first administrator/);
});

test('where the same command can only fail again, that is not the next step', () => {
  const parts = { version: '1', stack: {}, charts: {}, outcomes: [outcome('update')] };
  const stale = new OtherPlan('0'.repeat(64), '1'.repeat(64), parts);
  assert.match(
    nextSteps(finished({ command: 'deploy' }), stale.outcomes, [stale]).join(),
    /^Plan again, have that plan approved, and give deploy its digest/,
  );
  const unconfirmed = new Fault('destroy of shop is not confirmed', { instead: 'To destroy it, run destroy with confirm-destroy: shop.' });
  assert.deepEqual(nextSteps(finished({ command: 'destroy' }), [], [unconfirmed]), [unconfirmed.instead]);
});

test('a run that did not look into the cluster is told what it lacks for that, and nothing that would not help', () => {
  const lacking = (cluster: Partial<Stack['cluster']>, hasBastionKey: boolean): string =>
    nextSteps(finished({ stack: { ...stack, cluster: { ...stack.cluster, ...cluster } }, hasBastionKey }), [outcome('unknown')], []).join();
  const fixed = ['198.51.100.0/24'];
  assert.match(lacking({ access: 'bastion', allow: fixed }, false), /To let this run look, give it the input bastion-key\.$/);
  assert.match(lacking({ access: 'bastion', allow: ['runner'] }, true), /look, set cluster\.openForReads: true in the stack file\.$/);
  assert.match(lacking({ access: 'eip', allow: ['runner'] }, false), /look, set cluster\.openForReads: true in the stack file\.$/);
  const passing = { ...stack.cluster.bastion, keep: false };
  assert.match(lacking({ access: 'bastion', bastion: passing, allow: fixed }, true), /look, keep the bastion between deploys [^;]*\.$/);
  assert.match(
    lacking({ access: 'bastion', bastion: passing, allow: ['runner'] }, false),
    /keep the bastion .*, and set cluster\.openForReads.*, and give it the input bastion-key\.$/,
  );
});

test('where the database proves a wrong stack-secret, what comes of that is not answered by deleting the bastion', () => {
  const failed = (id: string, fault: Fault): Outcome => ({ ...outcome('failed'), id, title: id, fault });
  const keys = failed('bastion/server', new Fault('other keys', { finding: 'keys', bySecret: true, resource: 'b1', hint: 'Delete the server b1.' }));
  const other = failed('network/vpc', new Fault('quota', { hint: 'Delete one.' }));
  assert.deepEqual(bySecret([keys, other]), [keys, other], 'nothing proves it');
  const proof = failed('database/instance', new Fault('another masterkey', { finding: 'masterkey', hint: 'Give the right one.' }));
  const drifted = { ...outcome('update'), id: 'database/instance', title: 'database/instance', changes: [{ field: 'masterkey' }] };
  for (const shown of [proof, drifted]) {
    const [first, second, third] = bySecret([keys, other, shown]);
    assert.match(first?.fault?.hint ?? '', /^First give the stack-secret .* database\/instance shows .* Delete nothing/);
    assert.deepEqual([first?.fault?.message, first?.fault?.finding, first?.fault?.resource], ['other keys', 'keys', 'b1']);
    assert.deepEqual([second, third], [other, shown]);
  }
});
