/**
 * Owns what may stand in the user's own Helm values: secrets are lifted out of them, so that none ends up in Helm's
 * release or a ConfigMap, and settings that would break this deployment are named with the reason. Merging with our own
 * values is `zitadel/`'s business.
 */
import { Secret } from '../secret.ts';
import { leftOut, type Path, type Problem } from './document.ts';
import type { GivenSecrets } from './secrets.ts';
import type { Stack } from './stack.ts';

export type Values = Readonly<Record<string, unknown>>;

/** What was lifted out of a values file. */
export interface LiftedSecrets extends Omit<GivenSecrets, 'stackSecret'> {
  /** ZITADEL configuration for the configuration Secret: plain data with a {@link Secret} at each secret leaf. Open it with {@link openConfiguration}. */
  readonly configuration: Values;
}

export interface Lifted {
  /** The values without any secret. */
  readonly values: Values;
  readonly secrets: LiftedSecrets;
  readonly problems: readonly Problem[];
}

type Named = Exclude<keyof LiftedSecrets, 'configuration'>;
/** Paths below `configmapConfig` and `secretConfig`; ZITADEL reads its configuration without regard to case. */
const NAMED: ReadonlyMap<string, Named> = new Map(
  Object.entries({
    'database.postgres.user.password': 'databaseUserPassword',
    'database.postgres.admin.password': 'databaseRootPassword',
    'firstinstance.org.human.password': 'adminPassword',
  } as const),
);
const SECRET_KEY = /(password|secret|token|private_?key|api_?key|access_?key|masterkey|dsn)$/i;

/** Lifts every secret out of Helm values for ZITADEL's chart (value paths of charts 9.x). */
export function liftSecrets(values: Values): Lifted {
  const named: Partial<Record<Named, Secret>> = {};
  const configuration: Record<string, unknown> = {};
  const problems: Problem[] = [];
  const copy = structuredClone(values) as Record<string, unknown>;
  const secretOf = (path: Path, value: unknown): Secret | undefined => {
    const text = typeof value === 'string' ? value : typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
    if (text.length >= 8) return new Secret(text, path.join('.'));
    problems.push({ path, message: `the secret has ${text.length} characters; fewer than 8 cannot be kept out of logs`, hint: 'Use a longer one.' });
    return undefined;
  };
  const lift = (from: Record<string, unknown>, path: Path, depth: number, all: boolean): void => {
    for (const [key, value] of Object.entries(from)) {
      const inner = [...path, key];
      if (isMap(value)) {
        lift(value, inner, depth, all);
        if (Object.keys(value).length === 0) delete from[key];
        continue;
      }
      if (Array.isArray(value) && !all) {
        problems.push(...secretsInList(value, inner));
        continue;
      }
      const name = NAMED.get(inner.slice(depth).join('.').toLowerCase());
      if (name !== undefined && (value === null || value === '')) {
        delete from[key];
        continue;
      }
      const isSecret = name !== undefined || (SECRET_KEY.test(key) && typeof value === 'string' && value !== '');
      if (!isSecret && !all) continue;
      delete from[key];
      const secret = isSecret ? secretOf(inner, value) : undefined;
      if (name !== undefined && secret !== undefined) named[name] = secret;
      else if (name === undefined && (secret !== undefined || !isSecret)) put(configuration, inner.slice(depth), secret ?? value);
    }
  };
  const { zitadel } = copy;
  if (isMap(zitadel)) {
    const config = zitadel['configmapConfig'];
    if (isMap(config)) lift(config, ['zitadel', 'configmapConfig'], 2, false);
    // ZITADEL reads the Secret's file after the ConfigMap's: what stands in both is taken from secretConfig.
    const secret = zitadel['secretConfig'];
    if (isMap(secret)) lift(secret, ['zitadel', 'secretConfig'], 2, true);
    delete zitadel['secretConfig'];
    if (zitadel['masterkey'] !== undefined && zitadel['masterkey'] !== '' && zitadel['masterkey'] !== null) {
      const masterkey = secretOf(['zitadel', 'masterkey'], zitadel['masterkey']);
      if (masterkey !== undefined) named.masterkey = masterkey;
    }
    delete zitadel['masterkey'];
  }
  return { values: copy, secrets: { ...named, configuration }, problems };
}

/** The configuration in clear, to be serialised into the configuration Secret and nowhere else. */
export function openConfiguration(value: unknown): unknown {
  if (value instanceof Secret) return value.open();
  if (Array.isArray(value)) return value.map(openConfiguration);
  return isMap(value) ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, openConfiguration(inner)])) : value;
}

/** What of the user's values would break the deployment, and why. Paths start at the root of the values. */
export function conflicts(values: Values, stack: Stack): Problem[] {
  const problems: Problem[] = [];
  const refuse = (path: string, wrong: (value: unknown) => boolean, why: string, hint = 'Remove the line: this action sets it.'): void => {
    const parts = path.split('.');
    const found = find(values, parts);
    if (found !== undefined && wrong(found.value)) problems.push({ path: found.path, message: why, hint });
  };
  const given = (value: unknown): boolean => value !== undefined && value !== null && value !== '';
  const not = (expected: string | number) => (value: unknown) => given(value) && String(value).toLowerCase() !== String(expected).toLowerCase();
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
  for (const config of ['zitadel.configmapConfig', 'zitadel.secretConfig']) {
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
    refuse(
      `${postgres}.Port`,
      not(stack.database.port),
      `the database listens on ${stack.database.port}`,
      'Change "database.port" in the stack file.',
    );
    refuse(
      `${postgres}.Database`,
      not(stack.database.name),
      `the database is called ${stack.database.name}`,
      'Change "database.name" in the stack file.',
    );
    refuse(
      `${postgres}.User.Username`,
      not(stack.database.user),
      `ZITADEL’s role is called ${stack.database.user}`,
      'Change "database.user" in the stack file.',
    );
    refuse(`${postgres}.Admin.Username`, not('root'), 'the administrator of an RDS instance is called root');
    refuse(`${config}.FirstInstance.Skip`, (value) => value !== false, 'without a first instance there is nothing to log in to');
    for (const key of ['MachineKeyPath', 'PatPath', 'LoginClientPatPath'])
      refuse(`${config}.FirstInstance.${key}`, given, 'the chart sets this path itself and refuses another');
  }
  refuse('initJob.enabled', (value) => value !== true, 'without the init Job nobody makes ZITADEL’s role and database');
  refuse('initJob.command', given, 'a partial init leaves role or database unmade');
  refuse('setupJob.enabled', (value) => value !== true, 'without the setup Job the server finds no schema');
  refuse('login.enabled', (value) => value !== true, 'ZITADEL v4 sends every login to the login app');
  for (const part of ['ingress', 'login.ingress']) {
    refuse(`${part}.enabled`, (value) => value !== true, 'without this Ingress ZITADEL is not reachable');
    refuse(
      `${part}.className`,
      not(stack.ingress.className),
      `the ingress controller of this stack serves the class ${stack.ingress.className}`,
      'Choose the controller with "ingress.controller" in the stack file.',
    );
    refuse(`${part}.hosts`, (hosts) => !hostsInclude(hosts, stack.domain), `the Ingress must serve ${stack.domain}`);
  }
  for (const key of ['nameOverride', 'fullnameOverride'])
    refuse(key, given, 'Services and Jobs are found by the chart’s own names', 'Change "zitadel.release" in the stack file.');
  refuse('postgresql.enabled', (value) => value !== false, 'the database is RDS');
  refuse('selfSignedCert.enabled', (value) => value !== false, 'TLS ends at the ingress controller');
  const env = Array.isArray(values['env']) ? values['env'] : [];
  env.forEach((entry: unknown, index) => {
    const name = isMap(entry) ? String(entry['name']) : '';
    if (/^ZITADEL_(DATABASE|EXTERNAL|MASTERKEY|FIRSTINSTANCE|TLS)/i.test(name)) {
      problems.push({
        path: ['env', index],
        message: `${name} would override the configuration of this action, since the environment wins over files`,
        hint: 'Set it under zitadel.configmapConfig or zitadel.secretConfig.',
      });
    } else if (isMap(entry) && SECRET_KEY.test(name) && given(entry['value'])) {
      problems.push({
        path: ['env', index],
        message: `${name} looks like a secret, and Helm would store it in clear`,
        hint: 'Set it under zitadel.secretConfig, or take it from a Secret with valueFrom.',
      });
    }
  });
  return problems;
}

/**
 * What the variables of the blueprint's own `values.yaml.tpl` stand for where the environment does not set them: what the
 * stack knows, or left out, because this action fills it in.
 */
export function blueprintVariables(stack: Stack): Readonly<Record<string, string | typeof leftOut>> {
  return {
    ZITADEL_EXTERNALDOMAIN: stack.domain,
    ZITADEL_DATABASE_POSTGRES_DATABASE: stack.database.name,
    ZITADEL_FIRSTINSTANCE_ORG_HUMAN_EMAIL_ADDRESS: stack.zitadel.admin.email,
    ZITADEL_DATABASE_POSTGRES_HOST: leftOut,
    ZITADEL_MASTERKEY: leftOut,
    ZITADEL_RDS_ROOT_PASSWORD: leftOut,
    ZITADEL_FIRSTINSTANCE_ORG_HUMAN_PASSWORD: leftOut,
  };
}

function secretsInList(list: readonly unknown[], path: Path): Problem[] {
  return list.flatMap((item, index) => {
    if (Array.isArray(item)) return secretsInList(item, [...path, index]);
    if (!isMap(item)) return [];
    return Object.entries(item).flatMap(([key, value]) => {
      const inner = [...path, index, key];
      if (Array.isArray(value)) return secretsInList(value, inner);
      if (isMap(value)) return secretsInList([value], inner);
      if (!SECRET_KEY.test(key) || typeof value !== 'string' || value === '') return [];
      return [
        {
          path: inner,
          message: 'a secret inside a list cannot be lifted out of the ConfigMap',
          hint: 'Move the whole list to zitadel.secretConfig.',
        },
      ];
    });
  });
}

function hostsInclude(hosts: unknown, domain: string): boolean {
  return Array.isArray(hosts) && hosts.some((entry) => isMap(entry) && String(entry['host']).toLowerCase() === domain);
}

/** The value at a path, keys without regard to case; undefined where the path is not there. */
function find(values: Values, parts: readonly string[]): { path: string[]; value: unknown } | undefined {
  let value: unknown = values;
  const path: string[] = [];
  for (const part of parts) {
    if (!isMap(value)) return undefined;
    const key = Object.keys(value).find((candidate) => candidate.toLowerCase() === part.toLowerCase());
    if (key === undefined) return undefined;
    path.push(key);
    value = value[key];
  }
  return { path, value };
}

/** Sets a leaf; keys that differ in case only are the same to ZITADEL. */
function put(tree: Record<string, unknown>, path: Path, leaf: unknown): void {
  const [first, ...rest] = path.map(String);
  if (first === undefined) return;
  const key = Object.keys(tree).find((candidate) => candidate.toLowerCase() === first.toLowerCase()) ?? first;
  if (rest.length === 0) {
    tree[key] = leaf;
    return;
  }
  const inner = isMap(tree[key]) ? tree[key] : {};
  tree[key] = inner;
  put(inner, rest, leaf);
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Secret);
}
