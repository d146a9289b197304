/**
 * Owns which of PostgreSQL's parameters on an RDS instance must not be loosened, since TLS, passwords or committed data depend on
 * them, and what each is set back to. All others are the operator's. Pure; `database-change.ts` sets them.
 */
import type { Change } from '../engine/resource.ts';
import type { Parameter } from '../otc/rds.ts';

interface Guard {
  readonly name: string;
  readonly loosened: (value: string) => boolean;
  readonly to: string;
  readonly why: string;
}

const off = (value: string): boolean => /^(off|false|0|no)$/i.test(value);
/** Ciphers without authentication or encryption, or broken ones, as far as a list takes them in (OpenSSL's `ciphers` syntax). */
const WEAK = /NULL|ADH|AECDH|EXP|LOW|RC4|MD5|DES/i;
const takesIn = (list: string): string[] => list.split(/[:,; ]+/).filter((word) => word !== '' && !/^[!@-]/.test(word));

/**
 * The values of TLS, passwords and quotes are those that RDS recommends (RDS user guide, "Security Best Practices" and "Configuring
 * SSL Encryption"; TLS itself cannot be switched off there). Those of durability are PostgreSQL's defaults, without which a crash or
 * a failover loses what was committed ("Write Ahead Log"); whether RDS lets them be changed is unverified.
 */
const guards: readonly Guard[] = [
  {
    name: 'ssl_min_protocol_version',
    loosened: (value) => !/^TLSv1\.[23]$/i.test(value),
    to: 'TLSv1.2',
    why: 'older protocols can be broken',
  },
  {
    name: 'ssl_ciphers',
    loosened: (value) => takesIn(value).some((word) => WEAK.test(word)),
    to: 'EECDH+ECDSA+AESGCM:EECDH+aRSA+AESGCM:EDH+aRSA+AESGCM:EDH+aDSS+AESGCM:!aNULL:!eNULL:!LOW:!3DES:!MD5:!EXP:!SRP:!RC4',
    why: 'it takes in ciphers that do not protect',
  },
  {
    name: 'password_encryption',
    loosened: (value) => !/^scram-sha-256$/i.test(value),
    to: 'scram-sha-256',
    why: 'passwords set from now on are stored by it',
  },
  { name: 'backslash_quote', loosened: (value) => /^(on|true|1|yes)$/i.test(value), to: 'safe_encoding', why: 'it makes SQL injection easier' },
  { name: 'fsync', loosened: off, to: 'on', why: 'a crash would corrupt the database' },
  { name: 'full_page_writes', loosened: off, to: 'on', why: 'a crash would corrupt the database' },
  { name: 'synchronous_commit', loosened: off, to: 'on', why: 'a crash would lose what was committed' },
];

const PREFIX = 'parameter ';

/** Guarded parameters that were loosened. Those that an instance does not have, or that only RDS itself can change, are left out. */
export function parameterChanges(parameters: readonly Parameter[]): Change[] {
  const byName = new Map(parameters.map((parameter) => [parameter.name, parameter]));
  return guards.flatMap(({ name, loosened, to, why }) => {
    const found = byName.get(name);
    if (found === undefined || found.readonly === true || !loosened(found.value.trim())) return [];
    return [{ field: `${PREFIX}${name}`, before: found.value, after: to, why }];
  });
}

export function isParameter({ field }: Pick<Change, 'field'>): boolean {
  return field.startsWith(PREFIX);
}

/** What is to be set, by name. */
export function parameterValues(changes: readonly Change[]): Record<string, string> {
  return Object.fromEntries(changes.filter(isParameter).map(({ field, after }) => [field.slice(PREFIX.length), String(after)]));
}
