/**
 * Owns the ports between the sandbox's rooms: what the world offers (`world/`, `postgres/`), what a control plane offers
 * (`kubernetes/`), and how a site answers under a true host name. Types only; nothing here runs.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Store } from './otc/store.ts';

/** Everything a room may use of the world it lives in; handed to each room's factory by `main.ts`. */
export interface World {
  readonly store: Store;
  readonly addresses: Addresses;
  readonly authority: Authority;
  readonly databases: Databases;
  readonly clusters: Clusters;
  readonly gate: Gate;
  /** Folder of this world's files: control planes, databases, logs. */
  readonly folder: string;
  /** Folder of caches shared by worlds: built control plane, unpacked tools. */
  readonly cache: string;
  log(room: string, line: string): void;
  /** Resolves a name as the inside's DNS does (sites, created zones, cluster-independent). */
  resolve(name: string): Promise<string[]>;
}

/** Addresses given out by the cloud; each is added to `lo` of the world and really listens. */
export interface Addresses {
  add(address: string): Promise<void>;
  remove(address: string): Promise<void>;
}

/** The world's certificate authorities: one public (sites, ACME), one of RDS. PEM texts. */
export interface Authority {
  readonly publicCaPem: string;
  readonly rdsCaPem: string;
  /** A server certificate for host names and addresses; `by` chooses the authority. Days count from now and may be negative. */
  issue(request: {
    readonly names: readonly string[];
    readonly addresses?: readonly string[];
    readonly by: 'public' | 'rds' | 'staging';
    readonly days?: number;
  }): Promise<{
    readonly certPem: string;
    readonly keyPem: string;
    /** Leaf and intermediates, in the order TLS wants them. */
    readonly chainPem: string;
  }>;
  /** Signs a certificate signing request (PEM) as the ACME server would. */
  sign(request: { readonly csrPem: string; readonly by: 'public' | 'staging'; readonly days?: number }): Promise<{ readonly chainPem: string }>;
}

/**
 * A TCP gate that asks the security groups with the real source address before it lets a connection through; refused
 * ones are dropped silently (time-out), as in the cloud. Private addresses are reachable from the VPC only.
 */
export interface Gate {
  /**
   * @param ports asked at each connection: ids of rows in `vpc.ports` whose groups guard this address
   * @returns closes the gate
   */
  listen(gate: {
    readonly address: string;
    readonly port: number;
    /** Security group ids that guard the address, read at each connection. */
    readonly groups: () => readonly string[];
    /** VPC the address is in (its peers: nodes, pods, balancers); undefined for a public address. */
    readonly vpcId?: string;
    /** Where permitted connections go: a unix socket or a loopback port. */
    readonly upstream: { readonly path: string } | { readonly host: string; readonly port: number };
  }): Promise<() => Promise<void>>;
  /** Would a connection from `source` to a member of `groups` on `port` be let in (and out of the source's own groups)? */
  permits(question: {
    readonly source: string;
    readonly groups: readonly string[];
    readonly port: number;
    readonly protocol: 'tcp' | 'udp';
  }): boolean;
}

export interface DatabaseSpec {
  readonly id: string;
  readonly name: string;
  /** Private address and port that clients use; guarded by the gate. */
  readonly address: string;
  readonly port: number;
  readonly rootPassword: string;
  readonly vpcId: string;
  /** Read at each connection. */
  readonly groups: () => readonly string[];
}

/** Real PostgreSQL servers, one an RDS instance, TLS under the RDS CA; root as RDS makes it (CREATEDB CREATEROLE, no superuser). */
export interface Databases {
  create(spec: DatabaseSpec): Promise<void>;
  setRootPassword(id: string, password: string): Promise<void>;
  restart(id: string): Promise<void>;
  /** Lets the instance answer at another private address or port alone (an order of its owner); its connections end. */
  move(id: string, to: { readonly address: string; readonly port: number }): Promise<void>;
  remove(id: string): Promise<void>;
  /** A logical or file copy kept as a backup, and its restore into an existing instance. */
  backup(id: string, backupId: string): Promise<void>;
  restore(id: string, backupId: string): Promise<void>;
}

export interface ClusterSpec {
  readonly id: string;
  readonly name: string;
  readonly projectId: string;
  /** `v1.33` as ordered; the server reports `v1.33.x-r0-…` style where the real binary allows, else its own. */
  readonly version: string;
  readonly vpcId: string;
  readonly internalAddress: string;
  /** EIP address of the API server, if any. */
  readonly externalAddress?: string;
  readonly serviceCidr: string;
  readonly containerCidr: string;
  readonly mode: 'vpc-router' | 'overlay_l2' | 'eni';
  /** In `eni` alone: the subnet that pods get ports in, by its network id, and the ports' groups. */
  readonly eni?: { readonly networkId: string; readonly groups: readonly string[] };
  /** Groups that guard the API server (control group), read at each connection. */
  readonly controlGroups: () => readonly string[];
}

export interface NodeSpec {
  readonly name: string;
  readonly address: string;
  readonly zone: string;
  readonly poolId: string;
  readonly serverId: string;
  readonly flavor: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly { readonly key: string; readonly value: string; readonly effect: string }[];
  /** May the node reach the internet now? Asks NAT gateway, SNAT rules, EIP and egress rules in the store. */
  readonly hasEgress: () => boolean;
}

/** Real control planes, one a CCE cluster. The API server listens on port 5443 of both addresses, behind the gate. */
export interface Clusters {
  create(spec: ClusterSpec): Promise<void>;
  bindExternal(id: string, address: string | undefined): Promise<void>;
  /** A client certificate; what it may do is what the cluster's RBAC gives the user and the groups. */
  credentials(
    id: string,
    options: { readonly user: string; readonly groups: readonly string[]; readonly days: number },
  ): Promise<{ readonly caPem: string; readonly certPem: string; readonly keyPem: string }>;
  /** Where the API server really listens, behind the gate. */
  apiServer(id: string): Promise<{ readonly host: string; readonly port: number }>;
  addNode(id: string, node: NodeSpec): Promise<void>;
  removeNode(id: string, name: string): Promise<void>;
  remove(id: string): Promise<void>;
}

/** Whoever answers under one or more true host names, over TLS on port 443. */
export interface Site {
  readonly name: string;
  /** Exact host names, or suffixes that start with a dot (`.otc.t-systems.com`). */
  readonly hosts: readonly string[];
  handle(request: IncomingMessage, response: ServerResponse): void | Promise<void>;
}

/** A room that takes part in snapshots: its files are copied while it is quiet. Both together take at most 3 s for all rooms. */
export interface Snapshotting {
  readonly name: string;
  save(folder: string): Promise<void>;
  load(folder: string): Promise<void>;
}
