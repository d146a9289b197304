/** The user's Helm values against ours: what would break the deployment is refused, with its place; what would not is theirs. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${VAR} is what these tests are about
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readStack } from '../../../src/stack/read.ts';
import { base, errors } from './reading-values.ts';

for (const [what, values, message] of [
  ['another ExternalDomain', 'zitadel: { configmapConfig: { ExternalDomain: id.example.com } }', /ExternalDomain/],
  ['ExternalSecure off', 'zitadel: { configmapConfig: { ExternalSecure: false } }', /HTTPS/],
  ['another ExternalPort', 'zitadel: { configmapConfig: { externalport: 8080 } }', /port 443/],
  ['a second masterkey', 'zitadel: { masterkey: Masterkey0Masterkey1Masterkey2Ma, masterkeySecretName: mine }', /masterkey comes from/],
  ['a CA of its own', 'zitadel: { dbSslCaCrt: "-----BEGIN CERTIFICATE-----" }', /downloaded from RDS/],
  ['a DSN', 'zitadel: { secretConfig: { database: { postgres: { dsn: "postgres://root@db/zitadel" } } } }', /DSN/],
  ['a setting that hides in secretConfig', 'zitadel: { secretConfig: { ExternalPort: 8443 } }', /port 443/],
  ['TLS switched on by a path with dots', 'zitadel: { configmapConfig: { TLS.Enabled: true } }', /TLS ends at the ingress controller/],
  ['text in place of a block', 'zitadel: hello', /a block of the chart/],
  ['a list in place of a block', 'login: []', /a block of the chart/],
  ['no init Job', 'initJob: { enabled: false }', /init Job/],
  ['no login app', 'login: { enabled: false }', /login app/],
  ['another database', 'zitadel: { configmapConfig: { Database: { Postgres: { Database: other } } } }', /database is called zitadel/],
  [
    'another database server',
    'zitadel: { configmapConfig: { Database: { Postgres: { Host: evil.example.org } } } }',
    /Host: the address .* from RDS/,
  ],
  ['an emptied database server', 'zitadel: { secretConfig: { Database.Postgres.Host: "" } }', /Host: the address .* from RDS/],
  ['an emptied database', 'zitadel: { configmapConfig: { database: { Postgres: } } }', /must not be emptied/],
  [
    'no TLS',
    'zitadel: { configmapConfig: { Database: { Postgres: { User: { SSL: { Mode: disable } } } } } }',
    /SSL\.Mode: the database is reached by TLS/,
  ],
  ['TLS that gives way', 'zitadel: { configmapConfig: { database.postgres.admin.ssl.mode: prefer } }', /mode: the database is reached by TLS/],
  ['TLS emptied', 'zitadel: { configmapConfig: { Database: { Postgres: { Admin: { SSL: } } } } }', /in clear/],
  ['a CA of its own for ZITADEL', 'zitadel: { configmapConfig: { Database: { Postgres: { Admin: { SSL: { RootCert: /x } } } } } }', /names its file/],
  ['TLS off by the environment', 'env: [{ name: ZITADEL_DATABASE_POSTGRES_ADMIN_SSL_MODE, value: disable }]', /environment wins/],
  ['another server by the environment', 'env: [{ name: Zitadel_Database_Postgres_Host, value: evil.example.org }]', /environment wins/],
  ['another port by the environment', 'env: [{ name: ZITADEL_PORT, value: "9999" }]', /ZITADEL_PORT .* environment wins/],
  ['TLS by the environment', 'env: [{ name: ZITADEL_TLS_ENABLED, value: "true" }]', /environment wins/],
  ['no first instance by the environment', 'env: [{ name: ZITADEL_FIRSTINSTANCE_SKIP, value: "true" }]', /environment wins/],
  ['a setup Job that does something else', 'setupJob: { command: [sh, -c, "exit 0"] }', /setupJob\.command: with a command of its own/],
  ['a setup Job with other arguments', 'setupJob: { args: [version] }', /setupJob\.args/],
  ['an init Job with other arguments', 'initJob: { args: [version] }', /initJob\.args/],
  ['another ZITADEL for the login app', 'login: { env: [{ name: ZITADEL_API_URL, value: "http://x" }] }', /the chart sets ZITADEL_API_URL/],
  [
    'a file of the login app that lacks the way to ZITADEL',
    'login: { customConfigmapConfig: "EMAIL_VERIFICATION=true" }',
    /login\.customConfigmapConfig: the chart writes this in place of its own .* without ZITADEL_API_URL does not find ZITADEL/,
  ],
  ['no pod', 'replicaCount: 0', /replicaCount: this is no number from 1, and without a pod/],
  ['no pod of the login app', 'login: { replicaCount: 0 }', /login\.replicaCount: this is no number/],
  ['a number in quotes', 'replicaCount: "3"', /replicaCount: this is no number/],
  ['an old ZITADEL', 'image: { tag: v0.0.1 }', /image\.tag: ZITADEL before v4/],
  ['a foreign host', 'ingress: { hosts: [{ host: other.example.com }] }', /must serve login.example.com/],
  ['a certificate that nobody makes', 'ingress: { tls: [{ secretName: other-tls }] }', /nobody makes the Secret other-tls/],
  ['an issuer that is not there', 'ingress: { annotations: { cert-manager.io/cluster-issuer: other } }', /no ClusterIssuer/],
  ['a variable of the environment that wins', 'env: [{ name: ZITADEL_MASTERKEY, value: Masterkey0Masterkey1Masterkey2Ma }]', /environment wins/],
  ['a secret in the environment', 'env: [{ name: SMTP_PASSWORD, value: something-secret }]', /in clear/],
  ['a short secret in a list', 'zitadel: { configmapConfig: { Providers: [{ ClientSecret: short }] } }', /has 5 characters/],
  ['a secret that is too short', 'zitadel: { secretConfig: { Database: { Postgres: { User: { Password: short } } } } }', /has 5 characters/],
  [
    'a list in place of a password',
    'zitadel: { configmapConfig: { FirstInstance: { Org: { Human: { Password: [something-secret] } } } } }',
    /Password: this is a list, where the text of a secret should be/,
  ],
  ['a block in place of a password', 'zitadel: { secretConfig: { Database.Postgres.Admin.Password: { a: something-secret } } }', /this is a block/],
  ['a list in place of the masterkey', 'zitadel: { masterkey: [something-secret] }', /masterkey: this is a list/],
  ['a short number as a secret', 'zitadel: { configmapConfig: { Smtp: { Password: 1234 } } }', /has 4 characters/],
  ['a switch as the password', 'zitadel: { configmapConfig: { FirstInstance: { Org: { Human: { Password: true } } } } }', /has 4 characters/],
  ['a short password in a URL', 'zitadel: { configmapConfig: { Redis: { URL: "redis://:short@redis:6379/0" } } }', /has 5 characters/],
  ['a password in a URL of the environment', 'env: [{ name: HTTPS_PROXY, value: "http://me:something-secret@proxy:3128" }]', /password in this URL/],
  [
    'a key of JavaScript’s own',
    'zitadel: { configmapConfig: { A: { __proto__: { polluted: something-secret } } } }',
    /__proto__: this key is not allowed/,
  ],
  ['a list in place of a map', '- a', /not a map/],
] as const) {
  test(`refused: ${what}`, () => {
    const found = errors(`${values}\n`);
    assert.equal(found.length, 1, found.join('\n'));
    assert.match(found.join(), message);
    assert.match(found.join(), /^values\.yaml\.tpl:1:\d+ /);
    assert.ok(!found.join().includes('something-secret'));
  });
}

test('what equals our own is no conflict', () => {
  const values =
    'zitadel: { configmapConfig: { ExternalDomain: LOGIN.example.com, ExternalPort: 443, ExternalSecure: true } }\nlogin: { enabled: true }\nreplicaCount: 5\n';
  assert.deepEqual(errors(values), []);
});

test('no variable may say what no file may: each setting that is refused in the configuration, and what is below it', () => {
  const refused = ['ExternalDomain: a.example.com', 'ExternalPort: 1', 'Port: 1', 'TLS: { Enabled: true }', 'FirstInstance: { Skip: true }'];
  for (const line of refused) {
    const name = `ZITADEL_${line.split(':')[0]?.toUpperCase()}`;
    assert.equal(errors(`zitadel: { configmapConfig: { ${line} } }\n`).length, 1, line);
    for (const variable of [name, `${name}_ANY`])
      assert.match(errors(`env: [{ name: ${variable}, value: "1" }]\n`).join(), /since the environment wins over files$/, variable);
  }
  for (const other of ['ZITADEL_LOG_LEVEL', 'ZITADEL_PORTAL', 'ZITADEL_DEFAULTINSTANCE_ORG_NAME', 'MY_ZITADEL_PORT'])
    assert.deepEqual(errors(`env: [{ name: ${other}, value: "1" }]\nlogin: { env: [{ name: ${other}, value: "1" }] }\n`), [], other);
  assert.deepEqual(errors('setupJob: { command: "", args: [], additionalArgs: ["--init-projections=true"] }\ninitJob: { command: "" }\n'), []);
});

test('TLS to the database may be any that encrypts, unless the stack file names one', () => {
  const mode = (text: string): string => `zitadel: { configmapConfig: { Database: { Postgres: { User: { SSL: { Mode: ${text} } } } } } }\n`;
  for (const text of ['require', 'verify-ca', 'verify-full']) assert.deepEqual(errors(mode(text)), []);
  const strict = 'zitadel: { values: ./values.yaml.tpl, tlsMode: verify-full }\n';
  const read = (values: string) => () => readStack({ text: `${base}${strict}`, file: 'zitadel.yaml', env: {}, readFile: () => values });
  assert.throws(read(mode('require')), /SSL\.Mode: TLS to the database is verify-full/);
  assert.doesNotThrow(read(mode('verify-full')));
});

test('a tag of the image that says nothing of its version, or a newer one', () => {
  for (const tag of ['v4.13.1', '"4.13"', 'v10.0.0', 'latest', '""'])
    assert.deepEqual(errors(`image: { tag: ${tag} }\nlogin: { image: { tag: ${tag} } }\n`), []);
});
