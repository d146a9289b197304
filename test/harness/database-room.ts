/**
 * Run as the first process of new namespaces by `scenarios/sandbox-database.test.ts`: a world with one database and a few
 * security groups, asked from several places. Prints what came of each question as one line of JSON.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { TableName } from '../../sandbox/otc/tables/names.ts';
import { Postgres } from '../../sandbox/postgres/index.ts';
import { cacheFolder } from '../../sandbox/world/cache.ts';
import { startWorld } from '../../sandbox/world/world.ts';

const folder = mkdtempSync(join(tmpdir(), 'zoo-db-'));
const note = (text: string): boolean => process.stderr.write(`${text}\n`);
const world = await startWorld({
  folder,
  cache: cacheFolder(),
  pace: 'instant',
  undelegated: false,
  noAgency: true,
  programs: {},
  log: (room, line) => note(`${room}: ${line}`),
  progress: note,
});
const password = "Pa'ss1!word";
const table = (name: TableName) => world.store.table<{ readonly id: string; readonly [key: string]: unknown }>(name);
const rule = (id: string, more: Readonly<Record<string, unknown>>): void => {
  const none = { protocol: null, port_range_min: null, port_range_max: null, remote_ip_prefix: null, remote_group_id: null };
  table('vpc.security-group-rules').insert({ id, ethertype: 'IPv4', ...none, remote_address_group_id: null, action: 'allow', priority: 1, ...more });
};
const port = (address: string, group: string, more: Readonly<Record<string, unknown>> = {}): void => {
  const fixed = { vpc_id: 'v', fixed_ips: [{ subnet_id: 's', ip_address: address }], port_security_enabled: true };
  table('vpc.ports').insert({ id: address, ...fixed, security_groups: [group], ...more });
};
table('vpc.vpcs').insert({ id: 'v', cidr: '10.20.0.0/16', extend_cidrs: [] });
rule('in', { security_group_id: 'db', direction: 'ingress', protocol: 'tcp', port_range_min: 5432, port_range_max: 5433, remote_group_id: 'client' });
for (const group of ['client', 'other']) rule(`out-${group}`, { security_group_id: group, direction: 'egress' });
port('10.20.0.9', 'client');
port('10.20.0.8', 'other');
port('10.20.16.5', 'db', { device_id: 'one', name: 'VIP' });
await Promise.all(['10.20.0.9', '10.20.0.8'].map((address) => world.addresses.add(address)));
let at = { host: '10.20.16.5', port: 5432 };
await world.databases.create({
  ...{ id: 'one', name: 'one', address: at.host, port: at.port, rootPassword: password, vpcId: 'v' },
  groups: () => ['db'],
});

type Ssl = false | { readonly ca: string; readonly checkServerIdentity?: () => undefined };
type As = { readonly user?: string; readonly password?: string };
const clientAt = (source: string, ssl: Ssl, as: As = {}): pg.Client =>
  new pg.Client({
    ...{ user: 'root', password, database: 'postgres', ...at, ssl, connectionTimeoutMillis: 1500, ...as },
    stream: () => {
      const socket = new Socket();
      const connect = socket.connect.bind(socket);
      // The client of PostgreSQL has no option for its own address.
      socket.connect = ((to: number, host: string) => connect({ port: to, host, localAddress: source })) as typeof socket.connect;
      return socket;
    },
  });
async function ask(source: string, ssl: Ssl, sql: string, as: As = {}): Promise<unknown> {
  const client = clientAt(source, ssl, as);
  try {
    await client.connect();
    return (await client.query({ text: sql, rowMode: 'array' })).rows;
  } catch (error) {
    return `error: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    await client.end();
  }
}

const anyName = (ca: string): Ssl => ({ ca, checkServerIdentity: () => undefined });
const rds = anyName(world.authority.rdsCaPem);
const results: Record<string, unknown> = {
  member: await ask(
    '10.20.0.9',
    rds,
    'SELECT ssl, rolsuper, rolcreatedb, rolcreaterole, host(client_addr) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid), pg_roles WHERE pid = pg_backend_pid() AND rolname = current_user',
  ),
  stranger: await ask('10.20.0.8', rds, 'SELECT 1'),
  fullName: await ask('10.20.0.9', { ca: world.authority.rdsCaPem }, 'SELECT 1'),
  wrongAuthority: await ask('10.20.0.9', anyName(world.authority.publicCaPem), 'SELECT 1'),
  plain: await ask('10.20.0.9', false, 'SELECT 1'),
  wrongPassword: await ask('10.20.0.9', rds, 'SELECT 1', { password: 'no' }),
  keeper: await ask('10.20.0.9', rds, 'SELECT 1', { user: 'rdsadmin' }),
};
await ask('10.20.0.9', rds, 'CREATE TABLE kept (n int)');
await ask('10.20.0.9', rds, 'INSERT INTO kept VALUES (1)');
await world.databases.backup('one', 'b');
await ask('10.20.0.9', rds, 'INSERT INTO kept VALUES (2)');
await world.databases.setRootPassword('one', 'another');
results['oldPassword'] = await ask('10.20.0.9', rds, 'SELECT 1');
await world.databases.restore('one', 'b');
results['restored'] = await ask('10.20.0.9', rds, 'SELECT n FROM kept');
if (!(world.databases instanceof Postgres)) throw new Error('the databases of a world are not real');
const postgres = world.databases;
const saved = async (name: string): Promise<string> => {
  mkdirSync(join(folder, name));
  await postgres.save(join(folder, name));
  return join(folder, name);
};
const before = await saved('before');
const connected = clientAt('10.20.0.9', rds);
const ended = new Promise<string>((resolve) => connected.once('error', (error) => resolve(error.message)));
await connected.connect();
const former = at;
/** What comes of asking at the address and port it has left, and at those it has now. */
const asked = async (...places: readonly (typeof at)[]): Promise<unknown[]> => {
  const answers: unknown[] = [];
  for (at of places) answers.push(await ask('10.20.0.9', rds, "SELECT n, current_setting('port') FROM kept"));
  return answers;
};
await postgres.move('one', { address: '10.20.16.5', port: 5433 });
results['ended'] = await ended;
results['otherPort'] = await asked(former, { ...former, port: 5433 });
await postgres.move('one', { address: '10.20.16.6', port: 5433 });
results['otherAddress'] = await asked({ ...former, port: 5433 }, { host: '10.20.16.6', port: 5433 });
results['movedStranger'] = await ask('10.20.0.8', rds, 'SELECT 1');
const moved = await saved('moved');
await postgres.load(before);
results['movedBack'] = await asked({ host: '10.20.16.6', port: 5433 }, former);
await postgres.load(moved);
results['movedAgain'] = await asked(former, { host: '10.20.16.6', port: 5433 });
await world.databases.remove('one');
results['removed'] = await ask('10.20.0.9', rds, 'SELECT 1');
await world.close();
rmSync(folder, { recursive: true, force: true });
process.stdout.write(`${JSON.stringify(results)}\n`);
process.exit(0);
