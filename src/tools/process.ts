/**
 * Owns running a child process: text on stdin, no secrets in argv, a clean stop on cancellation, its end always awaited.
 * What helm and kubectl are asked is `helm.ts`'s and `kubectl.ts`'s business.
 */
import { spawn } from 'node:child_process';
import { Cancelled, Fault } from '../engine/fault.ts';

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  /** Written to the child's stdin, which is then closed. Secrets go here, never into `args`. */
  readonly stdin?: string;
  /** The whole environment of the child; nothing is inherited. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** The child is told to stop (SIGINT, later SIGTERM) after this; it is killed only where it heeds neither, since helm then leaves `pending-*` behind. */
  readonly timeoutSeconds: number;
  /** Seconds from SIGINT to SIGTERM, and on to SIGKILL. */
  readonly graceSeconds?: number;
  readonly lastSeconds?: number;
}

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** True where it failed and the tunnel it went through was cut meanwhile: a request that was under way is lost. */
  readonly cut?: boolean;
}

/** Seconds between SIGINT and SIGTERM; helm 4.1.4 ends 0.1 s after either. */
const GRACE_SECONDS = 4;
/** Seconds after SIGTERM until a child that heeds neither is killed: the run must come to its end. */
const LAST_SECONDS = 30;

/**
 * Runs a command to its end. An exit code other than 0 is an answer, not an error.
 * @throws Cancelled when the signal fired, after the child has ended; Fault where it cannot be started or ran out of time
 */
export function run(command: Command): Promise<Ended> {
  const { program, args, env, signal, timeoutSeconds, graceSeconds = GRACE_SECONDS, lastSeconds = LAST_SECONDS } = command;
  if (signal.aborted) return Promise.reject(new Cancelled('the run was cancelled'));
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: definedIn(env), stdio: ['pipe', 'pipe', 'pipe'] });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let outOfTime = false;
    const harder: NodeJS.Timeout[] = [];
    const stop = (): void => {
      child.kill('SIGINT');
      if (harder.length > 0) return;
      harder.push(setTimeout(() => child.kill('SIGTERM'), graceSeconds * 1000));
      harder.push(
        setTimeout(
          () => {
            child.kill('SIGKILL');
            // A child of its own may hold its outputs open.
            child.stdout.destroy();
            child.stderr.destroy();
          },
          (graceSeconds + lastSeconds) * 1000,
        ),
      );
    };
    const clock = setTimeout(() => {
      outOfTime = true;
      stop();
    }, timeoutSeconds * 1000);
    signal.addEventListener('abort', stop, { once: true });
    const settle = (): void => {
      clearTimeout(clock);
      for (const timer of harder) clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    };
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.stdin.on('error', (error: NodeJS.ErrnoException) => {
      // A child that ends without reading its stdin says why on stderr; only other errors are news.
      if (error.code !== 'EPIPE') reject(new Fault(`could not write to ${nameOf(program)}: ${error.message}`, { cause: error }));
    });
    child.on('error', (error) => {
      settle();
      reject(new Fault(`could not run ${nameOf(program)}: ${error.message}`, { cause: error }));
    });
    child.on('close', (code, ended) => {
      settle();
      const stdout = Buffer.concat(out).toString('utf8');
      const stderr = Buffer.concat(err).toString('utf8');
      if (signal.aborted) reject(new Cancelled(`${nameOf(program)} was stopped because the run was cancelled`));
      else if (outOfTime) reject(new Fault(`${nameOf(program)} ${args[0] ?? ''} did not end within ${timeoutSeconds} s`));
      else if (code === null) reject(new Fault(`${nameOf(program)} was ended by ${ended ?? 'a signal'}`));
      else resolve({ code, stdout, stderr });
    });
    child.stdin.end(command.stdin ?? '');
  });
}

/**
 * What a child needs of our environment: where to find things, how to reach and trust the network. No inputs, no tokens. By the
 * tracking id the runner finds and ends children of a killed run, which would else go on writing beside the next one.
 */
export function plainEnv(env: NodeJS.ProcessEnv): Record<string, string | undefined> {
  const names = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY', 'RUNNER_TRACKING_ID'];
  return Object.fromEntries(names.flatMap((name) => [name, name.toLowerCase()]).map((name) => [name, env[name]]));
}

function definedIn(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

function nameOf(program: string): string {
  return program.slice(program.lastIndexOf('/') + 1);
}
