/**
 * Owns the tunnel through the bastion: connections to one address inside the VPC, for the API client as streams, for helm and
 * kubectl behind a port of 127.0.0.1. How the bastion is connected to is `bastion-ssh.ts`'s.
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Client } from 'ssh2';
import { asFault, Cancelled, Fault } from '../engine/fault.ts';
import { pauseFor } from '../engine/until.ts';
import { type BastionAccess, type ConnectionPorts, channel, connectPatiently, type Target } from './bastion-ssh.ts';
import { dial } from './dial.ts';

export interface Tunnel {
  /** Connects to the bastion, where no connection stands. @throws Fault that says what is wrong with it */
  open(): Promise<void>;
  /** A connection to the target. @throws Fault that says what is wrong with the bastion */
  connect(): Promise<Duplex>;
  /** A port of 127.0.0.1 that leads to the target, once the bastion has answered. @throws Fault as {@link connect} */
  localPort(): Promise<number>;
  /** How often the connection was cut so far. */
  readonly cuts: number;
  close(): Promise<void>;
}

/** Below what firewalls and NAT forget. */
const KEEPALIVE_SECONDS = 15;
/** Seconds within which the bastion must have opened a connection to the target. */
const CHANNEL_SECONDS = 30;
/** Seconds for which a bastion that does not let us in is not asked again: all who need it hear the same, at once. */
const CLOSED_SECONDS = 60;

export interface TunnelPorts extends ConnectionPorts {
  readonly channelSeconds: number;
}

const realPorts: TunnelPorts = { dial, now: Date.now, pause: pauseFor, keepaliveSeconds: KEEPALIVE_SECONDS, channelSeconds: CHANNEL_SECONDS };

/** A tunnel that is opened at its first use, and again whenever it was cut. */
export function tunnelThrough(bastion: BastionAccess, target: Target, ports = realPorts): Tunnel {
  const closing = new AbortController();
  let client: Promise<Client> | undefined;
  let entrance: Promise<Entrance> | undefined;
  let cuts = 0;
  let closed: { readonly fault: Fault; readonly until: number } | undefined;

  const connected = (): Promise<Client> => {
    if (client !== undefined) return client;
    if (closed !== undefined && ports.now() < closed.until) return Promise.reject(closed.fault);
    const pending = connectPatiently(bastion, ports, closing.signal);
    client = pending;
    const cut = (): void => {
      cuts += 1;
      forget();
    };
    const forget = (): void => {
      if (client === pending) client = undefined;
    };
    pending.then(
      (made) => made.once('close', cut),
      (error: unknown) => {
        if (error instanceof Fault) closed = { fault: error, until: ports.now() + CLOSED_SECONDS * 1000 };
        forget();
      },
    );
    return pending;
  };
  const forward = async (): Promise<Duplex> => {
    for (let attempt = 1; ; attempt += 1) {
      const through = await connected();
      try {
        return await channel(through, bastion, target, ports.channelSeconds);
      } catch (error) {
        // The connection was cut and nobody had noticed yet: once more, on a new one.
        if (error instanceof Fault || attempt === 2) throw asFault(error);
        through.destroy();
        client = undefined;
      }
    }
  };
  return {
    open: async () => void (await connected()),
    connect: forward,
    get cuts() {
      return cuts;
    },
    localPort: async () => {
      await connected();
      entrance ??= entranceTo(forward);
      return (await entrance).port;
    },
    close: async () => {
      closing.abort(new Cancelled('the tunnel was closed'));
      await (await entrance)?.close();
      const [made] = await Promise.allSettled([client]);
      if (made.status === 'fulfilled') made.value?.destroy();
    },
  };
}

/** A port of 127.0.0.1 that leads through the tunnel. */
interface Entrance {
  readonly port: number;
  close(): Promise<void>;
}

async function entranceTo(forward: () => Promise<Duplex>): Promise<Entrance> {
  const sockets = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    // Whoever asked sees its connection end; the cause is told to the next who calls connect() or localPort().
    forward().then(
      (stream) => join(socket, stream),
      () => socket.destroy(),
    );
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
  return {
    port,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => void server.close(() => resolve()));
    },
  };
}

function join(socket: Socket, stream: Duplex): void {
  stream.on('error', () => socket.destroy());
  stream.once('close', () => socket.destroy());
  socket.once('close', () => stream.destroy());
  socket.pipe(stream);
  stream.pipe(socket);
}
