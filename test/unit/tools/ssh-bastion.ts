/** Owns a bastion for unit tests: an SSH server in this process that forwards to one port of this machine. */
import { connect, createServer, type Server as NetServer } from 'node:net';
import { after } from 'node:test';
import ssh2 from 'ssh2';
import { type SshKey, sshKey } from '../../../src/stack/ssh-keys.ts';
import type { BastionAccess } from '../../../src/tools/bastion-ssh.ts';

export const client = sshKey(Buffer.alloc(32, 1));
export const host = sshKey(Buffer.alloc(32, 2));
const opened: { close(): unknown }[] = [];
after(() => {
  for (const one of opened) one.close();
});

export async function listening(server: NetServer | ssh2.Server): Promise<number> {
  opened.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  return (server.address() as { port: number }).port;
}

export interface Bastion {
  readonly port: number;
  readonly sockets: Set<ssh2.Connection>;
}

/** A port about which the server says nothing, as while a firewall swallows its packets. */
export const SILENT = 1;

/** An SSH server that lets `key` forward to one port of this machine, and answers 2 ("connect failed") for any other. */
export async function bastion(hostKey: string, key: SshKey, allowed: number): Promise<Bastion> {
  const sockets = new Set<ssh2.Connection>();
  const server = new ssh2.Server({ hostKeys: [hostKey] }, (connection) => {
    sockets.add(connection);
    connection.on('error', () => sockets.delete(connection));
    connection.on('close', () => sockets.delete(connection));
    connection.on('authentication', (context) => {
      const right = context.method === 'publickey' && context.key.data.equals(Buffer.from(key.publicBlob, 'base64'));
      if (right) context.accept();
      else context.reject(['publickey']);
    });
    connection.on('tcpip', (accept, reject, { destPort }) => {
      if (destPort === SILENT) return;
      if (destPort !== allowed) return reject();
      const stream = accept();
      const socket = connect(destPort, '127.0.0.1');
      socket.on('error', () => stream.destroy());
      stream.on('error', () => socket.destroy());
      stream.pipe(socket).pipe(stream);
    });
  });
  return { port: await listening(server), sockets };
}

export const echo = (): Promise<number> =>
  listening(
    createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.pipe(socket);
    }),
  );

export const access = (port: number, over: Partial<BastionAccess> = {}): BastionAccess => ({
  name: 'shop-bastion',
  host: '127.0.0.1',
  port,
  user: 'tunnel',
  clientKey: client.privateKey,
  hostKey: host.publicBlob,
  hostFingerprint: host.fingerprint,
  bootsUntil: 0,
  ...over,
});
