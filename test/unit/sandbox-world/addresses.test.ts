/** Owns the proof that an address is there when whoever asked for it goes on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LoopbackAddresses } from '../../../sandbox/world/addresses.ts';

test('who asks for an address that another one is just getting waits for it, too', async () => {
  let done = (): void => undefined;
  const there = new Promise<void>((resolve) => {
    done = resolve;
  });
  const addresses = new LoopbackAddresses(() => there);
  const told: string[] = [];
  const asked = ['first', 'second'].map((who) => addresses.add('203.0.113.11').then(() => told.push(who)));
  await new Promise(setImmediate);
  assert.deepEqual(told, []);
  done();
  await Promise.all(asked);
  assert.equal(told.length, 2);
});
