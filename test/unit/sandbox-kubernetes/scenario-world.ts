/**
 * Owns the bare world of `scenario.ts`: the network namespace it runs in, a store, addresses and a gate that lets everything
 * through, and what clusters and nodes in it look like. What runs in the pods is `scenario-images.ts`.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClusterSpec, Gate, NodeSpec, World } from '../../../sandbox/contract.ts';
import { Store } from '../../../sandbox/otc/store.ts';
import { LoopbackAddresses } from '../../../sandbox/world/addresses.ts';

execFileSync('ip', ['link', 'set', 'lo', 'up']);
export const folder = mkdtempSync(join(tmpdir(), 'world-'));
/** What went wrong in the sandbox itself. */
export const defects: string[] = [];
const store = new Store((error) => defects.push(String(error)));
export const addresses = new LoopbackAddresses();

/** Lets everything through: what the groups say is tested with the gate. */
const gate: Gate = {
  permits: () => true,
  async listen({ address, port, upstream }) {
    const server = createServer((client) => {
      const behind = 'path' in upstream ? connect(upstream.path) : connect(upstream.port, upstream.host);
      client.on('error', () => behind.destroy());
      behind.on('error', () => client.destroy());
      client.pipe(behind).pipe(client);
    });
    server.listen(port, address);
    await once(server, 'listening');
    return async () => {
      server.close();
    };
  },
};

export const world = {
  ...{ store, addresses, gate, folder },
  cache: join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'zitadel-on-otc'),
  log: (_room: string, line: string) => defects.push(line),
  resolve: async (name: string) => (name === 'login.example.com' ? ['203.0.113.9'] : []),
  get authority(): never {
    throw new Error('not part of this world');
  },
  get databases(): never {
    throw new Error('not part of this world');
  },
  get clusters(): never {
    throw new Error('not part of this world');
  },
} satisfies World;

export const spec = (id: string, n: number): ClusterSpec => ({
  ...{ id, name: id, projectId: 'p', version: 'v1.33', vpcId: `vpc-${id}`, serviceCidr: '10.247.0.0/16', containerCidr: '172.16.0.0/16' },
  ...{ internalAddress: `10.${n}.0.5`, externalAddress: `203.0.113.${n}`, mode: 'vpc-router', controlGroups: () => [] },
});
export const node = (n: number, zone: number, egress = true): NodeSpec => ({
  ...{ name: `10.${n}.1.${zone}`, address: `10.${n}.1.${zone}`, zone: `eu-de-0${zone}`, poolId: 'pool', serverId: `server-${n}-${zone}` },
  ...{ flavor: 's3.large.4', labels: {}, taints: [], hasEgress: () => egress },
});
