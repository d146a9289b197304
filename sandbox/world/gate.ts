/**
 * Owns the sockets of the gate: it stands on an address the cloud gave out and lets a connection through to the real
 * program behind it only where the security groups (`groups.ts`) allow the real source address.
 *
 * A refused packet is dropped in the cloud, and a program in user space cannot leave a SYN unanswered for one source and
 * answer it for another. So a refused connection is accepted and then never gets a byte: every protocol behind a gate
 * (PostgreSQL, TLS, SSH) waits for the other side and runs into its own time-out, as it does in the cloud. Only a bare
 * port scan sees the difference.
 */
import { connect, createServer, type Socket } from 'node:net';
import type { Gate } from '../contract.ts';
import type { Store } from '../otc/store.ts';
import type { CceClusterRow } from '../otc/tables/compute-cce.ts';
import { networkTables } from '../otc/tables/network.ts';
import { isInside, isPrivate, type Landscape, permitted } from './groups.ts';
import { places } from './places.ts';

/** Longest time a dropped connection is held: longer than any client's patience here. */
const patience = 300_000;

/** Pods of `vpc-router` clusters are in the VPC with addresses of their own; in `overlay_l2` they appear as their node. */
function containerRanges(clusters: readonly CceClusterRow[]): { readonly vpcId: string; readonly cidr: string }[] {
  return clusters
    .filter(({ spec }) => spec.containerNetwork.mode === 'vpc-router')
    .flatMap(({ spec: { containerNetwork, hostNetwork } }) =>
      [...new Set([containerNetwork.cidr, ...containerNetwork.cidrs.map(({ cidr }) => cidr)])].map((cidr) => ({ vpcId: hostNetwork.vpc, cidr })),
    );
}

export class SecurityGate implements Gate {
  readonly #store: Store;
  readonly #isLocal: (address: string) => boolean;
  readonly #log: (line: string) => void;

  /** @param isLocal whether an address is the world's own: the program behind the gate then sees it as the source */
  constructor(store: Store, isLocal: (address: string) => boolean, log: (line: string) => void) {
    this.#store = store;
    this.#isLocal = isLocal;
    this.#log = log;
  }

  permits(question: {
    readonly source: string;
    readonly groups: readonly string[];
    readonly port: number;
    readonly protocol: 'tcp' | 'udp';
  }): boolean {
    return permitted(question, this.#landscape());
  }

  async listen(gate: Parameters<Gate['listen']>[0]): Promise<() => Promise<void>> {
    const open = new Set<Socket>();
    const keep = (socket: Socket): void => {
      open.add(socket);
      socket.once('close', () => open.delete(socket));
    };
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
      keep(client);
      client.on('error', () => client.destroy());
      const source = (client.remoteAddress ?? '').replace(/^::ffff:/, '');
      const refusal = this.#refusal(source, gate);
      if (refusal !== undefined) {
        this.#log(`dropped ${source} → ${gate.address}:${gate.port}: ${refusal}`);
        // Reads nothing and says nothing; ends when the other side gives up.
        const end = setTimeout(() => client.destroy(), patience);
        client.once('close', () => clearTimeout(end));
        client.on('end', () => client.destroy());
        client.resume();
        return;
      }
      const upstream =
        'path' in gate.upstream
          ? connect({ path: gate.upstream.path })
          : connect({ ...gate.upstream, ...(this.#isLocal(source) ? { localAddress: source } : {}) });
      keep(upstream);
      upstream.on('error', () => client.resetAndDestroy());
      upstream.once('close', () => client.destroy());
      client.once('close', () => upstream.destroy());
      upstream.once('connect', () => {
        client.pipe(upstream);
        upstream.pipe(client);
      });
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(gate.port, gate.address, () => {
        server.off('error', reject);
        resolve();
      });
    });
    return async () => {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    };
  }

  /** Why a connection is dropped; undefined where it may pass. */
  #refusal(source: string, gate: Parameters<Gate['listen']>[0]): string | undefined {
    if (source === places.console) return undefined;
    const landscape = this.#landscape();
    const { vpcId } = gate;
    if (vpcId !== undefined && isPrivate(gate.address) && !isInside(source, vpcId, landscape)) return 'no way into the VPC from there';
    const groups = gate.groups();
    if (permitted({ source, groups, port: gate.port, protocol: 'tcp', target: gate.address }, landscape)) return undefined;
    return `no rule of the security groups ${groups.join(', ') || '(none)'} and of the source allows it`;
  }

  #landscape(): Landscape {
    const tables = networkTables(this.#store);
    return {
      ports: tables.ports.all(),
      rules: tables.rules.all(),
      vpcs: tables.vpcs.all(),
      subnets: tables.subnets.all(),
      containerRanges: containerRanges(this.#store.table<CceClusterRow>('cce.clusters').all()),
    };
  }
}
