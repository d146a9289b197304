/**
 * Owns the image `postgres` as far as its client goes: psql, started with environment variables and a file or commands, against
 * the database that these name. Texts and exit codes are psql's (PostgreSQL documentation, "psql", Exit Status): 2 where the
 * connection fails, 3 where a statement does and ON_ERROR_STOP is set. The server of the image is not here.
 */
import type { ConnectionOptions } from 'node:tls';
import pg from 'pg';
import type { ContainerContext, Image } from '../image.ts';
import { wait } from './patience.ts';

export const psql: Image = {
  matches: (reference) => /(^|\/)postgres[:@]/.test(reference),
  async run(context) {
    const [program = '', ...words] = [...context.command, ...context.args];
    if (program !== 'psql') {
      context.log(`${program === '' ? 'docker-entrypoint.sh' : program}: not found`);
      return 127;
    }
    return run(context, words);
  },
};

interface Asked {
  readonly files: readonly string[];
  readonly commands: readonly string[];
  readonly stops: boolean;
  readonly quiet: boolean;
  readonly unknown: string | undefined;
}

/** The long options that are known here; psql itself refuses what it does not know with code 1. */
export function asked(words: readonly string[]): Asked {
  const given = (name: string): string[] => words.filter((word) => word.startsWith(`--${name}=`)).map((word) => word.slice(name.length + 3));
  const sets = [...given('set'), ...given('variable')];
  return {
    files: given('file'),
    commands: given('command'),
    stops: sets.some((set) => /^ON_ERROR_STOP=(1|on|true)$/i.test(set)),
    quiet: words.includes('--quiet'),
    unknown: words.find((word) => !/^--(no-psqlrc|quiet|(set|variable|file|command)=.*)$/s.test(word)),
  };
}

async function run(context: ContainerContext, words: readonly string[]): Promise<number> {
  const { files, commands, stops, quiet, unknown } = asked(words);
  if (unknown !== undefined) {
    context.log(`psql: unrecognized option: ${unknown}`);
    return 1;
  }
  let client: pg.Client;
  try {
    client = await connect(context);
  } catch (error) {
    context.log(`psql: error: ${(error as Error).message}`);
    return 2;
  }
  try {
    for (const { place, sql } of await scripts(context, commands, files)) {
      try {
        const results = await client.query(sql);
        if (!quiet) for (const { command } of [results].flat()) context.log(command);
      } catch (error) {
        context.log(`${place}ERROR:  ${(error as Error).message}`);
        if (stops) return 3;
      }
    }
    return 0;
  } catch (error) {
    // A file that is not mounted.
    context.log(`psql: error: ${(error as Error).message.replace(/^open /, '')}`);
    return 1;
  } finally {
    await client.end();
  }
}

async function scripts(context: ContainerContext, commands: readonly string[], files: readonly string[]): Promise<{ place: string; sql: string }[]> {
  const read = await Promise.all(files.map(async (file) => ({ place: `psql:${file}:1: `, sql: (await context.files.read(file)).toString('utf8') })));
  return [...commands.map((sql) => ({ place: '', sql })), ...read];
}

async function connect(context: ContainerContext): Promise<pg.Client> {
  const { env, world } = context;
  const host = env['PGHOST'] ?? 'localhost';
  const port = Number(env['PGPORT'] ?? '5432');
  const user = env['PGUSER'] ?? 'postgres';
  const where = `connection to server at "${host}", port ${port} failed: `;
  const ssl = await tls(context, where);
  const timeoutMs = Math.max(1500, wait(world, Number(env['PGCONNECT_TIMEOUT'] ?? '60')));
  try {
    const socket = await context.connect({ host, port, timeoutMs });
    // The driver opens its own connection; this one is open already and has the pod's source address.
    socket.connect = () => {
      process.nextTick(() => socket.emit('connect'));
      return socket;
    };
    const database = env['PGDATABASE'] ?? user;
    const login = { host, port, user, password: env['PGPASSWORD'] ?? '', database, ssl, application_name: env['PGAPPNAME'] ?? 'psql' };
    const client = new pg.Client({ ...login, stream: () => socket, connectionTimeoutMillis: timeoutMs });
    client.on('error', () => undefined);
    try {
      await client.connect();
    } catch (error) {
      socket.destroy();
      throw error;
    }
    return client;
  } catch (error) {
    throw new Error(`${where}${cause(error as Error & { code?: string }, host)}`);
  }
}

/** The modes of libpq: without `verify-…` a certificate is not looked at, unless there is a root certificate. */
async function tls({ env, files }: ContainerContext, where: string): Promise<ConnectionOptions | false> {
  const mode = env['PGSSLMODE'] ?? 'prefer';
  if (mode === 'disable') return false;
  const file = env['PGSSLROOTCERT'];
  const verifies = mode === 'verify-ca' || mode === 'verify-full';
  if (file === undefined || !(await files.exists(file))) {
    if (!verifies) return { rejectUnauthorized: false };
    throw new Error(
      `${where}root certificate file "${file ?? '/var/lib/postgresql/.postgresql/root.crt'}" does not exist\nEither provide the file, use the system's trusted roots with sslrootcert=system, or change sslmode to disable server certificate verification.`,
    );
  }
  const ca = (await files.read(file)).toString('utf8');
  return mode === 'verify-full' ? { ca } : { ca, checkServerIdentity: () => undefined };
}

function cause(error: Error & { code?: string }, host: string): string {
  const code = error.code ?? '';
  if (code === 'ECONNREFUSED') return 'Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?';
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') return 'Host is unreachable';
  if (code === 'ENOTFOUND') return `could not translate host name "${host}" to address: Name does not resolve`;
  if (code === 'ETIMEDOUT' || /timeout/i.test(error.message)) return 'timeout expired';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `server certificate for "…" does not match host name "${host}"`;
  if (/SELF_SIGNED|UNABLE_TO|CERT_/.test(code)) return 'SSL error: certificate verify failed';
  if (/does not support SSL/.test(error.message)) return 'server does not support SSL, but SSL was required';
  return /^[0-9A-Z]{5}$/.test(code) ? `FATAL:  ${error.message}` : error.message;
}
