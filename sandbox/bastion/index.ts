/**
 * Owns which servers of the cloud answer on SSH: those that run and were told by cloud-init user data whom to let in. Each has
 * a real sshd; on a public address bound to it, port 22 stands behind the gate. One server is `server.ts`.
 *
 * Servers without user data, and nodes of clusters, have no sshd: nobody has a key to them.
 */
import { join } from 'node:path';
import type { Snapshotting, World } from '../contract.ts';
import { addressOf, portsOf } from '../otc/allocate.ts';
import type { ServerRow } from '../otc/tables/compute.ts';
import { networkTables, type PublicIpRow } from '../otc/tables/network.ts';
import { type Boot, readUserData } from './cloud-init.ts';
import { type SshdProgram, sshdProgram } from './program.ts';
import { type SshServer, startSshServer } from './server.ts';

const ssh = 22;

export type SshRoom = Snapshotting & { close(): Promise<void> };

interface Running {
  readonly server: SshServer;
  /** What it was started with; a change means a new one. */
  readonly as: string;
}

export function sshServers(world: World, progress: (line: string) => void): SshRoom {
  const { store } = world;
  const log = (line: string): void => world.log('ssh', line);
  const running = new Map<string, Running>();
  /** By the id of the public address; `to` is what it leads to. */
  const gates = new Map<string, { readonly to: string; readonly close: () => Promise<void> }>();
  let program: Promise<SshdProgram> | undefined;
  let last: Promise<void> = Promise.resolve();
  let closed = false;

  const servers = (): ServerRow[] =>
    store.table<ServerRow>('ecs.servers').where((row) => row.cluster_id === undefined && row.user_data !== '' && row.status === 'ACTIVE');
  const bootOf = (row: ServerRow): Boot | undefined => {
    try {
      return readUserData(row.user_data);
    } catch (error) {
      log(`${row.name}: cloud-init: ${String(error)}`);
      return undefined;
    }
  };
  const start = async (row: ServerRow): Promise<void> => {
    const boot = bootOf(row);
    const port = portsOf(store, row.id)[0];
    if (boot === undefined || port === undefined) return;
    const address = addressOf(port);
    const as = `${address} ${row.user_data}`;
    if (running.get(row.id)?.as === as) return;
    await stop(row.id);
    for (const key of boot.ignored) log(`${row.name}: cloud-init: "${key}" is not followed here`);
    program ??= sshdProgram(world.cache, progress);
    const server = await startSshServer({
      program: await program,
      boot,
      address,
      folder: join(world.folder, 'servers', row.id),
      log: (line) => log(`${row.name}: ${line}`),
    });
    running.set(row.id, { server, as });
    log(`${row.name}: sshd answers at ${address}`);
  };
  const stop = async (id: string): Promise<void> => {
    const entry = running.get(id);
    running.delete(id);
    await entry?.server.close();
  };
  const openGate = async ({ id, public_ip_address: address }: PublicIpRow, portId: string): Promise<void> => {
    const port = networkTables(store).ports.get(portId);
    if (port === undefined) return;
    const groups = (): readonly string[] => networkTables(store).ports.get(portId)?.security_groups ?? [];
    const to = addressOf(port);
    gates.set(id, { to: `${portId} ${to}`, close: await world.gate.listen({ address, port: ssh, groups, upstream: { host: to, port: ssh } }) });
  };
  const leadsTo = ({ bound_to }: PublicIpRow): string | undefined => {
    const port = networkTables(store).ports.get(bound_to?.id ?? '');
    return port === undefined ? undefined : `${port.id} ${addressOf(port)}`;
  };
  /** Makes what runs equal to what the store says. */
  const settle = async (): Promise<void> => {
    if (closed) return;
    const wanted = servers();
    for (const id of [...running.keys()]) if (!wanted.some((row) => row.id === id)) await stop(id);
    for (const row of wanted) await start(row);
    const ports = new Set([...running.keys()].flatMap((id) => portsOf(store, id).map((port) => port.id)));
    const bound = networkTables(store).publicIps.where((row) => row.bound_to?.kind === 'PORT' && ports.has(row.bound_to.id));
    for (const [id, gate] of gates) {
      if (bound.some((row) => row.id === id && leadsTo(row) === gate.to)) continue;
      gates.delete(id);
      await gate.close();
    }
    for (const row of bound) if (!gates.has(row.id)) await openGate(row, row.bound_to?.id ?? '');
  };
  const failed = (error: unknown): void =>
    log(error instanceof Error ? `${error.stack}${error.cause === undefined ? '' : `\n${String(error.cause)}`}` : String(error));
  const unsubscribe = store.onChange(({ table }) => {
    if (table === 'ecs.servers' || table === 'vpc.publicips') last = last.then(settle).catch(failed);
  });
  return {
    name: 'servers',
    // All there is to save is in the store.
    save: async () => undefined,
    async load() {
      const next = last.then(settle);
      last = next.catch(failed);
      await next;
    },
    async close() {
      unsubscribe();
      closed = true;
      await last;
      for (const { close } of gates.values()) await close();
      for (const id of [...running.keys()]) await stop(id);
    },
  };
}
