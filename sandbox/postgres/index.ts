/**
 * Owns RDS's engine: one real PostgreSQL server an instance, TLS under the RDS authority, `root` as RDS makes it, the gate
 * in front of it on the instance's private address, backups as copies of files. Instances' states and rules are the RDS
 * service's (`../otc/rds*.ts`).
 */
import type { ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { DatabaseSpec, Databases, Snapshotting, World } from '../contract.ts';
import { copyData, copyTree, linkTree, removeTree } from './files.ts';
import { keeper, makeData, type Program, program, startServer, stopServer } from './program.ts';

type Saved = Omit<DatabaseSpec, 'groups' | 'rootPassword'>;

interface Instance {
  spec: DatabaseSpec;
  /** Loopback address behind the gate, of each instance its own; the port is the one that clients use. */
  listen: { readonly address: string; readonly port: number };
  readonly folder: string;
  server: ChildProcess;
  closeGate: () => Promise<void>;
}

export class Postgres implements Databases, Snapshotting {
  readonly name = 'postgres';
  readonly #world: World;
  readonly #progress: (line: string) => void;
  readonly #instances = new Map<string, Instance>();
  readonly #folder: string;
  readonly #services: string;
  #program: Promise<Program> | undefined;
  #next = 1;

  /** @param progress lines for the person who waits: unpacking at first use */
  constructor(world: World, progress: (line: string) => void) {
    this.#world = world;
    this.#progress = progress;
    this.#folder = join(world.folder, 'postgres');
    this.#services = servicesFile(world.folder);
  }

  async create(spec: DatabaseSpec): Promise<void> {
    if (this.#instances.has(spec.id)) throw new Error(`there is an instance ${spec.id} already`);
    const found = await this.#ready();
    const folder = join(this.#folder, spec.id);
    await mkdir(folder, { recursive: true });
    // The name of the instance, not its address: verify-ca is what RDS promises (API reference 5.6). A switch adds the address.
    const withAddress = this.#world.store
      .table<{ readonly id: string; readonly value: unknown }>('world.switches')
      .get('rds-certificate-names-address');
    const certificate = await this.#world.authority.issue({
      names: [`${spec.id}.postgresql.rds.internal`],
      ...(withAddress?.value === true ? { addresses: [spec.address] } : {}),
      by: 'rds',
    });
    await makeData(found, join(folder, 'data'), certificate);
    await this.#open(spec, folder);
    await this.#sql(spec.id, [
      `CREATE ROLE root NOSUPERUSER CREATEDB CREATEROLE REPLICATION LOGIN PASSWORD ${pg.escapeLiteral(spec.rootPassword)}`,
      'GRANT pg_monitor, pg_signal_backend TO root WITH ADMIN OPTION',
      'GRANT CREATE ON DATABASE postgres TO root',
      'GRANT ALL ON SCHEMA public TO root',
    ]);
  }

  async setRootPassword(id: string, password: string): Promise<void> {
    await this.#sql(id, [`ALTER ROLE root PASSWORD ${pg.escapeLiteral(password)}`]);
  }

  async restart(id: string): Promise<void> {
    const instance = this.#instance(id);
    await stopServer(instance.server, 'SIGINT');
    instance.server = await startServer(await this.#ready(), this.#files(instance.folder, instance.listen), instance.listen);
  }

  /** Ends the connections there are, as the restart does that RDS carries such a change out with. */
  async move(id: string, { address, port }: { readonly address: string; readonly port: number }): Promise<void> {
    const instance = this.#instance(id);
    const left = instance.spec.address;
    await instance.closeGate();
    if (left !== address) await this.#world.addresses.remove(left);
    instance.spec = { ...instance.spec, address, port };
    instance.listen = { ...instance.listen, port };
    await this.restart(id);
    instance.closeGate = await this.#openGate(instance.spec, instance.listen);
    await this.#writeServices();
  }

  async remove(id: string): Promise<void> {
    const instance = this.#instance(id);
    this.#instances.delete(id);
    await this.#writeServices();
    await this.#end(instance);
    await removeTree(instance.folder);
  }

  async backup(id: string, backupId: string): Promise<void> {
    const instance = this.#instance(id);
    const target = join(this.#folder, 'backups', backupId);
    await removeTree(target);
    await mkdir(join(this.#folder, 'backups'), { recursive: true });
    await this.#copyRunning(instance, target);
  }

  async restore(id: string, backupId: string): Promise<void> {
    const instance = this.#instance(id);
    const source = join(this.#folder, 'backups', backupId);
    if (!existsSync(source)) throw new Error(`there is no backup ${backupId}`);
    await stopServer(instance.server, 'SIGINT');
    const data = join(instance.folder, 'data');
    // The instance keeps its own certificate; the content, roles and passwords are the backup's.
    const certificate = { chainPem: await readFile(join(data, 'server.crt')), keyPem: await readFile(join(data, 'server.key')) };
    await removeTree(data);
    await copyTree(source, data);
    await writeFile(join(data, 'server.crt'), certificate.chainPem, { mode: 0o600 });
    await writeFile(join(data, 'server.key'), certificate.keyPem, { mode: 0o600 });
    instance.server = await startServer(await this.#ready(), this.#files(instance.folder, instance.listen), instance.listen);
  }

  async save(folder: string): Promise<void> {
    const instances = [...this.#instances.values()];
    await writeFile(
      join(folder, 'instances.json'),
      JSON.stringify(instances.map(({ spec: { id, name, address, port, vpcId } }): Saved => ({ id, name, address, port, vpcId }))),
    );
    await Promise.all(instances.map((instance) => this.#copyRunning(instance, join(folder, instance.spec.id))));
    if (existsSync(join(this.#folder, 'backups'))) await linkTree(join(this.#folder, 'backups'), join(folder, 'backups'));
  }

  async load(folder: string): Promise<void> {
    await Promise.all([...this.#instances.values()].map((instance) => this.#end(instance)));
    this.#instances.clear();
    await removeTree(this.#folder);
    await mkdir(this.#folder, { recursive: true });
    const saved = JSON.parse(await readFile(join(folder, 'instances.json'), 'utf8')) as Saved[];
    await Promise.all(
      saved.map(async (spec) => {
        const target = join(this.#folder, spec.id);
        await mkdir(target, { recursive: true });
        await copyTree(join(folder, spec.id), join(target, 'data'));
        await this.#open({ ...spec, rootPassword: '', groups: () => this.#groupsOf(spec.id) }, target);
      }),
    );
    await this.#writeServices();
    if (existsSync(join(folder, 'backups'))) await linkTree(join(folder, 'backups'), join(this.#folder, 'backups'));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#instances.values()].map((instance) => this.#end(instance)));
    this.#instances.clear();
  }

  /** Socket folder and superuser, for looking inside past every gate. */
  insideOf(id: string): { readonly host: string; readonly port: number; readonly user: string } {
    const { folder, listen } = this.#instance(id);
    return { host: this.#files(folder, listen).sockets, port: listen.port, user: keeper };
  }

  #ready(): Promise<Program> {
    this.#program ??= program(this.#world.cache, this.#progress);
    return this.#program;
  }

  #instance(id: string): Instance {
    const instance = this.#instances.get(id);
    if (instance === undefined) throw new Error(`there is no instance ${id}`);
    return instance;
  }

  /** Sockets have a short path of their own: the kernel allows 107 bytes. */
  #files(folder: string, listen: { readonly address: string }) {
    return { data: join(folder, 'data'), sockets: join(this.#world.folder, 's', listen.address), log: join(folder, 'postgres.log') };
  }

  async #open(spec: DatabaseSpec, folder: string): Promise<void> {
    const number = this.#next++;
    const listen = { address: `127.5.${number >> 8}.${(number & 255) + 1}`, port: spec.port };
    const server = await startServer(await this.#ready(), this.#files(folder, listen), listen);
    const closeGate = await this.#openGate(spec, listen);
    this.#instances.set(spec.id, { spec, listen, folder, server, closeGate });
    await this.#writeServices();
  }

  async #openGate({ address, port, groups, vpcId }: DatabaseSpec, upstream: Instance['listen']): Promise<Instance['closeGate']> {
    await this.#world.addresses.add(address);
    return this.#world.gate.listen({ address, port, groups, vpcId, upstream: { host: upstream.address, port: upstream.port } });
  }

  /** For psql (PGSERVICEFILE): each instance by its name, the newest as `database` too. */
  async #writeServices(): Promise<void> {
    const all = [...this.#instances.values()].map(({ spec }) => spec);
    const newest = all.at(-1);
    const named = [...all.map(({ id, name }) => ({ id, name })), ...(newest === undefined ? [] : [{ id: newest.id, name: 'database' }])];
    const sections = named.map(({ id, name }) => {
      const { host, port, user } = this.insideOf(id);
      return `[${name}]\nhost=${host}\nport=${port}\nuser=${user}\ndbname=postgres\n`;
    });
    await writeFile(this.#services, sections.length === 0 ? '# There is no database in this world.\n' : sections.join('\n'));
  }

  async #end(instance: Instance): Promise<void> {
    await instance.closeGate();
    await stopServer(instance.server, 'SIGQUIT');
  }

  async #copyRunning(instance: Instance, target: string): Promise<void> {
    // Less to replay for whoever starts from the copy.
    await this.#sql(instance.spec.id, ['CHECKPOINT']);
    await held(instance.server, () => copyData(join(instance.folder, 'data'), target));
  }

  /** After a restore the groups are those of the instance's port for clients, whichever address it has by then. */
  #groupsOf(id: string): readonly string[] {
    const ports = this.#world.store.table<{
      readonly id: string;
      readonly name: string;
      readonly device_id: string;
      readonly security_groups: readonly string[];
    }>('vpc.ports');
    return ports.find((port) => port.device_id === id && port.name === 'VIP')?.security_groups ?? [];
  }

  async #sql(id: string, statements: readonly string[]): Promise<void> {
    const client = new pg.Client({ ...this.insideOf(id), database: 'postgres' });
    await client.connect();
    try {
      for (const statement of statements) await client.query(statement);
    } finally {
      await client.end();
    }
  }
}

/** Where psql finds the databases of a world, past every gate. */
export const servicesFile = (folder: string): string => join(folder, 'databases.conf');

/** The room's factory. */
export const postgres = (world: World, progress: (line: string) => void): Postgres => new Postgres(world, progress);

/**
 * Does something while a server and all its processes stand still: its files are then those of one moment, as after a
 * power cut, and its write-ahead log brings a copy back to it. Clients notice a pause and nothing else.
 */
async function held<T>(server: ChildProcess, work: () => Promise<T>): Promise<T> {
  const leader = server.pid;
  if (leader === undefined) throw new Error('the server has no process');
  process.kill(leader, 'SIGSTOP');
  const stopped = [leader];
  try {
    for (const child of readFileSync(`/proc/${leader}/task/${leader}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number)) {
      process.kill(child, 'SIGSTOP');
      stopped.push(child);
    }
    // A signal is taken at the next return to user space.
    await sleep(5);
    return await work();
  } finally {
    for (const pid of stopped.reverse()) process.kill(pid, 'SIGCONT');
  }
}
