/** Derived secrets: the published vectors, the rules of the services, single secrets in place of derived ones. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { Faults } from '../../../src/engine/fault.ts';
import { Secret } from '../../../src/secret.ts';
import { readStack } from '../../../src/stack/read.ts';
import {
  adminPasswordProblems,
  databasePasswordProblems,
  deriveMasterkey,
  derivePassword,
  deriveSecrets,
  deriveSeed,
  masterkeyProblems,
  userPasswordProblems,
} from '../../../src/stack/secrets.ts';

const first = { databaseRoot: 1, databaseUser: 1, admin: 1 };
const stackSecret = '0123456789abcdefghijklmnopqrstuv';

test('the test vectors that docs/secrets.md publishes', () => {
  const page = readFileSync(new URL('../../../docs/secrets.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `([a-z-]+)` +\| (\d+) +\| `([^`]+)` +\|$/gm)].map(([, label = '', generation, value]) => ({
    label,
    generation: Number(generation),
    value,
  }));
  assert.ok(page.includes(`\`${stackSecret}\``));
  assert.deepEqual(
    rows.map(({ label, generation }) => `${label}/${generation}`),
    ['masterkey/1', 'database-root/1', 'database-root/2', 'database-user/1', 'admin/1', 'node-ssh/1', 'bastion-ssh/1'],
  );
  for (const { label, generation, value } of rows) {
    const derived =
      label === 'masterkey'
        ? deriveMasterkey(stackSecret)
        : label.endsWith('-ssh')
          ? deriveSeed(stackSecret, label)
          : derivePassword(stackSecret, label, generation);
    assert.equal(derived, value, `${label}/${generation}`);
  }
});

test('the bastion’s key alone takes the place of the derived one, and must be a seed', () => {
  const seed = deriveSeed(stackSecret, 'bastion-ssh');
  const alone = deriveSecrets({ bastionKeySeed: new Secret(seed) }, first);
  assert.equal(alone.bastionKeySeed?.open(), seed);
  assert.equal(alone.masterkey, undefined);
  for (const wrong of [`${seed}A`, seed.slice(1), seed.replace(/.$/, '+')])
    assert.throws(
      () => deriveSecrets({ bastionKeySeed: new Secret(wrong) }, first),
      (error) => error instanceof Faults && /^bastion-key is not 32 bytes/.test(error.faults[0]?.message ?? '') && !error.message.includes(wrong),
    );
});

test('property: derived secrets meet every service’s rules and differ from each other', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 40, maxLength: 100, unit: 'binary' }), fc.integer({ min: 1, max: 10_000 }), (text, generation) => {
      const masterkey = deriveMasterkey(text);
      const root = derivePassword(text, 'database-root', generation);
      const user = derivePassword(text, 'database-user', generation);
      const admin = derivePassword(text, 'admin', generation);
      assert.deepEqual(
        [masterkeyProblems(masterkey), databasePasswordProblems(root), userPasswordProblems(user), adminPasswordProblems(admin)].flat(),
        [],
      );
      for (const password of [root, user, admin]) assert.match(password, /^[A-Za-z0-9_-]{32}$/);
      assert.match(masterkey, /^[A-Za-z0-9]{32}$/);
      assert.equal(new Set([masterkey, root, user, admin, derivePassword(text, 'admin', generation + 1)]).size, 5);
      assert.equal(derivePassword(text, 'admin', generation), admin);
    }),
    { numRuns: 300 },
  );
});

test('every character is about equally likely', () => {
  const counts = new Map<string, number>();
  for (let index = 0; index < 2000; index += 1) for (const c of deriveMasterkey(`${stackSecret}${index}`)) counts.set(c, (counts.get(c) ?? 0) + 1);
  assert.equal(counts.size, 62);
  const expected = (2000 * 32) / 62;
  for (const [c, count] of counts) assert.ok(Math.abs(count - expected) < expected * 0.2, `${c}: ${count} of ${expected}`);
});

test('without a stack secret nothing is derived, and what is given is kept', () => {
  assert.deepEqual(
    Object.values(deriveSecrets({}, first)).filter((secret) => secret !== undefined),
    [],
  );
  assert.equal(deriveSecrets({ adminPassword: new Secret('Given-Password-1') }, first).adminPassword?.open(), 'Given-Password-1');
});

test('a single secret wins over the derived one, one in the values file as well', () => {
  const given = { stackSecret: new Secret(stackSecret), databaseRootPassword: new Secret('Own-Root-Password1') };
  const secrets = deriveSecrets(given, first, { masterkey: new Secret(`${'M'.repeat(31)}k`) });
  assert.equal(secrets.databaseRootPassword?.open(), 'Own-Root-Password1');
  assert.equal(secrets.masterkey?.open(), `${'M'.repeat(31)}k`);
  assert.equal(secrets.databaseUserPassword?.open(), derivePassword(stackSecret, 'database-user', 1));
});

function problems(run: () => unknown): string[] {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof Faults);
    return error.faults.map(({ message }) => message);
  }
  return [];
}

test('every bad secret is named at once, and none is shown', () => {
  const bad = {
    stackSecret: new Secret('too-short-a-secret'),
    masterkey: new Secret('Masterkey-of-31-bytes-is-no-use'),
    databaseRootPassword: new Secret('onlylowercase'),
    databaseUserPassword: new Secret('has a space and $'),
    adminPassword: new Secret('NoSymbolHere1'),
  };
  const found = problems(() => deriveSecrets(bad, first));
  assert.deepEqual(found, [
    'stack-secret has 18 bytes; at least 32 random bytes are needed',
    'masterkey has 31 bytes; ZITADEL needs exactly 32',
    'database-password needs at least three of upper-case letters, lower-case letters, digits and symbols',
    'database-user-password contains characters that are not safe in a connection string; use letters, digits and ~!@#^*-_=+?,',
    'admin-password needs an upper-case letter, a lower-case letter, a digit and a symbol',
  ]);
  for (const secret of Object.values(bad)) assert.ok(!found.join().includes(secret.open()));
});

test('a secret given twice must be the same', () => {
  const one = { masterkey: new Secret('A'.repeat(32)) };
  assert.deepEqual(
    problems(() => deriveSecrets(one, first, { masterkey: new Secret('A'.repeat(32)) })),
    [],
  );
  assert.match(problems(() => deriveSecrets(one, first, { masterkey: new Secret('B'.repeat(32)) })).join(), /given twice/);
});

test('a stack secret that repeats itself is refused', () => {
  assert.match(problems(() => deriveSecrets({ stackSecret: new Secret('ab'.repeat(20)) }, first)).join(), /must be random/);
});

test('who breaks one rule of a service is told the whole of it, in the values file as well', () => {
  const hints = (run: () => unknown): string => {
    try {
      run();
    } catch (error) {
      assert.ok(error instanceof Faults);
      return error.faults.map(({ hint }) => hint).join();
    }
    return '';
  };
  const whole =
    /^Right would be 8 to 32 letters, digits and symbols .*, at least three of .* Or leave it out: it is then derived from stack-secret\.$/;
  assert.match(
    hints(() => deriveSecrets({ databaseRootPassword: new Secret('onlylowercase') }, first)),
    whole,
  );
  const values = 'zitadel: { secretConfig: { Database: { Postgres: { Admin: { Password: onlylowercase } } } } }\n';
  const text = 'name: a1\nregion: eu-de\ndomain: login.example.com\ncontact: a@example.com\nzitadel: { values: v }\n';
  assert.match(
    hints(() => readStack({ text, file: 'zitadel.yaml', env: {}, readFile: () => values })),
    whole,
  );
});
