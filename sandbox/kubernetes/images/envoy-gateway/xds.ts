/** Owns the port on which Envoy Gateway hands its configuration out: that it listens is what its Envoys wait for. */
import { createServer } from 'node:net';
import type { ContainerContext } from '../../image.ts';

export async function listenXds(context: ContainerContext, port: number): Promise<() => Promise<void>> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, context.address, resolve);
  });
  return () => new Promise<void>((resolve) => server.close(() => resolve()));
}
