/**
 * Owns what must not stand in the user's own Helm values, because it would break this deployment, and the reason for
 * each. What is lifted out of them is `values.ts`'s business. Value paths of ZITADEL's charts 9.x.
 */

import { environmentConflicts, loginEnvironmentConflicts } from './conflicts-environment.ts';
import type { Problem } from './document.ts';
import { isMap, type Values } from './secret-keys.ts';
import { SECRET_RULES, secretHint } from './secrets.ts';
import type { Stack } from './stack.ts';
import { find, NAMED } from './values.ts';

type Refuse = (path: string, wrong: (value: unknown) => boolean, why: string, hint?: string, reads?: readonly string[]) => void;

const SET_HERE = 'Remove the line: this action sets it.';

const given = (value: unknown): boolean => value !== undefined && value !== null && value !== '';
const not = (expected: string | number) => (value: unknown) => given(value) && String(value).toLowerCase() !== String(expected).toLowerCase();

/** What of the user's values would break the deployment, and why. Paths start at the root of the values. */
export function conflicts(values: Values, stack: Stack): Problem[] {
  const problems: Problem[] = [];
  // The masterkey is no setting of the configuration, and has its variable all the same.
  const refused = new Set(['masterkey']);
  const refuse: Refuse = (path, wrong, why, hint = SET_HERE, reads = []) => {
    const parts = path.split('.');
    const [, , setting] = parts;
    if (path.startsWith('zitadel.configmapConfig.') && setting !== undefined) refused.add(setting.toLowerCase());
    const found = find(values, parts);
    if (found !== undefined && wrong(found.value)) problems.push({ path: found.path, message: why, hint, reads });
  };
  for (const block of ['zitadel', 'login', 'ingress', 'login.ingress', 'initJob', 'setupJob'])
    refuse(
      block,
      (value) => given(value) && !isMap(value),
      'this is a block of the chart, and something else stands here',
      'Write its settings below it, indented.',
    );
  secretConflicts(refuse);
  problems.push(...unfitSecrets(values));
  for (const config of ['zitadel.configmapConfig', 'zitadel.secretConfig']) configurationConflicts(config, stack, refuse);
  refuse('initJob.enabled', (value) => value !== true, 'without the init Job nobody makes ZITADEL’s role and database');
  refuse('initJob.command', given, 'a partial init leaves role or database unmade');
  for (const path of ['initJob.args', 'setupJob.command', 'setupJob.args'])
    refuse(
      path,
      (value) => given(value) && String(value) !== '',
      'with a command of its own this Job would end well without its work',
      'Remove the line: the chart says what the Job runs.',
    );
  refuse('setupJob.enabled', (value) => value !== true, 'without the setup Job the server finds no schema');
  refuse('login.enabled', (value) => value !== true, 'ZITADEL v4 sends every login to the login app');
  podConflicts(refuse);
  problems.push(...entranceConflicts(values, stack, refuse));
  for (const key of ['nameOverride', 'fullnameOverride'])
    refuse(key, given, 'Services and Jobs are found by the chart’s own names', 'Change "zitadel.release" in the stack file.');
  refuse('postgresql.enabled', (value) => value !== false, 'the database is RDS');
  refuse('selfSignedCert.enabled', (value) => value !== false, 'TLS ends at the ingress controller');
  problems.push(...environmentConflicts(values, refused), ...loginEnvironmentConflicts(values));
  return problems;
}

/** Secrets and the keys of them that this action makes. */
function secretConflicts(refuse: Refuse): void {
  refuse(
    'zitadel.masterkeySecretName',
    given,
    'the masterkey comes from stack-secret or the input "masterkey"; a second place for it would leave two that can differ',
  );
  refuse(
    'zitadel.configSecretName',
    given,
    'this Secret carries the passwords that this action derives; another one would leave ZITADEL without them',
    'Write its content under zitadel.secretConfig.',
  );
  refuse('zitadel.configSecretKey', not('config-yaml'), 'the configuration Secret is this action’s, and its key is config-yaml');
  refuse('zitadel.dbSslCaCrt', given, 'the CA of the database is downloaded from RDS; a fixed one would fail when it is renewed');
  refuse('zitadel.dbSslCaCrtSecret', not('zitadel-rds-ssl-cert'), 'the CA of the database is kept in the Secret zitadel-rds-ssl-cert');
}

/** Secrets that this action knows by name, against the rules of the services that will take them. */
function unfitSecrets(values: Values): Problem[] {
  const places = [...NAMED].flatMap(([path, name]) =>
    ['configmapConfig', 'secretConfig'].map((config) => [name, `zitadel.${config}.${path}`] as const),
  );
  return ([['masterkey', 'zitadel.masterkey'], ...places] as const).flatMap(([name, path]) => {
    const found = find(values, path.split('.'));
    if (!['string', 'number'].includes(typeof found?.value) || found?.value === '') return [];
    const hint = secretHint(name);
    return SECRET_RULES[name].problems(String(found?.value)).map((message) => ({ path: found?.path ?? [], message, hint }));
  });
}

/** ZITADEL's own configuration, in the ConfigMap or the Secret. */
function configurationConflicts(config: string, stack: Stack, refuse: Refuse): void {
  const postgres = `${config}.Database.Postgres`;
  refuse(
    `${postgres}.DSN`,
    given,
    'with a DSN ZITADEL ignores host, user and CA that this action sets, and the init Job makes neither role nor database',
  );
  refuse(
    `${config}.ExternalDomain`,
    not(stack.domain),
    `ZITADEL answers under its ExternalDomain only, and DNS, certificate and ingress are made for ${stack.domain}`,
    'Change "domain" in the stack file.',
    ['domain'],
  );
  refuse(
    `${config}.ExternalSecure`,
    (value) => value !== true,
    'the outside speaks HTTPS; without ExternalSecure every link and the issuer would begin with http://',
  );
  refuse(`${config}.ExternalPort`, not(443), 'the outside listens on port 443; another ExternalPort breaks every redirect');
  refuse(`${config}.Port`, not(8080), 'the Service and its probes expect port 8080');
  refuse(`${config}.TLS.Enabled`, (value) => value !== false, 'TLS ends at the ingress controller, which speaks h2c to the pods');
  refuse(`${config}.Database.cockroach`, given, 'the database is PostgreSQL');
  for (const block of ['Database', 'Database.Postgres', 'Database.Postgres.User', 'Database.Postgres.Admin'])
    refuse(`${config}.${block}`, (value) => !isMap(value), 'this block of ZITADEL’s configuration must not be emptied or replaced');
  // The blueprint's own variable is left out before; an address that is right today is another once the database is restored.
  refuse(`${postgres}.Host`, () => true, 'the address of the database is taken from RDS; at another one ZITADEL would sign in to another server');
  tlsConflicts(postgres, stack, refuse);
  for (const [key, setting, what] of [
    ['Port', 'port', 'the database listens on'],
    ['Database', 'name', 'the database is called'],
    ['User.Username', 'user', 'ZITADEL’s role is called'],
  ] as const) {
    const wanted = stack.database[setting];
    refuse(`${postgres}.${key}`, not(wanted), `${what} ${wanted}`, `Change "database.${setting}" in the stack file.`, [`database.${setting}`]);
  }
  refuse(`${postgres}.Admin.Username`, not('root'), 'the administrator of an RDS instance is called root');
  refuse(`${config}.FirstInstance.Skip`, (value) => value !== false, 'without a first instance there is nothing to log in to');
  for (const key of ['MachineKeyPath', 'PatPath', 'LoginClientPatPath'])
    refuse(`${config}.FirstInstance.${key}`, given, 'the chart sets this path itself and refuses another');
}

/** Modes of libpq that encrypt in every case; `disable`, `allow` and `prefer` would send passwords in clear (PostgreSQL, libpq, sslmode). */
const ENCRYPTED: readonly unknown[] = ['require', 'verify-ca', 'verify-full'];

/** TLS to the database; ZITADEL takes the mode as PostgreSQL's clients do. */
function tlsConflicts(postgres: string, { zitadel: { tlsMode } }: Stack, refuse: Refuse): void {
  for (const role of ['User', 'Admin']) {
    const ssl = `${postgres}.${role}.SSL`;
    refuse(ssl, (value) => !isMap(value), 'without this block ZITADEL would speak to the database in clear');
    refuse(
      `${ssl}.Mode`,
      (value) => (tlsMode === 'auto' ? !ENCRYPTED.includes(value) : value !== tlsMode),
      tlsMode === 'auto' ? 'the database is reached by TLS only: require, verify-ca or verify-full' : `TLS to the database is ${tlsMode}`,
      'Remove the line, or choose the mode with "zitadel.tlsMode" in the stack file.',
      ['zitadel.tlsMode'],
    );
    refuse(`${ssl}.RootCert`, given, 'the chart mounts the CA of the database, which is downloaded from RDS, and names its file');
  }
}

/** Of the pods: that there are some, of a ZITADEL that the login app goes with. */
function podConflicts(refuse: Refuse): void {
  for (const part of ['', 'login.']) {
    refuse(
      `${part}replicaCount`,
      (value) => !Number.isInteger(value) || Number(value) < 1,
      'this is no number from 1, and without a pod nobody can log in',
      `Write a number without quotes, or use "zitadel.${part === '' ? 'replicas' : 'loginReplicas'}" in the stack file.`,
    );
    refuse(
      `${part}image.tag`,
      (value) => Number(/^v?(\d+)\./.exec(String(value))?.[1] ?? 4) < 4,
      'ZITADEL before v4 has no login app, and cannot read what v4 made of the database',
      'Remove the line: the chart names the version that it was made for.',
    );
  }
}

/** Ingresses, or routes of the Gateway. */
function entranceConflicts(values: Values, stack: Stack, refuse: Refuse): Problem[] {
  const problems: Problem[] = [];
  for (const part of ['', 'login.']) {
    if (stack.ingress.controller === 'envoy-gateway') {
      refuse(`${part}ingress.enabled`, (value) => value !== false, 'Envoy Gateway serves no Ingress, but routes', 'Remove the line.', [
        'ingress.controller',
      ]);
      refuse(`${part}gateway.httpRoute.enabled`, (value) => value !== true, 'without this route ZITADEL is not reachable', SET_HERE, [
        'ingress.controller',
      ]);
      refuse(`${part}gateway.httpRoute.parentRefs`, given, 'the route belongs to the Gateway that this action makes', SET_HERE, [
        'ingress.controller',
      ]);
      refuse(
        `${part}gateway.httpRoute.hostnames`,
        (hosts) => !Array.isArray(hosts) || !hosts.some((host) => String(host).toLowerCase() === stack.domain),
        `the route must serve ${stack.domain}`,
        SET_HERE,
        ['ingress.controller', 'domain'],
      );
      continue;
    }
    refuse(`${part}ingress.enabled`, (value) => value !== true, 'without this Ingress ZITADEL is not reachable', SET_HERE, ['ingress.controller']);
    refuse(
      `${part}ingress.className`,
      not(stack.ingress.className),
      `the ingress controller of this stack serves the class ${stack.ingress.className}`,
      'Choose the controller with "ingress.controller" in the stack file.',
      ['ingress.className', 'ingress.controller'],
    );
    problems.push(...tlsProblems(values, `${part}ingress`, stack));
    refuse(`${part}ingress.hosts`, (hosts) => !hostsInclude(hosts, stack.domain), `the Ingress must serve ${stack.domain}`, SET_HERE, [
      'ingress.controller',
      'domain',
    ]);
  }
  return problems;
}

/** An Ingress may take its certificate from a Secret of another name, if somebody makes that Secret. */
function tlsProblems(values: Values, part: string, { certificates }: Stack): Problem[] {
  const annotated = find(values, [...part.split('.'), 'annotations', 'cert-manager.io/cluster-issuer']);
  const issuers = [certificates.issuerName, `${certificates.issuerName}-staging`];
  if (annotated !== undefined && !issuers.includes(String(annotated.value))) {
    const message = `there is no ClusterIssuer of this name; this action makes ${issuers.join(' and ')}`;
    return [
      {
        path: annotated.path,
        message,
        hint: 'Change "certificates.issuerName" in the stack file.',
        reads: ['certificates.issuerName', 'ingress.controller'],
      },
    ];
  }
  const tls = find(values, [...part.split('.'), 'tls']);
  if (annotated !== undefined || !Array.isArray(tls?.value)) return [];
  const made = ['zitadel-tls', 'zitadel-tls-staging', certificates.secret];
  return tls.value.flatMap((entry: unknown, index): Problem[] => {
    const name = isMap(entry) ? entry['secretName'] : undefined;
    if (typeof name !== 'string' || made.includes(name)) return [];
    return [
      {
        path: [...tls.path, index, 'secretName'],
        message: `nobody makes the Secret ${name}`,
        hint: 'Remove "tls": this action sets it.',
        reads: ['certificates.secret', 'ingress.controller'],
      },
    ];
  });
}

function hostsInclude(hosts: unknown, domain: string): boolean {
  return Array.isArray(hosts) && hosts.some((entry) => isMap(entry) && String(entry['host']).toLowerCase() === domain);
}
