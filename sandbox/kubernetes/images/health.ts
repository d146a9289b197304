/** Owns the health port that most images have: the given paths answer 200 `ok`, everything else 404. */
import { createServer } from 'node:http';
import type { ContainerContext } from '../image.ts';

export async function serveHealth(context: ContainerContext, port: number, paths: readonly string[]): Promise<() => Promise<void>> {
  const server = createServer((request, response) => {
    const found = paths.includes((request.url ?? '').split('?')[0] ?? '');
    response.writeHead(found ? 200 : 404, { 'content-type': 'text/plain', connection: 'close' }).end(found ? 'ok' : 'not found');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, context.address, resolve);
  });
  return () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
}
