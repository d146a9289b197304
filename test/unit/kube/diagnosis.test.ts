/** What a failed rollout is explained by: log tails without repeats, advice for causes that show in the lines. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adviceFor, logLines } from '../../../src/kube/diagnosis.ts';

test('log lines are shown once, with how often they came and from whom', () => {
  const waiting = 'waiting\nwaiting\nwaiting\ngave up\n';
  const tails = new Map([
    ['init-a/init', waiting],
    ['init-b/init', waiting],
    ['setup-a/setup', 'other'],
  ]);
  assert.deepEqual(logLines(tails), [
    'last log lines of init-a/init and init-b/init:',
    '  waiting (3 times)',
    '  gave up',
    'last log lines of setup-a/setup:',
    '  other',
  ]);
});

test('a database that does not answer points at its security group', () => {
  assert.match(adviceFor(['dial error: dial tcp 10.20.16.2:5432: i/o timeout']) ?? '', /security group admits rds-client/);
  assert.match(adviceFor(['dial tcp 10.20.16.2:5432: connect: connection refused']) ?? '', /does not take connections/);
});
