/** The inputs of the action: defaults, what is missing, what cannot be, and that no value stands in a message. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { Faults } from '../../../src/engine/fault.ts';
import { commands, inputDefaults, readInputs } from '../../../src/github/inputs.ts';
import { secretHintOf } from '../../../src/stack/secrets.ts';

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

test('a plan-digest that is none is refused, and nobody is told to leave it out', () => {
  const hash = '0'.repeat(64);
  for (const right of [hash, `${hash}.eyJ2Ijoi_-`]) assert.equal(readInputs({ ...key, 'INPUT_PLAN-DIGEST': right }).planDigest, right);
  for (const wrong of ['missing', '***', 'null', `${hash}0`, `${hash}.eyJ***`, `${hash}\n${hash}`])
    assert.throws(
      () => readInputs({ ...key, 'INPUT_PLAN-DIGEST': wrong }),
      ({ faults: [fault] }: Faults) =>
        /^input plan-digest: /.test(fault?.message ?? '') && /gave none/.test(fault?.hint ?? '') && !/leave/.test(fault?.hint ?? ''),
      wrong,
    );
});

test('no credentials, or two kinds', () => {
  assert.deepEqual(problems({}), ['no credentials are given']);
  assert.equal(readInputs({ INPUT_COMMAND: 'check', 'INPUT_ACCESS-KEY': '' }).credentials, undefined);
  assert.deepEqual(problems({ INPUT_COMMAND: 'check', 'INPUT_ACCESS-KEY': 'AK' }), ['input secret-key is missing']);
  assert.deepEqual(problems({ ...key, 'INPUT_IDENTITY-PROVIDER': 'github' }), ['credentials are given in 2 ways']);
  assert.deepEqual(commands, ['deploy', 'plan', 'drift', 'destroy', 'check']);
});

/** A runner that keeps what it is told. */

test('of a secret that is too short the whole rule is told, not the next one only', () => {
  for (const [input, rule] of [
    ['stack-secret', /^At least 32 random bytes are needed: make them with "openssl rand -base64 48"/],
    ['masterkey', /^Right would be exactly 32 characters of printable ASCII/],
    ['database-password', /^Right would be 8 to 32 letters, digits and symbols \(~!@#\$%\^\*-_=\+\?,\), at least three of/],
    ['database-user-password', /^Right would be 8 to 64 /],
    ['admin-password', /^Right would be 8 to 70 characters with an upper-case letter/],
    ['bastion-key', /^Right would be 32 bytes as base64url/],
    ['github-token', /^Give a longer one\.$/],
  ] as const) {
    const wrong = (error: unknown): boolean =>
      error instanceof Faults && /has 5 characters/.test(error.message) && rule.test(error.faults.map(({ hint }) => hint).join());
    assert.throws(() => readInputs({ ...key, [`INPUT_${input.toUpperCase()}`]: 'short' }, secretHintOf), wrong, input);
  }
});
