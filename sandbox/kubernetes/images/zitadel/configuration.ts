/**
 * Owns how ZITADEL reads its configuration: files in the order of the flags, later ones over earlier ones, environment
 * variables `ZITADEL_<PATH>` over all files, keys without regard to case, built-in defaults below everything.
 */
import { parse } from 'yaml';
import type { ContainerContext } from '../../image.ts';

type Tree = { [key: string]: unknown };

/** The values that the binary brings along (cmd/defaults.yaml and cmd/setup/steps.yaml of v4), as far as they are acted on here. */
const defaults: Tree = {
  externaldomain: 'localhost',
  externalport: 8080,
  externalsecure: true,
  port: 8080,
  database: {
    postgres: {
      host: 'localhost',
      port: 5432,
      database: 'zitadel',
      awaitinitialconn: '0m',
      user: { username: 'zitadel', password: '', ssl: { mode: 'disable', rootcert: '' } },
      admin: { username: 'postgres', password: 'postgres', existingdatabase: 'postgres', ssl: { mode: 'disable', rootcert: '' } },
    },
  },
  defaultinstance: {
    passwordcomplexitypolicy: { minlength: 8, haslowercase: true, hasuppercase: true, hasnumber: true, hassymbol: true },
    features: { loginv2: { required: true } },
  },
};

const defaultSteps: Tree = {
  firstinstance: {
    skip: false,
    instancename: 'ZITADEL',
    org: {
      name: 'ZITADEL',
      human: {
        username: 'zitadel-admin',
        firstname: 'ZITADEL',
        lastname: 'Admin',
        password: 'Password1!',
        passwordchangerequired: true,
        email: { address: '', verified: false },
      },
    },
  },
};

/** One set of values with environment variables above it. */
export class Settings {
  readonly #values: Tree;
  readonly #env: Readonly<Record<string, string>>;

  constructor(values: Tree, env: Readonly<Record<string, string>>) {
    this.#values = values;
    this.#env = env;
  }

  /** The value at a dotted path, undefined where nothing sets it. */
  get(path: string): unknown {
    const fromEnvironment = this.#env[`ZITADEL_${path.replaceAll('.', '_').toUpperCase()}`];
    if (fromEnvironment !== undefined) return fromEnvironment;
    let value: unknown = this.#values;
    for (const key of path.toLowerCase().split('.')) {
      if (typeof value !== 'object' || value === null) return undefined;
      value = (value as Tree)[key];
    }
    return value;
  }

  text(path: string): string {
    const value = this.get(path);
    return value === undefined || value === null ? '' : String(value);
  }

  flag(path: string): boolean {
    return ['true', '1', 't'].includes(this.text(path).toLowerCase());
  }

  number(path: string): number {
    return Number(this.text(path));
  }

  /** Is there anything at or below the path, in files or in the environment? */
  has(path: string): boolean {
    const prefix = `ZITADEL_${path.replaceAll('.', '_').toUpperCase()}`;
    const value = this.get(path);
    return (value !== undefined && value !== null) || Object.keys(this.#env).some((name) => name === prefix || name.startsWith(`${prefix}_`));
  }
}

export interface Flags {
  readonly command: string;
  /** Further words, for example `zitadel` in `init zitadel`. */
  readonly more: readonly string[];
  readonly config: readonly string[];
  readonly steps: readonly string[];
  readonly masterkey: string | undefined;
  readonly masterkeyFile: string | undefined;
  readonly masterkeyFromEnv: boolean;
}

export function readFlags(args: readonly string[]): Flags {
  const config: string[] = [];
  const steps: string[] = [];
  const words: string[] = [];
  let masterkey: string | undefined;
  let masterkeyFile: string | undefined;
  let masterkeyFromEnv = false;
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index] ?? '';
    if (!arg.startsWith('--')) {
      words.push(arg);
      continue;
    }
    const [name = '', given] = arg.slice(2).split(/=(.*)/s);
    const value = (): string => given ?? args[++index] ?? '';
    if (name === 'config') config.push(value());
    else if (name === 'steps') steps.push(value());
    else if (name === 'masterkey') masterkey = value();
    else if (name === 'masterkeyFile') masterkeyFile = value();
    else if (name === 'masterkeyFromEnv') masterkeyFromEnv = given !== 'false';
    else if (name === 'tlsMode') value();
  }
  const [command = '', ...more] = words;
  return { command, more, config, steps, masterkey, masterkeyFile, masterkeyFromEnv };
}

export async function readSettings(context: ContainerContext, files: readonly string[], base: 'config' | 'steps'): Promise<Settings> {
  let values: Tree = base === 'config' ? defaults : defaultSteps;
  for (const file of files) {
    const content = parse((await context.files.read(file)).toString('utf8')) as unknown;
    if (typeof content === 'object' && content !== null) values = merge(values, lower(content as Tree));
  }
  return new Settings(values, context.env);
}

function lower(tree: Tree): Tree {
  return Object.fromEntries(
    Object.entries(tree).map(([key, value]) => [
      key.toLowerCase(),
      typeof value === 'object' && value !== null && !Array.isArray(value) ? lower(value as Tree) : value,
    ]),
  );
}

function merge(below: Tree, above: Tree): Tree {
  const result: Tree = { ...below };
  for (const [key, value] of Object.entries(above)) {
    const before = result[key];
    const both = [before, value].every((side) => typeof side === 'object' && side !== null && !Array.isArray(side));
    result[key] = both ? merge(before as Tree, value as Tree) : value;
  }
  return result;
}
