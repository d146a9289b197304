import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cancelled, Fault } from '../../../src/engine/fault.ts';
import { plainEnv, run } from '../../../src/tools/process.ts';

const env = { PATH: process.env['PATH'] };
const shell = (
  script: string,
  more: { stdin?: string; signal?: AbortSignal; timeoutSeconds?: number; graceSeconds?: number; lastSeconds?: number } = {},
) => run({ program: 'sh', args: ['-c', script], env, signal: new AbortController().signal, timeoutSeconds: 20, ...more });

test('stdin arrives, both outputs are kept, an exit code is an answer', async () => {
  assert.deepEqual(await shell('cat; echo no >&2; exit 3', { stdin: 'äöü' }), { code: 3, stdout: 'äöü', stderr: 'no\n' });
});

test('a child that ends without reading a large stdin is no error of ours', async () => {
  assert.equal((await shell('exit 1', { stdin: 'x'.repeat(4_000_000) })).code, 1);
});

test('nothing of our environment is handed on but what is given', async () => {
  process.env['INPUT_SECRET'] = 'never';
  const { stdout } = await run({
    program: 'sh',
    args: ['-c', 'env'],
    env: plainEnv(process.env),
    signal: new AbortController().signal,
    timeoutSeconds: 20,
  });
  delete process.env['INPUT_SECRET'];
  assert.doesNotMatch(stdout, /INPUT_SECRET/);
  assert.match(stdout, /PATH=/);
});

test('cancellation: the child gets SIGINT, is awaited, then Cancelled is thrown', async () => {
  const control = new AbortController();
  const marks: string[] = [];
  const running = shell('trap "exit 0" INT; echo ready; while :; do sleep 0.05; done', { signal: control.signal });
  setTimeout(() => {
    marks.push('abort');
    control.abort();
  }, 300);
  await assert.rejects(running, Cancelled);
  assert.deepEqual(marks, ['abort']);
  await assert.rejects(shell('echo never', { signal: control.signal }), Cancelled);
});

test('a child that takes too long is stopped and named', async () => {
  await assert.rejects(
    shell('exec sleep 30', { timeoutSeconds: 0.2 }),
    (error) => error instanceof Fault && /did not end within 0.2 s/.test(error.message),
  );
});

test('a child that heeds no signal is killed in the end, also where a child of its own holds its outputs open', async () => {
  const started = Date.now();
  const stubborn = shell('trap "" INT TERM; sleep 30 & while :; do sleep 0.05; done', { timeoutSeconds: 0.2, graceSeconds: 0.1, lastSeconds: 0.2 });
  await assert.rejects(stubborn, (error) => error instanceof Fault && /did not end within 0.2 s/.test(error.message));
  assert.ok(Date.now() - started < 10_000);
});

test('a program that is not there is a fault', async () => {
  const missing = run({ program: '/nowhere/helm', args: [], env, signal: new AbortController().signal, timeoutSeconds: 5 });
  await assert.rejects(missing, /could not run helm/);
});
