/**
 * Owns what is taken out of the user's own Helm values: secrets are lifted, so that none ends up in Helm's release or a
 * ConfigMap. What must not stand in them is `conflicts.ts`'s, merging with our own values `zitadel/`'s business.
 */
import { mask, Secret } from '../secret.ts';
import type { Path, Problem } from './document.ts';
import { holdsSecret, isMap, isSecretAt, namesSecret, secretsLeft, type Values } from './secret-keys.ts';
import { secretIn, urlPassword } from './secret-text.ts';
import type { GivenSecrets } from './secrets.ts';
import type { Stack } from './stack.ts';
import { leftOut } from './variables.ts';

/** What was lifted out of a values file. */
export interface LiftedSecrets extends Omit<GivenSecrets, 'stackSecret'> {
  /** ZITADEL configuration for the configuration Secret: plain data with a {@link Secret} at each secret leaf. Open it with {@link openConfiguration}. */
  readonly configuration: Values;
}

export interface Lifted {
  /** The values without any secret. */
  readonly values: Values;
  readonly secrets: LiftedSecrets;
  /** The shape of {@link LiftedSecrets.configuration}, with what in it is no secret: a plan digest holds this. */
  readonly told: Values;
  readonly problems: readonly Problem[];
}

const CONFIGURATIONS = ['configmapConfig', 'secretConfig'] as const;

type Named = Exclude<keyof LiftedSecrets, 'configuration'>;
/** Paths below `configmapConfig` and `secretConfig`; ZITADEL reads its configuration without regard to case. */
export const NAMED: ReadonlyMap<string, Named> = new Map(
  Object.entries({
    'database.postgres.user.password': 'databaseUserPassword',
    'database.postgres.admin.password': 'databaseRootPassword',
    'firstinstance.org.human.password': 'adminPassword',
  } as const),
);
/** What the stack says of these is public, and what a system user may do is for reviewers: as a masked word it would blank out addresses and names in log and outputs. */
const PUBLIC = /^(externaldomain|database\.postgres\.(host|database|(user|admin)\.(username|ssl\.mode))|systemapiusers\..+\.memberships\..+)$/;
/** The values with `A.B: 1` of ZITADEL's configuration written as `A: { B: 1 }`: it reads both alike (viper), and so does all that follows. */
export function nested(values: Values): Values {
  const { zitadel } = values;
  if (!isMap(zitadel)) return values;
  const opened: Record<string, unknown> = { ...zitadel };
  for (const name of CONFIGURATIONS) {
    const config = zitadel[name];
    if (!isMap(config)) continue;
    const tree: Record<string, unknown> = {};
    const lay = (path: Path, value: unknown): void => {
      if (!isMap(value) || Object.keys(value).length === 0) put(tree, path, value);
      else for (const [key, inner] of Object.entries(value)) lay([...path, ...key.split('.')], inner);
    };
    if (Object.keys(config).length > 0) lay([], config);
    opened[name] = tree;
  }
  return { ...values, zitadel: opened };
}

/** Lifts every secret out of Helm values for ZITADEL's chart (value paths of charts 9.x). */
export function liftSecrets(values: Values): Lifted {
  const copy = structuredClone(values) as Record<string, unknown>;
  const lifting = new Lifting();
  const { zitadel } = copy;
  if (isMap(zitadel)) {
    for (const key of CONFIGURATIONS) {
      const config = zitadel[key];
      if (config === undefined || config === null || isMap(config)) continue;
      const message = 'this is not a block, so no secret can be lifted out of it';
      lifting.problems.push({ path: ['zitadel', key], message, hint: 'Write it as a block.' });
    }
    lifting.lift(zitadel['configmapConfig'], ['zitadel', 'configmapConfig'], false);
    // ZITADEL reads the Secret's file after the ConfigMap's: what stands in both is taken from secretConfig.
    lifting.lift(zitadel['secretConfig'], ['zitadel', 'secretConfig'], true);
    delete zitadel['secretConfig'];
    lifting.name('masterkey', ['zitadel', 'masterkey'], zitadel['masterkey']);
    delete zitadel['masterkey'];
  }
  return {
    values: copy,
    secrets: { ...lifting.named, configuration: lifting.configuration },
    told: lifting.told,
    problems: [...lifting.problems, ...secretsLeft(copy, [])],
  };
}

/** Paths into the values begin with the two parts that name a configuration. */
const BELOW = 2;

class Lifting {
  readonly named: Partial<Record<Named, Secret>> = {};
  readonly configuration: Record<string, unknown> = {};
  readonly told: Record<string, unknown> = {};
  readonly problems: Problem[] = [];

  /** Takes secrets out of a block of configuration. @param all every leaf, in place of what is a secret by its key or form */
  lift(from: unknown, path: Path, all: boolean): void {
    if (!isMap(from)) return;
    for (const [key, value] of Object.entries(from)) {
      const inner = [...path, key];
      const name = NAMED.get(inner.slice(BELOW).join('.').toLowerCase());
      if (isMap(value) && name === undefined) {
        this.lift(value, inner, all);
        if (Object.keys(value).length === 0) delete from[key];
        continue;
      }
      // Of a list that holds one, all goes: the Secret's file replaces a list of the ConfigMap's as a whole (viper 1.21, mergeMaps).
      if (name === undefined && !all && !holdsSecret(value, inner)) continue;
      delete from[key];
      if (name !== undefined) this.name(name, inner, value);
      else {
        const leaf = this.#seal(value, inner, all);
        if (leaf === undefined) continue;
        put(this.configuration, inner.slice(BELOW), leaf);
        put(this.told, inner.slice(BELOW), told(leaf, inner, all));
      }
    }
  }

  /** A secret that this action knows by name. One that is empty is not given; one that is too short breaks its service's rule (`conflicts.ts`). */
  name(name: Named, path: Path, value: unknown): void {
    if (value === undefined || value === null || value === '') return;
    if (['string', 'number'].includes(typeof value) && String(value).length < 8) return;
    const secret = this.#secretOf(path, value);
    if (secret !== undefined) this.named[name] = secret;
  }

  /** Secrets are masked; where `all` is, every leaf but what is public or too short for that. A list keeps its shape. */
  #seal(value: unknown, path: Path, all: boolean): unknown {
    if (Array.isArray(value)) return value.map((item, index) => this.#seal(item, [...path, index], all));
    if (isMap(value)) {
      const sealed = ([name, inner]: [string, unknown]): [string, unknown] => {
        const at = [...path, name];
        return [name, name === 'value' && namesSecret(value) ? this.#secretOf(at, inner) : this.#seal(inner, at, all)];
      };
      return Object.fromEntries(Object.entries(value).map(sealed));
    }
    if (isSecretAt(path, value)) return this.#secretOf(path, value);
    if (!all || isPublic(path)) return value;
    if (typeof value === 'string' && value.length >= 8) return new Secret(value, path.join('.'));
    // ZITADEL gets a number as the number it is.
    if (typeof value === 'number') mask(String(value));
    return value;
  }

  #secretOf(path: Path, value: unknown): Secret | undefined {
    if (typeof value === 'object') {
      const message = `this is a ${Array.isArray(value) ? 'list' : 'block'}, where the text of a secret should be`;
      this.problems.push({ path, message, hint: 'Write the text behind the colon, in quotes.' });
      return undefined;
    }
    const text = typeof value === 'string' ? value : typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
    const core = urlPassword(text) ?? text;
    if (core.length >= 8) {
      mask(core);
      // A program may print it alone.
      const inner = secretIn(text)?.secret ?? '';
      if (inner.length >= 8) mask(inner);
      return new Secret(text, path.join('.'));
    }
    const message = `the secret has ${core.length} characters; fewer than 8 cannot be kept out of logs`;
    this.problems.push({ path, message, hint: 'Use a longer one.' });
    return undefined;
  }
}

/** A short text or a number of `secretConfig` could be guessed from a digest: of those only what is public is told. */
function told(value: unknown, path: Path, all: boolean): unknown {
  if (Array.isArray(value)) return value.map((item, index) => told(item, [...path, index], all));
  if (isMap(value)) return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, told(inner, [...path, key], all)]));
  return value instanceof Secret || (all && !isPublic(path)) ? '***' : value;
}

function isPublic(path: Path): boolean {
  return PUBLIC.test(path.slice(BELOW).join('.').toLowerCase());
}

/** The configuration in clear, to be serialised into the configuration Secret and nowhere else. */
export function openConfiguration(value: unknown): unknown {
  if (value instanceof Secret) return value.open();
  if (Array.isArray(value)) return value.map(openConfiguration);
  return isMap(value) ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, openConfiguration(inner)])) : value;
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

/** What of the user's values says who the first administrator is, which then holds for messages as well. */
export function adoptValues(stack: Stack, values: Values): Stack {
  const text = (...path: string[]): string | undefined => {
    const value = find(values, ['zitadel', 'configmapConfig', 'FirstInstance', 'Org', ...path])?.value;
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const change = find(values, ['zitadel', 'configmapConfig', 'FirstInstance', 'Org', 'Human', 'PasswordChangeRequired'])?.value;
  const { admin, organization } = stack.zitadel;
  const adopted = {
    ...admin,
    userName: text('Human', 'UserName') ?? admin.userName,
    email: text('Human', 'Email', 'Address') ?? admin.email,
    firstName: text('Human', 'FirstName') ?? admin.firstName,
    lastName: text('Human', 'LastName') ?? admin.lastName,
    changePassword: typeof change === 'boolean' ? change : admin.changePassword,
  };
  return { ...stack, zitadel: { ...stack.zitadel, values, organization: text('Name') ?? organization, admin: adopted } };
}

/** The value at a path, keys without regard to case; undefined where the path is not there. */
export function find(values: Values, parts: readonly string[]): { path: string[]; value: unknown } | undefined {
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

/** Sets a leaf; keys that differ in case only are the same to ZITADEL. Only own properties are read or written. */
export function put(tree: Record<string, unknown>, path: Path, leaf: unknown): void {
  const [first, ...rest] = path.map(String);
  if (first === undefined) return;
  const found = Object.keys(tree).find((candidate) => candidate.toLowerCase() === first.toLowerCase());
  const before = found === undefined ? undefined : tree[found];
  const value = rest.length === 0 ? leaf : isMap(before) ? before : {};
  Object.defineProperty(tree, found ?? first, { value, enumerable: true, configurable: true, writable: true });
  if (rest.length > 0) put(value as Record<string, unknown>, rest, leaf);
}
