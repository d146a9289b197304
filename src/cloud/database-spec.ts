/** Owns what an RDS instance should be and how a living one differs from that. Pure; `database.ts` carries the changes out. */
import { createHmac } from 'node:crypto';
import { Fault } from '../engine/fault.ts';
import type { Change } from '../engine/resource.ts';
import type { AutoExpansion, Instance, Parameter, Tag } from '../otc/rds.ts';
import type { Secret } from '../secret.ts';
import type { DerivedSecrets } from '../stack/secrets.ts';
import type { DatabaseSettings } from '../stack/stack.ts';
import { parameterChanges } from './database-parameters.ts';

export interface DatabaseSpec {
  readonly name: string;
  /** Major version. */
  readonly version: string;
  readonly flavor: string;
  readonly replication: 'async' | 'sync' | undefined;
  readonly zones: readonly string[];
  /** True where an instance that is there keeps its zones. */
  readonly zonesFollow?: boolean | undefined;
  readonly storage: { readonly type: string; readonly size: number; readonly autoExpandTo: number };
  readonly backup: { readonly start_time: string; readonly keep_days: number };
  readonly port: number;
  readonly vpcId: string;
  readonly subnetId: string;
  /** The setting that decides which subnet it is, for the place of a refusal. */
  readonly subnetSetting: 'network.subnets.single' | 'network.subnets.database';
  readonly securityGroupId: string | undefined;
  readonly passwordGeneration: number;
  /** Check value of root's password; undefined where this run does not know it. */
  readonly passwordCheck?: string | undefined;
}

export interface DatabaseSeen extends Instance {
  /** The address that follows the master; empty while building. */
  readonly host: string;
  readonly port: number;
  /** Undefined where the region does not offer it. */
  readonly expansion: AutoExpansion | undefined;
  /** Days of the week on which a backup is made; undefined where it is not told. */
  readonly backupPeriod?: string | undefined;
  /** Undefined where they are not read. */
  readonly parameters?: readonly Parameter[] | undefined;
  /** Parameters that this run set and that wait for a restart. */
  readonly waitForRestart?: readonly string[];
}

/** Every day; Monday is 1. */
export const EVERY_DAY = '1,2,3,4,5,6,7';

/** Tag with the check value of the masterkey whose data is in this database. */
export const MASTERKEY_TAG = 'zitadel-masterkey-check';
/** Tag with the generation of root's password and, since RDS does not tell a password, the check value of the one that it was given last. */
export const PASSWORD_TAG = 'zitadel-root-password';

/** Field of a change of it. */
export const ROOT_PASSWORD = "root's password";

/** Tags with the names of the database and role that ZITADEL was set up with, put on when it stands. */
const NAME_TAGS = { name: 'zitadel-database', user: 'zitadel-database-user' } as const;
/** Characters of a tag's value on OTC, of `A-Za-z0-9-_@` (Relational Database Service API, tags). */
const TAG_VALUE = 43;

/** Percent of free space below which the volume grows. */
const EXPAND_BELOW = 10;
const FINAL_FAILURES = new Set(['CREATE FAIL', 'FAILED', 'FROZEN', 'SHUTDOWN']);
const BUILDING = new Set(['BUILD']);

/**
 * A value that tells whether a masterkey is the one the data was encrypted with, and tells nothing about the key: a
 * truncated HMAC-SHA256 of a constant. Fits OTC's tag values (43 characters of letters, digits, `-`, `_`, `@`).
 */
export function masterkeyCheck(masterkey: Secret): string {
  return createHmac('sha256', masterkey.open()).update('zitadel-on-otc masterkey check').digest('hex').slice(0, 24);
}

/**
 * A value that tells whether root's password is the one that RDS was given last. Keyed with the masterkey, so that not even a weak
 * password can be guessed from it; undefined where the run lacks one of the two.
 */
export function rootPasswordCheck({ masterkey, databaseRootPassword: password }: DerivedSecrets): string | undefined {
  if (masterkey === undefined || password === undefined) return undefined;
  return createHmac('sha256', masterkey.open()).update(`zitadel-on-otc root password check ${password.open()}`).digest('hex').slice(0, 24);
}

/** @param check of the password that RDS has been given */
export function passwordTag(generation: number, check: string | undefined): Tag {
  return { key: PASSWORD_TAG, value: check === undefined ? String(generation) : `${generation}-${check}` };
}

/** Whether the instance carries the check value of another masterkey. */
export function isOtherMasterkey(tags: readonly Tag[], masterkey: Secret | undefined): boolean {
  const tag = tags.find(({ key }) => key === MASTERKEY_TAG);
  return tag !== undefined && masterkey !== undefined && tag.value !== masterkeyCheck(masterkey);
}

/** @throws Fault where the instance carries the check value of another masterkey */
export function refuseOtherMasterkey(name: string, tags: readonly Tag[], masterkey: Secret | undefined): void {
  if (!isOtherMasterkey(tags, masterkey)) return;
  throw new Fault(`the data in RDS instance ${name} was encrypted with another masterkey than the one given`, {
    resource: name,
    finding: 'masterkey',
    forbids: true,
    hint: 'Give the stack-secret (or masterkey) this database was set up with. ZITADEL would start with the wrong one and write data nobody can read.',
  });
}

/** A name that is too long for a tag is not noted. */
export function nameTags(settings: Pick<DatabaseSettings, 'name' | 'user'>): Tag[] {
  const tags = [
    { key: NAME_TAGS.name, value: settings.name },
    { key: NAME_TAGS.user, value: settings.user },
  ];
  return tags.filter(({ value }) => value.length <= TAG_VALUE);
}

/** For a new cluster, which has no release that knows them. @throws Fault where ZITADEL's data is in another database, or another role's */
export function refuseOtherNames(instance: string, tags: readonly Tag[], settings: Pick<DatabaseSettings, 'name' | 'user'>): void {
  for (const part of ['name', 'user'] as const) {
    const former = tags.find(({ key }) => key === NAME_TAGS[part])?.value;
    if (former === undefined || former === settings[part]) continue;
    throw new Fault(
      `ZITADEL's data in RDS instance ${instance} was set up with database.${part} "${former}", and it is now "${settings[part]}": refused`,
      {
        resource: instance,
        finding: `database.${part}`,
        hint: `Set "database.${part}: ${former}" again in the stack file. ZITADEL would start on an empty database or lose its rights on the full one.`,
      },
    );
  }
}

/** @param present GB that the disk has: beyond the limit nothing is left to grow, and RDS takes no limit below it */
export function wantedExpansion(storage: DatabaseSpec['storage'], present: number): AutoExpansion | { readonly switch_option: false } {
  if (storage.autoExpandTo <= storage.size || storage.autoExpandTo < present) return { switch_option: false };
  return { switch_option: true, limit_size: storage.autoExpandTo, trigger_threshold: EXPAND_BELOW };
}

/** Whether the instance is still being made, so that nothing else can be compared. */
export function isBuilding(seen: Instance): boolean {
  return BUILDING.has(seen.status);
}

/** Whether it serves, although some changes must wait. */
export function isServing({ status }: Instance): boolean {
  return status === 'ACTIVE' || status === 'BACKING UP';
}

/** @throws Fault where the instance is in a state that only a person can end */
export function refuseFailed(seen: Instance, reason?: string): void {
  if (!FINAL_FAILURES.has(seen.status)) return;
  throw new Fault(`RDS instance ${seen.name} is ${seen.status}${reason ? `: ${reason}` : ''}`, {
    resource: seen.id,
    finding: 'status',
    hint:
      seen.status === 'CREATE FAIL'
        ? 'It holds no data yet: delete it in the console, correct the cause and run again.'
        : 'Look at it in the console; it holds data, so nothing is changed here.',
  });
}

/** What differs. Engine, network, storage type and zones are fixed; volumes only grow; a single instance can become HA, not back. */
export function databaseChanges(spec: DatabaseSpec, seen: DatabaseSeen): Change[] {
  refuseFailed(seen);
  if (isBuilding(seen)) return [{ field: 'status', before: seen.status, after: 'ACTIVE' }];
  const changes: Change[] = [];
  const add = (field: string, before: unknown, after: unknown, more: Partial<Change> = {}): void => {
    if (String(before) !== String(after)) changes.push({ field, before, after, ...more });
  };
  const fixed = { replace: true };
  add('datastore.version', seen.datastore.version.split('.')[0], spec.version, { ...fixed, why: 'OTC upgrades a major version into a new instance' });
  add('vpc_id', seen.vpc_id, spec.vpcId, { ...fixed, why: 'network.existing decides it' });
  add('subnet_id', seen.subnet_id, spec.subnetId, { ...fixed, why: `${spec.subnetSetting} decides it` });
  if (seen.volume.type.toUpperCase() !== spec.storage.type.toUpperCase()) add('volume.type', seen.volume.type, spec.storage.type, fixed);
  const wantsHa = spec.replication !== undefined;
  const isHa = seen.type === 'Ha';
  if (isHa && !wantsHa) add('ha', 'Ha', 'Single', fixed);
  else if (!isHa && wantsHa) add('ha', 'Single', 'Ha');
  else {
    const zones = seen.nodes.map(({ availability_zone }) => availability_zone).sort();
    if (zones.length > 0 && spec.zonesFollow !== true) add('availability_zone', zones.join(), [...spec.zones].sort().join(), fixed);
    if (wantsHa && seen.ha?.replication_mode) add('ha.replication_mode', seen.ha.replication_mode, spec.replication);
  }
  if (withoutMode(seen.flavor_ref) !== withoutMode(spec.flavor))
    add('flavor_ref', seen.flavor_ref, spec.flavor, { why: 'interrupts the database for 5 to 10 minutes' });
  changes.push(...volumeChanges(spec, seen));
  if (spec.securityGroupId !== undefined) add('security_group_id', seen.security_group_id, spec.securityGroupId);
  add('port', seen.port, spec.port, { why: 'connections break while it changes, until ZITADEL runs with the new one' });
  add('backup_strategy.start_time', seen.backup_strategy.start_time, spec.backup.start_time);
  add('backup_strategy.keep_days', seen.backup_strategy.keep_days, spec.backup.keep_days);
  if (seen.backupPeriod !== undefined && days(seen.backupPeriod) !== EVERY_DAY)
    add('backup_strategy.period', seen.backupPeriod, EVERY_DAY, { why: 'a backup is made every day' });
  if (seen.public_ips.length > 0) add('public_ips', seen.public_ips.join(), '', { why: 'the database is reached by its private address only' });
  const tag = (key: string): string | undefined => seen.tags.find((one) => one.key === key)?.value;
  if (tag(MASTERKEY_TAG) === undefined) changes.push({ field: `tag ${MASTERKEY_TAG}`, after: 'present' });
  const [generation, check] = tag(PASSWORD_TAG)?.split('-') ?? [];
  add(`generation of ${ROOT_PASSWORD}`, generation, spec.passwordGeneration);
  if (generation === String(spec.passwordGeneration) && spec.passwordCheck !== undefined && check !== spec.passwordCheck)
    changes.push({ field: ROOT_PASSWORD, why: check === undefined ? 'RDS may have another one' : 'RDS has another one', secret: true });
  return [...changes, ...parameterChanges(seen.parameters ?? [])];
}

/** What a new one is made with, by the names of {@link databaseChanges}. */
export function databaseFields(spec: Pick<DatabaseSpec, 'version' | 'flavor' | 'replication' | 'zones' | 'storage' | 'backup' | 'port'>) {
  const { version, flavor, replication, zones, storage, backup, port } = spec;
  return {
    'datastore.version': `PostgreSQL ${version}`,
    flavor_ref: flavor,
    'volume.type': storage.type,
    'volume.size': storage.size,
    'disk auto-expansion': expansionText(wantedExpansion(storage, storage.size)),
    ha: replication === undefined ? 'Single' : 'Ha',
    'ha.replication_mode': replication,
    availability_zone: zones.join(),
    port,
    'backup_strategy.keep_days': backup.keep_days,
    'backup_strategy.start_time': backup.start_time,
  };
}

function days(period: string): string {
  return [...new Set(period.split(',').map((day) => day.trim()))].sort().join();
}

function expansionText(expansion: ReturnType<typeof wantedExpansion>): string {
  return 'limit_size' in expansion ? `up to ${expansion.limit_size} GB` : 'off';
}

function volumeChanges({ storage }: DatabaseSpec, seen: DatabaseSeen): Change[] {
  const changes: Change[] = [];
  const { size } = seen.volume;
  const expansion = wantedExpansion(storage, size);
  // A larger one stays: it grew by itself, or `sizeWarnings` tells.
  if (size < storage.size) changes.push({ field: 'volume.size', before: size, after: storage.size });
  if (seen.expansion === undefined) return changes;
  const before = seen.expansion.switch_option ? `up to ${seen.expansion.limit_size} GB` : 'off';
  const after = expansionText(expansion);
  if (before !== after) changes.push({ field: 'disk auto-expansion', before, after });
  return changes;
}

/** A disk cannot shrink (RDS API reference, "Scaling up storage space of a DB instance"): what the file says below it, and growth by itself does not explain. */
export function sizeWarnings({ name, storage }: DatabaseSpec, { id, volume, expansion }: DatabaseSeen): Fault[] {
  const { size, autoExpandTo } = storage;
  const grows = expansion !== undefined && autoExpandTo > size;
  if (volume.size <= (grows ? autoExpandTo : size)) return [];
  const said = grows ? `database.storage.autoExpandTo is ${autoExpandTo}` : `database.storage.size is ${size}`;
  return [
    new Fault(
      `${said}, and the disk of RDS instance ${name} has ${volume.size} GB: a disk cannot shrink, so it stays${grows ? ' and grows no further by itself' : ''}`,
      {
        resource: id,
        hint: `Write ${grows ? `"autoExpandTo: ${volume.size}" or more` : `"size: ${volume.size}"`}. For a smaller disk restore a backup to a new instance and name that one under database.existing.`,
      },
    ),
  ];
}

/** HA and single instances of one size differ by the suffix only, which follows from the mode. Whatever the case of letters. */
export function withoutMode(flavor: string): string {
  return flavor.toLowerCase().replace(/\.ha$/, '');
}
