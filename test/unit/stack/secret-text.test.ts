/** What in a text tells a secret, and what only looks like it. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: $${VAR} is what reaches Kubernetes as ${VAR}
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { redact } from '../../../src/secret.ts';
import { secretIn } from '../../../src/stack/secret-text.ts';
import { liftSecrets, openConfiguration } from '../../../src/stack/values.ts';
import { errors, small } from './reading.ts';

/** No scanner of repositories should take these for real ones. */
const github = ['ghp', 'Planted0Planted1Planted2Planted3Plan'].join('_');
const jwt = ['eyJhbGciOiJIUzI1', 'eyJzdWIiOiIxMjM0', 'plantedPlanted'].join('.');

const base64 = (text: string): string => Buffer.from(text).toString('base64');
/** As `base64` prints it. */
const lines = (text: string): string => `${text.match(/.{1,76}/g)?.join('\n')}\n`;

test('texts that tell a secret, and which part of them is it', () => {
  for (const [text, secret] of [
    ['--password=planted1planted', 'planted1planted'],
    ['login --user me --password planted1planted --now', 'planted1planted'],
    ['curl -H "Authorization: Bearer planted1planted" https://a.example.com', 'planted1planted'],
    ["curl -H 'X-Api-Key: planted1planted' https://a.example.com", 'planted1planted'],
    ['proxy_set_header Authorization "Basic cGxhbnRlZDpwbGFudGVk0";', 'cGxhbnRlZDpwbGFudGVk0'],
    ['{"a":1,"password":"planted"}', 'planted'],
    ['"{\\"clientSecret\\": \\"planted\\"}"', 'planted'],
    ["{ 'password': 'planted' }", 'planted'],
    ['host=x user=u password=planted3planted', 'planted3planted'],
    ['A=b\nSMTP_PASSWORD=planted1\nTOKEN=other', 'planted1'],
    ['export SMTP_TOKEN="planted1"', 'planted1'],
    ['smtp:\n  host: a\n  password: planted1planted\n', 'planted1planted'],
    ['smtp: { password: planted1planted, host: a }', 'planted1planted'],
    ['list:\r\n  - password: planted1planted\r\n', 'planted1planted'],
    ['password: "planted planted"', 'planted planted'],
    ['https://x.example.com/?sig=planted1planted', 'planted1planted'],
    ['https://x.example.com/?a=b&x-access_token=planted1planted&c=d', 'planted1planted'],
    ['https://x.example.com/?api_key=planted1planted#top', 'planted1planted'],
    ['postgres://zitadel:planted@db:5432/zitadel', 'planted'],
    ['https://x.example.com/?code=planted1planted', 'planted1planted'],
    ['https://x.example.com/?se=2026-12-31T00:00&x-amz-auth=planted1planted', 'planted1planted'],
    ['https://x.example.com/?hmac_secret=planted1planted', 'planted1planted'],
    ['SMTP_PW=planted1', 'planted1'],
    ['SMTP_SECRET=planted1', 'planted1'],
    ['export HONEYCOMB_KEY="planted1"', 'planted1'],
    ['GITHUB_PAT=planted1', 'planted1'],
    ['--connection-string "planted1planted"', 'planted1planted'],
    ['TLS_SECRET=zitadel-tls-otc SMTP_SECRET=planted1', 'planted1'],
    ['OTEL_EXPORTER_OTLP_HEADERS="content-type=application/grpc,x-honeycomb-team=planted1"', 'planted1'],
    ['exporters:\n  otlp:\n    headers:\n      x-honeycomb-team: planted1\n    compression: plain-and-simple\n', 'planted1'],
    ['{"exporters":{"otlp":{"headers":{"x-honeycomb-team":"planted1"}}}}', 'planted1'],
    ['curl -u admin:planted1planted https://a.example.com', 'planted1planted'],
    ["curl -sS -X POST -u 'admin:planted' https://a.example.com", 'planted'],
    ['curl -fsuadmin:x https://a.example.com; curl -uadmin:planted1 b', 'planted1'],
    ['--user=admin:planted1', 'planted1'],
    ['wget --proxy-user "admin:planted1" a', 'planted1'],
    [`${'PLANTED0'.repeat(3).slice(0, 20)}:${'planted1'.repeat(5)}`, 'planted1'.repeat(5)],
    [base64('password=planted1'), 'planted1'],
    [`before ${base64('password=planted1')} after`, 'planted1'],
    [base64('admin:planted1planted\n'), 'planted1planted'],
    [base64(`${'PLANTED0'.repeat(3).slice(0, 20)}:${'planted1'.repeat(5)}`), 'planted1'.repeat(5)],
    [base64('postgres://zitadel:planted@db:5432/zitadel'), 'planted'],
    [base64('{"auths":{"a.example.com":{"username":"me","password":"planted1"}}}'), 'planted1'],
    [base64(base64('password=planted1')), 'planted1'],
    [lines(base64(`# ${'the settings of the mailer '.repeat(4)}\nsmtp:\n  password: planted1planted\n`)), 'planted1planted'],
    [base64('password=planted1').replace(/=+$/, ''), 'planted1'],
    [`use ${github}, please`, github],
    [`--jwt ${jwt}`, jwt],
  ] as const) {
    assert.equal(secretIn(text)?.secret, secret, text);
    assert.ok(!secretIn(text)?.what.includes('planted'), text);
  }
});

test('texts that only look like it', () => {
  for (const text of [
    '--password=$(SMTP_PASSWORD)',
    '--password ${SMTP_PASSWORD}',
    'PASSWORD="$SMTP_PASSWORD" run',
    'password={{ .Values.password }}',
    'Authorization: Bearer $(TOKEN)',
    '--password-file=/run/secrets/password',
    '--token=/var/run/secrets/token',
    'password: <your-password>',
    'password: %s',
    'Your password: please see the letter',
    'Password: forgotten',
    'Reset your password: {{.URL}}',
    'grant_type=password&scope=openid',
    'response_type=code token',
    'basic authentication of everybody, bearer of good news',
    'automountServiceAccountToken: "somewhere"',
    'https://a.example.com/?code={{.Code}}&token={{.LongerName}}',
    'https://a.example.com/?key=short',
    'by-pass=everything compass=northwards',
    'zitadel-tls-secret=zitadel-tls-otc',
    'if ($token = expected) { return 200; }',
    'configSecretKey: config-yaml1',
    '--init-projections=true',
    'sha256:70b2c30a19da4db264dfd68c8a3664e05093a361cefd89572ffb36f8abfa3d09',
    'the token is required',
    'EXISTING_SECRET=zitadel-tls-otc TLS_SECRET=zitadel-tls-otc CONFIG_SECRET_KEY=config-yaml1 PARTITION_KEY=customer_id',
    'secret: zitadel-tls-otc',
    'secretKeyRef: { name: database-main, key: connection-of-main }',
    "fetch('/api', { credentials: 'same-origin' })",
    'https://a.example.com/?sort_key=created_at&zipcode=12345678&public_key=of-everybody',
    'CUSTOM_REQUEST_HEADERS="Host:login.example.com,X-Zitadel-Public-Host:login.example.com,X-Other:login.example.com"',
    'exporters:\n  otlp:\n    headers:\n      content-type: application/grpc\n    endpoint: collector.example.com:4317\n',
    'Access-Control-Allow-Credentials: "true"',
    'docker run -u 1000:1000 busybox',
    'docker run --user=nobody:nogroup busybox',
    'run -u zitadel:zitadel --user www-data:www-data -u postgres:dba-group',
    'curl -u "admin:$(PASSWORD)" -u admin:${PASSWORD} -u admin:$PASSWORD -u admin https://a.example.com',
    'kubectl create rolebinding a --user=system:serviceaccount:zitadel:default',
    'fuzz -u http://zitadel:8080/debug/ready -u localhost:8080/debug',
    'git push -u origin HEAD:main',
    'ghcr.io/zitadel/zitadel:v4.13.1-some-long-tag-1',
    'arn:aws:iam::123456789012:role/zitadel-something-1',
    base64('the settings of the mailer, which are no secret at all'),
    base64('password=$(SMTP_PASSWORD)'),
    base64('host=database.example.com port=5432'),
    base64('zitadel.example.com:8080'),
    base64('2026-11-27T02:36:26Z'.slice(0, -1)),
    base64('https://login.example.com/ui/v2/login?locale=en'),
    base64('{"name":"zitadel","replicas":3}'),
    base64('sha256:70b2c30a19da4db264dfd68c8a3664e05093a361cefd89572ffb36f8abfa3d09'),
    base64('-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n'),
    '70b2c30a19da4db264dfd68c8a3664e05093a361cefd89572ffb36f8abfa3d09',
    'AnOrdinaryNameThatIsLongerThanOthers/and-a-path/of-several-parts',
    '0b7e2f9a-4a53-4d5c-9f5e-3d1c1a2b3c4d',
  ])
    assert.equal(secretIn(text), undefined, text);
});

test('property: a secret is found in every form it is written in, and the text around it does not hide it', () => {
  const secret = fc
    .string({ minLength: 10, maxLength: 24, unit: fc.constantFrom(...'abcdefXYZ0123456789_') })
    .filter((text) => /^[a-z].*\d/.test(text) && !/^(true|false|null|none|required|optional|deleted)/.test(text));
  const name = fc.constantFrom(
    'password',
    'PGPASSWORD',
    'smtp_password',
    'api-key',
    'clientSecret',
    'auth.token',
    'privateKey',
    'pwd',
    'passphrase',
    'SMTP_PW',
    'SMTP_SECRET',
    'salt',
  );
  const form = fc.constantFrom<(name: string, secret: string) => string>(
    (key, value) => `${key}=${value}`,
    (key, value) => `${key} = "${value}"`,
    (key, value) => `--${key}=${value}`,
    (key, value) => `--${key} '${value}'`,
    (key, value) => `"${key}":"${value}"`,
    (key, value) => `\n  ${key}: ${value}\n`,
    (key, value) => `\n- ${key}: "${value}"\n`,
    (key, value) => `{ ${key}: ${value} }`,
    (key, value) => `https://a.example.com/?${key.replace('.', '_')}=${value}`,
  );
  const around = fc.constantFrom('', 'first ', 'a: 1\n', '{"a": "b"} ', '# remark\n');
  fc.assert(
    fc.property(secret, name, form, around, (value, key, write, before) => {
      assert.equal(secretIn(before + write(key, value))?.secret, value);
    }),
    { numRuns: 2000 },
  );
});

test('a long text without a secret takes no time', () => {
  for (const piece of ['token', 'a-', ' password ', '://a:', '--pass ', '{"', 'eyJa', ' \t', 'curl ', '-u a:', 'cGFz', 'cGFz ']) {
    const begun = performance.now();
    secretIn(piece.repeat(200_000 / piece.length));
    assert.ok(performance.now() - begun < 2000, piece);
  }
});

test('in every corner of the values but those that are lifted, each with its place', () => {
  const values = `extraContainers:
  - name: a
    args: ["--password=planted2planted", "--token", "${github}", --verbose, -u, "admin:planted1", --user, "1000:1000"]
    command:
      - sh
      - -c
      - 'curl -H "Authorization: Bearer planted1planted" https://a.example.com'
env:
  - { name: MY_CONFIG, value: '{"password":"planted4planted"}' }
  - { name: SMTP_PASSWORD, value: "password=planted5planted" }
login:
  env: [{ name: DSNX, value: "host=x user=u password=planted3planted" }]
  customConfigmapConfig: |
    ZITADEL_API_URL=http://zitadel:8080
    SMTP_PASSWORD=planted1planted
    TOKEN=planted1planted
extraManifests:
  - kind: ConfigMap
    data:
      app.yaml: |
        smtp:
          password: planted1planted
      plain: ${base64('an ordinary text of some length')}
      hidden: ${base64('password=planted1planted')}
    binaryData: { key: ${base64('-----BEGIN PRIVATE KEY-----\nplanted\n-----END PRIVATE KEY-----\n')} }
ingress:
  annotations: { nginx.ingress.kubernetes.io/configuration-snippet: 'proxy_set_header Authorization "Basic cGxhbnRlZDpwbGFudGVk0";' }
livenessProbe: { httpHeaders: [{ name: Authorization, value: Planted }] }
zitadel:
  configmapConfig:
    Log: { Formatter: { Format: "password=planted6planted" } }
    Webhook: { URL: "https://x.example.com/?sig=planted7planted" }
`;
  const found = errors(`${small}zitadel: { values: v.yaml }\n`, {}, { 'deploy/v.yaml': values });
  const clear = ', and Helm would store it in clear | Take it from a Secret.';
  assert.deepEqual(found, [
    `deploy/v.yaml 3:12 extraContainers[0].args[0]: --password stands here with its value${clear}`,
    `deploy/v.yaml 3:53 extraContainers[0].args[2]: this is the value of --token${clear}`,
    `deploy/v.yaml 3:112 extraContainers[0].args[5]: this is the value of -u${clear}`,
    `deploy/v.yaml 7:9 extraContainers[0].command[2]: Authorization stands here with its value${clear}`,
    `deploy/v.yaml 9:31 env[0].value: password stands here with its value${clear}`,
    'deploy/v.yaml 10:5 env[1]: SMTP_PASSWORD looks like a secret, and Helm would store it in clear | Set it under zitadel.secretConfig, or take it from a Secret with valueFrom.',
    `deploy/v.yaml 12:30 login.env[0].value: password stands here with its value${clear}`,
    `deploy/v.yaml 13:26 login.customConfigmapConfig: SMTP_PASSWORD stands here with its value${clear}`,
    `deploy/v.yaml 20:17 extraManifests[0].data.app.yaml: password stands here with its value${clear}`,
    `deploy/v.yaml 24:15 extraManifests[0].data.hidden: password stands here with its value, as base64${clear}`,
    `deploy/v.yaml 25:24 extraManifests[0].binaryData.key: this is a private key, as base64${clear}`,
    `deploy/v.yaml 27:69 ingress.annotations.nginx.ingress.kubernetes.io/configuration-snippet: there is a token in this text${clear}`,
    `deploy/v.yaml 28:32 livenessProbe.httpHeaders[0]: Authorization looks like a secret${clear}`,
  ]);
  assert.ok(!found.join().toLowerCase().includes('planted'));
});

test('in ZITADEL’s configuration the text is lifted, and its secret part masked as well', () => {
  const configmapConfig = { Log: { Format: 'password=planted6planted' }, Webhook: { URL: 'https://x.example.com/?sig=planted7planted' } };
  const { values, secrets, problems } = liftSecrets({ zitadel: { configmapConfig } });
  assert.deepEqual([values, problems], [{ zitadel: { configmapConfig: {} } }, []]);
  assert.deepEqual(openConfiguration(secrets.configuration), configmapConfig);
  assert.equal(redact('planted6planted planted7planted'), '*** ***');
});
