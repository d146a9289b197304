/** The runner's side: inputs, workflow commands, the log of a walk, the ID token. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { Fault, Faults } from '../../../src/engine/fault.ts';
import type { Outcome } from '../../../src/engine/outcome.ts';
import { type AnyResource, resource } from '../../../src/engine/resource.ts';
import { idToken } from '../../../src/github/id-token.ts';
import { commands, inputDefaults, readInputs } from '../../../src/github/inputs.ts';
import { runnerJournal } from '../../../src/github/journal.ts';
import { Runner } from '../../../src/github/runner.ts';
import { redact, Secret } from '../../../src/secret.ts';

const key = { 'INPUT_ACCESS-KEY': 'AKEXAMPLE', 'INPUT_SECRET-KEY': 'secret-key-example' };

function problems(env: Record<string, string>): string[] {
  try {
    readInputs(env);
  } catch (error) {
    assert.ok(error instanceof Faults);
    return error.faults.map(({ message }) => message);
  }
  return [];
}

test('defaults in the code are those of action.yml, and every input there has a description', () => {
  const action = parse(readFileSync(new URL('../../../action.yml', import.meta.url), 'utf8')) as {
    inputs: Record<string, { description?: string; default?: unknown; required?: boolean }>;
    outputs: Record<string, { description?: string }>;
  };
  const shown = Object.fromEntries(
    Object.entries(action.inputs).flatMap(([name, input]) =>
      input.default === undefined || String(input.default).includes('${{') ? [] : [[name, String(input.default)]],
    ),
  );
  assert.deepEqual(shown, inputDefaults);
  for (const [name, entry] of Object.entries({ ...action.inputs, ...action.outputs })) {
    assert.match(name, /^[a-z]+(-[a-z]+)*$/);
    assert.ok((entry.description ?? '').length > 10, name);
  }
  const source = readFileSync(new URL('../../../src/github/inputs.ts', import.meta.url), 'utf8');
  for (const name of Object.keys(action.inputs)) {
    const read = /^(helm|kubectl)-/.test(name) ? `\`\${name}${name.slice(name.indexOf('-'))}\`` : `'${name}'`;
    assert.ok(source.includes(read), `${name} is read nowhere`);
  }
});

test('the least that is needed', () => {
  const inputs = readInputs(key);
  assert.equal(inputs.command, 'deploy');
  assert.equal(inputs.config, 'zitadel.yaml');
  assert.equal(inputs.credentials?.kind, 'access-key');
  assert.deepEqual(inputs.helm, { version: '4.1.4', checksum: undefined, mirror: undefined });
  assert.equal(inputs.secrets.stackSecret, undefined);
});

test('what cannot be in a key, a token or a name is said, and the value is not', () => {
  const user = { INPUT_USERNAME: 'me', INPUT_PASSWORD: 'planted-secret', 'INPUT_DOMAIN-NAME': 'OTC1' };
  for (const [env, message] of [
    [{ ...key, 'INPUT_SECRET-KEY': 'planted\nsecret-key' }, 'input secret-key contains a line break'],
    [{ ...key, 'INPUT_SECRET-KEY': 'planted secret-key' }, 'input secret-key contains white space'],
    [{ ...key, 'INPUT_ACCESS-KEY': 'planted\u0000' }, 'input access-key contains a control character'],
    [{ ...key, 'INPUT_ACCESS-KEY': '\u201cplanted\u201d' }, 'input access-key contains a character outside ASCII'],
    [{ ...key, 'INPUT_SECURITY-TOKEN': 'planted\u200bsecret' }, 'input security-token contains a character outside ASCII'],
    [{ ...key, 'INPUT_GITHUB-TOKEN': 'planted\r\nsecret' }, 'input github-token contains a line break'],
    [{ ...user, INPUT_PASSWORD: 'planted\nsecret' }, 'input password contains a line break'],
    [{ ...user, 'INPUT_DOMAIN-NAME': 'planted\tsecret' }, 'input domain-name contains a control character'],
    [{ ...key, INPUT_CONFIG: 'planted\n::error::x' }, 'input config contains a line break'],
  ] as [Record<string, string>, string][])
    assert.deepEqual(problems(env), [message]);
  const around = readInputs({ ...key, 'INPUT_SECRET-KEY': ' secret-key-example\r\n' }).credentials;
  assert.equal(around?.kind === 'access-key' ? around.secretKey.open() : '', 'secret-key-example', 'what surrounds a value is cut');
  assert.deepEqual(problems({ ...user, INPUT_PASSWORD: 'p\u00e4ss wörd with spaces' }), []);
});

test('empty strings and white space count as absent', () => {
  const inputs = readInputs({ ...key, 'INPUT_STACK-SECRET': '', INPUT_PROJECT: ' \n', INPUT_COMMAND: '', INPUT_USERNAME: '' });
  assert.deepEqual([inputs.secrets.stackSecret, inputs.project, inputs.command], [undefined, undefined, 'deploy']);
  assert.equal(readInputs({ ...key, INPUT_MASTERKEY: `${'k'.repeat(32)}\n` }).secrets.masterkey?.open(), 'k'.repeat(32));
});

test('three ways to sign in', () => {
  const password = readInputs({ INPUT_USERNAME: 'ci', INPUT_PASSWORD: 'password-1', 'INPUT_DOMAIN-NAME': 'OTC-EU-DE-1' }).credentials;
  assert.equal(password?.kind === 'password' && password.domainName, 'OTC-EU-DE-1');
  const oidc = readInputs({ 'INPUT_IDENTITY-PROVIDER': 'github' }).credentials;
  assert.deepEqual(oidc, { kind: 'oidc', identityProvider: 'github', audience: 'zitadel-on-otc' });
});

test('an account for charts is whole or absent', () => {
  const key = { 'INPUT_ACCESS-KEY': 'AK', 'INPUT_SECRET-KEY': 'secret-key-1' };
  assert.equal(readInputs(key).chartAccount, undefined);
  const both = { ...key, 'INPUT_CHART-REGISTRY-USERNAME': 'puller', 'INPUT_CHART-REGISTRY-PASSWORD': 'a password' };
  assert.deepEqual([readInputs(both).chartAccount?.host, readInputs(both).chartAccount?.password.open()], ['docker.io', 'a password']);
  assert.match(problems({ ...key, 'INPUT_CHART-REGISTRY-USERNAME': 'puller' }).join(), /go together/);
  assert.match(problems({ ...both, 'INPUT_CHART-REGISTRY': 'https://registry.example.com' }).join(), /chart-registry: .* is not a host/);
});

test('every problem at once, and no secret in a message', () => {
  const found = problems({
    'INPUT_ACCESS-KEY': 'AK',
    INPUT_COMMAND: 'deplyo',
    INPUT_COMMENT: 'yes',
    'INPUT_ADMIN-PASSWORD': 'tiny',
    'INPUT_HELM-VERSION': 'latest',
    'INPUT_KUBECTL-MIRROR': 'http://mirror',
    'INPUT_HELM-CHECKSUM': 'abc',
    'INPUT_PLAN-DIGEST': 'xyz',
    'INPUT_ACME-ACCESS-KEY': 'AK',
  });
  assert.deepEqual(found.sort(), [
    'input admin-password has 4 characters; fewer than 8 cannot be kept out of logs',
    'input command: "deplyo" is not possible',
    'input comment: "yes" is neither true nor false',
    'input helm-checksum: "abc" is not a sha256 of 64 hexadecimal digits',
    'input helm-version: "latest" is not a version such as 4.1.4',
    'input kubectl-mirror: "http://mirror" is not an https:// URL',
    'input plan-digest: "xyz" is not a digest as the output plan-digest gives it',
    'input secret-key is missing',
    'inputs acme-access-key and acme-secret-key go together',
  ]);
  assert.ok(!found.join().includes('tiny'));
});

test('no credentials, or two kinds', () => {
  assert.deepEqual(problems({}), ['no credentials are given']);
  assert.equal(readInputs({ INPUT_COMMAND: 'check', 'INPUT_ACCESS-KEY': '' }).credentials, undefined);
  assert.deepEqual(problems({ INPUT_COMMAND: 'check', 'INPUT_ACCESS-KEY': 'AK' }), ['input secret-key is missing']);
  assert.deepEqual(problems({ ...key, 'INPUT_IDENTITY-PROVIDER': 'github' }), ['credentials are given in 2 ways']);
  assert.deepEqual(commands, ['deploy', 'plan', 'drift', 'destroy', 'check']);
});

/** A runner that keeps what it is told. */
function recording(env: Record<string, string> = {}): { runner: Runner; log: string[] } {
  const log: string[] = [];
  const runner = new Runner(
    {
      command: (name, properties, message) =>
        log.push(
          `::${name} ${Object.entries(properties)
            .map(([k, v]) => `${k}=${v}`)
            .join(',')}::${message}`,
        ),
      line: (text) => log.push(text),
      file: (name, text) => log.push(`${name}: ${text.replace(/ghadelimiter_[0-9a-f-]+/g, 'EOF').replaceAll('\n', '|')}`),
    },
    env,
  );
  return { runner, log };
}

test('annotations carry the place, what was said and what to do', () => {
  const { runner, log } = recording();
  runner.annotate(
    'error',
    new Fault('region: "x" is not possible', { place: { file: 'zitadel.yaml', line: 3, column: 9 }, hint: 'Did you mean "eu-de"?' }),
  );
  runner.annotate('warning', new Fault('m'.repeat(5000), { status: 409, code: 'VPC.0114', requestId: 'abc' }));
  assert.equal(
    log[0],
    '::error title=zitadel-on-otc,file=zitadel.yaml,line=3,col=9::zitadel.yaml:3:9: region: "x" is not possible\nDid you mean "eu-de"?',
  );
  assert.ok((log[1] ?? '').length < 4096);
});

test('of more errors than GitHub shows, the last one shown says how many are not', () => {
  const faults = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ fault: new Fault(`m${index} ${'x'.repeat(5000)}`, { hint: 'Do.' }) }));
  const told = (count: number): string[] => {
    const { runner, log } = recording();
    runner.errors(faults(count));
    return log;
  };
  assert.equal(told(10).filter((line) => /more error/.test(line)).length, 0);
  assert.match(told(11)[9] ?? '', /::m9 [\s\S]*Do\.\n1 more error stands in the log and the job summary\.$/);
  const thirteen = told(13);
  assert.equal(thirteen.length, 13);
  assert.deepEqual(
    thirteen.flatMap((line, index) => (line.endsWith('3 more errors stand in the log and the job summary.') ? [index] : [])),
    [9],
  );
  assert.ok((thirteen[9] ?? '').length < 4096);
});

test('foreign lines cannot speak to the runner', () => {
  const { runner, log } = recording();
  runner.line('::add-mask::a\n  ::set-output name=x::y\n##[error]z\nplain :: text');
  for (const line of log) assert.ok(!/^\s*::|##\[/.test(line), line);
  assert.equal(log.at(-1), 'plain :: text');
});

test('an output that contains a masked word is left out with a warning that names it', () => {
  const { runner, log } = recording();
  new Secret('masked-word-in-output');
  runner.setOutputs({ url: 'https://login.example.com', bad: 'x-masked-word-in-output-y', none: undefined });
  assert.equal(log.filter((line) => line.startsWith('OUTPUT')).length, 1);
  assert.match(log.join('\n'), /warning.*output bad contains a masked word/);
  assert.ok(!log.some((line) => line.includes('masked-word-in-output')));
});

test('state, summary and debug go where the runner reads them', () => {
  const { runner, log } = recording({ STATE_workspace: '/tmp/x', GITHUB_STEP_SUMMARY: '/tmp/s', RUNNER_DEBUG: '1' });
  assert.equal(runner.state('workspace'), '/tmp/x');
  assert.equal(runner.state('other'), undefined);
  runner.saveState('workspace', '/tmp/y');
  runner.summary('# hello');
  runner.debug('d');
  assert.deepEqual(log, ['STATE: workspace<<EOF|/tmp/y|EOF', 'STEP_SUMMARY: # hello', '::debug ::d']);
  const plain = recording();
  plain.runner.summary('# lost');
  plain.runner.debug('d');
  assert.deepEqual(plain.log, []);
});

function thing(id: string): AnyResource {
  return resource({
    id,
    title: `Thing ${id}`,
    needs: {},
    wanted: true,
    want: () => ({}),
    observe: async () => undefined,
    diff: () => [],
    apply: async () => ({}),
    destroy: async () => undefined,
  });
}

function ended(id: string, more: Partial<Outcome> = {}): Outcome {
  return { id, title: `Thing ${id}`, needs: [], verdict: 'create', changes: [], facts: {}, seconds: 12.3, done: true, ...more };
}

test('log groups come in the order of the ends and are never interleaved; long waits show one line at a time', () => {
  const { runner, log } = recording();
  let now = 0;
  const journal = runnerJournal(runner, () => now);
  const [a, b] = [thing('a'), thing('b')];
  journal.begin(a);
  journal.begin(b);
  journal.say(a, 'BUILD');
  journal.say(b, 'Creating');
  now = 61_000;
  journal.say(a, 'still BUILD');
  journal.end(ended('b', { changes: [{ field: 'size', before: 1, after: 2 }] }));
  journal.end(
    ended('a', { verdict: 'failed', done: false, fault: new Fault('refused', { status: 400, code: 'X.1', requestId: 'r', hint: 'Do this.' }) }),
  );
  journal.end(ended('c', { verdict: 'unchanged', done: false, seconds: 0.1 }));
  assert.deepEqual(log, [
    '… Thing a: still BUILD [61 s]',
    '::group ::+ Thing b: created (12 s)',
    '[0 s] Creating',
    'size: 1 → 2',
    '::endgroup ::',
    '::group ::✗ Thing a: failed (12 s)',
    '[0 s] BUILD',
    '[61 s] still BUILD',
    'refused (400 X.1, request id r)',
    'Do this.',
    '::endgroup ::',
    '✓ Thing c: unchanged',
  ]);
});

test('a difference in the log: values, a secret that only changed, a rule that is added or removed', () => {
  const { runner, log } = recording();
  const rule = 'ingress tcp 22 from 0.0.0.0/0';
  const changes = [
    { field: 'size', after: 2 },
    { field: 'data.config-yaml', why: 'the content differs', secret: true },
    { field: `rule ${rule}`, before: rule },
    { field: `rule ${rule}`, after: rule },
  ];
  runnerJournal(runner).end(ended('a', { changes }));
  assert.deepEqual(log.slice(1, -1), [
    'size: nothing → 2',
    'data.config-yaml: changed (the content differs)',
    `rule ${rule}: removed`,
    `rule ${rule}: added`,
  ]);
});

const tokenEnv = { ACTIONS_ID_TOKEN_REQUEST_URL: 'https://token.example/x?api=1', ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'request-bearer-token' };

test('the ID token: audience asked for, errors of the server tried again, token masked', async () => {
  const asked: string[] = [];
  const answers = [
    { status: 503, body: '' },
    { status: 200, body: '{"value":"header.payload.signature"}' },
  ];
  const get = async (url: string, headers: Readonly<Record<string, string>>) => {
    asked.push(`${url} ${headers['authorization']}`);
    return answers.shift() ?? { status: 500, body: '' };
  };
  assert.equal(await idToken('my audience', tokenEnv, get, new AbortController().signal, 1), 'header.payload.signature');
  assert.deepEqual(asked, Array(2).fill('https://token.example/x?api=1&audience=my+audience Bearer request-bearer-token'));
  assert.equal(redact('header.payload.signature request-bearer-token'), '*** ***');
});

test('the ID token: missing permission and refusal say what to do', async () => {
  const signal = new AbortController().signal;
  const refused = async () => ({ status: 403, body: '' });
  await assert.rejects(idToken('a', {}, refused, signal), (error: Fault) => /id-token: write/.test(error.hint ?? ''));
  await assert.rejects(idToken('a', tokenEnv, refused, signal, 1), (error: Fault) => error.status === 403);
});

test('the ID token: an answer that holds none is named, and not quoted', async () => {
  const signal = new AbortController().signal;
  for (const [body, what] of [
    ['<html><title>Sign in</title>', 'the HTML page "Sign in"'],
    ['{"value": planted', 'broken or other JSON of 17 bytes'],
    ['{"count": 1}', 'broken or other JSON of 12 bytes'],
  ] as const) {
    const get = async () => ({ status: 200, body });
    const says = `GET https://token.example/x answers, but not with an ID token of GitHub: ${what} came instead`;
    await assert.rejects(idToken('a', tokenEnv, get, signal, 1), (error) => error instanceof Fault && error.message === says);
  }
});
