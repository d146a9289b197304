/**
 * Owns ZITADEL's connections to PostgreSQL: parameters from the configuration, TLS modes as libpq and pgx know them, and
 * the texts with which the server reports a failure (observed with v4.13).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionOptions } from 'node:tls';
import pg from 'pg';
import type { ContainerContext } from '../../image.ts';
import type { Settings } from './configuration.ts';

/** A failure that ends the program with code 1; the message is what the real one prints. */
export class ZitadelFailure extends Error {
  override readonly name = 'ZitadelFailure';
}

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly mode: string;
  readonly rootCert: string;
}

export function target(settings: Settings, role: 'Admin' | 'User'): Target {
  const at = (path: string): string => `Database.Postgres.${path}`;
  const database = settings.text(at('Database'));
  return {
    host: settings.text(at('Host')),
    port: settings.number(at('Port')),
    user: settings.text(at(`${role}.Username`)),
    password: settings.text(at(`${role}.Password`)),
    database: role === 'Admin' ? settings.text(at('Admin.ExistingDatabase')) || settings.text(at('Admin.Username')) : database,
    mode: settings.text(at(`${role}.SSL.Mode`)) || 'disable',
    rootCert: settings.text(at(`${role}.SSL.RootCert`)),
  };
}

/**
 * Connects. A server that cannot be reached is waited for as long as `AwaitInitialConn` says (on the world's clock); every
 * other cause fails at once.
 */
export async function connect(context: ContainerContext, settings: Settings, to: Target): Promise<pg.Client> {
  const ssl = await tls(context, to);
  const deadline = Date.now() + seconds(settings.text('Database.Postgres.AwaitInitialConn')) * 1000 * waitFactor(context);
  for (;;) {
    try {
      return await attempt(context, to, ssl);
    } catch (error) {
      const failure = asFailure(error as Error & { code?: string }, to);
      if (!failure.unreachable || context.signal.aborted || Date.now() >= deadline) throw new ZitadelFailure(failure.text);
      context.log(`level=warning msg="waiting for the database" err="${failure.text}"`);
      await sleep(Math.min(1000, Math.max(50, deadline - Date.now())));
    }
  }
}

async function attempt(context: ContainerContext, to: Target, ssl: ConnectionOptions | false): Promise<pg.Client> {
  const timeoutMs = Math.max(1500, 10_000 * waitFactor(context));
  const socket = await context.connect({ host: to.host, port: to.port, timeoutMs });
  // The driver opens its own connection; this one is open already and has the pod's source address.
  socket.connect = () => {
    process.nextTick(() => socket.emit('connect'));
    return socket;
  };
  const client = new pg.Client({
    host: to.host,
    port: to.port,
    user: to.user,
    password: to.password,
    database: to.database,
    ssl,
    stream: () => socket,
    application_name: 'zitadel',
    connectionTimeoutMillis: timeoutMs,
  });
  try {
    await client.connect();
    return client;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** Real minutes are too long for a world whose clouds work 200 times as fast; a third of a minute is enough there. */
function waitFactor(context: ContainerContext): number {
  return context.world.store.pace === 'real' ? 1 : 1 / 15;
}

async function tls(context: ContainerContext, to: Target): Promise<ConnectionOptions | false> {
  if (to.mode === 'disable') return false;
  const verifies = to.mode === 'verify-ca' || to.mode === 'verify-full';
  if (to.rootCert === '') {
    if (verifies) throw new ZitadelFailure('at least ssl root cert has to be set');
    return { rejectUnauthorized: false };
  }
  let ca: string;
  try {
    ca = (await context.files.read(to.rootCert)).toString('utf8');
  } catch (error) {
    throw new ZitadelFailure(`${unparsable(to)} (unable to read CA file: ${(error as Error).message})`);
  }
  if (!ca.includes('-----BEGIN CERTIFICATE-----')) throw new ZitadelFailure(`${unparsable(to)} (unable to add CA to cert pool)`);
  if (to.mode === 'verify-full') return { ca };
  // As in libpq, a root certificate turns `require` into `verify-ca`; `allow` and `prefer` never look at it.
  if (verifies || to.mode === 'require') return { ca, checkServerIdentity: () => undefined };
  return { rejectUnauthorized: false };
}

function unparsable(to: Target): string {
  const dsn = `host=${to.host} port=${to.port} user=${to.user} dbname=${to.database} application_name=zitadel sslmode=${to.mode} password=xxxxx sslrootcert=${to.rootCert}`;
  return `cannot parse \`${dsn}\`: failed to configure TLS`;
}

function asFailure(error: Error & { code?: string }, to: Target): { readonly text: string; readonly unreachable: boolean } {
  const where = `failed to connect to \`user=${to.user} database=${to.database}\`: ${to.host}:${to.port} (${to.host}): `;
  const dial = (cause: string) => ({ text: `${where}dial error: dial tcp ${to.host}:${to.port}: ${cause}`, unreachable: true });
  const refused = (cause: string) => ({ text: where + cause, unreachable: false });
  const code = error.code ?? '';
  if (code === 'ECONNREFUSED') return dial('connect: connection refused');
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') return dial('connect: no route to host');
  if (code === 'ENOTFOUND') {
    return {
      text: `failed to connect to \`user=${to.user} database=${to.database}\`: hostname resolving error: lookup ${to.host}: no such host`,
      unreachable: true,
    };
  }
  if (code === 'ETIMEDOUT' || /timeout/i.test(error.message)) return dial('i/o timeout');
  if (code === 'ECONNRESET' || /terminated unexpectedly/.test(error.message))
    return { text: `${where}failed to receive message: unexpected EOF`, unreachable: true };
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const valid =
      /(?:altnames|list): ?(.*)$/i
        .exec(error.message)?.[1]
        ?.replaceAll(/IP Address:|DNS:/g, '')
        .trim() ?? 'other names';
    return refused(
      `failed to write startup message: write failed: tls: failed to verify certificate: x509: certificate is valid for ${valid}, not ${to.host}`,
    );
  }
  if (code === 'CERT_HAS_EXPIRED') return refused('failed to write startup message: write failed: x509: certificate has expired or is not yet valid');
  if (/SELF_SIGNED|UNABLE_TO|CERT_/.test(code))
    return refused('failed to write startup message: write failed: x509: certificate signed by unknown authority');
  if (/does not support SSL/.test(error.message)) return refused('server refused TLS connection');
  // 57P03: the server starts up or shuts down.
  if (code === '57P03') return { text: `${where}server error: FATAL: ${error.message} (SQLSTATE ${code})`, unreachable: true };
  if (code === '28P01') return refused(`failed SASL auth: FATAL: ${error.message} (SQLSTATE ${code})`);
  if (/^[0-9A-Z]{5}$/.test(code)) return refused(`server error: FATAL: ${error.message} (SQLSTATE ${code})`);
  return refused(error.message);
}

/** A duration as Go writes it: `5m`, `1m30s`. */
function seconds(text: string): number {
  const units: Record<string, number> = { h: 3600, m: 60, s: 1, ms: 0.001 };
  return [...text.matchAll(/([\d.]+)(h|ms|m|s)/g)].reduce((sum, [, amount, unit]) => sum + Number(amount) * (units[unit ?? 's'] ?? 1), 0);
}

/** An SQL identifier, quoted. */
export const name = (identifier: string): string => `"${identifier.replaceAll('"', '""')}"`;

/** An SQL string, quoted. */
export const literal = (text: string): string => pg.escapeLiteral(text);
