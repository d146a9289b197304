/** The user's Helm values: secrets come out of them, what would break the deployment is refused. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${VAR} is what these tests are about
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Faults } from '../../../src/engine/fault.ts';
import { Secret } from '../../../src/secret.ts';
import { readStack } from '../../../src/stack/read.ts';
import type { Values } from '../../../src/stack/secret-keys.ts';
import { liftSecrets, openConfiguration } from '../../../src/stack/values.ts';
import { base, errors, read } from './reading-values.ts';

/** Keys and variables as the guide "Deploy ZITADEL on CCE" has them. */
const blueprint = `zitadel:
  masterkey: \${ZITADEL_MASTERKEY}
  configmapConfig:
    ExternalSecure: true
    ExternalDomain: \${ZITADEL_EXTERNALDOMAIN}
    TLS: { Enabled: false }
    Database:
      Postgres:
        Host: \${ZITADEL_DATABASE_POSTGRES_HOST}
        Port: 5432
        Database: \${ZITADEL_DATABASE_POSTGRES_DATABASE}
        User: { Username: zitadel, SSL: { Mode: verify-ca } }
        Admin: { Username: root, SSL: { Mode: verify-ca } }
    FirstInstance:
      Org:
        Human:
          UserName: zitadel-admin
          Email:
            Address: \${ZITADEL_FIRSTINSTANCE_ORG_HUMAN_EMAIL_ADDRESS}
          Password: \${ZITADEL_FIRSTINSTANCE_ORG_HUMAN_PASSWORD}
          PasswordChangeRequired: false
  secretConfig:
    Database:
      Postgres:
        User:
          Password: \${ZITADEL_RDS_ROOT_PASSWORD}
        Admin:
          Password: \${ZITADEL_RDS_ROOT_PASSWORD}
  dbSslCaCrtSecret: zitadel-rds-ssl-cert
ingress:
  enabled: true
  className: "nginx"
  annotations:
    cert-manager.io/cluster-issuer: opentelekomcloud-letsencrypt
  tls:
    - { hosts: ["\${ZITADEL_EXTERNALDOMAIN}"], secretName: zitadel-otc-certificate-tls }
  hosts:
    - host: \${ZITADEL_EXTERNALDOMAIN}
      paths: [{ path: /, pathType: Prefix }]
`;

const secrets = {
  ZITADEL_MASTERKEY: 'Masterkey0Masterkey1Masterkey2Ma',
  ZITADEL_RDS_ROOT_PASSWORD: 'Root-pass_#word?~1,=*^',
  ZITADEL_FIRSTINSTANCE_ORG_HUMAN_PASSWORD: '*&!%Admin: "{pass}"1',
};

test('the blueprint file with all its variables: every secret is lifted out, whatever it contains', () => {
  const { stack, lifted } = read(blueprint, { ...secrets, ZITADEL_EXTERNALDOMAIN: 'login.example.com' });
  assert.equal(lifted.masterkey?.open(), secrets.ZITADEL_MASTERKEY);
  assert.equal(lifted.databaseRootPassword?.open(), secrets.ZITADEL_RDS_ROOT_PASSWORD);
  assert.equal(lifted.databaseUserPassword?.open(), secrets.ZITADEL_RDS_ROOT_PASSWORD);
  assert.equal(lifted.adminPassword?.open(), secrets.ZITADEL_FIRSTINSTANCE_ORG_HUMAN_PASSWORD);
  const left = JSON.stringify(stack);
  for (const secret of Object.values(secrets)) assert.ok(!left.includes(JSON.stringify(secret).slice(1, -1)), secret);
  const { zitadel } = stack.zitadel.values as { zitadel: Record<string, unknown> };
  assert.deepEqual(Object.keys(zitadel), ['configmapConfig', 'dbSslCaCrtSecret']);
});

test('the blueprint file without any variable: what the stack knows is filled in, the rest is left to us', () => {
  const { stack, lifted } = read(blueprint);
  assert.deepEqual(lifted, { configuration: {} });
  const config = (stack.zitadel.values as { zitadel: { configmapConfig: Record<string, unknown> } }).zitadel.configmapConfig;
  assert.equal(config['ExternalDomain'], 'login.example.com');
  assert.deepEqual(config['Database'], {
    Postgres: {
      Port: 5432,
      Database: 'zitadel',
      User: { Username: 'zitadel', SSL: { Mode: 'verify-ca' } },
      Admin: { Username: 'root', SSL: { Mode: 'verify-ca' } },
    },
  });
  assert.deepEqual(config['FirstInstance'], {
    Org: { Human: { UserName: 'zitadel-admin', Email: { Address: 'platform@example.com' }, PasswordChangeRequired: false } },
  });
});

test('the blueprint with another controller than its own', () => {
  assert.deepEqual(errors(blueprint, ''), ['values.yaml.tpl:32:14 ingress.className: the ingress controller of this stack serves the class contour']);
});

test('behind Envoy Gateway there are routes in place of Ingresses', () => {
  const more = 'ingress: { controller: envoy-gateway }\n';
  assert.deepEqual(errors(blueprint, more), ['values.yaml.tpl:31:12 ingress.enabled: Envoy Gateway serves no Ingress, but routes']);
  assert.deepEqual(
    errors('login: { ingress: { enabled: false }, gateway: { httpRoute: { enabled: true, hostnames: [Login.example.com] } } }', more),
    [],
  );
  assert.deepEqual(
    errors(
      'gateway: { httpRoute: { enabled: false, parentRefs: [{ name: mine }] } }\nlogin: { gateway: { httpRoute: { hostnames: [a.example.com] } } }',
      more,
    ).map((line) => line.split(' ').slice(1).join(' ')),
    [
      'gateway.httpRoute.enabled: without this route ZITADEL is not reachable',
      'gateway.httpRoute.parentRefs: the route belongs to the Gateway that this action makes',
      'login.gateway.httpRoute.hostnames: the route must serve login.example.com',
    ],
  );
});

test('an undefined variable is an error with its place', () => {
  assert.deepEqual(errors('a:\n  b: ${NOPE}\n'), ['values.yaml.tpl:2:6 a.b: the variable NOPE is not set']);
});

test('other secrets go to the configuration Secret', () => {
  const { values, secrets: lifted } = liftSecrets({
    zitadel: {
      configmapConfig: {
        defaultinstance: { SMTPConfiguration: { SMTP: { Host: 'mail', Password: 'smtp-password' } }, PasswordComplexityPolicy: { MinLength: 12 } },
      },
      secretConfig: { DefaultInstance: { SMTPConfiguration: { SMTP: { User: 'u' } } }, Number: 5 },
    },
  });
  assert.deepEqual(values, {
    zitadel: { configmapConfig: { defaultinstance: { SMTPConfiguration: { SMTP: { Host: 'mail' } }, PasswordComplexityPolicy: { MinLength: 12 } } } },
  });
  assert.ok(JSON.stringify(lifted.configuration).includes('***'));
  assert.deepEqual(openConfiguration(lifted.configuration), {
    defaultinstance: { SMTPConfiguration: { SMTP: { Password: 'smtp-password', User: 'u' } } },
    Number: 5,
  });
});

test('property: no secret stays in the values, at whatever depth and in whatever case its key is', () => {
  const key = fc.constantFrom('Password', 'PASSWORD', 'clientSecret', 'Token', 'apiKey', 'privatekey', 'AccessKey');
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('A', 'b', 'Some', 'constructor', 'toString'), { maxLength: 4 }),
      key,
      fc.constantFrom('configmapConfig', 'secretConfig'),
      (path, last, where) => {
        const tree = [...path].reverse().reduce<Values>((inner, name) => ({ [name]: inner }), { [last]: 'planted-secret-1', Other: 'stays' });
        const { values, secrets: lifted } = liftSecrets({ zitadel: { [where]: tree } });
        assert.ok(!JSON.stringify(values).includes('planted-secret-1'));
        assert.ok(!JSON.stringify(lifted).includes('planted-secret-1'));
        assert.ok(JSON.stringify(openConfiguration(lifted.configuration)).includes('planted-secret-1'));
        assert.equal(JSON.stringify(values).includes('stays'), where === 'configmapConfig');
      },
    ),
  );
});

test('who the first administrator is, is taken from the values where they say so', () => {
  const { stack } = read(
    'zitadel: { configmapConfig: { firstinstance: { Org: { Name: Acme, Human: { UserName: root-admin, PasswordChangeRequired: false } } } } }\n',
  );
  assert.equal(stack.zitadel.organization, 'Acme');
  assert.deepEqual(
    [stack.zitadel.admin.userName, stack.zitadel.admin.changePassword, stack.zitadel.admin.email],
    ['root-admin', false, 'platform@example.com'],
  );
});

test('a missing values file says where it was looked for', () => {
  assert.throws(
    () =>
      readStack({
        text: `${base}zitadel: { values: ./v.yaml }\n`,
        file: 'deploy/zitadel.yaml',
        env: {},
        readFile: (path) => {
          throw new Error(`there is no file ${path}`);
        },
      }),
    (error: unknown) => error instanceof Faults && /^zitadel\.values: there is no file deploy\/v\.yaml$/.test(error.message),
  );
});

test('secrets that their service would refuse are told with their place, not with their text', () => {
  const values = `zitadel:
  masterkey: planted-10
  configmapConfig:
    Database.Postgres: { Admin: { Password: plantedplanted }, User: { Password: "Planted 1 planted" } }
    firstInstance: { Org: { Human: { Password: 12345678 } } }
  secretConfig:
    Database: { Postgres: { User: { Password: short } } }
`;
  const found = errors(values);
  assert.deepEqual(found, [
    'values.yaml.tpl:2:14 zitadel.masterkey: has 10 bytes; ZITADEL needs exactly 32',
    'values.yaml.tpl:4:45 zitadel.configmapConfig.Database.Postgres.Admin.Password: needs at least three of upper-case letters, lower-case letters, digits and symbols',
    'values.yaml.tpl:4:81 zitadel.configmapConfig.Database.Postgres.User.Password: contains characters that are not safe in a connection string; use letters, digits and ~!@#^*-_=+?,',
    'values.yaml.tpl:5:48 zitadel.configmapConfig.firstInstance.Org.Human.Password: needs an upper-case letter, a lower-case letter, a digit and a symbol',
    'values.yaml.tpl:7:47 zitadel.secretConfig.Database.Postgres.User.Password: has 5 characters; 8 to 64 are possible',
  ]);
  assert.deepEqual(errors('zitadel: { masterkey: short }'), ['values.yaml.tpl:1:23 zitadel.masterkey: has 5 bytes; ZITADEL needs exactly 32']);
});

test('lifting never opens a Secret to the outside', () => {
  const { secrets: lifted } = liftSecrets({ zitadel: { masterkey: 'Masterkey0Masterkey1Masterkey2Ma' } });
  assert.ok(lifted.masterkey instanceof Secret);
});
