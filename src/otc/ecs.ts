/** Owns the calls to ECS v1 and Nova v2.1 (Elastic Cloud Server API reference): flavors, limits, key pairs, servers. */
import type { Otc } from './client.ts';

export interface Flavor {
  readonly id: string;
  /** A number in a string. */
  readonly vcpus: string;
  /** MB */
  readonly ram: number;
  readonly os_extra_specs?: Readonly<Record<string, string>>;
}

export async function listFlavors(otc: Otc): Promise<Flavor[]> {
  return (await otc.get<{ flavors: Flavor[] }>('ecs', `/v1/${otc.projectId}/cloudservers/flavors`, { must: { flavors: [{ id: 'text' }] } })).flavors;
}

/** `-1` stands for no limit. RAM in MB. */
export interface Limits {
  readonly maxTotalInstances: number;
  readonly totalInstancesUsed: number;
  readonly maxTotalCores: number;
  readonly totalCoresUsed: number;
  readonly maxTotalRAMSize?: number;
  readonly totalRAMUsed?: number;
}

export async function readLimits(otc: Otc): Promise<Limits> {
  return (await otc.get<{ absolute: Limits }>('ecs', `/v1/${otc.projectId}/cloudservers/limits`, { must: { absolute: {} } })).absolute;
}

export interface KeyPair {
  readonly name: string;
  readonly public_key: string;
}

const keypairs = (otc: Otc): string => `/v2.1/${otc.projectId}/os-keypairs`;

/** The caller's own key pairs; those of other users are not shown. */
export async function listKeyPairs(otc: Otc, fresh?: boolean): Promise<KeyPair[]> {
  const must = { keypairs: [{ keypair: { name: 'text', public_key: 'text' } }] } as const;
  const answer = await otc.get<{ keypairs: { keypair: KeyPair }[] }>('ecs', keypairs(otc), { must, fresh });
  return answer.keypairs.map(({ keypair }) => keypair);
}

/** Imports a public key in OpenSSH form; 409 where the name exists, also where its first answer was lost. */
export async function importKeyPair(otc: Otc, keypair: { name: string; public_key: string }): Promise<void> {
  await otc.send<void>({ service: 'ecs', method: 'POST', path: keypairs(otc), body: { keypair }, repeatable: true });
}

export async function deleteKeyPair(otc: Otc, name: string): Promise<void> {
  await otc.delete('ecs', `${keypairs(otc)}/${name}`);
}

export interface Server {
  readonly id: string;
  readonly name: string;
  /** `BUILD`, `ACTIVE`, `SHUTOFF`, `ERROR` … */
  readonly status: string;
  /** RFC 3339. */
  readonly created?: string;
  readonly description?: string | null;
  readonly flavor: { readonly id: string };
  readonly metadata?: Readonly<Record<string, string>>;
  readonly 'OS-EXT-AZ:availability_zone'?: string;
  readonly security_groups?: readonly { readonly id: string }[];
  /** By VPC id. */
  readonly addresses: Readonly<
    Record<string, readonly { readonly addr: string; readonly 'OS-EXT-IPS:type': string; readonly 'OS-EXT-IPS:port_id'?: string }[]>
  >;
  readonly fault?: { readonly message?: string };
}

const known = { id: 'text', name: 'text', status: 'text', flavor: { id: 'text' }, addresses: {} } as const;
const ordered = { job_id: 'text' } as const;
const servers = (otc: Otc): string => `/v1/${otc.projectId}/cloudservers`;

/** Servers of exactly this name. The service's own filter by name is fuzzy. */
export async function listServers(otc: Otc, name: string, fresh?: boolean): Promise<Server[]> {
  const more = { must: { servers: [known] }, query: { name, limit: 1000 }, fresh } as const;
  const answer = await otc.get<{ servers: Server[] }>('ecs', `${servers(otc)}/detail`, more);
  return answer.servers.filter((server) => server.name === name);
}

export async function getServer(otc: Otc, id: string): Promise<Server> {
  return (await otc.get<{ server: Server }>('ecs', `${servers(otc)}/${id}`, { must: { server: known }, fresh: true })).server;
}

export interface ServerJob {
  readonly status: 'INIT' | 'RUNNING' | 'SUCCESS' | 'FAIL';
  readonly error_code?: string | null;
  readonly fail_reason?: string | null;
}

export async function getServerJob(otc: Otc, id: string): Promise<ServerJob> {
  return otc.get<ServerJob>('ecs', `/v1/${otc.projectId}/jobs/${id}`, { must: { status: 'text' }, fresh: true });
}

/** Orders a server; names are not unique. The server shows some seconds later. */
export async function createServer(otc: Otc, server: Readonly<Record<string, unknown>>): Promise<{ job_id: string; serverIds?: readonly string[] }> {
  return otc.post<{ job_id: string; serverIds?: readonly string[] }>('ecs', servers(otc), { server }, ordered);
}

/** With its disks; its EIP is only unbound. */
export async function deleteServer(otc: Otc, id: string): Promise<{ job_id: string }> {
  const body = { servers: [{ id }], delete_publicip: false, delete_volume: true };
  return otc.send<{ job_id: string }>({ service: 'ecs', method: 'POST', path: `${servers(otc)}/delete`, body, must: ordered, repeatable: true });
}

export async function startServer(otc: Otc, id: string): Promise<{ job_id: string }> {
  const body = { 'os-start': { servers: [{ id }] } };
  return otc.send<{ job_id: string }>({ service: 'ecs', method: 'POST', path: `${servers(otc)}/action`, body, must: ordered, repeatable: true });
}
