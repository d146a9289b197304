/**
 * Owns the DNS server that real programs in pods ask: cluster names from `services.ts`, everything else from the world.
 * Stand-ins ask without it (`kubelet/pod-network.ts`).
 */
import { createSocket } from 'node:dgram';
import packet from 'dns-packet';
import type { World } from '../contract.ts';
import { type Services, serviceNamed } from './services.ts';

/** Answers on UDP port 53 of an address until closed. */
export async function clusterDns(world: World, services: Services, address: string): Promise<{ close(): Promise<void> }> {
  const lookup = async (name: string): Promise<string[]> => {
    if (!name.endsWith('.cluster.local')) return world.resolve(name);
    const meant = name.endsWith('.svc.cluster.local') ? serviceNamed(name, '') : undefined;
    return meant === undefined ? [] : services.addresses(meant.name, meant.namespace);
  };
  const socket = createSocket('udp4');
  socket.on('error', (error) => world.log('cluster-dns', error.message));
  socket.on('message', (message, from) => {
    const answer = async () => {
      const query = packet.decode(message);
      const [question] = query.questions ?? [];
      if (question === undefined) return;
      const name = question.name.toLowerCase().replace(/\.$/, '');
      const found = await lookup(name);
      const answers = question.type === 'A' ? found.map((data) => ({ type: 'A' as const, name: question.name, ttl: 5, data })) : [];
      // NXDOMAIN only where nothing of any type is there: an empty answer to AAAA must not hide the A record.
      const code = found.length === 0 ? 3 : 0;
      const flags = packet.RECURSION_DESIRED | packet.RECURSION_AVAILABLE | code;
      const reply = packet.encode({ type: 'response', ...(query.id === undefined ? {} : { id: query.id }), flags, questions: [question], answers });
      socket.send(reply, from.port, from.address);
    };
    answer().catch((error: unknown) => world.log('cluster-dns', String(error)));
  });
  await world.addresses.add(address);
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(53, address, () => {
      socket.off('error', reject);
      resolve();
    });
  });
  return {
    async close() {
      await new Promise<void>((resolve) => socket.close(() => resolve()));
      await world.addresses.remove(address);
    },
  };
}
