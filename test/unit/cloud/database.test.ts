/** Owns the proof of comparing a database: in sync means no change, each difference is told, another masterkey is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parameterChanges, parameterValues } from '../../../src/cloud/database-parameters.ts';
import {
  type DatabaseSeen,
  type DatabaseSpec,
  databaseChanges,
  masterkeyCheck,
  nameTags,
  refuseOtherMasterkey,
  refuseOtherNames,
  sizeWarnings,
} from '../../../src/cloud/database-spec.ts';
import { Fault } from '../../../src/engine/fault.ts';
import type { Change } from '../../../src/engine/resource.ts';
import { Secret } from '../../../src/secret.ts';

const fields = (changes: readonly Change[]): string[] => changes.map(({ field, replace }) => (replace === true ? `${field} !` : field));

const databaseSpec: DatabaseSpec = {
  name: 'db',
  version: '16',
  flavor: 'rds.pg.n1.large.4.ha',
  replication: 'async',
  zones: ['eu-de-01', 'eu-de-02'],
  storage: { type: 'CLOUDSSD', size: 100, autoExpandTo: 200 },
  backup: { start_time: '02:00-03:00', keep_days: 7 },
  port: 5432,
  vpcId: 'v',
  subnetId: 's',
  subnetSetting: 'network.subnets.database',
  securityGroupId: 'g',
  passwordGeneration: 1,
};

/** The instance that the specification describes. */
function instance(spec: DatabaseSpec): DatabaseSeen {
  const { storage } = spec;
  const grows = storage.autoExpandTo > storage.size;
  return {
    id: 'i',
    name: spec.name,
    status: 'ACTIVE',
    type: spec.replication === undefined ? 'Single' : 'Ha',
    ha: { replication_mode: spec.replication ?? '' },
    datastore: { type: 'PostgreSQL', version: spec.version },
    private_ips: ['10.0.0.5'],
    public_ips: [],
    port: spec.port,
    host: '10.0.0.5',
    vpc_id: spec.vpcId,
    subnet_id: spec.subnetId,
    security_group_id: spec.securityGroupId ?? '',
    flavor_ref: spec.flavor,
    volume: { type: storage.type, size: storage.size },
    backup_strategy: spec.backup,
    nodes: spec.zones.map((availability_zone, index) => ({ role: index === 0 ? 'master' : 'slave', availability_zone })),
    tags: [
      { key: 'zitadel-masterkey-check', value: 'x' },
      { key: 'zitadel-root-password', value: String(spec.passwordGeneration) },
    ],
    expansion: { switch_option: grows, limit_size: grows ? storage.autoExpandTo : 0, trigger_threshold: 10 },
  };
}

const anyDatabase = fc.record({
  version: fc.constantFrom('13', '14', '15', '16', '17'),
  flavor: fc.constantFrom('rds.pg.n1.large.4', 'rds.pg.x1.xlarge.8'),
  replication: fc.constantFrom('async' as const, 'sync' as const, undefined),
  size: fc.integer({ min: 4, max: 400 }).map((tens) => tens * 10),
  more: fc.integer({ min: 0, max: 50 }).map((tens) => tens * 10),
  port: fc.integer({ min: 2100, max: 9500 }),
  keep: fc.integer({ min: 1, max: 732 }),
  generation: fc.integer({ min: 1, max: 9 }),
});

test('a database made as asked for is in sync', () => {
  fc.assert(
    fc.property(anyDatabase, (any) => {
      const spec: DatabaseSpec = {
        ...databaseSpec,
        version: any.version,
        flavor: any.replication === undefined ? any.flavor : `${any.flavor}.ha`,
        replication: any.replication,
        zones: any.replication === undefined ? ['eu-de-01'] : ['eu-de-02', 'eu-de-01'],
        storage: { type: 'ESSD', size: any.size, autoExpandTo: any.size + any.more },
        port: any.port,
        backup: { start_time: '01:00-02:00', keep_days: any.keep },
        passwordGeneration: any.generation,
      };
      assert.deepEqual(databaseChanges(spec, instance(spec)), []);
    }),
  );
});

const databaseCases: [string, Partial<DatabaseSeen>, string[]][] = [
  ['another major version', { datastore: { type: 'PostgreSQL', version: '15' } }, ['datastore.version !']],
  ['another network', { vpc_id: 'x', subnet_id: 'y' }, ['vpc_id !', 'subnet_id !']],
  ['a smaller volume', { volume: { type: 'CLOUDSSD', size: 40 } }, ['volume.size']],
  ['a volume that grew within its limit', { volume: { type: 'CLOUDSSD', size: 180 } }, []],
  ['a volume beyond its limit', { volume: { type: 'CLOUDSSD', size: 300 } }, ['disk auto-expansion']],
  ['another storage type', { volume: { type: 'ESSD', size: 100 } }, ['volume.type !']],
  ['a single instance', { type: 'Single', flavor_ref: 'rds.pg.n1.large.4' }, ['ha']],
  ['another flavor', { flavor_ref: 'rds.pg.n1.xlarge.4.ha' }, ['flavor_ref']],
  [
    'zones in another order',
    {
      nodes: [
        { role: 'master', availability_zone: 'eu-de-02' },
        { role: 'slave', availability_zone: 'eu-de-01' },
      ],
    },
    [],
  ],
  ['a public address', { public_ips: ['80.158.0.1'] }, ['public_ips']],
  ['another security group', { security_group_id: 'wide' }, ['security_group_id']],
  ['no automatic growth', { expansion: { switch_option: false, limit_size: 0, trigger_threshold: 0 } }, ['disk auto-expansion']],
  ['growth that the region does not offer', { expansion: undefined }, []],
  [
    'an older password',
    {
      tags: [
        { key: 'zitadel-masterkey-check', value: 'x' },
        { key: 'zitadel-root-password', value: '0' },
      ],
    },
    [`generation of root's password`],
  ],
  ['backups on some days only', { backupPeriod: '1,3' }, ['backup_strategy.period']],
  ['backups every day, spelled otherwise', { backupPeriod: '7, 1,2,3,4,5,6' }, []],
  ['another case of letters', { flavor_ref: 'RDS.PG.N1.LARGE.4.HA', volume: { type: 'CloudSSD', size: 100 } }, []],
  ['a flavor that is told without its mode', { flavor_ref: 'rds.pg.n1.large.4' }, []],
  ['no check value', { tags: [{ key: 'zitadel-root-password', value: '1' }] }, ['tag zitadel-masterkey-check']],
  ['still being built', { status: 'BUILD', private_ips: [] }, ['status']],
];
for (const [name, seen, expected] of databaseCases) {
  test(`database: ${name}`, () => assert.deepEqual(fields(databaseChanges(databaseSpec, { ...instance(databaseSpec), ...seen })), expected));
}

const off = { switch_option: false, limit_size: 0, trigger_threshold: 0 };
const larger: [string, Partial<DatabaseSpec['storage']>, Partial<DatabaseSeen>, string[], RegExp | undefined][] = [
  ['grew by itself', { size: 40 }, {}, [], undefined],
  ['grew up to its limit', { size: 40, autoExpandTo: 180 }, { expansion: { ...off, switch_option: true, limit_size: 180 } }, [], undefined],
  [
    'larger than asked for, without growth',
    { autoExpandTo: 0 },
    { expansion: off },
    [],
    /database\.storage\.size is 100, .* has 180 GB: .* it stays$/,
  ],
  ['larger than asked for, where no disk grows', {}, { expansion: undefined }, [], /database\.storage\.size is 100, .* has 180 GB: .* it stays$/],
  ['larger than it may grow', { size: 40, autoExpandTo: 160 }, {}, ['disk auto-expansion'], /autoExpandTo is 160, .* 180 GB: .* grows no further/],
];
for (const [name, storage, seen, expected, told] of larger) {
  test(`a disk of 180 GB that is ${name}: ${told === undefined ? 'in sync' : 'stays, and that is told'}`, () => {
    const spec = { ...databaseSpec, storage: { ...databaseSpec.storage, ...storage } };
    const now = { ...instance(databaseSpec), volume: { type: 'CLOUDSSD', size: 180 }, ...seen };
    assert.deepEqual(fields(databaseChanges(spec, now)), expected);
    const [warning, ...more] = sizeWarnings(spec, now);
    assert.deepEqual(more, []);
    assert.equal(warning === undefined, told === undefined);
    assert.match(warning?.message ?? '', told ?? /^$/);
  });
}

test('a database that failed is explained', () => {
  assert.throws(
    () => databaseChanges(databaseSpec, { ...instance(databaseSpec), status: 'CREATE FAIL' }),
    (error) => error instanceof Fault && /delete it in the console/.test(error.hint ?? ''),
  );
});

test('the check value tells keys apart, fits a tag, and refuses another key', () => {
  const [one, other] = [new Secret('a'.repeat(32)), new Secret('b'.repeat(32))];
  assert.match(masterkeyCheck(one), /^[0-9a-f]{24}$/);
  assert.notEqual(masterkeyCheck(one), masterkeyCheck(other));
  const tags = [{ key: 'zitadel-masterkey-check', value: masterkeyCheck(one) }];
  refuseOtherMasterkey('db', tags, one);
  refuseOtherMasterkey('db', tags, undefined);
  refuseOtherMasterkey('db', [], other);
  assert.throws(() => refuseOtherMasterkey('db', tags, other), /another masterkey/);
});

test('a kept database refuses other names than ZITADEL was set up with; names too long for a tag are not noted', () => {
  const tags = nameTags({ name: 'zitadel', user: 'app' });
  refuseOtherNames('db', tags, { name: 'zitadel', user: 'app' });
  refuseOtherNames('db', [], { name: 'other', user: 'app' });
  assert.throws(
    () => refuseOtherNames('db', tags, { name: 'other', user: 'app' }),
    (error) => error instanceof Fault && error.finding === 'database.name' && /database\.name: zitadel/.test(error.hint ?? ''),
  );
  assert.throws(() => refuseOtherNames('db', tags, { name: 'zitadel', user: 'other' }), /database\.user "app"/);
  assert.deepEqual(nameTags({ name: 'n'.repeat(44), user: 'u'.repeat(43) }), [{ key: 'zitadel-database-user', value: 'u'.repeat(43) }]);
});

const parameterCases: [string, string, boolean][] = [
  ['ssl_min_protocol_version', 'TLSv1.2', false],
  ['ssl_min_protocol_version', 'TLSv1.3', false],
  ['ssl_min_protocol_version', 'TLSv1', true],
  ['ssl_min_protocol_version', '', true],
  ['ssl_ciphers', 'ALL:!ADH:!LOW:!EXP:!MD5:!3DES:!DES:@STRENGTH;', false],
  ['ssl_ciphers', 'ALL:eNULL:!LOW', true],
  ['password_encryption', 'scram-sha-256', false],
  ['password_encryption', 'md5', true],
  ['backslash_quote', 'safe_encoding', false],
  ['backslash_quote', 'on', true],
  ['fsync', 'off', true],
  ['full_page_writes', 'off', true],
  ['synchronous_commit', 'remote_apply', false],
  ['synchronous_commit', 'off', true],
  ['max_connections', '5', false],
];
for (const [name, value, loosened] of parameterCases) {
  test(`parameter ${name} = ${value}: ${loosened ? 'loosened' : 'fine'}`, () => {
    const changes = databaseChanges(databaseSpec, { ...instance(databaseSpec), parameters: [{ name, value }] });
    assert.deepEqual(fields(changes), loosened ? [`parameter ${name}`] : []);
    const healed = Object.entries(parameterValues(changes)).map(([one, set]) => ({ name: one, value: set }));
    assert.deepEqual(parameterChanges(healed), [], 'what it is set to is not loosened');
  });
}

test('a parameter that RDS alone can change is none of the stack’s', () => {
  assert.deepEqual(parameterChanges([{ name: 'fsync', value: 'off', readonly: true }]), []);
});
