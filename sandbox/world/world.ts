/**
 * Owns putting a world together from its rooms, inside the namespaces that `scripts/sandbox.mjs` made: what answers where,
 * what takes part in snapshots, what is closed at the end. The ways in (command line, files for callers) are `../main.ts`.
 */

import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { sshServers } from '../bastion/index.ts';
import { chartSites } from '../charts/sites.ts';
import type { Clusters, Databases, World } from '../contract.ts';
import { interpose } from '../control/interpose.ts';
import { ControlServer, type Route } from '../control/server.ts';
import { ControlState } from '../control/state.ts';
import { Wrong } from '../control/wrong.ts';
import { downloadSites } from '../downloads/index.ts';
import { githubSite, type IdTokens } from '../github/index.ts';
import { acmeSite } from '../kubernetes/images/cert-manager/acme-site.ts';
import { clusters } from '../kubernetes/index.ts';
import { frontDoor, seed, services, trustCce } from '../otc/index.ts';
import { rdsDownloads } from '../otc/rds-downloads.ts';
import { type Pace, Store } from '../otc/store.ts';
import { postgres } from '../postgres/index.ts';
import { LoopbackAddresses } from './addresses.ts';
import { makeAuthority } from './authority.ts';
import { processAt } from './caller.ts';
import { names } from './dns/names.ts';
import { DnsServer } from './dns/server.ts';
import { SecurityGate } from './gate.ts';
import { privateRanges } from './groups.ts';
import { furnish, joinOutside, type Outside } from './namespaces.ts';
import { places, publicResolvers } from './places.ts';
import { publicAddressSite } from './public-address.ts';
import { SiteServer } from './sites.ts';
import { isSnapshot, readIdentity, savingStore, snapshots } from './snapshots.ts';

export interface WorldOptions {
  readonly folder: string;
  readonly cache: string;
  readonly pace: Pace;
  readonly undelegated: boolean;
  /** True: CCE may not act in the tenant yet. */
  readonly noAgency: boolean;
  /** Folder of real chart archives that stand in for the sandbox's own. */
  readonly charts?: string;
  /** Folder of a snapshot, of this or another world, to start as a copy of. */
  readonly from?: string;
  /** Image name → program that runs in its place. */
  readonly programs: Readonly<Record<string, string>>;
  readonly log: (room: string, line: string) => void;
  /** Lines for the person who waits: long parts at first use. */
  readonly progress: (line: string) => void;
}

export interface RunningWorld extends World {
  readonly state: ControlState;
  readonly control: ControlServer;
  readonly tenant: ReturnType<typeof seed>;
  readonly idTokens: IdTokens;
  /** The one secret of the stacks that are deployed in it, unless a run brings its own. */
  readonly stackSecret: string;
  /** Where the action runs: outside the cloud. */
  readonly runner: Outside;
  /** Inside every VPC, let through by every gate. */
  readonly console: Outside;
  /** More routes of `CONTROL_URL`, to be filled by the ways in. */
  readonly routes: Record<string, Route>;
  /** What follows the world's state hears here that another one was restored. */
  readonly restored: Set<() => Promise<void>>;
  close(): Promise<void>;
}

/** Brings a world up. Everything it opened ends with {@link RunningWorld.close}, and at the latest with its namespaces. */
export async function startWorld(options: WorldOptions): Promise<RunningWorld> {
  const { folder, log } = options;
  await mkdir(folder, { recursive: true });
  const origin = options.from === undefined ? undefined : await readIdentity(options.from);
  const [authority] = await Promise.all([makeAuthority(origin?.authority), furnish(folder)]);
  const [runner, inside] = await Promise.all([
    joinOutside('runner', places.runner, places.runnerGateway, privateRanges),
    joinOutside('console', places.console, places.consoleGateway, []),
  ]);
  const failed = (room: string) => (error: unknown) => log(room, error instanceof Error ? (error.stack ?? error.message) : String(error));
  const store = new Store(failed('store'));
  store.pace = options.pace;
  const state = new ControlState();
  state.setLatency({ pace: options.pace });
  const sites = new SiteServer(authority, (line) => log('sites', line));
  const known = names(store, (host) => sites.siteOf(host) !== undefined, options.undelegated);
  const addresses = new LoopbackAddresses();
  const gate = new SecurityGate(
    store,
    (address) => addresses.has(address),
    (line) => log('gate', line),
  );
  const world: { -readonly [K in keyof World]: World[K] } = {
    store,
    addresses,
    authority,
    gate,
    folder,
    cache: options.cache,
    log,
    databases: absent<Databases>('databases'),
    clusters: absent<Clusters>('clusters'),
    async resolve(name) {
      return known.resolve({ name, type: 'A' }).answers.flatMap((answer) => (answer.type === 'A' ? [answer.data] : []));
    },
  };
  const databases = postgres(world, options.progress);
  world.databases = databases;
  const room = clusters(world, { programs: options.programs, progress: options.progress });
  world.clusters = room;

  const tenant = origin?.tenant ?? seed(store);
  if (origin === undefined && !options.noAgency) trustCce(store, tenant);
  const stackSecret = origin?.stackSecret ?? randomBytes(32).toString('base64');
  const kill = async (signal: NodeJS.Signals, request: IncomingMessage): Promise<void> => {
    const { remoteAddress = '', remotePort = 0 } = request.socket;
    const pid = await processAt(remoteAddress, remotePort, [runner.holder, inside.holder]);
    if (pid === undefined) throw new Error(`no process has the connection from ${remoteAddress}:${remotePort}`);
    log('control', `${signal} to process ${pid}`);
    process.kill(pid, signal);
  };
  sites.add(frontDoor(world, { services, control: state, kill }));
  const idTokens = await githubSite(store);
  const others = [
    ...(await downloadSites(options.cache, options.progress)),
    ...idTokens.sites,
    rdsDownloads(world),
    acmeSite,
    publicAddressSite,
    ...chartSites(options.charts === undefined ? {} : { chartsDir: options.charts }),
  ];
  for (const site of others) sites.add(interpose(site, state, (request, signal) => kill(signal, request)));

  const dns = { recursive: false, failed: failed('dns') };
  const servers: readonly (readonly [string, DnsServer])[] = [
    ...[places.resolver, ...publicResolvers].map((address) => [address, new DnsServer(known.resolve, { ...dns, recursive: true })] as const),
    [places.ns1, new DnsServer(known.cloud, dns)],
    [places.ns2, new DnsServer(known.cloud, dns)],
    [places.parent, new DnsServer(known.parent, dns)],
  ];
  await Promise.all([sites.listen(places.sites, 443), ...servers.map(([address, server]) => server.listen(address, 53))]);

  const ssh = sshServers(world, options.progress);
  const restored: RunningWorld['restored'] = new Set();
  const { snapshot, restore } = snapshots({
    identity: { authority: authority.saved(), tenant, stackSecret },
    still: (work) => store.still(work),
    rooms: [savingStore(store), addresses, databases, room, ssh],
    log: (line) => log('snapshots', line),
    async restored() {
      for (const service of services) service.start?.(world);
      await Promise.all([...restored].map((follow) => follow()));
    },
  });
  if (options.from !== undefined) {
    await restore(options.from);
    store.pace = options.pace;
  }
  const routes: RunningWorld['routes'] = {};
  const at = (name: string): string => join(folder, 'snapshots', name);
  const control = new ControlServer({
    state,
    store,
    services: new Set([...services.flatMap(({ name, prefixes }) => [name, ...prefixes]), ...others.map(({ name }) => name)]),
    more: routes,
    snapshot: (name) => snapshot(at(name)),
    async restore(name) {
      if (!isSnapshot(at(name))) throw new Wrong(`there is no snapshot ${name}; POST /snapshot takes one`, 404);
      await restore(at(name));
    },
  });
  await control.listen({ host: places.control, port: 80 });

  return Object.assign(world, {
    state,
    control,
    tenant,
    idTokens,
    stackSecret,
    runner,
    console: inside,
    routes,
    restored,
    async close() {
      await control.close();
      await sites.close();
      await Promise.all(servers.map(([, server]) => server.close()));
      await room.close();
      await ssh.close();
      await databases.close();
      runner.close();
      inside.close();
    },
  });
}

/** Stands in for a port until its room is made; rooms are made in an order that never needs it. */
function absent<T extends object>(name: string): T {
  return new Proxy({} as T, {
    get() {
      throw new Error(`${name} were used before they were made`);
    },
  });
}
