/** The end of a run: how long closing the door may take, so that a cancelled run has ended within the runner's patience. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { secondsToClose } from '../../../src/run/door.ts';

it('closing takes what is left: three seconds at most, half a second at least', () => {
  assert.equal(secondsToClose(1000, Number.POSITIVE_INFINITY), 3);
  assert.equal(secondsToClose(1000, 3000), 2);
  assert.equal(secondsToClose(1000, 1100), 0.5);
  assert.equal(secondsToClose(5000, 1000), 0.5);
});
