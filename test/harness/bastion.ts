/** Owns what scenarios about the bastion share: its keys and rows in a world, and changes to it behind everybody's back. */
import assert from 'node:assert/strict';
import type { ServerRow } from '../../sandbox/otc/tables/compute.ts';
import type { PublicIpRow, SecurityGroupRuleRow } from '../../sandbox/otc/tables/network.ts';
import { Secret } from '../../src/secret.ts';
import { deriveSecrets } from '../../src/stack/secrets.ts';
import { type BastionKeys, bastionKeys } from '../../src/stack/ssh-keys.ts';
import type { TestWorld } from './world.ts';

function seedOf(stackSecret: string): Secret {
  const { bastionKeySeed: seed } = deriveSecrets({ stackSecret: new Secret(stackSecret) }, { databaseRoot: 1, databaseUser: 1, admin: 1 });
  assert.ok(seed);
  return seed;
}

/** The keys that a stack's one secret gives its bastion. */
export function keysOf(stackSecret: string): BastionKeys {
  return bastionKeys(seedOf(stackSecret));
}

/** The input `bastion-key` that goes with a stack's one secret. */
export function bastionKeySeed(stackSecret: string): string {
  return seedOf(stackSecret).open();
}

/** What of the user data the scenarios change. */
export interface UserData {
  readonly users: Record<string, unknown>[];
  readonly ssh_keys: Record<string, string>;
  readonly write_files: { readonly path: string; content: string }[];
}

export interface Bastion {
  server(): Promise<ServerRow>;
  publicIp(): Promise<PublicIpRow>;
  /** How many servers and addresses of a bastion there are. */
  count(): Promise<number>;
  /** Ingress rules for port 22. */
  entrances(): Promise<SecurityGroupRuleRow[]>;
  set(fields: Partial<ServerRow>): Promise<void>;
  /** Changes what its user data says and starts sshd anew with that. @returns how to undo it */
  tell(change: (config: UserData) => void): Promise<() => Promise<void>>;
}

export function bastionIn(world: TestWorld): Bastion {
  const servers = async (): Promise<ServerRow[]> =>
    (await world.control.table<ServerRow>('ecs.servers')).filter(({ name }) => name.startsWith('zitadel-sandbox-bastion-'));
  const addresses = async (): Promise<PublicIpRow[]> =>
    (await world.control.table<PublicIpRow>('vpc.publicips')).filter(({ alias }) => alias.startsWith('zitadel-sandbox-bastion-'));
  const one = <T>([found]: readonly T[]): T => {
    assert.ok(found, 'the bastion is there');
    return found;
  };
  /** Waits until sshd answers. */
  const sshd = async (): Promise<void> => {
    const { public_ip_address: address } = one(await addresses());
    const scan = `for i in $(seq 50); do ssh-keyscan -T 1 -t ed25519 ${address} 2>/dev/null | grep -q ed25519 && exit 0; sleep 0.1; done; exit 1`;
    assert.equal((await world.enter(['sh', '-c', scan])).exitCode, 0, 'sshd answers');
  };
  const bastion: Bastion = {
    server: async () => one(await servers()),
    publicIp: async () => one(await addresses()),
    count: async () => (await servers()).length + (await addresses()).length,
    entrances: async () =>
      (await world.control.table<SecurityGroupRuleRow>('vpc.security-group-rules')).filter(
        (rule) => rule.port_range_min === 22 && rule.direction === 'ingress',
      ),
    set: async (fields) => {
      const { id } = await bastion.server();
      await world.control.edit({ tables: { 'ecs.servers': { update: { [id]: fields } } } });
    },
    tell: async (change) => {
      const { user_data } = await bastion.server();
      const config = JSON.parse(Buffer.from(user_data, 'base64').toString('utf8').replace('#cloud-config', ''));
      change(config);
      await bastion.set({ user_data: Buffer.from(`#cloud-config\n${JSON.stringify(config)}`).toString('base64') });
      await sshd();
      return async () => {
        await bastion.set({ user_data });
        await sshd();
      };
    },
  };
  return bastion;
}
