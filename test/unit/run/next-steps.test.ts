/** Owns the proof of what a reader is told to do after a run: cancelled, failed, or the one that installed ZITADEL. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../../src/engine/fault.ts';
import type { Outcome, Verdict } from '../../../src/engine/outcome.ts';
import { nextSteps } from '../../../src/run/report.ts';
import { stack } from '../cloud/stack.ts';

const outcome = (verdict: Verdict): Outcome => ({ id: verdict, title: verdict, needs: [], verdict, changes: [], facts: {}, seconds: 0, done: false });

test('after a cancel nothing is to be mended, unless something failed', () => {
  const steps = (command: 'deploy' | 'destroy' | 'plan', cancelled: boolean, ...verdicts: Verdict[]): string[] =>
    nextSteps({ command, stack, cancelled }, verdicts.map(outcome), cancelled ? [new Fault('the run was cancelled')] : []);
  const again = ['Run again: it continues where it stopped and makes nothing twice.'];
  assert.deepEqual(steps('deploy', true, 'unchanged', 'blocked'), again);
  assert.deepEqual(steps('destroy', true), again);
  assert.deepEqual(steps('plan', true, 'blocked'), ['Run again.']);
  assert.match(steps('deploy', true, 'failed', 'blocked').join(), /^Mend what failed, then run the same command again/);
  assert.match(steps('deploy', false, 'blocked').join(), /^Mend what failed, then run the same command again/);
});

test('the first password is to be changed after the deploy that installed ZITADEL, not after each that makes something', () => {
  const stepsAfter = (...ids: string[]): string =>
    nextSteps(
      { command: 'deploy', stack, cancelled: false },
      ids.map((id) => ({ ...outcome('create'), id, done: true })),
      [],
    ).join();
  assert.equal(stepsAfter('bastion/server', 'ingress/contour'), '');
  assert.match(stepsAfter('network/vpc', 'zitadel/release'), /change the password of the first administrator/);
});
