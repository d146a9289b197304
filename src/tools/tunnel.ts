/**
 * Owns the SSH tunnel through the bastion: connections to one address inside the VPC, for the API client as streams, for
 * helm and kubectl behind a port of 127.0.0.1. Who the bastion is and which keys it has is the cloud's business.
 *
 * It is the library `ssh2`, not the system's ssh: the key stays in memory, the host key is compared byte by byte with the
 * derived one, causes come as errors and not as text on stderr, and no process of its own can outlive a killed run.
 */
import { createHash } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Client, ConnectConfig } from 'ssh2';
import { asFault, Cancelled, Fault } from '../engine/fault.ts';
import { pauseFor } from '../engine/until.ts';
import type { Secret } from '../secret.ts';
import { dial } from './dial.ts';

export interface BastionAccess {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** PEM in OpenSSH's form. */
  readonly clientKey: Secret;
  /** The only host key that is accepted: base64 as in a known_hosts line, an Ed25519 key. */
  readonly hostKey: string;
  readonly hostFingerprint: string;
  /** Until then it may still be booting; milliseconds of `Date.now()`. */
  readonly bootsUntil: number;
}

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

/** Seconds between signs of life on an idle connection, below what firewalls and NAT forget; after four unanswered it is over. */
const KEEPALIVE_SECONDS = 15;
const KEEPALIVES = 4;
const HANDSHAKE_SECONDS = 15;
/** Seconds within which the bastion must have opened a connection to the target. */
const CHANNEL_SECONDS = 30;
/** Seconds within which a cut connection is made again, also where the bastion restarts. */
const PATIENCE_SECONDS = 20;
const PAUSE_SECONDS = 1;
/** Seconds for which a bastion that does not let us in is not asked again: all who need it hear the same, at once. */
const CLOSED_SECONDS = 60;

export interface TunnelPorts {
  readonly dial: (host: string, port: number, signal: AbortSignal) => Promise<Socket>;
  readonly now: () => number;
  readonly pause: (seconds: number, signal: AbortSignal) => Promise<void>;
  readonly keepaliveSeconds: number;
  readonly channelSeconds: number;
}

const realPorts: TunnelPorts = { dial, now: Date.now, pause: pauseFor, keepaliveSeconds: KEEPALIVE_SECONDS, channelSeconds: CHANNEL_SECONDS };

/** A tunnel that is opened at its first use, and again whenever it was cut. */
export function tunnelThrough(bastion: BastionAccess, target: { readonly host: string; readonly port: number }, ports = realPorts): Tunnel {
  const closing = new AbortController();
  let client: Promise<Client> | undefined;
  let server: Promise<{ readonly server: Server; readonly port: number }> | undefined;
  const sockets = new Set<Socket>();
  let cuts = 0;
  let closed: { readonly fault: Fault; readonly until: number } | undefined;

  const connected = (): Promise<Client> => {
    if (client !== undefined) return client;
    if (closed !== undefined && ports.now() < closed.until) return Promise.reject(closed.fault);
    const pending = patiently(bastion, ports, closing.signal);
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
  const serve = async (): Promise<{ readonly server: Server; readonly port: number }> => {
    const listening = createServer({ allowHalfOpen: true }, (socket) => {
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
      listening.once('error', reject);
      listening.listen(0, '127.0.0.1', () => {
        const address = listening.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    return { server: listening, port };
  };
  return {
    open: async () => void (await connected()),
    connect: forward,
    get cuts() {
      return cuts;
    },
    localPort: async () => {
      await connected();
      server ??= serve();
      return (await server).port;
    },
    close: async () => {
      closing.abort(new Cancelled('the tunnel was closed'));
      for (const socket of sockets) socket.destroy();
      const listening = await server;
      await new Promise<void>((resolve) => (listening === undefined ? resolve() : listening.server.close(() => resolve())));
      const [made] = await Promise.allSettled([client]);
      if (made.status === 'fulfilled') made.value?.destroy();
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

/** Tries until the bastion answers, as long as it may be booting or restarting; what time does not mend is thrown at once. */
async function patiently(bastion: BastionAccess, ports: TunnelPorts, signal: AbortSignal): Promise<Client> {
  const giveUp = Math.max(bastion.bootsUntil, ports.now() + PATIENCE_SECONDS * 1000);
  for (;;) {
    try {
      return await handshake(bastion, ports, signal);
    } catch (error) {
      if (error instanceof Fault || signal.aborted) throw error;
      // Silence has lasted long enough by itself, unless it is that of a server that boots.
      if (ports.now() + PAUSE_SECONDS * 1000 >= (isSilence(error) ? bastion.bootsUntil : giveUp)) throw unreachable(bastion, error);
    }
    await ports.pause(PAUSE_SECONDS, signal);
  }
}

/** Neither an answer nor a refusal: what a rule that does not admit us looks like. */
function isSilence(error: unknown): boolean {
  const { level, cause } = error as { readonly level?: string; readonly cause?: { readonly code?: string } };
  return level === 'client-timeout' || cause?.code === 'ETIMEDOUT';
}

async function handshake(bastion: BastionAccess, ports: TunnelPorts, signal: AbortSignal): Promise<Client> {
  const [{ default: ssh2 }, sock] = await Promise.all([import('ssh2'), dialed(bastion, ports, signal)]);
  const client = new ssh2.Client();
  let hostDiffers: string | undefined;
  const config: ConnectConfig = {
    sock,
    username: bastion.user,
    privateKey: bastion.clientKey.open(),
    // Nothing but the derived key's kind is agreed on, so that a stranger cannot answer with a key of another kind.
    // AES-GCM is Node's own; the library's first choice would be computed in WebAssembly, which takes more of the processor.
    algorithms: { serverHostKey: ['ssh-ed25519'], cipher: { prepend: ['aes128-gcm@openssh.com'], append: [], remove: [] } },
    hostVerifier: (key: Buffer) => {
      const same = key.equals(Buffer.from(bastion.hostKey, 'base64'));
      if (!same) hostDiffers = `it shows ${fingerprint(key)}`;
      return same;
    },
    readyTimeout: HANDSHAKE_SECONDS * 1000,
    keepaliveInterval: ports.keepaliveSeconds * 1000,
    keepaliveCountMax: KEEPALIVES,
  };
  return new Promise((resolve, reject) => {
    const fail = (error: Error & { readonly level?: string }): void => {
      sock.destroy();
      if (hostDiffers === undefined && /no matching host key/i.test(error.message)) hostDiffers = 'it has no Ed25519 key';
      if (hostDiffers !== undefined) reject(wrongHost(bastion, hostDiffers));
      else if (error.level === 'client-authentication') reject(wrongKey(bastion, error));
      else reject(error);
    };
    // Never without a listener: an error that nobody hears would end the process. After the handshake a cut connection
    // shows by its 'close', to whoever uses it.
    client.on('error', (error) => {
      fail(error);
      client.destroy();
    });
    client.once('close', () => fail(new Error('the connection was closed during the handshake')));
    // Nobody waits any more, and the end of the run does not wait for a bastion that is silent.
    const given = (): void => fail(new Error('the tunnel was closed'));
    signal.addEventListener('abort', given, { once: true });
    sock.once('close', () => signal.removeEventListener('abort', given));
    client.once('ready', () => {
      signal.removeEventListener('abort', given);
      client.removeAllListeners('close');
      // One listener for each connection through the tunnel that is being opened.
      client.setMaxListeners(0);
      resolve(client);
    });
    client.connect(config);
  });
}

async function dialed({ host, port }: BastionAccess, ports: TunnelPorts, signal: AbortSignal): Promise<Socket> {
  try {
    return await ports.dial(host, port, signal);
  } catch (error) {
    // Not a fault yet: the bastion may be booting.
    throw new Error(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function channel(client: Client, bastion: BastionAccess, target: { readonly host: string; readonly port: number }, seconds: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const cut = (): void => {
      clearTimeout(clock);
      reject(Object.assign(new Error(`the connection to the bastion ${bastion.name} was cut`), { code: 'ECONNRESET' }));
    };
    let late = false;
    const clock = setTimeout(() => {
      late = true;
      client.off('close', cut);
      reject(nowhere(bastion, target, `no answer within ${seconds} s`));
    }, seconds * 1000);
    client.once('close', cut);
    client.forwardOut('127.0.0.1', 0, target.host, target.port, (error, stream) => {
      clearTimeout(clock);
      client.off('close', cut);
      if (late) {
        stream?.destroy();
        return;
      }
      if (error === undefined) return resolve(stream);
      // Reasons of RFC 4254, 5.1: 1 is "administratively prohibited", 2 "connect failed".
      const { reason } = error as Error & { readonly reason?: unknown };
      if (reason === undefined) return reject(error);
      reject(nowhere(bastion, target, error.message, error));
    });
  });
}

function nowhere({ name }: BastionAccess, target: { readonly host: string; readonly port: number }, why: string, cause?: Error): Fault {
  return new Fault(`the bastion ${name} does not lead to ${target.host}:${target.port}: ${why}`, {
    resource: name,
    hint: 'The API server does not answer the bastion: is the cluster Available, and does its control group admit the VPC on port 5443?',
    cause,
  });
}

function wrongHost({ name, host, port, hostFingerprint }: BastionAccess, seen: string): Fault {
  return new Fault(`what answers at ${host}:${port} is not the stack's bastion: ${seen}, not ${hostFingerprint}`, {
    resource: name,
    hint: `Either somebody else answers at this address, or the server was set up by hand or with another stack-secret. Nothing was sent to it. Delete the server ${name} and deploy: it is made anew.`,
  });
}

function wrongKey({ name, host, port, user }: BastionAccess, cause: Error): Fault {
  return new Fault(`the bastion at ${host}:${port} refuses the key of ${user} that is derived from stack-secret`, {
    resource: name,
    hint: `Its account was changed by hand, or it was made with another stack-secret. Delete the server ${name} and deploy: it is made anew.`,
    cause,
  });
}

function unreachable({ name, host, port }: BastionAccess, error: unknown): Fault {
  return new Fault(`the bastion ${name} does not answer at ${host}:${port}: ${asFault(error).message}`, {
    resource: name,
    hint: 'Check that cluster.allow admits this runner to port 22 (or says "runner"), that nothing between forbids SSH, and that the server runs.',
    cause: error,
  });
}

function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}
