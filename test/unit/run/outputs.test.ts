/** The action as a process that ends early: outputs, report, summary and annotations are there on every path. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, test } from 'node:test';
import { parseFileCommands } from '../../../sandbox/runner/commands.ts';
import { settle } from '../../../src/github/runner.ts';

const root = join(import.meta.dirname, '../../..');
const folder = mkdtempSync(join(tmpdir(), 'outputs-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const good = 'name: zitadel-prod\nregion: eu-de\ndomain: login.example.com\ncontact: ops@example.com\n';
const key = { 'ACCESS-KEY': 'AK0123456789', 'SECRET-KEY': 'secret-key-of-nobody' };

interface Ended {
  readonly code: number;
  readonly outputs: Readonly<Record<string, string>>;
  readonly summary: string;
  readonly log: string;
  readonly stderr: string;
}

let runs = 0;
function run(stack: string | undefined, inputs: Readonly<Record<string, string>>, temp = folder, more: NodeJS.ProcessEnv = {}): Promise<Ended> {
  runs += 1;
  const at = (name: string): string => join(folder, `${runs}-${name}`);
  for (const name of ['output', 'state', 'summary']) writeFileSync(at(name), '');
  if (stack !== undefined) writeFileSync(at('zitadel.yaml'), stack);
  const env = {
    ...{
      PATH: process.env['PATH'],
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
      RUNNER_TEMP: temp,
      GITHUB_OUTPUT: at('output'),
      GITHUB_STATE: at('state'),
      GITHUB_STEP_SUMMARY: at('summary'),
    },
    // Nobody answers there.
    ...{ INPUT_CONFIG: at('zitadel.yaml'), 'INPUT_IDENTITY-ENDPOINT': 'https://127.0.0.1:9/v3' },
    ...Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name}`, value])),
    ...more,
  };
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', join(root, 'src/main.ts')],
      { env, timeout: 60_000 },
      (error, log, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
        const outputs = Object.fromEntries(Object.entries(parseFileCommands(readFileSync(at('output'), 'utf8'))));
        resolve({ code, outputs, summary: readFileSync(at('summary'), 'utf8'), log, stderr });
      },
    );
  });
}

for (const [what, stack, inputs, code, says, verdict, command] of [
  ['a command that is none', good, { COMMAND: 'depoly', ...key }, 1, /input command: "depoly" is not possible/, 'the run failed', undefined],
  ['no credentials', good, { COMMAND: 'plan' }, 1, /no credentials are given/, 'plan failed', 'plan'],
  ['no stack file', undefined, { COMMAND: 'plan', ...key }, 1, /cannot be read/, 'plan failed', 'plan'],
  ['a broken stack file', `${good}regoin: x\n`, { COMMAND: 'deploy', ...key }, 1, /regoin/, 'deploy failed', 'deploy'],
  ['a plan-digest that is none', good, { 'PLAN-DIGEST': 'abc', ...key }, 1, /plan-digest/, 'deploy failed', 'deploy'],
  [
    'the stack file alone',
    good,
    { COMMAND: 'check' },
    0,
    /only the stack file was checked/,
    'zitadel-prod: the stack file is in order; without credentials nothing else was checked',
    'check',
  ],
] as const) {
  test(`outputs, summary and report are there: ${what}`, async () => {
    const ended = await run(stack, inputs);
    assert.equal(ended.code, code, ended.log);
    assert.equal(ended.outputs['result'], code === 0 ? 'unchanged' : 'failed');
    for (const name of ['has-changes', 'changes', 'report']) assert.ok((ended.outputs[name] ?? '') !== '', `${name}: ${ended.log}`);
    assert.ok(existsSync(ended.outputs['report'] ?? ''));
    const report = JSON.parse(readFileSync(ended.outputs['report'] ?? '', 'utf8')) as Readonly<Record<string, unknown>>;
    assert.deepEqual([report['format'], report['verdict'], report['command']], [1, verdict, command]);
    const name = ['zitadel-on-otc', code === 0 ? 'zitadel-prod' : 'stack', command].filter(Boolean).join('-');
    assert.equal(basename(ended.outputs['report'] ?? ''), `${name}.json`);
    assert.match(ended.summary, says);
    assert.match(ended.log, code === 0 ? /::notice / : /::error title=/);
  });
}

test('the reports of a plan and of a plan of a destroy are two files', async () => {
  for (const [TARGET, name] of [
    ['deploy', 'zitadel-on-otc-stack-plan.json'],
    ['destroy', 'zitadel-on-otc-stack-plan-destroy.json'],
  ] as const)
    assert.equal(basename((await run(undefined, { COMMAND: 'plan', TARGET, ...key })).outputs['report'] ?? ''), name);
});

for (const [name, lack] of [
  ['GITHUB_OUTPUT', undefined],
  ['GITHUB_STATE', ''],
  ['GITHUB_STEP_SUMMARY', join(folder, 'no-such-file')],
] as const) {
  test(`without the file of ${name} one line says so, before anything is read`, async () => {
    const { code, summary, log, stderr } = await run(good, { COMMAND: 'check' }, folder, { [name]: lack });
    assert.deepEqual([code, summary, stderr], [1, '', '']);
    assert.match(log, new RegExp(`^::error title=zitadel-on-otc::no file is named by ${name}: .*\n$`));
  });
}

test('what the runner sets to nothing counts as absent: report and stack file are found, the tool cache is named', async () => {
  const none = { RUNNER_TEMP: '', RUNNER_TOOL_CACHE: '', GITHUB_WORKSPACE: '', GITHUB_REPOSITORY: '', GITHUB_STEP_SUMMARY: '', TMPDIR: folder };
  const { code, outputs, log } = await run(good, { COMMAND: 'check' }, folder, none);
  assert.equal(code, 0, log);
  assert.equal(outputs['report'], join(folder, 'zitadel-on-otc-zitadel-prod-check.json'));
  assert.ok(existsSync(outputs['report']));
  const env: Record<string, string | undefined> = { RUNNER_TEMP: ' ', RUNNER_TOOL_CACHE: '', GITHUB_REPOSITORY: '', OTHER: '' };
  settle(env, '/machine/tmp');
  assert.deepEqual(env, { RUNNER_TEMP: '/machine/tmp', RUNNER_TOOL_CACHE: '/machine/tmp/tool-cache', OTHER: '' });
  const given = { RUNNER_TEMP: '/a', RUNNER_TOOL_CACHE: '/b', GITHUB_REPOSITORY: 'c/d' };
  const kept = { ...given };
  settle(kept, '/machine/tmp');
  assert.deepEqual(kept, given);
});

test('a proxy that cannot be used is an error before anything is asked', async () => {
  const { code, log, summary } = await run(good, { COMMAND: 'plan', ...key }, folder, { HTTPS_PROXY: 'socks5://u:something-secret@127.0.0.1:9' });
  assert.equal(code, 1);
  assert.match(log, /::error title=zitadel-on-otc::HTTPS_PROXY names a proxy of the kind socks5/);
  assert.ok(!`${log.replace(/^::add-mask::.*$/gm, '')}${summary}`.includes('something-secret'));
});

test('a report that cannot be written is a warning, and takes no other output along', async () => {
  const { code, outputs, summary, log } = await run(good, { COMMAND: 'check' }, join(folder, 'not-there'));
  assert.equal(code, 0, log);
  assert.deepEqual([outputs['result'], outputs['has-changes'], outputs['report']], ['unchanged', 'unknown', undefined]);
  assert.match(log, /::warning title=The output report is left out::the report could not be written: ENOENT/);
  assert.match(summary, /only the stack file was checked/);
});
