/** What counts as a secret in the user's Helm values, and where it goes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { redact } from '../../../src/secret.ts';
import { liftSecrets, openConfiguration, type Values } from '../../../src/stack/values.ts';

test('no path writes through a prototype', () => {
  for (const where of ['configmapConfig', 'secretConfig']) {
    const tree = JSON.parse('{"__proto__":{"Password":"planted-secret-1"},"constructor":{"prototype":{"Password":"planted-secret-2"}}}') as Values;
    const { secrets: lifted } = liftSecrets({ zitadel: { [where]: tree } });
    assert.ok(!('Password' in {}), where);
    assert.deepEqual(Object.keys(lifted.configuration), ['__proto__', 'constructor']);
    assert.ok(JSON.stringify(openConfiguration(lifted.configuration)).includes('planted-secret-1'));
  }
});

test('numbers at the place of a secret are lifted as their text', () => {
  const { values, secrets: lifted } = liftSecrets({
    zitadel: { configmapConfig: { FirstInstance: { Org: { Human: { Password: 12345678 } } }, Sms: { authToken: 987654321 } } },
  });
  assert.deepEqual(values, { zitadel: { configmapConfig: {} } });
  assert.equal(lifted.adminPassword?.open(), '12345678');
  assert.deepEqual(openConfiguration(lifted.configuration), { Sms: { authToken: '987654321' } });
});

test('what is a secret by its key', () => {
  const keys =
    'password passwd smtpPass pass passphrase secret clientSecret encryptionKey private_key PrivateKey token accessToken credentials api-key secretKey pwd';
  for (const key of keys.split(' ')) {
    const { values, secrets: lifted } = liftSecrets({ zitadel: { configmapConfig: { [key]: 'planted-secret-3' } } });
    assert.ok(!JSON.stringify(values).includes('planted'), key);
    assert.deepEqual(openConfiguration(lifted.configuration), { [key]: 'planted-secret-3' });
  }
});

test('what only looks like a secret stays', () => {
  const config = {
    OIDC: {
      GrantTypeRefreshToken: true,
      AuthMethodPrivateKeyJWT: true,
      DefaultAccessTokenLifetime: '12h',
      CustomEndpoints: { Token: { Path: '/t' } },
    },
    EncryptionKeys: { OIDC: { LegacyToken: true, EncryptionKeyID: 'oidcKey' } },
    SystemDefaults: { SecretGenerators: { MachineKeySize: 2048 }, PasswordHasher: { Hasher: { Algorithm: 'bcrypt' } } },
    DefaultInstance: { SecretGenerators: { ClientSecret: { Length: 64 } }, PasswordComplexityPolicy: { MinLength: 12 } },
    LoginPolicy: { AllowUsernamePassword: true, PasswordlessType: 1, Bypass: 'everything' },
    Urls: ['https://me@example.com/a:b@c', 'redis://me:$(REDIS_PASSWORD)@redis', 'http://host:8080/path@x'],
  };
  const { values, secrets: lifted, problems } = liftSecrets({ zitadel: { configmapConfig: config } });
  assert.deepEqual([values, lifted, problems], [{ zitadel: { configmapConfig: config } }, { configuration: {} }, []]);
});

test('every leaf of secretConfig is masked, in lists as well, but for what is public or too short', () => {
  const secretConfig = {
    ExternalDomain: 'shown.example.com',
    Providers: [{ Name: 'hidden-provider', Keys: ['hidden-key-1', 'short'], ClientSecret: 1234512345 }, 'hidden-item-2'],
    Number: 4444455555,
    Enabled: true,
  };
  const { secrets: lifted } = liftSecrets({ zitadel: { secretConfig } });
  const printed = JSON.stringify(lifted.configuration);
  assert.ok(!/hidden|12345/.test(printed), printed);
  for (const text of ['hidden-provider', 'hidden-key-1', '1234512345', 'hidden-item-2', '4444455555']) assert.equal(redact(text), '***');
  assert.equal(redact('shown.example.com'), 'shown.example.com');
  const [first, ...others] = secretConfig.Providers as [object, string];
  assert.deepEqual(openConfiguration(lifted.configuration), { ...secretConfig, Providers: [{ ...first, ClientSecret: '1234512345' }, ...others] });
  const short = liftSecrets({ zitadel: { secretConfig: { Providers: [{ ClientSecret: 'short' }] } } });
  assert.deepEqual(
    short.problems.map(({ path }) => path.join('.')),
    ['zitadel.secretConfig.Providers.0.ClientSecret'],
  );
});
