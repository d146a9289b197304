/**
 * Owns the backends behind the services under test: databases and control planes that take notes and succeed, or fail where a
 * test says so, and a gate that evaluates the real rows. The little cloud itself is in `sandbox-otc/cloud.ts`.
 */
import assert from 'node:assert/strict';
import type { ClusterSpec, DatabaseSpec, NodeSpec, World } from '../../../sandbox/contract.ts';
import { trustCce } from '../../../sandbox/otc/index.ts';
import type { Store } from '../../../sandbox/otc/store.ts';
import { networkTables } from '../../../sandbox/otc/tables/network.ts';
import { permitted } from '../../../sandbox/world/groups.ts';
import { type Cloud, eventually, startCloud } from '../sandbox-otc/cloud.ts';

export interface Notes {
  readonly databases: Map<string, DatabaseSpec>;
  readonly clusters: Map<string, ClusterSpec>;
  readonly nodes: Map<string, NodeSpec>;
  /** What was asked of the backends, in order. */
  readonly asked: string[];
  /** Set to let the next creation fail. */
  failure: string | undefined;
}

export interface Place {
  readonly vpc: string;
  readonly network: string;
  readonly subnet: string;
  readonly group: string;
}

export interface ComputeCloud extends Cloud {
  readonly notes: Notes;
  /** `https://rds.eu-de…/v3/<project>` and its kin, as the catalog has them. */
  readonly rds: string;
  readonly cce: string;
  readonly elb: string;
  readonly ecs: string;
  readonly nova: string;
  get(url: string): ReturnType<Cloud['ask']>;
  send(method: 'POST' | 'PUT' | 'DELETE', url: string, body?: unknown): ReturnType<Cloud['ask']>;
  /** A VPC with a subnet, and a group: ids as chapter 11 tells them apart. */
  network(): Promise<Place>;
  /** Gives CCE its agency. */
  delegate(): void;
  keyPair(name: string): Promise<void>;
}

/** A cloud with a network, in which CCE has its agency. */
export async function startClusterCloud(): Promise<{ readonly cloud: ComputeCloud; readonly place: Place }> {
  const cloud = await startComputeCloud();
  const place = await cloud.network();
  cloud.delegate();
  return { cloud, place };
}

export async function startComputeCloud(pace: 'instant' | 'fast' = 'instant'): Promise<ComputeCloud> {
  const notes: Notes = { databases: new Map(), clusters: new Map(), nodes: new Map(), asked: [], failure: undefined };
  const cloud = await startCloud(pace, (store) => backends(store, notes));
  const { project } = cloud;
  const host = (prefix: string): string => `https://${prefix}.eu-de.otc.t-systems.com`;
  const get = (url: string) => cloud.as('admin', url);
  const send: ComputeCloud['send'] = (method, url, body) => cloud.as('admin', url, { method, ...(body === undefined ? {} : { body }) });
  return {
    ...cloud,
    notes,
    rds: `${host('rds')}/v3/${project}`,
    cce: `${host('cce')}/api/v3/projects/${project}`,
    elb: `${host('elb')}/v3/${project}/elb`,
    ecs: `${host('ecs')}/v1/${project}`,
    nova: `${host('ecs')}/v2.1/${project}`,
    get,
    send,
    close() {
      // Transitions of the real pace would keep the process.
      cloud.store.load(JSON.stringify({ tables: {}, timed: [], pace: 'instant' }));
      return cloud.close();
    },
    async network() {
      const vpc = await send('POST', `${host('vpc')}/v1/${project}/vpcs`, {
        vpc: { name: `vpc-${Math.random().toString(36).slice(2, 8)}`, cidr: '10.20.0.0/16' },
      });
      const vpcId = String(vpc.body.vpc.id);
      await eventually(
        () => networkTables(cloud.store).vpcs.get(vpcId)?.status,
        (status) => status === 'OK',
        'VPC',
      );
      const subnet = await send('POST', `${host('vpc')}/v1/${project}/subnets`, {
        subnet: {
          name: 'nodes',
          cidr: '10.20.0.0/24',
          gateway_ip: '10.20.0.1',
          vpc_id: vpcId,
          primary_dns: '100.125.4.25',
          secondary_dns: '100.125.129.199',
        },
      });
      const network = String(subnet.body.subnet.id);
      const row = await eventually(
        () => networkTables(cloud.store).subnets.get(network),
        (seen) => seen?.status === 'ACTIVE',
        'subnet',
      );
      const group = await send('POST', `${host('vpc')}/v2.0/security-groups`, { security_group: { name: 'rds-instances' } });
      return { vpc: vpcId, network, subnet: row?.neutron_subnet_id ?? '', group: String(group.body.security_group.id) };
    },
    delegate: () => trustCce(cloud.store, cloud.tenant),
    async keyPair(name) {
      const made = await send('POST', `${host('ecs')}/v2.1/${project}/os-keypairs`, { keypair: { name } });
      assert.equal(made.status, 200);
    },
  };
}

function backends(store: Store, notes: Notes): Partial<World> {
  const note = async (what: string): Promise<void> => {
    notes.asked.push(what);
    if (notes.failure !== undefined) {
      const message = notes.failure;
      notes.failure = undefined;
      throw new Error(message);
    }
  };
  return {
    databases: {
      async create(spec) {
        await note(`database create ${spec.name}`);
        notes.databases.set(spec.id, spec);
      },
      setRootPassword: (id, password) => note(`database password ${id} ${password.length}`),
      restart: (id) => note(`database restart ${id}`),
      move: (id, { address, port }) => note(`database move ${id} ${address}:${port}`),
      async remove(id) {
        await note(`database remove ${id}`);
        notes.databases.delete(id);
      },
      backup: (id, backupId) => note(`database backup ${id} ${backupId}`),
      restore: (id, backupId) => note(`database restore ${id} ${backupId}`),
    },
    clusters: {
      async create(spec) {
        await note(`cluster create ${spec.name}`);
        notes.clusters.set(spec.id, spec);
      },
      bindExternal: (id, address) => note(`cluster external ${id} ${address ?? 'none'}`),
      credentials: async (_id, { days }) => ({ caPem: 'CA', certPem: `CERT ${days}`, keyPem: 'KEY' }),
      apiServer: async () => ({ host: '127.0.0.1', port: 6443 }),
      async addNode(id, node) {
        await note(`cluster node ${id} ${node.name}`);
        notes.nodes.set(node.name, node);
      },
      async removeNode(id, name) {
        await note(`cluster node gone ${id} ${name}`);
        notes.nodes.delete(name);
      },
      async remove(id) {
        await note(`cluster remove ${id}`);
        notes.clusters.delete(id);
      },
    },
    gate: {
      listen: async () => async () => undefined,
      permits(question) {
        const { ports, rules, vpcs, subnets } = networkTables(store);
        return permitted(question, { ports: ports.all(), rules: rules.all(), vpcs: vpcs.all(), subnets: subnets.all(), containerRanges: [] });
      },
    },
  };
}
