/**
 * What a run that finds nothing to do may cost: calls, waves of calls, writes, JavaScript loaded. The same measurements as
 * `npm run bench`, with its goals as limits, in a cloud that also holds a hundred times as much of others.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { crowd, footprint, loadedBytes, noChange } from '../bench/cloud.ts';
import { deployedWorld } from '../harness/deployed.ts';
import type { TestWorld } from '../harness/world.ts';

/** Seconds until the real APIs answer a read, as in the sandbox's pace `real`. */
const answerSeconds = 0.14;
const action = process.env['ACTION_FOLDER'] ?? join(import.meta.dirname, '../..');

describe('a run that finds nothing to do', { timeout: 300_000 }, () => {
  let world: TestWorld;
  let calls: number;
  let waves: number;
  before(async () => {
    world = await deployedWorld();
  });
  after(() => world.stop());

  it('makes few calls, in few waves, and writes nothing', async () => {
    // Answers that take long compared with the action's own work between them.
    await world.control.latency({ milliseconds: 400 });
    const quiet = await noChange(world, action);
    await world.control.latency('fast');
    assert.equal(quiet.writes, 0);
    assert.ok(quiet.calls <= 25, `${quiet.calls} calls`);
    assert.ok(quiet.calls >= 15, `${quiet.calls} calls cannot have looked at everything: the count itself is broken`);
    assert.ok(quiet.waves <= 4, `${quiet.waves} waves of calls`);
    calls = quiet.calls;
    waves = quiet.waves;
  });

  it('takes at most 3 s where nothing else keeps the machine busy', async () => {
    const { cpuSeconds } = await footprint(world, action);
    assert.ok(cpuSeconds >= 0.2, `${cpuSeconds} s of processor time cannot be all: the measure is broken`);
    assert.ok(cpuSeconds + waves * answerSeconds <= 3, `${cpuSeconds} s of processor time and ${waves} waves of calls`);
  });

  it('loads little JavaScript, and its post step next to none', async () => {
    const { main, post } = await loadedBytes(world, action);
    assert.ok(main > 100_000 && main <= 1_000_000, `${main} bytes`);
    assert.ok(post > 1_000 && post <= 50_000, `${post} bytes in the post step`);
  });

  it('makes the same calls, further pages apart, beside a hundred times as many resources of others', async () => {
    assert.ok((await crowd(world)) > 2_000);
    const crowded = await noChange(world, action);
    assert.equal(crowded.calls, calls);
    assert.equal(crowded.writes, 0);
  });
});
