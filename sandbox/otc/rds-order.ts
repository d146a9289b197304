/**
 * Owns the rules of an RDS order (API reference 5.2 and 5.8): what `POST /instances` refuses, with which code. It reads
 * tables and changes nothing; `rds-life.ts` makes what it has let through.
 */
import { addressNumber, holds, range } from './cidr.ts';
import { groupOf, networkOf, quotaOf, soldOut, zonesOf } from './compute-common.ts';
import { integer, object, required, string, type TypeOf } from './fields.ts';
import { flavorOf, storageTypes, templates, versions } from './rds-catalog.ts';
import { type Call, Refusal } from './service.ts';
import type { RdsBackupRow, RdsConfigurationRow, RdsInstanceRow, RdsRecycledRow } from './tables/compute.ts';
import { networkTables } from './tables/network.ts';

const backupStrategy = object({ start_time: required(string), keep_days: integer });

export const orderShape = object({
  name: required(string),
  datastore: object({ type: required(string), version: required(string) }),
  ha: object({ mode: required(string), replication_mode: string }),
  configuration_id: string,
  port: string,
  password: string,
  backup_strategy: backupStrategy,
  enterprise_project_id: string,
  disk_encryption_id: string,
  flavor_ref: required(string),
  volume: required(object({ type: required(string), size: required(integer) })),
  region: string,
  availability_zone: required(string),
  vpc_id: string,
  subnet_id: string,
  data_vip: string,
  security_group_id: string,
  charge_info: object({ charge_mode: string }),
  time_zone: string,
  restore_point: object({ instance_id: required(string), type: string, backup_id: string, restore_time: integer }),
});

/** An order that passed all rules, with defaults filled in. */
export type Order = Omit<RdsInstanceRow, 'id' | 'nodes' | 'private_ip' | 'vip_port_id' | 'port_ids' | 'created' | 'updated'> & {
  readonly zones: readonly string[];
  readonly password: string;
  readonly wantedAddress: string | undefined;
  readonly backup: string | undefined;
};

const parameter = (message: string): Refusal => new Refusal(400, 'DBS.280001', message);

/** @throws Refusal with the service's code */
export function checkOrder(call: Call, projectId: string, body: TypeOf<typeof orderShape>): Order {
  const { store } = call.world;
  const instances = store.table<RdsInstanceRow>('rds.instances').where((row) => row.project_id === projectId);
  if (!/^[A-Za-z][A-Za-z0-9_-]{3,63}$/.test(body.name))
    throw parameter('Invalid instance name: 4 to 64 characters, letters, digits, hyphens and underscores, starting with a letter.');
  if (instances.length >= quotaOf(store, 'rds.instance', 100)) throw new Refusal(413, 'DBS.200046', 'The number of DB instances exceeds the quota.');
  const { datastore, backup, restored } = source(call, projectId, body);
  const flavor = flavorOf(body.flavor_ref);
  if (flavor === undefined || flavor.mode === 'replica') throw new Refusal(400, 'DBS.200053', `The flavor ${body.flavor_ref} does not exist.`);
  const zones = body.availability_zone.split(',');
  const ha = checkMode(body, flavor.mode, zones);
  for (const zone of zones) {
    if (!zonesOf(call.region).includes(zone)) throw parameter(`Invalid availability zone ${zone}.`);
    if (soldOut(store, body.flavor_ref, zone)) throw new Refusal(400, 'DBS.280450', `The flavor ${body.flavor_ref} is sold out in ${zone}.`);
  }
  if (body.region !== undefined && body.region !== call.region) throw parameter(`Invalid region ${body.region}.`);
  checkVolume(body.volume);
  if (restored !== undefined && body.volume.size < restored.size)
    throw new Refusal(400, 'DBS.200023', `The volume must be at least as large as that of the source (${restored.size} GB).`);
  if (body.password === undefined) throw parameter('The parameter password is missing.');
  checkPassword(body.password);
  const network = checkNetwork(call, projectId, body);
  const strategy = body.backup_strategy ?? { start_time: '02:00-03:00' };
  checkBackupStrategy(strategy.start_time, strategy.keep_days ?? 7);
  const timeZone = body.time_zone ?? 'UTC';
  if (timeZone !== 'UTC' && !/^UTC[+-](0\d|1[0-2]):00$/.test(timeZone)) throw parameter(`Invalid time zone ${timeZone}.`);
  if ((body.charge_info?.charge_mode ?? 'postPaid') !== 'postPaid') throw parameter('Only the charge mode postPaid is supported.');
  return {
    name: body.name,
    project_id: projectId,
    status: 'BUILD',
    region: call.region,
    datastore,
    ha,
    flavor_ref: body.flavor_ref,
    volume: body.volume,
    ...network,
    port: checkPort(body.port ?? '5432'),
    backup_strategy: { start_time: strategy.start_time, keep_days: strategy.keep_days ?? 7 },
    backup_period: '1,2,3,4,5,6,7',
    maintenance_window: '02:00-06:00',
    time_zone: timeZone,
    switch_strategy: 'reliability',
    disk_encryption_id: body.disk_encryption_id ?? '',
    configuration_id: checkConfiguration(call, body.configuration_id, datastore.version),
    tags: [],
    private_dns_names: [],
    disk_auto_expansion: { switch_option: false, limit_size: 0, trigger_threshold: 0 },
    parameters: {},
    public_ip_id: undefined,
    zones,
    password: body.password,
    wantedAddress: body.data_vip === '' ? undefined : body.data_vip,
    backup,
  };
}

/** Engine and version: as ordered, or those of what is restored. */
function source(call: Call, projectId: string, body: TypeOf<typeof orderShape>) {
  const { store } = call.world;
  const point = body.restore_point;
  if (point !== undefined) {
    const backup = backupFor(call, projectId, point);
    const version = backup.datastore.version;
    return {
      datastore: { type: 'PostgreSQL', version, complete_version: versions[version] ?? version },
      backup: backup.id,
      restored: { size: sizeOf(store, backup) },
    };
  }
  if (body.datastore === undefined) throw parameter('The parameter datastore is missing.');
  if (body.datastore.type.toLowerCase() !== 'postgresql') throw parameter(`The DB engine ${body.datastore.type} is not supported.`);
  const complete = versions[body.datastore.version];
  if (complete === undefined) throw parameter(`The DB engine version ${body.datastore.version} is not supported.`);
  return { datastore: { type: 'PostgreSQL', version: body.datastore.version, complete_version: complete }, backup: undefined, restored: undefined };
}

const sizeOf = (store: Call['world']['store'], backup: RdsBackupRow): number =>
  store.table<RdsInstanceRow>('rds.instances').get(backup.instance_id)?.volume.size ?? backup.volume_size;

/**
 * The backup that a restore point means: by id, or the newest one that was complete at that time.
 * @throws Refusal
 */
export function backupFor(
  call: Call,
  projectId: string,
  point: {
    readonly instance_id: string;
    readonly type?: string | undefined;
    readonly backup_id?: string | undefined;
    readonly restore_time?: number | undefined;
  },
): RdsBackupRow {
  const { store } = call.world;
  const known = [...store.table<RdsInstanceRow>('rds.instances').all(), ...store.table<RdsRecycledRow>('rds.recycle').all()];
  if (!known.some((row) => row.id === point.instance_id && row.project_id === projectId))
    throw new Refusal(404, 'DBS.200002', `The DB instance ${point.instance_id} does not exist.`);
  const own = store.table<RdsBackupRow>('rds.backups').where((row) => row.instance_id === point.instance_id && row.status === 'COMPLETED');
  const backup =
    (point.type ?? 'backup') === 'timestamp'
      ? own.filter((row) => Date.parse(row.end_time) <= (point.restore_time ?? 0)).at(-1)
      : own.find((row) => row.id === point.backup_id);
  if (backup === undefined) throw parameter('There is no completed backup for this restore point.');
  return backup;
}

function checkMode(body: TypeOf<typeof orderShape>, mode: 'single' | 'ha', zones: readonly string[]): Order['ha'] {
  if (body.ha === undefined) {
    if (mode === 'ha') throw parameter(`The flavor ${body.flavor_ref} is for primary/standby instances.`);
    if (zones.length !== 1) throw parameter('A single DB instance has exactly one availability zone.');
    return undefined;
  }
  if (body.ha.mode.toLowerCase() !== 'ha') throw parameter(`Invalid HA mode ${body.ha.mode}.`);
  const replication = body.ha.replication_mode ?? 'async';
  if (!['async', 'sync'].includes(replication)) throw parameter(`Invalid replication mode ${replication} for PostgreSQL.`);
  if (mode !== 'ha') throw parameter(`The flavor ${body.flavor_ref} is not for primary/standby instances.`);
  if (zones.length !== 2) throw parameter('A primary/standby DB instance needs two availability zones, separated by a comma.');
  return { mode: 'Ha', replication_mode: replication };
}

function checkVolume(volume: { readonly type: string; readonly size: number }): void {
  if (!storageTypes.some((type) => type === volume.type)) throw parameter(`The storage type ${volume.type} is not available.`);
  checkSize(volume.size);
}

/** @throws Refusal */
export function checkSize(size: number): void {
  if (size < 40 || size > 4000) throw new Refusal(400, 'DBS.200023', 'The storage space must be between 40 GB and 4000 GB.');
  if (size % 10 !== 0) throw new Refusal(400, 'DBS.200027', 'The storage space must be a multiple of 10 GB.');
}

/** PostgreSQL's password rules. @throws Refusal */
export function checkPassword(password: string): void {
  const kinds = [/[A-Z]/, /[a-z]/, /[0-9]/, /[~!@#$%^*\-_=+?,]/].filter((kind) => kind.test(password)).length;
  const refuse = (why: string): Refusal => new Refusal(400, 'DBS.280246', `Invalid password: ${why}`);
  if (password.length < 8 || password.length > 32) throw refuse('8 to 32 characters are required.');
  if (!/^[A-Za-z0-9~!@#$%^*\-_=+?,]*$/.test(password)) throw refuse('it contains a character that is not allowed.');
  if (kinds < 3) throw refuse('at least three of uppercase letters, lowercase letters, digits and special characters are required.');
  if (/^(password|passw0rd|admin|root|welcome|qwerty|huawei|test)[\d!@#$%^*_-]{0,6}$/i.test(password)) throw refuse('it is too weak.');
}

/** @throws Refusal */
export function checkPort(port: string | number): number {
  const number = Number(port);
  if (!Number.isInteger(number) || number < 2100 || number > 9500) throw parameter('The port must be between 2100 and 9500.');
  return number;
}

/** @throws Refusal */
export function checkBackupStrategy(startTime: string, keepDays: number): void {
  const match = /^([01]\d|2[0-3]):(00|15|30|45)-([01]\d|2[0-3]):(00|15|30|45)$/.exec(startTime);
  if (match === null || (Number(match[1]) + 1) % 24 !== Number(match[3]) || match[2] !== match[4])
    throw parameter(`Invalid backup window ${startTime}: hh:mm-HH:MM, one hour.`);
  if (keepDays < 1 || keepDays > 732) throw parameter('keep_days must be between 1 and 732.');
}

function checkNetwork(call: Call, projectId: string, body: TypeOf<typeof orderShape>) {
  const { store } = call.world;
  const vpc = networkTables(store).vpcs.get(body.vpc_id ?? '');
  if (vpc === undefined || vpc.tenant_id !== projectId)
    throw new Refusal(404, 'DBS.200503', 'The VPC does not exist or does not belong to the project.');
  const subnet = networkOf(store, projectId, body.subnet_id ?? '', vpc.id);
  if (subnet === undefined) throw new Refusal(404, 'DBS.200501', 'The subnet does not exist or does not belong to the VPC.');
  if (groupOf(store, projectId, body.security_group_id ?? '') === undefined)
    throw new Refusal(404, 'DBS.200050', 'The security group does not exist or does not belong to the project.');
  checkAddress(subnet.cidr, body.data_vip);
  return { vpc_id: vpc.id, subnet_id: subnet.id, security_group_id: body.security_group_id ?? '' };
}

/** @throws Refusal */
export function checkAddress(cidr: string, address: string | undefined): void {
  if (address === undefined || address === '') return;
  const [span, number] = [range(cidr), addressNumber(address)];
  if (span === undefined || number === undefined || !holds(span, number)) throw parameter(`The IP address ${address} is not in the subnet.`);
}

function checkConfiguration(call: Call, id: string | undefined, version: string): string {
  const usual = templates.find((template) => template.version === version)?.id ?? '';
  if (id === undefined || id === '' || id === usual) return usual;
  const own = call.world.store.table<RdsConfigurationRow>('rds.configurations').get(id);
  if (own === undefined) throw new Refusal(404, 'DBS.280204', `The parameter template ${id} does not exist.`);
  if (own.datastore_version_name !== version) throw parameter('The parameter template is for another DB engine version.');
  return id;
}
