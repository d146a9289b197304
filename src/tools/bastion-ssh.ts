/**
 * Owns one SSH connection to the bastion: made with patience while it boots, to the derived host key and with the derived client
 * key alone, and what is said where it fails. When one is needed, and what goes through it, is `tunnel.ts`'s. Who the bastion is and
 * which keys it has is the cloud's business.
 *
 * It is the library `ssh2`, not the system's ssh: the key stays in memory, the host key is compared byte by byte with the
 * derived one, causes come as errors and not as text on stderr, and no process of its own can outlive a killed run.
 */
import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Client, ConnectConfig } from 'ssh2';
import { asFault, Fault } from '../engine/fault.ts';
import type { Secret } from '../secret.ts';

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

/** What a tunnel leads to, as the bastion sees it. */
export interface Target {
  readonly host: string;
  readonly port: number;
}

export interface ConnectionPorts {
  readonly dial: (host: string, port: number, signal: AbortSignal) => Promise<Socket>;
  readonly now: () => number;
  readonly pause: (seconds: number, signal: AbortSignal) => Promise<void>;
  /** Seconds between signs of life on an idle connection. */
  readonly keepaliveSeconds: number;
}

/** Unanswered signs of life after which a connection is over. */
const KEEPALIVES = 4;
const HANDSHAKE_SECONDS = 15;
/** Seconds within which a cut connection is made again, also where the bastion restarts. */
const PATIENCE_SECONDS = 20;
const PAUSE_SECONDS = 1;

/** Tries until the bastion answers, as long as it may be booting or restarting. @throws Fault; what time does not mend at once */
export async function connectPatiently(bastion: BastionAccess, ports: ConnectionPorts, signal: AbortSignal): Promise<Client> {
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

async function handshake(bastion: BastionAccess, ports: ConnectionPorts, signal: AbortSignal): Promise<Client> {
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

async function dialed({ host, port }: BastionAccess, ports: ConnectionPorts, signal: AbortSignal): Promise<Socket> {
  try {
    return await ports.dial(host, port, signal);
  } catch (error) {
    // Not a fault yet: the bastion may be booting.
    throw new Error(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** A stream to the target. @throws Fault where the bastion does not lead there; another error where the connection was cut */
export function channel(client: Client, bastion: BastionAccess, target: Target, seconds: number): Promise<Duplex> {
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

function nowhere({ name }: BastionAccess, target: Target, why: string, cause?: Error): Fault {
  return new Fault(`the bastion ${name} does not lead to ${target.host}:${target.port}: ${why}`, {
    resource: name,
    hint: 'The API server does not answer the bastion: is the cluster Available, and does its control group admit the VPC on port 5443?',
    cause,
  });
}

function wrongHost({ name, host, port, hostFingerprint }: BastionAccess, seen: string): Fault {
  return new Fault(`what answers at ${host}:${port} is not the stack's bastion: ${seen}, not ${hostFingerprint}`, {
    resource: name,
    bySecret: true,
    hint: `Nothing was sent to it. First see that stack-secret (or bastion-key) is the one that this stack was made with. If it is, somebody else answers at this address, or the server was set up by hand: delete the server ${name} and deploy, which makes it anew.`,
  });
}

function wrongKey({ name, host, port, user }: BastionAccess, cause: Error): Fault {
  return new Fault(`the bastion at ${host}:${port} refuses the key of ${user} that is derived from stack-secret`, {
    resource: name,
    bySecret: true,
    hint: `First see that stack-secret (or bastion-key) is the one that this stack was made with. If it is, the server's account was changed by hand: delete the server ${name} and deploy, which makes it anew.`,
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
