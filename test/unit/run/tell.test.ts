/** Owns the proof that a step fails where what it found cannot be handed over. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Runner } from '../../../src/github/runner.ts';
import { makeReport } from '../../../src/report/report.ts';
import { tell } from '../../../src/run/report.ts';
import { Secret } from '../../../src/secret.ts';

const folder = mkdtempSync(join(tmpdir(), 'tell-'));
after(() => rmSync(folder, { recursive: true, force: true }));

async function told(command: string, planDigest: string): Promise<{ succeeded: boolean; log: string; outputs: string }> {
  const log: string[] = [];
  const outputs: string[] = [];
  const runner = new Runner(
    {
      command: (name, { title = '' }, message) => log.push(`${name} ${title}: ${message}`),
      line: (text) => log.push(text),
      file: (_name, text) => outputs.push(text),
    },
    {},
  );
  const transport = () => Promise.reject(new Error('nobody is asked'));
  const report = makeReport({ command, outcomes: [], versions: {}, seconds: 1, planDigest });
  const telling = { runner, env: { RUNNER_TEMP: folder }, inputs: undefined, transport, signal: new AbortController().signal };
  const succeeded = await tell(telling, report, {});
  return { succeeded, log: log.join('\n'), outputs: outputs.join('\n') };
}

test('a plan whose digest is a masked word fails: nothing could hold a deploy to it', async () => {
  const digest = 'ab12'.repeat(16);
  const good = await told('plan', digest);
  assert.ok(good.succeeded && good.outputs.includes(digest), good.log);
  new Secret(digest.slice(0, 20));
  const { succeeded, log, outputs } = await told('plan', digest);
  assert.equal(succeeded, false);
  assert.match(log, /^error The output plan-digest is left out: the plan has no digest that could be handed over$/m);
  assert.ok(!outputs.includes('plan-digest'));
  assert.equal((await told('drift', digest)).succeeded, true, 'what drifted is known without it');
});
