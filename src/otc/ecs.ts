/** Owns the calls to ECS v1 and Nova v2.1 (Elastic Cloud Server API reference): flavors, limits, key pairs. */
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
  return (await otc.get<{ flavors: Flavor[] }>('ecs', `/v1/${otc.projectId}/cloudservers/flavors`)).flavors;
}

/** `-1` stands for no limit. RAM in MB. */
export interface Limits {
  readonly maxTotalInstances: number;
  readonly totalInstancesUsed: number;
  readonly maxTotalCores: number;
  readonly totalCoresUsed: number;
}

export async function readLimits(otc: Otc): Promise<Limits> {
  return (await otc.get<{ absolute: Limits }>('ecs', `/v1/${otc.projectId}/cloudservers/limits`)).absolute;
}

export interface KeyPair {
  readonly name: string;
  readonly public_key: string;
}

const keypairs = (otc: Otc): string => `/v2.1/${otc.projectId}/os-keypairs`;

/** The caller's own key pairs; those of other users are not shown. */
export async function listKeyPairs(otc: Otc, fresh?: boolean): Promise<KeyPair[]> {
  const answer = await otc.get<{ keypairs: { keypair: KeyPair }[] }>('ecs', keypairs(otc), undefined, fresh);
  return answer.keypairs.map(({ keypair }) => keypair);
}

/** Imports a public key in OpenSSH form; 409 where the name exists. */
export async function importKeyPair(otc: Otc, keypair: { name: string; public_key: string }): Promise<void> {
  await otc.post<void>('ecs', keypairs(otc), { keypair });
}

export async function deleteKeyPair(otc: Otc, name: string): Promise<void> {
  await otc.delete('ecs', `${keypairs(otc)}/${name}`);
}
