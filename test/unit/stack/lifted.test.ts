/** What counts as a secret in the user's Helm values, and where it goes. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${env:VAR} is what a collector fills in
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { redact } from '../../../src/secret.ts';
import type { Values } from '../../../src/stack/secret-keys.ts';
import { liftSecrets, nested, openConfiguration } from '../../../src/stack/values.ts';

const pem = '-----BEGIN EC PRIVATE KEY-----\nplanted\n-----END EC PRIVATE KEY-----\n';

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

test('headers, salts and URLs that are secrets themselves are lifted', () => {
  const config = {
    Telemetry: { Headers: { 'X-Customer': 'planted-header', Nested: { 'X-More': 'planted-more' } } },
    Hasher: { Salt: 'planted-salt' },
    Webhooks: {
      Slack: 'https://hooks.slack.com/services/T0planted/B0/XXXX',
      Query: 'https://hooks.example.com/in?a=b&token=planted-token',
      Other: 'https://logs.example.com/?access_token=planted-token',
    },
  };
  const { values, secrets: lifted, problems } = liftSecrets({ zitadel: { configmapConfig: structuredClone(config) } });
  assert.deepEqual([values, problems], [{ zitadel: { configmapConfig: {} } }, []]);
  assert.deepEqual(openConfiguration(lifted.configuration), config);
});

test('a list that holds a secret is lifted as a whole: ZITADEL takes a list from one file or the other, never from both', () => {
  const lists = {
    Headers: { 'X-Customer': ['planted-header'] },
    SMTP: { Providers: [{ Host: 'smtp.example.com:587', Password: 'planted-password' }, { Host: 'other.example.com:587' }] },
    Certificates: [{ Certificate: 'public-certificate', Key: pem }],
    Caches: [['plain-text', { URL: 'redis://me:planted-redis@cache:6379' }]],
    Variables: [{ name: 'SMS_TOKEN', value: 'planted-token' }],
    Numbers: [{ ClientSecret: 1234567890 }],
  };
  const shown = { Audiences: ['one.example.com', 'two.example.com'], SMTP: { Port: 587 } };
  const config = structuredClone({ ...lists, ...shown, SMTP: { ...lists.SMTP, ...shown.SMTP } });
  const { values, secrets: lifted, problems } = liftSecrets({ zitadel: { configmapConfig: config } });
  assert.deepEqual([values, problems], [{ zitadel: { configmapConfig: shown } }, []]);
  assert.deepEqual(openConfiguration(lifted.configuration), { ...lists, Numbers: [{ ClientSecret: '1234567890' }] });
  assert.doesNotMatch(JSON.stringify(lifted.configuration), /planted|1234567890|PRIVATE/);
  for (const text of ['planted-header', 'planted-password', 'planted-redis', 'planted-token', '1234567890']) assert.equal(redact(text), '***');
  assert.equal(redact('smtp.example.com:587 public-certificate plain-text'), 'smtp.example.com:587 public-certificate plain-text');
});

test('of two lists at one place secretConfig wins, however they are spelled', () => {
  const of = (secret: string): Values => ({ Providers: [{ ClientSecret: secret }] });
  const { secrets: lifted } = liftSecrets({
    zitadel: { secretConfig: { providers: of('planted-second')['Providers'] }, configmapConfig: of('planted-first') },
  });
  assert.deepEqual(openConfiguration(lifted.configuration), of('planted-second'));
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
    Telemetry: { Headers: { 'Content-Type': 'application/json', Host: 'id.example.com', 'X-Short': 'abc' } },
    InstanceHostHeaders: ['x-zitadel-instance-host'],
    Hasher: { SaltLength: 16 },
    Links: {
      Slack: 'https://hooks.slack.com/',
      Mail: 'https://a.example.com/?code={{.Code}}&token={{.LongerName}}',
      Env: 'https://b?token=$(A_TOKEN_1)',
    },
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

/** Where ZITADEL takes a secret: cmd/defaults.yaml, cmd/setup/steps.yaml and internal/static/config (v4). */
const known = `Database.Postgres.DSN Database.Postgres.User.Password Database.Postgres.User.SSL.Key Database.Postgres.Admin.Password
  Database.Postgres.Admin.SSL.Key TLS.Key Caches.Connectors.Redis.Password Console.PostHog.Token DefaultInstance.Org.Human.Password
  FirstInstance.Org.Human.Password DefaultInstance.SMTPConfiguration.SMTP.Password
  DefaultInstance.SMTPConfiguration.SMTP.XOAuth2Auth.ClientCredentials.ClientSecret AssetStorage.Config.SecretAccessKey
  Telemetry.Headers.Authorization Telemetry.Headers.X-Api-Key Machine.Identification.Webhook.Headers.Authorization`.split(/\s+/);

test('property: no secret of ZITADEL stays in the values, however its path is cut and written', () => {
  const text = fc.string({ minLength: 12, maxLength: 20, unit: fc.constantFrom(...'abcdefXYZ0123456789=/+') });
  const write = fc.array(fc.tuple(fc.boolean(), fc.constantFrom('as it is', 'lower', 'upper')), { minLength: 8, maxLength: 8 });
  fc.assert(
    fc.property(fc.constantFrom(...known), write, text, (path, ways, secret) => {
      const spelled = path.split('.').map((part, index) => {
        const [, way] = ways[index] ?? [false, ''];
        return way === 'lower' ? part.toLowerCase() : way === 'upper' ? part.toUpperCase() : part;
      });
      const keys: string[] = [];
      for (const [index, part] of spelled.entries()) {
        const before = ways[index]?.[0] ? keys.pop() : undefined;
        keys.push(before === undefined ? part : `${before}.${part}`);
      }
      const tree = keys.reduceRight<unknown>((inner, key) => ({ [key]: inner }), secret) as Values;
      const { values, secrets: lifted, problems } = liftSecrets(nested({ zitadel: { configmapConfig: tree } }));
      assert.deepEqual(problems, []);
      assert.ok(!JSON.stringify(values).includes(secret), JSON.stringify(values));
      const { configuration, ...singles } = lifted;
      assert.ok(JSON.stringify([openConfiguration(configuration), Object.values(singles).map((one) => one?.open())]).includes(secret));
    }),
    { numRuns: 500 },
  );
});

test('keys with dots are read as ZITADEL reads them', () => {
  const values = { zitadel: { configmapConfig: { 'Database.Postgres': { 'User.Username': 'a' }, database: { postgres: { Port: 1 } }, Empty: {} } } };
  assert.deepEqual(nested(values), { zitadel: { configmapConfig: { Database: { Postgres: { User: { Username: 'a' }, Port: 1 } }, Empty: {} } } });
  assert.deepEqual(nested({ 'a.b': 1 }), { 'a.b': 1 });
});

test('a private key is a secret under any name', () => {
  for (const text of [pem, Buffer.from(pem).toString('base64')]) {
    const { values, secrets: lifted, problems } = liftSecrets({ zitadel: { configmapConfig: { TLS: { Certificate: text } } } });
    assert.deepEqual([values, problems], [{ zitadel: { configmapConfig: {} } }, []]);
    assert.deepEqual(openConfiguration(lifted.configuration), { TLS: { Certificate: text } });
  }
});

const manifest = (kind: string, more: object): Values => ({ extraManifests: [{ apiVersion: 'v1', kind, metadata: { name: 'a' }, ...more }] });

test('a word that tells a secret does so wherever it may stand: in the configuration, a variable, a ConfigMap, a text', () => {
  const names =
    'SMTP_PASSWORD SMTP_PASSWD SMTP_PASS DB_PWD SMTP_PW SMTP_PASSWORT SMTP_SECRET CLIENT_SECRET API_TOKEN API_KEY SENTRY_KEY SENTRY_DSN GITHUB_PAT HASH_SALT HASH_PEPPER PASSWORD_2 KEY_PEM SMTP_CREDENTIALS CONNECTION_STRING AUTHORIZATION';
  for (const name of names.split(' ')) {
    const lifted = liftSecrets({ zitadel: { configmapConfig: { [name]: 'planted1planted' } } });
    assert.deepEqual([lifted.values, lifted.problems], [{ zitadel: { configmapConfig: {} } }, []], name);
    for (const values of [
      { login: { env: [{ name, value: 'planted1planted' }] } },
      manifest('ConfigMap', { data: { [name]: 'planted1planted' } }),
      manifest('ConfigMap', { data: { '.env': `A=b\n${name}=planted1planted\n` } }),
      { login: { customConfigmapConfig: `ZITADEL_API_URL="b"\n${name}="planted1planted"` } },
      { extraContainers: [{ args: [`--${name.toLowerCase()}`, '$(A)', `${name}=planted1planted`] }] },
    ]) {
      const { problems } = liftSecrets(values);
      assert.equal(problems.length, 1, JSON.stringify(values));
      assert.ok(!JSON.stringify(problems).includes('planted'));
    }
  }
});

test('headers of an exporter are secrets but for those that carry none', () => {
  const headers = { 'content-type': 'application/grpc', 'x-honeycomb-team': 'planted1planted' };
  const written = 'content-type=application/grpc,x-honeycomb-team=planted1planted';
  for (const config of [{ Exporter: { OtlpHeaders: headers } }, { Exporter: { Headers: written } }, { Exporter: { Headers: [written] } }]) {
    const { values, problems } = liftSecrets({ zitadel: { configmapConfig: structuredClone(config) } });
    assert.deepEqual(problems, []);
    assert.ok(!JSON.stringify(values).includes('planted'), JSON.stringify(config));
  }
  for (const values of [
    { login: { env: [{ name: 'OTEL_EXPORTER_OTLP_HEADERS', value: written }] } },
    manifest('ConfigMap', { data: { OTEL_EXPORTER_OTLP_HEADERS: written } }),
    manifest('ConfigMap', { data: { 'collector.yaml': 'exporters:\n  otlp:\n    headers:\n      x-honeycomb-team: planted1planted\n' } }),
    manifest('OpenTelemetryCollector', { spec: { config: { exporters: { otlp: { headers } } } } }),
  ])
    assert.equal(liftSecrets(values).problems.length, 1, JSON.stringify(values));
});

test('what a manifest says by way of rule or reference is no secret', () => {
  const spec = {
    headers: { referrerPolicy: 'strict-origin-when-cross-origin', customResponseHeaders: { 'X-Robots-Tag': 'noindex,nofollow' } },
    rules: [{ matches: [{ headers: [{ name: 'x-tenant', value: 'everybody-else' }] }] }],
    data: [{ secretKey: 'password', remoteRef: { key: 'zitadel/smtp', property: 'password' } }],
    secret: 'zitadel-tls-otc',
    tlsSecret: 'zitadel-tls-otc',
    passwordKey: 'smtp-password',
    config: { exporters: { otlp: { headers: { 'content-type': 'application/grpc' }, endpoint: 'collector.example.com:4317' } } },
  };
  for (const values of [
    manifest('ExternalSecret', { spec }),
    manifest('SealedSecret', { spec: { encryptedData: { password: 'AgBy3i4OJSWK' } } }),
    manifest('ConfigMap', { data: { EXISTING_SECRET: 'zitadel-smtp', SMTP_PASSWORD_FILE: '/run/secrets/smtp', TOKEN_URL: 'https://a.example.com' } }),
    manifest('SecretProviderClass', { spec: { parameters: { objects: '- secretPath: "smtp"\n  secretKey: "password"\n' } } }),
    manifest('ConfigMap', {
      data: { 'public.key': '-----BEGIN PUBLIC KEY-----', 'otel.yaml': 'otlp:\n  headers:\n    x-team: ${env:TEAM_HEADER}\n' },
    }),
    manifest('ConfigMap', { data: { TOKEN: '/var/run/secrets/token', PASSWORD: '$(SMTP_PASSWORD)', ALLOW_CREDENTIALS: 'true' } }),
    { login: { env: [{ name: 'CUSTOM_REQUEST_HEADERS', value: 'Host:login.example.com,X-Other:login.example.com' }] } },
    { ingress: { annotations: { 'nginx.ingress.kubernetes.io/cors-allow-headers': 'DNT,Keep-Alive,Authorization' } } },
    {
      zitadel: { dbSslUserCrtSecret: 'zitadel-user-crt' },
      extraVolumes: [{ secret: { secretName: 'a', items: [{ key: 'password-of-it', path: 'p' }] } }],
    },
  ])
    assert.deepEqual(liftSecrets(values).problems, [], JSON.stringify(values));
});

test('secrets in other values of the chart are refused, names of Secrets are not', () => {
  const refused: [Values, string][] = [
    [{ login: { env: [{ name: 'ZITADEL_SERVICE_USER_TOKEN', value: 'planted-secret' }] } }, 'login.env.0'],
    [{ initJob: { initContainers: [{ env: [{ name: 'PGPASSWORD', value: 12345678 }] }] } }, 'initJob.initContainers.0.env.0'],
    [{ extraManifests: [{ kind: 'Secret', stringData: { a: 'planted-secret' } }] }, 'extraManifests.0'],
    [{ postgresql: { auth: { password: 'planted-secret' } } }, 'postgresql.auth.password'],
    [{ Zitadel: { Masterkey: 'planted-secret' } }, 'Zitadel.Masterkey'],
    [{ tools: { url: 'https://hooks.slack.com/services/T0/B0/planted' } }, 'tools.url'],
    [{ extraVolumes: [{ content: pem }] }, 'extraVolumes.0.content'],
    [{ zitadel: { configmapConfig: 'TLS: { Key: planted-secret }' } }, 'zitadel.configmapConfig'],
  ];
  for (const [values, path] of refused) {
    const { problems } = liftSecrets(values);
    assert.deepEqual(
      problems.map((problem) => problem.path.join('.')),
      [path],
    );
    assert.ok(!JSON.stringify(problems).includes('planted'));
  }
  const { problems } = liftSecrets({
    zitadel: { dbSslCaCrtSecret: 'zitadel-rds-ssl-cert', masterkeySecretName: 'a', serverSslCrtSecret: 'b' },
    imagePullSecrets: [{ name: 'registry' }],
    env: [{ name: 'SMTP_PASSWORD', valueFrom: { secretKeyRef: { name: 'smtp', key: 'password' } } }],
    login: { env: [{ name: 'TOKEN', value: '$(OTHER)' }] },
    serviceAccount: { automountServiceAccountToken: 'true' },
    ingress: { annotations: { 'haproxy.org/auth-token': 'name-of-one' } },
    topologySpreadConstraints: [{ topologyKey: 'kubernetes.io/hostname' }],
    tolerations: [{ key: 'dedicated', value: 'identity' }],
  });
  assert.deepEqual(problems, []);
});

test('what is told of lifted configuration is all but secrets: of secretConfig its keys, and what system users may do', () => {
  const role = (Role: string, Password = 'planted-secret-1'): object => ({ configmapConfig: { LogStore: [{ Password, Role, Port: 12 }] } });
  const user = (Roles: string[], KeyData = 'planted-key-data', Pin: unknown = 1234): object => ({
    secretConfig: { SystemAPIUsers: [{ ops: { KeyData, Memberships: [{ MemberType: 'System', Roles }] } }], SMS: { Pin, Word: 'short' } },
  });
  const told = (zitadel: object): string => JSON.stringify(liftSecrets({ zitadel }).told);
  assert.equal(told(role('viewer')), '{"LogStore":[{"Password":"***","Role":"viewer","Port":12}]}');
  assert.notEqual(told(role('viewer')), told(role('owner')));
  assert.equal(told(role('viewer')), told(role('viewer', 'planted-secret-2')));
  assert.notEqual(told(user(['IAM_OWNER_VIEWER'])), told(user(['SYSTEM_OWNER'])));
  assert.equal(told(user(['SYSTEM_OWNER'])), told(user(['SYSTEM_OWNER'], 'planted-other-data', 4321)));
  assert.doesNotMatch(told(user(['SYSTEM_OWNER'])), /planted|1234|short/);
});
