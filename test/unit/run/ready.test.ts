/** Owns the proof of which runs are judged by what a deploy is given, and which credentials its pods then get. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Inputs } from '../../../src/github/inputs.ts';
import { acmeKeyOf, externalDnsUserOf, standsForDeploy } from '../../../src/run/ready.ts';
import { Secret } from '../../../src/secret.ts';
import type { DerivedSecrets } from '../../../src/stack/secrets.ts';

const secret = new Secret('Some-Password-1');
const all: DerivedSecrets = { masterkey: secret, databaseRootPassword: secret, databaseUserPassword: secret, adminPassword: secret };

test('a deploy, a check, and a plan that has the secrets of a deploy are judged by what a deploy needs; a job that only reads is not', () => {
  const judged = (command: Inputs['command'], secrets: DerivedSecrets, target: Inputs['target'] = 'deploy'): boolean =>
    standsForDeploy({ command, target }, secrets);
  assert.deepEqual([judged('deploy', {}), judged('check', {}), judged('plan', all)], [true, true, true]);
  assert.deepEqual(
    [judged('plan', {}), judged('plan', { masterkey: secret }), judged('drift', all), judged('destroy', all)],
    [false, false, false, false],
  );
  assert.equal(judged('plan', all, 'destroy'), false);
});

test('a permanent key serves the solver, a password external-dns; a key that only plans serves neither', () => {
  type Given = Parameters<typeof acmeKeyOf>[0];
  const key = { kind: 'access-key', accessKey: 'AK', secretKey: secret } as const;
  const given = (command: Inputs['command'], credentials: Given['credentials']): Given => ({ command, credentials }) as Given;
  assert.deepEqual(acmeKeyOf(given('deploy', key)), { accessKey: 'AK', secretKey: secret });
  assert.deepEqual([acmeKeyOf(given('plan', key)), externalDnsUserOf(given('deploy', key))], [undefined, undefined]);
  const user = { username: 'u', password: secret, domainName: 'OTC1' };
  assert.deepEqual(externalDnsUserOf(given('deploy', { kind: 'password', ...user })), user);
});
