/** What the bench says of a Terraform run that cannot be timed. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { changeIn, reasonOf } from '../../bench/terraform.ts';

describe('reasonOf', () => {
  it('finds the error in its frame, before warnings and hints', () => {
    const stderr =
      '╷\n│ Warning: Argument is deprecated\n╵\n╷\n│ Error: Failed to query available provider packages\n│ \n│ Could not retrieve …\n╵\n';
    assert.equal(reasonOf({ stdout: 'Initializing …\n', stderr }), 'Error: Failed to query available provider packages');
  });
  it('falls back to the last words', () => {
    assert.equal(reasonOf({ stdout: 'first\nlast\n\n', stderr: '' }), 'last');
    assert.equal(reasonOf({ stdout: '', stderr: '' }), 'no words');
  });
});

describe('changeIn', () => {
  it('names the first resource of a plan that is not empty', () => {
    const plan = 'Terraform will perform the following actions:\n\n  # module.net.vpc.main will be updated in-place\n  ~ resource "vpc" "main" {\n';
    assert.equal(changeIn(plan), 'module.net.vpc.main will be updated in-place');
    assert.equal(changeIn('nothing of that kind'), 'see its output');
  });
});
