/**
 * Owns the visitors' way to the API servers: an HTTP proxy (CONNECT) that leads past the cloud's groups to whatever cluster has
 * the address asked for, so that people can look around whatever way in their stack has. Its password stands in the kubeconfig
 * of the world's folder and nowhere else: a run of the action has its own way to prove, and does not get in here.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clusters } from '../contract.ts';
import type { Store } from '../otc/store.ts';
import type { CceClusterRow } from '../otc/tables/compute-cce.ts';

export interface Visitors {
  /** With user and password, for `proxy-url` in a kubeconfig. */
  readonly url: string;
  close(): Promise<void>;
}

const user = 'visitor';

export async function visitors(
  { store, clusters }: { readonly store: Store; readonly clusters: Pick<Clusters, 'apiServer'> },
  { host, port }: { readonly host: string; readonly port: number },
): Promise<Visitors> {
  const password = randomBytes(24).toString('base64url');
  const expected = Buffer.from(`Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`);
  const open = new Set<Duplex>();
  const keep = (socket: Duplex): void => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    socket.on('error', () => socket.destroy());
  };
  const known = ({ headers }: IncomingMessage): boolean => {
    const given = Buffer.from(headers['proxy-authorization'] ?? '');
    return given.length === expected.length && timingSafeEqual(given, expected);
  };
  const upstream = async (target: string): Promise<Socket | undefined> => {
    const cluster = store
      .table<CceClusterRow>('cce.clusters')
      .where(({ internal_address: inside, external_address: outside }) => target === `${inside}:5443` || target === `${outside}:5443`)[0];
    return cluster === undefined ? undefined : connect(await clusters.apiServer(cluster.id));
  };
  const server = createServer((_request, response) => void response.writeHead(405).end('only CONNECT is served here\n'));
  server.on('connect', (request: IncomingMessage, client: Duplex, head: Buffer) => {
    keep(client);
    const refuse = (line: string): void => void client.end(`HTTP/1.1 ${line}\r\nConnection: close\r\n\r\n`);
    if (!known(request)) return refuse('407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="visitors"');
    upstream(request.url ?? '').then(
      (socket) => {
        if (socket === undefined) return refuse('403 Forbidden');
        keep(socket);
        socket.once('close', () => client.destroy());
        client.once('close', () => socket.destroy());
        socket.once('connect', () => {
          client.write('HTTP/1.1 200 Connection established\r\n\r\n');
          socket.write(head);
          client.pipe(socket);
          socket.pipe(client);
        });
      },
      // Its control plane is being made, or is gone.
      () => refuse('502 Bad Gateway'),
    );
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, () => resolve()));
  const { port: listening } = server.address() as AddressInfo;
  return {
    url: `http://${user}:${password}@${host}:${listening}`,
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
