/**
 * Owns child processes that live as long as a control plane: started with their output in a file, watched, ended. What
 * they are is `control-plane.ts`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';

export interface Daemon {
  readonly name: string;
  readonly pid: number;
  /** Resolves when it has ended, by whatever cause. */
  readonly ended: Promise<void>;
  running(): boolean;
  signal(name: NodeJS.Signals): void;
  /** SIGTERM, SIGKILL after `graceMs`; resolves when it is gone. */
  stop(graceMs?: number): Promise<void>;
  /** The last lines it wrote, for messages of failure. */
  tail(lines?: number): string;
}

/** Starts a program that must not end by itself; `died` hears of it when it does. */
export async function daemon(options: {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly logFile: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly died: (message: string) => void;
}): Promise<Daemon> {
  const log = openSync(options.logFile, 'a');
  let child: ChildProcess;
  try {
    child = spawn(options.program, [...options.args], { stdio: ['ignore', log, log], env: options.env ?? process.env });
  } finally {
    closeSync(log);
  }
  let over = false;
  let stopping = false;
  const tail = (lines = 8): string => {
    try {
      return readFileSync(options.logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
    } catch (error) {
      // Only adds to what is said anyway: a log that is gone must not end the world.
      return `(its log cannot be read: ${(error as Error).message})`;
    }
  };
  const ended = new Promise<void>((resolve) => {
    child.on('exit', (code, signal) => {
      over = true;
      if (!stopping) options.died(`${options.name} ended by itself (${signal ?? `exit code ${code}`}):\n${tail()}`);
      resolve();
    });
  });
  const pid = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('spawn', () => resolve(child.pid as number));
  });
  child.on('error', (error) => options.died(`${options.name}: ${error.message}`));
  return {
    name: options.name,
    pid,
    ended,
    running: () => !over,
    signal: (name) => {
      if (!over) child.kill(name);
    },
    async stop(graceMs = 3000) {
      if (over) return;
      stopping = true;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
      await ended;
      clearTimeout(timer);
    },
    tail,
  };
}
