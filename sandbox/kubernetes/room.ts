/**
 * Owns the set of clusters of a world: real control planes with stand-ins for nodes, made and removed as CCE orders it, saved
 * and restored as one. One cluster is `cluster.ts`; which images and controllers there are is `index.ts`.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterSpec, Clusters, NodeSpec, Snapshotting, World } from '../contract.ts';
import { hasEgress } from '../otc/egress.ts';
import type { CceClusterRow } from '../otc/tables/compute-cce.ts';
import { type ControlPlaneBinaries, controlPlaneBinaries } from './binaries.ts';
import { Cluster, type ClusterDependencies } from './cluster.ts';
import { copyIdentity } from './control-plane.ts';
import type { EtcdSnapshot } from './etcd-data.ts';
import type { Controller, Image } from './image.ts';
import { checkPrograms, programImage } from './kubelet/program.ts';
import { ServiceNetwork } from './service-network.ts';

export interface ClustersOptions {
  /** Image name → path of a real program that takes its place. */
  readonly programs?: Readonly<Record<string, string>>;
  /** Default: the cache's, made before the world was entered. */
  readonly binaries?: ControlPlaneBinaries;
  /** Asked in order; programs come before them. */
  readonly images: readonly Image[];
  readonly controllers: readonly Controller[];
  /** Hears of long parts. */
  readonly progress?: (line: string) => void;
}

interface Saved {
  readonly clusters: readonly { readonly spec: ClusterSpec; readonly nodes: readonly SavedNode[] }[];
}

type SavedNode = NodeSpec & { readonly images: readonly string[] };

/** What is known of a cluster that is there, or is being made. */
interface Entry {
  readonly cluster: Promise<Cluster>;
  readonly nodes: Map<string, NodeSpec>;
}

export type ClusterRoom = Clusters & Snapshotting & { close(): Promise<void> };

export function clusterRoom(world: World, options: ClustersOptions): ClusterRoom {
  const folder = join(world.folder, 'clusters');
  const log = (line: string) => world.log('kubernetes', line);
  const failed = (error: unknown) => log(describe(error));
  const network = new ServiceNetwork(world);
  const entries = new Map<string, Entry>();
  const taken = new Set<string>();
  const programs = Object.entries(options.programs ?? {}).map(([name, program]) =>
    programImage(name, program, async (id) => (await get(id)).dnsAddress()),
  );
  const images = [...programs, ...options.images];
  let binaries: Promise<ControlPlaneBinaries> | undefined;

  async function get(id: string): Promise<Cluster> {
    const entry = entries.get(id);
    if (entry === undefined) throw new Error(`there is no control plane of cluster ${id}`);
    return entry.cluster;
  }

  async function start(spec: ClusterSpec, restored?: EtcdSnapshot): Promise<Cluster> {
    if (programs.length > 0) await checkPrograms();
    binaries ??= options.binaries === undefined ? controlPlaneBinaries(world.cache, options.progress ?? log) : Promise.resolve(options.binaries);
    const deps: ClusterDependencies = {
      world,
      binaries: await binaries,
      network,
      find: (reference) => images.find((image) => image.matches(reference)),
      isProgram: (reference) => programs.some((image) => image.matches(reference)),
      controllers: options.controllers,
      taken,
      folder: join(folder, spec.id),
      failed,
      log,
    };
    return Cluster.start(spec, deps, restored);
  }

  async function create(spec: ClusterSpec, restored?: EtcdSnapshot): Promise<Cluster> {
    if (entries.has(spec.id)) throw new Error(`cluster ${spec.id} has a control plane already`);
    const cluster = start(spec, restored);
    entries.set(spec.id, { cluster, nodes: new Map() });
    try {
      return await cluster;
    } catch (error) {
      entries.delete(spec.id);
      throw error;
    }
  }

  async function end(id: string, files: boolean): Promise<void> {
    const entry = entries.get(id);
    if (entry === undefined) return;
    entries.delete(id);
    await (await entry.cluster).close(files);
  }

  return {
    name: 'kubernetes',
    async create(spec) {
      await create(spec);
    },
    async bindExternal(id, address) {
      await (await get(id)).bindExternal(address);
    },
    async credentials(id, { user, groups, days }) {
      const { authority } = (await get(id)).plane;
      const pair = await authority.client({ user, groups, days });
      return { caPem: authority.ca.certPem, ...pair };
    },
    async apiServer(id) {
      return { host: '127.0.0.1', port: (await get(id)).plane.port };
    },
    async addNode(id, node) {
      await (await get(id)).addNode(node);
      entries.get(id)?.nodes.set(node.name, node);
    },
    async removeNode(id, name) {
      const entry = entries.get(id);
      // With its cluster the node is gone already.
      if (entry === undefined) return;
      entry.nodes.delete(name);
      await (await entry.cluster).removeNode(name);
    },
    remove: (id) => end(id, true),
    async save(target) {
      const saved: Saved['clusters'][number][] = [];
      await mkdir(target, { recursive: true });
      for (const [id, entry] of entries) {
        const cluster = await entry.cluster;
        await mkdir(join(target, id), { recursive: true });
        await writeFile(join(target, id, 'etcd.json'), JSON.stringify(await cluster.plane.etcd.save()));
        await copyIdentity(join(folder, id), join(target, id));
        saved.push({ spec: cluster.spec, nodes: [...entry.nodes.values()].map((node) => ({ ...node, images: cluster.kubelet.images(node.name) })) });
      }
      await writeFile(join(target, 'clusters.json'), JSON.stringify({ clusters: saved } satisfies Saved));
    },
    async load(source) {
      const { clusters: saved } = JSON.parse(await readFile(join(source, 'clusters.json'), 'utf8')) as Saved;
      for (const id of [...entries.keys()]) if (!saved.some(({ spec }) => spec.id === id)) await end(id, true);
      await Promise.all(
        saved.map(async ({ spec: plain, nodes: plainNodes }) => {
          const spec = reattachSpec(world, plain);
          const nodes = plainNodes.map(({ images: _, ...node }) => reattachNode(world, node));
          const snapshot = JSON.parse(await readFile(join(source, spec.id, 'etcd.json'), 'utf8')) as EtcdSnapshot;
          let entry = entries.get(spec.id);
          if (entry === undefined) {
            await copyIdentity(join(source, spec.id), join(folder, spec.id));
            await create(spec, snapshot);
            entry = entries.get(spec.id);
          } else {
            const cluster = await entry.cluster;
            if (cluster.spec.externalAddress !== spec.externalAddress) await cluster.bindExternal(spec.externalAddress);
            // Nodes first: what is removed with them comes back with the data.
            for (const name of [...entry.nodes.keys()].filter((one) => !nodes.some((node) => node.name === one))) {
              entry.nodes.delete(name);
              await cluster.removeNode(name);
            }
            await cluster.restore(snapshot);
          }
          for (const node of nodes) {
            if (entry?.nodes.has(node.name) !== false) continue;
            const cluster = await entry.cluster;
            cluster.kubelet.hold(node.name, plainNodes.find(({ name }) => name === node.name)?.images ?? []);
            await cluster.addNode(node);
            entry.nodes.set(node.name, node);
          }
        }),
      );
    },
    async close() {
      await Promise.all([...entries.keys()].map((id) => end(id, false)));
      await network.close();
    },
  };
}

/** The parts of a specification that are questions to the store, not data. */
function reattachSpec(world: World, spec: ClusterSpec): ClusterSpec {
  const controlGroups = () => {
    const row = world.store.table<CceClusterRow>('cce.clusters').get(spec.id);
    return row === undefined ? [] : [row.control_group_id];
  };
  return { ...spec, controlGroups };
}

const reattachNode = (world: World, node: NodeSpec): NodeSpec => ({ ...node, hasEgress: () => hasEgress(world.store, node.serverId) });

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? (error.stack ?? error.message) : `${error.message}: ${describe(error.cause)}`;
}
