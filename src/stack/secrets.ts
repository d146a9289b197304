/**
 * Owns where secrets come from: every secret of a stack is derived from the one `stack-secret`, or given on its own and
 * checked here against the rules of the service that will take it. Nothing is generated, so nothing can be lost.
 * How secrets are masked is `secret.ts`'s business, how they travel that of the rooms that hand them over.
 */
import { hkdfSync } from 'node:crypto';
import { Fault, Faults } from '../engine/fault.ts';
import { Secret } from '../secret.ts';
import type { Stack } from './stack.ts';

/** The secrets of a stack. All are absent where neither `stack-secret` nor the single input is given: then they are "not compared". */
export interface DerivedSecrets {
  /** ZITADEL's masterkey, exactly 32 bytes of `[A-Za-z0-9]` (or what the user gave, 32 bytes of printable ASCII). */
  readonly masterkey?: Secret | undefined;
  /** Password of RDS's `root`. */
  readonly databaseRootPassword?: Secret | undefined;
  /** Password of ZITADEL's own role in the database. */
  readonly databaseUserPassword?: Secret | undefined;
  /** First password of the first administrator; ZITADEL takes it at the first setup only. */
  readonly adminPassword?: Secret | undefined;
  /** 32 bytes as base64url, the seed of an Ed25519 key pair for the nodes and for the bastion. */
  readonly nodeKeySeed?: Secret | undefined;
  readonly bastionKeySeed?: Secret | undefined;
}

/** What the user gave, each on its own; a single secret takes the place of the derived one. */
export interface GivenSecrets {
  readonly stackSecret?: Secret | undefined;
  readonly masterkey?: Secret | undefined;
  readonly databaseRootPassword?: Secret | undefined;
  readonly databaseUserPassword?: Secret | undefined;
  readonly adminPassword?: Secret | undefined;
  readonly bastionKeySeed?: Secret | undefined;
}

/** Generations of the derived secrets; the masterkey has none, since it never changes. */
export interface Generations {
  readonly databaseRoot: number;
  readonly databaseUser: number;
  readonly admin: number;
}

const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const DIGITS = '0123456789';
const SYMBOLS = '-_';
const SALT = 'zitadel-on-otc';

/** The generations that a stack asks for. */
export function generationsOf(stack: Pick<Stack, 'database' | 'zitadel'>): Generations {
  const { root, user } = stack.database.passwordGeneration;
  return { databaseRoot: root, databaseUser: user, admin: stack.zitadel.admin.passwordGeneration };
}

/**
 * All secrets of a stack. `overriding` are those found in the user's values file; one of them that differs from a single
 * input is an error, else it wins over the derived one.
 * @throws Faults naming every secret that its service would refuse; the messages never contain the secret
 */
export function deriveSecrets(given: GivenSecrets, generations: Generations, overriding: Omit<GivenSecrets, 'stackSecret'> = {}): DerivedSecrets {
  const faults: Fault[] = [];
  const root = given.stackSecret?.open();
  if (root !== undefined) faults.push(...check('stackSecret', root));
  const usable = root !== undefined && faults.length === 0;
  const choose = (name: keyof typeof overriding, derive: (from: string) => string): Secret | undefined => {
    const { input } = SECRET_RULES[name];
    const single = given[name];
    const inValues = overriding[name];
    if (single !== undefined && inValues !== undefined && single.open() !== inValues.open()) {
      faults.push(new Fault(`${input} is given twice, as an input and in the values file, and the two differ`, { hint: 'Keep one of them.' }));
    }
    const own = single ?? inValues;
    if (own !== undefined) {
      faults.push(...check(name, own.open(), single === undefined ? ' (from the values file)' : ''));
      return own;
    }
    return usable ? new Secret(derive(root), input) : undefined;
  };
  const password = (label: string, generation: number) => (from: string) => derivePassword(from, label, generation);
  const secrets: DerivedSecrets = {
    masterkey: choose('masterkey', deriveMasterkey),
    databaseRootPassword: choose('databaseRootPassword', password('database-root', generations.databaseRoot)),
    databaseUserPassword: choose('databaseUserPassword', password('database-user', generations.databaseUser)),
    adminPassword: choose('adminPassword', password('admin', generations.admin)),
    nodeKeySeed: usable ? new Secret(deriveSeed(root, 'node-ssh')) : undefined,
    bastionKeySeed: choose('bastionKeySeed', (from) => deriveSeed(from, 'bastion-ssh')),
  };
  if (faults.length > 0) throw new Faults(faults);
  return secrets;
}

/** The masterkey: 32 characters of `[A-Za-z0-9]`; there is one generation only, 1. */
export function deriveMasterkey(stackSecret: string): string {
  const draw = drawFrom(stackSecret, 'masterkey', 1);
  return Array.from({ length: 32 }, () => draw(UPPER + LOWER + DIGITS)).join('');
}

/** A password: 32 characters of `[A-Za-z0-9_-]`; the first four are an upper-case letter, a lower-case one, a digit and a symbol. */
export function derivePassword(stackSecret: string, label: string, generation: number): string {
  const draw = drawFrom(stackSecret, label, generation);
  const start = [UPPER, LOWER, DIGITS, SYMBOLS].map(draw);
  return [...start, ...Array.from({ length: 28 }, () => draw(UPPER + LOWER + DIGITS + SYMBOLS))].join('');
}

/** The 32-byte seed of an Ed25519 key pair, as base64url. */
export function deriveSeed(stackSecret: string, label: string): string {
  return bytesOf(stackSecret, label, 1).subarray(0, 32).toString('base64url');
}

/**
 * Draws characters from the byte stream: a byte below the greatest multiple of the alphabet's size that fits into 256
 * picks the character at `byte mod size`, others are skipped, so that every character is equally likely.
 */
function drawFrom(stackSecret: string, label: string, generation: number): (alphabet: string) => string {
  const bytes = bytesOf(stackSecret, label, generation);
  let next = 0;
  return (alphabet) => {
    const limit = 256 - (256 % alphabet.length);
    for (;;) {
      const byte = bytes[next++];
      if (byte === undefined) throw new Error('the key stream is used up');
      if (byte < limit) return alphabet.charAt(byte % alphabet.length);
    }
  };
}

/** 1,024 bytes of HKDF-SHA256 (RFC 5869): key = the stack secret in UTF-8, salt `zitadel-on-otc`, info `<label>/<generation>`. */
function bytesOf(stackSecret: string, label: string, generation: number): Buffer {
  return Buffer.from(hkdfSync('sha256', Buffer.from(stackSecret, 'utf8'), SALT, `${label}/${generation}`, 1024));
}

function check(name: keyof GivenSecrets, text: string, whence = ''): Fault[] {
  const { input, problems } = SECRET_RULES[name];
  return problems(text).map((problem) => new Fault(`${input}${whence} ${problem}`, { hint: secretHint(name) }));
}

/** What is right for a secret, whole: who mends one mistake must not run into the next rule. */
export function secretHint(name: keyof GivenSecrets): string {
  const { right } = SECRET_RULES[name];
  return name === 'stackSecret' ? right : `Right would be ${right}. Or leave it out: it is then derived from stack-secret.`;
}

/** The same for the secret of an input; undefined where any text would do. */
export function secretHintOf(input: string): string | undefined {
  const name = (Object.keys(SECRET_RULES) as (keyof GivenSecrets)[]).find((one) => SECRET_RULES[one].input === input);
  return name === undefined ? undefined : secretHint(name);
}

function stackSecretProblems(text: string): string[] {
  const bytes = Buffer.byteLength(text, 'utf8');
  if (bytes < 32) return [`has ${bytes} bytes; at least 32 random bytes are needed`];
  return new Set(text).size < 8 ? ['repeats a few characters; it must be random'] : [];
}

/** Every secret by its input: the rule of the service that will take it in words, and what it has against a text. */
export const SECRET_RULES: Readonly<
  Record<keyof GivenSecrets, { readonly input: string; readonly right: string; readonly problems: (text: string) => string[] }>
> = {
  stackSecret: {
    input: 'stack-secret',
    right:
      'At least 32 random bytes are needed: make them with "openssl rand -base64 48", store them as a secret of the GitHub environment and keep a copy in a safe place.',
    problems: stackSecretProblems,
  },
  masterkey: { input: 'masterkey', right: 'exactly 32 characters of printable ASCII without spaces', problems: masterkeyProblems },
  databaseRootPassword: {
    input: 'database-password',
    right:
      '8 to 32 letters, digits and symbols (~!@#$%^*-_=+?,), at least three of upper-case letters, lower-case letters, digits and symbols among them',
    problems: databasePasswordProblems,
  },
  databaseUserPassword: {
    input: 'database-user-password',
    right: '8 to 64 letters, digits and symbols (~!@#^*-_=+?,)',
    problems: userPasswordProblems,
  },
  adminPassword: {
    input: 'admin-password',
    right: '8 to 70 characters with an upper-case letter, a lower-case letter, a digit and a symbol',
    problems: adminPasswordProblems,
  },
  bastionKeySeed: { input: 'bastion-key', right: '32 bytes as base64url, which are 43 characters', problems: seedProblems },
};

/** ZITADEL: exactly 32 bytes; printable ASCII without spaces, so that no shell, file or Secret changes it (chart 9.34.0, ZITADEL v4.13). */
export function masterkeyProblems(text: string): string[] {
  const bytes = Buffer.byteLength(text, 'utf8');
  if (bytes !== 32) return [`has ${bytes} bytes; ZITADEL needs exactly 32`];
  return /^[\x21-\x7e]+$/.test(text) ? [] : ['contains characters other than printable ASCII'];
}

/** RDS for PostgreSQL: 8 to 32 characters, three of four classes, symbols ``~!@#$%^*-_=+?,`` (RDS API v3, create instance). */
export function databasePasswordProblems(text: string): string[] {
  const problems: string[] = [];
  if (text.length < 8 || text.length > 32) problems.push(`has ${text.length} characters; RDS takes 8 to 32`);
  if (!/^[A-Za-z0-9~!@#$%^*\-_=+?,]*$/.test(text))
    problems.push('contains characters that RDS refuses; allowed are letters, digits and ~!@#$%^*-_=+?,');
  if (classesIn(text) < 3) problems.push('needs at least three of upper-case letters, lower-case letters, digits and symbols');
  return problems;
}

/** The role's password goes through ZITADEL's connection string and SQL, where quotes, backslash, `%`, `$` and spaces are not safe. */
export function userPasswordProblems(text: string): string[] {
  const problems: string[] = [];
  if (text.length < 8 || text.length > 64) problems.push(`has ${text.length} characters; 8 to 64 are possible`);
  if (!/^[A-Za-z0-9~!@#^*\-_=+?,]*$/.test(text))
    problems.push('contains characters that are not safe in a connection string; use letters, digits and ~!@#^*-_=+?,');
  return problems;
}

/** ZITADEL's default policy: 8 to 70 characters with an upper-case and a lower-case letter, a digit and a symbol (ZITADEL v4.13). */
export function adminPasswordProblems(text: string): string[] {
  const problems: string[] = [];
  if (text.length < 8 || Buffer.byteLength(text, 'utf8') > 70) problems.push(`has ${text.length} characters; ZITADEL takes 8 to 70`);
  if (classesIn(text) < 4) problems.push('needs an upper-case letter, a lower-case letter, a digit and a symbol');
  if (/[\r\n\0]/.test(text)) problems.push('contains a line break');
  return problems;
}

/** The seed of an Ed25519 key pair: 32 bytes as base64url, which are 43 characters (RFC 8032, 5.1.5; RFC 4648, 5). */
export function seedProblems(text: string): string[] {
  return /^[A-Za-z0-9_-]{43}$/.test(text) && Buffer.from(text, 'base64url').length === 32 ? [] : ['is not 32 bytes as base64url (43 characters)'];
}

function classesIn(text: string): number {
  return [/[A-Z]/, /[a-z]/, /[0-9]/, /[^A-Za-z0-9]/].filter((kind) => kind.test(text)).length;
}
