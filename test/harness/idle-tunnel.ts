/**
 * A program of the scenario about idleness, run where the runner is: the action's tunnel through the bastion, behind a gateway
 * that forgets idle connections. Reads what to do as JSON from standard input and says what it saw as JSON.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as secure, type TLSSocket } from 'node:tls';
import { Secret } from '../../src/secret.ts';
import { tunnelThrough } from '../../src/tools/tunnel.ts';
import { forgetfulGateway } from './forgetful.ts';

export interface IdleRequest {
  readonly bastion: { readonly host: string; readonly user: string; readonly clientKey: string; readonly hostKey: string };
  readonly target: { readonly host: string; readonly port: number };
  /** Seconds of the scaled clock. */
  readonly keepalive: number;
  readonly forgets: number;
  readonly idle: number;
}

export interface IdleSeen {
  /** Status line of a request over the connection that was idle; undefined where that had ended. */
  readonly after: string | undefined;
  /** The same over a connection made then. */
  readonly anew: string;
  readonly forgotten: number;
}

/** The status line of the API server's answer; undefined where the connection is at its end. */
function ask(connection: TLSSocket): Promise<string | undefined> {
  if (connection.destroyed || connection.readableEnded) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const end = (): void => resolve(undefined);
    connection.once('end', end).once('close', end).once('error', end);
    connection.once('data', (chunk: Buffer) => resolve(chunk.toString('latin1').split('\r\n')[0]));
    connection.write('GET /version HTTP/1.1\r\nHost: kubernetes\r\n\r\n');
  });
}

async function overTls(stream: Duplex): Promise<TLSSocket> {
  // Only whether bytes arrive is of interest here.
  const connection = secure({ socket: stream, rejectUnauthorized: false });
  await once(connection, 'secureConnect');
  connection.on('error', () => connection.destroy());
  return connection;
}

const { bastion, target, keepalive, forgets, idle } = JSON.parse(await text(process.stdin)) as IdleRequest;
const gateway = forgetfulGateway({ host: bastion.host, port: 22 }, forgets * 1000);
gateway.server.listen(0, '127.0.0.1');
await once(gateway.server, 'listening');
const { port } = gateway.server.address() as { readonly port: number };
const dial = async (host: string, at: number): Promise<Socket> => {
  const socket = connect(at, host);
  await once(socket, 'connect');
  return socket;
};
const access = {
  ...{ name: 'the bastion', host: '127.0.0.1', port, user: bastion.user, bootsUntil: 0 },
  ...{ clientKey: new Secret(bastion.clientKey), hostKey: bastion.hostKey, hostFingerprint: 'as derived' },
};
const ports = { dial, now: Date.now, pause: (seconds: number) => sleep(seconds * 1000), keepaliveSeconds: keepalive, channelSeconds: 30 };
const tunnel = tunnelThrough(access, target, ports);
const held = await overTls(await tunnel.connect());
await sleep(idle * 1000);
const after = await ask(held);
const anew = await ask(await overTls(await tunnel.connect()));
const seen: IdleSeen = { after, anew: anew ?? 'the connection ended', forgotten: gateway.forgotten() };
process.stdout.write(JSON.stringify(seen));
process.exit(0);
